/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * deadline.c: the deadline of each request, and what is done about a command
 * that the target does not answer. The last part of command_timeout, a quarter
 * of it but 2 s at most, is for that: ABORT TASK, half way LOGICAL UNIT RESET,
 * and at the deadline the connection is dropped. A buffer goes back to its
 * caller when the target has let go of it, or can reach it no more.
 *
 * One timer, which is moved only when it fires, watches over all requests of a
 * nexus: those that are submitted meanwhile expire later than those that were
 * there. What is parked has no deadline of its own, and a new one afterwards;
 * what was with the target all the time, while disks were verified, keeps the
 * one that it had. So the deadlines are not always in the order of the list.
 *
 * Loop's thread.
 */
#include "session/nexus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"

#define GRACE_MAX_MS 2000u

struct dsc_escalation {
	struct dsc_management management;
	struct dsc_request *request;
	uint64_t step_ns;       /* when the next step is due; UINT64_MAX: none */
	bool is_under_way;      /* management is with the connection */
	bool is_reset;
	bool is_in_time;        /* no deadline is near: a reset may have ended
				 * the command */
};

static uint64_t grace_ns(const struct dsc_nexus *nexus)
{
	uint32_t timeout = nexus->session->conf->command_timeout_ms;

	return dsc_min_u32(timeout / 4, GRACE_MAX_MS) * DSC_NS_PER_MS;
}

void dsc_deadline_set(struct dsc_request *request)
{
	struct dsc_nexus *nexus = request->nexus;

	request->deadline_ns = dsc_loop_now_ns(&nexus->ctx->loop) +
			       nexus->session->conf->command_timeout_ms *
			       DSC_NS_PER_MS;
}

static bool is_on_the_wire(const struct dsc_request *request)
{
	return request->hand == DSC_HAND_CONNECTION &&
	       !dsc_conn_task_is_waiting(&request->task);
}

/* ---------------------------------------------------------------- timer */

static uint64_t next_step_ns(const struct dsc_request *request, uint64_t now)
{
	uint64_t abort_ns;

	if (dsc_escalation_is_late(request))
		return request->escalation->step_ns;
	abort_ns = request->deadline_ns - grace_ns(request->nexus);
	if (abort_ns > now)
		return abort_ns;
	/* Late, and maybe not sent yet: looked at again soon. */
	return dsc_min_u64(now + grace_ns(request->nexus) / 4 + 1,
			   request->deadline_ns);
}

void dsc_deadlines_arm(struct dsc_nexus *nexus)
{
	uint64_t now = dsc_loop_now_ns(&nexus->ctx->loop);
	uint64_t due = UINT64_MAX;
	struct dsc_list *link;

	for (link = nexus->requests.next; link != &nexus->requests;
	     link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		if (request->deadline_ns == UINT64_MAX ||
		    request->hand == DSC_HAND_REFUSED)
			continue;
		due = dsc_min_u64(due, request->deadline_ns);
		due = dsc_min_u64(due, next_step_ns(request, now));
	}
	if (due != UINT64_MAX)
		dsc_timer_set(&nexus->deadline_timer, due);
}

/* ------------------------------------------------------------- LUN reset */

static bool is_on_unit(const struct dsc_request *request, const uint8_t *lun)
{
	return memcmp(request->task.lun, lun, 8) == 0;
}

static struct dsc_request *next_under_reset(struct dsc_nexus *nexus,
					    const uint8_t *lun)
{
	struct dsc_list *link;

	for (link = nexus->requests.next; link != &nexus->requests;
	     link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		if (request->is_under_reset && is_on_unit(request, lun) &&
		    is_on_the_wire(request))
			return request;
	}
	return NULL;
}

/* The target holds none of the commands that it had when this was asked. */
static void end_by_reset(struct dsc_nexus *nexus, const uint8_t *lun)
{
	struct dsc_request *request;

	while ((request = next_under_reset(nexus, lun)) != NULL) {
		request->is_under_reset = false;
		dsc_conn_release_task(nexus->conn, &request->task,
				      request->escalation != NULL ?
				      -ETIMEDOUT : DSC_ENDED_BY_RESET);
	}
}

static void mark_under_reset(struct dsc_nexus *nexus, const uint8_t *lun)
{
	struct dsc_list *link;

	for (link = nexus->requests.next; link != &nexus->requests;
	     link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		request->is_under_reset = is_on_the_wire(request) &&
					  is_on_unit(request, lun);
	}
}

/* ----------------------------------------------------------------- steps */

void dsc_escalation_end(struct dsc_request *request)
{
	struct dsc_escalation *escalation = request->escalation;

	request->escalation = NULL;
	if (escalation->is_under_way)
		dsc_conn_manage_forget(request->nexus->conn,
				       &escalation->management);
	free(escalation);
}

bool dsc_escalation_is_late(const struct dsc_request *request)
{
	return request->escalation != NULL && !request->escalation->is_in_time;
}

static void begin_reset(struct dsc_escalation *escalation);

/* Whether the target still has a command that a reset should have ended. */
static void on_asked(struct dsc_request *request, int status, uint8_t response)
{
	if (status == 0 && response <= DSC_TMF_NO_SUCH_TASK)
		dsc_conn_release_task(request->nexus->conn, &request->task,
				      DSC_ENDED_BY_RESET);
	else
		dsc_escalation_end(request);  /* its deadline sees to it */
}

static void on_answer(struct dsc_management *management, int status,
		      uint8_t response)
{
	struct dsc_escalation *escalation =
		dsc_container_of(management, struct dsc_escalation, management);
	struct dsc_request *request = escalation->request;
	struct dsc_nexus *nexus = request->nexus;
	bool is_reset = escalation->is_reset;
	uint8_t lun[8];

	escalation->is_under_way = false;
	if (status == -ENOTCONN || status == -ECANCELED)
		return;  /* the request completes with its connection */
	dsc_log(&nexus->ctx->log, DISCSI_LOG_INFO, DSC_LOG_SESSION,
		"%s: %s answered with %u (%d)", nexus->session->conf->iqn,
		is_reset ? "LOGICAL UNIT RESET" : "ABORT TASK", response,
		status);
	memcpy(lun, request->task.lun, sizeof(lun));
	/* 0: done; 1: there is no such task (any more) */
	if (escalation->is_in_time) {
		on_asked(request, status, response);
	} else if (is_reset && status == 0 && response == 0) {
		end_by_reset(nexus, lun);
		dsc_deadlines_after_reset(nexus->session, nexus, lun);
	} else if (!is_reset && status == 0 && response <= 1) {
		dsc_conn_release_task(nexus->conn, &request->task, -ETIMEDOUT);
	} else if (!is_reset) {
		begin_reset(escalation);
	}
	dsc_deadlines_arm(nexus);
}

static void ask(struct dsc_escalation *escalation,
		enum dsc_management_function function)
{
	struct dsc_request *request = escalation->request;
	struct dsc_management *management = &escalation->management;

	memset(management, 0, sizeof(*management));
	management->function = function;
	memcpy(management->lun, request->task.lun, sizeof(management->lun));
	if (function == DSC_TMF_ABORT_TASK)
		management->task = &request->task;
	management->done = on_answer;
	escalation->is_under_way =
		dsc_conn_manage(request->nexus->conn, management) == 0;
}

static void begin_reset(struct dsc_escalation *escalation)
{
	struct dsc_request *request = escalation->request;
	struct dsc_nexus *nexus = request->nexus;

	escalation->step_ns = UINT64_MAX;
	if (request->is_under_reset)
		return;
	if (escalation->is_under_way)
		dsc_conn_manage_forget(nexus->conn, &escalation->management);
	escalation->is_reset = true;
	mark_under_reset(nexus, request->task.lun);
	dsc_stats_add(&nexus->session->stats.resets, 1);
	ask(escalation, DSC_TMF_LUN_RESET);
}

static void begin_abort(struct dsc_request *request)
{
	struct dsc_nexus *nexus = request->nexus;
	struct dsc_escalation *escalation = calloc(1, sizeof(*escalation));
	char what[DSC_REQUEST_TEXT_MAX];

	if (escalation == NULL)
		return;  /* the connection is dropped at the deadline */
	dsc_request_describe(request, what, sizeof(what));
	dsc_log(&nexus->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_SESSION,
		"%s: no answer, aborting it", what);
	escalation->request = request;
	escalation->step_ns = request->deadline_ns - grace_ns(nexus) / 2;
	request->escalation = escalation;
	dsc_stats_add(&nexus->session->stats.aborts, 1);
	ask(escalation, DSC_TMF_ABORT_TASK);
}

/* ------------------------------------------------------------ after a reset */

/*
 * An answer that the target gave before the reset comes before the one to this,
 * on the same connection; no answer comes after it.
 */
static void ask_about(struct dsc_list *list, const uint8_t *lun)
{
	struct dsc_list *link;

	for (link = list->next; link != list; link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		if (request->escalation != NULL || !is_on_the_wire(request) ||
		    !is_on_unit(request, lun))
			continue;
		request->escalation = calloc(1, sizeof(struct dsc_escalation));
		if (request->escalation == NULL)
			return;  /* their deadlines see to them */
		request->escalation->request = request;
		request->escalation->is_in_time = true;
		ask(request->escalation, DSC_TMF_ABORT_TASK);
	}
}

void dsc_deadlines_after_reset(struct discsi_session *session,
			       const struct dsc_nexus *but,
			       const uint8_t *lun)
{
	unsigned i;

	for (i = 0; i < session->count; i++) {
		struct dsc_nexus *other = &session->nexus[i];

		if (other == but || !dsc_nexus_is_up(other))
			continue;
		ask_about(&other->requests, lun);
		ask_about(&other->verifications, lun);
	}
}

/* --------------------------------------------------------------- expiry */

/*
 * The target takes no command although it has none: no answer is to come that
 * could open the command window again.
 */
static bool is_stuck_in_queue(const struct dsc_request *request)
{
	const struct dsc_nexus *nexus = request->nexus;

	return request->hand == DSC_HAND_CONNECTION &&
	       nexus->state == DSC_SESSION_READY &&
	       dsc_conn_in_flight(nexus->conn) == 0;
}

static void drop_shut(struct dsc_nexus *nexus)
{
	struct discsi_error error;

	if (nexus->state != DSC_SESSION_READY)
		return;
	dsc_error_set(&error, ETIMEDOUT, "%s: the target took no command for "
		      "%u ms, connection dropped", nexus->session->conf->iqn,
		      nexus->session->conf->command_timeout_ms);
	dsc_nexus_drop(nexus, &error);
}

static void expire(struct dsc_request *request)
{
	struct dsc_nexus *nexus = request->nexus;
	struct discsi_error error;
	char what[DSC_REQUEST_TEXT_MAX];

	request->is_expired = true;
	if (!is_on_the_wire(request)) {
		bool is_stuck = is_stuck_in_queue(request);

		if (request->hand == DSC_HAND_CONNECTION)
			dsc_conn_withdraw(nexus->conn, &request->task);
		dsc_request_finish_unanswered(request, -ETIMEDOUT);
		if (is_stuck)
			drop_shut(nexus);
		return;
	}
	dsc_request_describe(request, what, sizeof(what));
	dsc_error_set(&error, ETIMEDOUT,
		      "%s was not answered within %u ms, connection dropped",
		      what, nexus->session->conf->command_timeout_ms);
	dsc_nexus_drop(nexus, &error);
}

/* The steps that are due for requests that have not expired. */
static void escalate(struct dsc_nexus *nexus, uint64_t now)
{
	struct dsc_list *link;

	for (link = nexus->requests.next; link != &nexus->requests;
	     link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		if (!is_on_the_wire(request) ||
		    request->deadline_ns - grace_ns(nexus) > now)
			continue;
		if (request->escalation != NULL &&
		    request->escalation->is_in_time)
			dsc_escalation_end(request);
		if (request->escalation == NULL)
			begin_abort(request);
		else if (request->escalation->step_ns <= now)
			begin_reset(request->escalation);
	}
}

static struct dsc_request *next_expired(struct dsc_nexus *nexus, uint64_t now)
{
	struct dsc_list *link;

	for (link = nexus->requests.next; link != &nexus->requests;
	     link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		if (request->deadline_ns <= now &&
		    request->hand != DSC_HAND_REFUSED)
			return request;
	}
	return NULL;
}

static void on_deadline_timer(struct dsc_timer *timer)
{
	struct dsc_nexus *nexus =
		dsc_container_of(timer, struct dsc_nexus, deadline_timer);
	uint64_t now = dsc_loop_now_ns(&nexus->ctx->loop);
	struct dsc_request *request;

	while ((request = next_expired(nexus, now)) != NULL)
		expire(request);
	escalate(nexus, now);
	dsc_deadlines_arm(nexus);
}

int dsc_deadlines_prepare(struct dsc_nexus *nexus)
{
	return dsc_timer_init(&nexus->ctx->loop, &nexus->deadline_timer,
			      on_deadline_timer);
}
