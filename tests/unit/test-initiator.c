/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-initiator.c: where the initiator name comes from, in order, with files
 * of the test's own; that it stays the same, and that it tells nobody the
 * machine id.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/initiator.h"
#include "harness/harness.h"

#define MACHINE_ID "0123456789abcdef0123456789abcdef"
#define PREFIX "iqn.2026-11.io.discsi:host-"

static char dir[] = "/tmp/test-initiator.XXXXXX";
static char open_iscsi[64], machine_id[64], kept_dir[64], kept[96];
static const struct dsc_initiator_paths paths = {
	open_iscsi, machine_id, kept_dir, kept
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static void clear_files(void)
{
	unlink(open_iscsi);
	unlink(machine_id);
	unlink(kept);
	rmdir(kept_dir);
}

/* The name that comes out; NULL when there is none. For free(). */
static char *name_now(void)
{
	struct discsi_conf *conf = NULL;
	char *name = NULL;

	if (discsi_conf_new(&conf) < 0)
		return NULL;
	if (dsc_conf_initiator_name_from(conf, &paths, &name) < 0)
		name = NULL;
	discsi_conf_free(conf);
	return name;
}

static void expect(const char *want)
{
	char *name = name_now();

	CU_ASSERT_PTR_NOT_NULL_FATAL(name);
	CU_ASSERT_STRING_EQUAL(name, want);
	free(name);
}

/* True for the prefix and 12 hex digits. */
static bool is_made(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
	       strlen(name) == strlen(PREFIX) + 12 &&
	       strspn(name + strlen(PREFIX), "0123456789abcdef") == 12 &&
	       dsc_conf_is_iscsi_name(name);
}

static void test_configured(void)
{
	struct discsi_conf *conf = NULL;
	char *name = NULL;

	clear_files();
	write_file(open_iscsi, "InitiatorName=iqn.2020-01.x.y:file\n");
	CU_ASSERT_EQUAL(discsi_conf_new(&conf), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "initiator_name",
					"iqn.2020-01.x.y:mine"), 0);
	CU_ASSERT_EQUAL(dsc_conf_initiator_name_from(conf, &paths, &name), 0);
	CU_ASSERT_STRING_EQUAL(name, "iqn.2020-01.x.y:mine");
	free(name);
	discsi_conf_free(conf);
}

static void test_open_iscsi_file(void)
{
	static const char *const files[] = {
		"InitiatorName=iqn.1993-08.org.debian:01:abc\n",
		"## comment\n\n#InitiatorName=iqn.2020-01.no.no\n"
		"InitiatorName=iqn.1993-08.org.debian:01:abc",
		"  InitiatorName = iqn.1993-08.org.debian:01:abc  \r\n",
		"InitiatorAlias=x\nInitiatorNameX=iqn.2020-01.no.no\n"
		"InitiatorName=iqn.1993-08.org.debian:01:abc # mine\n"
		"InitiatorName=iqn.2020-01.no.no\n",
	};

	clear_files();
	write_file(machine_id, MACHINE_ID "\n");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		write_file(open_iscsi, files[i]);
		expect("iqn.1993-08.org.debian:01:abc");
	}
}

static void test_open_iscsi_wrong(void)
{
	clear_files();
	write_file(machine_id, MACHINE_ID "\n");
	write_file(open_iscsi, "InitiatorName=my host\n");
	CU_ASSERT_PTR_NULL(name_now());
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message,
				      open_iscsi));
}

/* Debian's file before its first start, an empty value: as if not there. */
static void test_open_iscsi_without_name(void)
{
	char *name;

	clear_files();
	write_file(machine_id, MACHINE_ID "\n");
	write_file(open_iscsi, "GenerateName=yes\nInitiatorName=\n");
	name = name_now();
	CU_ASSERT_PTR_NOT_NULL_FATAL(name);
	CU_ASSERT(is_made(name));
	free(name);
}

/*
 * The name of a machine id is fixed for ever: targets know hosts by it. It is
 * the start of uuid -v5 2e35b0d8-c17b-4d88-983c-7ecef226583a MACHINE_ID.
 */
static void test_machine_id(void)
{
	clear_files();
	write_file(machine_id, MACHINE_ID "\n");
	expect(PREFIX "78448ffc32e9");
	expect(PREFIX "78448ffc32e9");
	write_file(machine_id, MACHINE_ID);
	expect(PREFIX "78448ffc32e9");
	CU_ASSERT_NOT_EQUAL(access(kept, F_OK), 0);
}

static void test_no_machine_id(void)
{
	static const char *const files[] = {
		"", "uninitialized\n", "00000000000000000000000000000000\n",
		"0123456789abcdef\n", MACHINE_ID "0\n",
		"0123456789abcdefghij456789abcdef\n",
	};
	struct stat st;
	char *first;

	clear_files();
	first = name_now();
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT(is_made(first));
	CU_ASSERT_EQUAL(stat(kept, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0644);
	expect(first);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		write_file(machine_id, files[i]);
		expect(first);
	}
	free(first);
}

/* Two hosts, or one that was cleared, get different names. */
static void test_random(void)
{
	char *one, *two;

	clear_files();
	one = name_now();
	clear_files();
	two = name_now();
	CU_ASSERT_FATAL(one != NULL && two != NULL);
	CU_ASSERT_STRING_NOT_EQUAL(one, two);
	free(one);
	free(two);
}

static void test_cannot_keep(void)
{
	clear_files();
	write_file(kept_dir, "a file where the directory should be");
	CU_ASSERT_PTR_NULL(name_now());
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, ENOTDIR);
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message, kept));
	unlink(kept_dir);
	CU_ASSERT_EQUAL(mkdir(kept_dir, 0755), 0);
	write_file(kept, "nothing\n");
	CU_ASSERT_PTR_NULL(name_now());
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, EINVAL);
}

/* Another name than that of the file would be another host's. */
static void test_no_descriptor(void)
{
	struct rlimit limit, none;

	clear_files();
	CU_ASSERT_EQUAL(mkdir(kept_dir, 0755), 0);
	write_file(open_iscsi, "InitiatorName=iqn.2020-01.x.y:file\n");
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	CU_ASSERT_PTR_NULL(name_now());
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, EMFILE);
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message,
				      open_iscsi));
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect("iqn.2020-01.x.y:file");
}

static void *name_thread(void *arg)
{
	pthread_barrier_wait(arg);
	return name_now();
}

/* All at once agree on one name, and leave one file. */
static void test_race(void)
{
	enum { THREADS = 8 };
	pthread_barrier_t barrier;
	pthread_t threads[THREADS];
	void *names[THREADS];

	clear_files();
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL,
						     name_thread, &barrier), 0);
	for (int i = 0; i < THREADS; i++) {
		CU_ASSERT_EQUAL(pthread_join(threads[i], &names[i]), 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(names[i]);
		CU_ASSERT_STRING_EQUAL(names[i], names[0]);
	}
	for (int i = 0; i < THREADS; i++)
		free(names[i]);
	pthread_barrier_destroy(&barrier);
	CU_ASSERT_EQUAL(unlink(kept), 0);
	CU_ASSERT_EQUAL(rmdir(kept_dir), 0);  /* no draft is left */
}

/* The public function, with the files of this host. */
static void test_public(void)
{
	struct discsi_conf *conf = NULL;
	char *name = NULL;

	CU_ASSERT_EQUAL(discsi_conf_new(&conf), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "initiator_name",
					"iqn.2020-01.x.y:mine"), 0);
	CU_ASSERT_EQUAL(discsi_conf_initiator_name(conf, &name), 0);
	CU_ASSERT_STRING_EQUAL(name, "iqn.2020-01.x.y:mine");
	free(name);
	discsi_conf_free(conf);
}

static int setup(void)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(open_iscsi, sizeof(open_iscsi), "%s/open-iscsi", dir);
	snprintf(machine_id, sizeof(machine_id), "%s/machine-id", dir);
	snprintf(kept_dir, sizeof(kept_dir), "%s/kept", dir);
	snprintf(kept, sizeof(kept), "%s/initiatorname", kept_dir);
	return 0;
}

static void teardown(void)
{
	clear_files();
	unlink(kept_dir);
	rmdir(dir);
}

static const struct dsc_test tests[] = {
	{ "the configured name comes first", test_configured },
	{ "open-iscsi's file", test_open_iscsi_file },
	{ "open-iscsi's file with a wrong name", test_open_iscsi_wrong },
	{ "open-iscsi's file without a name", test_open_iscsi_without_name },
	{ "from the machine id", test_machine_id },
	{ "made and kept without a machine id", test_no_machine_id },
	{ "made anew after it was cleared", test_random },
	{ "a name that cannot be kept", test_cannot_keep },
	{ "no descriptor to read a name with", test_no_descriptor },
	{ "eight at once agree", test_race },
	{ "public function", test_public },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("initiator", tests, setup, teardown, argc,
				     argv);
}
