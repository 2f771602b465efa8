/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conn-read.c: commands without data, reads, and how they end: data in
 * one and in many pieces, status with the data and behind it, residuals,
 * sense, digests; the stream cut at every possible place.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "unit/conn-peer.h"

#define S DSC_FLAG_STATUS
#define F DSC_FLAG_FINAL
#define U DSC_FLAG_UNDERFLOW
#define O DSC_FLAG_OVERFLOW

static struct peer peer;
static struct got got;

static void begin(void)
{
	peer_init(&peer);
	peer_open(&peer);
}

static void end(void)
{
	CU_ASSERT_EQUAL(peer.lost, 0);
	got_free(&got);
	peer_close(&peer);
}

/* Submits a command and takes it out of the target's end. */
static void issue(struct op *op)
{
	op_submit(op);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
}

static void assert_done(struct op *op, int error, uint8_t status,
			uint32_t transferred)
{
	peer_wait(&peer, &op->done, 1);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(op->done, 1);
	CU_ASSERT_EQUAL(op->task.error, error);
	if (error != 0)
		return;
	CU_ASSERT_EQUAL(op->task.status, status);
	CU_ASSERT_EQUAL(op->task.transferred, transferred);
}

/* -------------------------------------------------------- without data */

static void command_header(void)
{
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_NONE, 0);
	issue(&op);
	CU_ASSERT_EQUAL(got.header[0], 0x01);
	CU_ASSERT_EQUAL(got.flags, 0x81);
	CU_ASSERT_EQUAL(got.length, 0);
	CU_ASSERT_EQUAL(got.ttt, 0);
	CU_ASSERT_EQUAL(got.cmd_sn, PEER_CMD_SN);
	CU_ASSERT_EQUAL(got.exp_stat_sn, PEER_STAT_SN + 1);
	CU_ASSERT_EQUAL(memcmp(got.header + 8, op.task.lun, 8), 0);
	CU_ASSERT_EQUAL(memcmp(got.header + 32, op.task.cdb, 16), 0);
	CU_ASSERT_NOT_EQUAL(got.itt, DSC_NO_TAG);
	CU_ASSERT_EQUAL(dsc_conn_in_flight(peer.conn), 1);
	peer_good(&peer, got.itt);
	assert_done(&op, 0, 0, 0);
	CU_ASSERT_EQUAL(dsc_conn_in_flight(peer.conn), 0);
	op_free(&op);

	op_init(&op, &peer, DSC_DATA_IN, 4096);
	issue(&op);
	CU_ASSERT_EQUAL(got.flags, 0xc1);
	CU_ASSERT_EQUAL(got.ttt, 4096);
	CU_ASSERT_EQUAL(got.cmd_sn, PEER_CMD_SN + 1);
	CU_ASSERT_EQUAL(got.exp_stat_sn, PEER_STAT_SN + 2);
	peer_data_in(&peer, got.itt, 0, 0, 4096, F | S, 1);
	assert_done(&op, 0, 0, 4096);
	CU_ASSERT(is_filled(op.data, 1, 0, 4096));
	op_free(&op);
	end();
}

static void one_send_for_a_turn(void)
{
	struct op op[20];
	int i;

	begin();
	for (i = 0; i < 20; i++) {
		op_init(&op[i], &peer, DSC_DATA_IN, 512);
		op_submit(&op[i]);
	}
	peer_turn(&peer);
	CU_ASSERT_EQUAL(dsc_conn_get_stats(peer.conn)->send_calls, 1);
	for (i = 0; i < 20; i++) {
		peer_expect(&peer, DSC_OP_COMMAND, &got);
		peer_data_in(&peer, got.itt, 0, 0, 512, F | S, i);
	}
	peer_wait(&peer, &peer.order, 20);
	CU_ASSERT_EQUAL(dsc_conn_get_stats(peer.conn)->tasks_done, 20);
	CU_ASSERT_EQUAL(dsc_conn_get_stats(peer.conn)->receive_calls, 1);
	CU_ASSERT_EQUAL(dsc_conn_get_stats(peer.conn)->bytes_sent, 20 * 48);
	CU_ASSERT_EQUAL(dsc_conn_get_stats(peer.conn)->bytes_received,
			20 * (48 + 512));
	for (i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(op[i].done, 1);
		CU_ASSERT_EQUAL(op[i].order, i);
		CU_ASSERT(is_filled(op[i].data, i, 0, 512));
		op_free(&op[i]);
	}
	end();
}

/* --------------------------------------------------------------- reads */

static void split_data_in(void)
{
	const uint32_t pieces[] = { 1, 511, 3000, 7 };
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_IN, 10000);
	op_split(&op, pieces, 4);
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, 3, 0, 5);
	peer_data_in(&peer, got.itt, 1, 3, 4094, F, 5);
	peer_data_in(&peer, got.itt, 2, 4097, 5000, 0, 5);
	peer_data_in(&peer, got.itt, 3, 9097, 903, F, 5);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(op.done, 0);
	peer_good(&peer, got.itt);
	assert_done(&op, 0, 0, 10000);
	CU_ASSERT(is_filled(op.data, 5, 0, 10000));
	op_free(&op);
	end();
}

static void status_in_an_empty_data_in(void)
{
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_IN, 100);
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, 100, 0, 5);
	peer_data_in(&peer, got.itt, 1, 100, 0, F | S, 5);
	assert_done(&op, 0, 0, 100);
	CU_ASSERT(is_filled(op.data, 5, 0, 100));
	op_free(&op);
	end();
}

/* Only part of the caller's buffers is for this task. */
static void skipped_buffers(void)
{
	const uint32_t pieces[] = { 1000, 1000, 1000 };
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_IN, 4000);
	memset(op.data, 0x5a, 4000);
	op_split(&op, pieces, 3);
	op.task.iov_skip = 1500;
	op.task.length = 2000;
	issue(&op);
	CU_ASSERT_EQUAL(got.ttt, 2000);
	peer_data_in(&peer, got.itt, 0, 0, 2000, F | S, 5);
	assert_done(&op, 0, 0, 2000);
	CU_ASSERT(is_filled(op.data + 1500, 5, 0, 2000));
	CU_ASSERT_EQUAL(op.data[1499], 0x5a);
	CU_ASSERT_EQUAL(op.data[3500], 0x5a);
	CU_ASSERT_EQUAL(op.iov[1].iov_len, 1000);
	op_free(&op);
	end();
}

/* Long payloads go straight to the caller, what follows them does not. */
static void long_reads(void)
{
	const uint32_t pieces[] = { 100000, 1, 99999 };
	struct op big, small;
	uint32_t itt[2];
	uint32_t i;

	begin();
	for (i = 0; i < 3; i++) {
		op_init(&big, &peer, DSC_DATA_IN, 600000);
		op_init(&small, &peer, DSC_DATA_IN, 1024);
		op_split(&big, pieces, 3);
		op_submit(&big);
		op_submit(&small);
		peer_expect(&peer, DSC_OP_COMMAND, &got);
		itt[0] = got.itt;
		peer_expect(&peer, DSC_OP_COMMAND, &got);
		itt[1] = got.itt;
		peer_data_in(&peer, itt[0], 0, 0, 200001 + i, 0, 9);
		peer_data_in(&peer, itt[1], 0, 0, 1024, F | S, 10);
		peer_data_in(&peer, itt[0], 1, 200001 + i, 262143, 0, 9);
		peer_data_in(&peer, itt[0], 2, 462144 + i, 137856 - i, F | S,
			     9);
		assert_done(&big, 0, 0, 600000);
		assert_done(&small, 0, 0, 1024);
		CU_ASSERT(is_filled(big.data, 9, 0, 600000));
		CU_ASSERT(is_filled(small.data, 10, 0, 1024));
		op_free(&big);
		op_free(&small);
	}
	end();
}

/* More pieces than one read can be given. */
static void many_pieces(void)
{
	enum { PIECES = 3000, PIECE = 80 };
	static struct iovec iov[PIECES];
	struct op op;
	int i;

	begin();
	op_init(&op, &peer, DSC_DATA_IN, PIECES * PIECE);
	for (i = 0; i < PIECES; i++) {
		/* Backwards, with empty ones in between. */
		iov[i].iov_base = op.data + (PIECES - 2 - i / 2 * 2) * PIECE;
		iov[i].iov_len = i % 2 == 0 ? 2 * PIECE : 0;
	}
	op.task.iov = iov;
	op.task.iovcnt = PIECES;
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, PIECES * PIECE, F | S, 4);
	assert_done(&op, 0, 0, PIECES * PIECE);
	for (i = 0; i < PIECES; i += 2)
		CU_ASSERT(is_filled(iov[i].iov_base, 4, i * PIECE, 2 * PIECE));
	op_free(&op);
	end();
}

/* The caller's buffers are not as long as the task: nothing beyond them. */
static void short_buffers(void)
{
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_IN, 1000);
	op.task.length = 200000;
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, 200000, F | S, 1);
	assert_done(&op, -EPROTO, 0, 0);
	CU_ASSERT(is_filled(op.data, 1, 0, 1000));
	op_free(&op);
	end();
}

/* -------------------------------------------------------------- status */

static void underflow(void)
{
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_IN, 255);
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, 36, F, 1);
	peer_status(&peer, got.itt, 0, U, 219);
	assert_done(&op, 0, 0, 36);
	CU_ASSERT(is_filled(op.data, 1, 0, 36));
	op_free(&op);

	op_init(&op, &peer, DSC_DATA_IN, 255);
	issue(&op);
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_DATA_IN, .flags = F | S | U, .itt = got.itt,
		.data = "0123456789abcdef", .length = 16, .word44 = 239,
	});
	assert_done(&op, 0, 0, 16);
	op_free(&op);

	/* It sent more than it now says: what it says counts. */
	op_init(&op, &peer, DSC_DATA_IN, 255);
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, 255, F, 1);
	peer_status(&peer, got.itt, 0, U, 55);
	assert_done(&op, 0, 0, 200);
	op_free(&op);
	end();
}

static void overflow(void)
{
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_IN, 64);
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, 64, F, 1);
	peer_status(&peer, got.itt, 0, O, 300);
	assert_done(&op, 0, 0, 64);
	CU_ASSERT_EQUAL(op.task.overflow, 300);
	op_free(&op);
	end();
}

/* GOOD, but bytes are missing: never data. The connection goes on. */
static void holes(void)
{
	static const struct {
		uint32_t arrives;
		uint8_t flags;
		uint32_t residual;
	} cases[] = {
		{ 0, 0, 0 }, { 4095, 0, 0 }, { 0, U, 4095 }, { 2048, U, 2047 },
		{ 4096, U, 4097 }, { 4096, U | O, 1 }, { 2048, O, 10 },
	};
	struct op op;
	size_t i;

	begin();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		op_init(&op, &peer, DSC_DATA_IN, 4096);
		issue(&op);
		peer_data_in(&peer, got.itt, 0, 0, cases[i].arrives, F, 1);
		peer_status(&peer, got.itt, 0, cases[i].flags,
			    cases[i].residual);
		assert_done(&op, -EPROTO, 0, 0);
		op_free(&op);
	}
	op_init(&op, &peer, DSC_DATA_IN, 4096);
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, 4092, F | S, 1);
	assert_done(&op, -EPROTO, 0, 0);
	op_free(&op);
	op_init(&op, &peer, DSC_DATA_IN, 512);
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, 512, F | S, 1);
	assert_done(&op, 0, 0, 512);
	op_free(&op);
	end();
}

static void check_condition(void)
{
	uint8_t data[2 + 300];
	struct op op;

	begin();
	memset(data, 0x11, sizeof(data));
	data[0] = 0;
	data[1] = 18;
	op_init(&op, &peer, DSC_DATA_IN, 4096);
	issue(&op);
	peer_data_in(&peer, got.itt, 0, 0, 512, F, 1);
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_RESPONSE, .flags = F | U, .status = 2,
		.itt = got.itt, .word44 = 3584, .data = data, .length = 20,
	});
	assert_done(&op, 0, 2, 512);
	CU_ASSERT_EQUAL(op.task.sense_length, 18);
	CU_ASSERT_EQUAL(memcmp(op.task.sense, data + 2, 18), 0);
	op_free(&op);
	end();
}

/* Lengths of sense data that are not true. */
static void lying_sense(void)
{
	static const struct {
		uint16_t said;
		uint32_t sent;
		uint16_t taken;
	} cases[] = {
		{ 0, 0, 0 }, { 0, 1, 0 }, { 0, 2, 0 }, { 18, 2, 0 },
		{ 18, 12, 10 }, { 65535, 22, 20 }, { 252, 254, DSC_SENSE_MAX },
		{ 96, 98, 96 }, { 4, 302, 4 }, { 20000, 20002, DSC_SENSE_MAX },
	};
	static uint8_t data[20002];
	struct op op;
	size_t i;

	begin();
	memset(data, 0x22, sizeof(data));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dsc_put_be16(data, cases[i].said);
		op_init(&op, &peer, DSC_DATA_NONE, 0);
		issue(&op);
		peer_say(&peer, &(struct say){
			.opcode = DSC_OP_RESPONSE, .flags = F, .status = 2,
			.itt = got.itt, .data = data, .length = cases[i].sent,
		});
		assert_done(&op, 0, 2, 0);
		CU_ASSERT_EQUAL(op.task.sense_length, cases[i].taken);
		op_free(&op);
	}
	end();
}

static void target_failure(void)
{
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_IN, 512);
	issue(&op);
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_RESPONSE, .flags = F, .response = 1,
		.itt = got.itt,
	});
	assert_done(&op, -EIO, 0, 0);
	op_free(&op);
	end();
}

/* BUSY and the like come as they are. */
static void other_status(void)
{
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_IN, 512);
	issue(&op);
	peer_status(&peer, got.itt, 0x28, 0, 0);
	assert_done(&op, 0, 0x28, 0);
	op_free(&op);
	end();
}

/* ---------------------------------------------------- cut in any place */

/* A little of everything, a long read among it unless that takes for ever. */
static void mixture(size_t chunk, bool header_digest, bool data_digest)
{
	const uint32_t pieces[] = { 13, 500 };
	uint32_t big = chunk > 0 && chunk < 30 ? 703 : 40003;
	uint32_t part = big * 2 / 5;
	uint8_t sense[20] = { 0, 18, 0x70 };
	uint32_t itt[4];
	struct op op[4];
	int i;

	peer_init(&peer);
	peer.params.header_digest = header_digest;
	peer.params.data_digest = data_digest;
	peer.chunk = chunk;
	peer_open(&peer);
	op_init(&op[0], &peer, DSC_DATA_IN, 1021);
	op_split(&op[0], pieces, 2);
	op_init(&op[1], &peer, DSC_DATA_NONE, 0);
	op_init(&op[2], &peer, DSC_DATA_IN, big);
	op_init(&op[3], &peer, DSC_DATA_IN, 96);
	for (i = 0; i < 4; i++) {
		op_submit(&op[i]);
		peer_expect(&peer, DSC_OP_COMMAND, &got);
		itt[i] = got.itt;
	}
	peer_data_in(&peer, itt[0], 0, 0, 1018, 0, 1);
	peer_data_in(&peer, itt[2], 0, 0, part, 0, 2);
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_RESPONSE, .flags = F, .status = 2,
		.itt = itt[1], .data = sense, .length = 20,
	});
	peer_data_in(&peer, itt[0], 1, 1018, 3, F | S, 1);
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_NOP_IN, .flags = F, .itt = DSC_NO_TAG,
		.ttt = DSC_NO_TAG, .keeps_stat_sn = true,
	});
	peer_data_in(&peer, itt[2], 1, part, big - part, F | S, 2);
	peer_data_in(&peer, itt[3], 0, 0, 36, F, 3);
	peer_status(&peer, itt[3], 0, U, 60);
	peer_wait(&peer, &peer.order, 4);
	assert_done(&op[0], 0, 0, 1021);
	assert_done(&op[1], 0, 2, 0);
	assert_done(&op[2], 0, 0, big);
	assert_done(&op[3], 0, 0, 36);
	CU_ASSERT_EQUAL(op[1].order, 0);
	CU_ASSERT_EQUAL(op[0].order, 1);
	CU_ASSERT(is_filled(op[0].data, 1, 0, 1021));
	CU_ASSERT(is_filled(op[2].data, 2, 0, big));
	CU_ASSERT(is_filled(op[3].data, 3, 0, 36));
	CU_ASSERT_EQUAL(op[1].task.sense_length, 18);
	for (i = 0; i < 4; i++)
		op_free(&op[i]);
	end();
}

static void cut_anywhere(void)
{
	static const size_t chunks[] = { 1, 2, 3, 7, 31, 48, 52, 53, 1000, 0 };
	size_t i;
	int digests;

	for (i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		for (digests = 0; digests < 4; digests++)
			mixture(chunks[i], (digests & 1) != 0,
				(digests & 2) != 0);
	}
}

/* ---------------------------------------------------------- a slow link */

static void on_ping(void *arg, int status)
{
	int *pongs = arg;

	CU_ASSERT_EQUAL(status, 0);
	(*pongs)++;
}

/* Turns the loop until the engine has read so many bytes, or for a while. */
static bool has_read(uint64_t bytes)
{
	uint64_t end = dsc_clock_now_ns() + 10 * DSC_NS_PER_S;
	const struct dsc_conn_stats *stats = dsc_conn_get_stats(peer.conn);

	while (stats->bytes_received < bytes && dsc_clock_now_ns() < end)
		discsi_context_dispatch(peer.ctx, 10);
	return stats->bytes_received == bytes;
}

/*
 * A long payload on a link that is slower than the ping's deadline: each byte
 * of it says that the target is there, however few they are.
 */
static void slow_payload(void)
{
	static uint8_t data[262144];
	const uint32_t length = sizeof(data);
	uint8_t header[48] = { DSC_OP_DATA_IN, F | S };
	uint32_t sent = 1000;
	int pongs = 0;
	struct op op;

	peer_init(&peer);
	peer.is_tcp = true;
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_IN, length);
	issue(&op);
	fill(data, 5, 0, length);
	dsc_put_be24(header + 5, length);
	dsc_put_be32(header + 16, got.itt);
	dsc_put_be32(header + 24, peer.stat_sn++);
	dsc_put_be32(header + 28, peer.exp_cmd_sn);
	dsc_put_be32(header + 32, peer.max_cmd_sn);
	peer_say_bytes(&peer, header, 48);
	peer_say_bytes(&peer, data, sent);
	CU_ASSERT_FATAL(has_read(48 + sent));
	/* Lies in the socket when the ping is sent; and comes after it. */
	peer_say_bytes(&peer, data + sent, 1000);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(dsc_conn_ping(peer.conn, on_ping, &pongs), 0);
	for (sent += 1000; sent < 8000; sent += 1000) {
		CU_ASSERT_FATAL(has_read(48 + sent));
		peer_say_bytes(&peer, data + sent, 1000);
	}
	peer_say_bytes(&peer, data + sent, length - sent);
	assert_done(&op, 0, 0, length);
	CU_ASSERT(is_filled(op.data, 5, 0, length));
	peer_expect(&peer, DSC_OP_NOP_OUT, &got);
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_NOP_IN, .flags = F, .itt = got.itt,
		.ttt = DSC_NO_TAG,
	});
	peer_wait(&peer, &pongs, 1);
	op_free(&op);
	end();
}

/* -------------------------------------------------------------- digests */

static void damaged(bool is_data)
{
	struct op op;

	peer_init(&peer);
	peer.params.header_digest = true;
	peer.params.data_digest = true;
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_IN, 5);
	issue(&op);
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_DATA_IN, .flags = F | S, .itt = got.itt,
		.data = "hello", .length = 5, .spoil_header_digest = !is_data,
		.spoil_data_digest = is_data,
	});
	assert_lost(&peer, EIO, is_data ? "data digest" : "header digest");
	CU_ASSERT_EQUAL(op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, -ENOTCONN);
	op_free(&op);
	got_free(&got);
	peer_close(&peer);
}

static void header_digest_mismatch(void)
{
	damaged(false);
}

static void data_digest_mismatch(void)
{
	damaged(true);
}

static const struct dsc_test tests[] = {
	{ "command_header", command_header },
	{ "one_send_for_a_turn", one_send_for_a_turn },
	{ "split_data_in", split_data_in },
	{ "status_in_an_empty_data_in", status_in_an_empty_data_in },
	{ "skipped_buffers", skipped_buffers },
	{ "long_reads", long_reads },
	{ "many_pieces", many_pieces },
	{ "short_buffers", short_buffers },
	{ "underflow", underflow },
	{ "overflow", overflow },
	{ "holes", holes },
	{ "check_condition", check_condition },
	{ "lying_sense", lying_sense },
	{ "target_failure", target_failure },
	{ "other_status", other_status },
	{ "cut_anywhere", cut_anywhere },
	{ "slow_payload", slow_payload },
	{ "header_digest_mismatch", header_digest_mismatch },
	{ "data_digest_mismatch", data_digest_mismatch },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("conn-read", tests, argc, argv);
}
