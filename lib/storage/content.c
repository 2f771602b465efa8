/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * content.c: libblkid wants a file. It gets one in memory, as large as the disk
 * and empty but for the parts of it that matter; so it works the same for a
 * kernel device, which may hang, an NBD socket and a LUN in this process. Any
 * thread.
 */
#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "storage/content.h"

#define HEAD_BYTES (UINT64_C(4) << 20)
#define TAIL_BYTES (UINT64_C(1) << 20)
#define PIECE_BYTES (UINT64_C(1) << 20)

static int copy_part(const struct dsc_content_source *source, int fd,
		     uint64_t begin, uint64_t end, void *piece)
{
	uint64_t at;

	for (at = begin; at < end; at += PIECE_BYTES) {
		size_t length = (size_t)dsc_min_u64(PIECE_BYTES, end - at);
		int rc = source->read(source->arg, piece, length, at);

		if (rc < 0)
			return rc;
		if (pwrite(fd, piece, length, (off_t)at) != (ssize_t)length)
			return dsc_fail_memory();
	}
	return 0;
}

static int fill(const struct dsc_content_source *source, int fd)
{
	uint64_t head = dsc_min_u64(source->bytes, HEAD_BYTES);
	uint64_t tail = source->bytes - dsc_min_u64(source->bytes, TAIL_BYTES);
	void *piece = malloc(PIECE_BYTES);
	int rc;

	if (piece == NULL)
		return dsc_fail_memory();
	tail -= tail % dsc_max_u32(source->block_size, 1);
	rc = copy_part(source, fd, 0, head, piece);
	if (rc == 0)
		rc = copy_part(source, fd, dsc_max_u64(tail, head),
			       source->bytes, piece);
	free(piece);
	return rc;
}

static void take_value(blkid_probe probe, const char *name, char *text,
		       size_t room)
{
	const char *value;

	if (text[0] == '\0' &&
	    blkid_probe_lookup_value(probe, name, &value, NULL) == 0)
		snprintf(text, room, "%s", value);
}

static void take_values(blkid_probe probe, struct discsi_disk_format *format)
{
	take_value(probe, "TYPE", format->format, sizeof(format->format));
	take_value(probe, "USAGE", format->usage, sizeof(format->usage));
	take_value(probe, "UUID", format->uuid, sizeof(format->uuid));
	take_value(probe, "LABEL", format->label, sizeof(format->label));
	take_value(probe, "VERSION", format->version,
		   sizeof(format->version));
	if (format->format[0] != '\0')
		return;
	take_value(probe, "PTTYPE", format->format, sizeof(format->format));
	take_value(probe, "PTUUID", format->uuid, sizeof(format->uuid));
	if (format->format[0] != '\0')
		snprintf(format->usage, sizeof(format->usage),
			 "partition table");
}

static int probe_file(blkid_probe probe, const struct dsc_content_source *source,
		      int fd, struct discsi_disk_format *format)
{
	int rc = blkid_probe_set_device(probe, fd, 0,
					(blkid_loff_t)source->bytes);

	if (rc == 0)
		rc = blkid_probe_set_sectorsize(probe, source->block_size);
	if (rc != 0)
		return dsc_fail(EIO, "libblkid does not take the disk");
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(
		probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
		BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_VERSION);
	blkid_probe_enable_partitions(probe, 1);
	rc = blkid_do_safeprobe(probe);
	if (rc == -2)
		return dsc_fail(EUCLEAN, "there are several formats on it that "
				"contradict each other");
	if (rc < 0)
		return dsc_fail(EIO, "libblkid cannot tell what is on it");
	if (rc == 0)
		take_values(probe, format);
	return 0;
}

static int tell(const struct dsc_content_source *source, int fd,
		struct discsi_disk_format *format)
{
	blkid_probe probe;
	int rc;

	if (ftruncate(fd, (off_t)source->bytes) < 0)
		return dsc_fail(errno, "no file of %llu bytes can be made in "
				"memory", (unsigned long long)source->bytes);
	rc = fill(source, fd);
	if (rc < 0)
		return rc;
	probe = blkid_new_probe();
	if (probe == NULL)
		return dsc_fail_memory();
	rc = probe_file(probe, source, fd, format);
	blkid_free_probe(probe);
	return rc;
}

int dsc_content_tell(const struct dsc_content_source *source,
		     struct discsi_disk_format *format)
{
	int fd = memfd_create("discsi-disk", MFD_CLOEXEC);
	int rc;

	memset(format, 0, sizeof(*format));
	format->size = sizeof(*format);
	if (fd < 0)
		return dsc_fail(errno, "no file can be made in memory (%s)",
				discsi_errno_name(errno));
	rc = tell(source, fd, format);
	close(fd);
	if (rc == 0 && format->format[0] == '\0') {
		snprintf(format->format, sizeof(format->format), "raw");
		snprintf(format->usage, sizeof(format->usage), "raw");
	}
	return rc;
}
