/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-listener.c: the Unix socket of an export: its mode, what stands at
 * its path already, and how many clients come in.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "harness/harness.h"
#include "nbd-bridge/listener.h"
#include "nbd-bridge/wire.h"
#include "unit/bridge-scratch.h"
#include "unit/nbd-rig.h"

static struct rig rig;
static char path[200];

static void begin(void)
{
	rig_begin(&rig);
	snprintf(path, sizeof(path), "%s", scratch_path("nbd.sock"));
}

static int connect_to(const char *to)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_FATAL(fd >= 0 && strlen(to) < sizeof(address.sun_path));
	memcpy(address.sun_path, to, strlen(to) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A socket at path that listens, or that nobody listens on any more. */
static int leave_socket(bool is_living)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address,
				   sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
	if (is_living)
		return fd;
	close(fd);
	return -1;
}

/* Nothing but the socket itself is left in the directory. */
static bool is_alone(void)
{
	char own[64], old[64];

	snprintf(own, sizeof(own), ".nbd-%ld", (long)getpid());
	snprintf(old, sizeof(old), ".old-%ld", (long)getpid());
	return !scratch_exists(own) && !scratch_exists(old);
}

static void expect_served(const char *at)
{
	uint8_t greeting[NBD_GREETING_SIZE];
	int fd = connect_to(at);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(rig_receive(&rig, fd, greeting, sizeof(greeting)));
	CU_ASSERT_EQUAL(dsc_get_be64(greeting), NBD_MAGIC_INIT);
	close(fd);
	rig_settle(&rig);
}

static void test_open(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	struct stat st;

	begin();
	CU_ASSERT_EQUAL_FATAL(nbd_listener_open(&listener, &rig.server, path),
			      0);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	CU_ASSERT(S_ISSOCK(st.st_mode));
	CU_ASSERT(is_alone());
	expect_served(path);
	nbd_listener_close(&listener);
	CU_ASSERT(!scratch_exists("nbd.sock"));
	nbd_listener_close(&listener);
	rig_end(&rig);
}

static void test_restore(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	int fd;

	begin();
	CU_ASSERT_EQUAL_FATAL(nbd_listener_open(&listener, &rig.server, path),
			      0);
	nbd_listener_restore(&listener);
	expect_served(path);
	CU_ASSERT_EQUAL(unlink(path), 0);
	nbd_listener_restore(&listener);
	CU_ASSERT(is_alone());
	expect_served(path);

	/* Another process's is left alone. */
	CU_ASSERT_EQUAL(unlink(path), 0);
	fd = leave_socket(true);
	nbd_listener_restore(&listener);
	nbd_listener_close(&listener);
	CU_ASSERT(scratch_exists("nbd.sock"));
	close(fd);
	unlink(path);
	nbd_listener_restore(&listener);
	CU_ASSERT(!scratch_exists("nbd.sock"));
	rig_end(&rig);
}

static void test_stale(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;

	begin();
	leave_socket(false);
	CU_ASSERT_EQUAL_FATAL(nbd_listener_open(&listener, &rig.server, path),
			      0);
	CU_ASSERT(is_alone());
	expect_served(path);
	nbd_listener_close(&listener);
	rig_end(&rig);
}

static void test_living(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	int fd, client;

	begin();
	fd = leave_socket(true);
	CU_ASSERT_EQUAL(nbd_listener_open(&listener, &rig.server, path),
			-EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message, path));
	CU_ASSERT(is_alone());
	client = connect_to(path);
	CU_ASSERT(client >= 0);
	close(client);
	nbd_listener_close(&listener);
	CU_ASSERT(scratch_exists("nbd.sock"));
	close(fd);
	unlink(path);
	rig_end(&rig);
}

/* Of several that want the place of a stale socket, one gets it. */
static void test_race(void)
{
	enum { OTHERS = 4 };
	struct nbd_listener listeners[OTHERS];
	int i, opened = 0;

	begin();
	leave_socket(false);
	for (i = 0; i < OTHERS; i++) {
		int rc;

		listeners[i] = (struct nbd_listener)NBD_LISTENER_INIT;
		rc = nbd_listener_open(&listeners[i], &rig.server, path);
		CU_ASSERT(rc == 0 || rc == -EADDRINUSE);
		opened += rc == 0;
	}
	CU_ASSERT_EQUAL(opened, 1);
	CU_ASSERT(is_alone());
	for (i = 0; i < OTHERS; i++)
		nbd_listener_close(&listeners[i]);
	CU_ASSERT(!scratch_exists("nbd.sock"));
	rig_end(&rig);
}

/* A stale socket is not replaced behind the back of who holds the lock. */
static void test_locked(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	int lock = open(scratch_path("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	begin();
	CU_ASSERT_EQUAL_FATAL(flock(lock, LOCK_EX), 0);
	leave_socket(false);
	CU_ASSERT_EQUAL(nbd_listener_open(&listener, &rig.server, path),
			-EBUSY);
	CU_ASSERT(is_alone());
	close(lock);
	CU_ASSERT_EQUAL(nbd_listener_open(&listener, &rig.server, path), 0);
	nbd_listener_close(&listener);
	rig_end(&rig);
}

/* Who has lost its name to another one does not take that one's away. */
static void test_replaced(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	int fd;

	begin();
	CU_ASSERT_EQUAL_FATAL(nbd_listener_open(&listener, &rig.server, path),
			      0);
	unlink(path);
	fd = leave_socket(true);
	nbd_listener_close(&listener);
	CU_ASSERT(scratch_exists("nbd.sock"));
	close(fd);
	unlink(path);
	rig_end(&rig);
}

/* A socket that was handed over is served, and its name stays. */
static void test_adopt(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	int fd;

	begin();
	fd = leave_socket(true);
	CU_ASSERT_EQUAL_FATAL(nbd_listener_adopt(&listener, &rig.server, fd),
			      0);
	expect_served(path);
	nbd_listener_close(&listener);
	CU_ASSERT(scratch_exists("nbd.sock"));
	unlink(path);
	rig_end(&rig);
}

static void test_file(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	char *text;

	begin();
	scratch_write("nbd.sock", "precious", 0600);
	CU_ASSERT_EQUAL(nbd_listener_open(&listener, &rig.server, path),
			-EEXIST);
	text = scratch_read("nbd.sock");
	CU_ASSERT_STRING_EQUAL(text, "precious");
	free(text);
	CU_ASSERT(is_alone());
	unlink(path);
	rig_end(&rig);
}

static void test_bad_paths(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	char longer[300];

	begin();
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	CU_ASSERT_EQUAL(nbd_listener_open(&listener, &rig.server, longer),
			-ENAMETOOLONG);
	CU_ASSERT_EQUAL(nbd_listener_open(&listener, &rig.server,
					  scratch_path("no/such/dir")),
			-ENOENT);
	rig_end(&rig);
}

/* One more than there is room for waits until somebody leaves. */
static void test_limit(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	uint8_t greeting[NBD_GREETING_SIZE];
	int fds[NBD_CLIENTS_DEFAULT + 1];
	int i;

	begin();
	rig.server.handshake_grace_ms = NBD_HANDSHAKE_TIMEOUT_MS;
	CU_ASSERT_EQUAL_FATAL(nbd_listener_open(&listener, &rig.server, path),
			      0);
	for (i = 0; i <= NBD_CLIENTS_DEFAULT; i++) {
		fds[i] = connect_to(path);
		CU_ASSERT_FATAL(fds[i] >= 0);
		rig_settle(&rig);
	}
	for (i = 0; i < NBD_CLIENTS_DEFAULT; i++)
		CU_ASSERT(rig_receive(&rig, fds[i], greeting,
				      sizeof(greeting)));
	CU_ASSERT_EQUAL(recv(fds[NBD_CLIENTS_DEFAULT], greeting, 1, MSG_DONTWAIT),
			-1);
	close(fds[0]);
	CU_ASSERT(rig_receive(&rig, fds[NBD_CLIENTS_DEFAULT], greeting,
			      sizeof(greeting)));
	for (i = 1; i <= NBD_CLIENTS_DEFAULT; i++)
		close(fds[i]);
	rig_settle(&rig);
	nbd_listener_close(&listener);
	rig_end(&rig);
}

/* Who says nothing makes room for who comes; who has come in does not. */
static void test_silent_ones(void)
{
	struct nbd_listener listener = NBD_LISTENER_INIT;
	uint8_t greeting[NBD_GREETING_SIZE];
	int good, silent, late, last;

	begin();
	rig.server.clients_max = 2;
	rig.server.handshake_grace_ms = 50;
	CU_ASSERT_EQUAL_FATAL(nbd_listener_open(&listener, &rig.server, path),
			      0);
	good = rig_connect_plain(&rig);
	silent = connect_to(path);
	CU_ASSERT(rig_receive(&rig, silent, greeting, sizeof(greeting)));
	late = connect_to(path);
	CU_ASSERT(rig_receive(&rig, late, greeting, sizeof(greeting)));
	CU_ASSERT(rig_is_closed(&rig, silent));

	/* Two that have come in, and a third one waits. */
	rig_send(&rig, late, "\0\0\0\3" "IHAVEOPT" "\0\0\0\1" "\0\0\0\0",
		 20);
	CU_ASSERT(rig_receive(&rig, late, greeting, 10));
	CU_ASSERT_EQUAL(nbd_server_room_in_ms(&rig.server), UINT_MAX);
	last = connect_to(path);
	rig_settle(&rig);
	CU_ASSERT_EQUAL(recv(last, greeting, 1, MSG_DONTWAIT), -1);
	CU_ASSERT_EQUAL(rig_call(&rig, good, NBD_CMD_FLUSH, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(rig_call(&rig, late, NBD_CMD_FLUSH, 0, 0, 0), 0);
	close(late);
	CU_ASSERT(rig_receive(&rig, last, greeting, sizeof(greeting)));
	close(last);
	close(silent);
	close(good);
	rig_settle(&rig);
	nbd_listener_close(&listener);
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "open", test_open },
	{ "restore", test_restore },
	{ "stale", test_stale },
	{ "living", test_living },
	{ "race", test_race },
	{ "locked", test_locked },
	{ "replaced", test_replaced },
	{ "adopt", test_adopt },
	{ "file", test_file },
	{ "bad-paths", test_bad_paths },
	{ "limit", test_limit },
	{ "silent-ones", test_silent_ones },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("nbd-listener", tests, scratch_setup,
				     scratch_teardown, argc, argv);
}
