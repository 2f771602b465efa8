/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * refuse.c: completing requests that no answer of the target completes: one of
 * them at the end of the turn, those of a nexus that has come to its end, those
 * of a unit. Loop's thread.
 */
#include "session/nexus.h"

#include <string.h>

void dsc_request_refuse(struct dsc_request *request, int result)
{
	struct dsc_nexus *nexus = request->nexus;

	request->hand = DSC_HAND_REFUSED;
	request->refusal = result;
	dsc_list_remove(&request->retry_link);
	dsc_list_append(&nexus->refused, &request->retry_link);
	dsc_deferred_request(&nexus->ctx->loop, &nexus->refuse);
}

static void on_refuse(struct dsc_deferred *deferred)
{
	struct dsc_nexus *nexus =
		dsc_container_of(deferred, struct dsc_nexus, refuse);
	struct dsc_list round;
	struct dsc_list *first;

	/* What callbacks submit meanwhile has its turn later. */
	dsc_list_init(&round);
	dsc_list_splice(&round, &nexus->refused);
	while ((first = dsc_list_pop(&round)) != NULL) {
		struct dsc_request *request =
			dsc_container_of(first, struct dsc_request, retry_link);

		dsc_request_finish_unanswered(request, request->refusal);
	}
}

static void fail_list(struct dsc_list *list, int result)
{
	struct dsc_list round;
	struct dsc_list *first;

	dsc_list_init(&round);
	dsc_list_splice(&round, list);
	while ((first = dsc_list_pop(&round)) != NULL) {
		struct dsc_request *request =
			dsc_container_of(first, struct dsc_request, link);

		if (request->hand == DSC_HAND_REFUSED)
			dsc_request_finish_unanswered(request,
						      request->refusal);
		else if (request->hand == DSC_HAND_PARKED ||
			 request->hand == DSC_HAND_RETRY ||
			 request->hand == DSC_HAND_ANSWERED)
			dsc_request_finish_unanswered(request, result);
		else
			dsc_list_append(list, first);
	}
}

void dsc_requests_fail(struct dsc_nexus *nexus, int result)
{
	dsc_timer_stop(&nexus->retry_timer);
	fail_list(&nexus->verifications, result);
	fail_list(&nexus->requests, result);
}

void dsc_requests_fail_unit(struct dsc_nexus *nexus,
			    const struct dsc_unit *unit, int result)
{
	struct dsc_list *link;

	for (link = nexus->requests.next; link != &nexus->requests;
	     link = link->next) {
		struct dsc_request *request =
			dsc_container_of(link, struct dsc_request, link);

		if (memcmp(request->task.lun, unit->address, 8) != 0 ||
		    request->hand == DSC_HAND_REFUSED ||
		    request->hand == DSC_HAND_JUDGED)
			continue;
		if (request->hand != DSC_HAND_CONNECTION ||
		    dsc_conn_withdraw(nexus->conn, &request->task))
			dsc_request_refuse(request, result);
		else
			request->is_unwanted = true;
	}
}

void dsc_refuse_prepare(struct dsc_nexus *nexus)
{
	dsc_deferred_init(&nexus->refuse, on_refuse);
}
