/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry.c: which directory the state registry is, and the names in it. Any
 * thread, one per struct dsc_registry.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/registry.h"

/* -------------------------------------------------------------- directory */

char *dsc_registry_path(void)
{
	const char *given = secure_getenv("DISCSI_RUN_DIR");
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	char *path;
	int length;

	if (given != NULL && given[0] != '\0')
		return strdup(given);
	if (geteuid() == 0)
		return strdup("/run/discsi");
	if (runtime != NULL && runtime[0] == '/')
		length = asprintf(&path, "%s/discsi", runtime);
	else
		length = asprintf(&path, "/tmp/discsi-%lu",
				  (unsigned long)geteuid());
	return length < 0 ? NULL : path;
}

static int check_directory(const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return dsc_fail(errno, "the registry %s cannot be examined "
				"(%s)", path, discsi_errno_name(errno));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return dsc_fail(EPERM, "the registry %s belongs to user %lu, "
				"it is not used", path,
				(unsigned long)st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return dsc_fail(EPERM, "the registry %s can be written to by "
				"other users, it is not used: chmod go-w it",
				path);
	return 0;
}

static int fail_directory(const char *path, const char *what, int error)
{
	return dsc_fail(error == EACCES ? EPERM : error,
			"the registry %s cannot be %s (%s)", path, what,
			discsi_errno_name(error));
}

static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static int open_directory(const char *path, bool is_made)
{
	int error;
	int fd;

	if (is_made && mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail_directory(path, "made", errno);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT && !is_made)
		return -ENOENT;
	error = errno;
	if ((error == ENOTDIR || error == ELOOP) && is_link(path))
		return dsc_fail(ENOTDIR, "the registry %s is a symbolic link, "
				"which is not followed: name the directory "
				"itself", path);
	if (error == ENOTDIR)
		return dsc_fail(ENOTDIR, "the registry %s is not a directory",
				path);
	return fail_directory(path, "opened", error);
}

int dsc_registry_open(struct dsc_registry *registry, bool is_made)
{
	int status;

	registry->fd = -1;
	registry->path = dsc_registry_path();
	if (registry->path == NULL)
		return dsc_fail_memory();
	status = open_directory(registry->path, is_made);
	if (status >= 0) {
		registry->fd = status;
		status = check_directory(registry->path, registry->fd);
	}
	if (status < 0)
		dsc_registry_close(registry);
	return status;
}

void dsc_registry_close(struct dsc_registry *registry)
{
	if (registry->fd >= 0)
		close(registry->fd);
	registry->fd = -1;
	free(registry->path);
	registry->path = NULL;
}

/* ------------------------------------------------------------------ names */

static bool is_id_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr(".:_-", c));
}

char *dsc_registry_id(const char *target, uint64_t lun)
{
	size_t length = strlen(target);
	char *id;
	size_t i;

	if (asprintf(&id, "%s-lun-%" PRIu64, target, lun) < 0)
		return NULL;
	for (i = 0; i < length; i++) {
		if (!is_id_character(id[i]))
			id[i] = '_';
	}
	return id;
}

bool dsc_registry_is_id(const char *id)
{
	size_t length = 0;

	if (id[0] == '\0' || id[0] == '.')
		return false;
	for (; id[length] != '\0'; length++) {
		if (!is_id_character(id[length]))
			return false;
	}
	return length + sizeof(DSC_REGISTRY_STATE) <= NAME_MAX;
}

struct dsc_registry_name dsc_registry_name(const char *id, const char *suffix)
{
	struct dsc_registry_name name;

	if (snprintf(name.text, sizeof(name.text), "%s%s", id, suffix) >=
	    (int)sizeof(name.text))
		name.text[0] = '\0';
	return name;
}

bool dsc_registry_has(const struct dsc_registry *registry, const char *id,
		      const char *suffix)
{
	struct stat st;

	return fstatat(registry->fd, dsc_registry_name(id, suffix).text, &st,
		       AT_SYMLINK_NOFOLLOW) == 0;
}

void dsc_registry_remove(const struct dsc_registry *registry, const char *id,
			 const char *suffix)
{
	unlinkat(registry->fd, dsc_registry_name(id, suffix).text, 0);
}

void dsc_registry_owe(const struct dsc_registry *registry, const char *id)
{
	renameat(registry->fd, dsc_registry_name(id, DSC_REGISTRY_STATE).text,
		 registry->fd, dsc_registry_name(id, DSC_REGISTRY_OWED).text);
}

bool dsc_registry_leads_to(int dir_fd, const char *name, int fd)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 &&
	       fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* FNV-1a: short, the same everywhere, and nobody's secret depends on it. */
static uint64_t hash_text(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return hash;
}

static int socket_path(const struct dsc_registry *registry, const char *id,
		       const char *suffix, char **path)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	char *name;

	if (asprintf(&name, "%s/%s%s", registry->path, id, suffix) < 0)
		return dsc_fail_memory();
	if (strlen(name) >= room) {
		free(name);
		if (asprintf(&name, "%s/%016" PRIx64 "%s", registry->path,
			     hash_text(id), suffix) < 0)
			return dsc_fail_memory();
	}
	if (strlen(name) >= room) {
		free(name);
		return dsc_fail(ENAMETOOLONG, "the name of the registry %s is "
				"too long for a socket in it", registry->path);
	}
	*path = name;
	return 0;
}

int dsc_registry_socket_path(const struct dsc_registry *registry,
			     const char *id, char **path)
{
	return socket_path(registry, id, DSC_REGISTRY_SOCKET, path);
}

int dsc_registry_control_path(const struct dsc_registry *registry,
			      const char *id, char **path)
{
	return socket_path(registry, id, DSC_REGISTRY_CONTROL, path);
}
