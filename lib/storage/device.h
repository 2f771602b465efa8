/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage/device.h: reading from the device that a storage is shown as, the
 * kernel's or an NBD socket, within limits. Any thread; the calls wait.
 */
#ifndef DSC_STORAGE_DEVICE_H
#define DSC_STORAGE_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "storage/iscsi.h"

/*
 * Reads past the page cache: offset and length are whole blocks. What hangs in
 * the kernel, opening included, is left to a thread of its own.
 * Errors: ENOENT (no such device), EIO and what the kernel says, ETIMEDOUT,
 * ECANCELED, EAGAIN (no thread).
 */
int dsc_device_read(const char *path, void *buf, size_t length,
		    uint64_t offset, const struct dsc_limits *limits);

/* The size that the kernel has for it. Errors: as above. */
int dsc_device_size(const char *path, uint64_t *bytes,
		    const struct dsc_limits *limits);

/*
 * Reads from the default export of an NBD server, with a connection of its own.
 * Errors: ENOENT (no such socket), EPROTO, the server's errors, ETIMEDOUT,
 * ECANCELED.
 */
int dsc_nbd_read(const char *socket, void *buf, size_t length, uint64_t offset,
		 const struct dsc_limits *limits);

#endif /* DSC_STORAGE_DEVICE_H */
