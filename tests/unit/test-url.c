/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-url.c: iscsi:// URLs, most of all secrets made of every character that
 * means something in a URL. No message ever quotes one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "harness/harness.h"

#define IQN "iqn.2024-05.com.example:disk1"
#define CANARY "canary-s3cret"
#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

static struct discsi_conf *parse(const char *url)
{
	struct discsi_conf *conf = NULL;

	CU_ASSERT_EQUAL_FATAL(discsi_conf_new(&conf), 0);
	if (discsi_conf_set_url(conf, url) == 0)
		return conf;
	dsc_test_note("%s: %s", url, discsi_last_error()->message);
	CU_FAIL("refused");
	return conf;
}

static bool is_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void test_forms(void)
{
	static const struct {
		const char *url, *user, *secret, *host;
		unsigned port;
		const char *iqn;
		int lun;
	} rows[] = {
		{ "iscsi://10.0.0.5", NULL, NULL, "10.0.0.5", 3260, NULL, -1 },
		{ "iscsi://san/", NULL, NULL, "san", 3260, NULL, -1 },
		{ "iscsi://san:860/" IQN, NULL, NULL, "san", 860, IQN, -1 },
		{ "iscsi://san/" IQN "/0", NULL, NULL, "san", 3260, IQN, 0 },
		{ "iscsi://[::1]/" IQN "/16383", NULL, NULL, "::1", 3260, IQN,
		  16383 },
		{ "iscsi://[fe80::1%eth0]:3261", NULL, NULL, "fe80::1%eth0",
		  3261, NULL, -1 },
		{ "iscsi://me@san", "me", NULL, "san", 3260, NULL, -1 },
		{ "iscsi://me@[fe80::1%eth0]", "me", NULL, "fe80::1%eth0",
		  3260, NULL, -1 },
		{ "iscsi://me%s@[fe80::1%eth0]", "me", "s", "fe80::1%eth0",
		  3260, NULL, -1 },
		{ "iscsi://" IQN "%" CANARY "@san/" IQN "/1", IQN, CANARY,
		  "san", 3260, IQN, 1 },
		{ "ISCSI://me%x@san", "me", "x", "san", 3260, NULL, -1 },
		{ "iscsi://san/eui.02004567A425678D/7", NULL, NULL, "san",
		  3260, "eui.02004567A425678D", 7 },
	};

	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct discsi_conf *conf = parse(rows[i].url);

		CU_ASSERT(is_text(conf->username, rows[i].user));
		CU_ASSERT(is_text(conf->password.text, rows[i].secret));
		CU_ASSERT_EQUAL(conf->nportals, 1);
		CU_ASSERT(is_text(conf->portals[0].host, rows[i].host));
		CU_ASSERT_EQUAL(conf->portals[0].port, rows[i].port);
		CU_ASSERT(is_text(conf->iqn, rows[i].iqn));
		CU_ASSERT_EQUAL(conf->has_lun_id ? (int)conf->lun_id : -1,
				rows[i].lun);
		discsi_conf_free(conf);
	}
}

/* Each must come out as it went in, before any of the things after it. */
static void test_nasty_secrets(void)
{
	static const char *const secrets[] = {
		"a/b", "a@b", "a%b", "a:b", "%", "@", "/", ":", "//", "%%",
		"@@", "/@/", ("@san/" IQN "/1"), "x@[::1]:3260/", "a%40b",
		"iscsi://u%p@h/x", "[", "]", "[::1]", "?q=1&r=2", "#", " ",
		"\\", "\"'`$(x)", "\t\x01\x7f", "p\xc3\xa4ss", "\xff\xfe",
	};
	static const char *const tails[] = {
		"san", ("san:3260/" IQN "/1"), ("[::1]:860/" IQN),
		"[fe80::1%lo]/",
	};
	char url[256];

	for (size_t i = 0; i < LENGTH_OF(secrets) * LENGTH_OF(tails); i++) {
		const char *secret = secrets[i / LENGTH_OF(tails)];
		struct discsi_conf *conf;

		snprintf(url, sizeof(url), "iscsi://me%%%s@%s", secret,
			 tails[i % LENGTH_OF(tails)]);
		conf = parse(url);
		CU_ASSERT(is_text(conf->username, "me"));
		CU_ASSERT(is_text(conf->password.text, secret));
		CU_ASSERT_EQUAL(conf->nportals, 1);
		discsi_conf_free(conf);
	}
}

/* Every byte but NUL, and every one between two others. */
static void test_every_byte(void)
{
	char url[64];

	for (int c = 1; c < 256; c++) {
		const char secret[] = { 'a', (char)c, 'z', '\0' };
		struct discsi_conf *conf;

		snprintf(url, sizeof(url), "iscsi://me%%%s@san/" IQN "/1",
			 secret);
		conf = parse(url);
		CU_ASSERT(is_text(conf->password.text, secret));
		CU_ASSERT(is_text(conf->iqn, IQN));
		discsi_conf_free(conf);
	}
}

/* What is refused, and the part that the message names. */
static const struct {
	const char *url, *part;
} bad[] = {
	{ "", "iscsi://" },
	{ "san", "iscsi://" },
	{ "iser://san", "iscsi://" },
	{ "iscsi:/san", "iscsi://" },
	{ "iscsi://", "portal" },
	{ "iscsi:///" IQN "/1", "portal" },
	{ "iscsi://u%" CANARY "@", "portal" },
	{ "iscsi://u%" CANARY "@/" IQN, "portal" },
	{ "iscsi://u%" CANARY "@:3260", "portal" },
	{ "iscsi://u%" CANARY "@san:0", "portal" },
	{ "iscsi://u%" CANARY "@san:x/" IQN, "portal" },
	{ "iscsi://u%" CANARY "@::1/" IQN "/1", "brackets" },
	{ "iscsi://u%" CANARY "@[::1", "portal" },
	{ "iscsi://u%" CANARY "@[::1]x/" IQN, "portal" },
	{ "iscsi://u%" CANARY "@s an/" IQN, "portal" },
	{ "iscsi://u%" CANARY, "portal" },               /* no '@' */
	{ "iscsi://u%" CANARY "/" IQN "/1", "portal" },
	{ "iscsi://u%" CANARY ":3260/" IQN, "portal" },
	{ "iscsi://%" CANARY "@san", "username" },
	{ "iscsi://@san", "username" },
	{ "iscsi://u\n%" CANARY "@san", "username" },
	{ "iscsi://u%@san", "password" },
	{ "iscsi://u%" CANARY "@san/disk1/1", "iqn" },
	{ "iscsi://u%" CANARY "@san//1", "iqn" },
	{ "iscsi://u%" CANARY "@san/" IQN "/", "lun_id" },
	{ "iscsi://u%" CANARY "@san/" IQN "/x", "lun_id" },
	{ "iscsi://u%" CANARY "@san/" IQN "/-1", "lun_id" },
	{ "iscsi://u%" CANARY "@san/" IQN "/16384", "lun_id" },
	{ "iscsi://u%" CANARY "@san/" IQN "/1/2", "lun_id" },
	{ "iscsi://u%" CANARY "@san/" IQN "/1?x=1", "lun_id" },
};

static void test_refused(void)
{
	const char *message = discsi_last_error()->message;
	struct discsi_conf *conf = parse("iscsi://old%" CANARY "@old/" IQN
					 "/3");

	for (size_t i = 0; i < LENGTH_OF(bad); i++) {
		CU_ASSERT_EQUAL(discsi_conf_set_url(conf, bad[i].url), -EINVAL);
		CU_ASSERT_EQUAL(strncmp(message, "URL: ", 5), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(message, bad[i].part));
		CU_ASSERT_PTR_NULL(strstr(message, CANARY));
		CU_ASSERT(is_text(conf->username, "old"));
		CU_ASSERT(is_text(conf->portals[0].host, "old"));
		CU_ASSERT(is_text(conf->password.text, CANARY));
		CU_ASSERT_EQUAL(conf->lun_id, 3);
	}
	discsi_conf_free(conf);
}

static void test_too_long(void)
{
	struct discsi_conf *conf = parse("iscsi://old");
	char *url = malloc(70000);

	CU_ASSERT_PTR_NOT_NULL_FATAL(url);
	memset(url, 'x', 70000);
	memcpy(url, "iscsi://", 8);
	url[69999] = '\0';
	CU_ASSERT_EQUAL(discsi_conf_set_url(conf, url), -EINVAL);
	memcpy(url, "iscsi://me%", 11);
	memcpy(url + 11 + 255, "@san", 5);
	CU_ASSERT_EQUAL(discsi_conf_set_url(conf, url), 0);
	memcpy(url + 11 + 255, "x@san", 6);
	CU_ASSERT_EQUAL(discsi_conf_set_url(conf, url), -EINVAL);
	CU_ASSERT_PTR_NULL(strstr(discsi_last_error()->message, "xxx"));
	free(url);
	discsi_conf_free(conf);
}

/* A URL adds to what is there and replaces what it has. */
static void test_later_wins(void)
{
	struct discsi_conf *conf = parse("iscsi://me%one@a/" IQN "/3");

	CU_ASSERT_EQUAL(discsi_conf_set(conf, "portals", "x,y"), 0);
	CU_ASSERT_EQUAL(discsi_conf_set_url(conf, "iscsi://b"), 0);
	CU_ASSERT_EQUAL(conf->nportals, 1);
	CU_ASSERT(is_text(conf->portals[0].host, "b"));
	CU_ASSERT(is_text(conf->username, "me"));
	CU_ASSERT(is_text(conf->password.text, "one"));
	CU_ASSERT(is_text(conf->iqn, IQN));
	CU_ASSERT_EQUAL(conf->lun_id, 3);
	CU_ASSERT_EQUAL(discsi_conf_set_url(conf, "iscsi://you%two@b/" IQN
					    "/4"), 0);
	CU_ASSERT(is_text(conf->username, "you"));
	CU_ASSERT(is_text(conf->password.text, "two"));
	CU_ASSERT_EQUAL(conf->lun_id, 4);
	discsi_conf_free(conf);
}

static const struct dsc_test tests[] = {
	{ "forms", test_forms },
	{ "secrets of special characters", test_nasty_secrets },
	{ "secrets of every byte", test_every_byte },
	{ "refused, named, never quoted", test_refused },
	{ "lengths", test_too_long },
	{ "what comes later wins", test_later_wins },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("url", tests, argc, argv);
}
