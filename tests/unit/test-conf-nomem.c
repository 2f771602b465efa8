/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-conf-nomem.c: memory runs out at every single allocation of lib/conf in
 * turn: the answer is ENOMEM, the configuration stays as it was, and nothing
 * is leaked (the sanitizer sees to that). The linker puts the functions here
 * before the real ones (--wrap), for our own code; json-c's are its own.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "conf/conf.h"
#include "harness/harness.h"

#define IQN "iqn.2024-05.com.example:disk1"

/* How many allocations succeed before all fail; < 0: all succeed. */
static int budget = -1;
static bool has_failed;

static bool is_refused(void)
{
	if (budget < 0)
		return false;
	if (budget > 0) {
		budget--;
		return false;
	}
	has_failed = true;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
int __wrap_asprintf(char **text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd,
		  off_t offset);

void *__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_refused() ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *text)
{
	return is_refused() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length)
{
	return is_refused() ? NULL : __real_strndup(text, length);
}

int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	int n;

	if (is_refused())
		return -1;
	va_start(args, format);
	n = vasprintf(text, format, args);
	va_end(args);
	return n;
}

void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd,
		  off_t offset)
{
	return is_refused() ? MAP_FAILED :
			      __real_mmap(addr, length, prot, flags, fd,
					  offset);
}

/* ------------------------------------------------------------- operations */

static int do_new(struct discsi_conf *conf)
{
	struct discsi_conf *made = NULL;
	int rc = discsi_conf_new(&made);

	(void)conf;
	discsi_conf_free(made);
	return rc;
}

static int do_dup(struct discsi_conf *conf)
{
	struct discsi_conf *copy = NULL;
	int rc = discsi_conf_dup(conf, &copy);

	discsi_conf_free(copy);
	return rc;
}

static int do_url(struct discsi_conf *conf)
{
	return discsi_conf_set_url(conf, "iscsi://you%new@[::1]:1/" IQN "/9");
}

static int do_json(struct discsi_conf *conf)
{
	static const char text[] =
		"{\"target\": \"a\", \"portals\": [\"b\", \"c\"],"
		"\"password\": \"x\", \"username\": \"y\", \"iqn\": \"" IQN
		"\", \"lun_id\": 3}";

	return discsi_conf_set_json(conf, text, sizeof(text) - 1, NULL, NULL);
}

static int do_json_file(struct discsi_conf *conf)
{
	int rc = discsi_conf_set_json_file(conf, "/dev/null", NULL, NULL);

	return rc == -EINVAL ? 0 : rc;  /* an empty file, if it was read */
}

static int do_members(struct discsi_conf *conf)
{
	static const char *const rows[][2] = {
		{ "portals", "d,e,f" }, { "portal", "g" }, { "target", "h" },
		{ "username", "i" }, { "password", "j" }, { "iqn", IQN },
	};
	struct discsi_conf *copy = NULL;
	int rc = discsi_conf_dup(conf, &copy);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && rc == 0; i++)
		rc = discsi_conf_set(copy, rows[i][0], rows[i][1]);
	discsi_conf_free(copy);
	return rc;
}

static int do_get(struct discsi_conf *conf)
{
	static const char *const names[] = {
		"target", "portal", "portals", "iqn", "lun_id", "password",
		"password_file", "header_digest", "read_only", "login_timeout",
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == 0;
	     i++) {
		char *value = NULL;

		rc = discsi_conf_get(conf, names[i], &value);
		free(value);
	}
	return rc;
}

static int do_dump(struct discsi_conf *conf)
{
	char *text = NULL;
	int rc = discsi_conf_to_json(conf, DISCSI_CONF_SECRETS, &text);

	free(text);
	return rc;
}

static int do_initiator_name(struct discsi_conf *conf)
{
	char *name = NULL;
	int rc = discsi_conf_initiator_name(conf, &name);

	free(name);
	return rc;
}

/* ------------------------------------------------------------------ tests */

static struct discsi_conf *make(void)
{
	struct discsi_conf *conf = NULL;

	CU_ASSERT_EQUAL_FATAL(discsi_conf_new(&conf), 0);
	CU_ASSERT_EQUAL(discsi_conf_set_url(conf, "iscsi://me%old@san/" IQN
					    "/1"), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "portals", "o,p,[::1]"), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "target", "t"), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "target_password", "z"), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "initiator_name", IQN), 0);
	return conf;
}

static char *dump(const struct discsi_conf *conf)
{
	char *text = NULL;

	CU_ASSERT_EQUAL_FATAL(discsi_conf_to_json(conf, DISCSI_CONF_SECRETS,
						  &text), 0);
	return text;
}

/* Until it needs no more than it gets. */
static void run(int (*operation)(struct discsi_conf *conf))
{
	struct discsi_conf *conf = make();
	char *before = dump(conf);
	int n = 0;
	int rc;

	do {
		char *after;

		has_failed = false;
		budget = n++;
		rc = operation(conf);
		budget = -1;
		if (!has_failed)
			break;
		CU_ASSERT_EQUAL(rc, -ENOMEM);
		CU_ASSERT_EQUAL(discsi_last_error()->errnum, ENOMEM);
		after = dump(conf);
		CU_ASSERT_STRING_EQUAL(before, after);
		free(after);
	} while (n < 1000);
	CU_ASSERT_EQUAL(rc, 0);
	CU_ASSERT(n > 1 && n < 1000);  /* something did fail */
	free(before);
	discsi_conf_free(conf);
}

static void test_new(void)
{
	run(do_new);
}

static void test_dup(void)
{
	run(do_dup);
}

static void test_url(void)
{
	run(do_url);
}

static void test_json(void)
{
	run(do_json);
}

static void test_json_file(void)
{
	run(do_json_file);
}

static void test_members(void)
{
	run(do_members);
}

static void test_get(void)
{
	run(do_get);
}

static void test_dump(void)
{
	run(do_dump);
}

static void test_initiator_name(void)
{
	run(do_initiator_name);
}

static const struct dsc_test tests[] = {
	{ "new", test_new },
	{ "dup", test_dup },
	{ "set_url", test_url },
	{ "set_json", test_json },
	{ "set_json_file", test_json_file },
	{ "set", test_members },
	{ "get", test_get },
	{ "to_json", test_dump },
	{ "initiator_name", test_initiator_name },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("conf-nomem", tests, argc, argv);
}
