/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/daemon.h: going to the background. The parent waits until the
 * child says that it is ready or why it cannot be, prints that and ends; in
 * the foreground the same calls print at once. Before there are threads, but
 * for the reports.
 */
#ifndef NBD_DAEMON_H
#define NBD_DAEMON_H

#include <stdbool.h>

struct nbd_daemon {
	bool is_forked;
	int pipe;         /* child: to the parent, until the report; or -1 */
};

/*
 * Forks. In the child, and in the foreground, returns -1: go on. In the parent
 * returns the exit status, once the child has reported or died.
 */
int nbd_daemon_begin(struct nbd_daemon *daemon, bool is_fork);

/*
 * Reports that the export is ready: text goes to the stdout of whoever waits,
 * who ends with 0. A forked process leaves its terminal with that.
 *
 * Errors: EPIPE when nobody waits any more.
 */
int nbd_daemon_ready(struct nbd_daemon *daemon, const char *text);

/* Reports a failure: text goes to stderr, and the exit status will be 1. */
void nbd_daemon_failed(struct nbd_daemon *daemon, const char *text);

#endif /* NBD_DAEMON_H */
