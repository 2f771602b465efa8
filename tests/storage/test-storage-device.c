/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-device.c: a device that hangs when it is opened is given up in
 * time, and what was left to a thread ends with it. A FIFO hangs like that until
 * somebody opens its other end. And an NBD socket whose server hangs up while
 * hands are shaken. Test's thread, but the server's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "harness/process.h"
#include "harness/temp.h"
#include "storage/device.h"
#include "storage/storage-rig.h"

#define WAIT_MS 100

static struct dsc_limits limits_in(unsigned ms)
{
	return (struct dsc_limits){
		.deadline_ns = dsc_clock_now_ns() + ms * DSC_NS_PER_MS,
		.cancel_fd = -1,
	};
}

static char *make_fifo(const char *name)
{
	char *path = dsc_temp_path("%s", name);

	CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
	return path;
}

/* The first thread of all brings a sanitizer's own. */
static size_t count_threads(void)
{
	const struct dsc_limits limits = { .cancel_fd = -1 };
	size_t fds = st_count_fds();
	uint64_t bytes;

	(void)dsc_device_size("/nowhere/nbd0", &bytes, &limits);
	CU_ASSERT(st_wait_fds(fds, 5000));
	return st_count_threads();
}

/* Lets the threads go that hang in opening it, or are about to; each has a
 * descriptor to tell its end by. */
static void let_go(const char *path, size_t fds)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	CU_ASSERT(fd >= 0);
	CU_ASSERT(st_wait_fds(fds + 1, 5000));
	close(fd);
	CU_ASSERT_EQUAL(st_count_fds(), fds);
}

static void test_hangs(void)
{
	char *path = make_fifo("hangs");
	struct dsc_limits limits;
	size_t fds = st_count_fds();
	uint64_t begun = dsc_clock_now_ns();
	uint64_t bytes = 0;
	char block[512];

	limits = limits_in(WAIT_MS);
	st_fails(dsc_device_read(path, block, sizeof(block), 0, &limits),
		 ETIMEDOUT, "does not answer");
	limits = limits_in(WAIT_MS);
	st_fails(dsc_device_size(path, &bytes, &limits), ETIMEDOUT,
		 "does not answer");
	CU_ASSERT(dsc_clock_now_ns() - begun >= 2 * WAIT_MS * DSC_NS_PER_MS);
	let_go(path, fds);
	free(path);
}

/* However often one asks. */
static void test_hangs_often(void)
{
	char *path = make_fifo("often");
	size_t threads = count_threads();
	size_t fds = st_count_fds();
	struct dsc_limits limits;
	char block[512];
	int i;

	for (i = 0; i < 10; i++) {
		limits = limits_in(20);
		st_fails(dsc_device_read(path, block, sizeof(block), 0,
					 &limits), ETIMEDOUT,
			 "does not answer");
	}
	CU_ASSERT(st_count_threads() <= threads + 4);
	let_go(path, fds);
	free(path);
}

static void test_cancelled(void)
{
	char *path = make_fifo("cancelled");
	size_t fds = st_count_fds();
	struct dsc_limits limits = { .cancel_fd = eventfd(1, EFD_CLOEXEC) };
	char block[512];

	st_fails(dsc_device_read(path, block, sizeof(block), 0, &limits),
		 ECANCELED, "does not answer");
	close(limits.cancel_fd);
	let_go(path, fds);
	free(path);
}

static void test_plain(void)
{
	const struct dsc_limits limits = { .cancel_fd = -1 };
	char *path = dsc_temp_write("plain", "short");
	uint64_t bytes = 0;
	char block[512];
	int rc;

	st_fails(dsc_device_read("/nowhere/nbd0", block, 512, 0, &limits),
		 ENOENT, "cannot be opened");
	st_fails(dsc_device_size("/nowhere/nbd0", &bytes, &limits), ENOENT,
		 "cannot be opened");
	st_fails(dsc_device_size(path, &bytes, &limits), ENOTTY,
		 "cannot be read");
	/* Not every file system reads past its cache. */
	rc = dsc_device_read(path, block, 512, 0, &limits);
	CU_ASSERT(rc == -ENXIO || rc == -EINVAL);
	free(path);
}

/* ------------------------------------------------------------- NBD socket */

#define BYTES 512

struct server {
	char *path;
	pthread_t thread;
	int fd;
	int hangups;    /* so many first clients are not served */
	int clients;
};

/* Greets, and hangs up when the client has answered, or serves one read. */
static void serve(int fd, bool is_hangup)
{
	uint8_t greeting[18] = "NBDMAGICIHAVEOPT";
	uint8_t export[10] = { 0 };
	uint8_t reply[16 + BYTES];
	uint8_t from_client[28];

	dsc_put_be16(greeting + 16, 3);
	memset(reply, 0x5a, sizeof(reply));
	if (send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) < 0 ||
	    recv(fd, from_client, 20, MSG_WAITALL) != 20 || is_hangup)
		return;
	dsc_put_be64(export, BYTES);
	if (send(fd, export, sizeof(export), MSG_NOSIGNAL) < 0 ||
	    recv(fd, from_client, 28, MSG_WAITALL) != 28)
		return;
	dsc_put_be32(reply, 0x67446698);
	dsc_put_be32(reply + 4, 0);
	memcpy(reply + 8, from_client + 8, 8);
	(void)!send(fd, reply, sizeof(reply), MSG_NOSIGNAL);
}

static void *accept_all(void *arg)
{
	struct server *server = arg;
	int fd;

	while ((fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		server->clients++;
		serve(fd, server->clients <= server->hangups);
		close(fd);
	}
	return NULL;
}

static void begin(struct server *server, int hangups)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	server->path = dsc_temp_path("nbd.sock");
	server->hangups = hangups;
	server->clients = 0;
	server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(strlen(server->path) < sizeof(address.sun_path));
	memcpy(address.sun_path, server->path, strlen(server->path) + 1);
	CU_ASSERT_EQUAL_FATAL(bind(server->fd, (struct sockaddr *)&address,
				   sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(server->fd, 5), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&server->thread, NULL, accept_all,
					     server), 0);
}

static void end(struct server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	unlink(server->path);
	free(server->path);
}

static void test_hung_up_once(void)
{
	const struct dsc_limits limits = limits_in(20000);
	struct server server;
	uint8_t block[BYTES] = { 0 };

	begin(&server, 1);
	st_works(dsc_nbd_read(server.path, block, sizeof(block), 0, &limits));
	CU_ASSERT_EQUAL(block[BYTES - 1], 0x5a);
	end(&server);
	CU_ASSERT_EQUAL(server.clients, 2);
}

static void test_hung_up_always(void)
{
	const struct dsc_limits limits = limits_in(20000);
	struct server server;
	uint8_t block[BYTES];

	begin(&server, 1000);
	st_fails(dsc_nbd_read(server.path, block, sizeof(block), 0, &limits),
		 ECONNRESET, "does not answer a read");
	end(&server);
	CU_ASSERT(server.clients > 1 && server.clients < 10);
}

static const struct dsc_test tests[] = {
	{ "hangs", test_hangs },
	{ "hangs_often", test_hangs_often },
	{ "cancelled", test_cancelled },
	{ "hung_up_once", test_hung_up_once },
	{ "hung_up_always", test_hung_up_always },
	{ "plain", test_plain },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("storage-device", tests, argc, argv);
}
