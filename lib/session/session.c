/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.c: the life of a session: open, lost, its facts. How it ends is in
 * close.c, its requests are in request.c.
 *
 * The object is made on the caller's thread and handed to the loop, which
 * alone touches it from then on; session->lock guards the few members that
 * other threads may read.
 */
#include "session/session-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

/* --------------------------------------------------------------- states */

bool dsc_session_transit(struct discsi_session *session,
			 enum dsc_session_event event, const char *cause)
{
	enum dsc_session_state next;

	if (!dsc_session_step(session->state, event, &next))
		return false;
	dsc_log(&session->ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_SESSION,
		"%s: %s -> %s (%s%s%s)", session->conf->iqn,
		dsc_session_state_name(session->state),
		dsc_session_state_name(next), dsc_session_event_name(event),
		cause == NULL ? "" : ": ", cause == NULL ? "" : cause);
	pthread_mutex_lock(&session->lock);
	session->state = next;
	pthread_mutex_unlock(&session->lock);
	return true;
}

/* The connection is gone, or is about to be closed by us. */
static void on_lost(void *arg, const struct discsi_error *why)
{
	struct discsi_session *session = arg;

	session->error = *why;
	dsc_session_transit(session, DSC_EVENT_LOST, why->message);
	if (session->state == DSC_SESSION_FAILED)
		dsc_log(&session->ctx->log, DISCSI_LOG_ERROR, DSC_LOG_SESSION,
			"%s: session lost: %s", session->conf->iqn,
			why->message);
	dsc_session_fail_waiting(session, -ENOTCONN);
	if (session->state == DSC_SESSION_CLOSED)
		dsc_deferred_request(&session->ctx->loop, &session->settle);
}

void dsc_session_drop(struct discsi_session *session,
		      const struct discsi_error *why)
{
	on_lost(session, why);
	dsc_conn_close(session->conn, -ENOTCONN);
}

static void on_async_event(void *arg, uint8_t event, uint16_t parameter1,
			   uint16_t parameter2, uint16_t parameter3)
{
	struct discsi_session *session = arg;

	dsc_log(&session->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_SESSION,
		"%s: asynchronous message %u (%u, %u, %u)", session->conf->iqn,
		event, parameter1, parameter2, parameter3);
}

/* ----------------------------------------------------------------- open */

static void finish_open(struct discsi_session *session)
{
	discsi_session_cb cb = session->open_cb;

	session->open_cb = NULL;
	cb(session->open_arg, 0, session, NULL);
}

/* The session ends before its owner ever saw it. */
static void refuse_open(struct discsi_session *session,
			const struct discsi_error *error)
{
	struct discsi_error copy = *error;
	discsi_session_cb cb = session->open_cb;
	void *arg = session->open_arg;

	session->open_cb = NULL;
	dsc_session_transit(session, DSC_EVENT_REFUSED, copy.message);
	dsc_session_free(session);
	cb(arg, -copy.errnum, NULL, &copy);
}

static int take_connection(struct discsi_session *session,
			   const struct dsc_connect_result *result,
			   struct discsi_error *error)
{
	const struct dsc_conn_owner owner = {
		.lost = on_lost,
		.async_event = on_async_event,
		.arg = session,
	};
	char name[DSC_ISCSI_NAME_MAX + DSC_ADDRESS_MAX + 16];
	bool is_v6 = strchr(result->address, ':') != NULL;

	pthread_mutex_lock(&session->lock);
	session->params = result->params;
	memcpy(session->address, result->address, sizeof(session->address));
	session->port = result->port;
	pthread_mutex_unlock(&session->lock);
	snprintf(name, sizeof(name), "%s at %s%s%s:%u", session->conf->iqn,
		 is_v6 ? "[" : "", result->address, is_v6 ? "]" : "",
		 result->port);
	return dsc_conn_new(session->ctx, result->fd, &result->params, name,
			    &owner, &session->conn, error);
}

static void on_connected(void *arg, const struct dsc_connect_result *result)
{
	struct discsi_session *session = arg;
	struct discsi_error error;

	session->connect = NULL;
	if (result->status != 0) {
		refuse_open(session, result->error);
		return;
	}
	if (take_connection(session, result, &error) != 0) {
		refuse_open(session, &error);
		return;
	}
	dsc_session_transit(session, DSC_EVENT_LOGGED_IN, "login ok");
	finish_open(session);
}

static void on_open(struct dsc_job *job)
{
	struct discsi_session *session =
		dsc_container_of(job, struct discsi_session, open_job);
	struct dsc_connect_request request = {
		.conf = session->conf,
		.target = session->conf->iqn,
		.initiator = session->initiator,
	};
	struct discsi_error error;

	dsc_context_add_child(session->ctx, &session->child,
			      dsc_session_abandon);
	if (dsc_session_prepare_loop(session) != 0) {
		dsc_error_set(&error, ENOMEM, "out of memory");
		refuse_open(session, &error);
		return;
	}
	memcpy(request.isid, session->params.isid, sizeof(request.isid));
	dsc_session_transit(session, DSC_EVENT_OPEN, NULL);
	if (dsc_connect_start(session->ctx, &request, on_connected, session,
			      &session->connect, &error) != 0)
		refuse_open(session, &error);
}

/*
 * An ISID of the random format (RFC 7143 section 11.12.5, T = 10b), the same
 * for every login of this session.
 */
static void make_isid(uint8_t isid[6])
{
	if (getrandom(isid, 6, GRND_NONBLOCK) != 6) {
		uint64_t now = dsc_clock_now_ns();

		memcpy(isid, &now, 6);
	}
	isid[0] = 0x80;
}

int dsc_session_prepare_loop(struct discsi_session *session)
{
	int rc = dsc_session_requests_init(session);

	if (rc == 0)
		rc = dsc_session_close_init(session);
	return rc;
}

static int make_session(struct discsi_context *ctx,
			const struct discsi_conf *conf,
			struct discsi_session **out)
{
	struct discsi_session *session = calloc(1, sizeof(*session));
	int rc;

	if (session == NULL)
		return dsc_fail_memory();
	session->ctx = ctx;
	session->state = DSC_SESSION_IDLE;
	dsc_error_init(&session->error);
	dsc_list_init(&session->child.link);
	dsc_list_init(&session->children);
	dsc_list_init(&session->requests);
	dsc_list_init(&session->retries);
	dsc_list_init(&session->refused);
	dsc_list_init(&session->refuse.link);
	dsc_list_init(&session->settle.link);
	pthread_mutex_init(&session->lock, NULL);
	make_isid(session->params.isid);
	rc = discsi_conf_dup(conf, &session->conf);
	if (rc == 0)
		rc = discsi_conf_initiator_name(conf, &session->initiator);
	if (rc != 0) {
		dsc_session_free(session);
		return rc;
	}
	*out = session;
	return 0;
}

void dsc_session_free(struct discsi_session *session)
{
	dsc_connect_cancel(session->connect);
	dsc_conn_free(session->conn);
	dsc_session_requests_fini(session);
	dsc_session_close_fini(session);
	dsc_context_remove_child(&session->child);
	discsi_conf_free(session->conf);
	free(session->initiator);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

int discsi_session_open_async(struct discsi_context *ctx,
			      const struct discsi_conf *conf,
			      discsi_session_cb cb, void *arg)
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
	dsc_loop_post(&ctx->loop, &session->open_job, on_open);
	return 0;
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

int discsi_session_get_info(struct discsi_session *session,
			    struct discsi_session_info *info)
{
	struct discsi_session_info now = { .size = 0 };
	size_t size;

	if (session == NULL || info == NULL ||
	    info->size < offsetof(struct discsi_session_info, initiator))
		return dsc_fail(EINVAL, "discsi_session_get_info: size is not "
					"set to the size of the struct");
	pthread_mutex_lock(&session->lock);
	now.port = session->port;
	now.tpgt = session->params.tpgt;
	now.tsih = session->params.tsih;
	memcpy(now.isid, session->params.isid, sizeof(now.isid));
	now.connected = session->state == DSC_SESSION_READY;
	now.header_digest = session->params.header_digest;
	now.data_digest = session->params.data_digest;
	now.immediate_data = session->params.immediate_data;
	now.initial_r2t = session->params.initial_r2t;
	now.max_burst_bytes = session->params.max_burst_bytes;
	now.first_burst_bytes = session->params.first_burst_bytes;
	now.max_send_bytes = session->params.max_send_bytes;
	now.max_recv_bytes = session->params.max_recv_bytes;
	pthread_mutex_unlock(&session->lock);
	now.target = session->conf->iqn;
	now.initiator = session->initiator;
	now.address = session->address;

	size = info->size < sizeof(now) ? info->size : sizeof(now);
	now.size = info->size;
	memcpy(info, &now, size);
	return 0;
}

void dsc_session_add_child(struct discsi_session *session,
			   struct dsc_child *child,
			   void (*end)(struct dsc_child *child))
{
	child->end = end;
	dsc_list_append(&session->children, &child->link);
}
