/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-portals.c: several portals of one target, some of them dead, and
 * portals that send us elsewhere.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault/rig.h"
#include "harness/harness.h"

/* What a dead portal may cost, and what a loaded machine adds. */
#define DEAD_MS 500
#define SLACK_MS 1500

static const struct sim_config two = { .blocks = 131072, .portals = 2 };

/* The portals from number first on, count of them, as "portals". */
static void set_portals(struct rig *rig, unsigned first, unsigned count)
{
	char text[512] = "";
	unsigned i;

	for (i = first; i < first + count; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%s",
			 i == first ? "" : ",", sim_portal(rig->sim, i));
	}
	rig_set(rig, "portals", text);
}

static unsigned port_of(const struct rig *rig, unsigned portal)
{
	return (unsigned)strtoul(strchr(sim_portal(rig->sim, portal), ':') + 1,
				 NULL, 10);
}

static unsigned port_in_use(struct rig *rig)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	CU_ASSERT_EQUAL(discsi_session_get_info(rig->session, &info), 0);
	return info.port;
}

static bool is_ready(struct rig *rig)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	discsi_session_get_info(rig->session, &info);
	return strcmp(info.state, "ready") == 0;
}

/* ------------------------------------------------------------ dead portals */

/*
 * A port whose queue is full: a connection to it is never made, nor refused,
 * as if the packets were lost.
 */
struct hole {
	int listener;
	int filler[16];
	char text[32];
};

static void open_hole(struct hole *hole)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	size_t i;

	hole->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(bind(hole->listener, (struct sockaddr *)&address,
			     length), 0);
	CU_ASSERT_EQUAL(listen(hole->listener, 0), 0);
	getsockname(hole->listener, (struct sockaddr *)&address, &length);
	snprintf(hole->text, sizeof(hole->text), "127.0.0.1:%u",
		 ntohs(address.sin_port));
	for (i = 0; i < 16; i++) {
		hole->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
					 SOCK_CLOEXEC, 0);
		(void)connect(hole->filler[i], (struct sockaddr *)&address,
			      length);
	}
}

static void close_hole(struct hole *hole)
{
	size_t i;

	for (i = 0; i < 16; i++)
		close(hole->filler[i]);
	close(hole->listener);
}

/* How long opening takes; the session is rig->session. */
static unsigned open_ms(struct rig *rig)
{
	uint64_t began = rig_now_ms();

	CU_ASSERT_EQUAL(discsi_session_open(rig->ctx, rig->conf,
					    &rig->session), 0);
	return (unsigned)(rig_now_ms() - began);
}

static void check_dead_first(struct rig *rig)
{
	unsigned ms = open_ms(rig);

	CU_ASSERT_TRUE(ms < DEAD_MS + SLACK_MS);
	CU_ASSERT_EQUAL(port_in_use(rig), port_of(rig, 1));
	CU_ASSERT_EQUAL(sim_logins(rig->sim), 1);
}

static void test_refusing_first(void)
{
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		set_portals(&rig, 0, 2);
		sim_refuse(rig.sim, 0, true);
		CU_ASSERT_TRUE(open_ms(&rig) < SLACK_MS);
		CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 1));
	}
	rig_end(&rig);
}

static void test_mute_first(void)
{
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		set_portals(&rig, 0, 2);
		sim_mute(rig.sim, 0, true);
		check_dead_first(&rig);
		CU_ASSERT_EQUAL(sim_connections(rig.sim), 2);
	}
	rig_end(&rig);
}

static void test_lost_packets_first(void)
{
	char portals[128];
	struct hole hole;
	struct rig rig;

	open_hole(&hole);
	if (rig_prepare(&rig, &two)) {
		snprintf(portals, sizeof(portals), "%s,%s", hole.text,
			 sim_portal(rig.sim, 1));
		rig_set(&rig, "portals", portals);
		check_dead_first(&rig);
	}
	rig_end(&rig);
	close_hole(&hole);
}

/* All the dead ones at once, before the one that works. */
static void test_many_dead_first(void)
{
	const struct sim_config six = { .blocks = 131072, .portals = 6 };
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &six)) {
		set_portals(&rig, 0, 6);
		for (i = 0; i < 5; i++)
			sim_mute(rig.sim, i, true);
		CU_ASSERT_TRUE(open_ms(&rig) < 5 * DEAD_MS + SLACK_MS);
		CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 5));
		CU_ASSERT_EQUAL(sim_logins(rig.sim), 1);
	}
	rig_end(&rig);
}

/* Nobody is there: it says so, and not before it has tried all. */
static void test_all_dead(void)
{
	struct discsi_session *session;
	uint64_t began;
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		set_portals(&rig, 0, 2);
		rig_set(&rig, "login_timeout", "700");
		sim_mute(rig.sim, 0, true);
		sim_mute(rig.sim, 1, true);
		began = rig_now_ms();
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &session), -ETIMEDOUT);
		CU_ASSERT_TRUE(rig_now_ms() - began >= 700);
		CU_ASSERT_TRUE(rig_now_ms() - began < 900 + SLACK_MS);
		CU_ASSERT_EQUAL(sim_connections(rig.sim), 2);
		sim_refuse(rig.sim, 0, true);
		sim_refuse(rig.sim, 1, true);
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &session), -ECONNREFUSED);
	}
	rig_end(&rig);
}

/*
 * The first portal takes the last request and then says nothing: the other one
 * may complete its login, and there is one session at the end.
 */
static void test_silent_at_the_end(void)
{
	uint8_t data[4096];
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		set_portals(&rig, 0, 2);
		sim_withhold_login(rig.sim, 0, true);
		CU_ASSERT_TRUE(open_ms(&rig) < 2 * DEAD_MS + SLACK_MS);
		CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 1));
		CU_ASSERT_EQUAL(discsi_lun_open(rig.session, 0, &rig.lun), 0);
		CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0, 0), 0);
		CU_ASSERT_EQUAL(sim_connections(rig.sim), 2);
	}
	rig_end(&rig);
}

/* --------------------------------------------------------------- failover */

static void fail_over(const struct sim_config *config)
{
	struct work work;
	struct rig rig;

	if (rig_prepare(&rig, config)) {
		set_portals(&rig, 0, 2);
		if (rig_open(&rig)) {
			CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 0));
			work_begin(&work, &rig, 512, 16, 4000);
			rig_wait(&rig, &work.done, 500, 20000);
			sim_refuse(rig.sim, 0, true);
			sim_drop_all(rig.sim);
			rig_wait(&rig, &work.done, 2000, 20000);
			CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 1));
			/* Back again, and the other one goes. */
			sim_refuse(rig.sim, 0, false);
			sim_refuse(rig.sim, 1, true);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(work_finish(&work, 20000));
			CU_ASSERT_EQUAL(work.failed, 0);
			CU_ASSERT_TRUE(rig_until(&rig, is_ready, 10000));
			CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 0));
			CU_ASSERT_EQUAL(sim_logins(rig.sim), 3);
			work_check(&work);
		}
	}
	rig_end(&rig);
}

static void test_failover(void)
{
	fail_over(&two);
}

/* Another portal group is another nexus: no reinstatement, a reset instead. */
static void test_failover_other_group(void)
{
	const struct sim_config groups = {
		.blocks = 131072, .portals = 2, .own_portal_groups = true
	};

	fail_over(&groups);
}

/* The one that has worked is asked first, whatever its place in the list. */
static void test_last_good_first(void)
{
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		set_portals(&rig, 0, 2);
		sim_refuse(rig.sim, 0, true);
		if (rig_open(&rig)) {
			sim_refuse(rig.sim, 0, false);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_RECOVERED], 1,
				10000));
			CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 1));
			CU_ASSERT_EQUAL(sim_connections(rig.sim), 2);
		}
	}
	rig_end(&rig);
}

/* --------------------------------------------------------------- redirects */

/* Portal i sends us to portal i + 1, length times. */
static void chain(struct rig *rig, unsigned length, bool is_permanent)
{
	unsigned i;

	for (i = 0; i < length; i++)
		sim_redirect(rig->sim, i, sim_portal(rig->sim, i + 1),
			     is_permanent);
}

static void follow(unsigned length, int want)
{
	const struct sim_config ten = { .blocks = 131072, .portals = 10 };
	uint64_t began = rig_now_ms();
	struct rig rig;

	if (rig_prepare(&rig, &ten)) {
		chain(&rig, length, false);
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &rig.session), want);
		if (want == 0) {
			CU_ASSERT_EQUAL(port_in_use(&rig),
					port_of(&rig, length));
		} else {
			CU_ASSERT_PTR_NOT_NULL(
				strstr(discsi_last_error()->message,
				       "redirected more than 8 times"));
		}
		CU_ASSERT_TRUE(rig_now_ms() - began < SLACK_MS);
	}
	rig_end(&rig);
}

static void test_redirect_chain(void)
{
	follow(1, 0);
	follow(8, 0);
	follow(9, -EPROTO);
}

static void test_redirect_loop(void)
{
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		sim_redirect(rig.sim, 0, sim_portal(rig.sim, 1), true);
		sim_redirect(rig.sim, 1, sim_portal(rig.sim, 0), true);
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &rig.session), -EPROTO);
		CU_ASSERT_EQUAL(sim_connections(rig.sim), 9);
	}
	rig_end(&rig);
}

/* A loop, a redirect to nowhere: another portal of ours still lets us in. */
static void test_redirect_fails(void)
{
	const struct sim_config three = { .blocks = 131072, .portals = 3 };
	struct rig rig;

	if (rig_prepare(&rig, &three)) {
		set_portals(&rig, 0, 2);
		sim_redirect(rig.sim, 0, sim_portal(rig.sim, 0), false);
		CU_ASSERT_TRUE(open_ms(&rig) < DEAD_MS + SLACK_MS);
		CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 1));
		discsi_session_close(rig.session);

		sim_refuse(rig.sim, 2, true);
		sim_redirect(rig.sim, 0, sim_portal(rig.sim, 2), false);
		CU_ASSERT_TRUE(open_ms(&rig) < DEAD_MS + SLACK_MS);
		CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 1));
	}
	rig_end(&rig);
}

/* Which portal a session comes back to after it was sent from 0 to 1. */
static unsigned comes_back_to(bool is_permanent)
{
	unsigned portal = 99;
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		chain(&rig, 1, is_permanent);
		if (rig_open(&rig)) {
			CU_ASSERT_EQUAL(port_in_use(&rig), port_of(&rig, 1));
			sim_redirect(rig.sim, 0, NULL, false);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(
				&rig, &rig.events[DISCSI_EVENT_RECOVERED], 1,
				10000));
			portal = port_in_use(&rig) == port_of(&rig, 1);
		}
	}
	rig_end(&rig);
	return portal;
}

static void test_redirect_is_remembered(void)
{
	CU_ASSERT_EQUAL(comes_back_to(true), 1);
	CU_ASSERT_EQUAL(comes_back_to(false), 0);
}

/* --------------------------------------------------------------------- end */

static void on_opened(void *arg, int status, struct discsi_session *session,
		      const struct discsi_error *error)
{
	struct tally *tally = arg;

	rig_tally(tally, status, error);
	if (session != NULL)
		discsi_session_close(session);
}

/* The context ends in the middle of a race, ms after its beginning. */
static void end_after(unsigned ms)
{
	const struct sim_config four = { .blocks = 131072, .portals = 4 };
	struct tally tally = { .done = 0 };
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &four)) {
		set_portals(&rig, 0, 4);
		for (i = 0; i < 3; i++)
			sim_mute(rig.sim, i, true);
		sim_withhold_login(rig.sim, 3, true);
		CU_ASSERT_EQUAL(discsi_session_open_async(
			rig.ctx, rig.conf, on_opened, &tally), 0);
		rig_run(&rig, ms);
		CU_ASSERT_EQUAL(tally.done, 0);
		discsi_context_destroy(rig.ctx);
		rig.ctx = NULL;
		CU_ASSERT_EQUAL(tally.done, 1);
		CU_ASSERT_EQUAL(tally.last, -ECANCELED);
	}
	discsi_conf_free(rig.conf);
	sim_stop(rig.sim);
}

static void test_end_of_the_context(void)
{
	unsigned ms;

	for (ms = 0; ms <= 900; ms += 150)
		end_after(ms);
}

/* A target that is starting: asked again for a while, though not for long. */
static void test_unavailable(void)
{
	struct discsi_session *session;
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		sim_login_status(rig.sim, 3, 1, 2);
		CU_ASSERT_TRUE(open_ms(&rig) < 2000 + SLACK_MS);
		CU_ASSERT_EQUAL(sim_connections(rig.sim), 3);
		sim_login_status(rig.sim, 3, 1, 0);
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &session), -EAGAIN);
	}
	rig_end(&rig);
}

static void test_no_such_target(void)
{
	struct discsi_session *session;
	struct rig rig;

	if (rig_prepare(&rig, &two)) {
		rig_set(&rig, "iqn", SIM_IQN "-other");
		CU_ASSERT_EQUAL(discsi_session_open(rig.ctx, rig.conf,
						    &session), -ENOENT);
	}
	rig_end(&rig);
}

static void on_found(void *arg, int status, struct discsi_discovery *found,
		     const struct discsi_error *error)
{
	discsi_discovery_free(found);
	rig_tally(arg, status, error);
}

/* A target keeps sessions apart by their ISIDs, also those for discovery. */
static void test_discoveries_at_once(void)
{
	struct tally tally = { .done = 0 };
	struct rig rig;
	unsigned i;

	if (rig_prepare(&rig, &two)) {
		for (i = 0; i < 32; i++)
			CU_ASSERT_EQUAL(discsi_discover_async(
				rig.ctx, rig.conf, on_found, &tally), 0);
		CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 32, 15000));
		CU_ASSERT_EQUAL(tally.ok, 32);
	}
	rig_end(&rig);
}

static const struct dsc_test tests[] = {
	{ "refusing_first", test_refusing_first },
	{ "mute_first", test_mute_first },
	{ "lost_packets_first", test_lost_packets_first },
	{ "many_dead_first", test_many_dead_first },
	{ "all_dead", test_all_dead },
	{ "silent_at_the_end", test_silent_at_the_end },
	{ "failover", test_failover },
	{ "failover_other_group", test_failover_other_group },
	{ "last_good_first", test_last_good_first },
	{ "redirect_chain", test_redirect_chain },
	{ "redirect_loop", test_redirect_loop },
	{ "redirect_fails", test_redirect_fails },
	{ "redirect_is_remembered", test_redirect_is_remembered },
	{ "end_of_the_context", test_end_of_the_context },
	{ "unavailable", test_unavailable },
	{ "no_such_target", test_no_such_target },
	{ "discoveries_at_once", test_discoveries_at_once },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("portals", tests, argc, argv);
}
