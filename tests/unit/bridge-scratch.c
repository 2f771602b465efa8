/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge-scratch.c: see bridge-scratch.h. What goes wrong in here is a failed
 * assertion of the running test, or a word on stderr.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"
#include "unit/bridge-scratch.h"

static char directory[64];
static char last_path[512];

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	if (ftw->level > 0)
		remove(path);
	return 0;
}

void scratch_clear(void)
{
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int scratch_setup(void)
{
	snprintf(directory, sizeof(directory), "/tmp/discsi-test-XXXXXX");
	if (mkdtemp(directory) == NULL) {
		perror(directory);
		return -1;
	}
	return setenv("DISCSI_RUN_DIR", directory, 1);
}

void scratch_teardown(void)
{
	scratch_clear();
	rmdir(directory);
}

const char *scratch_dir(void)
{
	return directory;
}

const char *scratch_path(const char *name)
{
	snprintf(last_path, sizeof(last_path), "%s/%s", directory, name);
	return last_path;
}

void scratch_write(const char *name, const char *text, mode_t mode)
{
	int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_TRUNC |
		      O_CLOEXEC, mode);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_FATAL(write(fd, text, strlen(text)) ==
			(ssize_t)strlen(text));
	CU_ASSERT_FATAL(fchmod(fd, mode) == 0);
	close(fd);
}

char *scratch_read(const char *name)
{
	const size_t room = 262144;
	char *text = calloc(1, room);
	FILE *file = fopen(scratch_path(name), "re");

	CU_ASSERT_FATAL(text != NULL);
	if (file != NULL) {
		CU_ASSERT(fread(text, 1, room - 1, file) < room - 1);
		fclose(file);
	}
	return text;
}

bool scratch_exists(const char *name)
{
	struct stat st;

	return lstat(scratch_path(name), &st) == 0;
}

void scratch_state(const char *id, const char *socket, pid_t pid)
{
	char name[256];
	char text[1024];

	snprintf(name, sizeof(name), "%s.json", id);
	snprintf(text, sizeof(text),
		 "{\"version\":1,\"id\":\"%s\",\"pid\":%ld,\"device\":\"\","
		 "\"socket\":\"%s\",\"export\":\"\","
		 "\"target\":\"iqn.2026-11.test:disk\","
		 "\"portal\":\"[::1]:3260\",\"lun\":7,\"bytes\":1048576,"
		 "\"read_only\":true,\"started\":1763800000}\n",
		 id, (long)pid, socket);
	scratch_write(name, text, 0600);
}

int scratch_lock(const char *id)
{
	char name[256];
	int fd;

	snprintf(name, sizeof(name), "%s.lock", id);
	fd = open(scratch_path(name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_FATAL(flock(fd, LOCK_EX | LOCK_NB) == 0);
	return fd;
}
