/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session-internal.h: between the files of lib/session alone. Loop's thread.
 */
#ifndef DSC_SESSION_SESSION_INTERNAL_H
#define DSC_SESSION_SESSION_INTERNAL_H

#include "session/session.h"

/* Steps the state by an event; cause may be NULL. False: nothing changed. */
bool dsc_session_transit(struct discsi_session *session,
			 enum dsc_session_event event, const char *cause);

/* Its owner has closed it: it ends once no request is left. */
static inline bool dsc_session_is_closing(const struct discsi_session *session)
{
	return session->state == DSC_SESSION_DRAINING ||
	       session->state == DSC_SESSION_CLOSED;
}

/* Drops the connection: everything under way completes. */
void dsc_session_drop(struct discsi_session *session,
		      const struct discsi_error *why);

/* Timers and deferred calls of a session that has reached its loop. -ENOMEM. */
int dsc_session_prepare_loop(struct discsi_session *session);

/* Frees at once; no request may be outstanding. Not inside the connection's
 * or the connect's callbacks, but for the last thing that those do. */
void dsc_session_free(struct discsi_session *session);

/* request.c */
int dsc_session_requests_init(struct discsi_session *session);
void dsc_session_requests_fini(struct discsi_session *session);
/* Completes what is not in the connection's hands, with a negative errno. */
void dsc_session_fail_waiting(struct discsi_session *session, int result);

/* close.c */
int dsc_session_close_init(struct discsi_session *session);
void dsc_session_close_fini(struct discsi_session *session);
/* The context ends: everything is cancelled and freed now. */
void dsc_session_abandon(struct dsc_child *child);

#endif /* DSC_SESSION_SESSION_INTERNAL_H */
