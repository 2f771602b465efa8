/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry.c: lock, publish and remove one entry. Main thread.
 *
 * Who ends removes the lock file while holding its lock, so that after taking
 * a lock one must look whether the file still has its name. Readers try the
 * lock for a moment to see whether somebody lives: a lock that is held is
 * therefore tried again before it counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#include "log.h"
#include "registry.h"

#define STATE_FILE_MAX 65536
#define LOCK_TRIES 20
#define LOCK_PAUSE_MS 10
#define NEW_SUFFIX DSC_REGISTRY_STATE ".new"

static struct dsc_registry_name file_name(const struct nbd_registry *registry,
					  const char *suffix)
{
	return dsc_registry_name(registry->id, suffix);
}

static void remove_file(const struct nbd_registry *registry,
			const char *suffix)
{
	dsc_registry_remove(&registry->dir, registry->id, suffix);
}

/* Is ours the file that has the name? */
static bool has_lock(const struct nbd_registry *registry)
{
	return dsc_registry_leads_to(registry->dir.fd,
				     file_name(registry, DSC_REGISTRY_LOCK).text,
				     registry->lock_fd);
}

/* ------------------------------------------------------------------- lock */

/* The process that holds the lock, 0 when it does not say. */
static long read_owner(int fd)
{
	char text[32] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return strtol(text, NULL, 10);
}

static int fail_taken(const struct nbd_registry *registry, int fd)
{
	long pid = read_owner(fd);

	if (pid <= 0)
		return dsc_fail(EEXIST, "this LUN is attached already (%s)",
				registry->id);
	return dsc_fail(EEXIST, "this LUN is attached already by process %ld "
			"(%s)", pid, registry->id);
}

/* One attempt. Returns a descriptor, -EAGAIN to try again, or an error. */
static int try_lock(const struct nbd_registry *registry, bool is_last)
{
	struct dsc_registry_name name = file_name(registry, DSC_REGISTRY_LOCK);
	int fd = openat(registry->dir.fd, name.text,
			O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = -EAGAIN;

	if (fd < 0)
		return dsc_fail(errno, "the file %s/%s cannot be made (%s)",
				registry->dir.path, name.text,
				discsi_errno_name(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		if (dsc_registry_leads_to(registry->dir.fd, name.text, fd))
			return fd;
	} else if (errno != EWOULDBLOCK) {
		rc = dsc_fail(errno, "the file %s/%s cannot be locked (%s)",
			      registry->dir.path, name.text,
			      discsi_errno_name(errno));
	} else if (is_last) {
		rc = fail_taken(registry, fd);
	}
	close(fd);
	return rc;
}

/*
 * Whoever reads it meanwhile finds the old number or the new one. The position
 * of the descriptor may be shared.
 */
static void write_owner(const struct nbd_registry *registry, long pid)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%ld\n", pid);

	if (pwrite(registry->lock_fd, text, (size_t)length, 0) != length ||
	    ftruncate(registry->lock_fd, length) < 0)
		nbd_log(DISCSI_LOG_INFO, "the lock of %s does not say whose it "
			"is", registry->id);
}

static int take_lock(struct nbd_registry *registry)
{
	int rc = -EAGAIN;
	int i;

	for (i = 1; i <= LOCK_TRIES && rc == -EAGAIN; i++) {
		if (i > 1)
			poll(NULL, 0, LOCK_PAUSE_MS);
		rc = try_lock(registry, i == LOCK_TRIES);
	}
	if (rc == -EAGAIN)
		return dsc_fail(EAGAIN, "the lock of %s changes hands all the "
				"time", registry->id);
	if (rc < 0)
		return rc;
	registry->lock_fd = rc;
	write_owner(registry, (long)getpid());
	return 0;
}

/* ------------------------------------------------------------- who has it */

/* Signals that wait, in hexadecimal as the kernel shows them. */
static bool is_kill_pending(const char *hex)
{
	return (strtoull(hex, NULL, 16) >> (SIGKILL - 1) & 1) != 0;
}

/* False for a process that is gone, or is going because it has been killed. */
static bool is_running(long pid)
{
	char path[32], line[256];
	bool is_going = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "State:\t", 7) == 0)
			is_going |= line[7] == 'Z' || line[7] == 'X';
		else if (strncmp(line, "SigPnd:\t", 8) == 0 ||
			 strncmp(line, "ShdPnd:\t", 8) == 0)
			is_going |= is_kill_pending(line + 8);
	}
	fclose(file);
	return !is_going;
}

/*
 * The process that holds the lock of an entry, or 0. A worker has this long to
 * put its number in when its supervisor has been killed.
 */
static long find_holder(const struct dsc_registry *dir, const char *id)
{
	int fd = openat(dir->fd, dsc_registry_name(id, DSC_REGISTRY_LOCK).text,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool is_held = fd >= 0;
	long pid = 0;
	int i;

	for (i = 0; is_held && i < LOCK_TRIES; i++) {
		if (i > 0)
			poll(NULL, 0, LOCK_PAUSE_MS);
		is_held = flock(fd, LOCK_SH | LOCK_NB) < 0;
	}
	if (is_held)
		pid = read_owner(fd);
	if (fd >= 0)
		close(fd);
	return pid;
}

int nbd_registry_check_left(const char *id)
{
	struct dsc_registry dir;
	long pid;

	if (!dsc_registry_is_id(id) || dsc_registry_open(&dir, false) < 0)
		return 0;
	pid = find_holder(&dir, id);
	dsc_registry_close(&dir);
	if (pid <= 0 || !is_running(pid))
		return 0;
	return dsc_fail(EBUSY, "%s is served by process %ld: discsi detach ends "
			"that", id, pid);
}

/* ------------------------------------------------------------------- claim */

int nbd_registry_claim(struct nbd_registry *registry, const char *target,
		       uint64_t lun)
{
	int rc = dsc_registry_open(&registry->dir, true);

	if (rc < 0)
		return rc;
	registry->id = dsc_registry_id(target, lun);
	if (registry->id == NULL)
		return dsc_fail_memory();
	return take_lock(registry);
}

int nbd_registry_share(struct nbd_registry *registry, const char *id,
		       int lock_fd)
{
	registry->lock_fd = lock_fd;
	registry->is_lent = true;
	registry->id = strdup(id);
	if (registry->id == NULL)
		return dsc_fail_memory();
	return has_lock(registry) ? 0 :
	       dsc_fail(ESTALE, "what was handed over is not the lock of %s",
			id);
}

bool nbd_registry_is_ours(const struct nbd_registry *registry)
{
	long owner = registry->lock_fd >= 0 ? read_owner(registry->lock_fd) : 0;

	return owner <= 0 || owner == (long)getpid();
}

void nbd_registry_own(struct nbd_registry *registry, long pid)
{
	registry->is_lent = false;
	registry->is_published = true;
	write_owner(registry, pid);
}

void nbd_registry_inherit(struct nbd_registry *registry)
{
	if (!registry->is_lent && registry->lock_fd >= 0)
		write_owner(registry, (long)getpid());
}

/* ---------------------------------------------------------- of an agent */

void nbd_registry_take_left(struct nbd_registry *registry)
{
	struct dsc_registry_name name = file_name(registry, DSC_REGISTRY_NONE);
	int fd = openat(registry->dir.fd, name.text,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    dsc_registry_leads_to(registry->dir.fd, name.text, fd))
		registry->left_fd = fd;
	else
		close(fd);
}

bool nbd_registry_is_left_by_two(const struct nbd_registry *registry)
{
	return registry->left_fd >= 0 &&
	       (dsc_registry_has(&registry->dir, registry->id,
				 DSC_REGISTRY_STATE) ||
		dsc_registry_has(&registry->dir, registry->id,
				 DSC_REGISTRY_OWED));
}

static void let_left_go(struct nbd_registry *registry)
{
	if (registry->left_fd >= 0)
		close(registry->left_fd);
	registry->left_fd = -1;
}

/* ------------------------------------------------------------------ state */

static int write_file(const struct nbd_registry *registry, const char *name,
		      const char *text)
{
	size_t length = strlen(text);
	ssize_t n;
	int fd;

	unlinkat(registry->dir.fd, name, 0);
	fd = openat(registry->dir.fd, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	n = write(fd, text, length);
	if (n < 0 || close(fd) < 0)
		return -errno;
	return (size_t)n == length ? 0 : -ENOSPC;
}

/* A new file that takes the name when it is whole. */
static int replace_file(const struct nbd_registry *registry,
			const char *suffix, const char *text)
{
	struct dsc_registry_name new_name = file_name(registry, NEW_SUFFIX);
	int rc = write_file(registry, new_name.text, text);

	if (rc == 0 && renameat(registry->dir.fd, new_name.text,
				registry->dir.fd,
				file_name(registry, suffix).text) < 0)
		rc = -errno;
	if (rc < 0)
		remove_file(registry, NEW_SUFFIX);
	return rc;
}

bool nbd_registry_is_lost(const struct nbd_registry *registry)
{
	return registry->lock_fd >= 0 && !has_lock(registry);
}

/* fd: has the lock of the file that has the name. */
static void take_over_lock(struct nbd_registry *registry, int fd)
{
	long owner = read_owner(registry->lock_fd);

	if (dup3(fd, registry->lock_fd, O_CLOEXEC) >= 0) {
		write_owner(registry, owner);
		nbd_log(DISCSI_LOG_WARNING, "the lock of %s was removed, and is "
			"there again", registry->id);
	}
	close(fd);
}

/* The whole directory was removed: there is a new one by now, or we make it. */
static void restore_directory(struct nbd_registry *registry)
{
	struct dsc_registry dir;
	struct stat st;

	if (registry->dir.fd < 0 || fstat(registry->dir.fd, &st) < 0 ||
	    st.st_nlink > 0 || dsc_registry_open(&dir, true) < 0)
		return;
	dsc_registry_close(&registry->dir);
	registry->dir = dir;
	nbd_log(DISCSI_LOG_WARNING, "the directory %s was removed, and is there "
		"again", dir.path);
}

bool nbd_registry_restore(struct nbd_registry *registry)
{
	int fd;

	if (registry->is_lent)
		return !nbd_registry_is_lost(registry);
	restore_directory(registry);
	if (!nbd_registry_is_lost(registry))
		return true;
	fd = try_lock(registry, true);
	if (fd >= 0)
		take_over_lock(registry, fd);
	return fd >= 0 && !nbd_registry_is_lost(registry);
}

int nbd_registry_fail_lost(const struct nbd_registry *registry)
{
	return dsc_fail(ESTALE, "the lock of %s was removed, and is not to be "
			"had any more", registry->id);
}

bool nbd_registry_has_state(const struct nbd_registry *registry)
{
	return dsc_registry_has(&registry->dir, registry->id,
				DSC_REGISTRY_STATE);
}

int nbd_registry_publish(struct nbd_registry *registry,
			 const struct nbd_state *state)
{
	char *text;
	int rc = -ENOMEM;

	if (!nbd_registry_restore(registry))
		return nbd_registry_fail_lost(registry);
	text = nbd_state_text(registry->id, state);
	if (text != NULL)
		rc = replace_file(registry, DSC_REGISTRY_STATE, text);
	free(text);
	if (rc < 0)
		return dsc_fail(-rc, "the state file of %s in %s cannot be "
				"written (%s)", registry->id,
				registry->dir.path, discsi_errno_name(rc));
	/* This file says it, too. */
	if (!registry->is_published)
		remove_file(registry, DSC_REGISTRY_OWED);
	if (registry->left_fd >= 0)
		remove_file(registry, DSC_REGISTRY_NONE);
	let_left_go(registry);
	registry->is_published = true;
	return 0;
}

int nbd_registry_name(struct nbd_registry *registry, const char *name)
{
	char *text = NULL;
	int rc = -ENOMEM;

	if (nbd_registry_is_lost(registry))
		return 0;
	if (name == NULL) {
		remove_file(registry, DSC_REGISTRY_UDEV);
		return 0;
	}
	if (asprintf(&text, "ID_PATH=%s\n", name) >= 0)
		rc = replace_file(registry, DSC_REGISTRY_UDEV, text);
	free(text);
	if (rc < 0)
		return dsc_fail(-rc, "the file for udev of %s in %s cannot be "
				"written (%s)", registry->id,
				registry->dir.path, discsi_errno_name(rc));
	registry->is_named = true;
	return 0;
}

void nbd_registry_leave(struct nbd_registry *registry)
{
	registry->is_published = false;
	registry->is_named = false;
	if (registry->lock_fd >= 0)
		close(registry->lock_fd);
	registry->lock_fd = -1;
}

static char *find_member(int fd, const char *member)
{
	char *value = NULL;
	char *text;

	if (fd < 0)
		return NULL;
	text = calloc(1, STATE_FILE_MAX + 1);
	if (text != NULL && pread(fd, text, STATE_FILE_MAX, 0) > 0)
		value = nbd_state_member(text, member);
	free(text);
	return value;
}

static char *recall(const struct nbd_registry *registry, const char *suffix,
		    const char *member)
{
	int fd = openat(registry->dir.fd, file_name(registry, suffix).text,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *value = find_member(fd, member);

	if (fd >= 0)
		close(fd);
	return value;
}

char *nbd_registry_recall(const struct nbd_registry *registry,
			  const char *member)
{
	return recall(registry, DSC_REGISTRY_STATE, member);
}

char *nbd_registry_recall_owed(const struct nbd_registry *registry,
			       const char *member)
{
	char *value = recall(registry, DSC_REGISTRY_STATE, member);

	if (value == NULL)
		value = recall(registry, DSC_REGISTRY_OWED, member);
	return value != NULL ? value : find_member(registry->left_fd, member);
}

static void remove_state(const struct nbd_registry *registry)
{
	if (registry->is_owing)
		dsc_registry_owe(&registry->dir, registry->id);
	else
		remove_file(registry, DSC_REGISTRY_STATE);
}

/* A process that was killed has left it. */
static void remove_control(const struct nbd_registry *registry)
{
	char *path;

	if (dsc_registry_control_path(&registry->dir, registry->id, &path) < 0)
		return;
	unlink(path);
	free(path);
}

void nbd_registry_release(struct nbd_registry *registry)
{
	if (registry->is_lent || nbd_registry_is_lost(registry))
		nbd_registry_leave(registry);
	if (registry->is_published) {
		remove_state(registry);
		remove_control(registry);
	}
	if (registry->is_published || registry->is_named)
		remove_file(registry, DSC_REGISTRY_UDEV);
	/* The lock file may be another process's already. */
	if (registry->lock_fd >= 0 && has_lock(registry))
		remove_file(registry, DSC_REGISTRY_LOCK);
	nbd_registry_leave(registry);
	let_left_go(registry);
	free(registry->id);
	registry->id = NULL;
	if (registry->dir.fd >= 0)
		dsc_registry_close(&registry->dir);
}
