/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage/who.h: who a disk is, so that a mount which makes a device anew makes
 * it of the same disk. Pure; the owner's thread of each struct.
 */
#ifndef DSC_STORAGE_WHO_H
#define DSC_STORAGE_WHO_H

#include <stdbool.h>
#include <stdint.h>

#include <discsi/bridge.h>
#include <discsi/lun.h>

/* "" and 0 where it is not told. */
struct dsc_who {
	char designator[264];
	char serial[256];
	char vendor[9];
	char product[17];
	char revision[5];
	uint32_t block_size;
	uint64_t bytes;
};

/* What a LUN says of itself; and what a bridge passes on of that. */
void dsc_who_of_lun(struct dsc_who *who, const struct discsi_lun_info *info);
void dsc_who_of_bridge(struct dsc_who *who, const struct discsi_bridge *bridge);

/* The names alone, if any are told: a bridge of an older version tells none. */
bool dsc_who_differs(const struct dsc_who *was, const struct dsc_who *is);

/*
 * Is it the disk that was mounted? 0, or ESTALE with what was found and what was
 * mounted. What was not known is not compared, nor what is not told now, but for
 * the names.
 */
int dsc_who_check(const struct dsc_who *was, const struct dsc_who *is);

#endif /* DSC_STORAGE_WHO_H */
