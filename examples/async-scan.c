/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * async-scan.c: the checksum of a whole LUN, the one that cksum(1) prints for
 * the same bytes, with 64 reads under way at any time and a progress bar on a
 * terminal. It teaches the asynchronous calls where order matters: reads
 * complete in any order, a ring of slots takes them up in the order of their
 * offsets, and a slot that has been taken up reads the next piece. A driven
 * context, one thread.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <discsi/discsi.h>

#define DEPTH 64
#define PIECE ((size_t)64 * 1024)
#define BAR_WIDTH 50u

/* One of the reads that are under way; its buffer is used again and again. */
struct slot {
	struct scan *scan;
	size_t length;
	bool is_done;
	unsigned char data[PIECE];
};

struct scan {
	struct discsi_lun *lun;
	struct slot *slots;   /* read number n is in slot n % DEPTH */
	uint64_t end;
	uint64_t next;        /* offset of the next read */
	uint64_t summed;      /* bytes that sum has taken up */
	unsigned under_way;   /* reads that have not completed */
	unsigned percent;     /* as last shown */
	uint32_t sum;
	uint32_t table[256];
	bool has_failed;
	bool has_bar;
};

/* The checksum of POSIX: a CRC, highest bit first, that ends in the length. */
static void sum_init(struct scan *scan)
{
	uint32_t i;
	int bit;

	for (i = 0; i < 256; i++) {
		uint32_t value = i << 24;

		for (bit = 0; bit < 8; bit++)
			value = value << 1 ^ (value >> 31 ? 0x04c11db7 : 0);
		scan->table[i] = value;
	}
}

static void sum_byte(struct scan *scan, unsigned char byte)
{
	scan->sum = scan->sum << 8 ^ scan->table[scan->sum >> 24 ^ byte];
}

static uint32_t sum_end(struct scan *scan)
{
	uint64_t length;

	for (length = scan->summed; length > 0; length >>= 8)
		sum_byte(scan, (unsigned char)length);
	return ~scan->sum;
}

static void show_progress(struct scan *scan)
{
	unsigned percent = (unsigned)(scan->summed / (scan->end / 100 + 1));
	unsigned i;

	if (!scan->has_bar || percent == scan->percent)
		return;
	scan->percent = percent;
	fputs("\r[", stderr);
	for (i = 0; i < BAR_WIDTH; i++)
		putc(i < percent * BAR_WIDTH / 100 ? '#' : ' ', stderr);
	fprintf(stderr, "] %u %%", percent);
}

static void fail(struct scan *scan, const struct discsi_error *error)
{
	if (!scan->has_failed)
		fprintf(stderr, "async-scan: %s\n", error->message);
	scan->has_failed = true;
}

static void on_read(void *arg, int result, const struct discsi_error *error);

static void submit(struct slot *slot)
{
	struct scan *scan = slot->scan;
	uint64_t left = scan->end - scan->next;

	slot->is_done = false;
	if (left == 0 || scan->has_failed)
		return;
	slot->length = left < PIECE ? (size_t)left : PIECE;
	if (discsi_lun_read_async(scan->lun, slot->data, slot->length,
				  scan->next, 0, on_read, slot) < 0) {
		fail(scan, discsi_last_error());
		return;
	}
	scan->next += slot->length;
	scan->under_way++;
}

/* Takes up what has arrived and has nothing missing before it. */
static void take_up(struct scan *scan)
{
	struct slot *slot = &scan->slots[scan->summed / PIECE % DEPTH];
	size_t i;

	while (slot->is_done) {
		for (i = 0; i < slot->length; i++)
			sum_byte(scan, slot->data[i]);
		scan->summed += slot->length;
		submit(slot);
		slot = &scan->slots[scan->summed / PIECE % DEPTH];
	}
	show_progress(scan);
}

static void on_read(void *arg, int result, const struct discsi_error *error)
{
	struct slot *slot = arg;

	slot->scan->under_way--;
	if (result < 0) {
		fail(slot->scan, error);
		return;
	}
	slot->is_done = true;
	take_up(slot->scan);
}

static bool scan_lun(struct discsi_context *ctx, struct discsi_lun *lun)
{
	struct discsi_lun_info info = { .size = sizeof(info) };
	struct scan scan = {
		.lun = lun,
		.slots = calloc(DEPTH, sizeof(*scan.slots)),
		.has_bar = isatty(STDERR_FILENO),
	};
	size_t i;

	if (scan.slots == NULL || discsi_lun_get_info(lun, &info) < 0) {
		free(scan.slots);
		return false;
	}
	sum_init(&scan);
	scan.end = info.bytes;
	for (i = 0; i < DEPTH; i++) {
		scan.slots[i].scan = &scan;
		submit(&scan.slots[i]);
	}
	while (scan.under_way > 0)
		discsi_context_dispatch(ctx, -1);
	free(scan.slots);
	if (scan.has_bar)
		putc('\n', stderr);
	if (!scan.has_failed)
		printf("%" PRIu32 " %" PRIu64 "\n", sum_end(&scan), info.bytes);
	return !scan.has_failed;
}

int main(int argc, char **argv)
{
	struct discsi_context *ctx = NULL;
	struct discsi_conf *conf = NULL;
	struct discsi_session *session = NULL;
	struct discsi_lun *lun = NULL;
	bool is_read = false;

	if (discsi_context_new(&ctx) < 0 || discsi_conf_new(&conf) < 0 ||
	    discsi_conf_set_url(conf, argc == 2 ? argv[1] : "") < 0 ||
	    discsi_session_open(ctx, conf, &session) < 0 ||
	    discsi_lun_open(session, DISCSI_LUN_OF_CONF, &lun) < 0)
		fprintf(stderr, "async-scan: %s\n",
			discsi_last_error()->message);
	else
		is_read = scan_lun(ctx, lun);
	discsi_lun_close(lun);
	discsi_session_close(session);
	discsi_conf_free(conf);
	discsi_context_destroy(ctx);
	return is_read ? 0 : 1;
}
