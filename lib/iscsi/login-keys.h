/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-keys.h: the key=value pairs of a login (RFC 7143 chapters 6, 12, 13):
 * taking a data segment apart, what each key may say, and what an offer and an
 * answer settle. Pure. For the login checker; no other file includes it.
 */
#ifndef DSC_ISCSI_LOGIN_KEYS_H
#define DSC_ISCSI_LOGIN_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "iscsi/params.h"

enum dsc_login_key {
	DSC_KEY_AUTH_METHOD,
	DSC_KEY_CHAP_A,
	DSC_KEY_CHAP_I,
	DSC_KEY_CHAP_C,
	DSC_KEY_CHAP_N,
	DSC_KEY_CHAP_R,
	DSC_KEY_HEADER_DIGEST,
	DSC_KEY_DATA_DIGEST,
	DSC_KEY_MAX_CONNECTIONS,
	DSC_KEY_INITIAL_R2T,
	DSC_KEY_IMMEDIATE_DATA,
	DSC_KEY_MAX_RECV,
	DSC_KEY_MAX_BURST,
	DSC_KEY_FIRST_BURST,
	DSC_KEY_TIME_TO_WAIT,
	DSC_KEY_TIME_TO_RETAIN,
	DSC_KEY_MAX_R2T,
	DSC_KEY_PDU_IN_ORDER,
	DSC_KEY_SEQUENCE_IN_ORDER,
	DSC_KEY_RECOVERY_LEVEL,
	DSC_KEY_IF_MARKER,
	DSC_KEY_OF_MARKER,
	DSC_KEY_RDMA,
	DSC_KEY_INITIATOR_RECV,
	DSC_KEY_TARGET_RECV,
	DSC_KEY_PORTAL_GROUP,
	DSC_KEY_TARGET_ALIAS,
	DSC_KEY_TARGET_ADDRESS,
	DSC_KEY_COUNT,
	DSC_KEY_NONE = DSC_KEY_COUNT
};

/* A data segment taken apart: values point into it, NULL: key not there. */
struct dsc_login_text {
	const char *values[DSC_KEY_COUNT];
};

static inline bool dsc_login_has(const struct dsc_login_text *text,
				 enum dsc_login_key key)
{
	return text->values[key] != NULL;
}

/*
 * What has been offered and answered so far, over all PDUs. A bit per key;
 * a digest's number is a bit per digest, 1 for None and 2 for CRC32C.
 */
struct dsc_login_talk {
	uint32_t offered;
	uint32_t answered;
	uint32_t offers[DSC_KEY_COUNT];
	uint32_t answers[DSC_KEY_COUNT];
};

const char *dsc_login_key_name(enum dsc_login_key key);

/*
 * Takes length bytes of key=value pairs apart; each pair must end with NUL
 * inside of them. Keys that are not in the table are passed over. Errors:
 * EPROTO (syntax, the same key twice); *error is filled.
 */
int dsc_login_parse(const uint8_t *bytes, size_t length,
		    struct dsc_login_text *text, struct discsi_error *error);

/* Notes what our own request offers. Errors: EPROTO, as for an answer. */
int dsc_login_note_offers(struct dsc_login_talk *talk,
			  const struct dsc_login_text *text,
			  struct discsi_error *error);

/*
 * Checks the target's pairs and notes what they settle; request is what we
 * sent last. Errors: EPROTO (not asked for, out of range, not among what was
 * offered, different from what was answered before), EOPNOTSUPP (the target
 * demands a digest that was not offered); *error is filled.
 */
int dsc_login_note_answers(struct dsc_login_talk *talk,
			   const struct dsc_login_text *text,
			   const struct dsc_login_text *request,
			   struct discsi_error *error);

/* A decimal or, with 0x, hexadecimal number of [low, high]. */
bool dsc_login_get_number(const char *value, uint32_t low, uint32_t high,
			  uint32_t *number);

/* True when item is one of a comma-separated list. */
bool dsc_login_is_in_list(const char *list, const char *item);

/* True for the words that decline a key: Reject, Irrelevant, NotUnderstood. */
bool dsc_login_is_declined(const char *value);

/*
 * What the talk comes to; what was not answered has RFC 7143's default.
 * Fills the negotiated members of *params. Errors: EPROTO (FirstBurstLength
 * above MaxBurstLength); *error is filled.
 */
int dsc_login_settle(const struct dsc_login_talk *talk,
		     struct dsc_params *params, struct discsi_error *error);

#endif /* DSC_ISCSI_LOGIN_KEYS_H */
