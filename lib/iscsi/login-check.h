/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-check.h: the login checker. It is shown every Login Request that
 * libiscsi makes and every Login Response that comes back, before libiscsi
 * may read it, and says whether the login may go on. It collects what the
 * two sides have settled and, with mutual CHAP, proves the target.
 *
 * What is proved, and by whom, stands in login-check.c. Pure: no I/O, no
 * clock, nothing allocated.
 */
#ifndef DSC_ISCSI_LOGIN_CHECK_H
#define DSC_ISCSI_LOGIN_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"
#include "iscsi/login-keys.h"
#include "iscsi/params.h"
#include "iscsi/pdu.h"

/* A target may send no longer text before we have said that it may. */
#define DSC_LOGIN_TEXT_MAX 8192u
#define DSC_LOGIN_PDU_MAX (DSC_HEADER_BYTES + DSC_LOGIN_TEXT_MAX)

/* "host:port" or "[v6]:port", with room for the longest name. */
#define DSC_REDIRECT_MAX 264

enum dsc_login_verdict {
	DSC_LOGIN_PASS,      /* libiscsi may have it, more is to come */
	DSC_LOGIN_DONE,      /* libiscsi may have it, it is the last one */
	DSC_LOGIN_REDIRECT,  /* to be tried at check->redirect instead */
	DSC_LOGIN_REFUSED    /* check->error says by whom and why */
};

/* What the login must come to. Borrowed while the check is in use. */
struct dsc_login_policy {
	const char *target_username;               /* NULL: no mutual CHAP */
	const struct dsc_secret *target_password;
	bool needs_header_digest;
	bool needs_data_digest;
};

/* A CHAP challenge of at most 1024 bytes (RFC 7143 section 12.1.3). */
#define DSC_CHAP_CHALLENGE_MAX 1024

struct dsc_login_check {
	const struct dsc_login_policy *policy;
	struct dsc_login_talk talk;

	/* the request that waits for its answer */
	bool is_request_waiting;
	bool is_transit_asked;
	uint8_t stage;                 /* CSG */
	uint8_t next_stage;            /* NSG */
	uint32_t itt;
	uint8_t isid[6];
	uint8_t request[DSC_LOGIN_PDU_MAX + 1];
	struct dsc_login_text text;    /* points into request */

	/* our own challenge, once it is on its way */
	size_t challenge_length;
	uint8_t challenge[DSC_CHAP_CHALLENGE_MAX];
	uint8_t challenge_id;
	bool is_response_sent;         /* ours to the target's challenge */
	bool is_target_proved;

	unsigned int replies;
	uint32_t stat_sn;              /* of the last reply */
	struct dsc_params params;      /* when DONE */
	struct discsi_error error;     /* when REFUSED or REDIRECT */
	char redirect[DSC_REDIRECT_MAX];
};

void dsc_login_check_init(struct dsc_login_check *check,
			  const struct dsc_login_policy *policy);

/*
 * The next Login Request, whole, as it is going to be sent. Returns false,
 * with check->error, when it is not one that may be sent.
 */
bool dsc_login_check_request(struct dsc_login_check *check,
			     const uint8_t *pdu, size_t length);

/*
 * The 48-byte header of what has arrived: PASS, with the length of the whole
 * PDU in *length (padding included, DSC_LOGIN_PDU_MAX at most), or REFUSED.
 */
enum dsc_login_verdict dsc_login_check_header(struct dsc_login_check *check,
					      const uint8_t *header,
					      size_t *length);

/* The whole PDU, of the length that its header has given. */
enum dsc_login_verdict dsc_login_check_reply(struct dsc_login_check *check,
					     const uint8_t *pdu, size_t length);

/* ------------------------------------ between the files of the checker */

/* A step of CHAP, by what our request has asked. */
bool dsc_login_chap_request(struct dsc_login_check *check);
enum dsc_login_verdict dsc_login_chap_reply(struct dsc_login_check *check,
					    const struct dsc_login_text *text,
					    bool is_transit);

/* A Login Response that says no: its status as an error, or a redirect. */
enum dsc_login_verdict dsc_login_status(struct dsc_login_check *check,
					uint8_t class, uint8_t detail,
					const uint8_t *text, size_t length);

/* REFUSED, for breaking the rules: EPROTO; but EACCES while a target that has
 * to prove itself has not. */
enum dsc_login_verdict dsc_login_violation(struct dsc_login_check *check,
					   const char *format, ...)
	DSC_PRINTF(2, 3);

/* REFUSED, with an errno of its own. */
enum dsc_login_verdict dsc_login_refuse(struct dsc_login_check *check,
					int errnum, const char *format, ...)
	DSC_PRINTF(3, 4);

static inline bool dsc_login_is_mutual(const struct dsc_login_check *check)
{
	return check->policy->target_username != NULL;
}

#endif /* DSC_ISCSI_LOGIN_CHECK_H */
