/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-pass.c: clients that are passed from one server to another between
 * two requests, and servers that pause and go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "harness/harness.h"
#include "nbd-rig.h"

static uint8_t data[1 << 20];

/* Sends the first bytes of a request, and later the others. */
static void send_part(struct rig *rig, int fd, const uint8_t *request,
		      size_t from, size_t to)
{
	rig_send(rig, fd, request + from, to - from);
	rig_settle(rig);
}

/* Lets the other server have the one client, and ends the first server. */
static void pass_on(struct rig *from, struct rig *to)
{
	struct nbd_passed passed;
	int fd;

	CU_ASSERT(nbd_server_is_quiet(&from->server));
	CU_ASSERT_FATAL(nbd_server_pass(&from->server, &passed));
	fd = fcntl(passed.fd, F_DUPFD_CLOEXEC, 0);
	CU_ASSERT_FATAL(fd >= 0);
	passed.fd = fd;
	CU_ASSERT_EQUAL_FATAL(nbd_server_adopt(&to->server, &passed, NULL,
					       NULL), 0);
	CU_ASSERT(!nbd_server_pass(&from->server, &passed));
	nbd_server_drop(&from->server);
	rig_settle(from);
	rig_end(from);
}

static void expect_read(struct rig *rig, int fd, uint64_t offset,
			uint32_t length)
{
	uint64_t cookie;

	CU_ASSERT_EQUAL(rig_simple(rig, fd, &cookie), 0);
	CU_ASSERT(rig_receive(rig, fd, data, length));
	CU_ASSERT_EQUAL(memcmp(data, rig->data + offset, length), 0);
}

/* A request that is cut anywhere is answered by the one who has the rest. */
static void test_cut(void)
{
	uint8_t request[NBD_REQUEST_SIZE];
	struct rig first, second;
	size_t cut;
	int fd;

	for (cut = 0; cut <= sizeof(request); cut += 7) {
		rig_begin(&first);
		rig_begin(&second);
		fd = rig_connect(&first, NBD_CLIENT_KERNEL);
		rig_request(request, NBD_CMD_READ, 0, 9, 4096, 4096);
		send_part(&first, fd, request, 0, cut == sizeof(request) ?
			  0 : cut);
		nbd_server_pause(&first.server);
		rig_settle(&first);
		if (cut == sizeof(request))
			send_part(&first, fd, request, 0, cut);
		pass_on(&first, &second);
		send_part(&second, fd, request, cut, sizeof(request));
		expect_read(&second, fd, 4096, 4096);
		close(fd);
		rig_settle(&second);
		rig_end(&second);
	}
}

/* What is under way is done first, by the one who has begun it. */
static void test_under_way(void)
{
	struct rig first, second;
	int fd;

	rig_begin(&first);
	rig_begin(&second);
	first.is_held = true;
	fd = rig_connect(&first, NBD_CLIENT_KERNEL);
	rig_ask(&first, fd, NBD_CMD_READ, 0, 1, 0, 512);
	rig_settle(&first);
	nbd_server_pause(&first.server);
	rig_ask(&first, fd, NBD_CMD_READ, 0, 2, 1024, 512);
	rig_settle(&first);
	CU_ASSERT_EQUAL(first.pending, 1);
	CU_ASSERT(!nbd_server_is_quiet(&first.server));
	rig_release(&first);
	rig_settle(&first);
	expect_read(&first, fd, 0, 512);
	pass_on(&first, &second);
	expect_read(&second, fd, 1024, 512);
	close(fd);
	rig_settle(&second);
	rig_end(&second);
}

/* A write that is arriving arrives; what comes behind it goes on. */
static void test_arriving(void)
{
	uint8_t write[NBD_REQUEST_SIZE + 65536 + NBD_REQUEST_SIZE];
	struct rig first, second;
	uint64_t cookie;
	int fd;

	rig_begin(&first);
	rig_begin(&second);
	memset(write, 0x77, sizeof(write));
	rig_request(write, NBD_CMD_WRITE, 0, 1, 0, 65536);
	rig_request(write + NBD_REQUEST_SIZE + 65536, NBD_CMD_READ, 0, 2, 512,
		    512);
	fd = rig_connect(&first, NBD_CLIENT_KERNEL);
	send_part(&first, fd, write, 0, 20000);
	nbd_server_pause(&first.server);
	rig_settle(&first);
	CU_ASSERT(!nbd_server_is_quiet(&first.server));
	send_part(&first, fd, write, 20000, sizeof(write));
	CU_ASSERT_EQUAL(rig_simple(&first, fd, &cookie), 0);
	CU_ASSERT_EQUAL(cookie, 1);
	CU_ASSERT_EQUAL(first.data[65535], 0x77);
	CU_ASSERT_EQUAL(first.counts[RIG_READ], 0);
	pass_on(&first, &second);
	expect_read(&second, fd, 512, 512);
	close(fd);
	rig_settle(&second);
	rig_end(&second);
}

/* A deadline of the loop comes before what is sent at the end of its turn. */
static void test_done_in_the_same_turn(void)
{
	struct rig_call call;
	struct rig rig;
	int fd;

	rig_begin(&rig);
	rig.is_held = true;
	fd = rig_connect_plain(&rig);
	rig_ask(&rig, fd, NBD_CMD_FLUSH, 0, 1, 0, 0);
	rig_settle(&rig);
	nbd_server_pause(&rig.server);
	rig_settle(&rig);
	CU_ASSERT_EQUAL_FATAL(rig.pending, 1);
	CU_ASSERT(!nbd_server_is_held_up(&rig.server));
	call = rig.calls[0];
	rig.pending = 0;
	call.cb(call.arg, 0, NULL);
	CU_ASSERT(!nbd_server_is_quiet(&rig.server));
	CU_ASSERT(!nbd_server_is_held_up(&rig.server));
	rig_settle(&rig);
	CU_ASSERT(nbd_server_is_quiet(&rig.server));
	close(fd);
	rig_settle(&rig);
	rig_end(&rig);
}

/* Who does not send all of a write, or does not take a reply. */
static void test_held_up(void)
{
	uint8_t write[NBD_REQUEST_SIZE + 512];
	struct rig rig;
	int fd;

	rig_begin(&rig);
	memset(write, 0x77, sizeof(write));
	rig_request(write, NBD_CMD_WRITE, 0, 1, 0, 512);
	fd = rig_connect_plain(&rig);
	send_part(&rig, fd, write, 0, 100);
	nbd_server_pause(&rig.server);
	rig_settle(&rig);
	CU_ASSERT(nbd_server_is_held_up(&rig.server));
	send_part(&rig, fd, write, 100, sizeof(write));
	CU_ASSERT(!nbd_server_is_held_up(&rig.server));
	CU_ASSERT(nbd_server_is_quiet(&rig.server));
	nbd_server_resume(&rig.server);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 2, 0, RIG_BYTES);
	rig_settle(&rig);
	nbd_server_pause(&rig.server);
	rig_settle(&rig);
	CU_ASSERT(nbd_server_is_held_up(&rig.server));
	close(fd);
	rig_settle(&rig);
	CU_ASSERT(!nbd_server_is_held_up(&rig.server));
	rig_end(&rig);
}

/* What has been negotiated stays so. */
static void test_negotiated(void)
{
	static struct rig_chunk chunk;
	struct rig first, second;
	int fd;

	rig_begin(&first);
	rig_begin(&second);
	fd = rig_connect_extended(&first);
	nbd_server_pause(&first.server);
	rig_settle(&first);
	pass_on(&first, &second);
	rig_ask_extended(&second, fd, NBD_CMD_READ, 0, 5, 1536, 512);
	CU_ASSERT(rig_chunk_extended(&second, fd, &chunk));
	CU_ASSERT_EQUAL(chunk.cookie, 5);
	CU_ASSERT_EQUAL(chunk.offset, 1536);
	close(fd);
	rig_settle(&second);
	rig_end(&second);
}

/* Many requests that wait for a slot go on after a pause, too. */
static void test_resume(void)
{
	enum { MANY = 300 };
	struct nbd_passed passed;
	struct rig rig;
	int fd, i;

	rig_begin(&rig);
	rig.is_held = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < MANY; i++)
		rig_ask(&rig, fd, NBD_CMD_READ, 0, (uint64_t)i, 0, 512);
	rig_settle(&rig);
	nbd_server_pause(&rig.server);
	rig_settle(&rig);
	CU_ASSERT(!nbd_server_is_quiet(&rig.server));
	rig_release(&rig);
	rig_settle(&rig);
	CU_ASSERT(nbd_server_is_quiet(&rig.server));
	CU_ASSERT(rig.counts[RIG_READ] < MANY);
	CU_ASSERT(nbd_server_pass(&rig.server, &passed));
	nbd_server_resume(&rig.server);
	for (i = 0; i < MANY; i++)
		expect_read(&rig, fd, 0, 512);
	nbd_server_pause(&rig.server);
	rig_settle(&rig);
	CU_ASSERT(nbd_server_pass(&rig.server, &passed));
	nbd_server_resume(&rig.server);
	close(fd);
	rig_settle(&rig);
	rig_end(&rig);
}

/* In the handshake one waits; who leaves is gone, and nobody to be passed. */
static void test_others(void)
{
	struct nbd_passed passed;
	struct rig rig;
	int greeted, leaving;

	rig_begin(&rig);
	greeted = rig_connect(&rig, NBD_CLIENT_SOCKET);
	leaving = rig_connect_plain(&rig);
	rig_settle(&rig);
	nbd_server_pause(&rig.server);
	rig_settle(&rig);
	CU_ASSERT(nbd_server_is_quiet(&rig.server));
	close(leaving);
	rig_settle(&rig);
	CU_ASSERT(nbd_server_is_quiet(&rig.server));
	CU_ASSERT(!nbd_server_pass(&rig.server, &passed));
	CU_ASSERT_EQUAL(rig.server.count, 1);
	nbd_server_resume(&rig.server);
	close(greeted);
	rig_settle(&rig);
	rig_end(&rig);
}

static void test_not_such_a_client(void)
{
	struct nbd_passed passed = {
		.fd = -1, .kind = NBD_CLIENT_PASSED, .bytes = data,
	};
	struct rig rig;

	rig_begin(&rig);
	passed.length = 65537;
	CU_ASSERT_EQUAL(nbd_server_adopt(&rig.server, &passed, NULL, NULL),
			-EINVAL);
	passed.length = 0;
	passed.headers = NBD_HEADERS_EXTENDED + 1;
	CU_ASSERT_EQUAL(nbd_server_adopt(&rig.server, &passed, NULL, NULL),
			-EINVAL);
	passed.headers = NBD_HEADERS_SIMPLE;
	passed.kind = NBD_CLIENT_SOCKET;
	CU_ASSERT_EQUAL(nbd_server_adopt(&rig.server, &passed, NULL, NULL),
			-EINVAL);
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "cut", test_cut },
	{ "under-way", test_under_way },
	{ "arriving", test_arriving },
	{ "done-in-the-same-turn", test_done_in_the_same_turn },
	{ "held-up", test_held_up },
	{ "negotiated", test_negotiated },
	{ "resume", test_resume },
	{ "others", test_others },
	{ "not-such-a-client", test_not_such_a_client },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-pass", tests, argc, argv);
}
