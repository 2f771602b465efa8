/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-doubt.c: is it still the same disk? What is under way when it turns out
 * to be another one, news that come while disks are being verified, questions
 * that fail without an answer; and what all of that is without patience
 * (replacement_timeout 0).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define READ10 0x28
#define WRITE10 0x2a
#define FLUSH 0x35
#define WRITE_SAME 0x93
#define INQUIRY 0x12
#define READ_CAPACITY 0x9e

static const struct sim_config plain = { .blocks = 131072 };

static bool has_failed(struct rig *rig)
{
	return rig->events[DISCSI_EVENT_LUN_FAILED] > 0;
}

static struct sim_rule rule_for(int opcode, enum sim_action action,
				unsigned count)
{
	return (struct sim_rule){
		.opcode = opcode, .lun = SIM_ANY, .action = action,
		.count = count,
	};
}

/* ------------------------------------------------------ another disk, told */

/* An I/O of many commands, of which a part is with the target: no more go. */
static void test_rest_is_not_sent(void)
{
	const struct sim_rule hold = rule_for(WRITE_SAME, SIM_HOLD, 0);
	struct sim_config big = plain;
	struct tally zero = { .done = 0 };
	struct tally read = { .done = 0 };
	uint8_t data[4096];
	struct rig rig;
	size_t sent;

	big.blocks = 1 << 20;
	if (rig_begin(&rig, &big)) {
		sim_rule(rig.sim, &hold);
		CU_ASSERT_EQUAL(discsi_lun_zero_async(
			rig.lun, 0, 20 * rig.info.max_write_same_bytes, 0,
			rig_tally, &zero), 0);
		rig_run(&rig, 50);
		sent = sim_count(rig.sim, WRITE_SAME);
		CU_ASSERT_EQUAL(sent, 16);
		sim_swap_identity(rig.sim, 0, "OTHER", true);
		discsi_lun_read_async(rig.lun, data, 4096, 0, 0, rig_tally,
				      &read);
		CU_ASSERT_TRUE(rig_until(&rig, has_failed, 5000));
		CU_ASSERT_TRUE(rig_wait(&rig, &read.done, 1, 5000));
		CU_ASSERT_EQUAL(read.last, -ESTALE);
		sim_clear_rules(rig.sim);
		sim_release(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &zero.done, 1, 10000));
		CU_ASSERT_EQUAL(zero.last, -ESTALE);
		CU_ASSERT_PTR_NOT_NULL(strstr(zero.error.message,
					      "another disk"));
		CU_ASSERT_EQUAL(sim_count(rig.sim, WRITE_SAME), sent);
	}
	rig_end(&rig);
}

/* A flush that waits for writes of another session does not go either. */
static void test_flush_is_not_sent(void)
{
	const struct sim_rule hold = rule_for(WRITE10, SIM_HOLD, 1);
	struct tally write = { .done = 0 };
	struct tally flush = { .done = 0 };
	struct tally reads = { .done = 0 };
	uint8_t data[4096] = { 0 };
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "2");
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &hold);
			discsi_lun_write_async(rig.lun, data, 4096, 0, 0,
					       rig_tally, &write);
			discsi_lun_flush_async(rig.lun, rig_tally, &flush);
			rig_run(&rig, 50);
			sim_swap_identity(rig.sim, 0, "OTHER", true);
			for (i = 0; i < 4; i++)
				discsi_lun_read_async(rig.lun, data, 4096, 0, 0,
						      rig_tally, &reads);
			CU_ASSERT_TRUE(rig_until(&rig, has_failed, 5000));
			CU_ASSERT_TRUE(rig_wait(&rig, &flush.done, 1, 5000));
			CU_ASSERT_EQUAL(flush.last, -ESTALE);
			CU_ASSERT_EQUAL(sim_count(rig.sim, FLUSH), 0);
			sim_release(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &write.done, 1, 5000));
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LUN_FAILED], 1);
		}
	}
	rig_end(&rig);
}

/* Another disk, of which the target tells no more than that it was reset. */
static void test_told_by_a_reset(void)
{
	uint8_t data[4096] = { 1 };
	struct rig rig;
	uint8_t how;

	for (how = 0; how < 4; how++) {
		if (rig_begin(&rig, &plain)) {
			sim_swap_identity(rig.sim, 0, "OTHER", false);
			sim_unit_attention(rig.sim, 0, 0x29, how);
			CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096, 0,
							 0), -ESTALE);
			CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 0);
			CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
		}
		rig_end(&rig);
	}
}

/* A login is no reason to look again at what has just been looked at. */
static void test_told_after_login(void)
{
	struct sim_config two = plain;
	struct discsi_lun *second = NULL;
	uint8_t data[4096] = { 1 };
	struct rig rig;
	size_t asked;

	two.luns = 2;
	if (rig_begin(&rig, &two)) {
		sim_drop_all(rig.sim);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096, 0, 0), 0);
		asked = sim_count(rig.sim, INQUIRY);
		sim_power_cut(rig.sim);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096, 0, 0), 0);
		CU_ASSERT_EQUAL(sim_count(rig.sim, INQUIRY), asked + 4);
		CU_ASSERT_EQUAL(discsi_lun_open(rig.session, 1, &second), 0);
		asked = sim_count(rig.sim, INQUIRY);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096, 0, 0), 0);
		CU_ASSERT_EQUAL(sim_count(rig.sim, INQUIRY), asked);
		/* Later, it is: both of them. */
		sim_unit_attention(rig.sim, 0, 0x29, 0x03);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096, 0, 0), 0);
		CU_ASSERT_EQUAL(sim_count(rig.sim, INQUIRY), asked + 8);
		discsi_lun_close(second);
	}
	rig_end(&rig);
}

/* Its blocks have another size: what was an offset means another place. */
static void test_other_blocks(void)
{
	struct tally read = { .done = 0 };
	uint8_t data[4096] = { 1 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_tell_block_size(rig.sim, 4096);
		discsi_lun_read_async(rig.lun, data, 4096, 0, 0, rig_tally,
				      &read);
		CU_ASSERT_TRUE(rig_wait(&rig, &read.done, 1, 5000));
		CU_ASSERT_TRUE(rig_until(&rig, has_failed, 5000));
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096, 0, 0),
				-ESTALE);
		CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message,
					      "its blocks were 512 bytes"));
		CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 0);
	}
	rig_end(&rig);
}

/* --------------------------------------------------- another disk, not told */

/* A look finds it before the size of the other disk is taken for this one's. */
static void test_look_finds_another_disk(void)
{
	struct tally look = { .done = 0 };
	struct tally write = { .done = 0 };
	uint8_t data[4096] = { 1 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_resize_silently(rig.sim, 0, plain.blocks * 2);
		sim_swap_identity(rig.sim, 0, "OTHER", false);
		CU_ASSERT_EQUAL(discsi_lun_refresh_async(rig.lun, rig_tally,
							 &look), 0);
		CU_ASSERT_TRUE(rig_wait(&rig, &look.done, 1, 5000));
		CU_ASSERT_EQUAL(look.last, -ESTALE);
		CU_ASSERT_PTR_NOT_NULL(strstr(look.error.message,
					      "another disk"));
		CU_ASSERT_TRUE(has_failed(&rig));
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_CAPACITY_CHANGED], 0);
		CU_ASSERT_EQUAL(discsi_lun_write_async(rig.lun, data, 4096, 0,
						       0, rig_tally, &write),
				-ESTALE);
		CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 0);
	}
	rig_end(&rig);
}

/* A look at the same disk takes its size over, and asks no more than that. */
static void test_look_finds_the_same_disk(void)
{
	struct tally look = { .done = 0 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_resize_silently(rig.sim, 0, plain.blocks * 2);
		CU_ASSERT_EQUAL(discsi_lun_refresh_async(rig.lun, rig_tally,
							 &look), 0);
		CU_ASSERT_TRUE(rig_wait(&rig, &look.done, 1, 5000));
		CU_ASSERT_EQUAL(look.last, 0);
		CU_ASSERT_EQUAL(discsi_lun_get_info(rig.lun, &rig.info), 0);
		CU_ASSERT_EQUAL(rig.info.blocks, plain.blocks * 2);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LUN_FAILED], 0);
	}
	rig_end(&rig);
}

/* ------------------------------------------------ answers that come too late */

#define READS 8

/* What is with the target when the first of it is told of the news. */
struct late {
	struct rig rig;
	struct tally reads;
	struct tally write;
	uint8_t data[READS + 1][4096];
};

static bool begin_late(struct late *late)
{
	const struct sim_rule hold_reads = rule_for(READ10, SIM_HOLD, 0);
	const struct sim_rule hold_write = rule_for(WRITE10, SIM_HOLD, 1);
	unsigned i;

	memset(late, 0, sizeof(*late));
	if (!rig_begin(&late->rig, &plain))
		return false;
	sim_rule(late->rig.sim, &hold_reads);
	sim_rule(late->rig.sim, &hold_write);
	for (i = 0; i < READS; i++)
		discsi_lun_read_async(late->rig.lun, late->data[i], 4096,
				      i * 4096, 0, rig_tally, &late->reads);
	discsi_lun_write_async(late->rig.lun, late->data[READS], 4096, 65536, 0,
			       rig_tally, &late->write);
	for (i = 0; i < 500 && sim_held(late->rig.sim) < READS + 1; i++)
		rig_run(&late->rig, 10);
	CU_ASSERT_EQUAL(sim_held(late->rig.sim), READS + 1);
	sim_clear_rules(late->rig.sim);
	return true;
}

/* The disk is asked for its name, and does not tell yet. */
static void answer_late(struct late *late)
{
	const struct sim_rule hold = rule_for(INQUIRY, SIM_HOLD, 1);
	unsigned i;

	sim_rule(late->rig.sim, &hold);
	sim_release(late->rig.sim);
	for (i = 0; i < 500 && sim_held(late->rig.sim) == 0; i++)
		rig_run(&late->rig, 10);
	CU_ASSERT_EQUAL(sim_held(late->rig.sim), 1);
	rig_run(&late->rig, 50);
	CU_ASSERT_EQUAL(late->reads.done, 0);
	CU_ASSERT_EQUAL(late->write.done, 0);
}

static void check_late(struct late *late, int result)
{
	CU_ASSERT_TRUE(rig_wait(&late->rig, &late->reads.done, READS, 10000));
	CU_ASSERT_TRUE(rig_wait(&late->rig, &late->write.done, 1, 10000));
	CU_ASSERT_EQUAL(late->reads.done, READS);
	CU_ASSERT_EQUAL(late->write.done, 1);
	CU_ASSERT_EQUAL(late->reads.ok, result == 0 ? READS : 0);
	CU_ASSERT_EQUAL(late->write.ok, result == 0);
	CU_ASSERT_EQUAL(late->reads.last, result);
	CU_ASSERT_EQUAL(late->write.last, result);
}

static void test_late_of_another_disk(void)
{
	struct late late;

	if (begin_late(&late)) {
		sim_swap_identity(late.rig.sim, 0, "OTHER", true);
		answer_late(&late);
		sim_release(late.rig.sim);
		check_late(&late, -ESTALE);
		CU_ASSERT_EQUAL(late.rig.events[DISCSI_EVENT_LUN_FAILED], 1);
	}
	rig_end(&late.rig);
}

/* What has been answered need not be asked again. */
static void test_late_of_the_same_disk(void)
{
	struct late late;

	if (begin_late(&late)) {
		sim_unit_attention(late.rig.sim, 0, 0x3f, 0x03);
		answer_late(&late);
		sim_release(late.rig.sim);
		check_late(&late, 0);
		CU_ASSERT_EQUAL(sim_count(late.rig.sim, READ10), READS + 1);
		CU_ASSERT_EQUAL(sim_count(late.rig.sim, WRITE10), 1);
	}
	rig_end(&late.rig);
}

/* The connection breaks before it is known. */
static void test_late_and_lost(void)
{
	struct late late;

	if (begin_late(&late)) {
		sim_unit_attention(late.rig.sim, 0, 0x3f, 0x03);
		answer_late(&late);
		sim_drop_all(late.rig.sim);
		check_late(&late, 0);
	}
	rig_end(&late.rig);
	if (begin_late(&late)) {
		sim_unit_attention(late.rig.sim, 0, 0x3f, 0x03);
		answer_late(&late);
		sim_swap_identity(late.rig.sim, 0, "OTHER", false);
		sim_drop_all(late.rig.sim);
		check_late(&late, -ESTALE);
	}
	rig_end(&late.rig);
}

/* It need not be known for the LUN to be closed. */
static void test_late_and_closed(void)
{
	struct late late;

	if (begin_late(&late)) {
		sim_unit_attention(late.rig.sim, 0, 0x3f, 0x03);
		answer_late(&late);
		discsi_lun_close(late.rig.lun);
		late.rig.lun = NULL;
		check_late(&late, -ECANCELED);
		sim_release(late.rig.sim);
	}
	rig_end(&late.rig);
}

/* --------------------------------------------------- while disks are verified */

/*
 * The disk is exchanged when its name has been read already, but not yet its
 * capacity: what was read is of the disk before.
 */
static void test_exchanged_meanwhile(void)
{
	struct sim_rule hold = rule_for(READ_CAPACITY, SIM_HOLD, 1);
	uint8_t data[4096] = { 1 };
	struct tally tally = { .done = 0 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_rule(rig.sim, &hold);
		sim_drop_all(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &rig.events[DISCSI_EVENT_LOST], 1,
					5000));
		discsi_lun_write_async(rig.lun, data, 4096, 0, 0, rig_tally,
				       &tally);
		while (sim_held(rig.sim) == 0 && tally.done == 0)
			rig_run(&rig, 10);
		sim_swap_identity(rig.sim, 0, "OTHER", true);
		sim_release(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 10000));
		CU_ASSERT_EQUAL(tally.last, -ESTALE);
		CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 0);
	}
	rig_end(&rig);
}

/* No name was got, for a reason that says nothing about the disk. */
static void test_question_fails(void)
{
	struct sim_rule fails = rule_for(INQUIRY, SIM_STATUS, 1);
	uint8_t data[4096] = { 1 };
	struct rig rig;
	unsigned i;

	fails.status = 0x02;
	fails.key = 0x4;
	fails.asc = 0x44;
	if (rig_begin(&rig, &plain)) {
		/* The standard data, VPD 00, 80, 83. */
		for (i = 0; i < 4; i++) {
			fails.skip = i;
			sim_clear_rules(rig.sim);
			sim_rule(rig.sim, &fails);
			sim_drop_all(rig.sim);
			CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096,
							 0, 0), 0);
			CU_ASSERT_EQUAL(sim_rules_applied(rig.sim), i + 1);
		}
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LUN_FAILED], 0);
	}
	rig_end(&rig);
}

/* Each of several sessions looks for itself. */
static void test_each_session_verifies(void)
{
	struct sim_record record[64];
	unsigned asked[4] = { 0 };
	struct rig rig;
	size_t before;
	size_t count;
	size_t i;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "3");
		if (rig_open(&rig)) {
			before = sim_count(rig.sim, SIM_ANY);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_RECOVERED], 3,
				10000));
			count = sim_journal(rig.sim, before, record, 64);
			for (i = 0; i < count; i++)
				if (record[i].opcode == INQUIRY)
					asked[record[i].connection % 4]++;
			/* Connections 4, 5 and 6. */
			CU_ASSERT_EQUAL(asked[0], 4);
			CU_ASSERT_EQUAL(asked[1], 4);
			CU_ASSERT_EQUAL(asked[2], 4);
		}
	}
	rig_end(&rig);
}

/* ------------------------------------------------------- without any patience */

/* Nothing is lost when a disk is looked at again, or by a new login. */
static void test_no_patience_is_needed(void)
{
	uint8_t data[4096];
	struct work work;
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "replacement_timeout", "0");
		if (rig_open(&rig)) {
			sim_unit_attention(rig.sim, 0, 0x3f, 0x03);
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0,
							0), 0);
			CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
			work_begin(&work, &rig, 512, 16, 0);
			rig_wait(&rig, &work.done, 100, 10000);
			sim_async(rig.sim, 1, 0, 0, 5);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_RECOVERED], 1,
				10000));
			rig_wait(&rig, &work.done, work.done + 100, 10000);
			CU_ASSERT_TRUE(work_finish(&work, 10000));
			CU_ASSERT_EQUAL(work.failed, 0);
			CU_ASSERT_EQUAL(sim_logins(rig.sim), 2);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_FAILED], 0);
			work_check(&work);
		}
	}
	rig_end(&rig);
}

static void on_done_close(void *arg, int result,
			  const struct discsi_error *error)
{
	struct rig *rig = arg;

	(void)error;
	CU_ASSERT_EQUAL(result, 0);
	discsi_session_close(rig->session);
	rig->lun = NULL;
	rig->session = NULL;
}

/* A write that is sent again while the session closes meets another disk. */
static void test_another_disk_while_closing(void)
{
	const struct sim_rule busy = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 6,
		.action = SIM_STATUS, .status = 0x08,
	};
	struct tally write = { .done = 0 };
	uint8_t data[2][4096] = { { 0 } };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_rule(rig.sim, &busy);
		discsi_lun_write_async(rig.lun, data[0], 4096, 0, 0, rig_tally,
				       &write);
		discsi_lun_read_async(rig.lun, data[1], 4096, 0, 0,
				      on_done_close, &rig);
		rig_run(&rig, 50);
		CU_ASSERT_PTR_NULL(rig.session);
		sim_swap_identity(rig.sim, 0, "OTHER", true);
		CU_ASSERT_TRUE(rig_wait(&rig, &write.done, 1, 10000));
		CU_ASSERT_EQUAL(write.ok, 0);
		CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 0);
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "rest_is_not_sent", test_rest_is_not_sent },
	{ "flush_is_not_sent", test_flush_is_not_sent },
	{ "told_by_a_reset", test_told_by_a_reset },
	{ "told_after_login", test_told_after_login },
	{ "other_blocks", test_other_blocks },
	{ "look_finds_another_disk", test_look_finds_another_disk },
	{ "look_finds_the_same_disk", test_look_finds_the_same_disk },
	{ "late_of_another_disk", test_late_of_another_disk },
	{ "late_of_the_same_disk", test_late_of_the_same_disk },
	{ "late_and_lost", test_late_and_lost },
	{ "late_and_closed", test_late_and_closed },
	{ "exchanged_meanwhile", test_exchanged_meanwhile },
	{ "question_fails", test_question_fails },
	{ "each_session_verifies", test_each_session_verifies },
	{ "no_patience_is_needed", test_no_patience_is_needed },
	{ "another_disk_while_closing", test_another_disk_while_closing },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("doubt", tests, argc, argv);
}
