/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-real-targets.c: tgtd and istgt are killed under random reads and writes,
 * again and again, and come back piece by piece; or as something else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"
#include "harness/target.h"

#define IQN "iqn.2026-11.io.discsi:real"
#define USER "agent"
#define SECRET "canary-secret-12"
#define OTHER_SECRET "canary-secret-34"
#define MIB (1u << 20)
#define KILLS 20

static bool is_lost(struct rig *rig)
{
	return rig->events[DISCSI_EVENT_LOST] > 0;
}

/* Starts tgtd with a target and a LUN, and the rig on it. */
static bool begin_on_tgtd(struct rig *rig, struct dsc_tgtd **tgtd)
{
	char *path;
	bool is_ready;

	memset(rig, 0, sizeof(*rig));
	if (dsc_tgtd_start(tgtd) != 0) {
		CU_FAIL("tgtd");
		return false;
	}
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(*tgtd, 1, IQN), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(*tgtd, 1, 1, 16 * MIB, 512, 0), 0);
	path = dsc_tgtd_lun_path(*tgtd, 1, 1);
	is_ready = rig_prepare_real(rig, dsc_tgtd_portal(*tgtd), IQN, 1, path);
	free(path);
	return is_ready;
}

/*
 * As an init script starts it: the port is open first, then there is a target,
 * then it has a disk. Meanwhile we knock.
 */
static void restart_tgtd(struct rig *rig, struct dsc_tgtd *tgtd, unsigned ms)
{
	CU_ASSERT_EQUAL(dsc_tgtd_restart(tgtd), 0);
	rig_run(rig, ms);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(tgtd, 1, IQN), 0);
	rig_run(rig, ms);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(tgtd, 1, 1, 16 * MIB, 512, 0), 0);
}

static void test_tgtd_killed(void)
{
	struct dsc_tgtd *tgtd;
	struct work work;
	struct rig rig;
	unsigned i;

	if (begin_on_tgtd(&rig, &tgtd)) {
		rig_set(&rig, "replacement_timeout", "60000");
		if (rig_open(&rig) && work_begin(&work, &rig, 1024, 16, 0)) {
			for (i = 0; i < KILLS; i++) {
				CU_ASSERT_TRUE(rig_wait(&rig, &work.done,
							work.done + 100,
							60000));
				dsc_tgtd_kill(tgtd);
				/* Now and then slowly. */
				restart_tgtd(&rig, tgtd, i % 5 == 4 ? 200 : 5);
			}
			CU_ASSERT_TRUE(rig_wait(&rig, &work.done,
						work.done + 100, 60000));
			CU_ASSERT_TRUE(work_finish(&work, 30000));
			CU_ASSERT_EQUAL(work.failed, 0);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], KILLS);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_FAILED], 0);
			work_check(&work);
		}
	}
	rig_end(&rig);
	dsc_tgtd_stop(tgtd);
}

static void test_istgt_killed(void)
{
	const struct dsc_istgt_options options = {
		.iqn = IQN, .lun_bytes = { 16 * MIB },
	};
	struct dsc_istgt *istgt;
	struct work work;
	struct rig rig;
	char *path;
	unsigned i;

	if (dsc_istgt_start(&options, &istgt) != 0) {
		CU_FAIL("istgt");
		return;
	}
	path = dsc_istgt_lun_path(istgt, 0);
	if (rig_prepare_real(&rig, dsc_istgt_portal(istgt), IQN, 0, path) &&
	    rig_open(&rig) && work_begin(&work, &rig, 1024, 16, 0)) {
		for (i = 0; i < 3; i++) {
			CU_ASSERT_TRUE(rig_wait(&rig, &work.done,
						work.done + 100, 60000));
			dsc_istgt_kill(istgt);
			CU_ASSERT_EQUAL(dsc_istgt_restart(istgt), 0);
		}
		CU_ASSERT_TRUE(rig_wait(&rig, &work.done, work.done + 100,
					60000));
		CU_ASSERT_TRUE(work_finish(&work, 30000));
		CU_ASSERT_EQUAL(work.failed, 0);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 3);
		work_check(&work);
	}
	rig_end(&rig);
	free(path);
	dsc_istgt_stop(istgt);
}

/* The secret was changed during the outage: no use in knocking for ever. */
static void test_secret_rotated(void)
{
	struct tally tally = { .done = 0 };
	struct dsc_tgtd *tgtd;
	struct rig rig;

	if (begin_on_tgtd(&rig, &tgtd)) {
		CU_ASSERT_EQUAL(dsc_tgtd_set_chap(tgtd, 1, USER, SECRET, NULL,
						  NULL), 0);
		rig_set(&rig, "username", USER);
		rig_set(&rig, "password", SECRET);
		rig_set(&rig, "replacement_timeout", "60000");
		if (rig_open(&rig)) {
			dsc_tgtd_kill(tgtd);
			CU_ASSERT_TRUE(rig_until(&rig, is_lost, 10000));
			discsi_lun_flush_async(rig.lun, rig_tally, &tally);
			CU_ASSERT_EQUAL(dsc_tgtd_restart(tgtd), 0);
			CU_ASSERT_EQUAL(dsc_tgtd_add_target(tgtd, 1, IQN), 0);
			CU_ASSERT_EQUAL(dsc_tgtd_set_chap(
				tgtd, 1, USER, OTHER_SECRET, NULL, NULL), 0);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 30000));
			CU_ASSERT_EQUAL(tally.last, -EACCES);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_FAILED], 1);
			CU_ASSERT_PTR_NULL(strstr(tally.error.message,
						  "canary"));
		}
	}
	rig_end(&rig);
	dsc_tgtd_stop(tgtd);
}

/* Another disk has the number of ours: nothing is written to it. */
static void test_another_disk(void)
{
	struct tally tally = { .done = 0 };
	uint8_t data[4096] = { 1 };
	uint8_t have[4096];
	struct dsc_tgtd *tgtd;
	struct rig rig;
	size_t i;

	if (begin_on_tgtd(&rig, &tgtd)) {
		rig_set(&rig, "replacement_timeout", "60000");
		if (rig_open(&rig)) {
			dsc_tgtd_kill(tgtd);
			CU_ASSERT_TRUE(rig_until(&rig, is_lost, 10000));
			discsi_lun_write_async(rig.lun, data, sizeof(data), 0,
					       0, rig_tally, &tally);
			CU_ASSERT_EQUAL(dsc_tgtd_restart(tgtd), 0);
			CU_ASSERT_EQUAL(dsc_tgtd_add_target(tgtd, 1, IQN), 0);
			CU_ASSERT_EQUAL(dsc_tgtd_add_lun(tgtd, 1, 1, 16 * MIB,
							 512, 0), 0);
			CU_ASSERT_EQUAL(dsc_tgtd_set_lun_params(
				tgtd, 1, 1, "scsi_sn=another"), 0);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 60000));
			CU_ASSERT_EQUAL(tally.last, -ESTALE);
			CU_ASSERT_PTR_NOT_NULL(strstr(tally.error.message,
						      "another"));
			rig_peek(&rig, 0, have, sizeof(have));
			for (i = 0; i < sizeof(have); i++)
				CU_ASSERT_EQUAL(have[i], 0);
		}
	}
	rig_end(&rig);
	dsc_tgtd_stop(tgtd);
}

static const struct dsc_test tests[] = {
	{ "tgtd_killed", test_tgtd_killed },
	{ "istgt_killed", test_istgt_killed },
	{ "secret_rotated", test_secret_rotated },
	{ "another_disk", test_another_disk },
	{ NULL, NULL }
};

static int set_up(void)
{
	if (!dsc_tgtd_is_installed() || !dsc_istgt_is_installed())
		dsc_test_skip("tgtd or istgt is not installed");
	return 0;
}

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("real-targets", tests, set_up, NULL, argc,
				     argv);
}
