/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-buffers.c: the pool of request memory: sizes, use of the same piece
 * again, the budget, and who is refused.
 */
#include <errno.h>
#include <string.h>

#include "harness/harness.h"
#include "nbd-bridge/buffers.h"

#define BUDGET ((size_t)1 << 20)

static struct nbd_pool pool;

static void begin(void)
{
	nbd_pool_init(&pool, BUDGET);
}

static void end(void)
{
	CU_ASSERT_EQUAL(pool.used, 0);
	nbd_pool_fini(&pool);
	CU_ASSERT_EQUAL(pool.spare, 0);
}

static void test_sizes(void)
{
	static const struct { size_t length, bytes; } cases[] = {
		{ 1, 4096 }, { 512, 4096 }, { 4096, 4096 }, { 4097, 8192 },
		{ 8192, 8192 }, { 8193, 16384 }, { 65536, 65536 },
		{ 65537, 131072 }, { 1000000, 1 << 20 }, { 1 << 20, 1 << 20 },
		{ (32u << 20) - 511, 32u << 20 }, { 32u << 20, 32u << 20 },
	};
	struct nbd_account account = { 0 };
	struct nbd_buffer buffer = { NULL, 0 };
	size_t i;

	begin();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &account,
						   cases[i].length, &buffer),
				      0);
		CU_ASSERT_EQUAL(account.held, cases[i].bytes);
		CU_ASSERT_EQUAL(pool.used, cases[i].bytes);
		CU_ASSERT_EQUAL((uintptr_t)buffer.data % 4096, 0);
		buffer.data[0] = 1;
		buffer.data[cases[i].length - 1] = 1;
		nbd_pool_put(&pool, &account, &buffer);
		CU_ASSERT_PTR_NULL(buffer.data);
		CU_ASSERT_EQUAL(account.held, 0);
		CU_ASSERT(pool.spare <= BUDGET);
	}
	nbd_pool_put(&pool, &account, &buffer);
	end();
}

static void test_last_in_first_out(void)
{
	struct nbd_account account = { 0 };
	struct nbd_buffer a, b, c;
	uint8_t *hot;

	begin();
	CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &account, 4096, &a), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &account, 4096, &b), 0);
	CU_ASSERT_PTR_NOT_EQUAL(a.data, b.data);
	hot = b.data;
	nbd_pool_put(&pool, &account, &a);
	nbd_pool_put(&pool, &account, &b);
	CU_ASSERT_EQUAL(pool.spare, 8192);
	CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &account, 1000, &c), 0);
	CU_ASSERT_PTR_EQUAL(c.data, hot);
	CU_ASSERT_EQUAL(pool.spare, 4096);
	nbd_pool_put(&pool, &account, &c);
	end();
}

static void test_budget(void)
{
	struct nbd_account one = { 0 }, two = { 0 }, three = { 0 };
	struct nbd_buffer a, b, c, refused;

	begin();
	CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &one, BUDGET / 2, &a), 0);
	CU_ASSERT_EQUAL(nbd_pool_get(&pool, &one, 4096, &refused), -EAGAIN);
	CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &two, BUDGET / 2, &b), 0);
	CU_ASSERT_EQUAL(nbd_pool_get(&pool, &two, 4096, &refused), -EAGAIN);

	/* Nothing is left, but whoever has nothing gets one piece. */
	CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &three, BUDGET, &c), 0);
	CU_ASSERT_EQUAL(pool.used, 2 * BUDGET);
	CU_ASSERT_EQUAL(nbd_pool_get(&pool, &three, 4096, &refused), -EAGAIN);

	/* What exceeds the budget is not kept. */
	nbd_pool_put(&pool, &three, &c);
	CU_ASSERT_EQUAL(pool.spare, 0);
	nbd_pool_put(&pool, &two, &b);
	CU_ASSERT_EQUAL(pool.spare, BUDGET / 2);
	CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &two, 4096, &b), 0);
	nbd_pool_put(&pool, &two, &b);
	nbd_pool_put(&pool, &one, &a);
	end();
}

/* Pieces of one size make room for those of another. */
static void test_change_of_size(void)
{
	struct nbd_account accounts[2] = { { 0 }, { 0 } };
	struct nbd_buffer small[2][128], large[2];
	size_t i, j;

	begin();
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 128; j++)
			CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &accounts[i],
							   4096, &small[i][j]),
					      0);
	}
	CU_ASSERT_EQUAL(pool.used, BUDGET);
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 128; j++)
			nbd_pool_put(&pool, &accounts[i], &small[i][j]);
	}
	CU_ASSERT_EQUAL(pool.spare, BUDGET);
	for (i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &accounts[i],
						   BUDGET / 2, &large[i]), 0);
		memset(large[i].data, 1, BUDGET / 2);
	}
	CU_ASSERT_EQUAL(pool.used, BUDGET);
	CU_ASSERT_EQUAL(pool.spare, 0);
	for (i = 0; i < 2; i++)
		nbd_pool_put(&pool, &accounts[i], &large[i]);
	end();
}

/* No request that a kernel sends makes a reserved pool ask for memory. */
static void test_reserved(void)
{
	static const size_t lengths[] = { 512, 4096, 16384, 65536, 262144,
					  1 << 20 };
	static struct nbd_buffer buffers[128];
	struct nbd_account account = { 0 };
	void *memory;
	size_t i, j;
	int rc;

	nbd_pool_init(&pool, (size_t)64 << 20);
	memory = nbd_reserve_map(1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
	nbd_pool_reserve(&pool, memory, 1);
	CU_ASSERT_EQUAL(pool.spare, NBD_RESERVE_BYTES);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		rc = 0;
		for (j = 0; j < 128 && rc == 0; j++) {
			rc = nbd_pool_get(&pool, &account, lengths[i],
					  &buffers[j]);
			CU_ASSERT_EQUAL(pool.used + pool.spare,
					NBD_RESERVE_BYTES);
		}
		CU_ASSERT(rc == 0 || rc == -EAGAIN);
		CU_ASSERT(rc == 0 || account.held > 0);
		CU_ASSERT(lengths[i] > 16384 || j == 128);
		while (j > 0)
			nbd_pool_put(&pool, &account, &buffers[--j]);
		CU_ASSERT_EQUAL(pool.spare, NBD_RESERVE_BYTES);
	}
	/* What is larger than any of them waits until it is alone. */
	CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &account, 512, &buffers[0]),
			      0);
	CU_ASSERT_EQUAL(nbd_pool_get(&pool, &account, 2u << 20, &buffers[1]),
			-EAGAIN);
	nbd_pool_put(&pool, &account, &buffers[0]);
	CU_ASSERT_EQUAL_FATAL(nbd_pool_get(&pool, &account, 2u << 20,
					   &buffers[1]), 0);
	memset(buffers[1].data, 1, 2u << 20);
	nbd_pool_put(&pool, &account, &buffers[1]);
	end();
}

static const struct dsc_test tests[] = {
	{ "sizes", test_sizes },
	{ "last-in-first-out", test_last_in_first_out },
	{ "budget", test_budget },
	{ "change-of-size", test_change_of_size },
	{ "reserved", test_reserved },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-buffers", tests, argc, argv);
}
