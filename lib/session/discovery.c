/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discovery.c: SendTargets (RFC 7143 appendix C): a discovery session of its
 * own, one question, the answer, a logout. Loop's thread, but the two public
 * functions that begin it.
 */
#include <discsi/discovery.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "iscsi/conn.h"
#include "iscsi/sendtargets.h"
#include "session/connect.h"
#include "session/session.h"

/* How long a portal may take to answer the logout, of the time it has left. */
#define LOGOUT_TIMEOUT_MS 2000

struct discovery {
	struct discsi_context *ctx;
	struct dsc_child child;
	struct discsi_conf *conf;
	char *initiator;
	struct dsc_job job;
	struct dsc_connect *connect;
	struct dsc_conn *conn;
	struct dsc_timer timer;
	struct dsc_deferred finish;
	char address[DSC_ADDRESS_MAX];
	uint16_t port;
	uint16_t tpgt;
	char name[DSC_ADDRESS_MAX + 16];

	bool is_answered;
	int status;
	struct discsi_error error;
	struct discsi_discovery *result;
	discsi_discover_cb cb;
	void *arg;
};

/* ------------------------------------------------------------------- end */

static void free_discovery(struct discovery *discovery)
{
	dsc_connect_cancel(discovery->connect);
	dsc_conn_free(discovery->conn);
	dsc_timer_fini(&discovery->timer);
	dsc_deferred_cancel(&discovery->finish);
	dsc_context_remove_child(&discovery->child);
	discsi_conf_free(discovery->conf);
	free(discovery->initiator);
	free(discovery);
}

/* At the end of a turn, outside of the connection's callbacks. */
static void on_finish(struct dsc_deferred *deferred)
{
	struct discovery *discovery =
		dsc_container_of(deferred, struct discovery, finish);
	struct discsi_error error = discovery->error;
	struct discsi_discovery *result = discovery->result;
	discsi_discover_cb cb = discovery->cb;
	void *arg = discovery->arg;
	int status = discovery->status;

	free_discovery(discovery);
	cb(arg, status, result, status == 0 ? NULL : &error);
}

static void finish(struct discovery *discovery)
{
	dsc_deferred_request(&discovery->ctx->loop, &discovery->finish);
}

/* The first outcome counts; the answer is one. */
static void fail(struct discovery *discovery, const struct discsi_error *error)
{
	if (!discovery->is_answered) {
		discovery->is_answered = true;
		discovery->status = -error->errnum;
		discovery->error = *error;
	}
	finish(discovery);
}

static void on_end(struct dsc_child *child)
{
	struct discovery *discovery =
		dsc_container_of(child, struct discovery, child);
	struct discsi_error error;

	dsc_error_set(&error, ECANCELED, "discovery cancelled");
	fail(discovery, &error);
	on_finish(&discovery->finish);
}

/* ---------------------------------------------------------- conversation */

static void on_logged_out(void *arg, int status)
{
	(void)status;
	finish(arg);
}

static const char *what_is_wrong(int status)
{
	switch (status) {
	case -EPROTO:
		return "the answer to SendTargets makes no sense";
	case -ENOMEM:
		return "there is no memory for the answer to SendTargets";
	default:
		return "SendTargets was not answered";
	}
}

static void on_text(void *arg, int status, const char *text, size_t length)
{
	struct discovery *discovery = arg;
	struct discsi_error error;
	uint64_t deadline_ns;

	if (status == 0)
		status = dsc_sendtargets_parse(text, length, discovery->address,
					       discovery->port, discovery->tpgt,
					       &discovery->result);
	if (status != 0) {
		dsc_error_set(&error, -status, "%s: %s", discovery->name,
			      what_is_wrong(status));
		fail(discovery, &error);
		return;
	}
	discovery->is_answered = true;
	deadline_ns = discovery->timer.due_ns;
	dsc_timer_set_in(&discovery->timer, LOGOUT_TIMEOUT_MS);
	if (deadline_ns < discovery->timer.due_ns)
		dsc_timer_set(&discovery->timer, deadline_ns);
	if (dsc_conn_logout(discovery->conn, on_logged_out, discovery) != 0)
		finish(discovery);
}

static void on_lost(void *arg, const struct discsi_error *why)
{
	fail(arg, why);
}

static void on_async_event(void *arg, const struct dsc_async_event *event)
{
	(void)arg;
	(void)event;
}

/* No answer in time; a logout that is not answered is no failure. */
static void on_timer(struct dsc_timer *timer)
{
	struct discovery *discovery =
		dsc_container_of(timer, struct discovery, timer);
	struct discsi_error error;

	dsc_error_set(&error, ETIMEDOUT,
		      "%s did not answer SendTargets within %u ms",
		      discovery->name, discovery->conf->command_timeout_ms);
	fail(discovery, &error);
}

static const char question[] = "SendTargets=All";

static void converse(struct discovery *discovery,
		     const struct dsc_connect_result *result)
{
	const struct dsc_conn_owner owner = {
		.lost = on_lost,
		.async_event = on_async_event,
		.arg = discovery,
	};
	struct discsi_error error;

	memcpy(discovery->address, result->address, sizeof(discovery->address));
	discovery->port = result->port;
	discovery->tpgt = result->params.tpgt;
	dsc_text_portal(result->address, result->port, discovery->name,
			sizeof(discovery->name));
	if (dsc_conn_new(discovery->ctx, result->fd, &result->params,
			 discovery->name, &owner, &discovery->conn,
			 &error) != 0) {
		fail(discovery, &error);
		return;
	}
	dsc_timer_set_in(&discovery->timer,
			 discovery->conf->command_timeout_ms);
	if (dsc_conn_text(discovery->conn, question, sizeof(question), on_text,
			  discovery) != 0) {
		dsc_error_set(&error, ENOMEM, "out of memory");
		fail(discovery, &error);
	}
}

static void on_connected(void *arg, const struct dsc_connect_result *result)
{
	struct discovery *discovery = arg;

	discovery->connect = NULL;
	if (result->status != 0)
		fail(discovery, result->error);
	else
		converse(discovery, result);
}

/* ----------------------------------------------------------------- begin */

static void on_begin(struct dsc_job *job)
{
	struct discovery *discovery =
		dsc_container_of(job, struct discovery, job);
	struct dsc_connect_request request = {
		.conf = discovery->conf,
		.initiator = discovery->initiator,
	};
	struct discsi_error error;

	dsc_connect_make_isid(request.isid);
	dsc_context_add_child(discovery->ctx, &discovery->child, on_end);
	if (dsc_timer_init(&discovery->ctx->loop, &discovery->timer,
			   on_timer) != 0) {
		dsc_error_set(&error, ENOMEM, "out of memory");
		fail(discovery, &error);
		return;
	}
	if (dsc_connect_start(discovery->ctx, &request, on_connected, discovery,
			      &discovery->connect, &error) != 0)
		fail(discovery, &error);
}

static int make_discovery(struct discsi_context *ctx,
			  const struct discsi_conf *conf,
			  struct discovery **out)
{
	struct discovery *discovery = calloc(1, sizeof(*discovery));
	int rc;

	if (discovery == NULL)
		return dsc_fail_memory();
	discovery->ctx = ctx;
	dsc_list_init(&discovery->child.link);
	dsc_deferred_init(&discovery->finish, on_finish);
	rc = discsi_conf_dup(conf, &discovery->conf);
	if (rc == 0)
		rc = discsi_conf_initiator_name(conf, &discovery->initiator);
	if (rc != 0) {
		free_discovery(discovery);
		return rc;
	}
	*out = discovery;
	return 0;
}

int dsc_discover_begin(struct discsi_context *ctx,
		       const struct discsi_conf *conf, discsi_discover_cb cb,
		       void *arg, struct dsc_child **child)
{
	struct discovery *discovery = NULL;
	int rc;

	if (ctx == NULL || conf == NULL || cb == NULL)
		return dsc_fail(EINVAL, "discsi_discover: NULL argument");
	if (ctx->is_ending)
		return dsc_fail(ECANCELED, "the context is being destroyed");
	rc = dsc_conf_check(conf);
	if (rc == 0)
		rc = make_discovery(ctx, conf, &discovery);
	if (rc != 0)
		return rc;
	discovery->cb = cb;
	discovery->arg = arg;
	*child = &discovery->child;
	dsc_loop_post(&ctx->loop, &discovery->job, on_begin);
	return 0;
}

int discsi_discover_async(struct discsi_context *ctx,
			  const struct discsi_conf *conf, discsi_discover_cb cb,
			  void *arg)
{
	struct dsc_child *child;

	return dsc_discover_begin(ctx, conf, cb, arg, &child);
}

struct discover_wait {
	struct dsc_wait wait;
	struct discsi_discovery *result;
};

static void on_waited(void *arg, int status, struct discsi_discovery *result,
		      const struct discsi_error *error)
{
	struct discover_wait *discover = arg;

	discover->result = result;
	dsc_wait_finish(&discover->wait, status, error);
}

int discsi_discover(struct discsi_context *ctx, const struct discsi_conf *conf,
		    struct discsi_discovery **result)
{
	struct discover_wait discover = { .result = NULL };
	int rc;

	if (ctx == NULL || result == NULL)
		return dsc_fail(EINVAL, "discsi_discover: NULL argument");
	*result = NULL;
	rc = dsc_wait_begin(ctx, &discover.wait);
	if (rc != 0)
		return rc;
	rc = discsi_discover_async(ctx, conf, on_waited, &discover);
	if (rc != 0) {
		dsc_wait_abandon(&discover.wait);
		return rc;
	}
	rc = dsc_wait_end(&discover.wait);
	*result = discover.result;
	return rc;
}

void discsi_discovery_free(struct discsi_discovery *result)
{
	size_t i;
	size_t j;

	if (result == NULL)
		return;
	for (i = 0; i < result->ntargets; i++) {
		for (j = 0; j < result->targets[i].nportals; j++)
			free(result->targets[i].portals[j].address);
		free(result->targets[i].portals);
		free(result->targets[i].target);
	}
	free(result->targets);
	free(result);
}
