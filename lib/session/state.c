/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.c: the transition table of a session. Pure; any thread.
 */
#include "session/state.h"

#include <stddef.h>

struct transition {
	enum dsc_session_state from;
	enum dsc_session_event event;
	enum dsc_session_state to;
};

static const struct transition transitions[] = {
	{ DSC_SESSION_IDLE, DSC_EVENT_OPEN, DSC_SESSION_CONNECTING },
	{ DSC_SESSION_IDLE, DSC_EVENT_CLOSE, DSC_SESSION_CLOSED },

	{ DSC_SESSION_CONNECTING, DSC_EVENT_LOGGED_IN, DSC_SESSION_READY },
	{ DSC_SESSION_CONNECTING, DSC_EVENT_REFUSED, DSC_SESSION_FAILED },
	{ DSC_SESSION_CONNECTING, DSC_EVENT_CLOSE, DSC_SESSION_CLOSED },

	{ DSC_SESSION_READY, DSC_EVENT_LOST, DSC_SESSION_FAILED },
	{ DSC_SESSION_READY, DSC_EVENT_CLOSE, DSC_SESSION_DRAINING },

	{ DSC_SESSION_DRAINING, DSC_EVENT_DRAINED, DSC_SESSION_LOGOUT },
	{ DSC_SESSION_DRAINING, DSC_EVENT_LOST, DSC_SESSION_CLOSED },

	{ DSC_SESSION_LOGOUT, DSC_EVENT_LOGGED_OUT, DSC_SESSION_CLOSED },
	{ DSC_SESSION_LOGOUT, DSC_EVENT_LOST, DSC_SESSION_CLOSED },

	{ DSC_SESSION_FAILED, DSC_EVENT_CLOSE, DSC_SESSION_CLOSED },
};

bool dsc_session_step(enum dsc_session_state state,
		      enum dsc_session_event event,
		      enum dsc_session_state *next)
{
	size_t i;

	if (event == DSC_EVENT_ABANDON && state != DSC_SESSION_CLOSED) {
		*next = DSC_SESSION_CLOSED;
		return true;
	}
	for (i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
		if (transitions[i].from == state &&
		    transitions[i].event == event) {
			*next = transitions[i].to;
			return true;
		}
	}
	return false;
}

const char *dsc_session_state_name(enum dsc_session_state state)
{
	static const char *const names[DSC_SESSION_STATES] = {
		[DSC_SESSION_IDLE] = "idle",
		[DSC_SESSION_CONNECTING] = "connecting",
		[DSC_SESSION_READY] = "ready",
		[DSC_SESSION_DRAINING] = "draining",
		[DSC_SESSION_LOGOUT] = "logout",
		[DSC_SESSION_FAILED] = "failed",
		[DSC_SESSION_CLOSED] = "closed",
	};

	return (unsigned)state < DSC_SESSION_STATES ? names[state] : "?";
}

const char *dsc_session_event_name(enum dsc_session_event event)
{
	static const char *const names[] = {
		[DSC_EVENT_OPEN] = "open",
		[DSC_EVENT_LOGGED_IN] = "logged in",
		[DSC_EVENT_REFUSED] = "refused",
		[DSC_EVENT_LOST] = "lost",
		[DSC_EVENT_CLOSE] = "close",
		[DSC_EVENT_DRAINED] = "drained",
		[DSC_EVENT_LOGGED_OUT] = "logged out",
		[DSC_EVENT_ABANDON] = "abandoned",
	};

	return (unsigned)event < sizeof(names) / sizeof(names[0]) ?
	       names[event] : "?";
}
