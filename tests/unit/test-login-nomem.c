/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-login-nomem.c: beginning a login and a lookup with an allocator that
 * fails at the n-th call, for every n: a clean error, no callback, no
 * descriptor and no memory lost. Linked with --wrap.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "login-attempt.h"
#include "session/resolver.h"

/* Calls that still succeed; negative: all do. */
static int calls_left = -1;

static bool fails(void)
{
	if (calls_left == 0)
		return true;
	if (calls_left > 0)
		calls_left--;
	return false;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

static void test_login(void)
{
	static const struct sockaddr_in local = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = 0x0100007f,
		.sin_port = 0x0100,
	};
	struct discsi_error error;
	unsigned int fds;
	int n, rc;

	prepare_attempt();
	at.request.address = (const struct sockaddr *)&local;
	at.request.address_length = sizeof(local);
	at.request.portal = "127.0.0.1:1";
	fds = count_fds();
	for (n = 0; ; n++) {
		calls_left = n;
		rc = try_start(&error);
		calls_left = -1;
		if (rc == 0)
			break;
		CU_ASSERT_EQUAL(rc, -ENOMEM);
		CU_ASSERT_EQUAL(error.errnum, ENOMEM);
		CU_ASSERT_PTR_NULL(at.login);
		CU_ASSERT_EQUAL(count_fds(), fds);
		CU_ASSERT_TRUE_FATAL(n < 100);
	}
	CU_ASSERT_TRUE(n >= 3);
	dsc_login_cancel(at.login);
	CU_ASSERT_EQUAL(count_fds(), fds);
	close_context();
}

static void on_resolved(void *arg, const struct dsc_resolve_result *result)
{
	(void)result;
	(*(unsigned int *)arg)++;
}

static int look_up_none(const char *host, const char *service,
			const struct addrinfo *hints, struct addrinfo **list)
{
	(void)host;
	(void)service;
	(void)hints;
	(void)list;
	return EAI_NONAME;
}

static void test_resolve(void)
{
	struct dsc_resolve *resolve = NULL;
	struct discsi_error error;
	unsigned int calls = 0;
	int n, rc;

	prepare_attempt();
	for (n = 0; ; n++) {
		calls_left = n;
		rc = dsc_resolve_start_with(at.ctx, look_up_none, "host", 1,
					    on_resolved, &calls, &resolve,
					    &error);
		calls_left = -1;
		if (rc == 0)
			break;
		CU_ASSERT_EQUAL(rc, -ENOMEM);
		CU_ASSERT_EQUAL(error.errnum, ENOMEM);
		CU_ASSERT_PTR_NULL(resolve);
		CU_ASSERT_TRUE_FATAL(n < 100);
	}
	CU_ASSERT_TRUE(n >= 3);
	while (calls == 0)
		discsi_context_dispatch(at.ctx, -1);
	CU_ASSERT_EQUAL(calls, 1);
	close_context();
}

static const struct dsc_test tests[] = {
	{ "login", test_login },
	{ "resolve", test_resolve },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("login-nomem", tests, argc, argv);
}
