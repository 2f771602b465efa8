/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-vpd.c: vital product data pages as tgtd, istgt and LIO send them, and
 * with lengths that lie: beyond what arrived, beyond the page, zero, and cut
 * at every byte.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"
#include "hex.h"
#include "scsi/inquiry.h"

#define TGTD_00 "00 00 00 06 00 80 83 b0 b1 b2"
#define ISTGT_00 "00 00 00 09 00 80 83 85 86 87 88 b0 b1"

#define TGTD_80 \
	"00 80 00 24 20 20 20 20 20 20 20 20 20 20 20 20" \
	"20 20 20 20 20 20 20 20 20 20 20 20 20 20 20 20" \
	"20 20 62 65 61 66 31 31"
#define ISTGT_80 "00 80 00 08 31 30 30 30 30 30 30 31"

#define TGTD_83 \
	"00 83 00 48 02 01 00 24 49 45 54 20 20 20 20 20" \
	"30 30 30 31 30 30 30 31 00 00 00 00 00 00 00 00" \
	"00 00 00 00 00 00 00 00 00 00 00 00 01 03 00 08" \
	"30 00 00 01 00 00 00 01 01 03 00 10 60 00 00 00" \
	"00 00 00 00 0e 00 00 00 00 01 00 01"

#define ISTGT_83 \
	"00 83 00 b7 01 03 00 08 30 00 00 00 01 9f c1 e0" \
	"03 01 00 38 46 72 65 65 42 53 44 20 69 53 43 53" \
	"49 20 44 49 53 4b 20 20 20 20 20 20 31 30 30 30" \
	"30 30 30 31 20 20 20 20 20 20 20 20 20 20 20 20" \
	"20 20 20 20 20 20 20 20 20 20 20 20 53 a8 00 23" \
	"69 71 6e 2e 32 30 30 37 2d 30 39 2e 6a 70 2e 6e" \
	"65 2e 70 65 61 63 68 2e 69 73 74 67 74 3a 64 69" \
	"73 6b 31 53 98 00 2c 69 71 6e 2e 32 30 30 37 2d" \
	"30 39 2e 6a 70 2e 6e 65 2e 70 65 61 63 68 2e 69" \
	"73 74 67 74 3a 64 69 73 6b 31 2c 74 2c 30 78 30" \
	"30 30 31 51 94 00 04 00 00 00 01 51 95 00 04 00" \
	"00 00 01 51 96 00 04 00 00 00 01"

/* NAA, T10 vendor, then port descriptors that are not the LUN's */
#define LIO_83 \
	"00 83 00 5c 01 03 00 10 60 01 40 5b 1c 2d 3e 4f" \
	"50 61 72 83 94 a5 b6 c7 02 01 00 1c 4c 49 4f 2d" \
	"4f 52 47 20 64 69 73 6b 31 3a 31 32 33 34 35 36" \
	"37 38 2d 61 62 63 64 00 51 94 00 04 00 00 00 01" \
	"51 95 00 04 00 00 00 00 53 98 00 10 69 71 6e 2e" \
	"32 30 30 33 2d 30 31 2e 6f 72 67 00 00 00 00 00"

#define TGTD_B0 \
	"00 b0 00 3c 00 80 00 00 00 00 00 00 00 00 00 00" \
	"00 00 00 00 ff ff ff ff ff ff ff ff 00 00 00 00" \
	"00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00" \
	"00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"

#define LIO_B0 \
	"00 b0 00 3c 01 00 00 01 00 00 40 00 00 00 40 00" \
	"00 00 00 00 00 00 10 00 00 00 00 01 00 00 00 08" \
	"80 00 00 04 00 00 00 00 00 00 10 00 00 00 00 00" \
	"00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"

/* ------------------------------------------------- one call, exact buffers */

static int supported(const char *text, struct dsc_vpd_pages *pages)
{
	struct hex bytes = hex_bytes(text);
	int rc = dsc_vpd_parse_supported(bytes.data, bytes.length, pages);

	hex_free(&bytes);
	return rc;
}

static int serial_of(const char *text, char *serial, size_t room)
{
	struct hex bytes = hex_bytes(text);
	int rc = dsc_vpd_parse_serial(bytes.data, bytes.length, serial, room);

	hex_free(&bytes);
	return rc;
}

/* The designator of a page; "EPROTO" when it is refused. */
static const char *designator(const char *text)
{
	static char out[264];
	struct hex bytes = hex_bytes(text);
	int rc = dsc_vpd_parse_identification(bytes.data, bytes.length, out,
					      sizeof(out));

	hex_free(&bytes);
	return rc == 0 ? out : rc == -EPROTO ? "EPROTO" : "?";
}

/* A page 83 with these descriptors, its length made to fit. */
static const char *designator_in(const char *descriptors)
{
	char page[4096];

	snprintf(page, sizeof(page), "00 83 00 %02zx %s",
		 (strlen(descriptors) + 1) / 3, descriptors);
	return designator(page);
}

/* ------------------------------------------------------------ pages 00, 80 */

static void test_supported(void)
{
	struct dsc_vpd_pages pages;

	CU_ASSERT_EQUAL(supported(TGTD_00, &pages), 0);
	CU_ASSERT_TRUE(dsc_vpd_has(&pages, 0x00));
	CU_ASSERT_TRUE(dsc_vpd_has(&pages, 0x83));
	CU_ASSERT_TRUE(dsc_vpd_has(&pages, 0xb2));
	CU_ASSERT_FALSE(dsc_vpd_has(&pages, 0x85));
	CU_ASSERT_EQUAL(supported(ISTGT_00, &pages), 0);
	CU_ASSERT_TRUE(dsc_vpd_has(&pages, 0x88));
	CU_ASSERT_FALSE(dsc_vpd_has(&pages, 0xb2));
	CU_ASSERT_EQUAL(supported("00 00 00 02 ff 00", &pages), 0);
	CU_ASSERT_TRUE(dsc_vpd_has(&pages, 0xff));

	/* fewer and more than stated; none */
	CU_ASSERT_EQUAL(supported("00 00 00 06 00 80", &pages), 0);
	CU_ASSERT_TRUE(dsc_vpd_has(&pages, 0x80));
	CU_ASSERT_EQUAL(supported("00 00 00 01 00 80", &pages), 0);
	CU_ASSERT_FALSE(dsc_vpd_has(&pages, 0x80));
	CU_ASSERT_EQUAL(supported("00 00 00 00", &pages), 0);
	CU_ASSERT_FALSE(dsc_vpd_has(&pages, 0x00));

	CU_ASSERT_EQUAL(supported("00 80 00 01 00", &pages), -EPROTO);
	CU_ASSERT_EQUAL(supported("00 00 00", &pages), -EPROTO);
	CU_ASSERT_EQUAL(supported("", &pages), -EPROTO);
}

static void test_serial(void)
{
	char serial[256] = "old";

	CU_ASSERT_EQUAL(serial_of("00 83 00 01 41", serial, 256), -EPROTO);
	CU_ASSERT_STRING_EQUAL(serial, "old");
	CU_ASSERT_EQUAL(serial_of(TGTD_80, serial, 256), 0);
	CU_ASSERT_STRING_EQUAL(serial, "beaf11");
	CU_ASSERT_EQUAL(serial_of(ISTGT_80, serial, 256), 0);
	CU_ASSERT_STRING_EQUAL(serial, "10000001");
	CU_ASSERT_EQUAL(serial_of(ISTGT_80, serial, 5), 0);
	CU_ASSERT_STRING_EQUAL(serial, "1000");
	CU_ASSERT_EQUAL(serial_of("00 80 00 00", serial, 256), 0);
	CU_ASSERT_STRING_EQUAL(serial, "");
	CU_ASSERT_EQUAL(serial_of("00 80 ff ff 41 0a 42", serial, 256), 0);
	CU_ASSERT_STRING_EQUAL(serial, "A?B");
}

/* ----------------------------------------------------------------- page 83 */

static void test_identification(void)
{
	CU_ASSERT_STRING_EQUAL(designator(TGTD_83),
			       "naa.60000000000000000e00000000010001");
	CU_ASSERT_STRING_EQUAL(designator(ISTGT_83), "naa.30000000019fc1e0");
	CU_ASSERT_STRING_EQUAL(designator(LIO_83),
			       "naa.6001405b1c2d3e4f5061728394a5b6c7");
}

static void test_preference(void)
{
	static const char naa3[] = "01 03 00 08 30 00 00 00 00 00 00 01";
	static const char naa5[] = "01 03 00 08 50 00 00 00 00 00 00 02";
	static const char eui8[] = "01 02 00 08 00 11 22 33 44 55 66 77";
	static const char eui12[] =
		"01 02 00 0c 00 11 22 33 44 55 66 77 88 99 aa bb";
	static const char t10[] =
		"02 01 00 0a 41 43 4d 45 20 20 20 20 78 79";
	static const char name[] = "03 08 00 08 69 71 6e 2e 78 2e 79 00";
	char text[512];

	snprintf(text, sizeof(text), "%s %s %s %s", name, t10, eui8, naa3);
	CU_ASSERT_STRING_EQUAL(designator_in(text), "naa.3000000000000001");
	snprintf(text, sizeof(text), "%s %s %s", naa3, naa5, eui12);
	CU_ASSERT_STRING_EQUAL(designator_in(text), "naa.5000000000000002");
	snprintf(text, sizeof(text), "%s %s %s", eui8, eui12, t10);
	CU_ASSERT_STRING_EQUAL(designator_in(text),
			       "eui.00112233445566778899aabb");
	snprintf(text, sizeof(text), "%s %s", name, t10);
	CU_ASSERT_STRING_EQUAL(designator_in(text), "t10.ACME    xy");
	CU_ASSERT_STRING_EQUAL(designator_in(name), "name.iqn.x.y");
	CU_ASSERT_STRING_EQUAL(designator("00 83 00 00"), "");
}

/* Designators of the port or the target, or that are none. */
static void test_not_taken(void)
{
	static const char *const none[] = {
		"01 13 00 08 50 00 00 00 00 00 00 02",  /* the port's */
		"01 23 00 08 50 00 00 00 00 00 00 02",  /* the target's */
		"01 03 00 08 00 00 00 00 00 00 00 00",  /* nothing in it */
		"01 03 00 00",
		"01 03 00 04 50 00 00 00",              /* length of no NAA */
		"02 03 00 08 50 00 00 00 00 00 00 02",  /* not binary */
		"01 02 00 05 00 11 22 33 44",
		"02 01 00 03 20 20 20",
		"01 0f 00 02 01 02",
	};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		CU_ASSERT_STRING_EQUAL(designator_in(none[i]), "");
}

/* Two different ids must never read as the same text. */
static void test_text_as_hex(void)
{
	CU_ASSERT_STRING_EQUAL(designator_in("02 01 00 03 41 c3 a4"),
			       "t10.41c3a4");
	CU_ASSERT_STRING_EQUAL(designator_in("02 01 00 03 41 01 42"),
			       "t10.410142");
	CU_ASSERT_STRING_EQUAL(designator_in("01 01 00 03 41 42 43"),
			       "t10.414243");
}

/* 255 bytes of text fit; as hex they would not, and are not cut either. */
static void test_longest(void)
{
	struct hex page = hex_bytes("00 83 01 03 02 01 00 ff");
	uint8_t *whole = malloc(page.length + 255);
	char out[264];

	CU_ASSERT_PTR_NOT_NULL_FATAL(whole);
	memcpy(whole, page.data, page.length);
	memset(whole + page.length, 'x', 255);
	CU_ASSERT_EQUAL(dsc_vpd_parse_identification(whole, page.length + 255,
						     out, sizeof(out)), 0);
	CU_ASSERT_EQUAL(strlen(out), 4 + 255);
	CU_ASSERT_EQUAL(dsc_vpd_parse_identification(whole, page.length + 255,
						     out, 20), -EPROTO);
	whole[page.length] = 0xff;
	CU_ASSERT_EQUAL(dsc_vpd_parse_identification(whole, page.length + 255,
						     out, sizeof(out)), 0);
	CU_ASSERT_STRING_EQUAL(out, "");
	free(whole);
	hex_free(&page);
}

/* Cut by the allocation length: what came whole counts. */
static void test_identification_cut(void)
{
	CU_ASSERT_STRING_EQUAL(designator("00 83 00 18 "
					  "01 03 00 08 30 00 00 00 00 00 00 01"
					  "01 03 00 08 50 00"),
			       "naa.3000000000000001");
	CU_ASSERT_STRING_EQUAL(designator("00 83 ff ff 01 03"), "");
}

/* A descriptor that leaves its own page is a contradiction. */
static void test_identification_lies(void)
{
	CU_ASSERT_STRING_EQUAL(designator("00 83 00 0c "
					  "01 03 00 ff 30 00 00 00 00 00 00 "
					  "01"), "EPROTO");
	CU_ASSERT_STRING_EQUAL(designator("00 83 00 0e "
					  "01 03 00 08 30 00 00 00 00 00 00 01"
					  "01 03"), "EPROTO");
	CU_ASSERT_STRING_EQUAL(designator("00 80 00 00"), "EPROTO");
	CU_ASSERT_STRING_EQUAL(designator("00 83"), "EPROTO");
}

/* ----------------------------------------------------------- B0, B1 and B2 */

static int limits_of(const char *text, struct dsc_block_limits *limits)
{
	struct hex bytes = hex_bytes(text);
	int rc = dsc_vpd_parse_block_limits(bytes.data, bytes.length, limits);

	hex_free(&bytes);
	return rc;
}

static void test_block_limits(void)
{
	struct dsc_block_limits l;

	CU_ASSERT_EQUAL(limits_of(TGTD_B0, &l), 0);
	CU_ASSERT_EQUAL(l.max_transfer_blocks, 0);
	CU_ASSERT_EQUAL(l.max_unmap_blocks, 0xffffffff);
	CU_ASSERT_EQUAL(l.max_unmap_descriptors, 0xffffffff);
	CU_ASSERT_FALSE(l.write_same_non_zero);

	CU_ASSERT_EQUAL(limits_of(LIO_B0, &l), 0);
	CU_ASSERT_EQUAL(l.max_transfer_blocks, 0x4000);
	CU_ASSERT_EQUAL(l.optimal_transfer_blocks, 0x4000);
	CU_ASSERT_EQUAL(l.max_unmap_blocks, 0x1000);
	CU_ASSERT_EQUAL(l.max_unmap_descriptors, 1);
	CU_ASSERT_EQUAL(l.unmap_granularity_blocks, 8);
	CU_ASSERT_EQUAL(l.unmap_alignment_blocks, 4);
	CU_ASSERT_EQUAL(l.max_write_same_blocks, 0x1000);
	CU_ASSERT_TRUE(l.write_same_non_zero);
}

/* SBC-2's page ends before the unmap fields, however much arrives. */
static void test_block_limits_short(void)
{
	struct dsc_block_limits l;
	struct hex bytes = hex_bytes(LIO_B0);

	bytes.data[3] = 0x0c;
	CU_ASSERT_EQUAL(dsc_vpd_parse_block_limits(bytes.data, bytes.length,
						   &l), 0);
	CU_ASSERT_EQUAL(l.max_transfer_blocks, 0x4000);
	CU_ASSERT_EQUAL(l.max_unmap_blocks, 0);
	CU_ASSERT_EQUAL(l.max_write_same_blocks, 0);
	bytes.data[3] = 0x0b;
	CU_ASSERT_EQUAL(dsc_vpd_parse_block_limits(bytes.data, bytes.length,
						   &l), -EPROTO);
	bytes.data[3] = 0x3c;
	bytes.data[32] = 0x7f;  /* UGAVALID is 0 */
	CU_ASSERT_EQUAL(dsc_vpd_parse_block_limits(bytes.data, bytes.length,
						   &l), 0);
	CU_ASSERT_EQUAL(l.unmap_alignment_blocks, 0);
	hex_free(&bytes);
}

static void test_characteristics(void)
{
	static const struct {
		const char *page;
		int rc;
		bool rotational;
	} rows[] = {
		{ "00 b1 00 3c 1c 20 00 02", 0, true },  /* istgt: 7200 */
		{ "00 b1 00 40 00 00 00 00", 0, true },  /* tgtd: not told */
		{ "00 b1 00 3c 00 01 00 00", 0, false },
		{ "00 b1 00 02 00 01", 0, false },
		{ "00 b1 00 01 00 01", -EPROTO, true },
		{ "00 b1 00 00", -EPROTO, true },
		{ "00 b1 00 3c 00", -EPROTO, true },
		{ "00 b2 00 3c 00 01", -EPROTO, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hex bytes = hex_bytes(rows[i].page);
		bool rotational = true;

		CU_ASSERT_EQUAL(dsc_vpd_parse_characteristics(
					bytes.data, bytes.length, &rotational),
				rows[i].rc);
		CU_ASSERT_EQUAL(rotational, rows[i].rotational);
		hex_free(&bytes);
	}
}

static void test_provisioning(void)
{
	struct hex bytes = hex_bytes("00 b2 00 04 00 e4 02 00");  /* tgtd */
	struct dsc_provisioning p = { false, false, false };

	CU_ASSERT_EQUAL(dsc_vpd_parse_provisioning(bytes.data, 5, &p),
			-EPROTO);
	CU_ASSERT_FALSE(p.unmap);
	CU_ASSERT_EQUAL(dsc_vpd_parse_provisioning(bytes.data, bytes.length,
						   &p), 0);
	CU_ASSERT_TRUE(p.unmap);
	CU_ASSERT_TRUE(p.write_same_unmap);
	CU_ASSERT_TRUE(p.reads_zero);
	bytes.data[5] = 0x08;  /* SBC-4: reads as an initialisation pattern */
	CU_ASSERT_EQUAL(dsc_vpd_parse_provisioning(bytes.data, bytes.length,
						   &p), 0);
	CU_ASSERT_FALSE(p.unmap);
	CU_ASSERT_FALSE(p.write_same_unmap);
	CU_ASSERT_FALSE(p.reads_zero);
	hex_free(&bytes);
}

/* ------------------------------------------------------------- every byte */

/* Runs one parser; the outputs are thrown away. */
static int run(unsigned page, const uint8_t *data, size_t length)
{
	struct dsc_vpd_pages pages;
	struct dsc_block_limits limits;
	struct dsc_provisioning provisioning;
	char text[264];
	bool rotational;

	switch (page) {
	case DSC_VPD_SUPPORTED:
		return dsc_vpd_parse_supported(data, length, &pages);
	case DSC_VPD_SERIAL:
		return dsc_vpd_parse_serial(data, length, text, sizeof(text));
	case DSC_VPD_IDENTIFICATION:
		return dsc_vpd_parse_identification(data, length, text,
						    sizeof(text));
	case DSC_VPD_BLOCK_LIMITS:
		return dsc_vpd_parse_block_limits(data, length, &limits);
	case DSC_VPD_BLOCK_CHARACTERISTICS:
		return dsc_vpd_parse_characteristics(data, length,
						     &rotational);
	default:
		return dsc_vpd_parse_provisioning(data, length, &provisioning);
	}
}

static const char *const real_pages[] = {
	TGTD_00, ISTGT_00, TGTD_80, ISTGT_80, TGTD_83, ISTGT_83, LIO_83,
	TGTD_B0, LIO_B0, "00 b1 00 3c 1c 20 00 02", "00 b2 00 04 00 e4 02 00",
};

#define REAL_PAGES (sizeof(real_pages) / sizeof(real_pages[0]))

static void test_cut_anywhere(void)
{
	for (size_t i = 0; i < REAL_PAGES; i++) {
		struct hex whole = hex_bytes(real_pages[i]);

		for (size_t n = 0; n <= whole.length; n++) {
			struct hex cut = hex_copy(whole.data, n);
			int rc = run(whole.data[1], cut.data, n);

			CU_ASSERT(rc == 0 || rc == -EPROTO);
			CU_ASSERT(n >= 4 || rc == -EPROTO);
			CU_ASSERT(n < whole.length || rc == 0);
			hex_free(&cut);
		}
		hex_free(&whole);
	}
}

/* Each byte in turn says the smallest and the largest thing. */
static void test_lie_anywhere(void)
{
	static const uint8_t lies[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

	for (size_t i = 0; i < REAL_PAGES; i++) {
		struct hex bytes = hex_bytes(real_pages[i]);
		unsigned page = bytes.data[1];

		for (size_t n = 0; n < bytes.length * sizeof(lies); n++) {
			uint8_t *byte = &bytes.data[n / sizeof(lies)];
			uint8_t truth = *byte;
			int rc;

			*byte = lies[n % sizeof(lies)];
			rc = run(page, bytes.data, bytes.length);
			CU_ASSERT(rc == 0 || rc == -EPROTO);
			*byte = truth;
		}
		hex_free(&bytes);
	}
}

static const struct dsc_test tests[] = {
	{ "supported pages", test_supported },
	{ "serial number", test_serial },
	{ "identification of tgtd, istgt, LIO", test_identification },
	{ "the best designator wins", test_preference },
	{ "designators that are not taken", test_not_taken },
	{ "text that is not printable is hex", test_text_as_hex },
	{ "the longest designator", test_longest },
	{ "identification cut by the allocation", test_identification_cut },
	{ "identification that contradicts itself", test_identification_lies },
	{ "block limits", test_block_limits },
	{ "block limits of SBC-2", test_block_limits_short },
	{ "block characteristics", test_characteristics },
	{ "provisioning", test_provisioning },
	{ "every page cut at every byte", test_cut_anywhere },
	{ "every page with every byte a lie", test_lie_anywhere },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("vpd", tests, argc, argv);
}
