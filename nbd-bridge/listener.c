/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listener.c: binding, accepting, removing. Loop's thread.
 *
 * The socket is bound under another name in the same directory and linked to
 * its own when it listens: whoever finds it can connect, so that a refused
 * connection means a dead owner and nothing else, and of two processes that
 * want the name one gets it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

#include "listener.h"
#include "log.h"
#include "sockets.h"

#define BACKLOG 64

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
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0600) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

/* Gives the listening socket its name, which nobody else must have. */
static int take_name(const char *own, const char *path, const char *aside)
{
	int rc = remove_stale(path, aside);

	if (rc < 0)
		return rc;
	if (link(own, path) < 0)
		return errno == EEXIST ? -EADDRINUSE : -errno;
	return 0;
}

/* A short name in the directory of path: allocated, NULL without memory. */
static char *name_beside(const char *path, const char *what)
{
	const char *slash = strrchr(path, '/');
	int directory = slash != NULL ? (int)(slash - path) + 1 : 0;
	char *name;

	if (asprintf(&name, "%.*s.%s-%ld", directory, path, what,
		     (long)getpid()) < 0)
		return NULL;
	return name;
}

static int bind_and_listen(int fd, const char *path)
{
	char *own = name_beside(path, "nbd");
	char *aside = name_beside(path, "old");
	int rc = -ENOMEM;

	if (own != NULL && aside != NULL) {
		rc = listen_at(fd, own);
		if (rc == 0)
			rc = take_name(own, path, aside);
		unlink(own);
	}
	free(own);
	free(aside);
	return rc;
}

static int fail(const char *path, int rc)
{
	switch (rc) {
	case -EADDRINUSE:
		return dsc_fail(EADDRINUSE, "another process listens on the "
				"socket %s", path);
	case -EEXIST:
		return dsc_fail(EEXIST, "%s exists and is not a socket", path);
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

static void update_watch(struct nbd_listener *listener)
{
	uint32_t events = nbd_server_has_room(listener->server) ? EPOLLIN : 0;

	if (listener->watch != NULL)
		discsi_watch_set(listener->watch, events);
}

/* There is room for one who waits. */
static void on_client_gone(void *arg)
{
	update_watch(arg);
}

/* Without a descriptor or memory to spare, a client has to go first. */
static void accept_failed(struct nbd_listener *listener, int error)
{
	if (error != EMFILE && error != ENFILE && error != ENOMEM &&
	    error != ENOBUFS)
		return;
	nbd_log(DISCSI_LOG_WARNING, "a client was not accepted (%s)",
		discsi_errno_name(error));
	if (!nbd_server_is_idle(listener->server))
		discsi_watch_set(listener->watch, 0);
}

static void on_connection(void *arg, uint32_t events)
{
	struct nbd_listener *listener = arg;
	int fd, rc;

	(void)events;
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		accept_failed(listener, errno);
		return;
	}
	nbd_socket_widen(fd);
	rc = nbd_server_add(listener->server, fd, NBD_CLIENT_SOCKET,
			    on_client_gone, listener);
	if (rc < 0) {
		nbd_log(DISCSI_LOG_WARNING, "a client was not accepted (%s)",
			discsi_errno_name(rc));
		close(fd);
	}
	update_watch(listener);
}

int nbd_listener_open(struct nbd_listener *listener, struct nbd_server *server,
		      const char *path)
{
	struct sockaddr_un address;
	int fd, rc;

	if (!fill_address(&address, path))
		return fail(path, -ENAMETOOLONG);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(path, -errno);
	rc = bind_and_listen(fd, path);
	if (rc < 0) {
		close(fd);
		return fail(path, rc);
	}
	listener->server = server;
	listener->fd = fd;
	listener->path = strdup(path);
	if (listener->path == NULL) {
		unlink(path);
		rc = dsc_fail_memory();
	} else {
		rc = discsi_watch_new(server->ctx, fd, EPOLLIN, on_connection,
				      listener, &listener->watch);
	}
	if (rc < 0)
		nbd_listener_close(listener);
	return rc;
}

void nbd_listener_close(struct nbd_listener *listener)
{
	discsi_watch_free(listener->watch);
	listener->watch = NULL;
	if (listener->path != NULL)
		unlink(listener->path);
	free(listener->path);
	listener->path = NULL;
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
}
