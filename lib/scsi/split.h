/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * split.h: cutting a request at a limit, and walking iovec arrays. Pure.
 */
#ifndef DSC_SCSI_SPLIT_H
#define DSC_SCSI_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * The length of the next piece of [offset, end): at most max_bytes (a
 * multiple of the block size, not 0). Where the request is longer than that
 * and granularity (0: none) is not above max_bytes, the piece ends at a
 * multiple of it, counted from alignment, so that later pieces are aligned.
 */
uint64_t dsc_split_next(uint64_t offset, uint64_t end, uint64_t max_bytes,
			uint64_t granularity, uint64_t alignment);

/* Adds the lengths up; false on overflow, a bad count or bytes of NULL. */
bool dsc_iov_length(const struct iovec *iov, int iovcnt, size_t *length);

/* A place in an iovec array. */
struct dsc_iov_cursor {
	const struct iovec *iov;
	int iovcnt;
	size_t skip;  /* bytes of iov[0] that lie behind */
};

/* Moves on by bytes (which must be there). */
void dsc_iov_advance(struct dsc_iov_cursor *cursor, size_t bytes);

#endif /* DSC_SCSI_SPLIT_H */
