/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connect.c: a configuration's portals, each name's addresses, until one lets
 * us in. As in RFC 8305 (Happy Eyeballs): one attempt after the other, but each
 * has a quarter of a second before the next one is begun beside it, so that a
 * dead portal costs no more than that; one that fails is followed at once. The
 * first that logs in wins (attempt.c has what keeps it to one). Loop's thread.
 */
#include "session/connect-internal.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/text.h"

/* A service that is unavailable is asked again this often, with pauses. */
#define ROUNDS_MAX 4
#define ROUND_PAUSE_MS 200

/* Logins that end at the deadline have more to tell than the deadline has. */
#define DEADLINE_GRACE_MS 20

static uint64_t now_ns(const struct dsc_connect *connect)
{
	return dsc_loop_now_ns(&connect->ctx->loop);
}

void dsc_connect_make_isid(uint8_t isid[6])
{
	if (getrandom(isid, 6, GRND_NONBLOCK) != 6) {
		uint64_t now = dsc_clock_now_ns();

		memcpy(isid, &now, 6);
	}
	isid[0] = 0x80;
}

/* ------------------------------------------------------------------- end */

static void free_list(struct dsc_list *list)
{
	struct dsc_list *first;

	while ((first = dsc_list_first(list)) != NULL)
		dsc_attempt_free(dsc_container_of(first, struct dsc_attempt,
						  link));
}

static void free_connect(struct dsc_connect *connect)
{
	free_list(&connect->attempts);
	free_list(&connect->pending);
	dsc_deferred_cancel(&connect->advance);
	dsc_timer_fini(&connect->deadline_timer);
	dsc_timer_fini(&connect->pace_timer);
	dsc_timer_fini(&connect->ticket_timer);
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

void dsc_connect_succeed(struct dsc_attempt *attempt,
			 const struct dsc_login_result *login)
{
	struct dsc_connect *connect = attempt->connect;
	struct dsc_connect_result result = {
		.fd = login->fd,
		.params = login->params,
	};
	dsc_connect_cb cb = connect->cb;
	void *arg = connect->arg;

	name_address(&attempt->address, &result);
	result.peer = attempt->origin.length != 0 ? attempt->origin :
						    attempt->address;
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

void dsc_connect_note(struct dsc_connect *connect,
		      const struct discsi_error *error)
{
	dsc_log(&connect->ctx->log, DISCSI_LOG_INFO, DSC_LOG_LOGIN, "%s",
		error->message);
	if (weight(error) > weight(&connect->error))
		connect->error = *error;
}

uint32_t dsc_connect_left_ms(const struct dsc_connect *connect)
{
	uint64_t now = now_ns(connect);

	if (now >= connect->deadline_ns)
		return 1;
	return (uint32_t)((connect->deadline_ns - now + DSC_NS_PER_MS - 1) /
			  DSC_NS_PER_MS);
}

static void on_deadline_timer(struct dsc_timer *timer)
{
	struct dsc_connect *connect = dsc_container_of(
		timer, struct dsc_connect, deadline_timer);
	struct discsi_error error;

	dsc_error_set(&error, ETIMEDOUT, "%s: no portal let us in within %u ms",
		      connect->request.target != NULL ?
		      connect->request.target : "discovery",
		      connect->request.conf->login_timeout_ms);
	dsc_connect_note(connect, &error);
	finish_refused(connect);
}

/* ----------------------------------------------------------------- rounds */

static bool is_same(const struct dsc_address *a, const struct dsc_address *b)
{
	return a->length == b->length &&
	       memcmp(&a->storage, &b->storage, a->length) == 0;
}

/* Remembers it; two names may well mean the same portal. */
static bool was_tried(struct dsc_connect *connect,
		      const struct dsc_attempt *attempt)
{
	size_t i;

	if (attempt->redirects > 0)
		return false;
	for (i = 0; i < connect->ntried; i++) {
		if (is_same(&connect->tried[i], &attempt->address))
			return true;
	}
	if (connect->ntried < DSC_RACE_TRIED_MAX)
		connect->tried[connect->ntried++] = attempt->address;
	return false;
}

/* The one that has worked last comes first. */
static void begin_round(struct dsc_connect *connect)
{
	struct dsc_attempt *first = NULL;
	struct dsc_connect_result named = { .port = 0 };

	connect->is_between_rounds = false;
	connect->portal = 0;
	connect->ntried = 0;
	if (connect->request.preferred.length != 0)
		first = dsc_attempt_new(connect);
	if (first != NULL) {
		first->address = connect->request.preferred;
		name_address(&first->address, &named);
		dsc_text_portal(named.address, named.port, first->name,
				sizeof(first->name));
		dsc_list_append(&connect->pending, &first->link);
	}
	dsc_connect_advance(connect);
}

/* An address that is known of; true when it has been begun. */
static bool begin_pending(struct dsc_connect *connect)
{
	struct dsc_list *link = dsc_list_pop(&connect->pending);
	struct dsc_attempt *attempt;

	if (link == NULL)
		return false;
	attempt = dsc_container_of(link, struct dsc_attempt, link);
	if (was_tried(connect, attempt)) {
		dsc_attempt_free(attempt);
		connect->vacancies++;
	} else {
		dsc_attempt_log_in(attempt);
	}
	return true;
}

static bool begin_portal(struct dsc_connect *connect)
{
	struct dsc_attempt *attempt;
	struct discsi_error error;

	if (connect->portal == connect->nportals)
		return false;
	attempt = dsc_attempt_new(connect);
	if (attempt == NULL) {
		dsc_error_set(&error, ENOMEM, "out of memory");
		dsc_connect_note(connect, &error);
		return false;
	}
	dsc_attempt_look_up(attempt, &connect->portals[connect->portal++]);
	return true;
}

/* All portals have failed. */
static void end_round(struct dsc_connect *connect)
{
	uint32_t pause_ms = ROUND_PAUSE_MS << connect->rounds;

	if (connect->error.errnum != EAGAIN || connect->request.is_recovery ||
	    ++connect->rounds == ROUNDS_MAX ||
	    pause_ms >= dsc_connect_left_ms(connect)) {
		finish_refused(connect);
		return;
	}
	connect->is_between_rounds = true;
	dsc_timer_set_in(&connect->pace_timer, pause_ms);
}

static void on_advance(struct dsc_deferred *deferred)
{
	struct dsc_connect *connect =
		dsc_container_of(deferred, struct dsc_connect, advance);

	while (connect->vacancies > 0 && connect->running < DSC_RACE_MAX) {
		connect->vacancies--;
		if (!begin_pending(connect) && !begin_portal(connect))
			connect->vacancies = 0;
		else
			dsc_timer_set_in(&connect->pace_timer,
					 DSC_RACE_PACE_MS);
	}
	if (connect->running == 0 && connect->vacancies == 0 &&
	    !connect->is_between_rounds)
		end_round(connect);
}

void dsc_connect_advance(struct dsc_connect *connect)
{
	connect->vacancies++;
	dsc_deferred_request(&connect->ctx->loop, &connect->advance);
}

static void on_pace_timer(struct dsc_timer *timer)
{
	struct dsc_connect *connect =
		dsc_container_of(timer, struct dsc_connect, pace_timer);

	if (connect->is_between_rounds)
		begin_round(connect);
	else
		dsc_connect_advance(connect);
}

static void on_ticket_timer(struct dsc_timer *timer)
{
	dsc_attempt_check_ticket(
		dsc_container_of(timer, struct dsc_connect, ticket_timer));
}

/* ------------------------------------------------------------------ begin */

static int init_timers(struct dsc_connect *connect)
{
	struct dsc_loop *loop = &connect->ctx->loop;
	int rc = dsc_timer_init(loop, &connect->deadline_timer,
				on_deadline_timer);

	if (rc == 0)
		rc = dsc_timer_init(loop, &connect->pace_timer, on_pace_timer);
	if (rc == 0)
		rc = dsc_timer_init(loop, &connect->ticket_timer,
				    on_ticket_timer);
	return rc;
}

int dsc_connect_start(struct discsi_context *ctx,
		      const struct dsc_connect_request *request,
		      dsc_connect_cb cb, void *arg,
		      struct dsc_connect **connect, struct discsi_error *error)
{
	struct dsc_connect *new = calloc(1, sizeof(*new));
	uint32_t timeout_ms = request->conf->login_timeout_ms;

	if (new == NULL)
		return dsc_error_set(error, ENOMEM, "out of memory");
	new->ctx = ctx;
	new->request = *request;
	new->cb = cb;
	new->arg = arg;
	dsc_error_init(&new->error);
	dsc_list_init(&new->pending);
	dsc_list_init(&new->attempts);
	dsc_deferred_init(&new->advance, on_advance);
	new->nportals = dsc_conf_portals(request->conf, new->portals);
	if (new->nportals == 0) {
		free_connect(new);
		return dsc_error_set(error, EINVAL, "portal: the configuration "
				     "names no portal and no target host");
	}
	if (init_timers(new) != 0) {
		free_connect(new);
		return dsc_error_set(error, ENOMEM, "out of memory");
	}
	new->deadline_ns = now_ns(new) + timeout_ms * DSC_NS_PER_MS;
	dsc_timer_set(&new->deadline_timer, new->deadline_ns +
		      DEADLINE_GRACE_MS * DSC_NS_PER_MS);
	begin_round(new);
	*connect = new;
	return 0;
}
