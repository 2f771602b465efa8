/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conn-life.c: the command window, tags, taking tasks back, and the end
 * of a connection: who is told, in which order, once each, whatever callbacks
 * do meanwhile.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "iscsi/conn-internal.h"
#include "unit/conn-peer.h"

#define F DSC_FLAG_FINAL
#define S DSC_FLAG_STATUS

static struct peer peer;
static struct got got;

static void begin(void)
{
	peer_init(&peer);
	peer_open(&peer);
}

static void finish(void)
{
	got_free(&got);
	peer_close(&peer);
}

static void end(void)
{
	CU_ASSERT_EQUAL(peer.lost, 0);
	finish();
}

static void init_ops(struct op *op, int count)
{
	int i;

	for (i = 0; i < count; i++)
		op_init(&op[i], &peer, DSC_DATA_IN, 512);
}

static void free_ops(struct op *op, int count)
{
	int i;

	for (i = 0; i < count; i++)
		op_free(&op[i]);
}

static void submit_ops(struct op *op, int count)
{
	int i;

	for (i = 0; i < count; i++)
		op_submit(&op[i]);
}

/* A NOP-In that only tells where the window is. */
static void tell_window(uint32_t exp_cmd_sn, uint32_t max_cmd_sn)
{
	uint32_t exp = peer.exp_cmd_sn, max = peer.max_cmd_sn;

	peer.exp_cmd_sn = exp_cmd_sn;
	peer.max_cmd_sn = max_cmd_sn;
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_NOP_IN, .flags = F, .itt = DSC_NO_TAG,
		.ttt = DSC_NO_TAG, .keeps_stat_sn = true,
	});
	peer.exp_cmd_sn = exp;
	peer.max_cmd_sn = max;
}

/* --------------------------------------------------------------- window */

static void window(void)
{
	struct op op[20];
	int i;

	peer_init(&peer);
	peer.params.max_cmd_sn = peer.params.exp_cmd_sn + 7;
	peer_open(&peer);
	init_ops(op, 20);
	submit_ops(op, 20);
	for (i = 0; i < 8; i++)
		peer_expect(&peer, DSC_OP_COMMAND, &got);
	CU_ASSERT(peer_is_quiet(&peer));
	CU_ASSERT_EQUAL(dsc_conn_in_flight(peer.conn), 8);

	/* Neither back, nor where it makes no sense: both are passed over. */
	tell_window(PEER_CMD_SN + 8, PEER_CMD_SN + 6);
	tell_window(PEER_CMD_SN + 8, PEER_CMD_SN + 7);
	tell_window(PEER_CMD_SN + 20, PEER_CMD_SN + 18);
	CU_ASSERT(peer_is_quiet(&peer));

	peer.max_cmd_sn += 4;
	tell_window(PEER_CMD_SN + 8, peer.max_cmd_sn);
	for (i = 0; i < 4; i++)
		peer_expect(&peer, DSC_OP_COMMAND, &got);
	CU_ASSERT(peer_is_quiet(&peer));
	peer.max_cmd_sn += 100;
	tell_window(PEER_CMD_SN + 12, peer.max_cmd_sn);
	for (i = 0; i < 8; i++) {
		peer_expect(&peer, DSC_OP_COMMAND, &got);
		peer_data_in(&peer, got.itt, 0, 0, 512, F | S, 0);
	}
	peer_wait(&peer, &peer.order, 8);
	dsc_conn_close(peer.conn, -ECANCELED);
	CU_ASSERT_EQUAL(peer.order, 20);
	free_ops(op, 20);
	end();
}

/* Data that was asked for leaves although no command may. */
static void data_in_a_closed_window(void)
{
	struct op op;

	peer_init(&peer);
	peer.params.immediate_data = false;
	peer.params.max_cmd_sn = peer.params.exp_cmd_sn;
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_OUT, 20000);
	op_submit(&op);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	peer_r2t(&peer, got.itt, 1, 0, 0, 20000);
	peer_expect(&peer, DSC_OP_DATA_OUT, &got);
	peer_expect(&peer, DSC_OP_DATA_OUT, &got);
	peer_expect(&peer, DSC_OP_DATA_OUT, &got);
	peer_good(&peer, got.itt);
	peer_wait(&peer, &op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, 0);
	op_free(&op);
	end();
}

/* A window wider than there are tags, again and again: none is lost. */
static void tags(void)
{
	enum { COUNT = 3000 };
	struct op *op = calloc(COUNT, sizeof(*op));
	uint32_t *itt = calloc(COUNT, sizeof(*itt));
	size_t most;
	int i, j, seen = 0;

	CU_ASSERT_FATAL(op != NULL && itt != NULL);
	peer_init(&peer);
	peer.params.max_cmd_sn = peer.params.exp_cmd_sn + 100000;
	peer_open(&peer);
	init_ops(op, COUNT);
	submit_ops(op, COUNT);
	peer_turn(&peer);
	most = dsc_conn_in_flight(peer.conn);
	CU_ASSERT(most > 900 && most < 1024);
	for (i = 0; i < COUNT; i++) {
		peer_expect(&peer, DSC_OP_COMMAND, &got);
		for (j = 0; j < i; j++)
			seen += itt[j] == got.itt;
		itt[i] = got.itt;
		peer_data_in(&peer, got.itt, 0, 0, 512, F | S, i);
	}
	peer_wait(&peer, &peer.order, COUNT);
	CU_ASSERT_EQUAL(seen, 0);
	for (i = 0; i < COUNT; i++) {
		CU_ASSERT_EQUAL(op[i].done, 1);
		CU_ASSERT(is_filled(op[i].data, i, 0, 512));
	}
	free_ops(op, COUNT);
	free(op);
	free(itt);
	end();
}

/* A slot's tags come round after four million uses; none is "no tag". */
static void tags_wrap(void)
{
	struct dsc_slots slots = { .slot = NULL };
	struct dsc_slot *slot = NULL, *last;
	uint32_t i, itt = 0, wrapped = 0;

	CU_ASSERT_EQUAL_FATAL(dsc_slots_init(&slots, 1), 0);
	for (i = 0; i < DSC_SLOTS; i++)
		last = dsc_slot_take(&slots, DSC_SLOT_TASK);
	for (i = 0; i < 4300000; i++) {
		itt = last->itt;
		dsc_slot_give(&slots, itt);
		slot = dsc_slot_take(&slots, DSC_SLOT_TASK);
		wrapped += slot->itt < itt;
		if (slot != last || slot->itt == itt ||
		    slot->itt == DSC_NO_TAG ||
		    slot->itt % DSC_SLOTS != DSC_SLOTS - 1)
			break;
	}
	CU_ASSERT_EQUAL(i, 4300000);
	CU_ASSERT_EQUAL(wrapped, 1);
	CU_ASSERT_PTR_NULL(dsc_slot_find(&slots, itt, DSC_SLOT_TASK));
	CU_ASSERT_PTR_EQUAL(dsc_slot_find(&slots, slot->itt, DSC_SLOT_TASK),
			    slot);
	CU_ASSERT_PTR_NULL(dsc_slot_find(&slots, slot->itt, DSC_SLOT_TEXT));
	dsc_slots_fini(&slots);
}

/* ---------------------------------------------------------- withdrawing */

static void withdrawing(void)
{
	struct op op[4];

	peer_init(&peer);
	peer.params.max_cmd_sn = peer.params.exp_cmd_sn;
	peer_open(&peer);
	init_ops(op, 4);
	submit_ops(op, 3);
	/* Before the turn's end nothing has been sent. */
	CU_ASSERT(dsc_conn_withdraw(peer.conn, &op[1].task));
	CU_ASSERT_FALSE(dsc_conn_withdraw(peer.conn, &op[1].task));
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	CU_ASSERT(peer_is_quiet(&peer));
	CU_ASSERT_FALSE(dsc_conn_withdraw(peer.conn, &op[0].task));
	CU_ASSERT(dsc_conn_withdraw(peer.conn, &op[2].task));
	/* No hole in CmdSN; a task can be submitted again. */
	peer.max_cmd_sn += 10;
	op_submit(&op[3]);
	op_submit(&op[1]);
	peer_data_in(&peer, got.itt, 0, 0, 512, F | S, 0);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	peer_data_in(&peer, got.itt, 0, 0, 512, F | S, 3);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	peer_data_in(&peer, got.itt, 0, 0, 512, F | S, 1);
	peer_wait(&peer, &peer.order, 3);
	CU_ASSERT(is_filled(op[3].data, 3, 0, 512));
	CU_ASSERT(is_filled(op[1].data, 1, 0, 512));
	CU_ASSERT_EQUAL(op[2].done, 0);
	CU_ASSERT_FALSE(dsc_conn_withdraw(peer.conn, &op[0].task));
	free_ops(op, 4);
	end();
}

/* ------------------------------------------------------------------ end */

static void hang_up(struct op *op, int sent, int count)
{
	int i;

	peer_init(&peer);
	peer.params.max_cmd_sn = peer.params.exp_cmd_sn + (uint32_t)sent - 1;
	peer_open(&peer);
	init_ops(op, count);
	submit_ops(op, count);
	for (i = 0; i < sent; i++)
		peer_expect(&peer, DSC_OP_COMMAND, &got);
	CU_ASSERT(peer_is_quiet(&peer));
}

static void assert_all_lost(struct op *op, int count, int error)
{
	int i;

	for (i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(op[i].done, 1);
		CU_ASSERT_EQUAL(op[i].task.error, error);
		CU_ASSERT_EQUAL(op[i].order, i);
	}
}

static void target_hangs_up(void)
{
	struct op op[6];

	hang_up(op, 3, 6);
	peer_hang_up(&peer);
	assert_lost(&peer, ENOTCONN, "closed the connection");
	CU_ASSERT_EQUAL(peer.lost_at, 0);
	assert_all_lost(op, 6, -ENOTCONN);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(peer.lost, 1);
	free_ops(op, 6);
	finish();
}

/* In the middle of a payload. */
static void target_hangs_up_while_reading(void)
{
	uint8_t data[48 + 100] = { DSC_OP_DATA_IN, F | S, 0, 0, 0, 0, 2, 0 };
	struct op op[1];

	hang_up(op, 1, 1);
	dsc_put_be32(data + 16, got.itt);
	dsc_put_be32(data + 24, PEER_STAT_SN + 1);
	peer_say_bytes(&peer, data, sizeof(data));
	peer_turn(&peer);
	peer_hang_up(&peer);
	assert_lost(&peer, ENOTCONN, "closed the connection");
	assert_all_lost(op, 1, -ENOTCONN);
	free_ops(op, 1);
	finish();
}

/* What it said before it went is heard, also when sending fails first. */
static void last_words(void)
{
	struct op op[2];

	begin();
	init_ops(op, 2);
	op_submit(&op[0]);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	peer_data_in(&peer, got.itt, 0, 0, 512, F | S, 0);
	op_submit(&op[1]);
	peer_hang_up(&peer);
	peer_wait(&peer, &peer.order, 2);
	CU_ASSERT_EQUAL(op[0].task.error, 0);
	CU_ASSERT(is_filled(op[0].data, 0, 0, 512));
	CU_ASSERT_EQUAL(op[1].task.error, -ENOTCONN);
	CU_ASSERT_EQUAL(peer.lost, 1);
	free_ops(op, 2);
	finish();
}

static struct op extra[1];

static void submit_extra(struct op *op)
{
	(void)op;
	op_submit(&extra[0]);
}

/* A done() that submits while the connection is freed: that one as well. */
static void submit_while_freed(void)
{
	struct op op[1];

	begin();
	init_ops(op, 1);
	init_ops(extra, 1);
	op[0].on_done = submit_extra;
	op_submit(&op[0]);
	dsc_conn_free(peer.conn);
	peer.conn = NULL;
	CU_ASSERT_EQUAL(op[0].done, 1);
	CU_ASSERT_EQUAL(extra[0].done, 1);
	CU_ASSERT_EQUAL(extra[0].task.error, -ECANCELED);
	free_ops(op, 1);
	free_ops(extra, 1);
	end();
}

static void closing(void)
{
	struct op op[6];

	hang_up(op, 3, 6);
	dsc_conn_close(peer.conn, -ECANCELED);
	CU_ASSERT_FALSE(dsc_conn_is_open(peer.conn));
	assert_all_lost(op, 6, -ECANCELED);
	CU_ASSERT_EQUAL(dsc_conn_in_flight(peer.conn), 0);
	dsc_conn_close(peer.conn, -EIO);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(peer.order, 6);
	free_ops(op, 6);
	end();
}

/* Freeing closes first. */
static void freeing(void)
{
	struct op op[6];

	hang_up(op, 3, 6);
	dsc_conn_free(peer.conn);
	peer.conn = NULL;
	assert_all_lost(op, 6, -ECANCELED);
	free_ops(op, 6);
	end();
}

/* Submitted where there is no connection any more: completes later, once. */
static void too_late(void)
{
	struct op op[2];

	begin();
	init_ops(op, 2);
	dsc_conn_close(peer.conn, -ECANCELED);
	submit_ops(op, 2);
	CU_ASSERT(dsc_conn_withdraw(peer.conn, &op[0].task));
	peer_wait(&peer, &peer.order, 1);
	CU_ASSERT_EQUAL(op[1].task.error, -ECANCELED);
	CU_ASSERT_EQUAL(op[0].done, 0);
	free_ops(op, 2);
	end();
}

/* ------------------------------------------------------------ callbacks */

static void close_it(struct op *op)
{
	(void)op;
	dsc_conn_close(peer.conn, -ECANCELED);
}

static void close_when_lost(struct peer *p)
{
	dsc_conn_close(p->conn, -ECANCELED);
}

static void withdraw_extra(struct op *op)
{
	op->on_done = NULL;
	CU_ASSERT(dsc_conn_withdraw(peer.conn, &extra[0].task));
}

static void close_in_done(void)
{
	uint8_t data[2][48] = { { 0 } };
	struct op op[4];
	uint32_t itt[2];
	int i;

	begin();
	init_ops(op, 4);
	op[1].on_done = close_it;
	submit_ops(op, 4);
	for (i = 0; i < 2; i++) {
		peer_expect(&peer, DSC_OP_COMMAND, &got);
		itt[i] = got.itt;
	}
	/* Both answers in one read; the second is behind the closing one. */
	for (i = 0; i < 2; i++) {
		data[i][0] = DSC_OP_RESPONSE;
		data[i][1] = F;
		data[i][3] = 8;
		dsc_put_be32(&data[i][16], itt[1 - i]);
		dsc_put_be32(&data[i][24], PEER_STAT_SN + 1 + (uint32_t)i);
	}
	peer_say_bytes(&peer, data, sizeof(data));
	peer_wait(&peer, &peer.order, 4);
	peer_turn(&peer);
	for (i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(op[i].done, 1);
		CU_ASSERT_EQUAL(op[i].task.error, i == 1 ? 0 : -ECANCELED);
	}
	CU_ASSERT_EQUAL(peer.order, 4);
	free_ops(op, 4);
	end();
}

/* Inside of lost(), and inside of a done() that follows it. */
static void close_when_it_is_lost(void)
{
	struct op op[4];
	int i;

	for (i = 0; i < 2; i++) {
		hang_up(op, 2, 4);
		if (i == 0)
			peer.on_lost = close_when_lost;
		op[0].on_done = close_it;
		op[3].on_done = close_it;
		peer_hang_up(&peer);
		assert_lost(&peer, ENOTCONN, "closed");
		assert_all_lost(op, 4, -ENOTCONN);
		free_ops(op, 4);
		finish();
	}
}

static void submit_in_done(void)
{
	struct op op[1];

	begin();
	init_ops(op, 1);
	init_ops(extra, 1);
	op[0].on_done = submit_extra;
	op_submit(&op[0]);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	peer_data_in(&peer, got.itt, 0, 0, 512, F | S, 0);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	CU_ASSERT_EQUAL(op[0].done, 1);
	peer_data_in(&peer, got.itt, 0, 0, 512, F | S, 1);
	peer_wait(&peer, &extra[0].done, 1);
	CU_ASSERT(is_filled(extra[0].data, 1, 0, 512));
	free_ops(op, 1);
	free_ops(extra, 1);
	end();
}

/* done() of a lost task submits: that one completes too, once, later. */
static void submit_in_done_when_lost(void)
{
	struct op op[2];

	hang_up(op, 1, 2);
	init_ops(extra, 1);
	op[0].on_done = submit_extra;
	peer_hang_up(&peer);
	peer_wait(&peer, &peer.order, 3);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(op[0].order, 0);
	CU_ASSERT_EQUAL(op[1].order, 1);
	CU_ASSERT_EQUAL(extra[0].order, 2);
	CU_ASSERT_EQUAL(extra[0].done, 1);
	CU_ASSERT_EQUAL(extra[0].task.error, -ENOTCONN);
	free_ops(op, 2);
	free_ops(extra, 1);
	finish();
}

/* done() takes back what would complete next. */
static void withdraw_in_done(void)
{
	struct op op[2];

	hang_up(op, 1, 2);
	init_ops(extra, 1);
	op_submit(&extra[0]);
	op[1].on_done = withdraw_extra;
	peer_hang_up(&peer);
	peer_wait(&peer, &peer.order, 2);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(extra[0].done, 0);
	CU_ASSERT_EQUAL(op[1].done, 1);
	free_ops(op, 2);
	free_ops(extra, 1);
	finish();
}

static int text_calls;

static void close_in_text(void *arg, int status, const char *text,
			  size_t length)
{
	(void)arg;
	(void)text;
	(void)length;
	CU_ASSERT_EQUAL(status, 0);
	text_calls++;
	dsc_conn_close(peer.conn, -ECANCELED);
}

static void close_in_text_answer(void)
{
	struct op op[1];

	begin();
	init_ops(op, 1);
	text_calls = 0;
	CU_ASSERT_EQUAL(dsc_conn_text(peer.conn, "A=B", 4, close_in_text,
				      NULL), 0);
	submit_ops(op, 1);
	peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_TEXT_RESPONSE, .flags = F, .itt = got.itt,
		.ttt = DSC_NO_TAG, .data = "x", .length = 1,
	});
	peer_wait(&peer, &peer.order, 1);
	CU_ASSERT_EQUAL(text_calls, 1);
	CU_ASSERT_EQUAL(op[0].task.error, -ECANCELED);
	free_ops(op, 1);
	end();
}

/* Bytes of memory that this process really takes. */
static long resident(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	CU_ASSERT_FATAL(file != NULL);
	CU_ASSERT_EQUAL(fscanf(file, "%*d %ld", &pages), 1);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

/* A sanitizer keeps several bytes for each one that is used. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MOST_BYTES (2048 * 1024)
#else
#define MOST_BYTES (200 * 1024)
#endif

/* Idle connections take little memory: their buffers stay untouched. */
static void many_connections(void)
{
	enum { COUNT = 100 };
	static struct peer peers[COUNT];
	long before;
	struct op op;
	int i;

	for (i = 0; i < COUNT; i++)
		peer_init(&peers[i]);
	before = resident();
	for (i = 0; i < COUNT; i++) {
		peer_open(&peers[i]);
		op_init(&op, &peers[i], DSC_DATA_IN, 512);
		op_submit(&op);
		peer_expect(&peers[i], DSC_OP_COMMAND, &got);
		peer_data_in(&peers[i], got.itt, 0, 0, 512, F | S, i);
		peer_wait(&peers[i], &op.done, 1);
		CU_ASSERT(is_filled(op.data, i, 0, 512));
		op_free(&op);
	}
	CU_ASSERT(resident() - before < COUNT * MOST_BYTES);
	dsc_test_note("%ld bytes each", (resident() - before) / COUNT);
	for (i = 0; i < COUNT; i++)
		peer_close(&peers[i]);
	got_free(&got);
}

/* Both ends are here: nothing is gained by pacing what is sent. */
static void without_a_network(void)
{
	char algorithm[16] = "";
	socklen_t length = sizeof(algorithm) - 1;

	peer_init(&peer);
	peer.is_tcp = true;
	peer_open(&peer);
	CU_ASSERT_EQUAL(getsockopt(peer.conn->fd, IPPROTO_TCP, TCP_CONGESTION,
				   algorithm, &length), 0);
	CU_ASSERT_STRING_EQUAL(algorithm, "reno");
	finish();
}

static const struct dsc_test tests[] = {
	{ "window", window },
	{ "without_a_network", without_a_network },
	{ "data_in_a_closed_window", data_in_a_closed_window },
	{ "tags", tags },
	{ "tags_wrap", tags_wrap },
	{ "withdrawing", withdrawing },
	{ "target_hangs_up", target_hangs_up },
	{ "target_hangs_up_while_reading", target_hangs_up_while_reading },
	{ "last_words", last_words },
	{ "closing", closing },
	{ "freeing", freeing },
	{ "submit_while_freed", submit_while_freed },
	{ "too_late", too_late },
	{ "close_in_done", close_in_done },
	{ "close_when_it_is_lost", close_when_it_is_lost },
	{ "submit_in_done", submit_in_done },
	{ "submit_in_done_when_lost", submit_in_done_when_lost },
	{ "withdraw_in_done", withdraw_in_done },
	{ "close_in_text_answer", close_in_text_answer },
	{ "many_connections", many_connections },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("conn-life", tests, argc, argv);
}
