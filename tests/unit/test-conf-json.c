/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conf-json.c: configurations in JSON: what agents send, what is no
 * JSON, wrong types and values named by their path, warnings about unknown
 * members, and a dump that reads back as itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "harness/harness.h"

#define IQN "iqn.2024-05.com.example:disk1"
#define CANARY "canary-s3cret"
#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

static char warnings[512];

static void warn(void *arg, const char *sentence)
{
	size_t used = strlen(warnings);

	CU_ASSERT_PTR_EQUAL(arg, warnings);
	snprintf(warnings + used, sizeof(warnings) - used, "%s\n", sentence);
}

static struct discsi_conf *make(void)
{
	struct discsi_conf *conf = NULL;

	CU_ASSERT_EQUAL_FATAL(discsi_conf_new(&conf), 0);
	return conf;
}

static int take(struct discsi_conf *conf, const char *text)
{
	int rc;

	warnings[0] = '\0';
	rc = discsi_conf_set_json(conf, text, strlen(text), warn, warnings);
	CU_ASSERT_PTR_NULL(strstr(warnings, CANARY));
	if (rc != 0) {
		CU_ASSERT_EQUAL(discsi_last_error()->errnum, -rc);
		CU_ASSERT_PTR_NULL(strstr(discsi_last_error()->message,
					  CANARY));
	}
	return rc;
}

static bool message_has(const char *text)
{
	return strstr(discsi_last_error()->message, text) != NULL;
}

/* ------------------------------------------------------------- accepted */

static void test_agent(void)
{
	struct discsi_conf *conf = make();

	CU_ASSERT_EQUAL(take(conf, "{\"target\": \"10.0.0.5\", "
			     "\"iqn\": \"" IQN "\", "
			     "\"portal\": \"10.0.0.5:3261\", "
			     "\"username\": \"me\", "
			     "\"password\": \"" CANARY "\", "
			     "\"lun_id\": 1}\n"), 0);
	CU_ASSERT_STRING_EQUAL(warnings, "");
	CU_ASSERT_STRING_EQUAL(conf->target, "10.0.0.5");
	CU_ASSERT_STRING_EQUAL(conf->iqn, IQN);
	CU_ASSERT_EQUAL(conf->nportals, 1);
	CU_ASSERT_EQUAL(conf->portals[0].port, 3261);
	CU_ASSERT_STRING_EQUAL(conf->username, "me");
	CU_ASSERT_STRING_EQUAL(conf->password.text, CANARY);
	CU_ASSERT_TRUE(conf->has_lun_id);
	CU_ASSERT_EQUAL(conf->lun_id, 1);
	discsi_conf_free(conf);
}

static void test_other_members(void)
{
	struct discsi_conf *conf = make();

	CU_ASSERT_EQUAL(take(conf, "{\"portals\": [\"a\", \"[::1]:2\"],"
			     "\"target_username\": \"san\","
			     "\"target_password\": \"\\u00e4\\\"\\\\x\","
			     "\"initiator_name\": \"iqn.2020-01.x.y:z\","
			     "\"expected_id\": \"naa.6\","
			     "\"header_digest\": \"require\","
			     "\"data_digest\": \"prefer\","
			     "\"read_only\": true,"
			     "\"login_timeout\": 5, \"command_timeout\": 6,"
			     "\"noop_interval\": 7, \"noop_timeout\": 8,"
			     "\"replacement_timeout\": -1,"
			     "\"replay_barrier\": \"lun_reset\","
			     "\"sessions\": 2, \"poll_us\": 50}"),
			0);
	CU_ASSERT_EQUAL(conf->nportals, 2);
	CU_ASSERT_STRING_EQUAL(conf->portals[1].host, "::1");
	CU_ASSERT_STRING_EQUAL(conf->target_password.text, "\xc3\xa4\"\\x");
	CU_ASSERT_EQUAL(conf->header_digest, DSC_CONF_DIGEST_REQUIRE);
	CU_ASSERT_EQUAL(conf->data_digest, DSC_CONF_DIGEST_PREFER);
	CU_ASSERT_TRUE(conf->read_only);
	CU_ASSERT_EQUAL(conf->login_timeout_ms, 5);
	CU_ASSERT_EQUAL(conf->command_timeout_ms, 6);
	CU_ASSERT_EQUAL(conf->noop_interval_ms, 7);
	CU_ASSERT_EQUAL(conf->noop_timeout_ms, 8);
	CU_ASSERT_EQUAL(conf->replacement_timeout_ms, DSC_CONF_FOR_EVER);
	CU_ASSERT_EQUAL(conf->replay_barrier, DSC_CONF_BARRIER_LUN_RESET);
	CU_ASSERT_EQUAL(conf->sessions, 2);
	CU_ASSERT_EQUAL(conf->poll_us, 50);
	discsi_conf_free(conf);
}

/* Programs that write every member write these for what they lack. */
static void test_absent(void)
{
	struct discsi_conf *conf = make();

	CU_ASSERT_EQUAL(take(conf, "{\"username\": \"me\", \"lun_id\": 4,"
			     "\"portals\": [\"a\", \"b\"]}"), 0);
	CU_ASSERT_EQUAL(take(conf, "{\"username\": \"\", \"password\": \"\","
			     "\"portal\": \"\", \"portals\": [],"
			     "\"lun_id\": null, \"read_only\": null}"), 0);
	CU_ASSERT_STRING_EQUAL(conf->username, "me");
	CU_ASSERT_FALSE(dsc_secret_is_set(&conf->password));
	CU_ASSERT_EQUAL(conf->nportals, 2);
	CU_ASSERT_EQUAL(conf->lun_id, 4);
	discsi_conf_free(conf);
}

static void test_later_wins(void)
{
	struct discsi_conf *conf = make();

	CU_ASSERT_EQUAL(take(conf, "{\"lun_id\": 1, \"lun_id\": 2,"
			     "\"portal\": \"a\", \"portals\": [\"b\", \"c\"]}"),
			0);
	CU_ASSERT_EQUAL(conf->lun_id, 2);
	CU_ASSERT_EQUAL(conf->nportals, 2);
	CU_ASSERT_EQUAL(take(conf, "{\"portals\": [\"b\", \"c\"],"
			     "\"portal\": \"a\"}"), 0);
	CU_ASSERT_EQUAL(conf->nportals, 1);
	CU_ASSERT_EQUAL(take(conf, " \r\n\t{ }\n\n "), 0);
	CU_ASSERT_EQUAL(conf->lun_id, 2);
	discsi_conf_free(conf);
}

static void test_unknown(void)
{
	struct discsi_conf *conf = make();
	const char *text = "{\"lun\": 1, \"passwrod\": \"" CANARY "\","
			   "\"x\\u001b[31m\": {\"y\": [null]}, \"lun_id\": 9}";

	CU_ASSERT_EQUAL(take(conf, text), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(warnings, "\"lun\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(warnings, "\"passwrod\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(warnings, "\"x?[31m\""));
	CU_ASSERT_EQUAL(conf->lun_id, 9);
	CU_ASSERT_EQUAL(discsi_conf_set_json(conf, text, strlen(text), NULL,
					     NULL), 0);
	discsi_conf_free(conf);
}

/* -------------------------------------------------------------- refused */

static const struct {
	const char *text, *part;
} bad[] = {
	/* types */
	{ "{\"target\": 5}", "target: must be text, not a number" },
	{ "{\"iqn\": {\"a\": 1}}", "iqn: must be text, not an object" },
	{ "{\"password\": 123456}", "password: must be text, not a number" },
	{ "{\"password\": [\"" CANARY "\"]}", "password: must be text" },
	{ "{\"portal\": [\"a\"]}", "portal: must be text, not a list" },
	{ "{\"portals\": \"a\"}", "portals: must be a list of portals" },
	{ "{\"portals\": [\"a\", 5]}", "portals[1]: must be text" },
	{ "{\"portals\": [\"a\", \"b\", \"\"]}", "portals[2]" },
	{ "{\"portals\": [\"a:x\"]}", "portals[0]" },
	{ "{\"portals\": [\"a\", null]}", "portals[1]: must be text" },
	{ "{\"portals\": {\"a\": 1}}", "portals: must be a list" },
	{ "{\"read_only\": \"true\"}", "read_only: must be true or false" },
	{ "{\"read_only\": 1}", "read_only: must be true or false" },
	{ "{\"lun_id\": \"1\"}",
	  "lun_id: must be a whole number from 0 to 16383" },
	{ "{\"lun_id\": true}", "lun_id: must be a whole number" },
	{ "{\"lun_id\": 1.0}", "lun_id: must be a whole number" },
	{ "{\"lun_id\": 1e2}", "lun_id: must be a whole number" },
	{ "{\"lun_id\": [1]}", "lun_id: must be a whole number" },
	{ "{\"login_timeout\": \"15\"}", "login_timeout: must be a whole" },
	/* values */
	{ "{\"lun_id\": -1}", "lun_id: must be a whole number" },
	{ "{\"lun_id\": 16384}", "lun_id: must be a whole number" },
	{ "{\"lun_id\": 9223372036854775808}", "lun_id: must be" },
	{ "{\"lun_id\": 99999999999999999999999}", "lun_id: must be" },
	{ "{\"login_timeout\": 0}",
	  "login_timeout: must be a whole number from 1 to 3600000" },
	{ "{\"command_timeout\": 86400001}", "command_timeout" },
	{ "{\"header_digest\": \"CRC32C\"}", "header_digest: must be \"none" },
	{ "{\"iqn\": \"disk1\"}", "iqn: must be an iSCSI name" },
	{ "{\"iqn\": \"" IQN "\\u0000x\"}", "iqn: must not hold a NUL" },
	{ "{\"password\": \"" CANARY "\\u0000\"}", "password: must not hold" },
	{ "{\"portal\": \"me%" CANARY "@san\"}", "portal: must be" },
	{ "{\"username\": \"a\\nb\"}", "username: must be UTF-8 text" },
	{ "{\"password_file\": \"/nonexistent\"}", "password_file" },
	/* no JSON, or too much */
	{ "", "ends too early" },
	{ "{\"password\": \"" CANARY, "ends too early" },
	{ "{\"password\": \"" CANARY "\"", "ends too early" },
	{ "[]", "must be an object" },
	{ "null", "must be an object" },
	{ "\"x\"", "must be an object" },
	{ "{} x", "line 1, column 4" },
	{ "{}{}", "line 1, column 3" },
	{ "{\n \"lun_id\": 1,\n}", "line 3, column 1" },
	{ "{\"lun_id\": 1,}", "column" },
	{ "{'lun_id': 1}", "double quotes" },
	{ "{\"iqn\": 'x'}", "double quotes" },
	{ "{lun_id: 1}", "column 2" },
	{ "{/**/}", "column 2" },
	{ "{\"lun_id\": 01}", "column" },
	{ "{\"username\": \"a\tb\"}", "control character" },
	{ "{\"username\": \"\xff\"}", "column" },
	{ "{\"x\": [[[[[[[[1]]]]]]]]}", "deep" },
};

static void test_refused(void)
{
	struct discsi_conf *conf = make();
	char *before = NULL;
	char *after = NULL;

	CU_ASSERT_EQUAL(take(conf, "{\"iqn\": \"" IQN "\", \"portals\":"
			     "[\"o\", \"p\"], \"password\": \"x\"}"), 0);
	CU_ASSERT_EQUAL(discsi_conf_to_json(conf, DISCSI_CONF_SECRETS, &before),
			0);
	for (size_t i = 0; i < LENGTH_OF(bad); i++) {
		CU_ASSERT(take(conf, bad[i].text) < 0);
		if (!message_has(bad[i].part)) {
			dsc_test_note("%s: %s", bad[i].text,
				      discsi_last_error()->message);
			CU_FAIL("another message");
		}
		CU_ASSERT_EQUAL(discsi_conf_to_json(conf, DISCSI_CONF_SECRETS,
						    &after), 0);
		CU_ASSERT_STRING_EQUAL(before, after);
		free(after);
	}
	free(before);
	discsi_conf_free(conf);
}

/* What stands before the mistake is not taken either. */
static void test_all_or_nothing(void)
{
	struct discsi_conf *conf = make();

	CU_ASSERT_EQUAL(take(conf, "{\"lun_id\": 5, \"password\": \"x\","
			     "\"portal\": \"a\", \"read_only\": 1}"), -EINVAL);
	CU_ASSERT_FALSE(conf->has_lun_id);
	CU_ASSERT_FALSE(dsc_secret_is_set(&conf->password));
	CU_ASSERT_EQUAL(conf->nportals, 0);
	discsi_conf_free(conf);
}

static void test_limits(void)
{
	struct discsi_conf *conf = make();
	const size_t size = 65536;
	char *text = malloc(size + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, ' ', size + 1);
	memcpy(text, "{\"lun_id\": 3}", 13);
	CU_ASSERT_EQUAL(discsi_conf_set_json(conf, text, size, NULL, NULL), 0);
	CU_ASSERT_EQUAL(conf->lun_id, 3);
	CU_ASSERT_EQUAL(discsi_conf_set_json(conf, text, size + 1, NULL, NULL),
			-EINVAL);
	CU_ASSERT(message_has("65536"));
	/* 8 levels are fine, see refused[] for 9 */
	CU_ASSERT_EQUAL(take(conf, "{\"x\": [[[[[[[1]]]]]]]}"), 0);
	/* a NUL ends nothing */
	CU_ASSERT_EQUAL(discsi_conf_set_json(conf, "{}\0", 3, NULL, NULL),
			-EINVAL);
	CU_ASSERT(message_has("NUL"));
	CU_ASSERT_EQUAL(discsi_conf_set_json(conf, text, 0, NULL, NULL),
			-EINVAL);
	free(text);
	discsi_conf_free(conf);
}

/* Text that is not NUL-terminated is not read beyond its length. */
static void test_exact_buffer(void)
{
	static const char whole[] = "{\"iqn\": \"" IQN "\", \"lun_id\": 12}";
	const size_t length = sizeof(whole) - 1;

	for (size_t n = 0; n <= length; n++) {
		struct discsi_conf *conf = make();
		char *text = malloc(n + (n == 0));

		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		memcpy(text, whole, n);
		CU_ASSERT_EQUAL(discsi_conf_set_json(conf, text, n, NULL, NULL),
				n == length ? 0 : -EINVAL);
		free(text);
		discsi_conf_free(conf);
	}
}

/* ----------------------------------------------------- files, round trip */

static char path[] = "/tmp/test-conf-json.XXXXXX";

static void test_file(void)
{
	static const char text[] = "{\"lun_id\": 8}\n";
	struct discsi_conf *conf = make();
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	CU_ASSERT_EQUAL(discsi_conf_set_json_file(conf, path, NULL, NULL), 0);
	CU_ASSERT_EQUAL(conf->lun_id, 8);
	CU_ASSERT_EQUAL(write(fd, "x", 1), 1);
	CU_ASSERT_EQUAL(discsi_conf_set_json_file(conf, path, NULL, NULL),
			-EINVAL);
	CU_ASSERT(message_has(path));
	CU_ASSERT(message_has("line 2, column 1"));
	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), 0);
	CU_ASSERT_EQUAL(discsi_conf_set_json_file(conf, path, NULL, NULL),
			-EINVAL);
	CU_ASSERT(message_has("longer"));
	close(fd);
	unlink(path);
	CU_ASSERT_EQUAL(discsi_conf_set_json_file(conf, path, NULL, NULL),
			-ENOENT);
	CU_ASSERT(message_has(path));
	CU_ASSERT_EQUAL(discsi_conf_set_json_file(conf, "/", NULL, NULL),
			-EISDIR);
	discsi_conf_free(conf);
}

static void test_stdin(void)
{
	struct discsi_conf *conf = make();
	int saved = dup(STDIN_FILENO);
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	CU_ASSERT_EQUAL(write(ends[1], "{\"lun_id\": 6}", 13), 13);
	close(ends[1]);
	CU_ASSERT_EQUAL_FATAL(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	CU_ASSERT_EQUAL(discsi_conf_set_json_file(conf, "-", NULL, NULL), 0);
	CU_ASSERT_EQUAL(conf->lun_id, 6);
	CU_ASSERT(fcntl(STDIN_FILENO, F_GETFD) >= 0);  /* still open */
	if (saved >= 0) {
		dup2(saved, STDIN_FILENO);
		close(saved);
	}
	discsi_conf_free(conf);
}

static void test_round_trip(void)
{
	struct discsi_conf *conf = make();
	struct discsi_conf *again = make();
	char *one = NULL;
	char *two = NULL;

	CU_ASSERT_EQUAL(discsi_conf_set_url(conf, "iscsi://J\xc3\xb6rg%p@s/\""
					    "\x01\\\xc3\xa4\x7f@[::1]:2/" IQN
					    "/5"), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "read_only", "true"), 0);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(discsi_conf_to_json(conf, DISCSI_CONF_SECRETS,
						    &one), 0);
		CU_ASSERT_EQUAL(take(again, one), 0);
		CU_ASSERT_EQUAL(discsi_conf_to_json(again, DISCSI_CONF_SECRETS,
						    &two), 0);
		CU_ASSERT_STRING_EQUAL(one, two);
		CU_ASSERT_STRING_EQUAL(again->password.text,
				       conf->password.text);
		free(one);
		free(two);
		CU_ASSERT_EQUAL(discsi_conf_set(conf, "portals", "a:1,b:2"),
				0);
	}
	discsi_conf_free(conf);
	discsi_conf_free(again);
}

static const struct dsc_test tests[] = {
	{ "what agents send", test_agent },
	{ "the other members", test_other_members },
	{ "null and empty are absent", test_absent },
	{ "what comes later wins", test_later_wins },
	{ "unknown members are warned of", test_unknown },
	{ "refused, with path or place", test_refused },
	{ "all or nothing", test_all_or_nothing },
	{ "size, depth, NUL", test_limits },
	{ "cut at every byte", test_exact_buffer },
	{ "from a file", test_file },
	{ "from standard input", test_stdin },
	{ "a dump reads back as itself", test_round_trip },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("conf-json", tests, argc, argv);
}
