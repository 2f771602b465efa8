/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/session.h: a login to one target, or several of them side by side
 * (sessions of the configuration), which look like one from here.
 *
 * A session outlives its connection. When that is lost, it connects anew
 * through the portals of the configuration, logs in with the same ISID, makes
 * sure that every open LUN is still the same disk, and issues what was under
 * way again, in the order of submission. I/O waits meanwhile,
 * replacement_timeout at most; then the session fails for good: everything
 * ends with ENOTCONN (EACCES when the target refuses the secret), and what is
 * left to do is to close it and open another one. A write without an answer may
 * still be carried out by the target: the next session of the same context that
 * opens the LUN sees to the end of it first.
 */
#ifndef DISCSI_SESSION_H
#define DISCSI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/conf.h>
#include <discsi/context.h>

#ifdef __cplusplus
extern "C" {
#endif

struct discsi_session;

/*
 * Connects and logs in to the target that conf names (iqn).
 *
 * conf: borrowed. session: receives the handle, which the caller ends with
 *      discsi_session_close().
 * Errors: EINVAL (no iqn, no portal), EADDRNOTAVAIL (the name does not
 * resolve), ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT
 * (login_timeout), EACCES (CHAP refused, or the target failed mutual CHAP),
 * ENOENT (no such target), EAGAIN (service unavailable), EOPNOTSUPP (a digest
 * that is required and cannot be had), EPROTO, ENOMEM, EDEADLK.
 * Threads: the context's rule.
 */
int discsi_session_open(struct discsi_context *ctx,
			const struct discsi_conf *conf,
			struct discsi_session **session);

/* Receives what discsi_session_open() returns; the handle is the callback's. */
typedef void (*discsi_session_cb)(void *arg, int status,
				  struct discsi_session *session,
				  const struct discsi_error *error);

/* The same without waiting; the callback runs exactly once if 0 is returned. */
int discsi_session_open_async(struct discsi_context *ctx,
			      const struct discsi_conf *conf,
			      discsi_session_cb cb, void *arg);

/*
 * Lets what is under way finish (command_timeout at most), logs out (the same,
 * but 5 s at most) and frees the session. LUNs of it must have been closed, their
 * handles are invalid afterwards.
 *
 * session: taken, NULL is fine. From inside a callback it returns at once and
 * the rest happens on the loop. Threads: the context's rule.
 */
void discsi_session_close(struct discsi_session *session);

/* What a login has settled. Pointers live as long as the session. */
struct discsi_session_info {
	size_t size;             /* set by the caller to sizeof(this struct) */
	const char *target;      /* iSCSI name */
	const char *initiator;   /* ours */
	char address[64];        /* numeric, of the portal in use */
	uint16_t port;
	uint16_t tpgt;           /* target portal group tag */
	uint16_t tsih;           /* target session identifying handle */
	uint8_t isid[6];         /* of the first of several, others count on */
	bool connected;
	bool header_digest;
	bool data_digest;
	bool immediate_data;
	bool initial_r2t;
	uint32_t max_burst_bytes;
	uint32_t first_burst_bytes;
	uint32_t max_send_bytes;  /* the target's MaxRecvDataSegmentLength */
	uint32_t max_recv_bytes;  /* ours */
	const char *state;        /* "ready", "backoff" … for people */
	unsigned sessions;        /* I_T nexuses, and how many of them work now; */
	unsigned sessions_ready;  /* the members above tell of one that does */
	struct discsi_error last_error;  /* of the last loss; errnum 0: none */
	bool may_write_late;      /* the target may carry out a write that has no
				   * answer (yet), or was given up; false once
				   * another session sees to that */
};

/*
 * Fills info, as far as info->size says it reaches. Errors: EINVAL.
 * Threads: any on a threaded context.
 */
int discsi_session_get_info(struct discsi_session *session,
			    struct discsi_session_info *info);

/* ------------------------------------------------------------- events */

enum discsi_event_type {
	DISCSI_EVENT_CONNECTED,         /* logged in */
	DISCSI_EVENT_LOST,              /* the connection is gone: recovering */
	DISCSI_EVENT_RECOVERED,         /* I/O flows again */
	DISCSI_EVENT_FAILED,            /* given up for good */
	DISCSI_EVENT_CAPACITY_CHANGED,  /* of an open LUN */
	DISCSI_EVENT_LUNS_CHANGED,      /* the target has others than before */
	DISCSI_EVENT_LUN_FAILED         /* an open LUN is another disk now, or
					 * gone: it does no I/O any more */
};

struct discsi_event {
	size_t size;                /* of this struct, as the library knows it */
	enum discsi_event_type type;
	unsigned index;             /* which of several sessions, from 0 */
	uint64_t lun;               /* number, for the LUN events */
	uint64_t bytes;             /* CAPACITY_CHANGED: the new size */
	const struct discsi_error *error;  /* why; NULL: nothing to tell */
};

/* On the loop; event and what it points to are borrowed. */
typedef void (*discsi_event_cb)(void *arg, struct discsi_session *session,
				const struct discsi_event *event);

/*
 * Has a callback run for every event, beginning with one that tells the
 * present state (CONNECTED, LOST or FAILED, of each session). It runs on the
 * loop, also while the session is being closed by another thread; not any more
 * once discsi_session_close() has returned.
 *
 * cb: replaces the one that was there; NULL: none from now on, though one may
 *     just be running. Errors: EINVAL, ENOMEM. Threads: any on a threaded
 *     context.
 */
int discsi_session_on_event(struct discsi_session *session, discsi_event_cb cb,
			    void *arg);

/* "connected", "lost" … */
const char *discsi_event_name(enum discsi_event_type type);

/* --------------------------------------------------------- statistics */

enum discsi_stats_kind {
	DISCSI_STATS_READ,
	DISCSI_STATS_WRITE,
	DISCSI_STATS_OTHER,  /* commands that move no blocks */
	DISCSI_STATS_KINDS   /* how many there are */
};

#define DISCSI_LATENCY_BUCKETS 32

struct discsi_stats_of {
	uint64_t commands;  /* completed, well or not */
	uint64_t bytes;     /* moved by those that succeeded */
	uint64_t errors;
	/* Commands by the time from submission to completion: number i took
	 * less than 2^i microseconds, and not less than half of that. */
	uint64_t latency[DISCSI_LATENCY_BUCKETS];
};

/* Since the session was opened; all nexuses together. */
struct discsi_session_stats {
	size_t size;           /* set by the caller to sizeof(this struct) */
	uint64_t outstanding;  /* commands submitted and not completed, now */
	uint64_t retries;      /* commands sent again because of their status */
	uint64_t timeouts;     /* commands that ended with ETIMEDOUT */
	uint64_t aborts;       /* ABORT TASK sent */
	uint64_t resets;       /* LOGICAL UNIT RESET sent */
	uint64_t pings;        /* NOP-Out sent */
	uint64_t losses;       /* connections lost */
	uint64_t recoveries;   /* and recovered */
	uint64_t replays;      /* commands issued on the connection after */
	uint64_t outage_ms;    /* time from losses to recoveries */
	struct discsi_stats_of kind[DISCSI_STATS_KINDS];
};

/*
 * Fills stats, as far as stats->size says it reaches. Each number is right by
 * itself; they are not of one instant. Errors: EINVAL. Threads: any, at any
 * time between open and close.
 */
int discsi_session_get_stats(struct discsi_session *session,
			     struct discsi_session_stats *stats);

/*
 * The logical unit numbers of the target (REPORT LUNS, SPC-4 clause 6.33),
 * ascending. Units whose address is not of the peripheral or flat form with a
 * number up to 16383 are left out.
 *
 * luns: receives an array that the caller frees with free(). count: its length.
 * Errors: those of a command; EPROTO for an answer with a wrong length.
 */
int discsi_session_report_luns(struct discsi_session *session, uint64_t **luns,
			       size_t *count);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_SESSION_H */
