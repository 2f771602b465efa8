/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-pipe.c: the data of a read that is left in a pipe. The kernel moves the
 * pages that the network has brought; nobody copies them.
 *
 * A read may be several tasks, which share its pipe and its one buffer. At any
 * time the pipe holds the read's first pipe->bytes bytes, and nothing else:
 * only the task whose next byte is the one behind them may add to it. All other
 * data goes to the buffer, to its place. So the pipe's part may end at any byte,
 * whenever the pipe is full, a task overtakes another, or something else goes
 * wrong. A task that begins anew takes its data back from the pipe, and with it
 * all that is there, to the buffer. Loop's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <discsi/lun.h>

#include "base/checked.h"
#include "iscsi/conn-internal.h"

/* So much must be to come for a pipe to be worth its system calls. */
#define WORTH_BYTES 16384u

static void moved(struct dsc_task *task, uint32_t bytes)
{
	dsc_data_skip(task, bytes);
	task->pipe->bytes += bytes;
}

/* Whether the task's next byte is the one that the pipe takes next. */
static bool is_next(const struct dsc_task *task)
{
	return task->pipe->bytes == task->pipe_at + task->moved;
}

/* Moves what is in the pipe to the buffer. */
static void spill(struct dsc_task *task)
{
	struct discsi_pipe *pipe = task->pipe;
	size_t at = 0;
	ssize_t got;

	while (at < pipe->bytes) {
		got = read(pipe->out, task->pipe_data + at, pipe->bytes - at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		at += (size_t)got;
	}
	pipe->bytes -= at;
	if (pipe->bytes > 0)
		task->is_pipe_broken = true;
}

void dsc_pipe_reset(struct dsc_task *task)
{
	task->is_piping = false;
	if (task->pipe != NULL && task->pipe->bytes > task->pipe_at)
		spill(task);
}

bool dsc_pipe_is_undecided(const struct dsc_task *task)
{
	return task->pipe != NULL && task->moved == 0 && is_next(task);
}

/* What begins with zeroes may be a hole, and is left where one can look. */
static bool is_zero(const uint8_t *bytes, uint32_t length)
{
	uint32_t i = 0;

	while (i < length && bytes[i] == 0)
		i++;
	return i == length;
}

uint32_t dsc_pipe_take(struct dsc_task *task, const uint8_t *bytes,
		       uint32_t length, uint32_t left)
{
	ssize_t taken;

	if (dsc_pipe_is_undecided(task))
		task->is_piping = left - length >= WORTH_BYTES &&
				  (task->pipe_at > 0 ||
				   !is_zero(bytes, length));
	task->is_piping = task->is_piping && is_next(task);
	if (!task->is_piping || length == 0)
		return 0;
	taken = write(task->pipe->in, bytes, length);
	if (taken < 0)
		taken = 0;
	task->is_piping = (uint32_t)taken == length;
	moved(task, (uint32_t)taken);
	return (uint32_t)taken;
}

/*
 * A full pipe takes nothing, whether the socket has something or not, and hides
 * that the connection has ended: that is for a read to find out.
 */
static bool is_full(int in)
{
	struct pollfd room = { .fd = in, .events = POLLOUT };

	return poll(&room, 1, 0) != 1 || room.revents != POLLOUT;
}

uint32_t dsc_pipe_splice(struct dsc_task *task, int fd, uint32_t max)
{
	ssize_t got;

	if (!is_next(task)) {
		task->is_piping = false;
		return 0;
	}
	got = splice(fd, NULL, task->pipe->in, NULL, max,
		     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (got > 0) {
		moved(task, (uint32_t)got);
		return (uint32_t)got;
	}
	if (got == 0 || errno != EAGAIN || is_full(task->pipe->in))
		task->is_piping = false;
	return 0;
}
