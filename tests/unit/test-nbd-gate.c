/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-gate.c: several sockets of one kernel. One that the kernel gives up
 * on is shut down, and what was under way comes again over another: it must not
 * be carried out beside its first copy. And several clients on sockets, one of
 * which dies and leaves a write that the others do not know of.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"
#include "nbd-bridge/client.h"
#include "unit/nbd-rig.h"

#define LENGTH 4096u

static uint8_t data[NBD_REQUEST_SIZE + LENGTH];

static void send_write_at(struct rig *rig, int fd, uint64_t cookie,
			  uint64_t offset, uint8_t byte)
{
	rig_request(data, NBD_CMD_WRITE, 0, cookie, offset, LENGTH);
	memset(data + NBD_REQUEST_SIZE, byte, LENGTH);
	rig_send(rig, fd, data, sizeof(data));
}

static void expect_reply(struct rig *rig, int fd, uint64_t cookie)
{
	uint64_t seen = 0;

	CU_ASSERT_EQUAL(rig_simple(rig, fd, &seen), 0);
	CU_ASSERT_EQUAL(seen, cookie);
}

static void send_write(struct rig *rig, int fd, uint64_t cookie, uint8_t byte)
{
	send_write_at(rig, fd, cookie, 0, byte);
}

/* How the kernel gives up on a socket: both ways at once. */
static void give_up(int fd)
{
	CU_ASSERT_EQUAL(shutdown(fd, SHUT_RDWR), 0);
}

static void count_hangup(void *arg)
{
	(*(unsigned *)arg)++;
}

/*
 * Nothing lies between the two events for the loop: the second copy may be the
 * first thing that it hears of.
 */
static void test_second_copy_waits(void)
{
	struct rig rig;
	unsigned hangups = 0;
	int slow, other;

	rig_begin(&rig);
	rig.server.on_hangup = count_hangup;
	rig.server.on_hangup_arg = &hangups;
	other = rig_connect(&rig, NBD_CLIENT_KERNEL);
	slow = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig.is_held = true;
	send_write(&rig, slow, 1, 0x11);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.pending, 1);
	give_up(slow);
	send_write(&rig, other, 2, 0x11);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.pending, 1);
	CU_ASSERT_EQUAL(hangups, 1);
	CU_ASSERT_EQUAL(rig.gone, 0);

	rig.is_held = false;
	rig_release(&rig);
	expect_reply(&rig, other, 2);
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 2);
	CU_ASSERT_EQUAL(rig.gone, 1);
	close(slow);
	close(other);
	rig_end(&rig);
}

/* The first copy has not even been read when its socket is closed. */
static void test_unread_copy(void)
{
	struct rig rig;
	uint8_t seen[LENGTH];
	int slow, other;

	rig_begin(&rig);
	other = rig_connect(&rig, NBD_CLIENT_KERNEL);
	slow = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig_settle(&rig);
	send_write(&rig, slow, 1, 0x22);
	give_up(slow);
	send_write(&rig, other, 2, 0x22);
	expect_reply(&rig, other, 2);
	send_write(&rig, other, 3, 0x33);
	expect_reply(&rig, other, 3);
	rig_settle(&rig);
	memset(seen, 0x33, sizeof(seen));
	CU_ASSERT_EQUAL(memcmp(rig.data, seen, sizeof(seen)), 0);
	close(slow);
	close(other);
	rig_end(&rig);
}

/*
 * A socket takes the place of the one that is closed before what is under way
 * of that is over. What comes over it waits, and is let go of with it when it is
 * closed in turn, as often as that may be.
 */
static void test_new_socket_waits(void)
{
	struct rig rig;
	int slow, fresh = -1;
	int i;

	rig_begin(&rig);
	slow = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig.is_held = true;
	send_write(&rig, slow, 1, 0x44);
	rig_settle(&rig);
	give_up(slow);
	for (i = 0; i < 40; i++) {
		fresh = rig_connect(&rig, NBD_CLIENT_KERNEL);
		send_write(&rig, fresh, 2, 0x44);
		rig_settle(&rig);
		CU_ASSERT_EQUAL(rig.pending, 1);
		CU_ASSERT_EQUAL(rig.gone, (unsigned)i);
		if (i < 39) {
			give_up(fresh);
			rig_settle(&rig);
			close(fresh);
		}
	}
	rig.is_held = false;
	rig_release(&rig);
	expect_reply(&rig, fresh, 2);
	CU_ASSERT_EQUAL(rig.counts[RIG_WRITE], 2);
	close(slow);
	close(fresh);
	rig_end(&rig);
}

/* All are closed at once, and hold what they have not taken: all go. */
static void test_all_closed(void)
{
	enum { SOCKETS = NBD_CONNECTIONS_MAX };
	struct rig rig;
	int fds[SOCKETS], i;

	rig_begin(&rig);
	rig.is_held = true;
	for (i = 0; i < SOCKETS; i++)
		fds[i] = rig_connect(&rig, NBD_CLIENT_KERNEL);
	for (i = 0; i < SOCKETS; i++)
		send_write(&rig, fds[i], 1, 0x55);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.pending, SOCKETS);
	for (i = 0; i < SOCKETS; i++) {
		send_write(&rig, fds[i], 2, 0x55);
		give_up(fds[i]);
	}
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.gone, 0);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig.gone, SOCKETS);
	CU_ASSERT_EQUAL(rig.server.kernels, 0);
	for (i = 0; i < SOCKETS; i++)
		close(fds[i]);
	rig_end(&rig);
}

/* A wish to disconnect is heard on each socket, whatever is under way. */
static void test_disconnect(void)
{
	struct rig rig;
	int busy, idle;

	rig_begin(&rig);
	busy = rig_connect(&rig, NBD_CLIENT_KERNEL);
	idle = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig.is_held = true;
	send_write(&rig, busy, 1, 0x66);
	rig_settle(&rig);
	give_up(busy);
	rig_ask(&rig, idle, NBD_CMD_DISC, 0, 0, 0, 0);
	rig_settle(&rig);
	CU_ASSERT(rig.server.has_kernel_left);
	CU_ASSERT_EQUAL(rig.gone, 1);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig.gone, 2);
	close(busy);
	close(idle);
	rig_end(&rig);
}

/*
 * The device is being detached: a socket from which nothing is taken must not be
 * what the kernel waits for, whether that is so already or comes to be.
 */
static void test_let_go(void)
{
	struct rig rig;
	int busy, waiting, late;

	rig_begin(&rig);
	busy = rig_connect(&rig, NBD_CLIENT_KERNEL);
	waiting = rig_connect(&rig, NBD_CLIENT_KERNEL);
	late = rig_connect(&rig, NBD_CLIENT_KERNEL);
	rig.is_held = true;
	send_write(&rig, busy, 1, 0x66);
	rig_settle(&rig);
	give_up(busy);
	send_write(&rig, waiting, 2, 0x66);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.gone, 0);
	nbd_server_let_go(&rig.server);
	CU_ASSERT(rig_is_closed(&rig, waiting));
	CU_ASSERT_EQUAL(rig.gone, 1);
	send_write(&rig, late, 3, 0x66);
	CU_ASSERT(rig_is_closed(&rig, late));
	CU_ASSERT_EQUAL(rig.gone, 2);
	CU_ASSERT_EQUAL(rig.pending, 1);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig.gone, 3);
	close(busy);
	close(waiting);
	close(late);
	rig_end(&rig);
}

/* Clients with a handshake have nothing to do with one another otherwise. */
static void test_others_go_on(void)
{
	struct rig rig;
	int closed, other;

	rig_begin(&rig);
	closed = rig_connect_plain(&rig);
	other = rig_connect_plain(&rig);
	rig.is_held = true;
	send_write(&rig, closed, 1, 0x77);
	rig_settle(&rig);
	give_up(closed);
	send_write_at(&rig, other, 2, LENGTH, 0x77);
	rig_ask(&rig, other, NBD_CMD_TRIM, 0, 3, 2 * LENGTH, LENGTH);
	rig_ask(&rig, other, NBD_CMD_CACHE, 0, 4, 0, LENGTH);
	rig_ask(&rig, other, NBD_CMD_FLUSH, 0, 5, 0, 0);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.pending, 5);
	rig_release(&rig);
	CU_ASSERT_EQUAL(rig.pending, 0);
	close(closed);
	close(other);
	rig_end(&rig);
}

/*
 * A client dies, and the next one writes to the same place, perhaps before we
 * have heard of that: whatever changes it waits until the first write is over.
 */
static void expect_late(uint16_t command, bool is_heard_of)
{
	struct rig rig;
	int closed, other;

	rig_begin(&rig);
	other = rig_connect_plain(&rig);
	closed = rig_connect_plain(&rig);
	rig.is_held = true;
	send_write(&rig, closed, 1, 0x77);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.pending, 1);
	give_up(closed);
	if (is_heard_of)
		rig_settle(&rig);
	if (command == NBD_CMD_WRITE)
		send_write(&rig, other, 2, 0x88);
	else
		rig_ask(&rig, other, command, 0, 2, LENGTH - 512, LENGTH);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.pending, 1);
	rig.is_held = false;
	rig_release(&rig);
	expect_reply(&rig, other, 2);
	if (command == NBD_CMD_WRITE)
		CU_ASSERT_EQUAL(rig.data[0], 0x88);
	CU_ASSERT_EQUAL(rig.pending, 0);
	close(closed);
	close(other);
	rig_end(&rig);
}

static void test_late_write(void)
{
	expect_late(NBD_CMD_WRITE, true);
	expect_late(NBD_CMD_WRITE, false);
	expect_late(NBD_CMD_TRIM, true);
	expect_late(NBD_CMD_WRITE_ZEROES, true);
}

/* Two that are alive take turns; what one client sends is its own affair. */
static void test_taking_turns(void)
{
	struct rig rig;
	int one, other;

	rig_begin(&rig);
	one = rig_connect_plain(&rig);
	other = rig_connect_plain(&rig);
	rig.is_held = true;
	send_write(&rig, one, 1, 0x77);
	rig_settle(&rig);
	send_write(&rig, other, 2, 0x88);
	send_write(&rig, one, 3, 0x77);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(rig.pending, 2);
	rig.is_held = false;
	rig_release(&rig);
	expect_reply(&rig, one, 1);
	expect_reply(&rig, one, 3);
	expect_reply(&rig, other, 2);
	CU_ASSERT_EQUAL(rig.data[0], 0x88);
	close(one);
	close(other);
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "second-copy-waits", test_second_copy_waits },
	{ "unread-copy", test_unread_copy },
	{ "new-socket-waits", test_new_socket_waits },
	{ "all-closed", test_all_closed },
	{ "disconnect", test_disconnect },
	{ "let-go", test_let_go },
	{ "others-go-on", test_others_go_on },
	{ "late-write", test_late_write },
	{ "taking-turns", test_taking_turns },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-gate", tests, argc, argv);
}
