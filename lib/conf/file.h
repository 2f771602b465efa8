/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * file.h: reading small files whole, for lib/conf alone. Any thread; may block
 * as long as the file system does.
 */
#ifndef DSC_CONF_FILE_H
#define DSC_CONF_FILE_H

#include <stddef.h>

/*
 * Reads a file to its end, or until room bytes are there; *length says how
 * many. Returns 0 or a negative errno, no last error set.
 */
int dsc_file_read(int fd, char *buf, size_t room, size_t *length);

/* The same by path. */
int dsc_file_read_path(const char *path, char *buf, size_t room,
		       size_t *length);

#endif /* DSC_CONF_FILE_H */
