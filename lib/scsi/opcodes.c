/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * opcodes.c: REPORT SUPPORTED OPERATION CODES data about one command (SPC-4
 * clause 6.35.3, table 234). Pure; any thread.
 */
#include "scsi/inquiry.h"

#include <errno.h>

#define SUPPORT_MASK 0x07
#define SUPPORT_UNKNOWN 0x00   /* the unit cannot say at the moment */
#define SUPPORT_STANDARD 0x03
#define SUPPORT_VENDOR 0x05

int dsc_opcode_parse(const uint8_t *data, size_t length, bool *is_supported)
{
	uint8_t support;

	if (length < 2)
		return -EPROTO;
	support = data[1] & SUPPORT_MASK;
	if (support == SUPPORT_UNKNOWN)
		return -EPROTO;
	*is_supported = support == SUPPORT_STANDARD ||
			support == SUPPORT_VENDOR;
	return 0;
}
