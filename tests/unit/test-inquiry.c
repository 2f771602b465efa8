/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-inquiry.c: standard INQUIRY data as tgtd, istgt and LIO send it, cut
 * at every byte, and with lengths and text that are not what they should be.
 */
#include <errno.h>
#include <string.h>

#include "harness/harness.h"
#include "hex.h"
#include "scsi/inquiry.h"

#define TGTD \
	"00 00 05 12 3d 00 00 02 49 45 54 20 20 20 20 20" \
	"56 49 52 54 55 41 4c 2d 44 49 53 4b 20 20 20 20" \
	"30 30 30 31 00 00 00 00 00 00 00 00 00 00 00 00" \
	"00 00 00 00 00 00 00 00 00 00 04 c0 09 60 03 00" \
	"00 00"

#define TGTD_NO_LUN \
	"7f 00 05 12 3d 00 00 02 49 45 54 20 20 20 20 20" \
	"43 6f 6e 74 72 6f 6c 6c 65 72 20 20 20 20 20 20" \
	"30 30 30 31"

#define ISTGT_NO_LUN "7f 00 00 00 5b 00 00 00 00 00 00 00 00 00 00 00"

#define LIO \
	"00 00 05 02 1f 00 00 02 4c 49 4f 2d 4f 52 47 20" \
	"64 69 73 6b 31 20 20 20 20 20 20 20 20 20 20 20" \
	"34 2e 30 20"

static int parse(const char *text, uint8_t *qualifier,
		 struct discsi_lun_info *info)
{
	struct hex bytes = hex_bytes(text);
	int rc;

	memset(info, 0xa5, sizeof(*info));
	*qualifier = 0xa5;
	rc = dsc_inquiry_parse(bytes.data, bytes.length, qualifier, info);
	hex_free(&bytes);
	return rc;
}

static void test_real(void)
{
	struct discsi_lun_info info;
	uint8_t qualifier;

	CU_ASSERT_EQUAL(parse(TGTD, &qualifier, &info), 0);
	CU_ASSERT_EQUAL(qualifier, 0);
	CU_ASSERT_EQUAL(info.type, 0);
	CU_ASSERT_STRING_EQUAL(info.vendor, "IET");
	CU_ASSERT_STRING_EQUAL(info.product, "VIRTUAL-DISK");
	CU_ASSERT_STRING_EQUAL(info.revision, "0001");

	CU_ASSERT_EQUAL(parse(LIO, &qualifier, &info), 0);
	CU_ASSERT_STRING_EQUAL(info.vendor, "LIO-ORG");
	CU_ASSERT_STRING_EQUAL(info.product, "disk1");
	CU_ASSERT_STRING_EQUAL(info.revision, "4.0");
}

static void test_no_lun(void)
{
	struct discsi_lun_info info;
	uint8_t qualifier;

	CU_ASSERT_EQUAL(parse(TGTD_NO_LUN, &qualifier, &info), 0);
	CU_ASSERT_EQUAL(qualifier, 3);
	CU_ASSERT_EQUAL(info.type, 0x1f);
	CU_ASSERT_EQUAL(parse(ISTGT_NO_LUN, &qualifier, &info), 0);
	CU_ASSERT_EQUAL(qualifier, 3);
	CU_ASSERT_STRING_EQUAL(info.vendor, "");
	CU_ASSERT_EQUAL(parse("20 00 05 02 00", &qualifier, &info), 0);
	CU_ASSERT_EQUAL(qualifier, 1);
	CU_ASSERT_STRING_EQUAL(info.product, "");
}

/* All fields full, with no blank to end them. */
static void test_full_fields(void)
{
	struct discsi_lun_info info;
	uint8_t qualifier;

	CU_ASSERT_EQUAL(parse("0d 00 06 02 1f 00 00 00 41 42 43 44 45 46 47 48"
			      "61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70"
			      "31 32 33 34 35 36", &qualifier, &info), 0);
	CU_ASSERT_EQUAL(info.type, 13);
	CU_ASSERT_STRING_EQUAL(info.vendor, "ABCDEFGH");
	CU_ASSERT_STRING_EQUAL(info.product, "abcdefghijklmnop");
	CU_ASSERT_STRING_EQUAL(info.revision, "1234");
}

/* What a terminal would act on is not let through. */
static void test_unprintable(void)
{
	struct discsi_lun_info info;
	uint8_t qualifier;

	CU_ASSERT_EQUAL(parse("00 00 06 02 1f 00 00 00 1b 5b 33 31 6d 00 41 00"
			      "20 20 c3 a4 0a 62 20 63 00 00 00 00 00 00 00 00"
			      "7f 80 ff 31", &qualifier, &info), 0);
	CU_ASSERT_STRING_EQUAL(info.vendor, "?[31m?A");
	CU_ASSERT_STRING_EQUAL(info.product, "???b c");
	CU_ASSERT_STRING_EQUAL(info.revision, "???1");
}

/* An additional length below the truth hides fields, above it adds none. */
static void test_lying_length(void)
{
	struct discsi_lun_info info;
	struct hex bytes = hex_bytes(LIO);
	uint8_t qualifier;

	bytes.data[4] = 11;  /* the header and the vendor */
	CU_ASSERT_EQUAL(dsc_inquiry_parse(bytes.data, bytes.length, &qualifier,
					  &info), 0);
	CU_ASSERT_STRING_EQUAL(info.vendor, "LIO-ORG");
	CU_ASSERT_STRING_EQUAL(info.product, "");
	bytes.data[4] = 0;
	CU_ASSERT_EQUAL(dsc_inquiry_parse(bytes.data, bytes.length, &qualifier,
					  &info), 0);
	CU_ASSERT_STRING_EQUAL(info.vendor, "");
	bytes.data[4] = 0xff;
	CU_ASSERT_EQUAL(dsc_inquiry_parse(bytes.data, bytes.length, &qualifier,
					  &info), 0);
	CU_ASSERT_STRING_EQUAL(info.revision, "4.0");
	hex_free(&bytes);
}

static void test_cut_anywhere(void)
{
	struct hex whole = hex_bytes(TGTD);
	struct discsi_lun_info info;
	struct hex cut;
	uint8_t qualifier;
	int rc;

	for (size_t n = 0; n <= whole.length; n++) {
		cut = hex_copy(whole.data, n);
		qualifier = 0xa5;
		rc = dsc_inquiry_parse(cut.data, n, &qualifier, &info);
		CU_ASSERT_EQUAL(rc, n < 5 ? -EPROTO : 0);
		CU_ASSERT_EQUAL(qualifier, n < 5 ? 0xa5 : 0);
		hex_free(&cut);
	}
	hex_free(&whole);
}

static void test_supported_opcodes(void)
{
	static const uint8_t standard[] = { 0x00, 0x83, 0x00, 0x10 };
	static const uint8_t vendor[] = { 0x00, 0x05 };
	static const uint8_t not_at_all[] = { 0x00, 0x01, 0x00, 0x00 };
	static const uint8_t unknown[] = { 0x00, 0x00, 0x00, 0x00 };
	bool is_supported = false;

	CU_ASSERT_EQUAL(dsc_opcode_parse(standard, 4, &is_supported), 0);
	CU_ASSERT_TRUE(is_supported);
	CU_ASSERT_EQUAL(dsc_opcode_parse(not_at_all, 4, &is_supported), 0);
	CU_ASSERT_FALSE(is_supported);
	CU_ASSERT_EQUAL(dsc_opcode_parse(vendor, 2, &is_supported), 0);
	CU_ASSERT_TRUE(is_supported);
	CU_ASSERT_EQUAL(dsc_opcode_parse(unknown, 4, &is_supported), -EPROTO);
	CU_ASSERT_EQUAL(dsc_opcode_parse(standard, 1, &is_supported), -EPROTO);
	CU_ASSERT_TRUE(is_supported);
}

static const struct dsc_test tests[] = {
	{ "tgtd and LIO", test_real },
	{ "no LUN there", test_no_lun },
	{ "fields without blanks", test_full_fields },
	{ "text that is not printable", test_unprintable },
	{ "lying additional length", test_lying_length },
	{ "cut at every byte", test_cut_anywhere },
	{ "supported operation codes", test_supported_opcodes },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("inquiry", tests, argc, argv);
}
