/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-handles.c: the caller's own descriptors, timers and deferred calls on a
 * context's loop: told, freed inside their callbacks, left to the destruction.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <discsi/context.h>

#include "base/clock.h"
#include "harness/harness.h"

#define LONG_MS 20000

static struct discsi_context *new_context(void)
{
	struct discsi_context *ctx = NULL;

	CU_ASSERT_EQUAL_FATAL(discsi_context_new(&ctx), 0);
	return ctx;
}

static void dispatch_until(struct discsi_context *ctx, const int *counter,
			   int count)
{
	uint64_t end = dsc_clock_now_ns() + LONG_MS * DSC_NS_PER_MS;

	while (*counter < count && dsc_clock_now_ns() < end)
		CU_ASSERT_EQUAL(discsi_context_dispatch(ctx, LONG_MS), 0);
	CU_ASSERT_EQUAL(*counter, count);
}

static void count_call(void *arg)
{
	(*(int *)arg)++;
}

struct own {
	struct discsi_watch *watch;
	struct discsi_timer *timer;
	struct discsi_deferred *deferred;
	uint32_t events;
	int calls;
};

static void on_own_watch(void *arg, uint32_t events)
{
	struct own *own = arg;

	own->events = events;
	own->calls++;
	discsi_watch_free(own->watch);
}

static void on_own_timer(void *arg)
{
	struct own *own = arg;

	own->calls++;
	discsi_timer_free(own->timer);
}

static void on_own_deferred(void *arg)
{
	struct own *own = arg;

	own->calls++;
	discsi_deferred_free(own->deferred);
}

static void test_watch(void)
{
	struct discsi_context *ctx = new_context();
	struct own own = { .calls = 0 };
	struct discsi_watch *again;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	CU_ASSERT_EQUAL(discsi_watch_new(ctx, fds[0], 0, on_own_watch, &own,
					 &own.watch), 0);
	CU_ASSERT_EQUAL(discsi_watch_new(ctx, fds[0], 0, on_own_watch, &own,
					 &again), -EEXIST);
	CU_ASSERT_EQUAL(discsi_watch_set(own.watch, EPOLLET), -EINVAL);
	CU_ASSERT_EQUAL(write(fds[1], "x", 1), 1);
	discsi_context_dispatch(ctx, 0);
	CU_ASSERT_EQUAL(own.calls, 0);
	CU_ASSERT_EQUAL(discsi_watch_set(own.watch, EPOLLIN), 0);
	dispatch_until(ctx, &own.calls, 1);
	CU_ASSERT_EQUAL(own.events, EPOLLIN);
	/* It was freed in its callback. */
	discsi_context_dispatch(ctx, 0);
	CU_ASSERT_EQUAL(own.calls, 1);
	discsi_context_destroy(ctx);
	close(fds[0]);
	close(fds[1]);
}

static void test_watch_errors(void)
{
	struct discsi_context *ctx = new_context();
	struct discsi_watch *watch;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CU_ASSERT_EQUAL(discsi_watch_new(ctx, -1, EPOLLIN, on_own_watch, NULL,
					 &watch), -EBADF);
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message, "EBADF"));
	CU_ASSERT_EQUAL(discsi_watch_new(ctx, fd, EPOLLIN, on_own_watch, NULL,
					 &watch), -EPERM);
	CU_ASSERT_EQUAL(discsi_watch_new(ctx, fd, EPOLLONESHOT, on_own_watch,
					 NULL, &watch), -EINVAL);
	close(fd);
	discsi_context_destroy(ctx);
}

static void test_timer(void)
{
	struct discsi_context *ctx = new_context();
	struct own own = { .calls = 0 };

	CU_ASSERT_EQUAL(discsi_timer_new(ctx, on_own_timer, &own, &own.timer),
			0);
	discsi_timer_set(own.timer, 0);
	discsi_timer_stop(own.timer);
	discsi_timer_stop(own.timer);
	discsi_context_dispatch(ctx, 0);
	CU_ASSERT_EQUAL(own.calls, 0);
	discsi_timer_set(own.timer, LONG_MS);
	discsi_timer_set(own.timer, 5);
	dispatch_until(ctx, &own.calls, 1);
	discsi_context_destroy(ctx);
}

static void test_deferred(void)
{
	struct discsi_context *ctx = new_context();
	struct own own = { .calls = 0 };

	CU_ASSERT_EQUAL(discsi_deferred_new(ctx, on_own_deferred, &own,
					    &own.deferred), 0);
	discsi_deferred_request(own.deferred);
	discsi_deferred_request(own.deferred);
	CU_ASSERT_EQUAL(discsi_context_dispatch(ctx, -1), 0);
	CU_ASSERT_EQUAL(own.calls, 1);
	discsi_context_destroy(ctx);
}

static void test_from_another_thread(void)
{
	struct discsi_context *ctx = new_context();
	struct discsi_deferred *deferred;
	struct discsi_watch *watch;
	struct discsi_timer *timer;

	CU_ASSERT_EQUAL_FATAL(discsi_context_start(ctx), 0);
	CU_ASSERT_EQUAL(discsi_watch_new(ctx, 0, 0, on_own_watch, NULL,
					 &watch), -EINVAL);
	CU_ASSERT_EQUAL(discsi_timer_new(ctx, count_call, NULL, &timer),
			-EINVAL);
	CU_ASSERT_EQUAL(discsi_deferred_new(ctx, count_call, NULL, &deferred),
			-EINVAL);
	discsi_context_destroy(ctx);
}

static void test_free_nothing(void)
{
	discsi_context_destroy(NULL);
	discsi_watch_free(NULL);
	discsi_timer_free(NULL);
	discsi_deferred_free(NULL);
}

static void test_destroy_frees_what_is_left(void)
{
	struct discsi_context *ctx = new_context();
	struct discsi_deferred *deferred;
	struct discsi_watch *watch;
	struct discsi_timer *timer;
	int fds[2], calls = 0;

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	CU_ASSERT_EQUAL(discsi_timer_new(ctx, count_call, &calls, &timer), 0);
	CU_ASSERT_EQUAL(discsi_deferred_new(ctx, count_call, &calls,
					    &deferred), 0);
	CU_ASSERT_EQUAL(discsi_watch_new(ctx, fds[0], EPOLLIN, NULL, NULL,
					 &watch), 0);
	discsi_timer_set(timer, 0);
	discsi_deferred_request(deferred);
	discsi_context_destroy(ctx);
	CU_ASSERT_EQUAL(calls, 0);
	close(fds[0]);
	close(fds[1]);
}

static const struct dsc_test tests[] = {
	{ "free nothing", test_free_nothing },
	{ "destroy frees what is left", test_destroy_frees_what_is_left },
	{ "watch", test_watch },
	{ "watch errors", test_watch_errors },
	{ "timer", test_timer },
	{ "deferred", test_deferred },
	{ "from another thread", test_from_another_thread },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("handles", tests, argc, argv);
}
