/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-file.h: what is particular to a file or a block device as one side of
 * a copy. For copy-endpoint.c alone; main thread.
 */
#ifndef TOOLS_COPY_FILE_H
#define TOOLS_COPY_FILE_H

#include "copy-endpoint.h"

int copy_file_open_source(struct endpoint *endpoint, const char *path);

/*
 * A file is made or emptied and given the source's size; a block device is
 * left as it is.
 */
int copy_file_open_destination(struct endpoint *endpoint, const char *path,
			       const struct endpoint *source);

int copy_file_extent(struct endpoint *endpoint, uint64_t offset,
		     uint64_t *length, bool *is_zero);

/* Each returns 1 (done) or a negative errno. */
int copy_file_read(struct endpoint *endpoint, void *buf, size_t length,
		   uint64_t offset);
int copy_file_write(struct endpoint *endpoint, const void *buf, size_t length,
		    uint64_t offset);
int copy_file_zero(struct endpoint *endpoint, uint64_t length, uint64_t offset);

int copy_file_flush(struct endpoint *endpoint);

/* True when all bytes are 0. */
bool copy_is_zero(const void *buf, size_t length);

#endif /* TOOLS_COPY_FILE_H */
