/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-recovery.c: connections that are lost in every way, and a session that
 * comes back with nothing lost; or that gives up when it should.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define MIB (1u << 20)

static const struct sim_config plain = { .blocks = 131072 };

static bool is_ready(struct rig *rig)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	discsi_session_get_info(rig->session, &info);
	return strcmp(info.state, "ready") == 0;
}

static bool is_failed(struct rig *rig)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	discsi_session_get_info(rig->session, &info);
	return strcmp(info.state, "failed") == 0;
}

static bool is_lost(struct rig *rig)
{
	return !is_ready(rig);
}

/* ------------------------------------------------------------------- drops */

static void test_one_drop(void)
{
	struct discsi_session_stats stats;
	uint8_t before[6];
	uint8_t after[6];
	struct work work;
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_isid(rig.sim, before);
		work_begin(&work, &rig, 512, 32, 4000);
		sim_drop_at(rig.sim, SIM_PDU_RESPONSE, SIM_BEFORE, 500);
		CU_ASSERT_TRUE(work_finish(&work, 20000));
		CU_ASSERT_TRUE(sim_dropped(rig.sim));
		CU_ASSERT_EQUAL(work.failed, 0);
		sim_isid(rig.sim, after);
		CU_ASSERT_EQUAL(memcmp(before, after, 6), 0);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 2);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_CONNECTED], 1);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 1);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_RECOVERED], 1);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_FAILED], 0);
		rig_stats(&rig, &stats);
		CU_ASSERT_EQUAL(stats.losses, 1);
		CU_ASSERT_EQUAL(stats.recoveries, 1);
		CU_ASSERT_TRUE(stats.replays > 0);
		CU_ASSERT_EQUAL(stats.outstanding, 0);
		CU_ASSERT_EQUAL(stats.kind[DISCSI_STATS_READ].commands +
				stats.kind[DISCSI_STATS_WRITE].commands, 4000);
		work_check(&work);
	}
	rig_end(&rig);
}

/* A large read or write, the connection dropped once in the middle. */
static void transfer_with_drop(const struct sim_config *config, bool is_write,
			       enum sim_pdu pdu, enum sim_where where,
			       unsigned n)
{
	uint8_t *data = malloc(MIB);
	uint8_t *have = malloc(MIB);
	struct rig rig;
	int rc;

	if (rig_begin(&rig, config)) {
		rig_fill(data, MIB, 99);
		if (!is_write)
			sim_poke(rig.sim, 0, 4096, data, MIB);
		sim_drop_at(rig.sim, pdu, where, n);
		if (is_write)
			rc = discsi_lun_write(rig.lun, data, MIB, 4096, 0);
		else
			rc = discsi_lun_read(rig.lun, have, MIB, 4096, 0);
		CU_ASSERT_EQUAL(rc, 0);
		if (is_write)
			sim_peek(rig.sim, 0, 4096, have, MIB);
		CU_ASSERT_EQUAL(memcmp(data, have, MIB), 0);
		CU_ASSERT_TRUE(sim_dropped(rig.sim));
		CU_ASSERT_TRUE(rig_wait(
			&rig, &rig.events[DISCSI_EVENT_RECOVERED], 1, 10000));
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 2);
	}
	rig_end(&rig);
	free(data);
	free(have);
}

static void test_drop_in_read(void)
{
	static const enum sim_where where[] = {
		SIM_BEFORE, SIM_INSIDE, SIM_AFTER
	};
	unsigned n;
	size_t i;

	for (i = 0; i < 3; i++) {
		transfer_with_drop(&plain, false, SIM_PDU_COMMAND, where[i], 1);
		for (n = 1; n <= 4; n++)  /* Data-In of 256 KiB each */
			transfer_with_drop(&plain, false, SIM_PDU_DATA_IN,
					   where[i], n);
	}
}

static void test_drop_in_write(void)
{
	static const enum sim_where where[] = {
		SIM_BEFORE, SIM_INSIDE, SIM_AFTER
	};
	const struct sim_config asks = {
		.blocks = 131072, .initial_r2t = true, .no_immediate_data = true
	};
	unsigned n;
	size_t i;

	for (i = 0; i < 3; i++) {
		transfer_with_drop(&asks, true, SIM_PDU_COMMAND, where[i], 1);
		for (n = 1; n <= 4; n++) {
			transfer_with_drop(&asks, true, SIM_PDU_R2T, where[i],
					   n);
			transfer_with_drop(&asks, true, SIM_PDU_DATA_OUT,
					   where[i], n);
		}
		transfer_with_drop(&asks, true, SIM_PDU_RESPONSE, where[i], 1);
	}
}

/* It falls over each time it gets this command: not for ever. */
static void test_poisonous_command(void)
{
	const struct sim_rule poison = {
		.opcode = 0x28, .lun = SIM_ANY, .action = SIM_DROP
	};
	uint8_t data[4096];
	uint64_t began;
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "replacement_timeout", "1500");
		if (rig_open(&rig)) {
			sim_rule(rig.sim, &poison);
			began = rig_now_ms();
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0,
							0), -ENOTCONN);
			CU_ASSERT_TRUE(rig_now_ms() - began < 8000);
			CU_ASSERT_TRUE(sim_connections(rig.sim) < 20);
		}
	}
	rig_end(&rig);
}

static void test_killed_and_restarted(void)
{
	struct work work;
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		work_begin(&work, &rig, 1024, 32, 0);
		for (i = 0; i < 20; i++) {
			unsigned recovered = rig.events[DISCSI_EVENT_RECOVERED];
			unsigned target = work.done + 200;

			CU_ASSERT_TRUE(rig_wait(&rig, &work.done, target,
						20000));
			sim_kill(rig.sim);
			rig_run(&rig, 20);
			sim_restart(rig.sim);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_RECOVERED],
				recovered + 1, 20000));
		}
		CU_ASSERT_TRUE(work_finish(&work, 20000));
		CU_ASSERT_EQUAL(work.failed, 0);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 20);
		work_check(&work);
	}
	rig_end(&rig);
}

/* A command that waits to be sent again, when there is no connection. */
static void test_lost_in_a_pause(void)
{
	struct tally tally = { .done = 0 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_status(rig.sim, 0x35, 0x08, 1);  /* flush: BUSY */
		discsi_lun_flush_async(rig.lun, rig_tally, &tally);
		rig_run(&rig, 400);
		CU_ASSERT_TRUE(sim_count(rig.sim, 0x35) > 2);
		sim_kill(rig.sim);
		rig_run(&rig, 1500);
		CU_ASSERT_EQUAL(tally.done, 0);
		sim_clear_rules(rig.sim);
		sim_restart(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 10000));
		CU_ASSERT_EQUAL(tally.ok, 1);
	}
	rig_end(&rig);
}

/* ------------------------------------------------------------------ frozen */

static void frozen(unsigned ms, unsigned logins)
{
	struct work work;
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "noop_interval", "500");
		rig_set(&rig, "noop_timeout", "500");
		rig_set(&rig, "login_timeout", "1000");
		if (rig_open(&rig)) {
			work_begin(&work, &rig, 512, 16, 3000);
			rig_wait(&rig, &work.done, 500, 20000);
			sim_freeze(rig.sim, ms);
			CU_ASSERT_TRUE(work_finish(&work, 30000));
			CU_ASSERT_EQUAL(work.failed, 0);
			CU_ASSERT_TRUE(sim_logins(rig.sim) >= logins);
			work_check(&work);
		}
	}
	rig_end(&rig);
}

static void test_frozen_shortly(void)
{
	frozen(300, 1);
}

static void test_frozen_2s(void)
{
	frozen(2000, 2);
}

static void test_frozen_8s(void)
{
	frozen(8000, 2);
}

static void test_frozen_for_ever(void)
{
	struct work work;
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "noop_interval", "300");
		rig_set(&rig, "noop_timeout", "300");
		rig_set(&rig, "login_timeout", "500");
		rig_set(&rig, "replacement_timeout", "1500");
		if (rig_open(&rig)) {
			work_begin(&work, &rig, 512, 16, 0);
			rig_wait(&rig, &work.done, 100, 20000);
			sim_freeze(rig.sim, 60000);
			began = rig_now_ms();
			CU_ASSERT_TRUE(rig_until(&rig, is_failed, 10000));
			CU_ASSERT_TRUE(rig_now_ms() - began > 1500);
			CU_ASSERT_TRUE(rig_now_ms() - began < 5000);
			CU_ASSERT_TRUE(work_finish(&work, 1000));
			CU_ASSERT_EQUAL(work.failed, 16);
			CU_ASSERT_EQUAL(work.last_error, -ENOTCONN);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_FAILED], 1);
			CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), -ENOTCONN);
			sim_freeze(rig.sim, 0);
			free(work.op);
			free(work.seed);
			free(work.is_busy);
		}
	}
	rig_end(&rig);
}

/* Nobody asks for anything: it is noticed all the same. */
static void test_silence_is_noticed(void)
{
	struct discsi_session_stats stats;
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "noop_interval", "200");
		rig_set(&rig, "noop_timeout", "200");
		if (rig_open(&rig)) {
			rig_run(&rig, 700);
			rig_stats(&rig, &stats);
			CU_ASSERT_TRUE(stats.pings >= 2);
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LOST], 0);
			CU_ASSERT_TRUE(sim_pings(rig.sim) >= 2);
			sim_freeze(rig.sim, 1500);
			CU_ASSERT_TRUE(rig_until(&rig, is_lost, 5000));
			CU_ASSERT_TRUE(rig_until(&rig, is_ready, 10000));
			CU_ASSERT_EQUAL(rig.last_errno, ETIMEDOUT);
		}
	}
	rig_end(&rig);
}

/* ------------------------------------------------------ replacement_timeout */

static void test_no_patience(void)
{
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "replacement_timeout", "0");
		if (rig_open(&rig)) {
			sim_drop_at(rig.sim, SIM_PDU_RESPONSE, SIM_BEFORE, 1);
			began = rig_now_ms();
			CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), -ENOTCONN);
			CU_ASSERT_TRUE(rig_now_ms() - began < 1900);
			CU_ASSERT_TRUE(is_failed(&rig));
			CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_FAILED], 1);
		}
	}
	rig_end(&rig);
}

static void test_endless_patience(void)
{
	struct tally tally = { .done = 0 };
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "replacement_timeout", "-1");
		rig_set(&rig, "command_timeout", "500");
		if (rig_open(&rig)) {
			sim_kill(rig.sim);
			CU_ASSERT_TRUE(rig_until(&rig, is_lost, 5000));
			discsi_lun_flush_async(rig.lun, rig_tally, &tally);
			rig_run(&rig, 2500);
			CU_ASSERT_EQUAL(tally.done, 0);
			sim_restart(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 10000));
			CU_ASSERT_EQUAL(tally.ok, 1);
		}
	}
	rig_end(&rig);
}

/* ------------------------------------------------------------- login again */

static void refused_login(uint8_t class, uint8_t detail, int want)
{
	struct tally tally = { .done = 0 };
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "replacement_timeout", "5000");
		if (rig_open(&rig)) {
			sim_login_status(rig.sim, class, detail,
					 want == 0 ? 4 : 0);
			sim_drop_all(rig.sim);
			discsi_lun_flush_async(rig.lun, rig_tally, &tally);
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 4500));
			CU_ASSERT_EQUAL(tally.last, want);
			/* Tried again until it is let in, or never again. */
			CU_ASSERT_EQUAL(sim_connections(rig.sim),
					want == 0 ? 6 : 2);
		}
	}
	rig_end(&rig);
}

/* A restarting target makes its targets after its port is open. */
static void test_not_there_yet(void)
{
	refused_login(2, 3, 0);   /* not found */
	refused_login(3, 1, 0);   /* service unavailable */
	refused_login(3, 0, 0);   /* target error */
}

static void test_secret_rotated(void)
{
	refused_login(2, 1, -EACCES);
}

/* ---------------------------------------------------------------- identity */

/* Nothing is written to a disk that has taken the place of ours. */
static void test_another_disk(void)
{
	struct discsi_session_stats stats;
	struct tally tally = { .done = 0 };
	uint8_t data[4096] = { 1 };
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		sim_kill(rig.sim);
		CU_ASSERT_TRUE(rig_until(&rig, is_lost, 5000));
		for (i = 0; i < 10; i++)
			discsi_lun_write_async(rig.lun, data, 4096, i * 4096, 0,
					       rig_tally, &tally);
		sim_swap_identity(rig.sim, 0, "OTHER", false);
		sim_restart(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 10, 10000));
		CU_ASSERT_EQUAL(tally.ok, 0);
		CU_ASSERT_EQUAL(tally.last, -ESTALE);
		CU_ASSERT_PTR_NOT_NULL(strstr(tally.error.message,
					      "another disk"));
		CU_ASSERT_EQUAL(sim_count(rig.sim, 0x2a), 0);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_LUN_FAILED], 1);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096, 0, 0),
				-ESTALE);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0, 0),
				-ESTALE);
		rig_stats(&rig, &stats);
		CU_ASSERT_EQUAL(stats.outstanding, 0);
	}
	rig_end(&rig);
}

/* The same without an outage: the target says so. */
static void test_another_disk_told(void)
{
	uint8_t data[4096] = { 1 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_swap_identity(rig.sim, 0, "OTHER", true);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096, 0, 0),
				-ESTALE);
		CU_ASSERT_EQUAL(sim_written(rig.sim, 0, 0), 0);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
	}
	rig_end(&rig);
}

/* It says so, but it is the same disk: I/O goes on. */
static void test_false_alarm(void)
{
	struct work work;
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		work_begin(&work, &rig, 512, 16, 3000);
		for (i = 1; i <= 5; i++) {
			rig_wait(&rig, &work.done, 500 * i, 10000);
			sim_unit_attention(rig.sim, 0, 0x3f, 0x03);
		}
		CU_ASSERT_TRUE(work_finish(&work, 20000));
		CU_ASSERT_EQUAL(work.failed, 0);
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
		work_check(&work);
	}
	rig_end(&rig);
}

static void test_resized(void)
{
	struct discsi_lun_info info = { .size = sizeof(info) };
	struct work work;
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		work_begin(&work, &rig, 512, 16, 3000);
		rig_wait(&rig, &work.done, 500, 10000);
		sim_resize(rig.sim, 0, 262144);
		CU_ASSERT_TRUE(work_finish(&work, 20000));
		CU_ASSERT_TRUE(rig_wait(
			&rig, &rig.events[DISCSI_EVENT_CAPACITY_CHANGED], 1,
			5000));
		CU_ASSERT_EQUAL(rig.last.bytes, 262144 * 512ull);
		CU_ASSERT_EQUAL(work.failed, 0);
		discsi_lun_get_info(rig.lun, &info);
		CU_ASSERT_EQUAL(info.blocks, 262144);
		work_check(&work);

		/* Grown during an outage. */
		sim_kill(rig.sim);
		sim_resize(rig.sim, 0, 300000);
		sim_restart(rig.sim);
		CU_ASSERT_TRUE(rig_wait(
			&rig, &rig.events[DISCSI_EVENT_CAPACITY_CHANGED], 2,
			5000));
		CU_ASSERT_EQUAL(rig.last.type == DISCSI_EVENT_CAPACITY_CHANGED ||
				rig.last.type == DISCSI_EVENT_RECOVERED, true);
		/* Smaller: it is not the disk that it was. */
		sim_kill(rig.sim);
		sim_resize(rig.sim, 0, 1000);
		sim_restart(rig.sim);
		CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), -ESTALE);
	}
	rig_end(&rig);
}

/* Its LUNs come after its port: they are waited for. */
static void test_lun_comes_late(void)
{
	struct tally tally = { .done = 0 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_kill(rig.sim);
		sim_set_present(rig.sim, 0, false);
		sim_restart(rig.sim);
		CU_ASSERT_TRUE(rig_until(&rig, is_lost, 5000));
		discsi_lun_flush_async(rig.lun, rig_tally, &tally);
		rig_run(&rig, 700);
		CU_ASSERT_EQUAL(tally.done, 0);
		sim_set_present(rig.sim, 0, true);
		CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 1, 10000));
		CU_ASSERT_EQUAL(tally.ok, 1);
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "one_drop", test_one_drop },
	{ "drop_in_read", test_drop_in_read },
	{ "drop_in_write", test_drop_in_write },
	{ "poisonous_command", test_poisonous_command },
	{ "killed_and_restarted", test_killed_and_restarted },
	{ "lost_in_a_pause", test_lost_in_a_pause },
	{ "frozen_shortly", test_frozen_shortly },
	{ "frozen_2s", test_frozen_2s },
	{ "frozen_8s", test_frozen_8s },
	{ "frozen_for_ever", test_frozen_for_ever },
	{ "silence_is_noticed", test_silence_is_noticed },
	{ "no_patience", test_no_patience },
	{ "endless_patience", test_endless_patience },
	{ "not_there_yet", test_not_there_yet },
	{ "secret_rotated", test_secret_rotated },
	{ "another_disk", test_another_disk },
	{ "another_disk_told", test_another_disk_told },
	{ "false_alarm", test_false_alarm },
	{ "resized", test_resized },
	{ "lun_comes_late", test_lun_comes_late },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("recovery", tests, argc, argv);
}
