/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conn-control.c: the target's pings, Text with and without continuation,
 * Logout, Asynchronous Messages and Rejects.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/conn-peer.h"

#define F DSC_FLAG_FINAL
#define C DSC_FLAG_CONTINUE

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

/* ---------------------------------------------------------------- pings */

static void ping(uint32_t ttt, const char *data)
{
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_NOP_IN, .flags = F, .itt = DSC_NO_TAG,
		.ttt = ttt, .data = data, .length = (uint32_t)strlen(data),
		.keeps_stat_sn = true,
	});
}

static void pings_are_answered(void)
{
	char data[5000];
	uint32_t i;

	begin();
	ping(0x1234, "");
	peer_expect(&peer, DSC_OP_NOP_OUT, &got);
	CU_ASSERT(got.is_immediate);
	CU_ASSERT_EQUAL(got.flags, F);
	CU_ASSERT_EQUAL(got.itt, DSC_NO_TAG);
	CU_ASSERT_EQUAL(got.ttt, 0x1234);
	CU_ASSERT_EQUAL(got.cmd_sn, PEER_CMD_SN);
	CU_ASSERT_EQUAL(got.exp_stat_sn, PEER_STAT_SN + 1);
	CU_ASSERT_EQUAL(got.length, 0);

	ping(DSC_NO_TAG, "");
	ping(7, "echo this");
	peer_expect(&peer, DSC_OP_NOP_OUT, &got);
	CU_ASSERT_EQUAL(got.ttt, 7);
	CU_ASSERT_EQUAL(got.length, 9);
	CU_ASSERT_EQUAL(memcmp(got.data, "echo this", 9), 0);

	/* Data that a ping must not have comes back cut. */
	memset(data, 'x', sizeof(data) - 1);
	data[sizeof(data) - 1] = '\0';
	for (i = 0; i < 32; i++)
		ping(i, data);
	for (i = 0; i < 32; i++) {
		peer_expect(&peer, DSC_OP_NOP_OUT, &got);
		CU_ASSERT_EQUAL(got.ttt, i);
		CU_ASSERT(got.length > 0 && got.length < sizeof(data));
	}
	CU_ASSERT(peer_is_quiet(&peer));
	end();
}

/* A closed window does not hold an answer back. */
static void pings_pass_a_closed_window(void)
{
	struct op op;

	peer_init(&peer);
	peer.params.max_cmd_sn = peer.params.exp_cmd_sn - 1;
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_NONE, 0);
	op_submit(&op);
	ping(1, "");
	peer_expect(&peer, DSC_OP_NOP_OUT, &got);
	CU_ASSERT(peer_is_quiet(&peer));
	CU_ASSERT(dsc_conn_withdraw(peer.conn, &op.task));
	op_free(&op);
	end();
}

static void a_flood_of_pings(void)
{
	uint8_t pings[200][48] = { { 0 } };
	int i;

	begin();
	for (i = 0; i < 200; i++) {
		pings[i][0] = DSC_OP_NOP_IN;
		pings[i][1] = F;
		memset(&pings[i][16], 0xff, 4);
		dsc_put_be32(&pings[i][24], PEER_STAT_SN + 1);
	}
	peer_say_bytes(&peer, pings, sizeof(pings));
	assert_lost(&peer, EPROTO, "pings");
	finish();
}

/* ----------------------------------------------------------------- text */

static int texts;
static int text_status;
static char *text;
static size_t text_length;

static void on_text(void *arg, int status, const char *answer, size_t length)
{
	CU_ASSERT_PTR_EQUAL(arg, &peer);
	texts++;
	text_status = status;
	free(text);
	text = NULL;
	text_length = length;
	if (status == 0) {
		text = malloc(length + 1);
		CU_ASSERT_FATAL(text != NULL);
		memcpy(text, answer, length);
		text[length] = '\0';
	}
}

static void ask(void)
{
	texts = 0;
	CU_ASSERT_EQUAL(dsc_conn_text(peer.conn, "SendTargets=All", 16, on_text,
				      &peer), 0);
}

static void answer(uint8_t flags, uint32_t ttt, const void *data,
		   uint32_t length)
{
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_TEXT_RESPONSE, .flags = flags, .itt = got.itt,
		.ttt = ttt, .data = data, .length = length,
	});
}

static void text_in_one_answer(void)
{
	begin();
	ask();
	CU_ASSERT_EQUAL(dsc_conn_text(peer.conn, "A=B", 4, on_text, &peer),
			-EBUSY);
	peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
	CU_ASSERT(got.is_immediate);
	CU_ASSERT_EQUAL(got.flags, F);
	CU_ASSERT_EQUAL(got.ttt, DSC_NO_TAG);
	CU_ASSERT_EQUAL(got.length, 16);
	CU_ASSERT_EQUAL(memcmp(got.data, "SendTargets=All", 16), 0);
	answer(F, DSC_NO_TAG, "TargetName=iqn.a", 17);
	peer_wait(&peer, &texts, 1);
	CU_ASSERT_EQUAL(text_status, 0);
	CU_ASSERT_EQUAL(text_length, 17);
	CU_ASSERT_STRING_EQUAL(text, "TargetName=iqn.a");

	/* An empty answer, to another question. */
	ask();
	peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
	answer(F, DSC_NO_TAG, "", 0);
	peer_wait(&peer, &texts, 1);
	CU_ASSERT_EQUAL(text_status, 0);
	CU_ASSERT_EQUAL(text_length, 0);
	end();
}

static void text_continued(size_t chunk)
{
	static uint8_t part[400];
	uint32_t itt, i, length = 0;

	peer_init(&peer);
	peer.chunk = chunk;
	peer_open(&peer);
	ask();
	peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
	itt = got.itt;
	for (i = 0; i < 20; i++) {
		fill(part, 3, length, 100 + i * 13);
		length += 100 + i * 13;
		/* Two ways to say that there is more. */
		answer(i % 2 == 0 ? C : 0, 0x500 + i, part, 100 + i * 13);
		peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
		CU_ASSERT(got.is_immediate);
		CU_ASSERT_EQUAL(got.itt, itt);
		CU_ASSERT_EQUAL(got.ttt, 0x500 + i);
		CU_ASSERT_EQUAL(got.flags, F);
		CU_ASSERT_EQUAL(got.length, 0);
	}
	CU_ASSERT_EQUAL(texts, 0);
	fill(part, 3, length, 5);
	answer(F, DSC_NO_TAG, part, 5);
	peer_wait(&peer, &texts, 1);
	CU_ASSERT_EQUAL(text_length, length + 5);
	CU_ASSERT(is_filled((uint8_t *)text, 3, 0, length + 5));
	end();
}

static void text_with_continuation(void)
{
	text_continued(0);
	text_continued(1);
	text_continued(97);
}

static void text_without_end(void)
{
	static uint8_t part[262144];
	int i;

	begin();
	ask();
	peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
	for (i = 0; i < 16; i++) {
		answer(C, 1, part, sizeof(part));
		peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
	}
	CU_ASSERT_EQUAL(texts, 0);
	answer(C, 1, part, 4);
	assert_lost(&peer, EPROTO, "more than");
	CU_ASSERT_EQUAL(texts, 1);
	CU_ASSERT_EQUAL(text_status, -ENOTCONN);
	finish();
}

static void text_against_the_rules(void)
{
	static const struct {
		uint8_t flags;
		uint32_t ttt;
		const char *words;
	} cases[] = {
		{ F | C, 5, "final and to be continued" },
		{ 0, DSC_NO_TAG, "without a tag" },
	};
	size_t i;

	for (i = 0; i < 2; i++) {
		begin();
		ask();
		peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
		answer(cases[i].flags, cases[i].ttt, "x", 1);
		assert_lost(&peer, EPROTO, cases[i].words);
		CU_ASSERT_EQUAL(texts, 1);
		CU_ASSERT_EQUAL(text_status, -ENOTCONN);
		finish();
	}
}

/* Two answers where one was asked for. */
static void text_answered_twice(void)
{
	uint8_t answers[2][48] = { { 0 } };
	int i;

	begin();
	ask();
	peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
	for (i = 0; i < 2; i++) {
		answers[i][0] = DSC_OP_TEXT_RESPONSE;
		dsc_put_be32(&answers[i][16], got.itt);
		dsc_put_be32(&answers[i][24], PEER_STAT_SN + 1 + (uint32_t)i);
	}
	peer_say_bytes(&peer, answers, sizeof(answers));
	assert_lost(&peer, EPROTO, "has not been sent");
	finish();
}

static void text_bad_arguments(void)
{
	char pairs[DSC_TEXT_REQUEST_MAX + 1] = { 0 };

	begin();
	CU_ASSERT_EQUAL(dsc_conn_text(peer.conn, pairs, sizeof(pairs), on_text,
				      &peer), -EINVAL);
	CU_ASSERT_EQUAL(dsc_conn_text(peer.conn, pairs, 0, on_text, &peer),
			-EINVAL);
	CU_ASSERT_EQUAL(dsc_conn_text(peer.conn, pairs, sizeof(pairs) - 1,
				      on_text, &peer), 0);
	peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
	CU_ASSERT_EQUAL(got.length, DSC_TEXT_REQUEST_MAX);
	texts = 0;
	dsc_conn_close(peer.conn, -ECANCELED);
	CU_ASSERT_EQUAL(texts, 1);
	CU_ASSERT_EQUAL(text_status, -ECANCELED);
	CU_ASSERT_EQUAL(dsc_conn_text(peer.conn, pairs, 1, on_text, &peer),
			-ENOTCONN);
	end();
}

/* --------------------------------------------------------------- logout */

static int logouts;
static int logout_status;

static void on_logout(void *arg, int status)
{
	CU_ASSERT_PTR_EQUAL(arg, &peer);
	logouts++;
	logout_status = status;
}

static void ask_logout(void)
{
	logouts = 0;
	CU_ASSERT_EQUAL(dsc_conn_logout(peer.conn, on_logout, &peer), 0);
	CU_ASSERT_EQUAL(dsc_conn_logout(peer.conn, on_logout, &peer), -EBUSY);
}

static void answer_logout(uint8_t response)
{
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_LOGOUT_RESPONSE, .flags = F,
		.response = response, .itt = got.itt,
	});
}

static void logout(void)
{
	begin();
	ask_logout();
	peer_expect(&peer, DSC_OP_LOGOUT_REQUEST, &got);
	CU_ASSERT(got.is_immediate);
	CU_ASSERT_EQUAL(got.flags, F);
	CU_ASSERT_EQUAL(got.ttt, 0);
	answer_logout(0);
	peer_wait(&peer, &logouts, 1);
	CU_ASSERT_EQUAL(logout_status, 0);
	/* That the target then closes is no loss. */
	peer_hang_up(&peer);
	peer_turn(&peer);
	CU_ASSERT_EQUAL(logouts, 1);
	CU_ASSERT_FALSE(dsc_conn_is_open(peer.conn));
	CU_ASSERT_EQUAL(dsc_conn_logout(peer.conn, on_logout, &peer),
			-ENOTCONN);
	end();
}

/* It leaves behind everything submitted, answers included. */
static void on_managed(struct dsc_management *management, int status,
		       uint8_t response)
{
	(void)management;
	(void)status;
	(void)response;
}

/* Hundreds of resets that nobody answers: no more, but a Logout gets out. */
static void resets_without_answers(void)
{
	struct dsc_management reset;
	unsigned sent = 0;
	int rc;

	peer_init(&peer);
	peer_open(&peer);
	do {
		memset(&reset, 0, sizeof(reset));
		reset.function = DSC_TMF_LUN_RESET;
		reset.done = on_managed;
		rc = dsc_conn_manage(peer.conn, &reset);
		if (rc == 0) {
			peer_expect(&peer, DSC_OP_TASK_REQUEST, &got);
			dsc_conn_manage_forget(peer.conn, &reset);
		}
	} while (rc == 0 && ++sent < 2000);
	CU_ASSERT_EQUAL(rc, -EAGAIN);
	CU_ASSERT_EQUAL(sent, 512);
	ask_logout();
	peer_expect(&peer, DSC_OP_LOGOUT_REQUEST, &got);
	answer_logout(0);
	peer_wait(&peer, &logouts, 1);
	end();
}

static void logout_comes_last(void)
{
	struct op op[3];
	uint32_t itt[3];
	int i;

	peer_init(&peer);
	peer.params.max_cmd_sn = peer.params.exp_cmd_sn + 1;
	peer_open(&peer);
	for (i = 0; i < 3; i++) {
		op_init(&op[i], &peer, DSC_DATA_NONE, 0);
		op_submit(&op[i]);
	}
	ask_logout();
	for (i = 0; i < 2; i++) {
		peer_expect(&peer, DSC_OP_COMMAND, &got);
		itt[i] = got.itt;
	}
	CU_ASSERT(peer_is_quiet(&peer));
	peer_good(&peer, itt[0]);
	CU_ASSERT(peer_is_quiet(&peer));
	peer.max_cmd_sn++;
	peer_good(&peer, itt[1]);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	CU_ASSERT(peer_is_quiet(&peer));
	peer_good(&peer, got.itt);
	peer_expect(&peer, DSC_OP_LOGOUT_REQUEST, &got);
	CU_ASSERT_EQUAL(peer.order, 3);
	answer_logout(0);
	peer_wait(&peer, &logouts, 1);
	for (i = 0; i < 3; i++)
		op_free(&op[i]);
	end();
}

/* The last thing before it is taken back. */
static void logout_after_withdrawal(void)
{
	struct op op;

	peer_init(&peer);
	peer.params.max_cmd_sn = peer.params.exp_cmd_sn - 1;
	peer_open(&peer);
	op_init(&op, &peer, DSC_DATA_NONE, 0);
	op_submit(&op);
	ask_logout();
	CU_ASSERT(peer_is_quiet(&peer));
	CU_ASSERT(dsc_conn_withdraw(peer.conn, &op.task));
	peer_expect(&peer, DSC_OP_LOGOUT_REQUEST, &got);
	/* Closing instead of answering says the same. */
	peer_hang_up(&peer);
	peer_wait(&peer, &logouts, 1);
	CU_ASSERT_EQUAL(logout_status, 0);
	CU_ASSERT_EQUAL(logouts, 1);
	CU_ASSERT_EQUAL(op.done, 0);
	op_free(&op);
	end();
}

static void logout_refused(void)
{
	begin();
	ask_logout();
	peer_expect(&peer, DSC_OP_LOGOUT_REQUEST, &got);
	answer_logout(3);
	peer_wait(&peer, &logouts, 1);
	CU_ASSERT_EQUAL(logout_status, -EIO);
	end();
}

static void logout_lost(void)
{
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_NONE, 0);
	op_submit(&op);
	ask_logout();
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	peer_hang_up(&peer);
	peer_wait(&peer, &logouts, 1);
	CU_ASSERT_EQUAL(logout_status, -ENOTCONN);
	CU_ASSERT_EQUAL(peer.lost, 1);
	CU_ASSERT_EQUAL(op.task.error, -ENOTCONN);
	op_free(&op);
	finish();
}

/* ------------------------------------------------- asynchronous messages */

static void async_messages(void)
{
	const uint8_t sense[] = { 0, 18, 0x70, 0, 6, 0, 0, 0, 0, 10,
				  0, 0, 0, 0, 0x3f, 0x0e, 0, 0, 0, 0 };

	begin();
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_ASYNC, .flags = F, .itt = DSC_NO_TAG,
		.data = sense, .length = sizeof(sense),
	});
	peer_wait(&peer, &peer.asyncs, 1);
	CU_ASSERT_EQUAL(peer.async_event, 0);
	CU_ASSERT_TRUE(peer.async_sense.is_valid);
	CU_ASSERT_EQUAL(peer.async_sense.asc, 0x3f);
	CU_ASSERT_EQUAL(peer.async_sense.ascq, 0x0e);
	/* Without sense data, and with a length that lies. */
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_ASYNC, .flags = F, .itt = DSC_NO_TAG,
	});
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_ASYNC, .flags = F, .itt = DSC_NO_TAG,
		.data = "\xff\xff\x70", .length = 3,
	});
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_ASYNC, .flags = F, .itt = DSC_NO_TAG,
		.word36 = 0x02000001, .word40 = 0x00020003,
	});
	peer_wait(&peer, &peer.asyncs, 4);
	CU_ASSERT_EQUAL(peer.async_event, 2);
	CU_ASSERT_EQUAL(peer.async_parameter[0], 1);
	CU_ASSERT_EQUAL(peer.async_parameter[1], 2);
	CU_ASSERT_EQUAL(peer.async_parameter[2], 3);
	end();
}

/* -------------------------------------------------------------- rejects */

static void reject(uint8_t reason, const uint8_t *header, uint32_t length)
{
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_REJECT, .flags = F, .response = reason,
		.itt = DSC_NO_TAG, .data = header, .length = length,
	});
}

static void rejected_command(void)
{
	struct op op;

	begin();
	op_init(&op, &peer, DSC_DATA_NONE, 0);
	op_submit(&op);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	/* The target waits for the number of the command: a hole. */
	peer.exp_cmd_sn--;
	reject(9, got.header, 48);
	assert_lost(&peer, EPROTO, "rejected a command and waits for its "
		    "number: invalid PDU field (0x09)");
	CU_ASSERT_EQUAL(op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, -EPROTO);
	op_free(&op);
	finish();

	begin();
	reject(0x55, NULL, 0);
	assert_lost(&peer, EPROTO, "unknown reason (0x55)");
	finish();
}

static void rejected_others(void)
{
	struct op op;

	begin();
	ping(4, "");
	peer_expect(&peer, DSC_OP_NOP_OUT, &got);
	reject(6, got.header, 48);
	ask();
	peer_expect(&peer, DSC_OP_TEXT_REQUEST, &got);
	reject(5, got.header, 48);
	peer_wait(&peer, &texts, 1);
	CU_ASSERT_EQUAL(text_status, -EPROTO);
	/* Another one, for nothing. */
	reject(5, got.header, 48);
	op_init(&op, &peer, DSC_DATA_NONE, 0);
	op_submit(&op);
	peer_expect(&peer, DSC_OP_COMMAND, &got);
	peer_good(&peer, got.itt);
	peer_wait(&peer, &op.done, 1);
	CU_ASSERT_EQUAL(op.task.error, 0);
	ask_logout();
	peer_expect(&peer, DSC_OP_LOGOUT_REQUEST, &got);
	reject(4, got.header, 48);
	peer_wait(&peer, &logouts, 1);
	CU_ASSERT_EQUAL(logout_status, -EPROTO);
	CU_ASSERT_EQUAL(texts, 1);
	op_free(&op);
	end();
}

static const struct dsc_test tests[] = {
	{ "pings_are_answered", pings_are_answered },
	{ "pings_pass_a_closed_window", pings_pass_a_closed_window },
	{ "a_flood_of_pings", a_flood_of_pings },
	{ "text_in_one_answer", text_in_one_answer },
	{ "text_with_continuation", text_with_continuation },
	{ "text_without_end", text_without_end },
	{ "text_against_the_rules", text_against_the_rules },
	{ "text_answered_twice", text_answered_twice },
	{ "text_bad_arguments", text_bad_arguments },
	{ "logout", logout },
	{ "resets_without_answers", resets_without_answers },
	{ "logout_comes_last", logout_comes_last },
	{ "logout_after_withdrawal", logout_after_withdrawal },
	{ "logout_refused", logout_refused },
	{ "logout_lost", logout_lost },
	{ "async_messages", async_messages },
	{ "rejected_command", rejected_command },
	{ "rejected_others", rejected_others },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	int rc = dsc_test_main("conn-control", tests, argc, argv);

	free(text);
	return rc;
}
