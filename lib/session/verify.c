/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verify.c: after each recovery, and whenever the target says that a disk is
 * another one: every open LUN is asked who it is, before any I/O. One that is
 * another disk is condemned; one that cannot be asked fails the attempt.
 *
 * Loop's thread.
 */
#include "session/nexus.h"

#include <errno.h>

#include "base/checked.h"
#include "base/clock.h"

/*
 * A restarting target makes its LUNs after it lets initiators in. Where there
 * are other LUNs to go on with, one that is missing holds them up so long.
 */
#define MISSING_MS 20000

static void finish_round(struct dsc_nexus *nexus)
{
	struct discsi_error error = nexus->error;

	if (nexus->state != DSC_SESSION_VERIFYING)
		return;
	if (nexus->is_verify_failed)
		dsc_nexus_drop(nexus, &error);
	else if (nexus->is_doubtful)
		dsc_verify_again(nexus);
	else
		dsc_barrier_begin(nexus);
}

static void one_less(struct dsc_nexus *nexus)
{
	if (--nexus->verifying == 0)
		finish_round(nexus);
}

static void condemn(struct dsc_nexus *nexus, struct dsc_unit *unit,
		    const struct discsi_error *why)
{
	struct discsi_session *session = nexus->session;
	unsigned i;

	if (unit->is_condemned)
		return;
	dsc_log(&nexus->ctx->log, DISCSI_LOG_ERROR, DSC_LOG_SESSION, "%s",
		why->message);
	unit->is_condemned = true;
	unit->why = *why;
	unit->ops->condemn(unit, why);
	for (i = 0; i < session->count; i++)
		dsc_requests_fail_unit(&session->nexus[i], unit,
				       -unit->why.errnum);
	dsc_session_fail_held(session, unit, -unit->why.errnum);
	dsc_session_tell_unit(session, DISCSI_EVENT_LUN_FAILED, unit->number,
			      why);
}

static bool is_missed_too_long(const struct dsc_nexus *nexus)
{
	uint64_t now = dsc_loop_now_ns(&nexus->ctx->loop);
	const struct dsc_list *units = &nexus->session->units;

	return units->next != units->prev &&
	       now - nexus->outage_ns > MISSING_MS * DSC_NS_PER_MS;
}

void dsc_nexus_verified(struct dsc_nexus *nexus, struct dsc_unit *unit,
			int result, const struct discsi_error *error)
{
	if (result == -ESTALE ||
	    (result == -ENXIO && is_missed_too_long(nexus))) {
		condemn(nexus, unit, error);
	} else if (result != 0) {
		if (nexus->state == DSC_SESSION_VERIFYING)
			nexus->error = *error;
		nexus->is_verify_failed = true;
	}
	one_less(nexus);
}

void dsc_verify_again(struct dsc_nexus *nexus)
{
	struct discsi_session *session = nexus->session;
	struct dsc_list *link = session->units.next;
	int rc;

	nexus->is_verify_failed = false;
	nexus->is_doubtful = false;
	nexus->verifying++;  /* ours, until all are asked */
	while (link != &session->units) {
		struct dsc_unit *unit =
			dsc_container_of(link, struct dsc_unit, link);

		link = link->next;
		if (unit->is_condemned)
			continue;
		rc = unit->ops->verify(unit, nexus);
		if (rc == 0)
			nexus->verifying++;
		if (rc < 0) {
			dsc_error_set(&nexus->error, ENOMEM, "out of memory");
			nexus->is_verify_failed = true;
		}
	}
	one_less(nexus);
}

void dsc_verify_begin(struct dsc_nexus *nexus)
{
	dsc_timer_set_in(&nexus->recover_timer,
			 nexus->session->conf->login_timeout_ms);
	dsc_verify_again(nexus);
}

/* There is no going on afterwards: what is not done yet fails. */
static void give_in(struct dsc_nexus *nexus)
{
	struct discsi_error error;

	dsc_error_set(&error, ESTALE, "%s: a disk may have been exchanged while "
		      "the session was being closed",
		      nexus->session->conf->iqn);
	dsc_nexus_drop(nexus, &error);
}

void dsc_verify_doubt(struct dsc_nexus *nexus)
{
	if (nexus->state == DSC_SESSION_DRAINING) {
		give_in(nexus);
		return;
	}
	/* What has been asked already may have been the disk before. */
	nexus->is_doubtful = nexus->state == DSC_SESSION_VERIFYING;
	if (!dsc_nexus_transit(nexus, DSC_EVENT_DOUBT, NULL))
		return;
	dsc_keepalive_stop(nexus);
	dsc_recover_limit(nexus);
	dsc_requests_park(nexus);
	dsc_verify_begin(nexus);
}

/*
 * The units' requests complete by themselves, with the connection: nothing is
 * to be done but to let them.
 */
void dsc_verify_cancel(struct dsc_nexus *nexus)
{
	dsc_barrier_cancel(nexus);
}
