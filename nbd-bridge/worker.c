/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.c: see worker.h. The thread touches nothing but its job's argument;
 * it hands that back by posting to the loop.
 */
#include <errno.h>
#include <poll.h>

#include "base/error.h"

#include "worker.h"

#define POST_PAUSE_MS 10
#define STACK_BYTES (256u << 10)  /* all of it may be locked in memory */

static void on_finished(void *arg)
{
	struct nbd_worker *worker = arg;

	pthread_join(worker->thread, NULL);
	worker->is_running = false;
	if (worker->done != NULL)
		worker->done(worker->arg);
}

static void *run(void *arg)
{
	struct nbd_worker *worker = arg;

	worker->job(worker->arg);
	while (discsi_context_post(worker->ctx, on_finished, worker) < 0)
		poll(NULL, 0, POST_PAUSE_MS);
	return NULL;
}

int nbd_worker_start(struct nbd_worker *worker, struct discsi_context *ctx,
		     discsi_call_cb job, discsi_call_cb done, void *arg)
{
	pthread_attr_t attributes;
	int error;

	worker->ctx = ctx;
	worker->job = job;
	worker->done = done;
	worker->arg = arg;
	worker->is_running = true;
	error = pthread_attr_init(&attributes);
	if (error == 0) {
		pthread_attr_setstacksize(&attributes, STACK_BYTES);
		error = pthread_create(&worker->thread, &attributes, run,
				       worker);
		pthread_attr_destroy(&attributes);
	}
	if (error == 0)
		return 0;
	worker->is_running = false;
	return dsc_fail(error, "no thread can be started (%s)",
			discsi_errno_name(error));
}

void nbd_worker_join(struct nbd_worker *worker)
{
	while (worker->is_running) {
		if (discsi_context_dispatch(worker->ctx, -1) < 0)
			return;
	}
}
