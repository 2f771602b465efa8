/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-examples.c: the examples of the storage layer, run as a reader
 * would run them: the agent, a type of one's own, Go. The target is a tgtd with
 * CHAP and two LUNs. One thread.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/target.h"
#include "harness/temp.h"

#define IQN "iqn.2026-11.io.discsi:storage-examples"
#define USER "agent"
#define SECRET "canary-0aKp/@%secret"
#define LUN1_BYTES (UINT64_C(3) << 40)
#define LUN2_BYTES (UINT64_C(96) << 20)

static struct dsc_tgtd *tgtd;

static int setup(void)
{
	char *run = dsc_temp_path("run");

	setenv("DISCSI_RUN_DIR", run, 1);
	free(run);
	if (!dsc_tgtd_is_installed()) {
		dsc_test_skip("tgtd is not installed");
		return 0;
	}
	if (dsc_tgtd_start(&tgtd) != 0 ||
	    dsc_tgtd_add_target(tgtd, 1, IQN) != 0 ||
	    dsc_tgtd_set_chap(tgtd, 1, USER, SECRET, NULL, NULL) != 0 ||
	    dsc_tgtd_add_lun(tgtd, 1, 1, LUN1_BYTES, 512, 0) != 0 ||
	    dsc_tgtd_add_lun(tgtd, 1, 2, LUN2_BYTES, 512, 0) != 0)
		return -1;
	return 0;
}

static void teardown(void)
{
	dsc_tgtd_stop(tgtd);
}

/* text: receives a configuration of a LUN with a device "none". */
static void make_conf(char *text, size_t room, const char *secret, int lun)
{
	snprintf(text, room,
		 "{\"portal\": \"%s\", \"iqn\": \"%s\", \"username\": \"%s\", "
		 "\"password\": \"%s\", \"lun_id\": %d, \"device\": \"none\"}",
		 dsc_tgtd_portal(tgtd), IQN, USER, secret, lun);
}

static void write_conf(const char *directory, const char *name,
		       const char *secret, int lun)
{
	char path[512];
	char text[512];
	FILE *file;

	make_conf(text, sizeof(text), secret, lun);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

/* ------------------------------------------------------------ own-factory */

static void test_a_type_of_ones_own(void)
{
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"examples/own-factory", "directory-1", "{\"folder\": \"/\"}",
		NULL }), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "\"online\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "directory, of this host\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out,
				      "directory storage is a folder"));
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"examples/own-factory", "directory-1",
		"{\"folder\": \"/no/such/folder\"}", NULL }), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "the folder is not there"));
	dsc_run_free(&result);
}

static void test_a_type_of_ones_own_beside_iscsi(void)
{
	struct dsc_run_result result;
	char conf[512];

	make_conf(conf, sizeof(conf), SECRET, 2);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"examples/own-factory", "iscsi-1", conf, NULL }), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "iscsi, remote\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, IQN));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out,
				      "it has no snapshots"));
	CU_ASSERT_PTR_NULL(strstr(result.out, "canary"));
	dsc_run_free(&result);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"examples/own-factory", "floppy-1", "{}", NULL }), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "directory"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "iscsi"));
	dsc_run_free(&result);
}

/* ------------------------------------------------------------------ agent */

struct asking {
	const char *path;
	const char *words;
	char answer[8192];
};

/* Reads the status from the agent's socket. */
static bool has_status(void *arg)
{
	struct asking *asking = arg;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t length = 0;
	ssize_t n = -1;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		 asking->path);
	if (connect(fd, (const struct sockaddr *)&address,
		    sizeof(address)) == 0) {
		while ((n = read(fd, asking->answer + length,
				 sizeof(asking->answer) - 1 - length)) > 0)
			length += (size_t)n;
	}
	asking->answer[length] = '\0';
	close(fd);
	return n == 0 && strstr(asking->answer, asking->words) != NULL;
}

static bool is_said(struct dsc_process *process, const char *words)
{
	return dsc_process_wait_words(process, words, 60000);
}

static void test_agent_mounts_tells_and_unmounts(void)
{
	char *directory = dsc_temp_path("agent");
	char *path = dsc_temp_path("status");
	struct asking asking = { path, "", "" };
	struct dsc_process *process;

	CU_ASSERT_EQUAL_FATAL(mkdir(directory, 0700), 0);
	write_conf(directory, "big.json", SECRET, 1);
	write_conf(directory, "small.json", SECRET, 2);
	write_conf(directory, "wrong.json", "canary-wrong-secret", 2);
	write_conf(directory, "no-conf.txt", SECRET, 2);
	process = dsc_process_start((const char *const[]){
		"examples/agent", directory, path, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	CU_ASSERT_TRUE(is_said(process, "agent: big: mounted\n"));
	CU_ASSERT_TRUE(is_said(process, "agent: small: mounted\n"));
	CU_ASSERT_TRUE(is_said(process, "authentication"));
	CU_ASSERT_TRUE(dsc_wait_for(has_status, &asking, 30000));
	CU_ASSERT_PTR_NOT_NULL(strstr(asking.answer, "\"big\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(asking.answer, "\"online\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(asking.answer, "\"offline\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(asking.answer, "3145728"));
	CU_ASSERT_PTR_NULL(strstr(asking.answer, "no-conf"));
	CU_ASSERT_PTR_NULL(strstr(asking.answer, "canary"));
	dsc_process_signal(process, SIGTERM);
	CU_ASSERT_EQUAL(dsc_process_wait(process, 60000), 0);
	CU_ASSERT_TRUE(is_said(process, "agent: big: unmounted\n"));
	CU_ASSERT_TRUE(is_said(process, "agent: small: unmounted\n"));
	CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
	dsc_process_stop(process);
	free(path);
	free(directory);
}

/* What a killed agent leaves of its socket is not in the way of the next one;
 * an agent that is there is. */
static void test_agent_was_killed(void)
{
	char *directory = dsc_temp_path("killed");
	char *path = dsc_temp_path("killed-status");
	const char *const argv[] = { "examples/agent", directory, path, NULL };
	struct dsc_process *process;
	struct dsc_run_result result;
	int i;

	CU_ASSERT_EQUAL_FATAL(mkdir(directory, 0700), 0);
	write_conf(directory, "small.json", SECRET, 2);
	for (i = 0; i < 2; i++) {
		process = dsc_process_start(argv, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(process);
		CU_ASSERT_TRUE(is_said(process, "agent: small: mounted\n"));
		CU_ASSERT_EQUAL(dsc_run(&result, argv), 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "in use"));
		dsc_run_free(&result);
		dsc_process_signal(process, SIGKILL);
		dsc_process_wait(process, 60000);
		dsc_process_stop(process);
		CU_ASSERT_EQUAL(access(path, F_OK), 0);
	}
	unlink(path);
	free(path);
	free(directory);
}

/* --------------------------------------------------------------------- Go */

static bool has_go(void)
{
	struct dsc_run_result result;
	bool has = dsc_run(&result, (const char *const[]){
		"sh", "-c", "command -v go", NULL }) == 0;

	dsc_run_free(&result);
	if (DSC_HAS_SANITIZER)
		dsc_test_skip("a library with a sanitizer");
	else if (!has)
		dsc_test_skip("go is not installed");
	return has && !DSC_HAS_SANITIZER;
}

/* Nothing is fetched, and nothing is written but the temporary directory. */
static int run_go(struct dsc_run_result *result, const char *command)
{
	char *directory = dsc_temp_path("go");
	char script[4096];
	int status;

	mkdir(directory, 0700);  /* there already for the second one */
	write_conf(directory, "one.json", SECRET, 2);
	snprintf(script, sizeof(script),
		 "cd \"$DSC_SRCDIR/examples/go\" && "
		 "export HOME='%s' GOCACHE='%s/cache' GOTMPDIR='%s' "
		 "GOPROXY=off GOFLAGS='-buildvcs=false -mod=mod' "
		 "CGO_CFLAGS=\"-I$DSC_SRCDIR/include\" "
		 "CGO_LDFLAGS=\"-L$DSC_BUILDDIR/.libs\" "
		 "LD_LIBRARY_PATH=\"$DSC_BUILDDIR/.libs\" "
		 "DISCSI_TEST_CONF='%s/one.json' && %s",
		 directory, directory, directory, directory, command);
	status = dsc_run(result, (const char *const[]){ "sh", "-c", script,
							NULL });
	free(directory);
	return status;
}

static void test_go_tests(void)
{
	struct dsc_run_result result;

	if (!has_go())
		return;
	CU_ASSERT_EQUAL(run_go(&result, "go vet ./... && go test -count=1 -v "
					"./discsi"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "--- PASS: TestGoroutines"));
	CU_ASSERT_PTR_NULL(strstr(result.out, "--- SKIP"));
	if (strstr(result.out, "--- PASS: TestGoroutines") == NULL)
		fprintf(stderr, "# %s\n# %s\n", result.out, result.err);
	dsc_run_free(&result);
}

static void test_go_program(void)
{
	struct dsc_run_result result;

	if (!has_go())
		return;
	CU_ASSERT_EQUAL(run_go(&result, "go run ./storage-status "
					"\"$DISCSI_TEST_CONF\""), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "\"online\""));
	CU_ASSERT_PTR_NULL(strstr(result.out, "canary"));
	dsc_run_free(&result);
}

static const struct dsc_test tests[] = {
	{ "a_type_of_ones_own", test_a_type_of_ones_own },
	{ "a_type_of_ones_own_beside_iscsi",
	  test_a_type_of_ones_own_beside_iscsi },
	{ "agent_mounts_tells_and_unmounts",
	  test_agent_mounts_tells_and_unmounts },
	{ "agent_was_killed", test_agent_was_killed },
	{ "go_tests", test_go_tests },
	{ "go_program", test_go_program },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("storage-examples", tests, setup, teardown,
				     argc, argv);
}
