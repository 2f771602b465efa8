/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-several.c: several sessions to one LUN: one of them lost, writes that it
 * has left at the target, flushes behind the writes of all.
 */
#include <errno.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define WRITE10 0x2a
#define ABORT_TASK 1
#define LUN_RESET 5
#define FLUSH 0x35

static const struct sim_config plain = { .blocks = 131072 };

/* How many nexuses have sent what the journal holds from number first on. */
static size_t count_isids(struct sim *sim, size_t first)
{
	struct sim_record record[64];
	size_t count = sim_journal(sim, first, record, 64);
	size_t isids = 0;
	size_t i;
	size_t j;

	for (i = 0; i < count; i++) {
		for (j = 0; j < i; j++)
			if (memcmp(record[i].isid, record[j].isid, 6) == 0)
				break;
		isids += j == i;
	}
	return isids;
}

static void test_several_sessions(void)
{
	struct discsi_session_info info = { .size = sizeof(info) };
	struct work work;
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "4");
		if (rig_open(&rig)) {
			discsi_session_get_info(rig.session, &info);
			CU_ASSERT_EQUAL(info.sessions, 4);
			CU_ASSERT_EQUAL(info.sessions_ready, 4);
			CU_ASSERT_EQUAL(sim_logins(rig.sim), 4);
			work_begin(&work, &rig, 1024, 32, 4000);
			rig_wait(&rig, &work.done, 1000, 10000);
			sim_drop_at(rig.sim, SIM_PDU_RESPONSE, SIM_BEFORE, 1);
			CU_ASSERT_TRUE(work_finish(&work, 20000));
			CU_ASSERT_EQUAL(work.failed, 0);
			CU_ASSERT_EQUAL(sim_logins(rig.sim), 5);
			CU_ASSERT_EQUAL(count_isids(rig.sim, 200), 4);
			work_check(&work);
		}
	}
	rig_end(&rig);
}

static unsigned count_ready(struct rig *rig)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	discsi_session_get_info(rig->session, &info);
	CU_ASSERT_TRUE(info.connected);
	return info.sessions_ready;
}

static bool is_one_ready(struct rig *rig)
{
	return count_ready(rig) == 1;
}

static bool are_two_ready(struct rig *rig)
{
	return count_ready(rig) == 2;
}

/* One of two is lost and does not come back for a while: the other works. */
static void test_one_of_several_lost(void)
{
	uint8_t data[4096] = { 5 };
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "2");
		if (rig_open(&rig)) {
			sim_refuse(rig.sim, 0, true);
			sim_drop_at(rig.sim, SIM_PDU_RESPONSE, SIM_AFTER, 1);
			CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), 0);
			CU_ASSERT_TRUE(rig_until(&rig, is_one_ready, 5000));
			for (i = 0; i < 100; i++)
				CU_ASSERT_EQUAL(discsi_lun_write(
					rig.lun, data, 4096, i * 4096u, 0), 0);
			CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), 0);
			CU_ASSERT_EQUAL(count_ready(&rig), 1);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 1);
			sim_refuse(rig.sim, 0, false);
			CU_ASSERT_TRUE(rig_until(&rig, are_two_ready, 20000));
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_RECOVERED], 1);
			CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 99 * 8), 1);
		}
	}
	rig_end(&rig);
}

/*
 * What waits for a session that is lost goes over the other one; but a write
 * that the target may have, which has to wait for its own.
 */
static void test_other_session_takes_over(void)
{
	const struct sim_rule drop_read = {
		.opcode = 0x28, .lun = SIM_ANY, .count = 1, .action = SIM_DROP,
	};
	const struct sim_rule drop_write = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_DO_DROP,
	};
	struct tally read = { .done = 0 };
	struct tally write = { .done = 0 };
	uint8_t data[4096] = { 5 };
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "2");
		if (rig_open(&rig)) {
			sim_refuse(rig.sim, 0, true);
			sim_rule(rig.sim, &drop_read);
			discsi_lun_read_async(rig.lun, data, 4096, 0, 0,
					      rig_tally, &read);
			CU_ASSERT_TRUE(rig_wait(&rig, &read.done, 1, 5000));
			CU_ASSERT_EQUAL(read.ok, 1);
			CU_ASSERT_EQUAL(count_ready(&rig), 1);
			sim_refuse(rig.sim, 0, false);
			CU_ASSERT_TRUE(rig_until(&rig, are_two_ready, 20000));

			sim_refuse(rig.sim, 0, true);
			sim_rule(rig.sim, &drop_write);
			discsi_lun_write_async(rig.lun, data, 4096, 0, 0,
					       rig_tally, &write);
			CU_ASSERT_TRUE(rig_until(&rig, is_one_ready, 5000));
			rig_run(&rig, 300);
			CU_ASSERT_EQUAL(write.done, 0);
			sim_refuse(rig.sim, 0, false);
			CU_ASSERT_TRUE(rig_wait(&rig, &write.done, 1, 20000));
			CU_ASSERT_EQUAL(write.ok, 1);
			CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 2);
		}
	}
	rig_end(&rig);
}

/*
 * One of two needs a reset, which ends what the other one has at the target,
 * and the target does not say so: it is asked, and the command sent again.
 */
static void test_reset_by_one_of_several(void)
{
	const struct sim_config stranger = {
		.blocks = 131072, .vendor = "ACME"
	};
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 2,
		.action = SIM_HOLD,
	};
	const struct sim_rule drop = {
		.opcode = 0x28, .lun = SIM_ANY, .count = 1, .action = SIM_DROP,
	};
	struct tally writes = { .done = 0 };
	struct tally read = { .done = 0 };
	uint8_t data[4096] = { 7 };
	uint8_t have[4096];
	struct rig rig;

	if (rig_prepare(&rig, &stranger)) {
		rig_set(&rig, "sessions", "2");
		if (rig_open(&rig)) {
			sim_set_reinstatement(rig.sim, false);
			sim_rule(rig.sim, &hold);
			sim_rule(rig.sim, &drop);
			discsi_lun_write_async(rig.lun, data, 4096, 0, 0,
					       rig_tally, &writes);
			discsi_lun_write_async(rig.lun, data, 4096, 4096, 0,
					       rig_tally, &writes);
			rig_run(&rig, 50);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 2);
			discsi_lun_read_async(rig.lun, have, 4096, 65536, 0,
					      rig_tally, &read);
			CU_ASSERT_TRUE(rig_wait(&rig, &writes.done, 2, 10000));
			CU_ASSERT_TRUE(rig_wait(&rig, &read.done, 1, 10000));
			CU_ASSERT_EQUAL(writes.ok, 2);
			CU_ASSERT_EQUAL(read.ok, 1);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, ABORT_TASK),
					1);
			CU_ASSERT_EQUAL(sim_connections(rig.sim), 3);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 0);
			CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 1);
			CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 8), 1);
		}
	}
	rig_end(&rig);
}

/* With a silent disk, late commands are ended by a reset; others go on. */
static void test_late_for_one_of_several(void)
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 2,
		.action = SIM_HOLD,
	};
	struct tally late = { .done = 0 };
	struct tally other = { .done = 0 };
	uint8_t data[4096] = { 7 };
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "2");
		rig_set(&rig, "command_timeout", "2000");
		if (rig_open(&rig)) {
			sim_set_management(rig.sim, ABORT_TASK, 5);
			sim_rule(rig.sim, &hold);
			discsi_lun_write_async(rig.lun, data, 4096, 0, 0,
					       rig_tally, &late);
			rig_run(&rig, 1000);
			discsi_lun_write_async(rig.lun, data, 4096, 4096, 0,
					       rig_tally, &other);
			rig_run(&rig, 50);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 2);
			CU_ASSERT_TRUE(rig_wait(&rig, &late.done, 1, 10000));
			CU_ASSERT_EQUAL(late.last, -ETIMEDOUT);
			CU_ASSERT_EQUAL(other.done, 0);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
			CU_ASSERT_TRUE(rig_wait(&rig, &other.done, 1, 10000));
			CU_ASSERT_EQUAL(sim_connections(rig.sim), 2);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 0);
		}
	}
	rig_end(&rig);
}

/*
 * A write times out on one of two paths, which is lost with it and does not
 * come back: what is written next waits, since the target may still carry the
 * old one out; until the path is back, or the other one has ended it.
 */
static void old_write_of_a_lost_path(const char *patience, bool is_back)
{
	const struct sim_config stranger = {
		.blocks = 131072, .vendor = "ACME"
	};
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct tally old_done = { .done = 0 };
	struct tally new_done = { .done = 0 };
	uint8_t old[4096];
	uint8_t new[4096];
	uint8_t have[4096];
	struct rig rig;

	rig_fill(old, sizeof(old), 1);
	rig_fill(new, sizeof(new), 2);
	if (rig_prepare(&rig, &stranger)) {
		rig_set(&rig, "sessions", "2");
		rig_set(&rig, "command_timeout", "1200");
		rig_set(&rig, "replacement_timeout", patience);
		if (rig_open(&rig)) {
			sim_set_reinstatement(rig.sim, false);
			sim_set_management(rig.sim, ABORT_TASK, 5);
			sim_set_management(rig.sim, LUN_RESET, 5);
			sim_rule(rig.sim, &hold);
			sim_refuse(rig.sim, 0, true);
			discsi_lun_write_async(rig.lun, old, sizeof(old), 0, 0,
					       rig_tally, &old_done);
			CU_ASSERT_TRUE(rig_wait(&rig, &old_done.done, 1,
						10000));
			CU_ASSERT_EQUAL(old_done.last, -ETIMEDOUT);
			sim_set_management(rig.sim, LUN_RESET, 0);
			discsi_lun_write_async(rig.lun, new, sizeof(new), 0, 0,
					       rig_tally, &new_done);
			rig_run(&rig, 300);
			CU_ASSERT_EQUAL(new_done.done, 0);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 1);
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, have, 4096,
							65536, 0), 0);
			if (is_back)
				sim_refuse(rig.sim, 0, false);
			CU_ASSERT_TRUE(rig_wait(&rig, &new_done.done, 1,
						10000));
			CU_ASSERT_EQUAL(new_done.ok, 1);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 0);
			sim_release(rig.sim);
			sim_peek(rig.sim, 0, 0, have, sizeof(have));
			CU_ASSERT_EQUAL(memcmp(have, new, sizeof(new)), 0);
			CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 1);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_FAILED],
					!is_back);
		}
	}
	rig_end(&rig);
}

static void test_old_write_of_a_lost_path(void)
{
	old_write_of_a_lost_path("120000", true);
}

static void test_old_write_of_a_path_given_up(void)
{
	old_write_of_a_lost_path("1500", false);
}

/* One of two is given up at once; the other one ends what it has left. */
static void test_old_write_without_patience(void)
{
	const struct sim_config stranger = {
		.blocks = 131072, .vendor = "ACME"
	};
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 2,
		.action = SIM_HOLD,
	};
	const struct sim_rule drop = {
		.opcode = 0x28, .lun = SIM_ANY, .count = 1, .action = SIM_DROP,
	};
	struct tally lost = { .done = 0 };
	struct tally other = { .done = 0 };
	uint8_t data[4096] = { 1 };
	uint8_t have[4096];
	struct rig rig;

	if (rig_prepare(&rig, &stranger)) {
		rig_set(&rig, "sessions", "2");
		rig_set(&rig, "replacement_timeout", "0");
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &hold);
			sim_rule(rig.sim, &drop);
			discsi_lun_write_async(rig.lun, data, sizeof(data), 0,
					       0, rig_tally, &lost);
			discsi_lun_write_async(rig.lun, data, sizeof(data),
					       4096, 0, rig_tally, &other);
			rig_run(&rig, 50);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 2);
			discsi_lun_read_async(rig.lun, have, sizeof(have),
					      65536, 0, rig_tally, &lost);
			CU_ASSERT_TRUE(rig_wait(&rig, &lost.done, 2, 10000));
			CU_ASSERT_EQUAL(lost.ok, 0);
			CU_ASSERT_EQUAL(lost.last, -ENOTCONN);
			CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096,
							 0, 0), 0);
			CU_ASSERT_TRUE(rig_wait(&rig, &other.done, 1, 10000));
			CU_ASSERT_EQUAL(other.ok, 1);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 0);
		}
	}
	rig_end(&rig);
}

/* A flush reaches the target after every write that was submitted before. */
static void test_flush_after_writes(void)
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 8,
		.action = SIM_HOLD,
	};
	struct tally writes = { .done = 0 };
	struct tally flush = { .done = 0 };
	uint8_t data[4096] = { 0 };
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "3");
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &hold);
			for (i = 0; i < 8; i++)
				discsi_lun_write_async(rig.lun, data, 4096,
						       i * 4096u, 0, rig_tally,
						       &writes);
			discsi_lun_flush_async(rig.lun, rig_tally, &flush);
			rig_run(&rig, 100);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 8);
			CU_ASSERT_EQUAL(sim_count(rig.sim, FLUSH), 0);
			sim_release(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &flush.done, 1, 5000));
			CU_ASSERT_EQUAL(writes.ok, 8);
			CU_ASSERT_EQUAL(flush.ok, 1);
		}
	}
	rig_end(&rig);
}

/* What it waits for takes of its own time, and not of a time before that. */
static void test_flush_has_a_deadline(void)
{
	const struct sim_rule rules[] = {
		{ .opcode = WRITE10, .lun = SIM_ANY, .action = SIM_HOLD },
		{ .opcode = FLUSH, .lun = SIM_ANY, .action = SIM_HOLD },
	};
	struct tally write = { .done = 0 };
	struct tally flush = { .done = 0 };
	uint8_t data[4096] = { 0 };
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "2");
		rig_set(&rig, "command_timeout", "4000");
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &rules[0]);
			sim_rule(rig.sim, &rules[1]);
			began = rig_now_ms();
			discsi_lun_write_async(rig.lun, data, 4096, 0, 0,
					       rig_tally, &write);
			discsi_lun_flush_async(rig.lun, rig_tally, &flush);
			CU_ASSERT_TRUE(rig_wait(&rig, &write.done, 1, 10000));
			CU_ASSERT_EQUAL(flush.done, 0);
			CU_ASSERT_TRUE(rig_wait(&rig, &flush.done, 1, 10000));
			CU_ASSERT_EQUAL(flush.last, -ETIMEDOUT);
			CU_ASSERT_EQUAL(sim_count(rig.sim, FLUSH), 1);
			CU_ASSERT_TRUE(rig_now_ms() - began < 5500);
			CU_ASSERT_EQUAL(sim_connections(rig.sim), 2);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 0);
		}
	}
	rig_end(&rig);
}

/* An outage that a write waits for is none of the flush's time. */
static void test_flush_outlives_an_outage(void)
{
	const struct sim_rule drop = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_DO_DROP,
	};
	struct tally done = { .done = 0 };
	uint8_t data[4096] = { 0 };
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "2");
		rig_set(&rig, "command_timeout", "600");
		if (rig_open(&rig)) {
			sim_refuse(rig.sim, 0, true);
			sim_rule(rig.sim, &drop);
			discsi_lun_write_async(rig.lun, data, 4096, 0, 0,
					       rig_tally, &done);
			discsi_lun_flush_async(rig.lun, rig_tally, &done);
			rig_run(&rig, 1500);
			CU_ASSERT_EQUAL(done.done, 0);
			sim_refuse(rig.sim, 0, false);
			CU_ASSERT_TRUE(rig_wait(&rig, &done.done, 2, 10000));
			CU_ASSERT_EQUAL(done.ok, 2);
		}
	}
	rig_end(&rig);
}

/* One was given up, the others may come back: so may the session. */
static void test_state_is_of_who_may_come_back(void)
{
	const struct sim_rule drop = {
		.opcode = 0x28, .lun = SIM_ANY, .count = 1, .action = SIM_DROP,
	};
	struct discsi_session_info info = { .size = sizeof(info) };
	uint8_t data[4096];
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "2");
		rig_set(&rig, "replacement_timeout", "1000");
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &drop);
			sim_refuse(rig.sim, 0, true);
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0,
							0), 0);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_FAILED], 1,
				10000));
			CU_ASSERT_EQUAL(rig.last.index, 0);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_LOST], 2, 5000));
			discsi_session_get_info(rig.session, &info);
			CU_ASSERT_STRING_NOT_EQUAL(info.state, "failed");
		}
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "several_sessions", test_several_sessions },
	{ "one_of_several_lost", test_one_of_several_lost },
	{ "other_session_takes_over", test_other_session_takes_over },
	{ "reset_by_one_of_several", test_reset_by_one_of_several },
	{ "late_for_one_of_several", test_late_for_one_of_several },
	{ "old_write_of_a_lost_path", test_old_write_of_a_lost_path },
	{ "old_write_of_a_path_given_up", test_old_write_of_a_path_given_up },
	{ "old_write_without_patience", test_old_write_without_patience },
	{ "flush_after_writes", test_flush_after_writes },
	{ "flush_has_a_deadline", test_flush_has_a_deadline },
	{ "flush_outlives_an_outage", test_flush_outlives_an_outage },
	{ "state_is_of_who_may_come_back", test_state_is_of_who_may_come_back },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("several", tests, argc, argv);
}
