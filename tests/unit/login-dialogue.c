/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-dialogue.c: see login-dialogue.h.
 */
#include "login-dialogue.h"

#include <stdlib.h>
#include <string.h>

struct dialogue d;

static struct dsc_secret secret;

void begin(void)
{
	memset(&d, 0, sizeof(d));
	dsc_login_check_init(&d.check, &d.policy);
}

void begin_mutual(void)
{
	begin();
	dsc_secret_set(&secret, "targetsecret2", strlen("targetsecret2"));
	d.policy.target_username = "tu";
	d.policy.target_password = &secret;
}

bool ask_text(uint8_t flags, const char *text, size_t length)
{
	struct login_pdu request;

	login_request(&request, flags, ITT, CMD_SN, text, length);
	return dsc_login_check_request(&d.check, request.bytes, request.length);
}

enum dsc_login_verdict try_reply(void)
{
	uint8_t *copy = malloc(d.pdu.length);
	enum dsc_login_verdict verdict;
	size_t length = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, d.pdu.bytes, d.pdu.length);
	verdict = dsc_login_check_header(&d.check, copy, &length);
	if (verdict == DSC_LOGIN_PASS) {
		CU_ASSERT_EQUAL(length, d.pdu.length);
		verdict = dsc_login_check_reply(&d.check, copy, d.pdu.length);
	}
	free(copy);
	return verdict;
}

void prepare(uint8_t flags, uint16_t status, const char *text, size_t length)
{
	login_reply(&d.pdu, flags, ITT, d.stat_sn++, CMD_SN, status, text,
		    length);
}

enum dsc_login_verdict answer_text(uint8_t flags, const char *text,
				   size_t length)
{
	prepare(flags, 0, text, length);
	return try_reply();
}

void assert_error(int errnum, const char *words)
{
	CU_ASSERT_EQUAL(d.check.error.errnum, errnum);
	CU_ASSERT_PTR_NOT_NULL(strstr(d.check.error.message, words));
	if (strstr(d.check.error.message, words) == NULL)
		dsc_test_note("message: %s", d.check.error.message);
}

void begin_operational(void)
{
	begin();
	ASK(LOGIN_OPERATIONAL_TO_FULL, NAMES OFFERS);
}

void begin_offer(void)
{
	begin();
	ASK(LOGIN_SECURITY_TO_OPERATIONAL, OFFER_CHAP);
}

void go_to_challenge(void)
{
	ASK(LOGIN_SECURITY_TO_OPERATIONAL, OFFER_CHAP);
	ANSWER(LOGIN_SECURITY_STAY, CHOOSE_CHAP, DSC_LOGIN_PASS);
	ASK(LOGIN_SECURITY_ASK_STAY, "CHAP_A=5");
}

void go_to_response(void)
{
	bool is_mutual = d.policy.target_username != NULL;

	go_to_challenge();
	ANSWER(LOGIN_SECURITY_STAY, CHALLENGE, DSC_LOGIN_PASS);
	if (is_mutual) {
		ASK(LOGIN_SECURITY_TO_OPERATIONAL, ANSWER_MUTUAL);
	} else {
		ASK(LOGIN_SECURITY_TO_OPERATIONAL, ANSWER_CHAP);
	}
}

void end(void)
{
	dsc_secret_clear(&secret);
}
