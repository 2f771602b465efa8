/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-session-life.c: sessions and LUNs that end, from everywhere and under
 * way: handles closed inside of callbacks, callbacks that submit again
 * whatever happens, targets that say no more, contexts that change hands.
 * Each callback once, and no call that stays for longer than it may.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake/fixture.h"
#include "harness/harness.h"

/*
 * What ends by a deadline of a few hundred milliseconds has ended by now, on a
 * loaded machine too; what waits for a limit of its own (2 s, 5 s) has not.
 */
#define IN_TIME_MS 1900

#define DISK_BLOCKS 131072u
#define MANY 200

static const struct fake_disk plain = { .blocks = DISK_BLOCKS };

static uint64_t now_ms(void)
{
	return dsc_clock_now_ns() / DSC_NS_PER_MS;
}

/* -------------------------------------------- inside of callbacks at the end */

struct at_end {
	struct fixture *f;
	uint8_t buf[512];
	unsigned done;
	int submitted;
	int opened;
};

static void on_never(void *arg, int status, struct discsi_lun *lun,
		     const struct discsi_error *error)
{
	(void)arg;
	(void)status;
	(void)lun;
	(void)error;
	CU_FAIL("a callback of what was refused");
}

/* What a program does that ends everything at the first failure. */
static void end_everything(void *arg, int result,
			   const struct discsi_error *error)
{
	struct at_end *end = arg;
	struct fixture *f = end->f;

	CU_ASSERT_EQUAL(result, -ECANCELED);
	CU_ASSERT_PTR_NOT_NULL(error);
	if (end->done++ > 0)
		return;
	end->submitted = discsi_lun_read_async(f->lun, end->buf, 512, 0, 0,
					       end_everything, end);
	end->opened = discsi_lun_open_async(f->session, 0, on_never, NULL);
	discsi_lun_close(f->lun);
	discsi_session_close(f->session);
}

static void test_closing_while_destroyed(void)
{
	struct fixture f;
	struct at_end end = { .f = &f };
	unsigned i;

	if (fixture_begin(&f, &plain)) {
		for (i = 0; i < MANY; i++)
			CU_ASSERT_EQUAL(discsi_lun_read_async(
				f.lun, end.buf, 512, 0, 0, end_everything,
				&end), 0);
		discsi_context_destroy(f.ctx);
		f.ctx = NULL;
		f.session = NULL;
		f.lun = NULL;
		CU_ASSERT_EQUAL(end.done, MANY);
		CU_ASSERT_EQUAL(end.submitted, -ECANCELED);
		CU_ASSERT_EQUAL(end.opened, -ECANCELED);
	}
	fixture_end(&f);
}

struct closer {
	struct fixture *f;
	struct tally tally;
};

static void close_both(void *arg, int result, const struct discsi_error *error)
{
	struct closer *closer = arg;

	fixture_tally(&closer->tally, result, error);
	discsi_lun_close(closer->f->lun);
	discsi_session_close(closer->f->session);
	closer->f->lun = NULL;
	closer->f->session = NULL;
}

/* With others of its kind under way, healthy or lost. */
static void close_inside(enum fake_action action)
{
	const struct fake_fate fate = { 0x28, action, 3, 1, 0, 0, 0, 0 };
	static uint8_t buf[MANY * 512];
	struct tally others = { .done = 0 };
	struct fixture f;
	struct closer closer = { .f = &f };
	unsigned i;

	if (fixture_begin(&f, &plain)) {
		fake_target_set_fate(f.target, &fate);
		CU_ASSERT_EQUAL(discsi_lun_read_async(f.lun, buf, 512, 0, 0,
						      close_both, &closer), 0);
		for (i = 1; i < MANY; i++)
			CU_ASSERT_EQUAL(discsi_lun_read_async(
				f.lun, buf + i * 512, 512, i * 512, 0,
				fixture_tally, &others), 0);
		CU_ASSERT_TRUE(fixture_wait(&f, &closer.tally, 1));
		CU_ASSERT_TRUE(fixture_wait(&f, &others, MANY - 1));
	}
	fixture_end(&f);
	CU_ASSERT_EQUAL(closer.tally.done, 1);
	CU_ASSERT_EQUAL(others.done, MANY - 1);
}

static void test_closing_inside_a_callback(void)
{
	close_inside(FAKE_STATUS);
	close_inside(FAKE_DROP);
}

/* ------------------------------------------------- submitting without an end */

struct again {
	struct fixture *f;
	size_t length;
	unsigned done;
	unsigned most;   /* 0: until it is refused */
	bool only_failed;
	uint8_t buf[512];
};

static void submit_again(void *arg, int result,
			 const struct discsi_error *error)
{
	struct again *again = arg;

	(void)error;
	again->done++;
	if (again->done < again->most && (result != 0 || !again->only_failed))
		discsi_lun_read_async(again->f->lun, again->buf, again->length,
				      0, 0, submit_again, again);
}

/* A turn of the loop ends, whatever a callback does with failures. */
static void test_submitting_again_lets_others_in(void)
{
	const struct fake_fate fate = { 0x35, FAKE_DROP, 0, 1, 0, 0, 0, 0 };
	struct fixture f;
	struct again again = { .f = &f, .most = 100000 };
	struct again lost = { .f = &f, .length = 512, .most = 100000 };

	if (fixture_begin(&f, &plain)) {
		submit_again(&again, 0, NULL);
		discsi_context_dispatch(f.ctx, 0);
		CU_ASSERT_TRUE(again.done > 1);
		CU_ASSERT_TRUE(again.done < 1000);
		again.most = 0;
		fake_target_set_fate(f.target, &fate);
		CU_ASSERT_EQUAL(discsi_lun_flush(f.lun), -ENOTCONN);
		submit_again(&lost, 0, NULL);
		discsi_context_dispatch(f.ctx, 0);
		CU_ASSERT_TRUE(lost.done > 1);
		CU_ASSERT_TRUE(lost.done < 1000);
		lost.most = 0;
	}
	fixture_end(&f);
}

/*
 * The connection breaks while the session waits for the last answers: what is
 * submitted because of that, to a LUN that was left open, is refused.
 */
static void test_lost_while_closing(void)
{
	const struct fake_fate fate = { 0x28, FAKE_DROP, 0, 1, 0, 0, 0, 0 };
	struct fixture f;
	struct again again = {
		.f = &f, .length = 512, .most = 5, .only_failed = true,
	};

	if (fixture_begin(&f, &plain)) {
		fake_target_set_fate(f.target, &fate);
		CU_ASSERT_EQUAL(discsi_lun_read_async(f.lun, again.buf, 512, 0,
						      0, submit_again, &again),
				0);
		discsi_session_close(f.session);
		f.session = NULL;
		f.lun = NULL;
		CU_ASSERT_EQUAL(again.done, 1);
	}
	fixture_end(&f);
}

/* ------------------------------------------------------------------ retries */

/* Busy for a while, then news: what a target does that has started anew. */
static void test_news_after_pauses(void)
{
	const struct fake_fate busy = { 0x28, FAKE_STATUS, 0, 3, 8, 0, 0, 0 };
	const struct fake_fate news = {
		0x28, FAKE_STATUS, 0, 6, 2, 6, 0x29, 0
	};
	uint8_t buf[512];
	struct fixture f;

	if (fixture_begin(&f, &plain)) {
		fake_target_set_fate(f.target, &busy);
		fake_target_then_fate(f.target, &news);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 512, 0, 0), 0);
		CU_ASSERT_EQUAL(fake_target_fates(f.target), 9);
	}
	fixture_end(&f);
}

/* News without end are a failure, and soon. */
static void test_news_without_end(void)
{
	const struct fake_fate news = {
		0x28, FAKE_STATUS, 0, 1000000, 2, 6, 0x29, 0
	};
	uint8_t buf[512];
	struct fixture f;

	if (fixture_begin(&f, &plain)) {
		fake_target_set_fate(f.target, &news);
		CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 512, 0, 0), -EIO);
		CU_ASSERT_TRUE(fake_target_fates(f.target) < 20);
	}
	fixture_end(&f);
}

static void test_busy_without_end(void)
{
	const struct fake_fate busy = {
		0x28, FAKE_STATUS, 0, 1000000, 8, 0, 0, 0
	};
	uint64_t began;
	uint8_t buf[512];
	struct fixture f;

	if (fixture_prepare(&f, &plain)) {
		discsi_conf_set(f.conf, "command_timeout", "400");
		if (fixture_open(&f)) {
			fake_target_set_fate(f.target, &busy);
			began = now_ms();
			CU_ASSERT_EQUAL(discsi_lun_read(f.lun, buf, 512, 0, 0),
					-EIO);
			CU_ASSERT_TRUE(now_ms() - began < IN_TIME_MS);
			CU_ASSERT_TRUE(strstr(discsi_last_error()->message,
					      "busy") != NULL);
		}
	}
	fixture_end(&f);
}

/* A closed LUN's command that was sent is not tried again for long. */
static void test_closing_a_busy_lun(void)
{
	const struct fake_fate busy = {
		0x28, FAKE_STATUS, 0, 1000000, 8, 0, 0, 0
	};
	struct tally tally = { .done = 0 };
	uint8_t buf[512];
	struct fixture f;

	if (fixture_prepare(&f, &plain)) {
		discsi_conf_set(f.conf, "command_timeout", "10000");
		if (fixture_open(&f)) {
			uint64_t began = now_ms();

			fake_target_set_fate(f.target, &busy);
			discsi_lun_read_async(f.lun, buf, 512, 0, 0,
					      fixture_tally, &tally);
			discsi_context_dispatch(f.ctx, 0);  /* it is sent */
			discsi_lun_close(f.lun);
			f.lun = NULL;
			CU_ASSERT_TRUE(now_ms() - began < 5000);
			CU_ASSERT_EQUAL(tally.done, 1);
			CU_ASSERT_EQUAL(tally.last, -ECANCELED);
		}
	}
	fixture_end(&f);
}

/* ------------------------------------------------------------------ silence */

static void test_silent_logout(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .ignores_logout = true,
	};
	struct discsi_discovery *found = NULL;
	uint64_t began;
	struct fixture f;

	if (fixture_prepare(&f, &disk)) {
		discsi_conf_set(f.conf, "command_timeout", "300");
		if (fixture_open(&f)) {
			began = now_ms();
			discsi_lun_close(f.lun);
			discsi_session_close(f.session);
			CU_ASSERT_TRUE(now_ms() - began < IN_TIME_MS);
			began = now_ms();
			CU_ASSERT_EQUAL(discsi_discover(f.ctx, f.conf, &found),
					0);
			CU_ASSERT_TRUE(now_ms() - began < IN_TIME_MS);
			CU_ASSERT_PTR_NOT_NULL(found);
			discsi_discovery_free(found);
			f.lun = NULL;
			f.session = NULL;
		}
	}
	fixture_end(&f);
}

static void test_silent_discovery(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .ignores_text = true,
		.ignores_logout = true,
	};
	struct discsi_discovery *found = NULL;
	uint64_t began = now_ms();
	struct fixture f;

	if (fixture_prepare(&f, &disk)) {
		discsi_conf_set(f.conf, "command_timeout", "300");
		CU_ASSERT_EQUAL(discsi_discover(f.ctx, f.conf, &found),
				-ETIMEDOUT);
		CU_ASSERT_TRUE(now_ms() - began < IN_TIME_MS);
		CU_ASSERT_PTR_NULL(found);
		CU_ASSERT_TRUE(strstr(discsi_last_error()->message,
				      fake_target_portal(f.target)) != NULL);
	}
	fixture_end(&f);
}

/* Opening a LUN ends whichever of its questions is not answered. */
static void test_silent_opening(void)
{
	static const uint8_t questions[] = { 0x00, 0x12, 0x9e, 0x1a, 0xa3 };
	struct fixture f;
	size_t i;

	for (i = 0; i < sizeof(questions); i++) {
		const struct fake_fate fate = {
			questions[i], FAKE_SILENT, 0, 1, 0, 0, 0, 0
		};
		uint64_t began;

		if (fixture_prepare(&f, &plain)) {
			discsi_conf_set(f.conf, "command_timeout", "200");
			CU_ASSERT_EQUAL(discsi_session_open(f.ctx, f.conf,
							    &f.session), 0);
			fake_target_set_fate(f.target, &fate);
			began = now_ms();
			CU_ASSERT_EQUAL(discsi_lun_open(f.session, 0, &f.lun),
					-ETIMEDOUT);
			CU_ASSERT_TRUE(now_ms() - began < IN_TIME_MS);
			CU_ASSERT_EQUAL(fake_target_fates(f.target), 1);
		}
		fixture_end(&f);
	}
}

/* ------------------------------------------------------------ changing hands */

static bool is_readable(const struct fixture *f)
{
	struct pollfd fd = {
		.fd = discsi_context_fd(f->ctx), .events = POLLIN,
	};

	return poll(&fd, 1, 0) == 1;
}

static void on_found(void *arg, int status, struct discsi_discovery *found,
		     const struct discsi_error *error)
{
	discsi_discovery_free(found);
	fixture_tally(arg, status, error);
}

static void on_lun(void *arg, int status, struct discsi_lun *lun,
		   const struct discsi_error *error)
{
	discsi_lun_close(lun);
	fixture_tally(arg, status, error);
}

static void on_session(void *arg, int status, struct discsi_session *session,
		       const struct discsi_error *error)
{
	discsi_session_close(session);
	fixture_tally(arg, status, error);
}

/* A program that polls is told of what it has asked for itself. */
static void test_descriptor_tells_of_submissions(void)
{
	struct tally tally = { .done = 0 };
	uint8_t buf[512];
	unsigned kind;
	struct fixture f;

	if (fixture_begin(&f, &plain)) {
		for (kind = 0; kind < 6; kind++) {
			while (is_readable(&f))
				discsi_context_dispatch(f.ctx, 0);
			switch (kind) {
			case 0:
			case 1:
				discsi_lun_read_async(f.lun, buf, kind * 512, 0,
						      0, fixture_tally, &tally);
				break;
			case 2:
				discsi_lun_flush_async(f.lun, fixture_tally,
						       &tally);
				break;
			case 3:
				discsi_lun_open_async(f.session, 0, on_lun,
						      &tally);
				break;
			case 4:
				discsi_session_open_async(f.ctx, f.conf,
							  on_session, &tally);
				break;
			default:
				discsi_discover_async(f.ctx, f.conf, on_found,
						      &tally);
			}
			CU_ASSERT_TRUE(is_readable(&f));
			CU_ASSERT_TRUE(fixture_wait(&f, &tally, kind + 1));
		}
		CU_ASSERT_EQUAL(tally.ok, 6);
	}
	fixture_end(&f);
}

/* Requests go on whoever turns the loop. */
static void test_stop_and_start_under_way(void)
{
	static uint8_t buf[MANY * 512];
	struct tally tally = { .done = 0 };
	struct fixture f;
	unsigned round;
	unsigned i;

	if (fixture_begin(&f, &plain)) {
		for (round = 0; round < 10; round++) {
			CU_ASSERT_EQUAL(discsi_context_start(f.ctx), 0);
			for (i = 0; i < MANY; i++)
				CU_ASSERT_EQUAL(discsi_lun_read_async(
					f.lun, buf + i * 512, 512, i * 512, 0,
					fixture_tally, &tally), 0);
			CU_ASSERT_EQUAL(discsi_context_stop(f.ctx), 0);
			discsi_context_dispatch(f.ctx, 0);
		}
		CU_ASSERT_TRUE(fixture_wait(&f, &tally, 10 * MANY));
		CU_ASSERT_EQUAL(tally.ok, 10 * MANY);
	}
	fixture_end(&f);
}

static const struct dsc_test tests[] = {
	{ "closing_while_destroyed", test_closing_while_destroyed },
	{ "closing_inside_a_callback", test_closing_inside_a_callback },
	{ "submitting_again_lets_others_in",
	  test_submitting_again_lets_others_in },
	{ "lost_while_closing", test_lost_while_closing },
	{ "news_after_pauses", test_news_after_pauses },
	{ "news_without_end", test_news_without_end },
	{ "busy_without_end", test_busy_without_end },
	{ "closing_a_busy_lun", test_closing_a_busy_lun },
	{ "silent_logout", test_silent_logout },
	{ "silent_discovery", test_silent_discovery },
	{ "silent_opening", test_silent_opening },
	{ "descriptor_tells_of_submissions",
	  test_descriptor_tells_of_submissions },
	{ "stop_and_start_under_way", test_stop_and_start_under_way },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("session-life", tests, argc, argv);
}
