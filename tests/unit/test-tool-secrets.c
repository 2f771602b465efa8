/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-tool-secrets.c: the programs, given a URL with a secret where it does
 * not belong, or one that is mistyped: whatever they say of it, as text and as
 * JSON, the secret is not in it. Nothing is connected to.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/temp.h"

#define WORDS 8
#define CANARY "canary"
#define AT "@127.0.0.1:3260/iqn.2026-11.test:chap/1"
#define URL "iscsi://joe%" CANARY AT
#define TYPO "iscsi:/joe%" CANARY AT
#define LUN "iscsi://127.0.0.1:1/iqn.2026-11.test:open/1"

static const struct misuse {
	const char *argv[WORDS];
	int status;
} misuses[] = {
	{ { "./discsi", "detach", URL }, 1 },
	{ { "./discsi", "detach", TYPO }, 1 },
	{ { "./discsi", "detach", "joe%" CANARY "@127.0.0.1:3260" }, 1 },
	{ { "./discsi", "detach", "/joe%" CANARY AT }, 1 },
	{ { "./discsi", "status", URL }, 1 },
	{ { "./discsi", "status", "joe%" CANARY }, 1 },
	{ { "./discsi", "attach", LUN, "-d", URL }, 1 },
	{ { "./discsi", "attach", LUN, "-d", "joe%" CANARY }, 1 },
	{ { "./discsi", "attach", TYPO }, 1 },
	{ { "./discsi", "info", "-c", URL }, 1 },
	{ { "./discsi", "info", "-c", TYPO }, 1 },
	{ { "./discsi", "info", LUN, "-o", URL "=1" }, 1 },
	{ { "./discsi", "info", LUN, "--password-file", URL }, 1 },
	{ { "./discsi", "info", TYPO }, 1 },
	{ { "./discsi", "list", TYPO }, 1 },
	{ { "./discsi", "discover", TYPO }, 1 },
	{ { "./discsi", "discover", "joe%" CANARY }, 1 },
	{ { "./discsi", "discover", "joe:" CANARY "@127.0.0.1" }, 1 },
	{ { "./discsi", "copy", TYPO, "/dev/null" }, 1 },
	{ { "./discsi", "copy", "joe%" CANARY, "/dev/null" }, 1 },
	{ { "./discsi", "copy", "/dev/zero", TYPO }, 1 },
	{ { "./discsi", URL }, 2 },
	{ { "./discsi", TYPO }, 2 },
	{ { "./discsi", "joe%" CANARY }, 2 },
	{ { "./discsi", "joe%" CANARY "@host" }, 2 },
	{ { "./discsi", "help", "joe%" CANARY }, 2 },
	{ { "./discsi", "list", "--joe%" CANARY "@host" }, 2 },
	{ { "./discsi-nbd", TYPO }, 2 },
	{ { "./discsi-nbd", "--takeover", URL }, 2 },
	{ { "./discsi-nbd", "--takeover", TYPO }, 1 },
	{ { "./discsi-nbd", "--abandon", "joe%" CANARY }, 2 },
	{ { "./discsi-nbd", LUN, "--device", URL }, 2 },
	{ { "./discsi-nbd", LUN, "--device", TYPO }, 2 },
	{ { "./discsi-nbd", LUN, "--config", TYPO }, 1 },
	{ { "./discsi-nbd", LUN, "--max-clients", TYPO }, 2 },
	{ { "./discsi-nbd", LUN, "--listen", TYPO, "--insecure-loopback" },
	  2 },
	{ { "./discsi-nbd", LUN, "--joe%" CANARY "@host" }, 2 },
};

static void expect_no_canary(const struct misuse *misuse, const char *last)
{
	const char *argv[WORDS + 2] = { NULL };
	struct dsc_run_result result;
	size_t n = 0;
	bool is_good;

	while (misuse->argv[n] != NULL) {
		argv[n] = misuse->argv[n];
		n++;
	}
	argv[n] = last;
	dsc_run(&result, argv);
	is_good = result.status == misuse->status &&
		  strstr(result.out, CANARY) == NULL &&
		  strstr(result.err, CANARY) == NULL &&
		  (result.status == 0 || result.err_length > 0);
	CU_ASSERT(is_good);
	if (!is_good)
		dsc_run_note(&result, argv);
	dsc_run_free(&result);
}

static void run_all(void)
{
	bool has_nbd = dsc_has_program("./discsi-nbd");
	size_t i;

	for (i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
		if (!has_nbd && strcmp(misuses[i].argv[0], "./discsi") != 0)
			continue;
		expect_no_canary(&misuses[i], NULL);
		expect_no_canary(&misuses[i], "--json");
	}
}

static void test_registry(void)
{
	char *path = dsc_temp_subdir("registry");

	setenv("DISCSI_RUN_DIR", path, 1);
	run_all();
	free(path);
}

static void test_no_registry(void)
{
	char *path = dsc_temp_path("absent");

	setenv("DISCSI_RUN_DIR", path, 1);
	run_all();
	free(path);
}

static const struct dsc_test tests[] = {
	{ "registry", test_registry },
	{ "no registry", test_no_registry },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("tool-secrets", tests, argc, argv);
}
