/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge-rig.c: see bridge-rig.h. Test's thread.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"

#define CLIENT_TIMEOUT_MS 120000
#define STOP_TIMEOUT_MS 20000
#define FILL 0x5a

/* A LUN whose file has data in its first quarter and a hole behind it. */
static int add_thin_lun(void)
{
	char *path = dsc_tgtd_lun_path(rig_tgtd(), 1, 1);
	FILE *file = path != NULL ? fopen(path, "we") : NULL;
	unsigned char chunk[65536];
	uint64_t done;
	int status = -1;

	memset(chunk, FILL, sizeof(chunk));
	if (file != NULL) {
		status = ftruncate(fileno(file), (off_t)BRIDGE_BYTES);
		for (done = 0; done < BRIDGE_BYTES / 4; done += sizeof(chunk))
			fwrite(chunk, 1, sizeof(chunk), file);
		if (fclose(file) != 0)
			status = -1;
	}
	free(path);
	if (status < 0)
		return -1;
	return dsc_tgtd_add_lun(rig_tgtd(), 1, 1, BRIDGE_BYTES, 512,
				DSC_LUN_THIN);
}

int bridge_setup(void)
{
	int status;

	if (!dsc_has_program("./discsi-nbd")) {
		dsc_test_skip("discsi-nbd is not built");
		return 0;
	}
	status = rig_setup();
	if (status < 0 || rig_tgtd() == NULL)
		return status;
	return add_thin_lun();
}

char *bridge_file(const char *id, const char *suffix)
{
	char *path;

	CU_ASSERT_FATAL(asprintf(&path, "%s/%s%s", getenv("DISCSI_RUN_DIR"),
				 id, suffix) > 0);
	return path;
}

pid_t bridge_pid(const char *id)
{
	char *path = bridge_file(id, ".lock");
	FILE *file = fopen(path, "re");
	int pid = 0;

	free(path);
	if (file == NULL)
		return 0;
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	return pid;
}

bool bridge_is_unlocked(const char *id, const char *suffix)
{
	char *path = bridge_file(id, suffix);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;

	if (fd >= 0)
		close(fd);
	free(path);
	return is;
}

bool bridge_is_dead(const char *id)
{
	return bridge_is_unlocked(id, ".lock");
}

static bool is_gone(void *arg)
{
	return access(arg, F_OK) < 0;
}

pid_t bridge_worker(const char *id)
{
	char *path = bridge_file(id, ".json");
	struct json_object *state = json_object_from_file(path);
	pid_t pid = state != NULL ? (pid_t)rig_number(state, "worker") : 0;

	json_object_put(state);
	free(path);
	return pid;
}

bool bridge_wait_gone(const char *id, unsigned timeout_ms)
{
	char *path = bridge_file(id, ".lock");
	bool has_gone = dsc_wait_for(is_gone, path, timeout_ms);

	free(path);
	return has_gone;
}

void bridge_stop(const char *id)
{
	pid_t pid = bridge_pid(id);

	CU_ASSERT_FATAL(pid > 1);
	CU_ASSERT_EQUAL(kill(pid, SIGTERM), 0);
	CU_ASSERT(bridge_wait_gone(id, STOP_TIMEOUT_MS));
	CU_ASSERT(bridge_is_nothing_left());
}

bool bridge_is_nothing_left(void)
{
	DIR *dir = opendir(getenv("DISCSI_RUN_DIR"));
	struct dirent *entry;
	bool is_empty = true;

	if (dir == NULL)
		return true;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		dsc_test_note("left: %s", entry->d_name);
		is_empty = false;
	}
	closedir(dir);
	return is_empty;
}

bool bridge_forget_owed(const char *id)
{
	char *path = bridge_file(id, ".owed");
	bool was_there = unlink(path) == 0;

	free(path);
	return was_there;
}

void bridge_expect_nothing(const char *id, bool was_dead)
{
	CU_ASSERT_EQUAL(bridge_forget_owed(id), was_dead);
	CU_ASSERT(bridge_is_nothing_left());
}

static char *prefixed(const char *prefix, const char *path)
{
	char *uri;

	CU_ASSERT_FATAL(asprintf(&uri, "%s%s", prefix, path) > 0);
	return uri;
}

char *bridge_uri(const char *path)
{
	return prefixed("nbd+unix:///?socket=", path);
}

char *bridge_qemu_uri(const char *path)
{
	return prefixed("nbd:unix:", path);
}

char *bridge_script(const char *name)
{
	const char *source = getenv("DSC_SRCDIR");
	char *path;

	CU_ASSERT_FATAL(asprintf(&path, "%s/tests/bridge/%s",
				 source != NULL ? source : ".", name) > 0);
	return path;
}

void bridge_client_args(const char *const argv[])
{
	const struct dsc_run_options options = {
		.timeout_ms = CLIENT_TIMEOUT_MS,
	};
	struct dsc_run_result result;
	int status = dsc_run_with(&result, &options, argv);

	CU_ASSERT_EQUAL(status, 0);
	if (status != 0)
		dsc_test_note("%s: %d, %s%s", argv[0], status, result.out,
			      result.err);
	dsc_run_free(&result);
}
