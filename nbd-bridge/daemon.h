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
	int pipe;         /* from child to parent, until the report; or -1 */
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
 * who ends with 0. A forked process leaves its terminal with that.
 *
 * Errors: EPIPE when nobody waits any more.
 */
int nbd_daemon_ready(struct nbd_daemon *daemon, const char *text);

/* Puts /dev/null in the place of the standard streams, and goes to "/". */
void nbd_daemon_leave_terminal(void);

/* Reports a failure: text goes to stderr, and the exit status will be 1. */
void nbd_daemon_failed(struct nbd_daemon *daemon, const char *text);

#endif /* NBD_DAEMON_H */
