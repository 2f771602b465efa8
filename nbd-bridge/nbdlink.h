/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/nbdlink.h: talking to the kernel's nbd family and looking at the
 * device in /dev and /sys. Everything here blocks, with a deadline: for a
 * worker's thread. Errors are left as the thread's last error.
 */
#ifndef NBD_NBDLINK_H
#define NBD_NBDLINK_H

#include <stdint.h>

#include "netlink.h"

/* NBD_CMD_CONNECT. index: receives N of the device. */
int nbd_link_connect(const struct nbd_connect *what, uint32_t *index);

/* NBD_CMD_DISCONNECT, and waits until the device is free again. */
int nbd_link_disconnect(uint32_t index);

/* Waits until /dev/nbdN is there and has its size. */
int nbd_link_wait_device(uint32_t index, uint64_t bytes);

/* Lets the kernel send larger requests than it does by itself. */
void nbd_link_tune(uint32_t index);

/* Writes out file systems and caches that lie on the device. */
int nbd_link_flush(uint32_t index);

#endif /* NBD_NBDLINK_H */
