/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-tool-plan.c: cutting a source into chunks: every byte once, in order,
 * aligned, and never called empty when it is not.
 */
#include <errno.h>
#include <string.h>

#include "harness/harness.h"
#include "tools/copy-plan.h"

#define ALIGN 4096
#define DATA_MAX (64 * 1024)
#define ZERO_MAX (256 * 1024)

struct extent {
	uint64_t length;
	bool is_zero;
};

struct source {
	const struct extent *extents;
	size_t count;
	int error;     /* instead of an answer */
};

static int get_extent(void *arg, uint64_t offset, uint64_t *length,
		      bool *is_zero)
{
	const struct source *source = arg;
	uint64_t begin = 0;
	size_t i;

	if (source->error != 0)
		return source->error;
	for (i = 0; i < source->count; i++) {
		uint64_t end = begin + source->extents[i].length;

		if (offset < end) {
			*length = end - offset;
			*is_zero = source->extents[i].is_zero;
			return 0;
		}
		begin = end;
	}
	*length = 0;
	return 0;
}

static struct copy_plan make_plan(struct source *source, uint64_t bytes)
{
	return (struct copy_plan){
		.bytes = bytes,
		.align = ALIGN,
		.data_max = DATA_MAX,
		.zero_max = ZERO_MAX,
		.extent = get_extent,
		.arg = source,
	};
}

/* True if the source has data in a range. */
static bool has_data(struct source *source, uint64_t offset, uint64_t length)
{
	uint64_t end = offset + length;
	uint64_t part;
	bool is_zero;

	while (offset < end && get_extent(source, offset, &part, &is_zero) ==
	       0 && part > 0) {
		if (!is_zero)
			return true;
		offset += part;
	}
	return false;
}

/* Takes a plan to its end; returns how many bytes it calls empty. */
static uint64_t check_plan(struct source *source, uint64_t bytes)
{
	struct copy_plan plan = make_plan(source, bytes);
	struct copy_chunk chunk;
	uint64_t zeroes = 0;
	uint64_t next = 0;
	int status;

	while ((status = copy_plan_next(&plan, &chunk)) == 1) {
		CU_ASSERT_EQUAL_FATAL(chunk.offset, next);
		CU_ASSERT_FATAL(chunk.length > 0);
		CU_ASSERT(chunk.length <= (chunk.is_zero ? ZERO_MAX :
					   DATA_MAX));
		next += chunk.length;
		CU_ASSERT(next % ALIGN == 0 || next == bytes);
		if (chunk.is_zero)
			zeroes += chunk.length;
		if (chunk.is_zero)
			CU_ASSERT(!has_data(source, chunk.offset,
					    chunk.length));
	}
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_EQUAL(next, bytes);
	return zeroes;
}

static void test_empty_source(void)
{
	struct source source = { NULL, 0, -EIO };

	CU_ASSERT_EQUAL(check_plan(&source, 0), 0);
}

static void test_data(void)
{
	static const struct extent extents[] = { { 1000001, false } };
	struct source source = { extents, 1, 0 };

	CU_ASSERT_EQUAL(check_plan(&source, 1000001), 0);
}

static void test_hole(void)
{
	static const struct extent extents[] = { { 1000001, true } };
	struct source source = { extents, 1, 0 };

	CU_ASSERT_EQUAL(check_plan(&source, 1000001), 1000001);
}

static void test_aligned(void)
{
	static const struct extent extents[] = {
		{ ALIGN, false }, { 10 * ALIGN, true }, { 5 * ALIGN, false },
		{ 100 * ALIGN, true },
	};
	struct source source = { extents, 4, 0 };

	CU_ASSERT_EQUAL(check_plan(&source, 116 * ALIGN), 110 * ALIGN);
}

/* Ends of data inside a unit: the unit is data. */
static void test_unaligned(void)
{
	static const struct extent extents[] = {
		{ 5000, true }, { 100, false }, { 20000, true },
		{ 7, false }, { 1, true }, { 3, false }, { 50000, true },
	};
	struct source source = { extents, 7, 0 };

	CU_ASSERT_EQUAL(check_plan(&source, 75111), 75111 - 2 * ALIGN);
}

/* Neighbours of the same kind, and an extent beyond the end. */
static void test_odd_extents(void)
{
	static const struct extent extents[] = {
		{ ALIGN, true }, { ALIGN, true }, { 512, false },
		{ 512, false }, { UINT64_MAX / 2, true },
	};
	struct source source = { extents, 5, 0 };

	CU_ASSERT_EQUAL(check_plan(&source, 100 * ALIGN + 512),
			99 * ALIGN + 512);
}

static void test_small_source(void)
{
	static const struct extent extents[] = { { 10, true }, { 1, false } };
	struct source source = { extents, 2, 0 };

	CU_ASSERT_EQUAL(check_plan(&source, 11), 0);
	CU_ASSERT_EQUAL(check_plan(&source, 10), 10);
}

static void test_errors(void)
{
	static const struct extent extents[] = { { ALIGN, false } };
	struct source source = { extents, 1, -ENOTCONN };
	struct copy_plan plan = make_plan(&source, 10 * ALIGN);
	struct copy_chunk chunk;

	CU_ASSERT_EQUAL(copy_plan_next(&plan, &chunk), -ENOTCONN);
	source.error = 0;
	CU_ASSERT_EQUAL(copy_plan_next(&plan, &chunk), 1);
	/* An answer of no length would never come to an end. */
	CU_ASSERT_EQUAL(copy_plan_next(&plan, &chunk), -EPROTO);
}

static const struct dsc_test tests[] = {
	{ "empty-source", test_empty_source },
	{ "data", test_data },
	{ "hole", test_hole },
	{ "aligned", test_aligned },
	{ "unaligned", test_unaligned },
	{ "odd-extents", test_odd_extents },
	{ "small-source", test_small_source },
	{ "errors", test_errors },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("tool-plan", tests, argc, argv);
}
