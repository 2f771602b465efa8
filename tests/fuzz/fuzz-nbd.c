/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-nbd.c: whatever a client of discsi-nbd may send, from the greeting on or
 * in the middle of transmission. The first byte of an input says what the
 * server and its disk are like, the second one how the rest is cut into
 * pieces. The disk does nothing, but checks what it is asked; when the client
 * is gone, nothing of it may be left. The one I/O is over a socketpair.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "nbd-bridge/log.h"
#include "nbd-bridge/server.h"

#define BLOCK 512u
#define BYTES (UINT64_C(1) << 30)
#define CALLS_MAX 256

/* Bits of the first byte. */
#define MODE_KERNEL 0x01u     /* no handshake */
#define MODE_READ_ONLY 0x02u
#define MODE_FAILING 0x04u    /* every request fails */
#define MODE_HELD 0x08u       /* requests finish when the client is gone */
#define MODE_DEAF 0x10u       /* the client does not read its replies */
#define MODE_ENDING 0x20u     /* the server ends half way */
#define MODE_TLS 0x40u        /* TLS is required, where it is built in */

/* Whoever knows this could get further than the handshake of TLS. */
#define KEYS "fuzz:0123456789abcdef0123456789abcdef\n"

/* Reads up to this length find zeroes at every other block. */
#define ZEROES_MAX (UINT64_C(128) << 10)

const char dsc_fuzz_name[] = "nbd";

struct call {
	discsi_done_cb cb;
	void *arg;
};

static struct discsi_context *ctx;
static struct discsi_deferred *finisher;
static struct call calls[CALLS_MAX];
static size_t pending;
static unsigned mode;

static int take(discsi_done_cb cb, void *arg)
{
	DSC_FUZZ_ASSERT(pending < CALLS_MAX);
	calls[pending].cb = cb;
	calls[pending].arg = arg;
	pending++;
	if ((mode & MODE_HELD) == 0)
		discsi_deferred_request(finisher);
	return 0;
}

static void check_range(uint64_t offset, uint64_t length)
{
	DSC_FUZZ_ASSERT(length > 0 && length <= BYTES);
	DSC_FUZZ_ASSERT(offset <= BYTES - length);
	DSC_FUZZ_ASSERT(offset % BLOCK == 0 && length % BLOCK == 0);
}

static int fuzz_read(void *handle, void *buf, size_t length, uint64_t offset,
		     struct discsi_pipe *pipe, discsi_done_cb cb, void *arg)
{
	(void)pipe;
	(void)handle;
	check_range(offset, length);
	if (length <= ZEROES_MAX && offset / BLOCK % 2 == 0) {
		memset(buf, 0, length);
		return take(cb, arg);
	}
	memset(buf, 0x5a, BLOCK);
	memset((uint8_t *)buf + length - BLOCK, 0xa5, BLOCK);
	return take(cb, arg);
}

static int fuzz_write(void *handle, const void *buf, size_t length,
		      uint64_t offset, unsigned flags, discsi_done_cb cb,
		      void *arg)
{
	const volatile uint8_t *bytes = buf;

	(void)handle;
	DSC_FUZZ_ASSERT((mode & MODE_READ_ONLY) == 0);
	DSC_FUZZ_ASSERT((flags & ~DISCSI_IO_FUA) == 0);
	check_range(offset, length);
	(void)bytes[0];
	(void)bytes[length - 1];
	return take(cb, arg);
}

static int fuzz_flush(void *handle, discsi_done_cb cb, void *arg)
{
	(void)handle;
	return take(cb, arg);
}

static int fuzz_trim(void *handle, uint64_t offset, uint64_t length,
		     discsi_done_cb cb, void *arg)
{
	(void)handle;
	DSC_FUZZ_ASSERT((mode & MODE_READ_ONLY) == 0);
	check_range(offset, length);
	return take(cb, arg);
}

static int fuzz_zero(void *handle, uint64_t offset, uint64_t length,
		     unsigned flags, discsi_done_cb cb, void *arg)
{
	(void)handle;
	(void)flags;
	DSC_FUZZ_ASSERT((mode & MODE_READ_ONLY) == 0);
	check_range(offset, length);
	return take(cb, arg);
}

static int fuzz_block_status(void *handle, uint64_t offset, uint64_t length,
			     struct discsi_extent *extents, size_t *count,
			     discsi_done_cb cb, void *arg)
{
	size_t i;

	(void)handle;
	check_range(offset, length);
	DSC_FUZZ_ASSERT(*count >= 1);
	for (i = 0; i < *count; i++)
		extents[i] = (struct discsi_extent){ BLOCK, i % 2 * 3 };
	return take(cb, arg);
}

static const struct nbd_disk_ops ops = {
	.read = fuzz_read,
	.write = fuzz_write,
	.flush = fuzz_flush,
	.trim = fuzz_trim,
	.zero = fuzz_zero,
	.block_status = fuzz_block_status,
};

static struct nbd_disk disk = {
	.ops = &ops,
	.bytes = BYTES,
	.block_size = BLOCK,
	.preferred_size = 4096,
	.can_trim = true,
	.can_zero_fast = true,
	.can_block_status = true,
	.description = "fuzz",
};
static const struct nbd_export export = { "fuzz", &disk };
static struct nbd_server server;
static struct nbd_tls_creds *creds;  /* NULL: there is no TLS */

static void finish_calls(void *arg)
{
	static const struct discsi_error error = {
		.size = sizeof(error), .errnum = EIO, .message = "broken",
	};

	(void)arg;
	while (pending > 0) {
		struct call call = calls[--pending];

		if ((mode & MODE_FAILING) != 0)
			call.cb(call.arg, -EIO, &error);
		else
			call.cb(call.arg, 0, NULL);
	}
}

static void turn(int fd)
{
	uint8_t replies[65536];
	int i;

	for (i = 0; i < 2; i++)
		discsi_context_dispatch(ctx, 0);
	while ((mode & MODE_DEAF) == 0 &&
	       recv(fd, replies, sizeof(replies), MSG_DONTWAIT) > 0)
		discsi_context_dispatch(ctx, 0);
}

/* Sends it all, until the server hangs up or takes no more. */
static void talk(int fd, const uint8_t *data, size_t size, size_t piece)
{
	int stuck = 0;

	while (size > 0 && stuck < 8) {
		size_t length = piece > 0 && piece < size ? piece : size;
		ssize_t n = send(fd, data, length,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return;
		stuck = n < 0 ? stuck + 1 : 0;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		turn(fd);
	}
}

static void try_client(const uint8_t *data, size_t size)
{
	size_t first = (mode & MODE_ENDING) != 0 ? size / 2 : size;
	int ends[2];

	DSC_FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				   ends) == 0);
	DSC_FUZZ_ASSERT(nbd_server_add(&server, ends[0],
				       (mode & MODE_KERNEL) != 0 ?
				       NBD_CLIENT_KERNEL : NBD_CLIENT_SOCKET,
				       NULL, NULL) == 0);
	turn(ends[1]);
	talk(ends[1], data + 2, first - 2, data[1]);
	if ((mode & MODE_ENDING) != 0) {
		nbd_server_drain(&server);
		turn(ends[1]);
		talk(ends[1], data + first, size - first, data[1]);
	}
	close(ends[1]);
	discsi_context_dispatch(ctx, 0);
	mode &= ~MODE_HELD;
	while (pending > 0 || !nbd_server_is_idle(&server)) {
		finish_calls(NULL);
		discsi_context_dispatch(ctx, 0);
	}
}

/* A file that has no name, and is ours alone. */
static void load_creds(void)
{
	int fd = memfd_create("keys", MFD_CLOEXEC);
	char path[32];

	DSC_FUZZ_ASSERT(fd >= 0 && fchmod(fd, 0600) == 0);
	DSC_FUZZ_ASSERT(write(fd, KEYS, strlen(KEYS)) == (ssize_t)strlen(KEYS));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (nbd_tls_creds_load(NULL, path, false, &creds) < 0)
		creds = NULL;
	close(fd);
}

/* The loop and the server are made once and serve all inputs. */
static void begin(void)
{
	if (ctx != NULL)
		return;
	nbd_log_set_level(DISCSI_LOG_ERROR);
	load_creds();
	DSC_FUZZ_ASSERT(discsi_context_new(&ctx) == 0);
	DSC_FUZZ_ASSERT(discsi_deferred_new(ctx, finish_calls, NULL,
					    &finisher) == 0);
	DSC_FUZZ_ASSERT(nbd_server_init(&server, ctx, &export) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	begin();
	mode = data[0];
	disk.is_read_only = (mode & MODE_READ_ONLY) != 0;
	server.tls = (mode & MODE_TLS) != 0 ? creds : NULL;
	try_client(data, size);
	DSC_FUZZ_ASSERT(server.pool.used == 0);
	return 0;
}
