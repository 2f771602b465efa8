/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-scsi.c: what each command does to a disk and tells of it (SPC-4, SBC-3).
 * With sim->lock held.
 */
#include "simtarget/sim-internal.h"

#include <stdio.h>
#include <string.h>

#define MAX_TRANSFER_BYTES (16u << 20)
#define CACHE_LINE 64
#define FETCH_MAX 16384u
#define MAX_UNMAP_BLOCKS 65536u
#define MAX_COMPARE_BLOCKS 128u

struct run {
	struct sim *sim;
	struct sim_disk *disk;
	const struct sim_nexus *nexus;
	const uint8_t *cdb;
	const uint8_t *out;
	uint32_t out_length;
	uint64_t lba;
	uint32_t blocks;
	struct sim_answer *answer;
};

void sim_fail(struct sim_answer *answer, uint8_t key, uint8_t asc, uint8_t ascq)
{
	memset(answer->sense, 0, sizeof(answer->sense));
	answer->sense[0] = 0x70;
	answer->sense[2] = key;
	answer->sense[7] = 10;
	answer->sense[12] = asc;
	answer->sense[13] = ascq;
	answer->has_sense = true;
	answer->status = 0x02;
	answer->in_length = 0;
}

static void refuse_opcode(struct run *run)
{
	sim_fail(run->answer, 0x05, 0x20, 0x00);
}

static void refuse_field(struct run *run)
{
	sim_fail(run->answer, 0x05, 0x24, 0x00);
}

/* The answer lies in its buffer; no more than the allocation length of it. */
static void give(struct run *run, uint32_t length, uint32_t allocation)
{
	run->answer->in = run->answer->buffer;
	run->answer->in_length = length < allocation ? length : allocation;
}

/* ---------------------------------------------------------------- identity */

static uint32_t vpd_identification(const struct run *run, uint8_t *page)
{
	uint64_t hash = 0x5d15c51u;
	const char *c;

	for (c = run->disk->serial; *c != '\0'; c++)
		hash = hash * 31 + (uint8_t)*c;
	page[4] = 0x01;   /* binary */
	page[5] = 0x03;   /* NAA, of the logical unit */
	page[7] = 8;
	dsc_put_be64(page + 8, 0x5ull << 60 | (hash & 0xfffffffffffffull));
	return 16;
}

static uint32_t vpd_block_limits(const struct run *run, uint8_t *page)
{
	const struct sim_config *config = &run->sim->config;

	page[4] = 1;  /* WSNZ: WRITE SAME of no blocks is refused */
	page[5] = MAX_COMPARE_BLOCKS;
	dsc_put_be32(page + 8, MAX_TRANSFER_BYTES / config->block_size);
	if (config->thin) {
		dsc_put_be32(page + 20, MAX_UNMAP_BLOCKS);
		dsc_put_be32(page + 24, 64);
		dsc_put_be32(page + 28, 1);
	}
	dsc_put_be64(page + 36, MAX_TRANSFER_BYTES / config->block_size);
	return 64;
}

static uint32_t vpd_page(const struct run *run, uint8_t code, uint8_t *page)
{
	static const uint8_t supported[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1,
					     0xb2 };
	uint32_t length;

	switch (code) {
	case 0x00:
		length = 4 + sizeof(supported);
		memcpy(page + 4, supported, sizeof(supported));
		break;
	case 0x80:
		length = 4 + (uint32_t)strlen(run->disk->serial);
		memcpy(page + 4, run->disk->serial, length - 4);
		break;
	case 0x83:
		length = vpd_identification(run, page);
		break;
	case 0xb0:
		length = vpd_block_limits(run, page);
		break;
	case 0xb1:
		length = 64;
		page[5] = 1;  /* does not rotate */
		break;
	case 0xb2:
		length = 8;
		page[5] = run->sim->config.thin ? 0xe4 : 0;
		page[6] = run->sim->config.thin ? 2 : 0;
		break;
	default:
		return 0;
	}
	page[1] = code;
	dsc_put_be16(page + 2, (uint16_t)(length - 4));
	return length;
}

static void inquiry(struct run *run)
{
	uint8_t *data = run->answer->buffer;
	uint32_t allocation = dsc_get_be16(run->cdb + 3);
	uint32_t length = 96;

	memset(data, 0, 256);
	if (run->cdb[1] & 1) {
		length = vpd_page(run, run->cdb[2], data);
		if (length == 0) {
			refuse_field(run);
			return;
		}
		give(run, length, allocation);
		return;
	}
	if (run->cdb[2] != 0) {
		refuse_field(run);
		return;
	}
	data[0] = run->disk->is_absent ? 0x7f : 0;
	data[2] = 5;
	data[3] = 0x12;
	data[4] = (uint8_t)(length - 5);
	data[7] = 0x02;  /* CmdQue */
	memset(data + 8, ' ', 28);
	memcpy(data + 8, run->sim->config.vendor,
	       strnlen(run->sim->config.vendor, 8));
	memcpy(data + 16, "Simulated disk", 14);
	memcpy(data + 32, "0001", 4);
	dsc_put_be16(data + 58, 0x0460);  /* SPC-4 */
	dsc_put_be16(data + 60, 0x04c0);  /* SBC-3 */
	dsc_put_be16(data + 62, 0x0960);  /* iSCSI */
	give(run, length, allocation);
}

static uint32_t told_block_size(const struct run *run)
{
	return run->sim->told_block_size != 0 ? run->sim->told_block_size :
						run->sim->config.block_size;
}

static void read_capacity10(struct run *run)
{
	uint64_t last = run->disk->blocks - 1;
	uint8_t *data = run->answer->buffer;

	dsc_put_be32(data, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	dsc_put_be32(data + 4, told_block_size(run));
	give(run, 8, 8);
}

static void read_capacity16(struct run *run)
{
	uint8_t *data = run->answer->buffer;

	memset(data, 0, 32);
	dsc_put_be64(data, run->disk->blocks - 1);
	dsc_put_be32(data + 8, told_block_size(run));
	data[13] = (uint8_t)run->sim->config.physical_exponent;
	dsc_put_be16(data + 14, (uint16_t)run->sim->config.first_aligned);
	if (run->sim->config.thin)
		data[14] |= 0xc0;  /* LBPME, LBPRZ */
	give(run, 32, dsc_get_be32(run->cdb + 10));
}

/* The caching page, or the control page, with its two bytes of header. */
static uint32_t mode_page(const struct run *run, uint8_t code, uint8_t *page)
{
	bool is_changeable = run->cdb[2] >> 6 == 1;

	page[0] = code;
	page[1] = code == 0x08 ? 18 : 10;
	if (code == 0x08 && !is_changeable && run->sim->config.write_cache)
		page[2] = 0x04;  /* WCE */
	return 2u + page[1];
}

static void mode_sense(struct run *run)
{
	const struct sim_config *config = &run->sim->config;
	bool is_10 = run->cdb[0] == 0x5a;
	uint8_t page = run->cdb[2] & 0x3f;
	uint8_t *data = run->answer->buffer;
	uint32_t length = is_10 ? 8 : 4;

	if ((page != 0x08 && page != 0x0a && page != 0x3f) ||
	    run->cdb[3] != 0) {
		refuse_field(run);
		return;
	}
	memset(data, 0, 64);
	if (page != 0x0a)
		length += mode_page(run, 0x08, data + length);
	if (page != 0x08)
		length += mode_page(run, 0x0a, data + length);
	data[is_10 ? 1 : 0] = (uint8_t)(length - (is_10 ? 2 : 1));
	data[is_10 ? 3 : 2] = config->fua ? 0x10 : 0;
	give(run, length, is_10 ? dsc_get_be16(run->cdb + 7) : run->cdb[4]);
}

static void report_luns(struct run *run)
{
	uint8_t *data = run->answer->buffer;
	uint32_t count = 0;
	unsigned i;

	memset(data, 0, 8 + 8 * SIM_LUNS_MAX);
	for (i = 0; i < run->sim->config.luns; i++)
		if (!run->sim->disk[i].is_absent)
			data[9 + 8 * count++] = (uint8_t)i;
	dsc_put_be32(data, 8 * count);
	give(run, 8 + 8 * count, dsc_get_be32(run->cdb + 6));
}

/* One command: is it there? */
static void report_opcodes(struct run *run)
{
	static const uint8_t known[] = { 0x93, 0x41, 0x42, 0x89, 0x9e };
	uint8_t *data = run->answer->buffer;
	size_t i;

	memset(data, 0, 64);
	if ((run->cdb[2] & 7) == 0) {
		refuse_field(run);
		return;
	}
	data[1] = 1;
	for (i = 0; i < sizeof(known); i++)
		if (known[i] == run->cdb[3])
			data[1] = 3;
	data[3] = 16;
	data[4] = run->cdb[3];
	memset(data + 5, 0xff, 15);  /* CDB usage data: any bit may be set */
	give(run, 20, dsc_get_be32(run->cdb + 6));
}

/* ----------------------------------------------------------------- ranges */

/* LBA and blocks of a (6), (10), (12) or (16) command. False: refused. */
static bool get_range(struct run *run)
{
	const uint8_t *cdb = run->cdb;

	switch (cdb[0] >> 5) {
	case 0:
		run->lba = dsc_get_be24(cdb + 1) & 0x1fffff;
		run->blocks = cdb[4] == 0 ? 256 : cdb[4];
		break;
	case 4:
		run->lba = dsc_get_be64(cdb + 2);
		run->blocks = dsc_get_be32(cdb + 10);
		break;
	case 5:
		run->lba = dsc_get_be32(cdb + 2);
		run->blocks = dsc_get_be32(cdb + 6);
		break;
	default:
		run->lba = dsc_get_be32(cdb + 2);
		run->blocks = dsc_get_be16(cdb + 7);
	}
	if (run->lba > run->disk->blocks ||
	    run->blocks > run->disk->blocks - run->lba) {
		sim_fail(run->answer, 0x05, 0x21, 0x00);
		return false;
	}
	return true;
}

/* Protection information is asked for, which there is none of. */
static bool is_protected(struct run *run)
{
	if ((run->cdb[1] & 0xe0) == 0)
		return false;
	refuse_field(run);
	return true;
}

static uint64_t bytes_of(const struct run *run, uint64_t blocks)
{
	return blocks * run->sim->config.block_size;
}

/*
 * A block that has not been looked at for long comes from memory while the
 * commands behind this one are looked at, and not when it is sent.
 */
static void fetch_early(const uint8_t *data, uint32_t length)
{
	uint32_t i;

	if (length > FETCH_MAX)
		return;
	for (i = 0; i < length; i += CACHE_LINE)
		__builtin_prefetch(data + i, 0, 3);
}

static void do_read(struct run *run)
{
	if (run->cdb[0] != 0x08 && is_protected(run))
		return;
	if (!get_range(run))
		return;
	if (bytes_of(run, run->blocks) > MAX_TRANSFER_BYTES) {
		refuse_field(run);
		return;
	}
	run->answer->in = run->disk->data + bytes_of(run, run->lba);
	run->answer->in_length = (uint32_t)bytes_of(run, run->blocks);
	fetch_early(run->answer->in, run->answer->in_length);
}

static void do_write(struct run *run)
{
	bool is_6 = run->cdb[0] == 0x0a;
	bool fua = !is_6 && (run->cdb[1] & 0x08) != 0;
	uint64_t length;

	if ((!is_6 && is_protected(run)) || !get_range(run))
		return;
	length = bytes_of(run, run->blocks);
	if (length > MAX_TRANSFER_BYTES) {
		refuse_field(run);
		return;
	}
	/* Whole blocks of what is both there and wanted. */
	run->answer->out_length = (uint32_t)length;
	if (length > run->out_length)
		length = run->out_length -
			 run->out_length % run->sim->config.block_size;
	if (length > 0)
		sim_disk_write(run->sim, run->disk, bytes_of(run, run->lba),
			       run->out, length, fua);
}

/* BYTCHK 0: the medium is fine; 1: the data is compared. */
static void verify(struct run *run)
{
	unsigned check = run->cdb[1] >> 1 & 3;

	if (is_protected(run) || !get_range(run))
		return;
	if (check == 0)
		return;
	if (check != 1 || bytes_of(run, run->blocks) != run->out_length) {
		refuse_field(run);
		return;
	}
	if (memcmp(run->disk->data + bytes_of(run, run->lba), run->out,
		   run->out_length) != 0)
		sim_fail(run->answer, 0x0e, 0x1d, 0x00);
}

static void write_same(struct run *run)
{
	uint32_t size = run->sim->config.block_size;
	bool unmaps = (run->cdb[1] & 0x08) != 0;
	bool anchors = (run->cdb[1] & 0x10) != 0;
	uint32_t i;

	if (is_protected(run) || !get_range(run))
		return;
	if (bytes_of(run, run->blocks) > MAX_TRANSFER_BYTES ||
	    run->out_length != size || run->blocks == 0 || anchors ||
	    (unmaps && !run->sim->config.thin)) {
		refuse_field(run);
		return;
	}
	for (i = 0; i < run->blocks; i++)
		sim_disk_write(run->sim, run->disk,
			       bytes_of(run, run->lba + i), run->out, size,
			       false);
}

static void unmap(struct run *run)
{
	uint32_t list;
	uint32_t at;

	if (!run->sim->config.thin) {
		refuse_opcode(run);
		return;
	}
	if (run->out_length < 8)
		return;
	list = dsc_get_be16(run->out + 2);
	for (at = 8; at + 16 <= 8 + list && at + 16 <= run->out_length;
	     at += 16) {
		uint64_t lba = dsc_get_be64(run->out + at);
		uint32_t blocks = dsc_get_be32(run->out + at + 8);

		if (lba > run->disk->blocks ||
		    blocks > run->disk->blocks - lba) {
			sim_fail(run->answer, 0x05, 0x21, 0x00);
			return;
		}
		if (blocks > 0)
			sim_disk_write(run->sim, run->disk, bytes_of(run, lba),
				       NULL, bytes_of(run, blocks), false);
	}
}

static void compare_and_write(struct run *run)
{
	uint32_t half;

	run->lba = dsc_get_be64(run->cdb + 2);
	run->blocks = run->cdb[13];
	half = (uint32_t)bytes_of(run, run->blocks);
	if (is_protected(run) || (run->blocks == 0 && run->out_length == 0))
		return;
	if (run->lba >= run->disk->blocks ||
	    run->blocks > run->disk->blocks - run->lba) {
		sim_fail(run->answer, 0x05, 0x21, 0x00);
		return;
	}
	if (run->blocks > MAX_COMPARE_BLOCKS || run->out_length != 2 * half) {
		refuse_field(run);
		return;
	}
	if (memcmp(run->disk->data + bytes_of(run, run->lba), run->out,
		   half) != 0) {
		sim_fail(run->answer, 0x0e, 0x1d, 0x00);
		return;
	}
	sim_disk_write(run->sim, run->disk, bytes_of(run, run->lba),
		       run->out + half, half, false);
}

/* GET LBA STATUS: what is zero counts as not allocated. One run of blocks. */
#define SCAN_MAX 65536u

static bool is_zero(const struct run *run, uint64_t lba)
{
	static const uint8_t zeroes[4096];

	return memcmp(run->disk->data + bytes_of(run, lba), zeroes,
		      run->sim->config.block_size) == 0;
}

static void get_lba_status(struct run *run)
{
	uint8_t *data = run->answer->buffer;
	uint64_t lba = dsc_get_be64(run->cdb + 2);
	uint32_t count = 1;
	bool is_hole;

	if (!run->sim->config.thin) {
		refuse_opcode(run);
		return;
	}
	if (lba >= run->disk->blocks) {
		sim_fail(run->answer, 0x05, 0x21, 0x00);
		return;
	}
	is_hole = is_zero(run, lba);
	while (count < SCAN_MAX && lba + count < run->disk->blocks &&
	       is_zero(run, lba + count) == is_hole)
		count++;
	memset(data, 0, 24);
	dsc_put_be32(data, 20);
	dsc_put_be64(data + 8, lba);
	dsc_put_be32(data + 16, count);
	data[20] = is_hole ? 1 : 0;
	give(run, 24, dsc_get_be32(run->cdb + 10));
}

static void synchronize(struct run *run)
{
	sim_disk_flush(run->disk);
}

static void nothing(struct run *run)
{
	(void)run;
}

static void prefetch(struct run *run)
{
	if (get_range(run))
		run->answer->status = 0x04;  /* CONDITION MET */
}

static void service_in(struct run *run)
{
	unsigned action = run->cdb[1] & 0x1f;

	if (action == 0x10)
		read_capacity16(run);
	else if (action == 0x12)
		get_lba_status(run);
	else
		refuse_opcode(run);
}

static void maintenance_in(struct run *run)
{
	if ((run->cdb[1] & 0x1f) == 0x0c)
		report_opcodes(run);
	else
		refuse_opcode(run);
}

static void reserve_in(struct run *run)
{
	sim_reserve_in(run->disk, run->cdb, run->answer);
}

static void reserve_out(struct run *run)
{
	sim_reserve_out(run->disk, run->nexus, run->cdb, run->out,
			run->out_length, run->answer);
}

static void request_sense(struct run *run)
{
	memset(run->answer->buffer, 0, 18);
	run->answer->buffer[0] = 0x70;
	run->answer->buffer[7] = 10;
	give(run, 18, run->cdb[4]);
}

/* --------------------------------------------------------------- dispatch */

typedef void (*execute_fn)(struct run *run);

static const execute_fn commands[256] = {
	[0x00] = nothing, [0x03] = request_sense, [0x12] = inquiry,
	[0x08] = do_read, [0x28] = do_read, [0xa8] = do_read, [0x88] = do_read,
	[0x0a] = do_write, [0x2a] = do_write, [0xaa] = do_write,
	[0x8a] = do_write, [0x2e] = do_write, [0xae] = do_write,
	[0x8e] = do_write,
	[0x2f] = verify, [0xaf] = verify, [0x8f] = verify,
	[0x1a] = mode_sense, [0x5a] = mode_sense, [0x1b] = nothing,
	[0x25] = read_capacity10, [0x9e] = service_in,
	[0x35] = synchronize, [0x91] = synchronize,
	[0x34] = prefetch, [0x90] = prefetch,
	[0x41] = write_same, [0x93] = write_same, [0x42] = unmap,
	[0x89] = compare_and_write, [0x5e] = reserve_in,
	[0x5f] = reserve_out,
	[0xa0] = report_luns, [0xa3] = maintenance_in,
};

/* What is answered by a LUN that is not there. */
static bool is_for_anyone(uint8_t opcode)
{
	return opcode == 0x12 || opcode == 0xa0;
}

static void execute(struct run *run)
{
	uint8_t opcode = run->cdb[0];

	if (run->disk->is_absent && !is_for_anyone(opcode))
		sim_fail(run->answer, 0x05, 0x25, 0x00);
	else if (sim_reserve_forbids(run->disk, run->nexus, opcode))
		run->answer->status = 0x18;  /* RESERVATION CONFLICT */
	else if (commands[opcode] == NULL)
		refuse_opcode(run);
	else
		commands[opcode](run);
}

/* Each time anew, as nothing that is done to it must last. */
static void execute_nowhere(struct run *run)
{
	struct sim_disk nobody = { .is_absent = true, .serial = "" };

	run->disk = &nobody;
	execute(run);
}

void sim_execute(struct sim *sim, const struct sim_nexus *nexus, uint8_t lun,
		 const uint8_t *cdb, const uint8_t *out, uint32_t out_length,
		 struct sim_answer *answer)
{
	struct run run = {
		.sim = sim, .nexus = nexus, .cdb = cdb, .out = out,
		.out_length = out_length, .answer = answer,
	};

	if (lun >= sim->config.luns) {
		execute_nowhere(&run);
		return;
	}
	run.disk = &sim->disk[lun];
	execute(&run);
}
