/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-disk.c: the memory of a LUN, its volatile cache, and the journal. With
 * sim->lock held.
 */
#include "simtarget/sim-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A resize goes up to this many times the first size. */
#define GROWTH 4

static uint8_t *map(uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

bool sim_disk_init(struct sim *sim, struct sim_disk *disk, unsigned number)
{
	uint64_t bytes = sim->config.blocks * sim->config.block_size;

	disk->blocks = sim->config.blocks;
	disk->room = bytes * (bytes < 1ull << 32 ? GROWTH : 1);
	snprintf(disk->serial, sizeof(disk->serial), "SIM%05u", number);
	disk->data = map(disk->room);
	if (disk->data == NULL)
		return false;
	if (sim->config.touched) {
		/* Large pages: it is the initiator that is measured. */
		madvise(disk->data, bytes, MADV_HUGEPAGE);
		memset(disk->data, 0x5a, bytes);
	}
	if (!sim->config.write_cache)
		return true;
	disk->durable = map(disk->room);
	disk->dirty = map(disk->room / SIM_CACHE_LINE + 1);
	return disk->durable != NULL && disk->dirty != NULL;
}

void sim_disk_fini(struct sim *sim, struct sim_disk *disk)
{
	(void)sim;
	if (disk->data != NULL)
		munmap(disk->data, disk->room);
	if (disk->durable != NULL)
		munmap(disk->durable, disk->room);
	if (disk->dirty != NULL)
		munmap(disk->dirty, disk->room / SIM_CACHE_LINE + 1);
	free(disk->written_keys);
	free(disk->written);
}

/* ------------------------------------------------------- volatile cache */

void sim_disk_flush(struct sim_disk *disk)
{
	uint64_t lines = disk->room / SIM_CACHE_LINE;
	uint64_t i;

	for (i = 0; disk->durable != NULL && i < lines; i++) {
		if (disk->dirty[i] == 0)
			continue;
		memcpy(disk->durable + i * SIM_CACHE_LINE,
		       disk->data + i * SIM_CACHE_LINE, SIM_CACHE_LINE);
		disk->dirty[i] = 0;
	}
}

void sim_disk_lose(struct sim_disk *disk)
{
	uint64_t lines = disk->room / SIM_CACHE_LINE;
	uint64_t i;

	for (i = 0; disk->durable != NULL && i < lines; i++) {
		if (disk->dirty[i] == 0)
			continue;
		memcpy(disk->data + i * SIM_CACHE_LINE,
		       disk->durable + i * SIM_CACHE_LINE, SIM_CACHE_LINE);
		disk->dirty[i] = 0;
	}
}

static void note_written(struct sim_disk *disk, uint64_t lba);

void sim_disk_write(struct sim *sim, struct sim_disk *disk, uint64_t offset,
		    const uint8_t *data, uint64_t length, bool is_durable)
{
	uint32_t size = sim->config.block_size;
	uint64_t at;

	if (data == NULL)
		memset(disk->data + offset, 0, length);
	else
		memcpy(disk->data + offset, data, length);
	if (disk->durable != NULL && is_durable && data != NULL)
		memcpy(disk->durable + offset, data, length);
	else if (disk->durable != NULL && is_durable)
		memset(disk->durable + offset, 0, length);
	else if (disk->durable != NULL)
		for (at = offset / SIM_CACHE_LINE;
		     at <= (offset + length - 1) / SIM_CACHE_LINE; at++)
			disk->dirty[at] = 1;
	if (!sim->config.no_journal)
		for (at = 0; at < length; at += size)
			note_written(disk, (offset + at) / size);
}

/* --------------------------------------------------------------- journal */

static size_t slot_of(const struct sim_disk *disk, uint64_t lba)
{
	size_t i = (size_t)(lba * 0x9e3779b97f4a7c15ull >> 20) &
		   (disk->written_room - 1);

	while (disk->written_keys[i] != 0 && disk->written_keys[i] != lba + 1)
		i = (i + 1) & (disk->written_room - 1);
	return i;
}

static void grow_written(struct sim_disk *disk)
{
	struct sim_disk old = *disk;
	size_t i;

	disk->written_room = old.written_room == 0 ? 4096 :
						     2 * old.written_room;
	disk->written_keys = calloc(disk->written_room, sizeof(uint64_t));
	disk->written = calloc(disk->written_room, sizeof(unsigned));
	for (i = 0; i < old.written_room; i++) {
		size_t slot;

		if (old.written_keys[i] == 0)
			continue;
		slot = slot_of(disk, old.written_keys[i] - 1);
		disk->written_keys[slot] = old.written_keys[i];
		disk->written[slot] = old.written[i];
	}
	free(old.written_keys);
	free(old.written);
}

static void note_written(struct sim_disk *disk, uint64_t lba)
{
	size_t slot;

	if (2 * disk->written_used >= disk->written_room)
		grow_written(disk);
	slot = slot_of(disk, lba);
	if (disk->written_keys[slot] == 0) {
		disk->written_keys[slot] = lba + 1;
		disk->written_used++;
	}
	disk->written[slot]++;
}

unsigned sim_written(struct sim *sim, unsigned lun, uint64_t lba)
{
	struct sim_disk *disk = &sim->disk[lun];
	unsigned times = 0;

	pthread_mutex_lock(&sim->lock);
	if (disk->written_room > 0)
		times = disk->written[slot_of(disk, lba)];
	pthread_mutex_unlock(&sim->lock);
	return times;
}

void sim_note(struct sim *sim, const struct sim_conn *conn,
	      const struct sim_task *task, bool is_done, uint8_t status)
{
	struct sim_record *record;
	bool is_16 = task->cdb[0] >= 0x80 && task->cdb[0] < 0xa0;

	if (sim->config.no_journal)
		return;
	if (sim->records == sim->record_room) {
		size_t room = sim->record_room == 0 ? 4096 :
						      2 * sim->record_room;
		void *bigger = realloc(sim->record, room * sizeof(*record));

		if (bigger == NULL)
			return;
		sim->record = bigger;
		sim->record_room = room;
	}
	record = &sim->record[sim->records++];
	memset(record, 0, sizeof(*record));
	record->ns = sim_now_ns();
	record->connection = conn == NULL ? 0 : conn->number;
	memcpy(record->isid, task->nexus->isid, 6);
	record->lun = task->lun;
	record->opcode = task->cdb[0];
	record->lba = is_16 ? dsc_get_be64(task->cdb + 2) :
			      dsc_get_be32(task->cdb + 2);
	record->blocks = is_16 ? dsc_get_be32(task->cdb + 10) :
				 dsc_get_be16(task->cdb + 7);
	record->itt = task->itt;
	record->cmd_sn = task->cmd_sn;
	record->is_done = is_done;
	record->status = status;
}

size_t sim_journal(struct sim *sim, size_t first, struct sim_record *records,
		   size_t room)
{
	size_t count = 0;

	pthread_mutex_lock(&sim->lock);
	if (first < sim->records) {
		count = sim->records - first < room ? sim->records - first :
						      room;
		memcpy(records, sim->record + first, count * sizeof(*records));
	}
	pthread_mutex_unlock(&sim->lock);
	return count;
}
