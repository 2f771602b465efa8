/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-debt.c: a session that has ended without an answer to a write, and those
 * after it in the same context. The same on a real target is in test-barrier.c.
 */
#include <errno.h>
#include <string.h>

#include "base/context.h"
#include "fault/rig.h"
#include "harness/harness.h"
#include "session/session.h"

#define WRITE10 0x2a
#define ABORT_TASK 1
#define LUN_RESET 5
#define WAIT_MS 10000

/* Its sessions can be reinstated; the other one's do not end their tasks. */
static const struct sim_config plain = { .blocks = 131072, .luns = 2 };
static const struct sim_config stranger = {
	.blocks = 131072, .luns = 2, .vendor = "ACME"
};

struct pair {
	struct discsi_session *session;
	struct discsi_lun *lun;
	uint8_t isid[6];
};

static void pair_open(struct rig *rig, struct pair *pair, unsigned lun_id)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	memset(pair, 0, sizeof(*pair));
	CU_ASSERT_EQUAL_FATAL(discsi_session_open(rig->ctx, rig->conf,
						  &pair->session), 0);
	CU_ASSERT_EQUAL_FATAL(discsi_lun_open(pair->session, lun_id,
					      &pair->lun), 0);
	CU_ASSERT_EQUAL(discsi_session_get_info(pair->session, &info), 0);
	memcpy(pair->isid, info.isid, sizeof(pair->isid));
}

static void pair_close(struct pair *pair)
{
	discsi_lun_close(pair->lun);
	discsi_session_close(pair->session);
}

static bool is_same(const struct pair *a, const struct pair *b)
{
	return memcmp(a->isid, b->isid, sizeof(a->isid)) == 0;
}

static bool has_held(struct rig *rig)
{
	return sim_held(rig->sim) == 1;
}

static bool has_reset(struct rig *rig)
{
	return sim_managements(rig->sim, LUN_RESET) > 0;
}

/* It must not come back before that. */
static void drop_and_close(struct rig *rig, struct pair *pair)
{
	sim_refuse(rig->sim, 0, true);
	sim_drop_all(rig->sim);
	rig_run(rig, 1);
	pair_close(pair);
	sim_refuse(rig->sim, 0, false);
}

/* A session ends, in one way or another, while the target holds a write of it. */
static void owe_by(struct rig *rig, struct pair *pair, unsigned lun_id,
		   void (*end)(struct rig *rig, struct pair *pair))
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct tally tally = { .done = 0 };
	uint8_t old[4096];

	rig_fill(old, sizeof(old), 1);
	pair_open(rig, pair, lun_id);
	sim_rule(rig->sim, &hold);
	discsi_lun_write_async(pair->lun, old, sizeof(old), 0, 0, rig_tally,
			       &tally);
	CU_ASSERT_TRUE(rig_until(rig, has_held, WAIT_MS));
	sim_clear_rules(rig->sim);
	end(rig, pair);
	CU_ASSERT_EQUAL(tally.done, 1);
	CU_ASSERT_EQUAL(tally.ok, 0);
}

static void owe(struct rig *rig, struct pair *pair, unsigned lun_id)
{
	owe_by(rig, pair, lun_id, drop_and_close);
}

static void write_new(struct pair *pair)
{
	uint8_t new[4096];

	rig_fill(new, sizeof(new), 2);
	CU_ASSERT_EQUAL(discsi_lun_write(pair->lun, new, sizeof(new), 0, 0),
			0);
}

static void expect_new(struct rig *rig, unsigned lun_id)
{
	uint8_t new[4096];
	uint8_t have[4096];

	rig_fill(new, sizeof(new), 2);
	sim_release(rig->sim);
	sim_peek(rig->sim, lun_id, 0, have, sizeof(have));
	CU_ASSERT_EQUAL(memcmp(have, new, sizeof(new)), 0);
}

/* resets: LOGICAL UNIT RESETs that the next session sends. */
static void next(const struct sim_config *config, bool reinstates,
		 unsigned resets)
{
	struct pair first, second, third;
	struct rig rig;

	if (rig_prepare(&rig, config)) {
		sim_set_reinstatement(rig.sim, reinstates);
		owe(&rig, &first, 1);
		pair_open(&rig, &second, 1);
		CU_ASSERT_TRUE(is_same(&first, &second));
		write_new(&second);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), resets);
		expect_new(&rig, 1);
		pair_close(&second);
		/* It is paid. */
		pair_open(&rig, &third, 1);
		CU_ASSERT_FALSE(is_same(&second, &third));
		write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), resets);
		pair_close(&third);
	}
	rig_end(&rig);
}

static void test_reinstated(void)
{
	next(&plain, true, 0);
}

static void test_reset(void)
{
	next(&stranger, false, 1);
}

/*
 * One session for each of two LUNs, as storages have them: both sessions before
 * had one, and only one of the next can have its ISID without ending the other.
 */
static void test_two_luns_of_one_session(void)
{
	struct pair first, second, third;
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		owe(&rig, &first, 0);
		pair_open(&rig, &second, 1);  /* pays nothing */
		CU_ASSERT_TRUE(is_same(&first, &second));
		pair_open(&rig, &third, 0);
		CU_ASSERT_FALSE(is_same(&first, &third));
		write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		expect_new(&rig, 0);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 3);
		write_new(&second);
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

	if (rig_prepare(&rig, &plain)) {
		owe(&rig, &first, 0);
		rig_set(&rig, "lun_id", "1");
		pair_open(&rig, &second, 1);
		CU_ASSERT_FALSE(is_same(&first, &second));
		rig_set(&rig, "lun_id", "0");
		pair_open(&rig, &third, 0);
		CU_ASSERT_TRUE(is_same(&first, &third));
		write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 0);
		expect_new(&rig, 0);
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

	if (rig_prepare(&rig, &plain)) {
		owe(&rig, &first, 0);
		rig_set(&rig, "initiator_name", "iqn.2026-11.io.discsi:other");
		pair_open(&rig, &second, 0);
		CU_ASSERT_FALSE(is_same(&first, &second));
		write_new(&second);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		expect_new(&rig, 0);
		pair_close(&second);
	}
	rig_end(&rig);
}

/* Who only reads resets nothing, and leaves the debt to who writes. */
static void test_read_only(void)
{
	struct pair first, second, third;
	struct rig rig;

	if (rig_prepare(&rig, &stranger)) {
		sim_set_reinstatement(rig.sim, false);
		owe(&rig, &first, 0);
		rig_set(&rig, "read_only", "true");
		pair_open(&rig, &second, 0);
		pair_close(&second);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 0);
		rig_set(&rig, "read_only", "false");
		pair_open(&rig, &third, 0);
		write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		expect_new(&rig, 0);
		pair_close(&third);
	}
	rig_end(&rig);
}

/* A session that cannot pay, since it does not come in or ends early, owes on. */
static void test_passed_on(void)
{
	struct discsi_session *refused = NULL;
	struct pair first, second, third;
	struct rig rig;

	if (rig_prepare(&rig, &stranger)) {
		sim_set_reinstatement(rig.sim, false);
		owe(&rig, &first, 0);
		sim_refuse(rig.sim, 0, true);
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &refused), -ECONNREFUSED);
		sim_refuse(rig.sim, 0, false);
		sim_set_management(rig.sim, LUN_RESET, 0xff);
		pair_open(&rig, &second, 0);
		CU_ASSERT_TRUE(rig_until(&rig, has_reset, WAIT_MS));
		drop_and_close(&rig, &second);
		sim_set_management(rig.sim, LUN_RESET, 0);
		pair_open(&rig, &third, 0);
		CU_ASSERT_TRUE(is_same(&first, &third));
		write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 2);
		expect_new(&rig, 0);
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

	if (rig_prepare(&rig, &stranger)) {
		sim_set_reinstatement(rig.sim, false);
		owe(&rig, &first, 0);
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
		write_new(&third);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		expect_new(&rig, 0);
		discsi_lun_close(third.lun);
		pair_close(&second);
	}
	rig_end(&rig);
}

struct ending {
	struct dsc_job job;
	struct dsc_child *child;
};

static void on_end(struct dsc_job *job)
{
	struct ending *ending = dsc_container_of(job, struct ending, job);

	ending->child->end(ending->child);
	ending->child = NULL;
}

/* As a storage ends it when its time is over: without a word to the target. */
static void abandon(struct rig *rig, struct pair *pair)
{
	struct ending ending = { .child = dsc_session_child(pair->session) };

	dsc_loop_post(&rig->ctx->loop, &ending.job, on_end);
	rig_run(rig, 50);
	CU_ASSERT_PTR_NULL(ending.child);
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

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "500");
		owe_by(&rig, &first, 0, end);
		pair_open(&rig, &second, 0);
		CU_ASSERT_TRUE(is_same(&first, &second));
		write_new(&second);
		expect_new(&rig, 0);
		pair_close(&second);
	}
	rig_end(&rig);
}

static void test_other_ends(void)
{
	end_by(abandon);
	end_by(close_in_vain);
}

/* What has been answered is not owed. */
static void test_answered(void)
{
	struct pair first, second;
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		pair_open(&rig, &first, 0);
		write_new(&first);
		drop_and_close(&rig, &first);
		pair_open(&rig, &second, 0);
		CU_ASSERT_FALSE(is_same(&first, &second));
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

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "isid", "8012345678ab");
		rig_set(&rig, "replay_barrier", barrier);
		pair_open(&rig, &pair, 0);
		write_new(&pair);
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
