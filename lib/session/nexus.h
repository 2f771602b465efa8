/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nexus.h: between the files of lib/session alone. A session is one I_T nexus
 * or several to the same target; a nexus has an ISID of its own, its
 * connection, and the requests that were given to it.
 *
 *   session.c    the public functions that open a session and tell its facts
 *   route.c      which nexus a request goes to; flushes behind earlier writes
 *   state.c      the table of states
 *   nexus.c      a nexus: made, connected, freed
 *   recover.c    lost, backoff, reconnecting, given up
 *   verify.c     are the disks the same?
 *   barrier.c    no write of a lost connection lands late
 *   debt.c       nor one of a session before this one
 *   request.c    a request from submission to completion, retries
 *   refuse.c     requests that are completed without an answer
 *   deadline.c   deadlines, ABORT TASK, LOGICAL UNIT RESET
 *   keepalive.c  pings, and what the target says of its own accord
 *   close.c      how a session ends
 *   event.c      telling the owner
 *   stats.c      counters
 *
 * Loop's thread.
 */
#ifndef DSC_SESSION_NEXUS_H
#define DSC_SESSION_NEXUS_H

#include "scsi/cdb.h"
#include "session/connect.h"
#include "session/session.h"
#include "session/state.h"

struct dsc_nexus {
	struct discsi_session *session;
	struct discsi_context *ctx;
	unsigned index;
	enum dsc_session_state state;    /* written under session->lock */
	struct discsi_error error;       /* why it was lost, or failed */

	struct dsc_connect *connect;     /* while connecting */
	struct dsc_conn *conn;           /* the last one, maybe closed */
	struct dsc_params params;        /* under session->lock, with the next */
	char address[DSC_ADDRESS_MAX];
	uint16_t port;
	struct dsc_address preferred;
	uint8_t isid[6];
	uint16_t work_tpgt;              /* portal group that I/O went to last */
	bool is_other_port;              /* reinstatement does not apply: the
					  * portal group is another one */

	struct dsc_list requests;        /* all outstanding, by submission */
	unsigned load;                   /* how many those are */
	struct dsc_list verifications;   /* requests that verify */
	struct dsc_list retries;         /* those that wait, by time */
	struct dsc_list refused;         /* those to complete this turn */
	struct dsc_deferred refuse;
	struct dsc_deferred reroute;
	struct dsc_timer deadline_timer;
	struct dsc_timer retry_timer;
	uint32_t depth;                  /* commands at a time; 0: no limit */
	uint32_t depth_credit;           /* successes since it grew */

	/* recover.c, verify.c */
	struct dsc_timer recover_timer;  /* the pause, or the verification */
	struct dsc_timer outage_timer;
	uint64_t outage_ns;              /* when it began; 0: none */
	uint64_t lost_ns;                /* when this loss was noticed */
	uint64_t ready_ns;
	unsigned attempts;               /* in this outage */
	uint32_t least_pause_ms;         /* the target's Time2Wait */
	bool is_proven;                  /* this connection has done work */
	unsigned verifying;              /* units that have not answered */
	bool is_verify_failed;
	bool is_doubtful;                /* again: news came meanwhile */
	struct dsc_list barriers;        /* resets under way */
	struct dsc_list ghosts;          /* LUNs that are owed a barrier */

	/* keepalive.c */
	struct dsc_timer ping_timer;
	uint64_t pinged_ns;              /* 0: no ping is under way */
	struct dsc_timer leave_timer;
	struct dsc_deferred leave;

	struct dsc_timer close_timer;
	struct dsc_deferred settle;      /* drained, closed: seen to here */
};

struct discsi_session {
	struct discsi_context *ctx;
	struct dsc_child child;          /* of the context */
	struct dsc_list units;           /* open LUNs: struct dsc_unit */
	struct discsi_conf *conf;        /* ours alone, never changed */
	char *initiator;
	struct dsc_nexus *nexus;         /* count of them */
	unsigned count;
	unsigned opened;                 /* nexuses that are logged in */
	uint64_t sequence;               /* of the last request */
	struct dsc_list held;            /* flushes */
	struct dsc_timer held_timer;     /* their deadlines */
	struct dsc_stats stats;

	struct dsc_job open_job;
	struct dsc_timer open_timer;     /* logins after the first one */
	uint64_t open_ns;
	discsi_session_cb open_cb;       /* NULL: has run */
	void *open_arg;
	struct dsc_job close_job;
	discsi_done_cb close_cb;
	void *close_arg;
	bool is_closing;

	pthread_mutex_t lock;  /* what other threads read or set of nexuses, and: */
	unsigned subscriptions;          /* how many there have been */
	struct dsc_list subscribing;     /* those that are on their way */
	discsi_event_cb event_cb;
	void *event_arg;
	struct discsi_error last_error;  /* of the last loss or failure */
};

/* nexus.c */
void dsc_nexus_init(struct dsc_nexus *nexus, struct discsi_session *session,
		    unsigned index);
/* Timers and deferred calls, on the loop. -ENOMEM. */
int dsc_nexus_prepare(struct dsc_nexus *nexus);
/* No request may be outstanding. Not inside the connection's callbacks. */
void dsc_nexus_fini(struct dsc_nexus *nexus);
/* Steps the state by an event; cause may be NULL. False: nothing changed. */
bool dsc_nexus_transit(struct dsc_nexus *nexus, enum dsc_session_event event,
		       const char *cause);
/* Begins to connect; the result goes to cb. */
int dsc_nexus_connect(struct dsc_nexus *nexus, dsc_connect_cb cb,
		      bool is_recovery, struct discsi_error *error);
/* Takes a connection over. */
int dsc_nexus_take(struct dsc_nexus *nexus,
		   const struct dsc_connect_result *result,
		   struct discsi_error *error);
static inline bool dsc_nexus_is_up(const struct dsc_nexus *nexus)
{
	return nexus->conn != NULL && dsc_conn_is_open(nexus->conn);
}
/* Its owner has closed it: it ends once no request is left. */
static inline bool dsc_nexus_is_closing(const struct dsc_nexus *nexus)
{
	return nexus->state == DSC_SESSION_DRAINING ||
	       nexus->state == DSC_SESSION_LOGOUT ||
	       nexus->state == DSC_SESSION_CLOSED;
}

/* recover.c */
/* The connection is gone (a struct dsc_conn_owner function). */
void dsc_nexus_on_lost(void *arg, const struct discsi_error *why);
/* Drops the connection and recovers; not inside the connection's callbacks
 * unless they allow for it. */
void dsc_nexus_drop(struct dsc_nexus *nexus, const struct discsi_error *why);
/* Gives up for good: everything fails with the errno of why. */
void dsc_nexus_give_up(struct dsc_nexus *nexus, const struct discsi_error *why);
/* The connection has shown that it works: the outage is over. */
void dsc_nexus_prove(struct dsc_nexus *nexus);
/* Verified: I/O flows again. */
void dsc_nexus_resume(struct dsc_nexus *nexus);
int dsc_recover_prepare(struct dsc_nexus *nexus);
void dsc_recover_fini(struct dsc_nexus *nexus);

/* Lets replacement_timeout run although nothing is lost. */
void dsc_recover_limit(struct dsc_nexus *nexus);

/* verify.c */
void dsc_verify_begin(struct dsc_nexus *nexus);
/* News came while they were asked, in what is left of the time. */
void dsc_verify_again(struct dsc_nexus *nexus);
/* The target says that disks may be others than they were. */
void dsc_verify_doubt(struct dsc_nexus *nexus);
void dsc_verify_cancel(struct dsc_nexus *nexus);

/* barrier.c: what follows when all disks are the same; resumes at its end */
void dsc_barrier_begin(struct dsc_nexus *nexus);
void dsc_barrier_cancel(struct dsc_nexus *nexus);
/* A lost connection may still carry out a write on the LUN with this address. */
void dsc_barrier_owe(struct dsc_nexus *nexus, const uint8_t *address);
/* The caller of such a write has been told that it failed, and may write other
 * data to the same place. */
void dsc_barrier_orphan(struct dsc_nexus *nexus, const uint8_t *address);
/* Whether new writes to this LUN have to wait for the nexus. */
bool dsc_barrier_is_owed(struct dsc_nexus *nexus, const uint8_t *address);
/* A LUN that has been another disk is opened anew: what has been owed to it since
 * is to be paid now; false: nothing was. */
bool dsc_barrier_revive(struct dsc_nexus *nexus, const uint8_t *address);
/* The nexus has been given up: what it owes is another one's to pay. */
void dsc_barrier_hand_over(struct dsc_nexus *nexus);
void dsc_barrier_forget(struct dsc_nexus *nexus);
/* The same is owed for a session before this one; is_reinstated: the login was
 * in that one's place. */
void dsc_barrier_inherit(struct dsc_nexus *nexus, const uint8_t *address,
			 bool is_reinstated);
/* Calls leave() for what is still owed to this LUN, or to any (NULL), and forgets
 * what that returns true for; false: that is nothing. */
bool dsc_barrier_leave(struct dsc_nexus *nexus, const uint8_t *address,
		       bool (*leave)(struct dsc_nexus *nexus,
				     const uint8_t *address,
				     bool is_reinstated));

/* debt.c */
/* The session ends: what it owes is kept for the next one. */
void dsc_debt_leave(struct discsi_session *session);
/* The ISID of a session that this one is to take the place of; false: none. */
bool dsc_debt_isid(const struct discsi_session *session, uint8_t *isid);
/* What is owed for this LUN is this session's to pay; false: nothing is. */
bool dsc_debt_take(struct discsi_session *session, const uint8_t *lun);

/* request.c */
int dsc_requests_prepare(struct dsc_nexus *nexus);
void dsc_requests_fini(struct dsc_nexus *nexus);
/* Puts a request into a nexus's list, in nobody's hands. */
void dsc_request_take(struct dsc_nexus *nexus, struct dsc_request *request);
void dsc_request_submit(struct dsc_nexus *nexus, struct dsc_request *request);
/* The same for one that was held: it keeps its deadline. */
void dsc_request_resubmit(struct dsc_nexus *nexus, struct dsc_request *request);
/* To another nexus, which is ready or where it is parked. */
void dsc_request_move(struct dsc_request *request, struct dsc_nexus *to);
/* Sends everything that is parked, in order of submission. */
void dsc_requests_replay(struct dsc_nexus *nexus);
/* Takes back from the connection what has not been sent. */
void dsc_requests_park(struct dsc_nexus *nexus);
/* "READ(10) on LUN 1 of iqn.…" */
#define DSC_REQUEST_TEXT_MAX 320
void dsc_request_describe(const struct dsc_request *request, char *text,
			  size_t room);
void dsc_request_finish(struct dsc_request *request, int result,
			const struct discsi_error *error);
void dsc_request_finish_unanswered(struct dsc_request *request, int result);

/* In place of an errno: sent, never answered, not to be repeated (EIO). */
#define DSC_OUTCOME_UNKNOWN (-EOWNERDEAD)

/* refuse.c */
void dsc_refuse_prepare(struct dsc_nexus *nexus);
/* Completes what no connection holds, with a negative errno. */
void dsc_requests_fail(struct dsc_nexus *nexus, int result);
/* The same for one unit's; also what is queued at the connection. */
void dsc_requests_fail_unit(struct dsc_nexus *nexus,
			    const struct dsc_unit *unit, int result);
/* Completes a request at the end of this turn with a negative errno. */
void dsc_request_refuse(struct dsc_request *request, int result);

/* deadline.c */
int dsc_deadlines_prepare(struct dsc_nexus *nexus);
/* After a change at the front of nexus->requests. */
void dsc_deadlines_arm(struct dsc_nexus *nexus);
void dsc_deadline_set(struct dsc_request *request);
void dsc_escalation_end(struct dsc_request *request);
/* It is being aborted because it is late. */
bool dsc_escalation_is_late(const struct dsc_request *request);
/*
 * A LOGICAL UNIT RESET is done: what the session's nexuses (but that one) have
 * sent to that LUN may never be answered, and is issued again if so.
 */
void dsc_deadlines_after_reset(struct discsi_session *session,
			       const struct dsc_nexus *but, const uint8_t *lun);
/* The error of a command that our own LOGICAL UNIT RESET has ended. */
#define DSC_ENDED_BY_RESET (-ECONNABORTED)

/* keepalive.c */
int dsc_keepalive_prepare(struct dsc_nexus *nexus);
void dsc_keepalive_fini(struct dsc_nexus *nexus);
void dsc_keepalive_start(struct dsc_nexus *nexus);
void dsc_keepalive_stop(struct dsc_nexus *nexus);
void dsc_nexus_on_async(void *arg, const struct dsc_async_event *event);
/* A unit attention, or the same by asynchronous message. */
void dsc_nexus_news(struct dsc_nexus *nexus, const uint8_t *lun,
		    enum dsc_news news);

/* route.c */
struct dsc_unit *dsc_session_find_unit(struct discsi_session *session,
				       const uint8_t *address);
/* Requests that wait for a nexus go to one that works, if there is one. */
void dsc_session_reroute(struct discsi_session *session);
/* The nexus that a new write to this LUN has to wait for, or NULL. */
struct dsc_nexus *dsc_session_debtor(struct discsi_session *session,
				     const uint8_t *address);
/* Another nexus that works or may come to work; NULL: there is none. */
struct dsc_nexus *dsc_session_heir(const struct dsc_nexus *nexus);
/* The nexus has been given up: what waits for it goes to such a one. */
void dsc_session_bequeath(struct dsc_nexus *nexus);
int dsc_held_prepare(struct discsi_session *session);
/* An outage is over: what was held by it has a new deadline. */
void dsc_session_renew_held(struct discsi_session *session);
/* A write is over: flushes that waited for it may go. */
void dsc_session_release_held(struct discsi_session *session);
/* Those of one unit; NULL: of all. */
void dsc_session_fail_held(struct discsi_session *session,
			   const struct dsc_unit *unit, int result);
/* From the held ones to its nexus, so that it can be completed there. */
void dsc_session_unhold(struct dsc_request *request);

/* close.c */
int dsc_close_prepare(struct dsc_nexus *nexus);
void dsc_close_fini(struct dsc_nexus *nexus);
/* The context ends: everything is cancelled and freed now. */
void dsc_session_abandon(struct dsc_child *child);
/* The session that a member of ctx->children is of, or NULL. */
struct discsi_session *dsc_session_of_child(struct dsc_list *link);
void dsc_session_free(struct discsi_session *session);

/* event.c */
void dsc_session_tell(struct dsc_nexus *nexus, enum discsi_event_type type,
		      const struct discsi_error *error);
void dsc_session_tell_unit(struct discsi_session *session,
			   enum discsi_event_type type, uint64_t lun,
			   const struct discsi_error *error);
/* The session ends: those that are on their way come to nothing. */
void dsc_session_forget_subscriptions(struct discsi_session *session);

#endif /* DSC_SESSION_NEXUS_H */
