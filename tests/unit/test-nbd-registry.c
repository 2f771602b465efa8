/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-registry.c: what discsi-nbd writes into the registry, read back by
 * the code that lists and detaches bridges, and who gets the lock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/registry.h"
#include "harness/harness.h"
#include "nbd-bridge/registry.h"
#include "unit/bridge-scratch.h"

#define TARGET "iqn.2026-11.io.test:disk/1"
#define ID "iqn.2026-11.io.test:disk_1-lun-7"

static const struct nbd_state state = {
	.initiator = "iqn.2026-11.test:us",
	.isid = "800102030405",
	.pid = 1234,
	.device = "/dev/nbd3", .link = "/dev/disk/by-path/ip-x",
	.socket = "/run/x.sock", .export = "e",
	.target = TARGET, .portal = "[::1]:3260", .lun = 7,
	.bytes = UINT64_C(1) << 41, .is_read_only = true,
	.started = 1763000000, .updated = 1764000001, .state = "recovering",
	.since = 1764000000, .sessions = 4, .sessions_ready = 3,
	.last_event = "lost", .last_event_time = 1764000002,
	.last_error = "gone", .last_error_time = 1764000000,
	.designator = "naa.6001", .serial = "S1", .vendor = "V",
	.product = "P \"quoted\"", .revision = "", .block_size = 4096,
	.is_thin = true, .connections = 4,
	.stats = {
		.size = sizeof(struct discsi_session_stats),
		.outstanding = 1, .retries = 2, .timeouts = 3, .aborts = 4,
		.resets = 5, .pings = 6, .losses = 7, .recoveries = 8,
		.replays = 9, .outage_ms = UINT64_MAX,
		.kind = {
			[DISCSI_STATS_READ] = { 10, 11, 12, { [0] = 13 } },
			[DISCSI_STATS_WRITE] = { 14, 15, 16, { [31] = 17 } },
			[DISCSI_STATS_OTHER] = { 18, 19, 20, { [5] = 21 } },
		},
	},
};

static void expect_recalled(const struct nbd_registry *registry,
			    const char *member, const char *value)
{
	char *recalled = nbd_registry_recall(registry, member);

	CU_ASSERT_PTR_NOT_NULL_FATAL(recalled);
	CU_ASSERT_STRING_EQUAL(recalled, value);
	free(recalled);
}

/* What is told of the disk. */
static void expect_disk(const struct discsi_bridge *bridge)
{
	CU_ASSERT_STRING_EQUAL(bridge->target, TARGET);
	CU_ASSERT_STRING_EQUAL(bridge->portal, "[::1]:3260");
	CU_ASSERT_EQUAL(bridge->lun, 7);
	CU_ASSERT_EQUAL(bridge->bytes, UINT64_C(1) << 41);
	CU_ASSERT(bridge->read_only);
	CU_ASSERT(bridge->thin);
	CU_ASSERT_EQUAL(bridge->block_size, 4096);
	CU_ASSERT_STRING_EQUAL(bridge->designator, "naa.6001");
	CU_ASSERT_STRING_EQUAL(bridge->serial, "S1");
	CU_ASSERT_STRING_EQUAL(bridge->vendor, "V");
	CU_ASSERT_STRING_EQUAL(bridge->product, "P \"quoted\"");
	CU_ASSERT_STRING_EQUAL(bridge->revision, "");
}

static void test_publish(void)
{
	struct nbd_registry registry = NBD_REGISTRY_INIT;
	struct dsc_registry reader;
	struct discsi_bridge *bridge;
	char *text;

	CU_ASSERT_EQUAL_FATAL(nbd_registry_claim(&registry, TARGET, 7), 0);
	CU_ASSERT_STRING_EQUAL(registry.id, ID);
	CU_ASSERT(scratch_exists(ID ".lock"));
	CU_ASSERT(!scratch_exists(ID ".json"));
	CU_ASSERT_EQUAL_FATAL(nbd_registry_publish(&registry, &state), 0);
	CU_ASSERT(!scratch_exists(ID ".json.new"));

	CU_ASSERT_EQUAL_FATAL(dsc_registry_open(&reader, false), 0);
	CU_ASSERT_EQUAL_FATAL(dsc_registry_load(&reader, ID, &bridge), 0);
	CU_ASSERT(bridge->alive);
	CU_ASSERT_EQUAL(bridge->pid, 1234);
	CU_ASSERT_STRING_EQUAL(bridge->device, "/dev/nbd3");
	CU_ASSERT_STRING_EQUAL(bridge->link, "/dev/disk/by-path/ip-x");
	CU_ASSERT_STRING_EQUAL(bridge->socket, "/run/x.sock");
	expect_disk(bridge);
	CU_ASSERT_STRING_EQUAL(bridge->state, "recovering");
	CU_ASSERT_EQUAL(bridge->since, 1764000000);
	CU_ASSERT_EQUAL(bridge->started, 1763000000);
	CU_ASSERT_EQUAL(bridge->updated, 1764000001);
	CU_ASSERT_EQUAL(bridge->sessions, 4);
	CU_ASSERT_EQUAL(bridge->sessions_ready, 3);
	CU_ASSERT_EQUAL(bridge->connections, 4);
	CU_ASSERT_STRING_EQUAL(bridge->last_event, "lost");
	CU_ASSERT_EQUAL(bridge->last_event_time, 1764000002);
	CU_ASSERT_STRING_EQUAL(bridge->last_error, "gone");
	CU_ASSERT_EQUAL(bridge->last_error_time, 1764000000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bridge->stats);
	CU_ASSERT_EQUAL(memcmp(bridge->stats, &state.stats,
			       sizeof(state.stats)), 0);
	discsi_bridge_free(bridge);
	dsc_registry_close(&reader);

	text = scratch_read(ID ".json");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"version\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"started\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"export\":\"e\""));
	free(text);
	expect_recalled(&registry, "initiator", "iqn.2026-11.test:us");
	expect_recalled(&registry, "isid", "800102030405");
	expect_recalled(&registry, "connections", "4");
	expect_recalled(&registry, "device", "/dev/nbd3");
	CU_ASSERT_PTR_NULL(nbd_registry_recall(&registry, "stats"));
	CU_ASSERT_PTR_NULL(nbd_registry_recall(&registry, "absent"));

	nbd_registry_release(&registry);
	CU_ASSERT(!scratch_exists(ID ".json"));
	CU_ASSERT(!scratch_exists(ID ".lock"));
	nbd_registry_release(&registry);
}

/* Whose lock file was removed takes it again, unless somebody was faster. */
static void test_lost(void)
{
	struct nbd_registry one = NBD_REGISTRY_INIT, two = NBD_REGISTRY_INIT;

	CU_ASSERT_EQUAL_FATAL(nbd_registry_claim(&one, TARGET, 7), 0);
	CU_ASSERT_EQUAL(nbd_registry_publish(&one, &state), 0);
	CU_ASSERT_EQUAL(unlink(scratch_path(ID ".lock")), 0);
	CU_ASSERT_EQUAL(unlink(scratch_path(ID ".json")), 0);
	CU_ASSERT(!nbd_registry_has_state(&one));
	CU_ASSERT_EQUAL(nbd_registry_publish(&one, &state), 0);
	CU_ASSERT(nbd_registry_has_state(&one));
	/* It was taken again, in the same name. */
	CU_ASSERT(!nbd_registry_is_lost(&one));
	CU_ASSERT(nbd_registry_is_ours(&one));
	CU_ASSERT_EQUAL(nbd_registry_claim(&two, TARGET, 7), -EEXIST);
	nbd_registry_release(&two);

	CU_ASSERT_EQUAL(unlink(scratch_path(ID ".lock")), 0);
	CU_ASSERT(nbd_registry_is_lost(&one));
	CU_ASSERT_EQUAL_FATAL(nbd_registry_claim(&two, TARGET, 7), 0);
	CU_ASSERT(!nbd_registry_restore(&one));
	CU_ASSERT_EQUAL(nbd_registry_name(&one, "other"), 0);
	CU_ASSERT(!scratch_exists(ID ".udev"));
	CU_ASSERT_EQUAL(nbd_registry_publish(&one, &state), -ESTALE);
	CU_ASSERT_EQUAL(nbd_registry_publish(&two, &state), 0);
	nbd_registry_release(&one);
	CU_ASSERT(scratch_exists(ID ".json"));
	CU_ASSERT(scratch_exists(ID ".lock"));
	nbd_registry_release(&two);
	CU_ASSERT(!scratch_exists(ID ".json"));
	CU_ASSERT(!scratch_exists(ID ".lock"));
}

static void test_name_for_udev(void)
{
	struct nbd_registry registry = NBD_REGISTRY_INIT;
	char *text;

	CU_ASSERT_EQUAL_FATAL(nbd_registry_claim(&registry, TARGET, 7), 0);
	CU_ASSERT_EQUAL(nbd_registry_name(&registry, "ip-x"), 0);
	text = scratch_read(ID ".udev");
	CU_ASSERT_STRING_EQUAL(text, "ID_PATH=ip-x\n");
	free(text);
	CU_ASSERT_EQUAL(nbd_registry_name(&registry, NULL), 0);
	CU_ASSERT(!scratch_exists(ID ".udev"));
	CU_ASSERT_EQUAL(nbd_registry_name(&registry, "ip-y"), 0);
	nbd_registry_release(&registry);
	CU_ASSERT(!scratch_exists(ID ".udev"));
}

static void test_taken(void)
{
	struct nbd_registry one = NBD_REGISTRY_INIT, two = NBD_REGISTRY_INIT;
	char pid[32];

	CU_ASSERT_EQUAL_FATAL(nbd_registry_claim(&one, TARGET, 7), 0);
	CU_ASSERT_EQUAL(nbd_registry_claim(&two, TARGET, 7), -EEXIST);
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message, pid));
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message, ID));
	nbd_registry_release(&two);
	CU_ASSERT(scratch_exists(ID ".lock"));

	/* Another LUN of the same target is another entry. */
	CU_ASSERT_EQUAL(nbd_registry_claim(&two, TARGET, 8), 0);
	nbd_registry_release(&two);
	nbd_registry_release(&one);
	CU_ASSERT_EQUAL(nbd_registry_claim(&two, TARGET, 7), 0);
	nbd_registry_release(&two);
}

/* A number that is no process's, as of a supervisor that has been killed. */
static long dead_pid(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	return (long)child;
}

static void expect_owner(long pid)
{
	char *text = scratch_read(ID ".lock");

	CU_ASSERT_EQUAL(strtol(text, NULL, 10), pid);
	free(text);
}

/* Who lives on, and holds the lock, is not to be robbed of its device. */
static void test_inherited(void)
{
	struct nbd_registry registry = NBD_REGISTRY_INIT;
	char pid[32];

	CU_ASSERT_EQUAL_FATAL(nbd_registry_claim(&registry, TARGET, 7), 0);
	nbd_registry_own(&registry, dead_pid());
	CU_ASSERT_EQUAL(nbd_registry_check_left(ID), 0);
	nbd_registry_inherit(&registry);
	expect_owner((long)getpid());
	CU_ASSERT_EQUAL(nbd_registry_check_left(ID), -EBUSY);
	snprintf(pid, sizeof(pid), "process %ld:", (long)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message, pid));
	nbd_registry_release(&registry);
	CU_ASSERT(!scratch_exists(ID ".lock"));
}

/* An entry that is another's still, or another's already, goes on naming it. */
static void test_not_inherited(void)
{
	struct nbd_registry one = NBD_REGISTRY_INIT, two = NBD_REGISTRY_INIT;
	long other = dead_pid();

	CU_ASSERT_EQUAL_FATAL(nbd_registry_claim(&one, TARGET, 7), 0);
	nbd_registry_own(&one, other);
	CU_ASSERT_EQUAL_FATAL(dsc_registry_open(&two.dir, false), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_registry_share(&two, ID, dup(one.lock_fd)),
			      0);
	nbd_registry_inherit(&two);
	expect_owner(other);
	nbd_registry_own(&two, (long)getpid());
	nbd_registry_leave(&one);
	nbd_registry_inherit(&one);
	expect_owner((long)getpid());
	nbd_registry_release(&one);
	nbd_registry_release(&two);
	CU_ASSERT(!scratch_exists(ID ".lock"));
}

/* What a dead process has left is nobody's. */
static void test_stale(void)
{
	struct nbd_registry registry = NBD_REGISTRY_INIT;
	struct discsi_bridge *bridge;
	struct dsc_registry reader;

	scratch_state(ID, "", 4711);
	scratch_write(ID ".lock", "4711\n", 0600);
	scratch_write(ID ".json.new", "half", 0600);
	CU_ASSERT_EQUAL_FATAL(nbd_registry_claim(&registry, TARGET, 7), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_registry_publish(&registry, &state), 0);
	CU_ASSERT_EQUAL_FATAL(dsc_registry_open(&reader, false), 0);
	CU_ASSERT_EQUAL_FATAL(dsc_registry_load(&reader, ID, &bridge), 0);
	CU_ASSERT_EQUAL(bridge->pid, 1234);
	discsi_bridge_free(bridge);
	dsc_registry_close(&reader);
	nbd_registry_release(&registry);
}

/* A reader that looks at the lock for a moment is not taken for a bridge. */
static void test_reader(void)
{
	struct nbd_registry registry = NBD_REGISTRY_INIT;
	int fd, ready[2];
	pid_t child;
	char byte;

	scratch_write(ID ".lock", "", 0600);
	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	fd = scratch_lock(ID);
	CU_ASSERT_FATAL(fd >= 0);
	child = fork();
	if (child == 0) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) == 0)
			usleep(20000);
		close(fd);
		_exit(0);
	}
	/* The child alone holds the lock, and lets it go soon. */
	close(ready[0]);
	close(fd);
	close(ready[1]);
	CU_ASSERT_EQUAL(nbd_registry_claim(&registry, TARGET, 7), 0);
	waitpid(child, NULL, 0);
	nbd_registry_release(&registry);
}

static const struct dsc_test tests[] = {
	{ "publish", test_publish },
	{ "lost", test_lost },
	{ "name-for-udev", test_name_for_udev },
	{ "taken", test_taken },
	{ "inherited", test_inherited },
	{ "not-inherited", test_not_inherited },
	{ "stale", test_stale },
	{ "reader", test_reader },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("nbd-registry", tests, scratch_setup,
				     scratch_teardown, argc, argv);
}
