/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attempt.c: one of the attempts that race to log in: looking its portal's name
 * up, logging in at an address, waiting for the ticket, being redirected.
 * Loop's thread.
 */
#include "session/connect-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static uint64_t now_ns(const struct dsc_connect *connect)
{
	return dsc_loop_now_ns(&connect->ctx->loop);
}

/* ------------------------------------------------------------------- life */

struct dsc_attempt *dsc_attempt_new(struct dsc_connect *connect)
{
	struct dsc_attempt *attempt = calloc(1, sizeof(*attempt));

	if (attempt == NULL)
		return NULL;
	attempt->connect = connect;
	dsc_list_init(&attempt->link);
	return attempt;
}

static void begin(struct dsc_attempt *attempt)
{
	dsc_list_append(&attempt->connect->attempts, &attempt->link);
	attempt->connect->running++;
}

void dsc_attempt_free(struct dsc_attempt *attempt)
{
	struct dsc_connect *connect = attempt->connect;

	if (attempt->resolve != NULL || attempt->login != NULL)
		connect->running--;
	if (connect->ticket == attempt)
		connect->ticket = NULL;
	dsc_resolve_cancel(attempt->resolve);
	dsc_login_cancel(attempt->login);
	dsc_list_remove(&attempt->link);
	free(attempt);
}

/* It is over: on to the next one. */
static void fail(struct dsc_attempt *attempt, const struct discsi_error *error)
{
	struct dsc_connect *connect = attempt->connect;

	dsc_connect_note(connect, error);
	dsc_attempt_free(attempt);
	dsc_attempt_check_ticket(connect);
	dsc_connect_advance(connect);
}

/* ------------------------------------------------------------------ ticket */

static struct dsc_attempt *first_waiting(const struct dsc_connect *connect)
{
	struct dsc_list *link;

	for (link = connect->attempts.next; link != &connect->attempts;
	     link = link->next) {
		struct dsc_attempt *attempt =
			dsc_container_of(link, struct dsc_attempt, link);

		if (attempt->is_waiting)
			return attempt;
	}
	return NULL;
}

static void give_ticket(struct dsc_attempt *attempt)
{
	struct dsc_connect *connect = attempt->connect;

	connect->ticket = attempt;
	connect->ticket_ns = now_ns(connect);
	attempt->is_waiting = false;
}

static void drop_holder(struct dsc_connect *connect)
{
	struct discsi_error error;

	dsc_error_set(&error, ETIMEDOUT, "login at %s: no answer to the last "
		      "request within %d ms, while another portal answers",
		      connect->ticket->name, DSC_RACE_PACE_MS);
	dsc_connect_note(connect, &error);
	dsc_attempt_free(connect->ticket);
	dsc_connect_advance(connect);
}

static uint64_t ticket_due_ns(const struct dsc_connect *connect)
{
	return connect->ticket_ns + DSC_RACE_PACE_MS * DSC_NS_PER_MS;
}

static void pass_ticket(struct dsc_connect *connect,
			struct dsc_attempt *waiting)
{
	/* Its connection is closed before the other one may go on. */
	if (connect->ticket != NULL)
		drop_holder(connect);
	give_ticket(waiting);
	dsc_login_proceed(waiting->login);
}

void dsc_attempt_check_ticket(struct dsc_connect *connect)
{
	struct dsc_attempt *waiting = first_waiting(connect);

	if (waiting != NULL && (connect->ticket == NULL ||
				ticket_due_ns(connect) <= now_ns(connect))) {
		pass_ticket(connect, waiting);
		waiting = first_waiting(connect);
	}
	if (waiting != NULL)
		dsc_timer_set(&connect->ticket_timer, ticket_due_ns(connect));
}

static bool may_complete(void *arg)
{
	struct dsc_attempt *attempt = arg;
	struct dsc_connect *connect = attempt->connect;

	if (connect->ticket == attempt || connect->ticket == NULL) {
		give_ticket(attempt);
		return true;
	}
	attempt->is_waiting = true;
	dsc_timer_set(&connect->ticket_timer, ticket_due_ns(connect));
	return false;
}

/* ---------------------------------------------------------------- redirect */

static int check_redirect(const struct dsc_attempt *attempt, const char *text,
			  struct dsc_conf_portal *portal,
			  struct discsi_error *error)
{
	if (attempt->redirects == DSC_REDIRECTS_MAX)
		return dsc_error_set(error, EPROTO, "%s: redirected more than "
				     "%d times", attempt->name,
				     DSC_REDIRECTS_MAX);
	if (dsc_conf_parse_portal(text, portal) != 0)
		return dsc_error_set(error, EPROTO, "%s: redirected to a portal "
				     "that is none", attempt->name);
	return 0;
}

/*
 * To the portal that the target has named, at once. A temporary redirect holds
 * for this login only: next time the portal that has redirected us is asked
 * again (RFC 7143 section 11.13.5).
 */
static void redirect(struct dsc_attempt *attempt,
		     const struct dsc_login_result *result)
{
	struct dsc_conf_portal portal = { .host = NULL };
	struct discsi_error error;

	if (check_redirect(attempt, result->redirect, &portal, &error) != 0) {
		fail(attempt, &error);
		return;
	}
	attempt->redirects++;
	if (result->error.login_detail == 1 && attempt->origin.length == 0)
		attempt->origin = attempt->address;
	if (attempt->connect->ticket == attempt)
		attempt->connect->ticket = NULL;
	dsc_list_remove(&attempt->link);
	dsc_attempt_check_ticket(attempt->connect);
	dsc_attempt_look_up(attempt, &portal);
	free(portal.host);
}

/* ------------------------------------------------------------------- login */

static void on_login(void *arg, const struct dsc_login_result *result)
{
	struct dsc_attempt *attempt = arg;

	attempt->login = NULL;
	attempt->is_waiting = false;
	if (result->status == 0) {
		dsc_connect_succeed(attempt, result);
		return;
	}
	attempt->connect->running--;
	if (result->status == -EREMCHG)
		redirect(attempt, result);
	else
		fail(attempt, &result->error);
}

/* The digest enums of the two layers are of the same order. */
static enum dsc_digest to_digest(enum dsc_conf_digest digest)
{
	return (enum dsc_digest)digest;
}

void dsc_attempt_log_in(struct dsc_attempt *attempt)
{
	struct dsc_connect *connect = attempt->connect;
	const struct discsi_conf *conf = connect->request.conf;
	struct dsc_login_request request = {
		.address = (const struct sockaddr *)&attempt->address.storage,
		.address_length = attempt->address.length,
		.portal = attempt->name,
		.initiator_name = connect->request.initiator,
		.target_name = connect->request.target,
		.username = conf->username,
		.password = &conf->password,
		.target_username = conf->target_username,
		.target_password = &conf->target_password,
		.header_digest = to_digest(conf->header_digest),
		.data_digest = to_digest(conf->data_digest),
		.timeout_ms = dsc_connect_left_ms(connect),
		.may_complete = may_complete,
	};
	struct discsi_error error;

	memcpy(request.isid, connect->request.isid, sizeof(request.isid));
	if (dsc_login_start(connect->ctx, &request, on_login, attempt,
			    &attempt->login, &error) != 0)
		fail(attempt, &error);
	else
		begin(attempt);
}

/* ----------------------------------------------------------------- look-up */

/* What the attempts at the addresses of one name have in common. */
static void copy_origin(struct dsc_attempt *to, const struct dsc_attempt *from)
{
	memcpy(to->name, from->name, sizeof(to->name));
	to->origin = from->origin;
	to->redirects = from->redirects;
}

/* The addresses of a name are attempts of their own, the first one this. */
static void on_resolved(void *arg, const struct dsc_resolve_result *result)
{
	struct dsc_attempt *attempt = arg;
	struct dsc_connect *connect = attempt->connect;
	struct dsc_list *before = connect->pending.next;
	size_t i;

	attempt->resolve = NULL;
	connect->running--;
	if (result->status != 0) {
		fail(attempt, &result->error);
		return;
	}
	dsc_list_remove(&attempt->link);
	for (i = 0; i < result->count; i++) {
		struct dsc_attempt *one = i == 0 ? attempt :
					  dsc_attempt_new(connect);

		if (one == NULL)
			break;
		if (one != attempt)
			copy_origin(one, attempt);
		one->address = result->addresses[i];
		dsc_list_insert_before(before, &one->link);
	}
	dsc_connect_advance(connect);
}

void dsc_attempt_look_up(struct dsc_attempt *attempt,
			 const struct dsc_conf_portal *portal)
{
	struct dsc_connect *connect = attempt->connect;
	struct discsi_error error;

	dsc_text_portal(portal->host, portal->port, attempt->name,
			sizeof(attempt->name));
	if (dsc_resolve_start(connect->ctx, portal->host, portal->port,
			      on_resolved, attempt, &attempt->resolve,
			      &error) != 0)
		fail(attempt, &error);
	else
		begin(attempt);
}
