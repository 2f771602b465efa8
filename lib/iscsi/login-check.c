/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-check.c: the rules of a login (RFC 7143 chapter 6, section 11.13).
 *
 * libiscsi is shown nothing that has not passed here: neither a length, a
 * stage or a syntax that it would trust, nor a refusal or a redirect, which
 * end the attempt. Every rule about an answer is taken from the request that
 * libiscsi has really sent, not from what a version of it is known to send.
 *
 * Who proves what:
 * - The target to us, with mutual CHAP: this checker alone. It has read the
 *   challenge out of our own request, computes MD5(id, target password,
 *   challenge) and compares. It insists on the whole exchange in its order: a
 *   target that skips the security stage, transits early, sends no CHAP_N or
 *   CHAP_R, a wrong one, or one too early, is refused with EACCES. libiscsi
 *   compares once more. That the two secrets differ, so that we are of no use
 *   for computing a target's response, is seen to before (login.c). The
 *   challenge is libiscsi's: 32 bytes of rand(), seeded from /dev/urandom.
 * - We to the target: libiscsi answers the challenge whose form was checked.
 * - With one-way CHAP a target that wants none is let through, as RFC 7143
 *   allows what we offered ("CHAP,None") and as other initiators do.
 */
#include "iscsi/login-check.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

#define OP_LOGIN_REQUEST 0x03u

#define FLAG_TRANSIT 0x80u
#define FLAG_CONTINUE 0x40u

#define STAGE_SECURITY 0u
#define STAGE_OPERATIONAL 1u
#define STAGE_FULL_FEATURE 3u

/* Answers that a login may take; libiscsi itself gives up after ten. */
#define REPLIES_MAX 10u

/* Of the header (RFC 7143 sections 11.12 and 11.13). */
struct login_header {
	bool is_transit;
	bool is_continued;
	uint8_t stage;
	uint8_t next_stage;
	uint8_t version_active;     /* Login Response */
	uint32_t data_length;
	uint16_t tsih;
	uint32_t itt;
	uint32_t stat_sn;           /* Login Response, as what follows */
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint8_t status_class;
	uint8_t status_detail;
};

static void get_header(const uint8_t *bytes, struct login_header *header)
{
	*header = (struct login_header){
		.is_transit = (bytes[1] & FLAG_TRANSIT) != 0,
		.is_continued = (bytes[1] & FLAG_CONTINUE) != 0,
		.stage = bytes[1] >> 2 & 3,
		.next_stage = bytes[1] & 3,
		.version_active = bytes[3],
		.data_length = dsc_get_be24(bytes + 5),
		.tsih = dsc_get_be16(bytes + 14),
		.itt = dsc_get_be32(bytes + 16),
		.stat_sn = dsc_get_be32(bytes + 24),
		.exp_cmd_sn = dsc_get_be32(bytes + 28),
		.max_cmd_sn = dsc_get_be32(bytes + 32),
		.status_class = bytes[36],
		.status_detail = bytes[37],
	};
}

static size_t pdu_length(uint32_t data_length)
{
	return DSC_HEADER_BYTES + data_length + dsc_pad(data_length);
}

void dsc_login_check_init(struct dsc_login_check *check,
			  const struct dsc_login_policy *policy)
{
	memset(check, 0, sizeof(*check));
	check->policy = policy;
	dsc_error_init(&check->error);
}

enum dsc_login_verdict dsc_login_violation(struct dsc_login_check *check,
					   const char *format, ...)
{
	bool is_unproved = dsc_login_is_mutual(check) &&
			   !check->is_target_proved;
	va_list args;

	va_start(args, format);
	dsc_error_vset(&check->error, is_unproved ? EACCES : EPROTO, format,
		       args);
	va_end(args);
	return DSC_LOGIN_REFUSED;
}

enum dsc_login_verdict dsc_login_refuse(struct dsc_login_check *check,
					int errnum, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	dsc_error_vset(&check->error, errnum, format, args);
	va_end(args);
	return DSC_LOGIN_REFUSED;
}

/* --------------------------------------------------------------- request */

/* That libiscsi has made a whole and plain Login Request. */
static bool is_login_request(const uint8_t *pdu, size_t length)
{
	return length >= DSC_HEADER_BYTES && length <= DSC_LOGIN_PDU_MAX &&
	       (pdu[0] & DSC_OPCODE_MASK) == OP_LOGIN_REQUEST && pdu[4] == 0 &&
	       (pdu[1] & FLAG_CONTINUE) == 0 &&
	       pdu_length(dsc_get_be24(pdu + 5)) == length;
}

bool dsc_login_check_request(struct dsc_login_check *check,
			     const uint8_t *pdu, size_t length)
{
	struct login_header header;

	if (check->is_request_waiting || !is_login_request(pdu, length)) {
		dsc_login_refuse(check, EPROTO, "libiscsi does not go on with "
				 "a Login Request");
		return false;
	}
	get_header(pdu, &header);
	memcpy(check->request, pdu, length);
	check->is_request_waiting = true;
	check->is_transit_asked = header.is_transit;
	check->stage = header.stage;
	check->next_stage = header.next_stage;
	check->itt = header.itt;
	memcpy(check->isid, pdu + 8, sizeof(check->isid));
	if (dsc_login_parse(check->request + DSC_HEADER_BYTES,
			    length - DSC_HEADER_BYTES, &check->text,
			    &check->error) != 0 ||
	    dsc_login_note_offers(&check->talk, &check->text,
				  &check->error) != 0)
		return false;
	if (header.stage == STAGE_SECURITY)
		return dsc_login_chap_request(check);
	if (dsc_login_is_mutual(check) && !check->is_target_proved) {
		dsc_login_violation(check, "libiscsi would go on with a target "
				    "that has not proved itself");
		return false;
	}
	return true;
}

/* ---------------------------------------------------------------- header */

enum dsc_login_verdict dsc_login_check_header(struct dsc_login_check *check,
					      const uint8_t *header,
					      size_t *length)
{
	uint8_t opcode = header[0] & DSC_OPCODE_MASK;
	uint32_t data_length = dsc_get_be24(header + 5);

	if (opcode == DSC_OP_REJECT)
		return dsc_login_refuse(check, EPROTO, "the target rejected "
					"the Login Request: %s (0x%02x)",
					dsc_reject_name(header[2]), header[2]);
	if (opcode != DSC_OP_LOGIN_RESPONSE)
		return dsc_login_refuse(check, EPROTO, "the portal answered "
					"the Login Request with something else "
					"(opcode 0x%02x)", opcode);
	if (header[4] != 0)
		return dsc_login_refuse(check, EPROTO, "the target's answer "
					"has an additional header");
	if (data_length > DSC_LOGIN_TEXT_MAX)
		return dsc_login_refuse(check, EPROTO, "the target's answer "
					"announces %u bytes, %u are allowed",
					data_length, DSC_LOGIN_TEXT_MAX);
	*length = pdu_length(data_length);
	return DSC_LOGIN_PASS;
}

/* Names and numbers that tie an answer to the request. */
static enum dsc_login_verdict check_match(struct dsc_login_check *check,
					  const struct login_header *header,
					  const uint8_t *isid)
{
	uint32_t step = header->stat_sn - check->stat_sn;

	if (!check->is_request_waiting)
		return dsc_login_violation(check, "the target answered without "
					   "being asked");
	if (header->itt != check->itt)
		return dsc_login_refuse(check, EPROTO, "the target's answer "
					"has task tag 0x%08x instead of 0x%08x",
					header->itt, check->itt);
	if (memcmp(isid, check->isid, sizeof(check->isid)) != 0)
		return dsc_login_refuse(check, EPROTO, "the target's answer is "
					"for another ISID");
	if (header->version_active != 0)
		return dsc_login_refuse(check, EPROTO, "the target chose "
					"protocol version %u, which was not "
					"offered", header->version_active);
	/* a target that counts its final answer alone does no harm */
	if (check->replies > 0 && step > 1)
		return dsc_login_refuse(check, EPROTO, "the target's StatSN "
					"went from %u to %u", check->stat_sn,
					header->stat_sn);
	return DSC_LOGIN_PASS;
}

static enum dsc_login_verdict check_stage(struct dsc_login_check *check,
					  const struct login_header *header)
{
	if (header->is_continued)
		return dsc_login_refuse(check, EPROTO, "the target continues "
					"its answer in another one, which is "
					"not supported");
	if (header->stage != check->stage)
		return dsc_login_violation(check, "the target answered in "
					   "login stage %u a request in stage "
					   "%u", header->stage, check->stage);
	if (!header->is_transit)
		return DSC_LOGIN_PASS;
	if (!check->is_transit_asked)
		return dsc_login_violation(check, "the target left login stage "
					   "%u without being asked",
					   check->stage);
	if (header->next_stage != check->next_stage)
		return dsc_login_violation(check, "the target skipped from "
					   "login stage %u to %u instead of %u",
					   check->stage, header->next_stage,
					   check->next_stage);
	return DSC_LOGIN_PASS;
}

/* ----------------------------------------------------------------- reply */

static enum dsc_login_verdict settle(struct dsc_login_check *check,
				     const struct login_header *header)
{
	const struct dsc_login_policy *policy = check->policy;
	struct dsc_params *params = &check->params;

	if (dsc_login_is_mutual(check) && !check->is_target_proved)
		return dsc_login_violation(check, "the target has not proved "
					   "itself");
	if (dsc_login_settle(&check->talk, params, &check->error) != 0)
		return DSC_LOGIN_REFUSED;
	if (policy->needs_header_digest && !params->header_digest)
		return dsc_login_refuse(check, EOPNOTSUPP, "a header digest is "
					"required, and the target has none");
	if (policy->needs_data_digest && !params->data_digest)
		return dsc_login_refuse(check, EOPNOTSUPP, "a data digest is "
					"required, and the target has none");
	if (dsc_sn_is_before(header->max_cmd_sn + 1, header->exp_cmd_sn))
		return dsc_login_refuse(check, EPROTO, "the target's MaxCmdSN "
					"%u is behind its ExpCmdSN %u",
					header->max_cmd_sn, header->exp_cmd_sn);
	params->tsih = header->tsih;
	params->stat_sn = header->stat_sn;
	params->exp_cmd_sn = header->exp_cmd_sn;
	params->max_cmd_sn = header->max_cmd_sn;
	memcpy(params->isid, check->isid, sizeof(params->isid));
	return DSC_LOGIN_DONE;
}

/* What the target says, in a header that fits. */
static enum dsc_login_verdict check_text(struct dsc_login_check *check,
					 const struct login_header *header,
					 const uint8_t *bytes, size_t length)
{
	struct dsc_login_text text;

	if (dsc_login_parse(bytes, length, &text, &check->error) != 0)
		return DSC_LOGIN_REFUSED;
	if (dsc_login_note_answers(&check->talk, &text, &check->text,
				   &check->error) != 0)
		return DSC_LOGIN_REFUSED;
	if (check->stage == STAGE_SECURITY)
		return dsc_login_chap_reply(check, &text, header->is_transit);
	if (!header->is_transit)
		return DSC_LOGIN_PASS;
	return settle(check, header);
}

enum dsc_login_verdict dsc_login_check_reply(struct dsc_login_check *check,
					     const uint8_t *pdu, size_t length)
{
	const uint8_t *text = pdu + DSC_HEADER_BYTES;
	struct login_header header;
	enum dsc_login_verdict verdict;
	size_t expected;

	verdict = dsc_login_check_header(check, pdu, &expected);
	if (verdict != DSC_LOGIN_PASS)
		return verdict;
	if (length != expected)
		return dsc_login_refuse(check, EPROTO, "the target's answer is "
					"incomplete");
	length -= DSC_HEADER_BYTES;
	get_header(pdu, &header);
	if (header.status_class != 0 || header.status_detail != 0)
		return dsc_login_status(check, header.status_class,
					header.status_detail, text, length);
	verdict = check_match(check, &header, pdu + 8);
	if (verdict == DSC_LOGIN_PASS)
		verdict = check_stage(check, &header);
	if (verdict == DSC_LOGIN_PASS)
		verdict = check_text(check, &header, text, length);
	check->stat_sn = header.stat_sn;
	check->is_request_waiting = false;
	if (++check->replies >= REPLIES_MAX && verdict == DSC_LOGIN_PASS)
		return dsc_login_refuse(check, EPROTO, "the target does not "
					"come to an end after %u answers",
					check->replies);
	return verdict;
}
