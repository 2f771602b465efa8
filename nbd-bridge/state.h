/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/state.h: what a bridge tells of itself in its state file, and the
 * text of that. lib/bridge/state.c reads it. Pure; any thread.
 */
#ifndef NBD_STATE_H
#define NBD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <discsi/session.h>

/* "" where not applicable; no secret is in it. Times are seconds since 1970. */
struct nbd_state {
	const char *device;
	const char *link;            /* in /dev/disk/by-path */
	const char *socket;
	const char *export;
	const char *target;
	const char *portal;
	const char *initiator;       /* our name, and */
	const char *isid;            /* of the first session, 12 hex digits */
	int64_t pid;                 /* whom to signal */
	uint64_t lun;
	uint64_t bytes;
	unsigned connections;        /* of the device, 0: there is none */
	bool is_read_only;
	int64_t started;
	int64_t updated;
	const char *state;           /* "ready", "recovering", "failed" */
	int64_t since;
	unsigned sessions;
	unsigned sessions_ready;
	const char *last_event;      /* of the session, discsi_event_name() */
	int64_t last_event_time;
	const char *last_error;
	int64_t last_error_time;
	struct discsi_session_stats stats;
	const char *designator;      /* who the disk is */
	const char *serial;
	const char *vendor;
	const char *product;
	const char *revision;
	unsigned block_size;
	bool is_thin;
	uint64_t looks;              /* how often the LUN told its size */
};

/* JSON that ends with a newline: allocated, NULL without memory. */
char *nbd_state_text(const char *id, const struct nbd_state *state);

/* A text of a state file that is not "", or a number: allocated, else NULL. */
char *nbd_state_member(const char *text, const char *name);

#endif /* NBD_STATE_H */
