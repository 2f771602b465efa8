/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-tls.c: a server that requires TLS, and clients that never get that
 * far: they stall, vanish, or send what is none. What it does for clients that
 * do is asked with programs of others in tests/bridge. Skipped in a build
 * without TLS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/harness.h"
#include "harness/temp.h"
#include "nbd-bridge/server.h"
#include "unit/nbd-rig.h"

#define SHORT_MS 200u
#define DEADLINE_NS (20 * DSC_NS_PER_S)

static const char starttls[] = "\0\0\0\3IHAVEOPT\0\0\0\5\0\0\0";
static const char agreed[] = "\0\3\xe8\x89\4\x55\x65\xa9\0\0\0\5\0\0\0\1\0\0\0";

/* The beginning of a ClientHello of 512 bytes. */
static const char hello[] = "\x16\3\1\2\0\1\0\1\xfc\3\3";

static struct nbd_tls_creds *creds;

static bool begin(struct rig *rig)
{
	char *path = dsc_temp_write("keys.psk", "alice:00112233\n");
	int rc = nbd_tls_creds_load(NULL, path, false, &creds);

	free(path);
	if (rc == -EOPNOTSUPP) {
		dsc_test_skip("this build has no TLS");
		return false;
	}
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	rig_begin(rig);
	rig->server.tls = creds;
	return true;
}

static void end(struct rig *rig)
{
	rig_end(rig);
	nbd_tls_creds_free(creds);
	creds = NULL;
}

/* A client to which TLS is promised. */
static int connect_tls(struct rig *rig)
{
	char bytes[NBD_OPTION_REPLY_SIZE];
	int fd = rig_connect(rig, NBD_CLIENT_SOCKET);

	CU_ASSERT_FATAL(rig_receive(rig, fd, bytes, NBD_GREETING_SIZE));
	rig_send(rig, fd, starttls, sizeof(starttls));
	CU_ASSERT_FATAL(rig_receive(rig, fd, bytes, sizeof(bytes)));
	CU_ASSERT_EQUAL(memcmp(bytes, agreed, sizeof(bytes)), 0);
	return fd;
}

static void wait_gone(struct rig *rig, unsigned number)
{
	uint64_t deadline = dsc_clock_now_ns() + DEADLINE_NS;

	while (rig->gone < number && dsc_clock_now_ns() < deadline)
		discsi_context_dispatch(rig->ctx, 100);
	CU_ASSERT_EQUAL(rig->gone, number);
}

/* The handshake's deadline is TLS's, too, wherever the client stops. */
static void test_stall(void)
{
	static const size_t lengths[] = { 0, 3, 5, sizeof(hello) - 1 };
	struct rig rig;
	int fds[4];
	size_t i;

	if (!begin(&rig))
		return;
	rig.server.handshake_timeout_ms = SHORT_MS;
	for (i = 0; i < 4; i++) {
		fds[i] = connect_tls(&rig);
		rig_send(&rig, fds[i], hello, lengths[i]);
	}
	wait_gone(&rig, 4);
	for (i = 0; i < 4; i++)
		close(fds[i]);
	end(&rig);
}

static void test_vanish(void)
{
	struct rig rig;
	int fd;

	if (!begin(&rig))
		return;
	fd = connect_tls(&rig);
	rig_send(&rig, fd, hello, sizeof(hello) - 1);
	close(fd);
	wait_gone(&rig, 1);
	end(&rig);
}

/* What is no TLS ends at once; an alert may come before. */
static void test_garbage(void)
{
	static const char garbage[] = "IHAVEOPT\0\0\0\7\0\0\0\6\0\0\0\0\0";
	struct rig rig;
	int fd;

	if (!begin(&rig))
		return;
	fd = connect_tls(&rig);
	rig_send(&rig, fd, garbage, sizeof(garbage));
	wait_gone(&rig, 1);
	close(fd);
	end(&rig);
}

/* A server that ends does not wait for a handshake. */
static void test_ending(void)
{
	struct rig rig;
	int fd;

	if (!begin(&rig))
		return;
	fd = connect_tls(&rig);
	rig_send(&rig, fd, hello, sizeof(hello) - 1);
	rig_settle(&rig);
	nbd_server_drain(&rig.server);
	wait_gone(&rig, 1);
	CU_ASSERT(nbd_server_is_idle(&rig.server));
	close(fd);
	end(&rig);
}

/* The kernel's own end of a socketpair is no client to be asked for TLS. */
static void test_kernel(void)
{
	struct rig rig;
	int fd;

	if (!begin(&rig))
		return;
	fd = rig_connect(&rig, NBD_CLIENT_KERNEL);
	CU_ASSERT_EQUAL(rig_call(&rig, fd, NBD_CMD_FLUSH, 0, 0, 0), 0);
	close(fd);
	end(&rig);
}

static const struct dsc_test tests[] = {
	{ "stall", test_stall },
	{ "vanish", test_vanish },
	{ "garbage", test_garbage },
	{ "ending", test_ending },
	{ "kernel", test_kernel },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-tls", tests, argc, argv);
}
