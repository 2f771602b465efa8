/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-lun.c: what a LUN does when all goes well, and what it does about
 * commands that a target does not have. Content is checked past the protocol.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake/fixture.h"
#include "harness/harness.h"

#define MIB (1u << 20)
#define DISK_BLOCKS 131072u  /* 64 MiB of 512 bytes */

static bool peek_is(struct fixture *f, uint64_t offset, const void *expected,
		    size_t length)
{
	void *found = malloc(length);
	bool is_same;

	fake_target_peek(f->target, offset, found, length);
	is_same = memcmp(found, expected, length) == 0;
	free(found);
	return is_same;
}

/* ------------------------------------------------------- reading, writing */

/* Writes and reads lengths around every limit, at an odd place. */
static void exercise(struct fixture *f)
{
	static const size_t lengths[] = {
		1, 2, 15, 16, 17, 31, 32, 127, 128, 129, 512, 513, 1024, 4097
	};
	uint32_t size = f->info.block_size;
	uint64_t offset = 3 * (uint64_t)size;
	size_t i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t length = lengths[i] * size;
		uint8_t *out = malloc(length);
		uint8_t *in = calloc(1, length);

		fixture_fill(out, length, (uint32_t)i + 1);
		CU_ASSERT_EQUAL(discsi_lun_write(f->lun, out, length, offset,
						 0), 0);
		CU_ASSERT_TRUE(peek_is(f, offset, out, length));
		CU_ASSERT_EQUAL(discsi_lun_read(f->lun, in, length, offset, 0),
				0);
		CU_ASSERT_EQUAL(memcmp(in, out, length), 0);
		free(out);
		free(in);
		offset += length + size;
	}
}

static void exercise_disk(const struct fake_disk *disk, const char *digest)
{
	struct fixture f;

	if (fixture_prepare(&f, disk)) {
		CU_ASSERT_EQUAL(discsi_conf_set(f.conf, "header_digest",
						digest), 0);
		if (fixture_open(&f))
			exercise(&f);
	}
	fixture_end(&f);
}

static void test_data_unsolicited(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };

	exercise_disk(&disk, "none");
}

static void test_data_solicited(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .initial_r2t = true,
		.no_immediate_data = true, .max_burst = 65536,
	};

	exercise_disk(&disk, "none");
}

static void test_data_digest_and_status(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .initial_r2t = true,
		.header_digest = true, .separate_status = true,
		.max_send = 65536,
	};

	exercise_disk(&disk, "require");
}

static void test_data_4k_blocks(void)
{
	const struct fake_disk disk = {
		.blocks = 16384, .block_size = 4096, .max_transfer = 16,
		.max_recv = 262144, .max_send = 262144, .window = 2,
	};

	exercise_disk(&disk, "prefer");
}

static void test_pieces_of_memory(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .max_transfer = 64,
	};
	uint8_t *data = malloc(MIB);
	uint8_t *back = calloc(1, MIB);
	struct iovec iov[64];
	struct fixture f;
	size_t used = 0;
	int count = 0;

	fixture_fill(data, MIB, 7);
	while (used < MIB) {
		size_t part = 1 + (size_t)count * 977 % 40000;

		if (part > MIB - used || count == 63)
			part = MIB - used;
		iov[count].iov_base = data + used;
		iov[count++].iov_len = part;
		used += part;
	}
	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(discsi_lun_writev(f.lun, iov, count, 512, 0),
				0);
		CU_ASSERT_TRUE(peek_is(&f, 512, data, MIB));
		memset(data, 0, MIB);
		CU_ASSERT_EQUAL(discsi_lun_readv(f.lun, iov, count, 512, 0), 0);
		fixture_fill(back, MIB, 7);
		CU_ASSERT_EQUAL(memcmp(data, back, MIB), 0);
	}
	fixture_end(&f);
	free(data);
	free(back);
}

static void test_beyond_2_tib(void)
{
	const struct fake_disk disk = { .blocks = UINT64_C(3) << 31 };
	uint64_t offset = (UINT64_C(5) << 39) + 512;
	uint8_t out[4096];
	uint8_t in[4096];
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(f.info.bytes, UINT64_C(3) << 40);
		fixture_fill(out, sizeof(out), 3);
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, out, sizeof(out),
						 offset, 0), 0);
		CU_ASSERT_TRUE(peek_is(&f, offset, out, sizeof(out)));
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, in, sizeof(in), offset,
						0), 0);
		CU_ASSERT_EQUAL(memcmp(in, out, sizeof(in)), 0);
	}
	fixture_end(&f);
}

static void test_bad_arguments(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };
	uint64_t end = DISK_BLOCKS * UINT64_C(512);
	uint8_t buf[1024];
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 512, 1, 0),
				-EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 511, 0, 0),
				-EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 512, 0, 0x80),
				-EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 512, end, 0),
				-ERANGE);
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, buf, 1024, end - 512,
						 0), -ERANGE);
		CU_ASSERT_EQUAL(discsi_lun_trim(f.lun, 0, UINT64_MAX - 511),
				-ERANGE);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, NULL, 512, 0, 0),
				-EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, NULL, 512, 0, 0),
				-EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, NULL, 0, 0, 0), 0);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 0, 0, 0), 0);
		CU_ASSERT_EQUAL(discsi_lun_zero(f.lun, 512, 0, 0), 0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x28), 0);
	}
	fixture_end(&f);
}

/* --------------------------------------------------- zeroing and trimming */

static void fill_disk(struct fixture *f, uint64_t offset, size_t length)
{
	uint8_t *data = malloc(length);

	memset(data, 0xa5, length);
	fake_target_poke(f->target, offset, data, length);
	free(data);
}

/* Zeroes 3 MiB and a bit; what is around it must stay. */
static void zero_and_check(struct fixture *f, unsigned flags)
{
	uint64_t offset = 1024;
	size_t length = 3 * MIB + 512;
	uint8_t *zeroes = calloc(1, length);
	uint8_t edge[512];

	memset(edge, 0xa5, sizeof(edge));
	fill_disk(f, 0, 4 * MIB);
	CU_ASSERT_EQUAL(discsi_lun_zero(f->lun, offset, length, flags), 0);
	CU_ASSERT_TRUE(peek_is(f, offset, zeroes, length));
	CU_ASSERT_TRUE(peek_is(f, offset - 512, edge, 512));
	CU_ASSERT_TRUE(peek_is(f, offset + length, edge, 512));
	free(zeroes);
}

static void test_zero_by_write_same(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .max_write_same = 1000,
	};
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_TRUE(f.info.can_zero);
		CU_ASSERT_FALSE(f.info.can_zero_unmap);
		zero_and_check(&f, DISCSI_ZERO_UNMAP | DISCSI_ZERO_FAST);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x93), 7);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x2a), 0);
	}
	fixture_end(&f);
}

static void test_zero_by_unmapping(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .max_write_same = 100000,
		.max_unmap = 100000, .is_thin = true, .unmap_granularity = 2048,
	};
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_TRUE(f.info.can_zero_unmap);
		zero_and_check(&f, DISCSI_ZERO_UNMAP);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x2a), 0);
	}
	fixture_end(&f);
}

static void test_zero_by_writing(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_FALSE(f.info.can_zero);
		zero_and_check(&f, 0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x93), 0);
		CU_ASSERT_EQUAL(discsi_lun_zero(f.lun, 0, 512,
						DISCSI_ZERO_FAST),
				-EOPNOTSUPP);
	}
	fixture_end(&f);
}

static void test_zero_refused_after_all(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .max_write_same = 1000,
		.claims_write_same = true,
	};
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		zero_and_check(&f, 0);
		CU_ASSERT_EQUAL(discsi_lun_get_info(f.lun, &f.info), 0);
		CU_ASSERT_FALSE(f.info.can_zero);
		CU_ASSERT_EQUAL(discsi_lun_zero(f.lun, 0, 512,
						DISCSI_ZERO_FAST),
				-EOPNOTSUPP);
		CU_ASSERT_TRUE(strstr(discsi_last_error()->message,
				      "does not support") != NULL);
	}
	fixture_end(&f);
}

static void test_trim(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .max_unmap = 2048, .is_thin = true,
	};
	uint8_t *zeroes = calloc(1, 4 * MIB);
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_TRUE(f.info.can_trim);
		fill_disk(&f, 0, 4 * MIB);
		CU_ASSERT_EQUAL(discsi_lun_trim(f.lun, 0, 4 * MIB), 0);
		CU_ASSERT_TRUE(peek_is(&f, 0, zeroes, 4 * MIB));
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x42), 4);
	}
	fixture_end(&f);
	free(zeroes);
}

static void test_trim_unsupported(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_FALSE(f.info.can_trim);
		CU_ASSERT_EQUAL(discsi_lun_trim(f.lun, 0, MIB), -EOPNOTSUPP);
	}
	fixture_end(&f);
}

/* ----------------------------------------------------------- block status */

static void test_block_status(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS, .is_thin = true };
	struct discsi_extent extents[40];
	size_t count = 40;
	uint8_t block[512] = { 1 };
	struct fixture f;
	int i;

	if (fixture_begin(&f, &disk)) {
		/* Every second of the first 20 mebibytes is written to. */
		for (i = 0; i < 20; i += 2)
			CU_ASSERT_EQUAL(discsi_lun_write(f.lun, block, 512,
							 (uint64_t)i * MIB, 0),
					0);
		CU_ASSERT_EQUAL(discsi_lun_block_status(f.lun, 512, 21 * MIB,
							extents, &count), 0);
		CU_ASSERT_EQUAL(count, 20);
		CU_ASSERT_EQUAL(extents[0].length, MIB - 512);
		CU_ASSERT_EQUAL(extents[0].flags, 0);
		CU_ASSERT_EQUAL(extents[1].length, MIB);
		CU_ASSERT_EQUAL(extents[1].flags,
				DISCSI_EXTENT_HOLE | DISCSI_EXTENT_ZERO);
		CU_ASSERT_EQUAL(extents[19].length, 45 * MIB);
		count = 3;
		CU_ASSERT_EQUAL(discsi_lun_block_status(f.lun, 0, 21 * MIB,
							extents, &count), 0);
		CU_ASSERT_EQUAL(count, 3);
	}
	fixture_end(&f);
}

static void test_block_status_unknown(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };
	struct discsi_extent extents[2];
	size_t count = 2;
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(discsi_lun_block_status(f.lun, 512, MIB,
							extents, &count), 0);
		CU_ASSERT_EQUAL(count, 1);
		CU_ASSERT_EQUAL(extents[0].length, MIB);
		CU_ASSERT_EQUAL(extents[0].flags, 0);
	}
	fixture_end(&f);
}

/* ------------------------------------------------------------ FUA, flush */

static void test_fua_understood(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .fua = true, .write_cache = true,
	};
	uint8_t buf[512] = { 0 };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, buf, 512, 0,
						 DISCSI_IO_FUA), 0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x35), 0);
		CU_ASSERT_EQUAL(discsi_lun_zero(f.lun, 0, 512, DISCSI_IO_FUA),
				0);
	}
	fixture_end(&f);
}

/* A cache, and no FUA: a flush follows, also after a zeroing. */
static void test_fua_by_flushing(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .write_cache = true,
		.max_write_same = 1000, .max_transfer = 8,
	};
	uint8_t buf[65536] = { 0 };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, buf, sizeof(buf), 0,
						 DISCSI_IO_FUA), 0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x35), 1);
		CU_ASSERT_EQUAL(discsi_lun_zero(f.lun, 0, 512, DISCSI_IO_FUA),
				0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x35), 2);
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, buf, 512, 0, 0), 0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x35), 2);
	}
	fixture_end(&f);
}

/* A cache may be turned on at any time: none at first is none to rely on. */
static void test_fua_without_a_cache(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .max_write_same = 1000,
	};
	uint8_t buf[512] = { 0 };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_FALSE(f.info.write_cache);
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, buf, 512, 0,
						 DISCSI_IO_FUA), 0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x35), 1);
		CU_ASSERT_EQUAL(discsi_lun_zero(f.lun, 0, 512, DISCSI_IO_FUA),
				0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x35), 2);
	}
	fixture_end(&f);
}

static void test_flush(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(discsi_lun_flush(f.lun), 0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x35), 1);
	}
	fixture_end(&f);
}

static void test_flush_unknown(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .has_no_sync = true,
	};
	struct fixture f;

	if (fixture_begin(&f, &disk))
		CU_ASSERT_EQUAL(discsi_lun_flush(f.lun), 0);
	fixture_end(&f);
}

/* ------------------------------------------------------------------ facts */

static void test_info(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .write_cache = true, .max_transfer = 64,
	};
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_STRING_EQUAL(f.info.vendor, "DISCSI");
		CU_ASSERT_STRING_EQUAL(f.info.product, "Fake disk");
		CU_ASSERT_STRING_EQUAL(f.info.serial, "FAKE0001");
		CU_ASSERT_STRING_EQUAL(f.info.designator,
				       "naa.50014052daf00d01");
		CU_ASSERT_EQUAL(f.info.bytes, 64 * MIB);
		CU_ASSERT_EQUAL(f.info.max_transfer_bytes, 32768);
		CU_ASSERT_TRUE(f.info.write_cache);
		CU_ASSERT_FALSE(f.info.thin);
		CU_ASSERT_FALSE(f.info.read_only);
	}
	fixture_end(&f);
}

static void test_capacity10_fallback(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .has_no_capacity16 = true,
		.has_no_mode = true,
	};
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(f.info.blocks, DISK_BLOCKS);
		CU_ASSERT_EQUAL(discsi_lun_refresh(f.lun), 0);
	}
	fixture_end(&f);
}

static void test_refresh_takes_a_new_size(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };
	uint8_t buf[512];
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		fake_target_resize(f.target, 2 * DISK_BLOCKS);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 512,
						f.info.bytes, 0), -ERANGE);
		CU_ASSERT_EQUAL(discsi_lun_refresh(f.lun), 0);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 512,
						f.info.bytes, 0), 0);
		CU_ASSERT_EQUAL(discsi_lun_get_info(f.lun, &f.info), 0);
		CU_ASSERT_EQUAL(f.info.blocks, 2 * DISK_BLOCKS);
	}
	fixture_end(&f);
}

static void test_write_protected(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .write_protect = true,
	};
	uint8_t buf[512] = { 0 };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_TRUE(f.info.read_only);
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, buf, 512, 0, 0),
				-EROFS);
		CU_ASSERT_EQUAL(discsi_lun_zero(f.lun, 0, 512, 0), -EROFS);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 512, 0, 0), 0);
	}
	fixture_end(&f);
}

/* Write protection is told also where there is no caching page. */
static void test_write_protected_without_cache(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .write_protect = true, .fua = true,
		.has_no_caching_page = true,
	};
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_TRUE(f.info.read_only);
		CU_ASSERT_TRUE(f.info.fua);
		CU_ASSERT_FALSE(f.info.write_cache);
	}
	fixture_end(&f);
}

static void test_read_only_by_configuration(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };
	uint8_t buf[512] = { 0 };
	struct fixture f;

	if (fixture_prepare(&f, &disk)) {
		CU_ASSERT_EQUAL(discsi_conf_set(f.conf, "read_only", "true"),
				0);
		if (fixture_open(&f))
			CU_ASSERT_EQUAL(discsi_lun_write(f.lun, buf, 512, 0, 0),
					-EROFS);
	}
	fixture_end(&f);
}

static void test_expected_id(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };
	struct fixture f;

	if (fixture_prepare(&f, &disk)) {
		discsi_conf_set(f.conf, "expected_id", "naa.another");
		CU_ASSERT_EQUAL(discsi_session_open(f.ctx, f.conf, &f.session),
				0);
		CU_ASSERT_EQUAL(discsi_lun_open(f.session, 0, &f.lun), -ESTALE);
		CU_ASSERT_PTR_NULL(f.lun);
		CU_ASSERT_TRUE(strstr(discsi_last_error()->message,
				      "FAKE0001") != NULL);
		discsi_session_close(f.session);
		discsi_conf_set(f.conf, "expected_id", "FAKE0001");
		fixture_open(&f);
	}
	fixture_end(&f);
}

static void test_discovery_and_report_luns(void)
{
	const struct fake_disk disk = { .blocks = DISK_BLOCKS };
	struct discsi_discovery *found = NULL;
	uint64_t *luns = NULL;
	size_t count = 0;
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(discsi_discover(f.ctx, f.conf, &found), 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(found);
		CU_ASSERT_EQUAL(found->ntargets, 1);
		CU_ASSERT_STRING_EQUAL(found->targets[0].target, FAKE_IQN);
		CU_ASSERT_STRING_EQUAL(found->targets[0].portals[0].address,
				       "127.0.0.1");
		CU_ASSERT_EQUAL(discsi_session_report_luns(f.session, &luns,
							   &count), 0);
		CU_ASSERT_EQUAL(count, 1);
		free(luns);
		discsi_discovery_free(found);
	}
	fixture_end(&f);
}

static const struct dsc_test tests[] = {
	{ "data_unsolicited", test_data_unsolicited },
	{ "data_solicited", test_data_solicited },
	{ "data_digest_and_status", test_data_digest_and_status },
	{ "data_4k_blocks", test_data_4k_blocks },
	{ "pieces_of_memory", test_pieces_of_memory },
	{ "beyond_2_tib", test_beyond_2_tib },
	{ "bad_arguments", test_bad_arguments },
	{ "zero_by_write_same", test_zero_by_write_same },
	{ "zero_by_unmapping", test_zero_by_unmapping },
	{ "zero_by_writing", test_zero_by_writing },
	{ "zero_refused_after_all", test_zero_refused_after_all },
	{ "trim", test_trim },
	{ "trim_unsupported", test_trim_unsupported },
	{ "block_status", test_block_status },
	{ "block_status_unknown", test_block_status_unknown },
	{ "fua_understood", test_fua_understood },
	{ "fua_by_flushing", test_fua_by_flushing },
	{ "fua_without_a_cache", test_fua_without_a_cache },
	{ "flush", test_flush },
	{ "flush_unknown", test_flush_unknown },
	{ "info", test_info },
	{ "capacity10_fallback", test_capacity10_fallback },
	{ "refresh_takes_a_new_size", test_refresh_takes_a_new_size },
	{ "write_protected", test_write_protected },
	{ "write_protected_without_cache", test_write_protected_without_cache },
	{ "read_only_by_configuration", test_read_only_by_configuration },
	{ "expected_id", test_expected_id },
	{ "discovery_and_report_luns", test_discovery_and_report_luns },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("lun", tests, argc, argv);
}
