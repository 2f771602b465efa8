/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.h: the states of a nexus and what leads from one to the next. Pure:
 * a table and a step function. The other files do what a state asks for.
 */
#ifndef DSC_SESSION_STATE_H
#define DSC_SESSION_STATE_H

#include <stdbool.h>

enum dsc_session_state {
	DSC_SESSION_IDLE,          /* made, nothing begun */
	DSC_SESSION_CONNECTING,    /* the first time: resolving, logging in */
	DSC_SESSION_READY,         /* full feature phase, I/O flows */
	DSC_SESSION_LEAVING,       /* the target wants us to log in anew */
	DSC_SESSION_BACKOFF,       /* lost; a pause before the next attempt */
	DSC_SESSION_RECONNECTING,  /* lost; resolving, logging in */
	DSC_SESSION_VERIFYING,     /* logged in; are these the same disks? */
	DSC_SESSION_DRAINING,      /* closing: what is under way finishes */
	DSC_SESSION_LOGOUT,        /* closing: Logout Request sent */
	DSC_SESSION_FAILED,        /* never had, or given up for good */
	DSC_SESSION_CLOSED,        /* may be freed */
	DSC_SESSION_STATES         /* how many there are */
};

enum dsc_session_event {
	DSC_EVENT_OPEN,        /* the caller wants it */
	DSC_EVENT_LOGGED_IN,
	DSC_EVENT_REFUSED,     /* no portal let us in, this time */
	DSC_EVENT_LOST,        /* the connection failed, or was dropped by us */
	DSC_EVENT_RETRY,       /* the pause is over */
	DSC_EVENT_VERIFIED,    /* the same disks, and old writes cannot land */
	DSC_EVENT_DOUBT,       /* the target says that a disk is another one */
	DSC_EVENT_LEAVE,       /* the target asks for a logout */
	DSC_EVENT_GIVE_UP,     /* replacement_timeout, or no use in trying */
	DSC_EVENT_CLOSE,       /* the caller is done with it */
	DSC_EVENT_DRAINED,     /* nothing is under way any more */
	DSC_EVENT_LOGGED_OUT,  /* the target answered, or had its time */
	DSC_EVENT_ABANDON,     /* the context ends: at once */
	DSC_EVENTS             /* how many there are */
};

/*
 * The state that an event leads to. False, and *next untouched, when the event
 * means nothing in this state.
 */
bool dsc_session_step(enum dsc_session_state state,
		      enum dsc_session_event event,
		      enum dsc_session_state *next);

/* "ready", "logged in" … for the log. */
const char *dsc_session_state_name(enum dsc_session_state state);
const char *dsc_session_event_name(enum dsc_session_event event);

/* What a state means for requests. */
bool dsc_session_state_parks(enum dsc_session_state state);    /* they wait */
bool dsc_session_state_is_lost(enum dsc_session_state state);  /* an outage */

#endif /* DSC_SESSION_STATE_H */
