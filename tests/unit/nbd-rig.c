/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-rig.c: see nbd-rig.h. One thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "harness/harness.h"
#include "nbd-bridge/client.h"
#include "nbd-bridge/log.h"
#include "unit/nbd-rig.h"

#define DEADLINE_NS (20 * DSC_NS_PER_S)

/* ------------------------------------------------------------------- disk */

static int take_call(struct rig *rig, struct rig_call call)
{
	if (rig->is_refusing)
		return dsc_fail(EIO, "the disk refuses");
	CU_ASSERT_FATAL(rig->pending < RIG_PENDING_MAX);
	rig->counts[call.kind]++;
	rig->calls[rig->pending++] = call;
	if (rig->pending > rig->most_pending)
		rig->most_pending = rig->pending;
	if (!rig->is_held)
		discsi_deferred_request(rig->finisher);
	return 0;
}

static int disk_read(void *handle, void *buf, size_t length, uint64_t offset,
		     struct discsi_pipe *pipe, discsi_done_cb cb, void *arg)
{
	return take_call(handle, (struct rig_call){
		.kind = RIG_READ, .buf = buf, .pipe = pipe, .offset = offset,
		.length = length, .cb = cb, .arg = arg });
}

static int disk_write(void *handle, const void *buf, size_t length,
		      uint64_t offset, unsigned flags, discsi_done_cb cb,
		      void *arg)
{
	struct rig *rig = handle;

	rig->last_flags = flags;
	return take_call(rig, (struct rig_call){
		.kind = RIG_WRITE, .buf = (void *)(uintptr_t)buf,
		.offset = offset, .length = length, .cb = cb, .arg = arg });
}

static int disk_flush(void *handle, discsi_done_cb cb, void *arg)
{
	return take_call(handle, (struct rig_call){
		.kind = RIG_FLUSH, .cb = cb, .arg = arg });
}

static int disk_trim(void *handle, uint64_t offset, uint64_t length,
		     discsi_done_cb cb, void *arg)
{
	return take_call(handle, (struct rig_call){
		.kind = RIG_TRIM, .offset = offset, .length = length,
		.cb = cb, .arg = arg });
}

static int disk_zero(void *handle, uint64_t offset, uint64_t length,
		     unsigned flags, discsi_done_cb cb, void *arg)
{
	struct rig *rig = handle;

	rig->last_flags = flags;
	return take_call(rig, (struct rig_call){
		.kind = RIG_ZERO, .offset = offset, .length = length,
		.cb = cb, .arg = arg });
}

static int disk_block_status(void *handle, uint64_t offset, uint64_t length,
			     struct discsi_extent *extents, size_t *count,
			     discsi_done_cb cb, void *arg)
{
	return take_call(handle, (struct rig_call){
		.kind = RIG_STATUS, .offset = offset, .length = length,
		.extents = extents, .count = count, .cb = cb, .arg = arg });
}

static const struct nbd_disk_ops rig_ops = {
	.read = disk_read,
	.write = disk_write,
	.flush = disk_flush,
	.trim = disk_trim,
	.zero = disk_zero,
	.block_status = disk_block_status,
};

/* The first rig->piped bytes go to the pipe, if the call has one. */
static void do_read(const struct rig *rig, const struct rig_call *call,
		    const uint8_t *at)
{
	size_t piped = 0;

	if (call->pipe != NULL && rig->piped > 0) {
		piped = rig->piped < call->length ? rig->piped : call->length;
		CU_ASSERT_EQUAL_FATAL(write(call->pipe->in, at, piped),
				      (ssize_t)piped);
		call->pipe->bytes = piped;
	}
	memcpy((uint8_t *)call->buf + piped, at + piped, call->length - piped);
}

static void do_call(struct rig *rig, const struct rig_call *call)
{
	uint8_t *at = rig->data + call->offset;

	CU_ASSERT_FATAL(call->offset + call->length <= RIG_BYTES);
	switch (call->kind) {
	case RIG_READ:
		do_read(rig, call, at);
		break;
	case RIG_WRITE:
		memcpy(at, call->buf, call->length);
		break;
	case RIG_ZERO:
	case RIG_TRIM:
		memset(at, 0, call->length);
		break;
	case RIG_STATUS:
		if (*call->count > rig->nstatus)
			*call->count = rig->nstatus;
		memcpy(call->extents, rig->status,
		       *call->count * sizeof(*call->extents));
		break;
	case RIG_FLUSH:
		break;
	}
}

static void finish_calls(struct rig *rig)
{
	while (rig->pending > 0) {
		size_t i = rig->is_backwards ? rig->pending - 1 : 0;
		struct rig_call call = rig->calls[i];
		struct discsi_error error;

		rig->pending--;
		memmove(rig->calls + i, rig->calls + i + 1,
			(rig->pending - i) * sizeof(rig->calls[0]));
		if (rig->fail_with != 0) {
			dsc_error_set(&error, rig->fail_with, "it is broken");
			if (call.kind == RIG_READ)
				do_call(rig, &call);
			call.cb(call.arg, -rig->fail_with, &error);
			continue;
		}
		do_call(rig, &call);
		call.cb(call.arg, 0, NULL);
	}
}

static void on_finish(void *arg)
{
	struct rig *rig = arg;

	if (!rig->is_held)
		finish_calls(rig);
}

void rig_release(struct rig *rig)
{
	rig->is_held = false;
	discsi_deferred_request(rig->finisher);
	rig_settle(rig);
}

void rig_pattern(uint8_t *to, uint64_t offset, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		uint64_t at = offset + i;

		to[i] = (uint8_t)(at / RIG_BLOCK * 31 + at % RIG_BLOCK);
	}
}

/* --------------------------------------------------------------- life */

void rig_begin(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	nbd_log_set_level(DISCSI_LOG_ERROR);
	rig->data = malloc(RIG_BYTES);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->data);
	rig_pattern(rig->data, 0, RIG_BYTES);
	rig->disk = (struct nbd_disk){
		.ops = &rig_ops,
		.handle = rig,
		.bytes = RIG_BYTES,
		.block_size = RIG_BLOCK,
		.preferred_size = 4096,
		.can_trim = true,
		.can_zero_fast = true,
		.can_block_status = true,
		.description = "a disk in memory",
	};
	rig->export = (struct nbd_export){ "disk", &rig->disk };
	CU_ASSERT_EQUAL_FATAL(discsi_context_new(&rig->ctx), 0);
	CU_ASSERT_EQUAL_FATAL(discsi_deferred_new(rig->ctx, on_finish, rig,
						  &rig->finisher), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_server_init(&rig->server, rig->ctx,
					      &rig->export), 0);
}

void rig_end(struct rig *rig)
{
	rig_release(rig);
	nbd_server_drop(&rig->server);
	rig_settle(rig);
	CU_ASSERT(nbd_server_is_idle(&rig->server));
	CU_ASSERT_EQUAL(rig->server.pool.used, 0);
	nbd_server_fini(&rig->server);
	discsi_deferred_free(rig->finisher);
	discsi_context_destroy(rig->ctx);
	free(rig->data);
}

static void on_gone(void *arg)
{
	struct rig *rig = arg;

	rig->gone++;
}

int rig_connect(struct rig *rig, enum nbd_client_kind kind)
{
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
					 SOCK_NONBLOCK, 0, ends), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_server_add(&rig->server, ends[0], kind,
					     on_gone, rig), 0);
	return ends[1];
}

void rig_settle(struct rig *rig)
{
	int i;

	for (i = 0; i < 50; i++)
		discsi_context_dispatch(rig->ctx, 0);
}

/* ---------------------------------------------------------------- bytes */

void rig_send(struct rig *rig, int fd, const void *bytes, size_t length)
{
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;
	const uint8_t *from = bytes;

	while (length > 0) {
		ssize_t n = send(fd, from, length,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN &&
		    dsc_clock_now_ns() < until_ns) {
			discsi_context_dispatch(rig->ctx, 0);
			continue;
		}
		CU_ASSERT_FATAL(n > 0);
		from += n;
		length -= (size_t)n;
	}
}

bool rig_receive(struct rig *rig, int fd, void *bytes, size_t length)
{
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;
	uint8_t *to = bytes;

	while (length > 0) {
		ssize_t n = recv(fd, to, length, MSG_DONTWAIT);

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

bool rig_is_closed(struct rig *rig, int fd)
{
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;
	uint8_t byte;
	ssize_t n;

	do {
		discsi_context_dispatch(rig->ctx, 1);
		n = recv(fd, &byte, 1, MSG_DONTWAIT);
	} while (n < 0 && errno == EAGAIN && dsc_clock_now_ns() < until_ns);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* ------------------------------------------------------------- requests */

void rig_request(uint8_t to[NBD_REQUEST_SIZE], unsigned type, unsigned flags,
		 uint64_t cookie, uint64_t offset, uint32_t length)
{
	dsc_put_be32(to, NBD_MAGIC_REQUEST);
	dsc_put_be16(to + 4, (uint16_t)flags);
	dsc_put_be16(to + 6, (uint16_t)type);
	dsc_put_be64(to + 8, cookie);
	dsc_put_be64(to + 16, offset);
	dsc_put_be32(to + 24, length);
}

void rig_ask(struct rig *rig, int fd, unsigned type, unsigned flags,
	     uint64_t cookie, uint64_t offset, uint32_t length)
{
	uint8_t header[NBD_REQUEST_SIZE];

	rig_request(header, type, flags, cookie, offset, length);
	rig_send(rig, fd, header, sizeof(header));
}

uint32_t rig_simple(struct rig *rig, int fd, uint64_t *cookie)
{
	uint8_t reply[NBD_SIMPLE_REPLY_SIZE];

	*cookie = 0;
	if (!rig_receive(rig, fd, reply, sizeof(reply)) ||
	    dsc_get_be32(reply) != NBD_MAGIC_SIMPLE_REPLY)
		return UINT32_MAX;
	*cookie = dsc_get_be64(reply + 8);
	return dsc_get_be32(reply + 4);
}

uint32_t rig_call(struct rig *rig, int fd, unsigned type, unsigned flags,
		  uint64_t offset, uint32_t length)
{
	const uint64_t cookie = UINT64_C(0x1122334455667788);
	uint64_t answered;
	uint32_t error;

	rig_ask(rig, fd, type, flags, cookie, offset, length);
	error = rig_simple(rig, fd, &answered);
	CU_ASSERT_EQUAL(answered, cookie);
	return error;
}

bool rig_chunk(struct rig *rig, int fd, struct rig_chunk *chunk)
{
	uint8_t header[NBD_CHUNK_SIZE];

	if (!rig_receive(rig, fd, header, sizeof(header)) ||
	    dsc_get_be32(header) != NBD_MAGIC_CHUNK)
		return false;
	chunk->flags = dsc_get_be16(header + 4);
	chunk->type = dsc_get_be16(header + 6);
	chunk->cookie = dsc_get_be64(header + 8);
	chunk->length = dsc_get_be32(header + 16);
	return chunk->length <= sizeof(chunk->data) &&
	       rig_receive(rig, fd, chunk->data, chunk->length);
}

void rig_ask_extended(struct rig *rig, int fd, unsigned type, unsigned flags,
		      uint64_t cookie, uint64_t offset, uint64_t length)
{
	uint8_t header[NBD_EXTENDED_REQUEST_SIZE];

	dsc_put_be32(header, NBD_MAGIC_EXTENDED_REQUEST);
	dsc_put_be16(header + 4, (uint16_t)flags);
	dsc_put_be16(header + 6, (uint16_t)type);
	dsc_put_be64(header + 8, cookie);
	dsc_put_be64(header + 16, offset);
	dsc_put_be64(header + 24, length);
	rig_send(rig, fd, header, sizeof(header));
}

bool rig_chunk_extended(struct rig *rig, int fd, struct rig_chunk *chunk)
{
	uint8_t header[NBD_EXTENDED_CHUNK_SIZE];
	uint64_t length;

	if (!rig_receive(rig, fd, header, sizeof(header)) ||
	    dsc_get_be32(header) != NBD_MAGIC_EXTENDED_CHUNK)
		return false;
	chunk->flags = dsc_get_be16(header + 4);
	chunk->type = dsc_get_be16(header + 6);
	chunk->cookie = dsc_get_be64(header + 8);
	chunk->offset = dsc_get_be64(header + 16);
	length = dsc_get_be64(header + 24);
	chunk->length = (uint32_t)length;
	return length <= sizeof(chunk->data) &&
	       rig_receive(rig, fd, chunk->data, chunk->length);
}

/* ------------------------------------------------------------ handshake */

static void send_option(struct rig *rig, int fd, uint32_t type,
			const void *data, uint32_t length)
{
	uint8_t header[NBD_OPTION_SIZE];

	dsc_put_be64(header, NBD_MAGIC_OPTION);
	dsc_put_be32(header + 8, type);
	dsc_put_be32(header + 12, length);
	rig_send(rig, fd, header, sizeof(header));
	rig_send(rig, fd, data, length);
}

/* Receives replies to an option up to its acknowledgement. */
static void expect_ack(struct rig *rig, int fd, uint32_t type)
{
	uint8_t header[NBD_OPTION_REPLY_SIZE], data[4096];
	uint32_t reply;

	do {
		CU_ASSERT_FATAL(rig_receive(rig, fd, header, sizeof(header)));
		CU_ASSERT_EQUAL_FATAL(dsc_get_be32(header + 8), type);
		reply = dsc_get_be32(header + 12);
		CU_ASSERT_FATAL(reply < 0x80000000u);
		CU_ASSERT_FATAL(rig_receive(rig, fd, data,
					    dsc_get_be32(header + 16)));
	} while (reply != NBD_REP_ACK);
}

static int connect_with(struct rig *rig, uint32_t headers)
{
	static const char context[] = "\0\0\0\0" "\0\0\0\1" "\0\0\0\17"
				      "base:allocation";
	int fd = rig_connect(rig, NBD_CLIENT_SOCKET);
	uint8_t greeting[NBD_GREETING_SIZE];
	uint8_t flags[4];

	CU_ASSERT_FATAL(rig_receive(rig, fd, greeting, sizeof(greeting)));
	dsc_put_be32(flags, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	rig_send(rig, fd, flags, sizeof(flags));
	send_option(rig, fd, headers, NULL, 0);
	expect_ack(rig, fd, headers);
	send_option(rig, fd, NBD_OPT_SET_META_CONTEXT, context,
		    sizeof(context) - 1);
	expect_ack(rig, fd, NBD_OPT_SET_META_CONTEXT);
	send_option(rig, fd, NBD_OPT_GO, "\0\0\0\0\0\0", 6);
	expect_ack(rig, fd, NBD_OPT_GO);
	return fd;
}

int rig_connect_structured(struct rig *rig)
{
	return connect_with(rig, NBD_OPT_STRUCTURED_REPLY);
}

int rig_connect_extended(struct rig *rig)
{
	return connect_with(rig, NBD_OPT_EXTENDED_HEADERS);
}

int rig_connect_plain(struct rig *rig)
{
	static const uint8_t opening[] =
		"\0\0\0\3" "IHAVEOPT" "\0\0\0\1" "\0\0\0\0";
	uint8_t answer[NBD_GREETING_SIZE + 10];
	int fd = rig_connect(rig, NBD_CLIENT_SOCKET);

	rig_send(rig, fd, opening, sizeof(opening) - 1);
	CU_ASSERT_FATAL(rig_receive(rig, fd, answer, sizeof(answer)));
	return fd;
}
