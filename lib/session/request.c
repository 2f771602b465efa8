/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.c: the requests of a nexus from submission to completion: retries,
 * waiting for a recovery, and completing each one exactly once.
 *
 * A request is in nexus->requests from submission until done() runs, in the
 * order of submission, which is the order of replay. Meanwhile it is in one of
 * the hands of enum dsc_hand.
 *
 * Loop's thread.
 */
#include "session/nexus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"

/* How often "send it again at once" is believed. */
#define RETRIES_NOW_MAX 8
/* "Send it again later": the first pause, doubled up to the last. */
#define RETRY_FIRST_MS 10
#define RETRY_LAST_MS 1000
/* A depth that has grown so far limits nothing any more. */
#define DEPTH_MAX 1024

static uint64_t now_ns(const struct dsc_nexus *nexus)
{
	return dsc_loop_now_ns(&nexus->ctx->loop);
}

/* ----------------------------------------------------------- completion */

void dsc_request_describe(const struct dsc_request *request, char *text,
			  size_t room)
{
	uint64_t lun_id = 0;

	dsc_lun_decode(request->task.lun, &lun_id);
	snprintf(text, room, "%s on LUN %" PRIu64 " of %s",
		 dsc_cdb_name(request->task.cdb), lun_id,
		 request->nexus->session->conf->iqn);
}

void dsc_request_finish(struct dsc_request *request, int result,
			const struct discsi_error *error)
{
	struct dsc_nexus *nexus = request->nexus;
	struct discsi_session *session = nexus->session;
	bool may_release = !dsc_list_is_empty(&session->held) &&
			   request->repeat != DSC_REPEAT_ALWAYS;

	if (request->escalation != NULL)
		dsc_escalation_end(request);
	if (request->is_suspect)
		dsc_barrier_orphan(nexus, request->task.lun);
	dsc_list_remove(&request->link);
	dsc_list_remove(&request->retry_link);
	if (!request->is_verifying) {
		nexus->load--;
		dsc_stats_add(&session->stats.outstanding, (uint64_t)-1);
		if (request->repeat != DSC_REPEAT_ALWAYS)
			dsc_stats_add(&session->stats.changes, (uint64_t)-1);
		dsc_stats_request(&session->stats, request->task.cdb[0],
				  request->task.transferred, result,
				  now_ns(nexus) - request->submitted_ns);
	}
	if (dsc_nexus_is_closing(nexus) && dsc_list_is_empty(&nexus->requests))
		dsc_deferred_request(&nexus->ctx->loop, &nexus->settle);
	request->done(request, result, error);
	if (may_release)
		dsc_session_release_held(session);
}

static void finish_timed_out(struct dsc_request *request)
{
	struct dsc_nexus *nexus = request->nexus;
	struct discsi_error error;
	char what[DSC_REQUEST_TEXT_MAX];

	dsc_stats_add(&nexus->session->stats.timeouts, 1);
	dsc_request_describe(request, what, sizeof(what));
	dsc_error_set(&error, ETIMEDOUT, "%s: no answer within %u ms", what,
		      nexus->session->conf->command_timeout_ms);
	dsc_request_finish(request, -ETIMEDOUT, &error);
}

/* A nexus that has been given up says why; a refused secret by its errno. */
static void set_lost_error(const struct dsc_request *request, const char *what,
			   struct discsi_error *error)
{
	const struct dsc_nexus *nexus = request->nexus;
	int errnum = nexus->error.errnum == EACCES ? EACCES : ENOTCONN;

	dsc_error_set(error, errnum, "%s: the session is lost: %s", what,
		      nexus->error.message);
	error->login_class = nexus->error.login_class;
	error->login_detail = nexus->error.login_detail;
}

/* NULL: it has not been condemned. */
static const struct dsc_unit *condemned_unit(const struct dsc_request *request)
{
	const struct dsc_unit *unit =
		dsc_session_find_unit(request->nexus->session,
				      request->task.lun);

	return unit != NULL && unit->is_condemned ? unit : NULL;
}

/* The unit has been condemned: it says why. */
static bool set_unit_error(const struct dsc_request *request, const char *what,
			   struct discsi_error *error)
{
	const struct dsc_unit *unit = condemned_unit(request);

	if (unit == NULL)
		return false;
	dsc_error_set(error, unit->why.errnum, "%s: %s", what,
		      unit->why.message);
	return true;
}

/* What ends a request that is not to be tried again. */
static int unwanted_result(const struct dsc_request *request)
{
	const struct dsc_unit *unit = condemned_unit(request);

	return unit != NULL ? -unit->why.errnum : -ECANCELED;
}

void dsc_request_finish_unanswered(struct dsc_request *request, int result)
{
	struct discsi_error error;
	char what[DSC_REQUEST_TEXT_MAX];

	if (result == -ETIMEDOUT) {
		finish_timed_out(request);
		return;
	}
	dsc_request_describe(request, what, sizeof(what));
	switch (result) {
	case 0:  /* it has been answered, some time ago */
		dsc_request_finish(request, 0, NULL);
		return;
	case -ECANCELED:
		dsc_error_set(&error, ECANCELED, "%s: cancelled", what);
		break;
	case -ENOTCONN:
		set_lost_error(request, what, &error);
		break;
	case DSC_OUTCOME_UNKNOWN:
		dsc_error_set(&error, EIO, "%s: the connection was lost and it "
			      "is not known whether the command was carried "
			      "out; it is not sent again", what);
		break;
	case -EPROTO:
		dsc_error_set(&error, EPROTO, "%s: the target's answer is "
			      "against the protocol", what);
		break;
	default:
		if (!set_unit_error(request, what, &error))
			dsc_error_set(&error, -result, "%s: failed by the "
				      "target", what);
	}
	dsc_request_finish(request, -error.errnum, &error);
}

/* ------------------------------------------------------------- parking */

static void park(struct dsc_request *request)
{
	request->hand = DSC_HAND_PARKED;
	request->deadline_ns = UINT64_MAX;  /* it has none while it waits */
	dsc_list_remove(&request->retry_link);
}

static void hand_to_connection(struct dsc_request *request)
{
	request->hand = DSC_HAND_CONNECTION;
	request->is_suspect = false;
	request->is_under_reset = false;
	dsc_conn_submit(request->nexus->conn, &request->task);
}

/* A write that has to wait for another nexus after all. */
static bool move_to_debtor(struct dsc_request *request)
{
	struct discsi_session *session = request->nexus->session;
	struct dsc_nexus *debtor;

	if (session->count == 1 || request->repeat == DSC_REPEAT_ALWAYS)
		return false;
	debtor = dsc_session_debtor(session, request->task.lun);
	if (debtor == NULL)
		return false;
	dsc_request_move(request, debtor);
	return true;
}

void dsc_requests_replay(struct dsc_nexus *nexus)
{
	struct dsc_list *link = nexus->requests.next;
	uint64_t replays = 0;

	while (link != &nexus->requests) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		link = link->next;
		if (request->hand == DSC_HAND_ANSWERED)
			dsc_request_refuse(request, 0);
		if (request->hand != DSC_HAND_PARKED || move_to_debtor(request))
			continue;
		dsc_deadline_set(request);
		hand_to_connection(request);
		replays++;
	}
	dsc_stats_add(&nexus->session->stats.replays, replays);
	dsc_deadlines_arm(nexus);
	dsc_session_renew_held(nexus->session);
}

static void park_list(struct dsc_nexus *nexus, struct dsc_list *list)
{
	struct dsc_list *link;

	for (link = list->next; link != list; link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);
		bool is_ours = request->hand == DSC_HAND_RETRY ||
			       (request->hand == DSC_HAND_CONNECTION &&
				dsc_conn_withdraw(nexus->conn, &request->task));

		if (!is_ours)
			continue;
		if (request->is_verifying)
			dsc_request_refuse(request, -ENOTCONN);
		else if (request->is_unwanted)
			dsc_request_refuse(request, unwanted_result(request));
		else
			park(request);
	}
}

/* Once the connection has let go of all that it had. */
static void on_reroute(struct dsc_deferred *deferred)
{
	struct dsc_nexus *nexus =
		dsc_container_of(deferred, struct dsc_nexus, reroute);

	dsc_session_reroute(nexus->session);
}

void dsc_requests_park(struct dsc_nexus *nexus)
{
	park_list(nexus, &nexus->requests);
	park_list(nexus, &nexus->verifications);
	dsc_timer_stop(&nexus->retry_timer);
	dsc_deferred_request(&nexus->ctx->loop, &nexus->reroute);
}

/* ---------------------------------------------------------------- retry */

static void arm_retry_timer(struct dsc_nexus *nexus)
{
	struct dsc_list *first = dsc_list_first(&nexus->retries);
	struct dsc_request *request;

	if (first == NULL) {
		dsc_timer_stop(&nexus->retry_timer);
		return;
	}
	request = dsc_container_of(first, struct dsc_request, retry_link);
	dsc_timer_set(&nexus->retry_timer, request->retry_ns);
}

/* Into the list by time; pauses are few lengths, so from the end. */
static void queue_retry(struct dsc_request *request, uint64_t pause_ms)
{
	struct dsc_nexus *nexus = request->nexus;
	struct dsc_list *pos = nexus->retries.prev;

	request->hand = DSC_HAND_RETRY;
	request->retry_ns = now_ns(nexus) + pause_ms * DSC_NS_PER_MS;
	while (pos != &nexus->retries &&
	       dsc_container_of(pos, struct dsc_request, retry_link)->retry_ns >
	       request->retry_ns)
		pos = pos->prev;
	dsc_list_insert_before(pos->next, &request->retry_link);
	arm_retry_timer(nexus);
}

/* Doubling, and up to a quarter more that differs from request to request. */
static uint64_t pause_ms(const struct dsc_request *request)
{
	uint64_t pause = RETRY_LAST_MS;

	if (request->pauses < 7)
		pause = RETRY_FIRST_MS << request->pauses;
	return pause + request->sequence * 7 % (pause / 4 + 1);
}

/* True when the request has been sent on its way again. */
static bool retry(struct dsc_request *request, enum dsc_retry how)
{
	struct dsc_nexus *nexus = request->nexus;
	uint64_t pause = 0;

	if (how == DSC_RETRY_NO ||
	    (!dsc_nexus_is_up(nexus) && !dsc_session_state_parks(nexus->state)))
		return false;
	if (request->is_unwanted) {
		dsc_request_refuse(request, unwanted_result(request));
		return true;
	}
	if (how == DSC_RETRY_NOW && request->retries++ >= RETRIES_NOW_MAX)
		return false;
	if (how == DSC_RETRY_LATER) {
		pause = pause_ms(request);
		if (now_ns(nexus) + pause * DSC_NS_PER_MS >=
		    request->deadline_ns)
			return false;
		request->pauses++;
	}
	dsc_stats_add(&nexus->session->stats.retries, 1);
	if (dsc_session_state_parks(nexus->state) && !request->is_verifying)
		park(request);
	else if (pause > 0)
		queue_retry(request, pause);
	else
		hand_to_connection(request);
	return true;
}

static void on_retry_timer(struct dsc_timer *timer)
{
	struct dsc_nexus *nexus =
		dsc_container_of(timer, struct dsc_nexus, retry_timer);
	uint64_t now = now_ns(nexus);
	struct dsc_list *first;

	while ((first = dsc_list_first(&nexus->retries)) != NULL) {
		struct dsc_request *request =
			dsc_container_of(first, struct dsc_request, retry_link);

		if (request->retry_ns > now)
			break;
		dsc_list_remove(&request->retry_link);
		hand_to_connection(request);
	}
	arm_retry_timer(nexus);
}

/* ----------------------------------------------------------------- depth */

/* The target's queue is full: what it holds now is what it can take. */
static void shrink_depth(struct dsc_nexus *nexus)
{
	uint32_t held = (uint32_t)dsc_conn_in_flight(nexus->conn);

	held = dsc_max_u32(held, 1);
	if (nexus->depth != 0 && held >= nexus->depth)
		return;
	nexus->depth = held;
	nexus->depth_credit = 0;
	dsc_conn_set_depth(nexus->conn, held);
}

/* One more for each round that went well. */
static void grow_depth(struct dsc_nexus *nexus)
{
	if (++nexus->depth_credit < nexus->depth)
		return;
	nexus->depth_credit = 0;
	if (++nexus->depth >= DEPTH_MAX)
		nexus->depth = 0;
	if (dsc_nexus_is_up(nexus))
		dsc_conn_set_depth(nexus->conn, nexus->depth);
}

/* ----------------------------------------------------------- the answer */

/* Aborted half way: it may have done some of its work. */
static bool may_have_run(const struct dsc_request *request,
			 const struct dsc_sense *sense)
{
	return request->task.status == DSC_SAM_TASK_ABORTED ||
	       (request->task.status == DSC_SAM_CHECK_CONDITION &&
		(!sense->is_valid || sense->key == 0x0 || sense->key == 0xb));
}

/*
 * While disks are being verified, whoever answers what had been sent before may
 * be another one by now: the answer is good when they turn out to be the same.
 */
static void finish_good(struct dsc_request *request)
{
	bool is_doubted = request->nexus->state == DSC_SESSION_VERIFYING &&
			  !request->is_verifying;

	if (request->is_unwanted &&
	    (is_doubted || condemned_unit(request) != NULL)) {
		dsc_request_finish_unanswered(request,
					      unwanted_result(request));
	} else if (is_doubted) {
		park(request);
		request->hand = DSC_HAND_ANSWERED;
	} else {
		dsc_request_finish(request, 0, NULL);
	}
}

static void judge(struct dsc_request *request)
{
	struct dsc_nexus *nexus = request->nexus;
	struct dsc_task *task = &request->task;
	struct dsc_verdict verdict;
	struct discsi_error error;
	struct dsc_sense sense;
	char what[DSC_REQUEST_TEXT_MAX];

	dsc_sense_parse(task->sense, task->sense_length, &sense);
	verdict = dsc_sense_judge(task->status, &sense);
	if (verdict.errnum == 0) {
		finish_good(request);
		return;
	}
	dsc_request_describe(request, what, sizeof(what));
	dsc_sense_error(&error, what, task->status, &sense, &verdict);
	if (verdict.news == DSC_NEWS_FULL)
		shrink_depth(nexus);
	else if (verdict.news != DSC_NEWS_NONE)
		dsc_nexus_news(nexus, task->lun, verdict.news);
	if (request->takes_status || (request->repeat == DSC_REPEAT_NEVER &&
				      may_have_run(request, &sense)))
		verdict.retry = DSC_RETRY_NO;
	if (retry(request, verdict.retry)) {
		dsc_log(&nexus->ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_SESSION,
			"%s; retry %u", error.message,
			request->retries + request->pauses);
		return;
	}
	dsc_request_finish(request, -error.errnum, &error);
}

static void succeed(struct dsc_request *request)
{
	struct dsc_nexus *nexus = request->nexus;

	if (!nexus->is_proven && nexus->state != DSC_SESSION_VERIFYING)
		dsc_nexus_prove(nexus);
	if (nexus->depth != 0)
		grow_depth(nexus);
	finish_good(request);
}

/* It may still be carried out, whether or not it is issued again. */
static void suspect(struct dsc_request *request)
{
	if (!request->task.was_sent || request->repeat == DSC_REPEAT_ALWAYS)
		return;
	dsc_barrier_owe(request->nexus, request->task.lun);
	request->is_suspect = true;
}

/* The connection is gone, and the request with it or not. */
static void survive(struct dsc_request *request)
{
	bool was_sent = request->task.was_sent;

	suspect(request);
	if (request->is_expired)
		finish_timed_out(request);
	else if (request->is_unwanted)
		dsc_request_finish_unanswered(request,
					      unwanted_result(request));
	else if (request->is_verifying ||
		 !dsc_session_state_parks(request->nexus->state))
		dsc_request_finish_unanswered(request, -ENOTCONN);
	else if (was_sent && request->repeat == DSC_REPEAT_NEVER)
		dsc_request_finish_unanswered(request, DSC_OUTCOME_UNKNOWN);
	else
		park(request);
}

/* Our own reset has ended it: the target does not have it any more. */
static void reissue(struct dsc_request *request)
{
	if (request->is_unwanted)
		dsc_request_finish_unanswered(request,
					      unwanted_result(request));
	else if (request->repeat == DSC_REPEAT_NEVER)
		dsc_request_finish_unanswered(request, DSC_OUTCOME_UNKNOWN);
	else if (dsc_session_state_parks(request->nexus->state) &&
		 !request->is_verifying)
		park(request);
	else if (dsc_nexus_is_up(request->nexus))
		queue_retry(request, 0);
	else
		dsc_request_finish_unanswered(request, -ENOTCONN);
}

/* The session closes the connection, whatever is under way. */
static void end_with_session(struct dsc_request *request)
{
	suspect(request);
	dsc_request_finish_unanswered(request, -ECANCELED);
}

static void on_task_done(struct dsc_task *task)
{
	struct dsc_request *request =
		dsc_container_of(task, struct dsc_request, task);

	if (request->escalation != NULL) {
		/* Given up on: it does not begin again on a new connection. */
		request->is_expired |= dsc_escalation_is_late(request);
		dsc_escalation_end(request);
	}
	request->hand = DSC_HAND_JUDGED;
	if (task->error == -ENOTCONN)
		survive(request);
	else if (task->error == DSC_ENDED_BY_RESET)
		reissue(request);
	else if (task->error == -ETIMEDOUT)
		finish_timed_out(request);
	else if (task->error == -ECANCELED)
		end_with_session(request);
	else if (task->error != 0)
		dsc_request_finish_unanswered(request, task->error);
	else if (task->status == DSC_SAM_GOOD)
		succeed(request);
	else
		judge(request);
}

/* ---------------------------------------------------- the way in and out */

static void begin(struct dsc_nexus *nexus, struct dsc_request *request)
{
	request->nexus = nexus;
	request->task.done = on_task_done;
	request->task.transferred = 0;
	request->task.was_sent = false;
	request->escalation = NULL;
	request->retries = 0;
	request->pauses = 0;
	request->hand = DSC_HAND_PARKED;
	request->repeat = (uint8_t)dsc_cdb_repeat(request->task.cdb);
	request->is_unwanted = false;
	request->is_expired = false;
	request->is_suspect = false;
	request->is_under_reset = false;
	request->deadline_ns = UINT64_MAX;
	request->submitted_ns = now_ns(nexus);
	dsc_list_init(&request->retry_link);
}

void dsc_request_take(struct dsc_nexus *nexus, struct dsc_request *request)
{
	begin(nexus, request);
	request->is_verifying = false;
	dsc_list_append(&nexus->requests, &request->link);
	nexus->load++;
	dsc_stats_add(&nexus->session->stats.outstanding, 1);
	if (request->repeat != DSC_REPEAT_ALWAYS)
		dsc_stats_add(&nexus->session->stats.changes, 1);
}

static void begin_sending(struct dsc_nexus *nexus, struct dsc_request *request)
{
	dsc_deadline_set(request);
	if (nexus->deadline_timer.slot == 0)
		dsc_deadlines_arm(nexus);
	hand_to_connection(request);
}

void dsc_request_submit(struct dsc_nexus *nexus, struct dsc_request *request)
{
	dsc_request_take(nexus, request);
	if (nexus->state == DSC_SESSION_READY) {
		begin_sending(nexus, request);
	} else if (dsc_session_state_parks(nexus->state)) {
		return;
	} else if (nexus->state == DSC_SESSION_FAILED) {
		dsc_request_refuse(request, -ENOTCONN);
	} else {
		dsc_request_refuse(request, -ECANCELED);
	}
}

void dsc_request_resubmit(struct dsc_nexus *nexus, struct dsc_request *request)
{
	uint64_t submitted_ns = request->submitted_ns;
	uint64_t deadline_ns = request->deadline_ns;

	dsc_request_submit(nexus, request);
	request->submitted_ns = submitted_ns;
	if (request->hand != DSC_HAND_CONNECTION)
		return;
	request->deadline_ns = deadline_ns;
	dsc_deadlines_arm(nexus);
}

void dsc_request_move(struct dsc_request *request, struct dsc_nexus *to)
{
	struct dsc_list *pos = to->requests.prev;

	dsc_list_remove(&request->link);
	request->nexus->load--;
	request->nexus = to;
	to->load++;
	while (pos != &to->requests &&
	       dsc_container_of(pos, struct dsc_request, link)->sequence >
	       request->sequence)
		pos = pos->prev;
	dsc_list_insert_before(pos->next, &request->link);
	if (to->state != DSC_SESSION_READY)
		return;
	dsc_stats_add(&to->session->stats.replays, 1);
	begin_sending(to, request);
}

void dsc_nexus_verify_submit(struct dsc_nexus *nexus,
			     struct dsc_request *request)
{
	begin(nexus, request);
	request->is_verifying = true;
	dsc_list_append(&nexus->verifications, &request->link);
	if (dsc_nexus_is_up(nexus))
		hand_to_connection(request);
	else
		dsc_request_refuse(request, -ENOTCONN);
}

bool dsc_session_withdraw(struct dsc_request *request)
{
	struct dsc_nexus *nexus = request->nexus;

	request->is_unwanted = true;
	if (request->hand == DSC_HAND_REFUSED)
		return true;
	if (request->hand == DSC_HAND_HELD)
		dsc_session_unhold(request);
	else if (request->hand == DSC_HAND_CONNECTION &&
		 !dsc_conn_withdraw(nexus->conn, &request->task))
		return false;
	dsc_request_refuse(request, -ECANCELED);
	return true;
}

int dsc_requests_prepare(struct dsc_nexus *nexus)
{
	dsc_refuse_prepare(nexus);
	dsc_deferred_init(&nexus->reroute, on_reroute);
	return dsc_timer_init(&nexus->ctx->loop, &nexus->retry_timer,
			      on_retry_timer);
}

void dsc_requests_fini(struct dsc_nexus *nexus)
{
	dsc_deferred_cancel(&nexus->refuse);
	dsc_deferred_cancel(&nexus->reroute);
	dsc_timer_fini(&nexus->deadline_timer);
	dsc_timer_fini(&nexus->retry_timer);
}
