/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * capacity.c: READ CAPACITY data (SBC-3 clauses 5.15 and 5.16) and GET LBA
 * STATUS data (clause 5.5.2). Pure; any thread.
 */
#include "scsi/inquiry.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/checked.h"

#define CAPACITY10_BYTES 8
#define CAPACITY16_BYTES_MIN 12    /* older targets send no more */
#define CAPACITY16_FLAGS_END 15
#define CAPACITY16_ALIGNED_END 16
#define LBA_STATUS_HEADER_BYTES 8
#define LBA_STATUS_BYTES 16

/* True for a size in bytes that there can be. */
static bool is_sane(const struct dsc_capacity *capacity)
{
	uint64_t bytes;

	return capacity->block_size != 0 &&
	       dsc_mul_u64(capacity->blocks, capacity->block_size, &bytes);
}

int dsc_capacity10_parse(const uint8_t *data, size_t length,
			 struct dsc_capacity *capacity)
{
	struct dsc_capacity seen = { 0 };
	uint32_t last_lba;

	if (length < CAPACITY10_BYTES)
		return -EPROTO;
	last_lba = dsc_get_be32(data);
	seen.blocks = (uint64_t)last_lba + 1;
	seen.block_size = dsc_get_be32(data + 4);
	seen.physical_block_size = seen.block_size;
	seen.is_over_10 = last_lba == UINT32_MAX;
	if (!is_sane(&seen))
		return -EPROTO;
	*capacity = seen;
	return 0;
}

/* LOWEST ALIGNED LOGICAL BLOCK ADDRESS, of 14 bits, within a physical block. */
static uint32_t first_aligned(const uint8_t *data,
			      const struct dsc_capacity *capacity)
{
	uint64_t bytes = (dsc_get_be16(data + 14) & UINT64_C(0x3fff)) *
			 capacity->block_size;

	return (uint32_t)(bytes % capacity->physical_block_size);
}

int dsc_capacity16_parse(const uint8_t *data, size_t length,
			 struct dsc_capacity *capacity)
{
	struct dsc_capacity seen = { 0 };
	uint64_t physical;

	if (length < CAPACITY16_BYTES_MIN ||
	    !dsc_add_u64(dsc_get_be64(data), 1, &seen.blocks))
		return -EPROTO;
	seen.block_size = dsc_get_be32(data + 8);
	seen.physical_block_size = seen.block_size;
	if (length >= CAPACITY16_FLAGS_END) {
		physical = (uint64_t)seen.block_size << (data[13] & 0x0f);
		if (physical > UINT32_MAX)
			return -EPROTO;
		seen.physical_block_size = (uint32_t)physical;
		seen.thin = data[14] & 0x80;
		seen.reads_zero = data[14] & 0x40;
	}
	if (!is_sane(&seen))
		return -EPROTO;
	if (length >= CAPACITY16_ALIGNED_END)
		seen.first_aligned = first_aligned(data, &seen);
	*capacity = seen;
	return 0;
}

static void read_extent(const uint8_t *data, struct dsc_lba_extent *extent)
{
	extent->lba = dsc_get_be64(data);
	extent->blocks = dsc_get_be32(data + 8);
	extent->provisioning = data[12] & 0x0f;
}

/*
 * Descriptors without blocks are left out: they say nothing, and a caller
 * that walks along extents must always get on.
 */
int dsc_lba_status_parse(const uint8_t *data, size_t length,
			 struct dsc_lba_extent *extents, size_t room,
			 size_t *count)
{
	struct dsc_lba_extent extent;
	uint64_t end = 0;  /* of the extent before */
	size_t n = 0;

	if (length < LBA_STATUS_HEADER_BYTES)
		return -EPROTO;
	length = dsc_min_size(length, 4 + (size_t)dsc_get_be32(data));

	for (size_t at = LBA_STATUS_HEADER_BYTES;
	     at + LBA_STATUS_BYTES <= length && n < room;
	     at += LBA_STATUS_BYTES) {
		read_extent(data + at, &extent);
		if (extent.blocks == 0)
			continue;
		if (extent.lba < end ||
		    !dsc_add_u64(extent.lba, extent.blocks, &end))
			return -EPROTO;
		extents[n++] = extent;
	}
	*count = n;
	return 0;
}
