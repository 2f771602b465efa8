/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handles.c: the public watches, timers and deferred calls, and work posted
 * from other threads: thin, allocated handles over loop.h. A handle may be
 * freed inside its own callback; those that are left end with the context.
 * Loop's thread, but discsi_context_post().
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/context.h"

#define WATCH_EVENTS (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP)

struct discsi_watch {
	struct dsc_child child;
	struct dsc_watch watch;
	discsi_watch_cb cb;
	void *arg;
};

struct discsi_timer {
	struct dsc_child child;
	struct dsc_timer timer;
	discsi_call_cb cb;
	void *arg;
};

struct discsi_deferred {
	struct dsc_child child;
	struct dsc_deferred deferred;
	struct dsc_loop *loop;
	discsi_call_cb cb;
	void *arg;
};

struct post {
	struct dsc_job job;
	discsi_call_cb cb;
	void *arg;
};

static void add_handle(struct discsi_context *ctx, struct dsc_child *handle,
		       void (*end)(struct dsc_child *child))
{
	handle->end = end;
	dsc_list_append(&ctx->handles, &handle->link);
}

static int check_thread(struct discsi_context *ctx, const char *what)
{
	if (dsc_loop_is_mine(&ctx->loop))
		return 0;
	return dsc_fail(EINVAL, "a %s of a threaded context can only be made "
			"on the loop's thread: discsi_context_post() leads "
			"there", what);
}

/* --------------------------------------------------------------- watch */

static void on_watch(struct dsc_watch *watch, uint32_t events)
{
	struct discsi_watch *handle =
		dsc_container_of(watch, struct discsi_watch, watch);

	handle->cb(handle->arg, events);
}

static void end_watch(struct dsc_child *child)
{
	discsi_watch_free(dsc_container_of(child, struct discsi_watch, child));
}

static int fail_watch(int fd, int rc)
{
	return dsc_fail(-rc, "descriptor %d cannot be watched (%s)", fd,
			discsi_errno_name(rc));
}

int discsi_watch_new(struct discsi_context *ctx, int fd, uint32_t events,
		     discsi_watch_cb cb, void *arg, struct discsi_watch **watch)
{
	struct discsi_watch *handle;
	int rc = check_thread(ctx, "watch");

	if (rc < 0)
		return rc;
	if ((events & ~WATCH_EVENTS) != 0)
		return fail_watch(fd, -EINVAL);
	handle = calloc(1, sizeof(*handle));
	if (handle == NULL)
		return dsc_fail_memory();
	handle->cb = cb;
	handle->arg = arg;
	rc = dsc_watch_add(&ctx->loop, &handle->watch, fd, events, on_watch);
	if (rc < 0) {
		free(handle);
		return fail_watch(fd, rc);
	}
	add_handle(ctx, &handle->child, end_watch);
	*watch = handle;
	return 0;
}

int discsi_watch_set(struct discsi_watch *watch, uint32_t events)
{
	int rc;

	if ((events & ~WATCH_EVENTS) != 0)
		return fail_watch(watch->watch.fd, -EINVAL);
	rc = dsc_watch_set(&watch->watch, events);
	return rc < 0 ? fail_watch(watch->watch.fd, rc) : 0;
}

void discsi_watch_free(struct discsi_watch *watch)
{
	if (watch == NULL)
		return;
	dsc_context_remove_child(&watch->child);
	dsc_watch_remove(&watch->watch);
	free(watch);
}

/* --------------------------------------------------------------- timer */

static void on_timer(struct dsc_timer *timer)
{
	struct discsi_timer *handle =
		dsc_container_of(timer, struct discsi_timer, timer);

	handle->cb(handle->arg);
}

static void end_timer(struct dsc_child *child)
{
	discsi_timer_free(dsc_container_of(child, struct discsi_timer, child));
}

int discsi_timer_new(struct discsi_context *ctx, discsi_call_cb cb, void *arg,
		     struct discsi_timer **timer)
{
	struct discsi_timer *handle;
	int rc = check_thread(ctx, "timer");

	if (rc < 0)
		return rc;
	handle = calloc(1, sizeof(*handle));
	if (handle == NULL)
		return dsc_fail_memory();
	handle->cb = cb;
	handle->arg = arg;
	if (dsc_timer_init(&ctx->loop, &handle->timer, on_timer) < 0) {
		free(handle);
		return dsc_fail_memory();
	}
	add_handle(ctx, &handle->child, end_timer);
	*timer = handle;
	return 0;
}

void discsi_timer_set(struct discsi_timer *timer, uint32_t delay_ms)
{
	dsc_timer_set_in(&timer->timer, delay_ms);
}

void discsi_timer_stop(struct discsi_timer *timer)
{
	dsc_timer_stop(&timer->timer);
}

void discsi_timer_free(struct discsi_timer *timer)
{
	if (timer == NULL)
		return;
	dsc_context_remove_child(&timer->child);
	dsc_timer_fini(&timer->timer);
	free(timer);
}

/* ------------------------------------------------------------ deferred */

static void on_deferred(struct dsc_deferred *deferred)
{
	struct discsi_deferred *handle =
		dsc_container_of(deferred, struct discsi_deferred, deferred);

	handle->cb(handle->arg);
}

static void end_deferred(struct dsc_child *child)
{
	discsi_deferred_free(dsc_container_of(child, struct discsi_deferred,
					      child));
}

int discsi_deferred_new(struct discsi_context *ctx, discsi_call_cb cb, void *arg,
			struct discsi_deferred **deferred)
{
	struct discsi_deferred *handle;
	int rc = check_thread(ctx, "deferred call");

	if (rc < 0)
		return rc;
	handle = calloc(1, sizeof(*handle));
	if (handle == NULL)
		return dsc_fail_memory();
	handle->loop = &ctx->loop;
	handle->cb = cb;
	handle->arg = arg;
	dsc_deferred_init(&handle->deferred, on_deferred);
	add_handle(ctx, &handle->child, end_deferred);
	*deferred = handle;
	return 0;
}

void discsi_deferred_request(struct discsi_deferred *deferred)
{
	dsc_deferred_request(deferred->loop, &deferred->deferred);
}

void discsi_deferred_free(struct discsi_deferred *deferred)
{
	if (deferred == NULL)
		return;
	dsc_context_remove_child(&deferred->child);
	dsc_deferred_cancel(&deferred->deferred);
	free(deferred);
}

/* ---------------------------------------------------------------- post */

static void on_post(struct dsc_job *job)
{
	struct post *post = dsc_container_of(job, struct post, job);
	discsi_call_cb cb = post->cb;
	void *arg = post->arg;

	free(post);
	cb(arg);
}

int discsi_context_post(struct discsi_context *ctx, discsi_call_cb cb, void *arg)
{
	struct post *post;

	/* A callback that posts itself would keep the destruction going. */
	if (atomic_load(&ctx->is_ending))
		return dsc_fail(ECANCELED, "the context is being destroyed");
	post = malloc(sizeof(*post));
	if (post == NULL)
		return dsc_fail_memory();
	post->cb = cb;
	post->arg = arg;
	dsc_loop_post(&ctx->loop, &post->job, on_post);
	return 0;
}
