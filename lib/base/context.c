/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * context.c: the life of a context: driven, threaded, driven again, destroyed.
 * The owner's thread; the loop's thread begins and ends here.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

#include "base/context.h"

/* What the starting thread tells the new one; lives until is_running. */
struct starter {
	struct discsi_context *ctx;
	sem_t is_running;
};

struct stopper {
	struct dsc_job job;
	struct discsi_context *ctx;
};

static int fail_in_callback(const char *what)
{
	return dsc_fail(EDEADLK, "a context cannot be %s from inside one of "
			"its callbacks", what);
}

int discsi_context_new(struct discsi_context **ctx)
{
	struct discsi_context *made = calloc(1, sizeof(*made));
	int rc;

	if (made == NULL)
		return dsc_fail_memory();
	rc = dsc_loop_init(&made->loop);
	if (rc < 0) {
		free(made);
		return dsc_fail(-rc, "the event loop of a context cannot be "
				"made (%s)", discsi_errno_name(rc));
	}
	dsc_list_init(&made->children);
	dsc_list_init(&made->handles);
	dsc_list_init(&made->debts);
	atomic_init(&made->is_ending, false);
	dsc_log_init(&made->log);
	*ctx = made;
	return 0;
}

int discsi_context_fd(const struct discsi_context *ctx)
{
	return ctx->loop.epoll_fd;
}

int discsi_context_dispatch(struct discsi_context *ctx, int timeout_ms)
{
	int rc;

	if (ctx->is_threaded)
		return dsc_fail(EDEADLK, "a threaded context is dispatched by "
				"its own thread");
	if (dsc_loop_is_in_turn(&ctx->loop))
		return fail_in_callback("dispatched");
	rc = dsc_loop_turn(&ctx->loop, timeout_ms);
	if (rc < 0)
		return dsc_fail(-rc, "the event loop cannot wait (%s)",
				discsi_errno_name(rc));
	return 0;
}

void discsi_context_set_log(struct discsi_context *ctx, discsi_log_cb cb,
			    void *arg, enum discsi_log_level level)
{
	dsc_log_install(&ctx->log, cb, arg, level);
}

/* -------------------------------------------------------------- thread */

static void *run_thread(void *arg)
{
	struct starter *starter = arg;
	struct discsi_context *ctx = starter->ctx;

	(void)pthread_setname_np(pthread_self(), "discsi");
	dsc_loop_set_owned(&ctx->loop, true);
	sem_post(&starter->is_running);
	while (!ctx->is_stopping)
		(void)dsc_loop_turn(&ctx->loop, -1);
	dsc_loop_set_owned(&ctx->loop, false);
	return NULL;
}

/* A new thread inherits the mask: no signal can reach it unblocked. */
static int create_thread(struct starter *starter, pthread_t *thread)
{
	sigset_t all, before;
	int errnum;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(thread, NULL, run_thread, starter);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return errnum;
}

static void wait_running(struct starter *starter)
{
	while (sem_wait(&starter->is_running) != 0 && errno == EINTR)
		;
}

int discsi_context_start(struct discsi_context *ctx)
{
	struct starter starter = { .ctx = ctx };
	int errnum;

	if (dsc_loop_is_in_turn(&ctx->loop))
		return fail_in_callback("started");
	if (ctx->is_threaded)
		return dsc_fail(EALREADY, "the context has a thread already");
	ctx->is_stopping = false;
	sem_init(&starter.is_running, 0, 0);
	/* Callbacks may ask before this call is over. */
	ctx->is_threaded = true;
	errnum = create_thread(&starter, &ctx->thread);
	if (errnum == 0)
		wait_running(&starter);
	else
		ctx->is_threaded = false;
	sem_destroy(&starter.is_running);
	if (errnum != 0)
		return dsc_fail(errnum, "a thread for the context cannot be "
				"made (%s)", discsi_errno_name(errnum));
	dsc_log(&ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_CONTEXT,
		"driven -> threaded");
	return 0;
}

static void on_stop(struct dsc_job *job)
{
	struct stopper *stopper = dsc_container_of(job, struct stopper, job);

	stopper->ctx->is_stopping = true;
}

int discsi_context_stop(struct discsi_context *ctx)
{
	struct stopper stopper = { .ctx = ctx };

	if (dsc_loop_is_in_turn(&ctx->loop))
		return fail_in_callback("stopped");
	if (!ctx->is_threaded)
		return dsc_fail(EALREADY, "the context has no thread");
	dsc_loop_post(&ctx->loop, &stopper.job, on_stop);
	pthread_join(ctx->thread, NULL);
	ctx->is_threaded = false;
	dsc_log(&ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_CONTEXT,
		"threaded -> driven");
	return 0;
}

/* --------------------------------------------------------- destruction */

void dsc_context_add_child(struct discsi_context *ctx, struct dsc_child *child,
			   void (*end)(struct dsc_child *child))
{
	child->end = end;
	dsc_list_prepend(&ctx->children, &child->link);
}

void dsc_context_remove_child(struct dsc_child *child)
{
	dsc_list_remove(&child->link);
}

static bool end_first(struct dsc_list *children)
{
	struct dsc_list *link = dsc_list_first(children);
	struct dsc_child *child;

	if (link == NULL)
		return false;
	child = dsc_container_of(link, struct dsc_child, link);
	child->end(child);
	return true;
}

void discsi_context_destroy(struct discsi_context *ctx)
{
	if (ctx == NULL)
		return;
	if (dsc_loop_is_in_turn(&ctx->loop)) {
		(void)fail_in_callback("destroyed");
		dsc_log(&ctx->log, DISCSI_LOG_ERROR, DSC_LOG_CONTEXT, "%s",
			discsi_last_error()->message);
		return;
	}
	if (ctx->is_threaded)
		(void)discsi_context_stop(ctx);
	atomic_store(&ctx->is_ending, true);
	dsc_loop_enter(&ctx->loop);
	while (dsc_loop_run_jobs(&ctx->loop) || end_first(&ctx->children))
		;
	while (end_first(&ctx->handles))
		;
	dsc_loop_leave(&ctx->loop);
	dsc_loop_fini(&ctx->loop);
	free(ctx);
}
