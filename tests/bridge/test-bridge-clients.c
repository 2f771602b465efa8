/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-clients.c: discsi-nbd on a LUN of tgtd, asked by NBD clients of
 * other projects: libnbd's programs and its Python binding, qemu's, fio, and
 * nbd-client. What they write is looked for in the LUN's backing file, and
 * what is in there must be what they read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"

#define PYTHON "/usr/bin/python3"

static char *socket_path, *uri, *qemu_uri, *backing;

/* Starts the bridge that all tests share. Assertions need a test. */
static void serve(void)
{
	char *url;

	if (socket_path != NULL)
		return;
	url = rig_url(TARGET_OPEN, 1);
	socket_path = dsc_temp_path("nbd.sock");
	uri = bridge_uri(socket_path);
	qemu_uri = bridge_qemu_uri(socket_path);
	backing = dsc_tgtd_lun_path(rig_tgtd(), 1, 1);
	json_object_put(bridge_start("--export", "disk", "--socket",
				     socket_path, url));
	free(url);
}

static void teardown(void)
{
	rig_teardown();
	free(socket_path);
	free(uri);
	free(qemu_uri);
	free(backing);
}

/* Skips the test unless the programs are there; with them, serves. */
#define needs(...) needs_args((const char *const[]){ __VA_ARGS__, NULL })
static bool needs_args(const char *const names[])
{
	const char *missing = dsc_missing_program(names);

	serve();
	if (missing == NULL)
		return true;
	dsc_test_skip("%s is not installed", missing);
	return false;
}

/* Puts the backing file's content back to data, then a hole. */
static void restore(void)
{
	bridge_client("truncate", "-s", "0", backing);
	bridge_client("truncate", "-s", "64M", backing);
	rig_refill_lun(1, BRIDGE_BYTES / 4, 0x5a);
}

/* ------------------------------------------------------------------ libnbd */

static bool has_member(struct json_object *object, const char *name, bool value)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, name, &member) ||
	    json_object_get_boolean(member) != value) {
		dsc_test_note("%s is not %d", name, value);
		return false;
	}
	return true;
}

static void test_nbdinfo(void)
{
	struct json_object *info, *export;
	struct dsc_run_result result;

	if (!needs("nbdinfo"))
		return;
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"nbdinfo", "--json", uri, NULL }), 0);
	info = json_tokener_parse(result.out);
	dsc_run_free(&result);
	export = json_object_array_get_idx(
		json_object_object_get(info, "exports"), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(export);
	CU_ASSERT_STRING_EQUAL(rig_text(info, "protocol"), "newstyle-fixed");
	CU_ASSERT(has_member(info, "structured", true));
	CU_ASSERT_EQUAL(rig_number(export, "export-size"), BRIDGE_BYTES);
	CU_ASSERT_EQUAL(rig_number(export, "block_size_minimum"), 512);
	CU_ASSERT_EQUAL(rig_number(export, "block_size_maximum"), 32 * MIB);
	CU_ASSERT(rig_number(export, "block_size_preferred") >= 4096);
	CU_ASSERT(has_member(export, "is_read_only", false));
	CU_ASSERT(has_member(export, "can_df", true));
	CU_ASSERT(has_member(export, "can_flush", true));
	CU_ASSERT(has_member(export, "can_fua", true));
	CU_ASSERT(has_member(export, "can_multi_conn", true));
	CU_ASSERT(has_member(export, "can_trim", true));
	CU_ASSERT(has_member(export, "can_zero", true));
	json_object_put(info);

	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"nbdinfo", "--list", "--json", uri, NULL }), 0);
	info = json_tokener_parse(result.out);
	dsc_run_free(&result);
	export = json_object_array_get_idx(
		json_object_object_get(info, "exports"), 0);
	CU_ASSERT_STRING_EQUAL(rig_text(export, "export-name"), "disk");
	json_object_put(info);
}

static void test_nbdinfo_map(void)
{
	struct dsc_run_result result;

	if (!needs("nbdinfo"))
		return;
	restore();
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"nbdinfo", "--map", "--totals", uri, NULL }), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "16777216  25.0%   0 data"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out,
				      "50331648  75.0%   3 hole,zero"));
	dsc_run_free(&result);
}

static void test_nbdcopy_out(void)
{
	char *copy = dsc_temp_path("copy");

	if (needs("nbdcopy")) {
		restore();
		bridge_client("nbdcopy", uri, copy);
		rig_expect_same(copy, backing, BRIDGE_BYTES);
	}
	free(copy);
}

static void test_nbdcopy_in(void)
{
	char *file = rig_make_file("source", BRIDGE_BYTES);

	if (needs("nbdcopy")) {
		bridge_client("nbdcopy", "--flush", file, uri);
		rig_expect_same(file, backing, BRIDGE_BYTES);
	}
	free(file);
}

static uint64_t allocated(const char *path)
{
	struct stat st;

	CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* A hole is one on the other side, too, whichever that is. */
static void test_nbdcopy_sparse(void)
{
	char *copy = dsc_temp_path("sparse");
	char *full = rig_make_file("full", BRIDGE_BYTES);

	if (needs("nbdcopy")) {
		restore();
		bridge_client("nbdcopy", uri, copy);
		rig_expect_same(copy, backing, BRIDGE_BYTES);
		CU_ASSERT(allocated(copy) <= BRIDGE_BYTES / 4 + MIB);
		bridge_client("nbdcopy", full, uri);
		CU_ASSERT(allocated(backing) > BRIDGE_BYTES / 2);
		bridge_client("nbdcopy", "--flush", copy, uri);
		rig_expect_same(copy, backing, BRIDGE_BYTES);
		CU_ASSERT(allocated(backing) <= BRIDGE_BYTES / 4 + MIB);
	}
	free(copy);
	free(full);
}

/* Other requests at once, other sizes, one connection or several. */
static void test_nbdcopy_shapes(void)
{
	static const char *const shapes[][3] = {
		{ "--request-size=4096", "--requests=64", "--connections=1" },
		{ "--request-size=1048576", "--requests=8",
		  "--connections=4" },
		{ "--request-size=33554432", "--requests=2",
		  "--connections=2" },
	};
	char *file = rig_make_file("shapes", BRIDGE_BYTES);
	char *copy = dsc_temp_path("shapes-back");
	size_t i;

	for (i = 0; needs("nbdcopy") && i < 3; i++) {
		restore();
		bridge_client("nbdcopy", shapes[i][0], shapes[i][1],
			      shapes[i][2], "--flush", file, uri);
		rig_expect_same(file, backing, BRIDGE_BYTES);
		bridge_client("nbdcopy", shapes[i][0], shapes[i][1],
			      shapes[i][2], uri, copy);
		rig_expect_same(copy, backing, BRIDGE_BYTES);
	}
	free(file);
	free(copy);
}

static void test_python(void)
{
	struct dsc_run_result result;
	char *script;
	int status;

	serve();
	status = dsc_run(&result, (const char *const[]){
		PYTHON, "-c", "import nbd", NULL });
	dsc_run_free(&result);
	if (status != 0) {
		dsc_test_skip("python3-libnbd is not installed");
		return;
	}
	restore();
	script = bridge_script("corners.py");
	bridge_client(PYTHON, script, uri);
	free(script);
}

/* No client of Debian 12 knows them yet. */
static void test_extended_headers(void)
{
	char *script = bridge_script("extended.py");

	if (needs(PYTHON)) {
		restore();
		bridge_client(PYTHON, script, socket_path);
	}
	free(script);
}

/* -------------------------------------------------------------------- qemu */

static void test_qemu_img(void)
{
	char *file = rig_make_file("qemu", BRIDGE_BYTES);
	char *copy = dsc_temp_path("qemu-back");

	if (needs("qemu-img")) {
		bridge_client("qemu-img", "convert", "-n", "-f", "raw", "-O",
			      "raw", file, qemu_uri);
		rig_expect_same(file, backing, BRIDGE_BYTES);
		bridge_client("qemu-img", "compare", "-f", "raw", "-F", "raw",
			      file, qemu_uri);
		bridge_client("qemu-img", "convert", "-f", "raw", "-O", "raw",
			      qemu_uri, copy);
		rig_expect_same(copy, backing, BRIDGE_BYTES);
	}
	free(file);
	free(copy);
}

static void test_qemu_img_map(void)
{
	struct json_object *map, *first, *second;
	struct dsc_run_result result;

	if (!needs("qemu-img"))
		return;
	restore();
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"qemu-img", "map", "--output=json", "-f", "raw", qemu_uri,
		NULL }), 0);
	map = json_tokener_parse(result.out);
	dsc_run_free(&result);
	CU_ASSERT_EQUAL_FATAL(json_object_array_length(map), 2);
	first = json_object_array_get_idx(map, 0);
	second = json_object_array_get_idx(map, 1);
	CU_ASSERT_EQUAL(rig_number(first, "length"), BRIDGE_BYTES / 4);
	CU_ASSERT(has_member(first, "data", true));
	CU_ASSERT_EQUAL(rig_number(second, "start"), BRIDGE_BYTES / 4);
	CU_ASSERT(has_member(second, "data", false));
	CU_ASSERT(has_member(second, "zero", true));
	json_object_put(map);
}

static void test_qemu_io(void)
{
	if (!needs("qemu-io"))
		return;
	restore();
	bridge_client("qemu-io", "-f", "raw",
		      "-c", "write -P 0x11 0 512",
		      "-c", "write -P 0x22 512 4096",
		      "-c", "write -P 0x33 1M 3M",
		      "-c", "write -f -P 0x44 8M 64k",
		      "-c", "write -z 9M 1M",
		      "-c", "write -z -u 10M 1M",
		      "-c", "discard 12M 1M",
		      "-c", "read -P 0x11 0 512",
		      "-c", "read -P 0x22 512 4096",
		      "-c", "read -P 0x33 1M 3M",
		      "-c", "read -P 0x44 8M 64k",
		      "-c", "read -P 0 9M 2M",
		      "-c", "read -P 0x5a 11M 1M",
		      "-c", "flush", qemu_uri);
	rig_expect_fill(backing, 0, 512, 0x11);
	rig_expect_fill(backing, 512, 4096, 0x22);
	rig_expect_fill(backing, MIB, 3 * MIB, 0x33);
	rig_expect_fill(backing, 8 * MIB, 65536, 0x44);
	rig_expect_fill(backing, 9 * MIB, 2 * MIB, 0);
	rig_expect_fill(backing, 11 * MIB, MIB, 0x5a);
	rig_expect_fill(backing, 12 * MIB, MIB, 0);
}

/* Many requests at once, in an order of their own. */
static void test_qemu_io_deep(void)
{
	if (!needs("qemu-io"))
		return;
	bridge_client("qemu-io", "-f", "raw",
		      "-c", "aio_write -P 0x61 0 2M",
		      "-c", "aio_write -P 0x62 2M 1M",
		      "-c", "aio_write -P 0x63 3M 4k",
		      "-c", "aio_write -P 0x64 4M 4M",
		      "-c", "aio_write -z 8M 2M",
		      "-c", "aio_flush",
		      "-c", "aio_read -P 0x61 0 2M",
		      "-c", "aio_read -P 0x62 2M 1M",
		      "-c", "aio_read -P 0x63 3M 4k",
		      "-c", "aio_read -P 0x64 4M 4M",
		      "-c", "aio_read -P 0 8M 2M",
		      "-c", "aio_flush", qemu_uri);
	rig_expect_fill(backing, 0, 2 * MIB, 0x61);
	rig_expect_fill(backing, 2 * MIB, MIB, 0x62);
	rig_expect_fill(backing, 3 * MIB, 4096, 0x63);
	rig_expect_fill(backing, 4 * MIB, 4 * MIB, 0x64);
	rig_expect_fill(backing, 8 * MIB, 2 * MIB, 0);
}

/* --------------------------------------------------------- fio, nbd-client */

static void test_fio(void)
{
	char *argument;

	if (!needs("fio"))
		return;
	CU_ASSERT_FATAL(asprintf(&argument, "--uri=%s", uri) > 0);
	bridge_client("fio", "--name=verify", "--ioengine=nbd", argument,
		      "--rw=randrw", "--bsrange=4k-256k", "--size=32M",
		      "--iodepth=32", "--verify=crc32c", "--verify_fatal=1",
		      "--do_verify=1", "--randrepeat=0");
	bridge_client("fio", "--name=verify", "--ioengine=nbd", argument,
		      "--rw=randwrite", "--bs=4k", "--size=8M",
		      "--iodepth=128", "--verify=crc32c", "--verify_fatal=1",
		      "--do_verify=1", "--verify_backlog=512");
	free(argument);
}

static void test_nbd_client(void)
{
	struct dsc_run_result result;

	if (!needs("nbd-client"))
		return;
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"nbd-client", "-l", "-unix", socket_path, NULL }), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "disk"));
	dsc_run_free(&result);
}

/* ----------------------------------------------------------------- together */

/* Readers and writers of different parts at the same time. */
static void test_many_clients(void)
{
	enum { CLIENTS = 4 };
	struct dsc_process *processes[CLIENTS];
	char command[CLIENTS][2][64];
	int i;

	if (!needs("qemu-io"))
		return;
	for (i = 0; i < CLIENTS; i++) {
		snprintf(command[i][0], sizeof(command[i][0]),
			 "write -P %d %dM 8M", 0x70 + i, 8 * i);
		snprintf(command[i][1], sizeof(command[i][1]),
			 "read -P %d %dM 8M", 0x70 + i, 8 * i);
		processes[i] = dsc_process_start((const char *const[]){
			"qemu-io", "-f", "raw", "-c", command[i][0], "-c",
			command[i][1], "-c", command[i][0], "-c", "flush",
			qemu_uri, NULL }, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(processes[i]);
	}
	for (i = 0; i < CLIENTS; i++) {
		char *output;

		CU_ASSERT_EQUAL(dsc_process_wait(processes[i], 60000), 0);
		output = dsc_process_output(processes[i]);
		CU_ASSERT_PTR_NULL(strstr(output, "failed"));
		free(output);
		dsc_process_stop(processes[i]);
		rig_expect_fill(backing, (uint64_t)i * 8 * MIB, 8 * MIB,
				(unsigned char)(0x70 + i));
	}
}

/* A crowd of readers, each of which sees the whole disk, and a writer. */
static void test_crowd(void)
{
	enum { READERS = 12 };
	struct dsc_process *readers[READERS];
	char *copies[READERS];
	int i;

	if (!needs("nbdcopy", "qemu-io"))
		return;
	restore();
	for (i = 0; i < READERS; i++) {
		copies[i] = dsc_temp_path("crowd-%d", i);
		readers[i] = dsc_process_start((const char *const[]){
			"nbdcopy", "--connections=2", uri, copies[i], NULL },
			NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(readers[i]);
	}
	bridge_client("qemu-io", "-f", "raw", "-c", "write -P 0x5a 0 16M",
		      "-c", "write -z 16M 48M", "-c", "flush", qemu_uri);
	for (i = 0; i < READERS; i++) {
		CU_ASSERT_EQUAL(dsc_process_wait(readers[i], 120000), 0);
		dsc_process_stop(readers[i]);
		rig_expect_same(copies[i], backing, BRIDGE_BYTES);
		unlink(copies[i]);
		free(copies[i]);
	}
}

/* The last test: after all this it ends as it should. */
static void test_end(void)
{
	serve();
	bridge_stop(BRIDGE_ID("1"));
	CU_ASSERT(access(socket_path, F_OK) < 0);
}

static const struct dsc_test tests[] = {
	{ "nbdinfo", test_nbdinfo },
	{ "nbdinfo-map", test_nbdinfo_map },
	{ "nbdcopy-out", test_nbdcopy_out },
	{ "nbdcopy-in", test_nbdcopy_in },
	{ "nbdcopy-sparse", test_nbdcopy_sparse },
	{ "nbdcopy-shapes", test_nbdcopy_shapes },
	{ "python", test_python },
	{ "extended-headers", test_extended_headers },
	{ "qemu-img", test_qemu_img },
	{ "qemu-img-map", test_qemu_img_map },
	{ "qemu-io", test_qemu_io },
	{ "qemu-io-deep", test_qemu_io_deep },
	{ "fio", test_fio },
	{ "nbd-client", test_nbd_client },
	{ "many-clients", test_many_clients },
	{ "crowd", test_crowd },
	{ "end", test_end },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-clients", tests, bridge_setup,
				     teardown, argc, argv);
}
