/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolver.c: getaddrinfo() on detached threads, a few per context, and its
 * result as a job of the loop.
 *
 * A lookup is shared by the loop and at most one thread, under the lock of its
 * context's pool. Giving up clears lookup->resolve and no more: the thread
 * finds that out when its getaddrinfo() returns, be it after the context has
 * gone; the pool lives until the last thread has left it.
 *
 * Lock order: pool->lock, then the lock of the loop's jobs (inside
 * dsc_loop_post). No lock is held during a lookup or a callback.
 */
#include "session/resolver.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Threads of one context; more lookups wait for one of them. */
#define THREADS_MAX 16

/* RFC 1035 section 2.3.4, and the scope of an IPv6 address. */
#define HOST_BYTES_MAX 255

struct pool {
	struct dsc_child child;      /* of the context; loop's thread */
	pthread_mutex_t lock;        /* guards what follows */
	struct dsc_loop *loop;       /* NULL: the context has ended */
	unsigned int threads;
	unsigned int references;     /* the context, each thread and resolve */
	struct dsc_list waiting;     /* lookups that no thread has taken */
};

struct lookup {
	struct dsc_list link;        /* pool->waiting; guarded by its lock */
	struct dsc_resolve *resolve; /* NULL: given up; guarded likewise */
	bool is_stranded;            /* done, and no loop to tell; likewise */
	struct dsc_job job;
	dsc_lookup_fn fn;
	char host[HOST_BYTES_MAX + 1];
	char port[6];
	struct dsc_resolve_result result;  /* the thread's, then the job's */
};

struct dsc_resolve {
	struct discsi_context *ctx;
	dsc_resolve_cb cb;
	void *arg;
	struct pool *pool;           /* NULL: numeric, no lookup */
	struct lookup *lookup;
	struct dsc_deferred ready;   /* for a numeric address */
	struct dsc_resolve_result result;
};

/* ---------------------------------------------------------------- result */

static void take_addresses(struct dsc_resolve_result *result,
			   const struct addrinfo *list)
{
	struct dsc_address *address;

	result->count = 0;
	for (; list != NULL && result->count < DSC_ADDRESSES_MAX;
	     list = list->ai_next) {
		address = &result->addresses[result->count];
		if ((list->ai_family != AF_INET &&
		     list->ai_family != AF_INET6) ||
		    list->ai_addrlen > sizeof(address->storage))
			continue;
		result->count++;
		address->length = list->ai_addrlen;
		memcpy(&address->storage, list->ai_addr, list->ai_addrlen);
	}
}

static void set_failure(struct dsc_resolve_result *result, const char *host,
			int code, int errnum)
{
	const char *why = code == EAI_SYSTEM ? discsi_errno_name(errnum) :
					       gai_strerror(code);

	result->status = dsc_error_set(&result->error, code == EAI_MEMORY ?
				       ENOMEM : EADDRNOTAVAIL,
				       "the name '%s' does not resolve: %s",
				       host, why);
}

static void look_up(dsc_lookup_fn fn, const char *host, const char *port,
		    int flags, struct dsc_resolve_result *result)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | flags,
	};
	struct addrinfo *list = NULL;
	int code = fn(host, port, &hints, &list);
	int errnum = errno;

	dsc_error_init(&result->error);
	result->status = 0;
	result->count = 0;
	if (code != 0) {
		set_failure(result, host, code, errnum);
		return;
	}
	take_addresses(result, list);
	freeaddrinfo(list);
	if (result->count == 0)
		set_failure(result, host, EAI_NONAME, 0);
}

/* ------------------------------------------------------------------ pool */

/* With the lock held; gives it back. */
static void unlock_and_release(struct pool *pool)
{
	bool is_last = --pool->references == 0;

	pthread_mutex_unlock(&pool->lock);
	if (!is_last)
		return;
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static void end_pool(struct dsc_child *child)
{
	struct pool *pool = dsc_container_of(child, struct pool, child);

	dsc_context_remove_child(child);
	pthread_mutex_lock(&pool->lock);
	pool->loop = NULL;
	unlock_and_release(pool);
}

/* The context's pool, made when it is first asked for; NULL: no memory. */
static struct pool *get_pool(struct discsi_context *ctx)
{
	struct dsc_list *link;
	struct dsc_child *child;
	struct pool *pool;

	for (link = ctx->children.next; link != &ctx->children;
	     link = link->next) {
		child = dsc_container_of(link, struct dsc_child, link);
		if (child->end == end_pool)
			return dsc_container_of(child, struct pool, child);
	}
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	dsc_list_init(&pool->waiting);
	pool->loop = &ctx->loop;
	pool->references = 1;
	dsc_context_add_child(ctx, &pool->child, end_pool);
	return pool;
}

/* ---------------------------------------------------------------- thread */

static void on_looked_up(struct dsc_job *job);

/* With the lock held: the next lookup to be done, NULL when there is none. */
static struct lookup *take_waiting(struct pool *pool)
{
	struct dsc_list *link = dsc_list_pop(&pool->waiting);

	return link != NULL ? dsc_container_of(link, struct lookup, link) :
			      NULL;
}

/*
 * With the lock held. When the context is ending, whoever asked has still to
 * give up, and frees it then.
 */
static void deliver(struct pool *pool, struct lookup *lookup)
{
	if (lookup->resolve == NULL)
		free(lookup);
	else if (pool->loop != NULL)
		dsc_loop_post(pool->loop, &lookup->job, on_looked_up);
	else
		lookup->is_stranded = true;
}

static void *run_thread(void *arg)
{
	struct pool *pool = arg;
	struct lookup *lookup;

	(void)pthread_setname_np(pthread_self(), "discsi-resolve");
	pthread_mutex_lock(&pool->lock);
	while ((lookup = take_waiting(pool)) != NULL) {
		pthread_mutex_unlock(&pool->lock);
		look_up(lookup->fn, lookup->host, lookup->port, 0,
			&lookup->result);
		pthread_mutex_lock(&pool->lock);
		deliver(pool, lookup);
	}
	pool->threads--;
	unlock_and_release(pool);
	return NULL;
}

/* With the lock held. No signal is taken on the new thread. */
static int create_thread(struct pool *pool)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int errnum;

	errnum = pthread_attr_init(&attr);
	if (errnum != 0)
		return errnum;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(&thread, &attr, run_thread, pool);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (errnum != 0)
		return errnum;
	pool->threads++;
	pool->references++;
	return 0;
}

/*
 * Queues a lookup and sees to it that a thread comes to it. When no further
 * one can be made, those that run will do.
 */
static int queue_lookup(struct pool *pool, struct lookup *lookup)
{
	int errnum = 0;

	pthread_mutex_lock(&pool->lock);
	dsc_list_append(&pool->waiting, &lookup->link);
	if (pool->threads < THREADS_MAX)
		errnum = create_thread(pool);
	if (errnum != 0 && pool->threads > 0)
		errnum = 0;
	if (errnum != 0)
		dsc_list_remove(&lookup->link);
	else
		pool->references++;
	pthread_mutex_unlock(&pool->lock);
	return errnum;
}

/* ------------------------------------------------------------------- end */

static void free_resolve(struct dsc_resolve *resolve)
{
	dsc_deferred_cancel(&resolve->ready);
	if (resolve->pool != NULL) {
		pthread_mutex_lock(&resolve->pool->lock);
		unlock_and_release(resolve->pool);
	}
	free(resolve);
}

void dsc_resolve_cancel(struct dsc_resolve *resolve)
{
	struct lookup *lookup;

	if (resolve == NULL)
		return;
	lookup = resolve->lookup;
	if (lookup != NULL) {
		pthread_mutex_lock(&resolve->pool->lock);
		lookup->resolve = NULL;
		if (!dsc_list_is_empty(&lookup->link) || lookup->is_stranded) {
			dsc_list_remove(&lookup->link);
			free(lookup);
		}
		pthread_mutex_unlock(&resolve->pool->lock);
	}
	free_resolve(resolve);
}

/* Ends the resolve, whose result the caller has, and reports. */
static void finish(struct dsc_resolve *resolve,
		   const struct dsc_resolve_result *result)
{
	dsc_resolve_cb cb = resolve->cb;
	void *arg = resolve->arg;

	free_resolve(resolve);
	cb(arg, result);
}

/* The thread is through with it: the lookup is the loop's alone. */
static void on_looked_up(struct dsc_job *job)
{
	struct lookup *lookup = dsc_container_of(job, struct lookup, job);

	if (lookup->resolve != NULL)
		finish(lookup->resolve, &lookup->result);
	free(lookup);
}

static void on_ready(struct dsc_deferred *deferred)
{
	struct dsc_resolve *resolve =
		dsc_container_of(deferred, struct dsc_resolve, ready);
	struct dsc_resolve_result result = resolve->result;

	finish(resolve, &result);
}

/* ----------------------------------------------------------------- begin */

static int start_lookup(struct dsc_resolve *resolve, dsc_lookup_fn fn,
			const char *host, const char *port,
			struct discsi_error *error)
{
	struct pool *pool = get_pool(resolve->ctx);
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	int errnum;

	if (pool == NULL || lookup == NULL) {
		free(lookup);
		return dsc_error_set(error, ENOMEM, "out of memory");
	}
	dsc_list_init(&lookup->link);
	lookup->resolve = resolve;
	lookup->fn = fn;
	snprintf(lookup->host, sizeof(lookup->host), "%s", host);
	snprintf(lookup->port, sizeof(lookup->port), "%s", port);
	errnum = queue_lookup(pool, lookup);
	if (errnum != 0) {
		free(lookup);
		return dsc_error_set(error, EAGAIN, "no thread to look up the "
				     "name '%s' with: %s", host,
				     discsi_errno_name(errnum));
	}
	resolve->pool = pool;
	resolve->lookup = lookup;
	return 0;
}

static int start(struct dsc_resolve *resolve, dsc_lookup_fn fn,
		 const char *host, uint16_t port, struct discsi_error *error)
{
	char service[6];

	snprintf(service, sizeof(service), "%u", port);
	look_up(getaddrinfo, host, service, AI_NUMERICHOST, &resolve->result);
	if (resolve->result.status != 0)
		return start_lookup(resolve, fn, host, service, error);
	dsc_deferred_request(&resolve->ctx->loop, &resolve->ready);
	return 0;
}

int dsc_resolve_start_with(struct discsi_context *ctx, dsc_lookup_fn fn,
			   const char *host, uint16_t port, dsc_resolve_cb cb,
			   void *arg, struct dsc_resolve **resolve,
			   struct discsi_error *error)
{
	struct dsc_resolve *new;
	int rc;

	if (host[0] == '\0' || strlen(host) > HOST_BYTES_MAX)
		return dsc_error_set(error, EADDRNOTAVAIL, "the name '%.60s' "
				     "does not resolve: a name has 1 to %d "
				     "bytes", host, HOST_BYTES_MAX);
	new = calloc(1, sizeof(*new));
	if (new == NULL)
		return dsc_error_set(error, ENOMEM, "out of memory");
	new->ctx = ctx;
	new->cb = cb;
	new->arg = arg;
	dsc_deferred_init(&new->ready, on_ready);
	rc = start(new, fn, host, port, error);
	if (rc != 0) {
		free_resolve(new);
		return rc;
	}
	*resolve = new;
	return 0;
}

int dsc_resolve_start(struct discsi_context *ctx, const char *host,
		      uint16_t port, dsc_resolve_cb cb, void *arg,
		      struct dsc_resolve **resolve, struct discsi_error *error)
{
	return dsc_resolve_start_with(ctx, getaddrinfo, host, port, cb, arg,
				      resolve, error);
}
