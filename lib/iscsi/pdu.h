/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pdu.h: the 48-byte headers of the full feature phase (RFC 7143 section 11):
 * writing those that an initiator sends, reading those that a target sends.
 * Pure; lengths and tags are for the engine to check.
 */
#ifndef DSC_ISCSI_PDU_H
#define DSC_ISCSI_PDU_H

#include <stdbool.h>
#include <stdint.h>

/* A basic header segment. */
#define DSC_HEADER_BYTES 48u

/* The tag that stands for none. */
#define DSC_NO_TAG 0xffffffffu

enum dsc_opcode {
	DSC_OP_NOP_OUT = 0x00,
	DSC_OP_COMMAND = 0x01,
	DSC_OP_TASK_REQUEST = 0x02,
	DSC_OP_TEXT_REQUEST = 0x04,
	DSC_OP_DATA_OUT = 0x05,
	DSC_OP_LOGOUT_REQUEST = 0x06,
	DSC_OP_NOP_IN = 0x20,
	DSC_OP_RESPONSE = 0x21,
	DSC_OP_TASK_RESPONSE = 0x22,
	DSC_OP_LOGIN_RESPONSE = 0x23,
	DSC_OP_TEXT_RESPONSE = 0x24,
	DSC_OP_DATA_IN = 0x25,
	DSC_OP_LOGOUT_RESPONSE = 0x26,
	DSC_OP_R2T = 0x31,
	DSC_OP_ASYNC = 0x32,
	DSC_OP_REJECT = 0x3f
};

/* Bit 6 of byte 0; the lower six are the opcode. */
#define DSC_PDU_IMMEDIATE 0x40u
#define DSC_OPCODE_MASK 0x3fu

/* Byte 1. */
#define DSC_FLAG_FINAL 0x80u
#define DSC_FLAG_CONTINUE 0x40u   /* Text */
#define DSC_FLAG_READ 0x40u       /* SCSI Command */
#define DSC_FLAG_WRITE 0x20u      /* SCSI Command */
#define DSC_FLAG_SIMPLE 0x01u     /* SCSI Command: task attribute */
#define DSC_FLAG_OVERFLOW 0x04u   /* SCSI Response, Data-In */
#define DSC_FLAG_UNDERFLOW 0x02u  /* SCSI Response, Data-In */
#define DSC_FLAG_STATUS 0x01u     /* Data-In */

/* Byte 2 of a SCSI Response. */
#define DSC_RESPONSE_COMPLETED 0x00u

/* ------------------------------------------------------------ sending */

/*
 * What a header says; each writer takes the members it has a field for and
 * clears the rest of the 48 bytes.
 */
struct dsc_request_header {
	uint8_t flags;             /* byte 1 */
	const uint8_t *lun;        /* 8 bytes, NULL: zeroes */
	const uint8_t *cdb;        /* 16 bytes */
	uint32_t data_length;      /* of the data segment, below 2^24 */
	uint32_t itt;
	uint32_t ttt;
	uint32_t transfer_length;  /* expected data transfer length */
	uint32_t cmd_sn;
	uint32_t exp_stat_sn;
	uint32_t data_sn;
	uint32_t offset;
	uint32_t ref_cmd_sn;
};

void dsc_pdu_put_command(uint8_t *bytes, const struct dsc_request_header *h);
void dsc_pdu_put_data_out(uint8_t *bytes, const struct dsc_request_header *h);
/* These four are immediate: outside of the command window. */
void dsc_pdu_put_nop_out(uint8_t *bytes, const struct dsc_request_header *h);
void dsc_pdu_put_text(uint8_t *bytes, const struct dsc_request_header *h);
/* flags: the function; ttt: the referenced task tag. */
void dsc_pdu_put_task_request(uint8_t *bytes,
			      const struct dsc_request_header *h);
/* flags: the reason; 0 closes the session. */
void dsc_pdu_put_logout(uint8_t *bytes, const struct dsc_request_header *h);

/* ---------------------------------------------------------- receiving */

/*
 * A target's header. All of them have their fields at the same places; what a
 * member means, and whether it means anything, depends on the opcode.
 */
struct dsc_pdu {
	uint8_t opcode;
	uint8_t flags;
	uint8_t response;     /* byte 2: response code, reason of a Reject */
	uint8_t status;       /* byte 3: SCSI status */
	uint8_t ahs_words;    /* of additional header segments */
	uint32_t data_length;
	uint8_t lun[8];
	uint32_t itt;
	uint32_t ttt;
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t data_sn;     /* DataSN, R2TSN, ExpDataSN */
	uint32_t offset;      /* buffer offset */
	uint32_t residual;    /* residual count, desired length of an R2T */
};

void dsc_pdu_get(const uint8_t *bytes, struct dsc_pdu *pdu);

/* The fields of an Asynchronous Message. */
struct dsc_async {
	uint8_t event;
	uint8_t vendor_code;
	uint16_t parameter1;
	uint16_t parameter2;
	uint16_t parameter3;
};

void dsc_pdu_get_async(const struct dsc_pdu *pdu, struct dsc_async *async);

/* Names for messages: "Data-In", "invalid PDU field"; never NULL. */
const char *dsc_opcode_name(uint8_t opcode);
const char *dsc_reject_name(uint8_t reason);

/* Bytes that pad a data segment to a multiple of four. */
static inline uint32_t dsc_pad(uint32_t length)
{
	return -length & 3u;
}

/* Serial number arithmetic (RFC 1982): a comes before b. */
static inline bool dsc_sn_is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

#endif /* DSC_ISCSI_PDU_H */
