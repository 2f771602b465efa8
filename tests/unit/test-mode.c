/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-mode.c: MODE SENSE data of tgtd and istgt, both headers, other pages
 * before the caching page, and lengths that lie.
 */
#include <errno.h>
#include <string.h>

#include "harness/harness.h"
#include "hex.h"
#include "scsi/inquiry.h"

#define TGTD_6_ALL \
	"69 00 10 08 00 00 00 00 00 00 02 00 00 00 02 0e" \
	"80 80 00 0a 00 00 00 00 00 00 00 00 00 00 08 12" \
	"14 00 ff ff 00 00 ff ff ff ff 80 14 00 00 00 00" \
	"00 00 0a 0a 02 10 00 00 00 00 00 00 02 00 4a 01" \
	"00 1c 04 00 00 00 00 00 00 00 00 00 00 00 00 00" \
	"00 00 00 00 00 00 00 00 00 00 00 00 00 00 1c 0a" \
	"08 00 00 00 00 00 00 00 00 00"

#define TGTD_10 \
	"00 22 00 10 00 00 00 08 00 00 00 00 00 00 02 00" \
	"08 12 14 00 ff ff 00 00 ff ff ff ff 80 14 00 00" \
	"00 00 00 00"

/* the PS bit of the page is set */
#define ISTGT_6 \
	"1f 00 00 08 00 02 00 00 00 00 02 00 88 12 04 00" \
	"00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"

static int parse(int form, const char *text, struct dsc_mode *mode)
{
	struct hex bytes = hex_bytes(text);
	int rc;

	memset(mode, 0, sizeof(*mode));
	rc = form == 6 ? dsc_mode6_parse(bytes.data, bytes.length, mode) :
			 dsc_mode10_parse(bytes.data, bytes.length, mode);
	hex_free(&bytes);
	return rc;
}

static void test_real(void)
{
	struct dsc_mode m;

	CU_ASSERT_EQUAL(parse(6, TGTD_6_ALL, &m), 0);
	CU_ASSERT_TRUE(m.has_cache_page);
	CU_ASSERT_TRUE(m.write_cache);
	CU_ASSERT_TRUE(m.dpofua);
	CU_ASSERT_FALSE(m.write_protect);
	CU_ASSERT_EQUAL(parse(10, TGTD_10, &m), 0);
	CU_ASSERT_TRUE(m.write_cache);
	CU_ASSERT_TRUE(m.dpofua);
	CU_ASSERT_EQUAL(parse(6, ISTGT_6, &m), 0);
	CU_ASSERT_TRUE(m.has_cache_page);
	CU_ASSERT_TRUE(m.write_cache);
	CU_ASSERT_FALSE(m.dpofua);
}

static void test_header_alone(void)
{
	struct dsc_mode m;

	CU_ASSERT_EQUAL(parse(6, "03 00 80 00", &m), 0);
	CU_ASSERT_TRUE(m.write_protect);
	CU_ASSERT_FALSE(m.has_cache_page);
	CU_ASSERT_FALSE(m.write_cache);
	CU_ASSERT_EQUAL(parse(10, "00 06 00 90 00 00 00 00", &m), 0);
	CU_ASSERT_TRUE(m.write_protect);
	CU_ASSERT_TRUE(m.dpofua);
	CU_ASSERT_FALSE(m.has_cache_page);
}

/* A page with subpage 08h of another page, and a subpage of page 08h. */
static void test_other_pages(void)
{
	struct dsc_mode m;

	CU_ASSERT_EQUAL(parse(6, "0d 00 00 00 48 01 00 02 04 04 08 02 00 00",
			      &m), 0);
	CU_ASSERT_TRUE(m.has_cache_page);
	CU_ASSERT_FALSE(m.write_cache);
	CU_ASSERT_EQUAL(parse(6, "07 00 00 00 0a 02 04 04", &m), 0);
	CU_ASSERT_FALSE(m.has_cache_page);
	/* an empty caching page says nothing */
	CU_ASSERT_EQUAL(parse(6, "05 00 00 00 08 00", &m), 0);
	CU_ASSERT_FALSE(m.has_cache_page);
}

static void test_lies(void)
{
	struct dsc_mode m;

	CU_ASSERT_EQUAL(parse(6, "00 00 80 00", &m), -EPROTO);
	CU_ASSERT_FALSE(m.write_protect);
	CU_ASSERT_EQUAL(parse(6, "02 00 80 00", &m), -EPROTO);
	CU_ASSERT_EQUAL(parse(6, "03 00 80 08", &m), -EPROTO);
	CU_ASSERT_EQUAL(parse(6, "07 00 00 00 0a ff 00 00", &m), -EPROTO);
	CU_ASSERT_EQUAL(parse(6, "04 00 00 00 08", &m), -EPROTO);
	CU_ASSERT_EQUAL(parse(6, "06 00 00 00 48 01 ff", &m), -EPROTO);
	CU_ASSERT_EQUAL(parse(10, "00 05 00 80 00 00 00 00", &m), -EPROTO);
	CU_ASSERT_EQUAL(parse(10, "00 06 00 80 00 00 ff ff", &m), -EPROTO);
	/* cut by the allocation length: the header counts */
	CU_ASSERT_EQUAL(parse(6, "ff 00 80 08 00 00", &m), 0);
	CU_ASSERT_TRUE(m.write_protect);
	CU_ASSERT_EQUAL(parse(6, "ff 00 80 00 0a ff 00", &m), 0);
	CU_ASSERT_TRUE(m.write_protect);
}

static void test_cut_anywhere(void)
{
	struct hex six = hex_bytes(TGTD_6_ALL);
	struct hex ten = hex_bytes(TGTD_10);
	struct dsc_mode m;
	struct hex cut;

	for (size_t n = 0; n <= six.length; n++) {
		cut = hex_copy(six.data, n);
		CU_ASSERT_EQUAL(dsc_mode6_parse(cut.data, n, &m),
				n < 4 ? -EPROTO : 0);
		hex_free(&cut);
	}
	for (size_t n = 0; n <= ten.length; n++) {
		cut = hex_copy(ten.data, n);
		CU_ASSERT_EQUAL(dsc_mode10_parse(cut.data, n, &m),
				n < 8 ? -EPROTO : 0);
		hex_free(&cut);
	}
	hex_free(&six);
	hex_free(&ten);
}

static const struct dsc_test tests[] = {
	{ "tgtd and istgt", test_real },
	{ "header alone", test_header_alone },
	{ "other pages", test_other_pages },
	{ "lengths that lie", test_lies },
	{ "cut at every byte", test_cut_anywhere },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("mode", tests, argc, argv);
}
