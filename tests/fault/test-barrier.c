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
#include <string.h>

#include "fault/stand.h"
#include "harness/harness.h"

#define USER "agent"
#define SECRET "canary-secret-12"
#define PLACE 8192

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
 * The story above, on an open session. What is there at the end: seed 1 is the old data, 2 the newer. Where the old data
 * is to win, the target is known to let us in, however long that takes.
 */
static void delayed_write(struct stand *stand, unsigned resets,
			  uint32_t survivor)
{
	struct rig *rig = &stand->rig;
	unsigned usual = usual_ms(rig, stand->port);
	unsigned held_ms = survivor == 1 ? 20000 : 2 * usual + 1000;
	struct discsi_session_stats stats;
	struct tally first = { .done = 0 };
	struct tally second = { .done = 0 };
	uint8_t old[4096];
	uint8_t new[4096];
	struct held *held;

	rig_fill(old, sizeof(old), 1);
	rig_fill(new, sizeof(new), 2);
	held = held_begin(stand->pid, stand_write_calls);
	CU_ASSERT_PTR_NOT_NULL_FATAL(held);
	discsi_lun_write_async(rig->lun, old, sizeof(old), PLACE, 0, rig_tally,
			       &first);
	rig_run(rig, 20);
	CU_ASSERT_TRUE(held_wait(held, 10000));
	CU_ASSERT_EQUAL(first.done, 0);
	CU_ASSERT_TRUE(rig_cut(stand->port) > 0);
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
	struct stand stand;

	if (stand_on_tgtd(&stand)) {
		rig_set(&stand.rig, "replay_barrier", barrier);
		if (has_chap) {
			CU_ASSERT_EQUAL(dsc_tgtd_set_chap(stand.tgtd, 1, USER,
							  SECRET, NULL, NULL),
					0);
			rig_set(&stand.rig, "username", USER);
			rig_set(&stand.rig, "password", SECRET);
		}
		if (rig_open(&stand.rig))
			delayed_write(&stand, resets, survivor);
	}
	stand_down(&stand);
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

/*
 * A process that is told the ISID of one that died: it cannot know what that
 * one's writes have come to, and has the barrier before its first I/O.
 */
static void go_on(struct rig *rig)
{
	struct discsi_session_info info = { .size = sizeof(info) };
	struct discsi_session_stats stats;
	uint8_t data[4096];

	rig_fill(data, sizeof(data), 2);
	CU_ASSERT_EQUAL(discsi_lun_write(rig->lun, data, sizeof(data), PLACE,
					 0), 0);
	expect_data(rig, 2);
	CU_ASSERT_EQUAL(discsi_session_get_info(rig->session, &info), 0);
	CU_ASSERT_EQUAL(memcmp(info.isid, "\x80\x12\x34\x56\x78\xab", 6), 0);
	rig_stats(rig, &stats);
	CU_ASSERT_EQUAL(stats.resets, 1);
}

static void next_process(const char *sessions)
{
	struct stand stand;

	if (stand_on_tgtd(&stand)) {
		rig_set(&stand.rig, "isid", "8012345678ab");
		rig_set(&stand.rig, "sessions", sessions);
		if (rig_open(&stand.rig))
			go_on(&stand.rig);
	}
	stand_down(&stand);
}

static void test_tgtd_next_process(void)
{
	next_process("1");
}

/* Nothing is written over the other session meanwhile. */
static void test_tgtd_next_process_of_two(void)
{
	next_process("2");
}

static void rig_reopen(struct rig *rig)
{
	discsi_lun_close(rig->lun);
	discsi_session_close(rig->session);
	rig->lun = NULL;
	rig->session = NULL;
	CU_ASSERT_TRUE_FATAL(rig_open(rig));
}

/*
 * A session is closed while its connection is lost; the one after it, which the
 * agent opens at once, writes newer data to where the target holds a write.
 */
static void leave_write(struct stand *stand, struct held **held)
{
	struct rig *rig = &stand->rig;
	struct tally first = { .done = 0 };
	uint8_t old[4096];

	rig_fill(old, sizeof(old), 1);
	*held = held_begin(stand->pid, stand_write_calls);
	CU_ASSERT_PTR_NOT_NULL_FATAL(*held);
	discsi_lun_write_async(rig->lun, old, sizeof(old), PLACE, 0, rig_tally,
			       &first);
	rig_run(rig, 20);
	CU_ASSERT_TRUE(held_wait(*held, 10000));
	CU_ASSERT_TRUE(rig_cut(stand->port) > 0);
	rig_reopen(rig);
	CU_ASSERT_EQUAL(first.done, 1);
	CU_ASSERT_EQUAL(first.ok, 0);
}

static void next_session(struct stand *stand)
{
	struct discsi_session_info before = { .size = sizeof(before) };
	struct discsi_session_info after = { .size = sizeof(after) };
	struct rig *rig = &stand->rig;
	struct tally second = { .done = 0 };
	uint8_t new[4096];
	struct held *held;

	rig_fill(new, sizeof(new), 2);
	CU_ASSERT_EQUAL(discsi_session_get_info(rig->session, &before), 0);
	leave_write(stand, &held);
	CU_ASSERT_EQUAL(discsi_session_get_info(rig->session, &after), 0);
	CU_ASSERT_EQUAL(memcmp(before.isid, after.isid, 6), 0);
	discsi_lun_write_async(rig->lun, new, sizeof(new), PLACE, 0, rig_tally,
			       &second);
	CU_ASSERT_FALSE(rig_wait(rig, &second.done, 1, 500));
	held_end(held);
	CU_ASSERT_TRUE(rig_wait(rig, &second.done, 1, 20000));
	CU_ASSERT_EQUAL(second.ok, 1);
	expect_data(rig, 2);
}

static void test_tgtd_next_session(void)
{
	struct stand stand;

	if (stand_on_tgtd(&stand) && rig_open(&stand.rig))
		next_session(&stand);
	stand_down(&stand);
}

/* ------------------------------------------------------------------ istgt */

static void on_istgt(const char *barrier, unsigned resets)
{
	struct stand stand;

	if (stand_on_istgt(&stand)) {
		rig_set(&stand.rig, "replay_barrier", barrier);
		if (rig_open(&stand.rig))
			delayed_write(&stand, resets, 2);
	}
	stand_down(&stand);
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
	{ "tgtd-next-process", test_tgtd_next_process },
	{ "tgtd-next-process-of-two", test_tgtd_next_process_of_two },
	{ "tgtd-next-session", test_tgtd_next_session },
	{ "istgt", test_istgt },
	{ "istgt_reset", test_istgt_reset },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("barrier", tests, stand_set_up, NULL,
				     argc, argv);
}
