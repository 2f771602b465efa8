/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.c: the requests of a session: deadlines, retries, and completing
 * each one exactly once.
 *
 * A request is in session->requests from dsc_session_submit() until done()
 * runs. Meanwhile it is in one of three hands: the connection's (queued or
 * sent), the retry list's, or the refused list's. All have the same
 * command_timeout, so the first of the list is the first to expire and one
 * timer, set only when it fires, serves them all.
 *
 * Loop's thread.
 */
#include "session/session-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "scsi/cdb.h"
#include "scsi/sense.h"

/* How often "send it again at once" is believed. */
#define RETRIES_NOW_MAX 8
/* "Send it again later": the first pause, doubled up to the last. */
#define RETRY_FIRST_MS 50
#define RETRY_LAST_MS 1000

/* ----------------------------------------------------------- completion */

/* "READ(10) on LUN 1 of iqn.…" */
static void describe(const struct dsc_request *request, char *text, size_t room)
{
	uint64_t lun_id = 0;

	dsc_lun_decode(request->task.lun, &lun_id);
	snprintf(text, room, "%s on LUN %" PRIu64 " of %s",
		 dsc_cdb_name(request->task.cdb), lun_id,
		 request->session->conf->iqn);
}

static void finish(struct dsc_request *request, int result,
		   const struct discsi_error *error)
{
	struct discsi_session *session = request->session;

	dsc_list_remove(&request->link);
	dsc_list_remove(&request->retry_link);
	if (dsc_session_is_closing(session) &&
	    dsc_list_is_empty(&session->requests))
		dsc_deferred_request(&session->ctx->loop, &session->settle);
	request->done(request, result, error);
}

static void finish_timed_out(struct dsc_request *request)
{
	struct discsi_error error;
	char what[320];

	describe(request, what, sizeof(what));
	dsc_error_set(&error, ETIMEDOUT, "%s: no answer within %u ms", what,
		      request->session->conf->command_timeout_ms);
	finish(request, -ETIMEDOUT, &error);
}

/* Ends a request that the target has not answered, with a negative errno. */
static void finish_unanswered(struct dsc_request *request, int result)
{
	struct discsi_session *session = request->session;
	struct discsi_error error;
	char what[320];

	if (result == -ENOTCONN &&
	    dsc_loop_now_ns(&session->ctx->loop) >= request->deadline_ns) {
		finish_timed_out(request);
		return;
	}
	describe(request, what, sizeof(what));
	if (result == -ECANCELED)
		dsc_error_set(&error, ECANCELED, "%s: cancelled", what);
	else if (result == -ENOTCONN)
		dsc_error_set(&error, ENOTCONN, "%s: the session is lost: %s",
			      what, session->error.message);
	else
		dsc_error_set(&error, -result, "%s: failed by the target", what);
	finish(request, result, &error);
}

/* Completes a request at the end of this turn with a negative errno. */
static void refuse(struct dsc_request *request, int result)
{
	struct discsi_session *session = request->session;

	request->is_submitted = false;
	request->refusal = result;
	dsc_list_remove(&request->retry_link);
	dsc_list_append(&session->refused, &request->retry_link);
	dsc_deferred_request(&session->ctx->loop, &session->refuse);
}

/* ---------------------------------------------------------------- retry */

static void arm_retry_timer(struct discsi_session *session)
{
	struct dsc_list *first = dsc_list_first(&session->retries);
	struct dsc_request *request;

	if (first == NULL) {
		dsc_timer_stop(&session->retry_timer);
		return;
	}
	request = dsc_container_of(first, struct dsc_request, retry_link);
	dsc_timer_set(&session->retry_timer, request->retry_ns);
}

/* Into the list by time; pauses are few lengths, so from the end. */
static void queue_retry(struct discsi_session *session,
			struct dsc_request *request)
{
	struct dsc_list *pos = session->retries.prev;

	while (pos != &session->retries &&
	       dsc_container_of(pos, struct dsc_request, retry_link)->retry_ns >
	       request->retry_ns)
		pos = pos->prev;
	dsc_list_insert_before(pos->next, &request->retry_link);
	arm_retry_timer(session);
}

static void hand_to_connection(struct discsi_session *session,
			       struct dsc_request *request)
{
	request->is_submitted = true;
	dsc_conn_submit(session->conn, &request->task);
}

/* True when the request has been sent on its way again. */
static bool retry(struct dsc_request *request, enum dsc_retry how)
{
	struct discsi_session *session = request->session;
	uint64_t pause_ms;

	if (how == DSC_RETRY_NO || !dsc_conn_is_open(session->conn))
		return false;
	if (request->is_unwanted) {
		refuse(request, -ECANCELED);
		return true;
	}
	if (how == DSC_RETRY_NOW) {
		if (request->retries >= RETRIES_NOW_MAX)
			return false;
		request->retries++;
		hand_to_connection(session, request);
		return true;
	}
	pause_ms = RETRY_LAST_MS;
	if (request->pauses < 5)
		pause_ms = RETRY_FIRST_MS << request->pauses;
	request->retry_ns = dsc_loop_now_ns(&session->ctx->loop) +
			    pause_ms * DSC_NS_PER_MS;
	if (request->retry_ns >= request->deadline_ns)
		return false;
	request->pauses++;
	queue_retry(session, request);
	return true;
}

static void on_retry_timer(struct dsc_timer *timer)
{
	struct discsi_session *session =
		dsc_container_of(timer, struct discsi_session, retry_timer);
	uint64_t now = dsc_loop_now_ns(&session->ctx->loop);
	struct dsc_list *first;

	while ((first = dsc_list_first(&session->retries)) != NULL) {
		struct dsc_request *request =
			dsc_container_of(first, struct dsc_request, retry_link);

		if (request->retry_ns > now)
			break;
		dsc_list_remove(&request->retry_link);
		hand_to_connection(session, request);
	}
	arm_retry_timer(session);
}

/* ----------------------------------------------------------- the answer */

static void judge(struct dsc_request *request)
{
	struct discsi_session *session = request->session;
	struct dsc_task *task = &request->task;
	struct dsc_verdict verdict;
	struct discsi_error error;
	struct dsc_sense sense;
	char what[320];

	dsc_sense_parse(task->sense, task->sense_length, &sense);
	verdict = dsc_sense_judge(task->status, &sense);
	if (verdict.errnum == 0) {
		finish(request, 0, NULL);
		return;
	}
	describe(request, what, sizeof(what));
	dsc_sense_error(&error, what, task->status, &sense, &verdict);
	if (retry(request, verdict.retry)) {
		dsc_log(&session->ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_SESSION,
			"%s; retry %u", error.message,
			request->retries + request->pauses);
		return;
	}
	finish(request, -error.errnum, &error);
}

static void on_task_done(struct dsc_task *task)
{
	struct dsc_request *request =
		dsc_container_of(task, struct dsc_request, task);

	request->is_submitted = false;
	if (task->error != 0)
		finish_unanswered(request, task->error);
	else if (task->status == DSC_SAM_GOOD)
		finish(request, 0, NULL);
	else
		judge(request);
}

/* -------------------------------------------------------------- refusals */

static void finish_refused(struct discsi_session *session)
{
	struct dsc_list round;
	struct dsc_list *first;

	/* What callbacks submit meanwhile has its turn later. */
	dsc_list_init(&round);
	dsc_list_splice(&round, &session->refused);
	while ((first = dsc_list_pop(&round)) != NULL) {
		struct dsc_request *request =
			dsc_container_of(first, struct dsc_request, retry_link);

		finish_unanswered(request, request->refusal);
	}
}

static void on_refuse(struct dsc_deferred *deferred)
{
	finish_refused(dsc_container_of(deferred, struct discsi_session,
					refuse));
}

void dsc_session_fail_waiting(struct discsi_session *session, int result)
{
	struct dsc_list *first;

	while ((first = dsc_list_pop(&session->retries)) != NULL)
		finish_unanswered(dsc_container_of(first, struct dsc_request,
						   retry_link), result);
	finish_refused(session);
	dsc_timer_stop(&session->retry_timer);
}

/* ------------------------------------------------------------- deadlines */

static void arm_deadline_timer(struct discsi_session *session)
{
	struct dsc_list *first = dsc_list_first(&session->requests);

	if (first != NULL)
		dsc_timer_set(&session->deadline_timer,
			      dsc_container_of(first, struct dsc_request,
					       link)->deadline_ns);
}

/*
 * A request that is not on the wire just completes. One that is condemns the
 * connection: only a closed socket makes sure that nothing of it reaches, or
 * comes out of, the caller's buffer any more.
 */
static void expire(struct dsc_request *request)
{
	struct discsi_session *session = request->session;
	struct discsi_error error;
	char what[320];

	if (!request->is_submitted ||
	    dsc_conn_withdraw(session->conn, &request->task)) {
		request->is_submitted = false;
		finish_timed_out(request);
		return;
	}
	describe(request, what, sizeof(what));
	dsc_error_set(&error, ETIMEDOUT,
		      "%s was not answered within %u ms, connection dropped",
		      what, session->conf->command_timeout_ms);
	dsc_session_drop(session, &error);
}

static void on_deadline_timer(struct dsc_timer *timer)
{
	struct discsi_session *session =
		dsc_container_of(timer, struct discsi_session, deadline_timer);
	uint64_t now = dsc_loop_now_ns(&session->ctx->loop);
	struct dsc_list *first;

	while ((first = dsc_list_first(&session->requests)) != NULL) {
		struct dsc_request *request =
			dsc_container_of(first, struct dsc_request, link);

		if (request->deadline_ns > now)
			break;
		expire(request);
	}
	arm_deadline_timer(session);
}

/* ---------------------------------------------------- the way in and out */

void dsc_session_submit(struct discsi_session *session,
			struct dsc_request *request)
{
	uint64_t timeout_ms = session->conf->command_timeout_ms;

	request->session = session;
	request->task.done = on_task_done;
	request->retries = 0;
	request->pauses = 0;
	request->is_submitted = false;
	request->is_unwanted = false;
	request->deadline_ns = dsc_loop_now_ns(&session->ctx->loop) +
			       timeout_ms * DSC_NS_PER_MS;
	dsc_list_init(&request->retry_link);
	dsc_list_append(&session->requests, &request->link);
	if (session->deadline_timer.slot == 0)
		arm_deadline_timer(session);

	if (session->state == DSC_SESSION_READY)
		hand_to_connection(session, request);
	else if (session->state == DSC_SESSION_FAILED)
		refuse(request, -ENOTCONN);
	else
		refuse(request, -ECANCELED);
}

bool dsc_session_withdraw(struct dsc_request *request)
{
	struct discsi_session *session = request->session;

	request->is_unwanted = true;
	if (request->is_submitted &&
	    !dsc_conn_withdraw(session->conn, &request->task))
		return false;
	refuse(request, -ECANCELED);
	return true;
}

int dsc_session_requests_init(struct discsi_session *session)
{
	struct dsc_loop *loop = &session->ctx->loop;
	int rc;

	dsc_list_init(&session->requests);
	dsc_list_init(&session->retries);
	dsc_list_init(&session->refused);
	dsc_deferred_init(&session->refuse, on_refuse);
	rc = dsc_timer_init(loop, &session->deadline_timer, on_deadline_timer);
	if (rc == 0)
		rc = dsc_timer_init(loop, &session->retry_timer,
				    on_retry_timer);
	return rc;
}

void dsc_session_requests_fini(struct discsi_session *session)
{
	dsc_deferred_cancel(&session->refuse);
	dsc_timer_fini(&session->deadline_timer);
	dsc_timer_fini(&session->retry_timer);
}
