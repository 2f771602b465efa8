/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-which.c: which of several bridges a path names. Their processes are
 * gone: a detach clears what they have left.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <discsi/bridge.h>
#include "harness/harness.h"
#include "unit/bridge-scratch.h"

static char path[256], link_path[256];

static void make_names(void)
{
	scratch_clear();
	snprintf(path, sizeof(path), "%s", scratch_path("x.sock"));
	snprintf(link_path, sizeof(link_path), "%s", scratch_path("link.sock"));
	scratch_write("x.sock", "", 0600);
	CU_ASSERT_EQUAL(symlink(path, link_path), 0);
}

static void test_by_link(void)
{
	make_names();
	scratch_state("a-lun-1", path, 4711);
	CU_ASSERT_EQUAL(discsi_bridge_detach("/no/such.sock", 0), -ENOENT);
	CU_ASSERT_EQUAL(discsi_bridge_detach(link_path, 0), 0);
	CU_ASSERT(!scratch_exists("a-lun-1.json"));
}

/* The name of one counts, although that of another one is a link to it. */
static void test_name_before_link(void)
{
	make_names();
	scratch_state("a-lun-1", link_path, 4711);
	scratch_state("b-lun-1", path, 4712);
	CU_ASSERT_EQUAL(discsi_bridge_detach(path, 0), 0);
	CU_ASSERT(scratch_exists("a-lun-1.json"));
	CU_ASSERT(!scratch_exists("b-lun-1.json"));
	CU_ASSERT_EQUAL(discsi_bridge_detach(link_path, 0), 0);
	CU_ASSERT(!scratch_exists("a-lun-1.json"));
}

static const struct dsc_test tests[] = {
	{ "by-link", test_by_link },
	{ "name-before-link", test_name_before_link },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-which", tests, scratch_setup,
				     scratch_teardown, argc, argv);
}
