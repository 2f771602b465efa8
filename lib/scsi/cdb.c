/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cdb.c: command descriptor blocks (SPC-4 clause 6, SBC-3 clause 5), their
 * names for messages, and logical unit numbers (SAM-5 clause 4.7). Pure; any
 * thread.
 */
#include "scsi/cdb.h"

#include <string.h>

#include "base/bytes.h"

#define TEST_UNIT_READY 0x00
#define INQUIRY 0x12
#define MODE_SENSE_6 0x1a
#define READ_CAPACITY_10 0x25
#define READ_10 0x28
#define WRITE_10 0x2a
#define SYNCHRONIZE_CACHE_10 0x35
#define UNMAP 0x42
#define MODE_SENSE_10 0x5a
#define PERSISTENT_RESERVE_IN 0x5e
#define PERSISTENT_RESERVE_OUT 0x5f
#define READ_16 0x88
#define COMPARE_AND_WRITE 0x89
#define WRITE_16 0x8a
#define WRITE_SAME_16 0x93
#define SERVICE_ACTION_IN_16 0x9e
#define REPORT_LUNS 0xa0
#define MAINTENANCE_IN 0xa3

#define READ_CAPACITY_16 0x10  /* service actions of 9Eh */
#define GET_LBA_STATUS 0x12

#define REPORT_OPCODES 0x0c    /* service action of A3h */
#define REPORT_OPCODE 0x01     /* its reporting options: without, */
#define REPORT_ACTION 0x02     /* with a service action */

#define EVPD 0x01              /* INQUIRY byte 1 */
#define FUA 0x08               /* READ and WRITE byte 1 */
#define WRITE_SAME_UNMAP 0x08  /* WRITE SAME byte 1 */

#define LUN_METHOD_MASK 0xc0
#define LUN_PERIPHERAL 0x00
#define LUN_FLAT 0x40
#define LUN_FLAT_LIMIT 0x4000

static void begin(uint8_t *cdb, uint8_t opcode)
{
	memset(cdb, 0, DSC_CDB_BYTES);
	cdb[0] = opcode;
}

void dsc_cdb_test_unit_ready(uint8_t *cdb)
{
	begin(cdb, TEST_UNIT_READY);
}

void dsc_cdb_inquiry(uint8_t *cdb, int page, uint16_t allocation_length)
{
	begin(cdb, INQUIRY);
	if (page >= 0) {
		cdb[1] = EVPD;
		cdb[2] = (uint8_t)page;
	}
	dsc_put_be16(cdb + 3, allocation_length);
}

void dsc_cdb_report_luns(uint8_t *cdb, uint32_t allocation_length)
{
	begin(cdb, REPORT_LUNS);
	dsc_put_be32(cdb + 6, allocation_length);
}

void dsc_cdb_read_capacity10(uint8_t *cdb)
{
	begin(cdb, READ_CAPACITY_10);
}

void dsc_cdb_read_capacity16(uint8_t *cdb, uint32_t allocation_length)
{
	begin(cdb, SERVICE_ACTION_IN_16);
	cdb[1] = READ_CAPACITY_16;
	dsc_put_be32(cdb + 10, allocation_length);
}

/*
 * Block descriptors are not refused (DBD stays 0): this is what every target
 * has been tried with, and the parser steps over them.
 */
void dsc_cdb_mode_sense6(uint8_t *cdb, uint8_t page, uint8_t allocation_length)
{
	begin(cdb, MODE_SENSE_6);
	cdb[2] = page;
	cdb[4] = allocation_length;
}

void dsc_cdb_mode_sense10(uint8_t *cdb, uint8_t page,
			  uint16_t allocation_length)
{
	begin(cdb, MODE_SENSE_10);
	cdb[2] = page;
	dsc_put_be16(cdb + 7, allocation_length);
}

/* True when a range can be named by a CDB of 10 bytes. */
static bool fits_10(uint64_t lba, uint32_t blocks)
{
	const uint64_t end_10 = UINT64_C(1) << 32;

	return blocks <= UINT16_MAX && lba < end_10 && blocks <= end_10 - lba;
}

static void read_or_write(uint8_t *cdb, uint8_t opcode_10, uint8_t opcode_16,
			  uint64_t lba, uint32_t blocks, bool fua)
{
	if (fits_10(lba, blocks)) {
		begin(cdb, opcode_10);
		dsc_put_be32(cdb + 2, (uint32_t)lba);
		dsc_put_be16(cdb + 7, (uint16_t)blocks);
	} else {
		begin(cdb, opcode_16);
		dsc_put_be64(cdb + 2, lba);
		dsc_put_be32(cdb + 10, blocks);
	}
	if (fua)
		cdb[1] = FUA;
}

void dsc_cdb_read(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua)
{
	read_or_write(cdb, READ_10, READ_16, lba, blocks, fua);
}

void dsc_cdb_write(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua)
{
	read_or_write(cdb, WRITE_10, WRITE_16, lba, blocks, fua);
}

/* LBA 0 and 0 blocks: from the first block to the last one. */
void dsc_cdb_synchronize_cache(uint8_t *cdb)
{
	begin(cdb, SYNCHRONIZE_CACHE_10);
}

void dsc_cdb_unmap(uint8_t *cdb, uint16_t parameter_list_length)
{
	begin(cdb, UNMAP);
	dsc_put_be16(cdb + 7, parameter_list_length);
}

void dsc_cdb_write_same16(uint8_t *cdb, uint64_t lba, uint32_t blocks,
			  bool unmap)
{
	begin(cdb, WRITE_SAME_16);
	if (unmap)
		cdb[1] = WRITE_SAME_UNMAP;
	dsc_put_be64(cdb + 2, lba);
	dsc_put_be32(cdb + 10, blocks);
}

void dsc_cdb_get_lba_status(uint8_t *cdb, uint64_t lba,
			    uint32_t allocation_length)
{
	begin(cdb, SERVICE_ACTION_IN_16);
	cdb[1] = GET_LBA_STATUS;
	dsc_put_be64(cdb + 2, lba);
	dsc_put_be32(cdb + 10, allocation_length);
}

static void report_opcode(uint8_t *cdb, uint8_t options, uint8_t opcode,
			  uint16_t service_action, uint32_t allocation_length)
{
	begin(cdb, MAINTENANCE_IN);
	cdb[1] = REPORT_OPCODES;
	cdb[2] = options;
	cdb[3] = opcode;
	dsc_put_be16(cdb + 4, service_action);
	dsc_put_be32(cdb + 6, allocation_length);
}

void dsc_cdb_report_write_same16(uint8_t *cdb, uint32_t allocation_length)
{
	report_opcode(cdb, REPORT_OPCODE, WRITE_SAME_16, 0, allocation_length);
}

void dsc_cdb_report_get_lba_status(uint8_t *cdb, uint32_t allocation_length)
{
	report_opcode(cdb, REPORT_ACTION, SERVICE_ACTION_IN_16, GET_LBA_STATUS,
		      allocation_length);
}

void dsc_cdb_compare_and_write(uint8_t *cdb, uint64_t lba, uint8_t blocks,
			       bool fua)
{
	begin(cdb, COMPARE_AND_WRITE);
	cdb[1] = fua ? FUA : 0;
	dsc_put_be64(cdb + 2, lba);
	cdb[13] = blocks;
}

void dsc_cdb_reserve_in(uint8_t *cdb, uint8_t action,
			uint16_t allocation_length)
{
	begin(cdb, PERSISTENT_RESERVE_IN);
	cdb[1] = action;
	dsc_put_be16(cdb + 7, allocation_length);
}

void dsc_cdb_reserve_out(uint8_t *cdb, uint8_t action, uint8_t type)
{
	begin(cdb, PERSISTENT_RESERVE_OUT);
	cdb[1] = action;
	cdb[2] = type;
	dsc_put_be32(cdb + 5, DSC_RESERVE_LIST_BYTES);
}

/* ----------------------------------------------------------------- names */

#define NO_SERVICE_ACTION -1

static const struct {
	uint8_t opcode;
	int service_action;
	const char *name;
} command_names[] = {
	{ TEST_UNIT_READY, NO_SERVICE_ACTION, "TEST UNIT READY" },
	{ INQUIRY, NO_SERVICE_ACTION, "INQUIRY" },
	{ MODE_SENSE_6, NO_SERVICE_ACTION, "MODE SENSE(6)" },
	{ READ_CAPACITY_10, NO_SERVICE_ACTION, "READ CAPACITY(10)" },
	{ READ_10, NO_SERVICE_ACTION, "READ(10)" },
	{ WRITE_10, NO_SERVICE_ACTION, "WRITE(10)" },
	{ SYNCHRONIZE_CACHE_10, NO_SERVICE_ACTION, "SYNCHRONIZE CACHE(10)" },
	{ UNMAP, NO_SERVICE_ACTION, "UNMAP" },
	{ MODE_SENSE_10, NO_SERVICE_ACTION, "MODE SENSE(10)" },
	{ PERSISTENT_RESERVE_IN, NO_SERVICE_ACTION, "PERSISTENT RESERVE IN" },
	{ PERSISTENT_RESERVE_OUT, NO_SERVICE_ACTION, "PERSISTENT RESERVE OUT" },
	{ READ_16, NO_SERVICE_ACTION, "READ(16)" },
	{ COMPARE_AND_WRITE, NO_SERVICE_ACTION, "COMPARE AND WRITE" },
	{ WRITE_16, NO_SERVICE_ACTION, "WRITE(16)" },
	{ WRITE_SAME_16, NO_SERVICE_ACTION, "WRITE SAME(16)" },
	{ SERVICE_ACTION_IN_16, READ_CAPACITY_16, "READ CAPACITY(16)" },
	{ SERVICE_ACTION_IN_16, GET_LBA_STATUS, "GET LBA STATUS" },
	{ REPORT_LUNS, NO_SERVICE_ACTION, "REPORT LUNS" },
	{ MAINTENANCE_IN, REPORT_OPCODES, "REPORT SUPPORTED OPERATION CODES" },
};

const char *dsc_cdb_name(const uint8_t *cdb)
{
	for (size_t i = 0; i < sizeof(command_names) / sizeof(command_names[0]);
	     i++) {
		if (command_names[i].opcode != cdb[0])
			continue;
		if (command_names[i].service_action == NO_SERVICE_ACTION ||
		    command_names[i].service_action == (cdb[1] & 0x1f))
			return command_names[i].name;
	}
	return "SCSI command";
}

/* ---------------------------------------------------------------- repeating */

/* By opcode; what is not in here is never repeated. */
static const uint8_t repeats[256] = {
	[TEST_UNIT_READY] = DSC_REPEAT_ALWAYS,
	[0x03] = DSC_REPEAT_ALWAYS,  /* REQUEST SENSE */
	[0x08] = DSC_REPEAT_ALWAYS,  /* READ(6) */
	[0x0a] = DSC_REPEAT_BARRIER,  /* WRITE(6) */
	[INQUIRY] = DSC_REPEAT_ALWAYS,
	[MODE_SENSE_6] = DSC_REPEAT_ALWAYS,
	[READ_CAPACITY_10] = DSC_REPEAT_ALWAYS,
	[READ_10] = DSC_REPEAT_ALWAYS,
	[WRITE_10] = DSC_REPEAT_BARRIER,
	[0x2e] = DSC_REPEAT_BARRIER,  /* WRITE AND VERIFY(10) */
	[0x2f] = DSC_REPEAT_ALWAYS,  /* VERIFY(10) */
	[0x34] = DSC_REPEAT_ALWAYS,  /* PRE-FETCH(10) */
	[SYNCHRONIZE_CACHE_10] = DSC_REPEAT_ALWAYS,
	[0x41] = DSC_REPEAT_BARRIER,  /* WRITE SAME(10) */
	[UNMAP] = DSC_REPEAT_BARRIER,
	[MODE_SENSE_10] = DSC_REPEAT_ALWAYS,
	[PERSISTENT_RESERVE_IN] = DSC_REPEAT_ALWAYS,
	[READ_16] = DSC_REPEAT_ALWAYS,
	[WRITE_16] = DSC_REPEAT_BARRIER,
	[0x8e] = DSC_REPEAT_BARRIER,  /* WRITE AND VERIFY(16) */
	[0x8f] = DSC_REPEAT_ALWAYS,  /* VERIFY(16) */
	[0x90] = DSC_REPEAT_ALWAYS,  /* PRE-FETCH(16) */
	[0x91] = DSC_REPEAT_ALWAYS,  /* SYNCHRONIZE CACHE(16) */
	[WRITE_SAME_16] = DSC_REPEAT_BARRIER,
	[0x9c] = DSC_REPEAT_BARRIER,  /* WRITE ATOMIC(16) */
	[SERVICE_ACTION_IN_16] = DSC_REPEAT_ALWAYS,
	[REPORT_LUNS] = DSC_REPEAT_ALWAYS,
	[MAINTENANCE_IN] = DSC_REPEAT_ALWAYS,
	[0xa8] = DSC_REPEAT_ALWAYS,  /* READ(12) */
	[0xaa] = DSC_REPEAT_BARRIER,  /* WRITE(12) */
	[0xae] = DSC_REPEAT_BARRIER,  /* WRITE AND VERIFY(12) */
	[0xaf] = DSC_REPEAT_ALWAYS,  /* VERIFY(12) */
};

enum dsc_repeat dsc_cdb_repeat(const uint8_t *cdb)
{
	return (enum dsc_repeat)repeats[cdb[0]];
}

/* -------------------------------------------------- logical unit numbers */

void dsc_lun_encode(uint64_t lun_id, uint8_t *lun)
{
	memset(lun, 0, 8);
	if (lun_id > UINT8_MAX)
		lun[0] = (uint8_t)(LUN_FLAT | (lun_id >> 8 & 0x3f));
	lun[1] = (uint8_t)lun_id;
}

bool dsc_lun_decode(const uint8_t *lun, uint64_t *lun_id)
{
	static const uint8_t no_levels_below[6];
	uint8_t method = lun[0] & LUN_METHOD_MASK;

	if (memcmp(lun + 2, no_levels_below, sizeof(no_levels_below)) != 0)
		return false;
	if (method == LUN_FLAT) {
		*lun_id = dsc_get_be16(lun) & (LUN_FLAT_LIMIT - 1);
		return true;
	}
	if (lun[0] == LUN_PERIPHERAL) {  /* bus identifier 0 as well */
		*lun_id = lun[1];
		return true;
	}
	return false;
}
