/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bypath.c: see bypath.h. udev may work on the same link meanwhile: it makes the
 * same one, since it has the name from us. Any thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bypath.h"
#include "base/error.h"

#define TRIES 3
#define LUN_PLAIN_MAX 255u  /* beyond that its 8 bytes are the name */

/* --------------------------------------------------------------------- name */

static bool is_name_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || strchr("#+-.:=@_", c) != NULL;
}

char *dsc_bypath_name(const char *address, unsigned port, const char *target,
		      uint64_t lun)
{
	char number[32];
	char *name;
	char *c;

	if (lun <= LUN_PLAIN_MAX)
		snprintf(number, sizeof(number), "%" PRIu64, lun);
	else
		snprintf(number, sizeof(number), "0x%04x%04x00000000",
			 (unsigned)(lun & 0xffff),
			 (unsigned)(lun >> 16 & 0xffff));
	if (asprintf(&name, "ip-%s:%u-iscsi-%s-lun-%s", address, port, target,
		     number) < 0)
		return NULL;
	for (c = name; *c != '\0'; c++) {
		if (!is_name_character(*c))
			*c = '_';
	}
	return name;
}

/* --------------------------------------------------------------------- link */

struct link {
	char path[PATH_MAX];
	char spare[PATH_MAX];  /* where it is made that takes the name */
	char target[64];
};

static int fill(struct link *link, const char *dev, const char *name,
		const char *node)
{
	int length = snprintf(link->path, sizeof(link->path),
			      "%s/" DSC_BYPATH_DIR "/%s", dev, name);

	if (length < 0 || length >= (int)sizeof(link->path))
		return dsc_fail(ENAMETOOLONG, "the name of %s in " DSC_BYPATH_DIR
				" is too long", node);
	snprintf(link->spare, sizeof(link->spare),
		 "%s/" DSC_BYPATH_DIR "/.discsi-%s.new", dev, node);
	snprintf(link->target, sizeof(link->target), "../../%s", node);
	return 0;
}

static bool leads_to(const struct link *link, char *where, size_t room)
{
	ssize_t length = readlink(link->path, where, room - 1);

	where[length > 0 ? length : 0] = '\0';
	return strcmp(where, link->target) == 0;
}

bool dsc_bypath_is_served(const char *node)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/block/%.64s/pid", node);
	return access(path, F_OK) == 0;
}

/* An nbd device has its node when nobody serves it, too. */
static bool is_live(const struct link *link, const char *where)
{
	const char *node = strrchr(where, '/');
	struct stat st;

	node = node != NULL ? node + 1 : where;
	if (stat(link->path, &st) < 0)
		return false;
	return strncmp(node, "nbd", 3) != 0 || dsc_bypath_is_served(node);
}

static void make_directories(const char *dev)
{
	static const char *const names[] = { "disk", DSC_BYPATH_DIR };
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dev, names[i]);
		mkdir(path, 0755);
	}
}

static int replace(const struct link *link)
{
	int rc = 0;

	unlink(link->spare);
	if (symlink(link->target, link->spare) < 0)
		return -errno;
	if (rename(link->spare, link->path) < 0) {
		rc = -errno;
		unlink(link->spare);
	}
	return rc;
}

/* One attempt: 0, -EAGAIN when it has changed meanwhile, or an errno. */
static int make(const struct link *link)
{
	char where[PATH_MAX];
	struct stat st;

	if (symlink(link->target, link->path) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (leads_to(link, where, sizeof(where)))
		return 0;
	if (lstat(link->path, &st) < 0)
		return -EAGAIN;
	if (!S_ISLNK(st.st_mode) || is_live(link, where))
		return dsc_fail(EEXIST, "%s is the name of %s already",
				link->path, where[0] != '\0' ? where :
				"something else");
	return replace(link);
}

int dsc_bypath_make(const char *dev, const char *name, const char *node)
{
	struct link link;
	int rc = fill(&link, dev, name, node);
	int i;

	if (rc < 0)
		return rc;
	make_directories(dev);
	rc = -EAGAIN;
	for (i = 0; i < TRIES && rc == -EAGAIN; i++)
		rc = make(&link);
	if (rc < 0 && rc != -EEXIST)
		return dsc_fail(-rc, "the link %s cannot be made (%s)",
				link.path, discsi_errno_name(rc));
	return rc;
}

void dsc_bypath_remove(const char *dev, const char *name, const char *node)
{
	char where[PATH_MAX];
	struct link link;

	if (fill(&link, dev, name, node) == 0 &&
	    leads_to(&link, where, sizeof(where)))
		unlink(link.path);
}
