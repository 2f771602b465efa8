/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-pipes.c: replies of which the disk has left the data, or a part of
 * it, in a pipe. The client cannot tell.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"
#include "nbd-bridge/client.h"
#include "unit/nbd-rig.h"

#define LENGTH 262144u

static uint8_t data[LENGTH];

static void begin(struct rig *rig, size_t piped)
{
	rig_begin(rig);
	rig->piped = piped;
}

static void end(struct rig *rig, int fd)
{
	close(fd);
	rig_settle(rig);
	CU_ASSERT_EQUAL(rig->server.pipes.spares, rig->server.pipes.count);
	rig_end(rig);
}

static void expect_data(struct rig *rig, int fd, uint64_t offset,
			uint32_t length)
{
	uint64_t cookie = 0;

	CU_ASSERT_EQUAL(rig_simple(rig, fd, &cookie), 0);
	CU_ASSERT_EQUAL(cookie, offset);
	CU_ASSERT_FATAL(rig_receive(rig, fd, data, length));
	CU_ASSERT_EQUAL(memcmp(data, rig->data + offset, length), 0);
}

static void ask(struct rig *rig, int fd, uint64_t offset, uint32_t length)
{
	rig_ask(rig, fd, NBD_CMD_READ, 0, offset, offset, length);
}

/* All of it, a part and nothing of it in the pipe, replies behind replies. */
static void test_parts(void)
{
	static const size_t parts[] = { 0, 1, 65535, 65536, LENGTH };
	struct rig rig;
	size_t i;
	int fd;

	begin(&rig, 0);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		rig.piped = parts[i];
		rig.is_held = true;
		ask(&rig, fd, 4096, LENGTH);
		ask(&rig, fd, 0, 4096);
		ask(&rig, fd, 1 << 20, LENGTH);
		ask(&rig, fd, 2 << 20, 65536);
		rig_release(&rig);
		expect_data(&rig, fd, 4096, LENGTH);
		expect_data(&rig, fd, 0, 4096);
		expect_data(&rig, fd, 1 << 20, LENGTH);
		expect_data(&rig, fd, 2 << 20, 65536);
	}
	CU_ASSERT_EQUAL(rig.server.pipes.count, 3);
	end(&rig, fd);
}

/* More reads than there are pipes; and the socket is full in between. */
static void test_many(void)
{
	struct rig rig;
	uint64_t i;
	int fd;

	begin(&rig, 100000);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig.is_held = true;
	for (i = 0; i < NBD_PIPES_MAX + 8; i++)
		ask(&rig, fd, i * 4096, LENGTH);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.server.pipes.count, NBD_PIPES_MAX);
	rig_release(&rig);
	for (i = 0; i < NBD_PIPES_MAX + 8; i++)
		expect_data(&rig, fd, i * 4096, LENGTH);
	end(&rig, fd);
}

/* A hole is seen where the data is in the buffer, and not looked for else. */
static void test_structured(void)
{
	static struct rig_chunk chunk;
	struct rig rig;
	int fd;

	begin(&rig, 0);
	fd = rig_connect_structured(&rig);
	memset(rig.data, 0, 65536);
	ask(&rig, fd, 0, 65536);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_OFFSET_HOLE);
	rig.piped = 4096;
	ask(&rig, fd, 0, 65536);
	CU_ASSERT_FATAL(rig_chunk(&rig, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.type, NBD_REPLY_TYPE_OFFSET_DATA);
	CU_ASSERT_EQUAL_FATAL(chunk.length, 65536 + 8);
	CU_ASSERT_EQUAL(memcmp(chunk.data + 8, rig.data, 65536), 0);
	end(&rig, fd);
}

/* What a failed read has left in its pipe goes nowhere. */
static void test_failure(void)
{
	struct rig rig;
	uint64_t cookie;
	int fd;

	begin(&rig, 100000);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig.fail_with = EIO;
	ask(&rig, fd, 4096, LENGTH);
	CU_ASSERT_EQUAL(rig_simple(&rig, fd, &cookie), NBD_EIO);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.server.pipes.count, 0);
	rig.fail_with = 0;
	ask(&rig, fd, 4096, LENGTH);
	expect_data(&rig, fd, 4096, LENGTH);
	end(&rig, fd);
}

/* The client goes while a reply is half sent: no signal, no pipe is lost. */
static void test_vanish(void)
{
	struct rig rig;
	int good, bad;

	begin(&rig, LENGTH);
	good = rig_connect(&rig, NBD_CLIENT_KERNEL);
	bad = rig_connect(&rig, NBD_CLIENT_KERNEL);
	ask(&rig, bad, 0, LENGTH);
	ask(&rig, bad, 4096, LENGTH);
	CU_ASSERT(rig_receive(&rig, bad, data, 1000));
	close(bad);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.gone, 1);
	CU_ASSERT_EQUAL(rig.server.pipes.spares, rig.server.pipes.count);
	ask(&rig, good, 4096, LENGTH);
	expect_data(&rig, good, 4096, LENGTH);
	end(&rig, good);
}

static const struct dsc_test tests[] = {
	{ "parts", test_parts },
	{ "many", test_many },
	{ "structured", test_structured },
	{ "failure", test_failure },
	{ "vanish", test_vanish },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-pipes", tests, argc, argv);
}
