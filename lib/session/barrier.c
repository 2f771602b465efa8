/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier.c: before the writes of a lost connection are issued again, the
 * target must have let go of the copies that it may still hold: such a copy
 * could be carried out after newer data, and undo it.
 *
 * Session reinstatement (RFC 7143 section 6.3.5: a login with the same ISID
 * ends the old session and its tasks) is such a barrier where the target keeps
 * to it; a LOGICAL UNIT RESET is one for every initiator's commands. Without a
 * barrier those writes end with EIO.
 *
 * A write that is not issued again, because it has timed out or was cancelled,
 * leaves such a copy behind as well: a ghost. What its caller writes next must
 * not be undone by it, so that its LUN is owed a barrier, too, and what is
 * written to it meanwhile waits for the nexus that owes it (route.c). One that
 * is given up hands its debt to another, which can pay it by a reset only.
 *
 * A reset ends the commands of all our nexuses. The target need not say so: they
 * are looked after by dsc_deadlines_after_reset().
 *
 * Loop's thread.
 */
#include "session/nexus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct barrier {
	struct dsc_management management;
	struct dsc_list link;      /* in nexus->barriers */
	struct dsc_nexus *nexus;
};

struct ghost {
	struct dsc_list link;      /* in nexus->ghosts, one for each LUN */
	uint8_t lun[8];
	bool is_orphan;            /* a caller has been told that it failed */
	bool is_inherited;         /* our login has not reinstated its session */
	bool is_renewed;           /* since the barrier began: that is not one
				    * for what came then */
	bool is_left;              /* another disk has its place: whoever opens
				    * the LUN next pays */
};

enum method {
	METHOD_REINSTATED,  /* the login was it */
	METHOD_RESET,
	METHOD_NONE
};

/*
 * Targets that do not let a session be reinstated before its tasks are over, as
 * has been seen (tests/fault/test-barrier.c): VENDOR IDENTIFICATION of their
 * LUNs. tgt ("IET") is not among them: it lets us in while one of its threads
 * is still about to write. Its LOGICAL UNIT RESET waits for that thread.
 */
static const char *const reinstating[] = {
	"FreeBSD",  /* istgt */
	"DISCSI",   /* the target of the tests */
};

static bool is_reinstating(struct discsi_session *session,
			   const uint8_t *address)
{
	struct dsc_unit *unit = dsc_session_find_unit(session, address);
	const char *vendor = unit == NULL ? "" : unit->ops->vendor(unit);
	size_t i;

	for (i = 0; i < sizeof(reinstating) / sizeof(reinstating[0]); i++) {
		if (strcmp(vendor, reinstating[i]) == 0)
			return true;
	}
	return false;
}

static struct ghost *find_ghost(struct dsc_nexus *nexus, const uint8_t *address)
{
	struct dsc_list *link;

	for (link = nexus->ghosts.next; link != &nexus->ghosts;
	     link = link->next) {
		struct ghost *ghost = dsc_container_of(link, struct ghost,
						       link);

		if (memcmp(ghost->lun, address, 8) == 0)
			return ghost;
	}
	return NULL;
}

static enum method method_for(struct dsc_nexus *nexus, const uint8_t *address)
{
	struct discsi_session *session = nexus->session;
	const struct dsc_unit *unit = dsc_session_find_unit(session, address);
	const struct ghost *ghost = find_ghost(nexus, address);
	bool is_elsewhere = nexus->is_other_port ||
			    (ghost != NULL && ghost->is_inherited);

	if (unit != NULL && unit->is_condemned)
		return METHOD_NONE;  /* another disk, not ours to reset */
	switch (session->conf->replay_barrier) {
	case DSC_CONF_BARRIER_FAIL:
		return METHOD_NONE;
	case DSC_CONF_BARRIER_LUN_RESET:
		return METHOD_RESET;
	case DSC_CONF_BARRIER_REINSTATE:
		return is_elsewhere ? METHOD_RESET : METHOD_REINSTATED;
	default:
		if (!is_elsewhere && is_reinstating(session, address))
			return METHOD_REINSTATED;
		return METHOD_RESET;
	}
}

/* ---------------------------------------------------------------- requests */

static bool is_on(const struct dsc_request *request, const uint8_t *address)
{
	return request->is_suspect &&
	       memcmp(request->task.lun, address, 8) == 0;
}

static void free_ghost(struct dsc_nexus *nexus, struct ghost *ghost)
{
	if (ghost == NULL)
		return;
	dsc_list_remove(&ghost->link);
	dsc_stats_add(&nexus->session->stats.ghosts, (uint64_t)-1);
	free(ghost);
}

static struct ghost *owe(struct dsc_nexus *nexus, const uint8_t *address)
{
	struct ghost *ghost = find_ghost(nexus, address);

	if (ghost != NULL) {
		ghost->is_renewed = true;
		return ghost;
	}
	ghost = calloc(1, sizeof(*ghost));
	if (ghost == NULL) {
		dsc_log(&nexus->ctx->log, DISCSI_LOG_ERROR, DSC_LOG_SESSION,
			"%s: out of memory: a write that was given up may "
			"still be carried out", nexus->session->conf->iqn);
		return NULL;
	}
	memcpy(ghost->lun, address, 8);
	dsc_list_append(&nexus->ghosts, &ghost->link);
	dsc_stats_add(&nexus->session->stats.ghosts, 1);
	return ghost;
}

void dsc_barrier_owe(struct dsc_nexus *nexus, const uint8_t *address)
{
	owe(nexus, address);
}

void dsc_barrier_orphan(struct dsc_nexus *nexus, const uint8_t *address)
{
	struct ghost *ghost = find_ghost(nexus, address);

	if (ghost == NULL)
		return;
	ghost->is_orphan = true;
	if (nexus->state == DSC_SESSION_FAILED)
		dsc_barrier_hand_over(nexus);
}

void dsc_barrier_hand_over(struct dsc_nexus *nexus)
{
	struct dsc_nexus *heir = dsc_session_heir(nexus);
	struct dsc_list *first;
	struct ghost *copy;

	if (heir == NULL || dsc_list_is_empty(&nexus->ghosts))
		return;
	while ((first = dsc_list_first(&nexus->ghosts)) != NULL) {
		struct ghost *ghost = dsc_container_of(first, struct ghost,
						       link);

		copy = owe(heir, ghost->lun);
		if (copy != NULL) {
			copy->is_orphan = true;
			copy->is_inherited = true;
			copy->is_left |= ghost->is_left;
		}
		free_ghost(nexus, ghost);
	}
	if (heir->state == DSC_SESSION_READY)
		dsc_verify_doubt(heir);
}

void dsc_barrier_inherit(struct dsc_nexus *nexus, const uint8_t *address,
			 bool is_reinstated)
{
	struct ghost *ghost = owe(nexus, address);

	if (ghost == NULL)
		return;
	ghost->is_inherited |= !is_reinstated;
	dsc_barrier_orphan(nexus, address);
}

bool dsc_barrier_leave(struct dsc_nexus *nexus, const uint8_t *address,
		       bool (*leave)(struct dsc_nexus *nexus,
				     const uint8_t *address,
				     bool is_reinstated))
{
	struct dsc_list *link = nexus->ghosts.next;
	bool has_left = false;

	while (link != &nexus->ghosts) {
		struct ghost *ghost =
			dsc_container_of(link, struct ghost, link);

		link = link->next;
		if (address != NULL && memcmp(ghost->lun, address, 8) != 0)
			continue;
		/* As in dsc_barrier_revive(). */
		if (!leave(nexus, ghost->lun,
			   !ghost->is_inherited && !ghost->is_left))
			continue;
		free_ghost(nexus, ghost);
		has_left = true;
	}
	return has_left;
}

bool dsc_barrier_is_owed(struct dsc_nexus *nexus, const uint8_t *address)
{
	const struct ghost *ghost = find_ghost(nexus, address);

	return ghost != NULL && ghost->is_orphan && !ghost->is_left;
}

bool dsc_barrier_revive(struct dsc_nexus *nexus, const uint8_t *address)
{
	struct ghost *ghost = find_ghost(nexus, address);

	if (ghost == NULL || !ghost->is_left)
		return false;
	ghost->is_left = false;
	/* Which login it was that took the place of that one is not known. */
	ghost->is_inherited = true;
	return true;
}

void dsc_barrier_forget(struct dsc_nexus *nexus)
{
	struct dsc_list *first;

	while ((first = dsc_list_first(&nexus->ghosts)) != NULL)
		free_ghost(nexus, dsc_container_of(first, struct ghost,
						    link));
}

/* They may go again. */
static void clear(struct dsc_nexus *nexus, const uint8_t *address)
{
	struct ghost *ghost = find_ghost(nexus, address);
	struct dsc_list *link;

	if (ghost != NULL && !ghost->is_renewed)
		free_ghost(nexus, ghost);
	for (link = nexus->requests.next; link != &nexus->requests;
	     link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		if (is_on(request, address))
			request->is_suspect = false;
	}
}

/* There is no barrier, or none as long as another disk has that place. */
static void give_up(struct dsc_nexus *nexus, const uint8_t *address)
{
	const struct dsc_unit *unit = dsc_session_find_unit(nexus->session,
							    address);
	struct ghost *ghost = find_ghost(nexus, address);

	if (ghost == NULL)
		return;
	if (unit != NULL && unit->is_condemned) {
		ghost->is_orphan = true;
		ghost->is_left = true;
		return;
	}
	dsc_log(&nexus->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_SESSION,
		"%s: no barrier: a write of the lost connection may still be "
		"carried out", nexus->session->conf->iqn);
	free_ghost(nexus, ghost);
}

/* They must not go again. */
static void fail(struct dsc_nexus *nexus, const uint8_t *address)
{
	struct dsc_list *link = nexus->requests.next;

	give_up(nexus, address);
	while (link != &nexus->requests) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		link = link->next;
		if (is_on(request, address)) {
			request->is_suspect = false;
			dsc_request_refuse(request, DSC_OUTCOME_UNKNOWN);
		}
	}
}

/* A barrier is one for what is owed up to now. */
static void begin_paying(struct dsc_nexus *nexus, const uint8_t *address)
{
	struct ghost *ghost = find_ghost(nexus, address);

	if (ghost != NULL)
		ghost->is_renewed = false;
}

static const uint8_t *next_suspect(struct dsc_nexus *nexus)
{
	struct dsc_list *link;

	for (link = nexus->requests.next; link != &nexus->requests;
	     link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		if (request->is_suspect && request->hand == DSC_HAND_PARKED)
			return request->task.lun;
	}
	for (link = nexus->ghosts.next; link != &nexus->ghosts;
	     link = link->next) {
		const struct ghost *ghost =
			dsc_container_of(link, struct ghost, link);

		if (!ghost->is_left)
			return ghost->lun;
	}
	return NULL;
}

/* ------------------------------------------------------------------- reset */

static void on_reset(struct dsc_management *management, int status,
		     uint8_t response)
{
	struct barrier *barrier =
		dsc_container_of(management, struct barrier, management);
	struct dsc_nexus *nexus = barrier->nexus;
	uint8_t address[8];

	memcpy(address, management->lun, sizeof(address));
	dsc_list_remove(&barrier->link);
	free(barrier);
	if (nexus->state != DSC_SESSION_VERIFYING)
		return;
	dsc_stats_add(&nexus->session->stats.resets, 1);
	if (status == 0 && response == 0) {
		clear(nexus, address);
		dsc_deadlines_after_reset(nexus->session, NULL, address);
	} else {
		dsc_log(&nexus->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_SESSION,
			"%s: the target refuses LOGICAL UNIT RESET (%d, %u): "
			"writes with unknown outcome fail",
			nexus->session->conf->iqn, status, response);
		fail(nexus, address);
	}
	dsc_barrier_begin(nexus);
}

static void reset(struct dsc_nexus *nexus, const uint8_t *address)
{
	struct barrier *barrier = calloc(1, sizeof(*barrier));

	if (barrier == NULL) {
		fail(nexus, address);
		return;
	}
	barrier->nexus = nexus;
	barrier->management.function = DSC_TMF_LUN_RESET;
	barrier->management.done = on_reset;
	memcpy(barrier->management.lun, address, 8);
	dsc_list_append(&nexus->barriers, &barrier->link);
	if (dsc_conn_manage(nexus->conn, &barrier->management) != 0) {
		dsc_list_remove(&barrier->link);
		free(barrier);
		fail(nexus, address);
	}
}

/* -------------------------------------------------------------------- flow */

/* One LUN after the other; each step clears or fails its suspects, ghosts. */
void dsc_barrier_begin(struct dsc_nexus *nexus)
{
	const uint8_t *suspect;
	uint8_t address[8];

	while ((suspect = next_suspect(nexus)) != NULL) {
		memcpy(address, suspect, sizeof(address));
		begin_paying(nexus, address);
		switch (method_for(nexus, address)) {
		case METHOD_REINSTATED:
			clear(nexus, address);
			break;
		case METHOD_NONE:
			fail(nexus, address);
			break;
		default:
			reset(nexus, address);
			if (!dsc_list_is_empty(&nexus->barriers))
				return;  /* on_reset() goes on */
		}
	}
	nexus->is_other_port = false;
	/* The disks were asked before the reset. */
	if (nexus->is_doubtful)
		dsc_verify_again(nexus);
	else
		dsc_nexus_resume(nexus);
}

void dsc_barrier_cancel(struct dsc_nexus *nexus)
{
	struct dsc_list *first;

	while ((first = dsc_list_pop(&nexus->barriers)) != NULL) {
		struct barrier *barrier =
			dsc_container_of(first, struct barrier, link);

		if (nexus->conn != NULL)
			dsc_conn_manage_forget(nexus->conn,
					       &barrier->management);
		free(barrier);
	}
}
