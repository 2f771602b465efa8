/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loop.h: descriptors, timers, work at the end of a turn, and work handed over
 * from other threads, on one epoll descriptor.
 *
 * One turn: jobs posted by other threads, ready descriptors, timers that are
 * due, deferred calls until there are none; only then does the loop sleep.
 * That order is what gathers many requests into one system call.
 *
 * All calls are for the loop's thread but dsc_loop_post(). A driven loop is
 * whoever's turn it is; dsc_loop_is_mine() says so. Every structure is owned
 * by its user and embedded in the user's own.
 */
#ifndef DSC_BASE_LOOP_H
#define DSC_BASE_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct dsc_loop;
struct dsc_watch;
struct dsc_timer;
struct dsc_deferred;
struct dsc_job;

typedef void (*dsc_watch_fn)(struct dsc_watch *watch, uint32_t events);
typedef void (*dsc_timer_fn)(struct dsc_timer *timer);
typedef void (*dsc_deferred_fn)(struct dsc_deferred *deferred);
typedef void (*dsc_job_fn)(struct dsc_job *job);

struct dsc_watch {
	struct dsc_loop *loop;  /* NULL: not watched */
	dsc_watch_fn fn;
	int fd;
	uint32_t events;
};

struct dsc_timer {
	struct dsc_loop *loop;  /* NULL: not initialised */
	dsc_timer_fn fn;
	uint64_t due_ns;
	size_t slot;            /* 1-based place in the heap, 0: not running */
};

struct dsc_deferred {
	struct dsc_list link;
	dsc_deferred_fn fn;
};

struct dsc_job {
	struct dsc_list link;
	dsc_job_fn fn;
};

#define DSC_LOOP_EVENTS_MAX 64

struct dsc_loop {
	int epoll_fd;
	int wake_fd;                  /* eventfd, for other threads and kicks */
	int timer_fd;                 /* keeps epoll_fd readable for timers */
	uint64_t timer_armed_ns;      /* what timer_fd is set to, 0: nothing */
	uint64_t now_ns;              /* of this turn */
	bool is_turning;              /* inside dsc_loop_turn() */
	bool is_kicked;               /* wake_fd was written by this thread */
	bool is_work_left;            /* the last turn did not run all */
	bool is_eager;                /* waits have been short: stay awake */
	bool is_more_expected;        /* by what has just been delivered */
	bool is_soon_expected;        /* something, before the next turn */
	bool is_patient;              /* sleeps all the same */
	uint64_t eager_ns;            /* how long a short wait is at most */
	uint32_t short_waits;         /* in a row */
	uint32_t doubt;               /* how many of them are too few */
	unsigned int attended;        /* who will turn it without polling */
	struct dsc_watch wake_watch;
	struct dsc_watch timer_watch;
	struct dsc_list deferred;

	struct dsc_timer **heap;      /* 1-based binary heap by due_ns */
	size_t heap_used;
	size_t heap_room;
	size_t timers;                /* initialised ones: heap_room suffices */

	void *batch;                  /* epoll_event array being delivered */
	int batch_next;
	int batch_count;

	pthread_mutex_t job_lock;     /* guards jobs and is_wake_pending */
	struct dsc_list jobs;
	bool is_wake_pending;

	atomic_bool has_thread;       /* owned by owner, else driven */
	pthread_t owner;
};

/* Errors: ENOMEM, EMFILE, ENFILE (negative, no last error set). */
int dsc_loop_init(struct dsc_loop *loop);

/* Closes what init opened. Nothing may be watched or timed any more. */
void dsc_loop_fini(struct dsc_loop *loop);

/*
 * One turn, waiting up to timeout_ms for something to do (-1: without end).
 * Returns 0, also when a signal ended the wait; never waits when a deferred
 * call or a job is due. -EDEADLK inside a turn.
 *
 * Where something is expected soon, and has been coming within microseconds, a
 * turn that may wait stays awake for so long; with a timeout_ms of 0 it looks.
 */
int dsc_loop_turn(struct dsc_loop *loop, int timeout_ms);

/*
 * The same without a limit, for a caller who can do nothing else meanwhile:
 * something is expected soon.
 */
int dsc_loop_turn_eagerly(struct dsc_loop *loop);

/*
 * Inside a turn: so much is under way that the next wait will be a short one.
 * Forgotten by the next turn.
 */
void dsc_loop_expect_soon(struct dsc_loop *loop);

/*
 * From inside a watch's callback: more is about to come, and what is sent at
 * the end of the turn had better be sent with what that leads to. A turn that
 * waits awake goes on for it, for some microseconds, and delivers it as well.
 */
void dsc_loop_expect_more(struct dsc_loop *loop);

/* How long a wait may be awake, for whoever finds 50 microseconds too short. */
void dsc_loop_stay_awake(struct dsc_loop *loop, uint64_t ns);

/* Always sleeps, but for dsc_loop_turn_eagerly(). */
void dsc_loop_be_patient(struct dsc_loop *loop);

/*
 * Runs the deferred calls that were asked for, and nothing else: what comes
 * before the first turn of a synchronous call, so that it costs no poll.
 * Outside of a turn.
 */
void dsc_loop_flush(struct dsc_loop *loop);

/*
 * Between these two the caller promises to turn the loop, or to release it, by
 * himself: epoll_fd is then not made readable for work that the loop knows of
 * anyway. Release makes up for it. They nest.
 */
void dsc_loop_attend(struct dsc_loop *loop);
void dsc_loop_release(struct dsc_loop *loop);

/*
 * For the destruction of a context: between enter and leave the loop counts as
 * turning, so that callbacks cannot wait; dsc_loop_run_jobs() runs the jobs
 * that are there and says whether there were any.
 */
void dsc_loop_enter(struct dsc_loop *loop);
bool dsc_loop_run_jobs(struct dsc_loop *loop);
void dsc_loop_leave(struct dsc_loop *loop);

/* Declares the calling thread the owner, or (false) the loop driven again. */
void dsc_loop_set_owned(struct dsc_loop *loop, bool is_owned);

/* True when the caller may touch the loop. */
bool dsc_loop_is_mine(struct dsc_loop *loop);

/* True on the loop's thread inside a turn: a callback is running. */
bool dsc_loop_is_in_turn(struct dsc_loop *loop);

/* Monotonic time, cached for the turn; read afresh outside of one. */
uint64_t dsc_loop_now_ns(struct dsc_loop *loop);

/* Errors of epoll_ctl, negative. Level-triggered. */
int dsc_watch_add(struct dsc_loop *loop, struct dsc_watch *watch, int fd,
		  uint32_t events, dsc_watch_fn fn);
int dsc_watch_set(struct dsc_watch *watch, uint32_t events);
/* No call after this, not even one that this turn has already fetched. */
void dsc_watch_remove(struct dsc_watch *watch);

/* Makes a stopped timer; reserves what dsc_timer_set() needs. -ENOMEM. */
int dsc_timer_init(struct dsc_loop *loop, struct dsc_timer *timer,
		   dsc_timer_fn fn);
/* Starts, or moves, the timer to a time of the monotonic clock. */
void dsc_timer_set(struct dsc_timer *timer, uint64_t due_ns);
/* Starts, or moves, the timer to delay_ms from now. */
void dsc_timer_set_in(struct dsc_timer *timer, uint64_t delay_ms);
void dsc_timer_stop(struct dsc_timer *timer);
/* Stops it and gives the reserved place back; safe on an all-zero timer. */
void dsc_timer_fini(struct dsc_timer *timer);

void dsc_deferred_init(struct dsc_deferred *deferred, dsc_deferred_fn fn);
/*
 * Asks for one call at the end of this turn (outside of a turn: of the next,
 * and epoll_fd becomes readable). Asking twice is once.
 */
void dsc_deferred_request(struct dsc_loop *loop, struct dsc_deferred *deferred);
void dsc_deferred_cancel(struct dsc_deferred *deferred);

/*
 * Runs job->fn on the loop, in the order of the calls. Any thread. The job is
 * the loop's until fn is called, and the callee's then.
 */
void dsc_loop_post(struct dsc_loop *loop, struct dsc_job *job,
		   dsc_job_fn fn);

#endif /* DSC_BASE_LOOP_H */
