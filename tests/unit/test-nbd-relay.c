/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-relay.c: two pipes that are one client.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "harness/harness.h"
#include "nbd-bridge/client.h"
#include "nbd-bridge/relay.h"
#include "unit/nbd-rig.h"

#define DEADLINE_NS (20 * DSC_NS_PER_S)

static uint8_t data[4 << 20];

struct pipes {
	struct nbd_relay *relay;
	int in[2];
	int out[2];
	unsigned done;
};

static void on_done(void *arg)
{
	struct pipes *pipes = arg;

	pipes->done++;
}

static void join(struct rig *rig, struct pipes *pipes)
{
	int ends[2];

	memset(pipes, 0, sizeof(*pipes));
	CU_ASSERT_EQUAL_FATAL(pipe2(pipes->in, O_CLOEXEC | O_NONBLOCK), 0);
	CU_ASSERT_EQUAL_FATAL(pipe2(pipes->out, O_CLOEXEC | O_NONBLOCK), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
					 SOCK_NONBLOCK, 0, ends), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_server_add(&rig->server, ends[1],
					     NBD_CLIENT_KERNEL, NULL, NULL),
			      0);
	CU_ASSERT_EQUAL_FATAL(nbd_relay_new(rig->ctx, pipes->in[0],
					    pipes->out[1], ends[0], on_done,
					    pipes, &pipes->relay), 0);
}

static void part(struct pipes *pipes)
{
	nbd_relay_free(pipes->relay);
	close(pipes->in[0]);
	close(pipes->out[1]);
}

/* Reads exactly so many bytes of a pipe; false at its end. */
static bool take(struct rig *rig, int fd, void *bytes, size_t length)
{
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;
	uint8_t *to = bytes;

	while (length > 0) {
		ssize_t n = read(fd, to, length);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n > 0) {
			to += n;
			length -= (size_t)n;
			continue;
		}
		CU_ASSERT_FATAL(dsc_clock_now_ns() < until_ns);
		discsi_context_dispatch(rig->ctx, 1);
	}
	return true;
}

static void put(struct rig *rig, int fd, const void *bytes, size_t length)
{
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;
	const uint8_t *from = bytes;

	while (length > 0) {
		ssize_t n = write(fd, from, length);

		if (n > 0) {
			from += n;
			length -= (size_t)n;
			continue;
		}
		CU_ASSERT_FATAL(n < 0 && errno == EAGAIN &&
				dsc_clock_now_ns() < until_ns);
		discsi_context_dispatch(rig->ctx, 1);
	}
}

static void ask(struct rig *rig, int fd, unsigned type, uint64_t offset,
		uint32_t length)
{
	uint8_t header[NBD_REQUEST_SIZE];

	rig_request(header, type, 0, 7, offset, length);
	put(rig, fd, header, sizeof(header));
}

static void expect_read(struct rig *rig, const struct pipes *pipes,
			uint64_t offset, uint32_t length)
{
	uint8_t reply[NBD_SIMPLE_REPLY_SIZE];

	CU_ASSERT_FATAL(take(rig, pipes->out[0], reply, sizeof(reply)));
	CU_ASSERT_EQUAL(dsc_get_be32(reply + 4), 0);
	CU_ASSERT_FATAL(take(rig, pipes->out[0], data, length));
	CU_ASSERT_EQUAL(memcmp(data, rig->data + offset, length), 0);
}

/* More than a pipe or a buffer holds, both ways. */
static void test_pipes(void)
{
	uint8_t reply[NBD_SIMPLE_REPLY_SIZE];
	struct pipes pipes;
	struct rig rig;

	rig_begin(&rig);
	join(&rig, &pipes);
	memset(data, 0x19, sizeof(data));
	ask(&rig, pipes.in[1], NBD_CMD_WRITE, 0, sizeof(data));
	put(&rig, pipes.in[1], data, sizeof(data));
	CU_ASSERT_FATAL(take(&rig, pipes.out[0], reply, sizeof(reply)));
	CU_ASSERT_EQUAL(memcmp(rig.data, data, sizeof(data)), 0);
	ask(&rig, pipes.in[1], NBD_CMD_READ, 2 << 20, sizeof(data));
	expect_read(&rig, &pipes, 2 << 20, sizeof(data));
	CU_ASSERT_EQUAL(pipes.done, 0);
	ask(&rig, pipes.in[1], NBD_CMD_DISC, 0, 0);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(pipes.done, 1);
	close(pipes.in[1]);
	part(&pipes);
	close(pipes.out[0]);
	rig_end(&rig);
}

/* The client says no more, but takes its replies. */
static void test_pipe_ends(void)
{
	struct pipes pipes;
	struct rig rig;

	rig_begin(&rig);
	join(&rig, &pipes);
	ask(&rig, pipes.in[1], NBD_CMD_READ, 0, 1 << 20);
	ask(&rig, pipes.in[1], NBD_CMD_READ, 4096, 1 << 20);
	close(pipes.in[1]);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(pipes.done, 0);
	expect_read(&rig, &pipes, 0, 1 << 20);
	expect_read(&rig, &pipes, 4096, 1 << 20);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(pipes.done, 1);
	CU_ASSERT(nbd_server_is_idle(&rig.server));
	part(&pipes);
	close(pipes.out[0]);
	rig_end(&rig);
}

/* The client takes no more. */
static void test_pipe_breaks(void)
{
	struct pipes pipes;
	struct rig rig;

	rig_begin(&rig);
	join(&rig, &pipes);
	ask(&rig, pipes.in[1], NBD_CMD_READ, 0, 1 << 20);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(pipes.done, 0);
	close(pipes.out[0]);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(pipes.done, 1);
	CU_ASSERT(nbd_server_is_idle(&rig.server));
	close(pipes.in[1]);
	part(&pipes);
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "pipes", test_pipes },
	{ "pipe-ends", test_pipe_ends },
	{ "pipe-breaks", test_pipe_breaks },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-relay", tests, argc, argv);
}
