/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-split.c: pieces of a request cover it once, stay below the limit and
 * end at boundaries; ranges shrink to whole units; iovec arrays are walked.
 */
#include <string.h>

#include "harness/harness.h"
#include "scsi/split.h"

static void test_without_granularity(void)
{
	CU_ASSERT_EQUAL(dsc_split_next(0, 100, 512, 0, 0), 100);
	CU_ASSERT_EQUAL(dsc_split_next(0, 512, 512, 0, 0), 512);
	CU_ASSERT_EQUAL(dsc_split_next(0, 513, 512, 0, 0), 512);
	CU_ASSERT_EQUAL(dsc_split_next(1000, 1000, 512, 0, 0), 0);
	CU_ASSERT_EQUAL(dsc_split_next(UINT64_MAX - 700, UINT64_MAX, 512, 0, 0),
			512);
}

static void test_with_granularity(void)
{
	/* up to the boundary first, then whole units */
	CU_ASSERT_EQUAL(dsc_split_next(512, 100000, 4096, 4096, 0), 3584);
	CU_ASSERT_EQUAL(dsc_split_next(4096, 100000, 4096, 4096, 0), 4096);
	CU_ASSERT_EQUAL(dsc_split_next(512, 100000, 10240, 4096, 0), 7680);
	/* counted from an alignment, also one behind the offset */
	CU_ASSERT_EQUAL(dsc_split_next(0, 100000, 4096, 4096, 512), 512);
	CU_ASSERT_EQUAL(dsc_split_next(0, 100000, 4096, 4096, 8192 + 512), 512);
	CU_ASSERT_EQUAL(dsc_split_next(512, 100000, 4096, 4096, 512), 4096);
	/* units that are larger than the limit do not count */
	CU_ASSERT_EQUAL(dsc_split_next(512, 100000, 4096, 8192, 0), 4096);
	/* nor does it matter for what fits anyway */
	CU_ASSERT_EQUAL(dsc_split_next(512, 3000, 4096, 4096, 0), 2488);
}

/* Whatever the numbers, pieces add up and all but the ends are aligned. */
static void test_covers_all(void)
{
	for (uint64_t granularity = 0; granularity <= 12; granularity++) {
		for (uint64_t start = 0; start < 13; start++) {
			uint64_t offset = start;
			uint64_t alignment = start * 5 % 11;
			uint64_t piece;

			while (offset < 101) {
				piece = dsc_split_next(offset, 101, 10,
						       granularity, alignment);
				CU_ASSERT_FATAL(piece > 0 && piece <= 10);
				offset += piece;
				if (offset == 101 || granularity == 0 ||
				    granularity > 10)
					continue;
				CU_ASSERT_EQUAL((offset + 11 * granularity -
						 alignment) % granularity, 0);
			}
			CU_ASSERT_EQUAL(offset, 101);
		}
	}
}

static void test_iov_length(void)
{
	char a[10], b[20];
	struct iovec iov[3] = { { a, 10 }, { NULL, 0 }, { b, 20 } };
	size_t length = 77;

	CU_ASSERT_TRUE(dsc_iov_length(iov, 3, &length));
	CU_ASSERT_EQUAL(length, 30);
	CU_ASSERT_TRUE(dsc_iov_length(NULL, 0, &length));
	CU_ASSERT_EQUAL(length, 0);
	CU_ASSERT_FALSE(dsc_iov_length(iov, -1, &length));
	CU_ASSERT_FALSE(dsc_iov_length(NULL, 1, &length));
	iov[1].iov_len = 1;
	CU_ASSERT_FALSE(dsc_iov_length(iov, 3, &length));
	iov[1].iov_base = a;
	iov[1].iov_len = SIZE_MAX - 10;
	CU_ASSERT_FALSE(dsc_iov_length(iov, 3, &length));
}

static void test_iov_advance(void)
{
	char a[10], b[20];
	struct iovec iov[4] = { { a, 10 }, { NULL, 0 }, { b, 20 }, { a, 0 } };
	struct dsc_iov_cursor cursor = { iov, 4, 0 };

	dsc_iov_advance(&cursor, 0);
	CU_ASSERT_PTR_EQUAL(cursor.iov, iov);
	dsc_iov_advance(&cursor, 9);
	CU_ASSERT_PTR_EQUAL(cursor.iov, iov);
	CU_ASSERT_EQUAL(cursor.skip, 9);
	dsc_iov_advance(&cursor, 1);
	CU_ASSERT_PTR_EQUAL(cursor.iov, &iov[2]);
	CU_ASSERT_EQUAL(cursor.iovcnt, 2);
	CU_ASSERT_EQUAL(cursor.skip, 0);
	dsc_iov_advance(&cursor, 5);
	CU_ASSERT_EQUAL(cursor.skip, 5);
	dsc_iov_advance(&cursor, 15);
	CU_ASSERT_EQUAL(cursor.iovcnt, 0);
	dsc_iov_advance(&cursor, 0);
	CU_ASSERT_EQUAL(cursor.iovcnt, 0);
}

static const struct dsc_test tests[] = {
	{ "pieces without granularity", test_without_granularity },
	{ "pieces with granularity", test_with_granularity },
	{ "pieces cover everything once", test_covers_all },
	{ "length of an iovec array", test_iov_length },
	{ "walking an iovec array", test_iov_advance },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("split", tests, argc, argv);
}
