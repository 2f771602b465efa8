/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * close.c: how a session ends. Politely: what is under way finishes, then a
 * Logout of each nexus, then the end; a nexus that has no connection just ends.
 * Or at once, when the context is destroyed.
 *
 * Loop's thread, but discsi_session_close().
 */
#include "session/nexus.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"

/* How long a target may take to answer a Logout Request, at most. */
#define LOGOUT_TIMEOUT_MS 5000

static uint32_t logout_timeout_ms(const struct dsc_nexus *nexus)
{
	return dsc_min_u32(nexus->session->conf->command_timeout_ms,
			   LOGOUT_TIMEOUT_MS);
}

/* What callbacks submit while requests end would have to end as well. */
static void stop_units(struct discsi_session *session)
{
	struct dsc_list *link;

	for (link = session->units.next; link != &session->units;
	     link = link->next) {
		struct dsc_unit *unit =
			dsc_container_of(link, struct dsc_unit, link);

		unit->ops->stop(unit);
	}
}

/* LUNs that were left open: their handles end with the session. */
static void end_units(struct discsi_session *session)
{
	struct dsc_list *first;

	while ((first = dsc_list_first(&session->units)) != NULL) {
		struct dsc_unit *unit =
			dsc_container_of(first, struct dsc_unit, link);

		dsc_list_remove(first);
		unit->ops->end(unit);
	}
}

static void finish_close(struct discsi_session *session)
{
	discsi_done_cb cb = session->close_cb;
	void *arg = session->close_arg;

	end_units(session);
	dsc_session_free(session);
	if (cb != NULL)
		cb(arg, 0, NULL);
}

/* ------------------------------------------------------------- one nexus */

static void on_logged_out(void *arg, int status)
{
	struct dsc_nexus *nexus = arg;

	dsc_nexus_transit(nexus, DSC_EVENT_LOGGED_OUT,
			  status == 0 ? NULL : "no answer");
	dsc_deferred_request(&nexus->ctx->loop, &nexus->settle);
}

static void begin_logout(struct dsc_nexus *nexus)
{
	dsc_nexus_transit(nexus, DSC_EVENT_DRAINED, NULL);
	dsc_keepalive_stop(nexus);
	dsc_timer_set_in(&nexus->close_timer, logout_timeout_ms(nexus));
	if (dsc_conn_logout(nexus->conn, on_logged_out, nexus) != 0)
		on_logged_out(nexus, -ENOTCONN);
}

static bool is_over(const struct dsc_nexus *nexus)
{
	return nexus->state == DSC_SESSION_CLOSED &&
	       dsc_list_is_empty(&nexus->requests) &&
	       dsc_list_is_empty(&nexus->verifications);
}

/* Where a closing nexus goes on, at the end of a turn. */
static void on_settle(struct dsc_deferred *deferred)
{
	struct dsc_nexus *nexus =
		dsc_container_of(deferred, struct dsc_nexus, settle);
	struct discsi_session *session = nexus->session;
	unsigned i;

	if (nexus->state == DSC_SESSION_DRAINING &&
	    dsc_list_is_empty(&nexus->requests))
		begin_logout(nexus);
	for (i = 0; i < session->count; i++) {
		if (!is_over(&session->nexus[i]))
			return;
	}
	if (session->is_closing)
		finish_close(session);
}

/* The target does not answer the logout. */
static void on_close_timer(struct dsc_timer *timer)
{
	struct dsc_nexus *nexus =
		dsc_container_of(timer, struct dsc_nexus, close_timer);
	struct discsi_error error;

	dsc_error_set(&error, ETIMEDOUT, "%s did not log us out within %u ms",
		      nexus->session->conf->iqn, logout_timeout_ms(nexus));
	dsc_nexus_drop(nexus, &error);
}

/* It is closed now, whatever was under way. */
static void stop(struct dsc_nexus *nexus)
{
	dsc_timer_stop(&nexus->recover_timer);
	dsc_timer_stop(&nexus->outage_timer);
	dsc_keepalive_stop(nexus);
	dsc_verify_cancel(nexus);
	dsc_connect_cancel(nexus->connect);
	nexus->connect = NULL;
	if (nexus->conn != NULL)
		dsc_conn_close(nexus->conn, -ECANCELED);
	dsc_requests_fail(nexus, -ECANCELED);
}

static void close_nexus(struct dsc_nexus *nexus)
{
	dsc_nexus_transit(nexus, DSC_EVENT_CLOSE, NULL);
	if (nexus->state == DSC_SESSION_CLOSED)
		stop(nexus);
	dsc_deferred_request(&nexus->ctx->loop, &nexus->settle);
}

/* --------------------------------------------------------------- session */

static void on_close(struct dsc_job *job)
{
	struct discsi_session *session =
		dsc_container_of(job, struct discsi_session, close_job);
	unsigned i;

	session->is_closing = true;
	/* Those that were left open, contrary to the rule. */
	stop_units(session);
	dsc_session_fail_held(session, NULL, -ECANCELED);
	for (i = 0; i < session->count; i++)
		close_nexus(&session->nexus[i]);
}

void dsc_session_close_begin(struct discsi_session *session, discsi_done_cb cb,
			     void *arg)
{
	session->close_cb = cb;
	session->close_arg = arg;
	dsc_loop_post(&session->ctx->loop, &session->close_job, on_close);
}

void discsi_session_close(struct discsi_session *session)
{
	struct discsi_context *ctx;
	struct dsc_wait wait;

	if (session == NULL)
		return;
	ctx = session->ctx;
	if (ctx->is_ending)
		return;  /* it ends with its context */
	if (dsc_loop_is_in_turn(&ctx->loop) || dsc_wait_begin(ctx, &wait) != 0) {
		dsc_session_close_begin(session, NULL, NULL);
		return;
	}
	dsc_session_close_begin(session, dsc_wait_finish, &wait);
	dsc_wait_end(&wait);
}

static bool has_requests(const struct discsi_session *session)
{
	unsigned i;

	for (i = 0; i < session->count; i++) {
		if (!dsc_list_is_empty(&session->nexus[i].requests) ||
		    !dsc_list_is_empty(&session->nexus[i].verifications))
			return true;
	}
	return !dsc_list_is_empty(&session->held);
}

void dsc_session_abandon(struct dsc_child *child)
{
	struct discsi_session *session =
		dsc_container_of(child, struct discsi_session, child);
	discsi_session_cb open_cb = session->open_cb;
	void *open_arg = session->open_arg;
	struct discsi_error error;
	unsigned i;

	session->is_closing = true;
	dsc_error_set(&error, ECANCELED,
		      "%s: cancelled, the session was ended",
		      session->conf->iqn);
	for (i = 0; i < session->count; i++) {
		dsc_nexus_transit(&session->nexus[i], DSC_EVENT_ABANDON, NULL);
		session->nexus[i].error = error;
	}
	stop_units(session);
	do {
		dsc_session_fail_held(session, NULL, -ECANCELED);
		for (i = 0; i < session->count; i++)
			stop(&session->nexus[i]);
	} while (has_requests(session));
	session->open_cb = NULL;
	finish_close(session);
	if (open_cb != NULL)
		open_cb(open_arg, -ECANCELED, NULL, &error);
}

struct discsi_session *dsc_session_of_child(struct dsc_list *link)
{
	struct dsc_child *child = dsc_container_of(link, struct dsc_child,
						   link);

	return child->end != dsc_session_abandon ? NULL :
	       dsc_container_of(child, struct discsi_session, child);
}

int dsc_close_prepare(struct dsc_nexus *nexus)
{
	dsc_deferred_init(&nexus->settle, on_settle);
	return dsc_timer_init(&nexus->ctx->loop, &nexus->close_timer,
			      on_close_timer);
}

void dsc_close_fini(struct dsc_nexus *nexus)
{
	dsc_deferred_cancel(&nexus->settle);
	dsc_timer_fini(&nexus->close_timer);
}
