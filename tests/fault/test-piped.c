/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-piped.c: long reads whose data may be left in a pipe, each of several
 * commands, from a target that refuses some, answers others late, and breaks
 * connections in the middle: the pipe's part and the buffer's are the data.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault/rig.h"

#define READ10 0x28
#define BUSY 0x08
#define DISK_BYTES (8u << 20)
#define BLOCK 512u
#define READ_MAX (2u << 20)
#define READERS 6u
#define WAIT_MS (60000u * RIG_SLOWNESS)

static const struct sim_config plain = { .blocks = DISK_BYTES / BLOCK };

struct reader {
	struct readers *all;
	struct discsi_pipe pipe;
	uint8_t *data;
	uint32_t length;
	uint32_t offset;
};

struct readers {
	struct rig rig;
	struct reader reader[READERS];
	uint8_t *disk;
	uint8_t *piped;
	uint32_t random;
	unsigned left;       /* reads to be begun */
	unsigned begun;
	unsigned done;
	unsigned wrong;
	unsigned failed;
	uint64_t bytes;
	uint64_t piped_bytes;
};

static uint32_t chance(struct readers *all, uint32_t n)
{
	all->random = all->random * 1664525u + 1013904223u;
	return (all->random >> 8) % n;
}

/* The data of a read, put together; false when the pipe has something else. */
static bool take(struct reader *reader)
{
	struct readers *all = reader->all;
	size_t bytes = 0;
	ssize_t n;

	while ((n = read(reader->pipe.out, all->piped + bytes,
			 READ_MAX + 1 - bytes)) > 0)
		bytes += (size_t)n;
	if (bytes != reader->pipe.bytes || bytes > reader->length)
		return false;
	memcpy(reader->data, all->piped, bytes);
	all->piped_bytes += bytes;
	return true;
}

static void read_next(struct reader *reader);

static void on_read(void *arg, int result, const struct discsi_error *error)
{
	struct reader *reader = arg;
	struct readers *all = reader->all;

	(void)error;
	all->done++;
	all->bytes += reader->length;
	if (result != 0)
		all->failed++;
	else if (!take(reader) ||
		 memcmp(reader->data, all->disk + reader->offset,
			reader->length) != 0)
		all->wrong++;
	read_next(reader);
}

static void read_next(struct reader *reader)
{
	struct readers *all = reader->all;

	if (all->left == 0)
		return;
	all->left--;
	all->begun++;
	reader->length = BLOCK * (1 + chance(all, READ_MAX / BLOCK));
	reader->offset = BLOCK * chance(all, (DISK_BYTES - reader->length) /
					     BLOCK + 1);
	memset(reader->data, 0xee, reader->length);
	CU_ASSERT_EQUAL_FATAL(
		discsi_lun_read_piped_async(all->rig.lun, reader->data,
					    reader->length, reader->offset, 0,
					    &reader->pipe, on_read, reader), 0);
}

static bool begin_reader(struct readers *all, struct reader *reader)
{
	int ends[2];

	reader->all = all;
	reader->data = malloc(READ_MAX);
	if (reader->data == NULL || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	reader->pipe = (struct discsi_pipe){ .out = ends[0], .in = ends[1] };
	/* As much as one gets; some of the data finds no room. */
	(void)fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	return true;
}

static bool begin(struct readers *all, const struct sim_config *config,
		  const char *sessions)
{
	unsigned i;

	memset(all, 0, sizeof(*all));
	all->random = 4711;
	all->disk = malloc(DISK_BYTES);
	all->piped = malloc(READ_MAX + 1);
	CU_ASSERT_FATAL(all->disk != NULL && all->piped != NULL);
	rig_fill(all->disk, DISK_BYTES, 17);
	for (i = 0; i < READERS; i++)
		CU_ASSERT_FATAL(begin_reader(all, &all->reader[i]));
	if (!rig_prepare(&all->rig, config))
		return false;
	sim_poke(all->rig.sim, 0, 0, all->disk, DISK_BYTES);
	rig_set(&all->rig, "sessions", sessions);
	return rig_open(&all->rig);
}

static void start(struct readers *all, unsigned count)
{
	unsigned i;

	all->left = count;
	for (i = 0; i < READERS; i++)
		read_next(&all->reader[i]);
}

static void end(struct readers *all)
{
	unsigned i;

	dsc_test_note("%llu of %llu bytes were piped",
		      (unsigned long long)all->piped_bytes,
		      (unsigned long long)all->bytes);
	CU_ASSERT_EQUAL(all->wrong, 0);
	CU_ASSERT_EQUAL(all->failed, 0);
	rig_end(&all->rig);
	for (i = 0; i < READERS; i++) {
		close(all->reader[i].pipe.in);
		close(all->reader[i].pipe.out);
		free(all->reader[i].data);
	}
	free(all->disk);
	free(all->piped);
}

/* A target that answers in order: nearly all of it goes through the pipe. */
static void test_in_order(void)
{
	struct readers all;

	if (begin(&all, &plain, "1")) {
		start(&all, 60);
		CU_ASSERT_TRUE(rig_wait(&all.rig, &all.done, 60, WAIT_MS));
		CU_ASSERT(all.piped_bytes > all.bytes / 4);
	}
	end(&all);
}

/* Commands that are refused come later, behind those that followed them. */
static void test_busy(void)
{
	struct readers all;

	if (begin(&all, &plain, "1")) {
		sim_status(all.rig.sim, READ10, BUSY, 5);
		start(&all, 60);
		CU_ASSERT_TRUE(rig_wait(&all.rig, &all.done, 60, WAIT_MS));
		CU_ASSERT(sim_rules_applied(all.rig.sim) > 20);
	}
	end(&all);
}

/* Reads until so many connections have been broken. */
static void break_often(struct readers *all)
{
	struct sim *sim = all->rig.sim;
	unsigned begun = sim_connections(sim);
	unsigned i;

	start(all, UINT_MAX);
	for (i = 0; i < 500 && sim_connections(sim) < begun + 12; i++) {
		sim_drop_at(sim, SIM_PDU_DATA_IN,
			    i % 2 == 0 ? SIM_INSIDE : SIM_AFTER,
			    1 + chance(all, 12));
		CU_ASSERT_TRUE_FATAL(rig_wait(&all->rig, &all->done,
					      all->done + 3, WAIT_MS));
	}
	all->left = 0;
	CU_ASSERT_TRUE(rig_wait(&all->rig, &all->done, all->begun, WAIT_MS));
	CU_ASSERT(sim_connections(sim) >= begun + 12);
}

/* Connections end in the middle of a payload, and between two. */
static void test_broken(void)
{
	struct readers all;

	if (begin(&all, &plain, "1"))
		break_often(&all);
	end(&all);
}

/* The same when the commands of a read go over several sessions. */
static void test_several_sessions(void)
{
	struct readers all;

	if (begin(&all, &plain, "3")) {
		sim_status(all.rig.sim, READ10, BUSY, 7);
		break_often(&all);
	}
	end(&all);
}

/* Small payloads: the data of many commands is on its way at once. */
static void test_small_segments(void)
{
	struct sim_config config = plain;
	struct readers all;

	config.max_burst = 16384;
	config.first_burst = 16384;
	if (begin(&all, &config, "2"))
		break_often(&all);
	end(&all);
}

static const struct dsc_test tests[] = {
	{ "in_order", test_in_order },
	{ "busy", test_busy },
	{ "broken", test_broken },
	{ "several_sessions", test_several_sessions },
	{ "small_segments", test_small_segments },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("piped", tests, argc, argv);
}
