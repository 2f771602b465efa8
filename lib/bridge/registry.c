/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry.c: finding, reading and clearing the entries of the state registry.
 * Reads files and takes locks without waiting; any thread, one per struct
 * dsc_registry.
 *
 * A lock file is removed only while its lock is held here. Who takes a lock
 * must therefore look afterwards whether the file still has its name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "bridge/registry.h"

#define STATE_SUFFIX ".json"
#define LOCK_SUFFIX ".lock"
#define SOCKET_SUFFIX ".sock"
#define REGISTRY_MAX 65536  /* entries that are read; the rest is not ours */

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
		return dsc_fail(errno, "the registry %s cannot be examined",
				path);
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

static int open_directory(const char *path, bool is_made)
{
	int fd;

	if (is_made && mkdir(path, 0700) < 0 && errno != EEXIST)
		return dsc_fail(errno == EACCES ? EPERM : errno,
				"the registry %s cannot be made", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT && !is_made)
		return -ENOENT;
	if (errno == ENOTDIR || errno == ELOOP)
		return dsc_fail(ENOTDIR, "the registry %s is not a directory",
				path);
	return dsc_fail(errno == EACCES ? EPERM : errno,
			"the registry %s cannot be opened", path);
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
	return length + sizeof(STATE_SUFFIX) <= NAME_MAX;
}

/* FNV-1a: short, the same everywhere, and nobody's secret depends on it. */
static uint64_t hash_text(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return hash;
}

int dsc_registry_socket_path(const struct dsc_registry *registry,
			     const char *id, char **path)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	char *name;

	if (asprintf(&name, "%s/%s" SOCKET_SUFFIX, registry->path, id) < 0)
		return dsc_fail_memory();
	if (strlen(name) >= room) {
		free(name);
		if (asprintf(&name, "%s/%016" PRIx64 SOCKET_SUFFIX,
			     registry->path, hash_text(id)) < 0)
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

/* The file of an entry: allocated, NULL without memory. */
static char *file_name(const char *id, const char *suffix)
{
	char *name;

	return asprintf(&name, "%s%s", id, suffix) < 0 ? NULL : name;
}

/* ---------------------------------------------------------------- reading */

/* Returns the length of what was read, at most room, or a negative errno. */
static ssize_t read_whole(int fd, char *text, size_t room)
{
	size_t length = 0;
	ssize_t n;

	while (length < room) {
		n = read(fd, text + length, room - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	return (ssize_t)length;
}

static int open_state(const struct dsc_registry *registry, const char *id)
{
	struct stat st;
	char *name = file_name(id, STATE_SUFFIX);
	int error;
	int fd;

	if (name == NULL)
		return dsc_fail_memory();
	fd = openat(registry->fd, name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	error = errno;
	free(name);
	if (fd < 0 && error == ENOENT)
		return dsc_fail(ENOENT, "there is no bridge %s in %s", id,
				registry->path);
	if (fd < 0)
		return dsc_fail(error == EACCES ? EPERM : error,
				"the state of bridge %s in %s cannot be opened",
				id, registry->path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return dsc_fail(EPROTO, "the state of bridge %s in %s is not a "
				"file", id, registry->path);
	}
	return fd;
}

static int parse_state(const struct dsc_registry *registry, const char *id,
		       const char *text, size_t length,
		       struct discsi_bridge **bridge)
{
	int status = dsc_registry_parse(text, length, bridge);

	if (status == 0 && strcmp((*bridge)->id, id) != 0) {
		discsi_bridge_free(*bridge);
		*bridge = NULL;
		status = dsc_fail(EPROTO, "member \"id\" is another one");
	}
	if (status == -EPROTO)
		dsc_error_prefix(dsc_error_last(),
				 "the state file %s/%s" STATE_SUFFIX
				 " is broken", registry->path, id);
	return status;
}

int dsc_registry_load(const struct dsc_registry *registry, const char *id,
		      struct discsi_bridge **bridge)
{
	const size_t room = DSC_REGISTRY_FILE_MAX + 1;
	ssize_t length;
	char *text;
	int status;
	int fd;

	fd = open_state(registry, id);
	if (fd < 0)
		return fd;
	text = malloc(room);
	if (text == NULL) {
		close(fd);
		return dsc_fail_memory();
	}
	length = read_whole(fd, text, room);
	close(fd);
	if (length < 0)
		status = dsc_fail((int)-length, "the state of bridge %s in %s "
				  "cannot be read", id, registry->path);
	else
		status = parse_state(registry, id, text, (size_t)length,
				     bridge);
	free(text);
	if (status == 0)
		(*bridge)->alive = dsc_registry_is_alive(registry, id);
	return status;
}

/* The id that a name in the directory stands for: allocated, or NULL. */
static char *id_of_file(const char *name)
{
	const size_t suffix = strlen(STATE_SUFFIX);
	size_t length = strlen(name);
	char *id;

	if (length <= suffix || strcmp(name + length - suffix, STATE_SUFFIX))
		return NULL;
	id = strndup(name, length - suffix);
	if (id != NULL && !dsc_registry_is_id(id)) {
		free(id);
		id = NULL;
	}
	return id;
}

/* Reads one entry into the array; what is not an entry adds nothing. */
static int append_entry(const struct dsc_registry *registry, const char *name,
			struct discsi_bridge ***bridges, size_t *count)
{
	struct discsi_bridge **longer;
	struct discsi_bridge *bridge;
	char *id = id_of_file(name);
	int status;

	if (id == NULL)
		return 0;
	status = dsc_registry_load(registry, id, &bridge);
	free(id);
	if (status < 0)
		return status == -ENOMEM ? status : 0;
	longer = reallocarray(*bridges, *count + 1, sizeof(*longer));
	if (longer == NULL) {
		discsi_bridge_free(bridge);
		return dsc_fail_memory();
	}
	longer[(*count)++] = bridge;
	*bridges = longer;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	const struct discsi_bridge *const *left = a;
	const struct discsi_bridge *const *right = b;

	return strcmp((*left)->id, (*right)->id);
}

static DIR *list_directory(const struct dsc_registry *registry)
{
	int fd = openat(registry->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir;

	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (dir == NULL)
		close(fd);
	return dir;
}

int dsc_registry_load_all(const struct dsc_registry *registry,
			  struct discsi_bridge **bridges[], size_t *count)
{
	DIR *dir = list_directory(registry);
	struct dirent *entry;
	int status = 0;

	*bridges = NULL;
	*count = 0;
	if (dir == NULL)
		return dsc_fail(errno, "the registry %s cannot be listed",
				registry->path);
	while (status == 0 && *count < REGISTRY_MAX) {
		entry = readdir(dir);
		if (entry == NULL)
			break;
		status = append_entry(registry, entry->d_name, bridges, count);
	}
	closedir(dir);
	if (status < 0) {
		discsi_bridge_list_free(*bridges, *count);
		*bridges = NULL;
		*count = 0;
		return status;
	}
	if (*count > 1)
		qsort(*bridges, *count, sizeof(**bridges), compare_ids);
	return 0;
}

/* ------------------------------------------------------------- liveliness */

static int open_lock(const struct dsc_registry *registry, const char *id)
{
	char *name = file_name(id, LOCK_SUFFIX);
	int fd;

	if (name == NULL)
		return -1;
	fd = openat(registry->fd, name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	free(name);
	return fd;
}

bool dsc_registry_is_alive(const struct dsc_registry *registry, const char *id)
{
	int fd = open_lock(registry, id);
	bool is_held;

	if (fd < 0)
		return false;
	is_held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return is_held;
}

static void remove_file(const struct dsc_registry *registry, const char *id,
			const char *suffix)
{
	char *name = file_name(id, suffix);

	if (name != NULL)
		unlinkat(registry->fd, name, 0);
	free(name);
}

static void remove_socket(const char *path)
{
	struct stat st;

	if (path[0] == '/' && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
}

int dsc_registry_clean(const struct dsc_registry *registry, const char *id,
		       const char *socket)
{
	int fd = open_lock(registry, id);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 &&
	    errno == EWOULDBLOCK) {
		close(fd);
		return -EBUSY;
	}
	remove_socket(socket);
	remove_file(registry, id, STATE_SUFFIX);
	if (fd >= 0) {
		remove_file(registry, id, LOCK_SUFFIX);
		close(fd);
	}
	return 0;
}
