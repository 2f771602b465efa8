/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage-rig.c: see storage-rig.h. Test's thread, but the log callback.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/process.h"
#include "harness/temp.h"
#include "storage/storage-rig.h"

#define CANARY "canary"

char st_warning[512];

static void on_log(void *arg, enum discsi_log_level level,
		   const char *component, const char *message)
{
	(void)arg;
	if (strstr(message, CANARY) != NULL)
		dsc_test_note("a secret is in the log: %s", message);
	if (level == DISCSI_LOG_WARNING && strcmp(component, "storage") == 0)
		snprintf(st_warning, sizeof(st_warning), "%s", message);
}

struct discsi_storage_manager *st_manager(void)
{
	const struct discsi_storage_manager_options options = {
		.size = sizeof(options),
		.log = on_log,
		.log_level = DISCSI_LOG_INFO,
		.zone_id = "zone-of-host",
	};
	struct discsi_storage_manager *manager = NULL;
	char *run;

	/* Another test may have a disk of the same name. */
	if (getenv("DISCSI_RUN_DIR") == NULL) {
		run = dsc_temp_path("run");
		setenv("DISCSI_RUN_DIR", run, 1);
		free(run);
	}
	st_warning[0] = '\0';
	CU_ASSERT_EQUAL_FATAL(discsi_storage_manager_new(&options, &manager),
			      0);
	return manager;
}

bool st_works(int rc)
{
	CU_ASSERT_EQUAL(rc, 0);
	if (rc < 0)
		dsc_test_note("%s: %s", discsi_errno_name(rc),
			      discsi_last_error()->message);
	return rc == 0;
}

void st_fails(int rc, int errnum, const char *words)
{
	const char *message = discsi_last_error()->message;

	CU_ASSERT_EQUAL(rc, -errnum);
	CU_ASSERT(rc >= 0 || strstr(message, words) != NULL);
	CU_ASSERT_PTR_NULL(strstr(message, CANARY));
	if (rc != -errnum || strstr(message, words) == NULL)
		dsc_test_note("%s, not %s with \"%s\": %s",
			      discsi_errno_name(rc), discsi_errno_name(errnum),
			      words, message);
}

__attribute__((format(printf, 3, 0)))
static int configure(struct discsi_storage *storage, const char *id,
		     const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static int configure(struct discsi_storage *storage, const char *id,
		     const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static int configure(struct discsi_storage *storage, const char *id,
		     const char *format, va_list args)
{
	char *json = NULL;
	int rc;

	CU_ASSERT_FATAL(vasprintf(&json, format, args) >= 0);
	rc = discsi_storage_set_info(storage, id, "a name", json,
				     strlen(json));
	free(json);
	return rc;
}

int st_configure(struct discsi_storage *storage, const char *id,
		 const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = configure(storage, id, format, args);
	va_end(args);
	return rc;
}

struct discsi_storage *st_storage(struct discsi_storage_manager *manager,
				  const char *id, const char *format, ...)
{
	struct discsi_storage *storage = NULL;
	va_list args;

	CU_ASSERT_EQUAL_FATAL(discsi_storage_new(manager, "iscsi:/x", NULL,
						 &storage), 0);
	va_start(args, format);
	st_works(configure(storage, id, format, args));
	va_end(args);
	return storage;
}

const char *st_text(struct discsi_storage *storage,
		    int (*get)(struct discsi_storage *storage, char **text))
{
	static char *kept;

	free(kept);
	kept = NULL;
	st_works(get(storage, &kept));
	return kept != NULL ? kept : "";
}

static size_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t count = 0;

	while (dir != NULL && readdir(dir) != NULL)
		count++;
	if (dir != NULL)
		closedir(dir);
	return count;
}

/* With "." and "..", and the one that lists them. */
size_t st_count_fds(void)
{
	return count_entries("/proc/self/fd") - 3;
}

size_t st_count_threads(void)
{
	return count_entries("/proc/self/task") - 2;
}

static bool has_few(void *arg)
{
	return st_count_fds() <= *(size_t *)arg;
}

bool st_wait_fds(size_t count, unsigned timeout_ms)
{
	bool is = dsc_wait_for(has_few, &count, timeout_ms);

	if (!is)
		dsc_test_note("%zu descriptors, not %zu", st_count_fds(),
			      count);
	return is;
}
