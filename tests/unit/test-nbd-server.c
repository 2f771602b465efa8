/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-server.c: the transmission phase as a client sees it: every command,
 * every error, replies in any order, requests in any pieces. The disk is in
 * memory, the client is the test.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "harness/harness.h"
#include "nbd-bridge/client.h"
#include "unit/nbd-rig.h"

#define MIB (1u << 20)

static uint8_t data[4 << 20], wanted[4 << 20];
static struct rig_chunk chunk;

/* Reads with simple replies and compares with what the disk holds. */
static void expect_read(struct rig *rig, int fd, uint64_t offset,
			uint32_t length)
{
	CU_ASSERT_EQUAL(rig_call(rig, fd, NBD_CMD_READ, 0, offset, length), 0);
	CU_ASSERT_FATAL(rig_receive(rig, fd, data, length));
	CU_ASSERT_EQUAL(memcmp(data, rig->data + offset, length), 0);
}

static void expect_write(struct rig *rig, int fd, unsigned flags,
			 uint64_t offset, uint32_t length)
{
	uint64_t cookie;
	uint32_t i;

	for (i = 0; i < length; i++)
		wanted[i] = (uint8_t)(offset + i * 7);
	rig_ask(rig, fd, NBD_CMD_WRITE, flags, 5, offset, length);
	rig_send(rig, fd, wanted, length);
	CU_ASSERT_EQUAL(rig_simple(rig, fd, &cookie), 0);
	CU_ASSERT_EQUAL(cookie, 5);
	CU_ASSERT_EQUAL(memcmp(rig->data + offset, wanted, length), 0);
}

static void test_read_write(void)
{
	static const uint32_t lengths[] = {
		512, 4096, 8192, 16384, 65024, 65536, 262144, 1048576, 4 << 20,
	};
	struct rig rig;
	size_t i;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		expect_read(&rig, fd, 512 * i, lengths[i]);
		expect_write(&rig, fd, 0, 1024 * i, lengths[i]);
		expect_read(&rig, fd, 512 * i, lengths[i]);
	}
	expect_read(&rig, fd, RIG_BYTES - 512, 512);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_FLUSH, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(rig.counts[RIG_FLUSH], 1);
	close(fd);
	rig_end(&rig);
}

/* A request of length 0 asks for nothing, and that is what is done. */
static void test_empty(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_READ, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_WRITE, 0, 512, 0), 0);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_TRIM, 0, 512, 0), 0);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_WRITE_ZEROES, 0, 512, 0),
			0);
	CU_ASSERT_EQUAL(rig.most_pending, 0);
	expect_read(&rig, fd, 0, 512);
	close(fd);
	rig_end(&rig);
}

static void test_flags(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	expect_write(&rig, fd, 0, 0, 4096);
	CU_ASSERT_EQUAL(rig.last_flags, 0);
	expect_write(&rig, fd, NBD_CMD_FLAG_FUA, 0, 4096);
	CU_ASSERT_EQUAL(rig.last_flags, DISCSI_IO_FUA);

	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_WRITE_ZEROES, 0, 0, 4096),
			0);
	CU_ASSERT_EQUAL(rig.last_flags, DISCSI_ZERO_UNMAP);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_WRITE_ZEROES,
				 NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FUA,
				 0, 4096), 0);
	CU_ASSERT_EQUAL(rig.last_flags, DISCSI_IO_FUA);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_WRITE_ZEROES,
				 NBD_CMD_FLAG_FAST_ZERO, 0, 4096), 0);
	CU_ASSERT_EQUAL(rig.last_flags, DISCSI_ZERO_UNMAP | DISCSI_ZERO_FAST);

	/* A trim has no FUA in the library: a flush makes up for it. */
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_TRIM, 0, 0, 4096), 0);
	CU_ASSERT_EQUAL(rig.counts[RIG_FLUSH], 0);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_TRIM, NBD_CMD_FLAG_FUA, 0,
				 4096), 0);
	CU_ASSERT_EQUAL(rig.counts[RIG_TRIM], 2);
	CU_ASSERT_EQUAL(rig.counts[RIG_FLUSH], 1);

	/* Everything takes FUA, even what it means nothing to. */
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_FLUSH, NBD_CMD_FLAG_FUA, 0,
				 0), 0);
	close(fd);
	rig_end(&rig);
}

static void test_refused(void)
{
	static const struct {
		unsigned type, flags;
		uint64_t offset;
		uint32_t length, error;
	} cases[] = {
		{ NBD_CMD_READ, 0, 1, 512, NBD_EINVAL },
		{ NBD_CMD_READ, 0, 0, 513, NBD_EINVAL },
		{ NBD_CMD_READ, 0, RIG_BYTES, 512, NBD_EINVAL },
		{ NBD_CMD_READ, 0, RIG_BYTES - 512, 1024, NBD_EINVAL },
		{ NBD_CMD_READ, 0, UINT64_MAX - 511, 512, NBD_EINVAL },
		{ NBD_CMD_READ, 0, UINT64_MAX - 511, 1024, NBD_EINVAL },
		{ NBD_CMD_READ, 0, 0, 0xfffffe00, NBD_EINVAL },
		{ NBD_CMD_READ, 0, 0, (32u << 20) + 512, NBD_EINVAL },
		{ NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, 512, NBD_EINVAL },
		{ NBD_CMD_READ, 0x8000, 0, 512, NBD_EINVAL },
		{ NBD_CMD_READ, NBD_CMD_FLAG_NO_HOLE, 0, 512, NBD_EINVAL },
		{ NBD_CMD_FLUSH, 0, 512, 0, NBD_EINVAL },
		{ NBD_CMD_FLUSH, 0, 0, 512, NBD_EINVAL },
		{ NBD_CMD_TRIM, 0, 0, 100, NBD_EINVAL },
		{ NBD_CMD_TRIM, 0, RIG_BYTES, 512, NBD_EINVAL },
		{ NBD_CMD_WRITE_ZEROES, 0, RIG_BYTES, 512, NBD_ENOSPC },
		{ NBD_CMD_BLOCK_STATUS, 0, 0, 4096, NBD_EINVAL },
		{ NBD_CMD_CACHE, NBD_CMD_FLAG_DF, 0, 4096, NBD_EINVAL },
		{ NBD_CMD_CACHE, 0, RIG_BYTES, 512, NBD_EINVAL },
		{ NBD_CMD_CACHE, 0, 0, (32u << 20) + 512, NBD_EINVAL },
		{ NBD_CMD_READ, NBD_CMD_FLAG_PAYLOAD_LEN, 0, 512, NBD_EINVAL },
		{ 8, 0, 0, 4096, NBD_EINVAL },
		{ 0xffff, 0, 0, 4096, NBD_EINVAL },
	};
	struct rig rig;
	size_t i;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t error = rig_call(&rig, fd, cases[i].type,
					  cases[i].flags, cases[i].offset,
					  cases[i].length);

		if (error != cases[i].error)
			dsc_test_note("case %zu: %u", i, error);
		CU_ASSERT_EQUAL(error, cases[i].error);
	}
	CU_ASSERT_EQUAL(rig.most_pending, 0);
	expect_read(&rig, fd, 0, 512);
	close(fd);
	rig_end(&rig);
}

/* What a refused write carries is passed over, however long it is. */
static void test_refused_writes(void)
{
	static const struct {
		uint64_t offset;
		uint32_t length, error;
	} cases[] = {
		{ RIG_BYTES, 512, NBD_ENOSPC },
		{ RIG_BYTES - 512, 70000, NBD_ENOSPC },
		{ 1, 512, NBD_EINVAL },
		{ 0, 300001, NBD_EINVAL },
		{ 0, (32u << 20) + 512, NBD_EINVAL },
	};
	uint64_t cookie;
	struct rig rig;
	uint32_t sent;
	size_t i;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	memset(data, 0x25, sizeof(data));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_ask(&rig, fd, NBD_CMD_WRITE, 0, i, cases[i].offset,
			cases[i].length);
		for (sent = 0; sent < cases[i].length;) {
			uint32_t part = cases[i].length - sent;

			if (part > sizeof(data))
				part = sizeof(data);
			rig_send(&rig, fd, data, part);
			sent += part;
		}
		CU_ASSERT_EQUAL(rig_simple(&rig, fd, &cookie), cases[i].error);
		CU_ASSERT_EQUAL(cookie, i);
		expect_read(&rig, fd, 4096, 4096);
		memset(data, 0x25, sizeof(data));
	}
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 0);
	close(fd);
	rig_end(&rig);
}

static void test_read_only(void)
{
	uint64_t cookie;
	struct rig rig;
	int fd;

	rig_begin(&rig);
	rig.disk.is_read_only = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig_ask(&rig, fd, NBD_CMD_WRITE, 0, 9, 0, 4096);
	rig_send(&rig, fd, wanted, 4096);
	CU_ASSERT_EQUAL(rig_simple(&rig, fd, &cookie), NBD_EPERM);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_TRIM, 0, 0, 4096),
			NBD_EPERM);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_WRITE_ZEROES, 0, 0, 4096),
			NBD_EPERM);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_FLUSH, 0, 0, 0), 0);
	expect_read(&rig, fd, 0, 4096);
	close(fd);
	rig_end(&rig);
}

static void test_abilities(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	rig.disk.can_trim = false;
	rig.disk.can_zero_fast = false;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_TRIM, 0, 0, 4096),
			NBD_EINVAL);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_WRITE_ZEROES,
				 NBD_CMD_FLAG_FAST_ZERO, 0, 4096),
			NBD_EINVAL);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_WRITE_ZEROES, 0, 0, 4096),
			0);

	/* It can sometimes: "not supported" is the answer when it cannot. */
	rig.disk.can_zero_fast = true;
	rig.fail_with = EOPNOTSUPP;
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_WRITE_ZEROES,
				 NBD_CMD_FLAG_FAST_ZERO, 0, 4096),
			NBD_ENOTSUP);
	rig.fail_with = 0;
	close(fd);
	rig_end(&rig);
}

/* A read whose data goes nowhere. */
static void test_cache(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_CACHE, 0, 512, 65536), 0);
	CU_ASSERT_EQUAL(rig.counts[RIG_READ], 1);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_CACHE, 0, 512, 0), 0);
	CU_ASSERT_EQUAL(rig.counts[RIG_READ], 1);
	rig.fail_with = EIO;
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_CACHE, 0, 0, 512), NBD_EIO);
	rig.fail_with = 0;
	expect_read(&rig, fd, 0, 512);
	close(fd);
	rig_end(&rig);
}

static void test_disk_errors(void)
{
	static const struct {
		int errnum;
		uint32_t error;
	} cases[] = {
		{ EIO, NBD_EIO }, { ENODATA, NBD_EIO }, { ETIMEDOUT, NBD_EIO },
		{ ENOTCONN, NBD_EIO }, { EROFS, NBD_EPERM },
		{ ENOSPC, NBD_ENOSPC }, { EOPNOTSUPP, NBD_EINVAL },
		{ ENOMEM, NBD_ENOMEM }, { ECANCELED, NBD_ESHUTDOWN },
		{ ERANGE, NBD_EINVAL },
	};
	struct rig rig;
	size_t i;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig.fail_with = cases[i].errnum;
		CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_READ, 0, 0, 4096),
				cases[i].error);
		CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_TRIM,
					 NBD_CMD_FLAG_FUA, 0, 4096),
				cases[i].error);
	}
	rig.fail_with = 0;
	rig.is_refusing = true;
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_READ, 0, 0, 4096), NBD_EIO);
	rig.is_refusing = false;
	expect_read(&rig, fd, 0, 4096);
	close(fd);
	rig_end(&rig);
}

static void test_structured(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	fd = rig_connect_structured(&rig);
	rig_ask(&rig, fd, NBD_CMD_READ, NBD_CMD_FLAG_DF, 77, 8192, 65536);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_OFFSET_DATA);
	CU_ASSERT_EQUAL(chunk.flags, NBD_REPLY_FLAG_DONE);
	CU_ASSERT_EQUAL(chunk.cookie, 77);
	CU_ASSERT_EQUAL(chunk.length, 65536 + 8);
	CU_ASSERT_EQUAL(dsc_get_be64(chunk.data), 8192);
	CU_ASSERT_EQUAL(memcmp(chunk.data + 8, rig.data + 8192, 65536), 0);

	rig_ask(&rig, fd, NBD_CMD_READ, 0, 78, 8192, 0);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_NONE);
	CU_ASSERT_EQUAL(chunk.length, 0);

	/* An error comes with its sentence. */
	rig.fail_with = EIO;
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 79, 8192, 4096);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_ERROR);
	CU_ASSERT_EQUAL(chunk.flags, NBD_REPLY_FLAG_DONE);
	CU_ASSERT_EQUAL(chunk.cookie, 79);
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data), NBD_EIO);
	CU_ASSERT_EQUAL_FATAL(dsc_get_be16(chunk.data + 4), 12);
	CU_ASSERT_EQUAL(chunk.length, 6 + 12);
	CU_ASSERT_EQUAL(memcmp(chunk.data + 6, "it is broken", 12), 0);
	rig.fail_with = 0;

	rig_ask(&rig, fd, NBD_CMD_READ, 0, 80, 1, 4096);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_ERROR);
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data), NBD_EINVAL);
	CU_ASSERT_EQUAL_FATAL(dsc_get_be16(chunk.data + 4), 32);
	CU_ASSERT_EQUAL(chunk.length, 6 + 32);
	CU_ASSERT_EQUAL(memcmp(chunk.data + 6,
			       "not aligned to the disk's blocks", 32), 0);

	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_FLUSH, 0, 0, 0), 0);
	close(fd);
	rig_end(&rig);
}

/* Zeroes are said, not sent, where that is worth a look. */
static void test_hole(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	memset(rig.data + MIB, 0, MIB);
	fd = rig_connect_structured(&rig);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 77, MIB, MIB);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_OFFSET_HOLE);
	CU_ASSERT_EQUAL(chunk.flags, NBD_REPLY_FLAG_DONE);
	CU_ASSERT_EQUAL(chunk.cookie, 77);
	CU_ASSERT_EQUAL_FATAL(chunk.length, 12);
	CU_ASSERT_EQUAL(dsc_get_be64(chunk.data), MIB);
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data + 8), MIB);

	/* In one piece is in one piece, and a byte of data is data. */
	rig_ask(&rig, fd, NBD_CMD_READ, NBD_CMD_FLAG_DF, 78, MIB, 65536);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_OFFSET_DATA);
	CU_ASSERT_EQUAL(chunk.length, 8 + 65536);
	rig.data[MIB + 65535] = 1;
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 79, MIB, 65536);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_OFFSET_DATA);
	CU_ASSERT_EQUAL(memcmp(chunk.data + 8, rig.data + MIB, 65536), 0);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 80, MIB, 4096);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_OFFSET_DATA);
	close(fd);

	/* Simple replies know nothing of it. */
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	expect_read(&rig, fd, MIB + 65536, 131072);
	close(fd);
	rig_end(&rig);
}

/* What is too long for one piece is not too long for the protocol. */
static void test_overflow(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	fd = rig_connect_structured(&rig);
	rig_ask(&rig, fd, NBD_CMD_READ, NBD_CMD_FLAG_DF, 1, 0,
		NBD_PAYLOAD_MAX + 512);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data), NBD_EOVERFLOW);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 2, 0, NBD_PAYLOAD_MAX + 512);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data), NBD_EINVAL);
	close(fd);
	rig_end(&rig);
}

static void expect_descriptor(size_t i, uint32_t length, uint32_t flags)
{
	CU_ASSERT_FATAL(chunk.length >= 4 + 8 * (i + 1));
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data + 4 + 8 * i), length);
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data + 8 + 8 * i), flags);
}

static void test_block_status(void)
{
	static const struct discsi_extent extents[] = {
		{ 4096, 0 },
		{ 0, DISCSI_EXTENT_HOLE },
		{ 8192, DISCSI_EXTENT_HOLE | DISCSI_EXTENT_ZERO },
		{ UINT64_C(1) << 40, DISCSI_EXTENT_ZERO },
	};
	struct rig rig;
	int fd;

	rig_begin(&rig);
	rig.status = extents;
	rig.nstatus = 4;
	fd = rig_connect_structured(&rig);
	rig_ask(&rig, fd, NBD_CMD_BLOCK_STATUS, 0, 1, 0, 65536);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_BLOCK_STATUS);
	CU_ASSERT_EQUAL(chunk.flags, NBD_REPLY_FLAG_DONE);
	CU_ASSERT_EQUAL_FATAL(chunk.length, 4 + 3 * 8);
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data), NBD_CONTEXT_ALLOCATION);
	expect_descriptor(0, 4096, 0);
	expect_descriptor(1, 8192, NBD_STATE_HOLE | NBD_STATE_ZERO);
	expect_descriptor(2, 65536 - 12288, NBD_STATE_ZERO);

	rig_ask(&rig, fd, NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE, 2, 0,
		65536);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.length, 4 + 8);
	expect_descriptor(0, 4096, 0);

	rig_ask(&rig, fd, NBD_CMD_BLOCK_STATUS, 0, 3, 0, 512);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.length, 4 + 8);
	expect_descriptor(0, 512, 0);

	/* Nothing told is an error, not an empty answer. */
	rig.nstatus = 0;
	rig_ask(&rig, fd, NBD_CMD_BLOCK_STATUS, 0, 4, 0, 512);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_ERROR);
	rig_ask(&rig, fd, NBD_CMD_BLOCK_STATUS, 0, 5, RIG_BYTES, 512);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(dsc_get_be32(chunk.data), NBD_EINVAL);
	close(fd);
	rig_end(&rig);
}

/* As many requests as fit one write, answered last first. */
static void test_pipelined(void)
{
	enum { COUNT = 100 };
	static uint8_t requests[COUNT * NBD_REQUEST_SIZE];
	bool is_seen[COUNT] = { false };
	uint64_t cookie;
	struct rig rig;
	unsigned i;
	int fd;

	rig_begin(&rig);
	rig.is_backwards = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < COUNT; i++)
		rig_request(requests + i * NBD_REQUEST_SIZE, NBD_CMD_READ, 0,
			    i, i * 4096, 4096);
	rig_send(&rig, fd, requests, sizeof(requests));
	for (i = 0; i < COUNT; i++) {
		CU_ASSERT_EQUAL_FATAL(rig_simple(&rig, fd, &cookie), 0);
		CU_ASSERT_FATAL(cookie < COUNT && !is_seen[cookie]);
		is_seen[cookie] = true;
		CU_ASSERT_FATAL(rig_receive(&rig, fd, data, 4096));
		CU_ASSERT_EQUAL(memcmp(data, rig.data + cookie * 4096, 4096),
				0);
	}
	CU_ASSERT_EQUAL(rig.most_pending, COUNT);
	close(fd);
	rig_end(&rig);
}

/* Mixed sizes, cut at every place: nothing depends on how bytes arrive. */
static void test_pieces(void)
{
	static const struct {
		unsigned type;
		uint32_t length;
	} mix[] = {
		{ NBD_CMD_WRITE, 512 }, { NBD_CMD_READ, 512 },
		{ NBD_CMD_WRITE, 20480 }, { NBD_CMD_WRITE, 4096 },
		{ NBD_CMD_FLUSH, 0 }, { NBD_CMD_WRITE, 131072 },
		{ NBD_CMD_WRITE, 131072 }, { NBD_CMD_READ, 1024 },
		{ NBD_CMD_WRITE, 0 }, { NBD_CMD_WRITE, 65536 },
	};
	enum { COUNT = sizeof(mix) / sizeof(mix[0]) };
	static const size_t cuts[] = { 1, 27, 28, 29, 500, 4096, 65536, 65537 };
	uint8_t *stream = data;
	uint64_t cookie;
	struct rig rig;
	size_t length, at, c, i;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++) {
		length = 0;
		for (i = 0; i < COUNT; i++) {
			rig_request(stream + length, mix[i].type, 0, i,
				    mix[i].type == NBD_CMD_FLUSH ? 0 :
				    i * 262144, mix[i].length);
			length += NBD_REQUEST_SIZE;
			if (mix[i].type != NBD_CMD_WRITE)
				continue;
			memset(stream + length, (int)(c * 16 + i),
			       mix[i].length);
			length += mix[i].length;
		}
		for (at = 0; at < length; at += cuts[c]) {
			rig_send(&rig, fd, stream + at,
				 length - at < cuts[c] ? length - at : cuts[c]);
			if (cuts[c] > 1)
				discsi_context_dispatch(rig.ctx, 0);
		}
		for (i = 0; i < COUNT; i++) {
			CU_ASSERT_EQUAL_FATAL(rig_simple(&rig, fd, &cookie),
					      0);
			CU_ASSERT_FATAL(cookie < COUNT);
			if (mix[cookie].type == NBD_CMD_READ)
				CU_ASSERT(rig_receive(&rig, fd, wanted,
						      mix[cookie].length));
		}
		for (i = 0; i < COUNT; i++) {
			if (mix[i].type != NBD_CMD_WRITE)
				continue;
			memset(wanted, (int)(c * 16 + i), mix[i].length);
			CU_ASSERT_EQUAL(memcmp(rig.data + i * 262144, wanted,
					       mix[i].length), 0);
		}
	}
	close(fd);
	rig_end(&rig);
}

/* DISC: what was asked before it is answered, and then the end. */
static void test_disconnect(void)
{
	uint64_t cookie;
	struct rig rig;
	int fd;

	rig_begin(&rig);
	rig.is_held = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 1, 0, 4096);
	rig_ask(&rig, fd, NBD_CMD_DISC, 0, 2, 0, 0);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 3, 0, 4096);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.counts[RIG_READ], 1);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig_simple(&rig, fd, &cookie), 0);
	CU_ASSERT_EQUAL(cookie, 1);
	CU_ASSERT(rig_receive(&rig, fd, data, 4096));
	CU_ASSERT(rig_is_closed(&rig, fd));
	CU_ASSERT_EQUAL(rig.gone, 1);
	close(fd);
	rig_end(&rig);
}

/* A client that has closed its sending side still gets its replies. */
static void test_half_closed(void)
{
	uint64_t cookie;
	struct rig rig;
	int fd;

	rig_begin(&rig);
	rig.is_held = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 1, 0, 65536);
	shutdown(fd, SHUT_WR);
	rig_settle(&rig);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig_simple(&rig, fd, &cookie), 0);
	CU_ASSERT(rig_receive(&rig, fd, data, 65536));
	CU_ASSERT(rig_is_closed(&rig, fd));
	close(fd);
	rig_end(&rig);
}

/* The handshake and the first requests in one piece. */
static void test_eager_client(void)
{
	static const uint8_t opening[] =
		"\0\0\0\3" "IHAVEOPT" "\0\0\0\1" "\0\0\0\4" "disk";
	uint8_t bytes[sizeof(opening) - 1 + NBD_REQUEST_SIZE];
	uint8_t greeting[NBD_GREETING_SIZE + 10];
	uint64_t cookie;
	struct rig rig;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_SOCKET);
	memcpy(bytes, opening, sizeof(opening) - 1);
	rig_request(bytes + sizeof(opening) - 1, NBD_CMD_READ, 0, 4, 512, 512);
	rig_send(&rig, fd, bytes, sizeof(bytes));
	CU_ASSERT(rig_receive(&rig, fd, greeting, sizeof(greeting)));
	CU_ASSERT_EQUAL(dsc_get_be64(greeting + NBD_GREETING_SIZE), RIG_BYTES);
	CU_ASSERT_EQUAL(rig_simple(&rig, fd, &cookie), 0);
	CU_ASSERT(rig_receive(&rig, fd, data, 512));
	CU_ASSERT_EQUAL(memcmp(data, rig.data + 512, 512), 0);
	close(fd);
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "read-write", test_read_write },
	{ "empty", test_empty },
	{ "flags", test_flags },
	{ "refused", test_refused },
	{ "refused-writes", test_refused_writes },
	{ "read-only", test_read_only },
	{ "abilities", test_abilities },
	{ "cache", test_cache },
	{ "disk-errors", test_disk_errors },
	{ "structured", test_structured },
	{ "hole", test_hole },
	{ "overflow", test_overflow },
	{ "block-status", test_block_status },
	{ "pipelined", test_pipelined },
	{ "pieces", test_pieces },
	{ "disconnect", test_disconnect },
	{ "half-closed", test_half_closed },
	{ "eager-client", test_eager_client },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-server", tests, argc, argv);
}
