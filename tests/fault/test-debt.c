/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-debt.c: a session that has ended without an answer to a write, and those
 * after it in the same context. The same on a real target is in test-barrier.c.
 */
#include <errno.h>
#include <string.h>

#include "base/context.h"
#include "fault/pair.h"
#include "harness/harness.h"
#include "session/session.h"

#define WRITE10 0x2a
#define ABORT_TASK 1
#define LUN_RESET 5

/* resets: LOGICAL UNIT RESETs that the next session sends. */
static void next(const struct sim_config *config, bool reinstates,
		 unsigned resets)
{
	struct pair first, second, third;
	struct rig rig;

	if (rig_prepare(&rig, config)) {
		sim_set_reinstatement(rig.sim, reinstates);
		pair_owe(&rig, &first, 1);
		pair_open(&rig, &second, 1);
		CU_ASSERT_TRUE(pair_is_same(&first, &second));
		pair_write_new(&second);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), resets);
		pair_expect_new(&rig, 1);
		pair_close(&second);
		/* It is paid. */
		pair_open(&rig, &third, 1);
		CU_ASSERT_FALSE(pair_is_same(&second, &third));
		pair_write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), resets);
		pair_close(&third);
	}
	rig_end(&rig);
}

static void test_reinstated(void)
{
	next(&pair_plain, true, 0);
}

static void test_reset(void)
{
	next(&pair_stranger, false, 1);
}

/*
 * One session for each of two LUNs, as storages have them: both sessions before
 * had one, and only one of the next can have its ISID without ending the other.
 */
static void test_two_luns_of_one_session(void)
{
	struct pair first, second, third;
	struct rig rig;

	if (rig_prepare(&rig, &pair_plain)) {
		pair_owe(&rig, &first, 0);
		pair_open(&rig, &second, 1);  /* pays nothing */
		CU_ASSERT_TRUE(pair_is_same(&first, &second));
		pair_open(&rig, &third, 0);
		CU_ASSERT_FALSE(pair_is_same(&first, &third));
		pair_write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_expect_new(&rig, 0);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 3);
		pair_write_new(&second);
		pair_close(&second);
		pair_close(&third);
	}
	rig_end(&rig);
}

/* A configuration that names another LUN leaves the ISID to whom it is for. */
static void test_named_lun(void)
{
	struct pair first, second, third;
	struct rig rig;

	if (rig_prepare(&rig, &pair_plain)) {
		pair_owe(&rig, &first, 0);
		rig_set(&rig, "lun_id", "1");
		pair_open(&rig, &second, 1);
		CU_ASSERT_FALSE(pair_is_same(&first, &second));
		rig_set(&rig, "lun_id", "0");
		pair_open(&rig, &third, 0);
		CU_ASSERT_TRUE(pair_is_same(&first, &third));
		pair_write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 0);
		pair_expect_new(&rig, 0);
		pair_close(&second);
		pair_close(&third);
	}
	rig_end(&rig);
}

/* As another initiator a login does not end what is owed. */
static void test_other_initiator(void)
{
	struct pair first, second;
	struct rig rig;

	if (rig_prepare(&rig, &pair_plain)) {
		pair_owe(&rig, &first, 0);
		rig_set(&rig, "initiator_name", "iqn.2026-11.io.discsi:other");
		pair_open(&rig, &second, 0);
		CU_ASSERT_FALSE(pair_is_same(&first, &second));
		pair_write_new(&second);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_expect_new(&rig, 0);
		pair_close(&second);
	}
	rig_end(&rig);
}

/* Who only reads resets nothing, and leaves the debt to who writes. */
static void test_read_only(void)
{
	struct pair first, second, third;
	struct rig rig;

	if (rig_prepare(&rig, &pair_stranger)) {
		sim_set_reinstatement(rig.sim, false);
		pair_owe(&rig, &first, 0);
		rig_set(&rig, "read_only", "true");
		pair_open(&rig, &second, 0);
		pair_close(&second);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 0);
		rig_set(&rig, "read_only", "false");
		pair_open(&rig, &third, 0);
		pair_write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_expect_new(&rig, 0);
		pair_close(&third);
	}
	rig_end(&rig);
}

static unsigned count_debts(struct rig *rig)
{
	const struct dsc_list *link;
	unsigned count = 0;

	for (link = rig->ctx->debts.next; link != &rig->ctx->debts;
	     link = link->next)
		count++;
	return count;
}

/* Who does not pay, since it is read-only, may send commands as they are. */
static void write_as_is(struct rig *rig)
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	uint8_t data[512] = { 0 };
	struct discsi_command write = {
		.size = sizeof(write),
		.cdb = { [0] = WRITE10, [8] = 1 },
		.direction = DISCSI_DATA_OUT,
		.data = data,
		.length = sizeof(data),
	};
	unsigned held = sim_held(rig->sim);
	struct tally tally = { .done = 0 };
	struct pair pair;
	unsigned i;

	pair_open(rig, &pair, 0);
	sim_rule(rig->sim, &hold);
	discsi_lun_command_async(pair.lun, &write, rig_tally, &tally);
	for (i = 0; i < 1000 && sim_held(rig->sim) == held; i++)
		rig_run(rig, 10);
	sim_clear_rules(rig->sim);
	pair_drop_and_close(rig, &pair);
	CU_ASSERT_EQUAL(tally.done, 1);
}

static void test_read_only_again(void)
{
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &pair_stranger)) {
		sim_set_reinstatement(rig.sim, false);
		rig_set(&rig, "read_only", "true");
		for (i = 0; i < 4; i++) {
			write_as_is(&rig);
			CU_ASSERT_EQUAL(count_debts(&rig), 1);
		}
	}
	rig_end(&rig);
}

/* A session that cannot pay, since it does not come in or ends early, owes on. */
static void test_passed_on(void)
{
	struct discsi_session *refused = NULL;
	struct pair first, second, third;
	struct rig rig;

	if (rig_prepare(&rig, &pair_stranger)) {
		sim_set_reinstatement(rig.sim, false);
		pair_owe(&rig, &first, 0);
		sim_refuse(rig.sim, 0, true);
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &refused), -ECONNREFUSED);
		sim_refuse(rig.sim, 0, false);
		sim_set_management(rig.sim, LUN_RESET, 0xff);
		pair_open(&rig, &second, 0);
		rig_run(&rig, 50);
		pair_drop_and_close(&rig, &second);
		sim_set_management(rig.sim, LUN_RESET, 0);
		pair_open(&rig, &third, 0);
		CU_ASSERT_TRUE(pair_is_same(&first, &third));
		pair_write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 2);
		pair_expect_new(&rig, 0);
		pair_close(&third);
	}
	rig_end(&rig);
}

/* The first of two nexuses has been given up when the LUN is opened. */
static void test_given_up_nexus(void)
{
	const struct sim_rule drop = {
		.opcode = 0x28, .lun = SIM_ANY, .count = 1, .action = SIM_DROP,
	};
	struct discsi_session_info info = { .size = sizeof(info) };
	struct pair first, second, third;
	uint8_t data[512];
	struct rig rig;

	if (rig_prepare(&rig, &pair_stranger)) {
		sim_set_reinstatement(rig.sim, false);
		pair_owe(&rig, &first, 0);
		rig_set(&rig, "sessions", "2");
		rig_set(&rig, "replacement_timeout", "0");
		pair_open(&rig, &second, 1);
		sim_rule(rig.sim, &drop);
		(void)discsi_lun_read(second.lun, data, sizeof(data), 0, 0);
		rig_run(&rig, 50);
		CU_ASSERT_EQUAL(discsi_session_get_info(second.session, &info),
				0);
		CU_ASSERT_EQUAL(info.sessions_ready, 1);
		third = second;
		CU_ASSERT_EQUAL_FATAL(discsi_lun_open(second.session, 0,
						      &third.lun), 0);
		pair_write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_expect_new(&rig, 0);
		discsi_lun_close(third.lun);
		pair_close(&second);
	}
	rig_end(&rig);
}

/* The target does not end the write that is under way when it is told to. */
static void close_in_vain(struct rig *rig, struct pair *pair)
{
	sim_set_management(rig->sim, ABORT_TASK, 0xff);
	sim_set_management(rig->sim, LUN_RESET, 0xff);
	pair_close(pair);
	sim_set_management(rig->sim, ABORT_TASK, 0);
	sim_set_management(rig->sim, LUN_RESET, 0);
}

static void end_by(void (*end)(struct rig *rig, struct pair *pair))
{
	struct pair first, second;
	struct rig rig;

	if (rig_prepare(&rig, &pair_plain)) {
		rig_set(&rig, "command_timeout", "500");
		pair_owe_by(&rig, &first, 0, end);
		pair_open(&rig, &second, 0);
		CU_ASSERT_TRUE(pair_is_same(&first, &second));
		pair_write_new(&second);
		pair_expect_new(&rig, 0);
		pair_close(&second);
	}
	rig_end(&rig);
}

static void test_other_ends(void)
{
	end_by(pair_abandon);
	end_by(close_in_vain);
}

/* What has been answered is not owed. */
static void test_answered(void)
{
	struct pair first, second;
	struct rig rig;

	if (rig_prepare(&rig, &pair_plain)) {
		pair_open(&rig, &first, 0);
		pair_write_new(&first);
		pair_drop_and_close(&rig, &first);
		pair_open(&rig, &second, 0);
		CU_ASSERT_FALSE(pair_is_same(&first, &second));
		pair_close(&second);
	}
	rig_end(&rig);
}

/*
 * Another process has had the ISID, perhaps under another name or over another
 * portal group: then no login ends what it has left, and a reset does.
 */
static void go_on(const char *barrier, unsigned resets)
{
	struct pair pair;
	struct rig rig;

	if (rig_prepare(&rig, &pair_plain)) {
		rig_set(&rig, "isid", "8012345678ab");
		rig_set(&rig, "replay_barrier", barrier);
		pair_open(&rig, &pair, 0);
		pair_write_new(&pair);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), resets);
		pair_close(&pair);
	}
	rig_end(&rig);
}

static void test_of_another_process(void)
{
	go_on("auto", 1);
	go_on("reinstate", 0);
}

static const struct dsc_test tests[] = {
	{ "reinstated", test_reinstated },
	{ "reset", test_reset },
	{ "two-luns-of-one-session", test_two_luns_of_one_session },
	{ "named-lun", test_named_lun },
	{ "other-initiator", test_other_initiator },
	{ "read-only", test_read_only },
	{ "read-only-again", test_read_only_again },
	{ "passed-on", test_passed_on },
	{ "given-up-nexus", test_given_up_nexus },
	{ "other-ends", test_other_ends },
	{ "answered", test_answered },
	{ "of-another-process", test_of_another_process },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("debt", tests, argc, argv);
}
