/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-discovery.c: SendTargets against tgtd and istgt. What a portal offers
 * is known from what the test has set up, and asked a second time with
 * libiscsi's iscsi-ls. Test's thread, and the threaded context's.
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

#define IQN "iqn.2026-11.test.discovery:"
#define USER "finder"
#define SECRET "canary-one-way"
#define MUTUAL_USER "portal"
#define MUTUAL_SECRET "canary-mutual"
#define TARGETS 3
#define MANY 50
/* The most that tgtd puts into one Text Response. */
#define TEXT_BYTES 8192

static struct dsc_tgtd *tgtd;

static int setup(void)
{
	char iqn[64];
	int tid;

	if (!dsc_tgtd_is_installed()) {
		dsc_test_skip("tgtd is not installed");
		return 0;
	}
	if (dsc_tgtd_start(&tgtd) != 0)
		return -1;
	for (tid = 1; tid <= TARGETS; tid++) {
		snprintf(iqn, sizeof(iqn), IQN "%d", tid);
		if (dsc_tgtd_add_target(tgtd, tid, iqn) != 0)
			return -1;
	}
	return 0;
}

static void teardown(void)
{
	dsc_tgtd_stop(tgtd);
}

/* ---------------------------------------------------------------- asking */

/* NULL after a failure, which is reported. */
static struct discsi_discovery *discover(struct client *c)
{
	struct discsi_discovery *found = NULL;
	int rc = discsi_discover(c->ctx, c->conf, &found);

	CU_ASSERT_EQUAL(rc, 0);
	if (rc == 0)
		return found;
	dsc_test_note("%s", discsi_last_error()->message);
	return NULL;
}

static struct discsi_discovery *discover_at(const char *portal)
{
	struct discsi_discovery *found;
	struct client c;

	client_begin(&c, portal, NULL);
	found = discover(&c);
	client_end(&c);
	return found;
}

static const struct discsi_target *find(const struct discsi_discovery *found,
					const char *iqn)
{
	size_t i;

	for (i = 0; found && i < found->ntargets; i++)
		if (strcmp(found->targets[i].target, iqn) == 0)
			return &found->targets[i];
	return NULL;
}

/* Whether "ADDRESS:PORT" is one of the target's portals, written like that. */
static bool has_portal(const struct discsi_target *target, const char *portal)
{
	char text[128];
	size_t i;

	for (i = 0; i < target->nportals; i++) {
		const struct discsi_portal *p = &target->portals[i];
		bool is_v6 = strchr(p->address, ':') != NULL;

		CU_ASSERT_PTR_NULL(strpbrk(p->address, "[]"));
		CU_ASSERT_EQUAL(p->tpgt, 1);
		snprintf(text, sizeof(text), is_v6 ? "[%s]:%u" : "%s:%u",
			 p->address, p->port);
		if (strcmp(text, portal) == 0)
			return true;
	}
	return false;
}

/*
 * The three targets, and nothing else. tgtd tells of the portal that it was
 * asked at, and of no other.
 */
static void check_targets(const struct discsi_discovery *found,
			  const char *portal)
{
	char iqn[64];
	int tid;

	CU_ASSERT_PTR_NOT_NULL(found);
	if (!found)
		return;
	CU_ASSERT_EQUAL(found->ntargets, TARGETS);
	for (tid = 1; tid <= TARGETS; tid++) {
		const struct discsi_target *target;

		snprintf(iqn, sizeof(iqn), IQN "%d", tid);
		target = find(found, iqn);
		CU_ASSERT_PTR_NOT_NULL(target);
		if (!target)
			continue;
		CU_ASSERT_EQUAL(target->nportals, 1);
		CU_ASSERT_TRUE(has_portal(target, portal));
	}
}

/* ----------------------------------------------------------------- tests */

static void test_targets(void)
{
	struct discsi_discovery *found = discover_at(dsc_tgtd_portal(tgtd));

	check_targets(found, dsc_tgtd_portal(tgtd));
	discsi_discovery_free(found);
}

/* Each line that iscsi-ls prints is in our answer, and there are as many. */
static void test_same_as_iscsi_ls(void)
{
	struct discsi_discovery *found;
	struct dsc_run_result ls;
	size_t lines = 0;
	size_t portals = 0;
	char url[128];
	const char *const argv[] = { "iscsi-ls", url, NULL };
	char *line;
	size_t i;

	if (!dsc_has_program("iscsi-ls")) {
		dsc_test_skip("libiscsi-bin is not installed");
		return;
	}
	found = discover_at(dsc_tgtd_portal(tgtd));
	snprintf(url, sizeof(url), "iscsi://%s", dsc_tgtd_portal(tgtd));
	CU_ASSERT_EQUAL(dsc_run(&ls, argv), 0);
	for (line = strtok(ls.out, "\n"); line; line = strtok(NULL, "\n")) {
		const struct discsi_target *target;
		char iqn[64] = "";
		char portal[64] = "";

		CU_ASSERT_EQUAL(sscanf(line, "Target:%63s Portal:%63[^,]", iqn,
				       portal), 2);
		target = find(found, iqn);
		CU_ASSERT_PTR_NOT_NULL(target);
		CU_ASSERT_TRUE(target && has_portal(target, portal));
		lines++;
	}
	for (i = 0; found && i < found->ntargets; i++)
		portals += found->targets[i].nportals;
	CU_ASSERT_EQUAL(lines, portals);
	dsc_run_free(&ls);
	discsi_discovery_free(found);
}

static void test_ipv6(void)
{
	struct discsi_discovery *found;

	if (!dsc_tgtd_portal6(tgtd)) {
		dsc_test_skip("this host has no IPv6 on its loopback");
		return;
	}
	found = discover_at(dsc_tgtd_portal6(tgtd));
	check_targets(found, dsc_tgtd_portal6(tgtd));
	discsi_discovery_free(found);
}

static void test_name_instead_of_address(void)
{
	struct discsi_discovery *found;
	char portal[64];

	snprintf(portal, sizeof(portal), "localhost:%u", dsc_tgtd_port(tgtd));
	found = discover_at(portal);
	check_targets(found, dsc_tgtd_portal(tgtd));
	discsi_discovery_free(found);
}

static void test_threaded(void)
{
	struct discsi_discovery *found;
	struct client c;

	client_begin(&c, dsc_tgtd_portal(tgtd), NULL);
	client_start(&c);
	found = discover(&c);
	check_targets(found, dsc_tgtd_portal(tgtd));
	discsi_discovery_free(found);
	client_end(&c);
}

static void on_found(void *arg, int status, struct discsi_discovery *result,
		     const struct discsi_error *error)
{
	check_targets(result, dsc_tgtd_portal(tgtd));
	discsi_discovery_free(result);
	pending_done(arg, status, error);
}

/* Several at a time on one driven loop. */
static void test_asynchronous(void)
{
	struct pending p;
	struct client c;
	int i;

	client_begin(&c, dsc_tgtd_portal(tgtd), NULL);
	pending_init(&p, &c);
	for (i = 0; i < 5; i++) {
		pending_add(&p);
		CU_ASSERT_EQUAL(discsi_discover_async(c.ctx, c.conf, on_found,
						      &p), 0);
	}
	CU_ASSERT_TRUE(pending_wait(&p, 0));
	CU_ASSERT_EQUAL(p.failed, 0);
	pending_fini(&p);
	client_end(&c);
}

static void test_nobody_listens(void)
{
	struct discsi_discovery *found = NULL;
	struct client c;
	char portal[64];
	int fd;
	const struct failure refused = {
		ECONNREFUSED, -1, -1, { "discovery", portal }
	};

	snprintf(portal, sizeof(portal), "127.0.0.1:%u", dsc_dead_port(&fd));
	client_begin(&c, portal, NULL);
	expect_failure(discsi_discover(c.ctx, c.conf, &found), &refused);
	CU_ASSERT_PTR_NULL(found);
	client_end(&c);
	close(fd);
}

/* ------------------------------------------- targets that offer other things */

static struct dsc_tgtd *start_another(int targets, const char *suffix)
{
	struct dsc_tgtd *t;
	char iqn[256];
	int tid;

	CU_ASSERT_EQUAL_FATAL(dsc_tgtd_start(&t), 0);
	for (tid = 1; tid <= targets; tid++) {
		snprintf(iqn, sizeof(iqn), IQN "%d%s", tid, suffix);
		CU_ASSERT_EQUAL(dsc_tgtd_add_target(t, tid, iqn), 0);
	}
	return t;
}

/* An answer that does not fit one Text Response. */
static void test_many_targets(void)
{
	char suffix[] = ".00000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000000000000000000000000000000"
		"000000000000000000000000000000000000000000000000000000000";
	struct dsc_tgtd *t = start_another(MANY, suffix);
	struct discsi_discovery *found = discover_at(dsc_tgtd_portal(t));
	size_t bytes = 0;
	char iqn[256];
	int tid;

	CU_ASSERT_TRUE(found && found->ntargets == MANY);
	for (tid = 1; tid <= MANY; tid++) {
		snprintf(iqn, sizeof(iqn), IQN "%d%s", tid, suffix);
		CU_ASSERT_PTR_NOT_NULL(find(found, iqn));
		bytes += sizeof("TargetName=") + strlen(iqn);
	}
	CU_ASSERT(bytes > TEXT_BYTES);
	discsi_discovery_free(found);
	dsc_tgtd_stop(t);
}

/* ------------------------------------------------------------------ CHAP */

/* What a portal says to these credentials; NULL: it answers. */
struct chap_case {
	const char *user;
	const char *secret;
	const char *mutual_user;
	const char *mutual_secret;
	const struct failure *failure;
};

static void try_chap(const char *portal, const struct chap_case *chap,
		     const char *iqn)
{
	struct discsi_discovery *found = NULL;
	struct client c;
	int rc;

	client_begin(&c, portal, NULL);
	client_set_chap(&c, chap->user, chap->secret, chap->mutual_user,
			chap->mutual_secret);
	rc = discsi_discover(c.ctx, c.conf, &found);
	if (chap->failure)
		expect_failure(rc, chap->failure);
	else
		CU_ASSERT_PTR_NOT_NULL(find(found, iqn));
	if (!chap->failure && rc != 0)
		dsc_test_note("%s", discsi_last_error()->message);
	discsi_discovery_free(found);
	client_end(&c);
}

/* demands_proof: the portal wants to prove itself, so mutual is a must. */
static void try_all_chap(const char *portal, const char *iqn,
			 bool demands_proof)
{
	const struct failure refused = {
		EACCES, 2, 1, { "discovery", portal, "authentication" }
	};
	const struct failure unproven = {
		EACCES, -1, -1, { "discovery", portal }
	};
	const struct chap_case cases[] = {
		{ USER, SECRET, NULL, NULL, demands_proof ? &refused : NULL },
		{ USER, SECRET, MUTUAL_USER, MUTUAL_SECRET, NULL },
		{ NULL, NULL, NULL, NULL, &refused },
		{ USER, "canary-wrong", NULL, NULL, &refused },
		{ "nobody", SECRET, NULL, NULL, &refused },
		{ USER, SECRET, MUTUAL_USER, "canary-wrong", &unproven },
		{ USER, SECRET, "nobody", MUTUAL_SECRET, &unproven },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dsc_test_note("user %s, target %s: %s",
			      cases[i].user ? cases[i].user : "none",
			      cases[i].mutual_user ? cases[i].mutual_user
						   : "none",
			      cases[i].failure ? "refused" : "let in");
		try_chap(portal, &cases[i], iqn);
	}
}

static void test_chap_tgtd(void)
{
	struct dsc_tgtd *t = start_another(1, "");

	CU_ASSERT_EQUAL(dsc_tgtd_set_chap(t, 0, USER, SECRET, MUTUAL_USER,
					  MUTUAL_SECRET), 0);
	try_all_chap(dsc_tgtd_portal(t), IQN "1", false);
	dsc_tgtd_stop(t);
}

static void test_chap_istgt(void)
{
	const struct dsc_istgt_options options = {
		.iqn = IQN "istgt",
		.lun_bytes = { MIB },
		.user = USER,
		.secret = SECRET,
		.mutual_user = MUTUAL_USER,
		.mutual_secret = MUTUAL_SECRET,
		.has_discovery_chap = true,
	};
	struct dsc_istgt *t;

	if (!dsc_istgt_is_installed()) {
		dsc_test_skip("istgt is not installed");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(dsc_istgt_start(&options, &t), 0);
	try_all_chap(dsc_istgt_portal(t), IQN "istgt", true);
	dsc_istgt_stop(t);
}

/* istgt tells of all its portals, those of the other family included. */
static void test_several_portals(void)
{
	bool has_v6 = dsc_tgtd_portal6(tgtd) != NULL;
	const struct dsc_istgt_options options = {
		.iqn = IQN "first",
		.lun_bytes = { MIB },
		.more_iqns = { IQN "second" },
		.more_addresses = { "127.0.0.1", has_v6 ? "[::1]" : NULL },
	};
	static const char *const iqns[] = { IQN "first", IQN "second" };
	struct discsi_discovery *found;
	struct dsc_istgt *t;
	size_t i;

	if (!dsc_istgt_is_installed()) {
		dsc_test_skip("istgt is not installed");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(dsc_istgt_start(&options, &t), 0);
	found = discover_at(dsc_istgt_portal(t));
	CU_ASSERT_TRUE(found && found->ntargets == 2);
	for (i = 0; i < 2; i++) {
		const struct discsi_target *target = find(found, iqns[i]);

		CU_ASSERT_PTR_NOT_NULL(target);
		if (!target)
			continue;
		CU_ASSERT_EQUAL(target->nportals, has_v6 ? 3 : 2);
		CU_ASSERT_TRUE(has_portal(target, dsc_istgt_portal(t)));
		CU_ASSERT_TRUE(has_portal(target, dsc_istgt_more_portal(t, 0)));
		CU_ASSERT_TRUE(!has_v6 ||
			       has_portal(target, dsc_istgt_more_portal(t, 1)));
	}
	discsi_discovery_free(found);
	dsc_istgt_stop(t);
}

static const struct dsc_test tests[] = {
	{ "targets", test_targets },
	{ "same-as-iscsi-ls", test_same_as_iscsi_ls },
	{ "ipv6", test_ipv6 },
	{ "name-instead-of-address", test_name_instead_of_address },
	{ "threaded", test_threaded },
	{ "asynchronous", test_asynchronous },
	{ "nobody-listens", test_nobody_listens },
	{ "many-targets", test_many_targets },
	{ "chap-tgtd", test_chap_tgtd },
	{ "chap-istgt", test_chap_istgt },
	{ "several-portals", test_several_portals },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("discovery", tests, setup, teardown, argc,
				     argv);
}
