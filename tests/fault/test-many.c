/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-many.c: a thousand sessions in one context on one thread, a part of
 * which fails at once, and what they cost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define SESSIONS 1000
#define FAILING 200

struct many {
	struct rig rig;
	struct discsi_session *session[SESSIONS];
	struct discsi_lun *lun[SESSIONS];
	unsigned sessions;
	unsigned luns;
	unsigned failed;
	unsigned events[RIG_EVENTS];
};

static struct many many;

static void on_event(void *arg, struct discsi_session *session,
		     const struct discsi_event *event)
{
	(void)arg;
	(void)session;
	many.events[event->type]++;
}

static void on_session(void *arg, int status, struct discsi_session *session,
		       const struct discsi_error *error)
{
	struct discsi_session **place = arg;

	(void)error;
	*place = session;
	many.sessions++;
	many.failed += status != 0;
	if (status == 0)
		discsi_session_on_event(session, on_event, NULL);
}

static void on_lun(void *arg, int status, struct discsi_lun *lun,
		   const struct discsi_error *error)
{
	struct discsi_lun **place = arg;

	(void)error;
	*place = lun;
	many.luns++;
	many.failed += status != 0;
}

static long resident_kib(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*d %ld", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static bool open_many(void)
{
	unsigned i;

	/* One after the other, as an agent that starts would. */
	for (i = 0; i < SESSIONS; i++) {
		if (discsi_session_open_async(many.rig.ctx, many.rig.conf,
					      on_session, &many.session[i]) !=
			    0 ||
		    (i % 50 == 49 &&
		     !rig_wait(&many.rig, &many.sessions, i + 1, 20000)))
			return false;
	}
	if (!rig_wait(&many.rig, &many.sessions, SESSIONS, 30000) ||
	    many.failed != 0)
		return false;
	for (i = 0; i < SESSIONS; i++)
		if (discsi_lun_open_async(many.session[i], 0, on_lun,
					  &many.lun[i]) != 0)
			return false;
	return rig_wait(&many.rig, &many.luns, SESSIONS, 30000) &&
	       many.failed == 0;
}

static void read_all(struct tally *tally)
{
	static uint8_t data[SESSIONS][4096];
	unsigned i;

	for (i = 0; i < SESSIONS; i++)
		discsi_lun_read_async(many.lun[i], data[i], 4096, 0, 0,
				      rig_tally, tally);
}

/* Processor time from one to the other. */
static long used_ms(const struct rusage *before, const struct rusage *after)
{
	return (after->ru_utime.tv_sec - before->ru_utime.tv_sec +
		after->ru_stime.tv_sec - before->ru_stime.tv_sec) * 1000 +
	       (after->ru_utime.tv_usec - before->ru_utime.tv_usec +
		after->ru_stime.tv_usec - before->ru_stime.tv_usec) / 1000;
}

static void test_thousand(void)
{
	const struct sim_config config = { .blocks = 131072, .portals = 2 };
	const struct sim_rule drop = {
		.opcode = 0x28, .lun = SIM_ANY, .every = SESSIONS / FAILING,
		.count = FAILING, .action = SIM_DROP,
	};
	const struct rlimit files = { 8192, 8192 };
	struct tally tally = { .done = 0 };
	struct rusage before;
	struct rusage after;
	long kib = resident_kib();
	unsigned i;

	if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
		dsc_test_skip("no 8192 descriptors");
		return;
	}
	if (!rig_prepare(&many.rig, &config))
		return;
	CU_ASSERT_TRUE(open_many());
	dsc_test_note("%ld KiB per session, the target's part included",
		      (resident_kib() - kib) / SESSIONS);
	read_all(&tally);
	CU_ASSERT_TRUE(rig_wait(&many.rig, &tally.done, SESSIONS, 30000));
	CU_ASSERT_EQUAL(tally.ok, SESSIONS);

	/* 200 of them are dropped in the middle of a read. */
	sim_rule(many.rig.sim, &drop);
	read_all(&tally);
	CU_ASSERT_TRUE(rig_wait(&many.rig, &tally.done, 2 * SESSIONS, 30000));
	CU_ASSERT_EQUAL(tally.ok, 2 * SESSIONS);
	CU_ASSERT_EQUAL(many.events[DISCSI_EVENT_LOST], FAILING);
	CU_ASSERT_TRUE(rig_wait(&many.rig,
				&many.events[DISCSI_EVENT_RECOVERED], FAILING,
				30000));

	/* With the target gone, nothing spins. */
	sim_kill(many.rig.sim);
	CU_ASSERT_TRUE(rig_wait(&many.rig, &many.events[DISCSI_EVENT_LOST],
				SESSIONS + FAILING, 30000));
	rig_run(&many.rig, 3000);
	getrusage(RUSAGE_SELF, &before);
	rig_run(&many.rig, 2000);
	getrusage(RUSAGE_SELF, &after);
	dsc_test_note("%ld ms of processor time in 2 s of outage",
		      used_ms(&before, &after));
	CU_ASSERT_TRUE(used_ms(&before, &after) < 600 * (long)RIG_SLOWNESS);
	sim_restart(many.rig.sim);
	read_all(&tally);
	CU_ASSERT_TRUE(rig_wait(&many.rig, &tally.done, 3 * SESSIONS, 60000));
	CU_ASSERT_EQUAL(tally.ok, 3 * SESSIONS);
	for (i = 0; i < SESSIONS; i++) {
		discsi_lun_close(many.lun[i]);
		discsi_session_close(many.session[i]);
	}
	rig_end(&many.rig);
}

static const struct dsc_test tests[] = {
	{ "thousand", test_thousand },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("many", tests, argc, argv);
}
