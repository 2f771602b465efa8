/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * split.c: cutting a request at a limit, and walking iovec arrays (split.h).
 * Pure; any thread.
 */
#include "scsi/split.h"

/* How far position lies behind the last boundary of a unit. */
static uint64_t beyond_boundary(uint64_t position, uint64_t granularity,
				uint64_t alignment)
{
	uint64_t at = position % granularity;
	uint64_t boundary = alignment % granularity;

	return at >= boundary ? at - boundary : at + (granularity - boundary);
}

uint64_t dsc_split_next(uint64_t offset, uint64_t end, uint64_t max_bytes,
			uint64_t granularity, uint64_t alignment)
{
	if (end - offset <= max_bytes)
		return end - offset;
	if (granularity == 0 || granularity > max_bytes)
		return max_bytes;
	return max_bytes - beyond_boundary(offset + max_bytes, granularity,
					   alignment);
}

bool dsc_iov_length(const struct iovec *iov, int iovcnt, size_t *length)
{
	size_t sum = 0;

	if (iovcnt < 0 || (iovcnt > 0 && iov == NULL))
		return false;
	for (int i = 0; i < iovcnt; i++) {
		if (iov[i].iov_base == NULL && iov[i].iov_len > 0)
			return false;
		if (__builtin_add_overflow(sum, iov[i].iov_len, &sum))
			return false;
	}
	*length = sum;
	return true;
}

void dsc_iov_advance(struct dsc_iov_cursor *cursor, size_t bytes)
{
	while (cursor->iovcnt > 0 &&
	       bytes >= cursor->iov[0].iov_len - cursor->skip) {
		bytes -= cursor->iov[0].iov_len - cursor->skip;
		cursor->iov++;
		cursor->iovcnt--;
		cursor->skip = 0;
	}
	if (cursor->iovcnt > 0)
		cursor->skip += bytes;
}
