/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-login-request.c: what can be asked of a login and what cannot, and
 * what must not have a say in it.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "login-attempt.h"
#include "login-dialogue.h"

static const struct login_step plain[] = {
	REPLY(LOGIN_OPERATIONAL_TO_FULL, "TargetPortalGroupTag=3\0"
	      ISTGT_RESULTS_REST),
};

/* ----------------------------------------------------- what is asked for */

static void test_isids(void)
{
	static const uint8_t isids[][6] = {
		{ 0x02, 0x3d, 0x04, 0x05, 0x06, 0x07 },  /* OUI */
		{ 0x40, 0x00, 0x01, 0x37, 0xab, 0xcd },  /* enterprise number */
		{ 0x80, 0x12, 0x34, 0x56, 0x78, 0x9a },  /* random */
		{ 0xc0, 0, 0, 0, 0, 0 },                 /* reserved */
	};
	size_t i;

	for (i = 0; i < sizeof(isids) / sizeof(isids[0]); i++) {
		OPEN_TARGET(plain);
		memcpy(at.request.isid, isids[i], 6);
		run();
		CU_ASSERT_EQUAL(at.result.status, 0);
		CU_ASSERT_EQUAL(memcmp(at.result.params.isid, isids[i], 6), 0);
		close_target();
		CU_ASSERT_EQUAL(memcmp(at.target.requests[0].bytes + 8,
				       isids[i], 6), 0);
	}
}

static void test_header_digest(void)
{
	static const struct login_step steps[] = {
		REPLY(LOGIN_OPERATIONAL_TO_FULL, "HeaderDigest=CRC32C"),
	};
	static const char *const offers[] = {
		[DSC_DIGEST_PREFER] = "CRC32C,None",
		[DSC_DIGEST_REQUIRE] = "CRC32C",
	};
	enum dsc_digest digest;

	for (digest = DSC_DIGEST_PREFER; digest <= DSC_DIGEST_REQUIRE;
	     digest++) {
		OPEN_TARGET(steps);
		at.request.header_digest = digest;
		run();
		CU_ASSERT_EQUAL(at.result.status, 0);
		CU_ASSERT_TRUE(at.result.params.header_digest);
		close_target();
		CU_ASSERT_STRING_EQUAL(
			login_target_value(&at.target.requests[0],
					   "HeaderDigest"), offers[digest]);
	}
	OPEN_TARGET(plain);
	at.request.header_digest = DSC_DIGEST_REQUIRE;
	run();
	assert_failed(EOPNOTSUPP, "header digest is required");
	close_target();
}

/* --------------------------------------------------------------- requests */

static void assert_cannot_start(int errnum, const char *words)
{
	struct discsi_error error;

	at.login = NULL;
	CU_ASSERT_EQUAL(try_start(&error), -errnum);
	CU_ASSERT_EQUAL(error.errnum, errnum);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.message, words));
	CU_ASSERT_PTR_NULL(strstr(error.message, "canary"));
	CU_ASSERT_PTR_NULL(at.login);
	discsi_context_dispatch(at.ctx, 0);
	CU_ASSERT_EQUAL(at.calls, 0);
}

static void prepare_anywhere(void)
{
	static const struct sockaddr_in local = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = 0x0100007f,
		.sin_port = 0x0100,
	};

	prepare_attempt();
	at.request.address = (const struct sockaddr *)&local;
	at.request.address_length = sizeof(local);
	at.request.portal = "127.0.0.1:1";
}

static void test_names_that_cannot_be_used(void)
{
	char longest[225];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	prepare_anywhere();
	at.request.initiator_name = "";
	assert_cannot_start(EINVAL, "initiator name");
	at.request.initiator_name = longest;
	assert_cannot_start(EINVAL, "initiator name");
	at.request.initiator_name = longest + 1;
	at.request.target_name = longest;
	assert_cannot_start(EINVAL, "target name");
	at.request.target_name = "";
	assert_cannot_start(EINVAL, "target name");
	close_context();
}

static void test_chap_that_cannot_be_used(void)
{
	prepare_anywhere();
	at.request.username = "u";
	assert_cannot_start(EINVAL, "CHAP needs");
	at.request.password = &at.password;
	assert_cannot_start(EINVAL, "CHAP needs");
	dsc_secret_set(&at.password, "", 0);
	assert_cannot_start(EINVAL, "CHAP needs");
	use_mutual_chap();
	at.request.username = NULL;
	assert_cannot_start(EINVAL, "our own too");
	at.request.username = "";
	assert_cannot_start(EINVAL, "CHAP needs");
	at.request.username = "u";
	at.request.target_username = "";
	assert_cannot_start(EINVAL, "target username");
	at.request.target_username = "tu";
	dsc_secret_set(&at.target_password, SECRET, strlen(SECRET));
	assert_cannot_start(EINVAL, "are the same");
	close_context();
}

static void test_isids_that_cannot_be_used(void)
{
	static const uint8_t isids[][6] = {
		{ 0x41, 0, 0, 0, 0, 0 },
		{ 0xbf, 0, 0, 0, 0, 0 },
		{ 0xc1, 0, 0, 0, 0, 0 },
		{ 0xc0, 0, 0, 0, 0, 1 },
	};
	size_t i;

	prepare_anywhere();
	for (i = 0; i < sizeof(isids) / sizeof(isids[0]); i++) {
		memcpy(at.request.isid, isids[i], 6);
		assert_cannot_start(EINVAL, "ISID");
	}
	close_context();
}

static void test_data_digest(void)
{
	if (dsc_login_has_data_digest()) {
		dsc_test_skip("this libiscsi has data digests");
		return;
	}
	prepare_anywhere();
	at.request.data_digest = DSC_DIGEST_REQUIRE;
	assert_cannot_start(EOPNOTSUPP, "data digest");
	close_context();

	OPEN_TARGET(plain);
	at.request.data_digest = DSC_DIGEST_PREFER;
	run();
	CU_ASSERT_EQUAL(at.result.status, 0);
	CU_ASSERT_FALSE(at.result.params.data_digest);
	close_target();
}

/* However few descriptors there are, none is lost. */
static void test_no_descriptors(void)
{
	struct rlimit limit, before;
	struct discsi_error error;
	unsigned int fds;
	int rc = -1;

	prepare_anywhere();
	fds = count_fds();
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (limit = before, limit.rlim_cur = 3; rc != 0; limit.rlim_cur++) {
		CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
		rc = try_start(&error);
		CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
		if (rc == 0)
			break;
		/* valgrind has a limit of its own, at which dup3() says EBADF */
		CU_ASSERT_TRUE(rc == -EMFILE || rc == -EBADF);
		CU_ASSERT_EQUAL(count_fds(), fds);
		CU_ASSERT_TRUE_FATAL(limit.rlim_cur < 1000);
	}
	dsc_login_cancel(at.login);
	CU_ASSERT_EQUAL(count_fds(), fds);
	close_context();
}

/* What libiscsi takes from the environment has no effect on us. */
static void test_environment(void)
{
	static const char *const names[] = {
		"LIBISCSI_TCP_USER_TIMEOUT", "LIBISCSI_TCP_KEEPCNT",
		"LIBISCSI_TCP_KEEPINTVL", "LIBISCSI_TCP_KEEPIDLE",
		"LIBISCSI_TCP_SYNCNT", "LIBISCSI_CHAP_USERNAME",
		"LIBISCSI_CHAP_PASSWORD", "LIBISCSI_BIND_INTERFACES",
	};
	socklen_t length = sizeof(int);
	int timeout = -1, keepidle = -1;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		setenv(names[i], "77", 1);
	OPEN_TARGET(plain);
	run();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	CU_ASSERT_EQUAL_FATAL(at.result.status, 0);
	CU_ASSERT_EQUAL(getsockopt(at.result.fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
				   &timeout, &length), 0);
	CU_ASSERT_EQUAL(timeout, 0);
	CU_ASSERT_EQUAL(getsockopt(at.result.fd, IPPROTO_TCP, TCP_KEEPIDLE,
				   &keepidle, &length), 0);
	CU_ASSERT_EQUAL(keepidle, 30);
	close_target();
}

static const struct dsc_test tests[] = {
	{ "isids", test_isids },
	{ "header-digest", test_header_digest },
	{ "names-that-cannot-be-used", test_names_that_cannot_be_used },
	{ "chap-that-cannot-be-used", test_chap_that_cannot_be_used },
	{ "isids-that-cannot-be-used", test_isids_that_cannot_be_used },
	{ "data-digest", test_data_digest },
	{ "no-descriptors", test_no_descriptors },
	{ "environment", test_environment },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("login-request", tests, argc, argv);
}
