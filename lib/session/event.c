/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * event.c: telling the owner of a session what happens to it. Loop's thread,
 * but discsi_session_on_event().
 */
#include "session/nexus.h"

#include <errno.h>
#include <stdlib.h>

static void tell(struct discsi_session *session, struct discsi_event *event)
{
	discsi_event_cb cb;
	void *arg;

	event->size = sizeof(*event);
	pthread_mutex_lock(&session->lock);
	if (event->error != NULL)
		session->last_error = *event->error;
	cb = session->event_cb;
	arg = session->event_arg;
	pthread_mutex_unlock(&session->lock);
	if (cb != NULL)
		cb(arg, session, event);
}

void dsc_session_tell(struct dsc_nexus *nexus, enum discsi_event_type type,
		      const struct discsi_error *error)
{
	struct discsi_event event = {
		.type = type,
		.index = nexus->index,
		.error = error,
	};

	/* A session that is being opened, or closed, has no one to tell. */
	if (nexus->session->open_cb == NULL && !nexus->session->is_closing)
		tell(nexus->session, &event);
}

void dsc_session_tell_unit(struct discsi_session *session,
			   enum discsi_event_type type, uint64_t lun,
			   const struct discsi_error *error)
{
	struct discsi_event event = {
		.type = type,
		.lun = lun,
		.error = error,
	};

	tell(session, &event);
}

void dsc_session_tell_capacity(struct discsi_session *session, uint64_t lun,
			       uint64_t bytes)
{
	struct discsi_event event = {
		.type = DISCSI_EVENT_CAPACITY_CHANGED,
		.lun = lun,
		.bytes = bytes,
	};

	tell(session, &event);
}

const char *discsi_event_name(enum discsi_event_type type)
{
	static const char *const names[] = {
		[DISCSI_EVENT_CONNECTED] = "connected",
		[DISCSI_EVENT_LOST] = "lost",
		[DISCSI_EVENT_RECOVERED] = "recovered",
		[DISCSI_EVENT_FAILED] = "failed",
		[DISCSI_EVENT_CAPACITY_CHANGED] = "capacity changed",
		[DISCSI_EVENT_LUNS_CHANGED] = "LUNs changed",
		[DISCSI_EVENT_LUN_FAILED] = "LUN failed",
	};

	return (unsigned)type < sizeof(names) / sizeof(names[0]) ?
	       names[type] : "?";
}

/* ---------------------------------------------------------------- asking */

struct subscription {
	struct dsc_job job;
	struct dsc_list link;            /* of session->subscribing */
	struct discsi_session *session;  /* NULL: it has ended */
	unsigned number;
	discsi_event_cb cb;
	void *arg;
};

/* False: another one has taken its place. */
static bool install(struct subscription *subscription)
{
	struct discsi_session *session = subscription->session;
	bool is_last;

	pthread_mutex_lock(&session->lock);
	dsc_list_remove(&subscription->link);
	is_last = subscription->number == session->subscriptions;
	if (is_last) {
		session->event_cb = subscription->cb;
		session->event_arg = subscription->arg;
	}
	pthread_mutex_unlock(&session->lock);
	return is_last;
}

/* What a nexus is like now, as the first event. */
static void tell_present(struct dsc_nexus *nexus)
{
	struct discsi_error error = nexus->error;

	if (nexus->state == DSC_SESSION_FAILED)
		dsc_session_tell(nexus, DISCSI_EVENT_FAILED, &error);
	else if (dsc_session_state_is_lost(nexus->state))
		dsc_session_tell(nexus, DISCSI_EVENT_LOST, &error);
	else
		dsc_session_tell(nexus, DISCSI_EVENT_CONNECTED, NULL);
}

static void on_subscribe(struct dsc_job *job)
{
	struct subscription *subscription =
		dsc_container_of(job, struct subscription, job);
	struct discsi_session *session = subscription->session;
	bool is_installed = session != NULL && install(subscription);
	unsigned i;

	free(subscription);
	for (i = 0; is_installed && i < session->count; i++)
		tell_present(&session->nexus[i]);
}

void dsc_session_forget_subscriptions(struct discsi_session *session)
{
	struct dsc_list *first;

	pthread_mutex_lock(&session->lock);
	while ((first = dsc_list_pop(&session->subscribing)) != NULL)
		dsc_container_of(first, struct subscription, link)->session =
			NULL;
	pthread_mutex_unlock(&session->lock);
}

int discsi_session_on_event(struct discsi_session *session, discsi_event_cb cb,
			    void *arg)
{
	struct subscription *subscription;
	unsigned number;

	if (session == NULL)
		return dsc_fail(EINVAL, "discsi_session_on_event: NULL session");
	subscription = cb == NULL ? NULL : malloc(sizeof(*subscription));
	if (cb != NULL && subscription == NULL)
		return dsc_fail_memory();
	pthread_mutex_lock(&session->lock);
	number = ++session->subscriptions;
	session->event_cb = NULL;  /* until the present state has been told */
	if (cb != NULL)
		dsc_list_append(&session->subscribing, &subscription->link);
	pthread_mutex_unlock(&session->lock);
	if (cb == NULL)
		return 0;
	subscription->session = session;
	subscription->number = number;
	subscription->cb = cb;
	subscription->arg = arg;
	dsc_loop_post(&session->ctx->loop, &subscription->job, on_subscribe);
	return 0;
}
