/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-luns.c: REPORT LUNS data: order, repetition, address forms, lists that
 * are longer than what arrived or than the room for them.
 */
#include <errno.h>

#include "harness/harness.h"
#include "hex.h"
#include "scsi/inquiry.h"

static uint64_t luns[8];
static size_t count;
static uint64_t needed;

static int parse(const char *text, size_t room)
{
	struct hex bytes = hex_bytes(text);
	int rc;

	count = 77;
	needed = 77;
	rc = dsc_report_luns_parse(bytes.data, bytes.length, luns, room,
				   &count, &needed);
	hex_free(&bytes);
	return rc;
}

static void test_list(void)
{
	CU_ASSERT_EQUAL(parse("00 00 00 10 00 00 00 00 00 00 00 00 00 00 00 00"
			      "00 01 00 00 00 00 00 00", 8), 0);
	CU_ASSERT_EQUAL(count, 2);  /* tgtd */
	CU_ASSERT_EQUAL(luns[0], 0);
	CU_ASSERT_EQUAL(luns[1], 1);
	CU_ASSERT_EQUAL(needed, 24);
	CU_ASSERT_EQUAL(parse("00 00 00 00 00 00 00 00", 8), 0);
	CU_ASSERT_EQUAL(count, 0);
	CU_ASSERT_EQUAL(needed, 8);
}

/* Any order, twice the same, in two forms, and forms that are not ours. */
static void test_order(void)
{
	CU_ASSERT_EQUAL(parse("00 00 00 38 00 00 00 00"
			      "7f ff 00 00 00 00 00 00"
			      "00 05 00 00 00 00 00 00"
			      "40 05 00 00 00 00 00 00"
			      "41 00 00 00 00 00 00 00"
			      "00 00 00 00 00 00 00 00"
			      "c1 01 00 00 00 00 00 00"
			      "00 01 00 02 00 00 00 00", 8), 0);
	CU_ASSERT_EQUAL(count, 4);
	CU_ASSERT_EQUAL(luns[0], 0);
	CU_ASSERT_EQUAL(luns[1], 5);
	CU_ASSERT_EQUAL(luns[2], 256);
	CU_ASSERT_EQUAL(luns[3], 16383);
}

static void test_longer_list(void)
{
	CU_ASSERT_EQUAL(parse("00 00 10 00 00 00 00 00"
			      "00 07 00 00 00 00 00 00 00 08 00 00", 8), 0);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(luns[0], 7);
	CU_ASSERT_EQUAL(needed, 8 + 0x1000);
	CU_ASSERT_EQUAL(parse("ff ff ff f8 00 00 00 00", 8), 0);
	CU_ASSERT_EQUAL(count, 0);
	CU_ASSERT_EQUAL(needed, UINT64_C(0x100000000));
	/* what stands behind the list is not of it */
	CU_ASSERT_EQUAL(parse("00 00 00 08 00 00 00 00 00 07 00 00 00 00 00 00"
			      "00 08 00 00 00 00 00 00", 8), 0);
	CU_ASSERT_EQUAL(count, 1);
}

static void test_little_room(void)
{
	CU_ASSERT_EQUAL(parse("00 00 00 10 00 00 00 00 00 09 00 00 00 00 00 00"
			      "00 01 00 00 00 00 00 00", 1), 0);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(luns[0], 1);
}

static void test_wrong_length(void)
{
	CU_ASSERT_EQUAL(parse("00 00 00 09 00 00 00 00 00 09 00 00 00 00 00 00"
			      "00", 8), -EPROTO);
	CU_ASSERT_EQUAL(parse("00 00 00 08 00 00 00", 8), -EPROTO);
	CU_ASSERT_EQUAL(parse("", 8), -EPROTO);
	CU_ASSERT_EQUAL(count, 77);
	CU_ASSERT_EQUAL(needed, 77);
}

static const struct dsc_test tests[] = {
	{ "a list", test_list },
	{ "ascending, without repetition", test_order },
	{ "a list longer than what arrived", test_longer_list },
	{ "a list longer than the room", test_little_room },
	{ "wrong lengths", test_wrong_length },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("luns", tests, argc, argv);
}
