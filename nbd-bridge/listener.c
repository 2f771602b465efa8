/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listener.c: binding, accepting, removing. Loop's thread.
 *
 * The socket is bound under another name in the same directory and linked to
 * its own when it listens: whoever finds it can connect, so that a refused
 * connection means a dead owner and nothing else, and of two processes that
 * want the name one gets it. To replace what a dead owner has left, processes
 * take turns: they lock the directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/secret.h"

#include "listener.h"
#include "log.h"
#include "sockets.h"
#include "tcp.h"

#define BACKLOG 64

/* How long to wait until those who replace sockets are done. */
#define LOCK_TRIES 50
#define LOCK_PAUSE_MS 10

#define RETRY_MS 1000u

static bool fill_address(struct sockaddr_un *address, const char *path)
{
	size_t length = strlen(path);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (length == 0 || length >= sizeof(address->sun_path))
		return false;
	memcpy(address->sun_path, path, length);
	return true;
}

/* ------------------------------------------------------------ stale sockets */

/*
 * What stands at path: 0 when nothing does, 1 for a socket that nobody listens
 * on, -EADDRINUSE, -EEXIST, or another negative errno.
 */
static int probe(const char *path)
{
	struct sockaddr_un address;
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (!fill_address(&address, path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (struct sockaddr *)&address, sizeof(address));
	rc = rc < 0 && errno == ECONNREFUSED ? 1 : -EADDRINUSE;
	close(fd);
	return rc;
}

/*
 * Takes a stale socket away. It is renamed first and looked at again: should
 * another process have put its own there in between, that one gets its name
 * back.
 */
static int remove_stale(const char *path, const char *aside)
{
	int rc = probe(path);

	if (rc <= 0)
		return rc;
	if (rename(path, aside) < 0)
		return errno == ENOENT ? 0 : -errno;
	rc = probe(aside);
	if (rc == -EADDRINUSE && link(aside, path) < 0)
		nbd_log(DISCSI_LOG_WARNING, "the socket %s of another process "
			"could not be put back", path);
	unlink(aside);
	return rc < 0 ? rc : 0;
}

/* ------------------------------------------------------------------ binding */

static int listen_at(int fd, const char *path)
{
	struct sockaddr_un address;

	if (!fill_address(&address, path))
		return -ENAMETOOLONG;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0600) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

/* The length of what stands before the last part of a path. */
static int directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? (int)(slash - path) + 1 : 0;
}

/* Returns a descriptor whose end is the lock's, or a negative errno. */
static int lock_directory(const char *path)
{
	char *directory;
	int fd, tries;

	if (asprintf(&directory, "%.*s.", directory_length(path), path) < 0)
		return -ENOMEM;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(directory);
	if (fd < 0)
		return -errno;
	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	close(fd);
	return -EBUSY;
}

/* Gives the listening socket its name, which nobody else must have. */
static int take_name(const char *own, const char *path, const char *aside)
{
	int lock, rc;

	if (link(own, path) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	lock = lock_directory(path);
	if (lock < 0)
		return lock;
	rc = remove_stale(path, aside);
	if (rc == 0 && link(own, path) < 0)
		rc = errno == EEXIST ? -EADDRINUSE : -errno;
	close(lock);
	return rc;
}

/*
 * A short name in the directory of path: allocated, NULL without memory. It is
 * by chance that nobody else has it; process ids are the same in containers.
 */
static char *name_beside(const char *path, char what)
{
	uint32_t chance = 0;
	char *name;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = (uint32_t)getpid();
	if (asprintf(&name, "%.*s.%c%08x", directory_length(path), path, what,
		     chance) < 0)
		return NULL;
	return name;
}

void nbd_listener_remove_stale(const char *path)
{
	char *aside = name_beside(path, 'o');
	int lock = aside != NULL ? lock_directory(path) : -ENOMEM;

	if (lock >= 0) {
		remove_stale(path, aside);
		close(lock);
	}
	free(aside);
}

static int bind_and_listen(int fd, const char *path)
{
	char *own = name_beside(path, 'n');
	char *aside = name_beside(path, 'o');
	int rc = -ENOMEM;

	if (own != NULL && aside != NULL) {
		rc = listen_at(fd, own);
		if (rc == 0) {
			rc = take_name(own, path, aside);
			unlink(own);
		}
	}
	free(own);
	free(aside);
	return rc;
}

static int fail(const char *given, int rc)
{
	const char *path = dsc_secret_shown(given);

	switch (rc) {
	case -EADDRINUSE:
		return dsc_fail(EADDRINUSE, "another process listens on the "
				"socket %s", path);
	case -EEXIST:
		return dsc_fail(EEXIST, "%s exists and is not a socket", path);
	case -EBUSY:
		return dsc_fail(EBUSY, "the socket %s was left by a process "
				"that is gone, and cannot be replaced while "
				"another one keeps its directory locked", path);
	case -ENAMETOOLONG:
		return dsc_fail(ENAMETOOLONG, "the path %s is too long for a "
				"socket (%zu bytes at most)", path,
				sizeof(((struct sockaddr_un *)0)->sun_path) -
				1);
	default:
		return dsc_fail(-rc, "the socket %s cannot be made (%s)", path,
				discsi_errno_name(rc));
	}
}

/* ---------------------------------------------------------------- accepting */

void nbd_listener_update(struct nbd_listener *listener)
{
	const struct nbd_server *server = listener->server;
	unsigned room_in_ms = UINT_MAX;

	if (server != NULL && !server->is_paused)
		room_in_ms = nbd_server_room_in_ms(server);
	if (listener->watch != NULL)
		discsi_watch_set(listener->watch, room_in_ms == 0 ?
				 (uint32_t)EPOLLIN : 0);
	if (room_in_ms > 0 && room_in_ms < UINT_MAX && listener->retry != NULL)
		discsi_timer_set(listener->retry, room_in_ms);
}

/* There is room for one who waits, or may be. */
void nbd_listener_on_room(void *arg)
{
	nbd_listener_update(arg);
}

/* Without a descriptor or memory to spare, one who waits waits on. */
static void accept_failed(struct nbd_listener *listener, int error)
{
	if (error != EMFILE && error != ENFILE && error != ENOMEM &&
	    error != ENOBUFS)
		return;
	nbd_log(DISCSI_LOG_WARNING, "a client was not accepted (%s)",
		discsi_errno_name(error));
	discsi_watch_set(listener->watch, 0);
	discsi_timer_set(listener->retry, RETRY_MS);
}

static void on_connection(void *arg, uint32_t events)
{
	struct nbd_listener *listener = arg;
	int fd, rc;

	(void)events;
	if (!nbd_server_make_room(listener->server)) {
		nbd_listener_update(listener);
		return;
	}
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		accept_failed(listener, errno);
		return;
	}
	nbd_socket_widen(fd);
	nbd_tcp_keep_alive(fd);
	rc = nbd_server_add(listener->server, fd, NBD_CLIENT_SOCKET,
			    nbd_listener_on_room, listener);
	if (rc < 0) {
		nbd_log(DISCSI_LOG_WARNING, "a client was not accepted (%s)",
			discsi_errno_name(rc));
		close(fd);
	}
	nbd_listener_update(listener);
}

/* Accepts from now on. fd: the listener's, whatever is returned. */
static int begin(struct nbd_listener *listener, struct nbd_server *server,
		 int fd)
{
	int rc;

	listener->server = server;
	listener->fd = fd;
	rc = discsi_timer_new(server->ctx, nbd_listener_on_room, listener,
			      &listener->retry);
	if (rc < 0)
		return rc;
	return discsi_watch_new(server->ctx, fd, EPOLLIN, on_connection,
				listener, &listener->watch);
}

int nbd_listener_adopt(struct nbd_listener *listener, struct nbd_server *server,
		       int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int rc;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return dsc_fail(errno, "the socket that was handed over cannot "
				"be used (%s)", discsi_errno_name(errno));
	rc = begin(listener, server, fd);
	if (rc < 0) {
		listener->fd = -1;
		nbd_listener_close(listener);
	}
	return rc;
}

/* Remembers what is to be removed at the end. */
int nbd_listener_own(struct nbd_listener *listener, const char *path)
{
	struct stat st;

	/* One that was removed is made again: nbd_listener_restore(). */
	if (lstat(path, &st) == 0) {
		listener->device = st.st_dev;
		listener->inode = st.st_ino;
	} else if (errno != ENOENT) {
		return fail(path, -errno);
	}
	listener->path = strdup(path);
	return listener->path != NULL ? 0 : dsc_fail_memory();
}

static int keep_name(struct nbd_listener *listener, const char *path)
{
	int rc = nbd_listener_own(listener, path);

	if (rc == -ENOMEM)
		unlink(path);
	return rc;
}

void nbd_listener_leave(struct nbd_listener *listener)
{
	free(listener->path);
	listener->path = NULL;
}

/* Returns a descriptor that listens at path. */
static int make_socket(const char *path)
{
	struct sockaddr_un address;
	int fd, rc;

	if (!fill_address(&address, path))
		return fail(path, -ENAMETOOLONG);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(path, -errno);
	rc = bind_and_listen(fd, path);
	if (rc == 0)
		return fd;
	close(fd);
	return fail(path, rc);
}

int nbd_listener_open(struct nbd_listener *listener, struct nbd_server *server,
		      const char *path)
{
	int fd = make_socket(path);
	int rc;

	if (fd < 0)
		return fd;
	rc = keep_name(listener, path);
	if (rc == 0)
		rc = begin(listener, server, fd);
	else
		close(fd);
	if (rc < 0)
		nbd_listener_close(listener);
	return rc;
}

/* fd: listens at the listener's path, in the place of its socket. */
static int replace(struct nbd_listener *listener, int fd)
{
	struct discsi_watch *watch;
	struct stat st;
	int rc;

	if (lstat(listener->path, &st) < 0)
		return fail(listener->path, -errno);
	rc = discsi_watch_new(listener->server->ctx, fd, EPOLLIN, on_connection,
			      listener, &watch);
	if (rc < 0)
		return rc;
	discsi_watch_free(listener->watch);
	close(listener->fd);
	listener->watch = watch;
	listener->fd = fd;
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	nbd_listener_update(listener);
	return 0;
}

void nbd_listener_restore(struct nbd_listener *listener)
{
	struct stat st;
	int fd;

	if (listener->path == NULL || listener->server->is_paused ||
	    lstat(listener->path, &st) == 0 || errno != ENOENT)
		return;
	fd = make_socket(listener->path);
	if (fd >= 0 && replace(listener, fd) == 0) {
		listener->cannot_restore = false;
		nbd_log(DISCSI_LOG_WARNING, "the socket %s was removed, and is "
			"there again", listener->path);
		return;
	}
	if (!listener->cannot_restore)
		nbd_log(DISCSI_LOG_WARNING, "a socket that was removed is not "
			"there again: %s", discsi_last_error()->message);
	listener->cannot_restore = true;
	if (fd >= 0) {
		unlink(listener->path);
		close(fd);
	}
}

/* Removes our socket, not what somebody else has put in its place. */
static void remove_name(const struct nbd_listener *listener)
{
	struct stat st;

	if (listener->path != NULL && lstat(listener->path, &st) == 0 &&
	    st.st_dev == listener->device && st.st_ino == listener->inode)
		unlink(listener->path);
}

void nbd_listener_close(struct nbd_listener *listener)
{
	discsi_watch_free(listener->watch);
	listener->watch = NULL;
	discsi_timer_free(listener->retry);
	listener->retry = NULL;
	remove_name(listener);
	free(listener->path);
	listener->path = NULL;
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
}
