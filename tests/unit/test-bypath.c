/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bypath.c: how an iSCSI disk is called in /dev/disk/by-path, and whose
 * link is made, replaced, left alone and removed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <discsi/error.h>
#include "base/bypath.h"
#include "harness/harness.h"
#include "nbd-bridge/naming.h"
#include "unit/bridge-scratch.h"

#define NAME "ip-10.0.0.5:3260-iscsi-iqn.2026-11.test:a-lun-1"
#define TARGET "iqn.2026-11.test:a"
#define LINK DSC_BYPATH_DIR "/" NAME

/* No host has a device of this name. */
#define NODE "nbd1048000"

static void expect_name(const char *expected, const char *address,
			unsigned port, const char *target, uint64_t lun)
{
	char *name = dsc_bypath_name(address, port, target, lun);

	CU_ASSERT_STRING_EQUAL(name, expected);
	free(name);
}

static void test_names(void)
{
	expect_name(NAME, "10.0.0.5", 3260, TARGET, 1);
	expect_name("ip-fe80::1:3261-iscsi-eui.01-lun-255", "fe80::1", 3261,
		    "eui.01", 255);
	expect_name("ip-::1:3260-iscsi-iqn.a_b_-lun-0x0100000000000000", "::1", 3260,
		    "iqn.a/b ", 256);
}

static void expect_choice(const char *expected, const char *member,
			  const char *value)
{
	const struct discsi_session_info session = {
		.size = sizeof(session), .target = TARGET,
		.address = "192.0.2.1", .port = 9,
	};
	struct discsi_conf *conf;
	char *name;

	CU_ASSERT_EQUAL_FATAL(discsi_conf_new(&conf), 0);
	if (member != NULL)
		CU_ASSERT_EQUAL_FATAL(discsi_conf_set(conf, member, value), 0);
	name = nbd_naming_choose(conf, &session, 1);
	CU_ASSERT_STRING_EQUAL(name, expected);
	free(name);
	discsi_conf_free(conf);
}

/* The first portal of the configuration, wherever the session has ended up. */
static void test_choice(void)
{
	static const char in_use[] = "ip-192.0.2.1:9-iscsi-" TARGET "-lun-1";

	expect_choice(NAME, "portal", "10.0.0.5");
	expect_choice(NAME, "portals", "10.0.0.5:3260,10.0.0.6:3260");
	expect_choice(NAME, "target", "10.0.0.5");
	expect_choice("ip-10.0.0.5:77-iscsi-" TARGET "-lun-1", "portal",
		      "10.0.0.5:77");
	expect_choice("ip-::1:3260-iscsi-" TARGET "-lun-1", "portal", "[::1]");
	expect_choice("ip-::1:77-iscsi-" TARGET "-lun-1", "portal",
		      "[::1]:77");
	expect_choice(in_use, "portal", "host.test:77");
	expect_choice(in_use, "portal", "host.test");
	expect_choice(in_use, NULL, NULL);
}

static void expect_link(const char *target)
{
	char where[256] = "";

	if (readlink(scratch_path(LINK), where, sizeof(where) - 1) < 0)
		where[0] = '\0';
	CU_ASSERT_STRING_EQUAL(where, target);
}

static void put_link(const char *target)
{
	unlink(scratch_path(LINK));
	CU_ASSERT_EQUAL_FATAL(symlink(target, scratch_path(LINK)), 0);
}

static int make(void)
{
	return dsc_bypath_make(scratch_dir(), NAME, NODE);
}

static void test_make(void)
{
	struct stat st;

	scratch_clear();
	CU_ASSERT_EQUAL(make(), 0);
	expect_link("../../" NODE);
	CU_ASSERT_EQUAL(make(), 0);
	CU_ASSERT(stat(scratch_path("disk"), &st) == 0 &&
		  (st.st_mode & 0777) == 0755);

	dsc_bypath_remove(scratch_dir(), NAME, "nbd7");
	expect_link("../../" NODE);
	dsc_bypath_remove(scratch_dir(), NAME, NODE);
	expect_link("");
	dsc_bypath_remove(scratch_dir(), NAME, NODE);
}

/* One that leads nowhere, and one of a device that nobody serves. */
static void test_stale(void)
{
	scratch_clear();
	CU_ASSERT_EQUAL(make(), 0);
	put_link("../../sdz");
	CU_ASSERT_EQUAL(make(), 0);
	expect_link("../../" NODE);
	scratch_write("nbd1048001", "", 0600);
	put_link("../../nbd1048001");
	CU_ASSERT_EQUAL(make(), 0);
	expect_link("../../" NODE);
	CU_ASSERT(!scratch_exists(DSC_BYPATH_DIR "/.discsi-" NODE ".new"));
}

static void test_taken(void)
{
	scratch_clear();
	CU_ASSERT_EQUAL(make(), 0);
	scratch_write("sdz", "", 0600);
	put_link("../../sdz");
	CU_ASSERT_EQUAL(make(), -EEXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message, "sdz"));
	expect_link("../../sdz");
	dsc_bypath_remove(scratch_dir(), NAME, NODE);
	expect_link("../../sdz");

	unlink(scratch_path(LINK));
	scratch_write(LINK, "a file", 0600);
	CU_ASSERT_EQUAL(make(), -EEXIST);
	CU_ASSERT(scratch_exists(LINK));
}

static void test_no_place(void)
{
	char name[400];

	scratch_clear();
	scratch_write("disk", "in the way", 0600);
	CU_ASSERT_EQUAL(make(), -ENOTDIR);
	scratch_clear();
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT_EQUAL(dsc_bypath_make(scratch_dir(), name, NODE),
			-ENAMETOOLONG);
}

static const struct dsc_test tests[] = {
	{ "names", test_names },
	{ "choice", test_choice },
	{ "make", test_make },
	{ "stale", test_stale },
	{ "taken", test_taken },
	{ "no-place", test_no_place },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bypath", tests, scratch_setup,
				     scratch_teardown, argc, argv);
}
