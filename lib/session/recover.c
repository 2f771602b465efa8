/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * recover.c: a nexus that has lost its connection: a pause, another attempt,
 * and so on until the target is back, replacement_timeout has passed, or there
 * is no use in trying.
 *
 * An outage begins when the connection is lost and is over when a later one has
 * shown that it works: has completed a command, or has lived for a while. Until
 * then pauses grow and replacement_timeout runs on, so that a command which
 * makes the target fall over each time is not sent for ever.
 *
 * Loop's thread.
 */
#include "session/nexus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/checked.h"
#include "base/clock.h"

/* The first attempt comes at once, but not of a thousand sessions together. */
#define FIRST_PAUSE_MS 10
#define FIRST_SPREAD_MS 40
/* Those after it: doubling, with a quarter of it at random. */
#define PAUSE_MS 100
#define PAUSE_MAX_MS 10000
/* A connection that has lived so long is none that fails at once. */
#define PROVEN_AFTER_MS 10000
/* The most that a target may ask us to wait. */
#define TIME2WAIT_MAX_MS 60000

static void on_reconnected(void *arg, const struct dsc_connect_result *result);

static uint64_t now_ns(const struct dsc_nexus *nexus)
{
	return dsc_loop_now_ns(&nexus->ctx->loop);
}

static uint32_t random_below(uint32_t limit)
{
	uint32_t value = 0;

	if (limit == 0)
		return 0;
	if (getrandom(&value, sizeof(value), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(value))
		value = (uint32_t)dsc_clock_now_ns();
	return value % limit;
}

static uint32_t next_pause_ms(struct dsc_nexus *nexus)
{
	uint32_t pause;

	if (nexus->attempts == 0) {
		pause = FIRST_PAUSE_MS + random_below(FIRST_SPREAD_MS);
	} else {
		pause = PAUSE_MAX_MS;
		if (nexus->attempts < 8)
			pause = dsc_min_u32(pause, PAUSE_MS <<
					    (nexus->attempts - 1));
		pause += random_below(pause / 4);
	}
	nexus->attempts++;
	pause = dsc_max_u32(pause, dsc_min_u32(nexus->least_pause_ms,
					       TIME2WAIT_MAX_MS));
	nexus->least_pause_ms = 0;
	return pause;
}

static void pause_and_retry(struct dsc_nexus *nexus)
{
	dsc_timer_set_in(&nexus->recover_timer, next_pause_ms(nexus));
}

/* ---------------------------------------------------------------- giving up */

void dsc_nexus_give_up(struct dsc_nexus *nexus, const struct discsi_error *why)
{
	struct discsi_error error = *why;

	if (!dsc_nexus_transit(nexus, DSC_EVENT_GIVE_UP, error.message))
		return;
	nexus->error = error;
	dsc_timer_stop(&nexus->recover_timer);
	dsc_timer_stop(&nexus->outage_timer);
	dsc_keepalive_stop(nexus);
	dsc_verify_cancel(nexus);
	dsc_connect_cancel(nexus->connect);
	nexus->connect = NULL;
	dsc_log(&nexus->ctx->log, DISCSI_LOG_ERROR, DSC_LOG_SESSION,
		"%s: given up: %s", nexus->session->conf->iqn, error.message);
	dsc_barrier_hand_over(nexus);
	dsc_session_bequeath(nexus);
	if (nexus->conn != NULL)
		dsc_conn_close(nexus->conn, -ENOTCONN);
	dsc_requests_fail(nexus, -ENOTCONN);
	dsc_session_tell(nexus, DISCSI_EVENT_FAILED, &error);
}

/* A target that says this will say it again. */
static bool is_final(int errnum)
{
	return errnum == EACCES;
}

static void on_outage_timer(struct dsc_timer *timer)
{
	struct dsc_nexus *nexus =
		dsc_container_of(timer, struct dsc_nexus, outage_timer);
	struct discsi_error error = nexus->error;

	error.errnum = ENOTCONN;
	dsc_error_prefix(&error, "not back within %" PRIu32 " ms",
			 nexus->session->conf->replacement_timeout_ms);
	dsc_nexus_give_up(nexus, &error);
}

static void arm_outage_timer(struct dsc_nexus *nexus)
{
	uint32_t limit_ms = nexus->session->conf->replacement_timeout_ms;

	/* What has not been lost may take its time even so: to leave and to
	 * log in again, to verify. */
	if (limit_ms == 0)
		limit_ms = nexus->session->conf->login_timeout_ms;
	if (limit_ms != DSC_CONF_FOR_EVER)
		dsc_timer_set(&nexus->outage_timer, nexus->outage_ns +
			      limit_ms * DSC_NS_PER_MS);
}

/* ------------------------------------------------------------------- lost */

static bool was_proven(const struct dsc_nexus *nexus)
{
	return nexus->is_proven || nexus->outage_ns == 0 ||
	       (nexus->ready_ns > nexus->outage_ns &&
		now_ns(nexus) - nexus->ready_ns >
			PROVEN_AFTER_MS * DSC_NS_PER_MS);
}

void dsc_recover_limit(struct dsc_nexus *nexus)
{
	if (was_proven(nexus))
		nexus->outage_ns = now_ns(nexus);
	nexus->is_proven = false;
	arm_outage_timer(nexus);
}

static void begin_outage(struct dsc_nexus *nexus)
{
	if (nexus->lost_ns == 0)
		nexus->lost_ns = now_ns(nexus);
	if (was_proven(nexus))
		nexus->attempts = 0;
	dsc_recover_limit(nexus);
	pause_and_retry(nexus);
}

void dsc_nexus_on_lost(void *arg, const struct discsi_error *why)
{
	struct dsc_nexus *nexus = arg;
	struct discsi_session *session = nexus->session;
	bool had_worked = nexus->state == DSC_SESSION_READY ||
			  nexus->state == DSC_SESSION_LEAVING;
	bool was_leaving = nexus->state == DSC_SESSION_LEAVING;

	nexus->error = *why;
	dsc_keepalive_stop(nexus);
	if (!dsc_nexus_transit(nexus, DSC_EVENT_LOST, why->message))
		return;
	if (nexus->state == DSC_SESSION_CLOSED) {
		dsc_requests_fail(nexus, -ENOTCONN);
		dsc_deferred_request(&nexus->ctx->loop, &nexus->settle);
		return;
	}
	dsc_verify_cancel(nexus);
	dsc_requests_park(nexus);
	if (had_worked) {
		dsc_log(&nexus->ctx->log, was_leaving ? DISCSI_LOG_INFO :
			DISCSI_LOG_WARNING, DSC_LOG_SESSION,
			"%s: session lost: %s", session->conf->iqn,
			why->message);
		dsc_stats_add(&session->stats.losses, 1);
		dsc_session_tell(nexus, DISCSI_EVENT_LOST, why);
	}
	begin_outage(nexus);
	if (session->conf->replacement_timeout_ms == 0 && !was_leaving) {
		struct discsi_error error = nexus->error;

		dsc_nexus_give_up(nexus, &error);
	}
}

void dsc_nexus_drop(struct dsc_nexus *nexus, const struct discsi_error *why)
{
	struct discsi_error error = *why;

	dsc_nexus_on_lost(nexus, &error);
	if (nexus->conn != NULL)
		dsc_conn_close(nexus->conn, -ENOTCONN);
}

/* ------------------------------------------------------------------- back */

static void begin_attempt(struct dsc_nexus *nexus)
{
	struct discsi_error error;

	/* A later turn than the one in which it was lost. */
	dsc_conn_free(nexus->conn);
	nexus->conn = NULL;
	dsc_nexus_transit(nexus, DSC_EVENT_RETRY, NULL);
	if (dsc_nexus_connect(nexus, on_reconnected, true, &error) != 0) {
		nexus->error = error;
		dsc_nexus_transit(nexus, DSC_EVENT_REFUSED, error.message);
		pause_and_retry(nexus);
	}
}

static void on_recover_timer(struct dsc_timer *timer)
{
	struct dsc_nexus *nexus =
		dsc_container_of(timer, struct dsc_nexus, recover_timer);
	struct discsi_error error;

	if (nexus->state == DSC_SESSION_BACKOFF) {
		begin_attempt(nexus);
		return;
	}
	if (nexus->state != DSC_SESSION_VERIFYING)
		return;
	dsc_error_set(&error, ETIMEDOUT,
		      "%s: its disks did not answer within %" PRIu32
		      " ms of the login", nexus->session->conf->iqn,
		      nexus->session->conf->login_timeout_ms);
	dsc_nexus_drop(nexus, &error);
}

static void attempt_failed(struct dsc_nexus *nexus,
			   const struct discsi_error *error)
{
	nexus->error = *error;
	if (is_final(error->errnum)) {
		dsc_nexus_give_up(nexus, error);
		return;
	}
	dsc_nexus_transit(nexus, DSC_EVENT_REFUSED, error->message);
	pause_and_retry(nexus);
}

static void on_reconnected(void *arg, const struct dsc_connect_result *result)
{
	struct dsc_nexus *nexus = arg;
	struct discsi_error error;

	nexus->connect = NULL;
	if (result->status != 0) {
		attempt_failed(nexus, result->error);
		return;
	}
	if (dsc_nexus_take(nexus, result, &error) != 0) {
		attempt_failed(nexus, &error);
		return;
	}
	dsc_nexus_transit(nexus, DSC_EVENT_LOGGED_IN, "login ok");
	dsc_verify_begin(nexus);
}

void dsc_nexus_resume(struct dsc_nexus *nexus)
{
	struct discsi_session *session = nexus->session;
	uint64_t now = now_ns(nexus);
	bool was_lost = nexus->lost_ns != 0;

	if (!dsc_nexus_transit(nexus, DSC_EVENT_VERIFIED, NULL))
		return;
	dsc_timer_stop(&nexus->recover_timer);
	dsc_timer_stop(&nexus->outage_timer);
	nexus->ready_ns = now;
	nexus->work_tpgt = nexus->params.tpgt;
	if (was_lost) {
		dsc_log(&nexus->ctx->log, DISCSI_LOG_INFO, DSC_LOG_SESSION,
			"%s: session recovered after %" PRIu64 " ms",
			session->conf->iqn,
			(now - nexus->lost_ns) / DSC_NS_PER_MS);
		dsc_stats_add(&session->stats.recoveries, 1);
		dsc_stats_add(&session->stats.outage_ns, now - nexus->lost_ns);
		nexus->lost_ns = 0;
	}
	dsc_keepalive_start(nexus);
	dsc_requests_replay(nexus);
	dsc_session_reroute(session);
	if (was_lost)
		dsc_session_tell(nexus, DISCSI_EVENT_RECOVERED, NULL);
}

void dsc_nexus_prove(struct dsc_nexus *nexus)
{
	nexus->is_proven = true;
	nexus->attempts = 0;
}

int dsc_recover_prepare(struct dsc_nexus *nexus)
{
	struct dsc_loop *loop = &nexus->ctx->loop;
	int rc = dsc_timer_init(loop, &nexus->recover_timer, on_recover_timer);

	if (rc == 0)
		rc = dsc_timer_init(loop, &nexus->outage_timer,
				    on_outage_timer);
	return rc;
}

void dsc_recover_fini(struct dsc_nexus *nexus)
{
	dsc_timer_fini(&nexus->recover_timer);
	dsc_timer_fini(&nexus->outage_timer);
}
