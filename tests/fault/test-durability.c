/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-durability.c: what was written stays written: delayed writes of dead
 * sessions, power cuts; and ends in the middle of everything, at which each
 * callback runs once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define WRITE10 0x2a
#define ABORT_TASK 1
#define LUN_RESET 5

static const struct sim_config plain = { .blocks = 131072 };

/* ----------------------------------------------------------- delayed writes */

/*
 * A write is held by the target when its connection breaks; then newer data is
 * written; then the target lets go of what it still holds.
 */
static void delayed_write(const struct sim_config *config, const char *barrier,
			  bool reinstates, int want, unsigned resets)
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct tally tally = { .done = 0 };
	uint8_t old[4096];
	uint8_t new[4096];
	uint8_t have[4096];
	struct rig rig;

	rig_fill(old, sizeof(old), 1);
	rig_fill(new, sizeof(new), 2);
	if (rig_prepare(&rig, config)) {
		rig_set(&rig, "replay_barrier", barrier);
		if (rig_open(&rig)) {
			sim_set_reinstatement(rig.sim, reinstates);
			sim_rule(rig.sim, &hold);
			discsi_lun_write_async(rig.lun, old, sizeof(old), 0, 0,
					       rig_tally, &tally);
			rig_run(&rig, 50);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 1);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 10000));
			CU_ASSERT_EQUAL(tally.last, want);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET),
					resets);
			if (want == 0) {
				CU_ASSERT_EQUAL(discsi_lun_write(
					rig.lun, new, sizeof(new), 0, 0), 0);
				CU_ASSERT_EQUAL(sim_held(rig.sim), 0);
				sim_release(rig.sim);
				sim_peek(rig.sim, 0, 0, have, sizeof(have));
				CU_ASSERT_EQUAL(memcmp(have, new, 4096), 0);
			}
		}
	}
	rig_end(&rig);
}

/* Each barrier against a target for which it is made. */
static void test_delayed_write(void)
{
	const struct sim_config stranger = {
		.blocks = 131072, .vendor = "ACME"
	};

	delayed_write(&plain, "auto", true, 0, 0);
	delayed_write(&plain, "reinstate", true, 0, 0);
	delayed_write(&plain, "lun_reset", false, 0, 1);
	/* Not known: reset, whether or not reinstatement works. */
	delayed_write(&stranger, "auto", true, 0, 1);
	delayed_write(&stranger, "auto", false, 0, 1);
	delayed_write(&plain, "fail", true, -EIO, 0);
}

/*
 * What the barrier is for: told to rely on reinstatement, on a target that does
 * not end the old session's commands, the old data wins.
 */
static void test_reinstate_is_no_barrier(void)
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct tally tally = { .done = 0 };
	uint8_t old[4096];
	uint8_t new[4096];
	uint8_t have[4096];
	struct rig rig;

	rig_fill(old, sizeof(old), 1);
	rig_fill(new, sizeof(new), 2);
	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "replay_barrier", "reinstate");
		if (rig_open(&rig)) {
			sim_set_reinstatement(rig.sim, false);
			sim_rule(rig.sim, &hold);
			discsi_lun_write_async(rig.lun, old, sizeof(old), 0, 0,
					       rig_tally, &tally);
			rig_run(&rig, 50);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 10000));
			CU_ASSERT_EQUAL(tally.ok, 1);
			CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, new,
							 sizeof(new), 0, 0), 0);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 1);
			sim_release(rig.sim);
			sim_peek(rig.sim, 0, 0, have, sizeof(have));
			CU_ASSERT_EQUAL(memcmp(have, old, sizeof(old)), 0);
		}
	}
	rig_end(&rig);
}

/*
 * A held write times out, its target does not let go of it and the connection
 * is dropped. What its caller writes next is not undone by it.
 */
static void timed_out_write(const struct sim_config *config, bool reinstates,
			    unsigned resets)
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct tally old_done = { .done = 0 };
	uint8_t old[4096];
	uint8_t new[4096];
	uint8_t have[4096];
	struct rig rig;

	rig_fill(old, sizeof(old), 1);
	rig_fill(new, sizeof(new), 2);
	if (rig_prepare(&rig, config)) {
		rig_set(&rig, "command_timeout", "1200");
		if (rig_open(&rig)) {
			sim_set_reinstatement(rig.sim, reinstates);
			sim_set_management(rig.sim, ABORT_TASK, 5);
			sim_set_management(rig.sim, LUN_RESET, 5);
			sim_rule(rig.sim, &hold);
			discsi_lun_write_async(rig.lun, old, sizeof(old), 0, 0,
					       rig_tally, &old_done);
			CU_ASSERT_TRUE(rig_wait(&rig, &old_done.done, 1,
						10000));
			CU_ASSERT_EQUAL(old_done.last, -ETIMEDOUT);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
			sim_set_management(rig.sim, LUN_RESET, 0);
			CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, new,
							 sizeof(new), 0, 0), 0);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET),
					1 + resets);
			sim_release(rig.sim);
			sim_peek(rig.sim, 0, 0, have, sizeof(have));
			CU_ASSERT_EQUAL(memcmp(have, new, sizeof(new)), 0);
		}
	}
	rig_end(&rig);
}

static void test_timed_out_write(void)
{
	const struct sim_config stranger = {
		.blocks = 131072, .vendor = "ACME"
	};

	timed_out_write(&plain, true, 0);
	timed_out_write(&stranger, true, 1);
	timed_out_write(&stranger, false, 1);
}

/* The reset that is needed is refused: the caller decides. */
static void test_no_barrier_to_be_had(void)
{
	const struct sim_config stranger = {
		.blocks = 131072, .vendor = "ACME"
	};
	struct tally tally = { .done = 0 };
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	uint8_t data[4096] = { 0 };
	struct rig rig;

	if (rig_begin(&rig, &stranger)) {
		sim_set_management(rig.sim, LUN_RESET, 5);
		sim_rule(rig.sim, &hold);
		discsi_lun_write_async(rig.lun, data, 4096, 0, 0, rig_tally,
				       &tally);
		rig_run(&rig, 50);
		sim_drop_all(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 10000));
		CU_ASSERT_EQUAL(tally.last, -EIO);
		CU_ASSERT_PTR_NOT_NULL(strstr(tally.error.message,
					      "not known"));
		/* Reads are not concerned. */
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0, 0), 0);
	}
	rig_end(&rig);
}

/*
 * A write is held by one portal group; the first login at another one is of no
 * use, the second one is: it reinstates no more than the first did.
 */
static void test_second_attempt_elsewhere(void)
{
	const struct sim_config two = {
		.blocks = 131072, .portals = 2, .own_portal_groups = true
	};
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	const struct sim_rule drop = {
		.opcode = 0x00, .lun = SIM_ANY, .count = 1, .action = SIM_DROP,
	};
	struct tally tally = { .done = 0 };
	uint8_t data[4096] = { 1 };
	char portals[80];
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		snprintf(portals, sizeof(portals), "%s,%s",
			 sim_portal(rig.sim, 0), sim_portal(rig.sim, 1));
		rig_set(&rig, "portals", portals);
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &hold);
			sim_rule(rig.sim, &drop);
			discsi_lun_write_async(rig.lun, data, sizeof(data), 0,
					       0, rig_tally, &tally);
			rig_run(&rig, 50);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 1);
			sim_refuse(rig.sim, 0, true);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 10000));
			CU_ASSERT_EQUAL(tally.ok, 1);
			CU_ASSERT_EQUAL(sim_rules_applied(rig.sim), 2);
			CU_ASSERT_EQUAL(sim_logins(rig.sim), 3);
			CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 0);
		}
	}
	rig_end(&rig);
}

/* --------------------------------------------------------------- power cut */

static void test_power_cut(void)
{
	const struct sim_config cached = {
		.blocks = 131072, .write_cache = true, .fua = true
	};
	uint8_t flushed[8192];
	uint8_t forced[8192];
	uint8_t lost[8192];
	uint8_t have[8192];
	uint8_t before[8192];
	struct rig rig;

	rig_fill(flushed, sizeof(flushed), 1);
	rig_fill(forced, sizeof(forced), 2);
	rig_fill(lost, sizeof(lost), 3);
	if (rig_begin(&rig, &cached)) {
		CU_ASSERT_TRUE(rig.info.write_cache);
		sim_peek(rig.sim, 0, 65536, before, 8192);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, flushed, 8192, 0, 0),
				0);
		CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), 0);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, forced, 8192, 32768,
						 DISCSI_IO_FUA), 0);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, lost, 8192, 65536, 0),
				0);
		sim_power_cut(rig.sim);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, have, 8192, 0, 0), 0);
		CU_ASSERT_EQUAL(memcmp(have, flushed, 8192), 0);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, have, 8192, 32768, 0),
				0);
		CU_ASSERT_EQUAL(memcmp(have, forced, 8192), 0);
		/* That the target can lose data is what makes this a test. */
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, have, 8192, 65536, 0),
				0);
		CU_ASSERT_EQUAL(memcmp(have, before, 8192), 0);
	}
	rig_end(&rig);
}

/* ---------------------------------------------------------------- the end */

enum moment { IN_FLIGHT, IN_OUTAGE, IN_LOGIN, IN_VERIFICATION };

#define MANY 1000

static void begin_many(struct rig *rig, uint8_t *data, struct tally *tally,
		       enum moment moment)
{
	const struct sim_rule silent = {
		.opcode = SIM_ANY, .lun = SIM_ANY, .action = SIM_SILENT,
	};
	unsigned i;

	if (moment != IN_OUTAGE && moment != IN_LOGIN)
		sim_rule(rig->sim, &silent);
	if (moment == IN_OUTAGE)
		sim_kill(rig->sim);
	if (moment == IN_LOGIN) {
		sim_mute(rig->sim, 0, true);
		sim_drop_all(rig->sim);
	}
	for (i = 0; i < MANY; i++)
		discsi_lun_write_async(rig->lun, data, 4096,
				       (uint64_t)i * 4096, 0, rig_tally, tally);
	if (moment == IN_VERIFICATION) {
		rig_run(rig, 30);
		sim_drop_all(rig->sim);
	}
	rig_run(rig, 200);
	CU_ASSERT_EQUAL(tally->done, 0);
}

/* The LUN, the session and the context end, or the context alone. */
static void end_in(enum moment moment, bool politely)
{
	struct tally tally = { .done = 0 };
	uint8_t data[4096] = { 0 };
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "1000");
		if (rig_open(&rig)) {
			begin_many(&rig, data, &tally, moment);
			began = rig_now_ms();
			if (politely) {
				discsi_lun_close(rig.lun);
				CU_ASSERT_EQUAL(tally.done, MANY);
				discsi_session_close(rig.session);
			}
			discsi_context_destroy(rig.ctx);
			CU_ASSERT_TRUE(rig_now_ms() - began < 4000);
			CU_ASSERT_EQUAL(tally.done, MANY);
			CU_ASSERT_EQUAL(tally.ok, 0);
			rig.ctx = NULL;
			rig.session = NULL;
			rig.lun = NULL;
		}
	}
	rig_end(&rig);
}

static void test_destroyed(void)
{
	end_in(IN_FLIGHT, false);
	end_in(IN_OUTAGE, false);
	end_in(IN_LOGIN, false);
	end_in(IN_VERIFICATION, false);
}

static void test_closed(void)
{
	end_in(IN_FLIGHT, true);
	end_in(IN_OUTAGE, true);
	end_in(IN_LOGIN, true);
	end_in(IN_VERIFICATION, true);
}

static const struct dsc_test tests[] = {
	{ "delayed_write", test_delayed_write },
	{ "reinstate_is_no_barrier", test_reinstate_is_no_barrier },
	{ "timed_out_write", test_timed_out_write },
	{ "no_barrier_to_be_had", test_no_barrier_to_be_had },
	{ "second_attempt_elsewhere", test_second_attempt_elsewhere },
	{ "power_cut", test_power_cut },
	{ "destroyed", test_destroyed },
	{ "closed", test_closed },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("durability", tests, argc, argv);
}
