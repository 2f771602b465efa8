/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-session.c: how fast a session is beside iscsi-perf (libiscsi) and, for
 * writes, which that cannot do, qemu-img bench (libiscsi too), on the simulated
 * target. Everything is measured in turn, round after round; the table shows
 * medians and ratios. A program, not a test: nothing is judged.
 *
 * usage: bench-session [--rounds N] [--seconds N] [--row TEXT] [--alone] SIMTARGET
 *   --row    only rows with this text in their names
 *   --alone  no peers
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <discsi/discsi.h>
#include "base/clock.h"
#include "bench.h"

#define ROUNDS_MAX 15
#define DEPTH_MAX 1024

static const char *wanted = "";  /* a part of the names of rows */
static bool has_peers = true;

static void fail(const char *what)
{
	fprintf(stderr, "bench-session: %s: %s\n", what,
		discsi_last_error()->message);
	exit(1);
}

/* ---------------------------------------------------------------- sessions */

struct place {
	struct discsi_session *session;
	struct discsi_lun *lun;
	uint64_t bytes;
};

static struct discsi_context *ctx;
static struct place places[DEPTH_MAX];

static void open_places(unsigned count)
{
	struct discsi_lun_info info = { .size = sizeof(info) };
	struct discsi_conf *conf;
	unsigned i;

	if (discsi_context_new(&ctx) != 0 || discsi_conf_new(&conf) != 0 ||
	    discsi_conf_set(conf, "portal", bench_portal) != 0 ||
	    discsi_conf_set(conf, "initiator_name", "iqn.2026-11.io.discsi:b") ||
	    discsi_conf_set(conf, "iqn", BENCH_IQN) != 0)
		fail("configuration");
	for (i = 0; i < count; i++) {
		if (discsi_session_open(ctx, conf, &places[i].session) != 0 ||
		    discsi_lun_open(places[i].session, 0, &places[i].lun) != 0)
			fail("open");
		discsi_lun_get_info(places[i].lun, &info);
		places[i].bytes = info.bytes;
	}
	discsi_conf_free(conf);
}

static void close_places(unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		discsi_lun_close(places[i].lun);
		discsi_session_close(places[i].session);
	}
	discsi_context_destroy(ctx);
}

/* ---------------------------------------------------------------- workload */

struct stream {
	const struct row *row;
	struct place *place;
	uint8_t *buffer;
	uint64_t random;
	uint64_t next;      /* sequential */
	uint64_t stride;
};

static uint64_t end_ns;
static uint64_t done;
static unsigned running;

static uint64_t next_offset(struct stream *stream)
{
	uint64_t slots = stream->place->bytes / stream->row->bytes;
	uint64_t slot;

	if (stream->row->is_sequential) {
		slot = stream->next % slots;
		stream->next += stream->stride;
	} else {
		stream->random ^= stream->random << 13;
		stream->random ^= stream->random >> 7;
		stream->random ^= stream->random << 17;
		slot = stream->random % slots;
	}
	return slot * stream->row->bytes;
}

static void go_on(struct stream *stream);

static void on_done(void *arg, int result, const struct discsi_error *error)
{
	if (result != 0) {
		fprintf(stderr, "bench-session: %s\n", error->message);
		exit(1);
	}
	done++;
	go_on(arg);
}

static void go_on(struct stream *stream)
{
	const struct row *row = stream->row;
	int rc;

	/* The clock is looked at now and then only. */
	if ((done & 63) == 0 && dsc_clock_now_ns() >= end_ns)
		end_ns = 0;
	if (end_ns == 0) {
		running--;
		return;
	}
	if (row->is_write)
		rc = discsi_lun_write_async(stream->place->lun, stream->buffer,
					    row->bytes, next_offset(stream), 0,
					    on_done, stream);
	else
		rc = discsi_lun_read_async(stream->place->lun, stream->buffer,
					   row->bytes, next_offset(stream), 0,
					   on_done, stream);
	if (rc != 0)
		fail("submit");
}

static struct stream *make_streams(const struct row *row, unsigned count)
{
	struct stream *streams = calloc(count, sizeof(*streams));
	unsigned i;

	for (i = 0; i < count; i++) {
		streams[i].row = row;
		streams[i].place = &places[i % row->sessions];
		streams[i].buffer = malloc(row->bytes);
		memset(streams[i].buffer, 1, row->bytes);
		streams[i].random = 88172645463325252ull + i * 77777;
		streams[i].next = i;
		streams[i].stride = count;
	}
	return streams;
}

static void free_streams(struct stream *streams, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		free(streams[i].buffer);
	free(streams);
}

/* depth requests under way, all the time, over row->sessions sessions. */
static struct result run_async(const struct row *row)
{
	unsigned count = row->depth;
	struct stream *streams;
	struct result result;
	struct meter meter;
	unsigned i;

	open_places(row->sessions);
	streams = make_streams(row, count);
	done = 1;
	running = count;
	meter_begin(&meter);
	end_ns = meter.began_ns + bench_seconds * DSC_NS_PER_S;
	for (i = 0; i < count; i++)
		go_on(&streams[i]);
	while (running > 0)
		discsi_context_dispatch(ctx, 100);
	result = meter_end(&meter, done);
	close_places(row->sessions);
	free_streams(streams, count);
	return result;
}

static struct result run_sync(const struct row *row)
{
	struct stream *stream;
	struct result result;
	struct meter meter;
	uint64_t ios = 0;

	open_places(1);
	stream = make_streams(row, 1);
	meter_begin(&meter);
	while (dsc_clock_now_ns() - meter.began_ns <
	       bench_seconds * DSC_NS_PER_S) {
		if (discsi_lun_read(places[0].lun, stream->buffer, row->bytes,
				    next_offset(stream), 0) != 0)
			fail("read");
		ios++;
	}
	result = meter_end(&meter, ios);
	close_places(1);
	free_streams(stream, 1);
	return result;
}

/* ---------------------------------------------------- four submitting threads */

#define THREADS 4

/* One thread and the requests that it keeps under way. */
struct submitter {
	pthread_t thread;
	const struct row *row;
	struct stream *streams;
	unsigned depth;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct stream *ready[DEPTH_MAX];
	unsigned readies;
	unsigned wanted;    /* so many are waited for */
	uint64_t ios;
};

struct token {
	struct submitter *submitter;
	struct stream *stream;
};

static void on_token(void *arg, int result, const struct discsi_error *error)
{
	struct token *token = arg;
	struct submitter *submitter = token->submitter;
	bool is_enough;

	if (result != 0) {
		fprintf(stderr, "bench-session: %s\n", error->message);
		exit(1);
	}
	pthread_mutex_lock(&submitter->lock);
	submitter->ready[submitter->readies++] = token->stream;
	is_enough = submitter->readies == submitter->wanted;
	pthread_mutex_unlock(&submitter->lock);
	if (is_enough)
		pthread_cond_signal(&submitter->cond);
}

/* A thread submits its requests and waits for all of them, again and again. */
static unsigned take_ready(struct submitter *submitter, unsigned under_way,
			   struct stream **ready)
{
	unsigned count;

	pthread_mutex_lock(&submitter->lock);
	submitter->wanted = under_way;
	while (submitter->readies < submitter->wanted)
		pthread_cond_wait(&submitter->cond, &submitter->lock);
	count = submitter->readies;
	memcpy(ready, submitter->ready, count * sizeof(*ready));
	submitter->readies = 0;
	pthread_mutex_unlock(&submitter->lock);
	return count;
}

static void *submit_all(void *arg)
{
	struct submitter *submitter = arg;
	struct token tokens[DEPTH_MAX];
	struct stream *ready[DEPTH_MAX];
	unsigned under_way = 0;
	unsigned i;

	for (i = 0; i < submitter->depth; i++)
		submitter->ready[i] = &submitter->streams[i];
	submitter->readies = submitter->depth;
	do {
		unsigned count = take_ready(submitter, under_way, ready);

		under_way -= under_way == 0 ? 0 : count;
		submitter->ios += count;
		if (dsc_clock_now_ns() >= end_ns)
			continue;
		for (i = 0; i < count; i++) {
			struct stream *stream = ready[i];
			struct token *token =
				&tokens[stream - submitter->streams];

			token->submitter = submitter;
			token->stream = stream;
			if (discsi_lun_read_async(
				    stream->place->lun, stream->buffer,
				    stream->row->bytes, next_offset(stream), 0,
				    on_token, token) != 0)
				fail("submit");
			under_way++;
		}
	} while (under_way > 0);
	return NULL;
}

static struct result run_threads(const struct row *row)
{
	static struct submitter submitters[THREADS];
	struct result result;
	struct meter meter;
	uint64_t ios = 0;
	unsigned i;

	open_places(1);
	/* Threads that are made before it are not counted. */
	meter_begin(&meter);
	discsi_context_start(ctx);
	end_ns = meter.began_ns + bench_seconds * DSC_NS_PER_S;
	for (i = 0; i < THREADS; i++) {
		struct submitter *submitter = &submitters[i];

		memset(submitter, 0, sizeof(*submitter));
		submitter->row = row;
		submitter->depth = row->depth / THREADS;
		submitter->streams = make_streams(row, submitter->depth);
		pthread_mutex_init(&submitter->lock, NULL);
		pthread_cond_init(&submitter->cond, NULL);
		pthread_create(&submitter->thread, NULL, submit_all, submitter);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(submitters[i].thread, NULL);
		ios += submitters[i].ios;
		free_streams(submitters[i].streams, submitters[i].depth);
	}
	result = meter_end(&meter, ios);
	close_places(1);
	return result;
}

/* One session at depth 128 is what a thousand are compared with. */
static struct result run_one_session(const struct row *row)
{
	struct row one = *row;

	one.sessions = 1;
	one.depth = 128;
	return run_async(&one);
}

/* ------------------------------------------------------------------- table */

static const struct row rows[] = {
	{ "4 KiB random read, synchronous", run_sync, run_iscsi_perf, 4096, 1,
	  1, false, false },
	{ "4 KiB random read, depth 32", run_async, run_iscsi_perf, 4096, 32,
	  1, false, false },
	{ "4 KiB random read, depth 128", run_async, run_iscsi_perf, 4096, 128,
	  1, false, false },
	{ "4 KiB random read, 4 threads, depth 32", run_threads,
	  run_iscsi_perf, 4096, 32, 1, false, false },
	{ "256 KiB sequential read, depth 16", run_async, run_iscsi_perf,
	  262144, 16, 1, false, true },
	{ "256 KiB sequential write, depth 16 (qemu-img)", run_async,
	  run_qemu_img, 262144, 16, 1, true, true },
	{ "1000 sessions, depth 1 (one session, depth 128)", run_async,
	  run_one_session, 4096, 1000, 1000, false, false },
	{ "1000 sessions, depth 1 (1000 bare sockets)", run_async,
	  run_bare_sockets, 4096, 1000, 1000, false, false },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int compare(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

/* The medians of one member of the results. */
static double median_of(const struct result *results, unsigned rounds,
			double (*member)(const struct result *result))
{
	double values[ROUNDS_MAX];
	unsigned i;

	for (i = 0; i < rounds; i++)
		values[i] = member(&results[i]);
	return median(values, rounds);
}

static double per_second(const struct result *result)
{
	return result->per_second;
}

static double cpu_us(const struct result *result)
{
	return result->cpu_us;
}

static double calls(const struct result *result)
{
	return result->calls;
}

static double over(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static void print_row(const struct row *row, const struct result *ours,
		      const struct result *theirs, unsigned rounds)
{
	double cpu = median_of(ours, rounds, cpu_us);
	double their_cpu = median_of(theirs, rounds, cpu_us);
	double ratio[ROUNDS_MAX];
	unsigned i;

	/* Of the two that were measured one after the other. */
	for (i = 0; i < rounds; i++)
		ratio[i] = over(ours[i].per_second, theirs[i].per_second);
	printf("| %-47s | %7.0f | %7.0f | %5.2f | %6.2f | %6.2f | %5.2f | "
	       "%5.2f | %5.2f |\n", row->name,
	       median_of(ours, rounds, per_second),
	       median_of(theirs, rounds, per_second), median(ratio, rounds),
	       cpu, their_cpu, over(cpu, their_cpu),
	       median_of(ours, rounds, calls), median_of(theirs, rounds, calls));
	fflush(stdout);
}

static void measure(unsigned rounds)
{
	static struct result ours[ROWS][ROUNDS_MAX];
	static struct result theirs[ROWS][ROUNDS_MAX];
	unsigned round;
	size_t i;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < ROWS; i++) {
			if (strstr(rows[i].name, wanted) == NULL)
				continue;
			ours[i][round] = rows[i].run(&rows[i]);
			if (has_peers)
				theirs[i][round] = rows[i].peer(&rows[i]);
			fprintf(stderr, "round %u: %s: %.0f, %.0f\n", round + 1,
				rows[i].name, ours[i][round].per_second,
				theirs[i][round].per_second);
		}
	}
	printf("| workload | I/O per s | peer | ratio | CPU us per I/O | peer "
	       "| ratio | system calls per I/O | peer |\n"
	       "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
	for (i = 0; i < ROWS; i++)
		if (strstr(rows[i].name, wanted) != NULL)
			print_row(&rows[i], ours[i], theirs[i], rounds);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "row", required_argument, NULL, 'w' },
		{ "alone", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 }
	};
	const struct rlimit files = { 8192, 8192 };
	unsigned rounds = 5;
	int option;
	int target;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 's')
			bench_seconds = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'w')
			wanted = optarg;
		else if (option == 'a')
			has_peers = false;
		else
			return 2;
	}
	if (optind + 1 != argc || rounds == 0 || rounds > ROUNDS_MAX ||
	    bench_seconds == 0) {
		fprintf(stderr, "usage: bench-session [--rounds N] "
			"[--seconds N] [--row TEXT] [--alone] SIMTARGET\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	target = start_target(argv[optind]);
	measure(rounds);
	close(target);
	return 0;
}
