/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/frontend.h: what whoever has started this process hands to it as
 * the way in: a socket that listens already (socket activation: LISTEN_FDS and
 * LISTEN_PID, as systemd and libnbd have it), or one client on the standard
 * input and output. Main thread.
 */
#ifndef NBD_FRONTEND_H
#define NBD_FRONTEND_H

#include <stdbool.h>

#include "cli.h"
#include "listener.h"
#include "relay.h"
#include "server.h"
#include "tcp.h"

struct nbd_frontend {
	int listen_fd;            /* -1: none was handed over */
	int in_fd;                /* what was standard input, or -1 */
	int out_fd;               /* what was standard output, or -1 */
	int in_flags;             /* as they were, or -1: not changed */
	int out_flags;
	struct nbd_relay *relay;  /* unless both are the same socket */
	bool is_serving;          /* a client, on these two */
	bool is_client_gone;
	bool ends_with_clients;   /* a socket that listens for those of one */
	bool had_client;
};

#define NBD_FRONTEND_INIT { .listen_fd = -1, .in_fd = -1, .out_fd = -1, \
			    .in_flags = -1, .out_flags = -1 }

/*
 * Takes what was handed over, before anything else can read or write it; the
 * standard streams, or the output where it is a socket, are /dev/null afterwards.
 * A socket goes before --stdio.
 *
 * Errors: EINVAL (more than one socket, not one that listens, or an option
 * that goes with neither), EBADF (the standard streams are closed), EMFILE.
 */
int nbd_frontend_take(struct nbd_frontend *frontend,
		      const struct nbd_options *options);

/* True when something was handed over. */
bool nbd_frontend_is_taken(const struct nbd_frontend *frontend);

/*
 * Serves what was handed over. server, listener: borrowed until
 * nbd_frontend_close(). Errors: EINVAL (the standard streams are neither
 * sockets nor pipes), EMFILE, ENOMEM.
 */
int nbd_frontend_serve(struct nbd_frontend *frontend, struct nbd_server *server,
		       struct nbd_listener *listener);

/* Errors: EPERM (what was handed over must not be served in clear). */
int nbd_frontend_check_clear(const struct nbd_frontend *frontend,
			     enum nbd_clear clear);

/* The place of the socket that was handed over, for people: copied to text. */
void nbd_frontend_describe(const struct nbd_frontend *frontend, char *text,
			   size_t size);

/*
 * True once whoever has handed it over with --stdio is gone: the client of the
 * standard streams, or the last of those of a socket. To be asked each turn.
 */
bool nbd_frontend_is_over(struct nbd_frontend *frontend,
			  const struct nbd_server *server);

/* True while a client of the standard streams has not got all it is sent. */
bool nbd_frontend_is_busy(const struct nbd_frontend *frontend);

/* Ends it all, while the loop still exists. Fine on what was not begun. */
void nbd_frontend_close(struct nbd_frontend *frontend);

#endif /* NBD_FRONTEND_H */
