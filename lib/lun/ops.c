/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ops.c: the kinds of I/O as a table: how long a piece may be, which command
 * it is, what an answer means, what follows. Loop's thread.
 *
 * A command that a LUN turns out not to know is remembered; zeroing then goes
 * on by writing zeroes, flushing succeeds (there is no volatile cache without
 * SYNCHRONIZE CACHE, unless the LUN says that there is), and trimming is
 * EOPNOTSUPP.
 */
#include "lun/lun.h"

#include <errno.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/cdb.h"
#include "scsi/sense.h"

/* What zeroes are written from; WRITE SAME uses one block of it. */
#define ZEROES_BYTES 65536
#define ZEROES_REPEATED (DSC_PIECE_BYTES / ZEROES_BYTES)
static const uint8_t zeroes[ZEROES_BYTES];
#define Z { (void *)(uintptr_t)zeroes, ZEROES_BYTES }
static const struct iovec zeroes_iov[ZEROES_REPEATED] = {
	Z, Z, Z, Z
};
#undef Z
_Static_assert(ZEROES_REPEATED == 4, "zeroes for a whole piece");

static uint32_t to_blocks(const struct dsc_io *io, uint64_t bytes)
{
	return (uint32_t)(bytes / io->lun->info.block_size);
}

static uint64_t to_lba(const struct dsc_io *io, uint64_t offset)
{
	return offset / io->lun->info.block_size;
}

/* -------------------------------------------------------- read and write */

static uint64_t transfer_max(const struct dsc_io *io)
{
	return dsc_min_u64(io->lun->info.max_transfer_bytes,
			   DSC_PIECE_BYTES);
}

/*
 * Two writes of one physical block make a disk that has larger ones than it shows
 * read it and write it twice: a request is not cut within one.
 */
static struct dsc_grid physical_grid(const struct dsc_io *io)
{
	return (struct dsc_grid){
		io->lun->info.physical_block_size, io->lun->first_aligned,
	};
}

/* The next length bytes of the caller's data. */
static void take_data(struct dsc_io *io, struct dsc_io *piece, uint64_t length)
{
	struct dsc_task *task = &piece->request.task;

	task->iov = io->data.iov;
	task->iovcnt = io->data.iovcnt;
	task->iov_skip = io->data.skip;
	task->length = (uint32_t)length;
	if (piece != io)
		dsc_iov_advance(&io->data, (size_t)length);
}

static void build_read(struct dsc_io *io, struct dsc_io *piece, uint64_t offset,
		       uint64_t length)
{
	bool fua = (io->flags & DISCSI_IO_FUA) != 0 && io->lun->info.fua;

	dsc_cdb_read(piece->request.task.cdb, to_lba(io, offset),
		     to_blocks(io, length), fua);
	take_data(io, piece, length);
}

const struct dsc_io_op dsc_op_read = {
	.name = "read",
	.direction = DSC_DATA_IN,
	.is_ranged = true,
	.piece_max = transfer_max,
	.grid = physical_grid,
	.build = build_read,
};

/*
 * What follows a write that asked for FUA where the LUN cannot do it. Also
 * where it had no write cache when it was opened: that can change at any time,
 * and what is not cached costs nothing to flush.
 */
static int flush_after(struct dsc_io *io)
{
	if ((io->flags & DISCSI_IO_FUA) == 0 || io->lun->has_no_sync)
		return 0;
	io->op = &dsc_op_flush;
	io->offset = 0;
	io->end = 1;  /* one piece, of no data */
	return -EAGAIN;
}

static void build_write(struct dsc_io *io, struct dsc_io *piece,
			uint64_t offset, uint64_t length)
{
	bool fua = (io->flags & DISCSI_IO_FUA) != 0 && io->lun->info.fua;

	dsc_cdb_write(piece->request.task.cdb, to_lba(io, offset),
		      to_blocks(io, length), fua);
	take_data(io, piece, length);
}

int dsc_op_write_completed(struct dsc_io *io)
{
	return io->lun->info.fua ? 0 : flush_after(io);
}

const struct dsc_io_op dsc_op_write = {
	.name = "write",
	.direction = DSC_DATA_OUT,
	.is_ranged = true,
	.is_writing = true,
	.piece_max = transfer_max,
	.grid = physical_grid,
	.build = build_write,
	.completed = dsc_op_write_completed,
};

/* ----------------------------------------------------------------- flush */

uint64_t dsc_op_one_piece(const struct dsc_io *io)
{
	return io->end - io->offset;
}

static void build_flush(struct dsc_io *io, struct dsc_io *piece,
			uint64_t offset, uint64_t length)
{
	(void)io;
	(void)offset;
	(void)length;
	dsc_cdb_synchronize_cache(piece->request.task.cdb);
}

/*
 * EIO, not what the LUN said: nobody may take it for a flush that is not
 * needed.
 */
static int fail_unflushed(struct dsc_io *io, const struct dsc_task *task)
{
	struct dsc_sense sense;
	struct dsc_verdict verdict;
	struct discsi_error error;
	char what[sizeof(io->lun->name) + 64];

	snprintf(what, sizeof(what), "%s has a write cache and refuses to "
		 "flush it", io->lun->name);
	dsc_sense_parse(task->sense, task->sense_length, &sense);
	verdict = dsc_sense_judge(task->status, &sense);
	verdict.errnum = EIO;
	dsc_sense_error(&error, what, task->status, &sense, &verdict);
	dsc_io_fail(io, &error);
	return -EIO;
}

static int flush_answered(struct dsc_io *io, struct dsc_io *piece, int result)
{
	if (result != -EOPNOTSUPP)
		return result;
	if (io->lun->info.write_cache)
		return fail_unflushed(io, &piece->request.task);
	io->lun->has_no_sync = true;
	return 0;
}

const struct dsc_io_op dsc_op_flush = {
	.name = "flush",
	.direction = DSC_DATA_NONE,
	.piece_max = dsc_op_one_piece,
	.build = build_flush,
	.answered = flush_answered,
};

/* ------------------------------------------------------------------ trim */

#define UNMAP_LIST_BYTES 24

static uint64_t unmap_max(const struct dsc_io *io)
{
	return io->lun->info.max_unmap_bytes;
}

static struct dsc_grid unmap_grid(const struct dsc_io *io)
{
	return (struct dsc_grid){
		io->lun->info.unmap_granularity_bytes,
		io->lun->info.unmap_alignment_bytes,
	};
}

/* UNMAP parameter list with one descriptor, SBC-3 table 125. */
static void build_trim(struct dsc_io *io, struct dsc_io *piece, uint64_t offset,
		       uint64_t length)
{
	struct dsc_task *task = &piece->request.task;
	uint8_t *list = piece->parameters;

	dsc_put_be16(list, UNMAP_LIST_BYTES - 2);
	dsc_put_be16(list + 2, UNMAP_LIST_BYTES - 8);
	dsc_put_be32(list + 4, 0);
	dsc_put_be64(list + 8, to_lba(io, offset));
	dsc_put_be32(list + 16, to_blocks(io, length));
	dsc_put_be32(list + 20, 0);
	dsc_cdb_unmap(task->cdb, UNMAP_LIST_BYTES);
	piece->own_iov.iov_base = list;
	piece->own_iov.iov_len = UNMAP_LIST_BYTES;
	task->iov = &piece->own_iov;
	task->iovcnt = 1;
	task->iov_skip = 0;
	task->length = UNMAP_LIST_BYTES;
}

static int trim_begin(struct dsc_io *io)
{
	return io->lun->info.can_trim ? 0 : -EOPNOTSUPP;
}

static int trim_answered(struct dsc_io *io, struct dsc_io *piece, int result)
{
	struct discsi_lun *lun = io->lun;

	(void)piece;
	if (result == -EOPNOTSUPP) {
		pthread_mutex_lock(&lun->lock);
		lun->info.can_trim = false;
		pthread_mutex_unlock(&lun->lock);
	}
	return result;
}

const struct dsc_io_op dsc_op_trim = {
	.name = "trim",
	.direction = DSC_DATA_OUT,
	.is_ranged = true,
	.is_writing = true,
	.begin = trim_begin,
	.piece_max = unmap_max,
	.grid = unmap_grid,
	.build = build_trim,
	.answered = trim_answered,
};

/* ------------------------------------------------------------------ zero */

static uint64_t write_same_max(const struct dsc_io *io)
{
	return io->lun->info.max_write_same_bytes;
}

static struct dsc_grid zero_grid(const struct dsc_io *io)
{
	return io->is_unmapping ? unmap_grid(io) : physical_grid(io);
}

/* WRITE SAME(16) of one block of zeroes, SBC-3 clause 5.52. */
static void build_zero(struct dsc_io *io, struct dsc_io *piece, uint64_t offset,
		       uint64_t length)
{
	struct dsc_task *task = &piece->request.task;

	dsc_cdb_write_same16(task->cdb, to_lba(io, offset),
			     to_blocks(io, length), io->is_unmapping);
	task->iov = zeroes_iov;
	task->iovcnt = 1;
	task->iov_skip = 0;
	task->length = io->lun->info.block_size;
}

/* -EOPNOTSUPP is not a failure: the whole is done over by zero_completed(). */
static int zero_answered(struct dsc_io *io, struct dsc_io *piece, int result)
{
	struct discsi_lun *lun = io->lun;

	(void)piece;
	if (result != -EOPNOTSUPP)
		return result;
	pthread_mutex_lock(&lun->lock);
	if (io->is_unmapping)
		lun->info.can_zero_unmap = false;
	else
		lun->info.can_zero = false;
	pthread_mutex_unlock(&lun->lock);
	io->must_redo = true;
	return 0;
}

static void build_zero_write(struct dsc_io *io, struct dsc_io *piece,
			     uint64_t offset, uint64_t length)
{
	struct dsc_task *task = &piece->request.task;

	dsc_cdb_write(task->cdb, to_lba(io, offset), to_blocks(io, length),
		      (io->flags & DISCSI_IO_FUA) != 0 && io->lun->info.fua);
	task->iov = zeroes_iov;
	task->iovcnt = ZEROES_REPEATED;
	task->iov_skip = 0;
	task->length = (uint32_t)length;
}

static const struct dsc_io_op op_zero_write = {
	.name = "zero",
	.direction = DSC_DATA_OUT,
	.is_ranged = true,
	.is_writing = true,
	.piece_max = transfer_max,
	.grid = physical_grid,
	.build = build_zero_write,
	.completed = dsc_op_write_completed,
};

/* By WRITE SAME where the LUN is believed to have it, else by writing. */
static int zero_begin(struct dsc_io *io)
{
	const struct discsi_lun_info *info = &io->lun->info;

	io->is_unmapping = (io->flags & DISCSI_ZERO_UNMAP) != 0 &&
			   info->can_zero_unmap;
	if (info->can_zero || io->is_unmapping)
		return 0;
	if (io->flags & DISCSI_ZERO_FAST)
		return -EOPNOTSUPP;
	io->op = &op_zero_write;
	return 0;
}

static int zero_completed(struct dsc_io *io)
{
	int rc;

	if (!io->must_redo)
		return flush_after(io);
	io->must_redo = false;
	rc = zero_begin(io);
	return rc == 0 ? -EAGAIN : rc;
}

const struct dsc_io_op dsc_op_zero = {
	.name = "zero",
	.direction = DSC_DATA_OUT,
	.is_ranged = true,
	.is_writing = true,
	.begin = zero_begin,
	.piece_max = write_same_max,
	.grid = zero_grid,
	.build = build_zero,
	.answered = zero_answered,
	.completed = zero_completed,
};
