/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-loop.c: the event loop from the inside: what runs in a turn and in
 * which order, when a turn sleeps, when its descriptor is readable, and that
 * nothing is called after it was taken back.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

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

static bool is_readable(void)
{
	struct pollfd pfd = { .fd = loop.epoll_fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/* True when a turn that may wait long does not. */
static bool turns_at_once(void)
{
	uint64_t begin = dsc_clock_now_ns();

	CU_ASSERT_EQUAL(dsc_loop_turn(&loop, LONG_MS), 0);
	return dsc_clock_now_ns() - begin < LONG_MS / 2 * DSC_NS_PER_MS;
}

/* ------------------------------------------------------------- watches */

struct end {
	struct dsc_watch watch;
	struct end *victim;
	struct dsc_deferred *asks_for;
	uint32_t seen;
	int calls;
	int fds[2];
};

static void on_end(struct dsc_watch *watch, uint32_t events)
{
	struct end *end = dsc_container_of(watch, struct end, watch);

	end->calls++;
	end->seen |= events;
	if (end->victim != NULL)
		dsc_watch_remove(&end->victim->watch);
}

static void on_end_quiet_victim(struct dsc_watch *watch, uint32_t events)
{
	struct end *end = dsc_container_of(watch, struct end, watch);

	end->calls++;
	end->seen |= events;
	dsc_watch_set(&end->victim->watch, 0);
}

static void open_end(struct end *end, dsc_watch_fn fn)
{
	memset(end, 0, sizeof(*end));
	CU_ASSERT_EQUAL_FATAL(pipe(end->fds), 0);
	CU_ASSERT_EQUAL_FATAL(dsc_watch_add(&loop, &end->watch, end->fds[0],
					    EPOLLIN, fn), 0);
}

static void close_end(struct end *end)
{
	dsc_watch_remove(&end->watch);
	close(end->fds[0]);
	close(end->fds[1]);
}

static void fill(struct end *end)
{
	CU_ASSERT_EQUAL(write(end->fds[1], "x", 1), 1);
}

static void test_watch(void)
{
	struct end end;

	open_loop();
	open_end(&end, on_end);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(end.calls, 0);
	fill(&end);
	CU_ASSERT(is_readable());
	CU_ASSERT(turns_at_once());
	CU_ASSERT_EQUAL(end.calls, 1);
	CU_ASSERT_EQUAL(end.seen, EPOLLIN);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(end.calls, 2);  /* level-triggered */

	CU_ASSERT_EQUAL(dsc_watch_set(&end.watch, 0), 0);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(end.calls, 2);
	CU_ASSERT_EQUAL(dsc_watch_set(&end.watch, EPOLLIN), 0);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(end.calls, 3);
	dsc_watch_remove(&end.watch);
	dsc_watch_remove(&end.watch);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(end.calls, 3);
	close_end(&end);
	dsc_loop_fini(&loop);
}

static void test_watch_errors(void)
{
	struct dsc_watch watch = { 0 };

	open_loop();
	CU_ASSERT_EQUAL(dsc_watch_add(&loop, &watch, -1, EPOLLIN, on_end),
			-EBADF);
	CU_ASSERT_PTR_NULL(watch.loop);
	dsc_watch_remove(&watch);
	dsc_loop_fini(&loop);
}

static void test_removed_watch_is_not_called(void)
{
	struct end a, b;

	open_loop();
	open_end(&a, on_end);
	open_end(&b, on_end);
	a.victim = &b;
	b.victim = &a;
	fill(&a);
	fill(&b);
	dsc_loop_turn(&loop, LONG_MS);
	CU_ASSERT_EQUAL(a.calls + b.calls, 1);
	close_end(&a);
	close_end(&b);
	dsc_loop_fini(&loop);
}

static void test_unwanted_events_are_not_told(void)
{
	struct end a, b;

	open_loop();
	open_end(&a, on_end_quiet_victim);
	open_end(&b, on_end_quiet_victim);
	a.victim = &b;
	b.victim = &a;
	fill(&a);
	fill(&b);
	dsc_loop_turn(&loop, LONG_MS);
	CU_ASSERT_EQUAL(a.calls + b.calls, 1);
	close_end(&a);
	close_end(&b);
	dsc_loop_fini(&loop);
}

static void test_hang_up_is_always_told(void)
{
	struct end end;

	open_loop();
	open_end(&end, on_end);
	dsc_watch_set(&end.watch, 0);
	close(end.fds[1]);
	CU_ASSERT(turns_at_once());
	CU_ASSERT_EQUAL(end.calls, 1);
	CU_ASSERT_EQUAL(end.seen, EPOLLHUP);
	dsc_watch_remove(&end.watch);
	close(end.fds[0]);
	dsc_loop_fini(&loop);
}

static void test_more_descriptors_than_a_batch(void)
{
	enum { MANY = 3 * DSC_LOOP_EVENTS_MAX };
	struct end *ends = calloc(MANY, sizeof(*ends));
	int i, turns;

	CU_ASSERT_PTR_NOT_NULL_FATAL(ends);
	open_loop();
	for (i = 0; i < MANY; i++) {
		open_end(&ends[i], on_end);
		fill(&ends[i]);
	}
	for (turns = 0; turns < 4; turns++)
		dsc_loop_turn(&loop, 0);
	for (i = 0; i < MANY; i++) {
		CU_ASSERT(ends[i].calls > 0);
		close_end(&ends[i]);
	}
	free(ends);
	dsc_loop_fini(&loop);
}

/* ------------------------------------------------------------ deferred */

struct late {
	struct dsc_deferred deferred;
	struct dsc_deferred *asks_for;
	struct dsc_deferred *cancels;
	int calls;
};

static void on_late(struct dsc_deferred *deferred)
{
	struct late *late = dsc_container_of(deferred, struct late, deferred);

	late->calls++;
	if (late->asks_for != NULL)
		dsc_deferred_request(&loop, late->asks_for);
	if (late->cancels != NULL)
		dsc_deferred_cancel(late->cancels);
}

static void init_late(struct late *late)
{
	memset(late, 0, sizeof(*late));
	dsc_deferred_init(&late->deferred, on_late);
}

static void test_deferred_runs_once(void)
{
	struct late late;

	open_loop();
	init_late(&late);
	CU_ASSERT_FALSE(is_readable());
	dsc_deferred_request(&loop, &late.deferred);
	dsc_deferred_request(&loop, &late.deferred);
	CU_ASSERT(is_readable());
	CU_ASSERT(turns_at_once());
	CU_ASSERT_EQUAL(late.calls, 1);
	CU_ASSERT_FALSE(is_readable());
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(late.calls, 1);
	dsc_loop_fini(&loop);
}

static void test_deferred_is_cancelled(void)
{
	struct late a, b;

	open_loop();
	init_late(&a);
	init_late(&b);
	a.cancels = &b.deferred;
	dsc_deferred_request(&loop, &a.deferred);
	dsc_deferred_request(&loop, &b.deferred);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(a.calls, 1);
	CU_ASSERT_EQUAL(b.calls, 0);
	dsc_deferred_cancel(&b.deferred);
	dsc_loop_fini(&loop);
}

static void test_deferred_asks_in_the_same_turn(void)
{
	struct late a, b;

	open_loop();
	init_late(&a);
	init_late(&b);
	a.asks_for = &b.deferred;
	dsc_deferred_request(&loop, &a.deferred);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(b.calls, 1);
	dsc_loop_fini(&loop);
}

static void test_endless_deferred_lets_the_turn_end(void)
{
	struct late late;
	int calls;

	open_loop();
	init_late(&late);
	late.asks_for = &late.deferred;
	dsc_deferred_request(&loop, &late.deferred);
	CU_ASSERT(turns_at_once());
	calls = late.calls;
	CU_ASSERT(calls > 1);
	CU_ASSERT(is_readable());
	CU_ASSERT(turns_at_once());
	CU_ASSERT(late.calls > calls);
	dsc_deferred_cancel(&late.deferred);
	dsc_loop_fini(&loop);
}

static void on_end_asks(struct dsc_watch *watch, uint32_t events)
{
	struct end *end = dsc_container_of(watch, struct end, watch);
	char byte;

	(void)events;
	CU_ASSERT_EQUAL(read(end->fds[0], &byte, 1), 1);
	dsc_deferred_request(&loop, end->asks_for);
}

static void test_deferred_of_a_turn_ends_it(void)
{
	struct late late;
	struct end end;

	open_loop();
	init_late(&late);
	open_end(&end, on_end_asks);
	end.asks_for = &late.deferred;
	fill(&end);
	dsc_loop_turn(&loop, LONG_MS);
	CU_ASSERT_EQUAL(late.calls, 1);
	CU_ASSERT_FALSE(is_readable());
	close_end(&end);
	dsc_loop_fini(&loop);
}

static void test_flush_runs_deferred_alone(void)
{
	struct late late;
	struct end end;

	open_loop();
	init_late(&late);
	open_end(&end, on_end);
	fill(&end);
	dsc_loop_attend(&loop);
	dsc_deferred_request(&loop, &late.deferred);
	CU_ASSERT_FALSE(loop.is_kicked);
	dsc_loop_flush(&loop);
	CU_ASSERT_EQUAL(late.calls, 1);
	CU_ASSERT_EQUAL(end.calls, 0);
	dsc_deferred_request(&loop, &late.deferred);
	dsc_watch_set(&end.watch, 0);
	CU_ASSERT_FALSE(is_readable());
	dsc_loop_release(&loop);
	CU_ASSERT(is_readable());
	CU_ASSERT(turns_at_once());
	CU_ASSERT_EQUAL(late.calls, 2);
	close_end(&end);
	dsc_loop_fini(&loop);
}

/* ---------------------------------------------------------------- jobs */

#define POSTERS 4
#define POSTS 2000

struct numbered {
	struct dsc_job job;
	int poster;
	int number;
};

static int next_number[POSTERS];
static int jobs_run;

static void on_numbered(struct dsc_job *job)
{
	struct numbered *n = dsc_container_of(job, struct numbered, job);

	CU_ASSERT_EQUAL(n->number, next_number[n->poster]);
	next_number[n->poster]++;
	jobs_run++;
	free(n);
}

static void *post_many(void *arg)
{
	int i, poster = *(int *)arg;

	for (i = 0; i < POSTS; i++) {
		struct numbered *n = malloc(sizeof(*n));

		if (n == NULL)
			abort();
		n->poster = poster;
		n->number = i;
		dsc_loop_post(&loop, &n->job, on_numbered);
	}
	return NULL;
}

static void test_jobs_of_many_threads(void)
{
	uint64_t end = dsc_clock_now_ns() + LONG_MS * DSC_NS_PER_MS;
	pthread_t threads[POSTERS];
	int i, ids[POSTERS];

	open_loop();
	jobs_run = 0;
	memset(next_number, 0, sizeof(next_number));
	for (i = 0; i < POSTERS; i++) {
		ids[i] = i;
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL,
						     post_many, &ids[i]), 0);
	}
	while (jobs_run < POSTERS * POSTS && dsc_clock_now_ns() < end)
		dsc_loop_turn(&loop, LONG_MS);
	for (i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(jobs_run, POSTERS * POSTS);
	dsc_loop_fini(&loop);
}

struct repeater {
	struct dsc_job job;
	int left;
	int calls;
};

static void on_repeat(struct dsc_job *job)
{
	struct repeater *r = dsc_container_of(job, struct repeater, job);

	r->calls++;
	if (r->left-- > 0)
		dsc_loop_post(&loop, &r->job, on_repeat);
}

static void test_job_makes_the_loop_readable(void)
{
	struct repeater r = { .left = 0 };

	open_loop();
	dsc_loop_post(&loop, &r.job, on_repeat);
	CU_ASSERT(is_readable());
	CU_ASSERT(turns_at_once());
	CU_ASSERT_EQUAL(r.calls, 1);
	CU_ASSERT_FALSE(is_readable());
	dsc_loop_fini(&loop);
}

static void test_job_posted_in_a_turn(void)
{
	struct repeater r = { .left = 3 };

	open_loop();
	dsc_loop_post(&loop, &r.job, on_repeat);
	CU_ASSERT(turns_at_once());
	CU_ASSERT_EQUAL(r.calls, 1);
	CU_ASSERT(is_readable());
	CU_ASSERT(turns_at_once());
	dsc_loop_attend(&loop);
	CU_ASSERT(turns_at_once());
	CU_ASSERT(turns_at_once());
	CU_ASSERT_EQUAL(r.calls, 4);
	dsc_loop_release(&loop);
	dsc_loop_fini(&loop);
}

/* ---------------------------------------------------------------- turn */

static void on_alarm(int number)
{
	(void)number;
}

static void test_signal_ends_a_turn(void)
{
	struct sigaction action = { .sa_handler = on_alarm }, before;
	struct itimerval every = {
		.it_interval.tv_usec = 10000,
		.it_value.tv_usec = 10000,
	};
	struct itimerval never = { .it_value.tv_usec = 0 };

	open_loop();
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &every, NULL);
	CU_ASSERT(turns_at_once());
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	dsc_loop_fini(&loop);
}

static void on_nested(struct dsc_job *job)
{
	(void)job;
	jobs_run++;
	CU_ASSERT(dsc_loop_is_in_turn(&loop));
	CU_ASSERT_EQUAL(dsc_loop_turn(&loop, LONG_MS), -EDEADLK);
	CU_ASSERT_EQUAL(dsc_loop_now_ns(&loop), dsc_loop_now_ns(&loop));
}

static void test_no_turn_inside_a_turn(void)
{
	struct dsc_job job;

	open_loop();
	jobs_run = 0;
	CU_ASSERT_FALSE(dsc_loop_is_in_turn(&loop));
	dsc_loop_post(&loop, &job, on_nested);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(jobs_run, 1);
	CU_ASSERT_FALSE(dsc_loop_is_in_turn(&loop));
	dsc_loop_fini(&loop);
}

/* -------------------------------------------------------- waiting awake */

struct expecting {
	struct end first;
	struct end second;
	struct dsc_deferred sends;
	int seen_before_it_sent;
};

static void on_send(struct dsc_deferred *deferred)
{
	struct expecting *e =
		dsc_container_of(deferred, struct expecting, sends);

	e->seen_before_it_sent = e->second.calls;
}

static void take_byte(struct end *end)
{
	char byte;

	CU_ASSERT_EQUAL(read(end->fds[0], &byte, 1), 1);
	end->calls++;
}

static void on_second(struct dsc_watch *watch, uint32_t events)
{
	(void)events;
	take_byte(dsc_container_of(watch, struct end, watch));
}

static void on_first(struct dsc_watch *watch, uint32_t events)
{
	struct expecting *e =
		dsc_container_of(watch, struct expecting, first.watch);

	(void)events;
	take_byte(&e->first);
	dsc_loop_expect_more(&loop);
	dsc_deferred_request(&loop, &e->sends);
	fill(&e->second);
}

/* A loop whose waits have been short, and that expects another short one. */
static void open_expecting(struct expecting *e)
{
	memset(e, 0, sizeof(*e));
	open_loop();
	open_end(&e->first, on_first);
	open_end(&e->second, on_second);
	dsc_deferred_init(&e->sends, on_send);
	loop.is_eager = true;
	dsc_loop_expect_soon(&loop);
	fill(&e->first);
}

static void close_expecting(struct expecting *e)
{
	CU_ASSERT_EQUAL(e->first.calls, 1);
	close_end(&e->first);
	close_end(&e->second);
	dsc_loop_fini(&loop);
}

static void test_turn_goes_on_for_more(void)
{
	struct expecting e;

	open_expecting(&e);
	dsc_loop_turn(&loop, LONG_MS);
	CU_ASSERT_EQUAL(e.seen_before_it_sent, 1);
	CU_ASSERT_EQUAL(e.second.calls, 1);
	close_expecting(&e);
}

/* For a caller who does not want to wait, and in a loop that is to sleep. */
static void test_turn_does_not_go_on_for_more(void)
{
	struct expecting e;

	open_expecting(&e);
	dsc_loop_turn(&loop, 0);
	CU_ASSERT_EQUAL(e.seen_before_it_sent, 0);
	close_expecting(&e);

	open_expecting(&e);
	dsc_loop_be_patient(&loop);
	dsc_loop_turn(&loop, LONG_MS);
	CU_ASSERT_EQUAL(e.seen_before_it_sent, 0);
	close_expecting(&e);
}

/* Nobody comes any more: one look that is too long, and then it sleeps. */
static void test_awake_in_vain(void)
{
	struct end end;
	uint32_t doubt;
	int i;

	open_loop();
	open_end(&end, on_second);
	for (i = 0; i < 20; i++) {
		doubt = loop.doubt;
		loop.is_eager = true;
		dsc_loop_expect_soon(&loop);
		dsc_loop_turn(&loop, 1);
		CU_ASSERT_FALSE(loop.is_eager);
		CU_ASSERT(loop.doubt > doubt || doubt >= 64);
		CU_ASSERT(loop.doubt <= 64);
	}
	/* A single short wait among long ones is not believed. */
	fill(&end);
	dsc_loop_turn_eagerly(&loop);
	CU_ASSERT_EQUAL(end.calls, 1);
	CU_ASSERT_FALSE(loop.is_eager);
	close_end(&end);
	dsc_loop_fini(&loop);
}

static void on_ignored(struct dsc_timer *timer)
{
	(void)timer;
}

/* What comes after a while is a short wait for who wants to wait so long. */
static void test_stays_awake_longer(void)
{
	uint32_t short_waits[2];
	struct dsc_timer timer;
	int i;

	open_loop();
	CU_ASSERT_EQUAL_FATAL(dsc_timer_init(&loop, &timer, on_ignored), 0);
	for (i = 0; i < 2; i++) {
		if (i == 1)
			dsc_loop_stay_awake(&loop, UINT64_C(60000000000));
		/* Longer than a busy machine keeps us from waiting for it. */
		dsc_timer_set(&timer, dsc_clock_now_ns() +
			      200 * DSC_NS_PER_MS);
		dsc_loop_turn_eagerly(&loop);
		short_waits[i] = loop.short_waits;
	}
	CU_ASSERT_EQUAL(short_waits[0], 0);
	CU_ASSERT_EQUAL(short_waits[1], 1);
	CU_ASSERT(loop.is_eager);
	/* Awake it keeps to a limit, and a limit is no event. */
	dsc_loop_expect_soon(&loop);
	dsc_loop_turn(&loop, 1);
	CU_ASSERT_FALSE(loop.is_eager);
	dsc_timer_fini(&timer);
	dsc_loop_fini(&loop);
}

static const struct dsc_test tests[] = {
	{ "watch", test_watch },
	{ "watch errors", test_watch_errors },
	{ "removed watch is not called", test_removed_watch_is_not_called },
	{ "unwanted events are not told", test_unwanted_events_are_not_told },
	{ "hang-up is always told", test_hang_up_is_always_told },
	{ "more descriptors than a batch", test_more_descriptors_than_a_batch },
	{ "deferred runs once", test_deferred_runs_once },
	{ "deferred is cancelled", test_deferred_is_cancelled },
	{ "deferred asks in the same turn",
	  test_deferred_asks_in_the_same_turn },
	{ "endless deferred lets the turn end",
	  test_endless_deferred_lets_the_turn_end },
	{ "deferred of a turn ends it", test_deferred_of_a_turn_ends_it },
	{ "flush runs deferred alone", test_flush_runs_deferred_alone },
	{ "jobs of many threads", test_jobs_of_many_threads },
	{ "job makes the loop readable", test_job_makes_the_loop_readable },
	{ "job posted in a turn", test_job_posted_in_a_turn },
	{ "signal ends a turn", test_signal_ends_a_turn },
	{ "no turn inside a turn", test_no_turn_inside_a_turn },
	{ "turn goes on for more", test_turn_goes_on_for_more },
	{ "turn does not go on for more", test_turn_does_not_go_on_for_more },
	{ "awake in vain", test_awake_in_vain },
	{ "stays awake longer", test_stays_awake_longer },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("loop", tests, argc, argv);
}
