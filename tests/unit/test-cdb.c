/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-cdb.c: every command descriptor block byte by byte as the standards
 * draw it, and logical unit numbers there and back.
 */
#include <string.h>

#include "harness/harness.h"
#include "hex.h"
#include "scsi/cdb.h"

/* True when cdb is these 16 bytes; a shorter text stands for zeroes. */
static bool is(const uint8_t *cdb, const char *text)
{
	struct hex want = hex_bytes(text);
	uint8_t full[DSC_CDB_BYTES] = { 0 };

	memcpy(full, want.data, want.length);
	hex_free(&want);
	return memcmp(cdb, full, sizeof(full)) == 0;
}

/* A buffer full of what the builders must clear. */
static uint8_t cdb[DSC_CDB_BYTES];

static void dirty(void)
{
	memset(cdb, 0xa5, sizeof(cdb));
}

static void test_probing(void)
{
	dirty();
	dsc_cdb_test_unit_ready(cdb);
	CU_ASSERT(is(cdb, "00"));
	dirty();
	dsc_cdb_inquiry(cdb, -1, 0x1234);
	CU_ASSERT(is(cdb, "12 00 00 12 34"));
	dirty();
	dsc_cdb_inquiry(cdb, 0x83, 0x0400);
	CU_ASSERT(is(cdb, "12 01 83 04 00"));
	dirty();
	dsc_cdb_inquiry(cdb, 0, 252);
	CU_ASSERT(is(cdb, "12 01 00 00 fc"));
	dirty();
	dsc_cdb_report_luns(cdb, 0x01020304);
	CU_ASSERT(is(cdb, "a0 00 00 00 00 00 01 02 03 04"));
	dirty();
	dsc_cdb_mode_sense6(cdb, 0x3f, 192);
	CU_ASSERT(is(cdb, "1a 00 3f 00 c0"));
	dirty();
	dsc_cdb_mode_sense10(cdb, 0x08, 0x0120);
	CU_ASSERT(is(cdb, "5a 00 08 00 00 00 00 01 20"));
}

static void test_capacity(void)
{
	dirty();
	dsc_cdb_read_capacity10(cdb);
	CU_ASSERT(is(cdb, "25"));
	dirty();
	dsc_cdb_read_capacity16(cdb, 32);
	CU_ASSERT(is(cdb, "9e 10 00 00 00 00 00 00 00 00 00 00 00 20"));
	dirty();
	dsc_cdb_get_lba_status(cdb, 0x0102030405060708, 0x400);
	CU_ASSERT(is(cdb, "9e 12 01 02 03 04 05 06 07 08 00 00 04 00"));
}

static void test_read_and_write(void)
{
	dirty();
	dsc_cdb_read(cdb, 0x01020304, 0xffff, false);
	CU_ASSERT(is(cdb, "28 00 01 02 03 04 00 ff ff"));
	dirty();
	dsc_cdb_write(cdb, 0x01020304, 8, true);
	CU_ASSERT(is(cdb, "2a 08 01 02 03 04 00 00 08"));
	dirty();
	dsc_cdb_read(cdb, 0, 0x10000, true);
	CU_ASSERT(is(cdb, "88 08 00 00 00 00 00 00 00 00 00 01 00 00"));
	dirty();
	dsc_cdb_write(cdb, 0x0102030405060708, 0x11121314, false);
	CU_ASSERT(is(cdb, "8a 00 01 02 03 04 05 06 07 08 11 12 13 14"));
}

/* A range that reaches over 2^32 blocks is not for a CDB of 10 bytes. */
static void test_border_of_10(void)
{
	dsc_cdb_read(cdb, 0xffffffff, 1, false);
	CU_ASSERT_EQUAL(cdb[0], 0x28);
	dsc_cdb_read(cdb, 0xffffffff, 2, false);
	CU_ASSERT_EQUAL(cdb[0], 0x88);
	dsc_cdb_read(cdb, UINT64_C(0x100000000), 1, false);
	CU_ASSERT_EQUAL(cdb[0], 0x88);
	dsc_cdb_write(cdb, UINT64_MAX, 1, false);
	CU_ASSERT_EQUAL(cdb[0], 0x8a);
}

static void test_other_writes(void)
{
	dirty();
	dsc_cdb_synchronize_cache(cdb);
	CU_ASSERT(is(cdb, "35"));
	dirty();
	dsc_cdb_unmap(cdb, 0x18);
	CU_ASSERT(is(cdb, "42 00 00 00 00 00 00 00 18"));
	dirty();
	dsc_cdb_write_same16(cdb, 0x0102030405060708, 0x10, true);
	CU_ASSERT(is(cdb, "93 08 01 02 03 04 05 06 07 08 00 00 00 10"));
	dirty();
	dsc_cdb_write_same16(cdb, 1, 2, false);
	CU_ASSERT(is(cdb, "93 00 00 00 00 00 00 00 00 01 00 00 00 02"));
}

static void test_report_opcodes(void)
{
	dirty();
	dsc_cdb_report_write_same16(cdb, 64);
	CU_ASSERT(is(cdb, "a3 0c 01 93 00 00 00 00 00 40"));
	dirty();
	dsc_cdb_report_get_lba_status(cdb, 64);
	CU_ASSERT(is(cdb, "a3 0c 02 9e 00 12 00 00 00 40"));
	CU_ASSERT_STRING_EQUAL(dsc_cdb_name(cdb),
			       "REPORT SUPPORTED OPERATION CODES");
}

static void test_names(void)
{
	dsc_cdb_read(cdb, 0, 1, false);
	CU_ASSERT_STRING_EQUAL(dsc_cdb_name(cdb), "READ(10)");
	dsc_cdb_write(cdb, UINT64_C(1) << 40, 1, false);
	CU_ASSERT_STRING_EQUAL(dsc_cdb_name(cdb), "WRITE(16)");
	dsc_cdb_read_capacity16(cdb, 32);
	CU_ASSERT_STRING_EQUAL(dsc_cdb_name(cdb), "READ CAPACITY(16)");
	dsc_cdb_get_lba_status(cdb, 0, 32);
	CU_ASSERT_STRING_EQUAL(dsc_cdb_name(cdb), "GET LBA STATUS");
	dsc_cdb_test_unit_ready(cdb);
	CU_ASSERT_STRING_EQUAL(dsc_cdb_name(cdb), "TEST UNIT READY");
	cdb[0] = 0xc7;
	CU_ASSERT_STRING_EQUAL(dsc_cdb_name(cdb), "SCSI command");
	cdb[0] = 0x9e;
	cdb[1] = 0x1f;
	CU_ASSERT_STRING_EQUAL(dsc_cdb_name(cdb), "SCSI command");
}

static void test_lun_forms(void)
{
	uint8_t lun[8];

	dsc_lun_encode(0, lun);
	CU_ASSERT_EQUAL(memcmp(lun, "\0\0\0\0\0\0\0\0", 8), 0);
	dsc_lun_encode(255, lun);
	CU_ASSERT_EQUAL(memcmp(lun, "\0\xff\0\0\0\0\0\0", 8), 0);
	dsc_lun_encode(256, lun);
	CU_ASSERT_EQUAL(memcmp(lun, "\x41\0\0\0\0\0\0\0", 8), 0);
	dsc_lun_encode(16383, lun);
	CU_ASSERT_EQUAL(memcmp(lun, "\x7f\xff\0\0\0\0\0\0", 8), 0);
}

static void test_lun_there_and_back(void)
{
	uint8_t lun[8];
	uint64_t back;

	for (uint64_t id = 0; id <= 16383; id++) {
		dsc_lun_encode(id, lun);
		back = UINT64_MAX;
		CU_ASSERT_TRUE_FATAL(dsc_lun_decode(lun, &back));
		CU_ASSERT_EQUAL_FATAL(back, id);
	}
}

static void test_lun_other_forms(void)
{
	static const char *const others[] = {
		"00 01 00 02 00 00 00 00",  /* a second level */
		"01 05 00 00 00 00 00 00",  /* bus 1 */
		"80 05 00 00 00 00 00 00",  /* logical unit addressing */
		"c1 01 00 00 00 00 00 00",  /* well known: REPORT LUNS */
		"ff ff ff ff ff ff ff ff",
	};
	uint64_t id = 77;
	struct hex lun;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		lun = hex_bytes(others[i]);
		CU_ASSERT_FALSE(dsc_lun_decode(lun.data, &id));
		CU_ASSERT_EQUAL(id, 77);
		hex_free(&lun);
	}
	lun = hex_bytes("40 05 00 00 00 00 00 00");  /* flat, below 256 */
	CU_ASSERT_TRUE(dsc_lun_decode(lun.data, &id));
	CU_ASSERT_EQUAL(id, 5);
	hex_free(&lun);
}

static const struct dsc_test tests[] = {
	{ "probing commands", test_probing },
	{ "capacity commands", test_capacity },
	{ "READ and WRITE", test_read_and_write },
	{ "where READ(10) ends", test_border_of_10 },
	{ "cache, UNMAP, WRITE SAME", test_other_writes },
	{ "REPORT SUPPORTED OPERATION CODES", test_report_opcodes },
	{ "names of commands", test_names },
	{ "LUN forms on the wire", test_lun_forms },
	{ "LUN numbers there and back", test_lun_there_and_back },
	{ "LUN forms that are not ours", test_lun_other_forms },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("cdb", tests, argc, argv);
}
