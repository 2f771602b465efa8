/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-context.c: contexts as an agent uses them: driven, threaded and back,
 * synchronous calls on both, destruction with things still pending.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <discsi/context.h>

#include "base/clock.h"
#include "base/context.h"
#include "harness/harness.h"

#define LONG_MS 20000

static struct discsi_context *new_context(void)
{
	struct discsi_context *ctx = NULL;

	CU_ASSERT_EQUAL_FATAL(discsi_context_new(&ctx), 0);
	return ctx;
}

static struct discsi_context *new_threaded(void)
{
	struct discsi_context *ctx = new_context();

	CU_ASSERT_EQUAL_FATAL(discsi_context_start(ctx), 0);
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

/* --------------------------------------------------------- the waiting */

/* A request that is done by a timer, as one is that nobody answers. */
struct request {
	struct dsc_job job;
	struct dsc_timer timer;
	struct discsi_context *ctx;
	struct dsc_wait *wait;
	int errnum;
};

static void on_request_due(struct dsc_timer *timer)
{
	struct request *r = dsc_container_of(timer, struct request, timer);
	struct dsc_wait *wait = r->wait;
	struct discsi_error error;

	dsc_timer_fini(timer);
	if (r->errnum == 0) {
		dsc_wait_finish(wait, 0, NULL);
		return;
	}
	dsc_error_set(&error, r->errnum, "the disk is gone");
	error.asc = 0x25;
	dsc_wait_finish(wait, -r->errnum, &error);
}

static void on_request(struct dsc_job *job)
{
	struct request *r = dsc_container_of(job, struct request, job);

	if (dsc_timer_init(&r->ctx->loop, &r->timer, on_request_due) == 0)
		dsc_timer_set_in(&r->timer, 10);
}

/* A synchronous call as the layers above write one. */
static int call(struct discsi_context *ctx, int errnum)
{
	struct request r = { .ctx = ctx, .errnum = errnum };
	struct dsc_wait wait;
	int rc = dsc_wait_begin(ctx, &wait);

	if (rc < 0)
		return rc;
	r.wait = &wait;
	if (dsc_loop_is_mine(&ctx->loop))
		on_request(&r.job);
	else
		dsc_loop_post(&ctx->loop, &r.job, on_request);
	return dsc_wait_end(&wait);
}

static void check_calls(struct discsi_context *ctx)
{
	CU_ASSERT_EQUAL(call(ctx, 0), 0);
	CU_ASSERT_EQUAL(call(ctx, ENXIO), -ENXIO);
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, ENXIO);
	CU_ASSERT_EQUAL(discsi_last_error()->asc, 0x25);
	CU_ASSERT_STRING_EQUAL(discsi_last_error()->message,
			       "the disk is gone");
}

static void test_call_on_driven(void)
{
	struct discsi_context *ctx = new_context();

	check_calls(ctx);
	discsi_context_destroy(ctx);
}

static void test_call_on_threaded(void)
{
	struct discsi_context *ctx = new_threaded();

	check_calls(ctx);
	discsi_context_destroy(ctx);
}

static void test_call_done_at_once(void)
{
	struct discsi_context *ctx = new_context();
	struct dsc_wait wait;

	CU_ASSERT_EQUAL_FATAL(dsc_wait_begin(ctx, &wait), 0);
	dsc_wait_finish(&wait, -EIO, NULL);
	CU_ASSERT_EQUAL(dsc_wait_end(&wait), -EIO);
	CU_ASSERT_EQUAL(discsi_last_error()->errnum, EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message, "EIO"));

	CU_ASSERT_EQUAL_FATAL(dsc_wait_begin(ctx, &wait), 0);
	dsc_wait_abandon(&wait);
	discsi_context_destroy(ctx);
}

#define CALLERS 4
#define CALLS 5

static void *call_many(void *arg)
{
	struct discsi_context *ctx = arg;
	int i, good = 0;

	for (i = 0; i < CALLS; i++)
		good += call(ctx, 0) == 0 && call(ctx, EIO) == -EIO;
	return good == CALLS ? arg : NULL;
}

static void test_calls_of_many_threads(void)
{
	struct discsi_context *ctx = new_threaded();
	pthread_t threads[CALLERS];
	void *good;
	int i;

	for (i = 0; i < CALLERS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL,
						     call_many, ctx), 0);
	for (i = 0; i < CALLERS; i++) {
		pthread_join(threads[i], &good);
		CU_ASSERT_PTR_EQUAL(good, ctx);
	}
	discsi_context_destroy(ctx);
}

/* A request of another thread that the owner's dispatch completes. */
struct orphan {
	struct dsc_job job;
	struct dsc_wait *wait;
	struct discsi_context *ctx;
	sem_t is_begun;
	int result;
};

static void on_orphan(struct dsc_job *job)
{
	sem_post(&dsc_container_of(job, struct orphan, job)->is_begun);
}

static void *call_orphan(void *arg)
{
	struct orphan *orphan = arg;
	struct dsc_wait wait;

	orphan->wait = &wait;
	orphan->result = dsc_wait_begin(orphan->ctx, &wait);
	if (orphan->result < 0)
		return NULL;
	dsc_loop_post(&orphan->ctx->loop, &orphan->job, on_orphan);
	orphan->result = dsc_wait_end(&wait);
	return NULL;
}

static void finish_orphan(void *arg)
{
	struct orphan *orphan = arg;

	dsc_wait_finish(orphan->wait, 0, NULL);
}

static void test_call_survives_a_stop(void)
{
	struct orphan orphan = { .ctx = new_threaded(), .result = -1 };
	pthread_t thread;

	sem_init(&orphan.is_begun, 0, 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, call_orphan,
					     &orphan), 0);
	while (sem_wait(&orphan.is_begun) != 0)
		;
	CU_ASSERT_EQUAL(discsi_context_stop(orphan.ctx), 0);
	CU_ASSERT_EQUAL(discsi_context_post(orphan.ctx, finish_orphan,
					    &orphan), 0);
	CU_ASSERT_EQUAL(discsi_context_dispatch(orphan.ctx, LONG_MS), 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(orphan.result, 0);
	sem_destroy(&orphan.is_begun);
	discsi_context_destroy(orphan.ctx);
}

/* ---------------------------------------------------- inside a callback */

struct inside {
	struct discsi_context *ctx;
	int call, dispatch, start, stop;
	int errnum;
	int calls;
};

static void try_inside(void *arg)
{
	struct inside *inside = arg;

	inside->call = call(inside->ctx, 0);
	inside->errnum = discsi_last_error()->errnum;
	inside->dispatch = discsi_context_dispatch(inside->ctx, LONG_MS);
	inside->start = discsi_context_start(inside->ctx);
	inside->stop = discsi_context_stop(inside->ctx);
	discsi_context_destroy(inside->ctx);
	inside->calls++;
}

static void check_inside(const struct inside *inside)
{
	CU_ASSERT_EQUAL(inside->calls, 1);
	CU_ASSERT_EQUAL(inside->call, -EDEADLK);
	CU_ASSERT_EQUAL(inside->errnum, EDEADLK);
	CU_ASSERT_EQUAL(inside->dispatch, -EDEADLK);
	CU_ASSERT_EQUAL(inside->start, -EDEADLK);
	CU_ASSERT_EQUAL(inside->stop, -EDEADLK);
}

static void test_inside_callback_of_driven(void)
{
	struct inside inside = { .ctx = new_context() };

	CU_ASSERT_EQUAL(discsi_context_post(inside.ctx, try_inside, &inside),
			0);
	dispatch_until(inside.ctx, &inside.calls, 1);
	check_inside(&inside);
	discsi_context_destroy(inside.ctx);
}

static void test_inside_callback_during_call(void)
{
	struct inside inside = { .ctx = new_context() };

	discsi_context_post(inside.ctx, try_inside, &inside);
	CU_ASSERT_EQUAL(call(inside.ctx, 0), 0);
	check_inside(&inside);
	discsi_context_destroy(inside.ctx);
}

static void test_inside_callback_of_threaded(void)
{
	struct inside inside = { .ctx = new_threaded() };

	discsi_context_post(inside.ctx, try_inside, &inside);
	CU_ASSERT_EQUAL(discsi_context_stop(inside.ctx), 0);
	check_inside(&inside);
	discsi_context_destroy(inside.ctx);
}

struct across {
	struct discsi_context *other;
	int result;
	int calls;
};

static void call_other(void *arg)
{
	struct across *across = arg;

	across->result = call(across->other, 0);
	across->calls++;
}

static void test_call_to_another_context(void)
{
	struct across across = { .other = new_context(), .result = -1 };
	struct discsi_context *ctx = new_context();

	discsi_context_post(ctx, call_other, &across);
	dispatch_until(ctx, &across.calls, 1);
	CU_ASSERT_EQUAL(across.result, 0);
	discsi_context_destroy(ctx);
	discsi_context_destroy(across.other);
}

/* -------------------------------------------------------------- thread */

struct about_thread {
	sigset_t blocked;
	char name[32];
	pthread_t self;
};

static void look_at_thread(void *arg)
{
	struct about_thread *about = arg;

	about->self = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &about->blocked);
	pthread_getname_np(about->self, about->name, sizeof(about->name));
}

static void test_thread(void)
{
	struct discsi_context *ctx = new_threaded();
	struct about_thread about = { .name = "" };
	sigset_t mine;

	discsi_context_post(ctx, look_at_thread, &about);
	CU_ASSERT_EQUAL(discsi_context_stop(ctx), 0);
	CU_ASSERT_STRING_EQUAL(about.name, "discsi");
	CU_ASSERT_FALSE(pthread_equal(about.self, pthread_self()));
	CU_ASSERT_EQUAL(sigismember(&about.blocked, SIGPIPE), 1);
	CU_ASSERT_EQUAL(sigismember(&about.blocked, SIGTERM), 1);
	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	CU_ASSERT_EQUAL(sigismember(&mine, SIGTERM), 0);
	discsi_context_destroy(ctx);
}

static void test_start_and_stop_in_the_wrong_order(void)
{
	struct discsi_context *ctx = new_context();

	CU_ASSERT_EQUAL(discsi_context_stop(ctx), -EALREADY);
	CU_ASSERT_EQUAL(discsi_context_start(ctx), 0);
	CU_ASSERT_EQUAL(discsi_context_start(ctx), -EALREADY);
	CU_ASSERT_EQUAL(discsi_context_dispatch(ctx, 0), -EDEADLK);
	CU_ASSERT(discsi_last_error()->message[0] != '\0');
	CU_ASSERT_EQUAL(discsi_context_stop(ctx), 0);
	CU_ASSERT_EQUAL(discsi_context_dispatch(ctx, 0), 0);
	discsi_context_destroy(ctx);
}

struct poster {
	struct discsi_context *ctx;
	int last;
	bool is_out_of_order;
	int ran;
};

struct number {
	struct poster *poster;
	int number;
};

#define POSTERS 4
#define POSTS 500

static struct number numbers[POSTERS][POSTS];

static void run_number(void *arg)
{
	struct number *number = arg;
	struct poster *poster = number->poster;

	if (number->number != poster->last)
		poster->is_out_of_order = true;
	poster->last = number->number + 1;
	poster->ran++;
}

static void *post_numbers(void *arg)
{
	struct number *all = arg;
	int i;

	for (i = 0; i < POSTS; i++)
		if (discsi_context_post(all[i].poster->ctx, run_number,
					&all[i]) != 0)
			return NULL;
	return arg;
}

static void begin_posting(struct discsi_context *ctx, struct poster *posters,
			  pthread_t *threads)
{
	int i, k;

	for (i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){ .ctx = ctx };
		for (k = 0; k < POSTS; k++)
			numbers[i][k] = (struct number){ &posters[i], k };
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL,
						     post_numbers,
						     numbers[i]), 0);
	}
}

static void end_posting(pthread_t *threads)
{
	int i;

	for (i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
}

static void check_posted(const struct poster *posters)
{
	int i;

	for (i = 0; i < POSTERS; i++) {
		CU_ASSERT_EQUAL(posters[i].ran, POSTS);
		CU_ASSERT_FALSE(posters[i].is_out_of_order);
	}
}

static void test_posts_of_many_threads(void)
{
	struct discsi_context *ctx = new_threaded();
	struct poster posters[POSTERS];
	pthread_t threads[POSTERS];

	begin_posting(ctx, posters, threads);
	end_posting(threads);
	CU_ASSERT_EQUAL(discsi_context_stop(ctx), 0);
	check_posted(posters);
	discsi_context_destroy(ctx);
}

static void test_posts_while_it_stops_and_starts(void)
{
	struct discsi_context *ctx = new_threaded();
	struct poster posters[POSTERS];
	pthread_t threads[POSTERS];
	int i;

	begin_posting(ctx, posters, threads);
	for (i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(discsi_context_stop(ctx), 0);
		CU_ASSERT_EQUAL(discsi_context_dispatch(ctx, 0), 0);
		CU_ASSERT_EQUAL(discsi_context_start(ctx), 0);
	}
	end_posting(threads);
	CU_ASSERT_EQUAL(discsi_context_stop(ctx), 0);
	CU_ASSERT_EQUAL(discsi_context_dispatch(ctx, 0), 0);
	check_posted(posters);
	discsi_context_destroy(ctx);
}

static void test_destroy_runs_what_was_posted(void)
{
	struct discsi_context *ctx = new_threaded();
	struct poster posters[POSTERS];
	pthread_t threads[POSTERS];

	begin_posting(ctx, posters, threads);
	end_posting(threads);
	discsi_context_destroy(ctx);
	check_posted(posters);
}

/* --------------------------------------------------------- destruction */

struct kin {
	struct dsc_child child;
	struct discsi_context *ctx;
	struct discsi_timer *timer;
	int *order;
	int place;
	int late_posts;
};

static void count_and_post(void *arg)
{
	struct kin *kin = arg;

	kin->late_posts++;
	CU_ASSERT_EQUAL(discsi_context_post(kin->ctx, count_and_post, kin),
			-ECANCELED);
}

static void end_kin(struct dsc_child *child)
{
	struct kin *kin = dsc_container_of(child, struct kin, child);

	kin->place = ++*kin->order;
	/* What the done callback of a request may do. */
	CU_ASSERT_EQUAL(call(kin->ctx, 0), -EDEADLK);
	discsi_timer_free(kin->timer);
	dsc_context_remove_child(child);
}

static void test_destroy_ends_children(void)
{
	struct discsi_context *ctx = new_context();
	struct kin kin[3];
	int i, order = 0;

	memset(kin, 0, sizeof(kin));
	for (i = 0; i < 3; i++) {
		kin[i].ctx = ctx;
		kin[i].order = &order;
		CU_ASSERT_EQUAL(discsi_timer_new(ctx, count_call, &order,
						 &kin[i].timer), 0);
		dsc_context_add_child(ctx, &kin[i].child, end_kin);
	}
	dsc_context_remove_child(&kin[1].child);
	CU_ASSERT_EQUAL(discsi_context_post(ctx, count_and_post, &kin[0]), 0);
	discsi_context_destroy(ctx);
	CU_ASSERT_EQUAL(kin[2].place, 1);
	CU_ASSERT_EQUAL(kin[1].place, 0);
	CU_ASSERT_EQUAL(kin[0].place, 2);
	CU_ASSERT_EQUAL(kin[0].late_posts, 1);
}

/* ------------------------------------------------------------ the rest */

static void test_descriptor_follows_the_work(void)
{
	struct discsi_context *ctx = new_context();
	struct pollfd pfd = { discsi_context_fd(ctx), POLLIN, 0 };
	struct discsi_timer *timer;
	int calls = 0;

	CU_ASSERT_EQUAL(poll(&pfd, 1, 0), 0);
	discsi_context_post(ctx, count_call, &calls);
	CU_ASSERT_EQUAL(poll(&pfd, 1, 0), 1);
	discsi_context_dispatch(ctx, 0);
	CU_ASSERT_EQUAL(calls, 1);
	CU_ASSERT_EQUAL(poll(&pfd, 1, 0), 0);
	discsi_timer_new(ctx, count_call, &calls, &timer);
	discsi_timer_set(timer, 10);
	CU_ASSERT_EQUAL(poll(&pfd, 1, LONG_MS), 1);
	discsi_context_dispatch(ctx, 0);
	CU_ASSERT_EQUAL(calls, 2);
	CU_ASSERT_EQUAL(poll(&pfd, 1, 0), 0);
	discsi_context_destroy(ctx);
}

static void test_descriptors_are_not_inherited(void)
{
	struct discsi_context *ctx = new_context();
	const int fds[] = { ctx->loop.epoll_fd, ctx->loop.wake_fd,
			    ctx->loop.timer_fd };
	size_t i;

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		CU_ASSERT_EQUAL(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
	discsi_context_destroy(ctx);
}

static void test_no_descriptors_left(void)
{
	struct discsi_context *ctx = NULL;
	struct rlimit before, less;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int room;

	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (room = 0; room < 3; room++) {
		less = before;
		less.rlim_cur = (rlim_t)(fd + room);
		CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &less), 0);
		CU_ASSERT_EQUAL(discsi_context_new(&ctx), -EMFILE);
		CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
	}
	CU_ASSERT_PTR_NULL(ctx);
	CU_ASSERT_PTR_NOT_NULL(strstr(discsi_last_error()->message, "EMFILE"));
	/* What was opened before the failure is closed again. */
	CU_ASSERT_EQUAL(open("/dev/null", O_RDONLY | O_CLOEXEC), fd);
	close(fd);
}

static const struct dsc_test tests[] = {
	{ "call on driven", test_call_on_driven },
	{ "call on threaded", test_call_on_threaded },
	{ "call done at once", test_call_done_at_once },
	{ "calls of many threads", test_calls_of_many_threads },
	{ "call survives a stop", test_call_survives_a_stop },
	{ "inside callback of driven", test_inside_callback_of_driven },
	{ "inside callback during call", test_inside_callback_during_call },
	{ "inside callback of threaded", test_inside_callback_of_threaded },
	{ "call to another context", test_call_to_another_context },
	{ "thread", test_thread },
	{ "start and stop in the wrong order",
	  test_start_and_stop_in_the_wrong_order },
	{ "posts of many threads", test_posts_of_many_threads },
	{ "posts while it stops and starts",
	  test_posts_while_it_stops_and_starts },
	{ "destroy runs what was posted", test_destroy_runs_what_was_posted },
	{ "destroy ends children", test_destroy_ends_children },
	{ "descriptor follows the work", test_descriptor_follows_the_work },
	{ "descriptors are not inherited",
	  test_descriptors_are_not_inherited },
	{ "no descriptors left", test_no_descriptors_left },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("context", tests, argc, argv);
}
