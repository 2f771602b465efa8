/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inuse.c: who uses a disk. Three sources are asked, for the disk and for each
 * of its partitions: the mount table, the swap table, and the holders that
 * sysfs knows. Reads files only; any thread.
 *
 * A mount is recognised by device number, and by the path it was mounted from:
 * some file systems (btrfs) have device numbers of their own.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "bridge/inuse.h"
#include "bridge/mountlib.h"

const struct dsc_inuse_paths dsc_inuse_system = {
	.mountinfo = "/proc/self/mountinfo",
	.swaps = "/proc/swaps",
	.sys_block = "/sys/block",
	.dev = "/dev",
};

/* What is asked about: the tables, read once, and the disk. */
struct inuse {
	const struct dsc_inuse_paths *paths;
	struct libmnt_table *mounts;
	struct libmnt_table *swaps;
	const char *disk;  /* "nbd0" */
};

/* The disk itself or one of its partitions. */
struct node {
	char sys[PATH_MAX];  /* its directory in sysfs */
	char dev[PATH_MAX];  /* its path in /dev */
	dev_t number;        /* 0: not known */
};

/* True if a path from a table means the node, symbolic links followed. */
static bool is_same_device(const char *path, const struct node *node)
{
	char real[PATH_MAX];

	if (path == NULL || path[0] != '/')
		return false;
	if (strcmp(path, node->dev) == 0)
		return true;
	return realpath(path, real) != NULL && strcmp(real, node->dev) == 0;
}

static bool is_mount_of(struct libmnt_fs *fs, const struct node *node)
{
	if (node->number != 0 && mnt_fs_get_devno(fs) == node->number)
		return true;
	return is_same_device(mnt_fs_get_source(fs), node);
}

static bool is_swap_on(struct libmnt_fs *fs, const struct node *node)
{
	return is_same_device(mnt_fs_get_source(fs), node);
}

/* The first entry of a table that is the node's, or NULL. */
static struct libmnt_fs *find_in(struct libmnt_table *table,
				 const struct node *node,
				 bool (*is_match)(struct libmnt_fs *,
						  const struct node *))
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *found = NULL;
	struct libmnt_fs *fs;

	if (iter == NULL)
		return NULL;
	while (mnt_table_next_fs(table, iter, &fs) == 0) {
		if (is_match(fs, node)) {
			found = fs;
			break;
		}
	}
	mnt_free_iter(iter);
	return found;
}

/* Fails if the "holders" directory of the node has an entry. */
static int check_holders(const struct node *node)
{
	char path[PATH_MAX + sizeof("/holders")];
	struct dirent *entry;
	int status = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/holders", node->sys);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while (status == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			status = dsc_fail(EBUSY, "%s is in use: held by %s",
					  node->dev, entry->d_name);
	}
	closedir(dir);
	return status;
}

static int check_node(const struct inuse *inuse, const struct node *node)
{
	struct libmnt_fs *fs;

	fs = find_in(inuse->mounts, node, is_mount_of);
	if (fs != NULL)
		return dsc_fail(EBUSY, "%s is in use: mounted on %s", node->dev,
				mnt_fs_get_target(fs));
	fs = find_in(inuse->swaps, node, is_swap_on);
	if (fs != NULL)
		return dsc_fail(EBUSY, "%s is in use: it is swap", node->dev);
	return check_holders(node);
}

/* The number in the node's sysfs file "dev", 0 if there is none. */
static dev_t read_number(const struct node *node)
{
	char path[PATH_MAX + sizeof("/dev")];
	unsigned major_number;
	unsigned minor_number;
	dev_t number = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/dev", node->sys);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%u:%u", &major_number, &minor_number) == 2)
		number = makedev(major_number, minor_number);
	fclose(file);
	return number;
}

/* partition: NULL for the disk. False when the paths are too long. */
static bool make_node(const struct inuse *inuse, const char *partition,
		      struct node *node)
{
	const struct dsc_inuse_paths *paths = inuse->paths;
	int sys;
	int dev;

	if (partition == NULL) {
		sys = snprintf(node->sys, sizeof(node->sys), "%s/%s",
			       paths->sys_block, inuse->disk);
		dev = snprintf(node->dev, sizeof(node->dev), "%s/%s",
			       paths->dev, inuse->disk);
	} else {
		sys = snprintf(node->sys, sizeof(node->sys), "%s/%s/%s",
			       paths->sys_block, inuse->disk, partition);
		dev = snprintf(node->dev, sizeof(node->dev), "%s/%s",
			       paths->dev, partition);
	}
	if (sys < 0 || (size_t)sys >= sizeof(node->sys) || dev < 0 ||
	    (size_t)dev >= sizeof(node->dev))
		return false;
	node->number = read_number(node);
	return true;
}

/* "nbd0p1" of "nbd0" */
static bool is_partition_of(const char *name, const char *disk)
{
	size_t length = strlen(disk);

	return strncmp(name, disk, length) == 0 && name[length] == 'p' &&
	       name[length + 1] >= '0' && name[length + 1] <= '9';
}

static int check_partitions(const struct inuse *inuse, const char *sys)
{
	DIR *dir = opendir(sys);
	struct dirent *entry;
	struct node node;
	int status = 0;

	if (dir == NULL)
		return 0;
	while (status == 0 && (entry = readdir(dir)) != NULL) {
		if (is_partition_of(entry->d_name, inuse->disk) &&
		    make_node(inuse, entry->d_name, &node))
			status = check_node(inuse, &node);
	}
	closedir(dir);
	return status;
}

static int check_disk(const struct inuse *inuse)
{
	struct node node;
	int status;

	if (!make_node(inuse, NULL, &node))
		return dsc_fail(ENAMETOOLONG, "the device name %s is too long",
				inuse->disk);
	status = check_node(inuse, &node);
	return status < 0 ? status : check_partitions(inuse, node.sys);
}

/* A kernel without swap has no table of it, that is fine. */
static int read_tables(struct inuse *inuse, const char *device)
{
	const struct dsc_inuse_paths *paths = inuse->paths;

	inuse->mounts = mnt_new_table();
	inuse->swaps = mnt_new_table();
	if (inuse->mounts == NULL || inuse->swaps == NULL)
		return dsc_fail_memory();
	if (mnt_table_parse_file(inuse->mounts, paths->mountinfo) != 0)
		return dsc_fail(EIO, "whether %s is in use cannot be found "
				"out: %s cannot be read", device,
				paths->mountinfo);
	if (access(paths->swaps, F_OK) == 0 &&
	    mnt_table_parse_swaps(inuse->swaps, paths->swaps) != 0)
		return dsc_fail(EIO, "whether %s is in use cannot be found "
				"out: %s cannot be read", device,
				paths->swaps);
	return 0;
}

int dsc_inuse_check(const struct dsc_inuse_paths *paths, const char *device)
{
	struct inuse inuse = { .paths = paths };
	const char *slash = strrchr(device, '/');
	int status;

	status = dsc_mountlib_load();
	if (status < 0)
		return status;
	inuse.disk = slash != NULL ? slash + 1 : device;
	status = read_tables(&inuse, device);
	if (status == 0)
		status = check_disk(&inuse);
	mnt_unref_table(inuse.mounts);
	mnt_unref_table(inuse.swaps);
	return status;
}
