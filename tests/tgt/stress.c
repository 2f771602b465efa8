/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stress.c: see stress.h. A lane is touched by one thread at a time: by the
 * test's until its first submission, then by the thread of the callbacks.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tgt/stress.h"

#define PIECES_MAX 9
#define GUARD 64
#define UNTOUCHED 0xee

enum kind { READ, WRITE, ZERO, TRIM, FLUSH };

/* Of 16 steps so many are of this kind. */
static const enum kind kinds[16] = {
	READ, READ, READ, READ, READ, READ, WRITE, WRITE, WRITE, WRITE, WRITE,
	WRITE, WRITE, ZERO, TRIM, FLUSH
};

struct stress;

struct lane {
	struct stress *stress;
	uint64_t rng;
	uint64_t base;         /* of the lane on the LUN */
	uint8_t *shadow;       /* what the lane must hold */
	uint8_t *buf;          /* of a step, and a guard behind it */
	unsigned left;         /* steps */
	bool is_undefined;     /* the last step was a trim: write over it */

	enum kind kind;        /* the step under way */
	size_t at;
	size_t length;
	unsigned flags;
	struct iovec iov[PIECES_MAX];
	int pieces;
};

struct stress {
	struct client *client;
	const struct stress_options *options;
	struct pending pending;
	uint8_t *shadow;
	struct lane *lanes;
	atomic_uint failures;
	atomic_uint mismatches;
	atomic_uint reads;     /* that were checked */
};

/* --------------------------------------------------------------- choosing */

static uint64_t next_random(struct lane *lane, uint64_t bound)
{
	lane->rng ^= lane->rng << 13;
	lane->rng ^= lane->rng >> 7;
	lane->rng ^= lane->rng << 17;
	return (lane->rng >> 11) % bound;
}

/* Lengths of all magnitudes are equally likely. */
static void choose_range(struct lane *lane)
{
	size_t block = lane->stress->client->info.block_size;
	size_t blocks = lane->stress->options->lane_bytes / block;
	size_t most = blocks;
	unsigned halvings = (unsigned)next_random(lane, 12);

	while (halvings-- > 0 && most > 1)
		most /= 2;
	lane->length = block * (1 + next_random(lane, most));
	lane->at = block * next_random(lane, blocks - lane->length / block + 1);
}

/* Cuts the buffer at any byte; a piece may be empty. */
static void choose_pieces(struct lane *lane)
{
	size_t done = 0;
	int i;

	lane->pieces = 1 + (int)next_random(lane, PIECES_MAX);
	for (i = 0; i < lane->pieces; i++) {
		size_t rest = lane->length - done;
		size_t length = next_random(lane, rest + 1);

		if (i == lane->pieces - 1)
			length = rest;
		lane->iov[i].iov_base = lane->buf + done;
		lane->iov[i].iov_len = length;
		done += length;
	}
}

static void choose_step(struct lane *lane)
{
	const struct discsi_lun_info *info = &lane->stress->client->info;

	if (lane->is_undefined) {
		lane->kind = next_random(lane, 2) ? WRITE : ZERO;
		lane->is_undefined = false;
	} else {
		choose_range(lane);
		lane->kind = kinds[next_random(lane, 16)];
	}
	if (lane->kind == TRIM && !info->can_trim)
		lane->kind = ZERO;
	lane->flags = 0;
	if (next_random(lane, 8) == 0)
		lane->flags |= DISCSI_IO_FUA;
	if (lane->kind == ZERO && next_random(lane, 2))
		lane->flags |= DISCSI_ZERO_UNMAP;
	choose_pieces(lane);
	memset(lane->buf + lane->length, UNTOUCHED, GUARD);
	if (lane->kind == WRITE)
		fill_pattern(lane->buf, lane->length, lane->rng);
	else
		memset(lane->buf, UNTOUCHED, lane->length);
}

/* ---------------------------------------------------------------- outcome */

static bool is_guard_whole(const struct lane *lane)
{
	size_t i;

	for (i = 0; i < GUARD; i++)
		if (lane->buf[lane->length + i] != UNTOUCHED)
			return false;
	return true;
}

/* What a step that has worked means for what the lane holds. */
static void account(struct lane *lane)
{
	struct stress *s = lane->stress;
	uint8_t *there = lane->shadow + lane->at;

	switch (lane->kind) {
	case READ:
		atomic_fetch_add(&s->reads, 1);
		if (memcmp(lane->buf, there, lane->length) != 0)
			atomic_fetch_add(&s->mismatches, 1);
		break;
	case WRITE:
		memcpy(there, lane->buf, lane->length);
		break;
	case ZERO:
		memset(there, 0, lane->length);
		break;
	case TRIM:
		lane->is_undefined = true;
		lane->left++;
		break;
	case FLUSH:
		break;
	}
	if (!is_guard_whole(lane))
		atomic_fetch_add(&s->mismatches, 1);
}

/* ------------------------------------------------------------ asynchronous */

static void on_step(void *arg, int result, const struct discsi_error *error);

static int submit(struct lane *lane)
{
	struct discsi_lun *lun = lane->stress->client->lun;
	uint64_t offset = lane->base + lane->at;

	switch (lane->kind) {
	case READ:
		return discsi_lun_readv_async(lun, lane->iov, lane->pieces,
					      offset, lane->flags, on_step,
					      lane);
	case WRITE:
		return discsi_lun_writev_async(lun, lane->iov, lane->pieces,
					       offset, lane->flags, on_step,
					       lane);
	case ZERO:
		return discsi_lun_zero_async(lun, offset, lane->length,
					     lane->flags, on_step, lane);
	case TRIM:
		return discsi_lun_trim_async(lun, offset, lane->length,
					     on_step, lane);
	case FLUSH:
		break;
	}
	return discsi_lun_flush_async(lun, on_step, lane);
}

/* The next step, or the lane's end. */
static void go_on(struct lane *lane)
{
	struct stress *s = lane->stress;
	int rc = 0;

	if (lane->left > 0) {
		lane->left--;
		choose_step(lane);
		rc = submit(lane);
		if (rc == 0)
			return;
	}
	pending_done(&s->pending, rc, discsi_last_error());
}

static void on_step(void *arg, int result, const struct discsi_error *error)
{
	struct lane *lane = arg;

	if (result != 0) {
		atomic_fetch_add(&lane->stress->failures, 1);
		pending_done(&lane->stress->pending, result, error);
		return;
	}
	account(lane);
	go_on(lane);
}

static void run_asynchronous(struct stress *s)
{
	unsigned i;

	for (i = 0; i < s->options->lanes; i++)
		pending_add(&s->pending);
	for (i = 0; i < s->options->lanes; i++)
		go_on(&s->lanes[i]);
	CU_ASSERT_TRUE_FATAL(pending_wait(&s->pending, 0));
	CU_ASSERT_EQUAL(s->pending.failed, 0);
	if (s->pending.failed > 0)
		dsc_test_note("%u: %s", s->pending.failed,
			      s->pending.error.message);
}

/* ------------------------------------------------------------- synchronous */

static int call(struct lane *lane)
{
	struct discsi_lun *lun = lane->stress->client->lun;
	uint64_t offset = lane->base + lane->at;

	switch (lane->kind) {
	case READ:
		return discsi_lun_readv(lun, lane->iov, lane->pieces, offset,
					lane->flags);
	case WRITE:
		return discsi_lun_writev(lun, lane->iov, lane->pieces, offset,
					 lane->flags);
	case ZERO:
		return discsi_lun_zero(lun, offset, lane->length, lane->flags);
	case TRIM:
		return discsi_lun_trim(lun, offset, lane->length);
	case FLUSH:
		break;
	}
	return discsi_lun_flush(lun);
}

static void run_synchronous(struct lane *lane)
{
	while (lane->left > 0) {
		lane->left--;
		choose_step(lane);
		if (call(lane) != 0) {
			dsc_test_note("%s", discsi_last_error()->message);
			atomic_fetch_add(&lane->stress->failures, 1);
			return;
		}
		account(lane);
	}
}

/* ------------------------------------------------------------------- whole */

static uint64_t choose_seed(void)
{
	const char *text = getenv("DSC_TEST_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 0;

	if (seed == 0 && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 1;
	dsc_test_note("DSC_TEST_SEED=%" PRIu64, seed);
	return seed;
}

static void begin(struct stress *s, struct client *c,
		  const struct stress_options *options)
{
	uint64_t seed = choose_seed();
	unsigned i;

	memset(s, 0, sizeof(*s));
	s->client = c;
	s->options = options;
	pending_init(&s->pending, c);
	s->shadow = malloc(options->lanes * options->lane_bytes);
	s->lanes = calloc(options->lanes, sizeof(*s->lanes));
	CU_ASSERT_FATAL(s->shadow && s->lanes);
	for (i = 0; i < options->lanes; i++) {
		struct lane *lane = &s->lanes[i];

		lane->stress = s;
		lane->rng = (seed + i) * UINT64_C(0x9e3779b97f4a7c15) | 1;
		lane->base = i * (uint64_t)options->lane_bytes;
		lane->shadow = s->shadow + lane->base;
		lane->buf = malloc(options->lane_bytes + GUARD);
		lane->left = options->steps;
		CU_ASSERT_PTR_NOT_NULL_FATAL(lane->buf);
	}
}

static void end(struct stress *s)
{
	unsigned i;

	for (i = 0; i < s->options->lanes; i++)
		free(s->lanes[i].buf);
	free(s->lanes);
	free(s->shadow);
	pending_fini(&s->pending);
}

void stress_run(struct client *c, const struct place *place,
		const struct stress_options *options)
{
	size_t total = options->lanes * options->lane_bytes;
	struct stress s;
	unsigned i;

	begin(&s, c, options);
	fill_pattern(s.shadow, total, s.lanes[0].rng);
	place_poke(place, s.shadow, total, 0);
	if (options->is_synchronous)
		for (i = 0; i < options->lanes; i++)
			run_synchronous(&s.lanes[i]);
	else
		run_asynchronous(&s);
	CU_ASSERT_EQUAL(atomic_load(&s.failures), 0);
	CU_ASSERT_EQUAL(atomic_load(&s.mismatches), 0);
	CU_ASSERT(atomic_load(&s.reads) > 0);
	CU_ASSERT_EQUAL(discsi_lun_flush(c->lun), 0);
	CU_ASSERT_TRUE(place_has(place, s.shadow, total, 0));
	CU_ASSERT_TRUE(place_is_seen_as(place, s.shadow, total));
	end(&s);
}
