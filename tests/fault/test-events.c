/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-events.c: what the owner of a session is told, in what order, how often
 * and on which thread; what he may do when he is told; and that facts and
 * statistics can be read by anybody meanwhile.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fault/rig.h"
#include "harness/harness.h"

#define READ10 0x28
#define SEEN_MAX 64

static const struct sim_config plain = { .blocks = 131072 };

/* ------------------------------------------------------------------- order */

struct seen {
	enum discsi_event_type type[SEEN_MAX];
	unsigned count;
};

static void see(void *arg, struct discsi_session *session,
		const struct discsi_event *event)
{
	struct seen *seen = arg;

	(void)session;
	if (seen->count < SEEN_MAX)
		seen->type[seen->count++] = event->type;
}

static void test_order(void)
{
	struct seen seen = { .count = 0 };
	uint8_t data[4096];
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		discsi_session_on_event(rig.session, see, &seen);
		for (i = 0; i < 5; i++) {
			CU_ASSERT_TRUE(rig_wait(&rig, &seen.count, 1 + 2 * i,
						10000));
			sim_drop_all(rig.sim);
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0,
							0), 0);
		}
		CU_ASSERT_TRUE(rig_wait(&rig, &seen.count, 11, 10000));
		rig_run(&rig, 50);
		CU_ASSERT_EQUAL(seen.count, 11);
		CU_ASSERT_EQUAL(seen.type[0], DISCSI_EVENT_CONNECTED);
		for (i = 1; i < 11; i += 2) {
			CU_ASSERT_EQUAL(seen.type[i], DISCSI_EVENT_LOST);
			CU_ASSERT_EQUAL(seen.type[i + 1],
					DISCSI_EVENT_RECOVERED);
		}
		/* None any more. */
		discsi_session_on_event(rig.session, NULL, NULL);
		sim_drop_all(rig.sim);
		CU_ASSERT_EQUAL(discsi_lun_flush(rig.lun), 0);
		CU_ASSERT_EQUAL(seen.count, 11);
	}
	rig_end(&rig);
}

/* --------------------------------------------------------- inside of events */

struct inside {
	struct rig *rig;
	struct seen later;
	struct tally tally;
	uint8_t data[4096];
	unsigned lost;
	int waiting;        /* what a waiting call returned */
};

static void on_lost_subscribe(void *arg, struct discsi_session *session,
			      const struct discsi_event *event)
{
	struct inside *inside = arg;

	if (event->type == DISCSI_EVENT_LOST)
		discsi_session_on_event(session, see, &inside->later);
}

/*
 * Somebody else is to be told, from the middle of two things that happen: he
 * is told of the second as of the present state, and not once more.
 */
static void test_subscribe_inside(void)
{
	struct inside inside = { .lost = 0 };
	struct rig rig;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "replacement_timeout", "0");
		if (rig_open(&rig)) {
			discsi_session_on_event(rig.session, on_lost_subscribe,
						&inside);
			rig_run(&rig, 20);
			sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &inside.later.count, 1,
						5000));
			rig_run(&rig, 50);
			CU_ASSERT_EQUAL(inside.later.count, 1);
			CU_ASSERT_EQUAL(inside.later.type[0],
					DISCSI_EVENT_FAILED);
		}
	}
	rig_end(&rig);
}

static void on_lost_submit(void *arg, struct discsi_session *session,
			   const struct discsi_event *event)
{
	struct inside *inside = arg;

	(void)session;
	if (event->type != DISCSI_EVENT_LOST)
		return;
	inside->lost++;
	inside->waiting = discsi_lun_flush(inside->rig->lun);
	discsi_context_destroy(inside->rig->ctx);
	discsi_lun_read_async(inside->rig->lun, inside->data, 4096, 0, 0,
			      rig_tally, &inside->tally);
}

static void on_canceled_subscribe(void *arg, int status,
				  const struct discsi_error *error)
{
	struct inside *inside = arg;

	rig_tally(&inside->tally, status, error);
	discsi_session_on_event(inside->rig->session, see, &inside->later);
}

/* Somebody subscribes when the session has just ended what it had to do. */
static void test_subscribe_while_closing(void)
{
	struct inside inside = { .lost = 0 };
	struct rig rig;

	if (rig_begin(&rig, &plain)) {
		inside.rig = &rig;
		sim_refuse(rig.sim, 0, true);
		sim_drop_all(rig.sim);
		CU_ASSERT_TRUE(rig_wait(&rig, &rig.events[DISCSI_EVENT_LOST], 1,
					5000));
		discsi_lun_read_async(rig.lun, inside.data, 4096, 0, 0,
				      on_canceled_subscribe, &inside);
		rig_run(&rig, 20);
		discsi_session_close(rig.session);
		rig.session = NULL;
		rig.lun = NULL;
		rig_run(&rig, 20);
		CU_ASSERT_EQUAL(inside.tally.last, -ECANCELED);
		CU_ASSERT_EQUAL(inside.later.count, 0);
	}
	rig_end(&rig);
}

/* I/O that begins when the session is lost waits with the rest. */
static void test_submit_inside(void)
{
	struct inside inside = { .lost = 0 };
	uint8_t data[4096];
	struct rig rig;
	unsigned i;

	if (rig_begin(&rig, &plain)) {
		inside.rig = &rig;
		discsi_session_on_event(rig.session, on_lost_submit, &inside);
		for (i = 1; i <= 3; i++) {
			rig_run(&rig, 20);
			sim_drop_all(rig.sim);
			CU_ASSERT_EQUAL(discsi_lun_read(rig.lun, data, 4096, 0,
							0), 0);
			CU_ASSERT_TRUE(rig_wait(&rig, &inside.tally.done, i,
						10000));
			CU_ASSERT_EQUAL(inside.waiting, -EDEADLK);
		}
		CU_ASSERT_EQUAL(inside.lost, 3);
		CU_ASSERT_EQUAL(inside.tally.ok, 3);
	}
	rig_end(&rig);
}

static void on_close(void *arg, struct discsi_session *session,
		     const struct discsi_event *event)
{
	struct inside *inside = arg;

	inside->later.count++;
	if (event->type != (enum discsi_event_type)inside->waiting)
		return;
	inside->lost++;
	discsi_lun_close(inside->rig->lun);
	discsi_session_close(session);
	inside->rig->lun = NULL;
	inside->rig->session = NULL;
}

/* The session ends where it is told of: I/O ends, nothing follows. */
static void close_at(enum discsi_event_type type)
{
	struct inside inside = { .waiting = (int)type };
	struct tally tally = { .done = 0 };
	uint8_t data[4096];
	struct rig rig;
	unsigned events;
	unsigned i;

	if (rig_prepare(&rig, &plain)) {
		rig_set(&rig, "replacement_timeout",
			type == DISCSI_EVENT_FAILED ? "0" : "20000");
		if (rig_open(&rig)) {
			inside.rig = &rig;
			discsi_session_on_event(rig.session, on_close, &inside);
			for (i = 0; i < 100; i++)
				discsi_lun_read_async(rig.lun, data, 4096, 0,
						      0, rig_tally, &tally);
			if (type != DISCSI_EVENT_CONNECTED)
				sim_drop_all(rig.sim);
			CU_ASSERT_TRUE(rig_wait(&rig, &inside.lost, 1, 10000));
			CU_ASSERT_TRUE(rig_wait(&rig, &tally.done, 100, 10000));
			events = inside.later.count;
			rig_run(&rig, 100);
			CU_ASSERT_EQUAL(inside.later.count, events);
			CU_ASSERT_EQUAL(tally.done, 100);
		}
	}
	rig_end(&rig);
}

static void test_close_inside(void)
{
	close_at(DISCSI_EVENT_CONNECTED);
	close_at(DISCSI_EVENT_LOST);
	close_at(DISCSI_EVENT_RECOVERED);
	close_at(DISCSI_EVENT_FAILED);
}

/* ----------------------------------------------------------------- threads */

#define READS 64
#define DROPS 5

struct threads {
	struct rig rig;
	pthread_t loop;
	atomic_bool is_known;
	atomic_uint strangers;  /* callbacks on another thread */
	atomic_uint events[RIG_EVENTS];
	atomic_uint done;
	atomic_uint ok;
	atomic_bool is_stopping;
	uint64_t readings;
	uint64_t backwards;     /* counters that went down */
	uint8_t data[READS][4096];
};

static void check_thread(struct threads *threads)
{
	if (!atomic_load(&threads->is_known)) {
		threads->loop = pthread_self();
		atomic_store(&threads->is_known, true);
	} else if (!pthread_equal(threads->loop, pthread_self())) {
		atomic_fetch_add(&threads->strangers, 1);
	}
}

static void on_threaded_event(void *arg, struct discsi_session *session,
			      const struct discsi_event *event)
{
	struct threads *threads = arg;

	(void)session;
	check_thread(threads);
	atomic_fetch_add(&threads->events[event->type], 1);
}

static void on_threaded_read(void *arg, int result,
			     const struct discsi_error *error)
{
	struct threads *threads = arg;

	(void)error;
	check_thread(threads);
	atomic_fetch_add(&threads->ok, result == 0);
	atomic_fetch_add(&threads->done, 1);
}

/* Reads all that can be read, again and again. */
static void *run_reader(void *arg)
{
	struct threads *threads = arg;
	struct discsi_session_stats stats = { .size = sizeof(stats) };
	struct discsi_session_info info = { .size = sizeof(info) };
	struct discsi_lun_info lun = { .size = sizeof(lun) };
	uint64_t commands = 0;

	while (!atomic_load(&threads->is_stopping)) {
		discsi_session_get_stats(threads->rig.session, &stats);
		discsi_session_get_info(threads->rig.session, &info);
		discsi_lun_get_info(threads->rig.lun, &lun);
		if (stats.kind[DISCSI_STATS_READ].commands < commands)
			threads->backwards++;
		commands = stats.kind[DISCSI_STATS_READ].commands;
		threads->readings++;
	}
	return NULL;
}

static bool wait_for(atomic_uint *number, unsigned want)
{
	uint64_t end = rig_now_ms() + 20000;

	while (atomic_load(number) < want && rig_now_ms() < end)
		poll(NULL, 0, 5);
	return atomic_load(number) >= want;
}

static uint64_t sum_latency(const struct discsi_stats_of *of)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < DISCSI_LATENCY_BUCKETS; i++)
		sum += of->latency[i];
	return sum;
}

static void check_stats(struct threads *threads)
{
	struct discsi_session_stats stats;
	const struct discsi_stats_of *reads = &stats.kind[DISCSI_STATS_READ];

	rig_stats(&threads->rig, &stats);
	CU_ASSERT_EQUAL(stats.outstanding, 0);
	CU_ASSERT_EQUAL(stats.losses, DROPS);
	CU_ASSERT_EQUAL(stats.recoveries, DROPS);
	CU_ASSERT_EQUAL(reads->commands, DROPS * READS);
	CU_ASSERT_EQUAL(reads->bytes, DROPS * READS * 4096ull);
	CU_ASSERT_EQUAL(reads->errors, 0);
	CU_ASSERT_EQUAL(sum_latency(reads), reads->commands);
	CU_ASSERT_EQUAL(threads->backwards, 0);
	CU_ASSERT_TRUE(threads->readings > 0);
}

static void drop_and_read(struct threads *threads, unsigned round)
{
	unsigned i;

	sim_drop_all(threads->rig.sim);
	for (i = 0; i < READS; i++)
		discsi_lun_read_async(threads->rig.lun, threads->data[i], 4096,
				      i * 4096u, 0, on_threaded_read, threads);
	CU_ASSERT_TRUE(wait_for(&threads->done, round * READS));
	CU_ASSERT_TRUE(wait_for(&threads->events[DISCSI_EVENT_RECOVERED],
				round));
}

static void test_threads(void)
{
	struct threads *threads = calloc(1, sizeof(*threads));
	pthread_t reader;
	unsigned i;

	if (rig_prepare(&threads->rig, &plain)) {
		CU_ASSERT_EQUAL(discsi_context_start(threads->rig.ctx), 0);
		if (rig_open(&threads->rig)) {
			discsi_session_on_event(threads->rig.session,
						on_threaded_event, threads);
			pthread_create(&reader, NULL, run_reader, threads);
			for (i = 1; i <= DROPS; i++)
				drop_and_read(threads, i);
			atomic_store(&threads->is_stopping, true);
			pthread_join(reader, NULL);
			CU_ASSERT_EQUAL(atomic_load(&threads->ok),
					DROPS * READS);
			CU_ASSERT_EQUAL(atomic_load(&threads->strangers), 0);
			CU_ASSERT_FALSE(pthread_equal(threads->loop,
						      pthread_self()));
			CU_ASSERT_EQUAL(atomic_load(
				&threads->events[DISCSI_EVENT_LOST]), DROPS);
			check_stats(threads);
		}
	}
	rig_end(&threads->rig);
	free(threads);
}

static const struct dsc_test tests[] = {
	{ "order", test_order },
	{ "subscribe_inside", test_subscribe_inside },
	{ "subscribe_while_closing", test_subscribe_while_closing },
	{ "submit_inside", test_submit_inside },
	{ "close_inside", test_close_inside },
	{ "threads", test_threads },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("events", tests, argc, argv);
}
