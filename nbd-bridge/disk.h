/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/disk.h: what the server knows of the disk behind it: a few facts
 * and a table of I/O functions. A LUN is one such disk, the tests have another
 * in memory, and nothing above this file can tell them apart.
 *
 * The functions follow <discsi/lun.h>: they return 0 and then run cb exactly
 * once, on the loop and never before they have returned, or they return a
 * negative errno and never run it. Loop's thread.
 */
#ifndef NBD_DISK_H
#define NBD_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/context.h>
#include <discsi/lun.h>

struct nbd_disk_ops {
	/* pipe: as in discsi_lun_read_piped_async(), or NULL */
	int (*read)(void *handle, void *buf, size_t length, uint64_t offset,
		    struct discsi_pipe *pipe, discsi_done_cb cb, void *arg);
	/* flags: DISCSI_IO_FUA or 0 */
	int (*write)(void *handle, const void *buf, size_t length,
		     uint64_t offset, unsigned flags, discsi_done_cb cb,
		     void *arg);
	int (*flush)(void *handle, discsi_done_cb cb, void *arg);
	int (*trim)(void *handle, uint64_t offset, uint64_t length,
		    discsi_done_cb cb, void *arg);
	/* flags: DISCSI_IO_FUA, DISCSI_ZERO_UNMAP, DISCSI_ZERO_FAST */
	int (*zero)(void *handle, uint64_t offset, uint64_t length,
		    unsigned flags, discsi_done_cb cb, void *arg);
	int (*block_status)(void *handle, uint64_t offset, uint64_t length,
			    struct discsi_extent *extents, size_t *count,
			    discsi_done_cb cb, void *arg);
};

struct nbd_disk {
	const struct nbd_disk_ops *ops;
	void *handle;
	uint64_t bytes;           /* a multiple of block_size */
	uint32_t block_size;      /* every request must be aligned to it */
	uint32_t preferred_size;  /* a power of two, at least block_size */
	bool is_read_only;
	bool is_rotational;
	bool can_trim;
	bool can_zero_fast;
	bool can_block_status;
	char description[96];     /* for people */
};

/* Makes a disk of a LUN, which stays the caller's. Errors: as get_info. */
int nbd_disk_from_lun(struct nbd_disk *disk, struct discsi_lun *lun);

/*
 * The transmission flags of the NBD protocol that tell the truth about a disk.
 *
 * is_structured: the client has negotiated structured replies.
 */
uint16_t nbd_disk_flags(const struct nbd_disk *disk, bool is_structured);

#endif /* NBD_DISK_H */
