/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-tool-units.c: how sizes, rates and times look to people, and the line
 * that shows the progress of a copy.
 */
#include <string.h>

#include "harness/harness.h"
#include "tools/progress.h"
#include "tools/units.h"

#define S UINT64_C(1000000000)
#define MIB UINT64_C(1048576)

static const struct size {
	uint64_t bytes;
	const char *text;
} sizes[] = {
	{ 0, "0 B" },
	{ 1, "1 B" },
	{ 512, "512 B" },
	{ 1023, "1023 B" },
	{ 1024, "1 KiB" },
	{ 1536, "1.5 KiB" },
	{ MIB - 1, "1 MiB" },
	{ MIB, "1 MiB" },
	{ 100 * MIB, "100 MiB" },
	{ 10 * 1024 * MIB + 300 * MIB, "10.3 GiB" },
	{ UINT64_C(1000204886016), "931.5 GiB" },
	{ UINT64_C(3) << 40, "3 TiB" },
	{ UINT64_C(1) << 60, "1 EiB" },
	{ UINT64_MAX, "16 EiB" },
};

static void test_bytes(void)
{
	char text[UNITS_MAX];
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		CU_ASSERT_STRING_EQUAL(units_bytes(text, sizes[i].bytes),
				       sizes[i].text);
}

static void test_rate(void)
{
	char text[UNITS_MAX];

	CU_ASSERT_STRING_EQUAL(units_rate(text, MIB, 0), "-");
	CU_ASSERT_STRING_EQUAL(units_rate(text, 0, S), "0 B/s");
	CU_ASSERT_STRING_EQUAL(units_rate(text, MIB, S / 2), "2 MiB/s");
	CU_ASSERT_STRING_EQUAL(units_rate(text, UINT64_C(1) << 44, 4 * S),
			       "4 TiB/s");
}

static void test_duration(void)
{
	char text[UNITS_MAX];

	CU_ASSERT_STRING_EQUAL(units_duration(text, 7), "0:07");
	CU_ASSERT_STRING_EQUAL(units_duration(text, 754), "12:34");
	CU_ASSERT_STRING_EQUAL(units_duration(text, 3723), "1:02:03");
	CU_ASSERT_STRING_EQUAL(units_duration(text, UINT64_MAX),
			       "more than 99 h");
}

static void test_us(void)
{
	char text[UNITS_MAX];

	CU_ASSERT_STRING_EQUAL(units_us(text, 0), "0 us");
	CU_ASSERT_STRING_EQUAL(units_us(text, 512), "512 us");
	CU_ASSERT_STRING_EQUAL(units_us(text, 1024), "2 ms");
	CU_ASSERT_STRING_EQUAL(units_us(text, 1 << 20), "2 s");
	CU_ASSERT_STRING_EQUAL(units_us(text, UINT64_C(1) << 31), "2148 s");
}

/* ---------------------------------------------------------------- progress */

static struct progress half_way(void)
{
	struct progress progress;

	progress_begin(&progress, false, "Copying", 100 * MIB, 5 * S);
	progress.done = 50 * MIB;
	progress_measure(&progress, 10 * S);
	return progress;
}

static void test_line(void)
{
	struct progress progress = half_way();
	char line[256];

	progress_line(&progress, 80, line, sizeof(line));
	CU_ASSERT(strstr(line, "Copying  50% [") == line);
	CU_ASSERT(strstr(line, "=>") != NULL);
	CU_ASSERT(strstr(line, "] 50 MiB of 100 MiB  10 MiB/s  0:05 left") !=
		  NULL);
	CU_ASSERT(strlen(line) < 80);
}

static void test_line_narrow(void)
{
	struct progress progress = half_way();
	char line[256];

	progress_line(&progress, 60, line, sizeof(line));
	CU_ASSERT_STRING_EQUAL(line, "Copying  50% 50 MiB of 100 MiB  "
			       "10 MiB/s  0:05 left");
	progress_line(&progress, 20, line, sizeof(line));
	CU_ASSERT(strlen(line) < 20);
}

static void test_line_wide(void)
{
	struct progress progress = half_way();
	char line[256];

	progress_line(&progress, 100000, line, sizeof(line));
	CU_ASSERT(strlen(line) < 120);
}

/* Before anything is known there is no rate and no time. */
static void test_line_begin(void)
{
	struct progress progress;
	char line[256];

	progress_begin(&progress, false, "Copying", 0, S);
	progress_line(&progress, 80, line, sizeof(line));
	CU_ASSERT(strstr(line, "100%") != NULL);
	progress_begin(&progress, false, "Copying", MIB, S);
	progress_line(&progress, 80, line, sizeof(line));
	CU_ASSERT(strstr(line, "  0%") != NULL);
	CU_ASSERT(strstr(line, "left") == NULL);
}

/* One slow measurement does not turn the rate over. */
static void test_smooth(void)
{
	struct progress progress = half_way();

	progress_measure(&progress, 11 * S);
	CU_ASSERT(progress.rate > 5.0 * (double)MIB);
	progress_measure(&progress, 11 * S);
	CU_ASSERT(progress.rate > 5.0 * (double)MIB);
}

static const struct dsc_test tests[] = {
	{ "us", test_us },
	{ "bytes", test_bytes },
	{ "rate", test_rate },
	{ "duration", test_duration },
	{ "line", test_line },
	{ "line-narrow", test_line_narrow },
	{ "line-wide", test_line_wide },
	{ "line-begin", test_line_begin },
	{ "smooth", test_smooth },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("tool-units", tests, argc, argv);
}
