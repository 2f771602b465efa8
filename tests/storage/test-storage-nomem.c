/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-nomem.c: memory runs out at every single allocation in the life of
 * a storage in turn, once or from then on: each operation works or says ENOMEM in
 * a sentence, and what has been made is taken down all the same. What leaks the
 * address sanitizer tells. Linked with --wrap, for our own code and for what it
 * asks of json-c. The target is a process of its own, which has memory.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"
#include "simtarget/simtarget.h"
#include "storage/storage-rig.h"

#define ROUNDS_MAX 3000
/* A program that is started takes its time, with a sanitizer most of all. */
#define BRIDGE_STRIDE (DSC_HAS_SANITIZER ? 17 : 3)

/* ------------------------------------------------------------- allocations */

static atomic_int calls_left = -1;   /* before one fails; < 0: none does */
static atomic_bool fails_on;         /* after it all do */
static atomic_bool has_failed;

static bool fails(void)
{
	int left = atomic_load(&calls_left);

	if (left < 0)
		return false;
	if (left > 0) {
		atomic_fetch_sub(&calls_left, 1);
		return false;
	}
	if (!atomic_load(&fails_on))
		atomic_store(&calls_left, -1);
	atomic_store(&has_failed, true);
	errno = ENOMEM;
	return true;
}

#define WRAP(type, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		return fails() ? NULL : __real_##name arguments; \
	}

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, (void *p, size_t size), (p, size))
WRAP(void *, reallocarray, (void *p, size_t count, size_t size),
     (p, count, size))
WRAP(char *, strdup, (const char *s), (s))
WRAP(char *, strndup, (const char *s, size_t length), (s, length))
WRAP(struct json_object *, json_object_new_object, (void), ())
WRAP(struct json_object *, json_object_new_array, (void), ())
WRAP(struct json_object *, json_object_new_string, (const char *s), (s))
WRAP(struct json_object *, json_object_new_uint64, (uint64_t i), (i))
WRAP(struct json_object *, json_object_new_int64, (int64_t i), (i))
WRAP(struct json_object *, json_object_new_boolean, (json_bool b), (b))
WRAP(struct json_tokener *, json_tokener_new_ex, (int depth), (depth))

int __wrap_asprintf(char **text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	int length;

	if (fails())
		return -1;
	va_start(args, format);
	length = vasprintf(text, format, args);
	va_end(args);
	return length;
}

int __real_json_object_object_add(struct json_object *object, const char *key,
				  struct json_object *value);
int __wrap_json_object_object_add(struct json_object *object, const char *key,
				  struct json_object *value);

int __wrap_json_object_object_add(struct json_object *object, const char *key,
				  struct json_object *value)
{
	return fails() ? -1 :
	       __real_json_object_object_add(object, key, value);
}

/* ------------------------------------------------------------------ target */

static pid_t target;
static int target_end = -1;
static char portal[128];
static const char *device = "none";

/* In a child: a target until the other end of told is closed. */
static void serve(int said, int told)
{
	const struct sim_config config = { .blocks = 65536, .thin = true };
	struct sim *sim = sim_start(&config);
	char byte;

	if (sim == NULL || write(said, sim_portal(sim, 0),
				 strlen(sim_portal(sim, 0)) + 1) < 0)
		_exit(1);
	while (read(told, &byte, 1) > 0)
		;
	sim_stop(sim);
	_exit(0);
}

static int setup(void)
{
	int said[2], told[2];

	rig_environment();
	if (pipe(said) < 0 || pipe(told) < 0)
		return -1;
	target = fork();
	if (target == 0) {
		close(told[1]);
		serve(said[1], told[0]);
	}
	close(said[1]);
	close(told[0]);
	target_end = told[1];
	if (read(said[0], portal, sizeof(portal) - 1) <= 0)
		return -1;
	close(said[0]);
	return 0;
}

static void teardown(void)
{
	close(target_end);
	waitpid(target, NULL, 0);
	rig_teardown();
}

/* -------------------------------------------------------------------- life */

struct life {
	struct discsi_storage_manager *manager;
	struct discsi_storage *storage;
	struct discsi_disk *disk;
};

static int make_manager(struct life *life)
{
	const struct discsi_storage_manager_options options = {
		.size = sizeof(options), .zone_id = "zone",
	};

	return discsi_storage_manager_new(&options, &life->manager);
}

static int make_storage(struct life *life)
{
	return discsi_storage_new(life->manager, "iscsi:/x", NULL,
				  &life->storage);
}

static int set_info(struct life *life)
{
	char conf[512];

	snprintf(conf, sizeof(conf), "{\"portal\": \"%s\", \"iqn\": \""
		 SIM_IQN "\", \"lun_id\": 0, \"device\": \"%s\","
		 "\"zone_id\": \"z\", \"username\": null}", portal, device);
	return discsi_storage_set_info(life->storage, "s", "name", conf,
				       strlen(conf));
}

static int mount(struct life *life)
{
	return discsi_storage_accessible(life->storage, NULL);
}

static int free_text(int rc, char *text)
{
	free(text);
	return rc;
}

static int info(struct life *life)
{
	char *text = NULL;
	int rc = discsi_storage_sync_info(life->storage, &text);

	return free_text(rc, text);
}

static int get_conf(struct life *life)
{
	char *text = NULL;
	int rc = discsi_storage_get_conf(life->storage, &text);

	return free_text(rc, text);
}

static int size(struct life *life)
{
	struct discsi_storage_stat stat = { .size = sizeof(stat) };

	return discsi_storage_sync_size(life->storage, &stat);
}

static int disk(struct life *life)
{
	return discsi_storage_create_disk(life->storage, "d", &life->disk);
}

static int find_disk(struct life *life)
{
	struct discsi_disk *found = NULL;
	int rc = discsi_storage_get_disk_by_id(life->storage, "d", &found);

	discsi_disk_put(found);
	return rc;
}

static int describe(struct life *life)
{
	char *text = NULL;
	int rc = discsi_disk_description(life->disk, &text);

	return free_text(rc, text);
}

static int resize(struct life *life)
{
	return discsi_disk_resize(life->disk, 0, NULL);
}

static int list(struct life *life)
{
	struct discsi_storage **storages = NULL;
	size_t count = 0;
	int rc = discsi_storage_list(life->manager, &storages, &count);

	discsi_storage_list_free(storages, count);
	return rc;
}

static int unmount(struct life *life)
{
	return discsi_storage_unmount(life->storage, 0);
}

static const struct {
	const char *name;
	int (*run)(struct life *life);
} steps[] = {
	{ "manager", make_manager },
	{ "storage", make_storage },
	{ "set_info", set_info },
	{ "mount", mount },
	{ "sync_info", info },
	{ "get_conf", get_conf },
	{ "sync_size", size },
	{ "create_disk", disk },
	{ "get_disk_by_id", find_disk },
	{ "description", describe },
	{ "resize", resize },
	{ "list", list },
	{ "unmount", unmount },
};

static void expect_said(size_t step, int rc, int n)
{
	const char *message = discsi_last_error()->message;

	if (rc == -ENOMEM && strstr(message, "memory") != NULL &&
	    discsi_last_error()->errnum == ENOMEM)
		return;
	CU_FAIL("not ENOMEM");
	dsc_test_note("allocation %d, %s: %s: %s", n, steps[step].name,
		      discsi_errno_name(rc), message);
}

/* With memory again what could not be ended is found and ended. */
static void expect_nothing(void)
{
	if (strcmp(device, "none") == 0)
		return;
	(void)discsi_bridge_detach(SIM_IQN "-lun-0", DISCSI_DETACH_FORCE);
	CU_ASSERT(bridge_is_nothing_left());
}

/* Returns false when all went well without a failure. */
static bool live(int n, bool is_on)
{
	struct life life = { .manager = NULL };
	size_t fds = st_count_fds();
	size_t i;
	int rc = 0;

	atomic_store(&has_failed, false);
	atomic_store(&fails_on, is_on);
	atomic_store(&calls_left, n);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0; i++) {
		rc = steps[i].run(&life);
		if (rc < 0)
			expect_said(i, rc, n);
	}
	if (life.storage != NULL)
		(void)discsi_storage_unmount(life.storage, 0);
	discsi_disk_put(life.disk);
	discsi_storage_put(life.storage);
	discsi_storage_manager_free(life.manager);
	atomic_store(&calls_left, -1);
	expect_nothing();
	CU_ASSERT(st_wait_fds(fds, 5000));
	return atomic_load(&has_failed);
}

static void run_out(bool is_on, int stride)
{
	int n = 0;

	CU_ASSERT(!live(-1, false));
	while (n < ROUNDS_MAX && live(n, is_on))
		n += stride;
	CU_ASSERT(n > 50 && n < ROUNDS_MAX);
	dsc_test_note("%d allocations", n);
}

static void test_once(void)
{
	run_out(false, 1);
}

static void test_from_then_on(void)
{
	run_out(true, 1);
}

static void test_bridge(void)
{
	if (!dsc_has_program("./discsi-nbd")) {
		dsc_test_skip("discsi-nbd is not built");
		return;
	}
	device = "socket";
	run_out(false, BRIDGE_STRIDE);
	run_out(true, 3 * BRIDGE_STRIDE);
	device = "none";
}

static const struct dsc_test tests[] = {
	{ "once", test_once },
	{ "from_then_on", test_from_then_on },
	{ "bridge", test_bridge },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("storage-nomem", tests, setup, teardown,
				     argc, argv);
}
