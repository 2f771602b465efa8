/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * health.c: from events of the session to the state file and the log. The file
 * is written at most twice a second, however often the session comes and goes,
 * and every few seconds while statistics change. The library has logged why a
 * session was lost; here is said what that means for the disk. Loop's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#include "health.h"
#include "log.h"

#define WRITE_PAUSE_MS 500u
#define STATS_PAUSE_MS 5000u

static int64_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec;
}

/* ------------------------------------------------------------------- facts */

static unsigned count(const struct nbd_health *health, enum nbd_nexus which)
{
	unsigned number = 0;
	unsigned i;

	for (i = 0; i < health->state.sessions; i++)
		number += health->nexus[i] == which;
	return number;
}

static const char *state_name(const struct nbd_health *health)
{
	if (health->has_lun_failed ||
	    count(health, NBD_NEXUS_FAILED) == health->state.sessions)
		return "failed";
	return count(health, NBD_NEXUS_READY) > 0 ? "ready" : "recovering";
}

/* What a target may have put into a sentence must not spoil the file. */
static void keep_error(struct nbd_health *health,
		       const struct discsi_error *error)
{
	if (error == NULL)
		return;
	snprintf(health->last_error, sizeof(health->last_error), "%s",
		 error->message);
	dsc_text_clean(health->last_error);
	health->state.last_error_time = now_s();
}

static void look_at_session(struct nbd_health *health)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	if (discsi_session_get_info(health->session, &info) < 0)
		return;
	dsc_text_portal(info.address, info.port, health->portal,
			sizeof(health->portal));
	if (health->isid[0] == '\0')
		snprintf(health->isid, sizeof(health->isid),
			 "%02x%02x%02x%02x%02x%02x", info.isid[0], info.isid[1],
			 info.isid[2], info.isid[3], info.isid[4],
			 info.isid[5]);
	health->state.initiator = info.initiator;
	health->state.sessions = info.sessions < NBD_SESSIONS_MAX ?
				 info.sessions : NBD_SESSIONS_MAX;
}

static void look_at_stats(struct nbd_health *health)
{
	health->state.stats.size = sizeof(health->state.stats);
	discsi_session_get_stats(health->session, &health->state.stats);
}

/* Pings alone, which an idle session sends, are no reason to write. */
static bool has_news(const struct nbd_health *health)
{
	struct discsi_session_stats stats = health->state.stats;

	stats.pings = health->written_stats.pings;
	return health->is_dirty ||
	       !nbd_registry_has_state(health->registry) ||
	       memcmp(&stats, &health->written_stats, sizeof(stats)) != 0;
}

/* -------------------------------------------------------------------- file */

static void tell_state(struct nbd_health *health)
{
	if (health->on_state == NULL ||
	    (health->told_state != NULL &&
	     strcmp(health->told_state, health->state.state) == 0))
		return;
	health->told_state = health->state.state;
	health->on_state(health->arg, &health->state);
}

static int write_state(struct nbd_health *health)
{
	struct nbd_state *state = &health->state;
	int rc;

	look_at_session(health);
	state->sessions_ready = count(health, NBD_NEXUS_READY);
	state->updated = now_s();
	health->written_ns = dsc_clock_now_ns();
	tell_state(health);
	rc = nbd_registry_publish(health->registry, state);
	if (rc < 0)
		return rc;
	health->written_stats = state->stats;
	health->is_dirty = false;
	return 0;
}

static void on_timer(void *arg)
{
	struct nbd_health *health = arg;

	look_at_stats(health);
	if (!health->is_paused && has_news(health)) {
		int rc = write_state(health);

		if (rc < 0 && !health->cannot_write)
			nbd_log(DISCSI_LOG_WARNING, "%s; discsi status tells "
				"old news", discsi_last_error()->message);
		health->cannot_write = rc < 0;
	}
	if (health->on_round != NULL && !health->is_paused)
		health->on_round(health->arg);
	discsi_timer_set(health->timer, STATS_PAUSE_MS);
}

/*
 * Has the file written as soon as it may be. A disk that has been taken over is
 * served without a state, too.
 */
static void write_soon(struct nbd_health *health)
{
	uint64_t age_ms = (dsc_clock_now_ns() - health->written_ns) /
			  DSC_NS_PER_MS;

	if (health->timer == NULL)
		return;
	health->is_dirty = true;
	discsi_timer_set(health->timer, age_ms < WRITE_PAUSE_MS ?
			 WRITE_PAUSE_MS - (uint32_t)age_ms : 0);
}

/* ------------------------------------------------------------------ events */

static void on_lost(struct nbd_health *health, const struct discsi_event *event)
{
	unsigned ready = count(health, NBD_NEXUS_READY);

	keep_error(health, event->error);
	if (ready > 0)
		nbd_log(DISCSI_LOG_WARNING, "session %u of %u is lost: I/O "
			"goes on with %u", event->index + 1,
			health->state.sessions, ready);
	else
		nbd_log(DISCSI_LOG_WARNING, "I/O waits for the session to "
			"come back (replacement_timeout)");
}

static void on_recovered(struct nbd_health *health,
			 const struct discsi_event *event)
{
	(void)event;
	look_at_session(health);
	nbd_log(DISCSI_LOG_WARNING, "the session is recovered at %s: I/O goes "
		"on", health->portal);
}

static void on_failed(struct nbd_health *health,
		      const struct discsi_event *event)
{
	keep_error(health, event->error);
	if (count(health, NBD_NEXUS_FAILED) == health->state.sessions)
		nbd_log(DISCSI_LOG_ERROR, "the session is given up: all I/O "
			"fails until the disk is detached and attached again");
}

static void on_lun_failed(struct nbd_health *health,
			  const struct discsi_event *event)
{
	keep_error(health, event->error);
	health->has_lun_failed = true;
	nbd_log(DISCSI_LOG_ERROR, "%s: all I/O fails until the disk is "
		"detached and attached again", health->last_error);
}

static void on_capacity(struct nbd_health *health,
			const struct discsi_event *event)
{
	health->state.bytes = event->bytes;
	health->disk->bytes = event->bytes;
	nbd_log(DISCSI_LOG_WARNING, "the LUN has %" PRIu64 " bytes now%s",
		event->bytes, health->state.device[0] != '\0' ? "" :
		": clients that connect from now on see it");
	if (health->on_bytes != NULL)
		health->on_bytes(health->arg, event->bytes);
}

static void on_luns_changed(struct nbd_health *health,
			    const struct discsi_event *event)
{
	(void)health;
	(void)event;
	nbd_log(DISCSI_LOG_INFO, "the target has other LUNs than before");
}

/* What a type of event does: to the nexus, if it is about one, and else. */
static const struct {
	bool is_of_lun;
	bool is_of_nexus;
	enum nbd_nexus nexus;
	void (*handle)(struct nbd_health *health,
		       const struct discsi_event *event);
} handlers[] = {
	[DISCSI_EVENT_CONNECTED] = { false, true, NBD_NEXUS_READY, NULL },
	[DISCSI_EVENT_LOST] = { false, true, NBD_NEXUS_LOST, on_lost },
	[DISCSI_EVENT_RECOVERED] = { false, true, NBD_NEXUS_READY,
				     on_recovered },
	[DISCSI_EVENT_FAILED] = { false, true, NBD_NEXUS_FAILED, on_failed },
	[DISCSI_EVENT_CAPACITY_CHANGED] = { true, false, NBD_NEXUS_READY,
					    on_capacity },
	[DISCSI_EVENT_LUNS_CHANGED] = { false, false, NBD_NEXUS_READY,
					on_luns_changed },
	[DISCSI_EVENT_LUN_FAILED] = { true, false, NBD_NEXUS_READY,
				      on_lun_failed },
};

static void on_event(void *arg, struct discsi_session *session,
		     const struct discsi_event *event)
{
	struct nbd_health *health = arg;
	const char *before = health->state.state;

	(void)session;
	if ((unsigned)event->type >= sizeof(handlers) / sizeof(handlers[0]) ||
	    event->index >= NBD_SESSIONS_MAX ||
	    (handlers[event->type].is_of_lun &&
	     event->lun != health->state.lun))
		return;
	if (handlers[event->type].is_of_nexus)
		health->nexus[event->index] = handlers[event->type].nexus;
	if (handlers[event->type].handle == NULL)
		return;
	health->state.last_event = discsi_event_name(event->type);
	health->state.last_event_time = now_s();
	handlers[event->type].handle(health, event);
	health->state.state = state_name(health);
	if (strcmp(before, health->state.state) != 0)
		health->state.since = now_s();
	write_soon(health);
}

/* -------------------------------------------------------------------- look */

static void look(struct nbd_health *health);

/* A new size was an event before this. */
static void on_looked(void *arg, int result, const struct discsi_error *error)
{
	struct nbd_health *health = arg;

	health->is_looking = false;
	if (health->session == NULL)
		return;
	if (result < 0)
		nbd_log(DISCSI_LOG_WARNING, "the LUN does not tell its size: "
			"%s", error->message);
	health->state.looks++;
	health->is_dirty = true;
	if (health->timer != NULL)
		discsi_timer_set(health->timer, 0);
	if (health->is_look_wanted)
		look(health);
}

static void look(struct nbd_health *health)
{
	health->is_look_wanted = false;
	health->is_looking = discsi_lun_refresh_async(health->lun, on_looked,
						      health) == 0;
}

void nbd_health_look(struct nbd_health *health, struct discsi_lun *lun)
{
	if (health->session == NULL)
		return;
	health->lun = lun;
	health->is_look_wanted = true;
	if (!health->is_looking)
		look(health);
}

void nbd_health_owned(struct nbd_health *health, int64_t pid)
{
	health->state.pid = pid;
	write_soon(health);
}

void nbd_health_pause(struct nbd_health *health)
{
	health->is_paused = true;
}

void nbd_health_resume(struct nbd_health *health)
{
	health->is_paused = false;
	write_soon(health);
}

/* -------------------------------------------------------------- begin, end */

int nbd_health_begin(struct nbd_health *health, struct discsi_context *ctx,
		     struct discsi_session *session,
		     struct nbd_registry *registry, struct nbd_disk *disk,
		     const struct nbd_state *what)
{
	int rc;

	*health = (struct nbd_health){
		.registry = registry,
		.session = session,
		.disk = disk,
		.on_bytes = health->on_bytes,
		.on_state = health->on_state,
		.on_round = health->on_round,
		.arg = health->arg,
		.state = *what,
	};
	health->state.portal = health->portal;
	health->state.last_error = health->last_error;
	health->state.initiator = "";
	health->state.isid = health->isid;
	health->state.state = "ready";
	health->state.looks = 1;  /* when it was opened */
	health->state.started = now_s();
	health->state.since = health->state.started;
	health->state.last_event = discsi_event_name(DISCSI_EVENT_CONNECTED);
	health->state.last_event_time = health->state.started;
	look_at_session(health);
	look_at_stats(health);
	health->is_dirty = true;
	rc = discsi_timer_new(ctx, on_timer, health, &health->timer);
	if (rc == 0)
		rc = discsi_session_on_event(session, on_event, health);
	if (rc < 0)
		return rc;
	discsi_timer_set(health->timer, STATS_PAUSE_MS);
	return write_state(health);
}

void nbd_health_end(struct nbd_health *health)
{
	if (health->session == NULL)
		return;
	discsi_session_on_event(health->session, NULL, NULL);
	discsi_timer_free(health->timer);
	health->timer = NULL;
	health->session = NULL;
}
