/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-replay.c: what is sent again after a connection is lost, in what order
 * and how often, as the target's journal has it; what is not; and how little
 * an outage costs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "fault/rig.h"
#include "harness/harness.h"
#include "scsi/cdb.h"
#include "session/session.h"

#define WRITE10 0x2a
#define READ10 0x28
#define COMPARE_AND_WRITE 0x89
#define PERSISTENT_RESERVE_OUT 0x5f
#define COUNT 48

static const struct sim_config plain = { .blocks = 131072 };

static bool is_lost(struct rig *rig)
{
	return rig->events[DISCSI_EVENT_LOST] > 0;
}

/* ------------------------------------------------------------------- order */

/* The commands with this opcode that came over one connection. */
static size_t on_connection(struct sim *sim, unsigned connection,
			    uint8_t opcode, struct sim_record *found,
			    size_t room)
{
	static struct sim_record all[4096];
	size_t count = sim_journal(sim, 0, all, 4096);
	size_t used = 0;
	size_t i;

	for (i = 0; i < count && used < room; i++)
		if (all[i].connection == connection && all[i].opcode == opcode)
			found[used++] = all[i];
	return used;
}

static void check_order(struct sim *sim, unsigned connection)
{
	struct sim_record found[2 * COUNT];
	size_t count = on_connection(sim, connection, WRITE10, found,
				     2 * COUNT);
	size_t i;

	CU_ASSERT_EQUAL(count, COUNT);
	for (i = 0; i < count; i++)
		CU_ASSERT_EQUAL(found[i].lba, (COUNT - i) * 8);
}

/* Lost three times before an answer: each time all of it, in order, once. */
static void test_order(void)
{
	const struct sim_rule silent = {
		.opcode = WRITE10, .lun = SIM_ANY, .action = SIM_SILENT,
	};
	struct tally tally = { .done = 0 };
	uint8_t data[4096] = { 7 };
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		sim_rule(rig.sim, &silent);
		for (i = 0; i < COUNT; i++)
			discsi_lun_write_async(rig.lun, data, sizeof(data),
					       (COUNT - i) * 4096u, 0,
					       rig_tally, &tally);
		for (i = 1; i <= 3; i++) {
			rig_wait(&rig, &rig.events[DISCSI_EVENT_RECOVERED],
				 i - 1, 10000);
			rig_run(&rig, 100);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_LOST], i,
				10000));
		}
		sim_clear_rules(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, COUNT, 20000));
		CU_ASSERT_EQUAL(tally.ok, COUNT);
		for (i = 1; i <= 4; i++)
			check_order(rig.sim, i);
	}
	rig_end(&rig);
}

/* ------------------------------------------------------------------- never */

struct raw {
	struct dsc_request request;
	struct iovec iov;
	struct tally tally;
};

static void on_raw(struct dsc_request *request, int result,
		   const struct discsi_error *error)
{
	struct raw *raw = dsc_container_of(request, struct raw, request);

	rig_tally(&raw->tally, result, error);
}

static void submit_raw(struct rig *rig, struct raw *raw, uint8_t opcode,
		       void *data, uint32_t length)
{
	memset(raw, 0, sizeof(*raw));
	raw->iov.iov_base = data;
	raw->iov.iov_len = length;
	raw->request.task.cdb[0] = opcode;
	if (opcode == COMPARE_AND_WRITE)
		raw->request.task.cdb[13] = (uint8_t)(length / 1024);
	raw->request.task.direction = DSC_DATA_OUT;
	raw->request.task.length = length;
	raw->request.task.iov = &raw->iov;
	raw->request.task.iovcnt = 1;
	raw->request.done = on_raw;
	dsc_session_submit(rig->session, &raw->request);
}

/* Carried out, or not; the answer never comes. It is not sent again. */
static void never_again(uint8_t opcode, enum sim_action action)
{
	const struct sim_rule rule = {
		.opcode = opcode, .lun = SIM_ANY, .count = 1, .action = action,
	};
	uint8_t data[1024] = { 0 };
	struct raw raw;
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_rule(rig.sim, &rule);
		submit_raw(&rig, &raw, opcode, data, sizeof(data));
		CU_ASSERT_TRUE(rig_wait(&rig, &raw.tally.done, 1, 10000));
		CU_ASSERT_EQUAL(raw.tally.last, -EIO);
		CU_ASSERT_PTR_NOT_NULL(strstr(raw.tally.error.message,
					      "not known"));
		CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), 0);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_RECOVERED], 1);
		CU_ASSERT_EQUAL(sim_count(rig.sim, opcode), 1);
	}
	rig_end(&rig);
}

static void test_never_again(void)
{
	never_again(COMPARE_AND_WRITE, SIM_DO_DROP);
	never_again(COMPARE_AND_WRITE, SIM_DROP);
	never_again(PERSISTENT_RESERVE_OUT, SIM_DROP);
}

/* One that was not sent before the connection was lost is sent after it. */
static void test_not_sent_yet(void)
{
	uint8_t data[1024] = { 0 };
	struct raw raw;
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_kill(rig.sim);
		CU_ASSERT_TRUE(rig_until(&rig, is_lost, 5000));
		submit_raw(&rig, &raw, COMPARE_AND_WRITE, data, sizeof(data));
		rig_run(&rig, 50);
		CU_ASSERT_EQUAL(raw.tally.done, 0);
		sim_restart(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &raw.tally.done, 1, 10000));
		CU_ASSERT_EQUAL(raw.tally.ok, 1);
		CU_ASSERT_EQUAL(sim_count(rig.sim, COMPARE_AND_WRITE), 1);
	}
	rig_end(&rig);
}

/* -------------------------------------------------------------------- cost */

static uint64_t cpu_us(void)
{
	struct timespec now;

	/* The target's thread is not counted. */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

enum outage { REFUSED, MUTE, FROZEN };

#define OUTAGE_MS 3000

/* Under 1 % of a processor, and what a reconnection or two take. */
static void costs_nothing(enum outage outage)
{
	struct tally tally = { .done = 0 };
	uint8_t data[4096];
	struct rig rig;
	uint64_t cpu;
	unsigned i;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "noop_interval", "500");
		rig_set(&rig, "noop_timeout", "500");
		rig_set(&rig, "login_timeout", "1000");
		if (rig_open(&rig)) {
			cpu = cpu_us();
			if (outage == FROZEN)
				sim_freeze(rig.sim, 10 * OUTAGE_MS);
			if (outage == MUTE)
				sim_mute(rig.sim, 0, true);
			if (outage == MUTE)
				sim_drop_all(rig.sim);
			if (outage == REFUSED)
				sim_kill(rig.sim);
			for (i = 0; i < 100; i++)
				discsi_lun_read_async(rig.lun, data, 4096, 0, 0,
						      rig_tally, &tally);
			/* As an agent would wait: woken by events alone. */
			for (i = 0; i < OUTAGE_MS / 500; i++)
				rig_sleep(&rig, 500);
			cpu = cpu_us() - cpu;
			CU_ASSERT_EQUAL(tally.done, 0);
			CU_ASSERT_TRUE(is_lost(&rig));
			CU_ASSERT_TRUE(cpu < OUTAGE_MS * 10 + 15000);
			dsc_test_note("%llu us in %d ms",
				      (unsigned long long)cpu, OUTAGE_MS);
		}
	}
	rig_end(&rig);
}

static void test_refused_costs_nothing(void)
{
	costs_nothing(REFUSED);
}

static void test_mute_costs_nothing(void)
{
	costs_nothing(MUTE);
}

static void test_frozen_costs_nothing(void)
{
	costs_nothing(FROZEN);
}

static const struct dsc_test tests[] = {
	{ "order", test_order },
	{ "never_again", test_never_again },
	{ "not_sent_yet", test_not_sent_yet },
	{ "refused_costs_nothing", test_refused_costs_nothing },
	{ "mute_costs_nothing", test_mute_costs_nothing },
	{ "frozen_costs_nothing", test_frozen_costs_nothing },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("replay", tests, argc, argv);
}
