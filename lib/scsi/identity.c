/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * identity.c: the designator of a logical unit out of VPD page 83 (SPC-4
 * clause 7.8.6). discsi decides by it whether a disk is still the same disk,
 * so a designator is taken whole and exactly or not at all. Pure; any thread.
 */
#include "scsi/inquiry.h"

#include <errno.h>
#include <string.h>

#include "scsi/text.h"
#include "scsi/vpd.h"

#define DESCRIPTOR_HEADER_BYTES 4

#define CODE_SET_BINARY 1
#define ASSOCIATION_LOGICAL_UNIT 0

#define TYPE_T10 1
#define TYPE_EUI64 2
#define TYPE_NAA 3
#define TYPE_NAME 8

#define NAA_NIBBLE(id) ((id)[0] >> 4)
#define ANY_NAA -1

struct descriptor {
	uint8_t code_set;
	uint8_t association;
	uint8_t type;
	const uint8_t *id;
	size_t length;
};

/*
 * The kinds of designator, best first: globally unique and long before short,
 * assigned by a registry before made up locally.
 */
static const struct kind {
	uint8_t type;
	int naa;        /* first nibble of a NAA */
	size_t length;  /* 0: any */
	bool is_text;
	const char *prefix;
} kinds[] = {
	{ TYPE_NAA, 6, 16, false, "naa." },
	{ TYPE_NAA, 5, 8, false, "naa." },
	{ TYPE_NAA, 2, 8, false, "naa." },
	{ TYPE_NAA, 3, 8, false, "naa." },
	{ TYPE_EUI64, ANY_NAA, 16, false, "eui." },
	{ TYPE_EUI64, ANY_NAA, 12, false, "eui." },
	{ TYPE_EUI64, ANY_NAA, 8, false, "eui." },
	{ TYPE_T10, ANY_NAA, 0, true, "t10." },
	{ TYPE_NAME, ANY_NAA, 0, true, "name." },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/*
 * The descriptor at *at; false at the end of the page. A descriptor that the
 * allocation length has cut off ends the page too; one that reaches over the
 * end that the page itself states makes *is_bad true.
 */
static bool next_descriptor(const uint8_t *data,
			    const struct dsc_vpd_page *page, size_t *at,
			    struct descriptor *out, bool *is_bad)
{
	const uint8_t *head = data + *at;
	size_t left = page->length - *at;

	if (left == 0)
		return false;
	if (left < DESCRIPTOR_HEADER_BYTES ||
	    left - DESCRIPTOR_HEADER_BYTES < head[3]) {
		*is_bad = !page->is_cut;
		return false;
	}
	out->code_set = head[0] & 0x0f;
	out->association = head[1] >> 4 & 0x03;
	out->type = head[1] & 0x0f;
	out->id = head + DESCRIPTOR_HEADER_BYTES;
	out->length = head[3];
	*at += DESCRIPTOR_HEADER_BYTES + out->length;
	return true;
}

static bool is_all_zero(const uint8_t *id, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (id[i] != 0)
			return false;
	}
	return true;
}

/* The place of a descriptor in kinds[]; KINDS when it is of no use. */
static size_t rank(const struct descriptor *d)
{
	size_t i;

	if (d->association != ASSOCIATION_LOGICAL_UNIT ||
	    is_all_zero(d->id, d->length))
		return KINDS;
	for (i = 0; i < KINDS; i++) {
		if (kinds[i].type != d->type ||
		    (kinds[i].length != 0 && kinds[i].length != d->length) ||
		    (kinds[i].naa != ANY_NAA &&
		     kinds[i].naa != NAA_NIBBLE(d->id)) ||
		    (!kinds[i].is_text && d->code_set != CODE_SET_BINARY))
			continue;
		break;
	}
	return i;
}

static bool append_hex(const uint8_t *id, size_t length, char *out, size_t room)
{
	static const char digits[] = "0123456789abcdef";

	if (length >= (room + 1) / 2)
		return false;
	for (size_t i = 0; i < length; i++) {
		*out++ = digits[id[i] >> 4];
		*out++ = digits[id[i] & 0x0f];
	}
	*out = '\0';
	return true;
}

/*
 * Writes a designator; false when there is nothing in it or no room for the
 * whole. Text that is not printable is written as hex, since replacing
 * characters could make two disks look like one.
 */
static bool write_designator(const struct kind *kind,
			     const struct descriptor *d, char *out,
			     size_t room)
{
	size_t prefix = strlen(kind->prefix);
	const uint8_t *id = d->id;
	size_t length = d->length;

	if (room <= prefix)
		return false;
	memcpy(out, kind->prefix, prefix);
	out += prefix;
	room -= prefix;
	if (!kind->is_text || d->code_set == CODE_SET_BINARY)
		return append_hex(id, length, out, room);
	dsc_text_trim(&id, &length);
	if (length == 0)
		return false;
	if (!dsc_text_is_printable(id, length))
		return append_hex(id, length, out, room);
	if (length >= room)
		return false;
	memcpy(out, id, length);
	out[length] = '\0';
	return true;
}

int dsc_vpd_parse_identification(const uint8_t *data, size_t length,
				 char *designator, size_t room)
{
	char best[sizeof(((struct discsi_lun_info *)NULL)->designator)] = "";
	char text[sizeof(best)];
	size_t best_rank = KINDS;
	struct dsc_vpd_page page;
	struct descriptor d;
	size_t at = DSC_VPD_HEADER_BYTES;
	bool is_bad = false;
	size_t r;

	if (dsc_vpd_page(data, length, DSC_VPD_IDENTIFICATION, &page) < 0)
		return -EPROTO;
	while (next_descriptor(data, &page, &at, &d, &is_bad)) {
		r = rank(&d);
		if (r >= best_rank ||
		    !write_designator(&kinds[r], &d, text, sizeof(text)))
			continue;
		best_rank = r;
		memcpy(best, text, sizeof(best));
	}
	if (is_bad || strlen(best) >= room)
		return -EPROTO;
	memcpy(designator, best, strlen(best) + 1);
	return 0;
}
