/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge/inuse.h: is anything using a block device: a mount of it or of one of
 * its partitions, swap, or a device stacked on top (LVM, dm-crypt, md).
 * Reads /proc and /sys; any thread.
 */
#ifndef DSC_BRIDGE_INUSE_H
#define DSC_BRIDGE_INUSE_H

/* Where to look; the tests look elsewhere. */
struct dsc_inuse_paths {
	const char *mountinfo;
	const char *swaps;
	const char *sys_block;
	const char *dev;
};

extern const struct dsc_inuse_paths dsc_inuse_system;

/*
 * device: the path of a whole disk, "/dev/nbd0".
 * Returns 0, or -EBUSY with a sentence that names the mount point, the swap or
 * the holder; another errno when that cannot be found out.
 */
int dsc_inuse_check(const struct dsc_inuse_paths *paths, const char *device);

#endif /* DSC_BRIDGE_INUSE_H */
