/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-reserve.c: persistent reservations between two initiator ports, COMPARE
 * AND WRITE, and commands as they are, on the simulated target and on tgtd; and
 * what becomes of those whose answer is lost.
 */
#include <errno.h>
#include <string.h>

#include "fault/stand.h"
#include "harness/harness.h"

#define RESERVE_OUT 0x5f
#define COMPARE 0x89
#define KEY_A 0xa1a1a1a1a1a1a1a1u
#define KEY_B 0xb1b1b1b1b1b1b1b1u
#define WE DISCSI_RESERVATION_WRITE_EXCLUSIVE
#define EA DISCSI_RESERVATION_EXCLUSIVE_ACCESS
#define WE_ALL_REGISTERED DISCSI_RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS

static const struct sim_config plain = { .blocks = 131072 };

/* On the simulated target, then on tgtd where there is one. */
static void on_both(void (*story)(struct rig *rig))
{
	struct stand stand;
	struct rig rig;

	if (rig_begin(&rig, &plain))
		story(&rig);
	rig_end(&rig);
	if (!dsc_tgtd_is_installed())
		return;
	if (stand_on_tgtd(&stand) && rig_open(&stand.rig))
		story(&stand.rig);
	stand_down(&stand);
}

/* ------------------------------------------------------------ reservations */

static void expect_keys(struct discsi_lun *lun, size_t want, uint64_t key)
{
	uint64_t keys[8] = { 0 };
	size_t count = 8;
	bool is_there = false;
	size_t i;

	CU_ASSERT_EQUAL(discsi_lun_read_keys(lun, keys, &count), 0);
	CU_ASSERT_EQUAL_FATAL(count, want);
	for (i = 0; i < count; i++)
		is_there |= keys[i] == key;
	CU_ASSERT_EQUAL(is_there, want > 0);
}

static void expect_holder(struct discsi_lun *lun, unsigned type, uint64_t key)
{
	struct discsi_reservation found = { .size = sizeof(found) };

	CU_ASSERT_EQUAL(discsi_lun_read_reservation(lun, &found), 0);
	CU_ASSERT_EQUAL(found.type, type);
	CU_ASSERT_EQUAL(found.key, key);
}

static void register_both(struct discsi_lun *a, struct discsi_lun *b)
{
	uint64_t key = 0;
	size_t count = 1;

	expect_keys(a, 0, 0);
	expect_holder(a, DISCSI_RESERVATION_NONE, 0);
	CU_ASSERT_EQUAL(discsi_lun_reserve(a, KEY_A, WE), -EBADE);
	CU_ASSERT_EQUAL(discsi_lun_register(a, 0, KEY_A, 0), 0);
	CU_ASSERT_EQUAL(discsi_lun_register(a, KEY_B, KEY_A, 0), -EBADE);
	CU_ASSERT_EQUAL(discsi_lun_register(b, 5, KEY_B,
					    DISCSI_REGISTER_ANYWAY), 0);
	expect_keys(a, 2, KEY_A);
	expect_keys(b, 2, KEY_B);
	CU_ASSERT_EQUAL(discsi_lun_read_keys(a, &key, &count), 0);
	CU_ASSERT_EQUAL(count, 2);
	CU_ASSERT(key == KEY_A || key == KEY_B);
	count = 0;
	CU_ASSERT_EQUAL(discsi_lun_read_keys(a, NULL, &count), 0);
	CU_ASSERT_EQUAL(count, 2);
}

static void between_two(struct discsi_lun *a, struct discsi_lun *b)
{
	uint8_t data[4096] = { 1 };

	register_both(a, b);
	CU_ASSERT_EQUAL(discsi_lun_reserve(a, KEY_A, WE), 0);
	expect_holder(b, WE, KEY_A);
	CU_ASSERT_EQUAL(discsi_lun_write(a, data, 4096, 0, 0), 0);
	CU_ASSERT_EQUAL(discsi_lun_write(b, data, 4096, 0, 0), -EBADE);
	CU_ASSERT_EQUAL(discsi_lun_read(b, data, 4096, 0, 0), 0);
	CU_ASSERT_EQUAL(discsi_lun_reserve(b, KEY_B, WE), -EBADE);
	CU_ASSERT_EQUAL(discsi_lun_release(a, KEY_A, WE), 0);
	expect_holder(b, DISCSI_RESERVATION_NONE, 0);
	CU_ASSERT_EQUAL(discsi_lun_write(b, data, 4096, 0, 0), 0);

	CU_ASSERT_EQUAL(discsi_lun_reserve(a, KEY_A, EA), 0);
	CU_ASSERT_EQUAL(discsi_lun_read(b, data, 4096, 0, 0), -EBADE);
	CU_ASSERT_EQUAL(discsi_lun_preempt(b, KEY_B, KEY_A, WE_ALL_REGISTERED,
					   0), 0);
	expect_holder(b, WE_ALL_REGISTERED, KEY_B);
	expect_keys(b, 1, KEY_B);
	CU_ASSERT_EQUAL(discsi_lun_write(b, data, 4096, 0, 0), 0);
	CU_ASSERT_EQUAL(discsi_lun_write(a, data, 4096, 0, 0), -EBADE);
	CU_ASSERT_EQUAL(discsi_lun_register(b, KEY_B, 0, 0), 0);
	expect_holder(a, DISCSI_RESERVATION_NONE, 0);
	CU_ASSERT_EQUAL(discsi_lun_write(a, data, 4096, 0, 0), 0);
}

static void two_ports(struct rig *rig)
{
	struct discsi_session *session = NULL;
	struct discsi_lun *other = NULL;

	CU_ASSERT_EQUAL(discsi_session_open(rig->ctx, rig->conf, &session), 0);
	CU_ASSERT_EQUAL(discsi_lun_open(session, rig->lun_id, &other), 0);
	if (other != NULL)
		between_two(rig->lun, other);
	discsi_lun_close(other);
	discsi_session_close(session);
}

static void test_two_ports(void)
{
	on_both(two_ports);
}

/* A registration is that of the initiator port, not of the connection. */
static void test_after_a_recovery(void)
{
	uint8_t data[4096] = { 1 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		CU_ASSERT_EQUAL(discsi_lun_register(rig.lun, 0, KEY_A, 0), 0);
		CU_ASSERT_EQUAL(discsi_lun_reserve(rig.lun, KEY_A, EA), 0);
		sim_drop_all(rig.sim);
		CU_ASSERT_EQUAL(discsi_lun_write(rig.lun, data, 4096, 0, 0),
				0);
		CU_ASSERT_EQUAL(discsi_lun_release(rig.lun, KEY_A, EA), 0);
	}
	rig_end(&rig);
}

/* It has been carried out, or not: it is not sent again, and can be looked at. */
static void unknown(enum sim_action action, size_t keys)
{
	const struct sim_rule rule = {
		.opcode = RESERVE_OUT, .lun = SIM_ANY, .count = 1,
		.action = action,
	};
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_rule(rig.sim, &rule);
		CU_ASSERT_EQUAL(discsi_lun_register(rig.lun, 0, KEY_A, 0),
				-EIO);
		CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message,
					      "not known"));
		expect_keys(rig.lun, keys, KEY_A);
		CU_ASSERT_EQUAL(sim_count(rig.sim, RESERVE_OUT), 1);
		CU_ASSERT_EQUAL(rig.events[DISCSI_EVENT_RECOVERED], 1);
	}
	rig_end(&rig);
}

static void test_unknown_outcome(void)
{
	unknown(SIM_DO_DROP, 1);
	unknown(SIM_DROP, 0);
}

static void test_several_sessions(void)
{
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "2");
		if (rig_open(&rig)) {
			CU_ASSERT_EQUAL(discsi_lun_register(rig.lun, 0, KEY_A,
							    0), -EOPNOTSUPP);
			expect_keys(rig.lun, 0, 0);
		}
	}
	rig_end(&rig);
}

/* What a caller may get wrong; and answers that cannot be true. */
static void test_nonsense(void)
{
	struct discsi_reservation small = { .size = 1 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		CU_ASSERT_EQUAL(discsi_lun_register(NULL, 0, 1, 0), -EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_register(rig.lun, 0, 1, 2),
				-EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_reserve(
			rig.lun, 1, (enum discsi_reservation_type)2), -EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_preempt(rig.lun, 1, 2, WE, 2),
				-EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_read_keys(rig.lun, NULL, NULL),
				-EINVAL);
		CU_ASSERT_EQUAL(discsi_lun_read_reservation(rig.lun, &small),
				-EINVAL);
		CU_ASSERT_EQUAL(sim_count(rig.sim, RESERVE_OUT), 0);
	}
	rig_end(&rig);
}

/* ------------------------------------------------------- compare and write */

static void compare(struct rig *rig)
{
	static uint8_t long_data[256 * 512];
	uint8_t old[1024];
	uint8_t new[1024];
	uint8_t have[1024];

	rig_fill(old, sizeof(old), 1);
	rig_fill(new, sizeof(new), 2);
	CU_ASSERT_EQUAL(discsi_lun_write(rig->lun, old, 1024, 512, 0), 0);
	if (rig->sim == NULL) {  /* tgtd does not know it */
		CU_ASSERT_EQUAL(discsi_lun_compare_and_write(
			rig->lun, old, new, 1024, 512, 0), -EOPNOTSUPP);
		return;
	}
	CU_ASSERT_EQUAL(discsi_lun_compare_and_write(
		rig->lun, old, new, 1024, 512, DISCSI_IO_FUA), 0);
	CU_ASSERT_EQUAL(discsi_lun_compare_and_write(rig->lun, old, old, 1024,
						     512, 0), -EILSEQ);
	CU_ASSERT_EQUAL(discsi_lun_read(rig->lun, have, 1024, 512, 0), 0);
	CU_ASSERT_EQUAL(memcmp(have, new, 1024), 0);
	CU_ASSERT_EQUAL(discsi_lun_compare_and_write(rig->lun, old, new, 0, 0,
						     0), 0);
	CU_ASSERT_EQUAL(discsi_lun_compare_and_write(rig->lun, old, new, 100,
						     0, 0), -EINVAL);
	CU_ASSERT_EQUAL(discsi_lun_compare_and_write(
		rig->lun, long_data, long_data, sizeof(long_data), 0, 0),
		-EINVAL);
	CU_ASSERT_EQUAL(discsi_lun_compare_and_write(
		rig->lun, old, new, 512, rig->info.bytes, 0), -ERANGE);
}

static void test_compare_and_write(void)
{
	on_both(compare);
}

static void test_compare_unknown(void)
{
	const struct sim_rule drop = {
		.opcode = COMPARE, .lun = SIM_ANY, .count = 1,
		.action = SIM_DO_DROP,
	};
	uint8_t old[512] = { 0 };
	uint8_t new[512] = { 1 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		sim_poke(rig.sim, 0, 0, old, sizeof(old));
		sim_rule(rig.sim, &drop);
		CU_ASSERT_EQUAL(discsi_lun_compare_and_write(
			rig.lun, old, new, 512, 0, 0), -EIO);
		CU_ASSERT_EQUAL(sim_count(rig.sim, COMPARE), 1);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, old, 512, 0, 0), 0);
		CU_ASSERT_EQUAL(memcmp(old, new, 512), 0);
	}
	rig_end(&rig);
}

/* ---------------------------------------------------------------- commands */

static void commands(struct rig *rig)
{
	uint8_t data[4096] = { 0 };
	struct discsi_command inquiry = {
		.size = sizeof(inquiry), .cdb = { 0x12, 0, 0, 0x08, 0x00 },
		.direction = DISCSI_DATA_IN, .data = data, .length = 2048,
	};
	struct discsi_command write = {
		.size = sizeof(write), .cdb = { 0x2a, 0, 0, 0, 0, 0, 0, 0, 8 },
		.direction = DISCSI_DATA_OUT, .data = data, .length = 4096,
	};
	struct discsi_command ready = { .size = sizeof(ready) };
	struct discsi_command strange = {
		.size = sizeof(strange), .cdb = { 0xc1 },
	};
	uint8_t have[4096];

	CU_ASSERT_EQUAL(discsi_lun_command(rig->lun, &ready), 0);
	CU_ASSERT_EQUAL(ready.status, 0);
	CU_ASSERT_EQUAL(discsi_lun_command(rig->lun, &inquiry), 0);
	CU_ASSERT(inquiry.transferred >= 36 && inquiry.transferred < 2048);
	CU_ASSERT_EQUAL(memcmp(data + 8, rig->info.vendor,
			       strlen(rig->info.vendor)), 0);
	rig_fill(data, sizeof(data), 7);
	CU_ASSERT_EQUAL(discsi_lun_command(rig->lun, &write), 0);
	CU_ASSERT_EQUAL(write.transferred, 4096);
	CU_ASSERT_EQUAL(discsi_lun_read(rig->lun, have, 4096, 0, 0), 0);
	CU_ASSERT_EQUAL(memcmp(have, data, 4096), 0);
	CU_ASSERT_EQUAL(discsi_lun_command(rig->lun, &strange), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(strange.status, 0x02);
	CU_ASSERT(strange.sense_length >= 14);
	CU_ASSERT_EQUAL(strange.sense[2] & 0x0f, 0x05);
	CU_ASSERT_EQUAL(strange.sense[12], 0x20);
	strange.size = 1;
	CU_ASSERT_EQUAL(discsi_lun_command(rig->lun, &strange), -EINVAL);
	write.data = NULL;
	CU_ASSERT_EQUAL(discsi_lun_command(rig->lun, &write), -EINVAL);
}

static void test_commands(void)
{
	on_both(commands);
}

/* Whatever the status is, the command is not tried again. */
static void test_busy_command(void)
{
	struct discsi_command ready = { .size = sizeof(ready) };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		size_t before = sim_count(rig.sim, 0x00);

		sim_status(rig.sim, 0x00, 0x08, 1);
		CU_ASSERT(discsi_lun_command(rig.lun, &ready) < 0);
		CU_ASSERT_EQUAL(ready.status, 0x08);
		CU_ASSERT_EQUAL(sim_count(rig.sim, 0x00), before + 1);
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "two_ports", test_two_ports },
	{ "after_a_recovery", test_after_a_recovery },
	{ "unknown_outcome", test_unknown_outcome },
	{ "several_sessions", test_several_sessions },
	{ "nonsense", test_nonsense },
	{ "compare_and_write", test_compare_and_write },
	{ "compare_unknown", test_compare_unknown },
	{ "commands", test_commands },
	{ "busy_command", test_busy_command },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("reserve", tests, argc, argv);
}
