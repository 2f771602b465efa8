/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-deadlines.c: no call takes longer than its deadline, whatever the
 * session is doing. The bounds have room for a machine that is loaded.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define READ10 0x28
#define WRITE10 0x2a
#define ABORT_TASK 1
#define LUN_RESET 5

/* What a deadline may be missed by here. */
#define LATE_MS 500

static const struct sim_config plain = { .blocks = 131072 };

static struct sim_rule rule_for(int opcode, enum sim_action action)
{
	return (struct sim_rule){
		.opcode = opcode, .lun = SIM_ANY, .action = action,
	};
}

static bool was_in_time(uint64_t began, unsigned limit_ms)
{
	uint64_t took = rig_now_ms() - began;

	if (took <= limit_ms + LATE_MS)
		return true;
	dsc_test_note("%llu ms where %u were allowed",
		      (unsigned long long)took, limit_ms);
	return false;
}

static uint64_t cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void deaf_to_management(struct rig *rig)
{
	sim_set_management(rig->sim, ABORT_TASK, 0xff);
	sim_set_management(rig->sim, LUN_RESET, 0xff);
}

/* ---------------------------------------------------------------- commands */

/*
 * The target wants us to leave while a write is not answered, and an older read
 * waits for the next login: it does not hide the deadline of the write.
 */
static void test_while_leaving(void)
{
	struct sim_rule busy = rule_for(READ10, SIM_STATUS);
	const struct sim_rule silent = rule_for(WRITE10, SIM_SILENT);
	struct tally read = { .done = 0 };
	struct tally write = { .done = 0 };
	uint8_t data[4096] = { 0 };
	uint64_t began;
	uint64_t cpu;
	struct rig rig;

	busy.status = 0x08;
	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "2000");
		if (rig_open(&rig)) {
			deaf_to_management(&rig);
			sim_rule(rig.sim, &busy);
			sim_rule(rig.sim, &silent);
			began = rig_now_ms();
			discsi_lun_read_async(rig.lun, data, 4096, 0, 0,
					      rig_tally, &read);
			discsi_lun_write_async(rig.lun, data, 4096, 0, 0,
					       rig_tally, &write);
			rig_run(&rig, 900);
			sim_async(rig.sim, 1, 0, 0, 5);
			cpu = cpu_ms();
			while (write.done == 0 && rig_now_ms() < began + 9000)
				rig_sleep(&rig, 50);
			CU_ASSERT_TRUE(was_in_time(began, 2000));
			CU_ASSERT_TRUE(cpu_ms() - cpu < 100);
			CU_ASSERT_EQUAL(write.last, -ETIMEDOUT);
			sim_clear_rules(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &read.done, 1, 10000));
			CU_ASSERT_EQUAL(read.ok, 1);
		}
	}
	rig_end(&rig);
}

/* Disks are verified meanwhile: that gives a command no more time. */
static void test_while_verifying(void)
{
	struct sim_rule silent = rule_for(READ10, SIM_SILENT);
	struct tally read = { .done = 0 };
	uint8_t data[4096] = { 0 };
	uint64_t began;
	struct rig rig;

	silent.count = 1;
	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "1600");
		if (rig_open(&rig)) {
			deaf_to_management(&rig);
			sim_rule(rig.sim, &silent);
			began = rig_now_ms();
			discsi_lun_read_async(rig.lun, data, 4096, 0, 0,
					      rig_tally, &read);
			rig_run(&rig, 1000);
			sim_unit_attention(rig.sim, 0, 0x3f, 0x03);
			CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), 0);
			CU_ASSERT_TRUE(rig_wait(&rig, &read.done, 1, 10000));
			CU_ASSERT_TRUE(was_in_time(began, 1600));
			CU_ASSERT_EQUAL(read.last, -ETIMEDOUT);
		}
	}
	rig_end(&rig);
}

/* --------------------------------------------------------------------- LUNs */

enum trouble { KILLED, FROZEN, MUTE, BUSY };

static void make_trouble(struct rig *rig, enum trouble trouble)
{
	if (trouble == KILLED)
		sim_kill(rig->sim);
	if (trouble == FROZEN)
		sim_freeze(rig->sim, 60000);
	if (trouble == MUTE) {
		sim_mute(rig->sim, 0, true);
		sim_drop_all(rig->sim);
	}
	if (trouble == BUSY)
		sim_status(rig->sim, SIM_ANY, 0x08, 1);
}

static void end_trouble(struct rig *rig, enum trouble trouble)
{
	if (trouble == KILLED)
		sim_restart(rig->sim);
	if (trouble == FROZEN)
		sim_freeze(rig->sim, 0);
	if (trouble == MUTE)
		sim_mute(rig->sim, 0, false);
	if (trouble == BUSY)
		sim_clear_rules(rig->sim);
}

/* command_timeout in all, also where a session would be waited for longer. */
static void open_in(enum trouble trouble)
{
	struct discsi_lun *second = NULL;
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "800");
		rig_set(&rig, "noop_interval", "300");
		rig_set(&rig, "noop_timeout", "300");
		if (rig_open(&rig)) {
			make_trouble(&rig, trouble);
			began = rig_now_ms();
			CU_ASSERT_NOT_EQUAL(discsi_lun_open(rig.session, 0,
							    &second), 0);
			CU_ASSERT_TRUE(was_in_time(began, 800));
			CU_ASSERT_PTR_NULL(second);
			end_trouble(&rig, trouble);
			began = rig_now_ms();
			while (discsi_lun_open(rig.session, 0, &second) != 0 &&
			       rig_now_ms() < began + 20000)
				;
			CU_ASSERT_PTR_NOT_NULL(second);
			discsi_lun_close(second);
		}
	}
	rig_end(&rig);
}

static void test_open_lun(void)
{
	open_in(KILLED);
	open_in(FROZEN);
	open_in(MUTE);
	open_in(BUSY);
}

/* Closing waits for no one: what is with a silent target, and a logout. */
static void test_close(void)
{
	struct tally tally = { .done = 0 };
	uint8_t data[4096] = { 0 };
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "command_timeout", "800");
		if (rig_open(&rig)) {
			sim_freeze(rig.sim, 60000);
			discsi_lun_read_async(rig.lun, data, 4096, 0, 0,
					      rig_tally, &tally);
			rig_run(&rig, 20);
			began = rig_now_ms();
			discsi_lun_close(rig.lun);
			CU_ASSERT_TRUE(was_in_time(began, 800));
			CU_ASSERT_EQUAL(tally.done, 1);
			began = rig_now_ms();
			discsi_session_close(rig.session);
			CU_ASSERT_TRUE(was_in_time(began, 800));
			rig.lun = NULL;
			rig.session = NULL;
			sim_freeze(rig.sim, 0);
		}
	}
	rig_end(&rig);
}

/* ----------------------------------------------------------------- sessions */

/* Several logins, each of them in time: together they are not. */
static void test_open_sessions(void)
{
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "sessions", "8");
		rig_set(&rig, "login_timeout", "1200");
		sim_login_delay(rig.sim, 400);
		began = rig_now_ms();
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &rig.session), -ETIMEDOUT);
		CU_ASSERT_TRUE(was_in_time(began, 1200));
		CU_ASSERT_PTR_NULL(rig.session);
		/* One of them would have been. */
		CU_ASSERT_TRUE(sim_logins(rig.sim) >= 1);
	}
	rig_end(&rig);
}

static void test_discover(void)
{
	struct discsi_discovery *found = NULL;
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "login_timeout", "700");
		sim_mute(rig.sim, 0, true);
		began = rig_now_ms();
		CU_ASSERT_EQUAL(discsi_discover(rig.ctx, rig.conf, &found),
				-ETIMEDOUT);
		CU_ASSERT_TRUE(was_in_time(began, 700));
	}
	rig_end(&rig);
}

/* Waiting calls while the session recovers, and once it has given up. */
static void test_replacement(void)
{
	uint8_t data[4096];
	struct rig rig;
	uint64_t began;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "replacement_timeout", "1000");
		rig_set(&rig, "noop_interval", "300");
		rig_set(&rig, "noop_timeout", "300");
		if (rig_open(&rig)) {
			sim_freeze(rig.sim, 60000);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_LOST], 1, 5000));
			began = rig_now_ms();
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0,
							0), -ENOTCONN);
			CU_ASSERT_TRUE(was_in_time(began, 1000));
			began = rig_now_ms();
			CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), -ENOTCONN);
			CU_ASSERT_TRUE(was_in_time(began, 0));
			sim_freeze(rig.sim, 0);
		}
	}
	rig_end(&rig);
}

/* ------------------------------------------------------------------- kernel */

static bool is_connected_to(int fd, unsigned port)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
	       peer.sin_family == AF_INET && ntohs(peer.sin_port) == port;
}

/* The kernel gives a silent peer up no later than our pings do. */
static void test_user_timeout(void)
{
	unsigned ms = 0;
	socklen_t length = sizeof(ms);
	unsigned found = 0;
	struct rig rig;
	unsigned port;
	int fd;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "noop_interval", "1700");
		rig_set(&rig, "noop_timeout", "1300");
		if (rig_open(&rig)) {
			port = (unsigned)strtoul(
				strchr(sim_portal(rig.sim, 0), ':') + 1, NULL,
				10);
			for (fd = 3; fd < 1024; fd++) {
				if (!is_connected_to(fd, port))
					continue;
				found++;
				CU_ASSERT_EQUAL(getsockopt(
					fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms,
					&length), 0);
				CU_ASSERT_EQUAL(ms, 3000);
			}
			CU_ASSERT_EQUAL(found, 1);
		}
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "while_leaving", test_while_leaving },
	{ "while_verifying", test_while_verifying },
	{ "open_lun", test_open_lun },
	{ "close", test_close },
	{ "open_sessions", test_open_sessions },
	{ "discover", test_discover },
	{ "replacement", test_replacement },
	{ "user_timeout", test_user_timeout },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("deadlines", tests, argc, argv);
}
