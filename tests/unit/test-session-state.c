/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-session-state.c: the transition table of a nexus, row by row, and
 * that what is not in it changes nothing.
 */
#include "harness/harness.h"
#include "session/state.h"

static void leads(enum dsc_session_state from, enum dsc_session_event event,
		  enum dsc_session_state to)
{
	enum dsc_session_state next = DSC_SESSION_STATES;

	CU_ASSERT_TRUE(dsc_session_step(from, event, &next));
	CU_ASSERT_EQUAL(next, to);
}

static void test_life(void)
{
	leads(DSC_SESSION_IDLE, DSC_EVENT_OPEN, DSC_SESSION_CONNECTING);
	leads(DSC_SESSION_CONNECTING, DSC_EVENT_LOGGED_IN, DSC_SESSION_READY);
	leads(DSC_SESSION_READY, DSC_EVENT_CLOSE, DSC_SESSION_DRAINING);
	leads(DSC_SESSION_DRAINING, DSC_EVENT_DRAINED, DSC_SESSION_LOGOUT);
	leads(DSC_SESSION_LOGOUT, DSC_EVENT_LOGGED_OUT, DSC_SESSION_CLOSED);
}

static void test_recovery(void)
{
	leads(DSC_SESSION_READY, DSC_EVENT_LOST, DSC_SESSION_BACKOFF);
	leads(DSC_SESSION_BACKOFF, DSC_EVENT_RETRY, DSC_SESSION_RECONNECTING);
	leads(DSC_SESSION_RECONNECTING, DSC_EVENT_REFUSED, DSC_SESSION_BACKOFF);
	leads(DSC_SESSION_RECONNECTING, DSC_EVENT_LOGGED_IN,
	      DSC_SESSION_VERIFYING);
	leads(DSC_SESSION_VERIFYING, DSC_EVENT_LOST, DSC_SESSION_BACKOFF);
	leads(DSC_SESSION_VERIFYING, DSC_EVENT_VERIFIED, DSC_SESSION_READY);
}

/* From wherever it is while it is lost, it can be given up or closed. */
static void test_end_of_recovery(void)
{
	static const enum dsc_session_state lost[] = {
		DSC_SESSION_BACKOFF, DSC_SESSION_RECONNECTING,
		DSC_SESSION_VERIFYING
	};
	size_t i;

	for (i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		leads(lost[i], DSC_EVENT_GIVE_UP, DSC_SESSION_FAILED);
		leads(lost[i], DSC_EVENT_CLOSE, DSC_SESSION_CLOSED);
		CU_ASSERT_TRUE(dsc_session_state_is_lost(lost[i]));
		CU_ASSERT_TRUE(dsc_session_state_parks(lost[i]));
	}
	CU_ASSERT_FALSE(dsc_session_state_parks(DSC_SESSION_READY));
	CU_ASSERT_FALSE(dsc_session_state_parks(DSC_SESSION_FAILED));
}

/* What the target has asked for is no loss of anything. */
static void test_the_targets_wishes(void)
{
	leads(DSC_SESSION_READY, DSC_EVENT_DOUBT, DSC_SESSION_VERIFYING);
	leads(DSC_SESSION_READY, DSC_EVENT_LEAVE, DSC_SESSION_LEAVING);
	leads(DSC_SESSION_LEAVING, DSC_EVENT_LOST, DSC_SESSION_BACKOFF);
	CU_ASSERT_TRUE(dsc_session_state_parks(DSC_SESSION_LEAVING));
	CU_ASSERT_FALSE(dsc_session_state_is_lost(DSC_SESSION_LEAVING));
}

static void test_failures(void)
{
	leads(DSC_SESSION_CONNECTING, DSC_EVENT_REFUSED, DSC_SESSION_FAILED);
	leads(DSC_SESSION_FAILED, DSC_EVENT_CLOSE, DSC_SESSION_CLOSED);
	leads(DSC_SESSION_DRAINING, DSC_EVENT_LOST, DSC_SESSION_CLOSED);
	leads(DSC_SESSION_LOGOUT, DSC_EVENT_LOST, DSC_SESSION_CLOSED);
}

static void test_nothing_leaves_closed(void)
{
	enum dsc_session_state next = DSC_SESSION_STATES;
	int event;

	for (event = DSC_EVENT_OPEN; event <= DSC_EVENT_ABANDON; event++)
		CU_ASSERT_FALSE(dsc_session_step(DSC_SESSION_CLOSED,
						 (enum dsc_session_event)event,
						 &next));
	CU_ASSERT_EQUAL(next, DSC_SESSION_STATES);
}

static void test_abandon_from_everywhere(void)
{
	int state;

	for (state = DSC_SESSION_IDLE; state < DSC_SESSION_CLOSED; state++)
		leads((enum dsc_session_state)state, DSC_EVENT_ABANDON,
		      DSC_SESSION_CLOSED);
}

static const struct dsc_test tests[] = {
	{ "life", test_life },
	{ "recovery", test_recovery },
	{ "end_of_recovery", test_end_of_recovery },
	{ "the_targets_wishes", test_the_targets_wishes },
	{ "failures", test_failures },
	{ "nothing_leaves_closed", test_nothing_leaves_closed },
	{ "abandon_from_everywhere", test_abandon_from_everywhere },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("session-state", tests, argc, argv);
}
