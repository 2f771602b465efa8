/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-run.c: slots, each of which takes one chunk of the plan through a
 * sequence of steps: read, store; or read here, read there, compare.
 *
 * The main thread does everything but one thing: what a LUN has completed is
 * handed to it by on_done(), which runs on the context's thread, through the
 * list "arrived". File I/O, which may take its time, so never holds up the
 * thread that answers the target.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/list.h"
#include "copy-file.h"
#include "copy-plan.h"
#include "copy-run.h"
#include "failure.h"
#include "progress.h"

#define SLOTS 16
#define CHUNK_BYTES (1u << 20)
#define ZERO_BYTES (64u << 20)   /* small enough for progress to be seen */
#define ALIGN_MIN 4096
#define TICK_NS (100 * DSC_NS_PER_MS)

struct run;
struct slot;

/* One step of a chunk: 1 it is done, 0 it is under way, or an errno. */
typedef int (*step_fn)(struct slot *slot);

struct slot {
	struct dsc_list link;     /* in run->idle or run->arrived */
	struct run *run;
	char *buf;                /* CHUNK_BYTES, page-aligned */
	char *other;              /* the same, when comparing */
	struct copy_chunk chunk;
	const step_fn *step;      /* the one that is under way */
	const char *doing;        /* "reading", for its failure */
	const struct endpoint *where;
	int result;               /* of what has arrived */
	struct discsi_error error;
};

struct run {
	struct endpoint *source;
	struct endpoint *destination;
	struct copy_plan plan;
	const step_fn *steps;     /* ends with NULL */
	struct copy_result *result;
	struct progress progress;
	uint64_t difference;      /* first offset found, UINT64_MAX: none */
	int status;               /* the first failure; nothing new is begun */

	struct slot slots[SLOTS];
	struct dsc_list idle;
	size_t under_way;
	char *memory;
	size_t memory_bytes;

	pthread_mutex_t lock;     /* guards arrived, and slots in it */
	pthread_cond_t cond;
	struct dsc_list arrived;
};

/* ---------------------------------------------------------------- signals */

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number)
{
	(void)number;
	is_interrupted = 1;
}

/* A second signal ends the program. */
static void catch_signals(struct sigaction old[SIGNALS])
{
	struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = (int)SA_RESETHAND,
	};
	size_t i;

	is_interrupted = 0;
	for (i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &action, &old[i]);
}

static void release_signals(const struct sigaction old[SIGNALS])
{
	size_t i;

	for (i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &old[i], NULL);
}

/* ------------------------------------------------------------------ steps */

static void on_done(void *arg, int result, const struct discsi_error *error)
{
	struct slot *slot = arg;
	struct run *run = slot->run;

	pthread_mutex_lock(&run->lock);
	slot->result = result;
	if (result < 0 && error != NULL)
		slot->error = *error;
	dsc_list_append(&run->arrived, &slot->link);
	pthread_cond_signal(&run->cond);
	pthread_mutex_unlock(&run->lock);
}

static void note(struct slot *slot, const char *doing,
		 const struct endpoint *where)
{
	slot->doing = doing;
	slot->where = where;
}

/* A chunk that is known to be empty is not read. */
static int read_source(struct slot *slot)
{
	struct endpoint *source = slot->run->source;
	size_t length = (size_t)slot->chunk.length;

	if (slot->chunk.is_zero)
		return 1;
	note(slot, "reading", source);
	return endpoint_read(source, slot->buf, length, slot->chunk.offset,
			     on_done, slot);
}

static int store(struct slot *slot)
{
	struct endpoint *destination = slot->run->destination;
	struct copy_result *result = slot->run->result;
	size_t whole;

	if (!slot->chunk.is_zero)
		slot->chunk.is_zero = copy_is_zero(slot->buf,
						   slot->chunk.length);
	if (slot->chunk.is_zero) {
		result->zeroed += slot->chunk.length;
		note(slot, "zeroing", destination);
		whole = endpoint_round_up(destination, slot->chunk.length);
		return endpoint_zero(destination, whole, slot->chunk.offset,
				     on_done, slot);
	}
	result->written += slot->chunk.length;
	/* The end of the source may be the middle of a block. */
	whole = endpoint_round_up(destination, slot->chunk.length);
	memset(slot->buf + slot->chunk.length, 0, whole - slot->chunk.length);
	note(slot, "writing", destination);
	return endpoint_write(destination, slot->buf, whole,
			      slot->chunk.offset, on_done, slot);
}

static int read_destination(struct slot *slot)
{
	struct endpoint *destination = slot->run->destination;
	size_t whole = endpoint_round_up(destination, slot->chunk.length);

	note(slot, "reading", destination);
	return endpoint_read(destination, slot->other, whole,
			     slot->chunk.offset, on_done, slot);
}

/* The first index at which the two differ, length if they do not. */
static size_t find_difference(const struct slot *slot)
{
	size_t length = (size_t)slot->chunk.length;
	size_t i;

	if (slot->chunk.is_zero) {
		for (i = 0; i < length && slot->other[i] == 0; i++)
			;
		return i;
	}
	if (memcmp(slot->buf, slot->other, length) == 0)
		return length;
	for (i = 0; i < length && slot->buf[i] == slot->other[i]; i++)
		;
	return i;
}

/*
 * Chunks arrive in any order: those before this one are under way, so the
 * smallest offset of them all is the first difference.
 */
static int compare(struct slot *slot)
{
	struct run *run = slot->run;
	size_t i = find_difference(slot);

	if (i == slot->chunk.length)
		return 1;
	if (slot->chunk.offset + i < run->difference)
		run->difference = slot->chunk.offset + i;
	return -EIO;
}

static const step_fn copy_steps[] = { read_source, store, NULL };
static const step_fn verify_steps[] = {
	read_source, read_destination, compare, NULL
};

/* ------------------------------------------------------------------ chunks */

static void stop(struct run *run, int status)
{
	if (run->status == 0)
		run->status = status;
}

static void retire(struct slot *slot)
{
	struct run *run = slot->run;

	run->under_way--;
	run->progress.done += slot->chunk.length;
	dsc_list_append(&run->idle, &slot->link);
}

/* Goes on with a chunk until it is done, fails, or has to wait. */
static void advance(struct slot *slot)
{
	int status = 1;

	while (status > 0 && *slot->step != NULL && slot->run->status == 0) {
		status = (*slot->step)(slot);
		if (status > 0)
			slot->step++;
	}
	if (status < 0)
		stop(slot->run, status);
	if (status != 0)
		retire(slot);
}

/* A step that had to wait has come to its end. */
static void take_arrival(struct slot *slot)
{
	if (slot->result < 0) {
		if (slot->run->status == 0)
			stop(slot->run, fail_library(
				     &slot->error, "%s %s at offset %" PRIu64,
				     slot->doing, slot->where->name,
				     slot->chunk.offset));
		retire(slot);
		return;
	}
	slot->step++;
	advance(slot);
}

/* Gives idle slots something to do. False at the end of the plan. */
static bool begin_chunk(struct run *run)
{
	struct slot *slot;
	int status;

	if (run->status != 0 || dsc_list_is_empty(&run->idle))
		return false;
	slot = dsc_container_of(dsc_list_first(&run->idle), struct slot, link);
	status = copy_plan_next(&run->plan, &slot->chunk);
	if (status < 0)
		stop(run, fail(-status, "where %s is empty cannot be found out",
			       run->source->name));
	if (status <= 0)
		return false;
	dsc_list_remove(&slot->link);
	slot->step = run->steps;
	run->under_way++;
	advance(slot);
	return true;
}

/* Waits, a tick at most, for something to arrive. NULL: nothing has. */
static struct slot *wait_for_arrival(struct run *run)
{
	struct dsc_list *node;
	struct timespec until;
	uint64_t at = dsc_clock_now_ns() + TICK_NS;
	int status = 0;

	until.tv_sec = (time_t)(at / DSC_NS_PER_S);
	until.tv_nsec = (long)(at % DSC_NS_PER_S);
	pthread_mutex_lock(&run->lock);
	while (dsc_list_is_empty(&run->arrived) && status == 0)
		status = pthread_cond_clockwait(&run->cond, &run->lock,
						CLOCK_MONOTONIC, &until);
	node = dsc_list_pop(&run->arrived);
	pthread_mutex_unlock(&run->lock);
	return node != NULL ? dsc_container_of(node, struct slot, link) : NULL;
}

static void run_chunks(struct run *run)
{
	struct slot *slot;

	for (;;) {
		if (is_interrupted && run->status == 0)
			stop(run, fail(ECANCELED, "interrupted"));
		progress_show(&run->progress, dsc_clock_now_ns());
		if (begin_chunk(run))
			continue;
		if (run->under_way == 0)
			return;
		slot = wait_for_arrival(run);
		if (slot != NULL)
			take_arrival(slot);
	}
}

/* -------------------------------------------------------------------- run */

static int make_slots(struct run *run, unsigned buffers)
{
	size_t i;

	run->memory_bytes = (size_t)SLOTS * CHUNK_BYTES * buffers;
	run->memory = mmap(NULL, run->memory_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (run->memory == MAP_FAILED)
		return fail(ENOMEM, "there is no memory for %zu bytes of "
			    "buffers", run->memory_bytes);
	for (i = 0; i < SLOTS; i++) {
		run->slots[i].run = run;
		run->slots[i].buf = run->memory + i * buffers * CHUNK_BYTES;
		run->slots[i].other = run->slots[i].buf +
				      (buffers - 1) * CHUNK_BYTES;
		dsc_list_append(&run->idle, &run->slots[i].link);
	}
	return 0;
}

static uint32_t alignment(const struct run *run)
{
	uint32_t align = ALIGN_MIN;

	if (run->source->block_size > align)
		align = run->source->block_size;
	if (run->destination->block_size > align)
		align = run->destination->block_size;
	return align;
}

static void init_run(struct run *run, struct endpoint *source,
		     struct endpoint *destination)
{
	memset(run, 0, sizeof(*run));
	run->source = source;
	run->destination = destination;
	run->difference = UINT64_MAX;
	run->plan.bytes = source->bytes;
	run->plan.align = alignment(run);
	run->plan.data_max = CHUNK_BYTES;
	run->plan.extent = endpoint_extent;
	run->plan.arg = source;
	dsc_list_init(&run->idle);
	dsc_list_init(&run->arrived);
	pthread_mutex_init(&run->lock, NULL);
	pthread_cond_init(&run->cond, NULL);
}

/* Takes the plan to its end, or to the first failure. */
static int run_plan(struct run *run, unsigned buffers, bool is_shown,
		    const char *label)
{
	struct sigaction old[SIGNALS];

	run->status = make_slots(run, buffers);
	if (run->status == 0) {
		progress_begin(&run->progress, is_shown, label,
			       run->plan.bytes, dsc_clock_now_ns());
		catch_signals(old);
		run_chunks(run);
		release_signals(old);
		progress_end(&run->progress);
		munmap(run->memory, run->memory_bytes);
	}
	pthread_cond_destroy(&run->cond);
	pthread_mutex_destroy(&run->lock);
	return run->status;
}

int copy_run(struct endpoint *source, struct endpoint *destination,
	     bool is_shown, struct copy_result *result)
{
	static struct run run;
	int status;

	init_run(&run, source, destination);
	run.steps = copy_steps;
	run.plan.zero_max = ZERO_BYTES;
	run.result = result;
	memset(result, 0, sizeof(*result));
	status = run_plan(&run, 1, is_shown, "Copying");
	if (status == 0)
		status = endpoint_flush(destination);
	return status;
}

int copy_verify(struct endpoint *source, struct endpoint *destination,
		bool is_shown)
{
	static struct run run;
	int status;

	init_run(&run, source, destination);
	run.steps = verify_steps;
	run.plan.zero_max = CHUNK_BYTES;
	endpoint_forget(source);
	endpoint_forget(destination);
	status = run_plan(&run, 2, is_shown, "Verifying");
	if (run.difference != UINT64_MAX)
		status = fail(EIO, "%s and %s differ, first at offset %" PRIu64,
			      source->name, destination->name, run.difference);
	return status;
}
