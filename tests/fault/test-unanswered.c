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
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "fault/held.h"
#include "fault/rig.h"
#include "harness/harness.h"
#include "harness/target.h"

#define IQN "iqn.2026-11.io.discsi:unanswered"
#define MIB (1u << 20)
#define TIMEOUT_MS 2000
/* How late the caller may be told: what is promised, and a loaded machine. */
#define SLACK_MS (200 + 1000)
#define PLACE 8192
#define ELSEWHERE (1u << 20)

static const long write_calls[] = { SYS_pwrite64, SYS_write, SYS_pwritev, -1 };
static const long read_calls[] = { SYS_pread64, SYS_read, SYS_preadv, -1 };

/* A target of either kind with one LUN, and a session to it. */
struct stand {
	struct dsc_tgtd *tgtd;
	struct dsc_istgt *istgt;
	pid_t pid;
	struct rig rig;
};

static bool stand_on_tgtd(struct stand *stand)
{
	char *path;
	bool is_ready;

	if (dsc_tgtd_start(&stand->tgtd) != 0)
		return false;
	stand->pid = dsc_tgtd_pid(stand->tgtd);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(stand->tgtd, 1, IQN), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(stand->tgtd, 1, 1, 16 * MIB, 512, 0),
			0);
	path = dsc_tgtd_lun_path(stand->tgtd, 1, 1);
	is_ready = rig_prepare_real(&stand->rig, dsc_tgtd_portal(stand->tgtd),
				    IQN, 1, path);
	free(path);
	return is_ready;
}

static bool stand_on_istgt(struct stand *stand)
{
	const struct dsc_istgt_options options = {
		.iqn = IQN, .lun_bytes = { 16 * MIB },
	};
	char *path;
	bool is_ready;

	if (dsc_istgt_start(&options, &stand->istgt) != 0)
		return false;
	stand->pid = dsc_istgt_pid(stand->istgt);
	path = dsc_istgt_lun_path(stand->istgt, 0);
	is_ready = rig_prepare_real(&stand->rig,
				    dsc_istgt_portal(stand->istgt), IQN, 0,
				    path);
	free(path);
	return is_ready;
}

static bool stand_up(struct stand *stand, bool (*begin)(struct stand *stand))
{
	memset(stand, 0, sizeof(*stand));
	if (!begin(stand)) {
		CU_FAIL("no target");
		return false;
	}
	rig_set(&stand->rig, "command_timeout", "2000");
	return rig_open(&stand->rig);
}

static void stand_down(struct stand *stand)
{
	rig_end(&stand->rig);
	dsc_tgtd_stop(stand->tgtd);
	dsc_istgt_stop(stand->istgt);
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
static void held_write(bool (*begin)(struct stand *stand))
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
	if (stand_up(&stand, begin)) {
		held = held_begin(stand.pid, write_calls);
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
static void held_read(bool (*begin)(struct stand *stand))
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
	if (stand_up(&stand, begin)) {
		CU_ASSERT_EQUAL(discsi_lun_write(stand.rig.lun, data,
						 sizeof(data), PLACE, 0), 0);
		held = held_begin(stand.pid, read_calls);
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
	held_write(stand_on_tgtd);
}

static void test_tgtd_read(void)
{
	held_read(stand_on_tgtd);
}

static void test_istgt_write(void)
{
	held_write(stand_on_istgt);
}

static void test_istgt_read(void)
{
	held_read(stand_on_istgt);
}

static const struct dsc_test tests[] = {
	{ "tgtd_write", test_tgtd_write },
	{ "tgtd_read", test_tgtd_read },
	{ "istgt_write", test_istgt_write },
	{ "istgt_read", test_istgt_read },
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
	return dsc_test_main_fixture("unanswered", tests, set_up, NULL, argc,
				     argv);
}
