/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/daemon.h: going to the background. The parent waits until the
 * child says that it is ready or why it cannot be, prints that and ends; in
 * the foreground the same calls print at once. Main thread.
 */
#ifndef NBD_DAEMON_H
#define NBD_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

struct nbd_daemon {
	bool is_forked;   /* this is the child */
	pid_t child;      /* this is its parent; else 0 */
	int peer;         /* a socket to the other one of the two; or -1 */
};

/* Stays in the foreground, or forks. Errors: EMFILE, EAGAIN, ENOMEM. */
int nbd_daemon_begin(struct nbd_daemon *daemon, bool is_fork);

/* The parent's part: returns its exit status when the child has reported. */
int nbd_daemon_wait(struct nbd_daemon *daemon);

/*
 * In a child, closes what it has inherited beside the standard streams: it
 * would keep others waiting for its end. For when the files that the command
 * line names have been read (one may be /dev/fd/N) and none is open yet.
 */
void nbd_daemon_close_inherited(const struct nbd_daemon *daemon);

/*
 * Reports that the export is ready: text goes to the stdout of whoever waits,
 * who ends with 0. When the peer of a forked process can be read then,
 * nbd_daemon_is_told() says whether the text has got there; a process of which
 * nobody was told keeps its standard streams until it has ended, by which it is
 * waited for.
 *
 * Errors: EPIPE when nobody waits any more.
 */
int nbd_daemon_ready(struct nbd_daemon *daemon, const char *text);

/* Prints something before that report; nobody need be there to read it. */
void nbd_daemon_print(const char *text);

/*
 * True when the report was printed; false when whoever waited is gone, before the
 * report or with it. The peer is closed.
 */
bool nbd_daemon_is_told(struct nbd_daemon *daemon);

/* Puts /dev/null in the place of the standard streams, and goes to "/". */
void nbd_daemon_leave_terminal(void);

/* Reports a failure: text goes to stderr, and the exit status will be 1. */
void nbd_daemon_failed(struct nbd_daemon *daemon, const char *text);

#endif /* NBD_DAEMON_H */
