/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/worker.h: one blocking job on a short-lived thread, so that the
 * loop can go on serving: the kernel may ask for I/O in the middle of the very
 * call that attaches or detaches its device.
 */
#ifndef NBD_WORKER_H
#define NBD_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#include <discsi/context.h>

struct nbd_worker {
	struct discsi_context *ctx;
	discsi_call_cb job;     /* runs on the thread; may block */
	discsi_call_cb done;    /* on the loop, when it has; or NULL */
	void *arg;              /* the thread's alone while is_running */
	pthread_t thread;
	bool is_running;        /* loop's thread */
};

/*
 * Runs job(arg) on a thread of its own. is_running becomes false on the loop
 * when it is done, just before done(arg); what it has written to arg can be read
 * then.
 *
 * worker: not running, and alive until it has finished. Errors: EAGAIN.
 */
int nbd_worker_start(struct nbd_worker *worker, struct discsi_context *ctx,
		     discsi_call_cb job, discsi_call_cb done, void *arg);

/* Waits for a worker that still runs. Not from inside a callback. */
void nbd_worker_join(struct nbd_worker *worker);

#endif /* NBD_WORKER_H */
