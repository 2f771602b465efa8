/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-traps.c: what has gone wrong in other initiators: signals in the middle
 * of I/O, a deadline on a write that is partly on the wire, keepalive behind a
 * command window that is shut.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define KIB 1024u

static const struct sim_config plain = { .blocks = 131072 };

/* ----------------------------------------------------------------- signals */

/* The target's thread gets them, too. */
static atomic_uint signals;

static void on_signal(int signum)
{
	(void)signum;
	atomic_fetch_add_explicit(&signals, 1, memory_order_relaxed);
}

/* A thousand a second, none of which restarts a system call. */
static timer_t begin_signals(void)
{
	const struct itimerspec often = {
		{ 0, 1000000 }, { 0, 1000000 }
	};
	struct sigaction action = { .sa_handler = on_signal };
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
	};
	timer_t timer = NULL;

	sigaction(SIGUSR1, &action, NULL);
	CU_ASSERT_EQUAL(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	timer_settime(timer, 0, &often, NULL);
	return timer;
}

/* And SIGPIPE would end the program. */
static void test_signals(void)
{
	struct work work;
	struct rig rig;
	timer_t timer;
	unsigned i;

	signal(SIGPIPE, SIG_DFL);
	if (rig_begin(&rig, &plain)) {
		timer = begin_signals();
		work_begin(&work, &rig, 512, 32, 0);
		for (i = 1; i <= 5; i++) {
			CU_ASSERT_TRUE(rig_wait(&rig, &work.done,
						work.done + 1000, 20000));
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_RECOVERED], i,
				20000));
		}
		CU_ASSERT_TRUE(work_finish(&work, 20000));
		CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), 0);
		timer_delete(timer);
		CU_ASSERT_TRUE(signals > 10);
		CU_ASSERT_EQUAL(work.failed, 0);
		work_check(&work);
	}
	rig_end(&rig);
}

/* -------------------------------------------------------- half sent writes */

#define WRITES 128
#define WRITE_BYTES (256 * KIB)

/* Each 4 KiB is what was written there, or has never been touched. */
static unsigned count_foreign(struct rig *rig, const uint8_t *data)
{
	static const uint8_t zeroes[4096];
	uint8_t have[4096];
	unsigned foreign = 0;
	unsigned i;
	unsigned at;

	for (i = 0; i < WRITES; i++) {
		for (at = 0; at < WRITE_BYTES; at += 4096) {
			rig_peek(rig, (uint64_t)i * WRITE_BYTES + at, have,
				 sizeof(have));
			foreign += memcmp(have, data + at, 4096) != 0 &&
				   memcmp(have, zeroes, 4096) != 0;
		}
	}
	return foreign;
}

/*
 * The target reads nothing, the socket is full, some write is half out, when
 * all of them expire. Their buffers are ours again, and used for something
 * else; then the target reads on.
 */
static void test_half_sent_write(void)
{
	struct tally tally = { .done = 0 };
	uint8_t *data = malloc(WRITE_BYTES);
	uint8_t *copy = malloc(WRITE_BYTES);
	struct rig rig;
	unsigned i;

	rig_fill(data, WRITE_BYTES, 5);
	memcpy(copy, data, WRITE_BYTES);
	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "600");
		rig_set(&rig, "login_timeout", "500");
		rig_set(&rig, "replacement_timeout", "700");
		if (rig_open(&rig)) {
			sim_freeze(rig.sim, 60000);
			for (i = 0; i < WRITES; i++)
				discsi_lun_write_async(
					rig.lun, data, WRITE_BYTES,
					(uint64_t)i * WRITE_BYTES, 0, rig_tally,
					&tally);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, WRITES,
						20000));
			CU_ASSERT_TRUE(tally.ok < WRITES);
			memset(data, 0xee, WRITE_BYTES);
			sim_freeze(rig.sim, 0);
			rig_run(&rig, 500);
			CU_ASSERT_EQUAL(count_foreign(&rig, copy), 0);
		}
	}
	rig_end(&rig);
	free(data);
	free(copy);
}

/* ------------------------------------------------------------- shut window */

static void test_ping_behind_a_shut_window(void)
{
	const struct sim_config narrow = { .blocks = 131072, .window = 2 };
	const struct sim_rule hold = {
		.opcode = 0x28, .lun = SIM_ANY, .count = 2, .action = SIM_HOLD,
	};
	struct tally tally = { .done = 0 };
	uint8_t data[4096];
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &narrow)) {
		rig_set(&rig, "noop_interval", "100");
		rig_set(&rig, "noop_timeout", "300");
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &hold);
			for (i = 0; i < 10; i++)
				discsi_lun_read_async(rig.lun, data, 4096, 0, 0,
						      rig_tally, &tally);
			rig_run(&rig, 1200);
			CU_ASSERT_EQUAL(sim_held(rig.sim), 2);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 0);
			CU_ASSERT_TRUE(sim_pings(rig.sim) >= 2);
			sim_release(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 10, 10000));
			CU_ASSERT_EQUAL(tally.ok, 10);
		}
	}
	rig_end(&rig);
}

/*
 * The window is shut for good, though the target has no command and answers
 * pings: what waits does not wait for ever, and a new login opens it.
 */
static void test_window_that_stays_shut(void)
{
	const struct sim_config narrow = { .blocks = 131072, .window = 2 };
	struct tally tally = { .done = 0 };
	uint8_t data[4096];
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &narrow)) {
		rig_set(&rig, "noop_interval", "100");
		rig_set(&rig, "noop_timeout", "5000");
		rig_set(&rig, "command_timeout", "1200");
		if (rig_open(&rig)) {
			sim_shut_window(rig.sim);
			for (i = 0; i < 4; i++)
				discsi_lun_read_async(rig.lun, data, 4096, 0, 0,
						      rig_tally, &tally);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 2, 5000));
			CU_ASSERT_EQUAL(tally.ok, 2);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 4, 10000));
			CU_ASSERT_EQUAL(tally.ok, 3);
			CU_ASSERT_EQUAL(tally.last, -ETIMEDOUT);
			CU_ASSERT_TRUE(sim_pings(rig.sim) >= 2);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 1);
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0,
							0), 0);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 1);
		}
	}
	rig_end(&rig);
}

/* -------------------------------------------------------------- large LUNs */

#ifdef __SANITIZE_THREAD__
#define HAS_ADDRESS_SPACE false  /* not for 3 TiB in one piece */
#else
#define HAS_ADDRESS_SPACE true
#endif

/* Block addresses of more than 32 bits: READ and WRITE (16), nothing wraps. */
static void test_beyond_2_tib(void)
{
	const uint64_t tib = UINT64_C(1) << 40;
	const struct sim_config large = { .blocks = 3 * tib / 512 };
	uint8_t data[4096];
	uint8_t have[4096];
	struct rig rig;

	if (!HAS_ADDRESS_SPACE) {
		dsc_test_skip("thread sanitizer leaves no room for 3 TiB");
		return;
	}
	rig_fill(data, sizeof(data), 9);
	if (rig_begin(&rig, &large)) {
		CU_ASSERT_EQUAL(rig.info.bytes, 3 * tib);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, sizeof(data),
						 2 * tib + tib / 2, 0), 0);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, have, sizeof(have),
						2 * tib + tib / 2, 0), 0);
		CU_ASSERT_EQUAL(memcmp(have, data, sizeof(data)), 0);
		CU_ASSERT_EQUAL(sim_count(rig.sim, 0x8a), 1);
		CU_ASSERT_EQUAL(sim_count(rig.sim, 0x88), 1);
		/* Where a 32-bit address would have ended. */
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, have, sizeof(have),
						tib / 2, 0), 0);
		CU_ASSERT_NOT_EQUAL(memcmp(have, data, sizeof(data)), 0);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, have, sizeof(have),
						3 * tib - 4096, 0), 0);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, have, sizeof(have),
						3 * tib, 0), -ERANGE);
	}
	rig_end(&rig);
}

/* ------------------------------------------------------ logins and digests */

static void test_slow_login(void)
{
	struct discsi_session *session;
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "login_timeout", "1500");
		sim_login_delay(rig.sim, 200);
		CU_ASSERT_TRUE(rig_open(&rig));
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
		rig_set(&rig, "login_timeout", "300");
		sim_login_delay(rig.sim, 5000);
		began = rig_now_ms();
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &session), -ETIMEDOUT);
		CU_ASSERT_TRUE(rig_now_ms() - began < 500 + 1500);
	}
	rig_end(&rig);
}

/* A header arrives damaged: nothing of it is believed, nothing is lost. */
static void test_damaged_headers(void)
{
	const struct sim_config digests = {
		.blocks = 131072, .header_digest = true
	};
	struct discsi_session_info info = { .size = sizeof(info) };
	struct work work;
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &digests)) {
		rig_set(&rig, "header_digest", "require");
		if (rig_open(&rig)) {
			discsi_session_get_info(rig.session, &info);
			CU_ASSERT_TRUE(info.header_digest);
			work_begin(&work, &rig, 512, 16, 0);
			for (i = 1; i <= 5; i++) {
				rig_wait(&rig, &work.done, work.done + 300,
					 10000);
				sim_corrupt_digest(rig.sim, 1 + i);
				CU_ASSERT_TRUE(rig_wait(
					&rig,
					&rig.events[DISCSI_EVENT_RECOVERED], i,
					10000));
				CU_ASSERT_EQUAL(rig.last_errno, EIO);
			}
			CU_ASSERT_TRUE(work_finish(&work, 20000));
			CU_ASSERT_EQUAL(work.failed, 0);
			work_check(&work);
		}
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "signals", test_signals },
	{ "half_sent_write", test_half_sent_write },
	{ "ping_behind_a_shut_window", test_ping_behind_a_shut_window },
	{ "window_that_stays_shut", test_window_that_stays_shut },
	{ "beyond_2_tib", test_beyond_2_tib },
	{ "slow_login", test_slow_login },
	{ "damaged_headers", test_damaged_headers },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("traps", tests, argc, argv);
}
