/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-inuse.c: mounts, swap and holders of a disk and its partitions,
 * told from tables and a sysfs tree that the test makes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <discsi/error.h>
#include "harness/harness.h"
#include "unit/bridge-scratch.h"
#include "bridge/inuse.h"

#define SWAP_HEAD "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

static char mountinfo[128];
static char swaps[128];
static char sys_block[128];
static char dev[128];

static const struct dsc_inuse_paths paths = {
	.mountinfo = mountinfo,
	.swaps = swaps,
	.sys_block = sys_block,
	.dev = dev,
};

static void make_dir(const char *name)
{
	CU_ASSERT_EQUAL_FATAL(mkdir(scratch_path(name), 0700), 0);
}

/* nbd0 (43:0) with nbd0p1 (43:1), and nbd1 (43:32); nothing in use. */
static void make_system(const char *mounts, const char *swap_lines)
{
	char text[1024];

	scratch_clear();
	make_dir("sys");
	make_dir("dev");
	make_dir("sys/nbd0");
	make_dir("sys/nbd0/holders");
	make_dir("sys/nbd0/queue");
	make_dir("sys/nbd0/nbd0p1");
	make_dir("sys/nbd0/nbd0p1/holders");
	make_dir("sys/nbd1");
	scratch_write("sys/nbd0/dev", "43:0\n", 0600);
	scratch_write("sys/nbd0/nbd0p1/dev", "43:1\n", 0600);
	scratch_write("sys/nbd1/dev", "43:32\n", 0600);
	snprintf(text, sizeof(text), "21 1 259:1 / / rw shared:1 - ext4 "
		 "/dev/root rw\n%s", mounts);
	scratch_write("mountinfo", text, 0600);
	snprintf(text, sizeof(text), SWAP_HEAD "%s", swap_lines);
	scratch_write("swaps", text, 0600);
	snprintf(mountinfo, sizeof(mountinfo), "%s", scratch_path("mountinfo"));
	snprintf(swaps, sizeof(swaps), "%s", scratch_path("swaps"));
	snprintf(sys_block, sizeof(sys_block), "%s", scratch_path("sys"));
	snprintf(dev, sizeof(dev), "%s", scratch_path("dev"));
}

/* Expects EBUSY and a word in the sentence. */
static void expect_busy(const char *device, const char *word)
{
	CU_ASSERT_EQUAL(dsc_inuse_check(&paths, device), -EBUSY);
	CU_ASSERT(strstr(discsi_last_error()->message, word) != NULL);
}

static void test_free(void)
{
	make_system("30 21 43:32 / /mnt/other rw - ext4 /dev/nbd1 rw\n"
		    "31 21 0:45 / /tmp rw - tmpfs tmpfs rw\n",
		    "/dev/sda2 partition 1024 0 -2\n");
	CU_ASSERT_EQUAL(dsc_inuse_check(&paths, "/dev/nbd0"), 0);
	CU_ASSERT_EQUAL(dsc_inuse_check(&paths, "/dev/nbd7"), 0);
}

static void test_mounted(void)
{
	make_system("30 21 43:0 / /mnt/a\\040b rw - ext4 /dev/x rw\n", "");
	expect_busy("/dev/nbd0", "mounted on /mnt/a b");
	CU_ASSERT_EQUAL(dsc_inuse_check(&paths, "/dev/nbd1"), 0);
}

static void test_partition_mounted(void)
{
	make_system("30 21 43:1 / /data rw - xfs /dev/y rw\n", "");
	expect_busy("/dev/nbd0", "nbd0p1 is in use: mounted on /data");
}

static void test_mounted_by_path(void)
{
	char line[256];

	make_system("", "");
	snprintf(line, sizeof(line), "30 21 0:99 / /pool rw - btrfs %s/nbd0 "
		 "rw\n", dev);
	make_system(line, "");
	expect_busy("/dev/nbd0", "mounted on /pool");
}

static void test_mounted_by_link(void)
{
	char line[256];

	make_system("", "");
	snprintf(line, sizeof(line), "30 21 0:99 / /pool rw - btrfs "
		 "%s/by-path rw\n", dev);
	make_system(line, "");
	scratch_write("dev/nbd0", "", 0600);
	CU_ASSERT_EQUAL(symlink("nbd0", scratch_path("dev/by-path")), 0);
	expect_busy("/dev/nbd0", "mounted on /pool");
}

static void test_swap(void)
{
	char line[256];

	make_system("", "");
	snprintf(line, sizeof(line), "%s/nbd0p1 partition 1024 0 -2\n", dev);
	make_system("", line);
	expect_busy("/dev/nbd0", "swap");
}

static void test_no_swap_table(void)
{
	make_system("", "");
	CU_ASSERT_EQUAL(unlink(swaps), 0);
	CU_ASSERT_EQUAL(dsc_inuse_check(&paths, "/dev/nbd0"), 0);
}

static void test_holders(void)
{
	make_system("", "");
	make_dir("sys/nbd0/holders/dm-3");
	expect_busy("/dev/nbd0", "held by dm-3");
}

static void test_partition_holders(void)
{
	make_system("", "");
	make_dir("sys/nbd0/nbd0p1/holders/md127");
	expect_busy("/dev/nbd0", "nbd0p1 is in use: held by md127");
}

/* Not knowing is not the same as being free. */
static void test_no_mount_table(void)
{
	make_system("", "");
	CU_ASSERT_EQUAL(unlink(mountinfo), 0);
	CU_ASSERT_EQUAL(dsc_inuse_check(&paths, "/dev/nbd0"), -EIO);
	CU_ASSERT(strstr(discsi_last_error()->message, mountinfo) != NULL);
}

static const struct dsc_test tests[] = {
	{ "free", test_free },
	{ "mounted", test_mounted },
	{ "partition-mounted", test_partition_mounted },
	{ "mounted-by-path", test_mounted_by_path },
	{ "mounted-by-link", test_mounted_by_link },
	{ "swap", test_swap },
	{ "no-swap-table", test_no_swap_table },
	{ "holders", test_holders },
	{ "partition-holders", test_partition_holders },
	{ "no-mount-table", test_no_mount_table },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-inuse", tests, scratch_setup,
				     scratch_teardown, argc, argv);
}
