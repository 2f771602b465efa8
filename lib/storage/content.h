/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage/content.h: what is on a disk, as libblkid tells it. Any thread.
 */
#ifndef DSC_STORAGE_CONTENT_H
#define DSC_STORAGE_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include <discsi/storage.h>

/* A disk that can be read; read: 0, or -errno with the last error set. */
struct dsc_content_source {
	uint64_t bytes;
	uint32_t block_size;
	int (*read)(void *arg, void *buf, size_t length, uint64_t offset);
	void *arg;
};

/*
 * Has libblkid look at the first 4 MiB and the last MiB, which is where
 * everything that it knows is told from. Errors: those of read(), EUCLEAN
 * (several formats contradict each other), ENOMEM, EIO.
 */
int dsc_content_tell(const struct dsc_content_source *source,
		     struct discsi_disk_format *format);

#endif /* DSC_STORAGE_CONTENT_H */
