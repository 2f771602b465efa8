/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-plan.h: cutting a source into chunks, each of them data to be read or
 * a part that is known to be empty. Pure but for the question where the source
 * is empty. One thread.
 */
#ifndef TOOLS_COPY_PLAN_H
#define TOOLS_COPY_PLAN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What is at offset: length (at least 1) bytes that are all known to read as
 * zeroes, or (is_zero false) that must be read. 0 or a negative errno.
 */
typedef int (*copy_extent_fn)(void *arg, uint64_t offset, uint64_t *length,
			      bool *is_zero);

struct copy_plan {
	/* set by the caller */
	uint64_t bytes;      /* of the source */
	uint32_t align;      /* power of two; chunks begin at multiples of it */
	uint32_t data_max;   /* longest chunk of data, a multiple of align */
	uint64_t zero_max;   /* longest empty chunk, a multiple of align */
	copy_extent_fn extent;
	void *arg;

	/* 0 at the beginning */
	uint64_t next;
	uint64_t extent_end;
	bool extent_is_zero;
};

struct copy_chunk {
	uint64_t offset;
	uint64_t length;  /* a multiple of align but at the source's end */
	bool is_zero;
};

/* Returns 1 and the next chunk, 0 at the end, or a negative errno. */
int copy_plan_next(struct copy_plan *plan, struct copy_chunk *chunk);

#endif /* TOOLS_COPY_PLAN_H */
