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

#include "unit/conn-peer.h"

#define S DSC_FLAG_STATUS
#define F DSC_FLAG_FINAL
#define LENGTH 150000u
#define SEED 5

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

static const struct dsc_test tests[] = {
	{ "in_one_piece", in_one_piece },
	{ "in_many_pieces", in_many_pieces },
	{ "short_data", short_data },
	{ "digests", digests },
	{ "full_pipe", full_pipe },
	{ "zeroes", zeroes },
	{ "again", again },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("conn-pipe", tests, argc, argv);
}
