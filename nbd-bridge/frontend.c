/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frontend.c: see frontend.h. Main thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

#include "frontend.h"
#include "sockets.h"

/* The first descriptor that is handed over, by convention. */
#define ACTIVATION_FD 3

/* -------------------------------------------------------- socket activation */

/* A number of the environment; -1 when there is none. */
static long environment_number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long number;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	number = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' ? number : -1;
}

/* How many descriptors there are for us, and not for whoever started us. */
static long count_handed_over(void)
{
	long count = environment_number("LISTEN_FDS");

	if (environment_number("LISTEN_PID") != (long)getpid())
		count = 0;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return count > 0 ? count : 0;
}

static bool is_listening(int fd)
{
	int type = 0, listens = 0;
	socklen_t length = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
		return false;
	length = sizeof(listens);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0)
		return false;
	return type == SOCK_STREAM && listens != 0;
}

/* Who hands something over knows where that is, and prints what he likes. */
static int replace_stream(int stream)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 || dup2(fd, stream) < 0)
		rc = dsc_fail(errno, "/dev/null cannot be used (%s)",
			      discsi_errno_name(errno));
	if (fd > STDERR_FILENO)
		close(fd);
	return rc;
}

static int take_socket(struct nbd_frontend *frontend, long count,
		       const struct nbd_options *options)
{
	if (count > 1)
		return dsc_fail(EINVAL, "%ld sockets are handed over "
				"(LISTEN_FDS), and one can be served", count);
	if (!is_listening(ACTIVATION_FD))
		return dsc_fail(EINVAL, "what is handed over (LISTEN_FDS) is "
				"not a stream socket that listens");
	if (options->socket != NULL || options->device != NULL ||
	    options->listen != NULL || options->is_fork)
		return dsc_fail(EINVAL, "--socket, --device, --listen and "
				"--fork do not go with a socket that is "
				"handed over (LISTEN_FDS)");
	if (fcntl(ACTIVATION_FD, F_SETFD, FD_CLOEXEC) < 0)
		return dsc_fail(errno, "the socket that was handed over cannot "
				"be used (%s)", discsi_errno_name(errno));
	frontend->listen_fd = ACTIVATION_FD;
	frontend->ends_with_clients = options->is_stdio;
	return replace_stream(STDOUT_FILENO);
}

/* --------------------------------------------------------- standard streams */

static int take_stream(int stream, int *taken)
{
	*taken = fcntl(stream, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (*taken >= 0)
		return 0;
	return dsc_fail(errno, "standard %s cannot be used (%s)",
			stream == STDIN_FILENO ? "input" : "output",
			discsi_errno_name(errno));
}

static int take_streams(struct nbd_frontend *frontend)
{
	int rc = take_stream(STDIN_FILENO, &frontend->in_fd);

	if (rc == 0)
		rc = take_stream(STDOUT_FILENO, &frontend->out_fd);
	/* Whatever is printed or read from now on does not meet the protocol. */
	if (rc == 0)
		rc = replace_stream(STDIN_FILENO);
	if (rc == 0)
		rc = replace_stream(STDOUT_FILENO);
	return rc;
}

int nbd_frontend_take(struct nbd_frontend *frontend,
		      const struct nbd_options *options)
{
	long count = count_handed_over();

	if (count > 0)
		return take_socket(frontend, count, options);
	return options->is_stdio ? take_streams(frontend) : 0;
}

bool nbd_frontend_is_taken(const struct nbd_frontend *frontend)
{
	return frontend->listen_fd >= 0 || frontend->in_fd >= 0;
}

/* ------------------------------------------------------------------ serving */

static void on_client_gone(void *arg)
{
	struct nbd_frontend *frontend = arg;

	frontend->is_client_gone = true;
}

static bool is_same_socket(int a, int b)
{
	struct stat first, second;

	return fstat(a, &first) == 0 && fstat(b, &second) == 0 &&
	       S_ISSOCK(first.st_mode) && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

/* The server gets the socket itself. */
static int serve_socket(struct nbd_frontend *frontend,
			struct nbd_server *server)
{
	int rc;

	nbd_socket_widen(frontend->in_fd);
	rc = nbd_server_add(server, frontend->in_fd, NBD_CLIENT_SOCKET,
			    on_client_gone, frontend);
	if (rc < 0)
		return dsc_fail(-rc, "standard input cannot be served (%s)",
				discsi_errno_name(rc));
	close(frontend->out_fd);
	frontend->in_fd = -1;
	frontend->out_fd = -1;
	return 0;
}

/* Keeps how a stream was, which others may share. */
static int set_nonblocking(int fd, int *flags)
{
	*flags = fcntl(fd, F_GETFL);
	if (*flags < 0 || fcntl(fd, F_SETFL, *flags | O_NONBLOCK) < 0)
		return dsc_fail(errno, "the standard streams cannot be used "
				"(%s)", discsi_errno_name(errno));
	return 0;
}

static int join_streams(struct nbd_frontend *frontend,
			struct nbd_server *server, const int ends[2])
{
	int rc = set_nonblocking(frontend->in_fd, &frontend->in_flags);

	if (rc == 0)
		rc = set_nonblocking(frontend->out_fd, &frontend->out_flags);
	if (rc == 0)
		rc = nbd_relay_new(server->ctx, frontend->in_fd,
				   frontend->out_fd, ends[0], on_client_gone,
				   frontend, &frontend->relay);
	if (rc == -EPERM)
		rc = dsc_fail(EINVAL, "the standard streams are neither "
			      "sockets nor pipes");
	return rc;
}

/* The server gets one end of a socketpair, and a relay has the other one. */
static int serve_streams(struct nbd_frontend *frontend,
			 struct nbd_server *server)
{
	int ends[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       ends) < 0)
		return dsc_fail(errno, "no pair of sockets can be made (%s)",
				discsi_errno_name(errno));
	nbd_socket_widen(ends[0]);
	nbd_socket_widen(ends[1]);
	rc = join_streams(frontend, server, ends);
	if (rc < 0) {
		close(ends[0]);
		close(ends[1]);
		return rc;
	}
	rc = nbd_server_add(server, ends[1], NBD_CLIENT_SOCKET, NULL, NULL);
	if (rc == 0)
		return 0;
	close(ends[1]);
	return dsc_fail(-rc, "the standard streams cannot be served (%s)",
			discsi_errno_name(rc));
}

int nbd_frontend_serve(struct nbd_frontend *frontend, struct nbd_server *server,
		       struct nbd_listener *listener)
{
	int rc;

	if (frontend->listen_fd >= 0) {
		rc = nbd_listener_adopt(listener, server, frontend->listen_fd);
		if (rc == 0)
			frontend->listen_fd = -1;
		return rc;
	}
	if (is_same_socket(frontend->in_fd, frontend->out_fd))
		rc = serve_socket(frontend, server);
	else
		rc = serve_streams(frontend, server);
	frontend->is_serving = rc == 0;
	return rc;
}

int nbd_frontend_check_clear(const struct nbd_frontend *frontend,
			     enum nbd_clear clear)
{
	int rc = nbd_tcp_check_clear(frontend->listen_fd, clear);

	if (rc == 0)
		rc = nbd_tcp_check_clear(frontend->in_fd, clear);
	if (rc == 0)
		rc = nbd_tcp_check_clear(frontend->out_fd, clear);
	return rc;
}

void nbd_frontend_describe(const struct nbd_frontend *frontend, char *text,
			   size_t size)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	const size_t head = offsetof(struct sockaddr_un, sun_path);

	snprintf(text, size, "%s", frontend->listen_fd >= 0 ?
		 "the socket that was handed over" : "standard input and output");
	if (frontend->listen_fd < 0 ||
	    getsockname(frontend->listen_fd, (struct sockaddr *)&address,
			&length) < 0 ||
	    address.sun_family != AF_UNIX || length <= head ||
	    address.sun_path[0] == '\0')
		return;
	snprintf(text, size, "%.*s",
		 (int)strnlen(address.sun_path, length - head),
		 address.sun_path);
}

bool nbd_frontend_is_over(struct nbd_frontend *frontend,
			  const struct nbd_server *server)
{
	bool has_client = server->count > 0;

	if (!frontend->ends_with_clients)
		return frontend->is_client_gone;
	frontend->had_client |= has_client;
	return frontend->had_client && !has_client;
}

bool nbd_frontend_is_busy(const struct nbd_frontend *frontend)
{
	return frontend->is_serving && !frontend->is_client_gone;
}

/* ------------------------------------------------------------------ the end */

static void give_back(int *fd, int flags)
{
	if (*fd < 0)
		return;
	if (flags >= 0)
		fcntl(*fd, F_SETFL, flags);
	close(*fd);
	*fd = -1;
}

void nbd_frontend_close(struct nbd_frontend *frontend)
{
	nbd_relay_free(frontend->relay);
	frontend->relay = NULL;
	give_back(&frontend->in_fd, frontend->in_flags);
	give_back(&frontend->out_fd, frontend->out_flags);
	give_back(&frontend->listen_fd, -1);
}
