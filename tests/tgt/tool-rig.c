/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tool-rig.c: see tool-rig.h. What goes wrong in a function that a test calls
 * is a failed assertion of that test; a setup gets a result instead.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <discsi/bridge.h>
#include <discsi/error.h>
#include "tgt/tool-rig.h"

#define CHUNK 65536

static struct dsc_tgtd *tgtd;

struct dsc_tgtd *rig_tgtd(void)
{
	return tgtd;
}

void rig_environment(void)
{
	char *run = dsc_temp_path("run");
	char *program = dsc_find_program("./discsi-nbd");

	setenv("DISCSI_RUN_DIR", run, 1);
	free(run);
	if (program != NULL)
		setenv("DISCSI_NBD", program, 1);
	free(program);
}

int rig_setup(void)
{
	if (!dsc_tgtd_is_installed()) {
		dsc_test_skip("tgtd is not installed");
		return 0;
	}
	rig_environment();
	if (dsc_tgtd_start(&tgtd) < 0 ||
	    dsc_tgtd_add_target(tgtd, 1, TARGET_OPEN) < 0 ||
	    dsc_tgtd_add_target(tgtd, 2, TARGET_CHAP) < 0 ||
	    dsc_tgtd_set_chap(tgtd, 2, CHAP_USER, CHAP_SECRET, MUTUAL_USER,
			      MUTUAL_SECRET) < 0)
		return -1;
	return 0;
}

/* Processes that a test has left would live on. */
static void detach_all(void)
{
	struct discsi_bridge **bridges;
	size_t count;
	size_t i;

	if (discsi_bridge_list(&bridges, &count) < 0)
		return;
	for (i = 0; i < count; i++)
		discsi_bridge_detach(bridges[i]->id, DISCSI_DETACH_FORCE);
	discsi_bridge_list_free(bridges, count);
}

void rig_teardown(void)
{
	detach_all();
	dsc_tgtd_stop(tgtd);
	tgtd = NULL;
}

/* ------------------------------------------------------------------- names */

static char *make_url(const char *credentials, const char *iqn, int lun)
{
	char *url = NULL;
	int length;

	if (lun >= 0)
		length = asprintf(&url, "iscsi://%s%s/%s/%d", credentials,
				  dsc_tgtd_portal(tgtd), iqn, lun);
	else
		length = asprintf(&url, "iscsi://%s%s/%s", credentials,
				  dsc_tgtd_portal(tgtd), iqn);
	return length > 0 ? url : NULL;
}

char *rig_setup_url(const char *iqn, int lun)
{
	return make_url("", iqn, lun);
}

char *rig_url(const char *iqn, int lun)
{
	char *url = make_url("", iqn, lun);

	CU_ASSERT_PTR_NOT_NULL_FATAL(url);
	return url;
}

char *rig_url_chap(const char *user, const char *secret, int lun)
{
	char credentials[128];
	char *url;

	snprintf(credentials, sizeof(credentials), "%s%%%s@", user, secret);
	url = make_url(credentials, TARGET_CHAP, lun);
	CU_ASSERT_PTR_NOT_NULL_FATAL(url);
	return url;
}

/* Makes a sparse file. */
static int make_backing(const char *path, uint64_t bytes)
{
	FILE *file = fopen(path, "we");
	int status;

	if (file == NULL)
		return -1;
	status = ftruncate(fileno(file), (off_t)bytes);
	fclose(file);
	return status;
}

static int fill_backing(const char *path, uint64_t bytes, unsigned char fill)
{
	FILE *file = fopen(path, "r+e");
	unsigned char chunk[CHUNK];
	uint64_t done;
	int status = 0;

	if (file == NULL)
		return -1;
	memset(chunk, fill, sizeof(chunk));
	for (done = 0; done < bytes; done += CHUNK) {
		if (fwrite(chunk, 1, CHUNK, file) != CHUNK)
			status = -1;
	}
	return fclose(file) == 0 ? status : -1;
}

int rig_add_lun(int lun, uint64_t bytes, unsigned block_size, unsigned flags,
		unsigned char fill)
{
	char *path = dsc_tgtd_lun_path(tgtd, 1, lun);
	int status = -1;

	if (path != NULL)
		status = make_backing(path, bytes);
	if (status == 0 && fill != 0)
		status = fill_backing(path, bytes, fill);
	free(path);
	return status == 0 ? dsc_tgtd_add_lun(tgtd, 1, lun, bytes, block_size,
					      flags) : -1;
}

void rig_refill_lun(int lun, uint64_t bytes, unsigned char fill)
{
	char *path = dsc_tgtd_lun_path(tgtd, 1, lun);

	CU_ASSERT_EQUAL(fill_backing(path, bytes, fill), 0);
	free(path);
}

/* --------------------------------------------------------------------- run */

/* No secret may be seen in anything that is printed. */
static void expect_no_secret(const struct dsc_run_result *result)
{
	CU_ASSERT(strstr(result->out, "canary") == NULL);
	CU_ASSERT(strstr(result->err, "canary") == NULL);
}

void rig_run_args(struct dsc_run_result *result, int status,
		  const char *const argv[])
{
	int got = dsc_run(result, argv);

	CU_ASSERT_EQUAL(got, status);
	if (got != status)
		dsc_run_note(result, argv);
	expect_no_secret(result);
}

struct json_object *rig_json_args(const char *const argv[])
{
	struct json_object *object;
	struct dsc_run_result result;

	rig_run_args(&result, 0, argv);
	object = json_tokener_parse(result.out);
	CU_ASSERT_PTR_NOT_NULL(object);
	dsc_run_free(&result);
	return object;
}

void rig_fails_args(const char *errno_name, const char *words,
		    const char *const argv[])
{
	struct json_object *object;
	struct json_object *error = NULL;
	struct dsc_run_result result;
	bool is_as_told;

	rig_run_args(&result, 1, argv);
	object = json_tokener_parse(result.err);
	CU_ASSERT_PTR_NOT_NULL(object);
	json_object_object_get_ex(object, "error", &error);
	is_as_told = strcmp(rig_text(error, "errno"), errno_name) == 0 &&
		     strstr(rig_text(error, "message"), words) != NULL;
	CU_ASSERT(is_as_told);
	if (!is_as_told)
		dsc_test_note("%s: %s", argv[1], result.err);
	CU_ASSERT_STRING_EQUAL(result.out, "");
	json_object_put(object);
	dsc_run_free(&result);
}

const char *rig_text(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

uint64_t rig_number(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_int))
		return 0;
	return json_object_get_uint64(value);
}

/* ------------------------------------------------------------------- files */

void rig_expect_fill(const char *path, uint64_t offset, uint64_t length,
		     unsigned char fill)
{
	FILE *file = fopen(path, "re");
	uint64_t i;
	int byte = fill;

	CU_ASSERT_FATAL(file != NULL);
	fseeko(file, (off_t)offset, SEEK_SET);
	for (i = 0; i < length && byte == fill; i++)
		byte = getc(file);
	CU_ASSERT_EQUAL(byte, fill);
	if (byte != fill)
		dsc_test_note("%s: %d at %llu", path, byte,
			      (unsigned long long)(offset + i - 1));
	fclose(file);
}

void rig_expect_same(const char *a, const char *b, uint64_t length)
{
	char bytes[24];

	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)length);
	CU_ASSERT_EQUAL(dsc_run_quiet((const char *const[]){
		"cmp", "-n", bytes, a, b, NULL }), 0);
}

char *rig_make_file(const char *name, uint64_t bytes)
{
	char *path = dsc_temp_path("%s", name);
	FILE *file = fopen(path, "we");
	uint32_t state = 2463534242u;
	uint64_t i;

	CU_ASSERT_FATAL(file != NULL);
	for (i = 0; i < bytes; i++) {
		/* xorshift: the same in every run */
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		putc((int)(state & 0xff), file);
	}
	fclose(file);
	return path;
}
