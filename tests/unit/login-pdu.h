/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-pdu.h: Login Requests and Responses as the tests of the login write
 * them, with an encoding of their own. Texts are string literals whose pairs
 * are parted by NULs; the literal's own NUL ends the last one.
 */
#ifndef DSC_TESTS_UNIT_LOGIN_PDU_H
#define DSC_TESTS_UNIT_LOGIN_PDU_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LOGIN_HEADER 48u
#define LOGIN_ROOM 16384u

/* Byte 1. */
#define LOGIN_T 0x80u
#define LOGIN_C 0x40u
#define LOGIN_SECURITY_STAY 0x00u
#define LOGIN_SECURITY_ASK_STAY 0x01u          /* libiscsi leaves NSG set */
#define LOGIN_SECURITY_TO_OPERATIONAL 0x81u
#define LOGIN_OPERATIONAL_STAY 0x04u
#define LOGIN_OPERATIONAL_TO_FULL 0x87u

static const uint8_t login_isid[6] = { 0x80, 1, 2, 3, 4, 5 };

struct login_pdu {
	uint8_t bytes[LOGIN_ROOM];
	size_t length;
};

static inline void login_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline uint32_t login_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* A header with opcode, flags, ISID and tag, and its text. */
static inline void login_begin(struct login_pdu *pdu, uint8_t opcode,
			       uint8_t flags, uint32_t itt, const char *text,
			       size_t length)
{
	memset(pdu->bytes, 0, LOGIN_HEADER + length + 4);
	pdu->bytes[0] = opcode;
	pdu->bytes[1] = flags;
	login_put32(pdu->bytes + 4, (uint32_t)length);
	memcpy(pdu->bytes + 8, login_isid, sizeof(login_isid));
	login_put32(pdu->bytes + 16, itt);
	memcpy(pdu->bytes + LOGIN_HEADER, text, length);
	pdu->length = LOGIN_HEADER + ((length + 3) & ~(size_t)3);
}

static inline void login_request(struct login_pdu *pdu, uint8_t flags,
				 uint32_t itt, uint32_t cmd_sn,
				 const char *text, size_t length)
{
	login_begin(pdu, 0x43, flags, itt, text, length);
	login_put32(pdu->bytes + 24, cmd_sn);
}

static inline void login_reply(struct login_pdu *pdu, uint8_t flags,
			       uint32_t itt, uint32_t stat_sn, uint32_t cmd_sn,
			       uint16_t status, const char *text, size_t length)
{
	login_begin(pdu, 0x23, flags, itt, text, length);
	login_put32(pdu->bytes + 24, stat_sn);
	login_put32(pdu->bytes + 28, cmd_sn);
	login_put32(pdu->bytes + 32, cmd_sn + 31);
	pdu->bytes[36] = (uint8_t)(status >> 8);
	pdu->bytes[37] = (uint8_t)status;
}

#endif /* DSC_TESTS_UNIT_LOGIN_PDU_H */
