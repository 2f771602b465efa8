/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conn-pipe.c: reads whose data may be left in a pipe: what goes there,
 * what goes to the buffer, and that the two together are the data.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <discsi/lun.h>

#include "base/bytes.h"
#include "unit/conn-peer.h"

#define S DSC_FLAG_STATUS
#define F DSC_FLAG_FINAL
#define LENGTH 150000u
#define SEED 5  /* and the next one, for a second task */

static struct peer peer;
static struct got got;
static struct discsi_pipe tube;

static void open_pipe(void)
{
	int ends[2];

	CU_ASSERT_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	tube = (struct discsi_pipe){ .out = ends[0], .in = ends[1] };
	CU_ASSERT_FATAL(fcntl(tube.in, F_SETPIPE_SZ, 1 << 20) > 0);
}

static void begin(void)
{
	peer_init(&peer);
	peer_open(&peer);
	open_pipe();
}

static void end(void)
{
	CU_ASSERT_EQUAL(peer.lost, 0);
	got_free(&got);
	peer_close(&peer);
	close(tube.in);
	close(tube.out);
}

static void issue(struct op *op, uint32_t length)
{
	op_init(op, &peer, DSC_DATA_IN, length);
	op->task.pipe = &tube;
	op->task.pipe_data = op->data;
	op_submit(op);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
}

/* The pipe's part and the buffer's, put together, are the pattern. */
static void assert_whole(struct op *op)
{
	uint8_t *piped = malloc(op->length + 1);
	size_t length = 0;
	ssize_t n;

	CU_ASSERT_FATAL(piped != NULL);
	peer_wait(&peer, &op->done, 1);
	CU_ASSERT_EQUAL(op->task.error, 0);
	CU_ASSERT_EQUAL(op->task.transferred, op->length);
	while ((n = read(tube.out, piped + length,
			 op->length + 1 - length)) > 0)
		length += (size_t)n;
	CU_ASSERT_EQUAL_FATAL(length, tube.bytes);
	CU_ASSERT(is_filled(piped, SEED, 0, (uint32_t)length));
	CU_ASSERT(is_filled(op->data + length, SEED, (uint32_t)length,
			    op->length - (uint32_t)length));
	CU_ASSERT(op_is_guarded(op));
	free(piped);
}

static void in_one_piece(void)
{
	struct op op;

	begin();
	issue(&op, LENGTH);
	peer.chunk = 1000;
	peer_data_in(&peer, got.itt, 0, 0, LENGTH, F | S, SEED);
	assert_whole(&op);
	CU_ASSERT_EQUAL(tube.bytes, LENGTH);
	op_free(&op);
	end();
}

static void in_many_pieces(void)
{
	struct op op;
	uint32_t at = 0;
	uint32_t i;

	begin();
	issue(&op, LENGTH);
	peer.chunk = 1000;
	for (i = 0; i < 3; i++, at += LENGTH / 3)
		peer_data_in(&peer, got.itt, i, at, LENGTH / 3,
			     i == 2 ? F | S : 0, SEED);
	assert_whole(&op);
	CU_ASSERT_EQUAL(tube.bytes, LENGTH);
	op_free(&op);
	end();
}

/* What arrives as a whole is copied anyway; and short data is not worth it. */
static void short_data(void)
{
	struct op op;

	begin();
	issue(&op, 8192);
	peer_data_in(&peer, got.itt, 0, 0, 8192, F | S, SEED);
	assert_whole(&op);
	CU_ASSERT_EQUAL(tube.bytes, 0);
	op_free(&op);
	end();
}

static void digests(void)
{
	struct op op;

	peer_init(&peer);
	peer.params.data_digest = true;
	peer_open(&peer);
	open_pipe();
	issue(&op, LENGTH);
	peer.chunk = 1000;
	peer_data_in(&peer, got.itt, 0, 0, LENGTH, F | S, SEED);
	assert_whole(&op);
	CU_ASSERT_EQUAL(tube.bytes, 0);
	op_free(&op);
	end();
}

/* The pipe has room for a part only: the rest goes to the buffer. */
static void full_pipe(void)
{
	struct op op;

	begin();
	CU_ASSERT_EQUAL(fcntl(tube.in, F_SETPIPE_SZ, 4096), 4096);
	issue(&op, LENGTH);
	peer.chunk = 1000;
	peer_data_in(&peer, got.itt, 0, 0, LENGTH, F | S, SEED);
	assert_whole(&op);
	CU_ASSERT(tube.bytes > 0);
	CU_ASSERT(tube.bytes < LENGTH);
	op_free(&op);
	end();
}

/*
 * The pipe is full to the last byte, and then the connection ends: that is seen
 * at once, and not looked for without end.
 */
static void full_at_the_end(void)
{
	uint8_t header[48] = { DSC_OP_DATA_IN, 0x80 };
	uint8_t *data = malloc(4096);
	struct op op;
	int turns;

	CU_ASSERT_FATAL(data != NULL);
	peer_init(&peer);
	peer.is_tcp = true;
	peer_open(&peer);
	open_pipe();
	CU_ASSERT_EQUAL(fcntl(tube.in, F_SETPIPE_SZ, 4096), 4096);
	issue(&op, LENGTH);
	header[5] = (uint8_t)(LENGTH >> 16);
	dsc_put_be16(header + 6, (uint16_t)LENGTH);
	dsc_put_be32(header + 16, got.itt);
	dsc_put_be32(header + 20, DSC_NO_TAG);
	dsc_put_be32(header + 28, peer.exp_cmd_sn + 1);
	dsc_put_be32(header + 32, peer.exp_cmd_sn + 63);
	peer_say_bytes(&peer, header, sizeof(header));
	peer_turn(&peer);
	fill(data, SEED, 0, 4096);
	peer_say_bytes(&peer, data, 4096);
	peer_hang_up(&peer);
	for (turns = 0; turns < 1000 && peer.lost == 0; turns++)
		discsi_context_dispatch(peer.ctx, 1000);
	CU_ASSERT_EQUAL(peer.lost, 1);
	CU_ASSERT_EQUAL(tube.bytes, 4096);
	CU_ASSERT(turns < 100);
	op_free(&op);
	free(data);
	got_free(&got);
	peer_close(&peer);
	close(tube.in);
	close(tube.out);
}

/* Zeroes at the beginning: the caller may want to look. */
static void zeroes(void)
{
	uint8_t *data = calloc(1, LENGTH);
	struct say say = {
		.opcode = DSC_OP_DATA_IN, .flags = F | S, .data = data,
		.length = LENGTH,
	};
	struct op op;

	CU_ASSERT_FATAL(data != NULL);
	begin();
	issue(&op, LENGTH);
	say.itt = got.itt;
	say.ttt = DSC_NO_TAG;
	data[LENGTH - 1] = 1;
	peer.chunk = 1000;
	peer_say(&peer, &say);
	peer_wait(&peer, &op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, 0);
	CU_ASSERT_EQUAL(tube.bytes, 0);
	CU_ASSERT_EQUAL(memcmp(op.data, data, LENGTH), 0);
	op_free(&op);
	free(data);
	end();
}

/* A connection is lost in the middle: the next one begins with nothing. */
static void again(void)
{
	struct op op;

	begin();
	issue(&op, LENGTH);
	peer.chunk = 1000;
	peer_data_in(&peer, got.itt, 0, 0, 100000, 0, SEED + 1);
	peer_hang_up(&peer);
	peer_wait(&peer, &op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, -ENOTCONN);
	CU_ASSERT(tube.bytes > 0);
	got_free(&got);
	peer_close(&peer);

	peer_init(&peer);
	peer_open(&peer);
	memset(&got, 0, sizeof(got));
	op.done = 0;
	op_submit(&op);
	CU_ASSERT_EQUAL(tube.bytes, 0);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	peer.chunk = 1000;
	peer_data_in(&peer, got.itt, 0, 0, LENGTH, F | S, SEED);
	assert_whole(&op);
	CU_ASSERT_EQUAL(tube.bytes, LENGTH);
	op_free(&op);
	end();
}

/* --------------------------------------- a read of two tasks, one pipe */

/* Each takes a place in the pipe, which has 256. */
#define HALVES_CHUNK 4000

struct halves {
	struct op op[2];
	uint32_t itt[2];
	uint8_t *data;
};

static void submit_half(struct halves *halves, int i)
{
	halves->op[i].done = 0;
	op_submit(&halves->op[i]);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	halves->itt[i] = got.itt;
}

static void begin_halves(struct halves *halves)
{
	int i;

	begin();
	halves->data = calloc(2, LENGTH);
	CU_ASSERT_FATAL(halves->data != NULL);
	peer.chunk = HALVES_CHUNK;
	for (i = 0; i < 2; i++) {
		struct op *op = &halves->op[i];

		op_init(op, &peer, DSC_DATA_IN, LENGTH);
		op->iov[0].iov_base = halves->data;
		op->iov[0].iov_len = (size_t)2 * LENGTH;
		op->task.iov_skip = (size_t)i * LENGTH;
		op->task.pipe = &tube;
		op->task.pipe_data = halves->data;
		op->task.pipe_at = (size_t)i * LENGTH;
		submit_half(halves, i);
	}
}

/* Another connection, after the target has hung up. */
static void reconnect(void)
{
	got_free(&got);
	peer_close(&peer);
	peer_init(&peer);
	peer_open(&peer);
	memset(&got, 0, sizeof(got));
	peer.chunk = HALVES_CHUNK;
}

/* A part of the data of a task, the last one with its status. */
static void say(struct halves *halves, int i, uint32_t sn, uint32_t at,
		uint32_t length)
{
	bool is_last = at + length == LENGTH;

	peer_data_in(&peer, halves->itt[i], sn, at, length, is_last ? F | S : 0,
		     SEED + (uint32_t)i);
}

/* The first piped bytes are in the pipe, the others in the buffer. */
static void end_halves(struct halves *halves, size_t piped)
{
	size_t length = 0;
	ssize_t n;
	int i;

	for (i = 0; i < 2; i++) {
		peer_wait(&peer, &halves->op[i].done, 1);
		CU_ASSERT_EQUAL(halves->op[i].task.error, 0);
		CU_ASSERT(!halves->op[i].task.is_pipe_broken);
	}
	CU_ASSERT_EQUAL(tube.bytes, piped);
	while ((n = read(tube.out, halves->data + length,
			 (size_t)2 * LENGTH - length)) > 0)
		length += (size_t)n;
	CU_ASSERT_EQUAL(length, piped);
	for (i = 0; i < 2; i++) {
		CU_ASSERT(is_filled(halves->data + (size_t)i * LENGTH,
				    SEED + (uint32_t)i, 0, LENGTH));
		op_free(&halves->op[i]);
	}
	free(halves->data);
	end();
}

static void in_order(void)
{
	struct halves halves;

	begin_halves(&halves);
	say(&halves, 0, 0, 0, LENGTH);
	say(&halves, 1, 0, 0, LENGTH);
	end_halves(&halves, (size_t)2 * LENGTH);
}

static void overtaken(void)
{
	struct halves halves;

	begin_halves(&halves);
	say(&halves, 1, 0, 0, LENGTH);
	say(&halves, 0, 0, 0, LENGTH);
	end_halves(&halves, LENGTH);
}

/* The second one comes in the middle of the first. */
static void interleaved(void)
{
	struct halves halves;

	begin_halves(&halves);
	say(&halves, 0, 0, 0, 100000);
	say(&halves, 1, 0, 0, LENGTH);
	say(&halves, 0, 1, 100000, LENGTH - 100000);
	end_halves(&halves, LENGTH);
}

/* It begins in the middle of the first, and ends behind it. */
static void entangled(void)
{
	struct halves halves;

	begin_halves(&halves);
	say(&halves, 0, 0, 0, 100000);
	say(&halves, 1, 0, 0, 50000);
	say(&halves, 0, 1, 100000, LENGTH - 100000);
	say(&halves, 1, 1, 50000, LENGTH - 50000);
	end_halves(&halves, LENGTH);
}

/* The first one is done, the second in the middle of its data. */
static void begin_and_break(struct halves *halves)
{
	begin_halves(halves);
	say(halves, 0, 0, 0, LENGTH);
	say(halves, 1, 0, 0, 100000);
	peer_hang_up(&peer);
	peer_wait(&peer, &halves->op[1].done, 1);
	CU_ASSERT_EQUAL(halves->op[1].task.error, -ENOTCONN);
	CU_ASSERT(tube.bytes > LENGTH);
}

/* The connection ends: what was in the pipe is kept, in the buffer. */
static void second_again(void)
{
	struct halves halves;

	begin_and_break(&halves);
	reconnect();
	submit_half(&halves, 1);
	CU_ASSERT_EQUAL(tube.bytes, 0);
	say(&halves, 1, 0, 0, LENGTH);
	end_halves(&halves, 0);
}

/* Both had data in the pipe, and neither its status. */
static void both_again(void)
{
	struct halves halves;

	begin_halves(&halves);
	peer_data_in(&peer, halves.itt[0], 0, 0, LENGTH, F, SEED + 7);
	say(&halves, 1, 0, 0, 100000);
	peer_hang_up(&peer);
	peer_wait(&peer, &halves.op[1].done, 1);
	CU_ASSERT(tube.bytes > LENGTH);
	reconnect();
	submit_half(&halves, 0);
	submit_half(&halves, 1);
	CU_ASSERT_EQUAL(tube.bytes, 0);
	say(&halves, 0, 0, 0, LENGTH);
	say(&halves, 1, 0, 0, LENGTH);
	end_halves(&halves, (size_t)2 * LENGTH);
}

/*
 * The first one begins anew while the second, which is on its way, has data in
 * the pipe behind it: that goes on in the buffer.
 */
static void first_again(void)
{
	struct halves halves;
	int i;

	begin_halves(&halves);
	say(&halves, 0, 0, 0, LENGTH);
	peer_wait(&peer, &halves.op[0].done, 1);
	say(&halves, 1, 0, 0, 100000);
	for (i = 0; i < 10000 && tube.bytes < LENGTH + 100000; i++)
		peer_turn(&peer);
	CU_ASSERT_EQUAL_FATAL(tube.bytes, LENGTH + 100000);
	submit_half(&halves, 0);
	CU_ASSERT_EQUAL(tube.bytes, 0);
	say(&halves, 0, 0, 0, LENGTH);
	say(&halves, 1, 1, 100000, LENGTH - 100000);
	end_halves(&halves, LENGTH);
}

/* What was in the pipe is gone: that is told. */
static void robbed(void)
{
	struct halves halves;
	char scrap[1000];

	begin_and_break(&halves);
	CU_ASSERT_EQUAL(read(tube.out, scrap, sizeof(scrap)), 1000);
	reconnect();
	submit_half(&halves, 1);
	CU_ASSERT(halves.op[1].task.is_pipe_broken);
	say(&halves, 1, 0, 0, LENGTH);
	peer_wait(&peer, &halves.op[1].done, 1);
	CU_ASSERT(halves.op[1].task.is_pipe_broken);
	op_free(&halves.op[0]);
	op_free(&halves.op[1]);
	free(halves.data);
	end();
}

static const struct dsc_test tests[] = {
	{ "in_one_piece", in_one_piece },
	{ "in_many_pieces", in_many_pieces },
	{ "short_data", short_data },
	{ "digests", digests },
	{ "full_pipe", full_pipe },
	{ "full_at_the_end", full_at_the_end },
	{ "zeroes", zeroes },
	{ "again", again },
	{ "in_order", in_order },
	{ "overtaken", overtaken },
	{ "interleaved", interleaved },
	{ "entangled", entangled },
	{ "second_again", second_again },
	{ "both_again", both_again },
	{ "first_again", first_again },
	{ "robbed", robbed },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("conn-pipe", tests, argc, argv);
}
