/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inquiry.c: standard INQUIRY data (SPC-4 clause 6.4.2). Pure; any thread.
 */
#include "scsi/inquiry.h"

#include <errno.h>

#include "base/checked.h"
#include "scsi/text.h"

#define HEADER_BYTES 5
#define VENDOR_AT 8
#define PRODUCT_AT 16
#define REVISION_AT 32

/* The field as far as it has arrived; a field beyond the end is "". */
static void take_text(const uint8_t *data, size_t length, size_t at,
		      char *text, size_t room)
{
	size_t there = at < length ? length - at : 0;

	dsc_text_copy(there > 0 ? data + at : data,
		      dsc_min_size(there, room - 1), text, room);
}

/*
 * A LUN that is not there may answer with very little (qualifier 1 or 3), so
 * only the header is insisted on.
 */
int dsc_inquiry_parse(const uint8_t *data, size_t length, uint8_t *qualifier,
		      struct discsi_lun_info *info)
{
	if (length < HEADER_BYTES)
		return -EPROTO;
	length = dsc_min_size(length, HEADER_BYTES + (size_t)data[4]);

	*qualifier = data[0] >> 5;
	info->type = data[0] & 0x1f;
	take_text(data, length, VENDOR_AT, info->vendor, sizeof(info->vendor));
	take_text(data, length, PRODUCT_AT, info->product,
		  sizeof(info->product));
	take_text(data, length, REVISION_AT, info->revision,
		  sizeof(info->revision));
	return 0;
}
