/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * place.c: see place.h. Test's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/temp.h"
#include "tgt/place.h"

#define URL_MAX 256
#define COMMANDS_MAX 32

struct place place_of_tgtd(const struct dsc_tgtd *t, int tid, const char *iqn,
			   int lun)
{
	return (struct place){
		.portal = dsc_tgtd_portal(t),
		.iqn = iqn,
		.lun = lun,
		.path = dsc_tgtd_lun_path(t, tid, lun),
	};
}

struct place place_of_istgt(const struct dsc_istgt *t, const char *iqn,
			    int lun)
{
	return (struct place){
		.portal = dsc_istgt_portal(t),
		.iqn = iqn,
		.lun = lun,
		.path = dsc_istgt_lun_path(t, lun),
	};
}

void place_free(struct place *place)
{
	free(place->path);
	place->path = NULL;
}

/* -------------------------------------------------------------- its file */

static int open_file(const struct place *place, int flags)
{
	int fd = open(place->path, flags | O_CLOEXEC);

	CU_ASSERT_FATAL(fd >= 0);
	return fd;
}

void place_peek(const struct place *place, void *buf, size_t length,
		uint64_t offset)
{
	int fd = open_file(place, O_RDONLY);

	CU_ASSERT_EQUAL(pread(fd, buf, length, (off_t)offset),
			(ssize_t)length);
	close(fd);
}

void place_poke(const struct place *place, const void *buf, size_t length,
		uint64_t offset)
{
	int fd = open_file(place, O_WRONLY);

	CU_ASSERT_EQUAL(pwrite(fd, buf, length, (off_t)offset),
			(ssize_t)length);
	close(fd);
}

/* Where two buffers differ first; length if they do not. */
static size_t first_difference(const uint8_t *a, const uint8_t *b,
			       size_t length)
{
	size_t i = 0;

	while (i < length && a[i] == b[i])
		i++;
	return i;
}

bool place_has(const struct place *place, const void *expected, size_t length,
	       uint64_t offset)
{
	uint8_t *found = malloc(length);
	size_t i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	place_peek(place, found, length, offset);
	i = first_difference(found, expected, length);
	if (i < length)
		dsc_test_note("%s differs at byte %" PRIu64, place->path,
			      offset + i);
	free(found);
	return i == length;
}

bool place_is(const struct place *place, uint8_t byte, size_t length,
	      uint64_t offset)
{
	uint8_t *expected = malloc(length);
	bool is;

	CU_ASSERT_PTR_NOT_NULL_FATAL(expected);
	memset(expected, byte, length);
	is = place_has(place, expected, length, offset);
	free(expected);
	return is;
}

bool place_is_hole(const struct place *place, size_t length, uint64_t offset)
{
	int fd = open_file(place, O_RDONLY);
	off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

	close(fd);
	if (data < 0)
		return errno == ENXIO;  /* no data from there on */
	return (uint64_t)data >= offset + length;
}

void fill_pattern(void *buf, size_t length, uint64_t seed)
{
	uint8_t *bytes = buf;
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	size_t i;

	for (i = 0; i < length; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (uint8_t)x;
	}
}

/* --------------------------------------------------------- other clients */

static void make_url(const struct place *place, char *url)
{
	snprintf(url, URL_MAX, "iscsi://%s/%s/%d", place->portal, place->iqn,
		 place->lun);
}

/* What it prints, to be freed; NULL, reported, if its status is not 0. */
static char *run(const char *const argv[])
{
	struct dsc_run_result result;
	char *text = NULL;

	if (dsc_run(&result, argv) == 0)
		text = strdup(result.out);
	else
		dsc_run_note(&result, argv);
	CU_ASSERT_PTR_NOT_NULL(text);
	dsc_run_free(&result);
	return text;
}

char *place_ask(const struct place *place, const char *tool, int page)
{
	char url[URL_MAX];
	char number[16];
	const char *const plain[] = { tool, url, NULL };
	const char *const paged[] = { tool, "-e", "1", "-c", number, url, NULL };

	make_url(place, url);
	snprintf(number, sizeof(number), "%d", page);
	return run(page < 0 ? plain : paged);
}

/* What stands behind label at the start of a line; NULL if nowhere. */
static const char *find_label(const char *answer, const char *label)
{
	size_t length = strlen(label);

	while (answer && strncmp(answer, label, length) != 0) {
		answer = strchr(answer, '\n');
		answer = answer ? answer + 1 : NULL;
	}
	return answer ? answer + length : NULL;
}

bool answer_is(const char *answer, const char *label, const char *value)
{
	const char *found = find_label(answer, label);
	size_t length;

	if (!found)
		return false;
	length = strcspn(found, "\n");
	while (length > 0 && found[length - 1] == ' ')
		length--;
	if (strlen(value) == length && memcmp(found, value, length) == 0)
		return true;
	dsc_test_note("%s%.*s, not %s", label, (int)length, found, value);
	return false;
}

uint64_t answer_number(const char *answer, const char *label)
{
	const char *found = find_label(answer, label);

	CU_ASSERT_PTR_NOT_NULL(found);
	return found ? strtoull(found, NULL, 10) : UINT64_MAX;
}

bool place_has_qemu_io(void)
{
	const char *text;
	static const char *const argv[] = { "qemu-img", "--help", NULL };
	struct dsc_run_result result;
	bool has;

	if (!dsc_has_program("qemu-io") || dsc_run(&result, argv) != 0)
		return false;
	text = strstr(result.out, "Supported formats:");
	has = text && strstr(text, " iscsi");
	dsc_run_free(&result);
	return has;
}

bool place_qemu_io(const struct place *place, const char *const commands[])
{
	char url[URL_MAX];
	const char *argv[4 + 2 * COMMANDS_MAX + 1] = { "qemu-io", "-f", "raw" };
	struct dsc_run_result result;
	size_t n = 3;
	bool is_good;

	make_url(place, url);
	for (; *commands && n < 3 + 2 * COMMANDS_MAX; commands++) {
		argv[n++] = "-c";
		argv[n++] = *commands;
	}
	argv[n++] = url;
	is_good = dsc_run(&result, argv) == 0;
	if (!is_good)
		dsc_run_note(&result, argv);
	dsc_run_free(&result);
	return is_good;
}

bool place_qemu_io_pattern(const struct place *place, const char *command,
			   uint8_t byte, uint64_t length, uint64_t offset)
{
	char text[128];
	const char *const commands[] = { text, NULL };

	snprintf(text, sizeof(text), "%s -P %u %" PRIu64 " %" PRIu64, command,
		 byte, offset, length);
	return place_qemu_io(place, commands);
}

bool place_is_seen_as(const struct place *place, const void *expected,
		      size_t length)
{
	char url[URL_MAX];
	char *path;
	FILE *file;
	int rc;

	if (!place_has_qemu_io())
		return true;
	make_url(place, url);
	path = dsc_temp_path("expected");
	file = fopen(path, "w");
	CU_ASSERT_FATAL(file && fwrite(expected, 1, length, file) == length);
	fclose(file);
	rc = dsc_run_quiet((const char *const[]){ "qemu-img", "compare", "-q",
			   "-f", "raw", "-F", "raw", path, url, NULL });
	unlink(path);
	free(path);
	return rc == 0;
}
