/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * read-blocks.c: reads a whole LUN with 64 reads under way at any time and
 * prints how many of its bytes are not zero. It teaches the asynchronous
 * calls: a callback counts what its read has brought and submits the next
 * one; main() turns the loop until none is left. A driven context, one thread.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <discsi/discsi.h>

#define DEPTH 64
#define CHUNK ((size_t)64 * 1024)

struct scan {
	struct discsi_lun *lun;
	uint64_t next;      /* offset of the next read */
	uint64_t end;
	uint64_t nonzero;   /* bytes counted so far */
	unsigned under_way; /* reads that have not completed */
	bool has_failed;
};

/* One of the reads that are under way; its buffer is used again and again. */
struct slot {
	struct scan *scan;
	size_t length;
	unsigned char data[CHUNK];
};

static void on_read(void *arg, int result, const struct discsi_error *error);

static void fail(struct scan *scan, const struct discsi_error *error)
{
	if (!scan->has_failed)
		fprintf(stderr, "read-blocks: %s\n", error->message);
	scan->has_failed = true;
}

static void submit(struct slot *slot)
{
	struct scan *scan = slot->scan;
	uint64_t left = scan->end - scan->next;

	if (left == 0 || scan->has_failed)
		return;
	slot->length = left < CHUNK ? (size_t)left : CHUNK;
	if (discsi_lun_read_async(scan->lun, slot->data, slot->length,
				  scan->next, 0, on_read, slot) < 0) {
		fail(scan, discsi_last_error());
		return;
	}
	scan->next += slot->length;
	scan->under_way++;
}

static void on_read(void *arg, int result, const struct discsi_error *error)
{
	struct slot *slot = arg;
	size_t i;

	slot->scan->under_way--;
	if (result < 0) {
		fail(slot->scan, error);
		return;
	}
	for (i = 0; i < slot->length; i++)
		slot->scan->nonzero += slot->data[i] != 0;
	submit(slot);
}

static bool scan_lun(struct discsi_context *ctx, struct discsi_lun *lun)
{
	struct discsi_lun_info info = { .size = sizeof(info) };
	struct scan scan = { .lun = lun };
	struct slot *slots = calloc(DEPTH, sizeof(*slots));
	size_t i;

	if (slots == NULL || discsi_lun_get_info(lun, &info) < 0) {
		free(slots);
		return false;
	}
	scan.end = info.bytes;
	for (i = 0; i < DEPTH; i++) {
		slots[i].scan = &scan;
		submit(&slots[i]);
	}
	while (scan.under_way > 0)
		discsi_context_dispatch(ctx, -1);
	free(slots);
	if (!scan.has_failed)
		printf("%" PRIu64 " of %" PRIu64 " bytes are not zero\n",
		       scan.nonzero, info.bytes);
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
		fprintf(stderr, "read-blocks: %s\n",
			discsi_last_error()->message);
	else
		is_read = scan_lun(ctx, lun);
	discsi_lun_close(lun);
	discsi_session_close(session);
	discsi_conf_free(conf);
	discsi_context_destroy(ctx);
	return is_read ? 0 : 1;
}
