/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-login.c: whole attempts through libiscsi against a scripted portal:
 * what comes out, what the descriptor is like, and what is left behind. What
 * may be asked for is in test-login-request.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "login-attempt.h"
#include "login-dialogue.h"

static const struct login_step plain[] = {
	REPLY(LOGIN_OPERATIONAL_TO_FULL, "TargetPortalGroupTag=3\0"
	      ISTGT_RESULTS_REST),
};

/* --------------------------------------------------------------- success */

static void test_descriptor(void)
{
	socklen_t length = sizeof(int);
	int on = 0, error = 1, lowat = 0;

	OPEN_TARGET(plain);
	run();
	CU_ASSERT_EQUAL(at.result.status, 0);
	CU_ASSERT_TRUE_FATAL(at.result.fd >= 0);
	CU_ASSERT_TRUE(fcntl(at.result.fd, F_GETFL) & O_NONBLOCK);
	CU_ASSERT_TRUE(fcntl(at.result.fd, F_GETFD) & FD_CLOEXEC);
	CU_ASSERT_EQUAL(getsockopt(at.result.fd, IPPROTO_TCP, TCP_NODELAY, &on,
				   &length), 0);
	CU_ASSERT_TRUE(on);
	CU_ASSERT_EQUAL(getsockopt(at.result.fd, SOL_SOCKET, SO_ERROR, &error,
				   &length), 0);
	CU_ASSERT_EQUAL(error, 0);
	CU_ASSERT_EQUAL(getsockopt(at.result.fd, SOL_SOCKET, SO_RCVLOWAT,
				   &lowat, &length), 0);
	CU_ASSERT_EQUAL(lowat, 1);
	CU_ASSERT_EQUAL(at.result.params.tpgt, 3);
	CU_ASSERT_EQUAL(at.result.params.tsih, 0x0700);
	CU_ASSERT_EQUAL(at.result.params.max_send_bytes, 262144);
	CU_ASSERT_EQUAL(at.result.params.stat_sn, 1);
	CU_ASSERT_EQUAL(memcmp(at.result.params.isid, at.request.isid, 6), 0);
	close_target();
}

/* This libiscsi sends what the checker's own tests take it to send. */
static void test_libiscsi_offers(void)
{
	static const char expected[] = NAMES OFFERS;
	const struct login_pdu *request = &at.target.requests[0];

	OPEN_TARGET(plain);
	run();
	close_target();
	CU_ASSERT_EQUAL_FATAL(at.target.nrequests, 1);
	CU_ASSERT_EQUAL(request->bytes[0], 0x43);
	CU_ASSERT_EQUAL(request->bytes[1], LOGIN_OPERATIONAL_TO_FULL);
	CU_ASSERT_EQUAL(login_get32(request->bytes + 4) & 0xffffff,
			sizeof(expected));
	CU_ASSERT_EQUAL(memcmp(request->bytes + LOGIN_HEADER, expected,
			       sizeof(expected)), 0);
}

/* What the target sends behind its last reply is for whoever comes next. */
static void test_bytes_behind_the_login(void)
{
	static const struct login_step steps[] = {
		{ LOGIN_REPLY_NOP_IN, LOGIN_OPERATIONAL_TO_FULL, 0,
		  TEXT("TargetPortalGroupTag=3") },
	};
	uint8_t bytes[2 * LOGIN_HEADER];
	ssize_t n;

	OPEN_TARGET(steps);
	run();
	CU_ASSERT_EQUAL(at.result.status, 0);
	n = recv(at.result.fd, bytes, sizeof(bytes), 0);
	CU_ASSERT_EQUAL_FATAL(n, LOGIN_HEADER);
	CU_ASSERT_EQUAL(bytes[0], 0x20);
	CU_ASSERT_EQUAL(login_get32(bytes + 20), 0x12345678);
	close_target();
}

static void test_byte_by_byte(void)
{
	static const struct login_step steps[] = {
		{ LOGIN_REPLY_BYTES, LOGIN_OPERATIONAL_STAY, 0,
		  TEXT("MaxBurstLength=65536") },
		{ LOGIN_REPLY_BYTES, LOGIN_OPERATIONAL_TO_FULL, 0,
		  TEXT("MaxBurstLength=65536") },
	};

	OPEN_TARGET(steps);
	run();
	CU_ASSERT_EQUAL(at.result.status, 0);
	CU_ASSERT_EQUAL(at.result.params.max_burst_bytes, 65536);
	CU_ASSERT_EQUAL(at.result.params.stat_sn, 2);
	close_target();
}

static void test_ipv6(void)
{
	prepare_attempt();
	if (!login_target_start(&at.target, AF_INET6, plain, 1)) {
		close_context();
		dsc_test_skip("no IPv6 loopback here");
		return;
	}
	use_target();
	run();
	CU_ASSERT_EQUAL(at.result.status, 0);
	close_target();
}

static void test_discovery_session(void)
{
	static const struct login_step refusal[] = { REFUSAL(0x0209) };
	const struct login_pdu *request = &at.target.requests[0];

	OPEN_TARGET(plain);
	at.request.target_name = NULL;
	run();
	CU_ASSERT_EQUAL(at.result.status, 0);
	close_target();
	CU_ASSERT_STRING_EQUAL(login_target_value(request, "SessionType"),
			       "Discovery");
	CU_ASSERT_PTR_NULL(login_target_value(request, "TargetName"));

	OPEN_TARGET(refusal);
	at.request.target_name = NULL;
	run();
	assert_failed(EOPNOTSUPP, "discovery login at 127.0.0.1:");
	close_target();
}

/* ------------------------------------------------------------------ CHAP */

#define CHAP_STEPS                                      \
	REPLY(LOGIN_SECURITY_STAY, CHOOSE_CHAP),        \
	REPLY(LOGIN_SECURITY_STAY, CHALLENGE)
#define LAST_STEP REPLY(LOGIN_OPERATIONAL_TO_FULL, TGTD_RESULTS)

static void test_chap(void)
{
	static const struct login_step steps[] = {
		CHAP_STEPS,
		{ LOGIN_REPLY, LOGIN_SECURITY_TO_OPERATIONAL, 0, NULL, 0 },
		LAST_STEP,
	};
	const struct login_pdu *request = &at.target.requests[2];
	char expected[35];

	OPEN_TARGET(steps);
	use_chap();
	run();
	CU_ASSERT_EQUAL(at.result.status, 0);
	close_target();
	CU_ASSERT_EQUAL_FATAL(at.target.nrequests, 4);
	CU_ASSERT_STRING_EQUAL(login_target_value(request, "CHAP_N"), "u");
	login_target_respond(expected, "5", SECRET,
			     strstr(&CHALLENGE[sizeof("CHAP_A=5")] +
				    sizeof("CHAP_I=5"), "0x"));
	CU_ASSERT_EQUAL(strcasecmp(login_target_value(request, "CHAP_R"),
				   expected), 0);
}

static void test_mutual_chap(void)
{
	static const struct login_step steps[] = {
		CHAP_STEPS,
		{ LOGIN_PROOF, LOGIN_SECURITY_TO_OPERATIONAL, 0, NULL, 0 },
		LAST_STEP,
	};

	OPEN_TARGET(steps);
	use_mutual_chap();
	run();
	CU_ASSERT_EQUAL(at.result.status, 0);
	close_target();
}

static void test_mutual_chap_wrong_proof(void)
{
	static const struct login_step steps[] = {
		CHAP_STEPS,
		{ LOGIN_WRONG_PROOF, LOGIN_SECURITY_TO_OPERATIONAL, 0, NULL,
		  0 },
	};

	OPEN_TARGET(steps);
	use_mutual_chap();
	run();
	assert_failed(EACCES, "refused: the target did not prove itself");
	CU_ASSERT_EQUAL(at.result.error.login_class, -1);
	close_target();
}

/* libiscsi alone would be logged in by either of these. */
static void test_mutual_chap_skipped(void)
{
	static const struct login_step skips[][1] = {
		{ REPLY(LOGIN_OPERATIONAL_TO_FULL, TGTD_RESULTS) },
		{ REPLY(0x83, TGTD_RESULTS) },
	};
	static const struct login_step no_chap[] = {
		REPLY(LOGIN_SECURITY_TO_OPERATIONAL, "AuthMethod=None"),
		LAST_STEP,
	};
	size_t i;

	for (i = 0; i < 2; i++) {
		OPEN_TARGET(skips[i]);
		use_mutual_chap();
		run();
		CU_ASSERT_EQUAL(at.result.status, -EACCES);
		close_target();
		CU_ASSERT_EQUAL(at.target.nrequests, 1);
	}
	OPEN_TARGET(no_chap);
	use_mutual_chap();
	run();
	assert_failed(EACCES, "does not prove itself");
	close_target();
}

static void test_one_way_chap_not_wanted(void)
{
	static const struct login_step steps[] = {
		REPLY(LOGIN_SECURITY_TO_OPERATIONAL, "AuthMethod=None"),
		LAST_STEP,
	};

	OPEN_TARGET(steps);
	use_chap();
	run();
	CU_ASSERT_EQUAL(at.result.status, 0);
	close_target();
}

/* -------------------------------------------------------------- refusals */

static void test_refusal(void)
{
	static const struct login_step steps[] = {
		CHAP_STEPS, REFUSAL(0x0201),
	};
	char expected[256];

	OPEN_TARGET(steps);
	use_chap();
	run();
	snprintf(expected, sizeof(expected), "login to iqn.2026-01.test:t at "
		 "%s refused: authentication failed (0x0201)",
		 at.target.portal);
	CU_ASSERT_EQUAL(at.result.status, -EACCES);
	CU_ASSERT_EQUAL(at.result.error.login_class, 2);
	CU_ASSERT_EQUAL(at.result.error.login_detail, 1);
	CU_ASSERT_STRING_EQUAL(at.result.error.message, expected);
	close_target();
}

static void test_redirect(void)
{
	static const struct login_step steps[] = {
		{ LOGIN_REPLY, 0, 0x0101, TEXT("TargetAddress=[::1]:4,1") },
	};

	OPEN_TARGET(steps);
	run();
	assert_failed(EREMCHG, "redirected: the target has moved for a time");
	CU_ASSERT_EQUAL(at.result.error.login_class, 1);
	CU_ASSERT_EQUAL(at.result.error.login_detail, 1);
	CU_ASSERT_STRING_EQUAL(at.result.redirect, "[::1]:4");
	close_target();
}

static void test_violation(void)
{
	static const struct login_step steps[] = {
		REPLY(LOGIN_OPERATIONAL_TO_FULL, "MaxBurstLength=1"),
	};

	OPEN_TARGET(steps);
	run();
	assert_failed(EPROTO, "failed: the target sent MaxBurstLength=1");
	close_target();
}

/* A challenge that would make libiscsi read beyond its end. */
static void test_odd_challenge(void)
{
	static const struct login_step steps[] = {
		REPLY(LOGIN_SECURITY_STAY, CHOOSE_CHAP),
		REPLY(LOGIN_SECURITY_STAY,
		      "CHAP_A=5\0CHAP_I=1\0CHAP_C=0x123"),
	};

	OPEN_TARGET(steps);
	use_chap();
	run();
	assert_failed(EPROTO, "malformed");
	close_target();
}

static void test_rounds_end(void)
{
	static const struct login_step steps[10] = {
		[0 ... 9] = { LOGIN_REPLY, LOGIN_OPERATIONAL_STAY, 0, NULL, 0 },
	};

	OPEN_TARGET(steps);
	run();
	assert_failed(EPROTO, "does not come to an end");
	close_target();
}

/* --------------------------------------------------------------- network */

static void test_nobody_listens(void)
{
	OPEN_TARGET(plain);
	login_target_stop(&at.target);
	run();
	assert_failed(ECONNREFUSED, "nothing listens there");
	CU_ASSERT_PTR_NOT_NULL(strstr(at.result.error.message,
				      at.target.portal));
	close_context();
}

/* connect() itself says so: that too comes by the callback. */
static void test_unreachable_at_once(void)
{
	static const struct sockaddr_in nowhere = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = 0xffffffff,
		.sin_port = 0xbc0c,
	};

	prepare_attempt();
	at.request.address = (const struct sockaddr *)&nowhere;
	at.request.address_length = sizeof(nowhere);
	at.request.portal = "255.255.255.255:3260";
	run();
	CU_ASSERT_TRUE(at.result.status == -ENETUNREACH ||
		       at.result.status == -EHOSTUNREACH);
	CU_ASSERT_PTR_NOT_NULL(strstr(at.result.error.message,
				      "at 255.255.255.255:3260 failed: "));
	close_context();

	prepare_attempt();
	at.request.address = (const struct sockaddr *)&nowhere;
	at.request.address_length = sizeof(nowhere);
	at.request.portal = "255.255.255.255:3260";
	start_attempt();
	dsc_login_cancel(at.login);
	discsi_context_dispatch(at.ctx, 0);
	CU_ASSERT_EQUAL(at.calls, 0);
	close_context();
}

static void test_silence(void)
{
	static const struct login_step steps[] = {
		{ LOGIN_SILENCE, 0, 0, NULL, 0 },
	};

	OPEN_TARGET(steps);
	at.request.timeout_ms = 150;
	run();
	assert_failed(ETIMEDOUT, "login to iqn.2026-01.test:t at 127.0.0.1:");
	assert_failed(ETIMEDOUT, "no answer in 150 ms");
	close_target();
}

static void test_half_a_reply_is_waited_for_calmly(void)
{
	static const struct login_step steps[] = {
		{ LOGIN_REPLY_HALF, LOGIN_OPERATIONAL_TO_FULL, 0, NULL, 0 },
	};

	OPEN_TARGET(steps);
	at.request.timeout_ms = 150;
	run();
	assert_failed(ETIMEDOUT, "no answer in 150 ms");
	CU_ASSERT_TRUE(at.turns < 20);
	close_target();
}

static void test_lost_connection(void)
{
	static const struct login_step closed[] = {
		{ LOGIN_CLOSE, 0, 0, NULL, 0 },
	};
	static const struct login_step reset[] = {
		{ LOGIN_RESET, 0, 0, NULL, 0 },
	};
	static const struct login_step on_response[] = {
		CHAP_STEPS, { LOGIN_CLOSE, 0, 0, NULL, 0 },
	};

	OPEN_TARGET(closed);
	run();
	assert_failed(ENOTCONN, "the portal closed the connection during "
		      "login");
	close_target();
	OPEN_TARGET(reset);
	run();
	assert_failed(ENOTCONN, "the connection was lost during login");
	close_target();
	OPEN_TARGET(on_response);
	use_chap();
	run();
	assert_failed(ENOTCONN, "CHAP response");
	close_target();
}

/* ---------------------------------------------------------------- cancel */

static void test_cancel_at_every_turn(void)
{
	static const struct login_step steps[] = {
		CHAP_STEPS,
		{ LOGIN_PROOF, LOGIN_SECURITY_TO_OPERATIONAL, 0, NULL, 0 },
		LAST_STEP,
	};
	unsigned int turns, i, fds = count_fds();

	for (turns = 0; ; turns++) {
		OPEN_TARGET(steps);
		use_mutual_chap();
		start_attempt();
		for (i = 0; i < turns && at.calls == 0; i++)
			discsi_context_dispatch(at.ctx, 100);
		i = at.calls;
		dsc_login_cancel(at.login);
		discsi_context_dispatch(at.ctx, 0);
		CU_ASSERT_EQUAL(at.calls, i);
		close_target();
		if (i == 1)
			break;
		CU_ASSERT_TRUE_FATAL(turns < 100);
	}
	CU_ASSERT_TRUE(turns >= 2);
	CU_ASSERT_EQUAL(count_fds(), fds);
	dsc_login_cancel(NULL);
}

static const struct dsc_test tests[] = {
	{ "descriptor", test_descriptor },
	{ "libiscsi-offers", test_libiscsi_offers },
	{ "bytes-behind-the-login", test_bytes_behind_the_login },
	{ "byte-by-byte", test_byte_by_byte },
	{ "ipv6", test_ipv6 },
	{ "discovery-session", test_discovery_session },
	{ "chap", test_chap },
	{ "mutual-chap", test_mutual_chap },
	{ "mutual-chap-wrong-proof", test_mutual_chap_wrong_proof },
	{ "mutual-chap-skipped", test_mutual_chap_skipped },
	{ "one-way-chap-not-wanted", test_one_way_chap_not_wanted },
	{ "refusal", test_refusal },
	{ "redirect", test_redirect },
	{ "violation", test_violation },
	{ "odd-challenge", test_odd_challenge },
	{ "rounds-end", test_rounds_end },
	{ "nobody-listens", test_nobody_listens },
	{ "unreachable-at-once", test_unreachable_at_once },
	{ "silence", test_silence },
	{ "half-a-reply-is-waited-for-calmly",
	  test_half_a_reply_is_waited_for_calmly },
	{ "lost-connection", test_lost_connection },
	{ "cancel-at-every-turn", test_cancel_at_every_turn },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("login", tests, argc, argv);
}
