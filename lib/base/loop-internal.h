/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loop-internal.h: what loop.c, watch.c and timer.c need of each other.
 * Loop's thread.
 */
#ifndef DSC_BASE_LOOP_INTERNAL_H
#define DSC_BASE_LOOP_INTERNAL_H

#include <sys/epoll.h>

#include "base/loop.h"

/* True when nobody is going to look at the loop unless epoll_fd says so. */
static inline bool dsc_loop_is_unattended(const struct dsc_loop *loop)
{
	return !loop->is_turning && loop->attended == 0;
}

/* Calls the watches that events are for; loop->batch stands for the array. */
void dsc_watch_deliver(struct dsc_loop *loop);

/* Calls the timers that are due at loop->now_ns. */
void dsc_timer_run_due(struct dsc_loop *loop);

/* Sets timer_fd if the earliest timer comes before what it is set to. */
void dsc_timer_arm(struct dsc_loop *loop);

#endif /* DSC_BASE_LOOP_INTERNAL_H */
