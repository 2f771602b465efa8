/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-barrier.c: a real target holds a write whose connection has broken, and
 * carries it out much later: it must not undo newer data.
 *
 * The target's thread that is about to write into the backing file is held
 * there (held.h). The connection is cut, the session recovers and repeats the
 * write, newer data is written to the same place; then the thread goes on. A
 * target that knows how to wait, or to abort, gets no further than the
 * recovery until it does. Either way the newer data must be there at the end.
 *
 * That a target waits is believed when it has not let us in for much longer
 * than a recovery takes with nothing held, which is measured before: istgt
 * needs a second for each login anyway.
 *
 * What this cannot show: a target that keeps writes back in a cache of its own
 * behind the backing file. The simulated target's part of this, with targets
 * that do not reinstate, is in test-durability.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "fault/held.h"
#include "fault/rig.h"
#include "harness/harness.h"
#include "harness/target.h"
#include "harness/temp.h"

#define IQN "iqn.2026-11.io.discsi:barrier"
#define USER "agent"
#define SECRET "canary-secret-12"
#define MIB (1u << 20)
#define PLACE 8192

static const long write_calls[] = { SYS_pwrite64, SYS_write, SYS_pwritev, -1 };

static bool is_recovered(struct rig *rig)
{
	return rig->events[DISCSI_EVENT_RECOVERED] > 0;
}

/* How long it takes to recover when the target holds nothing. */
static unsigned usual_ms(struct rig *rig, unsigned port)
{
	uint64_t began = rig_now_ms();

	CU_ASSERT_TRUE(rig_cut(port) > 0);
	CU_ASSERT_TRUE(rig_until(rig, is_recovered, 30000));
	rig->events[DISCSI_EVENT_RECOVERED] = 0;
	return (unsigned)(rig_now_ms() - began);
}

/* Both the LUN and its file have it. */
static void expect_data(struct rig *rig, uint32_t seed)
{
	uint8_t want[4096];
	uint8_t have[4096];

	rig_fill(want, sizeof(want), seed);
	CU_ASSERT_EQUAL(discsi_lun_read(rig->lun, have, sizeof(have), PLACE, 0),
			0);
	CU_ASSERT_EQUAL(memcmp(have, want, sizeof(want)), 0);
	rig_peek(rig, PLACE, have, sizeof(have));
	CU_ASSERT_EQUAL(memcmp(have, want, sizeof(want)), 0);
}

/* Writes the newer data once the first write is done; both within ms. */
static void write_newer(struct rig *rig, const uint8_t *data,
			const struct tally *first, struct tally *second,
			unsigned ms)
{
	if (!rig_wait(rig, &first->done, 1, ms))
		return;
	discsi_lun_write_async(rig->lun, data, 4096, PLACE, 0, rig_tally,
			       second);
	rig_wait(rig, &second->done, 1, ms);
}

/*
 * The story above, on an open session to the target that is process pid. What
 * is there at the end: seed 1 is the old data, 2 the newer. Where the old data
 * is to win, the target is known to let us in, however long that takes.
 */
static void delayed_write(struct rig *rig, pid_t pid, unsigned port,
			  unsigned resets, uint32_t survivor)
{
	unsigned usual = usual_ms(rig, port);
	unsigned held_ms = survivor == 1 ? 20000 : 2 * usual + 1000;
	struct discsi_session_stats stats;
	struct tally first = { .done = 0 };
	struct tally second = { .done = 0 };
	uint8_t old[4096];
	uint8_t new[4096];
	struct held *held;

	rig_fill(old, sizeof(old), 1);
	rig_fill(new, sizeof(new), 2);
	held = held_begin(pid, write_calls);
	CU_ASSERT_PTR_NOT_NULL_FATAL(held);
	discsi_lun_write_async(rig->lun, old, sizeof(old), PLACE, 0, rig_tally,
			       &first);
	rig_run(rig, 20);
	CU_ASSERT_TRUE(held_wait(held, 10000));
	CU_ASSERT_EQUAL(first.done, 0);
	CU_ASSERT_TRUE(rig_cut(port) > 0);
	if (rig_until(rig, is_recovered, held_ms))
		write_newer(rig, new, &first, &second, held_ms);
	dsc_test_note("%s within %u ms while the old one was held; a recovery "
		      "with nothing held: %u ms", first.done ? "repeated" :
		      "not repeated", held_ms, usual);
	CU_ASSERT_EQUAL(first.done, survivor == 1);
	held_end(held);
	if (first.done == 0)
		write_newer(rig, new, &first, &second, 20000);
	CU_ASSERT_EQUAL(first.ok, 1);
	CU_ASSERT_EQUAL(second.ok, 1);
	expect_data(rig, survivor);
	rig_stats(rig, &stats);
	CU_ASSERT_EQUAL(stats.resets, resets);
}

/* ------------------------------------------------------------------- tgtd */

static void on_tgtd(const char *barrier, bool has_chap, unsigned resets,
		    uint32_t survivor)
{
	struct dsc_tgtd *tgtd;
	struct rig rig;
	char *path;

	if (dsc_tgtd_start(&tgtd) != 0) {
		CU_FAIL("tgtd");
		return;
	}
	path = dsc_tgtd_lun_path(tgtd, 1, 1);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(tgtd, 1, IQN), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(tgtd, 1, 1, 16 * MIB, 512, 0), 0);
	if (has_chap)
		CU_ASSERT_EQUAL(dsc_tgtd_set_chap(tgtd, 1, USER, SECRET, NULL,
						  NULL), 0);
	if (rig_prepare_real(&rig, dsc_tgtd_portal(tgtd), IQN, 1, path)) {
		rig_set(&rig, "replay_barrier", barrier);
		if (has_chap) {
			rig_set(&rig, "username", USER);
			rig_set(&rig, "password", SECRET);
		}
		if (rig_open(&rig))
			delayed_write(&rig, dsc_tgtd_pid(tgtd),
				      dsc_tgtd_port(tgtd), resets, survivor);
	}
	rig_end(&rig);
	free(path);
	dsc_tgtd_stop(tgtd);
}

static void test_tgtd(void)
{
	on_tgtd("auto", false, 1, 2);
}

static void test_tgtd_chap(void)
{
	on_tgtd("auto", true, 1, 2);
}

static void test_tgtd_reset(void)
{
	on_tgtd("lun_reset", false, 1, 2);
}

/*
 * What all this is about: told to rely on reinstatement, which tgtd does not
 * wait for its threads with, the old data wins.
 */
static void test_tgtd_reinstate_is_no_barrier(void)
{
	on_tgtd("reinstate", false, 0, 1);
}

/* ------------------------------------------------------------------ istgt */

static void on_istgt(const char *barrier, unsigned resets)
{
	const struct dsc_istgt_options options = {
		.iqn = IQN, .lun_bytes = { 16 * MIB },
	};
	struct dsc_istgt *istgt;
	struct rig rig;
	char *path;

	if (dsc_istgt_start(&options, &istgt) != 0) {
		CU_FAIL("istgt");
		return;
	}
	path = dsc_istgt_lun_path(istgt, 0);
	if (rig_prepare_real(&rig, dsc_istgt_portal(istgt), IQN, 0, path)) {
		rig_set(&rig, "replay_barrier", barrier);
		if (rig_open(&rig))
			delayed_write(&rig, dsc_istgt_pid(istgt),
				      (unsigned)strtoul(strchr(
					dsc_istgt_portal(istgt), ':') + 1,
					NULL, 10), resets, 2);
	}
	rig_end(&rig);
	free(path);
	dsc_istgt_stop(istgt);
}

static void test_istgt(void)
{
	on_istgt("auto", 0);
}

static void test_istgt_reset(void)
{
	on_istgt("lun_reset", 1);
}

static const struct dsc_test tests[] = {
	{ "tgtd", test_tgtd },
	{ "tgtd_chap", test_tgtd_chap },
	{ "tgtd_reset", test_tgtd_reset },
	{ "tgtd_reinstate_is_no_barrier", test_tgtd_reinstate_is_no_barrier },
	{ "istgt", test_istgt },
	{ "istgt_reset", test_istgt_reset },
	{ NULL, NULL }
};

static int set_up(void)
{
	if (!dsc_tgtd_is_installed() || !dsc_istgt_is_installed())
		dsc_test_skip("tgtd or istgt is not installed");
	else if (!held_is_possible())
		dsc_test_skip("this machine does not allow ptrace");
	return 0;
}

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("barrier", tests, set_up, NULL, argc,
				     argv);
}
