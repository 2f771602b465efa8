/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-lun-faults.c: answers that are not GOOD, answers that do not come,
 * connections that break, handles closed under way, and threads: every
 * callback exactly once, each with the right errno.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake/fixture.h"
#include "harness/harness.h"

#define DISK_BLOCKS 131072u
#define MANY 1000

static const struct fake_disk plain = { .blocks = DISK_BLOCKS };

/* Reads one block while a rule applies; it must have been applied. */
static int read_with_fate(struct fixture *f, const struct fake_fate *fate)
{
	uint8_t buf[512];
	int rc;

	fake_target_set_fate(f->target, fate);
	rc = discsi_lun_read(f->lun, buf, sizeof(buf), 0, 0);
	CU_ASSERT_EQUAL(fake_target_fates(f->target), fate->count);
	return rc;
}

/* --------------------------------------------------------- SCSI statuses */

static void test_status_and_sense(void)
{
	static const struct {
		struct fake_fate fate;
		int expected;
	} rows[] = {
		/* unit attention, busy, task set full, aborted: retried */
		{ { 0x28, FAKE_STATUS, 0, 3, 0x02, 6, 0x29, 0 }, 0 },
		{ { 0x28, FAKE_STATUS, 0, 2, 0x08, 0, 0, 0 }, 0 },
		{ { 0x28, FAKE_STATUS, 0, 2, 0x28, 0, 0, 0 }, 0 },
		{ { 0x28, FAKE_STATUS, 0, 1, 0x40, 0, 0, 0 }, 0 },
		{ { 0x28, FAKE_STATUS, 0, 1, 0x02, 0xb, 0x47, 0 }, 0 },
		{ { 0x28, FAKE_STATUS, 0, 1, 0x02, 2, 0x04, 1 }, 0 },
		/* final */
		{ { 0x28, FAKE_STATUS, 0, 1, 0x18, 0, 0, 0 }, -EBADE },
		{ { 0x28, FAKE_STATUS, 0, 1, 0x02, 3, 0x11, 0 }, -ENODATA },
		{ { 0x28, FAKE_STATUS, 0, 1, 0x02, 4, 0x44, 0 }, -EIO },
		{ { 0x28, FAKE_STATUS, 0, 1, 0x02, 5, 0x25, 0 }, -ENXIO },
		{ { 0x28, FAKE_STATUS, 0, 1, 0x02, 7, 0x27, 7 }, -ENOSPC },
		{ { 0x28, FAKE_STATUS, 0, 1, 0x02, 7, 0x27, 0 }, -EROFS },
	};
	struct fixture f;
	size_t i;

	if (fixture_begin(&f, &plain)) {
		for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			int rc = read_with_fate(&f, &rows[i].fate);

			if (rc != rows[i].expected)
				dsc_test_note("row %zu: %d", i, rc);
			CU_ASSERT_EQUAL(rc, rows[i].expected);
		}
	}
	fixture_end(&f);
}

static void test_error_tells_sense(void)
{
	const struct fake_fate fate = {
		0x28, FAKE_STATUS, 0, 1, 0x02, 3, 0x11, 0
	};
	const struct discsi_error *error;
	struct fixture f;

	if (fixture_begin(&f, &plain)) {
		CU_ASSERT_EQUAL(read_with_fate(&f, &fate), -ENODATA);
		error = discsi_last_error();
		CU_ASSERT_EQUAL(error->scsi_status, 2);
		CU_ASSERT_EQUAL(error->sense_key, 3);
		CU_ASSERT_EQUAL(error->asc, 0x11);
		CU_ASSERT_TRUE(strstr(error->message, FAKE_IQN) != NULL);
		CU_ASSERT_TRUE(strstr(error->message, "READ(10)") != NULL);
	}
	fixture_end(&f);
}

/* Unit attentions at the very first command must not hinder opening. */
static void test_unit_attention_while_opening(void)
{
	const struct fake_fate fate = {
		0x00, FAKE_STATUS, 0, 4, 0x02, 6, 0x29, 0
	};
	struct fixture f;

	if (fixture_prepare(&f, &plain)) {
		fake_target_set_fate(f.target, &fate);
		fixture_open(&f);
		CU_ASSERT_EQUAL(fake_target_fates(f.target), 4);
	}
	fixture_end(&f);
}

/* One piece of many fails: the whole fails, once, with that error. */
static void test_one_piece_fails(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .max_transfer = 8,
	};
	const struct fake_fate fate = {
		0x2a, FAKE_STATUS, 40, 1, 0x02, 3, 0x0c, 0
	};
	size_t length = 400 * 4096;
	uint8_t *buf = calloc(1, length);
	struct tally tally = { .done = 0 };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		fake_target_set_fate(f.target, &fate);
		CU_ASSERT_EQUAL(discsi_lun_write_async(f.lun, buf, length, 0, 0,
						       fixture_tally, &tally),
				0);
		CU_ASSERT_EQUAL(tally.done, 0);
		CU_ASSERT_TRUE(fixture_wait(&f, &tally, 1));
		CU_ASSERT_EQUAL(tally.last, -ENODATA);
		CU_ASSERT_EQUAL(tally.error.asc, 0x0c);
		CU_ASSERT_TRUE(fake_target_count(f.target, 0x2a) < 100);
	}
	fixture_end(&f);
	free(buf);
}

/* -------------------------------------------------- claims that are false */

static const struct fake_disk able = {
	.blocks = DISK_BLOCKS, .max_write_same = 1000, .max_unmap = 2048,
	.is_thin = true,
};

/* Meets an overflow at the command with this opcode. */
static void expect_overflow(struct fixture *f, uint8_t opcode)
{
	const struct fake_fate fate = { opcode, FAKE_OVERFLOW, 0, 1, 0, 0, 0,
					0 };

	fake_target_set_fate(f->target, &fate);
}

static void check_overflow(struct fixture *f, int rc)
{
	CU_ASSERT_EQUAL(fake_target_fates(f->target), 1);
	CU_ASSERT_EQUAL(rc, -EIO);
	CU_ASSERT_TRUE(strstr(discsi_last_error()->message,
			      "28672 bytes more") != NULL);
}

/*
 * GOOD, but the target would move more: what it counts as a block is not what
 * we do, and no command that moves blocks was carried out as it was meant.
 */
static void test_overflow(void)
{
	uint8_t buf[4096] = { 1 };
	struct fixture f;

	if (fixture_begin(&f, &able)) {
		expect_overflow(&f, 0x28);
		check_overflow(&f, discsi_lun_read(f.lun, buf, 4096, 0, 0));
		expect_overflow(&f, 0x2a);
		check_overflow(&f, discsi_lun_write(f.lun, buf, 4096, 0, 0));
		expect_overflow(&f, 0x42);
		check_overflow(&f, discsi_lun_trim(f.lun, 0, 4096));
		expect_overflow(&f, 0x93);
		check_overflow(&f, discsi_lun_zero(f.lun, 0, 4096, 0));
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, buf, 4096, 0, 0), 0);
	}
	fixture_end(&f);
}

/* An answer of which less was asked for than there is. */
static void test_overflow_of_an_answer(void)
{
	struct fixture f;

	if (fixture_begin(&f, &able)) {
		expect_overflow(&f, 0x9e);
		CU_ASSERT_EQUAL(discsi_lun_refresh(f.lun), 0);
		CU_ASSERT_EQUAL(fake_target_fates(f.target), 1);
	}
	fixture_end(&f);
}

/* Each piece is refused: what is learnt is that unmapping does not work. */
static void test_unmapping_refused_twice(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .max_write_same = 1000, .is_thin = true,
		.claims_unmapping = true,
	};
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_TRUE(f.info.can_zero_unmap);
		CU_ASSERT_EQUAL(discsi_lun_zero(f.lun, 0, 4000 * 512,
						DISCSI_ZERO_UNMAP |
						DISCSI_ZERO_FAST), 0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x2a), 0);
		CU_ASSERT_EQUAL(discsi_lun_get_info(f.lun, &f.info), 0);
		CU_ASSERT_FALSE(f.info.can_zero_unmap);
		CU_ASSERT_TRUE(f.info.can_zero);
	}
	fixture_end(&f);
}

static void check_unflushed(int rc)
{
	const struct discsi_error *error = discsi_last_error();

	CU_ASSERT_EQUAL(rc, -EIO);
	CU_ASSERT_EQUAL(error->errnum, EIO);
	CU_ASSERT_EQUAL(error->sense_key, 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "has a write cache and "
				      "refuses to flush it"));
}

/* What is in a cache that cannot be emptied is not on stable storage. */
static void test_cache_that_is_not_flushed(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .write_cache = true, .has_no_sync = true,
	};
	uint8_t buf[512] = { 0 };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		check_unflushed(discsi_lun_flush(f.lun));
		check_unflushed(discsi_lun_flush(f.lun));
		check_unflushed(discsi_lun_write(f.lun, buf, 512, 0,
						 DISCSI_IO_FUA));
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x35), 3);
	}
	fixture_end(&f);
}

/* A flush that was refused once says nothing about the next. */
static void test_flush_refused_once(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .write_cache = true,
	};
	const struct fake_fate fate = {
		0x35, FAKE_STATUS, 0, 1, 0x02, 5, 0x24, 0
	};
	uint8_t buf[512] = { 0 };
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		fake_target_set_fate(f.target, &fate);
		check_unflushed(discsi_lun_flush(f.lun));
		CU_ASSERT_EQUAL(fake_target_fates(f.target), 1);
		CU_ASSERT_EQUAL(discsi_lun_write(f.lun, buf, 512, 0,
						 DISCSI_IO_FUA), 0);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x35), 2);
	}
	fixture_end(&f);
}

/* A target that tells of one block at a time is not asked for ever. */
static void test_block_status_in_crumbs(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .is_thin = true, .status_blocks = 1,
	};
	struct discsi_extent extent;
	size_t count = 1;
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		CU_ASSERT_EQUAL(discsi_lun_block_status(f.lun, 0, f.info.bytes,
							&extent, &count), 0);
		CU_ASSERT_EQUAL(count, 1);
		CU_ASSERT_TRUE(extent.length > 0);
		CU_ASSERT_TRUE(fake_target_count(f.target, 0x9e) < 2000);
	}
	fixture_end(&f);
}

/* 0xffffffff means "ask with READ CAPACITY(16)", not a size. */
static void test_refresh_beyond_capacity10(void)
{
	const struct fake_disk disk = {
		.blocks = DISK_BLOCKS, .has_no_capacity16 = true,
	};
	struct fixture f;

	if (fixture_begin(&f, &disk)) {
		fake_target_resize(f.target, UINT64_C(1) << 33);
		CU_ASSERT_EQUAL(discsi_lun_refresh(f.lun), -EPROTO);
		CU_ASSERT_EQUAL(discsi_lun_get_info(f.lun, &f.info), 0);
		CU_ASSERT_EQUAL(f.info.blocks, DISK_BLOCKS);
	}
	fixture_end(&f);
}

/* --------------------------------------------------- silence and breakage */

static void submit_reads(struct fixture *f, uint8_t *buf, struct tally *tally)
{
	unsigned i;

	for (i = 0; i < MANY; i++)
		CU_ASSERT_EQUAL(discsi_lun_read_async(f->lun, buf + i * 512,
						      512, i * 512, 0,
						      fixture_tally, tally), 0);
	CU_ASSERT_EQUAL(tally->done, 0);
}

static void test_no_answer_is_a_deadline(void)
{
	const struct fake_fate fate = {
		0x28, FAKE_SILENT, 0, 1, 0, 0, 0, 0
	};
	uint64_t began;
	uint64_t took_ms;
	struct fixture f;

	if (fixture_prepare(&f, &plain)) {
		discsi_conf_set(f.conf, "command_timeout", "300");
		if (fixture_open(&f)) {
			began = dsc_clock_now_ns();
			CU_ASSERT_EQUAL(read_with_fate(&f, &fate), -ETIMEDOUT);
			took_ms = (dsc_clock_now_ns() - began) / DSC_NS_PER_MS;
			/* The last quarter is for aborting it. */
			CU_ASSERT_TRUE(took_ms >= 225);
			CU_ASSERT_TRUE(strstr(discsi_last_error()->message,
					      "300 ms") != NULL);
			CU_ASSERT_EQUAL(discsi_lun_flush(f.lun), -ENOTCONN);
		}
	}
	fixture_end(&f);
}

static void test_drop_completes_each_once(void)
{
	const struct fake_fate fate = {
		0x28, FAKE_DROP, MANY / 2, 1, 0, 0, 0, 0
	};
	uint8_t *buf = malloc(MANY * 512);
	struct tally tally = { .done = 0 };
	struct discsi_session_info info = { .size = sizeof(info) };
	struct fixture f;

	if (fixture_begin(&f, &plain)) {
		fake_target_set_fate(f.target, &fate);
		submit_reads(&f, buf, &tally);
		CU_ASSERT_TRUE(fixture_wait(&f, &tally, MANY));
		CU_ASSERT_EQUAL(tally.ok, MANY / 2);
		CU_ASSERT_EQUAL(tally.last, -ENOTCONN);
		discsi_context_dispatch(f.ctx, 0);
		CU_ASSERT_EQUAL(tally.done, MANY);
		CU_ASSERT_EQUAL(discsi_lun_flush(f.lun), -ENOTCONN);
		CU_ASSERT_EQUAL(discsi_session_get_info(f.session, &info), 0);
		CU_ASSERT_FALSE(info.connected);
	}
	fixture_end(&f);
	free(buf);
}

/* ----------------------------------------------------- closing under way */

static void test_close_lun_under_way(void)
{
	uint8_t *buf = malloc(MANY * 512);
	struct tally tally = { .done = 0 };
	struct fixture f;

	if (fixture_begin(&f, &plain)) {
		submit_reads(&f, buf, &tally);
		discsi_lun_close(f.lun);
		f.lun = NULL;
		CU_ASSERT_EQUAL(tally.done, MANY);
		CU_ASSERT_EQUAL(tally.last, -ECANCELED);
	}
	fixture_end(&f);
	free(buf);
}

static void test_close_session_under_way(void)
{
	uint8_t *buf = malloc(MANY * 512);
	struct tally tally = { .done = 0 };
	struct fixture f;

	if (fixture_begin(&f, &plain)) {
		submit_reads(&f, buf, &tally);
		discsi_session_close(f.session);
		f.session = NULL;
		f.lun = NULL;
		CU_ASSERT_EQUAL(tally.done, MANY);
		CU_ASSERT_EQUAL(tally.ok, MANY);
	}
	fixture_end(&f);
	free(buf);
}

static void test_destroy_context_under_way(void)
{
	uint8_t *buf = malloc(MANY * 512);
	struct tally tally = { .done = 0 };
	struct fixture f;

	if (fixture_begin(&f, &plain)) {
		submit_reads(&f, buf, &tally);
		discsi_context_destroy(f.ctx);
		f.ctx = NULL;
		f.session = NULL;
		f.lun = NULL;
		CU_ASSERT_EQUAL(tally.done, MANY);
		CU_ASSERT_EQUAL(tally.last, -ECANCELED);
	}
	fixture_end(&f);
	free(buf);
}

struct opening {
	struct tally tally;
	bool is_open;
};

static void on_opened(void *arg, int status, struct discsi_session *session,
		      const struct discsi_error *error)
{
	struct opening *opening = arg;

	opening->is_open = session != NULL;
	fixture_tally(&opening->tally, status, error);
}

/* However far it has got: the callback once, the session open or nothing. */
static void test_destroy_context_while_opening(void)
{
	struct fixture f;
	int turns;

	for (turns = 0; turns < 6; turns++) {
		struct opening opening = { .is_open = false };
		int i;

		if (fixture_prepare(&f, &plain)) {
			CU_ASSERT_EQUAL(discsi_session_open_async(
				f.ctx, f.conf, on_opened, &opening), 0);
			for (i = 0; i < turns; i++)
				discsi_context_dispatch(f.ctx, 50);
			discsi_context_destroy(f.ctx);
			f.ctx = NULL;
			CU_ASSERT_EQUAL(opening.tally.done, 1);
			CU_ASSERT_EQUAL(opening.is_open, opening.tally.ok == 1);
			if (!opening.is_open)
				CU_ASSERT_EQUAL(opening.tally.last, -ECANCELED);
		}
		fixture_end(&f);
	}
}

/* --------------------------------------------------- callbacks and threads */

static void read_inside(void *arg, int result, const struct discsi_error *error)
{
	struct fixture *f = arg;
	uint8_t buf[512];

	(void)error;
	CU_ASSERT_EQUAL(result, 0);
	CU_ASSERT_EQUAL(discsi_lun_read(f->lun, buf, 512, 0, 0), -EDEADLK);
	f->info.size = 0;  /* it has run */
}

static void test_waiting_inside_a_callback(void)
{
	struct fixture f;
	uint8_t buf[512];

	if (fixture_begin(&f, &plain)) {
		CU_ASSERT_EQUAL(discsi_lun_read_async(f.lun, buf, 512, 0, 0,
						      read_inside, &f), 0);
		while (f.info.size != 0)
			discsi_context_dispatch(f.ctx, -1);
	}
	fixture_end(&f);
}

struct chain {
	struct fixture *f;
	uint8_t buf[512];
	unsigned left;
	bool is_over;
};

/* Submits the next from inside the callback of the last. */
static void on_link(void *arg, int result, const struct discsi_error *error)
{
	struct chain *chain = arg;

	(void)error;
	CU_ASSERT_EQUAL(result, 0);
	if (chain->left-- == 0) {
		chain->is_over = true;
		return;
	}
	CU_ASSERT_EQUAL(discsi_lun_read_async(chain->f->lun, chain->buf, 512,
					      chain->left * 512, 0, on_link,
					      chain), 0);
}

static void test_submitting_inside_a_callback(void)
{
	struct fixture f;
	struct chain chain = { .f = &f, .left = 200 };

	if (fixture_begin(&f, &plain)) {
		CU_ASSERT_EQUAL(discsi_lun_flush_async(f.lun, on_link, &chain),
				0);
		while (!chain.is_over)
			discsi_context_dispatch(f.ctx, -1);
		CU_ASSERT_EQUAL(fake_target_count(f.target, 0x28), 200);
	}
	fixture_end(&f);
}

struct worker {
	pthread_t thread;
	struct discsi_lun *lun;
	unsigned number;
	unsigned wrong;
};

/* Each has its own part of the disk. CUnit is not for threads: counts. */
static void *run_worker(void *arg)
{
	struct worker *worker = arg;
	uint64_t base = worker->number * UINT64_C(4194304);
	uint8_t out[65536];
	uint8_t in[65536];
	uint32_t i;

	for (i = 0; i < 100; i++) {
		size_t length = 512u << i % 8;
		uint64_t offset = base + i * UINT64_C(33) * 512;

		fixture_fill(out, length, worker->number * 1000 + i);
		if (discsi_lun_write(worker->lun, out, length, offset, 0) != 0 ||
		    discsi_lun_read(worker->lun, in, length, offset, 0) != 0 ||
		    memcmp(in, out, length) != 0)
			worker->wrong++;
	}
	return NULL;
}

static void test_threads(void)
{
	struct worker workers[8];
	struct fixture f;
	unsigned i;

	if (fixture_begin(&f, &plain)) {
		CU_ASSERT_EQUAL(discsi_context_start(f.ctx), 0);
		for (i = 0; i < 8; i++) {
			workers[i].lun = f.lun;
			workers[i].number = i;
			workers[i].wrong = 0;
			pthread_create(&workers[i].thread, NULL, run_worker,
				       &workers[i]);
		}
		CU_ASSERT_EQUAL(discsi_lun_refresh(f.lun), 0);
		for (i = 0; i < 8; i++) {
			pthread_join(workers[i].thread, NULL);
			CU_ASSERT_EQUAL(workers[i].wrong, 0);
		}
	}
	fixture_end(&f);
}

static const struct dsc_test tests[] = {
	{ "status_and_sense", test_status_and_sense },
	{ "error_tells_sense", test_error_tells_sense },
	{ "unit_attention_while_opening", test_unit_attention_while_opening },
	{ "one_piece_fails", test_one_piece_fails },
	{ "unmapping_refused_twice", test_unmapping_refused_twice },
	{ "overflow", test_overflow },
	{ "overflow_of_an_answer", test_overflow_of_an_answer },
	{ "cache_that_is_not_flushed", test_cache_that_is_not_flushed },
	{ "flush_refused_once", test_flush_refused_once },
	{ "block_status_in_crumbs", test_block_status_in_crumbs },
	{ "refresh_beyond_capacity10", test_refresh_beyond_capacity10 },
	{ "no_answer_is_a_deadline", test_no_answer_is_a_deadline },
	{ "drop_completes_each_once", test_drop_completes_each_once },
	{ "close_lun_under_way", test_close_lun_under_way },
	{ "close_session_under_way", test_close_session_under_way },
	{ "destroy_context_under_way", test_destroy_context_under_way },
	{ "destroy_context_while_opening", test_destroy_context_while_opening },
	{ "waiting_inside_a_callback", test_waiting_inside_a_callback },
	{ "submitting_inside_a_callback", test_submitting_inside_a_callback },
	{ "threads", test_threads },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("lun-faults", tests, argc, argv);
}
