/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipes.c: the stock of pipes, used again last in, first out. Loop's thread.
 */
#include <fcntl.h>
#include <unistd.h>

#include "pipes.h"

/*
 * Where packets are small each takes a place of its own, and there is one for
 * each page of the pipe's size. A pipe that stays smaller takes less.
 */
#define PIPE_BYTES (1 << 20)

static void close_pipe(struct nbd_pipes *pipes, const struct discsi_pipe *pipe)
{
	(void)close(pipe->out);
	(void)close(pipe->in);
	pipes->count--;
}

void nbd_pipes_fini(struct nbd_pipes *pipes)
{
	while (pipes->spares > 0)
		close_pipe(pipes, &pipes->spare[--pipes->spares]);
}

bool nbd_pipe_get(struct nbd_pipes *pipes, struct discsi_pipe *pipe)
{
	int ends[2];

	if (pipes->spares > 0) {
		*pipe = pipes->spare[--pipes->spares];
		return true;
	}
	if (pipes->count == NBD_PIPES_MAX ||
	    pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
	*pipe = (struct discsi_pipe){ .out = ends[0], .in = ends[1] };
	pipes->count++;
	return true;
}

void nbd_pipe_put(struct nbd_pipes *pipes, const struct discsi_pipe *pipe)
{
	if (pipe->bytes > 0)
		close_pipe(pipes, pipe);
	else
		pipes->spare[pipes->spares++] = *pipe;
}
