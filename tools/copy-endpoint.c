/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-endpoint.c: the calls on either side of a copy. File I/O is done at
 * once, on the main thread; a LUN's goes through the library. See
 * copy-file.c for what is particular to files.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "copy-endpoint.h"
#include "copy-file.h"
#include "failure.h"
#include "units.h"

/* ------------------------------------------------------------------- open */

static void clear(struct endpoint *endpoint, const char *operand)
{
	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->fd = -1;
	endpoint->block_size = 1;
	snprintf(endpoint->name, sizeof(endpoint->name), "%s",
		 dsc_secret_shown(operand));
}

static int open_lun(struct endpoint *endpoint, const struct cli *cli,
		    struct discsi_context *ctx, const char *url)
{
	struct discsi_session_info info = { .size = sizeof(info) };
	struct connection *connection = &endpoint->connection;
	int status;

	clear(endpoint, "");
	endpoint->kind = ENDPOINT_LUN;
	status = connect_lun(connection, cli, ctx, url);
	if (status < 0)
		return status;
	if (discsi_session_get_info(connection->session, &info) < 0)
		return fail_library(NULL, NULL);
	/* Not the URL, which may hold a secret. */
	snprintf(endpoint->name, sizeof(endpoint->name), "LUN %" PRIu64
		 " of %s", connection->info.lun, info.target);
	endpoint->bytes = connection->info.bytes;
	endpoint->block_size = connection->info.block_size;
	endpoint->has_no_map = !connection->info.can_block_status;
	return 0;
}

int endpoint_open_source(struct endpoint *endpoint, const struct cli *cli,
			 struct discsi_context *ctx, const char *operand)
{
	if (connect_is_url(operand))
		return open_lun(endpoint, cli, ctx, operand);
	clear(endpoint, operand);
	return copy_file_open_source(endpoint, operand);
}

static int check_room(const struct endpoint *endpoint,
		      const struct endpoint *source)
{
	char have[UNITS_MAX];
	char need[UNITS_MAX];

	if (source->bytes <= endpoint->bytes)
		return 0;
	return fail(ENOSPC, "%s has %s (%" PRIu64 " bytes), too small for the "
		    "source's %s (%" PRIu64 " bytes)", endpoint->name,
		    units_bytes(have, endpoint->bytes), endpoint->bytes,
		    units_bytes(need, source->bytes), source->bytes);
}

int endpoint_open_destination(struct endpoint *endpoint, const struct cli *cli,
			      struct discsi_context *ctx, const char *operand,
			      const struct endpoint *source)
{
	int status;

	if (connect_is_url(operand)) {
		status = open_lun(endpoint, cli, ctx, operand);
		if (status == 0 && endpoint->connection.info.read_only)
			status = fail(EROFS, "%s is write protected",
				      endpoint->name);
	} else {
		clear(endpoint, operand);
		status = copy_file_open_destination(endpoint, operand, source);
	}
	if (status == 0)
		status = check_room(endpoint, source);
	return status;
}

void endpoint_close(struct endpoint *endpoint)
{
	if (endpoint->kind == ENDPOINT_LUN)
		connect_close(&endpoint->connection);
	if (endpoint->fd >= 0)
		close(endpoint->fd);
	endpoint->fd = -1;
}

/* ---------------------------------------------------------------- extents */

/* Gets the map from offset on; a LUN that fails to tell has none. */
static void fetch_map(struct endpoint *endpoint, uint64_t offset)
{
	size_t count = ENDPOINT_EXTENTS;

	if (endpoint->has_no_map)
		return;
	if (discsi_lun_block_status(endpoint->connection.lun, offset,
				    endpoint->bytes - offset,
				    endpoint->extents, &count) < 0)
		endpoint->has_no_map = true;
	endpoint->nextents = count;
	endpoint->extents_offset = offset;
}

/* The extent of the map in which offset lies. */
static bool find_in_map(const struct endpoint *endpoint, uint64_t offset,
			uint64_t *length, bool *is_zero)
{
	uint64_t begin = endpoint->extents_offset;
	uint64_t end;
	size_t i;

	for (i = 0; i < endpoint->nextents && offset >= begin; i++) {
		end = begin + endpoint->extents[i].length;
		if (offset < end) {
			*length = end - offset;
			*is_zero = (endpoint->extents[i].flags &
				    DISCSI_EXTENT_ZERO) != 0;
			return true;
		}
		begin = end;
	}
	return false;
}

static int lun_extent(struct endpoint *endpoint, uint64_t offset,
		      uint64_t *length, bool *is_zero)
{
	if (find_in_map(endpoint, offset, length, is_zero))
		return 0;
	fetch_map(endpoint, offset);
	if (!endpoint->has_no_map &&
	    find_in_map(endpoint, offset, length, is_zero))
		return 0;
	*length = endpoint->bytes - offset;
	*is_zero = false;
	return 0;
}

int endpoint_extent(void *arg, uint64_t offset, uint64_t *length, bool *is_zero)
{
	struct endpoint *endpoint = arg;

	if (endpoint->kind == ENDPOINT_LUN)
		return lun_extent(endpoint, offset, length, is_zero);
	return copy_file_extent(endpoint, offset, length, is_zero);
}

size_t endpoint_round_up(const struct endpoint *endpoint, size_t length)
{
	size_t rest = length % endpoint->block_size;

	return rest == 0 ? length : length + endpoint->block_size - rest;
}

/* -------------------------------------------------------------------- I/O */

/* What a submission means to the caller. */
static int submitted(const struct endpoint *endpoint, int status,
		     const char *doing, uint64_t offset)
{
	if (status < 0)
		return fail_library(NULL, "%s %s at offset %" PRIu64, doing,
				    endpoint->name, offset);
	return 0;
}

int endpoint_read(struct endpoint *endpoint, void *buf, size_t length,
		  uint64_t offset, discsi_done_cb cb, void *arg)
{
	if (endpoint->kind != ENDPOINT_LUN)
		return copy_file_read(endpoint, buf, length, offset);
	return submitted(endpoint, discsi_lun_read_async(
				 endpoint->connection.lun, buf, length, offset,
				 0, cb, arg), "reading", offset);
}

int endpoint_write(struct endpoint *endpoint, const void *buf, size_t length,
		   uint64_t offset, discsi_done_cb cb, void *arg)
{
	if (endpoint->kind != ENDPOINT_LUN)
		return copy_file_write(endpoint, buf, length, offset);
	return submitted(endpoint, discsi_lun_write_async(
				 endpoint->connection.lun, buf, length, offset,
				 0, cb, arg), "writing", offset);
}

int endpoint_zero(struct endpoint *endpoint, uint64_t length, uint64_t offset,
		  discsi_done_cb cb, void *arg)
{
	if (endpoint->kind != ENDPOINT_LUN)
		return copy_file_zero(endpoint, length, offset);
	return submitted(endpoint, discsi_lun_zero_async(
				 endpoint->connection.lun, offset, length,
				 DISCSI_ZERO_UNMAP, cb, arg), "zeroing",
			 offset);
}

int endpoint_flush(struct endpoint *endpoint)
{
	if (endpoint->kind != ENDPOINT_LUN)
		return copy_file_flush(endpoint);
	if (discsi_lun_flush(endpoint->connection.lun) < 0)
		return fail_library(NULL, "flushing %s", endpoint->name);
	return 0;
}

void endpoint_forget(struct endpoint *endpoint)
{
	endpoint->has_no_map = true;
	endpoint->nextents = 0;
	if (endpoint->fd >= 0)
		posix_fadvise(endpoint->fd, 0, 0, POSIX_FADV_DONTNEED);
}
