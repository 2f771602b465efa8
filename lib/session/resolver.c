/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolver.c: names to addresses, off the loop.
 *
 * The handle (struct dsc_resolve) is the loop's. What a thread works on
 * (struct lookup) belongs to both and is freed by whoever lets go of it last,
 * because a lookup may hang in DNS long after everybody has given up on it,
 * and after the context is gone. lookup->lock guards owner and refs, nothing
 * is called with it held but dsc_loop_post(), which keeps the loop alive until
 * the owner has been cleared.
 */
#include "session/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for a name service's buffers, and a small part of what threads get. */
#define STACK_BYTES (256u << 10)

struct lookup {
	pthread_mutex_t lock;
	struct dsc_resolve *owner;  /* NULL: nobody waits any more */
	unsigned refs;
	struct dsc_job job;
	char *host;
	char port[8];
	struct dsc_resolve_result result;
};

struct dsc_resolve {
	struct discsi_context *ctx;
	dsc_resolve_cb cb;
	void *arg;
	struct lookup *lookup;
	struct dsc_deferred deferred;  /* for an answer that is there at once */
};

/* --------------------------------------------------------------- lookups */

static void let_go(struct lookup *lookup)
{
	unsigned left;

	pthread_mutex_lock(&lookup->lock);
	left = --lookup->refs;
	pthread_mutex_unlock(&lookup->lock);
	if (left > 0)
		return;
	pthread_mutex_destroy(&lookup->lock);
	free(lookup->host);
	free(lookup);
}

static void take_addresses(struct dsc_resolve_result *result,
			   const struct addrinfo *found)
{
	for (; found != NULL && result->count < DSC_ADDRESSES_MAX;
	     found = found->ai_next) {
		struct dsc_address *address = &result->addresses[result->count];

		if (found->ai_addrlen > sizeof(address->storage) ||
		    (found->ai_family != AF_INET &&
		     found->ai_family != AF_INET6))
			continue;
		memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
		address->length = found->ai_addrlen;
		result->count++;
	}
}

/* Fills lookup->result; blocks as long as the name service does. */
static int look_up(struct lookup *lookup, int flags)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags | AI_NUMERICSERV,
	};
	struct dsc_resolve_result *result = &lookup->result;
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(lookup->host, lookup->port, &hints, &found);

	if (rc == 0) {
		take_addresses(result, found);
		freeaddrinfo(found);
	}
	if (rc == 0 && result->count > 0)
		return 0;
	result->status = dsc_error_set(&result->error, EADDRNOTAVAIL,
				       "the name \"%s\" does not resolve: %s",
				       lookup->host, rc == 0 ?
				       "it has no IP address" :
				       gai_strerror(rc));
	return rc;
}

static void on_looked_up(struct dsc_job *job)
{
	struct lookup *lookup = dsc_container_of(job, struct lookup, job);
	struct dsc_resolve *resolve = lookup->owner;

	/* Only this thread changes owner: no lock is needed to read it. */
	if (resolve != NULL) {
		dsc_resolve_cb cb = resolve->cb;
		void *arg = resolve->arg;

		lookup->owner = NULL;
		let_go(lookup);
		free(resolve);
		cb(arg, &lookup->result);
	}
	let_go(lookup);
}

static void *run_lookup(void *arg)
{
	struct lookup *lookup = arg;
	bool is_wanted;

	look_up(lookup, 0);
	pthread_mutex_lock(&lookup->lock);
	is_wanted = lookup->owner != NULL;
	if (is_wanted)
		dsc_loop_post(&lookup->owner->ctx->loop, &lookup->job,
			      on_looked_up);
	pthread_mutex_unlock(&lookup->lock);
	/* The job has taken this thread's reference over. */
	if (!is_wanted)
		let_go(lookup);
	return NULL;
}

/* A detached thread that no signal reaches. */
static int start_thread(struct lookup *lookup)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	sigset_t before;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, &attr, run_lookup, lookup);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

/* --------------------------------------------------------------- handles */

static void on_numeric(struct dsc_deferred *deferred)
{
	struct dsc_resolve *resolve =
		dsc_container_of(deferred, struct dsc_resolve, deferred);
	struct lookup *lookup = resolve->lookup;
	dsc_resolve_cb cb = resolve->cb;
	void *arg = resolve->arg;

	free(resolve);
	cb(arg, &lookup->result);
	let_go(lookup);
}

static struct lookup *make_lookup(const char *host, uint16_t port)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup == NULL)
		return NULL;
	lookup->host = strdup(host);
	if (lookup->host == NULL) {
		free(lookup);
		return NULL;
	}
	pthread_mutex_init(&lookup->lock, NULL);
	snprintf(lookup->port, sizeof(lookup->port), "%u", port);
	lookup->refs = 1;
	dsc_error_init(&lookup->result.error);
	return lookup;
}

static struct dsc_resolve *make_resolve(struct discsi_context *ctx,
					const char *host, uint16_t port)
{
	struct dsc_resolve *resolve = calloc(1, sizeof(*resolve));

	if (resolve == NULL)
		return NULL;
	resolve->ctx = ctx;
	dsc_deferred_init(&resolve->deferred, on_numeric);
	resolve->lookup = make_lookup(host, port);
	if (resolve->lookup != NULL)
		return resolve;
	free(resolve);
	return NULL;
}

int dsc_resolve_start(struct discsi_context *ctx, const char *host,
		      uint16_t port, dsc_resolve_cb cb, void *arg,
		      struct dsc_resolve **out, struct discsi_error *error)
{
	struct dsc_resolve *resolve = make_resolve(ctx, host, port);
	struct lookup *lookup;

	if (resolve == NULL)
		return dsc_error_set(error, ENOMEM, "out of memory");
	resolve->cb = cb;
	resolve->arg = arg;
	lookup = resolve->lookup;
	if (look_up(lookup, AI_NUMERICHOST) == 0) {
		dsc_deferred_request(&ctx->loop, &resolve->deferred);
		*out = resolve;
		return 0;
	}
	lookup->result.status = 0;
	lookup->owner = resolve;
	lookup->refs = 2;
	if (start_thread(lookup) != 0) {
		lookup->refs = 1;
		dsc_resolve_cancel(resolve);
		return dsc_error_set(error, EAGAIN, "no thread can be made to "
				     "resolve the name \"%s\"", host);
	}
	*out = resolve;
	return 0;
}

void dsc_resolve_cancel(struct dsc_resolve *resolve)
{
	struct lookup *lookup;

	if (resolve == NULL)
		return;
	lookup = resolve->lookup;
	dsc_deferred_cancel(&resolve->deferred);
	pthread_mutex_lock(&lookup->lock);
	lookup->owner = NULL;
	pthread_mutex_unlock(&lookup->lock);
	let_go(lookup);
	free(resolve);
}
