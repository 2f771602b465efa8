/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-server-faults.c: clients that misbehave, are slow, vanish, ask for
 * too much, or are many; and a server that ends. Nobody but the culprit
 * notices, and no buffer is given back while the disk has it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "harness/harness.h"
#include "nbd-bridge/client.h"
#include "unit/nbd-rig.h"

#define DEADLINE_NS (20 * DSC_NS_PER_S)

static uint8_t data[4 << 20];

static void expect_works(struct rig *rig, int fd)
{
	CU_ASSERT_EQUAL(rig_call(rig, fd, NBD_CMD_READ, 0, 4096, 8192), 0);
	CU_ASSERT_FATAL(rig_receive(rig, fd, data, 8192));
	CU_ASSERT_EQUAL(memcmp(data, rig->data + 4096, 8192), 0);
}

static void test_garbage(void)
{
	static const char *const garbage[] = {
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"\x67\x44\x66\x98 this is a reply, not a request",
	};
	struct rig rig;
	int good, bad;
	size_t i;

	rig_begin(&rig);
	good = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < 2; i++) {
		bad = rig_connect(&rig, NBD_CLIENT_KERNEL);
		rig_send(&rig, bad, garbage[i], strlen(garbage[i]));
		CU_ASSERT(rig_is_closed(&rig, bad));
		close(bad);
		expect_works(&rig, good);
	}
	CU_ASSERT_EQUAL(rig.gone, 2);
	close(good);
	rig_end(&rig);
}

/* Garbage after good requests: what the disk has is waited for, silently. */
static void test_garbage_behind(void)
{
	uint8_t bytes[2 * NBD_REQUEST_SIZE] = { 0 };
	struct rig rig;
	int fd;

	rig_begin(&rig);
	rig.is_held = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig_request(bytes, NBD_CMD_READ, 0, 1, 0, 65536);
	rig_send(&rig, fd, bytes, sizeof(bytes));
	CU_ASSERT(rig_is_closed(&rig, fd));
	CU_ASSERT_EQUAL(rig.pending, 1);
	CU_ASSERT_EQUAL(rig.gone, 0);
	CU_ASSERT_EQUAL(rig.server.pool.used, 65536);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig.gone, 1);
	CU_ASSERT_EQUAL(rig.server.pool.used, 0);
	close(fd);
	rig_end(&rig);
}

/* Clients that vanish at each stage of a write. */
static void test_vanish(void)
{
	static const size_t lengths[] = {
		0, 1, NBD_REQUEST_SIZE - 1, NBD_REQUEST_SIZE,
		NBD_REQUEST_SIZE + 1, NBD_REQUEST_SIZE + 100000,
		NBD_REQUEST_SIZE + 262144,
	};
	struct rig rig;
	size_t i;
	int fd;

	rig_begin(&rig);
	rig_request(data, NBD_CMD_WRITE, 0, 1, 0, 262144);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
		rig_send(&rig, fd, data, lengths[i]);
		rig_settle(&rig);
		close(fd);
		rig_settle(&rig);
		CU_ASSERT_EQUAL(rig.gone, i + 1);
		CU_ASSERT_EQUAL(rig.server.pool.used, 0);
	}
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 1);
	rig_end(&rig);
}

static void test_vanish_in_disk(void)
{
	struct rig rig;
	unsigned i;
	int fd;

	rig_begin(&rig);
	rig.is_held = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < 10; i++)
		rig_ask(&rig, fd, i % 2 == 0 ? NBD_CMD_READ : NBD_CMD_TRIM,
			NBD_CMD_FLAG_FUA, i, i * 65536, 65536);
	rig_settle(&rig);
	close(fd);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.gone, 0);
	CU_ASSERT_EQUAL(rig.server.pool.used, 5 * 65536);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig.gone, 1);
	rig_end(&rig);
}

static void test_huge_length(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig_ask(&rig, fd, NBD_CMD_WRITE, 0, 1, 0, UINT32_MAX);
	rig_send(&rig, fd, data, sizeof(data));
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.server.pool.used, 0);
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 0);
	close(fd);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.gone, 1);
	rig_end(&rig);
}

/* One client does not read its replies: another one notices nothing. */
static void test_slow_client(void)
{
	enum { COUNT = 64, LENGTH = 65536 };
	struct rig rig;
	uint64_t cookie;
	unsigned i;
	int slow, fast;

	rig_begin(&rig);
	slow = rig_connect(&rig, NBD_CLIENT_KERNEL);
	fast = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < COUNT; i++)
		rig_ask(&rig, slow, NBD_CMD_READ, 0, i, i * LENGTH, LENGTH);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.counts[RIG_READ], COUNT);
	for (i = 0; i < 20; i++)
		expect_works(&rig, fast);
	for (i = 0; i < COUNT; i++) {
		CU_ASSERT_EQUAL_FATAL(rig_simple(&rig, slow, &cookie), 0);
		CU_ASSERT_FATAL(rig_receive(&rig, slow, data, LENGTH));
		CU_ASSERT_EQUAL(memcmp(data, rig.data + cookie * LENGTH,
				       LENGTH), 0);
	}
	close(slow);
	close(fast);
	rig_end(&rig);
}

/* More requests than slots: the rest waits in the socket. */
static void test_slots(void)
{
	enum { COUNT = 3 * NBD_SLOTS };
	static uint8_t requests[COUNT * NBD_REQUEST_SIZE];
	bool is_seen[COUNT] = { false };
	struct rig rig;
	uint64_t cookie;
	unsigned i;
	int fd;

	rig_begin(&rig);
	rig.is_held = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < COUNT; i++)
		rig_request(requests + i * NBD_REQUEST_SIZE, NBD_CMD_READ, 0,
			    i, i * 512, 512);
	rig_send(&rig, fd, requests, sizeof(requests));
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.pending, NBD_SLOTS);
	rig_release(&rig);
	for (i = 0; i < COUNT; i++) {
		CU_ASSERT_EQUAL_FATAL(rig_simple(&rig, fd, &cookie), 0);
		CU_ASSERT_FATAL(cookie < COUNT && !is_seen[cookie]);
		is_seen[cookie] = true;
		CU_ASSERT_FATAL(rig_receive(&rig, fd, data, 512));
		CU_ASSERT_EQUAL(memcmp(data, rig.data + cookie * 512, 512), 0);
	}
	close(fd);
	rig_end(&rig);
}

/* Memory is bounded, and what waits for it goes on when there is some. */
static void test_memory(void)
{
	enum { COUNT = 100, LENGTH = 1 << 20 };
	static uint8_t requests[COUNT * NBD_REQUEST_SIZE];
	struct rig rig;
	uint64_t cookie;
	unsigned i;
	int greedy, late;

	rig_begin(&rig);
	rig.is_held = true;
	greedy = rig_connect(&rig, NBD_CLIENT_KERNEL);
	late = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < COUNT; i++)
		rig_request(requests + i * NBD_REQUEST_SIZE, NBD_CMD_READ, 0,
			    i, i % 16 * LENGTH, LENGTH);
	rig_send(&rig, greedy, requests, sizeof(requests));
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.server.pool.used, NBD_POOL_BUDGET / 2);

	/* Whoever holds nothing gets what he needs. */
	rig_ask(&rig, late, NBD_CMD_READ, 0, 7, 0, LENGTH);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.pending, NBD_POOL_BUDGET / 2 / LENGTH + 1);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig_simple(&rig, late, &cookie), 0);
	CU_ASSERT(rig_receive(&rig, late, data, LENGTH));
	for (i = 0; i < COUNT; i++) {
		CU_ASSERT_EQUAL_FATAL(rig_simple(&rig, greedy, &cookie), 0);
		CU_ASSERT_FATAL(rig_receive(&rig, greedy, data, LENGTH));
		CU_ASSERT_EQUAL(memcmp(data, rig.data + cookie % 16 * LENGTH,
				       LENGTH), 0);
	}
	CU_ASSERT(rig.server.pool.used + rig.server.pool.spare <=
		  NBD_POOL_BUDGET);
	close(greedy);
	close(late);
	rig_end(&rig);
}

/* The budget is spent: each further client still gets one request done. */
static void test_memory_is_out(void)
{
	enum { GREEDY = 2, LENGTH = 4 << 20 };
	struct rig rig;
	uint64_t cookie;
	int fds[GREEDY], late, i, j;

	rig_begin(&rig);
	rig.is_held = true;
	for (i = 0; i < GREEDY; i++) {
		fds[i] = rig_connect(&rig, NBD_CLIENT_KERNEL);
		for (j = 0; j < 12; j++)
			rig_ask(&rig, fds[i], NBD_CMD_READ, 0, 0, 0, LENGTH);
	}
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.server.pool.used, NBD_POOL_BUDGET);
	late = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig_ask(&rig, late, NBD_CMD_READ, 0, 1, 0, LENGTH);
	rig_ask(&rig, late, NBD_CMD_READ, 0, 2, 4096, LENGTH);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.server.pool.used, NBD_POOL_BUDGET + LENGTH);

	/* Those who hold memory vanish; who waits for it goes on. */
	rig.is_backwards = true;
	close(fds[0]);
	close(fds[1]);
	rig_release(&rig);
	for (i = 1; i <= 2; i++) {
		CU_ASSERT_EQUAL_FATAL(rig_simple(&rig, late, &cookie), 0);
		CU_ASSERT_EQUAL(cookie, (uint64_t)i);
		CU_ASSERT_FATAL(rig_receive(&rig, late, data, LENGTH));
	}
	close(late);
	rig_end(&rig);
}

static void test_many_clients(void)
{
	int fds[NBD_CLIENTS_DEFAULT];
	struct rig rig;
	int ends[2];
	int i;

	rig_begin(&rig);
	for (i = 0; i < NBD_CLIENTS_DEFAULT; i++)
		fds[i] = i % 2 == 0 ? rig_connect(&rig, NBD_CLIENT_KERNEL) :
				      rig_connect_structured(&rig);
	CU_ASSERT(!nbd_server_has_room(&rig.server));
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	CU_ASSERT_EQUAL(nbd_server_add(&rig.server, ends[0], NBD_CLIENT_SOCKET,
				       NULL, NULL), -EUSERS);
	close(ends[0]);
	close(ends[1]);
	for (i = 0; i < NBD_CLIENTS_DEFAULT; i += 2)
		expect_works(&rig, fds[i]);
	for (i = 0; i < NBD_CLIENTS_DEFAULT; i++)
		close(fds[i]);
	rig_settle(&rig);
	CU_ASSERT(nbd_server_is_idle(&rig.server));
	CU_ASSERT_EQUAL(rig.gone, NBD_CLIENTS_DEFAULT);
	rig_end(&rig);
}

/* The server ends: what the disk has is answered, all else is refused. */
static void test_drain(void)
{
	int busy, half, idle, greeting;
	uint8_t bytes[NBD_GREETING_SIZE];
	uint64_t cookie;
	struct rig rig;

	rig_begin(&rig);
	busy = rig_connect_plain(&rig);
	half = rig_connect_plain(&rig);
	idle = rig_connect_structured(&rig);
	greeting = rig_connect(&rig, NBD_CLIENT_SOCKET);
	rig.is_held = true;
	rig_ask(&rig, busy, NBD_CMD_READ, 0, 3, 0, 65536);
	rig_ask(&rig, half, NBD_CMD_WRITE, 0, 4, 0, 65536);
	rig_send(&rig, half, data, 1000);
	CU_ASSERT(rig_receive(&rig, greeting, bytes, sizeof(bytes)));
	rig_settle(&rig);
	nbd_server_drain(&rig.server);
	rig_settle(&rig);
	CU_ASSERT(rig_is_closed(&rig, idle));
	CU_ASSERT(rig_is_closed(&rig, greeting));
	CU_ASSERT_EQUAL(rig_simple(&rig, half, &cookie), NBD_ESHUTDOWN);
	CU_ASSERT_EQUAL(cookie, 4);
	CU_ASSERT(rig_is_closed(&rig, half));
	CU_ASSERT_EQUAL(rig.server.count, 1);
	rig_ask(&rig, busy, NBD_CMD_READ, 0, 5, 0, 512);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig_simple(&rig, busy, &cookie), NBD_ESHUTDOWN);
	CU_ASSERT_EQUAL(cookie, 5);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig_simple(&rig, busy, &cookie), 0);
	CU_ASSERT_EQUAL(cookie, 3);
	CU_ASSERT(rig_receive(&rig, busy, data, 65536));
	CU_ASSERT(rig_is_closed(&rig, busy));
	CU_ASSERT(nbd_server_is_idle(&rig.server));
	CU_ASSERT_EQUAL(rig.counts[RIG_READ], 1);
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 0);
	close(busy);
	close(half);
	close(idle);
	close(greeting);
	rig_end(&rig);
}

/* A kernel is told nothing: it keeps what it has no reply to. */
static void test_drain_kernel(void)
{
	uint64_t cookie;
	struct rig rig;
	int fd;

	rig_begin(&rig);
	rig.is_held = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 3, 0, 512);
	rig_settle(&rig);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 4, 0, 512);
	nbd_server_drain(&rig.server);
	rig_settle(&rig);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig_simple(&rig, fd, &cookie), 0);
	CU_ASSERT_EQUAL(cookie, 3);
	CU_ASSERT(rig_receive(&rig, fd, data, 512));
	CU_ASSERT(rig_is_closed(&rig, fd));
	CU_ASSERT_EQUAL(rig.counts[RIG_READ], 1);
	close(fd);
	rig_end(&rig);
}

static void test_drop(void)
{
	struct rig rig;
	int fd;

	rig_begin(&rig);
	rig.is_held = true;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig_ask(&rig, fd, NBD_CMD_READ, 0, 3, 0, 65536);
	rig_settle(&rig);
	nbd_server_drop(&rig.server);
	CU_ASSERT(rig_is_closed(&rig, fd));
	CU_ASSERT(!nbd_server_is_idle(&rig.server));
	rig_release(&rig);
	CU_ASSERT(nbd_server_is_idle(&rig.server));
	close(fd);
	rig_end(&rig);
}

static bool wait_gone(struct rig *rig, unsigned count)
{
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;

	while (rig->gone < count && dsc_clock_now_ns() < until_ns)
		discsi_context_dispatch(rig->ctx, 10);
	return rig->gone == count;
}

/* Who takes nothing and holds memory is dropped, and others are not. */
static void test_deaf(void)
{
	struct rig rig;
	uint64_t cookie;
	int deaf, good, i;

	rig_begin(&rig);
	rig.server.move_timeout_ms = 50;
	deaf = rig_connect_plain(&rig);
	good = rig_connect_plain(&rig);
	for (i = 0; i < 8; i++)
		rig_ask(&rig, deaf, NBD_CMD_READ, 0, 1, 0, 1 << 20);
	CU_ASSERT(wait_gone(&rig, 1));
	CU_ASSERT_EQUAL(rig.counts[RIG_READ], 8);
	CU_ASSERT_EQUAL(rig.server.pool.used, 0);
	rig_ask(&rig, good, NBD_CMD_READ, 0, 2, 4096, 4096);
	CU_ASSERT_EQUAL(rig_simple(&rig, good, &cookie), 0);
	CU_ASSERT(rig_receive(&rig, good, data, 4096));
	close(deaf);
	close(good);
	rig_end(&rig);
}

/* Who takes a little from time to time is slow, not deaf. */
static void test_slow_taker(void)
{
	enum { LENGTH = 4 << 20 };
	uint64_t cookie, until_ns;
	size_t left = LENGTH;
	struct rig rig;
	int slow;

	rig_begin(&rig);
	rig.server.move_timeout_ms = 400;
	slow = rig_connect_plain(&rig);
	rig_ask(&rig, slow, NBD_CMD_READ, 0, 1, 0, LENGTH);
	CU_ASSERT_EQUAL(rig_simple(&rig, slow, &cookie), 0);
	while (left > 0) {
		size_t length = left < 262144 ? left : 262144;

		CU_ASSERT_FATAL(rig_receive(&rig, slow, data, length));
		left -= length;
		until_ns = dsc_clock_now_ns() + 60 * DSC_NS_PER_MS;
		while (dsc_clock_now_ns() < until_ns)
			discsi_context_dispatch(rig.ctx, 10);
	}
	CU_ASSERT_EQUAL(rig.gone, 0);
	close(slow);
	rig_end(&rig);
}

/* So it is with who promises the data of a write and does not send it. */
static void test_silent_writer(void)
{
	struct rig rig;
	int silent[2], good, i;

	rig_begin(&rig);
	rig.server.move_timeout_ms = 50;
	good = rig_connect_plain(&rig);
	for (i = 0; i < 2; i++) {
		silent[i] = rig_connect_plain(&rig);
		rig_ask(&rig, silent[i], NBD_CMD_WRITE, 0, 1, 0, RIG_BYTES);
		rig_send(&rig, silent[i], data, 1000);
	}
	CU_ASSERT(wait_gone(&rig, 2));
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 0);
	CU_ASSERT_EQUAL(rig.server.pool.used, 0);
	expect_works(&rig, good);
	CU_ASSERT_EQUAL(rig.gone, 2);
	close(silent[0]);
	close(silent[1]);
	close(good);
	rig_end(&rig);
}

/* So it is when the write has been refused, and its data is only skipped. */
static void test_silent_after_refusal(void)
{
	uint64_t cookie;
	struct rig rig;
	int silent;

	rig_begin(&rig);
	rig.server.move_timeout_ms = 50;
	silent = rig_connect_plain(&rig);
	rig_ask(&rig, silent, NBD_CMD_WRITE, 0, 1, RIG_BYTES, 65536);
	CU_ASSERT_NOT_EQUAL(rig_simple(&rig, silent, &cookie), 0);
	CU_ASSERT(wait_gone(&rig, 1));
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 0);
	close(silent);
	rig_end(&rig);
}

/* Who sends a little from time to time is slow, not silent. */
static void test_slow_sender(void)
{
	enum { LENGTH = 16384, PIECE = 1024 };
	uint64_t cookie, until_ns;
	struct rig rig;
	int slow, i;

	rig_begin(&rig);
	rig.server.move_timeout_ms = 400;
	slow = rig_connect_plain(&rig);
	rig_ask(&rig, slow, NBD_CMD_WRITE, 0, 1, 0, LENGTH);
	for (i = 0; i < LENGTH / PIECE; i++) {
		rig_send(&rig, slow, data, PIECE);
		until_ns = dsc_clock_now_ns() + 60 * DSC_NS_PER_MS;
		while (dsc_clock_now_ns() < until_ns)
			discsi_context_dispatch(rig.ctx, 10);
	}
	CU_ASSERT_EQUAL(rig_simple(&rig, slow, &cookie), 0);
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 1);
	CU_ASSERT_EQUAL(rig.gone, 0);
	close(slow);
	rig_end(&rig);
}

/* The kernel's end has no such deadline. */
static void test_deaf_kernel(void)
{
	struct rig rig;
	uint64_t until_ns;
	int fd, i;

	rig_begin(&rig);
	rig.server.move_timeout_ms = 10;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < 8; i++)
		rig_ask(&rig, fd, NBD_CMD_READ, 0, 1, 0, 1 << 20);
	until_ns = dsc_clock_now_ns() + 200 * DSC_NS_PER_MS;
	while (dsc_clock_now_ns() < until_ns)
		discsi_context_dispatch(rig.ctx, 10);
	CU_ASSERT_EQUAL(rig.gone, 0);
	close(fd);
	rig_end(&rig);
}

/* Handshakes that end in the middle, or never should have begun. */
static void test_bad_handshakes(void)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{ "", 0 },
		{ "\0\0\0", 3 },
		{ "\0\0\0\x7f", 4 },
		{ "\0\0\0\3" "NOTANOPT" "\0\0\0\7" "\0\0\0\0", 20 },
		{ "\0\0\0\3" "IHAVEOPT" "\0\0\0\1" "\0\0\0\5" "other", 25 },
		{ "\0\0\0\3" "IHAVEOPT" "\0\0\0\1" "\xff\xff\xff\xff", 20 },
		{ "\0\0\0\3" "IHAVEOPT" "\0\0\0\2" "\0\0\0\0", 20 },
		{ "\0\0\0\3" "IHAVEOPT" "\0\0\0\7" "\0\0\0\x40" "short", 25 },
	};
	struct rig rig;
	size_t i;
	int fd;

	rig_begin(&rig);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t rest[256];

		fd = rig_connect(&rig, NBD_CLIENT_SOCKET);
		CU_ASSERT(rig_receive(&rig, fd, rest, NBD_GREETING_SIZE));
		rig_send(&rig, fd, cases[i].bytes, cases[i].length);
		shutdown(fd, SHUT_WR);
		rig_settle(&rig);
		CU_ASSERT_EQUAL(rig.gone, i + 1);
		close(fd);
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "garbage", test_garbage },
	{ "garbage-behind", test_garbage_behind },
	{ "vanish", test_vanish },
	{ "vanish-in-disk", test_vanish_in_disk },
	{ "huge-length", test_huge_length },
	{ "slow-client", test_slow_client },
	{ "slots", test_slots },
	{ "memory", test_memory },
	{ "memory-is-out", test_memory_is_out },
	{ "many-clients", test_many_clients },
	{ "drain", test_drain },
	{ "drain-kernel", test_drain_kernel },
	{ "drop", test_drop },
	{ "deaf", test_deaf },
	{ "slow-taker", test_slow_taker },
	{ "silent-writer", test_silent_writer },
	{ "silent-after-refusal", test_silent_after_refusal },
	{ "slow-sender", test_slow_sender },
	{ "deaf-kernel", test_deaf_kernel },
	{ "bad-handshakes", test_bad_handshakes },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-server-faults", tests, argc, argv);
}
