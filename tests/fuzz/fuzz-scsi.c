/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-scsi.c: one input to every parser of lib/scsi. What they give back must
 * keep its promises: text that can be printed, lists in order, sizes that do
 * not overflow, and walks that get on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "scsi/cdb.h"
#include "scsi/inquiry.h"
#include "scsi/sense.h"

const char dsc_fuzz_name[] = "scsi";

#define LUNS 64
#define EXTENTS 64

static void check_rc(int rc)
{
	DSC_FUZZ_ASSERT(rc == 0 || rc == -EPROTO);
}

static void check_text(const char *text, size_t room)
{
	size_t length = strnlen(text, room);

	DSC_FUZZ_ASSERT(length < room);
	for (size_t i = 0; i < length; i++)
		DSC_FUZZ_ASSERT(text[i] >= 0x20 && text[i] <= 0x7e);
}

static void try_inquiry(const uint8_t *data, size_t size)
{
	struct discsi_lun_info info;
	uint8_t qualifier;
	int rc = dsc_inquiry_parse(data, size, &qualifier, &info);

	check_rc(rc);
	if (rc != 0)
		return;
	DSC_FUZZ_ASSERT(qualifier < 8 && info.type < 32);
	check_text(info.vendor, sizeof(info.vendor));
	check_text(info.product, sizeof(info.product));
	check_text(info.revision, sizeof(info.revision));
}

/* Each parser once with the page code that it wants. */
static void try_vpd(uint8_t *data, size_t size)
{
	struct dsc_vpd_pages pages;
	struct dsc_block_limits limits;
	struct dsc_provisioning provisioning;
	char text[264];
	bool rotational;

	if (size < 2)
		return;
	data[1] = DSC_VPD_SUPPORTED;
	check_rc(dsc_vpd_parse_supported(data, size, &pages));
	data[1] = DSC_VPD_SERIAL;
	if (dsc_vpd_parse_serial(data, size, text, sizeof(text)) == 0)
		check_text(text, sizeof(text));
	data[1] = DSC_VPD_IDENTIFICATION;
	if (dsc_vpd_parse_identification(data, size, text, sizeof(text)) == 0)
		check_text(text, sizeof(text));
	check_rc(dsc_vpd_parse_identification(data, size, text, 8));
	data[1] = DSC_VPD_BLOCK_LIMITS;
	check_rc(dsc_vpd_parse_block_limits(data, size, &limits));
	data[1] = DSC_VPD_BLOCK_CHARACTERISTICS;
	check_rc(dsc_vpd_parse_characteristics(data, size, &rotational));
	data[1] = DSC_VPD_PROVISIONING;
	check_rc(dsc_vpd_parse_provisioning(data, size, &provisioning));
}

static void check_capacity(int rc, const struct dsc_capacity *capacity)
{
	check_rc(rc);
	if (rc != 0)
		return;
	DSC_FUZZ_ASSERT(capacity->block_size > 0 && capacity->blocks > 0);
	DSC_FUZZ_ASSERT(capacity->physical_block_size >=
			capacity->block_size);
	DSC_FUZZ_ASSERT(capacity->blocks <= UINT64_MAX / capacity->block_size);
}

static void try_capacity(const uint8_t *data, size_t size)
{
	struct dsc_capacity capacity;
	struct dsc_mode mode;
	int rc;

	rc = dsc_capacity10_parse(data, size, &capacity);
	check_capacity(rc, &capacity);
	rc = dsc_capacity16_parse(data, size, &capacity);
	check_capacity(rc, &capacity);
	check_rc(dsc_mode6_parse(data, size, &mode));
	check_rc(dsc_mode10_parse(data, size, &mode));
}

static void try_lists(const uint8_t *data, size_t size)
{
	struct dsc_lba_extent extents[EXTENTS];
	uint64_t luns[LUNS];
	uint64_t needed;
	size_t count;

	if (dsc_report_luns_parse(data, size, luns, LUNS, &count, &needed) ==
	    0) {
		DSC_FUZZ_ASSERT(count <= LUNS && needed >= 8);
		for (size_t i = 0; i < count; i++)
			DSC_FUZZ_ASSERT(luns[i] <= 16383 &&
					(i == 0 || luns[i] > luns[i - 1]));
	}
	if (dsc_lba_status_parse(data, size, extents, EXTENTS, &count) == 0) {
		DSC_FUZZ_ASSERT(count <= EXTENTS);
		for (size_t i = 0; i < count; i++)
			DSC_FUZZ_ASSERT(extents[i].blocks > 0 &&
					(i == 0 || extents[i].lba >=
					 extents[i - 1].lba +
					 extents[i - 1].blocks));
	}
}

static void try_sense(const uint8_t *data, size_t size)
{
	const uint8_t statuses[] = {
		DSC_SAM_CHECK_CONDITION, size > 0 ? data[size - 1] : 0
	};
	struct discsi_error error;
	struct dsc_verdict verdict;
	struct dsc_sense sense;
	int rc;

	dsc_sense_parse(data, size, &sense);
	DSC_FUZZ_ASSERT(sense.key < 16);
	for (size_t i = 0; i < sizeof(statuses); i++) {
		verdict = dsc_sense_judge(statuses[i], &sense);
		DSC_FUZZ_ASSERT(verdict.text != NULL);
		rc = dsc_sense_error(&error, "x", statuses[i], &sense,
				     &verdict);
		DSC_FUZZ_ASSERT(rc == -verdict.errnum && rc <= 0);
		check_text(error.message, sizeof(error.message));
	}
}

static void try_cdb(const uint8_t *data, size_t size)
{
	uint64_t lun;
	uint8_t again[8];

	if (size >= DSC_CDB_BYTES)
		check_text(dsc_cdb_name(data), 64);
	if (size >= 8 && dsc_lun_decode(data, &lun)) {
		DSC_FUZZ_ASSERT(lun <= 16383);
		dsc_lun_encode(lun, again);
		DSC_FUZZ_ASSERT(dsc_lun_decode(again, &lun));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);

	try_inquiry(data, size);
	try_capacity(data, size);
	try_lists(data, size);
	try_sense(data, size);
	try_cdb(data, size);
	if (copy != NULL) {
		memcpy(copy, data, size);
		try_vpd(copy, size);
	}
	free(copy);
	return 0;
}
