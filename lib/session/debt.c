/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * debt.c: what a session that has ended leaves to the next one of its context. A
 * write that it sent, and that the target has not answered, may still be carried
 * out: after what is written to that LUN through another session. So the LUN is
 * owed a barrier (barrier.c), and the next session for it logs in with the same
 * ISID, if it may choose, so that the target ends the one before.
 *
 * There is one debt for each LUN of each session that ended like that. It is
 * taken over with the opening of the LUN, by whichever session opens it. Only one
 * session at a time has an ISID that is remembered here.
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

static void leave(struct dsc_nexus *nexus, const uint8_t *lun,
		  bool is_reinstated)
{
	struct discsi_session *session = nexus->session;
	struct debt *debt = make_debt(session, lun);

	if (debt == NULL) {
		dsc_log(&nexus->ctx->log, DISCSI_LOG_ERROR, DSC_LOG_SESSION,
			"%s: out of memory: a write that was given up may "
			"still be carried out", session->conf->iqn);
		return;
	}
	debt->count = is_reinstated ? session->count : 0;
	debt->tpgt = nexus->work_tpgt;
	dsc_list_append(&session->ctx->debts, &debt->link);
	dsc_context_add_child(session->ctx, &debt->child, on_context_end);
}

void dsc_debt_leave(struct discsi_session *session)
{
	unsigned i;

	if (session->ctx->is_ending)
		return;
	for (i = 0; i < session->count; i++)
		dsc_barrier_leave(&session->nexus[i], leave);
}

/* -------------------------------------------------------------------- take */

/* Does the session open this LUN, as far as its configuration says? */
static bool is_wanted(const struct debt *debt, const struct discsi_conf *conf)
{
	uint8_t lun[8];

	if (!conf->has_lun_id)
		return true;
	dsc_lun_encode(conf->lun_id, lun);
	return memcmp(lun, debt->lun, sizeof(lun)) == 0;
}

/* Two sessions with one ISID would end each other. */
static bool is_in_use(const struct discsi_session *session,
		      const struct debt *debt)
{
	const struct dsc_list *children = &session->ctx->children;
	const struct dsc_list *link;

	for (link = children->next; link != children; link = link->next) {
		const struct discsi_session *other = dsc_session_of_child(link);

		if (other != NULL && other != session &&
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

	for (link = debts->next; link != debts; link = link->next) {
		const struct debt *debt = debt_of(link);

		if (is_of_target(debt, session) &&
		    strcmp(debt->initiator, session->initiator) == 0 &&
		    is_wanted(debt, session->conf) &&
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

bool dsc_debt_take(struct discsi_session *session, const uint8_t *lun)
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
				    is_reinstated(debt, session));
		free_debt(debt);
		has_taken = true;
	}
	return has_taken;
}
