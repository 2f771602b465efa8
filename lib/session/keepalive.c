/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * keepalive.c: is the target still there? After noop_interval of silence it is
 * pinged (NOP-Out, RFC 7143 section 11.18); if nothing at all comes within
 * noop_timeout the connection is dropped. And what the target says of its own
 * accord: Asynchronous Messages (section 11.9), unit attentions.
 *
 * Loop's thread.
 */
#include "session/nexus.h"

#include <errno.h>
#include <inttypes.h>

#include "base/checked.h"
#include "base/clock.h"

static uint64_t now_ns(const struct dsc_nexus *nexus)
{
	return dsc_loop_now_ns(&nexus->ctx->loop);
}

/* ------------------------------------------------------------------ pings */

static uint64_t interval_ns(const struct dsc_nexus *nexus)
{
	return nexus->session->conf->noop_interval_ms * DSC_NS_PER_MS;
}

static uint64_t timeout_ns(const struct dsc_nexus *nexus)
{
	return nexus->session->conf->noop_timeout_ms * DSC_NS_PER_MS;
}

static void on_pong(void *arg, int status)
{
	struct dsc_nexus *nexus = arg;

	nexus->pinged_ns = 0;
	if (status != 0)
		return;
	/* The next one is due an interval from now, not when this one was. */
	if (nexus->ping_timer.slot != 0)
		dsc_timer_set(&nexus->ping_timer,
			      now_ns(nexus) + interval_ns(nexus));
	dsc_nexus_prove(nexus);
}

static void ping(struct dsc_nexus *nexus)
{
	int rc = dsc_conn_ping(nexus->conn, on_pong, nexus);

	/* -EBUSY: one from before a verification is not answered yet. */
	if (rc != 0 && rc != -EBUSY)
		return;
	nexus->pinged_ns = now_ns(nexus);
	if (rc == 0)
		dsc_stats_add(&nexus->session->stats.pings, 1);
}

static void drop_silent(struct dsc_nexus *nexus)
{
	struct discsi_error error;

	dsc_error_set(&error, ETIMEDOUT, "%s: the target is silent, a ping was "
		      "not answered within %" PRIu32 " ms",
		      nexus->session->conf->iqn,
		      nexus->session->conf->noop_timeout_ms);
	dsc_nexus_drop(nexus, &error);
}

static void on_ping_timer(struct dsc_timer *timer)
{
	struct dsc_nexus *nexus =
		dsc_container_of(timer, struct dsc_nexus, ping_timer);
	uint64_t now = now_ns(nexus);
	uint64_t heard = dsc_conn_heard_ns(nexus->conn);
	uint64_t due = heard + interval_ns(nexus);

	if (nexus->pinged_ns != 0) {
		/* Anything that arrives says that the target is there. */
		due = dsc_max_u64(nexus->pinged_ns, heard) + timeout_ns(nexus);
		if (due <= now) {
			drop_silent(nexus);
			return;
		}
	} else if (due <= now) {
		ping(nexus);
		due = now + timeout_ns(nexus);
	}
	dsc_timer_set(&nexus->ping_timer, due);
}

void dsc_keepalive_start(struct dsc_nexus *nexus)
{
	nexus->pinged_ns = 0;
	if (interval_ns(nexus) != 0)
		dsc_timer_set(&nexus->ping_timer,
			      now_ns(nexus) + interval_ns(nexus));
}

void dsc_keepalive_stop(struct dsc_nexus *nexus)
{
	dsc_timer_stop(&nexus->ping_timer);
	dsc_timer_stop(&nexus->leave_timer);
}

/* ----------------------------------------------------------------- leaving */

static void drop_to_leave(struct dsc_nexus *nexus)
{
	struct discsi_error error;

	if (nexus->state != DSC_SESSION_LEAVING)
		return;
	dsc_error_set(&error, ENOTCONN, "%s: the target asked for a new login",
		      nexus->session->conf->iqn);
	dsc_nexus_drop(nexus, &error);
}

static void on_leave(struct dsc_deferred *deferred)
{
	drop_to_leave(dsc_container_of(deferred, struct dsc_nexus, leave));
}

static void on_leave_timer(struct dsc_timer *timer)
{
	drop_to_leave(dsc_container_of(timer, struct dsc_nexus, leave_timer));
}

static void on_logged_out(void *arg, int status)
{
	struct dsc_nexus *nexus = arg;

	(void)status;
	dsc_deferred_request(&nexus->ctx->loop, &nexus->leave);
}

/*
 * What has been sent finishes, the rest waits for the next login; then a
 * Logout, within the time that the target gives us.
 */
static void leave(struct dsc_nexus *nexus, uint32_t limit_ms)
{
	const struct discsi_conf *conf = nexus->session->conf;

	if (!dsc_nexus_transit(nexus, DSC_EVENT_LEAVE,
			       "asked for by the target"))
		return;
	dsc_keepalive_stop(nexus);
	dsc_requests_park(nexus);
	if (limit_ms == 0 || limit_ms > conf->command_timeout_ms)
		limit_ms = conf->command_timeout_ms;
	dsc_timer_set_in(&nexus->leave_timer, limit_ms);
	if (dsc_conn_logout(nexus->conn, on_logged_out, nexus) != 0)
		dsc_deferred_request(&nexus->ctx->loop, &nexus->leave);
}

/* The target has dropped the connection, or is about to. */
static void let_go(struct dsc_nexus *nexus, uint32_t time2wait_s)
{
	struct discsi_error error;

	if (!dsc_nexus_is_up(nexus))
		return;
	nexus->least_pause_ms = time2wait_s * 1000;
	dsc_error_set(&error, ENOTCONN, "%s: the target drops the session",
		      nexus->session->conf->iqn);
	dsc_nexus_drop(nexus, &error);
}

/* -------------------------------------------------------------------- news */

/*
 * Each LUN tells of a login in answer to its first command, which opens or
 * verifies it. Later than that, something has happened to an open disk; a reset
 * of ours is followed by a look at the disks, too, but not by another reset.
 */
static void doubt_reset(struct dsc_nexus *nexus, const struct dsc_unit *unit)
{
	if (unit == NULL || !unit->is_open || nexus->lost_ns != 0)
		return;
	if (nexus->state == DSC_SESSION_READY ||
	    nexus->state == DSC_SESSION_VERIFYING)
		dsc_verify_doubt(nexus);
}

void dsc_nexus_news(struct dsc_nexus *nexus, const uint8_t *lun,
		    enum dsc_news news)
{
	struct discsi_session *session = nexus->session;
	struct dsc_unit *unit = dsc_session_find_unit(session, lun);

	switch (news) {
	case DSC_NEWS_CAPACITY:
		if (unit != NULL)
			unit->ops->news(unit, news);
		break;
	case DSC_NEWS_LUNS:
		dsc_session_tell(nexus, DISCSI_EVENT_LUNS_CHANGED, NULL);
		break;
	case DSC_NEWS_IDENTITY:
		dsc_verify_doubt(nexus);
		break;
	case DSC_NEWS_RESET:
		doubt_reset(nexus, unit);
		break;
	default:
		break;
	}
}

/* RFC 7143 section 11.9.1 */
enum {
	ASYNC_SCSI = 0,
	ASYNC_LOGOUT_REQUEST = 1,
	ASYNC_CONNECTION_DROP = 2,
	ASYNC_SESSION_DROP = 3,
	ASYNC_NEGOTIATE = 4
};

void dsc_nexus_on_async(void *arg, const struct dsc_async_event *event)
{
	struct dsc_nexus *nexus = arg;
	struct dsc_verdict verdict;

	dsc_log(&nexus->ctx->log, DISCSI_LOG_INFO, DSC_LOG_SESSION,
		"%s: asynchronous message %u (%u, %u, %u)",
		nexus->session->conf->iqn, event->event, event->parameter1,
		event->parameter2, event->parameter3);
	switch (event->event) {
	case ASYNC_SCSI:
		verdict = dsc_sense_judge(DSC_SAM_CHECK_CONDITION,
					  &event->sense);
		dsc_nexus_news(nexus, event->lun, verdict.news);
		break;
	case ASYNC_LOGOUT_REQUEST:
	case ASYNC_NEGOTIATE:
		leave(nexus, event->parameter3 * 1000u);
		break;
	case ASYNC_CONNECTION_DROP:
	case ASYNC_SESSION_DROP:
		let_go(nexus, event->parameter2);
		break;
	default:
		break;  /* vendor specific */
	}
}

int dsc_keepalive_prepare(struct dsc_nexus *nexus)
{
	struct dsc_loop *loop = &nexus->ctx->loop;
	int rc = dsc_timer_init(loop, &nexus->ping_timer, on_ping_timer);

	dsc_deferred_init(&nexus->leave, on_leave);
	if (rc == 0)
		rc = dsc_timer_init(loop, &nexus->leave_timer, on_leave_timer);
	return rc;
}

void dsc_keepalive_fini(struct dsc_nexus *nexus)
{
	dsc_deferred_cancel(&nexus->leave);
	dsc_timer_fini(&nexus->ping_timer);
	dsc_timer_fini(&nexus->leave_timer);
}
