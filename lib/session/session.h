/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session/session.h: a session as the LUN layer sees it: requests go in, each
 * comes out exactly once with a result and, on failure, a sentence. What it
 * consists of, one nexus or several, is in session/nexus.h.
 *
 * Loop's thread, but where it says otherwise.
 */
#ifndef DSC_SESSION_SESSION_H
#define DSC_SESSION_SESSION_H

#include <discsi/session.h>
#include "base/context.h"
#include "conf/conf.h"
#include "iscsi/conn.h"
#include "scsi/sense.h"
#include "session/stats.h"

struct discsi_discovery;
struct dsc_escalation;
struct dsc_nexus;
struct dsc_request;

/* ------------------------------------------------------------- requests */

typedef void (*dsc_request_fn)(struct dsc_request *request, int result,
			       const struct discsi_error *error);

/* In whose hands a request is. */
enum dsc_hand {
	DSC_HAND_PARKED,      /* nobody's: it waits for the nexus to be ready */
	DSC_HAND_CONNECTION,  /* queued or sent */
	DSC_HAND_RETRY,       /* a pause before it is sent again */
	DSC_HAND_HELD,        /* a flush behind earlier writes */
	DSC_HAND_REFUSED,     /* completes at the end of this turn */
	DSC_HAND_JUDGED,      /* its answer is being looked at */
	DSC_HAND_ANSWERED     /* a good answer: of the same disk? */
};

/*
 * One SCSI command with a deadline and retries. The caller sets the first
 * group of task's members (but done), done, and takes_status; the rest is the
 * session's.
 */
struct dsc_request {
	struct dsc_task task;
	/*
	 * Once, on the loop, never inside dsc_session_submit(). result is 0
	 * (status GOOD) or a negative errno with error, which is borrowed. The
	 * session does not touch the request afterwards.
	 */
	dsc_request_fn done;
	bool takes_status;           /* any status is a result: no retries, it
				      * is told as it came, with its errno */

	struct dsc_list link;        /* in nexus->requests, by submission */
	struct dsc_list retry_link;  /* in the list of its hand, if it has one */
	struct dsc_nexus *nexus;
	struct dsc_escalation *escalation;
	uint64_t sequence;           /* of submission, over all nexuses */
	uint64_t submitted_ns;
	uint64_t deadline_ns;
	uint64_t retry_ns;
	unsigned retries;            /* at once */
	unsigned pauses;             /* after a pause */
	int refusal;                 /* -errno, while it is being refused */
	uint8_t hand;                /* enum dsc_hand */
	uint8_t repeat;              /* enum dsc_repeat */
	bool is_unwanted;            /* not to be tried again */
	bool is_expired;             /* its deadline has passed */
	bool is_suspect;             /* a lost connection may still carry it out:
				      * not again without a barrier */
	bool is_under_reset;         /* a reset under way will end it */
	bool is_verifying;           /* asks whether a disk is the same */
};

/*
 * Takes a request; it is queued in front of the target's command window. It
 * waits while the session recovers.
 */
void dsc_session_submit(struct discsi_session *session,
			struct dsc_request *request);

/*
 * Takes back a request no part of which has been sent: it completes with
 * -ECANCELED at the end of the turn. False when it is too late; it is then not
 * tried again whatever its answer.
 */
bool dsc_session_withdraw(struct dsc_request *request);

/* ---------------------------------------------------------------- units */

struct dsc_unit;

/* What a session asks of an open LUN. */
struct dsc_unit_ops {
	/* The session ends at once: no I/O is accepted from here on. */
	void (*stop)(struct dsc_unit *unit);
	/* The session ends; every request is done. Frees the LUN. */
	void (*end)(struct dsc_unit *unit);
	/*
	 * Asks the LUN over this nexus who it is, by requests with
	 * dsc_nexus_verify_submit(), and says what came of it, never inside
	 * this call, with dsc_nexus_verified(): 0 (unit NULL: it was closed
	 * meanwhile), -ESTALE when it is another
	 * disk, or why it could not be asked. -ENOMEM, or 1 when there is
	 * nothing to ask: nothing follows.
	 */
	int (*verify)(struct dsc_unit *unit, struct dsc_nexus *nexus);
	/* The target has told news of it: DSC_NEWS_CAPACITY. */
	void (*news)(struct dsc_unit *unit, enum dsc_news news);
	/* It is another disk, or gone: why. It does no I/O any more. */
	void (*condemn)(struct dsc_unit *unit,
			const struct discsi_error *why);
	/* Who made it, "" if not known: VENDOR IDENTIFICATION. */
	const char *(*vendor)(const struct dsc_unit *unit);
};

/* An open LUN, embedded in the LUN layer's own structure. */
struct dsc_unit {
	struct dsc_list link;
	const struct dsc_unit_ops *ops;
	uint64_t number;
	uint8_t address[8];
	bool is_open;                /* somebody relies on its being the same */
	bool is_condemned;
	struct discsi_error why;     /* once condemned */
};

void dsc_session_add_unit(struct discsi_session *session,
			  struct dsc_unit *unit);
void dsc_session_remove_unit(struct dsc_unit *unit);

/*
 * A unit has been opened. Where the session goes on for one of another process
 * (conf->isid), or one before it in this context has left writes without an
 * answer, those are seen to their end before any I/O.
 */
void dsc_session_inherit(struct discsi_session *session,
			 struct dsc_unit *unit);

/* One of the units may be another disk: all are asked, before any more I/O. */
void dsc_session_doubt(struct discsi_session *session);

/* A request that passes while others wait; its connection may be lost. */
void dsc_nexus_verify_submit(struct dsc_nexus *nexus,
			     struct dsc_request *request);
void dsc_nexus_verified(struct dsc_nexus *nexus, struct dsc_unit *unit,
			int result, const struct discsi_error *error);

/* Tells the owner that a LUN has another size. */
void dsc_session_tell_capacity(struct discsi_session *session, uint64_t lun,
			       uint64_t bytes);

/* ------------------------------------------------------- ending at once */

/*
 * The public asynchronous functions, with a handle by which what was begun can
 * be ended: child->end(child), on the loop, until the callback has run, runs it
 * with ECANCELED and leaves nothing.
 */
int dsc_discover_begin(struct discsi_context *ctx,
		       const struct discsi_conf *conf,
		       void (*cb)(void *arg, int status,
				  struct discsi_discovery *result,
				  const struct discsi_error *error),
		       void *arg, struct dsc_child **child);
int dsc_session_begin(struct discsi_context *ctx,
		      const struct discsi_conf *conf, discsi_session_cb cb,
		      void *arg, struct dsc_child **child);

/*
 * The same handle of an open session: ending it closes the connection without
 * a logout; every request, and a LUN that is being opened, ends with ECANCELED.
 */
struct dsc_child *dsc_session_child(struct discsi_session *session);

/*
 * discsi_session_close() without waiting: cb runs on the loop when the session
 * is gone, by itself or because its child was ended.
 */
void dsc_session_close_begin(struct discsi_session *session, discsi_done_cb cb,
			     void *arg);

struct discsi_context *dsc_session_context(struct discsi_session *session);
const struct discsi_conf *dsc_session_conf(const struct discsi_session *session);

#endif /* DSC_SESSION_SESSION_H */
