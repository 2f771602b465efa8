/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-secret.c: a secret is kept, copied, compared and gone when it should
 * be: from memory, from core dumps, from forked children, from argv.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/secret.h"
#include "harness/harness.h"

static void set(struct dsc_secret *secret, const char *text)
{
	CU_ASSERT_EQUAL_FATAL(dsc_secret_set(secret, text, strlen(text)), 0);
}

static void test_set_and_clear(void)
{
	struct dsc_secret secret = { NULL };

	CU_ASSERT_FALSE(dsc_secret_is_set(&secret));
	set(&secret, "first");
	CU_ASSERT_STRING_EQUAL(secret.text, "first");
	set(&secret, "x");
	CU_ASSERT_STRING_EQUAL(secret.text, "x");
	set(&secret, secret.text);
	CU_ASSERT_STRING_EQUAL(secret.text, "x");
	dsc_secret_clear(&secret);
	CU_ASSERT_FALSE(dsc_secret_is_set(&secret));
	dsc_secret_clear(&secret);
}

static void test_limits(void)
{
	struct dsc_secret secret = { NULL };
	char text[DSC_SECRET_MAX + 1];

	memset(text, 'a', sizeof(text));
	CU_ASSERT_EQUAL(dsc_secret_set(&secret, text, DSC_SECRET_MAX), 0);
	CU_ASSERT_EQUAL(strlen(secret.text), DSC_SECRET_MAX);
	CU_ASSERT_EQUAL(dsc_secret_set(&secret, text, sizeof(text)), -EINVAL);
	CU_ASSERT_EQUAL(dsc_secret_set(&secret, "a\0b", 3), -EINVAL);
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, EINVAL);
	/* A refused one leaves what was there. */
	CU_ASSERT_EQUAL(strlen(secret.text), DSC_SECRET_MAX);
	CU_ASSERT_EQUAL(dsc_secret_set(&secret, NULL, 0), 0);
	CU_ASSERT(dsc_secret_is_set(&secret));
	CU_ASSERT_STRING_EQUAL(secret.text, "");
	dsc_secret_clear(&secret);
}

static void test_copy_and_compare(void)
{
	struct dsc_secret a = { NULL }, b = { NULL };

	CU_ASSERT(dsc_secret_is_equal(&a, &b));
	set(&a, "canary");
	CU_ASSERT_FALSE(dsc_secret_is_equal(&a, &b));
	CU_ASSERT_EQUAL(dsc_secret_copy(&b, &a), 0);
	CU_ASSERT(dsc_secret_is_equal(&a, &b));
	CU_ASSERT_PTR_NOT_EQUAL(a.text, b.text);
	CU_ASSERT_EQUAL(dsc_secret_copy(&a, &a), 0);
	CU_ASSERT_STRING_EQUAL(a.text, "canary");
	set(&b, "canarY");
	CU_ASSERT_FALSE(dsc_secret_is_equal(&a, &b));
	set(&b, "canary1");
	CU_ASSERT_FALSE(dsc_secret_is_equal(&a, &b));
	dsc_secret_clear(&a);
	CU_ASSERT_EQUAL(dsc_secret_copy(&b, &a), 0);
	CU_ASSERT_FALSE(dsc_secret_is_set(&b));
}

/* The VmFlags of the mapping that p is in; "" when it is in none. */
static void vm_flags(const void *p, char *flags, size_t size)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	bool is_here = false;
	char line[512];

	flags[0] = '\0';
	if (smaps == NULL)
		return;
	while (fgets(line, sizeof(line), smaps) != NULL) {
		unsigned long begin, end;

		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			is_here = (uintptr_t)p >= begin && (uintptr_t)p < end;
		else if (is_here && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, size, "%s", line + 8);
	}
	fclose(smaps);
}

static void test_mapping(void)
{
	struct dsc_secret secret = { NULL };
	char flags[512];

	set(&secret, "canary");
	vm_flags(secret.text, flags, sizeof(flags));
	if (flags[0] == '\0') {
		dsc_secret_clear(&secret);
		dsc_test_skip("/proc/self/smaps has no VmFlags here");
		return;
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(flags, " dd"));
	CU_ASSERT_PTR_NOT_NULL(strstr(flags, " wf"));
	dsc_secret_clear(&secret);
}

static void test_forked_child_has_none(void)
{
	struct dsc_secret secret = { NULL };
	int status = -1;
	pid_t pid;

	set(&secret, "canary");
	pid = fork();
	if (pid == 0)
		_exit(secret.text[0] == '\0' ? 0 : 1);
	CU_ASSERT_FATAL(pid > 0);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_STRING_EQUAL(secret.text, "canary");
	dsc_secret_clear(&secret);
}

static void test_wipe(void)
{
	char text[] = "canary";

	dsc_wipe(text, sizeof(text));
	CU_ASSERT_EQUAL(text[0], '\0');
	CU_ASSERT_EQUAL(text[5], '\0');
}

static void test_hide_in_url(void)
{
	static const struct {
		const char *before;
		const char *after;
	} table[] = {
		{ "iscsi://u%secret@10.0.0.5:3260/iqn.x/1",
		  "iscsi://u%******@10.0.0.5:3260/iqn.x/1" },
		{ "iscsi://u%@h/iqn.x/1", "iscsi://u%@h/iqn.x/1" },
		{ "iscsi://u%a%b@c/d@h/iqn.x/1", "iscsi://u%*******@h/iqn.x/1" },
		{ "ISCSI://u%s@h/iqn.x/1", "ISCSI://u%*@h/iqn.x/1" },
		{ "iscsi://u@h/iqn.x/1", "iscsi://u@h/iqn.x/1" },
		{ "iscsi://h/iqn.x/1", "iscsi://h/iqn.x/1" },
		{ "iscsi://[fe80::1%eth0]/iqn.x/1",
		  "iscsi://[fe80::1%eth0]/iqn.x/1" },
		{ "iscsi://u@[fe80::1%eth0]/iqn.x/1",
		  "iscsi://u@[fe80::1%eth0]/iqn.x/1" },
		{ "iscsi://u%s@[fe80::1%eth0]/iqn.x/1",
		  "iscsi://u%*@[fe80::1%eth0]/iqn.x/1" },
		{ "a%b@c", "a%b@c" },
		{ "", "" },
	};
	char url[64];
	size_t i;

	dsc_secret_hide_in_url(NULL);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(url, sizeof(url), "%s", table[i].before);
		dsc_secret_hide_in_url(url);
		CU_ASSERT_STRING_EQUAL(url, table[i].after);
	}
}

/* What may be shown is so as it is; of anything else there is nothing. */
static void test_shown(void)
{
	static const struct {
		const char *text;
		bool is_shown;
	} table[] = {
		{ "", true },
		{ "iqn.2026-11.test:disk-lun-1", true },
		{ "127.0.0.1:3260", true },
		{ "[fe80::1]:3260", true },
		{ "iscsi://host/iqn.x/1", true },
		{ "frobnicate", true },
		{ "conf.json", true },
		{ "/dev/nbd0", true },
		{ "/tmp/a%b", true },
		{ "/tmp/a@b", true },
		{ "/tmp/a@b%c", true },
		{ "./50%", true },
		{ "../a@b", true },
		{ "iscsi://joe%canary@h/iqn.x/1", false },
		{ "ISCSI://joe%canary@h/iqn.x/1", false },
		{ "iscsi:/joe%canary@h/iqn.x/1", false },
		{ "iscsi:/joe%canary", false },
		{ "iscsi//joe:canary@h", false },
		{ "=iscsi://joe%canary@h", false },
		{ "--joe%canary@h", false },
		{ "joe%canary", false },
		{ "joe%canary@h", false },
		{ "canary@h", false },
		{ "%canary", false },
		{ "//joe%canary@h/iqn.x/1", false },
		{ "./joe%canary@h", false },
		{ "/tmp/iscsi:/joe%canary@h", false },
	};
	const char *shown;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		shown = dsc_secret_shown(table[i].text);
		CU_ASSERT_EQUAL(shown == table[i].text, table[i].is_shown);
		CU_ASSERT(strstr(shown, "canary") == NULL);
		CU_ASSERT_EQUAL(dsc_secret_may_be_in(table[i].text,
						     strlen(table[i].text)),
				!table[i].is_shown);
		if ((shown == table[i].text) != table[i].is_shown)
			dsc_test_note("%s", table[i].text);
	}
	/* What is behind its end does not count. */
	CU_ASSERT(!dsc_secret_may_be_in("host,joe%canary", strlen("host")));
}

static const struct dsc_test tests[] = {
	{ "set and clear", test_set_and_clear },
	{ "limits", test_limits },
	{ "copy and compare", test_copy_and_compare },
	{ "mapping", test_mapping },
	{ "forked child has none", test_forked_child_has_none },
	{ "wipe", test_wipe },
	{ "hide in URL", test_hide_in_url },
	{ "shown", test_shown },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("secret", tests, argc, argv);
}
