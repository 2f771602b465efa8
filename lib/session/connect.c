/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connect.c: trying a configuration's portals, each name's addresses in
 * order, until one lets us in. A redirect puts its portal in front. The time
 * that is left is shared out among what is still to be tried, so that one
 * silent portal does not use it all up. Loop's thread.
 */
#include "session/connect.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "iscsi/login.h"
#include "session/resolver.h"

/* The least that an attempt is given while there is time at all. */
#define ATTEMPT_LEAST_MS 250

struct dsc_connect {
	struct discsi_context *ctx;
	struct dsc_connect_request request;
	dsc_connect_cb cb;
	void *arg;
	uint64_t deadline_ns;
	struct dsc_timer timer;           /* for resolving; a login has its own */
	struct dsc_deferred advance;      /* on to the next attempt */

	struct dsc_conf_portal portals[DSC_CONF_PORTALS_MAX];  /* borrowed */
	size_t nportals;
	size_t portal;                    /* the one after the current */
	struct dsc_conf_portal redirect;  /* owned; host NULL: none */
	unsigned redirects;
	char name[280];                   /* of the current portal */

	struct dsc_resolve *resolve;
	struct dsc_resolve_result addresses;
	size_t address;                   /* the one after the current */
	struct dsc_login *login;
	struct discsi_error error;        /* of the attempt that tells most */
};

/* ------------------------------------------------------------------- end */

static void free_connect(struct dsc_connect *connect)
{
	dsc_resolve_cancel(connect->resolve);
	dsc_login_cancel(connect->login);
	dsc_deferred_cancel(&connect->advance);
	dsc_timer_fini(&connect->timer);
	free(connect->redirect.host);
	free(connect);
}

void dsc_connect_cancel(struct dsc_connect *connect)
{
	if (connect != NULL)
		free_connect(connect);
}

static void finish_refused(struct dsc_connect *connect)
{
	struct discsi_error error = connect->error;
	struct dsc_connect_result result = {
		.status = -error.errnum,
		.error = &error,
		.fd = -1,
	};
	dsc_connect_cb cb = connect->cb;
	void *arg = connect->arg;

	free_connect(connect);
	cb(arg, &result);
}

/* Numeric address and port of the attempt that has succeeded. */
static void name_address(const struct dsc_address *address,
			 struct dsc_connect_result *result)
{
	char port[8];

	if (getnameinfo((const struct sockaddr *)&address->storage,
			address->length, result->address,
			sizeof(result->address), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		result->address[0] = '\0';
	else
		result->port = (uint16_t)strtoul(port, NULL, 10);
}

static void finish_connected(struct dsc_connect *connect,
			     const struct dsc_login_result *login)
{
	struct dsc_connect_result result = {
		.fd = login->fd,
		.params = login->params,
	};
	dsc_connect_cb cb = connect->cb;
	void *arg = connect->arg;

	result.peer = connect->addresses.addresses[connect->address - 1];
	name_address(&result.peer, &result);
	free_connect(connect);
	cb(arg, &result);
}

/* -------------------------------------------------------------- failures */

/*
 * Which of several failures to tell: one that came from a target says more
 * than one of the network, and a refused secret the most.
 */
static int weight(const struct discsi_error *error)
{
	if (error->errnum == EACCES)
		return 3;
	if (error->login_class >= 0)
		return 2;
	return error->errnum == 0 ? 0 : 1;
}

static void note_failure(struct dsc_connect *connect,
			 const struct discsi_error *error)
{
	dsc_log(&connect->ctx->log, DISCSI_LOG_INFO, DSC_LOG_LOGIN, "%s",
		error->message);
	if (weight(error) > weight(&connect->error))
		connect->error = *error;
}

/* On to the next attempt at the end of the turn. */
static void advance(struct dsc_connect *connect)
{
	dsc_deferred_request(&connect->ctx->loop, &connect->advance);
}

static uint64_t left_ms(const struct dsc_connect *connect)
{
	uint64_t now = dsc_loop_now_ns(&connect->ctx->loop);

	if (now >= connect->deadline_ns)
		return 0;
	return (connect->deadline_ns - now + DSC_NS_PER_MS - 1) / DSC_NS_PER_MS;
}

/* -------------------------------------------------------------- redirect */

static void follow_redirect(struct dsc_connect *connect, const char *portal)
{
	struct discsi_error error;

	if (++connect->redirects > DSC_REDIRECTS_MAX) {
		dsc_error_set(&error, EPROTO,
			      "%s: redirected more than %d times",
			      connect->name, DSC_REDIRECTS_MAX);
		note_failure(connect, &error);
		return;
	}
	free(connect->redirect.host);
	connect->redirect.host = NULL;
	if (dsc_conf_parse_portal(portal, &connect->redirect) != 0) {
		dsc_error_set(&error, EPROTO,
			      "%s: redirected to a portal that is none",
			      connect->name);
		note_failure(connect, &error);
		return;
	}
	connect->address = 0;
	connect->addresses.count = 0;
}

/* ----------------------------------------------------------------- login */

static void on_login(void *arg, const struct dsc_login_result *result)
{
	struct dsc_connect *connect = arg;

	connect->login = NULL;
	if (result->status == 0) {
		finish_connected(connect, result);
		return;
	}
	if (result->status == -EREMCHG)
		follow_redirect(connect, result->redirect);
	else
		note_failure(connect, &result->error);
	advance(connect);
}

static bool has_next_portal(const struct dsc_connect *connect)
{
	return connect->redirect.host != NULL ||
	       connect->portal < connect->nportals;
}

/* An equal share of what is left for each attempt that is known of. */
static uint32_t attempt_ms(const struct dsc_connect *connect)
{
	uint64_t left = left_ms(connect);
	size_t attempts = connect->addresses.count - connect->address + 1 +
			  connect->nportals - connect->portal;
	uint64_t share = dsc_max_u64(left / attempts, ATTEMPT_LEAST_MS);

	return (uint32_t)dsc_max_u64(dsc_min_u64(share, left), 1);
}

/* The digest enums of the two layers are of the same order. */
static enum dsc_digest to_digest(enum dsc_conf_digest digest)
{
	return (enum dsc_digest)digest;
}

static void log_in(struct dsc_connect *connect)
{
	const struct discsi_conf *conf = connect->request.conf;
	const struct dsc_address *address =
		&connect->addresses.addresses[connect->address++];
	struct dsc_login_request request = {
		.address = (const struct sockaddr *)&address->storage,
		.address_length = address->length,
		.portal = connect->name,
		.initiator_name = connect->request.initiator,
		.target_name = connect->request.target,
		.username = conf->username,
		.password = &conf->password,
		.target_username = conf->target_username,
		.target_password = &conf->target_password,
		.header_digest = to_digest(conf->header_digest),
		.data_digest = to_digest(conf->data_digest),
		.timeout_ms = attempt_ms(connect),
	};
	struct discsi_error error;

	memcpy(request.isid, connect->request.isid, sizeof(request.isid));
	if (dsc_login_start(connect->ctx, &request, on_login, connect,
			    &connect->login, &error) != 0) {
		note_failure(connect, &error);
		advance(connect);
	}
}

/* --------------------------------------------------------------- resolve */

static void on_resolved(void *arg, const struct dsc_resolve_result *result)
{
	struct dsc_connect *connect = arg;

	connect->resolve = NULL;
	dsc_timer_stop(&connect->timer);
	if (result->status != 0) {
		note_failure(connect, &result->error);
	} else {
		connect->addresses = *result;
		connect->address = 0;
	}
	advance(connect);
}

static void on_resolve_timer(struct dsc_timer *timer)
{
	struct dsc_connect *connect =
		dsc_container_of(timer, struct dsc_connect, timer);
	struct discsi_error error;

	dsc_resolve_cancel(connect->resolve);
	connect->resolve = NULL;
	dsc_error_set(&error, ETIMEDOUT, "%s: the name was not resolved in time",
		      connect->name);
	note_failure(connect, &error);
	advance(connect);
}

static void resolve_next(struct dsc_connect *connect)
{
	struct dsc_conf_portal portal = connect->redirect;
	struct discsi_error error;
	bool is_v6;
	int rc;

	if (portal.host == NULL)
		portal = connect->portals[connect->portal++];
	is_v6 = strchr(portal.host, ':') != NULL;
	snprintf(connect->name, sizeof(connect->name), "%s%s%s:%u",
		 is_v6 ? "[" : "", portal.host, is_v6 ? "]" : "", portal.port);
	connect->addresses.count = 0;
	connect->address = 0;
	rc = dsc_resolve_start(connect->ctx, portal.host, portal.port,
			       on_resolved, connect, &connect->resolve, &error);
	free(connect->redirect.host);
	connect->redirect.host = NULL;
	if (rc != 0) {
		note_failure(connect, &error);
		advance(connect);
		return;
	}
	dsc_timer_set_in(&connect->timer, attempt_ms(connect));
}

/* --------------------------------------------------------------- attempts */

static void on_advance(struct dsc_deferred *deferred)
{
	struct dsc_connect *connect =
		dsc_container_of(deferred, struct dsc_connect, advance);
	bool has_address = connect->address < connect->addresses.count;

	if (!has_address && !has_next_portal(connect)) {
		finish_refused(connect);
		return;
	}
	if (left_ms(connect) == 0 && connect->error.errnum != 0) {
		finish_refused(connect);
		return;
	}
	if (has_address)
		log_in(connect);
	else
		resolve_next(connect);
}

int dsc_connect_start(struct discsi_context *ctx,
		      const struct dsc_connect_request *request,
		      dsc_connect_cb cb, void *arg,
		      struct dsc_connect **connect, struct discsi_error *error)
{
	struct dsc_connect *new = calloc(1, sizeof(*new));

	if (new == NULL)
		return dsc_error_set(error, ENOMEM, "out of memory");
	new->ctx = ctx;
	new->request = *request;
	new->cb = cb;
	new->arg = arg;
	dsc_error_init(&new->error);
	dsc_deferred_init(&new->advance, on_advance);
	new->nportals = dsc_conf_portals(request->conf, new->portals);
	if (new->nportals == 0) {
		free(new);
		return dsc_error_set(error, EINVAL, "portal: the configuration "
				     "names no portal and no target host");
	}
	if (dsc_timer_init(&ctx->loop, &new->timer, on_resolve_timer) != 0) {
		free(new);
		return dsc_error_set(error, ENOMEM, "out of memory");
	}
	new->deadline_ns = dsc_loop_now_ns(&ctx->loop) +
			   request->conf->login_timeout_ms * DSC_NS_PER_MS;
	*connect = new;
	advance(new);
	return 0;
}
