/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-io-tgt.c: data to and from tgtd and istgt, with their usual limits and
 * with tight ones, with and without header digest. What we write is looked at
 * in the backing file and with qemu-io, what qemu-io writes is read by us.
 * Test's thread, and the context's where it is threaded.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/process.h"
#include "harness/target.h"
#include "tgt/client.h"
#include "tgt/place.h"
#include "tgt/stress.h"

#define IQN "iqn.2026-11.test.io:"

/* LUNs of each target: for patterns, for random I/O, for large requests. */
#define PATTERN_BYTES (32 * MIB)
#define RANDOM_BYTES (16 * MIB)
#define LARGE_BYTES (80 * MIB)
#define LARGE_REQUEST (32 * MIB)
#define LARGE_PIECES 3001
/* tgtd carries WRITE SAME out block by block, at its leisure. */
#define LARGE_ZERO (3 * MIB)

enum { PATTERNS, RANDOM, LARGE };

/* A target and its limits, which are known by what the session settles. */
struct side {
	const char *iqn;
	unsigned block_size;
	bool has_digest;
	bool is_istgt;
	bool is_tight;
};

enum { TGTD, TGTD_4K, TGTD_TIGHT, ISTGT, ISTGT_TIGHT, SIDES };

static const struct side sides[SIDES] = {
	[TGTD] = { IQN "tgtd", 512, false, false, false },
	[TGTD_4K] = { IQN "tgtd-4k", 4096, true, false, false },
	[TGTD_TIGHT] = { IQN "tgtd-tight", 512, false, false, true },
	[ISTGT] = { IQN "istgt", 512, true, true, false },
	[ISTGT_TIGHT] = { IQN "istgt-tight", 4096, false, true, true },
};

static struct dsc_tgtd *tgtd;
static struct dsc_istgt *istgts[SIDES];

/* ------------------------------------------------------------------- setup */

static int add_tgtd_target(int tid, const struct side *side)
{
	static const uint64_t bytes[] = {
		PATTERN_BYTES, RANDOM_BYTES, LARGE_BYTES
	};
	int i;

	if (dsc_tgtd_add_target(tgtd, tid, side->iqn) != 0)
		return -1;
	for (i = 0; i < 3; i++)
		if (dsc_tgtd_add_lun(tgtd, tid, i + 1, bytes[i],
				     side->block_size,
				     side->is_tight ? 0 : DSC_LUN_THIN) != 0)
			return -1;
	if (side->has_digest)
		return dsc_tgtd_set_param(tgtd, tid, "HeaderDigest", "CRC32C");
	return 0;
}

/* Everything small, and nothing without being asked for. */
static int tighten_tgtd(int tid)
{
	static const char *const params[][2] = {
		{ "InitialR2T", "Yes" },
		{ "ImmediateData", "No" },
		{ "MaxBurstLength", "12288" },
		{ "FirstBurstLength", "4096" },
		{ "MaxRecvDataSegmentLength", "3072" },
		{ "MaxXmitDataSegmentLength", "2048" },
	};
	size_t i;

	for (i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		if (dsc_tgtd_set_param(tgtd, tid, params[i][0],
				       params[i][1]) != 0)
			return -1;
	return 0;
}

static int start_tgtd(void)
{
	int i;

	if (dsc_tgtd_start(&tgtd) != 0)
		return -1;
	for (i = TGTD; i <= TGTD_TIGHT; i++)
		if (add_tgtd_target(i + 1, &sides[i]) != 0)
			return -1;
	return tighten_tgtd(TGTD_TIGHT + 1);
}

static int start_istgt(int which)
{
	const struct side *side = &sides[which];
	const struct dsc_istgt_options options = {
		.iqn = side->iqn,
		.lun_bytes = { PATTERN_BYTES, RANDOM_BYTES, LARGE_BYTES },
		.block_size = side->block_size,
		.digest = side->has_digest ? "Header" : NULL,
		.global = side->is_tight ?
			"  InitialR2T Yes\n"
			"  ImmediateData Yes\n"
			"  FirstBurstLength 4096\n"
			"  MaxBurstLength 20480\n"
			"  MaxRecvDataSegmentLength 8192\n" : NULL,
	};

	return dsc_istgt_start(&options, &istgts[which]);
}

static int setup(void)
{
	if (!dsc_tgtd_is_installed()) {
		dsc_test_skip("tgtd is not installed");
		return 0;
	}
	if (start_tgtd() != 0)
		return -1;
	if (!dsc_istgt_is_installed())
		return 0;
	if (start_istgt(ISTGT) != 0)
		return -1;
	return start_istgt(ISTGT_TIGHT);
}

static void teardown(void)
{
	int i;

	for (i = 0; i < SIDES; i++)
		dsc_istgt_stop(istgts[i]);
	dsc_tgtd_stop(tgtd);
}

/* That what the test is about is there: the digest, the limits. */
static void check_session(const struct client *c, const struct side *side)
{
	struct discsi_session_info info = client_session_info(c);

	if (!side->is_istgt || side->has_digest)
		CU_ASSERT_EQUAL(info.header_digest, side->has_digest);
	CU_ASSERT_EQUAL(info.max_burst_bytes <= 20480, side->is_tight);
	if (side->is_tight)
		CU_ASSERT_TRUE(info.initial_r2t);
	CU_ASSERT_EQUAL(c->info.block_size, side->block_size);
}

/*
 * A client with one of a side's LUNs open; false: there is no istgt, and the
 * test is skipped, or it failed. end() is due.
 */
static bool begin(struct client *c, struct place *place, int which, int lun,
		  bool is_threaded)
{
	const struct side *side = &sides[which];

	memset(c, 0, sizeof(*c));
	memset(place, 0, sizeof(*place));
	if (side->is_istgt && !istgts[which]) {
		dsc_test_skip("istgt is not installed");
		return false;
	}
	*place = side->is_istgt ?
		 place_of_istgt(istgts[which], side->iqn, lun) :
		 place_of_tgtd(tgtd, which + 1, side->iqn, lun + 1);
	client_begin(c, place->portal, place->iqn);
	if (is_threaded)
		client_start(c);
	if (!client_open(c, (uint64_t)place->lun))
		return false;
	check_session(c, side);
	return true;
}

static void end(struct client *c, struct place *place)
{
	client_end(c);
	place_free(place);
}

/* ---------------------------------------------------------------- patterns */

/* Lengths around every limit there is, in blocks of 512 and in others. */
static const size_t lengths[] = {
	4096, 8192, 12288, 16384, 20480, 61440, 65536, 69632, 258048, 262144,
	266240, 524288, 1048576, 5 * 1048576 + 4096
};

#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

struct stretch {
	uint64_t offset;
	size_t length;
	uint8_t ours;
	uint8_t theirs;
};

/* One after the other, with 4 KiB between them. */
static void lay_out(struct stretch stretches[LENGTHS])
{
	uint64_t offset = 4096;
	size_t i;

	for (i = 0; i < LENGTHS; i++) {
		stretches[i] = (struct stretch){
			offset, lengths[i], (uint8_t)(0x11 + i),
			(uint8_t)(0x91 + i)
		};
		offset += lengths[i] + 4096;
	}
}

/* We write; the file has it, and nothing beside it. */
static void write_ours(struct client *c, const struct place *place,
		       const struct stretch *s, uint8_t *buf)
{
	memset(buf, s->ours, s->length);
	CU_ASSERT_EQUAL(discsi_lun_write(c->lun, buf, s->length, s->offset, 0),
			0);
	CU_ASSERT_TRUE(place_is(place, s->ours, s->length, s->offset));
	CU_ASSERT_TRUE(place_is(place, 0, 4096, s->offset - 4096));
	CU_ASSERT_TRUE(place_is(place, 0, 4096, s->offset + s->length));
}

/* qemu-io finds ours, and writes its own over it. */
static void exchange(const struct place *place,
		     const struct stretch stretches[LENGTHS])
{
	char text[2 * LENGTHS][64];
	const char *commands[2 * LENGTHS + 1];
	size_t i;

	for (i = 0; i < LENGTHS; i++) {
		const struct stretch *s = &stretches[i];

		snprintf(text[i], sizeof(text[i]), "read -P %u %llu %zu",
			 s->ours, (unsigned long long)s->offset, s->length);
		snprintf(text[LENGTHS + i], sizeof(text[i]),
			 "write -P %u %llu %zu", s->theirs,
			 (unsigned long long)s->offset, s->length);
	}
	for (i = 0; i < 2 * LENGTHS; i++)
		commands[i] = text[i];
	commands[i] = NULL;
	CU_ASSERT_TRUE(place_qemu_io(place, commands));
}

static void read_theirs(struct client *c, const struct stretch *s,
			uint8_t *buf)
{
	size_t i = 0;

	memset(buf, 0, s->length);
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, buf, s->length, s->offset, 0),
			0);
	while (i < s->length && buf[i] == s->theirs)
		i++;
	CU_ASSERT_EQUAL(i, s->length);
}

static void try_patterns(int which)
{
	struct stretch stretches[LENGTHS];
	uint8_t *buf = malloc(lengths[LENGTHS - 1]);
	struct place place;
	struct client c;
	size_t i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(buf);
	lay_out(stretches);
	if (!place_has_qemu_io()) {
		dsc_test_skip("qemu-io with iSCSI is not installed");
	} else if (begin(&c, &place, which, PATTERNS, false)) {
		for (i = 0; i < LENGTHS; i++)
			write_ours(&c, &place, &stretches[i], buf);
		CU_ASSERT_EQUAL(discsi_lun_flush(c.lun), 0);
		exchange(&place, stretches);
		for (i = 0; i < LENGTHS; i++)
			read_theirs(&c, &stretches[i], buf);
		end(&c, &place);
	} else {
		end(&c, &place);
	}
	free(buf);
}

static void test_patterns_tgtd(void)
{
	try_patterns(TGTD);
}

static void test_patterns_tgtd_4k_digest(void)
{
	try_patterns(TGTD_4K);
}

static void test_patterns_tgtd_tight(void)
{
	try_patterns(TGTD_TIGHT);
}

static void test_patterns_istgt_digest(void)
{
	try_patterns(ISTGT);
}

static void test_patterns_istgt_tight(void)
{
	try_patterns(ISTGT_TIGHT);
}

/* ------------------------------------------------------------------ random */

static const struct stress_options synchronous = {
	.lanes = 4, .lane_bytes = 2 * MIB, .steps = 40, .is_synchronous = true,
};

/* 64 under way at a time. */
static const struct stress_options asynchronous = {
	.lanes = 64, .lane_bytes = 256 * KIB, .steps = 30,
};

static void try_random(int which, const struct stress_options *options,
		       bool is_threaded)
{
	struct place place;
	struct client c;

	if (begin(&c, &place, which, RANDOM, is_threaded))
		stress_run(&c, &place, options);
	end(&c, &place);
}

static void test_random_sync_tgtd(void)
{
	try_random(TGTD, &synchronous, false);
}

static void test_random_sync_threaded(void)
{
	try_random(TGTD_4K, &synchronous, true);
}

static void test_random_async_tgtd(void)
{
	try_random(TGTD, &asynchronous, false);
}

static void test_random_async_threaded(void)
{
	try_random(TGTD, &asynchronous, true);
}

static void test_random_async_tgtd_4k_digest(void)
{
	try_random(TGTD_4K, &asynchronous, false);
}

static void test_random_async_tgtd_tight(void)
{
	try_random(TGTD_TIGHT, &asynchronous, false);
}

static void test_random_async_istgt_digest(void)
{
	try_random(ISTGT, &asynchronous, true);
}

static void test_random_async_istgt_tight(void)
{
	try_random(ISTGT_TIGHT, &asynchronous, false);
}

/* ------------------------------------------------------------------- large */

/* Pieces of all lengths, most of them odd; more than writev() would take. */
static void cut(uint8_t *buf, struct iovec iov[LARGE_PIECES])
{
	size_t each = LARGE_REQUEST / LARGE_PIECES;
	size_t done = 0;
	int i;

	for (i = 0; i < LARGE_PIECES; i++) {
		size_t length = i % 3 == 0 ? each - 1 : i % 3 == 1 ? each + 1
								   : each;

		if (i == LARGE_PIECES - 1)
			length = LARGE_REQUEST - done;
		iov[i].iov_base = buf + done;
		iov[i].iov_len = length;
		done += length;
	}
}

/* In many pieces, then in one. */
static void exchange_large(struct client *c, const struct place *place,
			   uint8_t *out, uint8_t *in)
{
	static struct iovec iov[LARGE_PIECES];
	uint64_t offset = 3 * MIB + 4096;

	cut(out, iov);
	CU_ASSERT_EQUAL(discsi_lun_writev(c->lun, iov, LARGE_PIECES, offset,
					  0), 0);
	CU_ASSERT_TRUE(place_has(place, out, LARGE_REQUEST, offset));
	cut(in, iov);
	CU_ASSERT_EQUAL(discsi_lun_readv(c->lun, iov, LARGE_PIECES, offset,
					 0), 0);
	CU_ASSERT_EQUAL(memcmp(in, out, LARGE_REQUEST), 0);

	offset += LARGE_REQUEST + 4096;
	CU_ASSERT_EQUAL(discsi_lun_write(c->lun, out, LARGE_REQUEST, offset,
					 DISCSI_IO_FUA), 0);
	CU_ASSERT_TRUE(place_has(place, out, LARGE_REQUEST, offset));
	memset(in, 0, LARGE_REQUEST);
	CU_ASSERT_EQUAL(discsi_lun_read(c->lun, in, LARGE_REQUEST, offset, 0),
			0);
	CU_ASSERT_EQUAL(memcmp(in, out, LARGE_REQUEST), 0);

	CU_ASSERT_EQUAL(discsi_lun_zero(c->lun, offset, LARGE_ZERO, 0), 0);
	CU_ASSERT_TRUE(place_is(place, 0, LARGE_ZERO, offset));
	CU_ASSERT_TRUE(place_has(place, out + LARGE_ZERO,
				 LARGE_REQUEST - LARGE_ZERO,
				 offset + LARGE_ZERO));
}

static void try_large(int which)
{
	uint8_t *out = malloc(LARGE_REQUEST);
	uint8_t *in = calloc(1, LARGE_REQUEST);
	struct place place;
	struct client c;

	CU_ASSERT_FATAL(out && in);
	fill_pattern(out, LARGE_REQUEST, 1);
	if (begin(&c, &place, which, LARGE, false))
		exchange_large(&c, &place, out, in);
	end(&c, &place);
	free(out);
	free(in);
}

static void test_large_tgtd(void)
{
	try_large(TGTD);
}

static void test_large_tgtd_tight(void)
{
	try_large(TGTD_TIGHT);
}

static void test_large_istgt_digest(void)
{
	try_large(ISTGT);
}

/* ------------------------------------------------------------------- death */

/* A target that dies ends every request, once, with ENOTCONN. */
static void test_target_dies(void)
{
	static uint8_t bufs[64][64 * KIB];
	struct dsc_tgtd *t;
	struct pending p;
	struct client c;
	int i;

	CU_ASSERT_EQUAL_FATAL(dsc_tgtd_start(&t), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(t, 1, IQN "mortal"), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(t, 1, 1, 16 * MIB, 512, 0), 0);
	client_begin(&c, dsc_tgtd_portal(t), IQN "mortal");
	client_set(&c, "replacement_timeout", "1000");
	client_start(&c);
	pending_init(&p, &c);
	if (client_open(&c, 1)) {
		CU_ASSERT_EQUAL(kill(dsc_tgtd_pid(t), SIGSTOP), 0);
		for (i = 0; i < 64; i++) {
			pending_add(&p);
			CU_ASSERT_EQUAL(discsi_lun_read_async(c.lun, bufs[i],
				sizeof(bufs[i]), i * sizeof(bufs[i]), 0,
				pending_done, &p), 0);
		}
		dsc_tgtd_stop(t);
		t = NULL;
		CU_ASSERT_TRUE(pending_wait(&p, 0));
		CU_ASSERT_EQUAL(p.failed, 64);
		CU_ASSERT_EQUAL(p.result, -ENOTCONN);
		CU_ASSERT_PTR_NOT_NULL(strstr(p.error.message, IQN "mortal"));
		CU_ASSERT_EQUAL(discsi_lun_read(c.lun, bufs[0], 512, 0, 0),
				-ENOTCONN);
	}
	client_end(&c);
	pending_fini(&p);
	dsc_tgtd_stop(t);
}

static const struct dsc_test tests[] = {
	{ "patterns-tgtd", test_patterns_tgtd },
	{ "patterns-tgtd-4k-digest", test_patterns_tgtd_4k_digest },
	{ "patterns-tgtd-tight", test_patterns_tgtd_tight },
	{ "patterns-istgt-digest", test_patterns_istgt_digest },
	{ "patterns-istgt-tight", test_patterns_istgt_tight },
	{ "random-sync-tgtd", test_random_sync_tgtd },
	{ "random-sync-threaded", test_random_sync_threaded },
	{ "random-async-tgtd", test_random_async_tgtd },
	{ "random-async-threaded", test_random_async_threaded },
	{ "random-async-tgtd-4k-digest", test_random_async_tgtd_4k_digest },
	{ "random-async-tgtd-tight", test_random_async_tgtd_tight },
	{ "random-async-istgt-digest", test_random_async_istgt_digest },
	{ "random-async-istgt-tight", test_random_async_istgt_tight },
	{ "large-tgtd", test_large_tgtd },
	{ "large-tgtd-tight", test_large_tgtd_tight },
	{ "large-istgt-digest", test_large_istgt_digest },
	{ "target-dies", test_target_dies },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("io-tgt", tests, setup, teardown, argc,
				     argv);
}
