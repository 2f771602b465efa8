/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-data.c: walking a caller's buffers. The cursor of a task says where in
 * its iovec array byte number `moved` lies; the array itself is never changed.
 * Pure; loop's thread.
 */
#include "base/checked.h"
#include "iscsi/conn-internal.h"

void dsc_data_rewind(struct dsc_task *task)
{
	int index = 0;
	size_t skip = task->iov_skip;

	while (index < task->iovcnt && skip >= task->iov[index].iov_len)
		skip -= task->iov[index++].iov_len;
	task->cursor_index = index;
	task->cursor_skip = skip;
	task->moved = 0;
}

uint32_t dsc_data_next(struct dsc_task *task, uint32_t max, uint8_t **piece)
{
	while (task->cursor_index < task->iovcnt) {
		const struct iovec *iov = &task->iov[task->cursor_index];
		size_t room = iov->iov_len - task->cursor_skip;
		uint32_t length = (uint32_t)dsc_min_size(room, max);

		if (length > 0) {
			*piece = (uint8_t *)iov->iov_base + task->cursor_skip;
			task->cursor_skip += length;
			task->moved += length;
			return length;
		}
		task->cursor_index++;
		task->cursor_skip = 0;
	}
	return 0;
}

void dsc_data_skip(struct dsc_task *task, uint32_t length)
{
	uint8_t *piece;
	uint32_t taken;

	while (length > 0 &&
	       (taken = dsc_data_next(task, length, &piece)) > 0)
		length -= taken;
}

uint32_t dsc_data_map(const struct dsc_task *task, uint32_t max,
		      struct iovec *iov, int room, int *count)
{
	int index = task->cursor_index;
	size_t skip = task->cursor_skip;
	uint32_t bytes = 0;
	int used = 0;

	while (index < task->iovcnt && used < room && bytes < max) {
		size_t length = dsc_min_size(task->iov[index].iov_len - skip,
					     max - bytes);

		if (length > 0) {
			iov[used].iov_base =
				(uint8_t *)task->iov[index].iov_base + skip;
			iov[used].iov_len = length;
			used++;
			bytes += (uint32_t)length;
		}
		index++;
		skip = 0;
	}
	*count = used;
	return bytes;
}

uint32_t dsc_data_measure(const struct dsc_task *task, uint32_t max, int pieces)
{
	int index = task->cursor_index;
	size_t skip = task->cursor_skip;
	uint32_t bytes = 0;

	while (index < task->iovcnt && pieces > 0 && bytes < max) {
		size_t length = dsc_min_size(task->iov[index].iov_len - skip,
					     max - bytes);

		if (length > 0)
			pieces--;
		bytes += (uint32_t)length;
		index++;
		skip = 0;
	}
	return bytes;
}
