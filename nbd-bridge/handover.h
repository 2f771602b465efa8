/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/handover.h: what two bridges say to each other when one replaces
 * the other (see handover.c), and the running one's part of it. Main thread.
 *
 *   it asks    it is told
 *   hello      who serves what; the configuration, the registry's lock
 *   drain      that nothing is under way; the socket that listens
 *   next       one client, between two requests, with its connection; "end"
 *              when there is none left
 *   taken      nothing: from here on it is the one that serves
 *
 * Instead of an answer there may be "errno" and "message", and then the end.
 * Each question waits for the answer before.
 */
#ifndef NBD_HANDOVER_H
#define NBD_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include <discsi/context.h>

/* A successor that talks another version is refused. */
#define NBD_HANDOVER_VERSION 1

/* Requests wait so long for a handover to succeed, then it has failed. */
#define NBD_HANDOVER_PAUSE_MS 5000u

/* And so long, when it is a client that keeps the others waiting. */
#define NBD_HANDOVER_HELD_UP_MS 500u

enum nbd_handover_phase {
	NBD_HANDOVER_IDLE,      /* nobody has said hello */
	NBD_HANDOVER_GREETED,   /* the successor logs in */
	NBD_HANDOVER_DRAINING,  /* requests under way are done */
	NBD_HANDOVER_FLUSHING,  /* the disk writes out its cache */
	NBD_HANDOVER_PASSING,   /* clients are passed one by one */
	NBD_HANDOVER_PASSED,    /* all are: it is the successor's to decide */
	NBD_HANDOVER_DONE,      /* they are served by the successor */
};

struct nbd_handover {
	int listen_fd;               /* -1: nobody can take over from us */
	bool is_open;                /* but somebody should be able to */
	bool cannot_listen;          /* which has been said */
	struct discsi_watch *listening;
	char *path;
	int fd;                      /* to the successor, or -1 */
	struct discsi_watch *watch;
	struct discsi_timer *deadline;
	bool is_early;               /* the deadline is NBD_HANDOVER_HELD_UP_MS,
				      * and most of the pause comes after it */
	enum nbd_handover_phase phase;
	bool is_flushed;
	bool is_flush_pending;       /* an answer will come, now or later */
	int flush_rc;
};

#define NBD_HANDOVER_INIT { .listen_fd = -1, .fd = -1 }

#endif /* NBD_HANDOVER_H */
