/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * registry.c: finding, reading and clearing the entries of the state registry.
 * Reads files and takes locks without waiting; any thread, one per struct
 * dsc_registry.
 *
 * What a dead process has left is removed only while the lock of its entry is
 * held here, so that it is not what the next process has just made. Who takes a
 * lock must look afterwards whether the file still has its name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "bridge/registry.h"

#define REGISTRY_MAX 65536  /* entries that are read; the rest is not ours */

/* Readers have a lock for a moment only. */
#define LOCK_TRIES 20
#define LOCK_PAUSE_MS 10

/* ---------------------------------------------------------------- reading */

ssize_t dsc_registry_read(int fd, char *text, size_t room)
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

static int fail_no_file(const struct dsc_registry *registry, const char *id)
{
	return dsc_fail(EPROTO, "the state of bridge %s in %s is not a file",
			id, registry->path);
}

static int open_state(const struct dsc_registry *registry, const char *id)
{
	struct stat st;
	struct dsc_registry_name name = dsc_registry_name(id, DSC_REGISTRY_STATE);
	int fd = openat(registry->fd, name.text,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int error = errno;

	if (fd < 0 && error == ENOENT)
		return dsc_fail(ENOENT, "there is no bridge %s in %s", id,
				registry->path);
	/* A symbolic link; a socket. */
	if (fd < 0 && (error == ELOOP || error == ENXIO))
		return fail_no_file(registry, id);
	if (fd < 0)
		return dsc_fail(error == EACCES ? EPERM : error,
				"the state of bridge %s in %s cannot be opened "
				"(%s)", id, registry->path,
				discsi_errno_name(error));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return fail_no_file(registry, id);
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
				 "the state file %s/%s" DSC_REGISTRY_STATE
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
	length = dsc_registry_read(fd, text, room);
	close(fd);
	if (length < 0)
		status = dsc_fail((int)-length, "the state of bridge %s in %s "
				  "cannot be read (%s)", id, registry->path,
				  discsi_errno_name((int)length));
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
	const size_t suffix = strlen(DSC_REGISTRY_STATE);
	size_t length = strlen(name);
	char *id;

	if (length <= suffix ||
	    strcmp(name + length - suffix, DSC_REGISTRY_STATE) != 0)
		return NULL;
	id = strndup(name, length - suffix);
	if (id != NULL && !dsc_registry_is_id(id)) {
		free(id);
		id = NULL;
	}
	return id;
}

/* What is broken is left out only if nobody serves it. After such a failure. */
static int describe_broken(const struct dsc_registry *registry, const char *id,
			   struct discsi_bridge **bridge)
{
	if (!dsc_registry_is_alive(registry, id))
		return -EPROTO;
	return dsc_registry_unknown(id, dsc_registry_owner(registry, id),
				    discsi_last_error()->message, bridge);
}

/*
 * Reads one entry into the array; what is not an entry, has gone meanwhile or
 * is not ours adds nothing.
 */
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
	if (status == -EPROTO)
		status = describe_broken(registry, id, &bridge);
	free(id);
	if (status == -EPROTO || status == -ENOENT || status == -EPERM)
		return 0;
	if (status < 0)
		return status;
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
		return dsc_fail(errno, "the registry %s cannot be listed (%s)",
				registry->path, discsi_errno_name(errno));
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

int dsc_registry_open_lock(const struct dsc_registry *registry, const char *id)
{
	return openat(registry->fd, dsc_registry_name(id, DSC_REGISTRY_LOCK).text,
		      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* Our own try, which others would see, is over at once. */
static bool is_locked(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	flock(fd, LOCK_UN);
	return false;
}

bool dsc_registry_is_alive(const struct dsc_registry *registry, const char *id)
{
	int fd = dsc_registry_open_lock(registry, id);
	bool is_held;

	/* Who cannot be asked for want of a descriptor is not taken for dead. */
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
	is_held = is_locked(fd);
	close(fd);
	return is_held;
}

int64_t dsc_registry_owner(const struct dsc_registry *registry, const char *id)
{
	int fd = dsc_registry_open_lock(registry, id);
	char text[32] = "";
	int64_t owner = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		owner = strtoll(text, NULL, 10);
	close(fd);
	return owner;
}

bool dsc_registry_is_held(const struct dsc_registry *registry, const char *id,
			  int fd)
{
	struct dsc_registry_name name = dsc_registry_name(id, DSC_REGISTRY_LOCK);

	return fd >= 0 && dsc_registry_leads_to(registry->fd, name.text, fd) &&
	       is_locked(fd);
}

static void remove_socket(const char *path)
{
	struct stat st;

	if (path[0] == '/' && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
}

/* Of a process that was killed: it removes it itself otherwise. */
static void remove_control(const struct dsc_registry *registry, const char *id)
{
	char *path;

	if (dsc_registry_control_path(registry, id, &path) < 0)
		return;
	remove_socket(path);
	free(path);
}

int dsc_registry_try_hold(const struct dsc_registry *registry, const char *id,
			  const char *suffix)
{
	struct dsc_registry_name name = dsc_registry_name(id, suffix);
	int fd = openat(registry->fd, name.text, O_RDWR | O_CREAT |
			O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	int error;

	if (fd < 0)
		return -errno;
	error = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
	if (error == 0 && dsc_registry_leads_to(registry->fd, name.text, fd))
		return fd;
	close(fd);
	if (error == 0)
		return -EAGAIN;
	return error == EWOULDBLOCK ? -EBUSY : -error;
}

int dsc_registry_hold(const struct dsc_registry *registry, const char *id)
{
	int fd = dsc_registry_try_hold(registry, id, DSC_REGISTRY_LOCK);
	int i;

	for (i = 1; (fd == -EBUSY || fd == -EAGAIN) && i < LOCK_TRIES; i++) {
		poll(NULL, 0, LOCK_PAUSE_MS);
		fd = dsc_registry_try_hold(registry, id, DSC_REGISTRY_LOCK);
	}
	return fd == -EAGAIN ? -EBUSY : fd;
}

void dsc_registry_let_go(const struct dsc_registry *registry, const char *id,
			 int fd)
{
	dsc_registry_remove(registry, id, DSC_REGISTRY_LOCK);
	close(fd);
}

int dsc_registry_clean(const struct dsc_registry *registry, const char *id,
		       const char *socket)
{
	int fd;

	/* A process that ends in good order leaves nothing. */
	if (!dsc_registry_has(registry, id, DSC_REGISTRY_LOCK) &&
	    !dsc_registry_has(registry, id, DSC_REGISTRY_STATE))
		return 0;
	fd = dsc_registry_hold(registry, id);
	if (fd < 0)
		return fd;
	remove_socket(socket);
	remove_control(registry, id);
	dsc_registry_owe(registry, id);
	dsc_registry_remove(registry, id, DSC_REGISTRY_UDEV);
	dsc_registry_let_go(registry, id, fd);
	return 0;
}
