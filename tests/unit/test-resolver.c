/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-resolver.c: names are looked up off the loop. The lookup function is
 * the test's own: it hangs, fails and counts as it is told to.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/context.h"
#include "harness/harness.h"
#include "session/resolver.h"

#define WAIT_MS 10000u
#define PORT 3260

/* --------------------------------------------------- the lookup function */

/* What a hanging lookup waits for; posted once per lookup that may go on. */
static sem_t gate;
static atomic_int entered, inside, most_inside;

static int look_up_hanging(const char *host, const char *service,
			   const struct addrinfo *hints, struct addrinfo **list)
{
	int now = atomic_fetch_add(&inside, 1) + 1;
	int most = atomic_load(&most_inside);

	(void)host;
	atomic_fetch_add(&entered, 1);
	while (now > most &&
	       !atomic_compare_exchange_weak(&most_inside, &most, now))
		;
	while (sem_wait(&gate) != 0)
		;
	atomic_fetch_sub(&inside, 1);
	return getaddrinfo("127.0.0.9", service, hints, list);
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

static int look_up_no_memory(const char *host, const char *service,
			     const struct addrinfo *hints,
			     struct addrinfo **list)
{
	(void)host;
	(void)service;
	(void)hints;
	(void)list;
	return EAI_MEMORY;
}

static int look_up_broken(const char *host, const char *service,
			  const struct addrinfo *hints, struct addrinfo **list)
{
	(void)host;
	(void)service;
	(void)hints;
	(void)list;
	errno = EMFILE;
	return EAI_SYSTEM;
}

static void reset_gate(void)
{
	sem_init(&gate, 0, 0);
	atomic_store(&entered, 0);
	atomic_store(&inside, 0);
	atomic_store(&most_inside, 0);
}

static void open_gate(unsigned int lookups)
{
	while (lookups-- > 0)
		sem_post(&gate);
}

/* --------------------------------------------------------------- helpers */

struct answer {
	unsigned int calls;
	struct dsc_resolve_result result;
};

static void on_resolved(void *arg, const struct dsc_resolve_result *result)
{
	struct answer *answer = arg;

	answer->calls++;
	answer->result = *result;
}

static struct discsi_context *new_context(void)
{
	struct discsi_context *ctx = NULL;

	CU_ASSERT_EQUAL_FATAL(discsi_context_new(&ctx), 0);
	return ctx;
}

static uint64_t deadline_ns(void)
{
	return dsc_clock_now_ns() + WAIT_MS * DSC_NS_PER_MS;
}

/* Turns the loop until *calls is what is waited for. */
static void turn_until(struct discsi_context *ctx, const unsigned int *calls,
		       unsigned int wanted)
{
	uint64_t deadline = deadline_ns();

	while (*calls < wanted && dsc_clock_now_ns() < deadline)
		discsi_context_dispatch(ctx, 20);
	CU_ASSERT_EQUAL(*calls, wanted);
}

static void wait_entered(int wanted)
{
	uint64_t deadline = deadline_ns();

	while (atomic_load(&entered) < wanted && dsc_clock_now_ns() < deadline)
		usleep(1000);
	CU_ASSERT_EQUAL(atomic_load(&entered), wanted);
}

static unsigned int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int count = 0;
	const struct dirent *entry;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* The threads of lookups have left: nothing of theirs is in use. */
static void wait_threads(unsigned int wanted)
{
	uint64_t deadline = deadline_ns();

	while (count_threads() > wanted && dsc_clock_now_ns() < deadline)
		usleep(1000);
	CU_ASSERT_EQUAL(count_threads(), wanted);
}

static void start(struct discsi_context *ctx, dsc_lookup_fn fn,
		  const char *host, struct answer *answer,
		  struct dsc_resolve **resolve)
{
	struct discsi_error error;

	memset(answer, 0, sizeof(*answer));
	CU_ASSERT_EQUAL_FATAL(dsc_resolve_start_with(ctx, fn, host, PORT,
						     on_resolved, answer,
						     resolve, &error), 0);
	CU_ASSERT_EQUAL(answer->calls, 0);
}

/* ----------------------------------------------------------------- tests */

static void test_numeric_needs_no_thread(void)
{
	struct discsi_context *ctx = new_context();
	const struct sockaddr_in *v4;
	const struct sockaddr_in6 *v6;
	struct dsc_resolve *resolve;
	struct answer answer;

	start(ctx, look_up_none, "192.0.2.7", &answer, &resolve);
	CU_ASSERT_EQUAL(discsi_context_dispatch(ctx, 0), 0);
	CU_ASSERT_EQUAL_FATAL(answer.calls, 1);
	CU_ASSERT_EQUAL(answer.result.status, 0);
	CU_ASSERT_EQUAL(answer.result.count, 1);
	v4 = (const void *)&answer.result.addresses[0].storage;
	CU_ASSERT_EQUAL(answer.result.addresses[0].length, sizeof(*v4));
	CU_ASSERT_EQUAL(v4->sin_family, AF_INET);
	CU_ASSERT_EQUAL(ntohs(v4->sin_port), PORT);
	CU_ASSERT_EQUAL(ntohl(v4->sin_addr.s_addr), 0xc0000207);

	start(ctx, look_up_none, "2001:db8::1", &answer, &resolve);
	turn_until(ctx, &answer.calls, 1);
	CU_ASSERT_EQUAL(answer.result.count, 1);
	v6 = (const void *)&answer.result.addresses[0].storage;
	CU_ASSERT_EQUAL(v6->sin6_family, AF_INET6);
	CU_ASSERT_EQUAL(ntohs(v6->sin6_port), PORT);
	discsi_context_destroy(ctx);
}

static void test_numeric_can_be_cancelled(void)
{
	struct discsi_context *ctx = new_context();
	struct dsc_resolve *resolve;
	struct answer answer;

	start(ctx, look_up_none, "127.0.0.1", &answer, &resolve);
	dsc_resolve_cancel(resolve);
	discsi_context_dispatch(ctx, 0);
	CU_ASSERT_EQUAL(answer.calls, 0);
	dsc_resolve_cancel(NULL);
	discsi_context_destroy(ctx);
}

static void test_name_of_hosts_file(void)
{
	struct discsi_context *ctx = new_context();
	struct dsc_resolve *resolve;
	struct answer answer = { .calls = 0 };
	struct discsi_error error;
	unsigned int threads = count_threads();

	CU_ASSERT_EQUAL_FATAL(dsc_resolve_start(ctx, "localhost", PORT,
						on_resolved, &answer, &resolve,
						&error), 0);
	turn_until(ctx, &answer.calls, 1);
	CU_ASSERT_EQUAL(answer.result.status, 0);
	CU_ASSERT(answer.result.count >= 1);
	discsi_context_destroy(ctx);
	wait_threads(threads);
}

static void test_failures_name_the_host(void)
{
	struct discsi_context *ctx = new_context();
	unsigned int threads = count_threads();
	struct dsc_resolve *resolve;
	struct answer answer;

	start(ctx, look_up_none, "no-such-host", &answer, &resolve);
	turn_until(ctx, &answer.calls, 1);
	CU_ASSERT_EQUAL(answer.result.status, -EADDRNOTAVAIL);
	CU_ASSERT_EQUAL(answer.result.error.errnum, EADDRNOTAVAIL);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer.result.error.message,
				      "'no-such-host' does not resolve"));

	start(ctx, look_up_no_memory, "host", &answer, &resolve);
	turn_until(ctx, &answer.calls, 1);
	CU_ASSERT_EQUAL(answer.result.status, -ENOMEM);

	start(ctx, look_up_broken, "host", &answer, &resolve);
	turn_until(ctx, &answer.calls, 1);
	CU_ASSERT_EQUAL(answer.result.status, -EADDRNOTAVAIL);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer.result.error.message, "EMFILE"));
	discsi_context_destroy(ctx);
	wait_threads(threads);
}

static void test_names_that_are_none(void)
{
	struct discsi_context *ctx = new_context();
	struct dsc_resolve *resolve = NULL;
	struct discsi_error error;
	char name[300];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT_EQUAL(dsc_resolve_start(ctx, "", PORT, on_resolved, NULL,
					  &resolve, &error), -EADDRNOTAVAIL);
	CU_ASSERT_EQUAL(dsc_resolve_start(ctx, name, PORT, on_resolved, NULL,
					  &resolve, &error), -EADDRNOTAVAIL);
	CU_ASSERT_EQUAL(error.errnum, EADDRNOTAVAIL);
	CU_ASSERT_PTR_NULL(resolve);
	discsi_context_destroy(ctx);
}

static void on_timer(void *arg)
{
	(*(unsigned int *)arg)++;
}

static void test_loop_goes_on_meanwhile(void)
{
	struct discsi_context *ctx = new_context();
	unsigned int ticks = 0, threads = count_threads();
	struct discsi_timer *timer;
	struct dsc_resolve *resolve;
	struct answer answer;

	reset_gate();
	CU_ASSERT_EQUAL_FATAL(discsi_timer_new(ctx, on_timer, &ticks, &timer),
			      0);
	start(ctx, look_up_hanging, "slow", &answer, &resolve);
	wait_entered(1);
	discsi_timer_set(timer, 1);
	turn_until(ctx, &ticks, 1);
	CU_ASSERT_EQUAL(answer.calls, 0);
	open_gate(1);
	turn_until(ctx, &answer.calls, 1);
	CU_ASSERT_EQUAL(answer.result.status, 0);
	CU_ASSERT_EQUAL(answer.result.count, 1);
	discsi_context_destroy(ctx);
	wait_threads(threads);
}

static void test_cancel_waits_for_nothing(void)
{
	struct discsi_context *ctx = new_context();
	unsigned int threads = count_threads();
	struct dsc_resolve *resolve;
	struct answer answer;

	reset_gate();
	start(ctx, look_up_hanging, "slow", &answer, &resolve);
	wait_entered(1);
	dsc_resolve_cancel(resolve);
	/* the lookup still hangs: it was not waited for */
	CU_ASSERT_EQUAL(atomic_load(&inside), 1);
	open_gate(1);
	wait_threads(threads);
	discsi_context_dispatch(ctx, 0);
	CU_ASSERT_EQUAL(answer.calls, 0);
	discsi_context_destroy(ctx);
}

/* The result is on its way when it is given up. */
static void test_cancel_of_a_posted_result(void)
{
	struct discsi_context *ctx = new_context();
	unsigned int threads = count_threads();
	struct dsc_resolve *resolve;
	struct answer answer;

	reset_gate();
	start(ctx, look_up_hanging, "slow", &answer, &resolve);
	open_gate(1);
	wait_threads(threads);
	dsc_resolve_cancel(resolve);
	discsi_context_dispatch(ctx, 0);
	CU_ASSERT_EQUAL(answer.calls, 0);

	start(ctx, look_up_hanging, "slow", &answer, &resolve);
	open_gate(1);
	wait_threads(threads);
	dsc_resolve_cancel(resolve);
	discsi_context_destroy(ctx);
	CU_ASSERT_EQUAL(answer.calls, 0);
}

static void test_context_ends_before_the_lookup(void)
{
	struct discsi_context *ctx = new_context();
	unsigned int threads = count_threads();
	struct dsc_resolve *resolve;
	struct answer answer;

	reset_gate();
	start(ctx, look_up_hanging, "slow", &answer, &resolve);
	wait_entered(1);
	dsc_resolve_cancel(resolve);
	discsi_context_destroy(ctx);
	CU_ASSERT_EQUAL(atomic_load(&inside), 1);
	open_gate(1);
	wait_threads(threads);
	CU_ASSERT_EQUAL(answer.calls, 0);
}

/* As a session that is older than the first lookup of its context: it gives
 * up while the context ends, after the lookups have lost their loop. */
struct late {
	struct dsc_child child;
	struct dsc_resolve *resolve;
	unsigned int threads;
};

static void end_late(struct dsc_child *child)
{
	struct late *late = dsc_container_of(child, struct late, child);

	dsc_context_remove_child(child);
	open_gate(1);
	wait_threads(late->threads);
	dsc_resolve_cancel(late->resolve);
}

static void test_given_up_while_the_context_ends(void)
{
	struct discsi_context *ctx = new_context();
	struct late late = { .threads = count_threads() };
	struct answer answer;

	reset_gate();
	dsc_context_add_child(ctx, &late.child, end_late);
	start(ctx, look_up_hanging, "slow", &answer, &late.resolve);
	wait_entered(1);
	discsi_context_destroy(ctx);
	CU_ASSERT_EQUAL(answer.calls, 0);
}

#define MANY 40
#define THREADS_EXPECTED 16

static void test_threads_are_bounded(void)
{
	struct discsi_context *ctx = new_context();
	unsigned int i, calls, threads = count_threads();
	struct dsc_resolve *resolves[MANY];
	static struct answer answers[MANY];
	uint64_t deadline;

	reset_gate();
	for (i = 0; i < MANY; i++)
		start(ctx, look_up_hanging, "slow", &answers[i], &resolves[i]);
	wait_entered(THREADS_EXPECTED);
	/* one that waits, one that hangs: both can be given up */
	dsc_resolve_cancel(resolves[MANY - 1]);
	dsc_resolve_cancel(resolves[0]);
	open_gate(MANY - 1);
	deadline = deadline_ns();
	do {
		discsi_context_dispatch(ctx, 20);
		for (i = 0, calls = 0; i < MANY; i++)
			calls += answers[i].calls;
	} while (calls < MANY - 2 && dsc_clock_now_ns() < deadline);
	CU_ASSERT_EQUAL(calls, MANY - 2);
	CU_ASSERT_EQUAL(answers[0].calls, 0);
	CU_ASSERT_EQUAL(answers[MANY - 1].calls, 0);
	wait_threads(threads);
	CU_ASSERT_EQUAL(atomic_load(&entered), MANY - 1);
	CU_ASSERT_EQUAL(atomic_load(&most_inside), THREADS_EXPECTED);
	discsi_context_destroy(ctx);
}

/* ---- from a threaded context */

struct remote {
	struct discsi_context *ctx;
	struct dsc_resolve *resolve;
	sem_t is_done;
	int status;
};

static void on_remote(void *arg, const struct dsc_resolve_result *result)
{
	struct remote *remote = arg;

	remote->status = result->status;
	sem_post(&remote->is_done);
}

static void start_remote(void *arg)
{
	struct remote *remote = arg;
	struct discsi_error error;

	remote->status = dsc_resolve_start_with(remote->ctx, look_up_hanging,
						"slow", PORT, on_remote,
						remote, &remote->resolve,
						&error);
	if (remote->status != 0)
		sem_post(&remote->is_done);
}

static void test_threaded_context(void)
{
	unsigned int threads = count_threads();
	struct remote remote = { .ctx = new_context(), .status = 1 };

	reset_gate();
	open_gate(1);
	sem_init(&remote.is_done, 0, 0);
	CU_ASSERT_EQUAL_FATAL(discsi_context_start(remote.ctx), 0);
	CU_ASSERT_EQUAL_FATAL(discsi_context_post(remote.ctx, start_remote,
						  &remote), 0);
	while (sem_wait(&remote.is_done) != 0)
		;
	CU_ASSERT_EQUAL(remote.status, 0);
	discsi_context_destroy(remote.ctx);
	wait_threads(threads);
}

static const struct dsc_test tests[] = {
	{ "numeric-needs-no-thread", test_numeric_needs_no_thread },
	{ "numeric-can-be-cancelled", test_numeric_can_be_cancelled },
	{ "name-of-hosts-file", test_name_of_hosts_file },
	{ "failures-name-the-host", test_failures_name_the_host },
	{ "names-that-are-none", test_names_that_are_none },
	{ "loop-goes-on-meanwhile", test_loop_goes_on_meanwhile },
	{ "cancel-waits-for-nothing", test_cancel_waits_for_nothing },
	{ "cancel-of-a-posted-result", test_cancel_of_a_posted_result },
	{ "context-ends-before-the-lookup",
	  test_context_ends_before_the_lookup },
	{ "given-up-while-the-context-ends",
	  test_given_up_while_the_context_ends },
	{ "threads-are-bounded", test_threads_are_bounded },
	{ "threaded-context", test_threaded_context },
	{ NULL, NULL }
};

static void *do_nothing(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	/* a sanitizer's own thread comes with the first: before any count */
	if (pthread_create(&thread, NULL, do_nothing, NULL) != 0 ||
	    pthread_join(thread, NULL) != 0)
		return 1;
	return dsc_test_main("resolver", tests, argc, argv);
}
