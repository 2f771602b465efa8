/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * users.c: see users.h. No lock is waited for but in dsc_users_share(). A
 * descriptor may have been inherited by a fork that has not come to its exec
 * yet, so that a lock is let go of in so many words and not by closing.
 *
 * Names of users come from /proc/locks, which tells who has taken a lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "bridge/registry.h"
#include "bridge/users.h"

#define LOCKS "/proc/locks"
#define NAMES_MAX 300      /* of a sentence */
#define COMM_MAX 64

/* ------------------------------------------------------------------- file */

static struct dsc_registry_name name_of(const char *id)
{
	return dsc_registry_name(id, DSC_REGISTRY_USERS);
}

static int open_file(const struct dsc_registry *registry, const char *id)
{
	struct dsc_registry_name name = name_of(id);
	int fd = openat(registry->fd, name.text, O_RDWR | O_CREAT |
			O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	return dsc_fail(errno == EACCES ? EPERM : errno, "the file %s/%s"
			DSC_REGISTRY_USERS " cannot be made (%s)",
			registry->path, id, discsi_errno_name(errno));
}

bool dsc_users_is_current(const struct dsc_users *users)
{
	return users->fd >= 0 &&
	       dsc_registry_leads_to(users->dir_fd, name_of(users->id).text,
				     users->fd);
}

static void forget(struct dsc_users *users)
{
	if (users->fd >= 0) {
		flock(users->fd, LOCK_UN);
		close(users->fd);
	}
	if (users->dir_fd >= 0)
		close(users->dir_fd);
	free(users->id);
	*users = (struct dsc_users)DSC_USERS_INIT;
}

/* ------------------------------------------------------------------- lock */

/* Takes the lock of a file that is open, in the end shared or not. */
static int lock_file(const struct dsc_users *users, bool is_shared)
{
	bool is_alone = flock(users->fd, LOCK_EX | LOCK_NB) == 0;

	if (is_alone && !dsc_users_is_current(users))
		return -EAGAIN;
	/* What those have wanted who are all gone is over. */
	if (is_alone)
		dsc_users_mark(users, false);
	if (is_alone && !is_shared)
		return 0;
	if (is_shared && flock(users->fd, LOCK_SH | LOCK_NB) == 0)
		return dsc_users_is_current(users) ? 0 : -EAGAIN;
	if (errno == EWOULDBLOCK)
		return -EAGAIN;
	return dsc_fail(errno, "the file %s" DSC_REGISTRY_USERS " of the "
			"registry cannot be locked (%s)", users->id,
			discsi_errno_name(errno));
}

static int open_and_lock(struct dsc_users *users, const char *id,
			 bool is_shared)
{
	struct dsc_registry registry;
	int rc = dsc_registry_open(&registry, true);

	if (rc < 0)
		return rc;
	users->id = strdup(id);
	rc = users->id == NULL ? dsc_fail_memory() :
				 open_file(&registry, id);
	if (rc >= 0) {
		users->fd = rc;
		users->dir_fd = registry.fd;
		registry.fd = -1;
		rc = lock_file(users, is_shared);
	}
	dsc_registry_close(&registry);
	if (rc < 0)
		forget(users);
	return rc;
}

int dsc_users_join(struct dsc_users *users, const char *id)
{
	if (dsc_users_is_current(users))
		return 0;
	forget(users);
	return open_and_lock(users, id, true);
}

/* Our file was removed by somebody: who has come since then has another one. */
static bool claim_other(struct dsc_users *users)
{
	struct dsc_users other = DSC_USERS_INIT;

	if (open_and_lock(&other, users->id, false) < 0)
		return false;
	forget(users);
	*users = other;
	return true;
}

int dsc_users_claim(struct dsc_users *users)
{
	if (users->fd >= 0 && flock(users->fd, LOCK_EX | LOCK_NB) == 0 &&
	    (dsc_users_is_current(users) || claim_other(users)))
		return 0;
	forget(users);
	return -EBUSY;
}

void dsc_users_share(struct dsc_users *users)
{
	while (users->fd >= 0 && flock(users->fd, LOCK_SH) < 0 &&
	       errno == EINTR)
		;
}

void dsc_users_mark(const struct dsc_users *users, bool is_set)
{
	if (users->fd >= 0 && ftruncate(users->fd, is_set ? 1 : 0) < 0) {
		/* Then a bridge goes on that nobody uses. */
	}
}

bool dsc_users_is_marked(const struct dsc_users *users)
{
	struct stat st;

	return users->fd >= 0 && fstat(users->fd, &st) == 0 && st.st_size > 0;
}

void dsc_users_leave(struct dsc_users *users)
{
	if (users->fd >= 0 && flock(users->fd, LOCK_EX | LOCK_NB) == 0 &&
	    dsc_users_is_current(users))
		unlinkat(users->dir_fd, name_of(users->id).text, 0);
	forget(users);
}

int dsc_users_exclude(struct dsc_users *users, const char *id)
{
	int rc = open_and_lock(users, id, false);

	return rc == -EAGAIN ? dsc_users_fail(id) : rc;
}

/* ------------------------------------------------------------------ names */

static void read_comm(long pid, char comm[COMM_MAX])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	file = fopen(path, "re");
	if (file == NULL || fgets(comm, COMM_MAX, file) == NULL)
		snprintf(comm, COMM_MAX, "?");
	if (file != NULL)
		fclose(file);
	comm[strcspn(comm, "\n")] = '\0';
	dsc_text_clean(comm);
}

/* The process that has a lock on this file, by a line of LOCKS; 0: none. */
static long owner_in(const char *line, const struct stat *st)
{
	unsigned major_number, minor_number;
	unsigned long long inode;
	char kind[16];
	long pid;

	if (sscanf(line, "%*s %15s %*s %*s %ld %x:%x:%llu", kind, &pid,
		   &major_number, &minor_number, &inode) != 5 || pid <= 0 ||
	    strcmp(kind, "FLOCK") != 0 || inode != st->st_ino ||
	    makedev(major_number, minor_number) != st->st_dev)
		return 0;
	return pid;
}

static void list_owners(const struct stat *st, char names[NAMES_MAX])
{
	FILE *file = fopen(LOCKS, "re");
	char comm[COMM_MAX];
	char line[256];
	size_t used = 0;
	long pid;
	int n;

	names[0] = '\0';
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		pid = owner_in(line, st);
		if (pid == 0)
			continue;
		read_comm(pid, comm);
		n = snprintf(names + used, NAMES_MAX - used,
			     "%sprocess %ld (%s)", used > 0 ? ", " : "", pid,
			     comm);
		if (n < 0 || (size_t)n >= NAMES_MAX - used) {
			names[used] = '\0';
			break;
		}
		used += (size_t)n;
	}
	if (file != NULL)
		fclose(file);
}

static bool stat_file(const char *id, struct stat *st)
{
	struct dsc_registry registry;
	bool is_there;

	if (dsc_registry_open(&registry, false) < 0)
		return false;
	is_there = fstatat(registry.fd, name_of(id).text, st,
			   AT_SYMLINK_NOFOLLOW) == 0;
	dsc_registry_close(&registry);
	return is_there;
}

int dsc_users_fail(const char *id)
{
	char names[NAMES_MAX] = "";
	struct stat st;

	if (stat_file(id, &st))
		list_owners(&st, names);
	return dsc_fail(EBUSY, "bridge %s is in use: a storage of %s is "
			"mounted on it", id, names[0] != '\0' ? names :
			"another process");
}
