/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vpd.c: vital product data pages 00, 80, B0, B1 and B2 (SPC-4 clause 7.8,
 * SBC-3 clause 6.6); page 83 has a file of its own, identity.c. Pure; any
 * thread.
 */
#include "scsi/inquiry.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/text.h"
#include "scsi/vpd.h"

#define BLOCK_LIMITS_BYTES_MIN 16  /* SBC-2 */
#define BLOCK_LIMITS_UNMAP_END 36  /* SBC-3: where the unmap fields end */
#define BLOCK_LIMITS_SAME_END 44
#define CHARACTERISTICS_BYTES_MIN 6
#define PROVISIONING_BYTES_MIN 6
#define NON_ROTATING 1

int dsc_vpd_page(const uint8_t *data, size_t length, uint8_t page,
		 struct dsc_vpd_page *out)
{
	size_t stated;

	if (length < DSC_VPD_HEADER_BYTES || data[1] != page)
		return -EPROTO;
	stated = DSC_VPD_HEADER_BYTES + (size_t)dsc_get_be16(data + 2);
	out->is_cut = stated > length;
	out->length = out->is_cut ? length : stated;
	return 0;
}

int dsc_vpd_parse_supported(const uint8_t *data, size_t length,
			    struct dsc_vpd_pages *pages)
{
	struct dsc_vpd_page page;

	if (dsc_vpd_page(data, length, DSC_VPD_SUPPORTED, &page) < 0)
		return -EPROTO;
	memset(pages, 0, sizeof(*pages));
	for (size_t i = DSC_VPD_HEADER_BYTES; i < page.length; i++)
		pages->bits[data[i] / 8] |= (uint8_t)(1u << data[i] % 8);
	return 0;
}

bool dsc_vpd_has(const struct dsc_vpd_pages *pages, uint8_t page)
{
	return pages->bits[page / 8] >> page % 8 & 1;
}

int dsc_vpd_parse_serial(const uint8_t *data, size_t length, char *serial,
			 size_t room)
{
	struct dsc_vpd_page page;

	if (dsc_vpd_page(data, length, DSC_VPD_SERIAL, &page) < 0)
		return -EPROTO;
	dsc_text_copy(data + DSC_VPD_HEADER_BYTES,
		      page.length - DSC_VPD_HEADER_BYTES, serial, room);
	return 0;
}

int dsc_vpd_parse_block_limits(const uint8_t *data, size_t length,
			       struct dsc_block_limits *limits)
{
	struct dsc_block_limits seen = { 0 };
	struct dsc_vpd_page page;
	uint32_t alignment;

	if (dsc_vpd_page(data, length, DSC_VPD_BLOCK_LIMITS, &page) < 0 ||
	    page.length < BLOCK_LIMITS_BYTES_MIN)
		return -EPROTO;

	seen.write_same_non_zero = data[4] & 0x01;
	seen.max_transfer_blocks = dsc_get_be32(data + 8);
	seen.optimal_transfer_blocks = dsc_get_be32(data + 12);
	if (page.length >= BLOCK_LIMITS_UNMAP_END) {
		seen.max_unmap_blocks = dsc_get_be32(data + 20);
		seen.max_unmap_descriptors = dsc_get_be32(data + 24);
		seen.unmap_granularity_blocks = dsc_get_be32(data + 28);
		alignment = dsc_get_be32(data + 32);
		if (alignment & UINT32_C(0x80000000))  /* UGAVALID */
			seen.unmap_alignment_blocks =
				alignment & UINT32_C(0x7fffffff);
	}
	if (page.length >= BLOCK_LIMITS_SAME_END)
		seen.max_write_same_blocks = dsc_get_be64(data + 36);
	*limits = seen;
	return 0;
}

int dsc_vpd_parse_characteristics(const uint8_t *data, size_t length,
				  bool *rotational)
{
	struct dsc_vpd_page page;

	if (dsc_vpd_page(data, length, DSC_VPD_BLOCK_CHARACTERISTICS,
			 &page) < 0 ||
	    page.length < CHARACTERISTICS_BYTES_MIN)
		return -EPROTO;
	*rotational = dsc_get_be16(data + 4) != NON_ROTATING;
	return 0;
}

int dsc_vpd_parse_provisioning(const uint8_t *data, size_t length,
			       struct dsc_provisioning *provisioning)
{
	struct dsc_vpd_page page;

	if (dsc_vpd_page(data, length, DSC_VPD_PROVISIONING, &page) < 0 ||
	    page.length < PROVISIONING_BYTES_MIN)
		return -EPROTO;
	provisioning->unmap = data[5] & 0x80;
	provisioning->write_same_unmap = data[5] & 0x40;
	provisioning->reads_zero = data[5] & 0x04;
	return 0;
}
