/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-capacity.c: READ CAPACITY and GET LBA STATUS data: sizes up to the
 * largest that there can be, sizes that cannot be, and short answers.
 */
#include <errno.h>
#include <string.h>

#include "harness/harness.h"
#include "hex.h"
#include "scsi/inquiry.h"

static int parse(int form, const char *text, struct dsc_capacity *capacity)
{
	struct hex bytes = hex_bytes(text);
	int rc;

	if (form == 10)
		rc = dsc_capacity10_parse(bytes.data, bytes.length, capacity);
	else
		rc = dsc_capacity16_parse(bytes.data, bytes.length, capacity);
	hex_free(&bytes);
	return rc;
}

static void test_capacity10(void)
{
	struct dsc_capacity c;

	CU_ASSERT_EQUAL(parse(10, "00 01 ff ff 00 00 02 00", &c), 0);
	CU_ASSERT_EQUAL(c.blocks, 131072);
	CU_ASSERT_EQUAL(c.block_size, 512);
	CU_ASSERT_EQUAL(c.physical_block_size, 512);
	CU_ASSERT_FALSE(c.is_over_10);
	CU_ASSERT_FALSE(c.thin);
	CU_ASSERT_EQUAL(parse(10, "ff ff ff fe 00 00 10 00", &c), 0);
	CU_ASSERT_EQUAL(c.blocks, 0xffffffff);
	CU_ASSERT_FALSE(c.is_over_10);
	CU_ASSERT_EQUAL(parse(10, "ff ff ff ff 00 00 02 00", &c), 0);
	CU_ASSERT_TRUE(c.is_over_10);
}

static void test_capacity16(void)
{
	struct dsc_capacity c;

	/* tgtd: thin, zeroes, 8 blocks to a physical one */
	CU_ASSERT_EQUAL(parse(16, "00 00 00 00 00 01 ff ff 00 00 02 00"
				  "00 03 c0 00 00 00 00 00 00 00 00 00"
				  "00 00 00 00 00 00 00 00", &c), 0);
	CU_ASSERT_EQUAL(c.blocks, 131072);
	CU_ASSERT_EQUAL(c.block_size, 512);
	CU_ASSERT_EQUAL(c.physical_block_size, 4096);
	CU_ASSERT_EQUAL(c.first_aligned, 0);
	CU_ASSERT_TRUE(c.thin);
	CU_ASSERT_TRUE(c.reads_zero);

	/* the first physical block begins with block 7, or a later one does */
	CU_ASSERT_EQUAL(parse(16, "00 00 00 00 00 01 ff ff 00 00 02 00"
				  "00 03 c0 07", &c), 0);
	CU_ASSERT_EQUAL(c.first_aligned, 7 * 512);
	CU_ASSERT_TRUE(c.thin);
	CU_ASSERT_EQUAL(parse(16, "00 00 00 00 00 01 ff ff 00 00 02 00"
				  "00 03 3f ff", &c), 0);
	CU_ASSERT_EQUAL(c.first_aligned, 7 * 512);
	CU_ASSERT_FALSE(c.thin);

	/* 16 TiB of 4096-byte blocks, thick */
	CU_ASSERT_EQUAL(parse(16, "00 00 00 00 ff ff ff ff 00 00 10 00"
				  "00 00 00 00", &c), 0);
	CU_ASSERT_EQUAL(c.blocks, UINT64_C(1) << 32);
	CU_ASSERT_EQUAL(c.block_size, 4096);
	CU_ASSERT_FALSE(c.thin);
	CU_ASSERT_FALSE(c.is_over_10);

	/* the least that older targets send */
	CU_ASSERT_EQUAL(parse(16, "00 00 00 00 00 01 ff ff 00 00 02 00", &c),
			0);
	CU_ASSERT_EQUAL(c.physical_block_size, 512);
	CU_ASSERT_FALSE(c.thin);
}

static void test_impossible(void)
{
	struct dsc_capacity c;

	memset(&c, 0xa5, sizeof(c));
	CU_ASSERT_EQUAL(parse(10, "00 01 ff ff 00 00 00 00", &c), -EPROTO);
	CU_ASSERT_EQUAL(parse(16, "00 00 00 00 00 01 ff ff 00 00 00 00", &c),
			-EPROTO);
	CU_ASSERT_EQUAL(parse(16, "00 00 00 00 00 01 ff ff 00 00 00 00"
				  "00 03 00 07", &c), -EPROTO);
	/* 2^64 blocks */
	CU_ASSERT_EQUAL(parse(16, "ff ff ff ff ff ff ff ff 00 00 02 00", &c),
			-EPROTO);
	/* 2^64 bytes, and one block less */
	CU_ASSERT_EQUAL(parse(16, "00 7f ff ff ff ff ff ff 00 00 02 00", &c),
			-EPROTO);
	CU_ASSERT_EQUAL(c.blocks, UINT64_C(0xa5a5a5a5a5a5a5a5));
	CU_ASSERT_EQUAL(parse(16, "00 7f ff ff ff ff ff fe 00 00 02 00", &c),
			0);
	/* a physical block of 2^32 bytes */
	CU_ASSERT_EQUAL(parse(16, "00 00 00 00 00 00 00 01 00 02 00 00"
				  "00 0f 00 00", &c), -EPROTO);
}

static void test_capacity_cut(void)
{
	static const char whole[] =
		"00 00 00 00 00 01 ff ff 00 00 02 00 00 03 c0 00";
	struct hex bytes = hex_bytes(whole);
	struct dsc_capacity c;
	struct hex cut;

	for (size_t n = 0; n <= bytes.length; n++) {
		cut = hex_copy(bytes.data, n);
		CU_ASSERT_EQUAL(dsc_capacity16_parse(cut.data, n, &c),
				n < 12 ? -EPROTO : 0);
		hex_free(&cut);
		cut = hex_copy(bytes.data + 4, n < 8 ? n : 8);
		CU_ASSERT_EQUAL(dsc_capacity10_parse(cut.data, cut.length, &c),
				n < 8 ? -EPROTO : 0);
		hex_free(&cut);
	}
	hex_free(&bytes);
}

/* ---------------------------------------------------------- GET LBA STATUS */

static struct dsc_lba_extent extents[4];

static int status(const char *text, size_t room, size_t *count)
{
	struct hex bytes = hex_bytes(text);
	int rc = dsc_lba_status_parse(bytes.data, bytes.length, extents, room,
				      count);

	hex_free(&bytes);
	return rc;
}

#define HEADER "00 00 00 24 00 00 00 00"
#define FIRST "00 00 00 00 00 00 01 00 00 00 00 10 00 00 00 00"
#define SECOND "00 00 00 00 00 00 01 10 00 00 00 20 01 00 00 00"

static void test_lba_status(void)
{
	size_t count = 77;

	CU_ASSERT_EQUAL(status("00 00 00 14 00 00 00 00 00 00 00 00 00 00 00 00"
			       "00 02 00 00 01 00 00 00", 4, &count), 0);
	CU_ASSERT_EQUAL(count, 1);  /* tgtd */
	CU_ASSERT_EQUAL(extents[0].lba, 0);
	CU_ASSERT_EQUAL(extents[0].blocks, 0x20000);
	CU_ASSERT_EQUAL(extents[0].provisioning, 1);

	CU_ASSERT_EQUAL(status(HEADER FIRST SECOND, 4, &count), 0);
	CU_ASSERT_EQUAL(count, 2);
	CU_ASSERT_EQUAL(extents[1].lba, 0x110);
	CU_ASSERT_EQUAL(status(HEADER FIRST SECOND, 1, &count), 0);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(status("00 00 00 04 00 00 00 00", 4, &count), 0);
	CU_ASSERT_EQUAL(count, 0);
}

static void test_lba_status_lies(void)
{
	size_t count = 77;

	CU_ASSERT_EQUAL(status("00 00 00 04 00 00 00", 4, &count), -EPROTO);
	CU_ASSERT_EQUAL(status(HEADER SECOND FIRST, 4, &count), -EPROTO);
	CU_ASSERT_EQUAL(status(HEADER FIRST FIRST, 4, &count), -EPROTO);
	CU_ASSERT_EQUAL(status(HEADER "ff ff ff ff ff ff ff ff 00 00 00 02"
			       "00 00 00 00", 4, &count), -EPROTO);
	CU_ASSERT_EQUAL(count, 77);

	/* more stated than arrived, and less; half a descriptor */
	CU_ASSERT_EQUAL(status("ff ff ff ff 00 00 00 00" FIRST, 4, &count), 0);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(status("00 00 00 14 00 00 00 00" FIRST SECOND, 4,
			       &count), 0);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(status("00 00 00 00 00 00 00 00" FIRST, 4, &count), 0);
	CU_ASSERT_EQUAL(count, 0);
	CU_ASSERT_EQUAL(status(HEADER FIRST "00 00 00 00 00 00 01 10", 4,
			       &count), 0);
	CU_ASSERT_EQUAL(count, 1);
}

/* An extent of nothing would stop whoever walks along. */
static void test_lba_status_empty_extent(void)
{
	size_t count = 77;

	CU_ASSERT_EQUAL(status(HEADER "00 00 00 00 00 00 01 00 00 00 00 00"
			       "00 00 00 00" SECOND, 4, &count), 0);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(extents[0].lba, 0x110);
}

static const struct dsc_test tests[] = {
	{ "READ CAPACITY(10)", test_capacity10 },
	{ "READ CAPACITY(16)", test_capacity16 },
	{ "sizes that cannot be", test_impossible },
	{ "capacity cut at every byte", test_capacity_cut },
	{ "GET LBA STATUS", test_lba_status },
	{ "GET LBA STATUS that lies", test_lba_status_lies },
	{ "extents without blocks", test_lba_status_empty_extent },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("capacity", tests, argc, argv);
}
