/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conn-faults.c: what a target must not do. Each case is one PDU, or a
 * few, that break a rule of RFC 7143: the connection ends with a sentence that
 * names the rule, every task completes once with ENOTCONN, and no byte is
 * written outside of a task's buffers.
 */
#include <errno.h>
#include <string.h>

#include "unit/conn-peer.h"

#define F DSC_FLAG_FINAL
#define S DSC_FLAG_STATUS
#define LENGTH 4096u

static struct peer peer;
static struct got got;

/* Tags of the commands that are under way in every case. */
enum { READ, WRITE, NONE, OPS };

static uint32_t itt[OPS];

static void data(uint32_t tag, uint32_t data_sn, uint32_t offset,
		 uint32_t length, uint8_t flags)
{
	peer_data_in(&peer, tag, data_sn, offset, length, flags, 1);
}

static void r2t(uint32_t tag, uint32_t ttt, uint32_t r2t_sn, uint32_t offset,
		uint32_t length)
{
	peer_r2t(&peer, tag, ttt, r2t_sn, offset, length);
}

/* ------------------------------------------------------------- headers */

static void say_opcode(uint8_t opcode)
{
	peer_say(&peer, &(struct say){ .opcode = opcode, .flags = F,
				       .itt = itt[NONE] });
}

static void unknown_opcode(void)
{
	say_opcode(0x2a);
}

static void initiator_opcode(void)
{
	say_opcode(DSC_OP_COMMAND);
}

static void login_response(void)
{
	say_opcode(DSC_OP_LOGIN_RESPONSE);
}

static void task_response(void)
{
	say_opcode(DSC_OP_TASK_RESPONSE);
}

static void additional_header(void)
{
	peer_say(&peer, &(struct say){ .opcode = DSC_OP_RESPONSE, .flags = F,
				       .itt = itt[NONE], .ahs = 1 });
}

static void too_much_data(void)
{
	peer_say(&peer, &(struct say){ .opcode = DSC_OP_DATA_IN, .flags = F,
				       .itt = itt[READ], .claim = 262145 });
}

static void far_too_much_data(void)
{
	peer_say(&peer, &(struct say){ .opcode = DSC_OP_NOP_IN, .flags = F,
				       .itt = DSC_NO_TAG, .claim = 0xffffff });
}

/* ---------------------------------------------------------------- tags */

static void invented_tag(void)
{
	peer_good(&peer, 0x00000300);
}

static void no_tag(void)
{
	peer_good(&peer, DSC_NO_TAG);
}

/* The right slot, but not that use of it. */
static void later_tag(void)
{
	peer_good(&peer, itt[NONE] + 1024);
}

static void answered_twice(void)
{
	peer_good(&peer, itt[NONE]);
	peer_good(&peer, itt[NONE]);
}

static void data_after_status(void)
{
	data(itt[READ], 0, 0, LENGTH, F | S);
	data(itt[READ], 1, 0, 4, F);
}

static void ping_answer(void)
{
	peer_say(&peer, &(struct say){ .opcode = DSC_OP_NOP_IN, .flags = F,
				       .itt = itt[NONE], .ttt = DSC_NO_TAG });
}

static void text_answer(void)
{
	peer_say(&peer, &(struct say){ .opcode = DSC_OP_TEXT_RESPONSE,
				       .flags = F, .itt = itt[NONE],
				       .ttt = DSC_NO_TAG });
}

static void logout_answer(void)
{
	say_opcode(DSC_OP_LOGOUT_RESPONSE);
}

/* ------------------------------------------------------- sequence numbers */

static void stat_sn_again(void)
{
	peer.stat_sn--;
	peer_good(&peer, itt[NONE]);
}

static void stat_sn_ahead(void)
{
	peer.stat_sn++;
	peer_good(&peer, itt[NONE]);
}

static void data_sn_ahead(void)
{
	data(itt[READ], 1, 0, 512, 0);
}

static void data_sn_again(void)
{
	data(itt[READ], 0, 0, 512, 0);
	data(itt[READ], 0, 512, 512, 0);
}

/* -------------------------------------------------------------- Data-In */

static void data_for_a_write(void)
{
	data(itt[WRITE], 0, 0, 512, 0);
}

static void data_for_none(void)
{
	data(itt[NONE], 0, 0, 4, F);
}

static void data_with_a_hole(void)
{
	data(itt[READ], 0, 512, 512, 0);
}

static void data_twice(void)
{
	data(itt[READ], 0, 0, 512, 0);
	data(itt[READ], 1, 0, 512, 0);
}

static void data_beyond(void)
{
	data(itt[READ], 0, 0, 4000, 0);
	data(itt[READ], 1, 4000, 97, F | S);
}

static void data_far_beyond(void)
{
	data(itt[READ], 0, 0, 262144, F | S);
}

static void data_at_the_end_of_numbers(void)
{
	data(itt[READ], 0, 0xfffffffc, 8, 0);
}

/* ------------------------------------------------------------------ R2T */

static void r2t_for_a_read(void)
{
	r2t(itt[READ], 1, 0, 0, 512);
}

static void r2t_without_a_tag(void)
{
	r2t(itt[WRITE], DSC_NO_TAG, 0, 0, 512);
}

static void r2t_with_data(void)
{
	peer_say(&peer, &(struct say){
		.opcode = DSC_OP_R2T, .flags = F, .itt = itt[WRITE], .ttt = 1,
		.word44 = 512, .data = "data", .length = 4,
		.keeps_stat_sn = true,
	});
}

static void r2t_for_nothing(void)
{
	r2t(itt[WRITE], 1, 0, 0, 0);
}

static void r2t_beyond(void)
{
	r2t(itt[WRITE], 1, 0, 0, LENGTH + 1);
}

static void r2t_of_all_numbers(void)
{
	r2t(itt[WRITE], 1, 0, 0, 0xffffffff);
}

static void r2t_larger_than_a_burst(void)
{
	r2t(itt[WRITE], 1, 0, 0, 2049);
}

static void r2t_sn_ahead(void)
{
	r2t(itt[WRITE], 1, 1, 0, 512);
}

static void r2t_with_a_hole(void)
{
	r2t(itt[WRITE], 1, 0, 512, 512);
}

static void r2t_twice(void)
{
	r2t(itt[WRITE], 1, 0, 0, 512);
	peer_expect(&peer, DSC_OP_DATA_OUT, &got);
	r2t(itt[WRITE], 2, 1, 0, 512);
}

/* Two in one read, where one at a time has been agreed on. */
static void r2t_too_many(void)
{
	uint8_t r2ts[2][48] = { { 0 } };
	uint32_t i;

	for (i = 0; i < 2; i++) {
		r2ts[i][0] = DSC_OP_R2T;
		r2ts[i][1] = F;
		dsc_put_be32(&r2ts[i][16], itt[WRITE]);
		dsc_put_be32(&r2ts[i][20], i);
		dsc_put_be32(&r2ts[i][36], i);
		dsc_put_be32(&r2ts[i][40], i * 512);
		dsc_put_be32(&r2ts[i][44], 512);
	}
	peer_say_bytes(&peer, r2ts, sizeof(r2ts));
}

struct fault {
	const char *name;
	void (*fn)(void);
	const char *words;
	int completed;  /* tasks that complete before the fault */
};

static const struct fault cases[] = {
	{ "unknown opcode", unknown_opcode, "unknown PDU (0x2a)", 0 },
	{ "initiator opcode", initiator_opcode, "SCSI Command (0x01)", 0 },
	{ "login response", login_response, "Login Response (0x23)", 0 },
	{ "task response", task_response, "Task Management Response", 0 },
	{ "additional header", additional_header, "additional header", 0 },
	{ "too much data", too_much_data, "262145 bytes", 0 },
	{ "far too much data", far_too_much_data, "16777215 bytes", 0 },
	{ "invented tag", invented_tag, "0x00000300", 0 },
	{ "no tag", no_tag, "0xffffffff", 0 },
	{ "later tag", later_tag, "nothing that is under way", 0 },
	{ "answered twice", answered_twice, "nothing that is under way", 1 },
	{ "data after status", data_after_status, "nothing that is", 1 },
	{ "ping answer", ping_answer, "NOP-In for nothing", 0 },
	{ "text answer", text_answer, "Text Response for nothing", 0 },
	{ "logout answer", logout_answer, "Logout Response for nothing", 0 },
	{ "StatSN again", stat_sn_again, "StatSN", 0 },
	{ "StatSN ahead", stat_sn_ahead, "StatSN", 0 },
	{ "DataSN ahead", data_sn_ahead, "DataSN 1 where 0", 0 },
	{ "DataSN again", data_sn_again, "DataSN 0 where 1", 0 },
	{ "data for a write", data_for_a_write, "reads nothing", 0 },
	{ "data for none", data_for_none, "reads nothing", 0 },
	{ "data with a hole", data_with_a_hole, "offset 512 where 0", 0 },
	{ "data twice", data_twice, "offset 0 where 512", 0 },
	{ "data beyond", data_beyond, "97 bytes at offset 4000", 0 },
	{ "data far beyond", data_far_beyond, "262144 bytes", 0 },
	{ "data at the end of numbers", data_at_the_end_of_numbers,
	  "offset 4294967292", 0 },
	{ "R2T for a read", r2t_for_a_read, "writes nothing", 0 },
	{ "R2T without a tag", r2t_without_a_tag, "without a tag", 0 },
	{ "R2T with data", r2t_with_data, "R2T with data", 0 },
	{ "R2T for nothing", r2t_for_nothing, "R2T for 0 bytes", 0 },
	{ "R2T beyond", r2t_beyond, "R2T for 4097 bytes", 0 },
	{ "R2T of all numbers", r2t_of_all_numbers, "R2T for 4294967295", 0 },
	{ "R2T larger than a burst", r2t_larger_than_a_burst, "at most 2048",
	  0 },
	{ "R2TSN ahead", r2t_sn_ahead, "R2TSN 1 where 0", 0 },
	{ "R2T with a hole", r2t_with_a_hole, "offset 512 where 0", 0 },
	{ "R2T twice", r2t_twice, "offset 0 where 512", 0 },
};

/* Byte by byte the first one would be satisfied when the second arrives. */
static const struct fault all_at_once = {
	"too many R2Ts", r2t_too_many, "more than 1 R2Ts", 0,
};

static void begin(struct op *op, size_t chunk)
{
	static const enum dsc_direction directions[OPS] = {
		[READ] = DSC_DATA_IN,
		[WRITE] = DSC_DATA_OUT,
		[NONE] = DSC_DATA_NONE,
	};
	int i;

	peer_init(&peer);
	peer.params.immediate_data = false;
	peer.params.max_burst_bytes = 2048;
	peer.chunk = chunk;
	peer_open(&peer);
	for (i = 0; i < OPS; i++) {
		op_init(&op[i], &peer, directions[i],
			directions[i] == DSC_DATA_NONE ? 0 : LENGTH);
		op_submit(&op[i]);
		peer_expect(&peer, DSC_OP_COMMAND, &got);
		itt[i] = got.itt;
	}
}

static void run_case(const struct fault *fault, size_t chunk)
{
	struct op op[OPS];
	int i, lost = 0;

	begin(op, chunk);
	fault->fn();
	assert_lost(&peer, EPROTO, "protocol error: ");
	CU_ASSERT_PTR_NOT_NULL(strstr(peer.why, fault->words));
	if (strstr(peer.why, fault->words) == NULL)
		dsc_test_note("%s: %s", fault->name, peer.why);
	CU_ASSERT_EQUAL(peer.lost_at, fault->completed);
	peer_turn(&peer);
	for (i = 0; i < OPS; i++) {
		CU_ASSERT_EQUAL(op[i].done, 1);
		lost += op[i].task.error == -ENOTCONN;
		op_free(&op[i]);
	}
	CU_ASSERT_EQUAL(lost, OPS - fault->completed);
	CU_ASSERT_EQUAL(peer.lost, 1);
	got_free(&got);
	peer_close(&peer);
}

static void broken_rules(void)
{
	size_t n;

	for (n = 0; n < sizeof(cases) / sizeof(cases[0]); n++)
		run_case(&cases[n], 0);
	run_case(&all_at_once, 0);
}

static void broken_rules_byte_by_byte(void)
{
	size_t n;

	for (n = 0; n < sizeof(cases) / sizeof(cases[0]); n++)
		run_case(&cases[n], 1);
}

/* The same three commands without a fault: the cases above test something. */
static void no_fault(void)
{
	struct op op[OPS];
	int i;

	begin(op, 0);
	data(itt[READ], 0, 0, LENGTH, F | S);
	r2t(itt[WRITE], 1, 0, 0, 2048);
	peer_expect(&peer, DSC_OP_DATA_OUT, &got);
	r2t(itt[WRITE], 2, 1, 2048, 2048);
	peer_expect(&peer, DSC_OP_DATA_OUT, &got);
	peer_good(&peer, itt[WRITE]);
	peer_good(&peer, itt[NONE]);
	peer_wait(&peer, &peer.order, OPS);
	for (i = 0; i < OPS; i++) {
		CU_ASSERT_EQUAL(op[i].task.error, 0);
		op_free(&op[i]);
	}
	CU_ASSERT_EQUAL(peer.lost, 0);
	got_free(&got);
	peer_close(&peer);
}

static const struct dsc_test tests[] = {
	{ "no_fault", no_fault },
	{ "broken_rules", broken_rules },
	{ "broken_rules_byte_by_byte", broken_rules_byte_by_byte },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("conn-faults", tests, argc, argv);
}
