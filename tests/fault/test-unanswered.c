/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-unanswered.c: a real target does not answer a command, because its
 * thread is held just before it reads or writes the backing file (held.h).
 *
 * Neither tgtd nor istgt can let go of a command that a thread of theirs has
 * begun: ABORT TASK and LOGICAL UNIT RESET are answered when the thread is
 * done, so that the deadline drops the connection. Shown is that the caller is
 * told in time, that its buffer is its own from then on, that other commands
 * do not fail, and that what the caller writes next is not undone by the write
 * that timed out when the target carries that out at last.
 */
#include <errno.h>
#include <string.h>

#include "fault/stand.h"
#include "harness/harness.h"

#define TIMEOUT_MS 2000
/* How late the caller may be told: what is promised, and a loaded machine. */
#define SLACK_MS (200 + 1000)
#define PLACE 8192
#define ELSEWHERE (1u << 20)

static bool begin(struct stand *stand, stand_fn on, const char *sessions)
{
	if (!on(stand))
		return false;
	rig_set(&stand->rig, "sessions", sessions);
	rig_set(&stand->rig, "command_timeout", "2000");
	return rig_open(&stand->rig);
}

/* The command with this tally ends by its deadline, and not long after it. */
static void expect_timeout(struct rig *rig, const struct tally *slow,
			   uint64_t began)
{
	struct discsi_session_stats stats;
	uint64_t took;

	CU_ASSERT_TRUE(rig_wait(rig, &slow->done, 1, 10000));
	took = rig_now_ms() - began;
	CU_ASSERT_EQUAL(slow->last, -ETIMEDOUT);
	CU_ASSERT_TRUE(took >= TIMEOUT_MS / 2);
	CU_ASSERT_TRUE(took <= TIMEOUT_MS + SLACK_MS);
	rig_stats(rig, &stats);
	CU_ASSERT_EQUAL(stats.aborts, 1);
	CU_ASSERT_EQUAL(stats.timeouts, 1);
	dsc_test_note("ETIMEDOUT after %u ms, %u aborts, %u resets, %u losses",
		      (unsigned)took, (unsigned)stats.aborts,
		      (unsigned)stats.resets, (unsigned)stats.losses);
}

/*
 * A write is held past its deadline; others, submitted shortly before that,
 * are done when the target goes on; newer data to the same place stays.
 */
static void held_write(stand_fn on, const char *sessions)
{
	struct tally slow = { .done = 0 };
	struct tally other = { .done = 0 };
	struct tally next = { .done = 0 };
	uint8_t old[4096];
	uint8_t new[4096];
	uint8_t have[4096];
	uint8_t more[4096];
	struct stand stand;
	struct held *held;
	uint64_t began;

	rig_fill(old, sizeof(old), 1);
	rig_fill(new, sizeof(new), 2);
	rig_fill(more, sizeof(more), 3);
	if (begin(&stand, on, sessions)) {
		held = held_begin(stand.pid, stand_write_calls);
		CU_ASSERT_PTR_NOT_NULL_FATAL(held);
		began = rig_now_ms();
		discsi_lun_write_async(stand.rig.lun, old, sizeof(old), PLACE,
				       0, rig_tally, &slow);
		rig_run(&stand.rig, 20);
		CU_ASSERT_TRUE(held_wait(held, 1000));
		rig_run(&stand.rig, 1000);
		discsi_lun_read_async(stand.rig.lun, have, sizeof(have),
				      ELSEWHERE, 0, rig_tally, &other);
		expect_timeout(&stand.rig, &slow, began);
		/* Now it is ours, and no longer what was written. */
		memset(old, 0xee, sizeof(old));
		discsi_lun_write_async(stand.rig.lun, new, sizeof(new), PLACE,
				       0, rig_tally, &next);
		rig_wait(&stand.rig, &next.done, 1, 1500);
		dsc_test_note(next.done ? "newer data was written before" :
			      "newer data waits for the target");
		held_end(held);
		CU_ASSERT_TRUE(rig_wait(&stand.rig, &next.done, 1, 20000));
		CU_ASSERT_EQUAL(next.ok, 1);
		CU_ASSERT_TRUE(rig_wait(&stand.rig, &other.done, 1, 20000));
		CU_ASSERT_EQUAL(other.ok, 1);
		rig_peek(&stand.rig, PLACE, have, sizeof(have));
		CU_ASSERT_EQUAL(memcmp(have, new, sizeof(new)), 0);
		CU_ASSERT_EQUAL(discsi_lun_write(stand.rig.lun, more,
						 sizeof(more), ELSEWHERE, 0),
				0);
		CU_ASSERT_EQUAL(stand.rig.events[DISCSI_EVENT_FAILED], 0);
	}
	stand_down(&stand);
}

/* A read is held past its deadline: its buffer is not written any more. */
static void held_read(stand_fn on)
{
	struct tally slow = { .done = 0 };
	uint8_t data[4096];
	uint8_t have[4096];
	uint8_t want[4096];
	struct stand stand;
	struct held *held;
	uint64_t began;

	rig_fill(data, sizeof(data), 1);
	memset(want, 0xee, sizeof(want));
	if (begin(&stand, on, "1")) {
		CU_ASSERT_EQUAL(discsi_lun_write(stand.rig.lun, data,
						 sizeof(data), PLACE, 0), 0);
		held = held_begin(stand.pid, stand_read_calls);
		CU_ASSERT_PTR_NOT_NULL_FATAL(held);
		began = rig_now_ms();
		discsi_lun_read_async(stand.rig.lun, data, sizeof(data), PLACE,
				      0, rig_tally, &slow);
		rig_run(&stand.rig, 20);
		CU_ASSERT_TRUE(held_wait(held, 1000));
		expect_timeout(&stand.rig, &slow, began);
		memset(data, 0xee, sizeof(data));
		held_end(held);
		CU_ASSERT_EQUAL(discsi_lun_read(stand.rig.lun, have,
						sizeof(have), PLACE, 0), 0);
		CU_ASSERT_EQUAL(memcmp(data, want, sizeof(want)), 0);
		rig_fill(want, sizeof(want), 1);
		CU_ASSERT_EQUAL(memcmp(have, want, sizeof(want)), 0);
	}
	stand_down(&stand);
}

static void test_tgtd_write(void)
{
	held_write(stand_on_tgtd, "1");
}

static void test_tgtd_read(void)
{
	held_read(stand_on_tgtd);
}

/* It must not be undone by way of the other session, either. */
static void test_tgtd_write_of_two(void)
{
	held_write(stand_on_tgtd, "2");
}

static void test_istgt_write(void)
{
	held_write(stand_on_istgt, "1");
}

static void test_istgt_read(void)
{
	held_read(stand_on_istgt);
}

static const struct dsc_test tests[] = {
	{ "tgtd_write", test_tgtd_write },
	{ "tgtd_read", test_tgtd_read },
	{ "tgtd_write_of_two", test_tgtd_write_of_two },
	{ "istgt_write", test_istgt_write },
	{ "istgt_read", test_istgt_read },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("unanswered", tests, stand_set_up, NULL,
				     argc, argv);
}
