/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * probe-steps.c: what a LUN is asked, as a table of steps: each is a command,
 * how much may come back, and which facts to make of it. Pure.
 */
#include "lun/probe.h"

#include <errno.h>

#include "scsi/cdb.h"

#define MODE_PAGE_CACHING 0x08
#define MODE_PAGE_ALL 0x3f

static void build_ready(const struct dsc_step *step, uint8_t *cdb)
{
	(void)step;
	dsc_cdb_test_unit_ready(cdb);
}

static void build_inquiry(const struct dsc_step *step, uint8_t *cdb)
{
	dsc_cdb_inquiry(cdb, -1, step->length);
}

static int parse_inquiry(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	return dsc_inquiry_parse(data, length, &facts->qualifier,
				 &facts->info);
}

static void build_vpd(const struct dsc_step *step, uint8_t *cdb)
{
	dsc_cdb_inquiry(cdb, step->page, step->length);
}

static int parse_supported(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	return dsc_vpd_parse_supported(data, length, &facts->pages);
}

static int parse_serial(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	return dsc_vpd_parse_serial(data, length, facts->info.serial,
				    sizeof(facts->info.serial));
}

static int parse_identification(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	return dsc_vpd_parse_identification(data, length,
					    facts->info.designator,
					    sizeof(facts->info.designator));
}

static int parse_limits(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	int rc = dsc_vpd_parse_block_limits(data, length,
					    &facts->limits);

	facts->can_write_same = facts->limits.max_write_same_blocks != 0;
	return rc;
}

static int parse_characteristics(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	return dsc_vpd_parse_characteristics(data, length,
					     &facts->info.rotational);
}

static int parse_provisioning(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	return dsc_vpd_parse_provisioning(data, length,
					  &facts->provisioning);
}

static void build_capacity16(const struct dsc_step *step, uint8_t *cdb)
{
	dsc_cdb_read_capacity16(cdb, step->length);
}

static int parse_capacity16(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	int rc = dsc_capacity16_parse(data, length, &facts->capacity);

	facts->has_capacity = rc == 0;
	facts->can_tell_status = rc == 0 && facts->capacity.thin;
	return rc;
}

static void build_capacity10(const struct dsc_step *step, uint8_t *cdb)
{
	(void)step;
	dsc_cdb_read_capacity10(cdb);
}

static int parse_capacity10(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	int rc = dsc_capacity10_parse(data, length, &facts->capacity);

	if (rc == 0 && facts->capacity.is_over_10)
		return -EPROTO;
	facts->has_no_capacity16 = rc == 0;
	facts->has_capacity = rc == 0;
	return rc;
}

static bool wants_capacity10(const struct dsc_facts *facts)
{
	return !facts->has_capacity;
}

static void build_mode6(const struct dsc_step *step, uint8_t *cdb)
{
	dsc_cdb_mode_sense6(cdb, MODE_PAGE_CACHING, (uint8_t)step->length);
}

/* Write protection is told with any page; not every LUN has the caching one. */
static void build_mode6_all(const struct dsc_step *step, uint8_t *cdb)
{
	dsc_cdb_mode_sense6(cdb, MODE_PAGE_ALL, (uint8_t)step->length);
}

static int parse_mode6(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	int rc = dsc_mode6_parse(data, length, &facts->mode);

	facts->has_mode = rc == 0;
	return rc;
}

static void build_mode10(const struct dsc_step *step, uint8_t *cdb)
{
	dsc_cdb_mode_sense10(cdb, MODE_PAGE_CACHING, step->length);
}

static int parse_mode10(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	int rc = dsc_mode10_parse(data, length, &facts->mode);

	facts->has_mode = rc == 0;
	return rc;
}

static bool wants_mode(const struct dsc_facts *facts)
{
	return !facts->has_mode;
}

static void build_has_write_same(const struct dsc_step *step, uint8_t *cdb)
{
	dsc_cdb_report_write_same16(cdb, step->length);
}

/* Where the LUN does not tell, a limit on VPD B0 speaks for it. */
static int parse_has_write_same(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	return dsc_opcode_parse(data, length, &facts->can_write_same);
}

static void build_has_status(const struct dsc_step *step, uint8_t *cdb)
{
	dsc_cdb_report_get_lba_status(cdb, step->length);
}

static int parse_has_status(struct dsc_facts *facts, const uint8_t *data, size_t length)
{
	return dsc_opcode_parse(data, length, &facts->can_tell_status);
}

#define VPD(name, round, is_identity, page, parse) \
	{ name, round, true, is_identity, 1024, page, build_vpd, parse, NULL }

const struct dsc_step dsc_steps[DSC_STEPS] = {
	{ "TEST UNIT READY", DSC_ROUND_FIRST, false, true, 0, 0, build_ready, NULL,
	  NULL },
	{ "INQUIRY", DSC_ROUND_FIRST, false, true, 96, 0, build_inquiry,
	  parse_inquiry, NULL },
	VPD("VPD 00", DSC_ROUND_FIRST, true, DSC_VPD_SUPPORTED, parse_supported),
	VPD("VPD 80", DSC_ROUND_FACTS, true, DSC_VPD_SERIAL, parse_serial),
	VPD("VPD 83", DSC_ROUND_FACTS, true, DSC_VPD_IDENTIFICATION,
	    parse_identification),
	VPD("VPD B0", DSC_ROUND_FACTS, false, DSC_VPD_BLOCK_LIMITS, parse_limits),
	VPD("VPD B1", DSC_ROUND_FACTS, false, DSC_VPD_BLOCK_CHARACTERISTICS,
	    parse_characteristics),
	VPD("VPD B2", DSC_ROUND_FACTS, false, DSC_VPD_PROVISIONING,
	    parse_provisioning),
	{ "READ CAPACITY(16)", DSC_ROUND_FACTS, true, true, 32, 0, build_capacity16,
	  parse_capacity16, NULL },
	{ "READ CAPACITY(10)", DSC_ROUND_ELSE, false, true, 8, 0, build_capacity10,
	  parse_capacity10, wants_capacity10 },
	{ "MODE SENSE(6)", DSC_ROUND_FACTS, true, false, 192, 0, build_mode6,
	  parse_mode6, NULL },
	{ "MODE SENSE(10)", DSC_ROUND_ELSE, true, false, 192, 0, build_mode10,
	  parse_mode10, wants_mode },
	{ "MODE SENSE(6) of all pages", DSC_ROUND_LAST, true, false, 192, 0,
	  build_mode6_all, parse_mode6, wants_mode },
	{ "REPORT SUPPORTED OPERATION CODES (93)", DSC_ROUND_FACTS, true, false, 64,
	  0, build_has_write_same, parse_has_write_same, NULL },
	{ "REPORT SUPPORTED OPERATION CODES (9E/12)", DSC_ROUND_FACTS, true, false,
	  64, 0, build_has_status, parse_has_status, NULL },
};
