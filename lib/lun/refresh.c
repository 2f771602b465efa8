/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * refresh.c: a look at an open LUN: is it the disk that was opened, and how large
 * is it now? A target that exchanges disks at leisure may tell nobody, and a size
 * is not to be taken over from another disk. One that has another name is left to
 * the session, which asks whoever is open and lets nothing through meanwhile.
 *
 * Loop's thread.
 */
#include "lun/lun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/cdb.h"

#define PAGE_BYTES 1024
#define CAPACITY_BYTES 32

#define NAME(member) \
	offsetof(struct discsi_lun_info, member), \
	sizeof(((struct discsi_lun_info *)NULL)->member)

/*
 * A name that the disk had when it was opened, by the page that tells it. A long
 * one is cut as it was then.
 */
static const struct name {
	uint8_t page;
	size_t at;     /* in struct discsi_lun_info, */
	size_t room;   /* and how long it is there */
	int (*parse)(const uint8_t *data, size_t length, char *name,
		     size_t room);
} names[] = {
	{ DSC_VPD_IDENTIFICATION, NAME(designator),
	  dsc_vpd_parse_identification },
	{ DSC_VPD_SERIAL, NAME(serial), dsc_vpd_parse_serial },
};

_Static_assert(sizeof(((struct discsi_lun_info *)NULL)->designator) >=
	       sizeof(((struct discsi_lun_info *)NULL)->serial),
	       "either name has room where the designator has");

#define NAMES (sizeof(names) / sizeof(names[0]))

static const char *known_name(const struct discsi_lun *lun, size_t i)
{
	return (const char *)&lun->info + names[i].at;
}

/* io->answers says which question it is: the names that are known, the size. */
static void skip_unknown(struct dsc_io *io)
{
	while (io->answers < NAMES &&
	       known_name(io->lun, io->answers)[0] == '\0')
		io->answers++;
}

static int refresh_begin(struct dsc_io *io)
{
	io->buffer = malloc(PAGE_BYTES);
	if (io->buffer == NULL)
		return -ENOMEM;
	skip_unknown(io);
	return 0;
}

static void build_refresh(struct dsc_io *io, struct dsc_io *piece,
			  uint64_t offset, uint64_t length)
{
	struct dsc_task *task = &piece->request.task;

	(void)offset;
	(void)length;
	task->length = CAPACITY_BYTES;
	if (io->answers < NAMES) {
		task->length = PAGE_BYTES;
		dsc_cdb_inquiry(task->cdb, names[io->answers].page, PAGE_BYTES);
	} else if (io->lun->has_no_capacity16) {
		task->length = 8;
		dsc_cdb_read_capacity10(task->cdb);
	} else {
		dsc_cdb_read_capacity16(task->cdb, CAPACITY_BYTES);
	}
	memset(io->buffer, 0, PAGE_BYTES);
	piece->own_iov.iov_base = io->buffer;
	piece->own_iov.iov_len = task->length;
	task->iov = &piece->own_iov;
	task->iovcnt = 1;
	task->iov_skip = 0;
}

/* A page that is not known any more is that of another disk, too. */
static int name_answered(struct dsc_io *io, size_t length, int result)
{
	const struct name *name = &names[io->answers];
	char is[sizeof(io->lun->info.designator)] = "";

	if (result != 0 && result != -EOPNOTSUPP)
		return result;
	if (result == 0)
		result = name->parse(io->buffer, length, is, name->room);
	if (result != 0 || strcmp(is, known_name(io->lun, io->answers)) != 0)
		dsc_session_doubt(io->lun->session);
	io->answers++;
	skip_unknown(io);
	return 0;
}

static int capacity_answered(struct dsc_io *io, size_t length, int result)
{
	struct discsi_lun *lun = io->lun;
	struct dsc_capacity capacity;

	if (result != 0)
		return result;
	result = lun->has_no_capacity16 ?
		 dsc_capacity10_parse(io->buffer, length, &capacity) :
		 dsc_capacity16_parse(io->buffer, length, &capacity);
	if (result != 0)
		return result;
	if (capacity.is_over_10)
		return -EPROTO;  /* and READ CAPACITY(16) is not known */
	if (capacity.block_size != lun->info.block_size)
		return -ESTALE;
	dsc_lun_set_capacity(lun, &capacity);
	io->answers++;
	return 0;
}

static int refresh_answered(struct dsc_io *io, struct dsc_io *piece, int result)
{
	size_t length = piece->request.task.transferred;

	return io->answers < NAMES ? name_answered(io, length, result) :
				     capacity_answered(io, length, result);
}

static int refresh_completed(struct dsc_io *io)
{
	return io->answers <= NAMES ? -EAGAIN : 0;
}

const struct dsc_io_op dsc_op_refresh = {
	.name = "refresh",
	.direction = DSC_DATA_IN,
	.begin = refresh_begin,
	.piece_max = dsc_op_one_piece,
	.build = build_refresh,
	.answered = refresh_answered,
	.completed = refresh_completed,
};
