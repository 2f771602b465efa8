/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-log.c: which messages reach the callback, what DISCSI_DEBUG adds, and
 * the line that goes to stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <discsi/context.h>

#include "base/context.h"
#include "harness/harness.h"

struct heard {
	int count;
	enum discsi_log_level level;
	char component[32];
	char message[2048];
};

static void hear(void *arg, enum discsi_log_level level, const char *component,
		 const char *message)
{
	struct heard *heard = arg;

	heard->count++;
	heard->level = level;
	snprintf(heard->component, sizeof(heard->component), "%s", component);
	snprintf(heard->message, sizeof(heard->message), "%s", message);
	errno = EPIPE;
}

static struct discsi_context *new_context(const char *debug)
{
	struct discsi_context *ctx = NULL;

	if (debug != NULL)
		setenv("DISCSI_DEBUG", debug, 1);
	else
		unsetenv("DISCSI_DEBUG");
	CU_ASSERT_EQUAL_FATAL(discsi_context_new(&ctx), 0);
	return ctx;
}

static void test_no_callback(void)
{
	struct discsi_context *ctx = new_context("all");

	CU_ASSERT_FALSE(dsc_log_is_on(&ctx->log, DISCSI_LOG_ERROR,
				      DSC_LOG_LUN));
	dsc_log(&ctx->log, DISCSI_LOG_ERROR, DSC_LOG_LUN, "nobody listens");
	discsi_context_destroy(ctx);
}

static void test_level(void)
{
	struct discsi_context *ctx = new_context(NULL);
	struct heard heard = { 0 };

	discsi_context_set_log(ctx, hear, &heard, DISCSI_LOG_WARNING);
	dsc_log(&ctx->log, DISCSI_LOG_INFO, DSC_LOG_LUN, "too quiet");
	CU_ASSERT_EQUAL(heard.count, 0);
	dsc_log(&ctx->log, DISCSI_LOG_WARNING, DSC_LOG_SESSION, "lun %d", 3);
	CU_ASSERT_EQUAL(heard.count, 1);
	CU_ASSERT_EQUAL(heard.level, DISCSI_LOG_WARNING);
	CU_ASSERT_STRING_EQUAL(heard.component, "session");
	CU_ASSERT_STRING_EQUAL(heard.message, "lun 3");

	discsi_context_set_log(ctx, NULL, NULL, DISCSI_LOG_DEBUG);
	dsc_log(&ctx->log, DISCSI_LOG_ERROR, DSC_LOG_SESSION, "gone");
	CU_ASSERT_EQUAL(heard.count, 1);
	discsi_context_destroy(ctx);
}

static void test_errno_is_kept(void)
{
	struct discsi_context *ctx = new_context(NULL);
	struct heard heard = { 0 };

	discsi_context_set_log(ctx, hear, &heard, DISCSI_LOG_DEBUG);
	errno = ENOENT;
	dsc_log(&ctx->log, DISCSI_LOG_ERROR, DSC_LOG_LUN, "x");
	CU_ASSERT_EQUAL(errno, ENOENT);
	CU_ASSERT_EQUAL(heard.count, 1);
	discsi_context_destroy(ctx);
}

static void test_one_clean_line(void)
{
	struct discsi_context *ctx = new_context(NULL);
	struct heard heard = { 0 };

	discsi_context_set_log(ctx, hear, &heard, DISCSI_LOG_ERROR);
	dsc_log(&ctx->log, DISCSI_LOG_ERROR, DSC_LOG_LUN, "%s", "a\nb\x1b" "c");
	CU_ASSERT_STRING_EQUAL(heard.message, "a?b?c");
	dsc_log(&ctx->log, DISCSI_LOG_ERROR, DSC_LOG_LUN, "%05000d", 1);
	CU_ASSERT(strlen(heard.message) < 2000);
	discsi_context_destroy(ctx);
}

static void test_debug_components(void)
{
	struct discsi_context *ctx = new_context("lun, login");
	struct heard heard = { 0 };

	discsi_context_set_log(ctx, hear, &heard, DISCSI_LOG_ERROR);
	CU_ASSERT_EQUAL(heard.count, 0);
	dsc_log(&ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_SESSION, "no");
	CU_ASSERT_EQUAL(heard.count, 0);
	dsc_log(&ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_LUN, "yes");
	dsc_log(&ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_LOGIN, "yes");
	CU_ASSERT_EQUAL(heard.count, 2);
	discsi_context_destroy(ctx);
}

static void test_debug_all(void)
{
	struct discsi_context *ctx = new_context("all");
	struct heard heard = { 0 };
	unsigned int i;

	discsi_context_set_log(ctx, hear, &heard, DISCSI_LOG_ERROR);
	for (i = 0; i < DSC_LOG_COMPONENTS; i++)
		dsc_log(&ctx->log, DISCSI_LOG_DEBUG, (enum dsc_component)i,
			"%u", i);
	CU_ASSERT_EQUAL(heard.count, DSC_LOG_COMPONENTS);
	discsi_context_destroy(ctx);
}

static void test_debug_help(void)
{
	static const char *const names[] = {
		"context", "login", "conn", "session", "discovery", "lun",
		"bridge", "storage", "all",
	};
	struct discsi_context *ctx = new_context("help");
	struct heard heard = { 0 };
	size_t i;

	discsi_context_set_log(ctx, hear, &heard, DISCSI_LOG_ERROR);
	CU_ASSERT_EQUAL(heard.count, 1);
	CU_ASSERT_EQUAL(heard.level, DISCSI_LOG_INFO);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(heard.message, names[i]));
	discsi_context_destroy(ctx);
}

static void test_debug_unknown(void)
{
	struct discsi_context *ctx = new_context(",lun,nonsense");
	struct heard heard = { 0 };

	discsi_context_set_log(ctx, hear, &heard, DISCSI_LOG_ERROR);
	CU_ASSERT_EQUAL(heard.count, 1);
	CU_ASSERT_EQUAL(heard.level, DISCSI_LOG_WARNING);
	CU_ASSERT_PTR_NOT_NULL(strstr(heard.message, "\"nonsense\""));
	CU_ASSERT(dsc_log_is_on(&ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_LUN));
	discsi_context_destroy(ctx);
}

static void test_stderr_line(void)
{
	char line[128] = "";
	int pipe_fds[2], saved;
	ssize_t length;

	CU_ASSERT_EQUAL_FATAL(pipe(pipe_fds), 0);
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	CU_ASSERT_FATAL(saved >= 0);
	dup2(pipe_fds[1], STDERR_FILENO);
	discsi_log_to_stderr(NULL, DISCSI_LOG_ERROR, "lun", "is gone");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipe_fds[1]);
	length = read(pipe_fds[0], line, sizeof(line) - 1);
	CU_ASSERT(length > 0);
	CU_ASSERT_STRING_EQUAL(line, "discsi: lun: is gone\n");
	close(pipe_fds[0]);
}

static const struct dsc_test tests[] = {
	{ "no callback", test_no_callback },
	{ "level", test_level },
	{ "errno is kept", test_errno_is_kept },
	{ "one clean line", test_one_clean_line },
	{ "debug components", test_debug_components },
	{ "debug all", test_debug_all },
	{ "debug help", test_debug_help },
	{ "debug unknown", test_debug_unknown },
	{ "stderr line", test_stderr_line },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("log", tests, argc, argv);
}
