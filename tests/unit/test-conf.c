/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conf.c: members set and read one by one, portals in all their forms,
 * iSCSI names, secrets from files, and the rules between members. Whatever
 * goes wrong, no message holds a secret and the configuration stays as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "harness/harness.h"

#define CANARY "canary-s3cret"
#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

static struct discsi_conf *make(void)
{
	struct discsi_conf *conf = NULL;

	CU_ASSERT_EQUAL_FATAL(discsi_conf_new(&conf), 0);
	return conf;
}

static bool message_has(const char *text)
{
	return strstr(discsi_last_error()->message, text) != NULL;
}

static void set(struct discsi_conf *conf, const char *member, const char *value)
{
	int rc = discsi_conf_set(conf, member, value);

	if (rc != 0)
		dsc_test_note("%s: %s", member, discsi_last_error()->message);
	CU_ASSERT_EQUAL(rc, 0);
}

/* True when the member reads as this text; NULL: not set. */
static bool reads(const struct discsi_conf *conf, const char *member,
		  const char *want)
{
	char *value = NULL;
	bool is_same;

	CU_ASSERT_EQUAL(discsi_conf_get(conf, member, &value), 0);
	is_same = want == NULL || value == NULL ? want == value :
						  strcmp(want, value) == 0;
	if (!is_same)
		dsc_test_note("%s is %s", member, value != NULL ? value : "-");
	free(value);
	return is_same;
}

/* ----------------------------------------------------------- each member */

/* A value, how it reads afterwards, and how the member begins. */
static const struct {
	const char *member, *value, *reads, *initial;
} good[] = {
	{ "target", "10.0.0.5", "10.0.0.5", NULL },
	{ "target", "[2001:db8::1]", "2001:db8::1", NULL },
	{ "target", "fe80::1%eth0", "fe80::1%eth0", NULL },
	{ "portal", "san-1.example.com", "san-1.example.com:3260", NULL },
	{ "portal", "10.0.0.5:860", "10.0.0.5:860", NULL },
	{ "portals", "10.0.0.5,[::1]:3261", "10.0.0.5:3260,[::1]:3261", NULL },
	{ "iqn", "iqn.2024-05.com.example:disk_1", NULL, NULL },
	{ "lun_id", "0", "0", NULL },
	{ "lun_id", "16383", "16383", NULL },
	{ "username", "iqn.2024-05.com.example:host", NULL, NULL },
	{ "username", "J\xc3\xb6rg", NULL, NULL },
	{ "password", CANARY, "***", NULL },
	{ "target_username", "san", NULL, NULL },
	{ "target_password", CANARY, "***", NULL },
	{ "initiator_name", "eui.02004567a425678d", NULL, NULL },
	{ "expected_id", "naa.6001405b1c2d3e4f", NULL, NULL },
	{ "header_digest", "require", NULL, "prefer" },
	{ "header_digest", "none", NULL, "prefer" },
	{ "data_digest", "prefer", NULL, "none" },
	{ "read_only", "true", NULL, "false" },
	{ "login_timeout", "1", NULL, "15000" },
	{ "login_timeout", "3600000", NULL, "15000" },
	{ "command_timeout", "86400000", NULL, "30000" },
	{ "noop_interval", "0", NULL, "5000" },
	{ "noop_timeout", "1", NULL, "5000" },
	{ "replacement_timeout", "-1", NULL, "120000" },
	{ "replacement_timeout", "0", NULL, "120000" },
	{ "replay_barrier", "reinstate", NULL, "auto" },
	{ "replay_barrier", "lun_reset", NULL, "auto" },
	{ "replay_barrier", "fail", NULL, "auto" },
	{ "sessions", "16", NULL, "1" },
	{ "poll_us", "10000", NULL, "0" },
	{ "isid", "8012345678ab", NULL, NULL },
};

static void test_good_values(void)
{
	struct discsi_conf *conf = make();

	for (size_t i = 0; i < LENGTH_OF(good); i++) {
		const char *want = good[i].reads;

		CU_ASSERT(reads(conf, good[i].member, good[i].initial));
		set(conf, good[i].member, good[i].value);
		CU_ASSERT(reads(conf, good[i].member,
				want != NULL ? want : good[i].value));
		set(conf, good[i].member, NULL);
		CU_ASSERT(reads(conf, good[i].member, good[i].initial));
	}
	discsi_conf_free(conf);
}

static const struct {
	const char *member, *value;
} bad[] = {
	{ "target", "" },
	{ "target", "10.0.0.5:3260" },
	{ "target", "a b" },
	{ "target", "[::1]:3260" },
	{ "target", "[10.0.0.5]" },
	{ "target", "user@host" },
	{ "portal", "" },
	{ "portal", ":3260" },
	{ "portal", "host:" },
	{ "portal", "host:0" },
	{ "portal", "host:65536" },
	{ "portal", "host:+1" },
	{ "portal", "host:3260,1" },
	{ "portal", "[::1" },
	{ "portal", "[::1]3260" },
	{ "portal", "[::1]:" },
	{ "portal", "[host]:3260" },
	{ "portal", "::g" },
	{ "portal", "fe80::1%" },
	{ "portal", "1.2.3.4:5:6" },
	{ "portal", "host/x" },
	{ "portal", "host\n" },
	{ "portals", "" },
	{ "portals", "a,,b" },
	{ "portals", "a," },
	{ "portals", "a,b:x" },
	{ "iqn", "" },
	{ "iqn", "disk1" },
	{ "iqn", "iqn.2024-05.com.example:a b" },
	{ "lun_id", "" },
	{ "lun_id", "-1" },
	{ "lun_id", "+1" },
	{ "lun_id", "0x1" },
	{ "lun_id", "1 " },
	{ "lun_id", "16384" },
	{ "lun_id", "18446744073709551616" },
	{ "username", "" },
	{ "username", "a\nb" },
	{ "username", "\xff" },
	{ "username", "\xc2\x9b" },
	{ "username", "\xed\xa0\x80" },
	{ "password", "" },
	{ "target_password", "" },
	{ "initiator_name", "iqn.host" },
	{ "expected_id", "" },
	{ "header_digest", "" },
	{ "header_digest", "CRC32C" },
	{ "data_digest", "Prefer" },
	{ "read_only", "" },
	{ "read_only", "yes" },
	{ "read_only", "TRUE" },
	{ "login_timeout", "0" },
	{ "login_timeout", "3600001" },
	{ "login_timeout", "15s" },
	{ "command_timeout", "0" },
	{ "command_timeout", "86400001" },
	{ "noop_interval", "-1" },
	{ "noop_timeout", "0" },
	{ "replacement_timeout", "-2" },
	{ "replacement_timeout", "2000000001" },
	{ "replay_barrier", "none" },
	{ "poll_us", "-1" },
	{ "poll_us", "10001" },
	{ "sessions", "0" },
	{ "sessions", "17" },
	{ "isid", "8012345678a" },
	{ "isid", "0012345678ab" },
	{ "isid", "8012345678ag" },
};

/* Refused, by name of the member, and what was there stays. */
static void test_bad_values(void)
{
	struct discsi_conf *conf = make();
	char *before = NULL;
	char *after = NULL;

	for (size_t i = 0; i < LENGTH_OF(good); i++)
		set(conf, good[i].member, good[i].value);
	CU_ASSERT_EQUAL(discsi_conf_to_json(conf, DISCSI_CONF_SECRETS, &before),
			0);
	for (size_t i = 0; i < LENGTH_OF(bad); i++) {
		CU_ASSERT_EQUAL(discsi_conf_set(conf, bad[i].member,
						bad[i].value), -EINVAL);
		CU_ASSERT_EQUAL(discsi_last_error()->errnum, EINVAL);
		CU_ASSERT(message_has(bad[i].member));
		CU_ASSERT_EQUAL(discsi_conf_to_json(conf, DISCSI_CONF_SECRETS,
						    &after), 0);
		CU_ASSERT_STRING_EQUAL(before, after);
		free(after);
	}
	free(before);
	discsi_conf_free(conf);
}

static void test_unknown_member(void)
{
	struct discsi_conf *conf = make();
	char *value = NULL;

	CU_ASSERT_EQUAL(discsi_conf_set(conf, "passwort", CANARY), -EINVAL);
	CU_ASSERT(message_has("passwort"));
	CU_ASSERT_FALSE(message_has(CANARY));
	CU_ASSERT_EQUAL(discsi_conf_get(conf, "lun", &value), -EINVAL);
	CU_ASSERT(message_has("lun"));
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "", "x"), -EINVAL);
	discsi_conf_free(conf);
	discsi_conf_free(NULL);
}

/* Text is as long as CHAP and the standards allow, and no longer. */
static void test_longest(void)
{
	struct discsi_conf *conf = make();
	char text[300];

	memset(text, 'x', sizeof(text));
	text[255] = '\0';
	set(conf, "username", text);
	set(conf, "password", text);
	text[253] = '\0';
	set(conf, "portal", text);
	text[253] = 'x';
	text[254] = '\0';
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "portal", text), -EINVAL);
	text[254] = 'x';
	text[255] = 'x';
	text[256] = '\0';
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "username", text), -EINVAL);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "password", text), -EINVAL);
	CU_ASSERT(message_has("password"));
	CU_ASSERT_FALSE(message_has("xxx"));
	discsi_conf_free(conf);
}

/* --------------------------------------------------------------- portals */

static void test_portal_forms(void)
{
	static const struct {
		const char *text, *host;
		unsigned port;
	} forms[] = {
		{ "10.0.0.5", "10.0.0.5", 3260 },
		{ "10.0.0.5:1", "10.0.0.5", 1 },
		{ "san:65535", "san", 65535 },
		{ "::1", "::1", 3260 },
		{ "[::1]", "::1", 3260 },
		{ "[::1]:3261", "::1", 3261 },
		{ "::ffff:10.0.0.5", "::ffff:10.0.0.5", 3260 },
		{ "fe80::1%eth0.5", "fe80::1%eth0.5", 3260 },
		{ "[fe80::1%eth0]:860", "fe80::1%eth0", 860 },
		{ "2001:db8:0:0:0:0:0:3260", "2001:db8:0:0:0:0:0:3260", 3260 },
	};
	struct dsc_conf_portal portal;

	for (size_t i = 0; i < LENGTH_OF(forms); i++) {
		CU_ASSERT_EQUAL_FATAL(dsc_conf_parse_portal(forms[i].text,
							    &portal), 0);
		CU_ASSERT_STRING_EQUAL(portal.host, forms[i].host);
		CU_ASSERT_EQUAL(portal.port, forms[i].port);
		free(portal.host);
	}
	portal.host = NULL;
	CU_ASSERT_EQUAL(dsc_conf_parse_portal("h:99999", &portal), -EINVAL);
	CU_ASSERT(message_has("\"h:99999\""));
	CU_ASSERT_PTR_NULL(portal.host);
	CU_ASSERT_EQUAL(dsc_conf_parse_portal("u%" CANARY "@h", &portal),
			-EINVAL);
	CU_ASSERT_FALSE(message_has(CANARY));
}

/* "portal" and "portals" are one list, and "target" is for none of them. */
static void test_which_portals(void)
{
	struct dsc_conf_portal list[DSC_CONF_PORTALS_MAX];
	struct discsi_conf *conf = make();

	CU_ASSERT_EQUAL(dsc_conf_portals(conf, list), 0);
	set(conf, "target", "::1");
	CU_ASSERT_EQUAL(dsc_conf_portals(conf, list), 1);
	CU_ASSERT_STRING_EQUAL(list[0].host, "::1");
	CU_ASSERT_EQUAL(list[0].port, 3260);
	set(conf, "portals", "a:1,b:2,c:3");
	CU_ASSERT_EQUAL(dsc_conf_portals(conf, list), 3);
	CU_ASSERT_STRING_EQUAL(list[2].host, "c");
	CU_ASSERT(reads(conf, "portal", "a:1"));
	set(conf, "portal", "d");
	CU_ASSERT_EQUAL(dsc_conf_portals(conf, list), 1);
	CU_ASSERT(reads(conf, "portals", "d:3260"));
	set(conf, "portals", "e,f");
	CU_ASSERT(reads(conf, "portal", "e:3260"));
	discsi_conf_free(conf);
}

/* As a program that uses the library sees them. */
static void test_get_portal(void)
{
	struct discsi_conf *conf = make();
	const char *host = NULL;
	uint16_t port = 0;

	CU_ASSERT_EQUAL(discsi_conf_get_portal(conf, 0, &host, &port), -ENOENT);
	set(conf, "target", "san");
	CU_ASSERT_EQUAL(discsi_conf_get_portal(conf, 0, &host, &port), 0);
	CU_ASSERT_STRING_EQUAL(host, "san");
	CU_ASSERT_EQUAL(port, 3260);
	set(conf, "portals", "a:1,[::1]:2");
	CU_ASSERT_EQUAL(discsi_conf_get_portal(conf, 1, &host, &port), 0);
	CU_ASSERT_STRING_EQUAL(host, "::1");
	CU_ASSERT_EQUAL(port, 2);
	CU_ASSERT_EQUAL(discsi_conf_get_portal(conf, 2, &host, &port), -ENOENT);
	CU_ASSERT_EQUAL(discsi_conf_get_portal(NULL, 0, &host, &port), -EINVAL);
	CU_ASSERT_EQUAL(discsi_conf_get_portal(conf, 0, NULL, &port), -EINVAL);
	CU_ASSERT_EQUAL(discsi_conf_get_portal(conf, 0, &host, NULL), -EINVAL);
	discsi_conf_free(conf);
}

static void test_many_portals(void)
{
	struct discsi_conf *conf = make();
	char text[4 * (DSC_CONF_PORTALS_MAX + 1)] = "";

	for (size_t i = 0; i < DSC_CONF_PORTALS_MAX; i++)
		strncat(text, i == 0 ? "h" : ",h", 3);
	set(conf, "portals", text);
	CU_ASSERT_EQUAL(conf->nportals, DSC_CONF_PORTALS_MAX);
	strncat(text, ",h", 3);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "portals", text), -EINVAL);
	CU_ASSERT(message_has("portals"));
	CU_ASSERT_EQUAL(conf->nportals, DSC_CONF_PORTALS_MAX);
	discsi_conf_free(conf);
}

/* ----------------------------------------------------------- iSCSI names */

static void test_names(void)
{
	static const char *const names[] = {
		"iqn.2001-04.com.example",
		"iqn.2001-04.com.example:storage:disk2.sys1.xyz",
		"iqn.1993-08.org.debian:01:ab12cd34ef",
		"iqn.2000-01.com.synology:NAS.Target-1.abc",
		"IQN.2001-04.com.Example:X",
		"eui.02004567A425678D",
		"naa.52004567BA64678D",
		"naa.62004567BA64678D0123456789ABCDEF",
	};
	static const char *const others[] = {
		"", "iqn", "iqn.", "iqn.2001-04", "iqn.2001-04.",
		"iqn.2001-13.com.x", "iqn.2001-00.com.x", "iqn.201-04.com.x",
		"iqn.2001-04.com.x:a/b", "iqn.2001-04.com.x:a@b",
		"iqn.2001-04.com.x:a b", "iqn.2001-04.com.x:\xc3\xa4",
		"eui.02004567A425678", "eui.02004567A425678DD",
		"eui.02004567A425678G", "naa.52004567BA64678D0",
		"nqn.2014-08.org.nvmexpress:x",
	};
	char longest[DSC_ISCSI_NAME_MAX + 2] = "iqn.2001-04.com.x:";

	for (size_t i = 0; i < LENGTH_OF(names); i++)
		CU_ASSERT_TRUE(dsc_conf_is_iscsi_name(names[i]));
	for (size_t i = 0; i < LENGTH_OF(others); i++)
		CU_ASSERT_FALSE(dsc_conf_is_iscsi_name(others[i]));
	memset(longest + strlen(longest), 'y',
	       sizeof(longest) - strlen(longest) - 1);
	CU_ASSERT_FALSE(dsc_conf_is_iscsi_name(longest));
	longest[DSC_ISCSI_NAME_MAX] = '\0';
	CU_ASSERT_TRUE(dsc_conf_is_iscsi_name(longest));
}

/* ---------------------------------------------------------- secret files */

static char dir[] = "/tmp/test-conf.XXXXXX";
static char path[sizeof(dir) + 16];

static void write_file(const void *content, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, content, length), (ssize_t)length);
	close(fd);
}

/* What the first line gives; NULL when it is refused. */
static const char *secret_in(struct discsi_conf *conf, const char *content,
			     size_t length)
{
	write_file(content, length);
	if (discsi_conf_set(conf, "password_file", path) != 0)
		return NULL;
	return conf->password.text;
}

static void test_file_lines(void)
{
	struct discsi_conf *conf = make();
	char text[300];

	CU_ASSERT_STRING_EQUAL(secret_in(conf, "a", 1), "a");
	CU_ASSERT_STRING_EQUAL(secret_in(conf, "b\n", 2), "b");
	CU_ASSERT_STRING_EQUAL(secret_in(conf, "c\r\n", 3), "c");
	CU_ASSERT_STRING_EQUAL(secret_in(conf, " d \nrest\n", 9), " d ");
	CU_ASSERT(reads(conf, "password", "***"));
	CU_ASSERT(reads(conf, "password_file", NULL));

	memset(text, 'x', sizeof(text));
	text[255] = '\r';
	text[256] = '\n';
	CU_ASSERT_PTR_NOT_NULL(secret_in(conf, text, 300));
	CU_ASSERT_EQUAL(strlen(conf->password.text), 255);
	text[255] = 'x';
	CU_ASSERT_PTR_NULL(secret_in(conf, text, 300));
	CU_ASSERT(message_has("password_file"));
	text[256] = 'x';
	CU_ASSERT_PTR_NULL(secret_in(conf, text, 300));
	CU_ASSERT_FALSE(message_has("xxx"));
	CU_ASSERT_EQUAL(strlen(conf->password.text), 255);

	CU_ASSERT_PTR_NULL(secret_in(conf, "", 0));
	CU_ASSERT(message_has("empty"));
	CU_ASSERT_PTR_NULL(secret_in(conf, "\nsecond\n", 8));
	CU_ASSERT_PTR_NULL(secret_in(conf, CANARY "\0z\n", 16));
	CU_ASSERT_FALSE(message_has(CANARY));
	discsi_conf_free(conf);
}

static void test_file_kinds(void)
{
	struct discsi_conf *conf = make();
	char fifo[32];
	int ends[2];

	CU_ASSERT_EQUAL(discsi_conf_set(conf, "password_file", dir), -EINVAL);
	CU_ASSERT(message_has(dir));
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "password_file", "/dev/null"),
			-EINVAL);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "password_file", ""), -EINVAL);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "target_password_file",
					"/nonexistent/file"), -ENOENT);
	CU_ASSERT(message_has("target_password_file"));
	CU_ASSERT(message_has("No such file"));
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "password_file", "-"), -ENOENT);

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	CU_ASSERT_EQUAL(write(ends[1], CANARY "\nrest", 18), 18);
	snprintf(fifo, sizeof(fifo), "/dev/fd/%d", ends[0]);
	set(conf, "target_password_file", fifo);
	CU_ASSERT_STRING_EQUAL(conf->target_password.text, CANARY);
	CU_ASSERT_FALSE(dsc_secret_is_set(&conf->password));
	close(ends[0]);
	close(ends[1]);
	discsi_conf_free(conf);
}

/* ------------------------------------------------------------ the whole */

static void test_dup(void)
{
	struct discsi_conf *conf = make();
	struct discsi_conf *copy = NULL;
	char *one = NULL;
	char *two = NULL;

	for (size_t i = 0; i < LENGTH_OF(good); i++)
		set(conf, good[i].member, good[i].value);
	CU_ASSERT_EQUAL_FATAL(discsi_conf_dup(conf, &copy), 0);
	CU_ASSERT_EQUAL(discsi_conf_to_json(conf, DISCSI_CONF_SECRETS, &one),
			0);
	set(conf, "iqn", NULL);
	set(conf, "password", "other");
	set(conf, "portal", "other");
	discsi_conf_free(conf);
	CU_ASSERT_EQUAL(discsi_conf_to_json(copy, DISCSI_CONF_SECRETS, &two),
			0);
	CU_ASSERT_STRING_EQUAL(one, two);
	free(one);
	free(two);
	discsi_conf_free(copy);
}

static void test_dump(void)
{
	struct discsi_conf *conf = make();
	char *text = NULL;

	CU_ASSERT_EQUAL(discsi_conf_to_json(conf, 0, &text), 0);
	CU_ASSERT_STRING_EQUAL(text, "{\"header_digest\":\"prefer\","
			       "\"data_digest\":\"none\",\"read_only\":false,"
			       "\"login_timeout\":15000,"
			       "\"command_timeout\":30000,"
			       "\"noop_interval\":5000,"
			       "\"noop_timeout\":5000,"
			       "\"replacement_timeout\":120000,"
			       "\"replay_barrier\":\"auto\","
			       "\"sessions\":1,\"poll_us\":0}");
	free(text);
	set(conf, "portals", "a,[::1]:2");
	set(conf, "lun_id", "0");
	set(conf, "username", "a\"b");
	set(conf, "password", CANARY);
	CU_ASSERT_EQUAL(discsi_conf_to_json(conf, 0, &text), 0);
	CU_ASSERT_PTR_NULL(strstr(text, CANARY));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"password\":\"***\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"portals\":[\"a:3260\","
				      "\"[::1]:2\"],\"lun_id\":0,"
				      "\"username\":\"a\\\"b\""));
	CU_ASSERT_PTR_NULL(strstr(text, "\"portal\""));
	CU_ASSERT_PTR_NULL(strstr(text, "password_file"));
	free(text);
	CU_ASSERT_EQUAL(discsi_conf_to_json(conf, DISCSI_CONF_SECRETS, &text),
			0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, CANARY));
	free(text);
	CU_ASSERT_EQUAL(discsi_conf_to_json(conf, 2, &text), -EINVAL);

	/* a secret may be any bytes, JSON may not */
	set(conf, "password", "\xff\xfe" CANARY);
	CU_ASSERT_EQUAL(discsi_conf_to_json(conf, 0, &text), 0);
	free(text);
	CU_ASSERT_EQUAL(discsi_conf_to_json(conf, DISCSI_CONF_SECRETS, &text),
			-EINVAL);
	CU_ASSERT(message_has("password"));
	CU_ASSERT_FALSE(message_has(CANARY));
	discsi_conf_free(conf);
}

/* ------------------------------------------------- rules between members */

static int check(const char *username, const char *password,
		 const char *target_username, const char *target_password)
{
	struct discsi_conf *conf = make();
	int rc;

	set(conf, "username", username);
	set(conf, "password", password);
	set(conf, "target_username", target_username);
	set(conf, "target_password", target_password);
	rc = dsc_conf_check(conf);
	CU_ASSERT_FALSE(rc != 0 && message_has(CANARY));
	discsi_conf_free(conf);
	return rc;
}

static void test_credentials(void)
{
	CU_ASSERT_EQUAL(check(NULL, NULL, NULL, NULL), 0);
	CU_ASSERT_EQUAL(check("me", CANARY, NULL, NULL), 0);
	CU_ASSERT_EQUAL(check("me", CANARY, "san", "another"), 0);
	CU_ASSERT_EQUAL(check("me", NULL, NULL, NULL), -EINVAL);
	CU_ASSERT(message_has("password is not"));
	CU_ASSERT_EQUAL(check(NULL, CANARY, NULL, NULL), -EINVAL);
	CU_ASSERT(message_has("username is not"));
	CU_ASSERT_EQUAL(check("me", CANARY, "san", NULL), -EINVAL);
	CU_ASSERT(message_has("target_password is not"));
	CU_ASSERT_EQUAL(check("me", CANARY, NULL, "another"), -EINVAL);
	CU_ASSERT_EQUAL(check(NULL, NULL, "san", "another"), -EINVAL);
	CU_ASSERT(message_has("mutual"));
	CU_ASSERT_EQUAL(check("me", CANARY, "san", CANARY), -EINVAL);
	CU_ASSERT(message_has("the same"));
}

static int setup(void)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/secret", dir);
	return 0;
}

static void teardown(void)
{
	unlink(path);
	rmdir(dir);
}

static const struct dsc_test tests[] = {
	{ "good values of every member", test_good_values },
	{ "bad values of every member", test_bad_values },
	{ "members that there are not", test_unknown_member },
	{ "longest text", test_longest },
	{ "forms of a portal", test_portal_forms },
	{ "portal, portals and target", test_which_portals },
	{ "get-portal", test_get_portal },
	{ "as many portals as there can be", test_many_portals },
	{ "iSCSI names", test_names },
	{ "lines of a secret file", test_file_lines },
	{ "kinds of secret file", test_file_kinds },
	{ "a copy is equal and apart", test_dup },
	{ "dump with and without secrets", test_dump },
	{ "credentials come in pairs", test_credentials },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("conf", tests, setup, teardown, argc,
				     argv);
}
