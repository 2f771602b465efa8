/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.c: the transition table of a nexus. Pure; any thread.
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

	{ DSC_SESSION_READY, DSC_EVENT_LOST, DSC_SESSION_BACKOFF },
	{ DSC_SESSION_READY, DSC_EVENT_DOUBT, DSC_SESSION_VERIFYING },
	{ DSC_SESSION_READY, DSC_EVENT_LEAVE, DSC_SESSION_LEAVING },
	{ DSC_SESSION_READY, DSC_EVENT_CLOSE, DSC_SESSION_DRAINING },

	{ DSC_SESSION_LEAVING, DSC_EVENT_LOST, DSC_SESSION_BACKOFF },
	{ DSC_SESSION_LEAVING, DSC_EVENT_CLOSE, DSC_SESSION_CLOSED },

	{ DSC_SESSION_BACKOFF, DSC_EVENT_RETRY, DSC_SESSION_RECONNECTING },
	{ DSC_SESSION_BACKOFF, DSC_EVENT_GIVE_UP, DSC_SESSION_FAILED },
	{ DSC_SESSION_BACKOFF, DSC_EVENT_CLOSE, DSC_SESSION_CLOSED },

	{ DSC_SESSION_RECONNECTING, DSC_EVENT_LOGGED_IN,
	  DSC_SESSION_VERIFYING },
	{ DSC_SESSION_RECONNECTING, DSC_EVENT_REFUSED, DSC_SESSION_BACKOFF },
	{ DSC_SESSION_RECONNECTING, DSC_EVENT_GIVE_UP, DSC_SESSION_FAILED },
	{ DSC_SESSION_RECONNECTING, DSC_EVENT_CLOSE, DSC_SESSION_CLOSED },

	{ DSC_SESSION_VERIFYING, DSC_EVENT_VERIFIED, DSC_SESSION_READY },
	{ DSC_SESSION_VERIFYING, DSC_EVENT_LOST, DSC_SESSION_BACKOFF },
	{ DSC_SESSION_VERIFYING, DSC_EVENT_GIVE_UP, DSC_SESSION_FAILED },
	{ DSC_SESSION_VERIFYING, DSC_EVENT_CLOSE, DSC_SESSION_CLOSED },

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

/* ----------------------------------------------------------------- facts */

static const struct state_facts {
	const char *name;
	bool parks;
	bool is_lost;
} states[DSC_SESSION_STATES] = {
	[DSC_SESSION_IDLE] = { "idle", true, false },
	[DSC_SESSION_CONNECTING] = { "connecting", true, false },
	[DSC_SESSION_READY] = { "ready", false, false },
	[DSC_SESSION_LEAVING] = { "leaving", true, false },
	[DSC_SESSION_BACKOFF] = { "backoff", true, true },
	[DSC_SESSION_RECONNECTING] = { "reconnecting", true, true },
	[DSC_SESSION_VERIFYING] = { "verifying", true, true },
	[DSC_SESSION_DRAINING] = { "draining", false, false },
	[DSC_SESSION_LOGOUT] = { "logout", false, false },
	[DSC_SESSION_FAILED] = { "failed", false, false },
	[DSC_SESSION_CLOSED] = { "closed", false, false },
};

bool dsc_session_state_parks(enum dsc_session_state state)
{
	return (unsigned)state < DSC_SESSION_STATES && states[state].parks;
}

bool dsc_session_state_is_lost(enum dsc_session_state state)
{
	return (unsigned)state < DSC_SESSION_STATES && states[state].is_lost;
}

const char *dsc_session_state_name(enum dsc_session_state state)
{
	return (unsigned)state < DSC_SESSION_STATES ? states[state].name : "?";
}

const char *dsc_session_event_name(enum dsc_session_event event)
{
	static const char *const names[DSC_EVENTS] = {
		[DSC_EVENT_OPEN] = "open",
		[DSC_EVENT_LOGGED_IN] = "logged in",
		[DSC_EVENT_REFUSED] = "refused",
		[DSC_EVENT_LOST] = "lost",
		[DSC_EVENT_RETRY] = "retry",
		[DSC_EVENT_VERIFIED] = "verified",
		[DSC_EVENT_DOUBT] = "doubt",
		[DSC_EVENT_LEAVE] = "leave",
		[DSC_EVENT_GIVE_UP] = "given up",
		[DSC_EVENT_CLOSE] = "close",
		[DSC_EVENT_DRAINED] = "drained",
		[DSC_EVENT_LOGGED_OUT] = "logged out",
		[DSC_EVENT_ABANDON] = "abandoned",
	};

	return (unsigned)event < DSC_EVENTS ? names[event] : "?";
}
