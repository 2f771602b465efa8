/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * close.c: how a session ends. Politely: what is under way finishes, then a
 * Logout, then the end. Or at once, when its context is destroyed.
 *
 * Loop's thread, but discsi_session_close().
 */
#include "session/session-internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"

/* How long a target may take to answer a Logout Request, at most. */
#define LOGOUT_TIMEOUT_MS 5000

static uint32_t logout_timeout_ms(const struct discsi_session *session)
{
	return dsc_min_u32(session->conf->command_timeout_ms,
			   LOGOUT_TIMEOUT_MS);
}

/* LUNs that were left open: their handles end with the session. */
static void end_children(struct discsi_session *session)
{
	struct dsc_list *first;

	while ((first = dsc_list_first(&session->children)) != NULL) {
		struct dsc_child *child =
			dsc_container_of(first, struct dsc_child, link);

		child->end(child);
	}
}

static void finish_close(struct discsi_session *session)
{
	discsi_done_cb cb = session->close_cb;
	void *arg = session->close_arg;

	end_children(session);
	dsc_session_free(session);
	if (cb != NULL)
		cb(arg, 0, NULL);
}

static void on_logged_out(void *arg, int status)
{
	struct discsi_session *session = arg;

	dsc_session_transit(session, DSC_EVENT_LOGGED_OUT,
			    status == 0 ? NULL : "no answer");
	dsc_deferred_request(&session->ctx->loop, &session->settle);
}

static void begin_logout(struct discsi_session *session)
{
	dsc_session_transit(session, DSC_EVENT_DRAINED, NULL);
	dsc_timer_set_in(&session->close_timer, logout_timeout_ms(session));
	if (dsc_conn_logout(session->conn, on_logged_out, session) != 0)
		on_logged_out(session, -ENOTCONN);
}

/* Where a closing session goes on, at the end of a turn. */
static void on_settle(struct dsc_deferred *deferred)
{
	struct discsi_session *session =
		dsc_container_of(deferred, struct discsi_session, settle);

	if (session->state == DSC_SESSION_DRAINING &&
	    dsc_list_is_empty(&session->requests))
		begin_logout(session);
	if (session->state == DSC_SESSION_CLOSED &&
	    dsc_list_is_empty(&session->requests))
		finish_close(session);
}

/* The target does not finish, or does not answer the logout. */
static void on_close_timer(struct dsc_timer *timer)
{
	struct discsi_session *session =
		dsc_container_of(timer, struct discsi_session, close_timer);
	struct discsi_error error;

	dsc_error_set(&error, ETIMEDOUT, "%s did not log us out within %u ms",
		      session->conf->iqn, logout_timeout_ms(session));
	dsc_session_drop(session, &error);
}

static void on_close(struct dsc_job *job)
{
	struct discsi_session *session =
		dsc_container_of(job, struct discsi_session, close_job);

	dsc_session_transit(session, DSC_EVENT_CLOSE, NULL);
	dsc_deferred_request(&session->ctx->loop, &session->settle);
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
		session->close_cb = NULL;
		dsc_loop_post(&ctx->loop, &session->close_job, on_close);
		return;
	}
	session->close_cb = dsc_wait_finish;
	session->close_arg = &wait;
	dsc_loop_post(&ctx->loop, &session->close_job, on_close);
	dsc_wait_end(&wait);
}

void dsc_session_abandon(struct dsc_child *child)
{
	struct discsi_session *session =
		dsc_container_of(child, struct discsi_session, child);
	discsi_session_cb open_cb = session->open_cb;
	void *open_arg = session->open_arg;
	struct discsi_error error;

	dsc_session_transit(session, DSC_EVENT_ABANDON, NULL);
	dsc_error_set(&error, ECANCELED,
		      "%s: cancelled, the context was destroyed",
		      session->conf->iqn);
	session->error = error;
	if (session->conn != NULL)
		dsc_conn_close(session->conn, -ECANCELED);
	while (!dsc_list_is_empty(&session->requests))
		dsc_session_fail_waiting(session, -ECANCELED);
	session->open_cb = NULL;
	finish_close(session);
	if (open_cb != NULL)
		open_cb(open_arg, -ECANCELED, NULL, &error);
}

int dsc_session_close_init(struct discsi_session *session)
{
	dsc_deferred_init(&session->settle, on_settle);
	return dsc_timer_init(&session->ctx->loop, &session->close_timer,
			      on_close_timer);
}

void dsc_session_close_fini(struct discsi_session *session)
{
	dsc_deferred_cancel(&session->settle);
	dsc_timer_fini(&session->close_timer);
}
