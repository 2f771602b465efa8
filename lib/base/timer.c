/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * timer.c: the loop's timers, a binary heap by due time in front of one
 * timerfd. The timerfd is only ever set to an earlier time, or after it has
 * fired: a deadline that is set with each request and stopped with each reply
 * costs no system call. Loop's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/loop-internal.h"

#define HEAP_ROOM_FIRST 16

static void place(struct dsc_loop *loop, size_t slot, struct dsc_timer *timer)
{
	loop->heap[slot] = timer;
	timer->slot = slot;
}

/* Puts timer at slot or above it, where it belongs. */
static void sift_up(struct dsc_loop *loop, size_t slot, struct dsc_timer *timer)
{
	while (slot > 1 && loop->heap[slot / 2]->due_ns > timer->due_ns) {
		place(loop, slot, loop->heap[slot / 2]);
		slot /= 2;
	}
	place(loop, slot, timer);
}

/* Puts timer at slot or below it, where it belongs. */
static void sift_down(struct dsc_loop *loop, size_t slot,
		      struct dsc_timer *timer)
{
	struct dsc_timer **heap = loop->heap;

	for (;;) {
		size_t child = slot * 2;

		if (child > loop->heap_used)
			break;
		if (child < loop->heap_used &&
		    heap[child + 1]->due_ns < heap[child]->due_ns)
			child++;
		if (heap[child]->due_ns >= timer->due_ns)
			break;
		place(loop, slot, heap[child]);
		slot = child;
	}
	place(loop, slot, timer);
}

static void settle(struct dsc_loop *loop, size_t slot, struct dsc_timer *timer)
{
	if (slot > 1 && loop->heap[slot / 2]->due_ns > timer->due_ns)
		sift_up(loop, slot, timer);
	else
		sift_down(loop, slot, timer);
}

static int reserve(struct dsc_loop *loop, size_t timers)
{
	struct dsc_timer **heap;
	size_t room, slots, bytes;

	if (timers <= loop->heap_room)
		return 0;
	room = loop->heap_room == 0 ? HEAP_ROOM_FIRST : loop->heap_room * 2;
	slots = room + 1;
	if (!dsc_mul_size(slots, sizeof(struct dsc_timer *), &bytes))
		return -ENOMEM;
	heap = realloc(loop->heap, bytes);
	if (heap == NULL)
		return -ENOMEM;
	loop->heap = heap;
	loop->heap_room = room;
	return 0;
}

int dsc_timer_init(struct dsc_loop *loop, struct dsc_timer *timer,
		   dsc_timer_fn fn)
{
	int rc = reserve(loop, loop->timers + 1);

	timer->loop = rc == 0 ? loop : NULL;
	timer->fn = fn;
	timer->due_ns = 0;
	timer->slot = 0;
	if (rc == 0)
		loop->timers++;
	return rc;
}

void dsc_timer_set(struct dsc_timer *timer, uint64_t due_ns)
{
	struct dsc_loop *loop = timer->loop;
	size_t slot = timer->slot;

	/* One that is late each time must not be in front of others for ever. */
	if (loop->is_turning)
		due_ns = dsc_max_u64(due_ns, loop->now_ns);
	timer->due_ns = due_ns;
	if (slot == 0)
		sift_up(loop, ++loop->heap_used, timer);
	else
		settle(loop, slot, timer);
	if (dsc_loop_is_unattended(loop))
		dsc_timer_arm(loop);
}

void dsc_timer_set_in(struct dsc_timer *timer, uint64_t delay_ms)
{
	uint64_t now_ns = dsc_loop_now_ns(timer->loop);
	uint64_t delay_ns, due_ns;

	if (!dsc_mul_u64(delay_ms, DSC_NS_PER_MS, &delay_ns) ||
	    !dsc_add_u64(now_ns, delay_ns, &due_ns))
		due_ns = UINT64_MAX;
	dsc_timer_set(timer, due_ns);
}

void dsc_timer_stop(struct dsc_timer *timer)
{
	struct dsc_loop *loop = timer->loop;
	size_t slot = timer->slot;
	struct dsc_timer *last;

	if (loop == NULL || slot == 0)
		return;
	timer->slot = 0;
	last = loop->heap[loop->heap_used--];
	if (last != timer)
		settle(loop, slot, last);
}

void dsc_timer_fini(struct dsc_timer *timer)
{
	if (timer->loop == NULL)
		return;
	dsc_timer_stop(timer);
	timer->loop->timers--;
	timer->loop = NULL;
}

void dsc_timer_run_due(struct dsc_loop *loop)
{
	/* A timer that sets itself to "now" must not keep the turn going. */
	size_t most = loop->heap_used;

	while (most-- > 0 && loop->heap_used > 0) {
		struct dsc_timer *timer = loop->heap[1];

		if (timer->due_ns > loop->now_ns)
			break;
		dsc_timer_stop(timer);
		timer->fn(timer);
	}
}

void dsc_timer_arm(struct dsc_loop *loop)
{
	struct itimerspec spec = { .it_value.tv_sec = 0 };
	uint64_t due_ns;

	if (loop->heap_used == 0)
		return;
	due_ns = dsc_max_u64(loop->heap[1]->due_ns, 1);
	if (loop->timer_armed_ns != 0 && loop->timer_armed_ns <= due_ns)
		return;
	/* The kernel takes a signed number of nanoseconds. */
	due_ns = dsc_min_u64(due_ns, INT64_MAX);
	spec.it_value.tv_sec = (time_t)(due_ns / DSC_NS_PER_S);
	spec.it_value.tv_nsec = (long)(due_ns % DSC_NS_PER_S);
	if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec,
			    NULL) == 0)
		loop->timer_armed_ns = due_ns;
}
