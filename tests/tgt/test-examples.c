/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-examples.c: the programs of examples/, run as a reader would run them,
 * against a tgtd with CHAP. LUN 1 is empty; LUN 2 has a known number of bytes
 * that are not zero and a size that is no multiple of what a program reads at
 * once. One thread.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/target.h"

#define IQN "iqn.2026-11.io.discsi:examples"
#define USER "reader"
#define SECRET "canary-7Yq/@%secret"
#define LUN1_BYTES (UINT64_C(3) << 40)
#define LUN2_BYTES ((UINT64_C(9) << 20) + 512)
#define NONZERO 70001u

static struct dsc_tgtd *tgtd;

/* NONZERO bytes in two pieces, the last one at the very end. */
static int fill_lun2(void)
{
	static char pattern[NONZERO];
	char *path = dsc_tgtd_lun_path(tgtd, 1, 2);
	int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT, 0600);
	bool is_done;

	memset(pattern, 0xa5, sizeof(pattern));
	is_done = fd >= 0 && ftruncate(fd, (off_t)LUN2_BYTES) == 0 &&
		  pwrite(fd, pattern, NONZERO - 1, 65530) == NONZERO - 1 &&
		  pwrite(fd, pattern, 1, (off_t)LUN2_BYTES - 1) == 1;
	if (fd >= 0)
		close(fd);
	free(path);
	return is_done ? 0 : -1;
}

static int setup(void)
{
	if (!dsc_tgtd_is_installed()) {
		dsc_test_skip("tgtd is not installed");
		return 0;
	}
	if (dsc_tgtd_start(&tgtd) != 0 ||
	    dsc_tgtd_add_target(tgtd, 1, IQN) != 0 ||
	    dsc_tgtd_add_target(tgtd, 2, IQN "-other") != 0 ||
	    dsc_tgtd_set_chap(tgtd, 1, USER, SECRET, NULL, NULL) != 0 ||
	    dsc_tgtd_add_lun(tgtd, 1, 1, LUN1_BYTES, 512, 0) != 0 ||
	    fill_lun2() != 0 ||
	    dsc_tgtd_add_lun(tgtd, 1, 2, LUN2_BYTES, 512, 0) != 0)
		return -1;
	return 0;
}

static void teardown(void)
{
	dsc_tgtd_stop(tgtd);
}

static int run_example(struct dsc_run_result *result, const char *program,
		       const char *secret, int lun)
{
	char url[256];
	const char *const argv[] = { program, url, NULL };

	snprintf(url, sizeof(url), "iscsi://%s%%%s@%s/%s/%d", USER, secret,
		 dsc_tgtd_portal(tgtd), IQN, lun);
	return dsc_run(result, argv);
}

static void test_capacity_prints_targets_and_bytes(void)
{
	struct dsc_run_result result;
	char expected[64];

	snprintf(expected, sizeof(expected), "targets: 2, bytes: %" PRIu64 "\n",
		 LUN1_BYTES);
	CU_ASSERT_EQUAL(run_example(&result, "examples/capacity", SECRET, 1),
			0);
	CU_ASSERT_STRING_EQUAL(result.out, expected);
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
}

static void test_capacity_tells_why_it_is_refused(void)
{
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(run_example(&result, "examples/capacity",
				    "canary-wrong-secret", 1), 1);
	CU_ASSERT_STRING_EQUAL(result.out, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "capacity: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, IQN));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "authentication"));
	CU_ASSERT_PTR_NULL(strstr(result.err, "canary"));
	dsc_run_free(&result);
}

static void test_capacity_without_a_url_says_so(void)
{
	static const char *const argv[] = { "examples/capacity", NULL };
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(dsc_run(&result, argv), 1);
	CU_ASSERT_STRING_NOT_EQUAL(result.err, "");
	dsc_run_free(&result);
}

/* cksum(1) of the target's own file says what the program must say. */
static void test_async_scan_sums_like_cksum(void)
{
	char *path = dsc_tgtd_lun_path(tgtd, 1, 2);
	const char *const argv[] = { "cksum", path, NULL };
	struct dsc_run_result result, wanted;

	CU_ASSERT_EQUAL(dsc_run(&wanted, argv), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(wanted.out, path));
	strstr(wanted.out, path)[-1] = '\n';
	*strstr(wanted.out, path) = '\0';
	CU_ASSERT_EQUAL(run_example(&result, "examples/async-scan", SECRET, 2),
			0);
	CU_ASSERT_STRING_EQUAL(result.out, wanted.out);
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
	dsc_run_free(&wanted);
	free(path);
}

static void test_async_scan_names_the_lun_that_is_missing(void)
{
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(run_example(&result, "examples/async-scan", SECRET, 7),
			1);
	CU_ASSERT_STRING_EQUAL(result.out, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "LUN 7"));
	dsc_run_free(&result);
}

/* The copy and the target's own file, compared by cmp(1). */
static void test_copy_is_the_lun(void)
{
	char *path = dsc_tgtd_lun_path(tgtd, 1, 2);
	char *copy = NULL;
	char *part = NULL;
	char url[256], expected[96];
	struct dsc_run_result result;

	CU_ASSERT_FATAL(asprintf(&copy, "%s.copy", path) > 0);
	CU_ASSERT_FATAL(asprintf(&part, "%s.part", copy) > 0);
	snprintf(url, sizeof(url), "iscsi://%s%%%s@%s/%s/2", USER, SECRET,
		 dsc_tgtd_portal(tgtd), IQN);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"examples/snapshot-free-copy", url, copy, NULL }), 0);
	snprintf(expected, sizeof(expected), " of %" PRIu64 " bytes copied to ",
		 LUN2_BYTES);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, expected));
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"cmp", path, copy, NULL }), 0);
	dsc_run_free(&result);
	CU_ASSERT_NOT_EQUAL(access(part, F_OK), 0);
	unlink(copy);
	free(part);
	free(copy);
	free(path);
}

static void test_copy_that_fails_leaves_no_file(void)
{
	char *path = dsc_tgtd_lun_path(tgtd, 1, 7);
	char url[256];
	struct dsc_run_result result;

	snprintf(url, sizeof(url), "iscsi://%s%%%s@%s/%s/7", USER, SECRET,
		 dsc_tgtd_portal(tgtd), IQN);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"examples/snapshot-free-copy", url, path, NULL }), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "LUN 7"));
	CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
	dsc_run_free(&result);
	free(path);
}

/* Runs a shell command with the Python module and the library in reach; $URL
 * is the target's, without a LUN. */
static int run_python(struct dsc_run_result *result, const char *command)
{
	char script[2048];

	snprintf(script, sizeof(script),
		 "export DISCSI_LIBRARY=\"$DSC_BUILDDIR/.libs/libdiscsi.so.0\" "
		 "PYTHONPATH=\"$DSC_SRCDIR/examples/python\" "
		 "PYTHONDONTWRITEBYTECODE=1 PORTAL='%s' IQN='%s' "
		 "URL='iscsi://%s%%%s@%s'; "
		 "%s", dsc_tgtd_portal(tgtd), IQN, USER, SECRET,
		 dsc_tgtd_portal(tgtd), command);
	return dsc_run(result, (const char *const[]){ "sh", "-c", script,
						      NULL });
}

static bool has_python(void)
{
	if (DSC_HAS_SANITIZER)
		dsc_test_skip("a library with a sanitizer");
	else if (access("/usr/bin/python3", X_OK) != 0)
		dsc_test_skip("python3 is not installed");
	else
		return true;
	return false;
}

static void test_python_lists_targets(void)
{
	struct dsc_run_result result;

	if (!has_python())
		return;
	CU_ASSERT_EQUAL(run_python(&result,
		"python3 \"$PYTHONPATH/scan.py\" \"$URL\""), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, IQN " 127.0.0.1:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, IQN "-other 127.0.0.1:"));
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
}

/* Against sha256sum(1) of the target's own file. */
static void test_python_reads_every_block(void)
{
	char *path = dsc_tgtd_lun_path(tgtd, 1, 2);
	struct dsc_run_result result, wanted;

	if (has_python()) {
		CU_ASSERT_EQUAL(run_python(&result, "python3 "
			"\"$PYTHONPATH/scan.py\" \"$URL/$IQN/2\""), 0);
		CU_ASSERT_EQUAL(dsc_run(&wanted, (const char *const[]){
			"sha256sum", path, NULL }), 0);
		wanted.out[64] = '\0';
		CU_ASSERT_PTR_NOT_NULL(strstr(result.out, wanted.out));
		CU_ASSERT_PTR_NOT_NULL(strstr(result.out,
			"9437696 bytes in blocks of 512\n"));
		CU_ASSERT_STRING_EQUAL(result.err, "");
		dsc_run_free(&result);
		dsc_run_free(&wanted);
	}
	free(path);
}

static const char python_writes[] =
	"python3 -c '\n"
	"import array, discsi, os, errno\n"
	"url = os.environ[\"URL\"] + \"/\" + os.environ[\"IQN\"]\n"
	"with discsi.open(url, lun_id=1) as lun:\n"
	"    data = os.urandom(8192)\n"
	"    lun.write(1 << 20, data, discsi.FUA)\n"
	"    lun.flush()\n"
	"    lun.refresh()\n"
	"    assert lun.info.bytes == 3 << 40, lun.info.bytes\n"
	"    assert lun.info.max_write_same_bytes % 512 == 0, str(lun.info)\n"
	"    assert lun.read(1 << 20, 8192) == data\n"
	"    assert lun.read(0, 0) == b\"\"\n"
	"    lun.write(1 << 20, array.array(\"Q\", [7] * 1024))\n"
	"    assert lun.read(1 << 20, 8192) == (7).to_bytes(8, \"little\") * 1024\n"
	"    lun.write(1 << 20, bytes(8192))\n"
	"    try:\n"
	"        lun.read(3 << 40, 512)\n"
	"    except discsi.Error as error:\n"
	"        assert error.errno == errno.ERANGE, error\n"
	"    else:\n"
	"        assert False, \"no error\"\n"
	"try:\n"
	"    lun.read(0, 512)\n"
	"except ValueError:\n"
	"    pass\n"
	"try:\n"
	"    discsi.open(url, lun_id=1, password=\"canary-wrong\")\n"
	"except discsi.Error as error:\n"
	"    assert error.errno == errno.EACCES and error.login == (2, 1), error\n"
	"    assert \"canary\" not in str(error)\n"
	"    print(\"refused\")\n"
	"'";

static void test_python_writes_and_raises(void)
{
	struct dsc_run_result result;

	if (!has_python())
		return;
	CU_ASSERT_EQUAL(run_python(&result, python_writes), 0);
	CU_ASSERT_STRING_EQUAL(result.out, "refused\n");
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
}

static void expect_words(struct dsc_process *process, const char *words)
{
	CU_ASSERT_TRUE(dsc_process_wait_words(process, words, 60000));
}

/* The target is silent until a ping has not been answered. */
static void test_watch_session_sees_a_loss_and_a_recovery(void)
{
	struct dsc_process *process;
	char url[256];

	snprintf(url, sizeof(url), "iscsi://%s%%%s@%s/%s/1", USER, SECRET,
		 dsc_tgtd_portal(tgtd), IQN);
	process = dsc_process_start((const char *const[]){
		"examples/watch-session", url, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	expect_words(process, "session 0: connected\n");
	expect_words(process, "losses: 0, recoveries: 0, outage: 0 ms\n");
	kill(dsc_tgtd_pid(tgtd), SIGSTOP);
	expect_words(process, "session 0: lost: ");
	kill(dsc_tgtd_pid(tgtd), SIGCONT);
	expect_words(process, "session 0: recovered\n");
	expect_words(process, "losses: 1, recoveries: 1, outage: ");
	dsc_process_signal(process, SIGINT);
	CU_ASSERT_EQUAL(dsc_process_wait(process, 30000), 0);
	dsc_process_stop(process);
}

/* Questions over a pipe; 65530 falls into the block before the pattern's. */
static void test_own_loop_answers_in_the_middle_of_its_own_loop(void)
{
	char command[512];
	struct dsc_run_result result;

	snprintf(command, sizeof(command),
		 "printf '0\\n66000\\nx\\n1000000000000\\n' | "
		 "examples/own-loop 'iscsi://%s%%%s@%s/%s/2' | sort", USER,
		 SECRET, dsc_tgtd_portal(tgtd), IQN);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"sh", "-c", command, NULL }), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "0: 00 00 00 00 00 00 00 00 "
				      "00 00 00 00 00 00 00 00\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "66000: a5 a5 a5 a5 a5 a5 a5 "
				      "a5 a5 a5 a5 a5 a5 a5 a5 a5\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "x: not an offset\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "1000000000000: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "beyond"));
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
}

static void test_watch_session_tells_why_it_is_refused(void)
{
	struct dsc_run_result result;

	CU_ASSERT_EQUAL(run_example(&result, "examples/watch-session",
				    "canary-wrong-secret", 1), 1);
	CU_ASSERT_STRING_EQUAL(result.out, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "authentication"));
	CU_ASSERT_PTR_NULL(strstr(result.err, "canary"));
	dsc_run_free(&result);
}

static const struct dsc_test tests[] = {
	{ "capacity_prints_targets_and_bytes",
	  test_capacity_prints_targets_and_bytes },
	{ "capacity_tells_why_it_is_refused",
	  test_capacity_tells_why_it_is_refused },
	{ "capacity_without_a_url_says_so",
	  test_capacity_without_a_url_says_so },
	{ "async_scan_sums_like_cksum", test_async_scan_sums_like_cksum },
	{ "async_scan_names_the_lun_that_is_missing",
	  test_async_scan_names_the_lun_that_is_missing },
	{ "copy_is_the_lun", test_copy_is_the_lun },
	{ "copy_that_fails_leaves_no_file",
	  test_copy_that_fails_leaves_no_file },
	{ "own_loop_answers_in_the_middle_of_its_own_loop",
	  test_own_loop_answers_in_the_middle_of_its_own_loop },
	{ "python_lists_targets", test_python_lists_targets },
	{ "python_reads_every_block", test_python_reads_every_block },
	{ "python_writes_and_raises", test_python_writes_and_raises },
	{ "watch_session_sees_a_loss_and_a_recovery",
	  test_watch_session_sees_a_loss_and_a_recovery },
	{ "watch_session_tells_why_it_is_refused",
	  test_watch_session_tells_why_it_is_refused },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("examples", tests, setup, teardown, argc,
				     argv);
}
