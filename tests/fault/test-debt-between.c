/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-debt-between.c: what a session has left without an answer, where the next
 * one of its context is there before it has gone, or another disk is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "fault/pair.h"
#include "harness/harness.h"
#include "session/session.h"

#define WRITE10 0x2a
#define LUN_RESET 5

/* ------------------------------------------------- sessions side by side */

struct succession {
	struct rig *rig;
	struct pair *old;
	struct discsi_session *session;  /* the new one */
	unsigned opened;
};

static void on_opened(void *arg, int status, struct discsi_session *session,
		      const struct discsi_error *error)
{
	struct succession *succession = arg;

	(void)error;
	CU_ASSERT_EQUAL(status, 0);
	succession->session = session;
	succession->opened++;
}

/* The write has failed, which is how the caller learns of the outage. */
static void on_failed(void *arg, int result, const struct discsi_error *error)
{
	struct succession *succession = arg;

	(void)error;
	CU_ASSERT_NOT_EQUAL(result, 0);
	discsi_lun_close(succession->old->lun);
	discsi_session_close(succession->old->session);
	CU_ASSERT_EQUAL(discsi_session_open_async(succession->rig->ctx,
						  succession->rig->conf,
						  on_opened, succession), 0);
}

/* On the loop, where a close does not wait: both at once. */
static void test_closed_in_callback(void)
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct discsi_session_info info = { .size = sizeof(info) };
	struct pair first, second = { .session = NULL };
	struct succession succession = { .old = &first };
	uint8_t old[4096];
	struct rig rig;

	if (rig_prepare(&rig, &pair_plain)) {
		succession.rig = &rig;
		rig_set(&rig, "replacement_timeout", "0");
		rig_fill(old, sizeof(old), 1);
		pair_open(&rig, &first, 0);
		sim_rule(rig.sim, &hold);
		discsi_lun_write_async(first.lun, old, sizeof(old), 0, 0,
				       on_failed, &succession);
		rig_run(&rig, 50);
		sim_drop_all(rig.sim);
		CU_ASSERT_TRUE_FATAL(rig_wait(&rig, &succession.opened, 1,
					      10000));
		second.session = succession.session;
		CU_ASSERT_EQUAL_FATAL(discsi_lun_open(second.session, 0,
						      &second.lun), 0);
		CU_ASSERT_EQUAL(discsi_session_get_info(second.session, &info),
				0);
		memcpy(second.isid, info.isid, sizeof(second.isid));
		CU_ASSERT_TRUE(pair_is_same(&first, &second));
		pair_write_new(&second);
		pair_expect_new(&rig, 0);
		pair_close(&second);
	}
	rig_end(&rig);
}

/* Another one is opened first, and then the one that was given up closed. */
static void open_then_close(struct rig *rig, struct pair *pair)
{
	struct pair next;

	sim_drop_all(rig->sim);
	rig_run(rig, 50);
	pair_open(rig, &next, 0);
	CU_ASSERT_TRUE(pair_is_same(pair, &next));
	pair_close(pair);
	*pair = next;
}

static void test_opened_before_close(void)
{
	struct pair pair;
	struct rig rig;

	if (rig_prepare(&rig, &pair_stranger)) {
		sim_set_reinstatement(rig.sim, false);
		rig_set(&rig, "replacement_timeout", "0");
		pair_owe_by(&rig, &pair, 0, open_then_close);
		pair_write_new(&pair);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_expect_new(&rig, 0);
		pair_close(&pair);
	}
	rig_end(&rig);
}

static void on_closed(void *arg, int result, const struct discsi_error *error)
{
	unsigned *closed = arg;

	(void)result;
	(void)error;
	++*closed;
}

/* One that waits for its write, in vain, while another one has the LUN. */
static void outlive(struct rig *rig, struct pair *pair)
{
	unsigned closed = 0;
	struct pair next;

	dsc_session_close_begin(pair->session, on_closed, &closed);
	pair_open(rig, &next, 0);
	CU_ASSERT_FALSE(pair_is_same(pair, &next));
	CU_ASSERT_EQUAL(closed, 0);
	sim_drop_all(rig->sim);
	CU_ASSERT_TRUE(rig_wait(rig, &closed, 1, 10000));
	*pair = next;
}

static void test_closing_meanwhile(void)
{
	struct pair pair;
	struct rig rig;

	if (rig_prepare(&rig, &pair_plain)) {
		pair_owe_by(&rig, &pair, 0, outlive);
		pair_write_new(&pair);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_expect_new(&rig, 0);
		pair_close(&pair);
	}
	rig_end(&rig);
}

/* ---------------------------------------------------- another disk meanwhile */

/* The target comes back with another disk, for a time. */
static void come_back_as(struct rig *rig, const char *serial)
{
	unsigned logins = sim_logins(rig->sim);

	sim_swap_identity(rig->sim, 0, serial, false);
	sim_drop_all(rig->sim);
	while (sim_logins(rig->sim) == logins)
		rig_run(rig, 10);
	rig_run(rig, 50);
}

static void end_as_other(struct rig *rig, struct pair *pair)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	come_back_as(rig, "OTHER");
	CU_ASSERT_EQUAL(discsi_session_get_info(pair->session, &info), 0);
	CU_ASSERT_TRUE(info.connected);
	CU_ASSERT_TRUE(info.may_write_late);
	pair_drop_and_close(rig, pair);
}

/* A disk is another one: that is not reset. But the first one may return. */
static void test_condemned(void)
{
	struct pair first, second;
	struct rig rig;

	if (rig_prepare(&rig, &pair_stranger)) {
		sim_set_reinstatement(rig.sim, false);
		pair_owe_by(&rig, &first, 0, end_as_other);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 0);
		pair_open(&rig, &second, 0);
		pair_write_new(&second);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_expect_new(&rig, 0);
		pair_close(&second);
	}
	rig_end(&rig);
}

/* The LUN alone is closed, and opened again when it is the right one. */
static void reopen(struct rig *rig, struct pair *pair)
{
	come_back_as(rig, "OTHER");
	discsi_lun_close(pair->lun);
	come_back_as(rig, "THIRD");
	CU_ASSERT_EQUAL(sim_managements(rig->sim, LUN_RESET), 0);
	CU_ASSERT_EQUAL_FATAL(discsi_lun_open(pair->session, 0, &pair->lun), 0);
}

static void test_condemned_reopened(void)
{
	struct pair pair;
	struct rig rig;

	if (rig_prepare(&rig, &pair_stranger)) {
		sim_set_reinstatement(rig.sim, false);
		pair_owe_by(&rig, &pair, 0, reopen);
		pair_write_new(&pair);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_expect_new(&rig, 0);
		pair_close(&pair);
	}
	rig_end(&rig);
}

/* The LUN alone is closed, and opened by another session, beside this one. */
static void open_elsewhere(struct rig *rig, struct pair *pair)
{
	struct discsi_session *before = pair->session;

	come_back_as(rig, "OTHER");
	discsi_lun_close(pair->lun);
	come_back_as(rig, "THIRD");
	CU_ASSERT_EQUAL(sim_managements(rig->sim, LUN_RESET), 0);
	pair_open(rig, pair, 0);
	pair_write_new(pair);
	CU_ASSERT_EQUAL(sim_managements(rig->sim, LUN_RESET), 1);
	pair_expect_new(rig, 0);
	discsi_session_close(before);
}

static void test_condemned_opened_elsewhere(void)
{
	struct pair pair;
	struct rig rig;

	if (rig_prepare(&rig, &pair_stranger)) {
		sim_set_reinstatement(rig.sim, false);
		pair_owe_by(&rig, &pair, 0, open_elsewhere);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_close(&pair);
	}
	rig_end(&rig);
}

/* The other disk was seen over another portal group: the write is not there. */
static void end_elsewhere(struct rig *rig, struct pair *pair)
{
	sim_refuse(rig->sim, 0, true);
	come_back_as(rig, "OTHER");
	pair_close(pair);
}

static void test_condemned_moved(void)
{
	static const struct sim_config two = {
		.blocks = 131072, .portals = 2, .own_portal_groups = true
	};
	struct pair first, second;
	char portals[128];
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		snprintf(portals, sizeof(portals), "%s,%s",
			 sim_portal(rig.sim, 0), sim_portal(rig.sim, 1));
		rig_set(&rig, "portals", portals);
		pair_owe_by(&rig, &first, 0, end_elsewhere);
		pair_open(&rig, &second, 0);
		CU_ASSERT_TRUE(pair_is_same(&first, &second));
		pair_write_new(&second);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		pair_expect_new(&rig, 0);
		pair_close(&second);
	}
	rig_end(&rig);
}

/* ------------------------------------------------------ while a reset is asked */

struct doubter {
	struct dsc_job job;
	struct discsi_session *session;
};

static void on_doubt(struct dsc_job *job)
{
	dsc_session_doubt(dsc_container_of(job, struct doubter, job)->session);
}

/* The disks have been asked who they are by then; and are asked again. */
static void test_exchanged_during_reset(void)
{
	struct pair first, second, other;
	struct doubter doubter;
	uint8_t data[4096] = { 0 };
	struct rig rig;

	if (rig_prepare(&rig, &pair_stranger)) {
		sim_set_reinstatement(rig.sim, false);
		pair_owe(&rig, &first, 0);
		sim_set_management(rig.sim, LUN_RESET, SIM_LATER);
		pair_open(&rig, &second, 1);
		other = second;
		CU_ASSERT_EQUAL_FATAL(discsi_lun_open(other.session, 0,
						      &other.lun), 0);
		rig_run(&rig, 50);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		sim_swap_identity(rig.sim, 1, "OTHER", false);
		doubter.session = second.session;
		dsc_loop_post(&rig.ctx->loop, &doubter.job, on_doubt);
		rig_run(&rig, 50);
		sim_answer_later(rig.sim);
		rig_run(&rig, 50);
		CU_ASSERT_EQUAL(discsi_lun_write(second.lun, data, sizeof(data),
						 0, 0), -ESTALE);
		discsi_lun_close(other.lun);
		pair_close(&second);
	}
	rig_end(&rig);
}

/* A debt that comes to a session whose reset is done, but not answered yet. */
static void test_left_during_reset(void)
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct tally tally = { .done = 0 };
	struct pair first, second;
	uint8_t old[4096];
	struct rig rig;

	if (rig_prepare(&rig, &pair_plain)) {
		pair_open(&rig, &first, 0);
		rig_set(&rig, "isid", "8012345678ab");
		sim_set_management(rig.sim, LUN_RESET, SIM_LATER);
		pair_open(&rig, &second, 0);
		rig_run(&rig, 50);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 1);
		CU_ASSERT_EQUAL(discsi_lun_read(first.lun, old, sizeof(old), 0,
						0), 0);
		rig_fill(old, sizeof(old), 1);
		sim_rule(rig.sim, &hold);
		discsi_lun_write_async(first.lun, old, sizeof(old), 0, 0,
				       rig_tally, &tally);
		rig_run(&rig, 50);
		CU_ASSERT_EQUAL(sim_held(rig.sim), 1);
		pair_abandon(&rig, &first);
		CU_ASSERT_EQUAL(tally.done, 1);
		sim_set_management(rig.sim, LUN_RESET, 0);
		sim_answer_later(rig.sim);
		pair_write_new(&second);
		CU_ASSERT_EQUAL(sim_managements(rig.sim, LUN_RESET), 2);
		pair_expect_new(&rig, 0);
		pair_close(&second);
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "closed-in-callback", test_closed_in_callback },
	{ "opened-before-close", test_opened_before_close },
	{ "closing-meanwhile", test_closing_meanwhile },
	{ "condemned", test_condemned },
	{ "condemned-reopened", test_condemned_reopened },
	{ "condemned-opened-elsewhere", test_condemned_opened_elsewhere },
	{ "condemned-moved", test_condemned_moved },
	{ "exchanged-during-reset", test_exchanged_during_reset },
	{ "left-during-reset", test_left_during_reset },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("debt-between", tests, argc, argv);
}
