/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * replay.c: a fuzzer as a test, without libFuzzer: each file of its corpus is
 * tried as it is, cut at every length, and with bytes changed in a way that is
 * the same at every run. Files that are named as arguments are tried alone.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

#define INPUT_MAX 65536
#define CUTS_MAX 4096
#define CHANGES 512

/* Tries a copy of exactly that size. */
static void try_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);

	if (copy == NULL && size > 0) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	if (size > 0)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Changes a few bytes, to the values that lengths like to be wrong by. */
static void change(uint8_t *data, size_t size, uint32_t *state)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff };

	for (uint32_t n = next_random(state) % 4 + 1; n > 0; n--) {
		uint8_t *byte = &data[next_random(state) % size];
		uint32_t how = next_random(state) % 8;

		*byte = how < sizeof(values) ? values[how] :
					       (uint8_t)next_random(state);
	}
}

static void try_changed(const uint8_t *data, size_t size)
{
	uint32_t state = 0x9e3779b9;
	uint8_t *copy = malloc(size);

	if (copy == NULL)
		return;
	for (int i = 0; i < CHANGES; i++) {
		memcpy(copy, data, size);
		change(copy, size, &state);
		try_copy(copy, size);
	}
	free(copy);
}

static bool try_file(const char *path, bool is_alone)
{
	static uint8_t data[INPUT_MAX];
	FILE *file = fopen(path, "re");
	size_t size;

	if (file == NULL) {
		fprintf(stderr, "%s: cannot be opened\n", path);
		return false;
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	try_copy(data, size);
	if (is_alone)
		return true;
	for (size_t n = 0; n < size && n < CUTS_MAX; n++)
		try_copy(data, n);
	if (size > 0)
		try_changed(data, size);
	return true;
}

/* The files of the corpus, one test each; none at all is a failure. */
static bool try_corpus(void)
{
	const char *top = getenv("DSC_SRCDIR");
	char path[PATH_MAX];
	struct dirent **entries;
	bool is_good = true;
	int tried = 0;
	int n;

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s",
		 top != NULL ? top : ".", dsc_fuzz_name);
	n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		bool is_ok;

		if (name[0] != '.') {
			snprintf(path, sizeof(path),
				 "%s/tests/fuzz/corpus/%s/%s",
				 top != NULL ? top : ".", dsc_fuzz_name, name);
			is_ok = try_file(path, false);
			printf("%sok %d - %s\n", is_ok ? "" : "not ", ++tried,
			       name);
			fflush(stdout);
			is_good = is_good && is_ok;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	printf("1..%d\n", tried);
	return is_good && tried > 0;
}

int main(int argc, char **argv)
{
	bool is_good = true;

	if (argc < 2)
		return try_corpus() ? 0 : 1;
	for (int i = 1; i < argc; i++)
		is_good = try_file(argv[i], true) && is_good;
	return is_good ? 0 : 1;
}
