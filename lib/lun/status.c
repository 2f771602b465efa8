/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status.c: which parts of a LUN are allocated: GET LBA STATUS (SBC-3 clause
 * 5.4) asked again and again until the range, or the caller's room, is full.
 * One command at a time. Loop's thread.
 */
#include "lun/lun.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "scsi/cdb.h"

#define STATUS_DESCRIPTORS 64
/* How many answers one call takes: a target that tells little is not asked for
 * hours; the extents then end before the range does. */
#define STATUS_ANSWERS_MAX 1024
#define STATUS_BYTES (8 + 16 * STATUS_DESCRIPTORS)

/* Adds a part; neighbours of the same kind become one. False: no room. */
static bool add_extent(struct dsc_io *io, uint64_t length, uint32_t flags)
{
	struct discsi_extent *last = io->extents + *io->count - 1;

	if (*io->count > 0 && last->flags == flags) {
		last->length += length;
		return true;
	}
	if (*io->count == io->room)
		return false;
	io->extents[*io->count].length = length;
	io->extents[*io->count].flags = flags;
	(*io->count)++;
	return true;
}

static uint32_t extent_flags(const struct discsi_lun *lun, uint8_t provisioning)
{
	if (provisioning == 0)
		return 0;
	return DISCSI_EXTENT_HOLE | (lun->reads_zero ? DISCSI_EXTENT_ZERO : 0);
}

/* The LUN cannot tell: one allocated extent for what is left. */
static int give_up_asking(struct dsc_io *io)
{
	add_extent(io, io->end - io->next, 0);
	io->next = io->end;
	return 0;
}

static int status_begin(struct dsc_io *io)
{
	*io->count = 0;
	if (io->offset == io->end)
		return 0;
	if (!io->lun->info.can_block_status)
		return give_up_asking(io);
	io->buffer = malloc(STATUS_BYTES);
	return io->buffer == NULL ? -ENOMEM : 0;
}

/* One at a time: each covers as much as its answer says. */
static uint64_t status_max(const struct dsc_io *io)
{
	return io->end - io->offset;
}

static void build_status(struct dsc_io *io, struct dsc_io *piece,
			 uint64_t offset, uint64_t length)
{
	struct dsc_task *task = &piece->request.task;

	(void)length;
	dsc_cdb_get_lba_status(task->cdb,
			       offset / io->lun->info.block_size, STATUS_BYTES);
	piece->own_iov.iov_base = io->buffer;
	piece->own_iov.iov_len = STATUS_BYTES;
	task->iov = &piece->own_iov;
	task->iovcnt = 1;
	task->iov_skip = 0;
	task->length = STATUS_BYTES;
}

/* Takes descriptors over from *offset on, which moves. False: no more room. */
static bool take_descriptors(struct dsc_io *io,
			     const struct dsc_lba_extent *found, size_t count,
			     uint64_t *offset)
{
	uint32_t block_size = io->lun->info.block_size;
	uint64_t limit = io->lun->info.bytes;
	size_t i;

	for (i = 0; i < count && *offset < io->end; i++) {
		uint64_t begin;
		uint64_t end;

		if (found[i].lba >= io->lun->info.blocks)
			break;
		begin = found[i].lba * block_size;
		end = dsc_min_u64(begin + (uint64_t)found[i].blocks *
				  block_size, limit);
		if (begin > *offset || end <= *offset)
			continue;
		if (!add_extent(io, end - *offset,
				extent_flags(io->lun, found[i].provisioning)))
			return false;
		*offset = end;
	}
	return true;
}

static int status_answered(struct dsc_io *io, struct dsc_io *piece, int result)
{
	struct discsi_lun *lun = io->lun;
	struct dsc_lba_extent found[STATUS_DESCRIPTORS];
	uint64_t offset = io->offset;
	bool has_room;
	size_t count;

	if (result == -EOPNOTSUPP) {
		pthread_mutex_lock(&lun->lock);
		lun->info.can_block_status = false;
		pthread_mutex_unlock(&lun->lock);
		io->next = io->offset;
		return give_up_asking(io);
	}
	if (result != 0)
		return result;
	result = dsc_lba_status_parse(io->buffer,
				      piece->request.task.transferred, found,
				      STATUS_DESCRIPTORS, &count);
	if (result != 0)
		return result;
	has_room = take_descriptors(io, found, count, &offset);
	if (has_room && offset == io->offset)
		return -EPROTO;  /* it has told nothing: do not ask for ever */
	io->offset = dsc_min_u64(offset, io->end);
	if (!has_room || ++io->answers == STATUS_ANSWERS_MAX)
		io->offset = io->end;
	io->next = io->offset;
	return 0;
}

const struct dsc_io_op dsc_op_block_status = {
	.name = "block status",
	.direction = DSC_DATA_IN,
	.is_ranged = true,
	.begin = status_begin,
	.piece_max = status_max,
	.build = build_status,
	.answered = status_answered,
};
