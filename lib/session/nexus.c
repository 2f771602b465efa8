/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nexus.c: what a nexus is made of: its state, its ISID, and taking a
 * connection over. Loop's thread, but dsc_nexus_init().
 */
#include "session/nexus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

bool dsc_nexus_transit(struct dsc_nexus *nexus, enum dsc_session_event event,
		       const char *cause)
{
	struct discsi_session *session = nexus->session;
	enum dsc_session_state next;
	char which[24] = "";

	if (!dsc_session_step(nexus->state, event, &next))
		return false;
	if (session->count > 1)
		snprintf(which, sizeof(which), " (session %u)", nexus->index);
	dsc_log(&nexus->ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_SESSION,
		"%s%s: %s -> %s (%s%s%s)", session->conf->iqn, which,
		dsc_session_state_name(nexus->state),
		dsc_session_state_name(next), dsc_session_event_name(event),
		cause == NULL ? "" : ": ", cause == NULL ? "" : cause);
	pthread_mutex_lock(&session->lock);
	nexus->state = next;
	pthread_mutex_unlock(&session->lock);
	return true;
}

/* ------------------------------------------------------------ connecting */

int dsc_nexus_connect(struct dsc_nexus *nexus, dsc_connect_cb cb,
		      bool is_recovery, struct discsi_error *error)
{
	const struct discsi_session *session = nexus->session;
	struct dsc_connect_request request = {
		.conf = session->conf,
		.target = session->conf->iqn,
		.initiator = session->initiator,
		.preferred = nexus->preferred,
		.is_recovery = is_recovery,
	};

	memcpy(request.isid, nexus->isid, sizeof(request.isid));
	return dsc_connect_start(nexus->ctx, &request, cb, nexus,
				 &nexus->connect, error);
}

/* What open-iscsi's users know: the kernel gives up as early as our pings. */
static uint32_t user_timeout_ms(const struct discsi_conf *conf)
{
	return conf->noop_interval_ms == 0 ? 0 :
	       conf->noop_interval_ms + conf->noop_timeout_ms;
}

int dsc_nexus_take(struct dsc_nexus *nexus,
		   const struct dsc_connect_result *result,
		   struct discsi_error *error)
{
	const struct dsc_conn_owner owner = {
		.lost = dsc_nexus_on_lost,
		.async_event = dsc_nexus_on_async,
		.arg = nexus,
	};
	struct discsi_session *session = nexus->session;
	char name[DSC_ISCSI_NAME_MAX + DSC_ADDRESS_MAX + 16];
	char portal[DSC_ADDRESS_MAX + 8];
	int rc;

	/* The nexus is made of our ISID and the target's portal group. A login
	 * that led to nothing has not moved what was sent before it. */
	nexus->is_other_port = nexus->ready_ns != 0 &&
			       result->params.tpgt != nexus->work_tpgt;
	pthread_mutex_lock(&session->lock);
	nexus->params = result->params;
	memcpy(nexus->address, result->address, sizeof(nexus->address));
	nexus->port = result->port;
	pthread_mutex_unlock(&session->lock);
	nexus->preferred = result->peer;
	dsc_text_portal(result->address, result->port, portal, sizeof(portal));
	snprintf(name, sizeof(name), "%s at %s", session->conf->iqn, portal);
	rc = dsc_conn_new(nexus->ctx, result->fd, &result->params, name,
			  &owner, &nexus->conn, error);
	if (rc != 0)
		return rc;
	dsc_conn_set_user_timeout(nexus->conn, user_timeout_ms(session->conf));
	dsc_conn_set_depth(nexus->conn, nexus->depth);
	nexus->is_proven = false;
	return 0;
}

/* -------------------------------------------------------- beginning, end */

/*
 * The same ISID for every login of this nexus; given, where another process has
 * begun it, or that of a session that has left a debt. The qualifier, its last
 * two bytes, tells the nexuses of a session apart.
 */
static void make_isid(struct dsc_nexus *nexus)
{
	const struct dsc_nexus *first = nexus->session->nexus;
	const char *given = nexus->session->conf->isid;
	uint8_t *isid = nexus->isid;

	if (nexus != first) {
		memcpy(isid, first->isid, sizeof(nexus->isid));
		isid[5] = (uint8_t)(isid[5] + nexus->index);
	} else if (given != NULL) {
		dsc_put_be16(isid, (uint16_t)(strtoull(given, NULL, 16) >> 32));
		dsc_put_be32(isid + 2, (uint32_t)strtoull(given, NULL, 16));
		isid[0] = 0x80;
	} else if (nexus->session->conf->is_isid_new ||
		   !dsc_debt_isid(nexus->session, isid)) {
		dsc_connect_make_isid(isid);
	}
	memcpy(nexus->params.isid, isid, sizeof(nexus->isid));
}

void dsc_nexus_init(struct dsc_nexus *nexus, struct discsi_session *session,
		    unsigned index)
{
	nexus->session = session;
	nexus->ctx = session->ctx;
	nexus->index = index;
	nexus->state = DSC_SESSION_IDLE;
	dsc_error_init(&nexus->error);
	dsc_list_init(&nexus->requests);
	dsc_list_init(&nexus->verifications);
	dsc_list_init(&nexus->retries);
	dsc_list_init(&nexus->refused);
	dsc_list_init(&nexus->barriers);
	dsc_list_init(&nexus->ghosts);
	dsc_list_init(&nexus->refuse.link);
	dsc_list_init(&nexus->reroute.link);
	dsc_list_init(&nexus->leave.link);
	dsc_list_init(&nexus->settle.link);
}

int dsc_nexus_prepare(struct dsc_nexus *nexus)
{
	static int (*const parts[])(struct dsc_nexus *nexus) = {
		dsc_requests_prepare,
		dsc_deadlines_prepare,
		dsc_recover_prepare,
		dsc_keepalive_prepare,
		dsc_close_prepare,
	};
	size_t i;
	int rc = 0;

	make_isid(nexus);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == 0; i++)
		rc = parts[i](nexus);
	return rc;
}

void dsc_nexus_fini(struct dsc_nexus *nexus)
{
	dsc_verify_cancel(nexus);
	dsc_connect_cancel(nexus->connect);
	nexus->connect = NULL;
	dsc_conn_free(nexus->conn);
	nexus->conn = NULL;
	dsc_requests_fini(nexus);
	dsc_barrier_forget(nexus);
	dsc_recover_fini(nexus);
	dsc_keepalive_fini(nexus);
	dsc_close_fini(nexus);
}
