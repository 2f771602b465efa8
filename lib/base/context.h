/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * base/context.h: what the inside of the library sees of a context: its loop,
 * its log, the objects that hang off it, and waiting for a completion.
 * Loop's thread, but dsc_wait_* and what loop.h allows.
 */
#ifndef DSC_BASE_CONTEXT_H
#define DSC_BASE_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include <discsi/context.h>
#include "base/list.h"
#include "base/log.h"
#include "base/loop.h"

/*
 * An object that must be ended with its context (a session, a discovery under
 * way). end() completes what is pending with ECANCELED, frees the object and
 * has removed the child when it returns.
 */
struct dsc_child {
	struct dsc_list link;
	void (*end)(struct dsc_child *child);
};

/*
 * Destruction: jobs run, children end, newest first, until there is neither;
 * then the handles go. is_ending is set all the while.
 */
struct dsc_conn_shared;

struct discsi_context {
	struct dsc_loop loop;
	struct dsc_log log;
	struct dsc_list children;
	struct dsc_list handles;  /* children too: watches, timers, deferred */
	struct dsc_list debts;    /* of lib/session: what ended sessions owe */
	struct dsc_conn_shared *conn_shared;  /* of lib/iscsi; NULL: unused */
	pthread_t thread;
	bool is_threaded;
	bool is_stopping;     /* set by a job on the loop */
	atomic_bool is_ending;    /* being destroyed: begin nothing, ECANCELED */
};

void dsc_context_add_child(struct discsi_context *ctx, struct dsc_child *child,
			   void (*end)(struct dsc_child *child));
void dsc_context_remove_child(struct dsc_child *child);

/*
 * Waiting for something that the loop completes. A wait lives on the waiter's
 * stack; dsc_wait_finish() is called once, on the loop, and is the last touch
 * of it by anybody but the waiter.
 */
struct dsc_wait {
	struct discsi_context *ctx;
	bool is_driven;       /* the waiter turns the loop */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_done;
	int result;
	struct discsi_error error;
};

/*
 * Errors: EDEADLK inside a callback of this context. A wait that was begun
 * must be ended with dsc_wait_end().
 */
int dsc_wait_begin(struct discsi_context *ctx, struct dsc_wait *wait);

/* A discsi_done_cb: arg is the wait. */
void dsc_wait_finish(void *arg, int result, const struct discsi_error *error);

/*
 * Turns a driven loop, or sleeps, until the wait is finished. Returns its
 * result and makes its error the thread's last one.
 */
int dsc_wait_end(struct dsc_wait *wait);

/* Ends a wait for something that was not begun after all. */
void dsc_wait_abandon(struct dsc_wait *wait);

#endif /* DSC_BASE_CONTEXT_H */
