/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch.c: descriptors in the loop's epoll set. The kernel keeps the pointer
 * to the watch; a watch that goes away takes its undelivered events of this
 * turn with it. Loop's thread.
 */
#include <errno.h>

#include "base/loop-internal.h"

static int control(struct dsc_watch *watch, int op)
{
	struct epoll_event event = {
		.events = watch->events,
		.data.ptr = watch,
	};

	if (epoll_ctl(watch->loop->epoll_fd, op, watch->fd, &event) != 0)
		return -errno;
	return 0;
}

int dsc_watch_add(struct dsc_loop *loop, struct dsc_watch *watch, int fd,
		  uint32_t events, dsc_watch_fn fn)
{
	int rc;

	watch->loop = loop;
	watch->fn = fn;
	watch->fd = fd;
	watch->events = events;
	rc = control(watch, EPOLL_CTL_ADD);
	if (rc < 0)
		watch->loop = NULL;
	return rc;
}

int dsc_watch_set(struct dsc_watch *watch, uint32_t events)
{
	uint32_t before = watch->events;
	int rc;

	if (events == before)
		return 0;
	watch->events = events;
	rc = control(watch, EPOLL_CTL_MOD);
	if (rc < 0)
		watch->events = before;
	return rc;
}

void dsc_watch_remove(struct dsc_watch *watch)
{
	struct dsc_loop *loop = watch->loop;
	struct epoll_event *batch;
	int i;

	if (loop == NULL)
		return;
	(void)control(watch, EPOLL_CTL_DEL);
	watch->loop = NULL;

	batch = loop->batch;
	for (i = loop->batch_next; i < loop->batch_count; i++) {
		if (batch[i].data.ptr == watch)
			batch[i].data.ptr = NULL;
	}
}

void dsc_watch_deliver(struct dsc_loop *loop)
{
	struct epoll_event *batch = loop->batch;
	const uint32_t always = EPOLLERR | EPOLLHUP;

	while (loop->batch_next < loop->batch_count) {
		struct epoll_event *event = &batch[loop->batch_next++];
		struct dsc_watch *watch = event->data.ptr;
		uint32_t events;

		if (watch == NULL)
			continue;
		/* An earlier callback may have stopped asking for some. */
		events = event->events & (watch->events | always);
		if (events != 0)
			watch->fn(watch, events);
	}
}
