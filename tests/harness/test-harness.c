/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/test-harness.c: the harness tested with programs that are not ours:
 * shells for running and killing, libiscsi's iscsi-ls, iscsi-inq and
 * iscsi-readcapacity16 against the targets that it starts. Main thread.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/target.h"
#include "harness/temp.h"

#define IQN "iqn.2001-04.com.example:harness"
#define MIB (UINT64_C(1) << 20)

static void test_run_captures(void)
{
	static const char *const argv[] = {
		"sh", "-c", "read x; echo \"out $x $Y\"; echo err >&2; exit 3",
		NULL
	};
	static const char *const env[] = { "Y=why", NULL };
	struct dsc_run_options options = {
		.input = "in\n", .input_length = 3, .env = env,
	};
	struct dsc_run_result r;

	CU_ASSERT_EQUAL(dsc_run_with(&r, &options, argv), 3);
	CU_ASSERT_STRING_EQUAL(r.out, "out in why\n");
	CU_ASSERT_STRING_EQUAL(r.err, "err\n");
	dsc_run_free(&r);
}

static void test_run_much_output(void)
{
	static const char *const argv[] = {
		"sh", "-c", "head -c 1000000 /dev/zero; "
		"head -c 1000000 /dev/zero >&2", NULL
	};
	struct dsc_run_result r;

	CU_ASSERT_EQUAL(dsc_run(&r, argv), 0);
	CU_ASSERT_EQUAL(r.out_length, 1000000);
	CU_ASSERT_EQUAL(r.err_length, 1000000);
	dsc_run_free(&r);
}

static void test_run_deadline(void)
{
	static const char *const argv[] = {
		"sh", "-c", "echo begun; sleep 600 & wait", NULL
	};
	struct dsc_run_options options = { .timeout_ms = 200 };
	struct dsc_run_result r;

	CU_ASSERT_EQUAL(dsc_run_with(&r, &options, argv), -1);
	CU_ASSERT_TRUE(r.is_timeout);
	CU_ASSERT_STRING_EQUAL(r.out, "begun\n");
	dsc_run_free(&r);
}

static void test_run_not_found(void)
{
	static const char *const argv[] = { "no-such-program", NULL };
	struct dsc_run_result r;

	CU_ASSERT_EQUAL(dsc_run(&r, argv), 127);
	CU_ASSERT_FALSE(dsc_has_program(argv[0]));
	dsc_run_free(&r);
}

static void *allocate(void *unused)
{
	size_t size;

	(void)unused;
	for (size = 16; size < 4096; size += 16)
		free(malloc(size));
	return NULL;
}

/* A fork in the middle of another thread's malloc() leaves the child with a
 * lock that nobody opens. */
static void test_run_beside_threads(void)
{
	static const char *const argv[] = { "true", NULL };
	static const struct dsc_run_options options = { .timeout_ms = 10000 };
	bool is_timeout = false;
	struct dsc_run_result r;
	pthread_t thread;
	int i;

	for (i = 0; i < 200 && !is_timeout; i++) {
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, allocate,
						     NULL), 0);
		CU_ASSERT_EQUAL(dsc_run_with(&r, &options, argv), 0);
		is_timeout = r.is_timeout;
		dsc_run_free(&r);
		pthread_join(thread, NULL);
	}
}

/* A program that leaves a daemon with its stdout is over when it exits. */
static void test_run_leaves_daemon(void)
{
	static const char *const argv[] = {
		"sh", "-c", "sleep 600 & echo $!", NULL
	};
	struct dsc_run_result r;
	unsigned long long begun = dsc_now_ms();
	pid_t pid;

	CU_ASSERT_EQUAL(dsc_run(&r, argv), 0);
	CU_ASSERT(dsc_now_ms() - begun < 20000);
	pid = (pid_t)strtol(r.out, NULL, 10);
	CU_ASSERT_FATAL(pid > 1);
	CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	dsc_run_free(&r);
}

static bool is_gone(void *arg)
{
	struct stat st;

	return lstat(arg, &st) < 0;
}

/* A test program that is killed leaves neither directory nor daemon. */
static void test_temp_dir_after_crash(void)
{
	char line[512] = "";
	char proc[64];
	char *dir = line;
	char *pid_text;
	int fds[2];
	FILE *from;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		char name[] = "test-harness";
		char crash_arg[] = "crash";
		char *args[] = { name, crash_arg, NULL };

		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execv("/proc/self/exe", args);
		_exit(1);
	}
	close(fds[1]);
	from = fdopen(fds[0], "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(from);
	CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), from));
	fclose(from);
	waitpid(pid, NULL, 0);
	pid_text = strchr(line, ' ');
	CU_ASSERT_PTR_NOT_NULL_FATAL(pid_text);
	*pid_text++ = '\0';
	snprintf(proc, sizeof(proc), "/proc/%ld", strtol(pid_text, NULL, 10));
	CU_ASSERT_TRUE(dsc_wait_for(is_gone, dir, 10000));
	CU_ASSERT_TRUE(dsc_wait_for(is_gone, proc, 10000));
}

/* What the test above starts: says what it made, then dies by a signal. */
static int crash(void)
{
	static const char *const argv[] = { "sleep", "600", NULL };
	struct dsc_process *process = dsc_process_start(argv, NULL);

	printf("%s %d\n", dsc_temp_dir(), (int)dsc_process_pid(process));
	fflush(stdout);
	raise(SIGKILL);
	return 1;
}

static void test_free_ports_differ(void)
{
	uint16_t a = dsc_free_port();
	uint16_t b = dsc_free_port();

	CU_ASSERT_NOT_EQUAL(a, b);
}

/* Runs one of libiscsi's programs; its output is to be freed. */
__attribute__((format(printf, 2, 3)))
static char *iscsi_tool(const char *tool, const char *fmt, ...)
{
	struct dsc_run_options options = { .timeout_ms = 10000 };
	const char *argv[3] = { tool, NULL, NULL };
	struct dsc_run_result r;
	char *text = NULL;
	va_list args;
	char *url;

	va_start(args, fmt);
	if (vasprintf(&url, fmt, args) < 0)
		abort();
	va_end(args);
	argv[1] = url;
	if (dsc_run_with(&r, &options, argv) == 0)
		text = strdup(r.out);
	else
		dsc_run_note(&r, argv);
	dsc_run_free(&r);
	free(url);
	return text;
}

static void expect(char *text, const char *part)
{
	CU_ASSERT_PTR_NOT_NULL(text);
	CU_ASSERT(text && strstr(text, part));
	if (text && !strstr(text, part))
		dsc_test_note("no '%s' in: %s", part, text);
	free(text);
}

static bool has_tools(bool has_target)
{
	if (has_target && dsc_has_program("iscsi-ls"))
		return true;
	dsc_test_skip("the target or libiscsi-bin is not installed");
	return false;
}

static void test_tgtd(void)
{
	struct dsc_tgtd *t;
	const char *portal6;
	char portal[64];

	if (!has_tools(dsc_tgtd_is_installed()))
		return;
	CU_ASSERT_EQUAL_FATAL(dsc_tgtd_start(&t), 0);
	portal6 = dsc_tgtd_portal6(t);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(t, 1, IQN), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(t, 1, 1, 8 * MIB, 512, 0), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(t, 1, 2, 16 * MIB, 4096,
					 DSC_LUN_THIN | DSC_LUN_READ_ONLY), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_portal(t, "127.0.0.1", portal,
					    sizeof(portal)), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_set_param(t, 1, "HeaderDigest", "CRC32C"), 0);
	expect(iscsi_tool("iscsi-ls", "iscsi://%s", portal),
	       "Target:" IQN);
	if (portal6)
		expect(iscsi_tool("iscsi-ls", "iscsi://%s", portal6),
		       portal6);
	expect(iscsi_tool("iscsi-readcapacity16",
			  "iscsi://%s/" IQN "/1?header_digest=crc32c",
			  dsc_tgtd_portal(t)),
	       "Total size:8388608");
	expect(iscsi_tool("iscsi-readcapacity16", "iscsi://%s/" IQN "/2",
			  dsc_tgtd_portal(t)),
	       "LBPME:1");
	CU_ASSERT_EQUAL(dsc_tgtd_remove_lun(t, 1, 2), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_remove_target(t, 1), 0);
	dsc_tgtd_stop(t);
}

static void test_tgtd_chap(void)
{
	static const char chap[] =
		"target_user=mutual&target_password=mutualsecret12";
	struct dsc_tgtd *t;

	if (!has_tools(dsc_tgtd_is_installed()))
		return;
	CU_ASSERT_EQUAL_FATAL(dsc_tgtd_start(&t), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(t, 1, IQN), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(t, 1, 1, 8 * MIB, 512, 0), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_set_chap(t, 1, "user", "secretsecret12",
					  "mutual", "mutualsecret12"), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_set_chap(t, 0, "user", "secretsecret12",
					  NULL, NULL), 0);
	expect(iscsi_tool("iscsi-inq",
			  "iscsi://user%%secretsecret12@%s/" IQN "/1?%s",
			  dsc_tgtd_portal(t), chap),
	       "Type:DIRECT_ACCESS");
	CU_ASSERT_PTR_NULL(iscsi_tool("iscsi-inq",
				      "iscsi://user%%wrong@%s/" IQN "/1",
				      dsc_tgtd_portal(t)));
	dsc_tgtd_stop(t);
}

static void test_two_tgtds(void)
{
	struct dsc_tgtd *a;
	struct dsc_tgtd *b;

	if (!has_tools(dsc_tgtd_is_installed()))
		return;
	CU_ASSERT_EQUAL_FATAL(dsc_tgtd_start(&a), 0);
	CU_ASSERT_EQUAL_FATAL(dsc_tgtd_start(&b), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(a, 1, IQN "-a"), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(b, 1, IQN "-b"), 0);
	expect(iscsi_tool("iscsi-ls", "iscsi://%s", dsc_tgtd_portal(a)),
	       IQN "-a");
	expect(iscsi_tool("iscsi-ls", "iscsi://%s", dsc_tgtd_portal(b)),
	       IQN "-b");
	dsc_tgtd_stop(a);
	dsc_tgtd_stop(b);
}

static void test_istgt(void)
{
	struct dsc_istgt_options options = {
		.iqn = IQN,
		.lun_bytes = { 8 * MIB, 16 * MIB },
		.block_size = 4096,
		.user = "user",
		.secret = "secretsecret12",
		.mutual_user = "mutual",
		.mutual_secret = "mutualsecret12",
	};
	struct dsc_istgt *t;

	if (!has_tools(dsc_istgt_is_installed()))
		return;
	CU_ASSERT_EQUAL_FATAL(dsc_istgt_start(&options, &t), 0);
	/* no iscsi-ls: its logout after discovery hangs with istgt */
	expect(iscsi_tool("iscsi-readcapacity16",
			  "iscsi://user%%secretsecret12@%s/" IQN "/1"
			  "?target_user=mutual&target_password=mutualsecret12",
			  dsc_istgt_portal(t)),
	       "Total size:16777216");
	dsc_istgt_stop(t);
}

static const struct dsc_test tests[] = {
	{ "run-captures", test_run_captures },
	{ "run-much-output", test_run_much_output },
	{ "run-deadline", test_run_deadline },
	{ "run-not-found", test_run_not_found },
	{ "run-beside-threads", test_run_beside_threads },
	{ "run-leaves-daemon", test_run_leaves_daemon },
	{ "temp-dir-after-crash", test_temp_dir_after_crash },
	{ "free-ports-differ", test_free_ports_differ },
	{ "tgtd", test_tgtd },
	{ "tgtd-chap", test_tgtd_chap },
	{ "two-tgtds", test_two_tgtds },
	{ "istgt", test_istgt },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "crash") == 0)
		return crash();
	return dsc_test_main("harness", tests, argc, argv);
}
