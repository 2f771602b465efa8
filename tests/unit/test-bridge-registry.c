/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-registry.c: names, state files that lie, who is alive, and what
 * a list and a detach make of a registry. The bridges are child processes of
 * this one that hold a lock and end on SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <discsi/error.h>
#include "harness/harness.h"
#include "unit/bridge-scratch.h"
#include "bridge/registry.h"

#define GOOD_REST "\"device\":\"/dev/nbd0\",\"socket\":\"\"," \
	"\"target\":\"iqn.t\",\"portal\":\"10.0.0.5:3260\""
#define GOOD_NUMBERS "\"lun\":1,\"bytes\":512,\"read_only\":false,\"pid\":4711"

/* What another process does just before a lock is taken, or a file removed. */
static void (*before_lock)(void);
static void (*before_removal)(void);

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __real_unlinkat(int fd, const char *name, int flags);
int __wrap_unlinkat(int fd, const char *name, int flags);

static void run_once(void (**hook)(void))
{
	void (*run)(void) = *hook;

	*hook = NULL;
	if (run != NULL)
		run();
}

int __wrap_flock(int fd, int operation)
{
	run_once(&before_lock);
	return __real_flock(fd, operation);
}

int __wrap_unlinkat(int fd, const char *name, int flags)
{
	run_once(&before_removal);
	return __real_unlinkat(fd, name, flags);
}

static int parse(const char *text, struct discsi_bridge **bridge)
{
	*bridge = NULL;
	return dsc_registry_parse(text, strlen(text), bridge);
}

static void test_names(void)
{
	char *id = dsc_registry_id("iqn.2026-11.io.test:a/b c\xc3\xa9", 12);

	CU_ASSERT_STRING_EQUAL(id, "iqn.2026-11.io.test:a_b_c__-lun-12");
	CU_ASSERT(dsc_registry_is_id(id));
	free(id);
	CU_ASSERT(!dsc_registry_is_id(""));
	CU_ASSERT(!dsc_registry_is_id(".."));
	CU_ASSERT(!dsc_registry_is_id("../etc/passwd"));
	CU_ASSERT(!dsc_registry_is_id("a b"));
}

static void test_parse(void)
{
	struct discsi_bridge *bridge;

	CU_ASSERT_EQUAL_FATAL(parse("{\"version\":1,\"id\":\"x-lun-1\","
				    GOOD_REST "," GOOD_NUMBERS
				    ",\"later\":[{}]}\n \n", &bridge), 0);
	CU_ASSERT_EQUAL(bridge->size, sizeof(*bridge));
	CU_ASSERT_STRING_EQUAL(bridge->id, "x-lun-1");
	CU_ASSERT_STRING_EQUAL(bridge->device, "/dev/nbd0");
	CU_ASSERT_STRING_EQUAL(bridge->socket, "");
	CU_ASSERT_STRING_EQUAL(bridge->target, "iqn.t");
	CU_ASSERT_STRING_EQUAL(bridge->portal, "10.0.0.5:3260");
	CU_ASSERT_EQUAL(bridge->lun, 1);
	CU_ASSERT_EQUAL(bridge->bytes, 512);
	CU_ASSERT_EQUAL(bridge->pid, 4711);
	CU_ASSERT(!bridge->read_only);
	CU_ASSERT(!bridge->alive);
	/* What an older discsi-nbd does not tell. */
	CU_ASSERT_STRING_EQUAL(bridge->state, "");
	CU_ASSERT_STRING_EQUAL(bridge->last_event, "");
	CU_ASSERT_STRING_EQUAL(bridge->last_error, "");
	CU_ASSERT_EQUAL(bridge->since, 0);
	CU_ASSERT_PTR_NULL(bridge->stats);
	discsi_bridge_free(bridge);
}

static void test_parse_large(void)
{
	struct discsi_bridge *bridge;

	CU_ASSERT_EQUAL_FATAL(parse("{\"version\":1,\"id\":\"x\"," GOOD_REST
				    ",\"lun\":16383,\"bytes\":"
				    "18446744073709551104,\"read_only\":true,"
				    "\"pid\":2}", &bridge), 0);
	CU_ASSERT_EQUAL(bridge->bytes, UINT64_MAX - 511);
	discsi_bridge_free(bridge);
}

#define STATS "\"outstanding\":0,\"retries\":0,\"timeouts\":0," \
	"\"aborts\":0,\"resets\":0,\"pings\":0,\"losses\":0," \
	"\"recoveries\":0,\"replays\":0,\"outage_ms\":0"
#define HEAD "{\"version\":1,\"id\":\"x\"," GOOD_REST ","

static const struct bad_state {
	const char *text;
	const char *why;  /* a part of the sentence */
} bad_states[] = {
	{ "", "not JSON" },
	{ "null", "not JSON" },
	{ "[1]", "not a JSON object" },
	{ "{\"version\":1", "not JSON" },
	{ HEAD GOOD_NUMBERS "} x", "not JSON" },
	{ HEAD GOOD_NUMBERS "}{}", "not JSON" },
	{ HEAD GOOD_NUMBERS ",\"a\":[[[[[[[[[1]]]]]]]]]}", "not JSON" },
	{ "{\"version\":1,\"id\":\"\xff\"," GOOD_REST "," GOOD_NUMBERS "}",
	  "not JSON" },
	{ "{\"id\":\"x\"," GOOD_REST "," GOOD_NUMBERS "}", "version" },
	{ "{\"version\":\"1\",\"id\":\"x\"," GOOD_REST "," GOOD_NUMBERS "}",
	  "version" },
	{ "{\"version\":2,\"id\":\"x\"," GOOD_REST "," GOOD_NUMBERS "}",
	  "version" },
	{ "{\"version\":1," GOOD_REST "," GOOD_NUMBERS "}",
	  "\"id\" is missing" },
	{ "{\"version\":1,\"id\":5," GOOD_REST "," GOOD_NUMBERS "}",
	  "\"id\" is not a string" },
	{ "{\"version\":1,\"id\":\"a\\u0000b\"," GOOD_REST "," GOOD_NUMBERS
	  "}", "NUL" },
	{ HEAD "\"lun\":-1,\"bytes\":512,\"read_only\":false,\"pid\":4}",
	  "\"lun\"" },
	{ HEAD "\"lun\":1,\"bytes\":1.5,\"read_only\":false,\"pid\":4}",
	  "\"bytes\"" },
	{ HEAD "\"lun\":1,\"bytes\":512,\"read_only\":0,\"pid\":4}",
	  "\"read_only\"" },
	{ HEAD "\"lun\":1,\"bytes\":512,\"read_only\":false,\"pid\":-1}",
	  "\"pid\"" },
	{ HEAD "\"lun\":1,\"bytes\":512,\"read_only\":false,\"pid\":0}",
	  "\"pid\"" },
	{ HEAD "\"lun\":1,\"bytes\":512,\"read_only\":false,\"pid\":1}",
	  "\"pid\"" },
	{ HEAD "\"lun\":1,\"bytes\":512,\"read_only\":false,"
	  "\"pid\":4294967297}", "\"pid\"" },
	{ HEAD GOOD_NUMBERS ",\"state\":1}", "\"state\"" },
	{ HEAD GOOD_NUMBERS ",\"since\":\"now\"}", "\"since\"" },
	{ HEAD GOOD_NUMBERS ",\"since\":9223372036854775808}",
	  "\"since\" is too large" },
	{ HEAD GOOD_NUMBERS ",\"sessions\":4294967296}", "is too large" },
	{ HEAD GOOD_NUMBERS ",\"last_error\":null}", "\"last_error\"" },
	{ HEAD GOOD_NUMBERS ",\"stats\":[]}", "\"stats\" is not an object" },
	{ HEAD GOOD_NUMBERS ",\"stats\":{}}", "\"outstanding\" is missing" },
	{ HEAD GOOD_NUMBERS ",\"stats\":{" STATS "}}", "\"read\" is missing" },
	{ HEAD GOOD_NUMBERS ",\"stats\":{" STATS ",\"read\":{\"commands\":1,"
	  "\"bytes\":1,\"errors\":0}}}", "\"latency\" is missing" },
	{ HEAD GOOD_NUMBERS ",\"stats\":{" STATS ",\"read\":{\"commands\":1,"
	  "\"bytes\":1,\"errors\":0,\"latency\":[1,-1]}}}",
	  "\"latency\" is not a number" },
	{ HEAD GOOD_NUMBERS ",\"stats\":{" STATS ",\"read\":{\"commands\":1,"
	  "\"bytes\":1,\"errors\":0,\"latency\":[0,0,0,0,0,0,0,0,0,0,0,0,0,"
	  "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}}}", "is too long" },
};

static void test_parse_broken(void)
{
	struct discsi_bridge *bridge;
	size_t i;

	for (i = 0; i < sizeof(bad_states) / sizeof(bad_states[0]); i++) {
		CU_ASSERT_EQUAL(parse(bad_states[i].text, &bridge), -EPROTO);
		CU_ASSERT_PTR_NULL(bridge);
		CU_ASSERT(strstr(discsi_last_error()->message,
				 bad_states[i].why) != NULL);
		if (strstr(discsi_last_error()->message,
			   bad_states[i].why) == NULL)
			dsc_test_note("%zu: %s", i,
				      discsi_last_error()->message);
	}
}

static void test_socket_path(void)
{
	struct dsc_registry registry = { -1, (char *)"/run/discsi" };
	char room[128];
	char *path;
	char *other;

	CU_ASSERT_EQUAL_FATAL(dsc_registry_socket_path(&registry, "a-lun-1",
						       &path), 0);
	CU_ASSERT_STRING_EQUAL(path, "/run/discsi/a-lun-1.sock");
	free(path);

	memset(room, 'a', sizeof(room) - 1);
	room[sizeof(room) - 1] = '\0';
	CU_ASSERT_EQUAL_FATAL(dsc_registry_socket_path(&registry, room, &path),
			      0);
	CU_ASSERT(strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path));
	room[0] = 'b';
	CU_ASSERT_EQUAL_FATAL(dsc_registry_socket_path(&registry, room, &other),
			      0);
	CU_ASSERT_STRING_NOT_EQUAL(path, other);
	free(path);
	free(other);

	registry.path = room;
	CU_ASSERT_EQUAL(dsc_registry_socket_path(&registry, "a", &path),
			-ENAMETOOLONG);
}

/* -------------------------------------------------------------- directory */

static void test_no_directory(void)
{
	struct discsi_bridge **bridges;
	size_t count = 5;

	setenv("DISCSI_RUN_DIR", scratch_path("absent"), 1);
	CU_ASSERT_EQUAL(discsi_bridge_list(&bridges, &count), 0);
	CU_ASSERT_EQUAL(count, 0);
	discsi_bridge_list_free(bridges, count);
	CU_ASSERT_EQUAL(discsi_bridge_detach("x-lun-1", 0), -ENOENT);
	CU_ASSERT(!scratch_exists("absent"));
	setenv("DISCSI_RUN_DIR", scratch_dir(), 1);
}

static void test_open_to_others(void)
{
	struct discsi_bridge **bridges;
	size_t count;

	CU_ASSERT_EQUAL_FATAL(chmod(scratch_dir(), 0777), 0);
	CU_ASSERT_EQUAL(discsi_bridge_list(&bridges, &count), -EPERM);
	CU_ASSERT(strstr(discsi_last_error()->message, scratch_dir()) != NULL);
	CU_ASSERT_EQUAL(discsi_bridge_detach("x-lun-1", 0), -EPERM);
	CU_ASSERT_EQUAL(chmod(scratch_dir(), 0700), 0);
}

static void expect_no_list(int errnum, const char *words)
{
	struct discsi_bridge **bridges;
	size_t count;

	CU_ASSERT_EQUAL(discsi_bridge_list(&bridges, &count), -errnum);
	CU_ASSERT(strstr(discsi_last_error()->message, words) != NULL);
	if (strstr(discsi_last_error()->message, words) == NULL)
		dsc_test_note("message: %s", discsi_last_error()->message);
}

/* Why a registry is none, and in which way it cannot be made. */
static void test_no_registry(void)
{
	struct dsc_registry registry;

	scratch_clear();
	scratch_write("file", "", 0600);
	CU_ASSERT_EQUAL(mkdir(scratch_path("real"), 0700), 0);
	CU_ASSERT_EQUAL(symlink("real", scratch_path("link")), 0);
	setenv("DISCSI_RUN_DIR", scratch_path("link"), 1);
	expect_no_list(ENOTDIR, "symbolic link");
	CU_ASSERT_EQUAL(dsc_registry_open(&registry, true), -ENOTDIR);
	setenv("DISCSI_RUN_DIR", scratch_path("file"), 1);
	expect_no_list(ENOTDIR, "is not a directory");
	setenv("DISCSI_RUN_DIR", scratch_path("file/x"), 1);
	CU_ASSERT_EQUAL(dsc_registry_open(&registry, true), -ENOTDIR);
	CU_ASSERT(strstr(discsi_last_error()->message, "made (ENOTDIR)") !=
		  NULL);
	setenv("DISCSI_RUN_DIR", scratch_path("absent/x"), 1);
	CU_ASSERT_EQUAL(dsc_registry_open(&registry, true), -ENOENT);
	CU_ASSERT(strstr(discsi_last_error()->message, "made (ENOENT)") !=
		  NULL);
	setenv("DISCSI_RUN_DIR", scratch_dir(), 1);
}

/* There is no descriptor to open it with. */
static void test_not_opened(void)
{
	struct rlimit limit, none;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	expect_no_list(EMFILE, "opened (EMFILE)");
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void test_default_directory(void)
{
	char *path;

	unsetenv("DISCSI_RUN_DIR");
	path = dsc_registry_path();
	if (geteuid() == 0)
		CU_ASSERT_STRING_EQUAL(path, "/run/discsi");
	CU_ASSERT_EQUAL(path[0], '/');
	free(path);
	setenv("DISCSI_RUN_DIR", scratch_dir(), 1);
}

/* ------------------------------------------------------------------- list */

static void test_list(void)
{
	struct discsi_bridge **bridges;
	size_t count;
	int lock;

	scratch_clear();
	scratch_state("b-lun-1", "", 4711);
	scratch_state("a-lun-2", "/run/a.sock", 4712);
	scratch_write("broken-lun-1.json", "{\"version\":1}", 0600);
	scratch_write("not an id.json", "{}", 0600);
	scratch_write("notes.txt", "{}", 0600);
	CU_ASSERT_EQUAL(symlink("b-lun-1.json", scratch_path("c-lun-1.json")),
			0);
	CU_ASSERT_EQUAL(mkfifo(scratch_path("d-lun-1.json"), 0600), 0);
	lock = scratch_lock("a-lun-2");

	CU_ASSERT_EQUAL_FATAL(discsi_bridge_list(&bridges, &count), 0);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT_STRING_EQUAL(bridges[0]->id, "a-lun-2");
	CU_ASSERT_STRING_EQUAL(bridges[0]->socket, "/run/a.sock");
	CU_ASSERT(bridges[0]->alive);
	CU_ASSERT(bridges[0]->read_only);
	CU_ASSERT_EQUAL(bridges[0]->lun, 7);
	CU_ASSERT_STRING_EQUAL(bridges[1]->id, "b-lun-1");
	CU_ASSERT(!bridges[1]->alive);
	discsi_bridge_list_free(bridges, count);
	close(lock);
}

/* Somebody serves it, though nobody can read what. */
static void test_list_broken(void)
{
	struct discsi_bridge **bridges;
	char number[16];
	size_t count;
	int lock;

	scratch_clear();
	lock = scratch_lock("a-lun-1");
	snprintf(number, sizeof(number), "%ld\n", (long)getpid());
	CU_ASSERT_EQUAL(pwrite(lock, number, strlen(number), 0),
			(ssize_t)strlen(number));
	scratch_write("a-lun-1.json", "{", 0600);
	scratch_state("b-lun-1", "", 4711);
	CU_ASSERT_EQUAL_FATAL(discsi_bridge_list(&bridges, &count), 0);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT_STRING_EQUAL(bridges[0]->id, "a-lun-1");
	CU_ASSERT_STRING_EQUAL(bridges[0]->state, "unknown");
	CU_ASSERT(strstr(bridges[0]->last_error, "a-lun-1.json is broken") !=
		  NULL);
	CU_ASSERT_STRING_EQUAL(bridges[0]->device, "");
	CU_ASSERT_STRING_EQUAL(bridges[0]->revision, "");
	CU_ASSERT(bridges[0]->alive);
	CU_ASSERT_EQUAL(bridges[0]->pid, getpid());
	CU_ASSERT_EQUAL(bridges[0]->size, sizeof(*bridges[0]));
	discsi_bridge_list_free(bridges, count);

	/* Its process is not told to end on such a word. */
	snprintf(number, sizeof(number), "%ld", (long)getpid());
	CU_ASSERT_EQUAL(discsi_bridge_detach(number, 0), -EPROTO);
	CU_ASSERT(strstr(discsi_last_error()->message, "broken") != NULL);
	CU_ASSERT_EQUAL(ftruncate(lock, 0), 0);
	CU_ASSERT_EQUAL(discsi_bridge_detach("0", 0), -EPROTO);
	CU_ASSERT(scratch_exists("a-lun-1.json"));
	close(lock);
}

/* What cannot be read for want of descriptors is not what is not there. */
static void test_list_few_descriptors(void)
{
	struct rlimit limit, few;
	int next = dup(STDIN_FILENO);

	scratch_clear();
	scratch_state("a-lun-1", "", 4711);
	close(next);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = (rlim_t)next + 2;  /* the registry, and its list */
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
	expect_no_list(EMFILE, "a-lun-1");
	expect_no_list(EMFILE, "(EMFILE)");
	CU_ASSERT_EQUAL(discsi_bridge_detach("/s", 0), -EMFILE);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Who cannot look takes nobody for dead. */
static void test_no_descriptor(void)
{
	struct dsc_registry registry;
	struct rlimit limit, none;
	int lock;

	scratch_clear();
	lock = scratch_lock("a-lun-1");
	CU_ASSERT_EQUAL_FATAL(dsc_registry_open(&registry, false), 0);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	CU_ASSERT(dsc_registry_is_alive(&registry, "a-lun-1"));
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CU_ASSERT(dsc_registry_is_alive(&registry, "a-lun-1"));
	close(lock);
	CU_ASSERT(!dsc_registry_is_alive(&registry, "a-lun-1"));
	CU_ASSERT(!dsc_registry_is_alive(&registry, "b-lun-1"));
	dsc_registry_close(&registry);
}

static void test_id_of_another(void)
{
	struct dsc_registry registry;
	struct discsi_bridge *bridge;

	scratch_clear();
	scratch_state("a-lun-1", "", 4711);
	CU_ASSERT_EQUAL_FATAL(dsc_registry_open(&registry, false), 0);
	CU_ASSERT_EQUAL(renameat(registry.fd, "a-lun-1.json", registry.fd,
				 "z-lun-1.json"), 0);
	CU_ASSERT_EQUAL(dsc_registry_load(&registry, "z-lun-1", &bridge),
			-EPROTO);
	CU_ASSERT(strstr(discsi_last_error()->message, "z-lun-1.json") != NULL);
	dsc_registry_close(&registry);
}

/* ----------------------------------------------------------------- detach */

static int ready_pipe[2];

static void end_child(int signal_number)
{
	(void)signal_number;
	_exit(0);
}

/* A process that serves a bridge: holds the lock, ends on SIGTERM. */
static pid_t start_bridge(const char *id, const char *socket)
{
	char byte = 0;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ready_pipe), 0);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		signal(SIGTERM, end_child);
		scratch_lock(id);
		scratch_state(id, socket, getpid());
		if (write(ready_pipe[1], "x", 1) != 1)
			_exit(1);
		alarm(60);
		for (;;)
			pause();
	}
	close(ready_pipe[1]);
	CU_ASSERT_EQUAL(read(ready_pipe[0], &byte, 1), 1);
	close(ready_pipe[0]);
	return pid;
}

static void expect_ended(pid_t pid)
{
	int status = -1;

	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			0);
	close(fd);
}

static void test_detach_by_id(void)
{
	pid_t pid;

	scratch_clear();
	pid = start_bridge("a-lun-1", "");
	CU_ASSERT_EQUAL(discsi_bridge_detach("b-lun-1", 0), -ENOENT);
	CU_ASSERT_EQUAL(discsi_bridge_detach("a-lun-1", 0), 0);
	expect_ended(pid);
	CU_ASSERT(!scratch_exists("a-lun-1.json"));
	CU_ASSERT(!scratch_exists("a-lun-1.lock"));
	CU_ASSERT_EQUAL(discsi_bridge_detach("a-lun-1", 0), -ENOENT);
}

static void test_detach_by_socket(void)
{
	char path[256];
	pid_t pid;

	scratch_clear();
	snprintf(path, sizeof(path), "%s", scratch_path("x.sock"));
	make_socket(path);
	pid = start_bridge("a-lun-1", path);
	CU_ASSERT_EQUAL(discsi_bridge_detach("/no/such.sock", 0), -ENOENT);
	CU_ASSERT_EQUAL(discsi_bridge_detach(path, 0), 0);
	expect_ended(pid);
	CU_ASSERT(!scratch_exists("x.sock"));
}

static void test_detach_dead(void)
{
	char path[256];

	scratch_clear();
	snprintf(path, sizeof(path), "%s", scratch_path("x.sock"));
	make_socket(path);
	/* The process is gone and its number is ours now: nobody is hit. */
	scratch_state("a-lun-1", path, getpid());
	close(scratch_lock("a-lun-1"));
	CU_ASSERT_EQUAL(discsi_bridge_detach("a-lun-1", 0), 0);
	CU_ASSERT(!scratch_exists("a-lun-1.json"));
	CU_ASSERT(!scratch_exists("a-lun-1.lock"));
	CU_ASSERT(!scratch_exists("x.sock"));
}

static void test_detach_spares_files(void)
{
	char path[256];

	scratch_clear();
	snprintf(path, sizeof(path), "%s", scratch_path("precious"));
	scratch_write("precious", "data", 0600);
	scratch_state("a-lun-1", path, 4711);
	CU_ASSERT_EQUAL(discsi_bridge_detach("a-lun-1", 0), 0);
	CU_ASSERT(!scratch_exists("a-lun-1.json"));
	CU_ASSERT(scratch_exists("precious"));
}

static void test_detach_broken(void)
{
	int lock;

	scratch_clear();
	scratch_write("a-lun-1.json", "{\"version\":1,\"pid\":1}", 0600);
	lock = scratch_lock("a-lun-1");
	CU_ASSERT_EQUAL(discsi_bridge_detach("a-lun-1", 0), -EPROTO);
	CU_ASSERT(strstr(discsi_last_error()->message, "a-lun-1.json") != NULL);
	CU_ASSERT(scratch_exists("a-lun-1.json"));
	close(lock);
	CU_ASSERT_EQUAL(discsi_bridge_detach("a-lun-1", 0), 0);
	CU_ASSERT(!scratch_exists("a-lun-1.json"));
	CU_ASSERT(!scratch_exists("a-lun-1.lock"));
}

static void test_detach_arguments(void)
{
	CU_ASSERT_EQUAL(discsi_bridge_detach(NULL, 0), -EINVAL);
	CU_ASSERT_EQUAL(discsi_bridge_detach("a", 0x80), -EINVAL);
	CU_ASSERT_EQUAL(discsi_bridge_detach("a b", 0), -EINVAL);
	CU_ASSERT_EQUAL(discsi_bridge_detach("../a", 0), -ENOENT);
	CU_ASSERT_EQUAL(discsi_bridge_list(NULL, NULL), -EINVAL);
}

/* ------------------------------------------------------------------ clean */

static int next_lock = -1;

static int clean(const char *id)
{
	struct dsc_registry registry;
	int rc;

	CU_ASSERT_EQUAL_FATAL(dsc_registry_open(&registry, false), 0);
	rc = dsc_registry_clean(&registry, id, "");
	dsc_registry_close(&registry);
	return rc;
}

/* The process that dies removes its lock, and the next one makes its own. */
static void hand_on(void)
{
	CU_ASSERT_EQUAL(unlink(scratch_path("a-lun-1.lock")), 0);
	next_lock = scratch_lock("a-lun-1");
	scratch_state("a-lun-1", "", getpid());
}

static void test_clean_spares_next(void)
{
	scratch_clear();
	scratch_state("a-lun-1", "", 4711);
	close(scratch_lock("a-lun-1"));
	before_lock = hand_on;
	CU_ASSERT_EQUAL(clean("a-lun-1"), -EBUSY);
	CU_ASSERT_PTR_NULL(before_lock);
	CU_ASSERT(scratch_exists("a-lun-1.json"));
	CU_ASSERT(scratch_exists("a-lun-1.lock"));
	close(next_lock);
	CU_ASSERT_EQUAL(clean("a-lun-1"), 0);
	CU_ASSERT(!scratch_exists("a-lun-1.json"));
	CU_ASSERT(!scratch_exists("a-lun-1.lock"));
}

/* Nobody can begin to serve while it is cleaned, with a lock file or without. */
static void try_to_begin(void)
{
	int fd = open(scratch_path("a-lun-1.lock"), O_RDWR | O_CREAT |
		      O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(__real_flock(fd, LOCK_EX | LOCK_NB), -1);
	CU_ASSERT_EQUAL(errno, EWOULDBLOCK);
	close(fd);
}

static void test_clean_keeps_out(void)
{
	scratch_clear();
	scratch_state("a-lun-1", "", 4711);
	before_removal = try_to_begin;
	CU_ASSERT_EQUAL(clean("a-lun-1"), 0);
	CU_ASSERT_PTR_NULL(before_removal);
	CU_ASSERT(!scratch_exists("a-lun-1.json"));
	CU_ASSERT(!scratch_exists("a-lun-1.lock"));
}

/* Who looks whether somebody lives has the lock for a moment. */
static void look_away(void)
{
	close(next_lock);
}

static void look_on(void)
{
	next_lock = open(scratch_path("a-lun-1.lock"), O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(__real_flock(next_lock, LOCK_SH | LOCK_NB), 0);
	before_lock = look_away;
}

static void test_clean_while_looked_at(void)
{
	scratch_clear();
	scratch_state("a-lun-1", "", 4711);
	close(scratch_lock("a-lun-1"));
	before_lock = look_on;
	CU_ASSERT_EQUAL(clean("a-lun-1"), 0);
	CU_ASSERT_PTR_NULL(before_lock);
	CU_ASSERT(!scratch_exists("a-lun-1.json"));
	CU_ASSERT(!scratch_exists("a-lun-1.lock"));
}

static const struct dsc_test tests[] = {
	{ "names", test_names },
	{ "parse", test_parse },
	{ "parse-large", test_parse_large },
	{ "parse-broken", test_parse_broken },
	{ "socket-path", test_socket_path },
	{ "no-directory", test_no_directory },
	{ "open-to-others", test_open_to_others },
	{ "no-registry", test_no_registry },
	{ "not-opened", test_not_opened },
	{ "default-directory", test_default_directory },
	{ "list", test_list },
	{ "list-broken", test_list_broken },
	{ "list-few-descriptors", test_list_few_descriptors },
	{ "no-descriptor", test_no_descriptor },
	{ "id-of-another", test_id_of_another },
	{ "detach-by-id", test_detach_by_id },
	{ "detach-by-socket", test_detach_by_socket },
	{ "detach-dead", test_detach_dead },
	{ "detach-spares-files", test_detach_spares_files },
	{ "detach-broken", test_detach_broken },
	{ "detach-arguments", test_detach_arguments },
	{ "clean-spares-next", test_clean_spares_next },
	{ "clean-keeps-out", test_clean_keeps_out },
	{ "clean-while-looked-at", test_clean_while_looked_at },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-registry", tests, scratch_setup,
				     scratch_teardown, argc, argv);
}
