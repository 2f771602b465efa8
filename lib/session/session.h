/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session/session.h: one I_T nexus as the LUN layer sees it: requests go in, each
 * comes out exactly once with a result and, on failure, a sentence.
 *
 * Loop's thread, but where it says otherwise.
 */
#ifndef DSC_SESSION_SESSION_H
#define DSC_SESSION_SESSION_H

#include <discsi/session.h>
#include "base/context.h"
#include "conf/conf.h"
#include "iscsi/conn.h"
#include "session/connect.h"
#include "session/state.h"

struct dsc_request;

typedef void (*dsc_request_fn)(struct dsc_request *request, int result,
			       const struct discsi_error *error);

/*
 * One SCSI command with a deadline and retries. The caller sets the first
 * group of task's members (but done), and done; the rest is the session's.
 */
struct dsc_request {
	struct dsc_task task;
	/*
	 * Once, on the loop, never inside dsc_session_submit(). result is 0
	 * (status GOOD) or a negative errno with error, which is borrowed. The
	 * session does not touch the request afterwards.
	 */
	dsc_request_fn done;

	struct dsc_list link;        /* in session->requests, by submission */
	struct dsc_list retry_link;  /* in session->retries while it waits */
	struct discsi_session *session;
	uint64_t deadline_ns;
	uint64_t retry_ns;
	unsigned retries;            /* at once */
	unsigned pauses;             /* after a pause */
	bool is_submitted;           /* the connection has it */
	bool is_unwanted;            /* not to be tried again */
	int refusal;                 /* -errno, while it is being refused */
};

struct discsi_session {
	struct discsi_context *ctx;
	struct dsc_child child;          /* of the context */
	struct dsc_list children;        /* LUNs: struct dsc_child */
	struct discsi_conf *conf;        /* ours alone, never changed */
	char *initiator;
	enum dsc_session_state state;
	struct discsi_error error;       /* why it failed */

	struct dsc_connect *connect;     /* while connecting */
	struct dsc_conn *conn;           /* from ready on */
	struct dsc_params params;
	char address[DSC_ADDRESS_MAX];
	uint16_t port;

	struct dsc_list requests;        /* all outstanding, by submission */
	struct dsc_list retries;         /* those that wait, by time */
	struct dsc_list refused;         /* those to complete this turn */
	struct dsc_timer deadline_timer;
	struct dsc_timer retry_timer;
	struct dsc_timer close_timer;
	struct dsc_deferred refuse;
	struct dsc_deferred settle;      /* drained, closed: seen to here */

	struct dsc_job open_job;
	discsi_session_cb open_cb;       /* NULL: has run */
	void *open_arg;
	struct dsc_job close_job;
	discsi_done_cb close_cb;
	void *close_arg;

	pthread_mutex_t lock;            /* state, params, address, port: written
					  * by the loop, read by anybody */
};

/* Takes a request; it is queued in front of the target's command window. */
void dsc_session_submit(struct discsi_session *session,
			struct dsc_request *request);

/*
 * Takes back a request no part of which has been sent: it completes with
 * -ECANCELED at the end of the turn. False when it is too late; it is then not
 * tried again whatever its answer.
 */
bool dsc_session_withdraw(struct dsc_request *request);

/* LUNs end before their session does. */
void dsc_session_add_child(struct discsi_session *session,
			   struct dsc_child *child,
			   void (*end)(struct dsc_child *child));

#endif /* DSC_SESSION_SESSION_H */
