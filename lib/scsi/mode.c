/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mode.c: MODE SENSE data: write protection, FUA support and the caching page
 * (SPC-4 clause 7.5, SBC-3 clauses 6.5.1 and 6.5.5). Pure; any thread.
 */
#include "scsi/inquiry.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/checked.h"

#define HEADER6_BYTES 4
#define HEADER10_BYTES 8

#define WP 0x80        /* device-specific parameter */
#define DPOFUA 0x10

#define PAGE_CACHING 0x08
#define PAGE_CODE_MASK 0x3f
#define SPF 0x40       /* the page has a subpage code and a long header */
#define WCE 0x04       /* caching page byte 2 */

/* What the two headers have in common. */
struct header {
	size_t bytes;         /* of the header itself */
	size_t stated;        /* of everything, as the header says */
	size_t descriptors;   /* bytes of block descriptors */
	uint8_t parameter;    /* device-specific */
};

/* Bytes of the page at data, its header included; 0 when that is cut off. */
static size_t page_bytes(const uint8_t *data, size_t left)
{
	if (left < 2)
		return 0;
	if (!(data[0] & SPF))
		return 2 + (size_t)data[1];
	return left < 4 ? 0 : 4 + (size_t)dsc_get_be16(data + 2);
}

/*
 * Looks for the caching page. -EPROTO when a page reaches over the end of the
 * data, unless it was the allocation length that cut it.
 */
static int find_caching_page(const uint8_t *data, size_t length, bool is_cut,
			     struct dsc_mode *mode)
{
	size_t bytes;

	for (size_t at = 0; at < length; at += bytes) {
		bytes = page_bytes(data + at, length - at);
		if (bytes == 0 || bytes > length - at)
			return is_cut ? 0 : -EPROTO;
		if ((data[at] & (SPF | PAGE_CODE_MASK)) == PAGE_CACHING &&
		    bytes > 2) {
			mode->has_cache_page = true;
			mode->write_cache = data[at + 2] & WCE;
			return 0;
		}
	}
	return 0;
}

static int parse(const uint8_t *data, size_t length,
		 const struct header *header, struct dsc_mode *mode)
{
	size_t end = dsc_min_size(length, header->stated);
	bool is_cut = header->stated > length;
	struct dsc_mode seen = { 0 };
	size_t pages;
	int rc = 0;

	if (end < header->bytes)
		return -EPROTO;
	seen.write_protect = header->parameter & WP;
	seen.dpofua = header->parameter & DPOFUA;
	pages = header->bytes + header->descriptors;
	if (pages <= end)
		rc = find_caching_page(data + pages, end - pages, is_cut,
				       &seen);
	else if (!is_cut)
		rc = -EPROTO;
	if (rc == 0)
		*mode = seen;
	return rc;
}

int dsc_mode6_parse(const uint8_t *data, size_t length, struct dsc_mode *mode)
{
	struct header header = { .bytes = HEADER6_BYTES };

	if (length < HEADER6_BYTES)
		return -EPROTO;
	header.stated = 1 + (size_t)data[0];
	header.parameter = data[2];
	header.descriptors = data[3];
	return parse(data, length, &header, mode);
}

int dsc_mode10_parse(const uint8_t *data, size_t length, struct dsc_mode *mode)
{
	struct header header = { .bytes = HEADER10_BYTES };

	if (length < HEADER10_BYTES)
		return -EPROTO;
	header.stated = 2 + (size_t)dsc_get_be16(data);
	header.parameter = data[3];
	header.descriptors = dsc_get_be16(data + 6);
	return parse(data, length, &header, mode);
}
