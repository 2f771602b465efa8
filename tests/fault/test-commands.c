/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-commands.c: commands that are not answered, refused, or put off: what
 * becomes of them, and that nothing else suffers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define READ10 0x28
#define WRITE10 0x2a
#define INQUIRY 0x12
#define MODE_SENSE6 0x1a
#define READ_CAPACITY16 0x9e
#define REPORT_OPCODES 0xa3
#define ABORT_TASK 1
#define LUN_RESET 5

static const struct sim_config plain = { .blocks = 131072 };

static struct sim_rule rule_for(int opcode, enum sim_action action,
				unsigned count)
{
	return (struct sim_rule){
		.opcode = opcode, .lun = SIM_ANY, .action = action,
		.count = count,
	};
}

/* -------------------------------------------------------------- escalation */

/*
 * One read is never answered, seven others wait behind no one. What the target
 * does about management decides how it ends; the read with ETIMEDOUT.
 */
static void unanswered(uint8_t abort_answer, uint8_t reset_answer,
		       unsigned aborts, unsigned resets, unsigned logins)
{
	const struct sim_rule hold = rule_for(READ10, SIM_HOLD, 1);
	struct tally slow = { .done = 0 };
	uint8_t data[4096];
	struct rig rig;
	uint64_t began;
	uint64_t took;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "1200");
		if (rig_open(&rig)) {
			sim_set_management(rig.sim, ABORT_TASK, abort_answer);
			sim_set_management(rig.sim, LUN_RESET, reset_answer);
			sim_rule(rig.sim, &hold);
			began = rig_now_ms();
			discsi_lun_read_async(rig.lun, data, sizeof(data), 0, 0,
					      rig_tally, &slow);
			CU_ASSERT_TRUE(rig_wait(&rig, &slow.done, 1, 10000));
			took = rig_now_ms() - began;
			CU_ASSERT_EQUAL(slow.last, -ETIMEDOUT);
			CU_ASSERT_TRUE(took >= 850 && took < 1900);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, ABORT_TASK),
					aborts);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET),
					resets);
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0,
							0), 0);
			CU_ASSERT_EQUAL(sim_logins(rig.sim), logins);
		}
	}
	rig_end(&rig);
}

static void test_aborted(void)
{
	unanswered(0, 0, 1, 0, 1);
}

static void test_no_such_task(void)
{
	unanswered(1, 0, 1, 0, 1);
}

static void test_reset(void)
{
	unanswered(5, 0, 1, 1, 1);
	unanswered(0xff, 0, 1, 1, 1);
}

static void test_dropped(void)
{
	unanswered(5, 5, 1, 1, 2);
	unanswered(0xff, 0xff, 1, 1, 2);
}

static void on_read_close(void *arg, int result,
			  const struct discsi_error *error)
{
	struct rig *rig = arg;

	(void)error;
	CU_ASSERT_EQUAL(result, 0);
	discsi_session_close(rig->session);
	rig->lun = NULL;
	rig->session = NULL;
}

/* The same while the session is being closed: they go on, and it ends. */
static void test_reset_while_closing(void)
{
	struct sim_rule hold = rule_for(WRITE10, SIM_HOLD, 2);
	struct tally first = { .done = 0 };
	struct tally young = { .done = 0 };
	uint8_t data[3][4096] = { { 0 } };
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "1600");
		if (rig_open(&rig)) {
			sim_set_management(rig.sim, ABORT_TASK, 5);
			sim_rule(rig.sim, &hold);
			discsi_lun_write_async(rig.lun, data[0], 4096, 0, 0,
					       rig_tally, &first);
			rig_run(&rig, 700);
			discsi_lun_write_async(rig.lun, data[1], 4096, 4096, 0,
					       rig_tally, &young);
			discsi_lun_read_async(rig.lun, data[2], 4096, 8192, 0,
					      on_read_close, &rig);
			CU_ASSERT_TRUE(rig_wait(&rig, &young.done, 1, 5000));
			CU_ASSERT_EQUAL(young.ok, 1);
			CU_ASSERT_TRUE(rig_wait(&rig, &first.done, 1, 1000));
			CU_ASSERT_EQUAL(first.last, -ETIMEDOUT);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
			CU_ASSERT_PTR_NULL(rig.session);
		}
	}
	rig_end(&rig);
}

/*
 * The disk is stuck, the target is not: it answers pings, and so the connection
 * is not thought dead before the command's time is over.
 */
static void test_stuck_disk(void)
{
	const struct sim_rule silent = rule_for(SIM_ANY, SIM_SILENT, 0);
	struct tally tally = { .done = 0 };
	uint8_t data[4096];
	struct rig rig;
	unsigned pings;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "2000");
		rig_set(&rig, "noop_interval", "100");
		rig_set(&rig, "noop_timeout", "1000");
		if (rig_open(&rig)) {
			sim_set_management(rig.sim, ABORT_TASK, 0xff);
			sim_set_management(rig.sim, LUN_RESET, 5);
			sim_rule(rig.sim, &silent);
			pings = sim_pings(rig.sim);
			discsi_lun_read_async(rig.lun, data, sizeof(data), 0, 0,
					      rig_tally, &tally);
			rig_run(&rig, 1000);
			CU_ASSERT_TRUE(sim_pings(rig.sim) >= pings + 3);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 0);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 10000));
			CU_ASSERT_EQUAL(tally.last, -ETIMEDOUT);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, ABORT_TASK),
					1);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 1);
			sim_clear_rules(rig.sim);
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0,
							0), 0);
		}
	}
	rig_end(&rig);
}

/* A reset that our one slow command has caused ends the others unheard. */
static void test_reset_reissues(void)
{
	struct sim_rule hold = rule_for(SIM_ANY, SIM_HOLD, 8);
	struct tally tally = { .done = 0 };
	struct tally first = { .done = 0 };
	uint8_t data[8][4096];
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "1600");
		if (rig_open(&rig)) {
			sim_set_management(rig.sim, ABORT_TASK, 5);
			sim_rule(rig.sim, &hold);
			rig_fill(data[0], 4096, 1);
			discsi_lun_read_async(rig.lun, data[0], 4096, 1 << 20,
					      0, rig_tally, &first);
			/* Young ones, whose time is not over. */
			rig_run(&rig, 700);
			for (i = 1; i < 8; i++) {
				rig_fill(data[i], 4096, i);
				discsi_lun_write_async(rig.lun, data[i], 4096,
						       i * 4096u, 0, rig_tally,
						       &tally);
			}
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 7, 10000));
			CU_ASSERT_EQUAL(tally.ok, 7);
			CU_ASSERT_TRUE(rig_wait(&rig, &first.done, 1, 1000));
			CU_ASSERT_EQUAL(first.last, -ETIMEDOUT);
			CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
			for (i = 1; i < 8; i++)
				CU_ASSERT_EQUAL(sim_written(rig.sim, 0, i * 8),
						1);
		}
	}
	rig_end(&rig);
}

/* The window is shut by commands that hang: a later one just expires. */
static void test_never_sent(void)
{
	const struct sim_config narrow = { .blocks = 131072, .window = 2 };
	struct sim_rule silent = rule_for(READ10, SIM_SILENT, 0);
	struct tally tally = { .done = 0 };
	uint8_t data[3][4096];
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &narrow)) {
		rig_set(&rig, "command_timeout", "600");
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &silent);
			for (i = 0; i < 3; i++)
				discsi_lun_read_async(rig.lun, data[i], 4096,
						      0, 0, rig_tally, &tally);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 3, 5000));
			CU_ASSERT_EQUAL(tally.ok, 0);
			CU_ASSERT_EQUAL(tally.last, -ETIMEDOUT);
			sim_clear_rules(rig.sim);
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data[0], 4096,
							0, 0), 0);
		}
	}
	rig_end(&rig);
}

/* ------------------------------------------------------------------ storms */

static void storm(uint8_t status, unsigned every)
{
	struct discsi_session_stats stats;
	struct work work;
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_status(rig.sim, SIM_ANY, status, every);
		work_begin(&work, &rig, 512, 32, 3000);
		CU_ASSERT_TRUE(work_finish(&work, 30000));
		CU_ASSERT_EQUAL(work.failed, 0);
		CU_ASSERT_TRUE(sim_rules_applied(rig.sim) > 900);
		rig_stats(&rig, &stats);
		CU_ASSERT_EQUAL(stats.retries, sim_rules_applied(rig.sim));
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
		work_check(&work);
	}
	rig_end(&rig);
}

static void test_busy_storm(void)
{
	storm(0x08, 3);
}

static void test_task_aborted_storm(void)
{
	storm(0x40, 3);
}

/* The target takes eight at a time: fewer are sent, then more again. */
static void test_queue_full_storm(void)
{
	struct work work;
	struct rig rig;
	size_t refused;

	if (rig_begin(&rig, &plain)) {
		sim_set_task_set(rig.sim, 8);
		work_begin(&work, &rig, 512, 64, 6000);
		CU_ASSERT_TRUE(rig_wait(&rig, &work.done, 5000, 30000));
		refused = sim_count(rig.sim, SIM_ANY) - work.done;
		/* Far fewer than one in five were sent in vain. */
		CU_ASSERT_TRUE(refused < 1000);
		CU_ASSERT_TRUE(work_finish(&work, 30000));
		CU_ASSERT_EQUAL(work.failed, 0);
		work_check(&work);
	}
	rig_end(&rig);
}

static void test_unit_attention_storm(void)
{
	static const struct { uint8_t asc, ascq; } news[] = {
		{ 0x29, 0x00 }, { 0x29, 0x01 }, { 0x28, 0x00 },
		{ 0x2a, 0x01 }, { 0x2a, 0x06 }, { 0x2a, 0x09 },
		{ 0x3f, 0x03 }, { 0x3f, 0x0e }, { 0x2f, 0x00 },
	};
	struct work work;
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		work_begin(&work, &rig, 512, 16, 0);
		for (i = 0; i < sizeof(news) / sizeof(news[0]); i++) {
			sim_unit_attention(rig.sim, 0, news[i].asc,
					   news[i].ascq);
			CU_ASSERT_TRUE(rig_wait(&rig, &work.done,
						work.done + 200, 10000));
		}
		CU_ASSERT_TRUE(work_finish(&work, 10000));
		CU_ASSERT_EQUAL(work.failed, 0);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LUNS_CHANGED], 1);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
		work_check(&work);
	}
	rig_end(&rig);
}

/* What each failure of the medium is told as; no retries, no recovery. */
static void test_final_failures(void)
{
	static const struct {
		uint8_t status, key, asc, ascq;
		int want;
	} cases[] = {
		{ 0x18, 0, 0, 0, -EBADE },
		{ 0x02, 0x3, 0x11, 0x00, -ENODATA },
		{ 0x02, 0x7, 0x27, 0x00, -EROFS },
		{ 0x02, 0x7, 0x27, 0x07, -ENOSPC },
		{ 0x02, 0x5, 0x25, 0x00, -ENXIO },
		{ 0x02, 0x5, 0x21, 0x00, -ERANGE },
		{ 0x02, 0x4, 0x44, 0x00, -EIO },
	};
	uint8_t data[4096] = { 0 };
	struct rig rig;
	size_t i;

	if (rig_begin(&rig, &plain)) {
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			const struct sim_rule rule = {
				.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
				.action = SIM_STATUS,
				.status = cases[i].status, .key = cases[i].key,
				.asc = cases[i].asc, .ascq = cases[i].ascq,
			};

			sim_clear_rules(rig.sim);
			sim_rule(rig.sim, &rule);
			CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096,
							 0, 0), cases[i].want);
		}
		CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 0);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
	}
	rig_end(&rig);
}

/* And what passes: a unit that starts, commands that were aborted. */
static void test_passing_failures(void)
{
	static const struct {
		uint8_t status, key, asc, ascq;
		unsigned count;
	} cases[] = {
		{ 0x02, 0x2, 0x04, 0x01, 6 },
		{ 0x02, 0x2, 0x04, 0x0a, 6 },
		{ 0x02, 0xb, 0x00, 0x00, 6 },
		{ 0x02, 0xb, 0x47, 0x01, 6 },
		{ 0x02, 0x0, 0x00, 0x00, 6 },
		{ 0x30, 0, 0, 0, 6 },
	};
	uint8_t data[4096] = { 0 };
	struct rig rig;
	size_t i;

	if (rig_begin(&rig, &plain)) {
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			const struct sim_rule rule = {
				.opcode = WRITE10, .lun = SIM_ANY,
				.count = cases[i].count, .action = SIM_STATUS,
				.status = cases[i].status, .key = cases[i].key,
				.asc = cases[i].asc, .ascq = cases[i].ascq,
			};
			unsigned before = sim_rules_applied(rig.sim);

			sim_clear_rules(rig.sim);
			sim_rule(rig.sim, &rule);
			CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096,
							 0, 0), 0);
			CU_ASSERT_EQUAL(sim_rules_applied(rig.sim) - before,
					cases[i].count);
		}
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
	}
	rig_end(&rig);
}

/* Rejected: told as such, and not sent again. */
static void test_rejected(void)
{
	struct sim_rule reject = rule_for(READ10, SIM_REJECT, 1);
	uint8_t data[4096];
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		reject.status = 0x09;
		sim_rule(rig.sim, &reject);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0, 0),
				-EPROTO);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0, 0), 0);
		CU_ASSERT_EQUAL(sim_count(rig.sim, READ10), 2);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
	}
	rig_end(&rig);
}

/* It has crossed the target's wish for a new login: it is not lost. */
static void test_rejected_for_logout(void)
{
	struct sim_rule reject = rule_for(READ10, SIM_REJECT, 3);
	struct tally tally = { .done = 0 };
	uint8_t data[8][4096];
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		reject.status = 0x0c;
		sim_rule(rig.sim, &reject);
		for (i = 0; i < 8; i++)
			discsi_lun_read_async(rig.lun, data[i], 4096, 0, 0,
					      rig_tally, &tally);
		CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 8, 20000));
		CU_ASSERT_EQUAL(tally.ok, 8);
		CU_ASSERT_EQUAL(sim_rules_applied(rig.sim), 3);
		CU_ASSERT_TRUE(sim_logins(rig.sim) >= 2);
	}
	rig_end(&rig);
}

/* ------------------------------------------------------- asynchronous events */

static void asked_to_leave(uint8_t event)
{
	struct work work;
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		work_begin(&work, &rig, 512, 16, 0);
		rig_wait(&rig, &work.done, 500, 10000);
		sim_async(rig.sim, event, 0, 0, 5);
		CU_ASSERT_TRUE(rig_wait(
			&rig, &rig.events[DISCSI_EVENT_RECOVERED], 1, 10000));
		CU_ASSERT_TRUE(rig_wait(&rig, &work.done, work.done + 500,
					10000));
		CU_ASSERT_TRUE(work_finish(&work, 10000));
		CU_ASSERT_EQUAL(work.failed, 0);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 2);
		work_check(&work);
	}
	rig_end(&rig);
}

static void test_async_logout(void)
{
	asked_to_leave(1);
}

static void test_async_drop(void)
{
	asked_to_leave(2);
	asked_to_leave(3);
}

static void test_async_negotiate(void)
{
	asked_to_leave(4);
}

static void test_pinged_by_target(void)
{
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		for (i = 0; i < 5; i++) {
			sim_ping(rig.sim);
			rig_run(&rig, 30);
		}
		CU_ASSERT_EQUAL(sim_pongs(rig.sim), 5);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 0);
	}
	rig_end(&rig);
}

/* Who does not answer is thrown out; we do answer. */
static void test_pinged_insistently(void)
{
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		for (i = 0; i < 3; i++) {
			sim_ping_insisting(rig.sim, 300);
			rig_run(&rig, 400);
		}
		CU_ASSERT_EQUAL(sim_pongs(rig.sim), 3);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 0);
		CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), 0);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
	}
	rig_end(&rig);
}

/* ---------------------------------------------------------------- opening */

struct opened {
	unsigned done;
	int result;
	struct discsi_lun *lun;
};

static void on_opened(void *arg, int result, struct discsi_lun *lun,
		      const struct discsi_error *error)
{
	struct opened *opened = arg;

	(void)error;
	opened->done++;
	opened->result = result;
	opened->lun = lun;
}

static bool is_first_round(struct rig *rig)
{
	return sim_held(rig->sim) == 3;
}

static bool is_second_round(struct rig *rig)
{
	return sim_held(rig->sim) == 9;
}

/* A session whose LUN is being opened by a target that holds every answer. */
static bool open_held(struct rig *rig, struct opened *opened)
{
	const struct sim_rule hold = rule_for(SIM_ANY, SIM_HOLD, 0);

	if (!rig_prepare(rig, &plain))
		return false;
	rig_set(rig, "command_timeout", "20000");
	CU_ASSERT_EQUAL_FATAL(discsi_session_open(rig->ctx, rig->conf,
						  &rig->session), 0);
	sim_rule(rig->sim, &hold);
	CU_ASSERT_EQUAL_FATAL(discsi_lun_open_async(rig->session, 0, on_opened,
						    opened), 0);
	return true;
}

/* What does not depend on an answer does not wait for it. */
static void test_questions_at_once(void)
{
	struct opened opened = { .done = 0 };
	struct rig rig;

	if (open_held(&rig, &opened)) {
		CU_ASSERT_TRUE(rig_until(&rig, is_first_round, 10000));
		sim_release(rig.sim);
		CU_ASSERT_TRUE(rig_until(&rig, is_second_round, 10000));
		CU_ASSERT_EQUAL(opened.done, 0);
		sim_clear_rules(rig.sim);
		sim_release(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &opened.done, 1, 10000));
		CU_ASSERT_EQUAL(opened.result, 0);
		rig.lun = opened.lun;
	}
	rig_end(&rig);
	CU_ASSERT_EQUAL(opened.done, 1);
}

/* Nobody is told twice, whatever was still to be answered. */
static void test_questions_without_end(void)
{
	struct opened opened = { .done = 0 };
	struct rig rig;

	if (open_held(&rig, &opened)) {
		CU_ASSERT_TRUE(rig_until(&rig, is_first_round, 10000));
		sim_release(rig.sim);
		CU_ASSERT_TRUE(rig_until(&rig, is_second_round, 10000));
		discsi_context_destroy(rig.ctx);
		rig.ctx = NULL;
		rig.session = NULL;
		CU_ASSERT_EQUAL(opened.done, 1);
		CU_ASSERT_EQUAL(opened.result, -ECANCELED);
		CU_ASSERT_PTR_NULL(opened.lun);
	}
	rig_end(&rig);
	CU_ASSERT_EQUAL(opened.done, 1);
}

static bool has_facts(struct rig *rig)
{
	return sim_count(rig->sim, READ_CAPACITY16) > 0;
}

/*
 * The connection breaks among optional questions, and the session is refused
 * when it comes back: nothing is made of what was not answered.
 */
static void refused_among_questions(const char *expected_id)
{
	const struct sim_rule silent[] = {
		{ .opcode = INQUIRY, .lun = SIM_ANY, .skip = 2,
		  .action = SIM_SILENT },
		rule_for(MODE_SENSE6, SIM_SILENT, 0),
		rule_for(REPORT_OPCODES, SIM_SILENT, 0),
	};
	struct opened opened = { .done = 0 };
	struct rig rig;
	size_t i;

	if (rig_prepare(&rig, &plain)) {
		if (expected_id != NULL)
			rig_set(&rig, "expected_id", expected_id);
		CU_ASSERT_EQUAL_FATAL(discsi_session_open(
			rig.ctx, rig.conf, &rig.session), 0);
		for (i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
			sim_rule(rig.sim, &silent[i]);
		CU_ASSERT_EQUAL_FATAL(discsi_lun_open_async(
			rig.session, 0, on_opened, &opened), 0);
		CU_ASSERT_TRUE(rig_until(&rig, has_facts, 10000));
		rig_run(&rig, 50);
		sim_login_status(rig.sim, 2, 1, 0);
		sim_drop_all(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &opened.done, 1, 20000));
		CU_ASSERT_EQUAL(opened.result, -EACCES);
		CU_ASSERT_PTR_NULL(opened.lun);
	}
	rig_end(&rig);
}

static void test_refused_among_questions(void)
{
	refused_among_questions(NULL);
	refused_among_questions("naa.5000000000000001");
}

static const struct dsc_test tests[] = {
	{ "refused_among_questions", test_refused_among_questions },
	{ "questions_at_once", test_questions_at_once },
	{ "questions_without_end", test_questions_without_end },
	{ "aborted", test_aborted },
	{ "no_such_task", test_no_such_task },
	{ "reset", test_reset },
	{ "dropped", test_dropped },
	{ "stuck_disk", test_stuck_disk },
	{ "reset_reissues", test_reset_reissues },
	{ "reset_while_closing", test_reset_while_closing },
	{ "never_sent", test_never_sent },
	{ "busy_storm", test_busy_storm },
	{ "task_aborted_storm", test_task_aborted_storm },
	{ "queue_full_storm", test_queue_full_storm },
	{ "unit_attention_storm", test_unit_attention_storm },
	{ "final_failures", test_final_failures },
	{ "passing_failures", test_passing_failures },
	{ "rejected", test_rejected },
	{ "rejected_for_logout", test_rejected_for_logout },
	{ "async_logout", test_async_logout },
	{ "async_drop", test_async_drop },
	{ "async_negotiate", test_async_negotiate },
	{ "pinged_by_target", test_pinged_by_target },
	{ "pinged_insistently", test_pinged_insistently },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("commands", tests, argc, argv);
}
