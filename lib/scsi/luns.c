/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * luns.c: REPORT LUNS data (SPC-4 clause 6.33). Pure; any thread.
 */
#include "scsi/inquiry.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/cdb.h"

#define HEADER_BYTES 8
#define ENTRY_BYTES 8
#define LUNS_MAX 16384  /* what dsc_lun_decode() can give, plus 1 */

/*
 * A bitmap sorts and removes repetitions in one go, whatever the target has
 * sent and however much of it.
 */
int dsc_report_luns_parse(const uint8_t *data, size_t length, uint64_t *luns,
			  size_t room, size_t *count, uint64_t *needed)
{
	uint8_t seen[LUNS_MAX / 8] = { 0 };
	uint32_t list_bytes;
	uint64_t lun;
	size_t end;
	size_t n = 0;

	if (length < HEADER_BYTES)
		return -EPROTO;
	list_bytes = dsc_get_be32(data);
	if (list_bytes % ENTRY_BYTES != 0)
		return -EPROTO;

	end = dsc_min_size(length, HEADER_BYTES + (size_t)list_bytes);
	for (size_t at = HEADER_BYTES; at + ENTRY_BYTES <= end;
	     at += ENTRY_BYTES) {
		if (dsc_lun_decode(data + at, &lun))
			seen[lun / 8] |= (uint8_t)(1u << lun % 8);
	}
	for (lun = 0; lun < LUNS_MAX && n < room; lun++) {
		if (seen[lun / 8] >> lun % 8 & 1)
			luns[n++] = lun;
	}
	*count = n;
	*needed = HEADER_BYTES + (uint64_t)list_bytes;
	return 0;
}
