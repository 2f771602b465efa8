/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * route.c: which nexus of a session a request goes to, and in what order with
 * the others: a flush that could overtake earlier writes on another nexus is
 * held until they are over; what waits for a nexus that is lost goes to one that
 * works. And the LUNs that are open.
 *
 * Loop's thread.
 */
#include "session/nexus.h"

#include <errno.h>
#include <string.h>

/* --------------------------------------------------------------- choosing */

/* The lower, the better. */
static unsigned reluctance(enum dsc_session_state state)
{
	if (state == DSC_SESSION_READY)
		return 0;
	if (dsc_session_state_parks(state))
		return 1;
	return 2;
}

/* One that is ready, and of those the one with the least to do. */
static struct dsc_nexus *most_willing(struct discsi_session *session)
{
	struct dsc_nexus *best = &session->nexus[0];
	unsigned i;

	for (i = 1; i < session->count; i++) {
		struct dsc_nexus *nexus = &session->nexus[i];
		unsigned mine = reluctance(nexus->state);
		unsigned theirs = reluctance(best->state);

		if (mine < theirs ||
		    (mine == theirs && nexus->load < best->load))
			best = nexus;
	}
	return best;
}

struct dsc_nexus *dsc_session_debtor(struct discsi_session *session,
				     const uint8_t *address)
{
	unsigned i;

	for (i = 0; i < session->count; i++) {
		struct dsc_nexus *nexus = &session->nexus[i];

		if (dsc_session_state_parks(nexus->state) &&
		    dsc_barrier_is_owed(nexus, address))
			return nexus;
	}
	return NULL;
}

/*
 * An older write to the LUN may still be carried out: a new one waits for the
 * nexus that will see to it that this is over.
 */
static struct dsc_nexus *choose(struct discsi_session *session,
				const struct dsc_request *request)
{
	struct dsc_nexus *debtor = NULL;

	if (session->count == 1)
		return &session->nexus[0];
	if (dsc_cdb_repeat(request->task.cdb) != DSC_REPEAT_ALWAYS)
		debtor = dsc_session_debtor(session, request->task.lun);
	return debtor != NULL ? debtor : most_willing(session);
}

/* --------------------------------------------------------- to another nexus */

/*
 * Not from a nexus that verifies: there it may have been told that the disk is
 * another one.
 */
static bool can_leave(const struct dsc_nexus *nexus)
{
	return nexus->state == DSC_SESSION_BACKOFF ||
	       nexus->state == DSC_SESSION_RECONNECTING ||
	       nexus->state == DSC_SESSION_LEAVING;
}

static void reroute_from(struct dsc_nexus *from)
{
	struct dsc_list *link = from->requests.next;

	while (can_leave(from) && link != &from->requests) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);
		struct dsc_nexus *to = choose(from->session, request);

		link = link->next;
		/* A suspect one needs the barrier, which comes with its nexus. */
		if (to->state == DSC_SESSION_READY &&
		    request->hand == DSC_HAND_PARKED && !request->is_suspect)
			dsc_request_move(request, to);
	}
}

void dsc_session_reroute(struct discsi_session *session)
{
	unsigned i;

	for (i = 0; session->count > 1 && i < session->count; i++)
		reroute_from(&session->nexus[i]);
}

struct dsc_nexus *dsc_session_heir(const struct dsc_nexus *nexus)
{
	struct dsc_nexus *heir = most_willing(nexus->session);

	return heir != nexus && reluctance(heir->state) < 2 ? heir : NULL;
}

void dsc_session_bequeath(struct dsc_nexus *nexus)
{
	struct dsc_list *link = nexus->requests.next;

	while (link != &nexus->requests && dsc_session_heir(nexus) != NULL) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		link = link->next;
		if (request->hand == DSC_HAND_PARKED && !request->is_suspect)
			dsc_request_move(request,
					 choose(nexus->session, request));
	}
}

/* ---------------------------------------------------------------- flushes */

#define SYNCHRONIZE_CACHE_10 0x35
#define SYNCHRONIZE_CACHE_16 0x91

static bool is_flush(const struct dsc_request *request)
{
	return request->task.cdb[0] == SYNCHRONIZE_CACHE_10 ||
	       request->task.cdb[0] == SYNCHRONIZE_CACHE_16;
}

/* The first write in nexus that was submitted earlier, or NULL. */
static const struct dsc_request *write_before(const struct dsc_nexus *nexus,
					      uint64_t sequence, bool is_parked)
{
	struct dsc_list *link;

	for (link = nexus->requests.next; link != &nexus->requests;
	     link = link->next) {
		const struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		if (request->sequence > sequence)
			return NULL;
		if (request->repeat != DSC_REPEAT_ALWAYS &&
		    (!is_parked || request->hand == DSC_HAND_PARKED ||
		     request->hand == DSC_HAND_ANSWERED))
			return request;
	}
	return NULL;
}

static bool has_write_before(const struct discsi_session *session,
			     uint64_t sequence, bool is_parked)
{
	unsigned i;

	for (i = 0; i < session->count; i++) {
		if (write_before(&session->nexus[i], sequence, is_parked) !=
		    NULL)
			return true;
	}
	return false;
}

static bool must_wait(const struct discsi_session *session, uint64_t sequence)
{
	return has_write_before(session, sequence, false);
}

static struct dsc_request *first_held(struct discsi_session *session)
{
	struct dsc_list *first = dsc_list_first(&session->held);

	return first == NULL ? NULL :
	       dsc_container_of(first, struct dsc_request, link);
}

static void arm_held_timer(struct discsi_session *session)
{
	const struct dsc_request *first = first_held(session);

	/* They are in the order of their deadlines. */
	if (first != NULL)
		dsc_timer_set(&session->held_timer, first->deadline_ns);
	else
		dsc_timer_stop(&session->held_timer);
}

static void hold(struct discsi_session *session, struct dsc_request *request)
{
	request->nexus = choose(session, request);
	request->hand = DSC_HAND_HELD;
	request->submitted_ns = dsc_loop_now_ns(&session->ctx->loop);
	dsc_deadline_set(request);
	dsc_list_append(&session->held, &request->link);
	arm_held_timer(session);
}

/*
 * What waits for an outage has no deadline but that: a flush behind a write
 * that does has none either, and a new one afterwards.
 */
void dsc_session_renew_held(struct discsi_session *session)
{
	struct dsc_list *link;

	if (dsc_list_is_empty(&session->held))
		return;
	for (link = session->held.next; link != &session->held;
	     link = link->next)
		dsc_deadline_set(dsc_container_of(link, struct dsc_request,
						  link));
	arm_held_timer(session);
}

static void on_held_timer(struct dsc_timer *timer)
{
	struct discsi_session *session =
		dsc_container_of(timer, struct discsi_session, held_timer);
	uint64_t now = dsc_loop_now_ns(&session->ctx->loop);
	struct dsc_request *first;

	while ((first = first_held(session)) != NULL &&
	       first->deadline_ns <= now) {
		if (has_write_before(session, first->sequence, true)) {
			dsc_session_renew_held(session);
			return;
		}
		dsc_session_unhold(first);
		dsc_request_refuse(first, -ETIMEDOUT);
	}
	arm_held_timer(session);
}

int dsc_held_prepare(struct discsi_session *session)
{
	return dsc_timer_init(&session->ctx->loop, &session->held_timer,
			      on_held_timer);
}

void dsc_session_release_held(struct discsi_session *session)
{
	struct dsc_request *first;

	/* Those behind the first one wait for more than it does. */
	while ((first = first_held(session)) != NULL &&
	       !must_wait(session, first->sequence)) {
		dsc_list_remove(&first->link);
		dsc_request_resubmit(choose(session, first), first);
	}
	arm_held_timer(session);
}

void dsc_session_unhold(struct dsc_request *request)
{
	dsc_list_remove(&request->link);
	dsc_request_take(request->nexus, request);
}

void dsc_session_fail_held(struct discsi_session *session,
			   const struct dsc_unit *unit, int result)
{
	struct dsc_list *link = session->held.next;

	while (link != &session->held) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		link = link->next;
		if (unit != NULL &&
		    memcmp(request->task.lun, unit->address, 8) != 0)
			continue;
		dsc_session_unhold(request);
		dsc_request_refuse(request, result);
	}
}

void dsc_session_submit(struct discsi_session *session,
			struct dsc_request *request)
{
	request->sequence = ++session->sequence;
	if (session->count > 1 && is_flush(request) &&
	    must_wait(session, request->sequence))
		hold(session, request);
	else
		dsc_request_submit(choose(session, request), request);
}

/* ------------------------------------------------------------------ units */

struct dsc_unit *dsc_session_find_unit(struct discsi_session *session,
				       const uint8_t *address)
{
	struct dsc_list *link;

	for (link = session->units.next; link != &session->units;
	     link = link->next) {
		struct dsc_unit *unit =
			dsc_container_of(link, struct dsc_unit, link);

		if (memcmp(unit->address, address, sizeof(unit->address)) == 0)
			return unit;
	}
	return NULL;
}

void dsc_session_add_unit(struct discsi_session *session, struct dsc_unit *unit)
{
	dsc_list_append(&session->units, &unit->link);
}

void dsc_session_remove_unit(struct dsc_unit *unit)
{
	dsc_list_remove(&unit->link);
}

static void revive(struct discsi_session *session, const uint8_t *address)
{
	unsigned i;

	for (i = 0; i < session->count; i++) {
		if (dsc_barrier_revive(&session->nexus[i], address))
			dsc_verify_doubt(&session->nexus[i]);
	}
}

void dsc_session_inherit(struct discsi_session *session,
			 struct dsc_unit *unit)
{
	struct dsc_nexus *nexus = &session->nexus[0];
	bool has_debt = session->conf->isid != NULL;
	/* Whose it was, and over which portal group, is not known. */
	bool is_reinstated = session->conf->replay_barrier ==
			     DSC_CONF_BARRIER_REINSTATE;

	unit->is_open = true;
	revive(session, unit->address);
	if (has_debt)
		dsc_barrier_inherit(nexus, unit->address, is_reinstated);
	/* Who does not write does not reset what others may use. */
	if (!session->conf->read_only)
		has_debt |= dsc_debt_take(session, unit->address);
	if (has_debt)
		dsc_verify_doubt(nexus);
}

/* One that works asks for all; where none does, each asks when it comes back. */
void dsc_session_doubt(struct discsi_session *session)
{
	struct dsc_nexus *nexus = &session->nexus[0];
	unsigned i;

	for (i = 0; i < session->count; i++) {
		if (session->nexus[i].state == DSC_SESSION_READY) {
			nexus = &session->nexus[i];
			break;
		}
	}
	dsc_verify_doubt(nexus);
}

struct discsi_context *dsc_session_context(struct discsi_session *session)
{
	return session->ctx;
}

const struct discsi_conf *dsc_session_conf(const struct discsi_session *session)
{
	return session->conf;
}
