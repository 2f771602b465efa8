/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bypath.h: the name of an iSCSI disk in /dev/disk/by-path, which says where the
 * disk is and not which device it happens to be. It has the form that open-iscsi
 * and udev give it. discsi-nbd makes the link and removes it; lib/bridge removes
 * what a dead process has left.
 *
 * dev: the directory of devices, DSC_BYPATH_DEV but in tests. node: of a device
 * in it ("nbd0"). No state; any thread.
 */
#ifndef DSC_BASE_BYPATH_H
#define DSC_BASE_BYPATH_H

#include <stdbool.h>
#include <stdint.h>

#define DSC_BYPATH_DEV "/dev"
#define DSC_BYPATH_DIR "disk/by-path"

/*
 * "ip-10.0.0.5:3260-iscsi-IQN-lun-1"; characters that a name of udev's does not
 * have are '_'. Allocated; NULL without memory.
 */
char *dsc_bypath_name(const char *address, unsigned port, const char *target,
		      uint64_t lun);

/*
 * Makes the link, at once and as a whole. One that leads nowhere, or to an nbd
 * device that nobody serves, is replaced.
 *
 * Errors: EEXIST (it is the name of another device, which is left alone), those
 * of making directories and links.
 */
int dsc_bypath_make(const char *dev, const char *name, const char *node);

/* Removes the link if it leads to this device. */
void dsc_bypath_remove(const char *dev, const char *name, const char *node);

/* True while the kernel has somebody who serves this nbd device. */
bool dsc_bypath_is_served(const char *node);

#endif /* DSC_BASE_BYPATH_H */
