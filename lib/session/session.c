/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.c: opening a session, its first nexus and then the others, and
 * telling its facts. How it ends is in close.c.
 *
 * The object is made on the caller's thread and handed to the loop, which
 * alone touches it from then on; session->lock guards the few members that
 * other threads may read.
 */
#include "session/nexus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* ----------------------------------------------------------------- open */

void dsc_session_free(struct discsi_session *session)
{
	unsigned i;

	dsc_timer_fini(&session->open_timer);
	dsc_timer_fini(&session->held_timer);
	dsc_session_forget_subscriptions(session);
	dsc_debt_leave(session);
	for (i = 0; i < session->count; i++)
		dsc_nexus_fini(&session->nexus[i]);
	dsc_context_remove_child(&session->child);
	discsi_conf_free(session->conf);
	free(session->initiator);
	free(session->nexus);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

/* The session ends before its owner ever saw it. */
static void refuse_open(struct discsi_session *session,
			const struct discsi_error *error)
{
	struct discsi_error copy = *error;
	discsi_session_cb cb = session->open_cb;
	void *arg = session->open_arg;

	session->open_cb = NULL;
	dsc_session_free(session);
	cb(arg, -copy.errnum, NULL, &copy);
}

/* The first login has a deadline of its own, which is the same. */
static void on_open_timer(struct dsc_timer *timer)
{
	struct discsi_session *session =
		dsc_container_of(timer, struct discsi_session, open_timer);
	struct discsi_error error;

	dsc_error_set(&error, ETIMEDOUT, "%s: %u of %u sessions were logged in "
		      "within %" PRIu32 " ms", session->conf->iqn,
		      session->opened, session->count,
		      session->conf->login_timeout_ms);
	refuse_open(session, &error);
}

static void connect_next(struct discsi_session *session);

static void on_connected(void *arg, const struct dsc_connect_result *result)
{
	struct dsc_nexus *nexus = arg;
	struct discsi_session *session = nexus->session;
	struct discsi_error error;

	nexus->connect = NULL;
	if (result->status != 0)
		error = *result->error;
	if (result->status != 0 || dsc_nexus_take(nexus, result, &error) != 0) {
		dsc_nexus_transit(nexus, DSC_EVENT_REFUSED, error.message);
		refuse_open(session, &error);
		return;
	}
	dsc_nexus_transit(nexus, DSC_EVENT_LOGGED_IN, "login ok");
	nexus->ready_ns = dsc_loop_now_ns(&nexus->ctx->loop);
	nexus->work_tpgt = nexus->params.tpgt;
	dsc_keepalive_start(nexus);
	session->opened++;
	connect_next(session);
}

/* One nexus after the other; those after the first know the good portal. */
static void connect_next(struct discsi_session *session)
{
	discsi_session_cb cb = session->open_cb;
	struct dsc_nexus *nexus;
	struct discsi_error error;

	if (session->opened == session->count) {
		session->open_cb = NULL;
		dsc_timer_stop(&session->open_timer);
		cb(session->open_arg, 0, session, NULL);
		return;
	}
	nexus = &session->nexus[session->opened];
	if (session->opened == 1)
		dsc_timer_set(&session->open_timer, session->open_ns +
			      session->conf->login_timeout_ms * DSC_NS_PER_MS);
	if (session->opened > 0)
		nexus->preferred = session->nexus[0].preferred;
	dsc_nexus_transit(nexus, DSC_EVENT_OPEN, NULL);
	if (dsc_nexus_connect(nexus, on_connected, false, &error) != 0)
		refuse_open(session, &error);
}

static void on_open(struct dsc_job *job)
{
	struct discsi_session *session =
		dsc_container_of(job, struct discsi_session, open_job);
	struct discsi_error error;
	unsigned i;
	int rc;

	dsc_context_add_child(session->ctx, &session->child,
			      dsc_session_abandon);
	session->open_ns = dsc_loop_now_ns(&session->ctx->loop);
	rc = dsc_timer_init(&session->ctx->loop, &session->open_timer,
			    on_open_timer);
	if (rc == 0)
		rc = dsc_held_prepare(session);
	for (i = 0; i < session->count; i++) {
		if (rc == 0)
			rc = dsc_nexus_prepare(&session->nexus[i]);
		if (rc == 0)
			continue;
		dsc_error_set(&error, ENOMEM, "out of memory");
		refuse_open(session, &error);
		return;
	}
	connect_next(session);
}

static int make_session(struct discsi_context *ctx,
			const struct discsi_conf *conf,
			struct discsi_session **out)
{
	struct discsi_session *session = calloc(1, sizeof(*session));
	unsigned i;
	int rc;

	if (session == NULL)
		return dsc_fail_memory();
	session->ctx = ctx;
	dsc_list_init(&session->child.link);
	dsc_list_init(&session->units);
	dsc_list_init(&session->held);
	dsc_list_init(&session->subscribing);
	dsc_error_init(&session->last_error);
	pthread_mutex_init(&session->lock, NULL);
	session->nexus = calloc(conf->sessions, sizeof(*session->nexus));
	rc = session->nexus == NULL ? dsc_fail_memory() : 0;
	if (rc == 0)
		rc = discsi_conf_dup(conf, &session->conf);
	if (rc == 0)
		rc = discsi_conf_initiator_name(conf, &session->initiator);
	if (rc != 0) {
		dsc_session_free(session);
		return rc;
	}
	session->count = conf->sessions;
	for (i = 0; i < session->count; i++)
		dsc_nexus_init(&session->nexus[i], session, i);
	*out = session;
	return 0;
}

int dsc_session_begin(struct discsi_context *ctx,
		      const struct discsi_conf *conf, discsi_session_cb cb,
		      void *arg, struct dsc_child **child)
{
	struct discsi_session *session = NULL;
	int rc;

	if (ctx == NULL || conf == NULL || cb == NULL)
		return dsc_fail(EINVAL, "discsi_session_open: NULL argument");
	if (ctx->is_ending)
		return dsc_fail(ECANCELED, "the context is being destroyed");
	if (conf->iqn == NULL)
		return dsc_fail(EINVAL, "iqn: the configuration names no target");
	rc = dsc_conf_check(conf);
	if (rc != 0)
		return rc;
	rc = make_session(ctx, conf, &session);
	if (rc != 0)
		return rc;
	session->open_cb = cb;
	session->open_arg = arg;
	*child = &session->child;
	dsc_loop_post(&ctx->loop, &session->open_job, on_open);
	return 0;
}

int discsi_session_open_async(struct discsi_context *ctx,
			      const struct discsi_conf *conf,
			      discsi_session_cb cb, void *arg)
{
	struct dsc_child *child;

	return dsc_session_begin(ctx, conf, cb, arg, &child);
}

struct dsc_child *dsc_session_child(struct discsi_session *session)
{
	return &session->child;
}

struct open_wait {
	struct dsc_wait wait;
	struct discsi_session *session;
};

static void on_open_waited(void *arg, int status,
			   struct discsi_session *session,
			   const struct discsi_error *error)
{
	struct open_wait *open = arg;

	open->session = session;
	dsc_wait_finish(&open->wait, status, error);
}

int discsi_session_open(struct discsi_context *ctx,
			const struct discsi_conf *conf,
			struct discsi_session **session)
{
	struct open_wait open = { .session = NULL };
	int rc;

	if (ctx == NULL || session == NULL)
		return dsc_fail(EINVAL, "discsi_session_open: NULL argument");
	*session = NULL;
	rc = dsc_wait_begin(ctx, &open.wait);
	if (rc != 0)
		return rc;
	rc = discsi_session_open_async(ctx, conf, on_open_waited, &open);
	if (rc != 0) {
		dsc_wait_abandon(&open.wait);
		return rc;
	}
	rc = dsc_wait_end(&open.wait);
	*session = open.session;
	return rc;
}

/* ---------------------------------------------------------------- facts */

/*
 * With session->lock held: the nexus that says how the session is. One that has
 * been given up does so only where all have.
 */
static const struct dsc_nexus *speaker(const struct discsi_session *session)
{
	const struct dsc_nexus *best = &session->nexus[0];
	unsigned i;

	for (i = 0; i < session->count; i++) {
		if (session->nexus[i].state == DSC_SESSION_READY)
			return &session->nexus[i];
		if (best->state == DSC_SESSION_FAILED)
			best = &session->nexus[i];
	}
	return best;
}

static unsigned count_ready(const struct discsi_session *session)
{
	unsigned ready = 0;
	unsigned i;

	for (i = 0; i < session->count; i++)
		ready += session->nexus[i].state == DSC_SESSION_READY;
	return ready;
}

int discsi_session_get_info(struct discsi_session *session,
			    struct discsi_session_info *info)
{
	struct discsi_session_info now;
	const struct dsc_nexus *nexus;
	size_t size;

	if (session == NULL || info == NULL ||
	    info->size < offsetof(struct discsi_session_info, initiator))
		return dsc_fail(EINVAL, "discsi_session_get_info: size is not "
					"set to the size of the struct");
	memset(&now, 0, sizeof(now));
	pthread_mutex_lock(&session->lock);
	nexus = speaker(session);
	now.port = nexus->port;
	memcpy(now.address, nexus->address, sizeof(nexus->address));
	now.tpgt = nexus->params.tpgt;
	now.tsih = nexus->params.tsih;
	memcpy(now.isid, session->nexus[0].isid, sizeof(now.isid));
	now.connected = nexus->state == DSC_SESSION_READY;
	now.header_digest = nexus->params.header_digest;
	now.data_digest = nexus->params.data_digest;
	now.immediate_data = nexus->params.immediate_data;
	now.initial_r2t = nexus->params.initial_r2t;
	now.max_burst_bytes = nexus->params.max_burst_bytes;
	now.first_burst_bytes = nexus->params.first_burst_bytes;
	now.max_send_bytes = nexus->params.max_send_bytes;
	now.max_recv_bytes = nexus->params.max_recv_bytes;
	now.state = dsc_session_state_name(nexus->state);
	now.sessions = session->count;
	now.sessions_ready = count_ready(session);
	now.last_error = session->last_error;
	pthread_mutex_unlock(&session->lock);
	/* In this order: a command that ends leaves its ghost before. */
	now.may_write_late = dsc_stats_get(&session->stats.changes) > 0 ||
			     dsc_stats_get(&session->stats.ghosts) > 0;
	now.target = session->conf->iqn;
	now.initiator = session->initiator;

	size = info->size < sizeof(now) ? info->size : sizeof(now);
	now.size = info->size;
	memcpy(info, &now, size);
	return 0;
}
