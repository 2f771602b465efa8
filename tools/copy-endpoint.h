/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-endpoint.h: one side of a copy: a file, a block device or a LUN, behind
 * the same calls. Failures are kept with fail() or fail_library(), the name of
 * the side and the offset in front. Main thread.
 */
#ifndef TOOLS_COPY_ENDPOINT_H
#define TOOLS_COPY_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"
#include "connect.h"

#define ENDPOINT_EXTENTS 64

enum endpoint_kind { ENDPOINT_FILE, ENDPOINT_DEVICE, ENDPOINT_LUN };

struct endpoint {
	enum endpoint_kind kind;
	char name[256];          /* for messages */
	int fd;                  /* -1 for a LUN */
	struct connection connection;
	uint64_t bytes;
	uint32_t block_size;     /* what is transferred is a multiple of it */
	bool is_blank;           /* a new file: what is not written is zero */
	/* where a LUN is allocated: extents from extents_offset on */
	bool has_no_map;
	struct discsi_extent extents[ENDPOINT_EXTENTS];
	size_t nextents;
	uint64_t extents_offset;
};

/* Both leave something that endpoint_close() takes, also on failure. */
int endpoint_open_source(struct endpoint *endpoint, const struct cli *cli,
			 struct discsi_context *ctx, const char *operand);

/* Also checks that there is room for the source, and prepares a file. */
int endpoint_open_destination(struct endpoint *endpoint, const struct cli *cli,
			      struct discsi_context *ctx, const char *operand,
			      const struct endpoint *source);

/* A copy_extent_fn: where the endpoint is known to be empty. */
int endpoint_extent(void *endpoint, uint64_t offset, uint64_t *length,
		    bool *is_zero);

/* length, rounded up to what the endpoint can transfer. */
size_t endpoint_round_up(const struct endpoint *endpoint, size_t length);

/*
 * Each returns 1 when it is done, 0 when cb will be called with arg (on the
 * context's thread), or a negative errno. Lengths for a LUN are multiples of
 * its block size.
 */
int endpoint_read(struct endpoint *endpoint, void *buf, size_t length,
		  uint64_t offset, discsi_done_cb cb, void *arg);
int endpoint_write(struct endpoint *endpoint, const void *buf, size_t length,
		   uint64_t offset, discsi_done_cb cb, void *arg);
int endpoint_zero(struct endpoint *endpoint, uint64_t length, uint64_t offset,
		  discsi_done_cb cb, void *arg);

/* Waits until what was written is on stable storage. */
int endpoint_flush(struct endpoint *endpoint);

/*
 * Forgets what the page cache has, and what a LUN says of its empty parts: to
 * check a copy, the storage itself is asked for every byte. A file's holes are
 * its own.
 */
void endpoint_forget(struct endpoint *endpoint);

void endpoint_close(struct endpoint *endpoint);

#endif /* TOOLS_COPY_ENDPOINT_H */
