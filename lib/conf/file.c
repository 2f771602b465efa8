/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * file.c: reading small files whole (file.h). Any thread.
 */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int dsc_file_read(int fd, char *buf, size_t room, size_t *length)
{
	size_t used = 0;
	ssize_t n;

	while (used < room) {
		n = read(fd, buf + used, room - used);
		if (n == 0)
			break;
		if (n > 0)
			used += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	*length = used;
	return 0;
}

int dsc_file_read_path(const char *path, char *buf, size_t room,
		       size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0)
		return -errno;
	rc = dsc_file_read(fd, buf, room, length);
	close(fd);
	return rc;
}
