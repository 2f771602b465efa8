/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-pipe.c: the data of a read that is left in a pipe. The kernel moves the
 * pages that the network has brought; nobody copies them. The pipe holds the
 * first part of a task's data, the task's buffers what follows: that may begin
 * at any byte, whenever the pipe is full or something else goes wrong, and then
 * is_piping is false for the rest of the task. Loop's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
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

void dsc_pipe_reset(struct dsc_task *task)
{
	struct discsi_pipe *pipe = task->pipe;
	uint8_t scrap[4096];
	ssize_t got = 1;

	task->is_piping = false;
	while (pipe != NULL && pipe->bytes > 0 && got > 0) {
		got = read(pipe->out, scrap,
			   dsc_min_size(sizeof(scrap), pipe->bytes));
		if (got > 0)
			pipe->bytes -= (size_t)got;
	}
}

bool dsc_pipe_is_undecided(const struct dsc_task *task)
{
	return task->pipe != NULL && task->moved == 0;
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

	/* What a pipe could not be emptied of must not come before the data. */
	if (dsc_pipe_is_undecided(task))
		task->is_piping = left - length >= WORTH_BYTES &&
				  task->pipe->bytes == 0 &&
				  !is_zero(bytes, length);
	if (!task->is_piping || length == 0)
		return 0;
	taken = write(task->pipe->in, bytes, length);
	if (taken < 0)
		taken = 0;
	task->is_piping = (uint32_t)taken == length;
	moved(task, (uint32_t)taken);
	return (uint32_t)taken;
}

/* Says whether it is the socket that has nothing, or the pipe that is full. */
static bool has_bytes(int fd)
{
	int bytes = 0;

	return ioctl(fd, FIONREAD, &bytes) < 0 || bytes > 0;
}

uint32_t dsc_pipe_splice(struct dsc_task *task, int fd, uint32_t max)
{
	ssize_t got = splice(fd, NULL, task->pipe->in, NULL, max,
			     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (got > 0) {
		moved(task, (uint32_t)got);
		return (uint32_t)got;
	}
	if (got == 0 || errno != EAGAIN || has_bytes(fd))
		task->is_piping = false;
	return 0;
}
