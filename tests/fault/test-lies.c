/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-lies.c: a target that lies, one kind of lie after the other, each told
 * so often that it has been met: nothing crashes, every call ends by its
 * deadline, a violation of the protocol is called that, and a session to an
 * honest target on the same loop does not notice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define TALKS 12
#define TIMEOUT_MS 1000
#define IOS 8
#define IO_BYTES 16384

/* How late a call may be: what is promised, and what a machine makes of it. */
#define SLACK_MS (1000u * RIG_SLOWNESS)

static const struct sim_config liar = {
	.blocks = 4096, .no_journal = true, .initial_r2t = true,
	.no_immediate_data = true, .max_burst = 262144,
};
static const struct sim_config plain = { .blocks = 131072 };

struct talk {
	struct discsi_session *session;
	struct discsi_lun *lun;
	int event_errno;             /* of the first loss */
};

static void on_event(void *arg, struct discsi_session *session,
		     const struct discsi_event *event)
{
	struct talk *talk = arg;

	(void)session;
	if (event->type == DISCSI_EVENT_LOST && talk->event_errno == 0 &&
	    event->error != NULL)
		talk->event_errno = event->error->errnum;
}

static void expect_in_time(uint64_t began, unsigned kind, const char *what)
{
	uint64_t took = rig_now_ms() - began;

	if (took <= TIMEOUT_MS + SLACK_MS)
		return;
	dsc_test_note("%s: %s took %u ms", sim_lie_kind(kind)->name, what,
		      (unsigned)took);
	CU_FAIL("a call outlives its deadline");
}

static void open_talk(struct rig *rig, struct talk *talk, unsigned kind)
{
	uint64_t began = rig_now_ms();

	memset(talk, 0, sizeof(*talk));
	discsi_session_open(rig->ctx, rig->conf, &talk->session);
	expect_in_time(began, kind, "login");
	if (talk->session == NULL)
		return;
	discsi_session_on_event(talk->session, on_event, talk);
	began = rig_now_ms();
	discsi_lun_open(talk->session, 0, &talk->lun);
	expect_in_time(began, kind, "opening the LUN");
}

/* Reads and writes together; all of them end. */
static void do_io(struct rig *rig, struct talk *talk, unsigned kind)
{
	static uint8_t data[IOS][IO_BYTES];
	struct tally tally = { .done = 0 };
	uint64_t began = rig_now_ms();
	unsigned wanted = 0;
	unsigned i;

	for (i = 0; i < IOS; i++) {
		uint64_t at = (uint64_t)i * IO_BYTES;
		int rc = i % 2 == 0 ?
			 discsi_lun_read_async(talk->lun, data[i], IO_BYTES, at,
					       0, rig_tally, &tally) :
			 discsi_lun_write_async(talk->lun, data[i], IO_BYTES,
						at, 0, rig_tally, &tally);

		wanted += rc == 0;
	}
	CU_ASSERT_TRUE_FATAL(rig_wait(rig, &tally.done, wanted, 30000));
	expect_in_time(began, kind, "I/O");
	CU_ASSERT_EQUAL(tally.done, wanted);
}

static void ask_more(struct rig *rig, struct talk *talk, unsigned kind)
{
	struct discsi_discovery *found = NULL;
	uint64_t *luns = NULL;
	size_t count = 0;
	uint64_t began = rig_now_ms();

	discsi_discover(rig->ctx, rig->conf, &found);
	discsi_discovery_free(found);
	expect_in_time(began, kind, "discovery");
	if (talk->session == NULL)
		return;
	began = rig_now_ms();
	if (discsi_session_report_luns(talk->session, &luns, &count) == 0)
		free(luns);
	expect_in_time(began, kind, "REPORT LUNS");
}

static void talk_once(struct rig *rig, unsigned kind)
{
	const struct sim_kind *lie = sim_lie_kind(kind);
	struct talk talk;
	uint64_t began;

	if (lie->is_early)
		sim_lie_about(rig->sim, (int)kind);
	open_talk(rig, &talk, kind);
	sim_lie_about(rig->sim, (int)kind);
	if (talk.lun != NULL)
		do_io(rig, &talk, kind);
	if (lie->is_early)
		ask_more(rig, &talk, kind);
	if (lie->is_violation)
		CU_ASSERT_EQUAL(talk.event_errno, EPROTO);
	if (lie->is_violation && talk.event_errno != EPROTO)
		dsc_test_note("%s: %d", lie->name, talk.event_errno);
	sim_lie_about(rig->sim, SIM_ANY);
	began = rig_now_ms();
	discsi_lun_close(talk.lun);
	discsi_session_close(talk.session);
	expect_in_time(began, kind, "closing");
}

static void test_each_kind(void)
{
	struct rig honest;
	struct discsi_context *own;
	struct work work;
	struct rig rig;
	unsigned kind;
	unsigned i;

	if (!rig_begin(&honest, &plain) || !rig_prepare(&rig, &liar)) {
		rig_end(&honest);
		return;
	}
	own = rig.ctx;
	rig.ctx = honest.ctx;  /* one loop for both */
	rig_set(&rig, "login_timeout", "1000");
	rig_set(&rig, "command_timeout", "1000");
	rig_set(&rig, "replacement_timeout", "0");
	work_begin(&work, &honest, 256, 4, 0);
	for (kind = 0; kind < sim_lie_kinds(); kind++) {
		for (i = 0; i < TALKS; i++)
			talk_once(&rig, kind);
		if (sim_lies_told(rig.sim, kind) < TALKS)
			dsc_test_note("%s: told %u times",
				      sim_lie_kind(kind)->name,
				      sim_lies_told(rig.sim, kind));
		CU_ASSERT_TRUE(sim_lies_told(rig.sim, kind) >= TALKS);
	}
	dsc_test_note("%u kinds, each told %u times or more; %u honest I/Os",
		      sim_lie_kinds(), TALKS, work.done);
	CU_ASSERT_TRUE(work_finish(&work, 20000));
	CU_ASSERT_EQUAL(work.failed, 0);
	CU_ASSERT_TRUE(work.done > 1000);
	work_check(&work);
	CU_ASSERT_EQUAL(honest.events[DISCSI_EVENT_LOST], 0);
	rig.ctx = own;
	rig_end(&rig);
	rig_end(&honest);
}

static const struct dsc_test tests[] = {
	{ "each_kind", test_each_kind },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("lies", tests, argc, argv);
}
