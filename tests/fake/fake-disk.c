/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fake-disk.c: the disk of the fake target: what each command does and tells.
 * On the thread of the connection that the command came by.
 */
#include "fake/fake-internal.h"

#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define MEBIBYTE (1u << 20)

void fake_disk_fail(struct fake_command *command, uint8_t key, uint8_t asc,
		    uint8_t ascq)
{
	memset(command->sense, 0, sizeof(command->sense));
	command->sense[0] = 0x70;
	command->sense[2] = key;
	command->sense[7] = 10;
	command->sense[12] = asc;
	command->sense[13] = ascq;
	command->has_sense = true;
	command->status = 0x02;
	command->length = 0;
}

static void refuse_opcode(struct fake_command *command)
{
	fake_disk_fail(command, 0x05, 0x20, 0x00);
}

static void refuse_field(struct fake_command *command)
{
	fake_disk_fail(command, 0x05, 0x24, 0x00);
}

/* -------------------------------------------------------------- identity */

static uint32_t vpd_block_limits(const struct fake_disk *disk, uint8_t *page)
{
	dsc_put_be32(page + 8, disk->max_transfer);
	dsc_put_be32(page + 20, disk->max_unmap);
	dsc_put_be32(page + 24, disk->max_unmap == 0 ? 0 : 1);
	dsc_put_be32(page + 28, disk->unmap_granularity);
	dsc_put_be64(page + 36, disk->max_write_same);
	return 64;
}

static uint32_t vpd_page(const struct fake_disk *disk, uint8_t code,
			 uint8_t *page)
{
	static const uint8_t supported[] = { 0x00, 0x80, 0x83, 0xb0, 0xb2 };
	static const uint8_t naa[] = { 0x01, 0x03, 0x00, 0x08, 0x50, 0x01,
				       0x40, 0x52, 0xda, 0xf0, 0x0d, 0x01 };
	uint32_t length = 0;

	switch (code) {
	case 0x00:
		length = 4 + sizeof(supported);
		memcpy(page + 4, supported, sizeof(supported));
		break;
	case 0x80:
		length = 4 + 8;
		memcpy(page + 4, "FAKE0001", 8);
		break;
	case 0x83:
		length = 4 + sizeof(naa);
		memcpy(page + 4, naa, sizeof(naa));
		break;
	case 0xb0:
		length = vpd_block_limits(disk, page);
		break;
	case 0xb2:
		length = 8;
		page[5] = disk->is_thin ? 0xc4 : 0;  /* LBPU, LBPWS, LBPRZ */
		break;
	default:
		return 0;
	}
	page[1] = code;
	dsc_put_be16(page + 2, (uint16_t)(length - 4));
	return length;
}

static void inquiry(struct fake_target *target, struct fake_command *command)
{
	uint8_t *data = command->data;

	memset(data, 0, 256);
	if (command->cdb[1] & 1) {
		command->length = vpd_page(&target->disk, command->cdb[2],
					   data);
		if (command->length == 0)
			refuse_field(command);
		return;
	}
	data[2] = 5;
	data[4] = 31;
	memcpy(data + 8, "DISCSI  Fake disk       0001", 28);
	command->length = 36;
}

static void read_capacity(struct fake_target *target,
			  struct fake_command *command, bool is_16)
{
	const struct fake_disk *disk = &target->disk;
	uint64_t last = target->blocks - 1;
	uint8_t *data = command->data;

	memset(data, 0, 32);
	if (is_16) {
		dsc_put_be64(data, last);
		dsc_put_be32(data + 8, disk->block_size);
		data[14] = disk->is_thin ? 0xc0 : 0;  /* LBPME, LBPRZ */
		command->length = 32;
		return;
	}
	dsc_put_be32(data, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	dsc_put_be32(data + 4, disk->block_size);
	command->length = 8;
}

static void mode_sense6(struct fake_target *target,
			struct fake_command *command)
{
	const struct fake_disk *disk = &target->disk;
	uint8_t *data = command->data;

	if (disk->has_no_caching_page && command->cdb[2] != 0x3f) {
		refuse_field(command);
		return;
	}
	memset(data, 0, 64);
	data[0] = disk->has_no_caching_page ? 3 : 3 + 20;
	data[2] = (uint8_t)((disk->write_protect ? 0x80 : 0) |
			    (disk->fua ? 0x10 : 0));
	data[4] = 0x08;
	data[5] = 18;
	data[6] = disk->write_cache ? 0x04 : 0;
	command->length = data[0] + 1u;
}

static void report_luns(struct fake_command *command)
{
	memset(command->data, 0, 16);
	dsc_put_be32(command->data, 8);
	command->length = 16;
}

/* ----------------------------------------------------------------- ranges */

struct range {
	uint64_t offset;
	uint64_t length;
	uint32_t blocks;
};

/* LBA and blocks of a (10) or (16) command. False: refused. */
static bool get_range(struct fake_target *target, struct fake_command *command,
		      struct range *range)
{
	uint32_t size = target->disk.block_size;
	bool is_16 = command->cdb[0] >= 0x80;
	uint64_t lba = is_16 ? dsc_get_be64(command->cdb + 2) :
			       dsc_get_be32(command->cdb + 2);

	range->blocks = is_16 ? dsc_get_be32(command->cdb + 10) :
				dsc_get_be16(command->cdb + 7);
	if (lba > target->blocks || range->blocks > target->blocks - lba) {
		fake_disk_fail(command, 0x05, 0x21, 0x00);
		return false;
	}
	range->offset = lba * size;
	range->length = (uint64_t)range->blocks * size;
	return true;
}

static void set_mapped(struct fake_target *target, const struct range *range,
		       bool is_mapped)
{
	uint64_t mib;

	for (mib = range->offset / MEBIBYTE;
	     mib <= (range->offset + range->length - 1) / MEBIBYTE &&
	     mib < sizeof(target->mapped); mib++)
		target->mapped[mib] = is_mapped;
}

static bool is_too_long(const struct fake_target *target,
			const struct range *range)
{
	return target->disk.max_transfer != 0 &&
	       range->blocks > target->disk.max_transfer;
}

static void do_read(struct fake_target *target, struct fake_command *command)
{
	struct range range;

	if (!get_range(target, command, &range))
		return;
	if (is_too_long(target, &range) || range.length > FAKE_DATA_MAX) {
		refuse_field(command);
		return;
	}
	fake_target_peek(target, range.offset, command->data, range.length);
	command->length = (uint32_t)range.length;
}

static void do_write(struct fake_target *target, struct fake_command *command)
{
	struct range range;

	if (target->disk.write_protect) {
		fake_disk_fail(command, 0x07, 0x27, 0x00);
		return;
	}
	if (!get_range(target, command, &range))
		return;
	if (is_too_long(target, &range) || range.length != command->length) {
		refuse_field(command);
		return;
	}
	fake_target_poke(target, range.offset, command->data, range.length);
	set_mapped(target, &range, true);
	command->length = 0;
}

static void fill_range(struct fake_target *target, const struct range *range,
		       const uint8_t *block)
{
	uint32_t size = target->disk.block_size;
	uint64_t done;

	for (done = 0; done < range->length; done += size)
		fake_target_poke(target, range->offset + done, block, size);
}

static void write_same(struct fake_target *target, struct fake_command *command)
{
	struct range range;
	bool unmap = (command->cdb[1] & 0x08) != 0;

	if (target->disk.max_write_same == 0 ||
	    target->disk.claims_write_same) {
		refuse_opcode(command);
		return;
	}
	if (!get_range(target, command, &range))
		return;
	if (range.blocks > target->disk.max_write_same || range.blocks == 0 ||
	    command->length != target->disk.block_size ||
	    (unmap && (!target->disk.is_thin ||
		       target->disk.claims_unmapping))) {
		refuse_field(command);
		return;
	}
	fill_range(target, &range, command->data);
	set_mapped(target, &range, !unmap);
	command->length = 0;
}

static void unmap_blocks(struct fake_target *target,
			 struct fake_command *command)
{
	static const uint8_t zeroes[65536];
	uint32_t size = target->disk.block_size;
	struct range range;

	if (target->disk.max_unmap == 0) {
		refuse_opcode(command);
		return;
	}
	if (command->length != 24 || dsc_get_be16(command->data + 2) != 16) {
		refuse_field(command);
		return;
	}
	range.offset = dsc_get_be64(command->data + 8) * size;
	range.blocks = dsc_get_be32(command->data + 16);
	range.length = (uint64_t)range.blocks * size;
	if (range.blocks > target->disk.max_unmap) {
		refuse_field(command);
		return;
	}
	fill_range(target, &range, zeroes);
	set_mapped(target, &range, false);
	command->length = 0;
}

/* GET LBA STATUS: runs of mebibytes of the same kind, 4 at a time. */
static void lba_status(struct fake_target *target, struct fake_command *command)
{
	uint32_t per_mib = MEBIBYTE / target->disk.block_size;
	uint64_t lba = dsc_get_be64(command->cdb + 2);
	uint8_t *entry = command->data + 8;
	uint32_t limit = target->disk.status_blocks;
	unsigned i;

	if (!target->disk.is_thin || (command->cdb[1] & 0x1f) != 0x12) {
		refuse_opcode(command);
		return;
	}
	memset(command->data, 0, 8);
	for (i = 0; i < (limit == 0 ? 4u : 1u) && lba < target->blocks; i++, entry += 16) {
		uint64_t mib = lba / per_mib;
		uint64_t end = mib;

		while (end * per_mib < target->blocks &&
		       target->mapped[end] == target->mapped[mib])
			end++;
		end *= per_mib;
		if (end > target->blocks)
			end = target->blocks;
		if (limit != 0 && end > lba + limit)
			end = lba + limit;
		memset(entry, 0, 16);
		dsc_put_be64(entry, lba);
		dsc_put_be32(entry + 8, (uint32_t)(end - lba));
		entry[12] = target->mapped[mib] ? 0 : 1;
		lba = end;
	}
	command->length = 8 + 16 * i;
	dsc_put_be32(command->data, command->length - 4);
}

static void execute_other(struct fake_target *target,
			  struct fake_command *command)
{
	const struct fake_disk *disk = &target->disk;

	switch (command->cdb[0]) {
	case 0x1a:
		if (disk->has_no_mode)
			refuse_opcode(command);
		else
			mode_sense6(target, command);
		break;
	case 0x35:
		if (disk->has_no_sync)
			refuse_opcode(command);
		break;
	case 0x9e:
		if ((command->cdb[1] & 0x1f) != 0x10)
			lba_status(target, command);
		else if (disk->has_no_capacity16)
			refuse_opcode(command);
		else
			read_capacity(target, command, true);
		break;
	default:
		refuse_opcode(command);
	}
}

void fake_disk_execute(struct fake_target *target,
		       struct fake_command *command)
{
	if (!command->is_write)
		command->length = 0;
	switch (command->cdb[0]) {
	case 0x00:
		break;
	case 0x12:
		inquiry(target, command);
		break;
	case 0x25:
		read_capacity(target, command, false);
		break;
	case 0x28:
	case 0x88:
		do_read(target, command);
		break;
	case 0x2a:
	case 0x8a:
		do_write(target, command);
		break;
	case 0x42:
		unmap_blocks(target, command);
		break;
	case 0x93:
		write_same(target, command);
		break;
	case 0xa0:
		report_luns(command);
		break;
	default:
		execute_other(target, command);
	}
}

void fake_target_peek(const struct fake_target *target, uint64_t offset,
		      void *data, size_t length)
{
	ssize_t got = pread(target->memory_fd, data, length, (off_t)offset);

	if (got >= 0 && (size_t)got < length)
		memset((uint8_t *)data + got, 0, length - (size_t)got);
}

void fake_target_poke(const struct fake_target *target, uint64_t offset,
		      const void *data, size_t length)
{
	ssize_t put = pwrite(target->memory_fd, data, length, (off_t)offset);

	(void)put;
}
