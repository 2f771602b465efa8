/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-iscsi-nomem.c: taking over a connection, and reading a SendTargets
 * answer, with an allocator that fails at the n-th call, for every n: a clean
 * error, nothing leaked, the descriptor closed. Linked with --wrap.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"
#include "iscsi/conn.h"
#include "iscsi/sendtargets.h"

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
void *__real_reallocarray(void *p, size_t count, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__real_strndup(const char *s, size_t length);
char *__wrap_strndup(const char *s, size_t length);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, count, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t length)
{
	return fails() ? NULL : __real_strndup(s, length);
}

static void on_lost(void *arg, const struct discsi_error *why)
{
	(void)arg;
	(void)why;
	CU_FAIL("lost");
}

static const struct dsc_conn_owner owner = { .lost = on_lost };

static const struct dsc_params params = { .max_outstanding_r2t = 1 };

static bool is_closed(int fd)
{
	return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

static void new_connection(void)
{
	struct discsi_context *ctx;
	struct discsi_error error;
	struct dsc_conn *conn;
	int fds[2], n, rc;

	CU_ASSERT_EQUAL_FATAL(discsi_context_new(&ctx), 0);
	for (n = 0; ; n++) {
		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds),
				      0);
		calls_left = n;
		rc = dsc_conn_new(ctx, fds[0], &params, "disk", &owner, &conn,
				  &error);
		calls_left = -1;
		close(fds[1]);
		if (rc == 0)
			break;
		CU_ASSERT_EQUAL(rc, -ENOMEM);
		CU_ASSERT_EQUAL(error.errnum, ENOMEM);
		CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "disk"));
		CU_ASSERT(is_closed(fds[0]));
	}
	CU_ASSERT(n >= 5);
	dsc_conn_free(conn);
	CU_ASSERT(is_closed(fds[0]));
	dsc_conn_free(NULL);
	discsi_context_destroy(ctx);
}

/* epoll does not take a file. */
static void not_a_socket(void)
{
	struct discsi_context *ctx;
	struct discsi_error error;
	struct dsc_conn *conn;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CU_ASSERT_EQUAL_FATAL(discsi_context_new(&ctx), 0);
	CU_ASSERT_EQUAL(dsc_conn_new(ctx, fd, &params, "disk", &owner, &conn,
				     &error), -EPERM);
	CU_ASSERT_EQUAL(error.errnum, EPERM);
	CU_ASSERT(is_closed(fd));
	discsi_context_destroy(ctx);
}

static void read_targets(void)
{
	static const char text[] = "TargetName=iqn.a\0TargetAddress=a:1,1\0"
				   "TargetName=iqn.b\0TargetName=iqn.c\0"
				   "TargetName=iqn.d\0TargetName=iqn.e\0"
				   "TargetAddress=e:1,1\0TargetAddress=e:2,2";
	struct discsi_discovery *result = NULL;
	size_t i, j;
	int n, rc;

	for (n = 0; ; n++) {
		calls_left = n;
		rc = dsc_sendtargets_parse(text, sizeof(text), "x", 3260, 1,
					   &result);
		calls_left = -1;
		if (rc == 0)
			break;
		CU_ASSERT_EQUAL(rc, -ENOMEM);
		CU_ASSERT_PTR_NULL(result);
	}
	CU_ASSERT_EQUAL(n, 1 + 2 + 5 + 5 + 6);
	for (i = 0; i < result->ntargets; i++) {
		for (j = 0; j < result->targets[i].nportals; j++)
			free(result->targets[i].portals[j].address);
		free(result->targets[i].portals);
		free(result->targets[i].target);
	}
	free(result->targets);
	free(result);
}

static const struct dsc_test tests[] = {
	{ "new_connection", new_connection },
	{ "not_a_socket", not_a_socket },
	{ "read_targets", read_targets },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("iscsi-nomem", tests, argc, argv);
}
