/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-login.c: logging in to tgtd and istgt, and being refused by them: CHAP
 * one way and mutual, names, digests, portals that are dead or silent. What a
 * login has settled is also looked up at the target. Test's thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/process.h"
#include "harness/target.h"
#include "harness/temp.h"
#include "tgt/client.h"

#define IQN "iqn.2026-11.test.login:"
#define OPEN IQN "open"
#define ONE_WAY IQN "one-way"
#define MUTUAL IQN "mutual"
#define PICKY IQN "picky"
#define DIGEST IQN "digest"
#define ISTGT IQN "istgt"

/* What URLs, shells and configuration files make something of. */
#define USER "john.doe@example.com"
#define SECRET "canary/%41:@secret"
#define MUTUAL_USER "the-array"
#define MUTUAL_SECRET "canary-mutual"

static struct dsc_tgtd *tgtd;

static int setup(void)
{
	static const char *const iqns[] = {
		OPEN, ONE_WAY, MUTUAL, PICKY, DIGEST
	};
	int i;

	if (!dsc_tgtd_is_installed()) {
		dsc_test_skip("tgtd is not installed");
		return 0;
	}
	if (dsc_tgtd_start(&tgtd) != 0)
		return -1;
	for (i = 0; i < 5; i++)
		if (dsc_tgtd_add_target(tgtd, i + 1, iqns[i]) != 0 ||
		    dsc_tgtd_add_lun(tgtd, i + 1, 1, MIB, 512, 0) != 0)
			return -1;
	if (dsc_tgtd_set_chap(tgtd, 2, USER, SECRET, NULL, NULL) != 0 ||
	    dsc_tgtd_set_chap(tgtd, 3, USER, SECRET, MUTUAL_USER,
			      MUTUAL_SECRET) != 0)
		return -1;
	return dsc_tgtd_set_param(tgtd, 5, "HeaderDigest", "CRC32C");
}

static void teardown(void)
{
	dsc_tgtd_stop(tgtd);
}

/* Logs in with the configuration as it is; failure NULL: it must work. */
static void try_login(struct client *c, const struct failure *failure)
{
	int rc = client_login(c);

	if (failure) {
		expect_failure(rc, failure);
		CU_ASSERT_PTR_NULL(c->session);
		return;
	}
	CU_ASSERT_EQUAL(rc, 0);
	if (rc != 0)
		dsc_test_note("%s", discsi_last_error()->message);
	else
		CU_ASSERT_TRUE(client_open(c, 1));
	client_logout(c);
}

/* ------------------------------------------------------------------ CHAP */

struct chap_case {
	const char *iqn;
	const char *user;
	const char *secret;
	const char *mutual_user;
	const char *mutual_secret;
	const struct failure *failure;
};

static void try_chap(const char *portal, const struct chap_case *chap)
{
	struct client c;

	dsc_test_note("%s, user %s, target %s: %s", chap->iqn,
		      chap->user ? chap->user : "none",
		      chap->mutual_user ? chap->mutual_user : "none",
		      chap->failure ? "refused" : "let in");
	client_begin(&c, portal, chap->iqn);
	client_set_chap(&c, chap->user, chap->secret, chap->mutual_user,
			chap->mutual_secret);
	try_login(&c, chap->failure);
	client_end(&c);
}

static void test_chap_one_way(void)
{
	const char *portal = dsc_tgtd_portal(tgtd);
	const struct failure refused = {
		EACCES, 2, 1,
		{ ONE_WAY, portal, "authentication failed", "0x0201" }
	};
	const struct chap_case cases[] = {
		{ ONE_WAY, USER, SECRET, NULL, NULL, NULL },
		{ ONE_WAY, USER, "canary-wrong", NULL, NULL, &refused },
		{ ONE_WAY, "nobody", SECRET, NULL, NULL, &refused },
		{ ONE_WAY, NULL, NULL, NULL, NULL, &refused },
		{ OPEN, USER, SECRET, NULL, NULL, NULL },
		{ OPEN, NULL, NULL, NULL, NULL, NULL },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		try_chap(portal, &cases[i]);
}

/* A target that does not prove itself is refused, in whichever way. */
static void test_chap_mutual(void)
{
	const char *portal = dsc_tgtd_portal(tgtd);
	const struct failure refused = {
		EACCES, 2, 1, { MUTUAL, portal, "0x0201" }
	};
	const struct failure unproven = { EACCES, -1, -1, { MUTUAL, portal } };
	const struct failure is_open = { EACCES, -1, -1, { OPEN, portal } };
	const struct failure is_one_way = {
		EACCES, 2, 1, { ONE_WAY, portal }
	};
	const struct chap_case cases[] = {
		{ MUTUAL, USER, SECRET, MUTUAL_USER, MUTUAL_SECRET, NULL },
		{ MUTUAL, USER, "canary-wrong", MUTUAL_USER, MUTUAL_SECRET,
		  &refused },
		{ MUTUAL, USER, SECRET, MUTUAL_USER, "canary-wrong",
		  &unproven },
		{ MUTUAL, USER, SECRET, "another", MUTUAL_SECRET, &unproven },
		{ MUTUAL, USER, SECRET, NULL, NULL, NULL },
		{ OPEN, USER, SECRET, MUTUAL_USER, MUTUAL_SECRET, &is_open },
		{ ONE_WAY, USER, SECRET, MUTUAL_USER, MUTUAL_SECRET,
		  &is_one_way },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		try_chap(portal, &cases[i]);
}

static void try_istgt(const char *portal)
{
	const struct failure refused = {
		EACCES, 2, 1, { ISTGT, portal, "0x0201" }
	};
	const struct failure unproven = { EACCES, -1, -1, { ISTGT, portal } };
	const struct chap_case cases[] = {
		{ ISTGT, USER, SECRET, MUTUAL_USER, MUTUAL_SECRET, NULL },
		{ ISTGT, USER, "canary-wrong", MUTUAL_USER, MUTUAL_SECRET,
		  &refused },
		{ ISTGT, USER, SECRET, MUTUAL_USER, "canary-wrong",
		  &unproven },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		try_chap(portal, &cases[i]);
}

/* istgt thinks for a second at each login that it lets in. */
static void test_chap_istgt(void)
{
	const struct dsc_istgt_options options = {
		.iqn = ISTGT,
		.lun_bytes = { MIB, MIB },
		.user = USER,
		.secret = SECRET,
		.mutual_user = MUTUAL_USER,
		.mutual_secret = MUTUAL_SECRET,
	};
	struct dsc_istgt *t;

	if (!dsc_istgt_is_installed()) {
		dsc_test_skip("istgt is not installed");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(dsc_istgt_start(&options, &t), 0);
	try_istgt(dsc_istgt_portal(t));
	dsc_istgt_stop(t);
}

/* ------------------------------------------------------- several at a time */

struct opening {
	struct pending *pending;
	struct discsi_session *session;
};

static void on_open(void *arg, int status, struct discsi_session *session,
		    const struct discsi_error *error)
{
	struct opening *opening = arg;

	CU_ASSERT_EQUAL(status == 0, session != NULL);
	opening->session = session;
	pending_done(opening->pending, status, error);
}

/* Three logins on one loop, of which one is refused. */
static void try_several(bool is_threaded)
{
	static const char *const iqns[] = { OPEN, IQN "nowhere", DIGEST };
	const struct failure unknown = {
		ENOENT, 2, 3, { IQN "nowhere", dsc_tgtd_portal(tgtd) }
	};
	struct opening openings[3];
	struct pending p;
	struct client c;
	int i;

	client_begin(&c, dsc_tgtd_portal(tgtd), NULL);
	if (is_threaded)
		client_start(&c);
	pending_init(&p, &c);
	for (i = 0; i < 3; i++) {
		openings[i].pending = &p;
		client_set(&c, "iqn", iqns[i]);
		pending_add(&p);
		CU_ASSERT_EQUAL(discsi_session_open_async(c.ctx, c.conf,
							  on_open,
							  &openings[i]), 0);
	}
	CU_ASSERT_TRUE(pending_wait(&p, 0));
	CU_ASSERT_EQUAL(p.failed, 1);
	expect_error(&p.error, &unknown);
	for (i = 0; i < 3; i++)
		discsi_session_close(openings[i].session);
	pending_fini(&p);
	client_end(&c);
}

static void test_several_driven(void)
{
	try_several(false);
}

static void test_several_threaded(void)
{
	try_several(true);
}

/* ------------------------------------------------------- names and portals */

static void test_unknown_target(void)
{
	const char *portal = dsc_tgtd_portal(tgtd);
	const struct failure unknown = {
		ENOENT, 2, 3, { IQN "nowhere", portal, "unknown", "0x0203" }
	};
	struct client c;

	client_begin(&c, portal, IQN "nowhere");
	try_login(&c, &unknown);
	client_end(&c);
}

static void test_dead_port(void)
{
	char portal[64];
	int fd;
	const struct failure refused = {
		ECONNREFUSED, -1, -1, { OPEN, portal }
	};
	struct client c;

	snprintf(portal, sizeof(portal), "127.0.0.1:%u", dsc_dead_port(&fd));
	client_begin(&c, portal, OPEN);
	try_login(&c, &refused);
	client_end(&c);
	close(fd);
}

/* At login_timeout, and not much later. */
static void test_silent_port(void)
{
	char portal[64];
	int fd;
	const struct failure silent = { ETIMEDOUT, -1, -1, { OPEN, portal } };
	unsigned long long begun;
	unsigned long long took;
	struct client c;

	snprintf(portal, sizeof(portal), "127.0.0.1:%u", dsc_silent_port(&fd));
	client_begin(&c, portal, OPEN);
	client_set(&c, "login_timeout", "500");
	begun = dsc_now_ms();
	try_login(&c, &silent);
	took = dsc_now_ms() - begun;
	dsc_test_note("it took %llu ms", took);
	CU_ASSERT(took >= 500);
	CU_ASSERT(took < 5000);
	client_end(&c);
	close(fd);
}

/* One that lives behind one that does not: it is found. */
static void test_second_portal(void)
{
	char portals[128];
	struct client c;
	int fd;

	snprintf(portals, sizeof(portals), "127.0.0.1:%u,%s",
		 dsc_dead_port(&fd), dsc_tgtd_portal(tgtd));
	client_begin(&c, "127.0.0.1", OPEN);
	client_set(&c, "portals", portals);
	CU_ASSERT_EQUAL(client_login(&c), 0);
	if (c.session)
		CU_ASSERT_EQUAL(client_session_info(&c).port,
				dsc_tgtd_port(tgtd));
	client_end(&c);
	close(fd);
}

/* A label of 64 bytes is no name for DNS, so that nobody is asked. */
static void test_unresolvable_name(void)
{
	static const char host[] = "a123456789b123456789c123456789d123456789"
		"e123456789f123456789g123.invalid";
	const struct failure unresolved = { EADDRNOTAVAIL, -1, -1, { host } };
	struct client c;

	client_begin(&c, host, OPEN);
	try_login(&c, &unresolved);
	client_end(&c);
}

static void test_ipv6(void)
{
	struct discsi_session_info info;
	struct client c;

	if (!dsc_tgtd_portal6(tgtd)) {
		dsc_test_skip("this host has no IPv6 on its loopback");
		return;
	}
	client_begin(&c, dsc_tgtd_portal6(tgtd), OPEN);
	CU_ASSERT_TRUE(client_open(&c, 1));
	info = client_session_info(&c);
	CU_ASSERT_STRING_EQUAL(info.address, "::1");
	CU_ASSERT_EQUAL(info.port, dsc_tgtd_port(tgtd));
	client_end(&c);
}

static void test_initiator_name(void)
{
	static const char name[] = "iqn.2026-11.test:someone-else";
	struct client c;
	char *seen;

	client_begin(&c, dsc_tgtd_portal(tgtd), OPEN);
	client_set(&c, "initiator_name", name);
	CU_ASSERT_EQUAL(client_login(&c), 0);
	if (c.session)
		CU_ASSERT_STRING_EQUAL(client_session_info(&c).initiator,
				       name);
	seen = dsc_tgtd_show(tgtd);
	CU_ASSERT_TRUE(seen && strstr(seen, name));
	free(seen);
	client_end(&c);
}

static void test_initiator_not_allowed(void)
{
	static const char *const unbind[] = {
		"--mode", "target", "--op", "unbind", "--tid", "4",
		"--initiator-address", "ALL", NULL
	};
	static const char *const bind[] = {
		"--mode", "target", "--op", "bind", "--tid", "4",
		"--initiator-name", "iqn.2026-11.test:a-friend", NULL
	};
	const struct failure refused = {
		ENOENT, 2, 3, { PICKY, dsc_tgtd_portal(tgtd) }
	};
	struct client c;

	CU_ASSERT_EQUAL(dsc_tgtd_admin(tgtd, unbind), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_admin(tgtd, bind), 0);
	client_begin(&c, dsc_tgtd_portal(tgtd), PICKY);
	try_login(&c, &refused);
	client_set(&c, "initiator_name", "iqn.2026-11.test:a-friend");
	try_login(&c, NULL);
	client_end(&c);
}

/* ---------------------------------------------------------------- digests */

struct digest_case {
	const char *wish;
	bool is_on;
	const struct failure *failure;
};

static void try_digests(const char *portal, const char *iqn,
			const struct digest_case *cases, size_t count, int lun)
{
	struct client c;
	size_t i;

	for (i = 0; i < count; i++) {
		dsc_test_note("%s: %s", iqn, cases[i].wish);
		client_begin(&c, portal, iqn);
		client_set(&c, "header_digest", cases[i].wish);
		if (cases[i].failure) {
			try_login(&c, cases[i].failure);
		} else if (client_open(&c, (uint64_t)lun)) {
			CU_ASSERT_EQUAL(client_session_info(&c).header_digest,
					cases[i].is_on);
		}
		client_end(&c);
	}
}

static void test_digest_tgtd(void)
{
	const char *portal = dsc_tgtd_portal(tgtd);
	const struct failure cannot = {
		EOPNOTSUPP, -1, -1, { OPEN, portal, "digest" }
	};
	const struct digest_case without[] = {
		{ "none", false, NULL },
		{ "prefer", false, NULL },
		{ "require", false, &cannot },
	};
	const struct digest_case with[] = {
		{ "none", false, NULL },
		{ "prefer", true, NULL },
		{ "require", true, NULL },
	};

	try_digests(portal, OPEN, without, 3, 1);
	try_digests(portal, DIGEST, with, 3, 1);
}

/* What istgt says that it has settled, at the last login. */
static bool does_istgt_log(const struct dsc_istgt *t, const char *words)
{
	char *log = dsc_istgt_log(t);
	char *login = log;
	char *next;
	bool does;

	while (login && (next = strstr(login + 1, "Login from ")))
		login = next;
	does = login && strstr(login, words);
	free(log);
	return does;
}

static void try_digests_istgt(const char *config,
			      const struct digest_case *cases, bool is_on)
{
	const struct dsc_istgt_options options = {
		.iqn = ISTGT,
		.lun_bytes = { MIB },
		.digest = config,
	};
	struct dsc_istgt *t;

	CU_ASSERT_EQUAL_FATAL(dsc_istgt_start(&options, &t), 0);
	try_digests(dsc_istgt_portal(t), ISTGT, cases, 2, 0);
	CU_ASSERT_TRUE(does_istgt_log(t, is_on ? "HeaderDigest=on"
					       : "HeaderDigest=off"));
	dsc_istgt_stop(t);
}

static void test_digest_istgt(void)
{
	const struct failure demanded = {
		EOPNOTSUPP, -1, -1, { ISTGT, "demands", "HeaderDigest" }
	};
	const struct digest_case insisting[] = {
		{ "none", false, &demanded },
		{ "require", true, NULL },
	};
	const struct digest_case willing[] = {
		{ "prefer", true, NULL },
		{ "none", false, NULL },
	};

	if (!dsc_istgt_is_installed()) {
		dsc_test_skip("istgt is not installed");
		return;
	}
	try_digests_istgt("Header", insisting, true);
	try_digests_istgt("Auto", willing, false);
}

static const struct dsc_test tests[] = {
	{ "chap-one-way", test_chap_one_way },
	{ "chap-mutual", test_chap_mutual },
	{ "chap-istgt", test_chap_istgt },
	{ "several-driven", test_several_driven },
	{ "several-threaded", test_several_threaded },
	{ "unknown-target", test_unknown_target },
	{ "dead-port", test_dead_port },
	{ "silent-port", test_silent_port },
	{ "second-portal", test_second_portal },
	{ "unresolvable-name", test_unresolvable_name },
	{ "ipv6", test_ipv6 },
	{ "initiator-name", test_initiator_name },
	{ "initiator-not-allowed", test_initiator_not_allowed },
	{ "digest-tgtd", test_digest_tgtd },
	{ "digest-istgt", test_digest_istgt },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("login", tests, setup, teardown, argc,
				     argv);
}
