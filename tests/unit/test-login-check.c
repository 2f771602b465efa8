/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-login-check.c: the login checker on headers, texts and statuses, and
 * what a login comes to; CHAP is in test-login-chap.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"
#include "login-dialogue.h"

/* ---------------------------------------------------- what real ones say */

static void test_tgtd_without_chap(void)
{
	const struct dsc_params *params = &d.check.params;

	begin_operational();
	prepare(LOGIN_OPERATIONAL_TO_FULL, 0,
		TEXT("TargetPortalGroupTag=1\0" TGTD_RESULTS));
	d.pdu.bytes[14] = 1;
	CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_DONE);
	CU_ASSERT_EQUAL(params->max_send_bytes, 8192);  /* tgtd is silent */
	CU_ASSERT_EQUAL(params->max_recv_bytes, DSC_OUR_MAX_RECV_BYTES);
	CU_ASSERT_EQUAL(params->max_burst_bytes, 262144);
	CU_ASSERT_EQUAL(params->first_burst_bytes, 65536);
	CU_ASSERT_EQUAL(params->max_outstanding_r2t, 1);
	CU_ASSERT_TRUE(params->initial_r2t);
	CU_ASSERT_TRUE(params->immediate_data);
	CU_ASSERT_FALSE(params->header_digest);
	CU_ASSERT_FALSE(params->data_digest);
	CU_ASSERT_EQUAL(params->tpgt, 1);
	CU_ASSERT_EQUAL(params->tsih, 0x100);
	CU_ASSERT_EQUAL(params->stat_sn, 0);
	CU_ASSERT_EQUAL(params->exp_cmd_sn, CMD_SN);
	CU_ASSERT_EQUAL(params->max_cmd_sn, CMD_SN + 31);
	CU_ASSERT_EQUAL(memcmp(params->isid, login_isid, 6), 0);
}

static void test_istgt_with_header_digest(void)
{
	begin();
	ASK(LOGIN_OPERATIONAL_TO_FULL, NAMES OFFERS_PREFER);
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, ISTGT_RESULTS, DSC_LOGIN_DONE);
	CU_ASSERT_TRUE(d.check.params.header_digest);
	CU_ASSERT_EQUAL(d.check.params.max_send_bytes, 262144);
	CU_ASSERT_EQUAL(d.check.params.first_burst_bytes, 262144);
}

/* -------------------------------------------------------- what it comes to */

static void test_defaults(void)
{
	const struct dsc_params *params = &d.check.params;

	begin_operational();
	ANSWER_NOTHING(LOGIN_OPERATIONAL_TO_FULL, DSC_LOGIN_DONE);
	CU_ASSERT_EQUAL(params->max_send_bytes, 8192);
	CU_ASSERT_EQUAL(params->max_burst_bytes, 262144);
	CU_ASSERT_EQUAL(params->first_burst_bytes, 65536);
	CU_ASSERT_EQUAL(params->max_outstanding_r2t, 1);
	CU_ASSERT_TRUE(params->initial_r2t);
	CU_ASSERT_TRUE(params->immediate_data);
	CU_ASSERT_FALSE(params->header_digest);
	CU_ASSERT_EQUAL(params->tpgt, 0);
}

static void test_declined_keys_have_defaults(void)
{
	begin();
	ASK(LOGIN_OPERATIONAL_TO_FULL, NAMES OFFERS_PREFER);
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, "HeaderDigest=Reject\0"
	       "InitialR2T=NotUnderstood\0MaxBurstLength=Irrelevant\0"
	       "FirstBurstLength=Irrelevant\0MaxConnections=Reject",
	       DSC_LOGIN_DONE);
	CU_ASSERT_TRUE(d.check.params.initial_r2t);
	CU_ASSERT_EQUAL(d.check.params.max_burst_bytes, 262144);
	CU_ASSERT_FALSE(d.check.params.header_digest);
}

/* Some targets answer with what they could do instead of the result. */
static void test_answers_are_combined_with_offers(void)
{
	begin_operational();
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, "InitialR2T=No\0ImmediateData=No\0"
	       "MaxBurstLength=16776192\0FirstBurstLength=0x8000\0"
	       "MaxOutstandingR2T=16\0MaxRecvDataSegmentLength=1048576\0"
	       "ErrorRecoveryLevel=2\0MaxConnections=8", DSC_LOGIN_DONE);
	CU_ASSERT_FALSE(d.check.params.initial_r2t);
	CU_ASSERT_FALSE(d.check.params.immediate_data);
	CU_ASSERT_EQUAL(d.check.params.max_burst_bytes, 262144);
	CU_ASSERT_EQUAL(d.check.params.first_burst_bytes, 32768);
	CU_ASSERT_EQUAL(d.check.params.max_outstanding_r2t, 1);
	CU_ASSERT_EQUAL(d.check.params.max_send_bytes, 1048576);
}

static void test_first_burst_fits_max_burst(void)
{
	begin_operational();
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, "MaxBurstLength=16384",
	       DSC_LOGIN_DONE);
	CU_ASSERT_EQUAL(d.check.params.first_burst_bytes, 16384);
	begin_operational();
	REFUSED(LOGIN_OPERATIONAL_TO_FULL, "MaxBurstLength=16384\0"
		"FirstBurstLength=16388", EPROTO, "FirstBurstLength=16388");
}

static void test_header_digest_required(void)
{
	static const char *const refusals[] = {
		"HeaderDigest=None", "HeaderDigest=Reject", "X-a=b",
	};
	size_t i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		begin();
		d.policy.needs_header_digest = true;
		ASK(LOGIN_OPERATIONAL_TO_FULL, NAMES OFFERS_REQUIRE);
		CU_ASSERT_EQUAL(answer_text(LOGIN_OPERATIONAL_TO_FULL,
					    refusals[i],
					    strlen(refusals[i]) + 1),
				DSC_LOGIN_REFUSED);
		assert_error(EOPNOTSUPP, "header digest");
	}
	begin();
	d.policy.needs_header_digest = true;
	ASK(LOGIN_OPERATIONAL_TO_FULL, NAMES OFFERS_REQUIRE);
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, "HeaderDigest=CRC32C",
	       DSC_LOGIN_DONE);
	CU_ASSERT_TRUE(d.check.params.header_digest);
}

/* As istgt does when it is set to insist on one. */
static void test_digest_demanded_by_target(void)
{
	begin_operational();
	REFUSED(LOGIN_OPERATIONAL_TO_FULL, "HeaderDigest=Reject", EOPNOTSUPP,
		"demands a HeaderDigest");
	begin_operational();
	REFUSED(LOGIN_OPERATIONAL_TO_FULL, "DataDigest=Reject", EOPNOTSUPP,
		"demands a DataDigest");
}

static void test_data_digest_required(void)
{
	begin();
	d.policy.needs_data_digest = true;
	ASK(LOGIN_OPERATIONAL_TO_FULL, NAMES "DataDigest=CRC32C");
	ANSWER_NOTHING(LOGIN_OPERATIONAL_TO_FULL, DSC_LOGIN_REFUSED);
	assert_error(EOPNOTSUPP, "data digest");
	begin();
	d.policy.needs_data_digest = true;
	ASK(LOGIN_OPERATIONAL_TO_FULL, NAMES "DataDigest=CRC32C");
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, "DataDigest=CRC32C", DSC_LOGIN_DONE);
	CU_ASSERT_TRUE(d.check.params.data_digest);
}

static void test_several_rounds(void)
{
	begin_operational();
	ANSWER(LOGIN_OPERATIONAL_STAY, "MaxBurstLength=65536",
	       DSC_LOGIN_PASS);
	ASK(LOGIN_OPERATIONAL_TO_FULL, "MaxBurstLength=65536");
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, "MaxBurstLength=65536\0"
	       "MaxRecvDataSegmentLength=16384", DSC_LOGIN_DONE);
	CU_ASSERT_EQUAL(d.check.params.max_burst_bytes, 65536);
	CU_ASSERT_EQUAL(d.check.params.max_send_bytes, 16384);

	begin_operational();
	ANSWER(LOGIN_OPERATIONAL_STAY, "MaxBurstLength=65536",
	       DSC_LOGIN_PASS);
	ASK(LOGIN_OPERATIONAL_TO_FULL, "MaxBurstLength=65536");
	REFUSED(LOGIN_OPERATIONAL_TO_FULL, "MaxBurstLength=32768", EPROTO,
		"another value before");
}

static void test_rounds_come_to_an_end(void)
{
	unsigned int rounds = 0;
	enum dsc_login_verdict verdict;

	begin();
	do {
		ASK(LOGIN_OPERATIONAL_TO_FULL, OFFERS);
		verdict = answer_text(LOGIN_OPERATIONAL_STAY, "", 0);
	} while (verdict == DSC_LOGIN_PASS && ++rounds < 100);
	CU_ASSERT_EQUAL(verdict, DSC_LOGIN_REFUSED);
	CU_ASSERT_EQUAL(rounds, 9);
	assert_error(EPROTO, "does not come to an end");
}

/* --------------------------------------------------------------- headers */

/* One byte of an otherwise good last reply changed. */
static const struct spoilt {
	size_t offset;
	uint8_t value;
	const char *words;
} spoilt_headers[] = {
	{ 0, 0x20, "something else" },
	{ 0, 0x3f, "rejected the Login Request" },
	{ 0, 0x00, "something else" },
	{ 4, 1, "additional header" },
	{ 5, 1, "announces" },
	{ 1, 0xc7, "continues" },
	{ 1, 0x83, "in login stage 0" },
	{ 1, 0x8b, "in login stage 2" },
	{ 1, 0x8f, "in login stage 3" },
	{ 1, 0x84, "skipped" },
	{ 1, 0x85, "skipped" },
	{ 1, 0x86, "skipped" },
	{ 3, 1, "protocol version" },
	{ 13, 6, "ISID" },
	{ 19, 0, "task tag" },
	{ 32, 0x60, "MaxCmdSN" },
};

static void test_headers_that_do_not_fit(void)
{
	const struct spoilt *spoilt = spoilt_headers;
	size_t i;

	for (i = 0; i < sizeof(spoilt_headers) / sizeof(*spoilt); i++) {
		begin_operational();
		prepare(LOGIN_OPERATIONAL_TO_FULL, 0, TEXT("X-a=b"));
		d.pdu.bytes[spoilt[i].offset] = spoilt[i].value;
		CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_REFUSED);
		assert_error(EPROTO, spoilt[i].words);
	}
}

static void test_closed_window_is_fine(void)
{
	begin_operational();
	prepare(LOGIN_OPERATIONAL_TO_FULL, 0, "", 0);
	login_put32(d.pdu.bytes + 32, CMD_SN - 1);
	CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_DONE);
	begin_operational();
	prepare(LOGIN_OPERATIONAL_TO_FULL, 0, "", 0);
	login_put32(d.pdu.bytes + 32, CMD_SN - 2);
	CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_REFUSED);
}

static void test_lengths(void)
{
	size_t length = 0;

	begin_operational();
	prepare(LOGIN_OPERATIONAL_TO_FULL, 0, TEXT("X-a=b"));
	/* less, or more, than the header says */
	CU_ASSERT_EQUAL(dsc_login_check_reply(&d.check, d.pdu.bytes,
					      d.pdu.length - 4),
			DSC_LOGIN_REFUSED);
	CU_ASSERT_EQUAL(dsc_login_check_reply(&d.check, d.pdu.bytes,
					      d.pdu.length + 4),
			DSC_LOGIN_REFUSED);
	login_put32(d.pdu.bytes + 4, DSC_LOGIN_TEXT_MAX);
	CU_ASSERT_EQUAL(dsc_login_check_header(&d.check, d.pdu.bytes, &length),
			DSC_LOGIN_PASS);
	CU_ASSERT_EQUAL(length, DSC_LOGIN_PDU_MAX);
	login_put32(d.pdu.bytes + 4, DSC_LOGIN_TEXT_MAX + 1);
	CU_ASSERT_EQUAL(dsc_login_check_header(&d.check, d.pdu.bytes, &length),
			DSC_LOGIN_REFUSED);
}

static void test_stat_sn(void)
{
	static const struct {
		uint32_t first, second;
		enum dsc_login_verdict verdict;
	} cases[] = {
		{ 7, 8, DSC_LOGIN_DONE },
		{ 0xffffffff, 0, DSC_LOGIN_DONE },
		{ 7, 7, DSC_LOGIN_DONE },  /* counts the last one alone */
		{ 7, 9, DSC_LOGIN_REFUSED },
		{ 7, 6, DSC_LOGIN_REFUSED },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_operational();
		d.stat_sn = cases[i].first;
		ANSWER_NOTHING(LOGIN_OPERATIONAL_STAY, DSC_LOGIN_PASS);
		ASK(LOGIN_OPERATIONAL_TO_FULL, OFFERS);
		d.stat_sn = cases[i].second;
		ANSWER_NOTHING(LOGIN_OPERATIONAL_TO_FULL, cases[i].verdict);
	}
}

static void test_answer_without_request(void)
{
	begin();
	ANSWER_NOTHING(LOGIN_OPERATIONAL_TO_FULL, DSC_LOGIN_REFUSED);
	assert_error(EPROTO, "without being asked");
	begin_operational();
	ANSWER_NOTHING(LOGIN_OPERATIONAL_STAY, DSC_LOGIN_PASS);
	ANSWER_NOTHING(LOGIN_OPERATIONAL_TO_FULL, DSC_LOGIN_REFUSED);
}

static void test_requests_that_are_none(void)
{
	struct login_pdu request;
	size_t i;
	static const struct {
		size_t offset;
		uint8_t value;
	} changes[] = { { 0, 0x41 }, { 1, 0xc7 }, { 4, 1 }, { 7, 1 } };

	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		begin();
		login_request(&request, LOGIN_OPERATIONAL_TO_FULL, ITT, CMD_SN,
			      TEXT(OFFERS));
		request.bytes[changes[i].offset] = changes[i].value;
		CU_ASSERT_FALSE(dsc_login_check_request(&d.check, request.bytes,
							request.length));
	}
	begin();
	CU_ASSERT_FALSE(dsc_login_check_request(&d.check, request.bytes, 47));
	CU_ASSERT_FALSE(ask_text(LOGIN_OPERATIONAL_TO_FULL, TEXT("nonsense")));
	begin();
	CU_ASSERT_FALSE(ask_text(LOGIN_OPERATIONAL_TO_FULL,
				 TEXT("MaxBurstLength=x")));
	/* a second one before the first has its answer */
	begin_operational();
	CU_ASSERT_FALSE(ask_text(LOGIN_OPERATIONAL_TO_FULL, TEXT(OFFERS)));
}

/* ----------------------------------------------------------------- texts */

#define BAD_TEXT(literal, says) { literal, sizeof(literal), says }

static const struct {
	const char *text;
	size_t length;
	const char *words;
} bad_texts[] = {
	BAD_TEXT("MaxBurstLength", "no key=value pair"),
	BAD_TEXT("=5", "no key=value pair"),
	BAD_TEXT("Max Burst=5", "no key=value pair"),
	BAD_TEXT("\x01=5", "no key=value pair"),
	BAD_TEXT("K2345678901234567890123456789012345678901234567890123456789"
		 "01234=5", "no key=value pair"),
	{ "X-a=b\0X-c=de", 12, "does not end with NUL" },
	BAD_TEXT("X-a=b\0\0MaxBurstLength=512", "no key=value pair"),
	BAD_TEXT("MaxBurstLength=512\0MaxBurstLength=512", "twice"),
	BAD_TEXT("MaxBurstLength=", "not a value"),
	BAD_TEXT("MaxBurstLength=511", "not a value"),
	BAD_TEXT("MaxBurstLength=16777216", "not a value"),
	BAD_TEXT("MaxBurstLength=4294967808", "not a value"),
	BAD_TEXT("MaxBurstLength=18446744073709552128", "not a value"),
	BAD_TEXT("MaxBurstLength=-512", "not a value"),
	BAD_TEXT("MaxBurstLength= 512", "not a value"),
	BAD_TEXT("MaxBurstLength=0x", "not a value"),
	BAD_TEXT("MaxBurstLength=512,1024", "not a value"),
	BAD_TEXT("MaxRecvDataSegmentLength=0", "not a value"),
	BAD_TEXT("MaxRecvDataSegmentLength=Irrelevant", "not a value"),
	BAD_TEXT("TargetPortalGroupTag=65536", "not a value"),
	BAD_TEXT("InitialR2T=yes", "not a value"),
	BAD_TEXT("InitialR2T=Yes,No", "not a value"),
	BAD_TEXT("ErrorRecoveryLevel=3", "not a value"),
	BAD_TEXT("HeaderDigest=MD5", "not a value"),
	BAD_TEXT("HeaderDigest=CRC32C", "not offered"),
	BAD_TEXT("DataDigest=CRC32C", "not offered"),
	BAD_TEXT("DataDigest=None,CRC32C", "not offered"),
	BAD_TEXT("RDMAExtensions=Yes", "not asked for"),
	BAD_TEXT("InitiatorRecvDataSegmentLength=512", "not asked for"),
	BAD_TEXT("AuthMethod=CHAP", "not asked for"),
	BAD_TEXT("CHAP_A=5", "not asked for"),
	BAD_TEXT("CHAP_C=0x00", "not asked for"),
	BAD_TEXT("CHAP_R=0x00000000000000000000000000000000",
		 "not asked for"),
};

static void test_texts_that_are_wrong(void)
{
	size_t i;

	for (i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
		begin_operational();
		CU_ASSERT_EQUAL(answer_text(LOGIN_OPERATIONAL_TO_FULL,
					    bad_texts[i].text,
					    bad_texts[i].length),
				DSC_LOGIN_REFUSED);
		assert_error(EPROTO, bad_texts[i].words);
	}
}

static void test_texts_that_are_odd_but_fine(void)
{
	begin_operational();
	ANSWER(LOGIN_OPERATIONAL_TO_FULL, "X-com.example.thing=a b c=d\0"
	       "TargetAlias=the \xc3\xa9 disk\0NewKey=\0\0\0\0",
	       DSC_LOGIN_DONE);
	/* the last NUL left to the padding */
	begin_operational();
	CU_ASSERT_EQUAL(answer_text(LOGIN_OPERATIONAL_TO_FULL, "X-a=b", 5),
			DSC_LOGIN_DONE);
	/* padding that is none */
	begin_operational();
	prepare(LOGIN_OPERATIONAL_TO_FULL, 0, TEXT("X-a=b"));
	d.pdu.bytes[d.pdu.length - 1] = 'x';
	CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_REFUSED);
}

/* ---------------------------------------------------------------- status */

static void test_statuses(void)
{
	static const struct {
		uint16_t status;
		int errnum;
		const char *words;
	} cases[] = {
		{ 0x0200, EPROTO, "(0x0200)" },
		{ 0x0201, EACCES, "authentication failed (0x0201)" },
		{ 0x0202, EACCES, "not authorised (0x0202)" },
		{ 0x0203, ENOENT, "unknown here (0x0203)" },
		{ 0x0204, ENOENT, "removed (0x0204)" },
		{ 0x0205, EPROTO, "version (0x0205)" },
		{ 0x0206, EAGAIN, "(0x0206)" },
		{ 0x0207, EPROTO, "(0x0207)" },
		{ 0x0208, EPROTO, "(0x0208)" },
		{ 0x0209, EOPNOTSUPP, "(0x0209)" },
		{ 0x020a, EPROTO, "(0x020a)" },
		{ 0x020b, EPROTO, "(0x020b)" },
		{ 0x02ff, EPROTO, "(0x02ff)" },
		{ 0x0300, EIO, "(0x0300)" },
		{ 0x0301, EAGAIN, "unavailable (0x0301)" },
		{ 0x0302, EAGAIN, "resources (0x0302)" },
		{ 0x0377, EIO, "(0x0377)" },
		{ 0x0400, EPROTO, "unknown login status (0x0400)" },
		{ 0x0004, EPROTO, "unknown login status (0x0004)" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_operational();
		prepare(0, cases[i].status, TEXT("\x7f is never read"));
		CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_REFUSED);
		assert_error(cases[i].errnum, cases[i].words);
		CU_ASSERT_EQUAL(d.check.error.login_class,
				cases[i].status >> 8);
		CU_ASSERT_EQUAL(d.check.error.login_detail,
				cases[i].status & 0xff);
	}
}

static void redirect_to(uint16_t status, const char *address)
{
	char text[600];
	int used = snprintf(text, sizeof(text), "TargetAddress=%s", address);

	begin_operational();
	prepare(0, status, text, (size_t)used + 1);
}

static void test_redirects(void)
{
	static const struct {
		const char *address;
		const char *portal;  /* NULL: none */
	} cases[] = {
		{ "10.0.0.5:3261,1", "10.0.0.5:3261" },
		{ "10.0.0.5:3261", "10.0.0.5:3261" },
		{ "10.0.0.5", "10.0.0.5:3260" },
		{ "disk-1.example.com,12", "disk-1.example.com:3260" },
		{ "[2001:db8::1]:860,2", "[2001:db8::1]:860" },
		{ "[fe80::1%eth0]", "[fe80::1%eth0]:3260" },
		{ "", NULL },
		{ ":3260", NULL },
		{ "2001:db8::1", NULL },
		{ "[]:3260", NULL },
		{ "[2001:db8::1", NULL },
		{ "host:0", NULL },
		{ "host:65536", NULL },
		{ "host:123456", NULL },
		{ "host:", NULL },
		{ "host:1x", NULL },
		{ "host,x", NULL },
		{ "ho st", NULL },
		{ "host/../x", NULL },
		{ "user@host", NULL },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		redirect_to(0x0101, cases[i].address);
		CU_ASSERT_EQUAL(try_reply(), cases[i].portal != NULL ?
				DSC_LOGIN_REDIRECT : DSC_LOGIN_REFUSED);
		CU_ASSERT_EQUAL(d.check.error.login_class, 1);
		if (cases[i].portal == NULL) {
			assert_error(EPROTO, "is no portal");
			continue;
		}
		CU_ASSERT_STRING_EQUAL(d.check.redirect, cases[i].portal);
	}
}

static void test_kinds_of_redirect(void)
{
	char name[400];

	redirect_to(0x0102, "10.0.0.5");
	CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_REDIRECT);
	CU_ASSERT_EQUAL(d.check.error.errnum, EREMCHG);
	CU_ASSERT_EQUAL(d.check.error.login_detail, 2);
	/* some targets do not say for how long */
	redirect_to(0x0100, "10.0.0.5");
	CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_REDIRECT);
	CU_ASSERT_EQUAL(d.check.error.login_detail, 1);

	begin_operational();
	prepare(0, 0x0101, "", 0);
	CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_REFUSED);
	assert_error(EPROTO, "does not say where to");

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	redirect_to(0x0101, name);
	CU_ASSERT_EQUAL(try_reply(), DSC_LOGIN_REFUSED);
}

/* What a target writes cannot reach a terminal as it is. */
static void test_messages_are_clean(void)
{
	begin_operational();
	REFUSED(LOGIN_OPERATIONAL_TO_FULL, "InitialR2T=\x1b[31mred", EPROTO,
		"InitialR2T=?[31mred");
	begin_operational();
	REFUSED(LOGIN_OPERATIONAL_TO_FULL, "\x1b[2J", EPROTO, "'?[2J'");
}

static const struct dsc_test tests[] = {
	{ "tgtd-without-chap", test_tgtd_without_chap },
	{ "istgt-with-header-digest", test_istgt_with_header_digest },
	{ "defaults", test_defaults },
	{ "declined-keys-have-defaults", test_declined_keys_have_defaults },
	{ "answers-are-combined-with-offers",
	  test_answers_are_combined_with_offers },
	{ "first-burst-fits-max-burst", test_first_burst_fits_max_burst },
	{ "header-digest-required", test_header_digest_required },
	{ "digest-demanded-by-target", test_digest_demanded_by_target },
	{ "data-digest-required", test_data_digest_required },
	{ "several-rounds", test_several_rounds },
	{ "rounds-come-to-an-end", test_rounds_come_to_an_end },
	{ "headers-that-do-not-fit", test_headers_that_do_not_fit },
	{ "closed-window-is-fine", test_closed_window_is_fine },
	{ "lengths", test_lengths },
	{ "stat-sn", test_stat_sn },
	{ "answer-without-request", test_answer_without_request },
	{ "requests-that-are-none", test_requests_that_are_none },
	{ "texts-that-are-wrong", test_texts_that_are_wrong },
	{ "texts-that-are-odd-but-fine", test_texts_that_are_odd_but_fine },
	{ "statuses", test_statuses },
	{ "redirects", test_redirects },
	{ "kinds-of-redirect", test_kinds_of_redirect },
	{ "messages-are-clean", test_messages_are_clean },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("login-check", tests, argc, argv);
}
