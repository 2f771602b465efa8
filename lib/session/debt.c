/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * debt.c: what a session that has ended leaves to the next one of its context. A
 * write that it sent, and that the target has not answered, may still be carried
 * out: after what is written to that LUN through another session. So the LUN is
 * owed a barrier (barrier.c), and the next session for it logs in with the same
 * ISID, if it may choose, so that the target ends the one before.
 *
 * There is one debt for each LUN of each session that ended like that, or for all
 * of them that had the same ISID, one after the other. It is taken over with the
 * opening of the LUN, by whichever session opens it; by one that has the LUN open
 * already, at once. Only one session at a time has an ISID that is remembered
 * here. A session that has been given up is none that has its ISID any more: what
 * it owes is another one's as soon as there is one, whether or not it has been
 * closed by then. So is what one owes to a LUN that it has not open any more.
 *
 * Loop's thread.
 */
#include "session/nexus.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct debt {
	struct dsc_child child;          /* freed with the context */
	struct dsc_list link;            /* in ctx->debts */
	char *iqn;
	char *initiator;
	uint8_t isid[6];                 /* of the first nexus of that session, */
	unsigned count;                  /* which had so many; 0: a login in its
					  * place does not end what is owed */
	uint16_t tpgt;                   /* the portal group it was sent to */
	uint8_t lun[8];
};

static struct debt *debt_of(struct dsc_list *link)
{
	return dsc_container_of(link, struct debt, link);
}

static void free_debt(struct debt *debt)
{
	dsc_context_remove_child(&debt->child);
	dsc_list_remove(&debt->link);
	free(debt->iqn);
	free(debt->initiator);
	free(debt);
}

static void on_context_end(struct dsc_child *child)
{
	free_debt(dsc_container_of(child, struct debt, child));
}

static bool is_of_target(const struct debt *debt,
			 const struct discsi_session *session)
{
	return strcasecmp(debt->iqn, session->conf->iqn) == 0;
}

/* ------------------------------------------------------------------- leave */

static struct debt *make_debt(const struct discsi_session *session,
			      const uint8_t *lun)
{
	struct debt *debt = calloc(1, sizeof(*debt));

	if (debt == NULL)
		return NULL;
	dsc_list_init(&debt->child.link);
	dsc_list_init(&debt->link);
	debt->iqn = strdup(session->conf->iqn);
	debt->initiator = strdup(session->initiator);
	memcpy(debt->isid, session->nexus[0].isid, sizeof(debt->isid));
	memcpy(debt->lun, lun, sizeof(debt->lun));
	if (debt->iqn != NULL && debt->initiator != NULL)
		return debt;
	free_debt(debt);
	return NULL;
}

/* One that is owed already, by a session in whose place this one was; or NULL. */
static struct debt *find_same(const struct dsc_nexus *nexus, const uint8_t *lun)
{
	const struct discsi_session *session = nexus->session;
	struct dsc_list *debts = &session->ctx->debts;
	struct dsc_list *link;

	for (link = debts->next; link != debts; link = link->next) {
		struct debt *debt = debt_of(link);

		if (is_of_target(debt, session) &&
		    strcmp(debt->initiator, session->initiator) == 0 &&
		    memcmp(debt->isid, session->nexus[0].isid,
			   sizeof(debt->isid)) == 0 &&
		    memcmp(debt->lun, lun, sizeof(debt->lun)) == 0 &&
		    debt->tpgt == nexus->work_tpgt)
			return debt;
	}
	return NULL;
}

static bool leave(struct dsc_nexus *nexus, const uint8_t *lun,
		  bool is_reinstated)
{
	struct discsi_session *session = nexus->session;
	unsigned count = is_reinstated ? session->count : 0;
	struct debt *debt = find_same(nexus, lun);

	if (debt != NULL) {
		/* Both are to be ended. */
		if (count == 0 || (debt->count != 0 && debt->count < count))
			debt->count = count;
		return true;
	}
	debt = make_debt(session, lun);
	if (debt == NULL) {
		dsc_log(&nexus->ctx->log, DISCSI_LOG_ERROR, DSC_LOG_SESSION,
			"%s: out of memory: a write that was given up may "
			"still be carried out", session->conf->iqn);
		return false;
	}
	debt->count = count;
	debt->tpgt = nexus->work_tpgt;
	dsc_list_append(&session->ctx->debts, &debt->link);
	dsc_context_add_child(session->ctx, &debt->child, on_context_end);
	return true;
}

/* What is owed to this LUN; NULL: to any. False: nothing is. */
static bool leave_all(struct discsi_session *session, const uint8_t *lun)
{
	bool has_left = false;
	unsigned i;

	for (i = 0; i < session->count; i++)
		has_left |= dsc_barrier_leave(&session->nexus[i], lun, leave);
	return has_left;
}

/* It logs in no more. */
static bool is_over(const struct discsi_session *session)
{
	unsigned i;

	for (i = 0; i < session->count; i++) {
		if (session->nexus[i].state != DSC_SESSION_FAILED &&
		    session->nexus[i].state != DSC_SESSION_CLOSED)
			return false;
	}
	return true;
}

/* It will not pay: it is over, or the LUN is closed there. */
static bool is_done_with(struct discsi_session *session, const uint8_t *lun)
{
	return is_over(session) ||
	       (lun != NULL && dsc_session_find_unit(session, lun) == NULL);
}

/* Of sessions that have not been closed, and will not pay. */
static void collect(const struct discsi_session *session, const uint8_t *lun)
{
	struct dsc_list *children = &session->ctx->children;
	struct dsc_list *link;

	/* New debts come in at the front of this list. */
	for (link = children->next; link != children; link = link->next) {
		struct discsi_session *other = dsc_session_of_child(link);

		if (other != NULL && other != session &&
		    dsc_stats_get(&other->stats.ghosts) > 0 &&
		    is_done_with(other, lun) &&
		    strcasecmp(other->conf->iqn, session->conf->iqn) == 0)
			leave_all(other, lun);
	}
}

/* -------------------------------------------------------------------- take */

/* The LUN that the session opens, as far as its configuration says; or NULL. */
static const uint8_t *wanted_lun(const struct discsi_conf *conf, uint8_t *lun)
{
	if (!conf->has_lun_id)
		return NULL;
	dsc_lun_encode(conf->lun_id, lun);
	return lun;
}

/* Two sessions with one ISID would end each other. */
static bool is_in_use(const struct discsi_session *session,
		      const struct debt *debt)
{
	struct dsc_list *children = &session->ctx->children;
	struct dsc_list *link;

	for (link = children->next; link != children; link = link->next) {
		const struct discsi_session *other = dsc_session_of_child(link);

		if (other != NULL && other != session && !is_over(other) &&
		    memcmp(other->nexus[0].isid, debt->isid,
			   sizeof(debt->isid)) == 0)
			return true;
	}
	return false;
}

bool dsc_debt_isid(const struct discsi_session *session, uint8_t *isid)
{
	struct dsc_list *debts = &session->ctx->debts;
	struct dsc_list *link;
	uint8_t address[8];
	const uint8_t *lun = wanted_lun(session->conf, address);

	if (!session->conf->read_only)
		collect(session, lun);
	for (link = debts->next; link != debts; link = link->next) {
		const struct debt *debt = debt_of(link);

		if (is_of_target(debt, session) &&
		    strcmp(debt->initiator, session->initiator) == 0 &&
		    (lun == NULL ||
		     memcmp(lun, debt->lun, sizeof(debt->lun)) == 0) &&
		    !is_in_use(session, debt)) {
			memcpy(isid, debt->isid, sizeof(debt->isid));
			return true;
		}
	}
	return false;
}

/* Whichever nexus it is that the debt is of. */
static bool is_same_port(const struct debt *debt,
			 const struct discsi_session *session)
{
	unsigned i;

	for (i = 0; i < session->count; i++) {
		if (session->nexus[i].params.tpgt != debt->tpgt)
			return false;
	}
	return true;
}

/* Has the login of this session ended that one? */
static bool is_reinstated(const struct debt *debt,
			  const struct discsi_session *session)
{
	return debt->count > 0 && debt->count <= session->count &&
	       memcmp(debt->isid, session->nexus[0].isid,
		      sizeof(debt->isid)) == 0 &&
	       strcmp(debt->initiator, session->initiator) == 0 &&
	       is_same_port(debt, session);
}

/* is_new: the login came after what is owed. */
static bool take(struct discsi_session *session, const uint8_t *lun,
		 bool is_new)
{
	struct dsc_list *debts = &session->ctx->debts;
	struct dsc_list *link = debts->next;
	bool has_taken = false;

	while (link != debts) {
		struct debt *debt = debt_of(link);

		link = link->next;
		if (!is_of_target(debt, session) ||
		    memcmp(debt->lun, lun, sizeof(debt->lun)) != 0)
			continue;
		dsc_barrier_inherit(&session->nexus[0], lun,
				    is_new && is_reinstated(debt, session));
		free_debt(debt);
		has_taken = true;
	}
	return has_taken;
}

bool dsc_debt_take(struct discsi_session *session, const uint8_t *lun)
{
	collect(session, lun);
	return take(session, lun, true);
}

/* ---------------------------------------------------------- when it is left */

/*
 * A session in use is not held up for another target that has the same name: one
 * of the portals is the same, too.
 */
static bool has_portal_of(const struct discsi_session *session,
			  const struct discsi_session *other)
{
	struct dsc_conf_portal ours[DSC_CONF_PORTALS_MAX];
	struct dsc_conf_portal theirs[DSC_CONF_PORTALS_MAX];
	size_t count = dsc_conf_portals(session->conf, ours);
	size_t others = dsc_conf_portals(other->conf, theirs);
	size_t i;

	for (i = 0; i < count * others; i++) {
		const struct dsc_conf_portal *one = &ours[i / others];
		const struct dsc_conf_portal *two = &theirs[i % others];

		if (one->port == two->port &&
		    strcasecmp(one->host, two->host) == 0)
			return true;
	}
	return false;
}

/* To a session that has opened the LUN already. */
static void take_late(struct discsi_session *session)
{
	const struct dsc_list *link;
	bool has_taken = false;

	if (session->is_closing || session->conf->read_only)
		return;
	for (link = session->units.next; link != &session->units;
	     link = link->next) {
		const struct dsc_unit *unit =
			dsc_container_of(link, const struct dsc_unit, link);

		if (unit->is_open && !unit->is_condemned)
			has_taken |= take(session, unit->address, false);
	}
	if (has_taken)
		dsc_verify_doubt(&session->nexus[0]);
}

void dsc_debt_leave(struct discsi_session *session)
{
	struct dsc_list *children = &session->ctx->children;
	struct dsc_list *link;

	/* One that was not opened is not on the loop. */
	if (session->ctx->is_ending || !leave_all(session, NULL))
		return;
	for (link = children->next; link != children; link = link->next) {
		struct discsi_session *other = dsc_session_of_child(link);

		if (other != NULL && other != session && !is_over(other) &&
		    has_portal_of(session, other))
			take_late(other);
	}
}
