/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loop.c: the turn of a loop, its deferred calls and the jobs of other threads.
 *
 * The eventfd and the timerfd are watched edge-triggered: each write, and each
 * time the timer fires, is told once, and nothing has to be read back.
 *
 * Jobs: is_wake_pending says that a poster need not write the eventfd, because
 * it has been written or because the loop will look at the jobs before it
 * sleeps. It is true during a turn, and false between turns unless jobs are
 * left. job_lock is held for a few instructions, never over a call.
 *
 * Loop's thread, but dsc_loop_post().
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/loop-internal.h"

/* How often the deferred calls of one turn may ask for more of them. */
#define DEFERRED_ROUNDS_MAX 16

/*
 * An answer that comes within this time is worth waiting for awake: going to
 * sleep and being woken costs as much, and the one who wakes pays for it, too.
 */
#define EAGER_NS 50000u

/* Waits that must have been that short, after having been awake in vain. */
#define DOUBT_MAX 64u

/* How long a turn goes on for what is expected, after it has seen the last. */
#define LINGER_NS 10000u

static void on_wake(struct dsc_watch *watch, uint32_t events)
{
	/* What it was written for is what every turn does. */
	(void)watch;
	(void)events;
}

static void on_timer_fd(struct dsc_watch *watch, uint32_t events)
{
	(void)events;
	watch->loop->timer_armed_ns = 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int open_fds(struct dsc_loop *loop)
{
	int rc;

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0)
		return -errno;
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC,
					TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timer_fd < 0)
		return -errno;
	rc = dsc_watch_add(loop, &loop->wake_watch, loop->wake_fd,
			   EPOLLIN | EPOLLET, on_wake);
	if (rc < 0)
		return rc;
	return dsc_watch_add(loop, &loop->timer_watch, loop->timer_fd,
			     EPOLLIN | EPOLLET, on_timer_fd);
}

static void close_fds(struct dsc_loop *loop)
{
	close_fd(&loop->timer_fd);
	close_fd(&loop->wake_fd);
	close_fd(&loop->epoll_fd);
}

int dsc_loop_init(struct dsc_loop *loop)
{
	int rc;

	memset(loop, 0, sizeof(*loop));
	loop->epoll_fd = -1;
	loop->wake_fd = -1;
	loop->timer_fd = -1;
	loop->eager_ns = EAGER_NS;
	dsc_list_init(&loop->deferred);
	dsc_list_init(&loop->jobs);
	atomic_init(&loop->has_thread, false);

	rc = open_fds(loop);
	if (rc == 0)
		rc = -pthread_mutex_init(&loop->job_lock, NULL);
	if (rc < 0)
		close_fds(loop);
	return rc;
}

void dsc_loop_fini(struct dsc_loop *loop)
{
	close_fds(loop);
	free(loop->heap);
	loop->heap = NULL;
	pthread_mutex_destroy(&loop->job_lock);
}

/* ------------------------------------------------------------ wake-ups */

static void write_wake(struct dsc_loop *loop)
{
	const uint64_t one = 1;

	/* EAGAIN would mean that the counter is full: readable anyway. */
	while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void kick(struct dsc_loop *loop)
{
	if (loop->is_kicked)
		return;
	loop->is_kicked = true;
	write_wake(loop);
}

void dsc_loop_attend(struct dsc_loop *loop)
{
	loop->attended++;
}

/* Makes epoll_fd readable, now or in time, for what the loop has to do. */
static void show_work(struct dsc_loop *loop)
{
	if (!dsc_loop_is_unattended(loop))
		return;
	dsc_timer_arm(loop);
	if (loop->is_work_left || !dsc_list_is_empty(&loop->deferred))
		kick(loop);
}

void dsc_loop_release(struct dsc_loop *loop)
{
	loop->attended--;
	show_work(loop);
}

/* ---------------------------------------------------------------- jobs */

void dsc_loop_post(struct dsc_loop *loop, struct dsc_job *job, dsc_job_fn fn)
{
	bool must_wake;

	job->fn = fn;
	pthread_mutex_lock(&loop->job_lock);
	dsc_list_append(&loop->jobs, &job->link);
	must_wake = !loop->is_wake_pending;
	loop->is_wake_pending = true;
	pthread_mutex_unlock(&loop->job_lock);
	if (must_wake)
		write_wake(loop);
}

bool dsc_loop_run_jobs(struct dsc_loop *loop)
{
	struct dsc_list jobs, *link;
	bool has_run = false;

	dsc_list_init(&jobs);
	pthread_mutex_lock(&loop->job_lock);
	dsc_list_splice(&jobs, &loop->jobs);
	loop->is_wake_pending = true;
	pthread_mutex_unlock(&loop->job_lock);

	while ((link = dsc_list_pop(&jobs)) != NULL) {
		struct dsc_job *job = dsc_container_of(link, struct dsc_job,
						       link);

		job->fn(job);
		has_run = true;
	}
	return has_run;
}

/* Lets posters wake the loop again, unless it has to go on at once. */
static bool close_jobs(struct dsc_loop *loop)
{
	bool is_left;

	pthread_mutex_lock(&loop->job_lock);
	is_left = !dsc_list_is_empty(&loop->jobs);
	loop->is_wake_pending = is_left;
	pthread_mutex_unlock(&loop->job_lock);
	return is_left;
}

/* ------------------------------------------------------------ deferred */

void dsc_deferred_init(struct dsc_deferred *deferred, dsc_deferred_fn fn)
{
	dsc_list_init(&deferred->link);
	deferred->fn = fn;
}

void dsc_deferred_request(struct dsc_loop *loop, struct dsc_deferred *deferred)
{
	if (!dsc_list_is_empty(&deferred->link))
		return;
	dsc_list_append(&loop->deferred, &deferred->link);
	if (dsc_loop_is_unattended(loop))
		kick(loop);
}

void dsc_deferred_cancel(struct dsc_deferred *deferred)
{
	dsc_list_remove(&deferred->link);
}

static void run_deferred_round(struct dsc_loop *loop)
{
	struct dsc_list round, *link;

	dsc_list_init(&round);
	dsc_list_splice(&round, &loop->deferred);
	while ((link = dsc_list_pop(&round)) != NULL) {
		struct dsc_deferred *deferred =
			dsc_container_of(link, struct dsc_deferred, link);

		deferred->fn(deferred);
	}
}

static void run_deferred(struct dsc_loop *loop)
{
	int rounds = 0;

	while (!dsc_list_is_empty(&loop->deferred) &&
	       rounds++ < DEFERRED_ROUNDS_MAX)
		run_deferred_round(loop);
}

/* ---------------------------------------------------------------- turn */

void dsc_loop_enter(struct dsc_loop *loop)
{
	loop->is_turning = true;
	loop->now_ns = dsc_clock_now_ns();
}

static void end_turn(struct dsc_loop *loop)
{
	run_deferred(loop);
	loop->is_work_left = close_jobs(loop) ||
			     !dsc_list_is_empty(&loop->deferred);
	loop->is_turning = false;
	show_work(loop);
}

static int wait_events(struct dsc_loop *loop, struct epoll_event *events,
		       int timeout_ms)
{
	return epoll_wait(loop->epoll_fd, events, DSC_LOOP_EVENTS_MAX,
			  timeout_ms);
}

/*
 * A look that does not sleep. Whoever else wants this processor goes first: it
 * may be the one who is waited for, or a thread that a callback has woken.
 */
static int look(struct dsc_loop *loop, struct epoll_event *events)
{
	(void)sched_yield();
	return wait_events(loop, events, 0);
}

/*
 * Whether the next wait is to be awake. Each that was so in vain doubles how
 * many have to be short before the next try; each that was not halves it.
 */
static void judge_wait(struct dsc_loop *loop, bool is_short)
{
	if (is_short && loop->is_eager)
		loop->doubt /= 2;
	else if (loop->is_eager)
		loop->doubt = dsc_min_u32(2 * loop->doubt + 1, DOUBT_MAX);
	loop->short_waits = is_short ? loop->short_waits + 1 : 0;
	loop->is_eager = is_short && loop->short_waits > loop->doubt;
}

/* Keeps the processor for a while before it sleeps, if that is promising. */
static int wait_eagerly(struct dsc_loop *loop, struct epoll_event *events,
			int timeout_ms)
{
	uint64_t began = dsc_clock_now_ns();
	uint64_t enough = loop->eager_ns;
	uint64_t waited = 0;
	int count = 0;

	if (timeout_ms > 0)
		enough = dsc_min_u64(enough,
				     (uint64_t)timeout_ms * DSC_NS_PER_MS);
	while (loop->is_eager && count == 0 && waited < enough) {
		count = look(loop, events);
		waited = dsc_clock_now_ns() - began;
	}
	if (count == 0) {
		count = wait_events(loop, events, timeout_ms);
		waited = dsc_clock_now_ns() - began;
	}
	judge_wait(loop, count > 0 && waited < loop->eager_ns);
	return count;
}

static void deliver(struct dsc_loop *loop, struct epoll_event *events,
		    int count)
{
	loop->batch = events;
	loop->batch_next = 0;
	loop->batch_count = count > 0 ? count : 0;
	loop->is_more_expected = false;
	(void)dsc_loop_run_jobs(loop);
	dsc_watch_deliver(loop);
	loop->batch = NULL;
	loop->batch_count = 0;
	loop->batch_next = 0;
}

/*
 * The turn goes on while more is expected, and comes; not so long that it would
 * keep timers waiting, whatever comes.
 */
static void linger(struct dsc_loop *loop, struct epoll_event *events)
{
	uint64_t end_ns = loop->now_ns + EAGER_NS;
	uint64_t seen_ns = dsc_clock_now_ns();
	bool is_expected = loop->is_more_expected;

	while (is_expected) {
		int count = look(loop, events);

		dsc_loop_enter(loop);
		deliver(loop, events, count);
		if (count > 0) {
			seen_ns = loop->now_ns;
			is_expected = loop->is_more_expected;
		}
		is_expected = is_expected && loop->now_ns < end_ns &&
			      loop->now_ns < seen_ns + LINGER_NS;
	}
}

void dsc_loop_expect_more(struct dsc_loop *loop)
{
	loop->is_more_expected = true;
}

void dsc_loop_expect_soon(struct dsc_loop *loop)
{
	loop->is_soon_expected = true;
}

void dsc_loop_stay_awake(struct dsc_loop *loop, uint64_t ns)
{
	loop->eager_ns = ns;
}

void dsc_loop_be_patient(struct dsc_loop *loop)
{
	loop->is_patient = true;
}

static int turn(struct dsc_loop *loop, int timeout_ms, bool may_be_awake)
{
	struct epoll_event events[DSC_LOOP_EVENTS_MAX];
	bool is_awake;
	int count, rc;

	if (loop->is_turning)
		return -EDEADLK;
	if (loop->is_work_left || !dsc_list_is_empty(&loop->deferred))
		timeout_ms = 0;
	is_awake = may_be_awake && timeout_ms != 0 && loop->is_eager;
	dsc_timer_arm(loop);
	if (may_be_awake && timeout_ms != 0)
		count = wait_eagerly(loop, events, timeout_ms);
	else
		count = wait_events(loop, events, timeout_ms);
	rc = count < 0 && errno != EINTR ? -errno : 0;

	dsc_loop_enter(loop);
	loop->is_kicked = false;
	loop->is_soon_expected = false;
	deliver(loop, events, count);
	if (is_awake)
		linger(loop, events);
	dsc_timer_run_due(loop);
	end_turn(loop);
	return rc;
}

int dsc_loop_turn(struct dsc_loop *loop, int timeout_ms)
{
	return turn(loop, timeout_ms,
		    loop->is_soon_expected && !loop->is_patient);
}

int dsc_loop_turn_eagerly(struct dsc_loop *loop)
{
	return turn(loop, -1, true);
}

void dsc_loop_flush(struct dsc_loop *loop)
{
	if (loop->is_turning || dsc_list_is_empty(&loop->deferred))
		return;
	dsc_loop_enter(loop);
	end_turn(loop);
}

void dsc_loop_leave(struct dsc_loop *loop)
{
	loop->is_turning = false;
}

/* ----------------------------------------------------------- ownership */

void dsc_loop_set_owned(struct dsc_loop *loop, bool is_owned)
{
	if (is_owned) {
		loop->owner = pthread_self();
		dsc_loop_attend(loop);
		atomic_store(&loop->has_thread, true);
	} else {
		dsc_loop_release(loop);
		atomic_store(&loop->has_thread, false);
	}
}

bool dsc_loop_is_mine(struct dsc_loop *loop)
{
	return !atomic_load(&loop->has_thread) ||
	       pthread_equal(loop->owner, pthread_self()) != 0;
}

bool dsc_loop_is_in_turn(struct dsc_loop *loop)
{
	return dsc_loop_is_mine(loop) && loop->is_turning;
}

uint64_t dsc_loop_now_ns(struct dsc_loop *loop)
{
	return loop->is_turning ? loop->now_ns : dsc_clock_now_ns();
}
