/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-login-chap.c: the login checker in the security stage: CHAP one way and
 * both, with targets that do it right, wrong, in part, too early, or not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"
#include "login-dialogue.h"

/* ---------------------------------------------------- what real ones say */

static void test_tgtd_with_chap(void)
{
	begin();
	go_to_response();
	ANSWER_NOTHING(LOGIN_SECURITY_TO_OPERATIONAL, DSC_LOGIN_PASS);
	ASK(LOGIN_OPERATIONAL_TO_FULL, OFFERS);
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, TGTD_RESULTS, DSC_LOGIN_DONE);
	CU_ASSERT_EQUAL(d.check.params.stat_sn, 3);
	CU_ASSERT_EQUAL(d.check.params.tpgt, 1);
}

static void test_tgtd_with_mutual_chap(void)
{
	begin_mutual();
	go_to_response();
	CU_ASSERT_FALSE(d.check.is_target_proved);
	ANSWER(LOGIN_SECURITY_TO_OPERATIONAL, PROOF, DSC_LOGIN_PASS);
	CU_ASSERT_TRUE(d.check.is_target_proved);
	ASK(LOGIN_OPERATIONAL_TO_FULL, OFFERS);
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, TGTD_RESULTS, DSC_LOGIN_DONE);
}

/* 1,024 bytes, the most that RFC 7143 allows; istgt sends 1,023. */
static void test_longest_challenge(void)
{
	char text[4096];
	int used = snprintf(text, sizeof(text), "CHAP_A=5%cCHAP_I=186%cCHAP_C="
			    "0x%02048d", 0, 0, 7);

	begin();
	go_to_challenge();
	CU_ASSERT_EQUAL(answer_text(LOGIN_SECURITY_STAY, text,
				    (size_t)used + 1), DSC_LOGIN_PASS);
	used = snprintf(text, sizeof(text), "CHAP_A=5%cCHAP_I=186%cCHAP_C="
			"0x%02050d", 0, 0, 7);
	begin();
	go_to_challenge();
	CU_ASSERT_EQUAL(answer_text(LOGIN_SECURITY_STAY, text,
				    (size_t)used + 1), DSC_LOGIN_REFUSED);
	assert_error(EPROTO, "malformed");
}

/* ------------------------------------------------------------------ CHAP */

static void test_target_that_wants_no_chap(void)
{
	begin_offer();
	ANSWER(LOGIN_SECURITY_TO_OPERATIONAL, "AuthMethod=None",
	       DSC_LOGIN_PASS);
	begin_offer();
	ANSWER_NOTHING(LOGIN_SECURITY_TO_OPERATIONAL, DSC_LOGIN_PASS);
	begin_offer();
	REFUSED(LOGIN_SECURITY_STAY, "AuthMethod=None", EPROTO,
		"does not go on");
}

static void test_answers_to_the_offer(void)
{
	begin_offer();
	REFUSED(LOGIN_SECURITY_STAY, "AuthMethod=Reject", EACCES, "neither");
	begin_offer();
	REFUSED(LOGIN_SECURITY_STAY, "AuthMethod=KRB5", EPROTO, "KRB5");
	begin_offer();
	REFUSED(LOGIN_SECURITY_STAY, "AuthMethod=CHAP,None", EPROTO,
		"not offered");
	begin_offer();
	REFUSED(LOGIN_SECURITY_TO_OPERATIONAL, "AuthMethod=CHAP", EPROTO,
		"skipped it");
	begin_offer();
	REFUSED(LOGIN_SECURITY_STAY, "AuthMethod=CHAP\0CHAP_A=5", EPROTO,
		"not asked for");
	/* straight to the full feature phase */
	begin_offer();
	REFUSED(0x83, "AuthMethod=None", EPROTO, "skipped");
}

#define GOOD_C "\0CHAP_C=0x0011"

static void test_challenges(void)
{
	static const struct {
		const char *text;
		size_t length;
		int errnum;
		const char *words;
	} cases[] = {
		{ TEXT("CHAP_A=5\0CHAP_I=1"), EPROTO, "not send a CHAP" },
		{ TEXT("CHAP_A=5" GOOD_C), EPROTO, "not send a CHAP" },
		{ TEXT("CHAP_I=1" GOOD_C), EPROTO, "not send a CHAP" },
		{ TEXT("CHAP_A=Reject"), EACCES, "CHAP with MD5" },
		{ TEXT("CHAP_A=7\0CHAP_I=1" GOOD_C), EPROTO, "CHAP_A=7" },
		{ TEXT("CHAP_A=5,7\0CHAP_I=1" GOOD_C), EPROTO, "CHAP_A=5,7" },
		{ TEXT("CHAP_A=5\0CHAP_I=256" GOOD_C), EPROTO, "CHAP_I=256" },
		{ TEXT("CHAP_A=5\0CHAP_I=0x5" GOOD_C), EPROTO, "CHAP_I=0x5" },
		{ TEXT("CHAP_A=5\0CHAP_I=" GOOD_C), EPROTO, "CHAP_I=" },
		{ TEXT("CHAP_A=5\0CHAP_I=1\0CHAP_C=0bAAAA"), EPROTO, "base64" },
		{ TEXT("CHAP_A=5\0CHAP_I=1\0CHAP_C=0x"), EPROTO, "malformed" },
		{ TEXT("CHAP_A=5\0CHAP_I=1\0CHAP_C=0x123"), EPROTO,
		  "malformed" },
		{ TEXT("CHAP_A=5\0CHAP_I=1\0CHAP_C=0x12g4"), EPROTO,
		  "malformed" },
		{ TEXT("CHAP_A=5\0CHAP_I=1\0CHAP_C=0X1234"), EPROTO,
		  "malformed" },
		{ TEXT("CHAP_A=5\0CHAP_I=1\0CHAP_C=1234"), EPROTO,
		  "malformed" },
		{ TEXT("CHAP_A=5\0CHAP_I=1" GOOD_C "\0CHAP_N=tu"), EPROTO,
		  "CHAP_N, which was not asked" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		go_to_challenge();
		CU_ASSERT_EQUAL(answer_text(LOGIN_SECURITY_STAY, cases[i].text,
					    cases[i].length),
				DSC_LOGIN_REFUSED);
		assert_error(cases[i].errnum, cases[i].words);
	}
	/* it must not go on before we have responded */
	begin();
	go_to_challenge();
	REFUSED(LOGIN_SECURITY_TO_OPERATIONAL, CHALLENGE, EPROTO,
		"without being asked");
}

static void test_answers_to_the_response(void)
{
	begin();
	go_to_response();
	REFUSED(LOGIN_SECURITY_STAY, "X-a=b", EPROTO, "more of CHAP");
	begin();
	go_to_response();
	REFUSED(LOGIN_SECURITY_TO_OPERATIONAL, PROOF, EPROTO,
		"not asked for");
}

/* ----------------------------------------------------------- mutual CHAP */

static void test_mutual_needs_a_security_stage(void)
{
	begin_mutual();
	ASK(LOGIN_SECURITY_TO_OPERATIONAL, OFFER_CHAP);
	/* the known hole: from the operational stage to full feature phase */
	REFUSED(LOGIN_OPERATIONAL_TO_FULL, TGTD_RESULTS, EACCES,
		"login stage 1");
	begin_mutual();
	ASK(LOGIN_SECURITY_TO_OPERATIONAL, OFFER_CHAP);
	REFUSED(0x83, "X-a=b", EACCES, "skipped");
	begin_mutual();
	ASK(LOGIN_SECURITY_TO_OPERATIONAL, OFFER_CHAP);
	REFUSED(LOGIN_SECURITY_TO_OPERATIONAL, "AuthMethod=None", EACCES,
		"does not prove itself");
	begin_mutual();
	ASK(LOGIN_SECURITY_TO_OPERATIONAL, OFFER_CHAP);
	ANSWER_NOTHING(LOGIN_SECURITY_TO_OPERATIONAL, DSC_LOGIN_REFUSED);
	assert_error(EACCES, "does not prove itself");
	begin_mutual();
	ASK(LOGIN_SECURITY_TO_OPERATIONAL, OFFER_CHAP);
	REFUSED(LOGIN_SECURITY_TO_OPERATIONAL, "AuthMethod=CHAP", EACCES,
		"skipped it");
	begin_mutual();
	go_to_challenge();
	ANSWER_NOTHING(LOGIN_SECURITY_TO_OPERATIONAL, DSC_LOGIN_REFUSED);
	assert_error(EACCES, "without being asked");
	begin_mutual();
	go_to_challenge();
	ANSWER_NOTHING(LOGIN_SECURITY_STAY, DSC_LOGIN_REFUSED);
	assert_error(EACCES, "not send a CHAP challenge");
}

static void test_mutual_libiscsi_must_challenge(void)
{
	/* libiscsi itself leaves the stage out, or sends no challenge */
	begin_mutual();
	CU_ASSERT_FALSE(ask_text(LOGIN_OPERATIONAL_TO_FULL,
				 TEXT(NAMES OFFERS)));
	assert_error(EACCES, "not proved itself");
	begin_mutual();
	go_to_challenge();
	ANSWER(LOGIN_SECURITY_STAY, CHALLENGE, DSC_LOGIN_PASS);
	CU_ASSERT_FALSE(ask_text(LOGIN_SECURITY_TO_OPERATIONAL,
				 TEXT(ANSWER_CHAP)));
	assert_error(EACCES, "does not challenge");
}

static void test_mutual_proofs_that_are_none(void)
{
	static const struct {
		const char *text;
		size_t length;
		const char *words;
	} cases[] = {
		{ TEXT("X-a=b"), "no CHAP response" },
		{ TEXT("CHAP_N=tu"), "no CHAP response" },
		{ TEXT("CHAP_R=0x1d8018f08e3efcf8ef560a21069446d9"),
		  "no CHAP response" },
		{ TEXT("CHAP_N=tX\0CHAP_R=0x1d8018f08e3efcf8ef560a21069446d9"),
		  "as 'tX', not as the configured 'tu'" },
		{ TEXT("CHAP_N=tu\0CHAP_R=0x1d8018f08e3efcf8ef560a21069446d8"),
		  "wrong" },
		{ TEXT("CHAP_N=tu\0CHAP_R=0x00000000000000000000000000000000"),
		  "wrong" },
		{ TEXT("CHAP_N=tu\0CHAP_R=0x1d8018f08e3efcf8ef560a21069446"),
		  "wrong" },
		{ TEXT("CHAP_N=tu\0CHAP_R=0x"), "wrong" },
		{ TEXT("CHAP_N=tu\0CHAP_R=0x1d8018f08e3efcf8ef560a21069446d9"
		       "00"), "wrong" },
		{ TEXT("CHAP_N=tu\0CHAP_R=0bHYAY8I4+/PjvVgohBpRG2Q=="),
		  "base64" },
		/* our own response, sent back */
		{ TEXT("CHAP_N=tu\0CHAP_R=0x3BC848B9C7D3709ED3015ABBF796BB17"),
		  "wrong" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_mutual();
		go_to_response();
		CU_ASSERT_EQUAL(answer_text(LOGIN_SECURITY_TO_OPERATIONAL,
					    cases[i].text, cases[i].length),
				DSC_LOGIN_REFUSED);
		assert_error(EACCES, cases[i].words);
		CU_ASSERT_FALSE(d.check.is_target_proved);
	}
	/* a right one, before it was asked for */
	begin_mutual();
	go_to_challenge();
	REFUSED(LOGIN_SECURITY_STAY, CHALLENGE "\0" PROOF, EPROTO,
		"not asked for");
}

/* istgt's own numbers, with upper-case digits. */
static void test_mutual_proof_of_istgt(void)
{
	begin_mutual();
	go_to_challenge();
	ANSWER(LOGIN_SECURITY_STAY, CHALLENGE, DSC_LOGIN_PASS);
	ASK(LOGIN_SECURITY_TO_OPERATIONAL, ANSWER_CHAP "\0CHAP_I=1\0CHAP_C="
	    "0x6BAE41B132F66A2353F48ECDCDD9D95F04F91C3DA93D27BD50737931A3035E"
	    "0E");
	ANSWER(LOGIN_SECURITY_TO_OPERATIONAL,
	       "CHAP_N=tu\0CHAP_R=0x5899CC7E621A7374886A3ABEC6A5CDE4",
	       DSC_LOGIN_PASS);
	CU_ASSERT_TRUE(d.check.is_target_proved);
}

static const struct dsc_test tests[] = {
	{ "tgtd-with-chap", test_tgtd_with_chap },
	{ "tgtd-with-mutual-chap", test_tgtd_with_mutual_chap },
	{ "longest-challenge", test_longest_challenge },
	{ "target-that-wants-no-chap", test_target_that_wants_no_chap },
	{ "answers-to-the-offer", test_answers_to_the_offer },
	{ "challenges", test_challenges },
	{ "answers-to-the-response", test_answers_to_the_response },
	{ "mutual-needs-a-security-stage", test_mutual_needs_a_security_stage },
	{ "mutual-libiscsi-must-challenge",
	  test_mutual_libiscsi_must_challenge },
	{ "mutual-proofs-that-are-none", test_mutual_proofs_that_are_none },
	{ "mutual-proof-of-istgt", test_mutual_proof_of_istgt },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	int status = dsc_test_main("login-chap", tests, argc, argv);

	end();
	return status;
}
