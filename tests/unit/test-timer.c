/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-timer.c: the loop's timers: order, being moved and stopped from
 * anywhere, the timerfd that is set as seldom as possible and never too late.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "harness/harness.h"

/* Longer than anything here takes, and the deadline of what must happen. */
#define LONG_MS 20000

static struct dsc_loop loop;

static void open_loop(void)
{
	CU_ASSERT_EQUAL_FATAL(dsc_loop_init(&loop), 0);
}

/* True when a turn that may wait long does not. */
static bool turns_at_once(void)
{
	uint64_t begin = dsc_clock_now_ns();

	CU_ASSERT_EQUAL(dsc_loop_turn(&loop, LONG_MS), 0);
	return dsc_clock_now_ns() - begin < LONG_MS / 2 * DSC_NS_PER_MS;
}

#define TIMERS 200

static struct dsc_timer timers[TIMERS];

static uint64_t last_due;
static int fired;

static void on_ordered(struct dsc_timer *timer)
{
	CU_ASSERT(timer->due_ns >= last_due);
	CU_ASSERT(timer->due_ns <= dsc_loop_now_ns(&loop));
	last_due = timer->due_ns;
	fired++;
}

static void turn_until_fired(int count)
{
	uint64_t end = dsc_clock_now_ns() + LONG_MS * DSC_NS_PER_MS;

	while (fired < count && dsc_clock_now_ns() < end)
		dsc_loop_turn(&loop, LONG_MS);
	CU_ASSERT_EQUAL(fired, count);
}

static void init_timers(int count, dsc_timer_fn fn)
{
	int i;

	memset(timers, 0, sizeof(timers));
	fired = 0;
	last_due = 0;
	for (i = 0; i < count; i++)
		CU_ASSERT_EQUAL_FATAL(dsc_timer_init(&loop, &timers[i],
						     fn), 0);
}

static void fini_timers(int count)
{
	int i;

	for (i = 0; i < count; i++)
		dsc_timer_fini(&timers[i]);
}

static void test_timer_wakes_the_loop(void)
{
	uint64_t begin, spent;

	open_loop();
	init_timers(1, on_ordered);
	begin = dsc_clock_now_ns();
	dsc_timer_set_in(&timers[0], 20);
	turn_until_fired(1);
	spent = dsc_clock_now_ns() - begin;
	CU_ASSERT(spent >= 20 * DSC_NS_PER_MS);
	CU_ASSERT(spent < LONG_MS / 2 * DSC_NS_PER_MS);
	fini_timers(1);
	dsc_loop_fini(&loop);
}

static void test_timers_fire_in_order(void)
{
	unsigned int seed = 1;
	int i, left = TIMERS;
	uint64_t now;

	open_loop();
	init_timers(TIMERS, on_ordered);
	now = dsc_clock_now_ns();
	for (i = 0; i < TIMERS; i++)
		dsc_timer_set(&timers[i],
			      now + (uint64_t)(rand_r(&seed) % 1000) * 20000);
	/* Some are moved, earlier or later, and some stopped. */
	for (i = 0; i < TIMERS; i += 3)
		dsc_timer_set(&timers[i],
			      now + (uint64_t)(rand_r(&seed) % 1000) * 20000);
	for (i = 0; i < TIMERS; i += 7, left--)
		dsc_timer_stop(&timers[i]);
	dsc_timer_stop(&timers[0]);
	turn_until_fired(left);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(fired, left);
	fini_timers(TIMERS);
	CU_ASSERT_EQUAL(loop.heap_used, 0);
	CU_ASSERT_EQUAL(loop.timers, 0);
	dsc_loop_fini(&loop);
}

static void on_stop_next(struct dsc_timer *timer)
{
	fired++;
	dsc_timer_stop(timer == &timers[0] ? &timers[1] : &timers[0]);
}

static void test_stopped_timer_is_not_called(void)
{
	open_loop();
	init_timers(2, on_stop_next);
	dsc_timer_set_in(&timers[0], 0);
	dsc_timer_set_in(&timers[1], 0);
	turn_until_fired(1);
	dsc_loop_turn(&loop, 0);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(fired, 1);
	fini_timers(2);
	dsc_loop_fini(&loop);
}

static void on_fini_self(struct dsc_timer *timer)
{
	fired++;
	dsc_timer_fini(timer);
	memset(timer, 0, sizeof(*timer));
}

static void test_timer_may_end_in_its_call(void)
{
	open_loop();
	init_timers(3, on_fini_self);
	dsc_timer_set_in(&timers[0], 0);
	dsc_timer_set_in(&timers[1], 1);
	dsc_timer_set_in(&timers[2], 0);
	turn_until_fired(3);
	fini_timers(3);  /* all-zero by now */
	CU_ASSERT_EQUAL(loop.timers, 0);
	dsc_loop_fini(&loop);
}

static void on_again(struct dsc_timer *timer)
{
	fired++;
	dsc_timer_set_in(timer, 0);
}

static void test_timer_of_no_delay_lets_the_turn_end(void)
{
	open_loop();
	init_timers(1, on_again);
	dsc_timer_set_in(&timers[0], 0);
	CU_ASSERT(turns_at_once());
	CU_ASSERT(turns_at_once());
	CU_ASSERT(fired >= 1);
	fini_timers(1);
	dsc_loop_fini(&loop);
}

static int late;

static void on_late_again(struct dsc_timer *timer)
{
	late++;
	dsc_timer_set(timer, 1);
}

static void test_late_timer_lets_others_fire(void)
{
	int turns;

	open_loop();
	late = 0;
	init_timers(2, on_ordered);
	timers[0].fn = on_late_again;
	dsc_timer_set(&timers[0], 1);
	dsc_timer_set(&timers[1], 2);
	for (turns = 0; turns < 3; turns++)
		CU_ASSERT(turns_at_once());
	CU_ASSERT(late >= 2);
	CU_ASSERT_EQUAL(fired, 1);
	fini_timers(2);
	dsc_loop_fini(&loop);
}

static void test_earlier_timer_is_not_missed(void)
{
	open_loop();
	init_timers(2, on_ordered);
	dsc_timer_set_in(&timers[0], LONG_MS);
	dsc_timer_set_in(&timers[1], 10);
	CU_ASSERT(turns_at_once());
	turn_until_fired(1);
	dsc_timer_set_in(&timers[0], 5);
	turn_until_fired(2);
	fini_timers(2);
	dsc_loop_fini(&loop);
}

static void test_deadline_that_moves_costs_no_call(void)
{
	uint64_t armed;

	open_loop();
	init_timers(1, on_ordered);
	dsc_timer_set_in(&timers[0], LONG_MS);
	armed = loop.timer_armed_ns;
	CU_ASSERT(armed != 0);
	dsc_timer_stop(&timers[0]);
	dsc_loop_turn(&loop, 0);
	dsc_timer_set_in(&timers[0], 2 * LONG_MS);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(loop.timer_armed_ns, armed);
	fini_timers(1);
	dsc_loop_fini(&loop);
}

static void test_timer_moved_later_still_fires(void)
{
	open_loop();
	init_timers(1, on_ordered);
	dsc_timer_set_in(&timers[0], 5);
	dsc_timer_set_in(&timers[0], 30);
	turn_until_fired(1);
	fini_timers(1);
	dsc_loop_fini(&loop);
}

static void test_timer_of_the_far_future(void)
{
	open_loop();
	init_timers(2, on_ordered);
	dsc_timer_set_in(&timers[0], UINT64_MAX);
	dsc_timer_set(&timers[1], UINT64_MAX);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(fired, 0);
	dsc_timer_set(&timers[1], 0);
	CU_ASSERT(turns_at_once());
	CU_ASSERT_EQUAL(fired, 1);
	fini_timers(2);
	dsc_loop_fini(&loop);
}

static void test_attended_timer_is_armed_by_the_turn(void)
{
	open_loop();
	init_timers(1, on_ordered);
	dsc_loop_attend(&loop);
	dsc_timer_set_in(&timers[0], 10);
	CU_ASSERT_EQUAL(loop.timer_armed_ns, 0);
	turn_until_fired(1);
	dsc_timer_set_in(&timers[0], 10);
	CU_ASSERT_EQUAL(loop.timer_armed_ns, 0);
	dsc_loop_release(&loop);
	CU_ASSERT(loop.timer_armed_ns != 0);
	fini_timers(1);
	dsc_loop_fini(&loop);
}

static const struct dsc_test tests[] = {
	{ "timer wakes the loop", test_timer_wakes_the_loop },
	{ "timers fire in order", test_timers_fire_in_order },
	{ "stopped timer is not called", test_stopped_timer_is_not_called },
	{ "timer may end in its call", test_timer_may_end_in_its_call },
	{ "timer of no delay lets the turn end",
	  test_timer_of_no_delay_lets_the_turn_end },
	{ "late timer lets others fire", test_late_timer_lets_others_fire },
	{ "earlier timer is not missed", test_earlier_timer_is_not_missed },
	{ "deadline that moves costs no call",
	  test_deadline_that_moves_costs_no_call },
	{ "timer moved later still fires", test_timer_moved_later_still_fires },
	{ "timer of the far future", test_timer_of_the_far_future },
	{ "attended timer is armed by the turn",
	  test_attended_timer_is_armed_by_the_turn },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("timer", tests, argc, argv);
}
