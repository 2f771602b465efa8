/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/supervise.h: a small process that holds the configuration and the
 * registry's lock, and has a worker that does everything else; when that one
 * crashes or is killed, another takes its place. It is a fork, without exec:
 * the program's file may lie on the very disk that has to come back.
 *
 * Main thread; before there are others.
 */
#ifndef NBD_SUPERVISE_H
#define NBD_SUPERVISE_H

#include <stdbool.h>
#include <sys/types.h>

#include <discsi/conf.h>

#include "daemon.h"
#include "registry.h"

/* How a worker ends that another process has taken over from. */
#define NBD_EXIT_HANDED_OVER 75

/* What a worker knows of who watches over it. */
struct nbd_supervised {
	bool is_worker;
	bool is_restart;  /* not the first: nobody waits for a report */
	pid_t supervisor; /* our parent, while that lives */
	int link;         /* to the supervisor, closed when that is gone; or -1 */
	int errand;       /* descriptor for the first worker alone, or -1 */
	bool has_device;  /* what is supervised serves the kernel */
};

#define NBD_SUPERVISED_NONE { .link = -1, .errand = -1 }

/*
 * Starts a worker, and another one as often as one dies.
 *
 * conf: replaced in each worker by a copy, since secrets do not survive a fork.
 * registry: claimed; it is shared with the workers.
 * status: receives what the process shall exit with.
 * Returns true in each worker, which then goes on; false in the supervisor,
 * when all is over.
 */
bool nbd_supervise(struct nbd_supervised *supervised,
		   struct nbd_daemon *daemon, struct discsi_conf **conf,
		   struct nbd_registry *registry, int *status);

/* A worker tells that it serves. */
void nbd_supervised_ready(const struct nbd_supervised *supervised);

/* And that nobody waits for that any more: both leave their terminal. */
void nbd_supervised_apart(const struct nbd_supervised *supervised);

#endif /* NBD_SUPERVISE_H */
