/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/naming.h: the name of the kernel device in /dev/disk/by-path. The
 * link is made by us, so that it is there when we say that the device is, with
 * or without udev. Where udev runs and has our rule, it is waited for: it then
 * knows the name, too, and makes those of partitions.
 *
 * What makes and removes blocks: for a worker's thread.
 */
#ifndef NBD_NAMING_H
#define NBD_NAMING_H

#include <stdint.h>

#include <discsi/conf.h>
#include <discsi/session.h>

#include "registry.h"

/*
 * The name for a LUN: by the portal that is configured first, as open-iscsi has
 * it, so that it stays the same when another one is used; by the one in use if
 * that is not a numeric address. Allocated; NULL without memory. Any thread.
 */
char *nbd_naming_choose(const struct discsi_conf *conf,
			const struct discsi_session_info *session, uint64_t lun);

/*
 * Makes the link to /dev/nbdN, which is attached for backend. Errors: those of
 * dsc_bypath_make(), as the thread's last error.
 */
int nbd_naming_make(uint32_t index, const char *backend, const char *name);

void nbd_naming_remove(uint32_t index, const char *name);

/*
 * Removes the link that a process before this one has made, as its state file
 * tells, whatever has become of the device. Any thread.
 */
void nbd_naming_remove_left(const struct nbd_registry *registry);

#endif /* NBD_NAMING_H */
