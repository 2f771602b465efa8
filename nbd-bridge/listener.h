/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/listener.h: the Unix socket that clients connect to. It appears
 * under its name only when it listens, with mode 0600; a socket that a dead
 * process has left there is replaced, a living one never. Loop's thread.
 */
#ifndef NBD_LISTENER_H
#define NBD_LISTENER_H

#include <sys/types.h>

#include <discsi/context.h>

#include "server.h"

struct nbd_listener {
	struct nbd_server *server;
	struct discsi_watch *watch;
	struct discsi_timer *retry;  /* after there was no descriptor left */
	int fd;                      /* -1: not listening */
	char *path;                  /* removed at the end; NULL: not ours */
	dev_t device;                /* what was put there */
	ino_t inode;
	bool cannot_restore;         /* and that has been said */
};

#define NBD_LISTENER_INIT { .fd = -1 }

/*
 * Makes the socket and hands the clients that come to the server.
 *
 * path: copied. server: borrowed until nbd_listener_close().
 * Errors: EADDRINUSE (somebody listens there), EEXIST (not a socket), EBUSY (a
 * stale socket cannot be replaced, because somebody keeps the directory
 * locked), ENAMETOOLONG, and those of making a file and a socket.
 */
int nbd_listener_open(struct nbd_listener *listener, struct nbd_server *server,
		      const char *path);

/*
 * The same for a socket that listens already, and has no name that is ours to
 * be removed: one of TCP, or one that was handed to us. fd: taken if 0 is
 * returned. Errors: ENOMEM and those of watching it.
 */
int nbd_listener_adopt(struct nbd_listener *listener, struct nbd_server *server,
		       int fd);

/*
 * Makes the socket again if somebody has removed it, so that clients can come.
 * Whatever stands in its place is left alone.
 */
void nbd_listener_restore(struct nbd_listener *listener);

/* Has a socket that was adopted removed from this path at the end. */
int nbd_listener_own(struct nbd_listener *listener, const char *path);

/*
 * Removes a socket that nobody listens on any more. Anything else at this path
 * stays.
 */
void nbd_listener_remove_stale(const char *path);

/* The server is paused, or goes on: clients that come wait, or are accepted. */
void nbd_listener_update(struct nbd_listener *listener);

/* For clients that were adopted: one is gone. arg: the listener. */
void nbd_listener_on_room(void *arg);

/* The socket's name is another process's now. */
void nbd_listener_leave(struct nbd_listener *listener);

/* Removes the socket. Clients stay. Fine on a listener that is not open. */
void nbd_listener_close(struct nbd_listener *listener);

#endif /* NBD_LISTENER_H */
