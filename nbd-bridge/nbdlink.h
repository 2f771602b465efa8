/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/nbdlink.h: talking to the kernel's nbd family and looking at the
 * device in /dev and /sys. Everything here blocks, with a deadline: for a
 * worker's thread. Errors are left as the thread's last error.
 */
#ifndef NBD_NBDLINK_H
#define NBD_NBDLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlink.h"

/* NBD_CMD_CONNECT. index: receives N of the device. */
int nbd_link_connect(const struct nbd_connect *what, uint32_t *index);

/*
 * The device that was attached for this backend and whose process is gone.
 * Returns its index, or -ENOENT without a last error, or why that cannot be told
 * (EMFILE, ENOMEM, …). Does not block.
 */
int nbd_link_find(const char *backend);

/* Detaches it; 0 when there is none, since it has been done already. */
int nbd_link_abandon(const char *backend);

/* Its size and block size as the kernel has them, 0 when that cannot be told. */
uint64_t nbd_link_bytes(uint32_t index);
uint32_t nbd_link_block_size(uint32_t index);

/*
 * Gives an attached device whose socket is dead a new one. The kernel says yes
 * even when it has let go of the socket at once, because no other is dead (yet):
 * so that is looked at, and tried again for a while.
 *
 * fd: receives our end. Errors: ENODEV (not attached any more, or for another
 * backend), ETIMEDOUT, EPERM; EMFILE, ENOMEM, … (also where they leave it open
 * whether it is attached).
 */
int nbd_link_replace(uint32_t index, const char *backend, int *fd);

/* Gives a device another size; waits for I/O that is under way. */
int nbd_link_resize(uint32_t index, const char *backend, uint64_t bytes);

/*
 * NBD_CMD_DISCONNECT, and waits until the device is free again; nothing if it is
 * not attached any more, or for another backend.
 */
int nbd_link_disconnect(uint32_t index, const char *backend);

/* Waits until /dev/nbdN is there and has its size. */
int nbd_link_wait_device(uint32_t index, uint64_t bytes);

/*
 * Lets the kernel send larger requests than it does by itself, and look after
 * resend_ms whether a request has to be sent again.
 */
void nbd_link_tune(uint32_t index, uint32_t resend_ms);

/* Writes out file systems and caches that lie on the device. */
int nbd_link_flush(uint32_t index);

/*
 * An attribute of /dev/nbdN in sysfs ("backend", "queue/nr_requests"), without its
 * newline: false when there is none.
 */
bool nbd_link_attribute(uint32_t index, const char *name, char *text,
			size_t room);

#endif /* NBD_NBDLINK_H */
