/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-tool-attach.c: discsi attach, status and detach with discsi-nbd serving
 * a LUN of tgtd on a socket, read there by nbdcopy. The kernel's devices are
 * the tests' in tests/vm.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tgt/tool-rig.h"

#define ID(lun) TARGET_OPEN "-lun-" lun
#define FILL 0x3c

static int setup(void)
{
	int status;

	if (!dsc_has_program("./discsi-nbd")) {
		dsc_test_skip("discsi-nbd is not built");
		return 0;
	}
	status = rig_setup();
	if (status < 0 || rig_tgtd() == NULL)
		return status;
	if (rig_add_lun(1, 4 * MIB, 512, 0, FILL) < 0 ||
	    rig_add_lun(2, 4 * MIB, 512, 0, FILL) < 0)
		return -1;
	return dsc_tgtd_add_lun(rig_tgtd(), 2, 1, 8 * MIB, 512, 0);
}

static bool is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Reads the whole export with a client that is not ours. */
static void expect_content(const char *socket)
{
	char *copy = dsc_temp_path("content");
	char *uri = NULL;

	if (!dsc_has_program("nbdcopy")) {
		dsc_test_note("nbdcopy is not installed");
		free(copy);
		return;
	}
	CU_ASSERT(asprintf(&uri, "nbd+unix:///?socket=%s", socket) > 0);
	CU_ASSERT_EQUAL(dsc_run_quiet((const char *const[]){
		"nbdcopy", uri, copy, NULL }), 0);
	rig_expect_fill(copy, 0, 4 * MIB, FILL);
	free(uri);
	free(copy);
}

static size_t count_attached(void)
{
	struct json_object *array = rig_json("status");
	size_t count = json_object_array_length(array);

	json_object_put(array);
	return count;
}

static void test_life(void)
{
	char *url = rig_url(TARGET_OPEN, 1);
	struct json_object *made = rig_json("attach", url, "--device",
					    "socket");
	struct json_object *array;
	struct json_object *entry;

	CU_ASSERT_STRING_EQUAL(rig_text(made, "id"), ID("1"));
	CU_ASSERT_STRING_EQUAL(rig_text(made, "device"), "");
	CU_ASSERT_EQUAL(rig_number(made, "bytes"), 4 * MIB);
	CU_ASSERT(is_socket(rig_text(made, "socket")));
	expect_content(rig_text(made, "socket"));
	rig_fails("EEXIST", "attached already", "attach", url, "--device",
		  "socket");

	array = rig_json("status");
	CU_ASSERT_EQUAL_FATAL(json_object_array_length(array), 1);
	entry = json_object_array_get_idx(array, 0);
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "id"), ID("1"));
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "socket"),
			       rig_text(made, "socket"));
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "target"), TARGET_OPEN);
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "portal"),
			       dsc_tgtd_portal(rig_tgtd()));
	CU_ASSERT(json_object_get_boolean(json_object_object_get(entry,
								 "alive")));
	json_object_put(array);

	json_object_put(rig_json("detach", ID("1")));
	CU_ASSERT(!is_socket(rig_text(made, "socket")));
	CU_ASSERT_EQUAL(count_attached(), 0);
	rig_fails("ENOENT", ID("1"), "detach", ID("1"));
	json_object_put(made);
	free(url);
}

static void test_own_socket(void)
{
	char *path = dsc_temp_path("my.sock");
	char *url = rig_url(TARGET_OPEN, 1);
	struct dsc_run_result result;

	rig_run(&result, 0, "attach", url, "--device", path, "--read-only");
	CU_ASSERT(strstr(result.out, path) != NULL);
	CU_ASSERT(strstr(result.out, "nbd+unix:///?socket=/") != NULL);
	CU_ASSERT(strstr(result.out, "discsi detach " ID("1")) != NULL);
	dsc_run_free(&result);
	expect_content(path);
	rig_run(&result, 0, "status");
	CU_ASSERT(strstr(result.out, "ready, read-only") != NULL);
	CU_ASSERT(strstr(result.out, path) != NULL);
	dsc_run_free(&result);
	rig_run(&result, 0, "detach", path);
	CU_ASSERT(strstr(result.out, "detached") != NULL);
	dsc_run_free(&result);
	CU_ASSERT(!is_socket(path));
	rig_run(&result, 0, "status");
	CU_ASSERT_STRING_EQUAL(result.out, "Nothing is attached.\n");
	dsc_run_free(&result);
	free(path);
	free(url);
}

/* status and detach take it, and tell which bridge it is. */
static void end_as(const char *which)
{
	struct json_object *seen = rig_json("status", which);
	struct json_object *ended = rig_json("detach", which);

	CU_ASSERT_STRING_EQUAL(rig_text(seen, "id"), ID("1"));
	CU_ASSERT_STRING_EQUAL(rig_text(ended, "detached"), ID("1"));
	CU_ASSERT_EQUAL(count_attached(), 0);
	json_object_put(seen);
	json_object_put(ended);
}

static void test_names(void)
{
	char *url = rig_url(TARGET_OPEN, 1);
	struct json_object *made;
	struct json_object *seen;
	char pid[32];

	made = rig_json("attach", url, "--device", "socket");
	end_as(rig_text(made, "socket"));
	json_object_put(rig_json("attach", url, "--device", "socket"));
	end_as(ID("1"));
	json_object_put(rig_json("attach", url, "--device", "socket"));
	seen = rig_json("status", ID("1"));
	snprintf(pid, sizeof(pid), "%llu",
		 (unsigned long long)rig_number(seen, "pid"));
	end_as(pid);
	rig_fails("ENOENT", pid, "detach", pid);
	json_object_put(seen);
	json_object_put(made);
	free(url);
}

/* Where it was asked to be may be said in many ways. */
static void test_ways_to_a_socket(void)
{
	char *url = rig_url(TARGET_OPEN, 1);
	char *path = dsc_temp_path("way.sock");
	char *link = dsc_temp_path("way.link");
	char *detour = NULL;

	CU_ASSERT_EQUAL(symlink(path, link), 0);
	json_object_put(rig_json("attach", url, "--device", path));
	end_as(link);
	json_object_put(rig_json("attach", url, "--device", path));
	/* From any current directory: up as far as it goes, and down again. */
	CU_ASSERT_FATAL(asprintf(&detour, "../../../../../../../../../../../.."
				 "%s", path) > 0);
	end_as(detour);
	unlink(link);
	free(detour);
	free(link);
	free(path);
	free(url);
}

static bool is_dead(void *arg)
{
	struct json_object *array = rig_json("status");
	struct json_object *entry = json_object_array_get_idx(array, 0);
	bool is_alive = json_object_get_boolean(
		json_object_object_get(entry, "alive"));

	(void)arg;
	json_object_put(array);
	return !is_alive;
}

/* A process that was killed is seen, cleared, and does not stand in the way. */
static void test_killed(void)
{
	char *url = rig_url(TARGET_OPEN, 2);
	struct json_object *array;
	struct json_object *made;
	pid_t pid;

	json_object_put(rig_json("attach", url, "--device", "socket"));
	array = rig_json("status");
	pid = (pid_t)rig_number(json_object_array_get_idx(array, 0), "pid");
	json_object_put(array);
	CU_ASSERT_FATAL(pid > 1);
	CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	CU_ASSERT(dsc_wait_for(is_dead, NULL, 10000));
	json_object_put(rig_json("detach", ID("2")));
	CU_ASSERT_EQUAL(count_attached(), 0);

	made = rig_json("attach", url, "--device", "socket");
	expect_content(rig_text(made, "socket"));
	json_object_put(rig_json("detach", rig_text(made, "socket")));
	json_object_put(made);
	free(url);
}

/* Nothing is left of an attach that fails, and its reason comes through. */
static void test_failures(void)
{
	char *wrong = rig_url_chap(CHAP_USER, "canary-wrong-one", 1);
	char *no_lun = rig_url(TARGET_OPEN, 99);
	char *no_number = rig_url(TARGET_OPEN, -1);
	char *url = rig_url(TARGET_OPEN, 1);

	rig_fails("EACCES", TARGET_CHAP, "attach", wrong, "--device", "socket");
	rig_fails("ENXIO", "LUN 99", "attach", no_lun, "--device", "socket");
	rig_fails("EINVAL", "lun_id", "attach", no_number);
	rig_fails("EINVAL", "kernel device", "attach", url, "--device",
		  "socket", "--connections", "2");
	rig_fails("EINVAL", "floppy", "attach", url, "--device", "floppy");
	if (access("/sys/module/nbd", F_OK) != 0)
		rig_fails("EOPNOTSUPP", "an NBD socket", "attach", url,
			  "--device", "nbd");
	rig_fails("ENOENT", "/dev/nbd99", "detach", "/dev/nbd99");
	CU_ASSERT_EQUAL(count_attached(), 0);
	free(wrong);
	free(no_lun);
	free(no_number);
	free(url);
}

/* The secret reaches the process, and is seen nowhere on its way. */
static void test_secret(void)
{
	char *url = rig_url_chap(CHAP_USER, CHAP_SECRET, 1);
	struct dsc_run_result result;
	struct json_object *array;
	char path[64];
	char *command = NULL;

	json_object_put(rig_json("attach", url, "--device", "socket"));
	array = rig_json("status");
	snprintf(path, sizeof(path), "/proc/%llu", (unsigned long long)
		 rig_number(json_object_array_get_idx(array, 0), "pid"));
	json_object_put(array);
	CU_ASSERT(asprintf(&command, "cat %s/cmdline %s/environ %s/*", path,
			   path, getenv("DISCSI_RUN_DIR")) > 0);
	dsc_run(&result, (const char *const[]){ "sh", "-c", command, NULL });
	CU_ASSERT(result.out_length > 0);
	CU_ASSERT_PTR_NULL(memmem(result.out, result.out_length, "canary", 6));
	dsc_run_free(&result);
	json_object_put(rig_json("detach", TARGET_CHAP "-lun-1"));
	free(command);
	free(url);
}

/* ------------------------------------------------------------ unprintable */

/* discsi is $0 with "$@", and its output goes nowhere. */
#define INTO_FULL "exec \"$0\" \"$@\" >/dev/full"
#define INTO_CLOSED "exec \"$0\" \"$@\" >&-"
#define INTO_NO_READER "exec 3<>\"$FIFO\" 4>\"$FIFO\" 3<&-; " \
		       "exec \"$0\" \"$@\" >&4"

/* Attaches LUN 1; words are in what it says of its failure. */
static void attach_into(const char *how, const char *words, const char *more)
{
	char *program = dsc_find_program("./discsi");
	char *url = rig_url(TARGET_OPEN, 1);
	struct dsc_run_result result;

	rig_run_args(&result, 1, (const char *const[]){ "sh", "-c", how,
		     program, "attach", url, "--device", "socket", more,
		     NULL });
	CU_ASSERT(strstr(result.err, "output cannot be written") != NULL);
	CU_ASSERT(strstr(result.err, words) != NULL);
	if (strstr(result.err, words) == NULL)
		dsc_test_note("%s: %s", how, result.err);
	dsc_run_free(&result);
	free(url);
	free(program);
}

/* A disk of which nobody can know does not stay. */
static void test_unprintable(void)
{
	char *fifo = dsc_temp_path("fifo");

	CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
	setenv("FIFO", fifo, 1);
	attach_into(INTO_FULL, "is detached again", NULL);
	CU_ASSERT_EQUAL(count_attached(), 0);
	attach_into(INTO_FULL, "{ \"error\": ", "--json");
	CU_ASSERT_EQUAL(count_attached(), 0);
	attach_into(INTO_CLOSED, "is detached again", NULL);
	CU_ASSERT_EQUAL(count_attached(), 0);
	attach_into(INTO_NO_READER, "is detached again", NULL);
	CU_ASSERT_EQUAL(count_attached(), 0);
	unsetenv("FIFO");
	free(fifo);
}

/* As a storage of an agent would: see lib/bridge/users.h. */
static int use_bridge(const char *id)
{
	char *path = NULL;
	int fd;

	CU_ASSERT_FATAL(asprintf(&path, "%s/%s.users",
				 getenv("DISCSI_RUN_DIR"), id) > 0);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(path);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(flock(fd, LOCK_SH | LOCK_NB), 0);
	return fd;
}

/* Somebody has it already: it stays, and is named. */
static void test_unprintable_in_use(void)
{
	int fd;

	/* The registry is there from now on. */
	attach_into(INTO_FULL, "is detached again", NULL);
	fd = use_bridge(ID("1"));
	attach_into(INTO_FULL, ID("1") " stays attached: ", NULL);
	CU_ASSERT_EQUAL(count_attached(), 1);
	close(fd);
	json_object_put(rig_json("detach", ID("1")));
}

/* ----------------------------------------------------------------- waiting */

/* Who is waited for is told, but with --json there is one object alone. */
static void test_wait(void)
{
	char *url = rig_url(TARGET_OPEN, 1);
	struct dsc_run_result result;
	int fd;

	json_object_put(rig_json("attach", url, "--device", "socket"));
	fd = use_bridge(ID("1"));
	rig_fails("EBUSY", ID("1"), "detach", ID("1"), "--wait", "1");
	rig_run(&result, 1, "detach", ID("1"), "--wait", "1");
	CU_ASSERT(strstr(result.err, "waiting, 1 s at most") != NULL);
	dsc_run_free(&result);
	close(fd);
	json_object_put(rig_json("detach", ID("1")));
	free(url);
}

/* ------------------------------------------------------------------ places */

/* What the only line of the table has as DISK. */
static void expect_disk(const char *disk)
{
	struct dsc_run_result result;
	char words[256];

	rig_run(&result, 0, "status");
	snprintf(words, sizeof(words), " %s ", disk);
	CU_ASSERT(strstr(result.out, words) != NULL);
	if (strstr(result.out, words) == NULL)
		dsc_test_note("no \"%s\": %s", disk, result.out);
	dsc_run_free(&result);
}

/* An address has no room for this name: its socket has a short one. */
#define TARGET_LONG TARGET_OPEN "-0123456789-0123456789-0123456789-0123456789" \
			       "-0123456789-0123456789-0123456789-0123456789"

static void test_places(void)
{
	char *elsewhere = dsc_temp_path("%s.sock", ID("1"));
	char *url = rig_url(TARGET_OPEN, 1);
	char *long_url = rig_url(TARGET_LONG, 1);

	json_object_put(rig_json("attach", url, "--device", "socket"));
	expect_disk("socket");
	json_object_put(rig_json("detach", ID("1")));
	json_object_put(rig_json("attach", url, "--device", elsewhere));
	expect_disk(elsewhere);
	json_object_put(rig_json("detach", ID("1")));

	CU_ASSERT_EQUAL(dsc_tgtd_add_target(rig_tgtd(), 3, TARGET_LONG), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(rig_tgtd(), 3, 1, 4 * MIB, 512, 0),
			0);
	json_object_put(rig_json("attach", long_url, "--device", "socket"));
	expect_disk("socket");
	json_object_put(rig_json("detach", TARGET_LONG "-lun-1"));
	free(long_url);
	free(url);
	free(elsewhere);
}

static const struct dsc_test tests[] = {
	{ "life", test_life },
	{ "own-socket", test_own_socket },
	{ "names", test_names },
	{ "ways-to-a-socket", test_ways_to_a_socket },
	{ "killed", test_killed },
	{ "failures", test_failures },
	{ "secret", test_secret },
	{ "unprintable", test_unprintable },
	{ "unprintable-in-use", test_unprintable_in_use },
	{ "wait", test_wait },
	{ "places", test_places },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("tool-attach", tests, setup, rig_teardown,
				     argc, argv);
}
