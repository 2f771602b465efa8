/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/pipes.h: pipes through which large reads go from the target's
 * socket to the client's without being copied. There are few of them, since
 * each takes two descriptors; a read that gets none is copied. What a pipe
 * holds is accounted as the request's buffer, which is there all the same.
 *
 * Loop's thread; one of these per loop.
 */
#ifndef NBD_PIPES_H
#define NBD_PIPES_H

#include <stdbool.h>

#include <discsi/lun.h>

#define NBD_PIPES_MAX 32

/* All zero to begin with. */
struct nbd_pipes {
	struct discsi_pipe spare[NBD_PIPES_MAX];  /* stack, all empty */
	unsigned spares;
	unsigned count;                           /* those that are out, too */
};

/* Closes the spare ones; none may be out. */
void nbd_pipes_fini(struct nbd_pipes *pipes);

/* An empty pipe; false when there is none to be had. */
bool nbd_pipe_get(struct nbd_pipes *pipes, struct discsi_pipe *pipe);

/* Gives it back; one that is not empty (bytes) is closed. */
void nbd_pipe_put(struct nbd_pipes *pipes, const struct discsi_pipe *pipe);

#endif /* NBD_PIPES_H */
