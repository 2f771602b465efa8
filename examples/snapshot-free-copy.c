/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot-free-copy.c: copies a LUN into a file, holes left out. An iSCSI LUN
 * has no snapshots, so nobody may write to it meanwhile: the program says how
 * to be sure of that, and does what it can, it only reads. It teaches the
 * waiting calls on a threaded context (the loop has a thread of its own, these
 * lines may be those of any other), and GET LBA STATUS. The copy appears under
 * its name when it is whole and on stable storage, never before.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <discsi/discsi.h>

#define PIECE ((size_t)1024 * 1024)
#define EXTENTS 64

struct copy {
	struct discsi_lun *lun;
	struct discsi_lun_info info;
	unsigned char *buffer;  /* PIECE bytes */
	const char *path;       /* of the copy */
	char temporary[4096];   /* where it grows */
	int fd;
	uint64_t copied;
};

static bool say(const char *what, const char *why)
{
	fprintf(stderr, "snapshot-free-copy: %s: %s\n", what, why);
	return false;
}

static bool write_all(struct copy *copy, size_t length, uint64_t offset)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = pwrite(copy->fd, copy->buffer + done, length - done,
				   (off_t)(offset + done));

		if (n < 0 && errno != EINTR)
			return say(copy->temporary, strerror(errno));
		if (n > 0)
			done += (size_t)n;
	}
	return true;
}

static bool copy_data(struct copy *copy, uint64_t offset, uint64_t length)
{
	while (length > 0) {
		size_t piece = length < PIECE ? (size_t)length : PIECE;

		if (discsi_lun_read(copy->lun, copy->buffer, piece, offset,
				    0) < 0)
			return say("read", discsi_last_error()->message);
		if (!write_all(copy, piece, offset))
			return false;
		copy->copied += piece;
		offset += piece;
		length -= piece;
	}
	return true;
}

/* What is allocated is copied, the rest stays a hole of the file. */
static bool copy_lun(struct copy *copy)
{
	struct discsi_extent extents[EXTENTS];
	uint64_t offset = 0;
	size_t count, i;

	while (offset < copy->info.bytes) {
		count = EXTENTS;
		if (discsi_lun_block_status(copy->lun, offset,
					    copy->info.bytes - offset, extents,
					    &count) < 0)
			return say("block status",
				   discsi_last_error()->message);
		for (i = 0; i < count; i++) {
			if (!(extents[i].flags & DISCSI_EXTENT_ZERO) &&
			    !copy_data(copy, offset, extents[i].length))
				return false;
			offset += extents[i].length;
		}
	}
	return true;
}

static bool open_file(struct copy *copy)
{
	int n = snprintf(copy->temporary, sizeof(copy->temporary), "%s.part",
			 copy->path);

	if (n < 0 || (size_t)n >= sizeof(copy->temporary))
		return say(copy->path, "the name is too long");
	copy->fd = open(copy->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			0600);
	if (copy->fd < 0)
		return say(copy->temporary, strerror(errno));
	if (ftruncate(copy->fd, (off_t)copy->info.bytes) != 0)
		return say(copy->temporary, strerror(errno));
	return true;
}

/* A copy that is not whole is removed. */
static bool close_file(struct copy *copy, bool is_whole)
{
	if (copy->fd < 0)
		return false;
	if (is_whole && fsync(copy->fd) != 0)
		is_whole = say(copy->temporary, strerror(errno));
	close(copy->fd);
	if (is_whole && rename(copy->temporary, copy->path) != 0)
		is_whole = say(copy->path, strerror(errno));
	if (!is_whole)
		unlink(copy->temporary);
	return is_whole;
}

static bool run(struct copy *copy)
{
	bool is_whole;

	copy->buffer = malloc(PIECE);
	if (copy->buffer == NULL)
		return say("memory", strerror(ENOMEM));
	is_whole = open_file(copy) && copy_lun(copy);
	is_whole = close_file(copy, is_whole) && is_whole;
	free(copy->buffer);
	if (is_whole)
		printf("%" PRIu64 " of %" PRIu64 " bytes copied to %s\n",
		       copy->copied, copy->info.bytes, copy->path);
	return is_whole;
}

int main(int argc, char **argv)
{
	struct copy copy = { .info.size = sizeof(copy.info), .fd = -1 };
	struct discsi_context *ctx = NULL;
	struct discsi_conf *conf = NULL;
	struct discsi_session *session = NULL;
	bool is_whole = false;

	if (argc != 3) {
		fputs("usage: snapshot-free-copy URL FILE\n"
		      "The LUN must be still: unmount it, or freeze its file "
		      "system (fsfreeze), first.\n", stderr);
		return 2;
	}
	copy.path = argv[2];
	if (discsi_context_new(&ctx) < 0 || discsi_context_start(ctx) < 0 ||
	    discsi_conf_new(&conf) < 0 ||
	    discsi_conf_set_url(conf, argv[1]) < 0 ||
	    discsi_conf_set(conf, "read_only", "true") < 0 ||
	    discsi_session_open(ctx, conf, &session) < 0 ||
	    discsi_lun_open(session, DISCSI_LUN_OF_CONF, &copy.lun) < 0 ||
	    discsi_lun_get_info(copy.lun, &copy.info) < 0)
		say("LUN", discsi_last_error()->message);
	else
		is_whole = run(&copy);
	discsi_lun_close(copy.lun);
	discsi_session_close(session);
	discsi_conf_free(conf);
	discsi_context_destroy(ctx);
	return is_whole ? 0 : 1;
}
