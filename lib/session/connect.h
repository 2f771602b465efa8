/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connect.h: from a configuration to a logged-in descriptor: names are
 * resolved off the loop, portals and their addresses are tried one beside the
 * other, redirects are followed. Loop's thread.
 */
#ifndef DSC_SESSION_CONNECT_H
#define DSC_SESSION_CONNECT_H

#include <net/if.h>
#include <netinet/in.h>

#include "base/context.h"
#include "conf/conf.h"
#include "iscsi/params.h"
#include "session/resolver.h"

/* A numeric address with a scope, and its NUL. */
#define DSC_ADDRESS_MAX (INET6_ADDRSTRLEN + IF_NAMESIZE + 1)

/* How many redirects in a row are followed (RFC 7143 11.13.5, class 1). */
#define DSC_REDIRECTS_MAX 8

struct dsc_connect;

struct dsc_connect_result {
	int status;                     /* 0 or -errno */
	const struct discsi_error *error;  /* when status is not 0 */
	int fd;                         /* the callee's; -1 on failure */
	struct dsc_params params;
	char address[DSC_ADDRESS_MAX];  /* numeric, of the portal in use */
	uint16_t port;
	struct dsc_address peer;        /* to be preferred next time: the same,
					 * or what has redirected us for now */
};

typedef void (*dsc_connect_cb)(void *arg,
			       const struct dsc_connect_result *result);

struct dsc_connect_request {
	const struct discsi_conf *conf;  /* borrowed until done */
	const char *target;              /* NULL: a discovery session; borrowed */
	const char *initiator;           /* borrowed */
	uint8_t isid[6];
	struct dsc_address preferred;    /* tried first; length 0: none */
	bool is_recovery;                /* one round: the caller tries again */
};

/*
 * An ISID of the random format (RFC 7143 section 11.12.5, T = 10b). Two sessions
 * of a host that have the same one end each other, those for discovery too.
 */
void dsc_connect_make_isid(uint8_t isid[6]);

/*
 * Begins; login_timeout of conf is the deadline for all of it. cb runs once,
 * never inside this call; the connect has ended itself by then. -errno with
 * *error when it cannot begin: no callback.
 */
int dsc_connect_start(struct discsi_context *ctx,
		      const struct dsc_connect_request *request,
		      dsc_connect_cb cb, void *arg,
		      struct dsc_connect **connect, struct discsi_error *error);

/* Gives up; cb does not run. connect: taken, NULL is fine. */
void dsc_connect_cancel(struct dsc_connect *connect);

#endif /* DSC_SESSION_CONNECT_H */
