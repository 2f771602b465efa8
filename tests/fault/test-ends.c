/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-ends.c: a session, or its context, ends in the middle of whatever can be
 * under way, with a thousand requests: each callback runs once, in time, and
 * everything is freed (which the sanitizers see).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"
#include "session/session.h"

#define MANY 1000
#define LUN_RESET 5

static const struct sim_config plain = { .blocks = 131072 };

static bool is_in(struct rig *rig, const char *state)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	discsi_session_get_info(rig->session, &info);
	return strcmp(info.state, state) == 0;
}

/* ----------------------------------------------------------------- moments */

static struct sim_rule rule_for(int opcode, enum sim_action action)
{
	return (struct sim_rule){
		.opcode = opcode, .lun = SIM_ANY, .action = action,
	};
}

static void begin_backoff(struct rig *rig)
{
	sim_kill(rig->sim);
	rig_run(rig, 600);  /* pauses are longer than attempts by now */
	while (!is_in(rig, "backoff"))
		rig_run(rig, 10);
}

static void begin_login(struct rig *rig)
{
	sim_withhold_login(rig->sim, 0, true);
	sim_drop_all(rig->sim);
	rig_run(rig, 200);
	CU_ASSERT_TRUE(is_in(rig, "reconnecting"));
}

static void begin_verification(struct rig *rig)
{
	const struct sim_rule silent = rule_for(SIM_ANY, SIM_SILENT);

	sim_rule(rig->sim, &silent);
	sim_drop_all(rig->sim);
	rig_run(rig, 300);
	CU_ASSERT_TRUE(is_in(rig, "verifying"));
}

/* The writes have been sent once; the reset before they go again hangs. */
static void begin_barrier(struct rig *rig)
{
	sim_set_management(rig->sim, LUN_RESET, 0xff);
	sim_drop_all(rig->sim);
	rig_run(rig, 300);
	CU_ASSERT_TRUE(is_in(rig, "verifying"));
	CU_ASSERT_EQUAL(sim_managements(rig->sim, LUN_RESET), 1);
}

static void begin_leaving(struct rig *rig)
{
	sim_async(rig->sim, 1, 0, 0, 5);
	rig_run(rig, 50);
	CU_ASSERT_TRUE(is_in(rig, "leaving"));
}

static void begin_nothing(struct rig *rig)
{
	rig_run(rig, 50);
	CU_ASSERT_TRUE(is_in(rig, "ready"));
}

/* What the target does with the writes, and what happens next. */
static const struct moment {
	const char *name;
	enum sim_action action;
	uint8_t status;
	void (*begin)(struct rig *rig);
	bool is_frozen;             /* they are partly sent */
} moments[] = {
	{ "in flight", SIM_SILENT, 0, begin_nothing, false },
	{ "partly sent", SIM_SILENT, 0, begin_nothing, true },
	{ "pauses of retries", SIM_STATUS, 0x08, begin_nothing, false },
	{ "backoff", SIM_SILENT, 0, begin_backoff, false },
	{ "login", SIM_SILENT, 0, begin_login, false },
	{ "verification", SIM_SILENT, 0, begin_verification, false },
	{ "barrier", SIM_SILENT, 0, begin_barrier, false },
	{ "leaving", SIM_SILENT, 0, begin_leaving, false },
};

/* -------------------------------------------------------------------- ends */

static void begin(struct rig *rig, const struct moment *moment, uint8_t *data,
		  struct tally *tally)
{
	struct sim_rule rule = rule_for(0x2a, moment->action);
	unsigned i;

	rule.status = moment->status;
	sim_rule(rig->sim, &rule);
	if (moment->is_frozen)
		sim_freeze(rig->sim, 60000);
	for (i = 0; i < MANY; i++)
		CU_ASSERT_EQUAL(discsi_lun_write_async(
			rig->lun, data, 65536, i % 64 * 65536ull, 0, rig_tally,
			tally), 0);
	rig_run(rig, 100);
	moment->begin(rig);
	CU_ASSERT_EQUAL(tally->done, 0);
}

/* The LUN, the session and the context, or the context alone. */
static void end_at(const struct moment *moment, const char *sessions,
		   bool politely)
{
	const struct sim_config stranger = {
		.blocks = 131072, .vendor = "ACME"
	};
	static uint8_t data[65536];
	struct tally tally = { .done = 0 };
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &stranger)) {
		rig_set(&rig, "command_timeout", "1500");
		rig_set(&rig, "sessions", sessions);
		if (rig_open(&rig)) {
			begin(&rig, moment, data, &tally);
			began = rig_now_ms();
			if (politely) {
				discsi_lun_close(rig.lun);
				CU_ASSERT_EQUAL(tally.done, MANY);
				discsi_session_close(rig.session);
			}
			discsi_context_destroy(rig.ctx);
			/* command_timeout, and as much for the logout */
			CU_ASSERT_TRUE(rig_now_ms() - began <
				       (politely ? 4000 : 1000));
			CU_ASSERT_EQUAL(tally.done, MANY);
			CU_ASSERT_EQUAL(tally.ok, 0);
			if (!politely)
				CU_ASSERT_EQUAL(tally.last, -ECANCELED);
			rig.ctx = NULL;
			rig.session = NULL;
			rig.lun = NULL;
			sim_freeze(rig.sim, 0);
		}
	}
	rig_end(&rig);
}

static void test_destroyed(void)
{
	size_t i;

	for (i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		end_at(&moments[i], "1", false);
}

static void test_closed(void)
{
	size_t i;

	for (i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		end_at(&moments[i], "1", true);
}

static void test_several_destroyed(void)
{
	end_at(&moments[0], "3", false);
	end_at(&moments[1], "3", false);
	end_at(&moments[3], "3", false);
	end_at(&moments[4], "3", false);
}

/* --------------------------------------------------- whoever does not give up */

#define STUBBORN 8
#define ENOUGH 1000

struct stubborn {
	struct rig *rig;
	struct dsc_job job;
	unsigned done;
	unsigned refused;           /* inside of the callback */
	int last;                   /* with what */
	bool has_ended;
};

static uint8_t stubborn_data[4096];

/* Tries again whatever happens. */
static void on_stubborn(void *arg, int result, const struct discsi_error *error)
{
	struct stubborn *stubborn = arg;
	int rc;

	(void)error;
	CU_ASSERT_EQUAL(result, -ECANCELED);
	if (++stubborn->done > ENOUGH)
		return;
	rc = discsi_lun_read_async(stubborn->rig->lun, stubborn_data, 4096, 0,
				   0, on_stubborn, stubborn);
	if (rc == 0)
		return;
	stubborn->refused++;
	stubborn->last = rc;
}

static void end_session(struct dsc_job *job)
{
	struct stubborn *stubborn =
		dsc_container_of(job, struct stubborn, job);
	struct dsc_child *child = dsc_session_child(stubborn->rig->session);

	child->end(child);
	stubborn->rig->session = NULL;
	stubborn->rig->lun = NULL;
	stubborn->has_ended = true;
}

/* The session alone is ended, as a storage ends it. */
static void end_stubborn(void (*happens)(struct rig *rig),
			 const char *sessions)
{
	const struct sim_rule silent = rule_for(SIM_ANY, SIM_SILENT);
	struct rig rig;
	struct stubborn stubborn = { .rig = &rig };
	unsigned i;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", sessions);
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &silent);
			for (i = 0; i < STUBBORN; i++)
				discsi_lun_read_async(rig.lun, stubborn_data,
						      4096, 0, 0, on_stubborn,
						      &stubborn);
			happens(&rig);
			dsc_loop_post(&rig.ctx->loop, &stubborn.job,
				      end_session);
			rig_run(&rig, 50);
			CU_ASSERT_TRUE(stubborn.has_ended);
			CU_ASSERT_EQUAL(stubborn.done, STUBBORN);
			CU_ASSERT_EQUAL(stubborn.refused, STUBBORN);
			CU_ASSERT_EQUAL(stubborn.last, -ECANCELED);
		}
	}
	rig_end(&rig);
}

static void test_stubborn(void)
{
	end_stubborn(begin_nothing, "1");
	end_stubborn(begin_backoff, "1");
	end_stubborn(begin_backoff, "3");
}

struct reader {
	struct rig *rig;
	unsigned done;
	int last;
};

/* Reads for ever. */
static void on_read(void *arg, int result, const struct discsi_error *error)
{
	struct reader *reader = arg;

	(void)error;
	CU_ASSERT_EQUAL(result, 0);
	reader->done++;
	reader->last = discsi_lun_read_async(reader->rig->lun, stubborn_data,
					     4096, 0, 0, on_read, reader);
}

/* A session is closed before its LUN, which is in use all the time. */
static void test_left_open(void)
{
	struct rig rig;
	struct reader reader = { .rig = &rig };

	if (rig_begin(&rig, &plain)) {
		on_read(&reader, 0, NULL);
		CU_ASSERT_TRUE(rig_wait(&rig, &reader.done, 100, 10000));
		discsi_session_close(rig.session);
		rig.session = NULL;
		rig.lun = NULL;
		CU_ASSERT_EQUAL(reader.last, -ECANCELED);
	}
	rig_end(&rig);
}

/* It has seen its session end, and closes its LUN all the same. */
static void on_last_read(void *arg, int result, const struct discsi_error *error)
{
	struct reader *reader = arg;

	(void)error;
	reader->last = result;
	reader->done++;
	discsi_lun_close(reader->rig->lun);
}

static void on_left(void *arg, int result, const struct discsi_error *error)
{
	bool *is_over = arg;

	(void)result;
	(void)error;
	*is_over = true;
}

/* The order of closing is the wrong one, but is an order. */
static void test_closed_after(void)
{
	const struct sim_rule hold = {
		.opcode = 0x28, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	struct rig rig;
	struct reader reader = { .rig = &rig };
	bool is_over = false;

	if (rig_begin(&rig, &plain)) {
		sim_rule(rig.sim, &hold);
		discsi_lun_read_async(rig.lun, stubborn_data, 4096, 0, 0,
				      on_last_read, &reader);
		rig_run(&rig, 50);
		dsc_session_close_begin(rig.session, on_left, &is_over);
		rig_run(&rig, 50);
		CU_ASSERT_FALSE(is_over);
		sim_release(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &reader.done, 1, 10000));
		rig_run(&rig, 50);
		CU_ASSERT_TRUE(is_over);
		CU_ASSERT_EQUAL(reader.last, 0);
		rig.session = NULL;
		rig.lun = NULL;
	}
	rig_end(&rig);
}

/* ------------------------------------------------------- while being opened */

static void on_session(void *arg, int status, struct discsi_session *session,
		       const struct discsi_error *error)
{
	CU_ASSERT_PTR_NULL(session);
	rig_tally(arg, status, error);
}

static void on_lun(void *arg, int status, struct discsi_lun *lun,
		   const struct discsi_error *error)
{
	CU_ASSERT_PTR_NULL(lun);
	rig_tally(arg, status, error);
}

static void on_discovery(void *arg, int status, struct discsi_discovery *found,
			 const struct discsi_error *error)
{
	CU_ASSERT_PTR_NULL(found);
	rig_tally(arg, status, error);
}

static void destroy(struct rig *rig, struct tally *tally)
{
	uint64_t began = rig_now_ms();

	CU_ASSERT_EQUAL(tally->done, 0);
	discsi_context_destroy(rig->ctx);
	rig->ctx = NULL;
	CU_ASSERT_TRUE(rig_now_ms() - began < 1000);
	CU_ASSERT_EQUAL(tally->done, 1);
	CU_ASSERT_EQUAL(tally->last, -ECANCELED);
}

/* After so many ms of turning the loop; 0: nothing has begun yet. */
static void open_session(const char *sessions, bool is_mute, unsigned ms)
{
	struct tally tally = { .done = 0 };
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", sessions);
		sim_mute(rig.sim, 0, is_mute);
		if (!is_mute)
			sim_login_delay(rig.sim, 150);
		discsi_session_open_async(rig.ctx, rig.conf, on_session,
					  &tally);
		rig_run(&rig, ms);
		destroy(&rig, &tally);
	}
	rig_end(&rig);
}

static void test_opening_session(void)
{
	open_session("1", true, 0);
	open_session("1", true, 100);
	open_session("8", false, 500);  /* some are logged in */
}

static void test_opening_lun(void)
{
	const struct sim_rule silent = rule_for(SIM_ANY, SIM_SILENT);
	struct tally tally = { .done = 0 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_rule(rig.sim, &silent);
		discsi_lun_open_async(rig.session, 0, on_lun, &tally);
		rig_run(&rig, 50);
		rig.session = NULL;
		rig.lun = NULL;
		destroy(&rig, &tally);
	}
	rig_end(&rig);
}

static void test_discovering(void)
{
	struct tally tally = { .done = 0 };
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		sim_mute(rig.sim, 0, true);
		discsi_discover_async(rig.ctx, rig.conf, on_discovery, &tally);
		rig_run(&rig, 50);
		destroy(&rig, &tally);
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "destroyed", test_destroyed },
	{ "closed", test_closed },
	{ "several_destroyed", test_several_destroyed },
	{ "stubborn", test_stubborn },
	{ "left_open", test_left_open },
	{ "closed_after", test_closed_after },
	{ "opening_session", test_opening_session },
	{ "opening_lun", test_opening_lun },
	{ "discovering", test_discovering },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("ends", tests, argc, argv);
}
