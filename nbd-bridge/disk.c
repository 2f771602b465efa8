/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * disk.c: a LUN as the server's disk, and the flags that announce what a disk
 * can do. Loop's thread.
 */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

#include "disk.h"
#include "wire.h"

/* Below a page nothing is gained, and every client can do pages. */
#define PREFERRED_MIN 4096u

static int lun_read(void *handle, void *buf, size_t length, uint64_t offset,
		    struct discsi_pipe *pipe, discsi_done_cb cb, void *arg)
{
	if (pipe != NULL)
		return discsi_lun_read_piped_async(handle, buf, length, offset,
						   0, pipe, cb, arg);
	return discsi_lun_read_async(handle, buf, length, offset, 0, cb, arg);
}

static int lun_write(void *handle, const void *buf, size_t length,
		     uint64_t offset, unsigned flags, discsi_done_cb cb,
		     void *arg)
{
	return discsi_lun_write_async(handle, buf, length, offset, flags, cb,
				      arg);
}

static int lun_flush(void *handle, discsi_done_cb cb, void *arg)
{
	return discsi_lun_flush_async(handle, cb, arg);
}

static int lun_trim(void *handle, uint64_t offset, uint64_t length,
		    discsi_done_cb cb, void *arg)
{
	return discsi_lun_trim_async(handle, offset, length, cb, arg);
}

static int lun_zero(void *handle, uint64_t offset, uint64_t length,
		    unsigned flags, discsi_done_cb cb, void *arg)
{
	return discsi_lun_zero_async(handle, offset, length, flags, cb, arg);
}

static int lun_block_status(void *handle, uint64_t offset, uint64_t length,
			    struct discsi_extent *extents, size_t *count,
			    discsi_done_cb cb, void *arg)
{
	return discsi_lun_block_status_async(handle, offset, length, extents,
					     count, cb, arg);
}

static const struct nbd_disk_ops lun_ops = {
	.read = lun_read,
	.write = lun_write,
	.flush = lun_flush,
	.trim = lun_trim,
	.zero = lun_zero,
	.block_status = lun_block_status,
};

/*
 * The size of request that suits the disk best, as the protocol wants it: a
 * power of two, of which no part is read and written for the rest of it.
 */
static uint32_t preferred_size(const struct discsi_lun_info *info)
{
	const uint32_t sizes[] = {
		info->block_size,
		info->physical_block_size,
		info->unmap_granularity_bytes,
		info->optimal_transfer_bytes,
	};
	uint32_t size = PREFERRED_MIN;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (dsc_is_power_of_two(sizes[i]))
			size = dsc_max_u32(size, sizes[i]);
	}
	return dsc_min_u32(size, NBD_PAYLOAD_MAX);
}

int nbd_disk_from_lun(struct nbd_disk *disk, struct discsi_lun *lun)
{
	struct discsi_lun_info info = { .size = sizeof(info) };
	int rc = discsi_lun_get_info(lun, &info);

	if (rc < 0)
		return rc;
	*disk = (struct nbd_disk){
		.ops = &lun_ops,
		.handle = lun,
		.bytes = info.bytes,
		.block_size = info.block_size,
		.preferred_size = preferred_size(&info),
		.is_read_only = info.read_only,
		.is_rotational = info.rotational,
		.can_trim = info.can_trim,
		.can_zero_fast = info.can_zero,
		.can_block_status = info.can_block_status,
	};
	snprintf(disk->description, sizeof(disk->description), "%s %s %.48s",
		 info.vendor, info.product, info.serial);
	return 0;
}

uint16_t nbd_disk_flags(const struct nbd_disk *disk, bool is_structured)
{
	unsigned flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH |
			 NBD_FLAG_CAN_MULTI_CONN | NBD_FLAG_SEND_CACHE;

	if (disk->is_rotational)
		flags |= NBD_FLAG_ROTATIONAL;
	if (is_structured)
		flags |= NBD_FLAG_SEND_DF;
	if (disk->is_read_only)
		return (uint16_t)(flags | NBD_FLAG_READ_ONLY);
	flags |= NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_WRITE_ZEROES;
	if (disk->can_trim)
		flags |= NBD_FLAG_SEND_TRIM;
	if (disk->can_zero_fast)
		flags |= NBD_FLAG_SEND_FAST_ZERO;
	return (uint16_t)flags;
}
