/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-tool-copy.c: discsi copy to, from and between LUNs of tgtd. What has
 * arrived is looked at in the LUN's backing file.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tgt/tool-rig.h"

#define FILL 0xa5

static char *backing(int lun)
{
	return dsc_tgtd_lun_path(rig_tgtd(), 1, lun);
}

static int setup(void)
{
	int status = rig_setup();

	if (status < 0 || rig_tgtd() == NULL)
		return status;
	if (rig_add_lun(1, 16 * MIB, 512, 0, FILL) < 0 ||
	    rig_add_lun(2, 20 * MIB, 4096, DSC_LUN_THIN, FILL) < 0 ||
	    rig_add_lun(3, 16 * MIB, 512, DSC_LUN_READ_ONLY, FILL) < 0 ||
	    rig_add_lun(4, 2048 * MIB, 512, 0, 0) < 0)
		return -1;
	return 0;
}

/* What is copied is there; what is behind it stays, but for the last block. */
static void check_to_lun(int lun, uint64_t bytes, unsigned block_size)
{
	char *source = rig_make_file("source", bytes);
	char *url = rig_url(TARGET_OPEN, lun);
	char *file = backing(lun);
	uint64_t end = (bytes + block_size - 1) / block_size * block_size;
	struct json_object *result;

	rig_refill_lun(lun, 16 * MIB, FILL);
	result = rig_json("copy", source, url, "--verify");
	CU_ASSERT_EQUAL(rig_number(result, "bytes"), bytes);
	CU_ASSERT_EQUAL(rig_number(result, "written"), bytes);
	CU_ASSERT_EQUAL(rig_number(result, "zeroed"), 0);
	CU_ASSERT(json_object_get_boolean(json_object_object_get(result,
								 "verified")));
	rig_expect_same(source, file, bytes);
	rig_expect_fill(file, bytes, end - bytes, 0);
	rig_expect_fill(file, end, MIB, FILL);
	json_object_put(result);
	free(source);
	free(url);
	free(file);
}

static void test_to_lun(void)
{
	check_to_lun(1, 5 * MIB + 512, 512);
	check_to_lun(1, 3 * MIB + 13, 512);
	check_to_lun(2, 2 * MIB + 1, 4096);
	check_to_lun(1, 1, 512);
}

/* Empty parts of the source are zeroes afterwards, whatever stood there. */
static void check_sparse_to_lun(int lun)
{
	char *source = dsc_temp_path("sparse");
	char *url = rig_url(TARGET_OPEN, lun);
	char *file = backing(lun);
	struct json_object *result;
	FILE *stream = fopen(source, "we");

	CU_ASSERT_FATAL(stream != NULL);
	rig_refill_lun(lun, 16 * MIB, FILL);
	fseeko(stream, (off_t)(6 * MIB + 100), SEEK_SET);
	fputs("island", stream);
	CU_ASSERT_EQUAL(ftruncate(fileno(stream), (off_t)(12 * MIB)), 0);
	fclose(stream);
	result = rig_json("copy", source, url, "--verify");
	CU_ASSERT(rig_number(result, "zeroed") >= 10 * MIB);
	CU_ASSERT_EQUAL(rig_number(result, "zeroed") +
			rig_number(result, "written"), 12 * MIB);
	rig_expect_same(source, file, 12 * MIB);
	rig_expect_fill(file, 12 * MIB, MIB, FILL);
	json_object_put(result);
	unlink(source);
	free(source);
	free(url);
	free(file);
}

static void test_sparse_to_lun(void)
{
	check_sparse_to_lun(1);
	check_sparse_to_lun(2);
}

static void test_from_lun(void)
{
	char *copy = dsc_temp_path("copy");
	char *file = backing(1);
	char *url = rig_url(TARGET_OPEN, 1);
	struct dsc_run_result result;
	struct stat st;

	rig_run(&result, 0, "copy", url, copy, "--verify");
	CU_ASSERT(strstr(result.out, "Copied 16 MiB") != NULL);
	CU_ASSERT(strstr(result.out, "Verified") != NULL);
	/* No terminal, no progress. */
	CU_ASSERT_STRING_EQUAL(result.err, "");
	CU_ASSERT_EQUAL(stat(copy, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, (off_t)(16 * MIB));
	rig_expect_same(copy, file, 16 * MIB);
	dsc_run_free(&result);
	free(copy);
	free(file);
	free(url);
}

/* A thin LUN tells where it is empty; the copy is as sparse. */
static void test_from_empty_lun(void)
{
	char *copy = dsc_temp_path("copy");
	char *url = rig_url(TARGET_OPEN, 5);
	struct json_object *result;
	struct stat st;

	CU_ASSERT_EQUAL_FATAL(rig_add_lun(5, 512 * MIB, 512, DSC_LUN_THIN, 0),
			      0);
	result = rig_json("copy", url, copy);
	CU_ASSERT_EQUAL(rig_number(result, "zeroed"), 512 * MIB);
	CU_ASSERT_EQUAL(stat(copy, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, (off_t)(512 * MIB));
	CU_ASSERT(st.st_blocks * 512 < (off_t)MIB);
	json_object_put(result);
	free(copy);
	free(url);
}

static void test_lun_to_lun(void)
{
	char *one = rig_url(TARGET_OPEN, 1);
	char *two = rig_url(TARGET_OPEN, 2);
	char *from = backing(1);
	char *to = backing(2);

	check_to_lun(1, 4 * MIB + 512, 512);
	json_object_put(rig_json("copy", one, two, "--verify"));
	rig_expect_same(from, to, 16 * MIB);
	free(one);
	free(two);
	free(from);
	free(to);
}

static void test_refused(void)
{
	char *source = rig_make_file("big", 16 * MIB + 1);
	char *one = rig_url(TARGET_OPEN, 1);
	char *read_only = rig_url(TARGET_OPEN, 3);
	char *file = backing(1);
	char *small = rig_make_file("small", 512);

	CU_ASSERT_EQUAL(dsc_run_quiet((const char *const[]){ "./discsi",
		"copy", small, one, NULL }), 0);
	rig_fails("ENOSPC", "too small", "copy", source, one);
	rig_expect_same(small, file, 512);
	rig_fails("EROFS", "write protected", "copy", small, read_only);
	rig_fails("ENOENT", "/no/such/file", "copy", "/no/such/file", one);
	rig_fails("ENOENT", "/no/such/dir/x", "copy", one, "/no/such/dir/x");
	free(source);
	free(one);
	free(read_only);
	free(file);
	free(small);
}

/* --------------------------------------------------------------- interrupt */

static bool has_begun(void *arg)
{
	char *output = dsc_process_output(arg);
	bool is_there = strstr(output, "Copying") != NULL;

	free(output);
	return is_there;
}

static void test_interrupted(void)
{
	char *copy = dsc_temp_path("copy");
	char *url = rig_url(TARGET_OPEN, 4);
	struct dsc_process *process;
	char *output;

	process = dsc_process_start((const char *const[]){ "./discsi", "copy",
				    url, copy, "--progress", NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	CU_ASSERT(dsc_wait_for(has_begun, process, 20000));
	dsc_process_signal(process, SIGINT);
	CU_ASSERT_EQUAL(dsc_process_wait(process, 20000), 1);
	output = dsc_process_output(process);
	CU_ASSERT(strstr(output, "interrupted") != NULL);
	CU_ASSERT(strstr(output, "is incomplete") != NULL);
	CU_ASSERT(strstr(output, "of 2 GiB") != NULL);
	free(output);
	dsc_process_stop(process);
	free(copy);
	free(url);
}

static const struct dsc_test tests[] = {
	{ "to-lun", test_to_lun },
	{ "sparse-to-lun", test_sparse_to_lun },
	{ "from-lun", test_from_lun },
	{ "from-empty-lun", test_from_empty_lun },
	{ "lun-to-lun", test_lun_to_lun },
	{ "refused", test_refused },
	{ "interrupted", test_interrupted },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("tool-copy", tests, setup, rig_teardown,
				     argc, argv);
}
