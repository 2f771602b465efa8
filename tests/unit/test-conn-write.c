/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conn-write.c: writes: immediate data, data without being asked, answers
 * to R2Ts, segments, digests, buffers in pieces, sockets that take little at a
 * time, and answers that come before the data has left.
 */
#include <errno.h>
#include <string.h>

#include "unit/conn-peer.h"

#define F DSC_FLAG_FINAL
#define LENGTH_MAX 2000000u

static struct peer peer;
static struct got got;

/* What a target makes of a write: the bytes it has been sent, once each. */
struct image {
	uint8_t data[LENGTH_MAX];
	uint8_t times[LENGTH_MAX];
};

static struct image image;

static void end(void)
{
	CU_ASSERT_EQUAL(peer.lost, 0);
	got_free(&got);
	peer_close(&peer);
}

static void store(uint32_t offset, const struct got *pdu)
{
	uint32_t i;

	CU_ASSERT_FATAL(offset + pdu->length <= LENGTH_MAX);
	memcpy(image.data + offset, pdu->data, pdu->length);
	for (i = 0; i < pdu->length; i++)
		image.times[offset + i]++;
}

static bool is_image_whole(uint32_t length)
{
	uint32_t i;

	for (i = 0; i < length; i++) {
		if (image.times[i] != 1)
			return false;
	}
	return is_filled(image.data, 0, 0, length);
}

/* Takes the command with its immediate data; returns how much that was. */
static uint32_t take_command(uint32_t length)
{
	memset(image.times, 0, length);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	CU_ASSERT_EQUAL(got.flags & ~F, 0x21);
	CU_ASSERT_EQUAL(got.ttt, length);
	store(0, &got);
	return got.length;
}

/* Takes a run of Data-Outs from offset on, length bytes. */
static void take_burst(uint32_t itt, uint32_t ttt, uint32_t offset,
		       uint32_t length)
{
	uint32_t data_sn = 0;
	uint32_t taken = 0;

	while (taken < length) {
		peer_expect(&peer, DSC_OP_DATA_OUT, &got);
		CU_ASSERT_EQUAL(got.itt, itt);
		CU_ASSERT_EQUAL(got.ttt, ttt);
		CU_ASSERT_EQUAL(got.data_sn, data_sn++);
		CU_ASSERT_EQUAL_FATAL(got.offset, offset + taken);
		CU_ASSERT_FATAL(got.length > 0);
		CU_ASSERT(got.length <= peer.params.max_send_bytes);
		CU_ASSERT_EQUAL(got.header[9], 3);
		store(got.offset, &got);
		taken += got.length;
		CU_ASSERT_EQUAL(got.flags, taken < length ? 0 : F);
	}
	CU_ASSERT_EQUAL(taken, length);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Asks for the rest, burst by burst, and answers. */
static void drain(struct op *op, uint32_t itt, uint32_t offset, uint32_t burst)
{
	uint32_t r2t_sn = 0;
	uint32_t length;

	while (offset < op->task.length) {
		length = least(burst, op->task.length - offset);
		peer_r2t(&peer, itt, 0x100 + r2t_sn, r2t_sn, offset, length);
		take_burst(itt, 0x100 + r2t_sn, offset, length);
		offset += length;
		r2t_sn++;
	}
	CU_ASSERT_EQUAL(op->done, 0);
	peer_good(&peer, itt);
	peer_wait(&peer, &op->done, 1);
	CU_ASSERT_EQUAL(op->done, 1);
	CU_ASSERT_EQUAL(op->task.error, 0);
	CU_ASSERT_EQUAL(op->task.transferred, op->task.length);
	CU_ASSERT(is_image_whole(op->task.length));
}

/* One write under the parameters of peer, from beginning to end. */
static void write_once(uint32_t length, const uint32_t *pieces, int count)
{
	uint32_t immediate, expected = 0, unasked = 0;
	struct op op;
	uint32_t itt;

	op_init(&op, &peer, DSC_DATA_OUT, length);
	if (count > 0)
		op_split(&op, pieces, count);
	op_submit(&op);
	immediate = take_command(length);
	itt = got.itt;
	if (peer.params.immediate_data)
		expected = least(least(length, peer.params.first_burst_bytes),
				 peer.params.max_send_bytes);
	CU_ASSERT_EQUAL(immediate, expected);
	if (!peer.params.initial_r2t)
		unasked = least(length, peer.params.first_burst_bytes) -
			  immediate;
	CU_ASSERT_EQUAL(got.flags & F, unasked > 0 ? 0 : F);
	if (unasked > 0)
		take_burst(itt, DSC_NO_TAG, immediate, unasked);
	drain(&op, itt, immediate + unasked, peer.params.max_burst_bytes);
	op_free(&op);
}

/* All kinds of parameters and lengths. */
static void every_way(void)
{
	static const uint32_t lengths[] = {
		1, 512, 4096, 8191, 8192, 8193, 65536, 65537, 300000, 1100000,
	};
	size_t i;
	int bits;

	for (bits = 0; bits < 32; bits++) {
		peer_init(&peer);
		peer.params.initial_r2t = (bits & 1) != 0;
		peer.params.immediate_data = (bits & 2) != 0;
		peer.params.header_digest = (bits & 4) != 0;
		peer.params.data_digest = (bits & 4) != 0;
		if ((bits & 8) != 0)
			peer.params.first_burst_bytes = 262144;
		if ((bits & 16) != 0)
			peer.params.max_send_bytes = 1000001;
		peer_open(&peer);
		peer_turn(&peer);
		for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			/* More than this goes in one PDU nowhere. */
			if (peer.params.max_send_bytes < 1000000 ||
			    lengths[i] <= 262144)
				write_once(lengths[i], NULL, 0);
		}
		end();
	}
}

static void pieces_of_all_sizes(void)
{
	static const uint32_t pieces[] = { 1, 0, 4095, 8192, 3, 77777, 5 };

	peer_init(&peer);
	peer.params.initial_r2t = false;
	peer.params.data_digest = true;
	peer_open(&peer);
	write_once(200000, pieces, 7);
	end();
}

/* Sends of a few bytes at a time change nothing. */
static void small_socket(void)
{
	uint32_t i;

	peer_init(&peer);
	peer.send_buffer = 1;
	peer.params.initial_r2t = false;
	peer.params.header_digest = true;
	peer.params.max_send_bytes = 70001;
	peer_open(&peer);
	for (i = 0; i < 3; i++)
		write_once(500000 + i, NULL, 0);
	CU_ASSERT(dsc_conn_get_stats(peer.conn)->send_calls > 100);
	end();
}

/* A PDU of more pieces than one call can send is cut, never mixed up. */
static void thousands_of_pieces(void)
{
	enum { PIECES = 6000, PIECE = 20 };
	static struct iovec iov[PIECES];
	uint32_t immediate, length = PIECES * PIECE;
	struct op op;
	uint32_t itt;
	int i;

	peer_init(&peer);
	peer.params.initial_r2t = false;
	peer.params.first_burst_bytes = 65536;
	peer.params.max_send_bytes = 65536;
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_OUT, length);
	for (i = 0; i < PIECES; i++) {
		iov[i].iov_base = op.data + (PIECES - 1 - i) * PIECE;
		iov[i].iov_len = PIECE;
		fill(iov[i].iov_base, 0, (uint32_t)i * PIECE, PIECE);
	}
	op.task.iov = iov;
	op.task.iovcnt = PIECES;
	op_submit(&op);
	immediate = take_command(length);
	itt = got.itt;
	CU_ASSERT(immediate > 0 && immediate < 65536);
	take_burst(itt, DSC_NO_TAG, immediate, 65536 - immediate);
	drain(&op, itt, 65536, 262144);
	op_free(&op);
	end();
}

/* Buffers that are not as long as the task: found out, not read beyond. */
static void short_buffers(void)
{
	struct op op;

	peer_init(&peer);
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_OUT, 10000);
	op.task.length = 30000;
	op_submit(&op);
	CU_ASSERT_EQUAL(take_command(30000), 8192);
	peer_r2t(&peer, got.itt, 1, 0, 8192, 30000 - 8192);
	assert_lost(&peer, EINVAL, "shorter than its length of 30000 bytes");
	CU_ASSERT_EQUAL(op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, -ENOTCONN);
	op_free(&op);
	got_free(&got);
	peer_close(&peer);
}

/* Several R2Ts at a time, when they have been agreed on. */
static void outstanding_r2ts(void)
{
	struct op op[2];
	uint32_t itt[2];
	int i;

	peer_init(&peer);
	peer.params.max_outstanding_r2t = 3;
	peer.params.immediate_data = false;
	peer_open(&peer);
	for (i = 0; i < 2; i++) {
		op_init(&op[i], &peer, DSC_DATA_OUT, 60000);
		op_submit(&op[i]);
		take_command(60000);
		itt[i] = got.itt;
	}
	peer_r2t(&peer, itt[0], 1, 0, 0, 10000);
	peer_r2t(&peer, itt[0], 2, 1, 10000, 20000);
	peer_r2t(&peer, itt[0], 3, 2, 30000, 30000);
	take_burst(itt[0], 1, 0, 10000);
	take_burst(itt[0], 2, 10000, 20000);
	take_burst(itt[0], 3, 30000, 30000);
	CU_ASSERT(is_image_whole(60000));
	peer_good(&peer, itt[0]);
	memset(image.times, 0, 60000);
	drain(&op[1], itt[1], 0, 15000);
	CU_ASSERT_EQUAL(op[0].done, 1);
	CU_ASSERT_EQUAL(op[0].task.error, 0);
	op_free(&op[0]);
	op_free(&op[1]);
	end();
}

/* The target asks for more while what it did not ask for still leaves. */
static void r2t_before_the_unasked_is_out(void)
{
	struct op op;
	uint32_t itt, immediate;

	peer_init(&peer);
	peer.params.initial_r2t = false;
	peer.params.first_burst_bytes = 1000000;
	peer.params.max_burst_bytes = 1000000;
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_OUT, 1500000);
	op_submit(&op);
	immediate = take_command(1500000);
	itt = got.itt;
	peer_r2t(&peer, itt, 9, 0, 1000000, 500000);
	peer_turn(&peer);
	take_burst(itt, DSC_NO_TAG, immediate, 1000000 - immediate);
	take_burst(itt, 9, 1000000, 500000);
	drain(&op, itt, 1500000, 1);
	op_free(&op);
	end();
}

/* Small commands do not wait behind megabytes of data. */
static void commands_overtake_data(void)
{
	struct op big[4], small;
	uint32_t itt[4];
	int i, data_outs = 0;

	peer_init(&peer);
	peer.params.immediate_data = false;
	peer.params.max_send_bytes = 65536;
	peer_open(&peer);
	for (i = 0; i < 4; i++) {
		op_init(&big[i], &peer, DSC_DATA_OUT, 262144);
		op_submit(&big[i]);
		take_command(262144);
		itt[i] = got.itt;
	}
	for (i = 0; i < 4; i++)
		peer_r2t(&peer, itt[i], 7, 0, 0, 262144);
	peer_turn(&peer);
	op_init(&small, &peer, DSC_DATA_NONE, 0);
	op_submit(&small);
	do {
		peer_get(&peer, &got);
		data_outs += got.opcode == DSC_OP_DATA_OUT;
	} while (got.opcode != DSC_OP_COMMAND);
	CU_ASSERT(data_outs < 12);
	peer_good(&peer, got.itt);
	peer_wait(&peer, &small.done, 1);
	while (data_outs < 16) {
		peer_expect(&peer, DSC_OP_DATA_OUT, &got);
		data_outs++;
	}
	for (i = 0; i < 4; i++) {
		peer_good(&peer, itt[i]);
		peer_wait(&peer, &big[i].done, 1);
		CU_ASSERT_EQUAL(big[i].task.error, 0);
		op_free(&big[i]);
	}
	op_free(&small);
	end();
}

/* ------------------------------------------------------ early answers */

/* A write whose data fills the socket so that some of it has not left. */
static uint32_t stuck_write(struct op *op)
{
	peer_init(&peer);
	peer.params.immediate_data = false;
	peer.params.max_send_bytes = 262144;
	peer.params.max_burst_bytes = 1500000;
	peer_open(&peer);
	op_init(op, &peer, DSC_DATA_OUT, 1500000);
	op_submit(op);
	take_command(1500000);
	peer_r2t(&peer, got.itt, 5, 0, 0, 1500000);
	peer_turn(&peer);
	return got.itt;
}

/* It fails at once: no more data than was on its way, then done(). */
static void refused_while_sending(void)
{
	struct op op, next;
	uint32_t sent = 0;

	peer_status(&peer, stuck_write(&op), 2, 0, 0);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(op.done, 0);
	CU_ASSERT_EQUAL(dsc_conn_in_flight(peer.conn), 1);
	op_init(&next, &peer, DSC_DATA_NONE, 0);
	op_submit(&next);
	for (;;) {
		peer_get(&peer, &got);
		if (got.opcode != DSC_OP_DATA_OUT)
			break;
		CU_ASSERT(is_filled(got.data, 0, got.offset, got.length));
		sent += got.length;
	}
	CU_ASSERT_EQUAL(got.opcode, DSC_OP_COMMAND);
	CU_ASSERT(sent < 1500000);
	CU_ASSERT_EQUAL(op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, 0);
	CU_ASSERT_EQUAL(op.task.status, 2);
	peer_good(&peer, got.itt);
	peer_wait(&peer, &next.done, 1);
	op_free(&op);
	op_free(&next);
	end();
}

/* Answered, not all out, and the connection ends: the answer stands. */
static void refused_and_lost(void)
{
	struct op op;

	peer_status(&peer, stuck_write(&op), 2, 0, 0);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(op.done, 0);
	peer_hang_up(&peer);
	peer_wait(&peer, &op.done, 1);
	CU_ASSERT_EQUAL(peer.lost, 1);
	CU_ASSERT_EQUAL(op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, 0);
	CU_ASSERT_EQUAL(op.task.status, 2);
	op_free(&op);
	got_free(&got);
	peer_close(&peer);
}

/* GOOD for a write that the target cannot have seen: not believed. */
static void good_too_early(void)
{
	struct op op;

	peer_init(&peer);
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_OUT, 100000);
	op_submit(&op);
	take_command(100000);
	peer_good(&peer, got.itt);
	peer_wait(&peer, &op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, -EPROTO);
	op_free(&op);

	/* Less was written, and it says so. */
	op_init(&op, &peer, DSC_DATA_OUT, 100000);
	op_submit(&op);
	take_command(100000);
	peer_status(&peer, got.itt, 0, DSC_FLAG_UNDERFLOW, 100000 - 8192);
	peer_wait(&peer, &op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, 0);
	CU_ASSERT_EQUAL(op.task.transferred, 8192);
	op_free(&op);
	end();
}

static void good_while_sending(void)
{
	struct op op;

	peer_init(&peer);
	peer.params.max_send_bytes = 262144;
	peer.params.first_burst_bytes = 262144;
	peer.params.max_burst_bytes = 1500000;
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_OUT, 262144);
	op_submit(&op);
	peer_turn(&peer);
	/* The first tag that there is; its data is only partly out. */
	peer_good(&peer, 0);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(op.done, 0);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	CU_ASSERT_EQUAL(got.itt, 0);
	peer_wait(&peer, &op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, -EPROTO);
	op_free(&op);
	end();
}

static const struct dsc_test tests[] = {
	{ "every_way", every_way },
	{ "pieces_of_all_sizes", pieces_of_all_sizes },
	{ "small_socket", small_socket },
	{ "thousands_of_pieces", thousands_of_pieces },
	{ "short_buffers", short_buffers },
	{ "outstanding_r2ts", outstanding_r2ts },
	{ "r2t_before_the_unasked_is_out", r2t_before_the_unasked_is_out },
	{ "commands_overtake_data", commands_overtake_data },
	{ "refused_while_sending", refused_while_sending },
	{ "refused_and_lost", refused_and_lost },
	{ "good_too_early", good_too_early },
	{ "good_while_sending", good_while_sending },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("conn-write", tests, argc, argv);
}
