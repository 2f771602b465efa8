/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-extended.c: the transmission phase with extended headers: every
 * reply is a chunk that names its request's offset, lengths have 64 bits, and a
 * flag says whether a payload follows. The disk is in memory, the client is the
 * test.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "harness/harness.h"
#include "nbd-bridge/client.h"
#include "unit/nbd-rig.h"

#define MIB (1u << 20)

/* A disk of more bytes than 32 bits count, of which the rig has the first. */
#define HUGE_BYTES (UINT64_C(64) << 30)

static uint8_t data[NBD_PAYLOAD_MAX + 512];
static struct rig_chunk chunk;

static void expect_chunk(struct rig *rig, int fd, unsigned type,
			 uint64_t cookie, uint64_t offset)
{
	CU_ASSERT_FATAL(rig_chunk_extended(rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, type);
	CU_ASSERT_EQUAL(chunk.flags, NBD_REPLY_FLAG_DONE);
	CU_ASSERT_EQUAL(chunk.cookie, cookie);
	CU_ASSERT_EQUAL(chunk.offset, offset);
}

static void expect_error(struct rig *rig, int fd, uint64_t cookie,
			 uint64_t offset, uint32_t error)
{
	expect_chunk(rig, fd, NBD_REPLY_TYPE_ERROR, cookie, offset);
	CU_ASSERT_FATAL(chunk.length >= 6);
	if (dsc_get_be32(chunk.data) != error)
		dsc_test_note("request %d: %u", (int)cookie,
			      dsc_get_be32(chunk.data));
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data), error);
}

/* The connection is in step: a read still works. */
static void expect_works(struct rig *rig, int fd)
{
	rig_ask_extended(rig, fd, NBD_CMD_READ, 0, 99, 8192, 4096);
	expect_chunk(rig, fd, NBD_REPLY_TYPE_OFFSET_DATA, 99, 8192);
	CU_ASSERT_EQUAL_FATAL(chunk.length, 8 + 4096);
	CU_ASSERT_EQUAL(dsc_get_be64(chunk.data), 8192);
	CU_ASSERT_EQUAL(memcmp(chunk.data + 8, rig->data + 8192, 4096), 0);
}

static void test_read(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	memset(rig.data + MIB, 0, MIB);
	fd = rig_connect_extended(&rig);
	expect_works(&rig, fd);
	rig_ask_extended(&rig, fd, NBD_CMD_READ, 0, 1, MIB, MIB);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_OFFSET_HOLE, 1, MIB);
	CU_ASSERT_EQUAL_FATAL(chunk.length, 12);
	CU_ASSERT_EQUAL(dsc_get_be64(chunk.data), MIB);
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data + 8), MIB);
	rig_ask_extended(&rig, fd, NBD_CMD_READ, NBD_CMD_FLAG_DF, 2, MIB,
			 65536);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_OFFSET_DATA, 2, MIB);
	rig_ask_extended(&rig, fd, NBD_CMD_READ, 0, 3, MIB, 0);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_NONE, 3, MIB);
	CU_ASSERT_EQUAL(chunk.length, 0);
	close(fd);
	rig_end(&rig);
}

/* What else there is: no reply is a simple one. */
static void test_commands(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	fd = rig_connect_extended(&rig);
	memset(data, 0x37, 131072);
	rig_ask_extended(&rig, fd, NBD_CMD_WRITE,
			 NBD_CMD_FLAG_PAYLOAD_LEN | NBD_CMD_FLAG_FUA, 1, MIB,
			 131072);
	rig_send(&rig, fd, data, 131072);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_NONE, 1, MIB);
	CU_ASSERT_EQUAL(rig.last_flags, DISCSI_IO_FUA);
	CU_ASSERT_EQUAL(memcmp(rig.data + MIB, data, 131072), 0);
	rig_ask_extended(&rig, fd, NBD_CMD_FLUSH, 0, 2, 0, 0);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_NONE, 2, 0);
	rig_ask_extended(&rig, fd, NBD_CMD_TRIM, 0, 3, 512, 512);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_NONE, 3, 512);
	rig_ask_extended(&rig, fd, NBD_CMD_WRITE_ZEROES,
			 NBD_CMD_FLAG_NO_HOLE, 4, 1024, 512);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_NONE, 4, 1024);
	rig_ask_extended(&rig, fd, NBD_CMD_CACHE, 0, 5, 1024, 512);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_NONE, 5, 1024);
	rig.fail_with = ENOSPC;
	rig_ask_extended(&rig, fd, NBD_CMD_TRIM, 0, 6, 512, 512);
	expect_error(&rig, fd, 6, 512, NBD_ENOSPC);
	rig.fail_with = 0;
	expect_works(&rig, fd);
	rig_ask_extended(&rig, fd, NBD_CMD_DISC, 0, 7, 0, 0);
	CU_ASSERT(rig_is_closed(&rig, fd));
	close(fd);
	rig_end(&rig);
}

/* Lengths above 32 bits reach the disk whole. */
static void test_long(void)
{
	static const struct {
		unsigned type;
		enum rig_kind kind;
	} commands[] = {
		{ NBD_CMD_TRIM, RIG_TRIM },
		{ NBD_CMD_WRITE_ZEROES, RIG_ZERO },
		{ NBD_CMD_BLOCK_STATUS, RIG_STATUS },
	};
	const uint64_t length = HUGE_BYTES - 512;
	struct rig rig;
	size_t i;
	int fd;

	rig_begin(&rig);
	rig.disk.bytes = HUGE_BYTES;
	rig.is_held = true;
	fd = rig_connect_extended(&rig);
	for (i = 0; i < 3; i++) {
		rig_ask_extended(&rig, fd, commands[i].type, 0, i, 512,
				 length);
		rig_settle(&rig);
		CU_ASSERT_EQUAL_FATAL(rig.pending, 1);
		CU_ASSERT_EQUAL(rig.calls[0].kind, commands[i].kind);
		CU_ASSERT_EQUAL(rig.calls[0].offset, 512);
		CU_ASSERT_EQUAL(rig.calls[0].length, length);
		rig.pending = 0;
		rig.calls[0].cb(rig.calls[0].arg, -EIO, NULL);
		expect_error(&rig, fd, i, 512, NBD_EIO);
	}
	rig_ask_extended(&rig, fd, NBD_CMD_TRIM, 0, 8, 512, HUGE_BYTES);
	expect_error(&rig, fd, 8, 512, NBD_EINVAL);
	rig_ask_extended(&rig, fd, NBD_CMD_WRITE_ZEROES, 0, 9, 512,
			 UINT64_MAX - 511);
	expect_error(&rig, fd, 9, 512, NBD_ENOSPC);
	rig_ask_extended(&rig, fd, NBD_CMD_READ, 0, 10, 0,
			 (UINT64_C(1) << 32) + 512);
	expect_error(&rig, fd, 10, 0, NBD_EINVAL);
	rig_ask_extended(&rig, fd, NBD_CMD_CACHE, 0, 11, 0,
			 (UINT64_C(1) << 32) + 512);
	expect_error(&rig, fd, 11, 0, NBD_EINVAL);
	CU_ASSERT_EQUAL(rig.pending, 0);
	rig.is_held = false;
	expect_works(&rig, fd);
	close(fd);
	rig_end(&rig);
}

static void test_block_status(void)
{
	static const struct discsi_extent extents[] = {
		{ 4096, 0 },
		{ 0, DISCSI_EXTENT_HOLE },
		{ UINT64_C(5) << 30, DISCSI_EXTENT_HOLE | DISCSI_EXTENT_ZERO },
		{ UINT64_C(1) << 40, DISCSI_EXTENT_ZERO },
	};
	static const struct {
		uint64_t length;
		uint64_t flags;
	} wanted[] = {
		{ 4096, 0 },
		{ UINT64_C(5) << 30, NBD_STATE_HOLE | NBD_STATE_ZERO },
		{ HUGE_BYTES - 4096 - (UINT64_C(5) << 30), NBD_STATE_ZERO },
	};
	struct rig_call call;
	struct rig rig;
	size_t i;
	int fd;

	rig_begin(&rig);
	rig.disk.bytes = HUGE_BYTES;
	fd = rig_connect_extended(&rig);
	rig.is_held = true;
	rig_ask_extended(&rig, fd, NBD_CMD_BLOCK_STATUS, 0, 1, 0, HUGE_BYTES);
	rig_settle(&rig);
	CU_ASSERT_EQUAL_FATAL(rig.pending, 1);
	call = rig.calls[0];
	rig.pending = 0;
	CU_ASSERT_EQUAL_FATAL(*call.count, NBD_EXTENTS_MAX);
	memcpy(call.extents, extents, sizeof(extents));
	*call.count = 4;
	call.cb(call.arg, 0, NULL);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, 1, 0);
	CU_ASSERT_EQUAL_FATAL(chunk.length, 8 + 3 * 16);
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data), NBD_CONTEXT_ALLOCATION);
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data + 4), 3);
	for (i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(dsc_get_be64(chunk.data + 8 + 16 * i),
				wanted[i].length);
		CU_ASSERT_EQUAL(dsc_get_be64(chunk.data + 16 + 16 * i),
				wanted[i].flags);
	}
	rig_ask_extended(&rig, fd, NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE,
			 2, 0, HUGE_BYTES);
	rig_settle(&rig);
	CU_ASSERT_EQUAL_FATAL(rig.pending, 1);
	CU_ASSERT_EQUAL(*rig.calls[0].count, 1);
	rig.calls[0].extents[0] = extents[3];
	rig.pending = 0;
	rig.calls[0].cb(rig.calls[0].arg, 0, NULL);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, 2, 0);
	CU_ASSERT_EQUAL_FATAL(chunk.length, 8 + 16);
	CU_ASSERT_EQUAL(dsc_get_be64(chunk.data + 8), HUGE_BYTES);
	close(fd);
	rig_end(&rig);
}

/* A payload where none belongs is passed over; a write without is refused. */
static void test_payloads(void)
{
	static const unsigned types[] = {
		NBD_CMD_READ, NBD_CMD_FLUSH, NBD_CMD_TRIM, NBD_CMD_CACHE,
		NBD_CMD_WRITE_ZEROES, NBD_CMD_BLOCK_STATUS, 8, 77,
	};
	static const uint32_t lengths[] = { 12, 512, 100000 };
	struct rig rig;
	size_t i, j;
	int fd;

	rig_begin(&rig);
	fd = rig_connect_extended(&rig);
	memset(data, 0x21, sizeof(data));
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (j = 0; j < 3; j++) {
			rig_ask_extended(&rig, fd, types[i],
					 NBD_CMD_FLAG_PAYLOAD_LEN, i, 0,
					 lengths[j]);
			rig_send(&rig, fd, data, lengths[j]);
			expect_error(&rig, fd, i, 0, NBD_EINVAL);
		}
	}
	rig_ask_extended(&rig, fd, NBD_CMD_WRITE, 0, 20, 0, 512);
	expect_error(&rig, fd, 20, 0, NBD_EINVAL);
	rig_ask_extended(&rig, fd, NBD_CMD_WRITE, NBD_CMD_FLAG_PAYLOAD_LEN, 21,
			 RIG_BYTES, 70000);
	rig_send(&rig, fd, data, 70000);
	expect_error(&rig, fd, 21, RIG_BYTES, NBD_ENOSPC);
	CU_ASSERT_EQUAL(rig.most_pending, 0);
	expect_works(&rig, fd);
	close(fd);
	rig_end(&rig);
}

/* A payload that is far too long ends the connection, and nobody else's. */
static void test_abuse(void)
{
	struct rig rig;
	int good, bad;

	rig_begin(&rig);
	good = rig_connect_extended(&rig);
	bad = rig_connect_extended(&rig);
	rig_ask_extended(&rig, bad, NBD_CMD_WRITE, NBD_CMD_FLAG_PAYLOAD_LEN, 1,
			 0, UINT64_C(1) << 32);
	CU_ASSERT(rig_is_closed(&rig, bad));
	close(bad);
	bad = rig_connect_extended(&rig);
	rig_ask(&rig, bad, NBD_CMD_READ, 0, 1, 0, 512);
	rig_ask(&rig, bad, NBD_CMD_READ, 0, 1, 0, 512);
	CU_ASSERT(rig_is_closed(&rig, bad));
	close(bad);
	expect_works(&rig, good);
	close(good);
	rig_end(&rig);
}

/* The server ends while a payload arrives. */
static void test_ending(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	fd = rig_connect_extended(&rig);
	rig.is_held = true;
	rig_ask_extended(&rig, fd, NBD_CMD_READ, 0, 1, 8192, 4096);
	rig_ask_extended(&rig, fd, NBD_CMD_WRITE, NBD_CMD_FLAG_PAYLOAD_LEN, 2,
			 0, 65536);
	rig_send(&rig, fd, data, 1000);
	rig_settle(&rig);
	nbd_server_drain(&rig.server);
	expect_error(&rig, fd, 2, 0, NBD_ESHUTDOWN);
	rig_send(&rig, fd, data, 65536 - 1000);
	rig_ask_extended(&rig, fd, NBD_CMD_FLUSH, 0, 3, 0, 0);
	expect_error(&rig, fd, 3, 0, NBD_ESHUTDOWN);
	rig_release(&rig);
	expect_chunk(&rig, fd, NBD_REPLY_TYPE_OFFSET_DATA, 1, 8192);
	CU_ASSERT(rig_is_closed(&rig, fd));
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 0);
	close(fd);
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "read", test_read },
	{ "commands", test_commands },
	{ "long", test_long },
	{ "block-status", test_block_status },
	{ "payloads", test_payloads },
	{ "abuse", test_abuse },
	{ "ending", test_ending },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-extended", tests, argc, argv);
}
