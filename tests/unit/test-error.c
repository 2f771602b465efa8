/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-error.c: what a caller sees of a failure: the errno, one clean sentence,
 * one last error per thread, names of errnos; and the version.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <discsi/discsi.h>

#include "base/error.h"
#include "base/text.h"
#include "harness/harness.h"

static void test_set(void)
{
	struct discsi_error error;

	memset(&error, 0x55, sizeof(error));
	CU_ASSERT_EQUAL(dsc_error_set(&error, ENXIO, "no LUN %d", 7), -ENXIO);
	CU_ASSERT_EQUAL(error.size, sizeof(error));
	CU_ASSERT_EQUAL(error.errnum, ENXIO);
	CU_ASSERT_STRING_EQUAL(error.message, "no LUN 7");
	CU_ASSERT_EQUAL(error.login_class, -1);
	CU_ASSERT_EQUAL(error.login_detail, -1);
	CU_ASSERT_EQUAL(error.scsi_status, -1);
	CU_ASSERT_EQUAL(error.sense_key, -1);
	CU_ASSERT_EQUAL(error.asc, -1);
	CU_ASSERT_EQUAL(error.ascq, -1);
}

static void test_set_from_itself(void)
{
	struct discsi_error error;

	dsc_error_set(&error, EIO, "inner");
	dsc_error_set(&error, EPROTO, "outer: %s", error.message);
	CU_ASSERT_STRING_EQUAL(error.message, "outer: inner");
}

static void test_long_message_is_cut(void)
{
	struct discsi_error error;

	dsc_error_set(&error, EIO, "%01000d", 5);
	CU_ASSERT_EQUAL(strlen(error.message), DISCSI_ERROR_MESSAGE_MAX - 1);
}

static void test_prefix(void)
{
	struct discsi_error error;

	dsc_error_set(&error, EACCES, "authentication failed");
	error.login_class = 2;
	dsc_error_prefix(&error, "login to %s", "iqn.x");
	CU_ASSERT_STRING_EQUAL(error.message,
			       "login to iqn.x: authentication failed");
	CU_ASSERT_EQUAL(error.errnum, EACCES);
	CU_ASSERT_EQUAL(error.login_class, 2);
}

static void test_prefix_cuts_at_the_end(void)
{
	struct discsi_error error;
	const size_t most = DISCSI_ERROR_MESSAGE_MAX - 1;

	dsc_error_set(&error, EIO, "%0500d", 5);
	dsc_error_prefix(&error, "a prefix of some length");
	CU_ASSERT_EQUAL(strlen(error.message), most);
	CU_ASSERT_EQUAL(strncmp(error.message, "a prefix of", 11), 0);

	dsc_error_prefix(&error, "%0600d", 5);
	CU_ASSERT(strlen(error.message) <= most);
	CU_ASSERT_EQUAL(error.message[0], '0');
}

static void test_message_is_one_clean_line(void)
{
	struct discsi_error error;

	dsc_error_set(&error, EIO, "vendor \"%s\"", "a\nb\x1b[31m\x7f");
	CU_ASSERT_STRING_EQUAL(error.message, "vendor \"a?b?[31m?\"");
}

static void check_clean(const char *in, const char *out)
{
	char text[64];

	memcpy(text, in, strlen(in) + 1);
	dsc_text_clean(text);
	CU_ASSERT_STRING_EQUAL(text, out);
	CU_ASSERT_EQUAL(dsc_text_is_clean(in), strcmp(in, out) == 0);
}

static void test_text_clean(void)
{
	check_clean("", "");
	check_clean("plain", "plain");
	check_clean("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x92\xbe",
		    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x92\xbe");
	check_clean("latin \xfc!", "latin ?!");
	check_clean("cut \xe2\x82", "cut ??");
	check_clean("cut \xf0\x9f\x92", "cut ???");
	check_clean("csi \xc2\x9b" "31m", "csi ??31m");
	check_clean("overlong \xc0\xaf \xe0\x80\xaf", "overlong ?? ???");
	check_clean("surrogate \xed\xa0\x80", "surrogate ???");
	check_clean("beyond \xf4\x90\x80\x80", "beyond ????");
	check_clean("\xff\xfe", "??");
}

static void test_text_is_utf8(void)
{
	CU_ASSERT_TRUE(dsc_text_is_utf8(""));
	CU_ASSERT_TRUE(dsc_text_is_utf8("\t\x7f \xc2\x9b \xf4\x8f\xbf\xbf"));
	CU_ASSERT_FALSE(dsc_text_is_utf8("latin \xfc!"));
	CU_ASSERT_FALSE(dsc_text_is_utf8("cut \xe2\x82"));
	CU_ASSERT_FALSE(dsc_text_is_utf8("surrogate \xed\xa0\x80"));
}

static void test_last_error(void)
{
	struct discsi_error error;

	CU_ASSERT_EQUAL(dsc_fail(EBUSY, "%s is mounted", "sda"), -EBUSY);
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, EBUSY);
	CU_ASSERT_STRING_EQUAL(discsi_last_error()->message, "sda is mounted");

	dsc_error_set(&error, ENODATA, "medium error");
	error.sense_key = 3;
	error.asc = 0x11;
	CU_ASSERT_EQUAL(dsc_fail_with(&error), -ENODATA);
	CU_ASSERT_EQUAL(discsi_last_error()->sense_key, 3);
	CU_ASSERT_EQUAL(discsi_last_error()->asc, 0x11);
	CU_ASSERT_STRING_EQUAL(discsi_last_error()->message, "medium error");
	CU_ASSERT_EQUAL(dsc_fail_with(discsi_last_error()), -ENODATA);

	CU_ASSERT_EQUAL(dsc_fail_memory(), -ENOMEM);
	CU_ASSERT_EQUAL(discsi_last_error()->sense_key, -1);
	CU_ASSERT(discsi_last_error()->message[0] != '\0');
}

struct seen {
	struct discsi_error before;
	int after;
};

static void *fail_elsewhere(void *arg)
{
	struct seen *seen = arg;

	seen->before = *discsi_last_error();
	dsc_fail(EROFS, "elsewhere");
	seen->after = discsi_last_error()->errnum;
	return NULL;
}

static void test_last_error_is_per_thread(void)
{
	struct seen seen;
	pthread_t thread;

	dsc_fail(EBUSY, "here");
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, fail_elsewhere,
					     &seen), 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(seen.before.errnum, 0);
	CU_ASSERT_EQUAL(seen.before.size, sizeof(seen.before));
	CU_ASSERT_EQUAL(seen.before.login_class, -1);
	CU_ASSERT_STRING_EQUAL(seen.before.message, "");
	CU_ASSERT_EQUAL(seen.after, EROFS);
	CU_ASSERT_STRING_EQUAL(discsi_last_error()->message, "here");
}

static void test_errno_names(void)
{
	static const struct {
		int errnum;
		const char *name;
	} table[] = {
		{ EINVAL, "EINVAL" }, { ERANGE, "ERANGE" },
		{ EADDRNOTAVAIL, "EADDRNOTAVAIL" },
		{ ECONNREFUSED, "ECONNREFUSED" },
		{ EHOSTUNREACH, "EHOSTUNREACH" },
		{ ENETUNREACH, "ENETUNREACH" }, { EACCES, "EACCES" },
		{ ENOENT, "ENOENT" }, { EAGAIN, "EAGAIN" },
		{ ENXIO, "ENXIO" }, { ESTALE, "ESTALE" }, { EROFS, "EROFS" },
		{ EBADE, "EBADE" }, { ENODATA, "ENODATA" },
		{ ENOSPC, "ENOSPC" }, { ETIMEDOUT, "ETIMEDOUT" },
		{ ENOTCONN, "ENOTCONN" }, { EPROTO, "EPROTO" },
		{ EOPNOTSUPP, "EOPNOTSUPP" }, { ECANCELED, "ECANCELED" },
		{ EBUSY, "EBUSY" }, { EIO, "EIO" }, { EDEADLK, "EDEADLK" },
		{ EREMCHG, "EREMCHG" }, { EPIPE, "EPIPE" }, { 0, "0" },
		{ 99999, "EIO" },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		CU_ASSERT_STRING_EQUAL(discsi_errno_name(table[i].errnum),
				       table[i].name);
		CU_ASSERT_STRING_EQUAL(discsi_errno_name(-table[i].errnum),
				       table[i].name);
	}
}

static void test_version(void)
{
	CU_ASSERT_STRING_EQUAL(discsi_version(), DISCSI_VERSION);
}

static const struct dsc_test tests[] = {
	{ "set", test_set },
	{ "set from itself", test_set_from_itself },
	{ "long message is cut", test_long_message_is_cut },
	{ "prefix", test_prefix },
	{ "prefix cuts at the end", test_prefix_cuts_at_the_end },
	{ "message is one clean line", test_message_is_one_clean_line },
	{ "text clean", test_text_clean },
	{ "text is utf8", test_text_is_utf8 },
	{ "last error", test_last_error },
	{ "last error is per thread", test_last_error_is_per_thread },
	{ "errno names", test_errno_names },
	{ "version", test_version },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("error", tests, argc, argv);
}
