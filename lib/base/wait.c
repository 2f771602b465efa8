/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait.c: how a synchronous call waits for what the loop completes: it turns a
 * driven loop itself, and sleeps on a condition while a threaded one works.
 * The waiter's thread, but dsc_wait_finish().
 *
 * The wait's mutex is taken last: nothing is called while it is held.
 */
#include <errno.h>

#include "base/context.h"

int dsc_wait_begin(struct discsi_context *ctx, struct dsc_wait *wait)
{
	if (dsc_loop_is_in_turn(&ctx->loop))
		return dsc_fail(EDEADLK, "a synchronous call cannot be made "
				"from inside a callback of the same context");
	wait->ctx = ctx;
	wait->is_driven = !ctx->is_threaded;
	wait->is_done = false;
	wait->result = 0;
	dsc_error_init(&wait->error);
	pthread_mutex_init(&wait->lock, NULL);
	pthread_cond_init(&wait->cond, NULL);
	if (wait->is_driven)
		dsc_loop_attend(&ctx->loop);
	return 0;
}

void dsc_wait_finish(void *arg, int result, const struct discsi_error *error)
{
	struct dsc_wait *wait = arg;

	pthread_mutex_lock(&wait->lock);
	wait->result = result;
	if (error != NULL)
		wait->error = *error;
	wait->is_done = true;
	pthread_cond_signal(&wait->cond);
	pthread_mutex_unlock(&wait->lock);
}

void dsc_wait_abandon(struct dsc_wait *wait)
{
	if (wait->is_driven)
		dsc_loop_release(&wait->ctx->loop);
	pthread_cond_destroy(&wait->cond);
	pthread_mutex_destroy(&wait->lock);
}

static void turn_until_done(struct dsc_wait *wait)
{
	struct dsc_loop *loop = &wait->ctx->loop;

	if (!wait->is_done)
		dsc_loop_flush(loop);
	while (!wait->is_done)
		(void)dsc_loop_turn_eagerly(loop);
}

static void sleep_until_done(struct dsc_wait *wait)
{
	pthread_mutex_lock(&wait->lock);
	while (!wait->is_done)
		pthread_cond_wait(&wait->cond, &wait->lock);
	pthread_mutex_unlock(&wait->lock);
}

int dsc_wait_end(struct dsc_wait *wait)
{
	int result;

	if (wait->is_driven)
		turn_until_done(wait);
	else
		sleep_until_done(wait);
	result = wait->result;
	if (result < 0 && wait->error.errnum != 0)
		(void)dsc_fail_with(&wait->error);
	else if (result < 0)
		(void)dsc_fail(-result, "the request failed (%s)",
			       discsi_errno_name(result));
	dsc_wait_abandon(wait);
	return result;
}
