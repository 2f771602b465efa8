/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-login.c: one input as the answers of a hostile target to a login. What
 * must hold whatever they are: no read beyond a PDU, a refusal has an errno and
 * a sentence, and a login that is let through has parameters that the engine
 * can use and, with mutual CHAP, a target that has sent the one right response.
 *
 * The first byte says what we ask for, see enum plan. Then, for each answer:
 * flags, status class, status detail, two bytes of length, and as many of text;
 * tags and sequence numbers are put right, unless the plan is raw: then it is
 * 48 bytes of header instead, and the text that it announces.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "iscsi/login-check.h"

const char dsc_fuzz_name[] = "login";

enum plan {
	PLAN_CHAP = 0x01,
	PLAN_MUTUAL = 0x02,    /* and CHAP */
	PLAN_PREFER = 0x04,    /* a header digest */
	PLAN_REQUIRE = 0x08,
	PLAN_RAW = 0x10
};

#define ITT 0x01020304u
#define CMD_SN 0xfffffff0u
#define TO_OPERATIONAL 0x81u
#define STAY 0x01u
#define TO_FULL 0x87u

#define NAMES "InitiatorName=iqn.2026-01.test:i\0" \
	      "TargetName=iqn.2026-01.test:t\0SessionType=Normal\0"
#define OFFERS                                                             \
	"DataDigest=None\0InitialR2T=No\0ImmediateData=Yes\0"              \
	"MaxBurstLength=262144\0FirstBurstLength=262144\0"                 \
	"DefaultTime2Wait=2\0DefaultTime2Retain=0\0MaxOutstandingR2T=1\0"  \
	"ErrorRecoveryLevel=0\0IFMarker=No\0OFMarker=No\0"                 \
	"MaxConnections=1\0MaxRecvDataSegmentLength=262144\0"              \
	"DataPDUInOrder=Yes\0DataSequenceInOrder=Yes"

/* To the challenge below, with the secret below; nobody can guess it. */
#define PROOF "1d8018f08e3efcf8ef560a21069446d9"

/* What libiscsi sends, by where the login has come to. */
enum step {
	STEP_OFFER,
	STEP_ALGORITHM,
	STEP_RESPONSE,
	STEP_OPERATIONAL
};

struct request {
	uint8_t flags;
	const char *text;
	size_t length;
};

#define REQUEST(flags, text) { flags, text, sizeof(text) }

static const struct request requests[] = {
	[STEP_OFFER] = REQUEST(TO_OPERATIONAL, NAMES "AuthMethod=CHAP,None"),
	[STEP_ALGORITHM] = REQUEST(STAY, "CHAP_A=5"),
	[STEP_RESPONSE] = REQUEST(TO_OPERATIONAL, "CHAP_N=u\0CHAP_R="
				  "0x3BC848B9C7D3709ED3015ABBF796BB17"),
	[STEP_OPERATIONAL] = REQUEST(TO_FULL, "HeaderDigest=None\0" OFFERS),
};

static const struct request mutual_response =
	REQUEST(TO_OPERATIONAL, "CHAP_N=u\0"
		"CHAP_R=0x3BC848B9C7D3709ED3015ABBF796BB17\0CHAP_I=1\0"
		"CHAP_C=0x4EB0625397203EF2D62ED33CD22B47F45BC0953FF53374BE30359"
		"BB6FA408849");
static const struct request prefer_digest =
	REQUEST(TO_FULL, "HeaderDigest=CRC32C,None\0" OFFERS);
static const struct request require_digest =
	REQUEST(TO_FULL, "HeaderDigest=CRC32C\0" OFFERS);

struct world {
	const uint8_t *data;
	size_t size;
	uint8_t plan;
	enum step step;
	uint32_t stat_sn;
	struct dsc_login_policy policy;
	struct dsc_login_check check;
};

/* ------------------------------------------------------------- our side */

static const struct request *choose_request(const struct world *world)
{
	if (world->step == STEP_RESPONSE && (world->plan & PLAN_MUTUAL))
		return &mutual_response;
	if (world->step == STEP_OPERATIONAL && (world->plan & PLAN_REQUIRE))
		return &require_digest;
	if (world->step == STEP_OPERATIONAL && (world->plan & PLAN_PREFER))
		return &prefer_digest;
	return &requests[world->step];
}

/* Always one that may be sent, but where the target's state forbids it. */
static bool ask(struct world *world)
{
	const struct request *request = choose_request(world);
	uint8_t pdu[1024] = { 0x43, request->flags };

	dsc_put_be24(pdu + 5, (uint32_t)request->length);
	pdu[8] = 0x80;
	dsc_put_be32(pdu + 16, ITT);
	dsc_put_be32(pdu + 24, CMD_SN);
	memcpy(pdu + DSC_HEADER_BYTES, request->text, request->length);
	return dsc_login_check_request(&world->check, pdu, DSC_HEADER_BYTES +
				       request->length +
				       dsc_pad((uint32_t)request->length));
}

/* ---------------------------------------------------------- the target's */

static bool take(struct world *world, uint8_t *bytes, size_t length)
{
	if (world->size < length)
		return false;
	memcpy(bytes, world->data, length);
	world->data += length;
	world->size -= length;
	return true;
}

/* The header of the next answer; false at the end of the input. */
static bool take_header(struct world *world, uint8_t *header)
{
	uint8_t brief[5];

	if (world->plan & PLAN_RAW)
		return take(world, header, DSC_HEADER_BYTES);
	if (!take(world, brief, sizeof(brief)))
		return false;
	memset(header, 0, DSC_HEADER_BYTES);
	header[0] = 0x23;
	header[1] = brief[0];
	dsc_put_be24(header + 5, dsc_get_be16(brief + 3));
	header[8] = 0x80;
	dsc_put_be32(header + 16, ITT);
	dsc_put_be32(header + 24, world->stat_sn++);
	dsc_put_be32(header + 28, CMD_SN);
	dsc_put_be32(header + 32, CMD_SN + 31);
	header[36] = brief[1];
	header[37] = brief[2];
	return true;
}

/* ---------------------------------------------------------- what must hold */

static void check_refused(const struct dsc_login_check *check)
{
	DSC_FUZZ_ASSERT(check->error.errnum > 0);
	DSC_FUZZ_ASSERT(check->error.message[0] != '\0');
	DSC_FUZZ_ASSERT(dsc_text_is_clean(check->error.message));
}

static void check_redirect(const struct dsc_login_check *check)
{
	const char *portal = check->redirect;

	DSC_FUZZ_ASSERT(memchr(portal, '\0', DSC_REDIRECT_MAX) != NULL);
	DSC_FUZZ_ASSERT(strrchr(portal, ':') > portal);
	DSC_FUZZ_ASSERT(strspn(portal, "abcdefghijklmnopqrstuvwxyz0123456789"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_:%[]") ==
			strlen(portal));
	DSC_FUZZ_ASSERT(check->error.errnum != 0);
}

static bool has_proof(const uint8_t *data, size_t size)
{
	size_t length = strlen(PROOF);

	for (; size >= length; data++, size--) {
		if (strncasecmp((const char *)data, PROOF, length) == 0)
			return true;
	}
	return false;
}

static void check_done(const struct world *world, const uint8_t *data,
		       size_t size)
{
	const struct dsc_params *params = &world->check.params;
	bool may_digest = (world->plan & (PLAN_PREFER | PLAN_REQUIRE)) != 0;

	DSC_FUZZ_ASSERT(params->max_send_bytes >= 512);
	DSC_FUZZ_ASSERT(params->max_send_bytes <= 0xffffff);
	DSC_FUZZ_ASSERT(params->max_recv_bytes == DSC_OUR_MAX_RECV_BYTES);
	DSC_FUZZ_ASSERT(params->max_burst_bytes >= 512);
	DSC_FUZZ_ASSERT(params->max_burst_bytes <= DSC_OUR_MAX_BURST_BYTES);
	DSC_FUZZ_ASSERT(params->first_burst_bytes >= 512);
	DSC_FUZZ_ASSERT(params->first_burst_bytes <= params->max_burst_bytes);
	DSC_FUZZ_ASSERT(params->max_outstanding_r2t == 1);
	DSC_FUZZ_ASSERT(!params->data_digest);
	DSC_FUZZ_ASSERT(!params->header_digest || may_digest);
	if (world->plan & PLAN_REQUIRE)
		DSC_FUZZ_ASSERT(params->header_digest);
	DSC_FUZZ_ASSERT((int32_t)(params->max_cmd_sn - params->exp_cmd_sn) >=
			-1);
	if (world->plan & PLAN_MUTUAL)
		DSC_FUZZ_ASSERT(world->check.is_target_proved &&
				has_proof(data, size));
}

/* ------------------------------------------------------------ the exchange */

/* Where libiscsi goes from here, when the answer was good. */
static enum step next_step(enum step step, uint8_t flags)
{
	if ((flags & 0x80) != 0 || step == STEP_OPERATIONAL)
		return STEP_OPERATIONAL;
	return step + 1;
}

/* One answer, in a buffer of its size. False at the end of the input. */
static bool answer(struct world *world, enum dsc_login_verdict *verdict)
{
	uint8_t header[DSC_HEADER_BYTES];
	uint8_t *pdu;
	size_t length;

	if (!take_header(world, header))
		return false;
	*verdict = dsc_login_check_header(&world->check, header, &length);
	if (*verdict != DSC_LOGIN_PASS)
		return true;
	DSC_FUZZ_ASSERT(length >= DSC_HEADER_BYTES);
	DSC_FUZZ_ASSERT(length <= DSC_LOGIN_PDU_MAX);
	pdu = calloc(1, length);
	if (pdu == NULL)
		return false;
	memcpy(pdu, header, DSC_HEADER_BYTES);
	if (take(world, pdu + DSC_HEADER_BYTES, world->plan & PLAN_RAW ?
		 length - DSC_HEADER_BYTES : dsc_get_be24(header + 5)))
		*verdict = dsc_login_check_reply(&world->check, pdu, length);
	else
		*verdict = dsc_login_check_reply(&world->check, pdu,
						 length - 1);
	free(pdu);
	if (*verdict == DSC_LOGIN_PASS)
		world->step = next_step(world->step, header[1]);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[] = "targetsecret2";
	const struct dsc_secret secret = { text };
	enum dsc_login_verdict verdict = DSC_LOGIN_PASS;
	struct world world = { .data = data, .size = size };
	unsigned int answers = 0;

	if (!take(&world, &world.plan, 1))
		return 0;
	if ((world.plan & (PLAN_CHAP | PLAN_MUTUAL)) == 0)
		world.step = STEP_OPERATIONAL;
	if (world.plan & PLAN_MUTUAL)
		world.policy.target_username = "tu";
	world.policy.target_password = &secret;
	world.policy.needs_header_digest = (world.plan & PLAN_REQUIRE) != 0;
	dsc_login_check_init(&world.check, &world.policy);

	while (verdict == DSC_LOGIN_PASS) {
		if (!ask(&world)) {
			check_refused(&world.check);
			return 0;
		}
		if (!answer(&world, &verdict))
			return 0;
		DSC_FUZZ_ASSERT(++answers <= 10);
	}
	if (verdict == DSC_LOGIN_REFUSED)
		check_refused(&world.check);
	else if (verdict == DSC_LOGIN_REDIRECT)
		check_redirect(&world.check);
	else
		check_done(&world, data, size);
	return 0;
}
