/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vpd.h: what all VPD pages begin with (SPC-4 clause 7.8.2), for the parsers
 * of lib/scsi alone; everybody else wants inquiry.h. Pure; any thread.
 */
#ifndef DSC_SCSI_VPD_H
#define DSC_SCSI_VPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DSC_VPD_HEADER_BYTES 4

struct dsc_vpd_page {
	size_t length;  /* bytes that may be read, header included */
	bool is_cut;    /* the page is longer than what has arrived */
};

/* -EPROTO for less than a header and for another page. */
int dsc_vpd_page(const uint8_t *data, size_t length, uint8_t page,
		 struct dsc_vpd_page *out);

#endif /* DSC_SCSI_VPD_H */
