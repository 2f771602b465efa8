/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/discovery.h: which targets a portal offers (SendTargets, RFC 7143
 * appendix C).
 */
#ifndef DISCSI_DISCOVERY_H
#define DISCSI_DISCOVERY_H

#include <stddef.h>
#include <stdint.h>

#include <discsi/conf.h>
#include <discsi/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One address of a target. address has no brackets, also for IPv6. */
struct discsi_portal {
	char *address;
	uint16_t port;
	uint16_t tpgt;  /* target portal group tag */
};

struct discsi_target {
	char *target;   /* iSCSI name */
	struct discsi_portal *portals;
	size_t nportals;
};

struct discsi_discovery {
	size_t size;    /* sizeof(struct discsi_discovery) of the library */
	struct discsi_target *targets;
	size_t ntargets;
};

/*
 * Asks a portal for its targets: connects, logs in to a discovery session
 * (with CHAP if conf has credentials), sends SendTargets=All, logs out.
 *
 * conf: its portals, of which the first that lets us in is asked, and the
 *      credentials are used; borrowed.
 * result: receives the answer, in the target's order, which the caller frees
 *      with discsi_discovery_free(). A target without an address of its own
 *      has the portal that was asked.
 * Errors: those of discsi_session_open(); EPROTO for an answer that is not
 * SendTargets' form. Deadline: login_timeout for the login, command_timeout
 * for the answer and the logout. Threads: the context's rule.
 */
int discsi_discover(struct discsi_context *ctx, const struct discsi_conf *conf,
		    struct discsi_discovery **result);

/* Receives what discsi_discover() returns; result is the callback's to free. */
typedef void (*discsi_discover_cb)(void *arg, int status,
				   struct discsi_discovery *result,
				   const struct discsi_error *error);

/*
 * The same without waiting. If 0 is returned the callback runs exactly once,
 * on the loop, else never.
 */
int discsi_discover_async(struct discsi_context *ctx,
			  const struct discsi_conf *conf,
			  discsi_discover_cb cb, void *arg);

/* result: taken, NULL is fine. */
void discsi_discovery_free(struct discsi_discovery *result);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_DISCOVERY_H */
