/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/listener.h: the Unix socket that clients connect to. It appears
 * under its name only when it listens, with mode 0600; a socket that a dead
 * process has left there is replaced, a living one never. Loop's thread.
 */
#ifndef NBD_LISTENER_H
#define NBD_LISTENER_H

#include <discsi/context.h>

#include "server.h"

struct nbd_listener {
	struct nbd_server *server;
	struct discsi_watch *watch;
	int fd;                      /* -1: not listening */
	char *path;                  /* absolute, removed at the end */
};

#define NBD_LISTENER_INIT { .fd = -1 }

/*
 * Makes the socket and hands the clients that come to the server.
 *
 * path: copied. server: borrowed until nbd_listener_close().
 * Errors: EADDRINUSE (somebody listens there), EEXIST (not a socket),
 * ENAMETOOLONG, and those of making a file and a socket.
 */
int nbd_listener_open(struct nbd_listener *listener, struct nbd_server *server,
		      const char *path);

/* Removes the socket. Clients stay. Fine on a listener that is not open. */
void nbd_listener_close(struct nbd_listener *listener);

#endif /* NBD_LISTENER_H */
