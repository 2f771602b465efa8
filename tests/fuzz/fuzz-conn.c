/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-conn.c: one input as what a hostile target sends on a connection that
 * has commands of every kind under way. Whatever it is: each command completes
 * exactly once, no buffer is touched beyond its end or after that, and nothing
 * waits for ever.
 *
 * The first three bytes choose the parameters; see struct plan. The rest is
 * sent as it is, or as PDUs whose StatSN, where it is 0, and digests are put
 * right first, so that the search gets beyond those checks.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <discsi/context.h>

#include "base/bytes.h"
#include "base/list.h"
#include "fuzz/fuzz.h"
#include "iscsi/conn.h"
#include "iscsi/crc32c.h"
#include "iscsi/pdu.h"

const char dsc_fuzz_name[] = "conn";

enum plan_flags {
	PLAN_HEADER_DIGEST = 0x01,
	PLAN_DATA_DIGEST = 0x02,
	PLAN_INITIAL_R2T = 0x04,
	PLAN_NO_IMMEDIATE = 0x08,
	PLAN_RAW = 0x10,          /* as it is */
	PLAN_TEXT = 0x20,         /* a Text under way: it has tag 0 */
	PLAN_LOGOUT = 0x40,
	PLAN_CLOSE = 0x80         /* the second completion closes */
};

struct plan {
	uint8_t flags;
	uint8_t chunk;            /* bytes at a time, 0: all at once */
	uint8_t r2ts;             /* that may be outstanding, less one */
};

#define PLAN_BYTES 3
#define OPS 6
#define STREAM_MAX 131072u

struct world;

struct op {
	struct dsc_task task;
	struct world *world;
	struct iovec iov[2];
	uint8_t *buffer[2];
	bool is_pending;
	int again;               /* times to submit it once more */
};

struct world {
	struct plan plan;
	struct discsi_context *ctx;
	struct dsc_conn *conn;
	int fd;
	struct op op[OPS];
	int lost;
	int completions;
	bool is_text_pending;
	bool is_logout_pending;
	uint32_t stat_sn;
	uint8_t *stream;
	size_t length;
};

/* ------------------------------------------------------------ callbacks */

static void on_lost(void *arg, const struct discsi_error *why)
{
	struct world *world = arg;

	DSC_FUZZ_ASSERT(why->errnum > 0 && why->message[0] != '\0');
	DSC_FUZZ_ASSERT(world->lost++ == 0);
}

static void on_async(void *arg, const struct dsc_async_event *event)
{
	(void)arg;
	(void)event;
}

static void on_text(void *arg, int status, const char *text, size_t length)
{
	struct world *world = arg;

	DSC_FUZZ_ASSERT(world->is_text_pending);
	world->is_text_pending = false;
	DSC_FUZZ_ASSERT(status < 0 || (text != NULL && length <= DSC_TEXT_MAX));
}

static void on_logout(void *arg, int status)
{
	struct world *world = arg;

	DSC_FUZZ_ASSERT(world->is_logout_pending && status <= 0);
	world->is_logout_pending = false;
}

static void free_buffers(struct op *op)
{
	free(op->buffer[0]);
	free(op->buffer[1]);
	op->buffer[0] = NULL;
	op->buffer[1] = NULL;
}

/* From here on the engine must not touch the buffers: they go at once. */
static void on_done(struct dsc_task *task)
{
	struct op *op = dsc_container_of(task, struct op, task);
	struct world *world = op->world;

	DSC_FUZZ_ASSERT(op->is_pending && task->error <= 0);
	op->is_pending = false;
	if (task->error == 0)
		DSC_FUZZ_ASSERT(task->transferred <= task->length &&
				task->sense_length <= DSC_SENSE_MAX);
	if (task->length > 0)
		free_buffers(op);
	if (++world->completions == 2 && (world->plan.flags & PLAN_CLOSE) != 0)
		dsc_conn_close(world->conn, -ECANCELED);
	if (op->again-- > 0 && dsc_conn_is_open(world->conn)) {
		op->is_pending = true;
		dsc_conn_submit(world->conn, task);
	}
}

/* ---------------------------------------------------------------- world */

static void init_op(struct world *world, struct op *op,
		    enum dsc_direction direction, uint32_t first,
		    uint32_t second)
{
	op->world = world;
	op->buffer[0] = calloc(1, first + 1);
	op->buffer[1] = calloc(1, second + 1);
	op->iov[0].iov_base = op->buffer[0];
	op->iov[0].iov_len = first;
	op->iov[1].iov_base = op->buffer[1];
	op->iov[1].iov_len = second;
	op->task.direction = direction;
	op->task.length = first + second;
	op->task.iov = op->iov;
	op->task.iovcnt = 2;
	op->task.done = on_done;
	op->is_pending = true;
	dsc_conn_submit(world->conn, &op->task);
}

static void submit_all(struct world *world)
{
	init_op(world, &world->op[0], DSC_DATA_IN, 100, 412);
	init_op(world, &world->op[1], DSC_DATA_OUT, 1000, 69000);
	world->op[2].again = 3;
	init_op(world, &world->op[2], DSC_DATA_NONE, 0, 0);
	init_op(world, &world->op[3], DSC_DATA_IN, 20000, 20001);
	init_op(world, &world->op[4], DSC_DATA_OUT, 1, 600);
	init_op(world, &world->op[5], DSC_DATA_IN, 0, 4);
	if ((world->plan.flags & PLAN_TEXT) != 0) {
		world->is_text_pending = true;
		DSC_FUZZ_ASSERT(dsc_conn_text(world->conn, "SendTargets=All",
					      16, on_text, world) == 0);
	}
	if ((world->plan.flags & PLAN_LOGOUT) != 0) {
		world->is_logout_pending = true;
		DSC_FUZZ_ASSERT(dsc_conn_logout(world->conn, on_logout,
						world) == 0);
	}
}

static void open_world(struct world *world)
{
	uint8_t flags = world->plan.flags;
	const struct dsc_params params = {
		.max_send_bytes = 8192,
		.max_recv_bytes = 32768,
		.max_burst_bytes = 40000,
		.first_burst_bytes = 20000,
		.max_outstanding_r2t = world->plan.r2ts % 4u + 1,
		.initial_r2t = (flags & PLAN_INITIAL_R2T) != 0,
		.immediate_data = (flags & PLAN_NO_IMMEDIATE) == 0,
		.header_digest = (flags & PLAN_HEADER_DIGEST) != 0,
		.data_digest = (flags & PLAN_DATA_DIGEST) != 0,
		.exp_cmd_sn = 1,
		.max_cmd_sn = 8,
	};
	const struct dsc_conn_owner owner = { on_lost, on_async, world };
	struct discsi_error error;
	int fds[2];

	DSC_FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				   fds) == 0);
	DSC_FUZZ_ASSERT(discsi_context_new(&world->ctx) == 0);
	world->fd = fds[1];
	DSC_FUZZ_ASSERT(dsc_conn_new(world->ctx, fds[0], &params, "hostile",
				     &owner, &world->conn, &error) == 0);
	submit_all(world);
}

static void close_world(struct world *world)
{
	int i;

	close(world->fd);
	discsi_context_dispatch(world->ctx, 0);
	discsi_context_dispatch(world->ctx, 0);
	/* The target has gone: what could be read has been, and it is over. */
	DSC_FUZZ_ASSERT(!dsc_conn_is_open(world->conn));
	for (i = 0; i < OPS; i++) {
		DSC_FUZZ_ASSERT(!world->op[i].is_pending);
		free_buffers(&world->op[i]);
	}
	DSC_FUZZ_ASSERT(!world->is_text_pending && !world->is_logout_pending);
	dsc_conn_free(world->conn);
	discsi_context_destroy(world->ctx);
}

/* --------------------------------------------------------------- stream */

static void add(struct world *world, const void *bytes, size_t length)
{
	DSC_FUZZ_ASSERT(world->length + length <= STREAM_MAX);
	memcpy(world->stream + world->length, bytes, length);
	world->length += length;
}

static void add_digest(struct world *world, size_t from)
{
	uint8_t digest[DSC_DIGEST_BYTES];

	dsc_digest_put(digest, dsc_crc32c(0, world->stream + from,
					  world->length - from));
	add(world, digest, sizeof(digest));
}

static bool uses_stat_sn(const uint8_t *header)
{
	uint8_t opcode = header[0] & DSC_OPCODE_MASK;

	if (opcode == DSC_OP_DATA_IN)
		return (header[1] & DSC_FLAG_STATUS) != 0;
	return opcode != DSC_OP_R2T && opcode != DSC_OP_NOP_IN;
}

/* One PDU put right; returns how much of data that took. */
static size_t add_pdu(struct world *world, const uint8_t *data, size_t size)
{
	uint8_t header[DSC_HEADER_BYTES];
	uint32_t length, have;
	const uint8_t pad[3] = { 0 };
	size_t from = world->length;

	memcpy(header, data, sizeof(header));
	length = dsc_get_be24(header + 5);
	have = (uint32_t)(size - sizeof(header));
	if (have > length)
		have = length;
	if (dsc_get_be32(header + 24) == 0)
		dsc_put_be32(header + 24, world->stat_sn);
	if (uses_stat_sn(header))
		world->stat_sn++;
	add(world, header, sizeof(header));
	if ((world->plan.flags & PLAN_HEADER_DIGEST) != 0)
		add_digest(world, from);
	from = world->length;
	add(world, data + sizeof(header), have);
	add(world, pad, dsc_pad(have));
	if ((world->plan.flags & PLAN_DATA_DIGEST) != 0 && have > 0)
		add_digest(world, from);
	return sizeof(header) + have;
}

static void make_stream(struct world *world, const uint8_t *data, size_t size)
{
	size_t taken;

	while (size >= DSC_HEADER_BYTES &&
	       (world->plan.flags & PLAN_RAW) == 0) {
		taken = add_pdu(world, data, size);
		data += taken;
		size -= taken;
	}
	add(world, data, size);
}

static void turn(struct world *world)
{
	static uint8_t trash[65536];

	discsi_context_dispatch(world->ctx, 0);
	while (recv(world->fd, trash, sizeof(trash), MSG_DONTWAIT) > 0)
		;
}

static void play(struct world *world)
{
	size_t at = 0;
	size_t piece;
	ssize_t sent;

	turn(world);
	while (at < world->length && dsc_conn_is_open(world->conn)) {
		piece = world->length - at;
		if (world->plan.chunk > 0 && world->plan.chunk < piece)
			piece = world->plan.chunk;
		sent = send(world->fd, world->stream + at, piece,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0)
			at += (size_t)sent;
		turn(world);
	}
	turn(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t stream[STREAM_MAX];
	struct world world = { .stream = stream };

	if (size < PLAN_BYTES || size > STREAM_MAX / 4)
		return 0;
	world.plan.flags = data[0];
	world.plan.chunk = data[1];
	world.plan.r2ts = data[2];
	world.stat_sn = 1;
	make_stream(&world, data + PLAN_BYTES, size - PLAN_BYTES);
	open_world(&world);
	play(&world);
	close_world(&world);
	return 0;
}
