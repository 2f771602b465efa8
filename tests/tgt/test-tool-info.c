/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-tool-info.c: discsi discover, list and info against tgtd: what they
 * print, how credentials are given, how failures look, and where secrets do
 * not.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tgt/tool-rig.h"

static int setup(void)
{
	int status = rig_setup();

	if (status < 0 || rig_tgtd() == NULL)
		return status;
	if (rig_add_lun(1, 16 * MIB, 512, 0, 0) < 0 ||
	    rig_add_lun(2, 3 * 1024 * 1024 * MIB, 4096, DSC_LUN_THIN, 0) < 0 ||
	    rig_add_lun(3, 4 * MIB, 512, DSC_LUN_READ_ONLY, 0) < 0 ||
	    dsc_tgtd_add_lun(rig_tgtd(), 2, 1, 8 * MIB, 512, 0) < 0)
		return -1;
	return dsc_tgtd_set_lun_params(rig_tgtd(), 1, 1,
				       "scsi_sn=SER-17,vendor_id=ACME,"
				       "product_id=ROCKET,product_rev=42");
}

/* ---------------------------------------------------------------- discover */

static struct json_object *find_target(struct json_object *array,
				       const char *iqn)
{
	size_t i;

	for (i = 0; i < json_object_array_length(array); i++) {
		struct json_object *entry = json_object_array_get_idx(array, i);

		if (strcmp(rig_text(entry, "target"), iqn) == 0)
			return entry;
	}
	return NULL;
}

static bool has_portal(struct json_object *target, const char *address,
		       unsigned port)
{
	struct json_object *portals =
		json_object_object_get(target, "portals");
	size_t i;

	for (i = 0; i < json_object_array_length(portals); i++) {
		struct json_object *portal =
			json_object_array_get_idx(portals, i);

		if (strcmp(rig_text(portal, "address"), address) == 0 &&
		    rig_number(portal, "port") == port &&
		    rig_number(portal, "tpgt") == 1)
			return true;
	}
	return false;
}

static void test_discover(void)
{
	struct json_object *array = rig_json("discover",
					     dsc_tgtd_portal(rig_tgtd()));
	struct json_object *target = find_target(array, TARGET_OPEN);
	unsigned port = dsc_tgtd_port(rig_tgtd());

	CU_ASSERT_PTR_NOT_NULL_FATAL(target);
	CU_ASSERT(has_portal(target, "127.0.0.1", port));
	CU_ASSERT_PTR_NOT_NULL(find_target(array, TARGET_CHAP));
	json_object_put(array);
}

static void test_discover_ipv6(void)
{
	const char *portal = dsc_tgtd_portal6(rig_tgtd());
	struct json_object *array;

	if (portal == NULL) {
		dsc_test_skip("there is no IPv6 here");
		return;
	}
	array = rig_json("discover", portal);
	CU_ASSERT_PTR_NOT_NULL(find_target(array, TARGET_OPEN));
	json_object_put(array);
}

static void test_discover_text(void)
{
	struct dsc_run_result result;
	char *url = NULL;

	CU_ASSERT(asprintf(&url, "iscsi://%s", dsc_tgtd_portal(rig_tgtd())) >
		  0);
	rig_run(&result, 0, "discover", url);
	CU_ASSERT(strstr(result.out, "TARGET") == result.out);
	CU_ASSERT(strstr(result.out, TARGET_OPEN) != NULL);
	CU_ASSERT(strstr(result.out, dsc_tgtd_portal(rig_tgtd())) != NULL);
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
	free(url);
}

/* -------------------------------------------------------------------- list */

static void test_list(void)
{
	char *url = rig_url(TARGET_OPEN, -1);
	struct json_object *array = rig_json("list", url);
	struct json_object *entry;

	CU_ASSERT_EQUAL_FATAL(json_object_array_length(array), 4);
	entry = json_object_array_get_idx(array, 0);
	CU_ASSERT_EQUAL(rig_number(entry, "lun"), 0);
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "type"), "controller");
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "vendor"), "IET");
	entry = json_object_array_get_idx(array, 1);
	CU_ASSERT_EQUAL(rig_number(entry, "lun"), 1);
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "type"), "disk");
	CU_ASSERT_EQUAL(rig_number(entry, "bytes"), 16 * MIB);
	CU_ASSERT_EQUAL(rig_number(entry, "block_size"), 512);
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "vendor"), "ACME");
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "product"), "ROCKET");
	CU_ASSERT_STRING_EQUAL(rig_text(entry, "serial"), "SER-17");
	entry = json_object_array_get_idx(array, 2);
	CU_ASSERT_EQUAL(rig_number(entry, "bytes"), 3 * 1024 * 1024 * MIB);
	CU_ASSERT_EQUAL(rig_number(entry, "block_size"), 4096);
	json_object_put(array);
	free(url);
}

static void test_list_text(void)
{
	char *url = rig_url(TARGET_OPEN, -1);
	struct dsc_run_result result;

	rig_run(&result, 0, "list", url);
	CU_ASSERT(strstr(result.out, "16 MiB") != NULL);
	CU_ASSERT(strstr(result.out, "3 TiB") != NULL);
	CU_ASSERT(strstr(result.out, "SER-17") != NULL);
	CU_ASSERT(strstr(result.out, "controller") != NULL);
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
	free(url);
}

/* The other LUNs of the target are no other disk than expected. */
static void test_list_expected_id(void)
{
	char *url = rig_url(TARGET_OPEN, 1);
	struct dsc_run_result result;

	rig_run(&result, 0, "list", url, "--expected-id", "SER-17");
	CU_ASSERT(strstr(result.out, "16 MiB") != NULL);
	CU_ASSERT(strstr(result.out, "3 TiB") != NULL);
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
	free(url);
}

/* What cannot be loaded is told, and not what the last LUN has said. */
static void test_list_without_tables(void)
{
	char *path = dsc_temp_write("libsmartcols.so.1", "no library\n");
	char *url = rig_url(TARGET_OPEN, -1);
	struct dsc_run_result result;
	char *variable = NULL;

	*strrchr(path, '/') = '\0';
	CU_ASSERT_FATAL(asprintf(&variable, "LD_LIBRARY_PATH=%s", path) > 0);
	dsc_run_with(&result, &(struct dsc_run_options){
		.env = (const char *const[]){ variable, NULL } },
		(const char *const[]){ "./discsi", "list", url, NULL });
	CU_ASSERT_EQUAL(result.status, 1);
	CU_ASSERT(strstr(result.err, "libsmartcols") != NULL);
	CU_ASSERT(strstr(result.err, "LUN 0") == NULL);
	CU_ASSERT_STRING_EQUAL(result.out, "");
	dsc_run_free(&result);
	free(variable);
	free(url);
	free(path);
}

/* -------------------------------------------------------------------- info */

static bool get_bool(struct json_object *object, const char *name)
{
	return json_object_get_boolean(json_object_object_get(object, name));
}

static void test_info(void)
{
	char *url = rig_url(TARGET_OPEN, 1);
	struct json_object *info = rig_json("info", url);

	CU_ASSERT_STRING_EQUAL(rig_text(info, "vendor"), "ACME");
	CU_ASSERT_STRING_EQUAL(rig_text(info, "product"), "ROCKET");
	CU_ASSERT_STRING_EQUAL(rig_text(info, "revision"), "42");
	CU_ASSERT_STRING_EQUAL(rig_text(info, "serial"), "SER-17");
	CU_ASSERT(strncmp(rig_text(info, "designator"), "naa.", 4) == 0);
	CU_ASSERT_EQUAL(rig_number(info, "block_size"), 512);
	CU_ASSERT_EQUAL(rig_number(info, "blocks"), 16 * MIB / 512);
	CU_ASSERT_EQUAL(rig_number(info, "bytes"), 16 * MIB);
	CU_ASSERT(!get_bool(info, "read_only"));
	CU_ASSERT(!get_bool(info, "thin"));
	CU_ASSERT(get_bool(info, "connected"));
	CU_ASSERT_STRING_EQUAL(rig_text(info, "target"), TARGET_OPEN);
	CU_ASSERT_STRING_EQUAL(rig_text(info, "portal"),
			       dsc_tgtd_portal(rig_tgtd()));
	json_object_put(info);
	free(url);
}

static void test_info_kinds(void)
{
	char *thin = rig_url(TARGET_OPEN, 2);
	char *read_only = rig_url(TARGET_OPEN, 3);
	struct json_object *info = rig_json("info", thin);

	CU_ASSERT(get_bool(info, "thin"));
	CU_ASSERT(get_bool(info, "can_trim"));
	CU_ASSERT_EQUAL(rig_number(info, "blocks"), 3 * 256 * MIB);
	json_object_put(info);
	info = rig_json("info", read_only);
	CU_ASSERT(get_bool(info, "read_only"));
	json_object_put(info);
	free(thin);
	free(read_only);
}

static void test_info_text(void)
{
	char *url = rig_url(TARGET_OPEN, 1);
	struct dsc_run_result result;

	rig_run(&result, 0, "info", url, "--header-digest", "none");
	CU_ASSERT(strstr(result.out, "16777216 (16 MiB)") != NULL);
	CU_ASSERT(strstr(result.out, "ROCKET") != NULL);
	CU_ASSERT_STRING_EQUAL(result.err, "");
	dsc_run_free(&result);
	free(url);
}

/* ------------------------------------------------------------- credentials */

static void expect_chap_lun(struct json_object *info)
{
	CU_ASSERT_EQUAL(rig_number(info, "bytes"), 8 * MIB);
	json_object_put(info);
}

static void test_secret_in_url(void)
{
	char *url = rig_url_chap(CHAP_USER, CHAP_SECRET, 1);

	expect_chap_lun(rig_json("info", url));
	free(url);
}

static void test_secret_in_file(void)
{
	char *password = dsc_temp_write("password", CHAP_SECRET "\n");
	char *mutual = dsc_temp_write("mutual", MUTUAL_SECRET "\nmore\n");
	char *url = rig_url(TARGET_CHAP, 1);

	expect_chap_lun(rig_json("info", url, "--username", CHAP_USER,
				 "--password-file", password));
	expect_chap_lun(rig_json("info", url, "--username", CHAP_USER,
				 "--password-file", password,
				 "--target-username", MUTUAL_USER,
				 "--target-password-file", mutual));
	free(url);
	free(password);
	free(mutual);
}

static void test_config(void)
{
	struct json_object *conf = json_object_new_object();
	char *path;

	json_object_object_add(conf, "portal", json_object_new_string(
			       dsc_tgtd_portal(rig_tgtd())));
	json_object_object_add(conf, "iqn", json_object_new_string(
			       TARGET_CHAP));
	json_object_object_add(conf, "username", json_object_new_string(
			       CHAP_USER));
	json_object_object_add(conf, "password", json_object_new_string(
			       CHAP_SECRET));
	json_object_object_add(conf, "lun_id", json_object_new_int(1));
	path = dsc_temp_write("conf", json_object_to_json_string(conf));
	expect_chap_lun(rig_json("info", "--config", path));
	json_object_put(rig_json("list", "--config", path));
	json_object_put(rig_json("discover", "--config", path));
	json_object_put(conf);
	free(path);
}

static void test_wrong_secret(void)
{
	char *url = rig_url_chap(CHAP_USER, "canary-wrong-one", 1);
	char *none = rig_url(TARGET_CHAP, 1);
	char *password = dsc_temp_write("password", CHAP_SECRET "\n");
	char *mutual = dsc_temp_write("mutual", "canary-not-its\n");

	rig_fails("EACCES", TARGET_CHAP, "info", url);
	rig_fails("EACCES", TARGET_CHAP, "list", none);
	rig_fails("EACCES", TARGET_CHAP, "info", none, "--username", CHAP_USER,
		  "--password-file", password, "--target-username",
		  MUTUAL_USER, "--target-password-file", mutual);
	free(url);
	free(none);
	free(password);
	free(mutual);
}

/* -------------------------------------------------------------- failures */

static void test_failures(void)
{
	char *no_target = rig_url("iqn.2026-11.test.tool:none", -1);
	char *no_lun = rig_url(TARGET_OPEN, 99);
	char *no_number = rig_url(TARGET_OPEN, -1);
	char *no_disk = rig_url(TARGET_OPEN, 0);

	rig_fails("ENOENT", "iqn.2026-11.test.tool:none", "list", no_target);
	rig_fails("ENXIO", "LUN 99", "info", no_lun);
	rig_fails("EINVAL", "discsi list", "info", no_number);
	rig_fails("EOPNOTSUPP", "not a disk", "info", no_disk);
	rig_fails("EINVAL", "URL", "info", "10.0.0.1");
	rig_fails("EINVAL", "portal", "discover", "a b");
	rig_fails("EINVAL", "credentials", "discover", "joe%canary@host");
	rig_fails("EINVAL", "login_timeout", "info", no_lun, "--login-timeout",
		  "soon");
	rig_fails("ENOENT", "", "info", no_lun, "--config", "/no/such/file");
	free(no_target);
	free(no_lun);
	free(no_number);
	free(no_disk);
}

static void test_dead_and_silent(void)
{
	char portal[32];
	int fd;

	snprintf(portal, sizeof(portal), "127.0.0.1:%u", dsc_dead_port(&fd));
	rig_fails("ECONNREFUSED", portal, "discover", portal);
	close(fd);
	snprintf(portal, sizeof(portal), "127.0.0.1:%u", dsc_silent_port(&fd));
	rig_fails("ETIMEDOUT", portal, "discover", portal, "--login-timeout",
		  "300");
	close(fd);
}

static void test_usage(void)
{
	struct dsc_run_result result;

	rig_run(&result, 2, "frobnicate");
	CU_ASSERT(strstr(result.err, "--help") != NULL);
	CU_ASSERT_STRING_EQUAL(result.out, "");
	dsc_run_free(&result);
	rig_run(&result, 2, "list", "--force", "--json", "iscsi://h/iqn.x");
	CU_ASSERT(strstr(result.err, "\"EINVAL\"") != NULL);
	dsc_run_free(&result);
	rig_run(&result, 0, "--help");
	CU_ASSERT(strstr(result.out, "discover") != NULL);
	dsc_run_free(&result);
	rig_run(&result, 0, "help", "copy");
	CU_ASSERT(strstr(result.out, "--verify") != NULL);
	dsc_run_free(&result);
	rig_run(&result, 0, "--version");
	CU_ASSERT(strncmp(result.out, "discsi ", 7) == 0);
	dsc_run_free(&result);
}

/* A full disk is not a success. */
static void test_output_lost(void)
{
	char *program = dsc_find_program("./discsi");
	struct dsc_run_result result;
	int status;

	status = dsc_run(&result, (const char *const[]){ "sh", "-c",
		"exec \"$0\" --help >/dev/full", program, NULL });
	free(program);
	CU_ASSERT_EQUAL(status, 1);
	CU_ASSERT(strstr(result.err, "written") != NULL);
	dsc_run_free(&result);
}

/* ---------------------------------------------------------------------- ps */

static bool read_arguments(pid_t pid, char *text, size_t room)
{
	char path[64];
	size_t length = 0;
	size_t i;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
	file = fopen(path, "re");
	if (file != NULL) {
		length = fread(text, 1, room - 1, file);
		fclose(file);
	}
	for (i = 0; i < length; i++)
		text[i] = text[i] == '\0' ? ' ' : text[i];
	text[length] = '\0';
	return length > 0;
}

static bool has_hidden(void *arg)
{
	char text[1024];

	return read_arguments(*(pid_t *)arg, text, sizeof(text)) &&
	       strstr(text, "%****") != NULL;
}

/* While it waits for a silent portal, its arguments hold no secret. */
static void test_hidden_from_ps(void)
{
	struct dsc_process *process;
	char url[256];
	char text[1024];
	pid_t pid;
	int fd;

	snprintf(url, sizeof(url), "iscsi://joe%%%s@127.0.0.1:%u/%s/1",
		 CHAP_SECRET, dsc_silent_port(&fd), TARGET_CHAP);
	process = dsc_process_start((const char *const[]){ "./discsi", "info",
				    url, NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	pid = dsc_process_pid(process);
	CU_ASSERT(dsc_wait_for(has_hidden, &pid, 10000));
	CU_ASSERT(read_arguments(pid, text, sizeof(text)));
	CU_ASSERT(strstr(text, "canary") == NULL);
	CU_ASSERT(strstr(text, "iscsi://joe%*") != NULL);
	CU_ASSERT(strstr(text, TARGET_CHAP) != NULL);
	dsc_process_signal(process, SIGKILL);
	dsc_process_stop(process);
	close(fd);
}

static const struct dsc_test tests[] = {
	{ "discover", test_discover },
	{ "discover-ipv6", test_discover_ipv6 },
	{ "discover-text", test_discover_text },
	{ "list", test_list },
	{ "list-text", test_list_text },
	{ "list-expected-id", test_list_expected_id },
	{ "list-without-tables", test_list_without_tables },
	{ "info", test_info },
	{ "info-kinds", test_info_kinds },
	{ "info-text", test_info_text },
	{ "secret-in-url", test_secret_in_url },
	{ "secret-in-file", test_secret_in_file },
	{ "config", test_config },
	{ "wrong-secret", test_wrong_secret },
	{ "failures", test_failures },
	{ "dead-and-silent", test_dead_and_silent },
	{ "usage", test_usage },
	{ "output-lost", test_output_lost },
	{ "hidden-from-ps", test_hidden_from_ps },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("tool-info", tests, setup, rig_teardown,
				     argc, argv);
}
