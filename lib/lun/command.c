/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * command.c: I/O that is one command as the caller wants it: COMPARE AND WRITE,
 * and any command at all. The public functions: any thread that the context's
 * rule allows; the rest: loop's thread.
 */
#include "lun/lun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "scsi/cdb.h"

#define COMPARE_BLOCKS_MAX 255u
#define COMMAND_BYTES_MAX (16u << 20)
#define NO_STATUS 0xff

/* ----------------------------------------------------- compare and write */

/* The data to compare with, and behind it the data to write. */
static void build_compare(struct dsc_io *io, struct dsc_io *piece,
			  uint64_t offset, uint64_t length)
{
	const struct discsi_lun_info *info = &io->lun->info;
	struct dsc_task *task = &piece->request.task;

	dsc_cdb_compare_and_write(task->cdb, offset / info->block_size,
				  (uint8_t)(length / info->block_size),
				  (io->flags & DISCSI_IO_FUA) != 0 &&
				  info->fua);
	task->iov = io->buffer;
	task->iovcnt = 2;
	task->iov_skip = 0;
	task->length = 2 * (uint32_t)length;
}

static const struct dsc_io_op op_compare = {
	.name = "compare and write",
	.direction = DSC_DATA_OUT,
	.is_ranged = true,
	.is_writing = true,
	.piece_max = dsc_op_one_piece,
	.build = build_compare,
	.completed = dsc_op_write_completed,
};

int discsi_lun_compare_and_write_async(struct discsi_lun *lun,
				       const void *compare, const void *data,
				       size_t length, uint64_t offset,
				       unsigned flags, discsi_done_cb cb,
				       void *arg)
{
	struct dsc_io_request what = {
		.op = &op_compare, .offset = offset, .length = length,
		.flags = flags, .flags_allowed = DISCSI_IO_FUA,
		.cb = cb, .arg = arg,
	};
	struct iovec *iov;
	int rc;

	if (lun == NULL || compare == NULL || data == NULL)
		return dsc_fail(EINVAL, "compare and write: NULL argument");
	if (length > COMPARE_BLOCKS_MAX * (size_t)lun->info.block_size)
		return dsc_fail(EINVAL, "compare and write of %s: %zu bytes are "
				"more than %u blocks", lun->name, length,
				COMPARE_BLOCKS_MAX);
	iov = calloc(2, sizeof(*iov));
	if (iov == NULL)
		return dsc_fail_memory();
	iov[0].iov_base = (void *)(uintptr_t)compare;
	iov[1].iov_base = (void *)(uintptr_t)data;
	iov[0].iov_len = iov[1].iov_len = length;
	what.buffer = iov;
	rc = dsc_api_submit(lun, &what);
	if (rc != 0)
		free(iov);
	return rc;
}

int discsi_lun_compare_and_write(struct discsi_lun *lun, const void *compare,
				 const void *data, size_t length,
				 uint64_t offset, unsigned flags)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_compare_and_write_async(lun, compare, data, length,
						offset, flags, dsc_wait_finish,
						&wait);
	return dsc_api_end(&wait, rc);
}

/* ----------------------------------------------------------- any command */

static void build_command(struct dsc_io *io, struct dsc_io *piece,
			  uint64_t offset, uint64_t length)
{
	static const enum dsc_direction directions[] = {
		[DISCSI_DATA_NONE] = DSC_DATA_NONE,
		[DISCSI_DATA_IN] = DSC_DATA_IN,
		[DISCSI_DATA_OUT] = DSC_DATA_OUT,
	};
	struct discsi_command *command = io->answer;
	struct dsc_task *task = &piece->request.task;

	(void)offset;
	(void)length;
	memcpy(task->cdb, command->cdb, sizeof(task->cdb));
	task->direction = directions[command->direction];
	if (task->direction == DSC_DATA_NONE)
		return;
	task->iov = io->iov;
	task->iovcnt = 1;
	task->iov_skip = 0;
	task->length = (uint32_t)command->length;
}

static int command_answered(struct dsc_io *io, struct dsc_io *piece, int result)
{
	struct discsi_command *command = io->answer;
	const struct dsc_task *task = &piece->request.task;

	if (task->error != 0 || !task->was_sent)
		return result;
	command->transferred = task->transferred;
	command->status = task->status;
	command->sense_length = (uint8_t)dsc_min_size(task->sense_length,
						      sizeof(command->sense));
	memcpy(command->sense, task->sense, command->sense_length);
	return result;
}

static const struct dsc_io_op op_command = {
	.name = "command",
	.takes_status = true,
	.piece_max = dsc_op_one_piece,
	.build = build_command,
	.answered = command_answered,
};

int discsi_lun_command_async(struct discsi_lun *lun,
			     struct discsi_command *command, discsi_done_cb cb,
			     void *arg)
{
	struct dsc_io_request what = {
		.op = &op_command, .answer = command, .cb = cb, .arg = arg,
	};
	struct iovec iov;

	if (command == NULL || command->size < sizeof(*command))
		return dsc_fail(EINVAL, "command: size is not set to the size "
				"of the struct");
	if ((unsigned)command->direction > DISCSI_DATA_OUT ||
	    command->length > COMMAND_BYTES_MAX ||
	    (command->direction != DISCSI_DATA_NONE && command->data == NULL &&
	     command->length > 0))
		return dsc_fail(EINVAL, "command: its data is not valid");
	iov.iov_base = command->data;
	iov.iov_len = command->length;
	what.iov = &iov;
	what.iovcnt = 1;
	command->transferred = 0;
	command->status = NO_STATUS;
	command->sense_length = 0;
	return dsc_api_submit(lun, &what);
}

int discsi_lun_command(struct discsi_lun *lun, struct discsi_command *command)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_command_async(lun, command, dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}
