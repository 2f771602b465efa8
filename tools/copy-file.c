/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-file.c: see copy-file.h. A new file is left with holes: nothing is
 * written to it where there is nothing but zeroes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy-file.h"
#include "failure.h"

#define HOLE_UNIT 4096       /* zeroes are left out of a file in such pieces */
#define ZEROES_BYTES 65536

bool copy_is_zero(const void *buf, size_t length)
{
	const char *bytes = buf;

	/* The first byte is 0, and each equals the one before it. */
	return length == 0 ||
	       (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

static int fail_file(const struct endpoint *endpoint, const char *doing,
		     uint64_t offset)
{
	int error = errno;

	return fail(error, "%s %s at offset %" PRIu64 ": %s", doing,
		    endpoint->name, offset, errno_text(error));
}

/* ------------------------------------------------------------------- open */

static int fail_open(const struct endpoint *endpoint)
{
	int error = errno;

	return fail(error, "%s cannot be opened: %s", endpoint->name,
		    errno_text(error));
}

/* Kind and size. */
static int examine(struct endpoint *endpoint, struct stat *st)
{
	if (fstat(endpoint->fd, st) < 0)
		return fail_open(endpoint);
	if (S_ISREG(st->st_mode)) {
		endpoint->kind = ENDPOINT_FILE;
		endpoint->bytes = (uint64_t)st->st_size;
		return 0;
	}
	if (!S_ISBLK(st->st_mode))
		return fail(EINVAL, "%s is neither a file nor a block device",
			    endpoint->name);
	endpoint->kind = ENDPOINT_DEVICE;
	if (ioctl(endpoint->fd, BLKGETSIZE64, &endpoint->bytes) < 0)
		return fail_open(endpoint);
	return 0;
}

int copy_file_open_source(struct endpoint *endpoint, const char *path)
{
	struct stat st;

	/* O_NONBLOCK: a fifo is refused rather than waited for. */
	endpoint->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (endpoint->fd < 0)
		return fail_open(endpoint);
	return examine(endpoint, &st);
}

static bool is_same_file(const struct stat *st, const struct endpoint *source)
{
	struct stat other;

	if (source->fd < 0 || fstat(source->fd, &other) < 0)
		return false;
	if (S_ISBLK(st->st_mode) && S_ISBLK(other.st_mode))
		return st->st_rdev == other.st_rdev;
	return st->st_dev == other.st_dev && st->st_ino == other.st_ino;
}

int copy_file_open_destination(struct endpoint *endpoint, const char *path,
			       const struct endpoint *source)
{
	struct stat st;
	int status;

	/* Emptied further on, once it is known not to be the source. */
	endpoint->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK,
			    0666);
	if (endpoint->fd < 0)
		return fail_open(endpoint);
	status = examine(endpoint, &st);
	if (status < 0)
		return status;
	if (is_same_file(&st, source))
		return fail(EINVAL, "%s is both source and destination",
			    endpoint->name);
	if (endpoint->kind == ENDPOINT_DEVICE)
		return 0;
	if (ftruncate(endpoint->fd, 0) < 0 ||
	    ftruncate(endpoint->fd, (off_t)source->bytes) < 0)
		return fail(errno, "%s cannot be given its size: %s",
			    endpoint->name, errno_text(errno));
	endpoint->bytes = source->bytes;
	endpoint->is_blank = true;
	return 0;
}

/* ---------------------------------------------------------------- extents */

int copy_file_extent(struct endpoint *endpoint, uint64_t offset,
		     uint64_t *length, bool *is_zero)
{
	off_t data;
	off_t hole;

	*length = endpoint->bytes - offset;
	*is_zero = false;
	if (endpoint->kind == ENDPOINT_DEVICE)
		return 0;
	data = lseek(endpoint->fd, (off_t)offset, SEEK_DATA);
	if (data < 0) {
		/* ENXIO: a hole up to the end. Else it cannot be known. */
		*is_zero = errno == ENXIO;
		return 0;
	}
	if ((uint64_t)data > offset) {
		*length = (uint64_t)data - offset;
		*is_zero = true;
		return 0;
	}
	hole = lseek(endpoint->fd, (off_t)offset, SEEK_HOLE);
	if (hole > 0 && (uint64_t)hole > offset)
		*length = (uint64_t)hole - offset;
	return 0;
}

/* -------------------------------------------------------------------- I/O */

int copy_file_read(struct endpoint *endpoint, void *buf, size_t length,
		   uint64_t offset)
{
	size_t done = 0;
	ssize_t n;

	while (done < length) {
		n = pread(endpoint->fd, (char *)buf + done, length - done,
			  (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_file(endpoint, "reading", offset + done);
		if (n == 0)
			return fail(EIO, "reading %s at offset %" PRIu64
				    ": it ends here, it has become shorter",
				    endpoint->name, offset + done);
		done += (size_t)n;
	}
	return 1;
}

static int write_all(const struct endpoint *endpoint, const void *buf,
		     size_t length, uint64_t offset)
{
	size_t done = 0;
	ssize_t n;

	while (done < length) {
		n = pwrite(endpoint->fd, (const char *)buf + done,
			   length - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_file(endpoint, "writing", offset + done);
		done += (size_t)n;
	}
	return 1;
}

/* How many bytes from begin on are alike, zero or not, in whole units. */
static size_t run_length(const char *buf, size_t begin, size_t length,
			 bool *is_zero)
{
	size_t end = begin;
	size_t unit;

	do {
		unit = length - end < HOLE_UNIT ? length - end : HOLE_UNIT;
		if (end == begin)
			*is_zero = copy_is_zero(buf + end, unit);
		else if (copy_is_zero(buf + end, unit) != *is_zero)
			break;
		end += unit;
	} while (end < length);
	return end - begin;
}

int copy_file_write(struct endpoint *endpoint, const void *buf, size_t length,
		    uint64_t offset)
{
	size_t done = 0;
	bool is_zero = false;
	size_t run;
	int status = 1;

	if (!endpoint->is_blank)
		return write_all(endpoint, buf, length, offset);
	while (done < length && status > 0) {
		run = run_length(buf, done, length, &is_zero);
		if (!is_zero)
			status = write_all(endpoint, (const char *)buf + done,
					   run, offset + done);
		done += run;
	}
	return status;
}

int copy_file_zero(struct endpoint *endpoint, uint64_t length, uint64_t offset)
{
	static const char zeroes[ZEROES_BYTES];
	uint64_t done;
	size_t piece;
	int status = 1;

	if (endpoint->is_blank ||
	    fallocate(endpoint->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)offset, (off_t)length) == 0 ||
	    fallocate(endpoint->fd, FALLOC_FL_ZERO_RANGE, (off_t)offset,
		      (off_t)length) == 0)
		return 1;
	for (done = 0; done < length && status > 0; done += piece) {
		piece = sizeof(zeroes);
		if (length - done < piece)
			piece = (size_t)(length - done);
		status = write_all(endpoint, zeroes, piece, offset + done);
	}
	return status;
}

int copy_file_flush(struct endpoint *endpoint)
{
	if (fsync(endpoint->fd) < 0)
		return fail(errno, "flushing %s: %s", endpoint->name,
			    errno_text(errno));
	return 0;
}
