/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolver.h: from a host to socket addresses, off the loop. A numeric address
 * needs no thread; a name is looked up on a short-lived one, which may hang in
 * DNS for as long as it likes: giving up on it costs nothing and waits for
 * nothing. Loop's thread.
 */
#ifndef DSC_SESSION_RESOLVER_H
#define DSC_SESSION_RESOLVER_H

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/context.h"

struct dsc_resolve;

/* At most this many addresses of one name are taken. */
#define DSC_ADDRESSES_MAX 16

struct dsc_address {
	socklen_t length;
	struct sockaddr_storage storage;  /* AF_INET or AF_INET6, with the port */
};

struct dsc_resolve_result {
	int status;                  /* 0 or -EADDRNOTAVAIL, -ENOMEM, -EAGAIN */
	struct discsi_error error;   /* when status is not 0 */
	size_t count;                /* of addresses, at least 1 on success */
	struct dsc_address addresses[DSC_ADDRESSES_MAX];
};

/* result is borrowed during the call. */
typedef void (*dsc_resolve_cb)(void *arg,
			       const struct dsc_resolve_result *result);

/*
 * Begins. cb runs once, on the loop and never inside this call; the resolve
 * has ended itself by then. -errno with *error when it cannot begin: no
 * callback. host has no brackets; it is copied.
 */
int dsc_resolve_start(struct discsi_context *ctx, const char *host,
		      uint16_t port, dsc_resolve_cb cb, void *arg,
		      struct dsc_resolve **resolve, struct discsi_error *error);

/* What looks a name up: getaddrinfo(), or what a test puts in its place. */
typedef int (*dsc_lookup_fn)(const char *host, const char *service,
			     const struct addrinfo *hints,
			     struct addrinfo **list);

/* The same with a lookup function of the caller's; it runs on a thread. */
int dsc_resolve_start_with(struct discsi_context *ctx, dsc_lookup_fn lookup,
			   const char *host, uint16_t port, dsc_resolve_cb cb,
			   void *arg, struct dsc_resolve **resolve,
			   struct discsi_error *error);

/* Gives up; cb does not run. resolve: taken, NULL is fine. */
void dsc_resolve_cancel(struct dsc_resolve *resolve);

#endif /* DSC_SESSION_RESOLVER_H */
