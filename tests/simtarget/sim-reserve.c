/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-reserve.c: persistent reservations (SPC-4 clauses 5.13, 6.15, 6.16): who
 * has registered, who holds the LUN, and who is kept off it by that. With
 * sim->lock held.
 */
#include "simtarget/sim-internal.h"

#include <string.h>

#define RESERVATION_CONFLICT 0x18
#define LIST_BYTES 24u

/* Types: bit by number. */
#define KNOWN_TYPES (1u << 1 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8)
#define EXCLUSIVE_ACCESS (1u << 3 | 1u << 6 | 1u << 8)
#define REGISTRANTS (1u << 5 | 1u << 6 | 1u << 7 | 1u << 8)
#define ALL_HOLD (1u << 7 | 1u << 8)

static bool is_in(unsigned types, unsigned type)
{
	return (types >> type & 1) != 0;
}

static struct sim_registration *find(struct sim_disk *disk,
				     const struct sim_nexus *nexus)
{
	unsigned i;

	for (i = 0; i < SIM_REGISTRATIONS_MAX; i++)
		if (disk->registered[i].nexus == nexus)
			return &disk->registered[i];
	return NULL;
}

static bool holds(struct sim_disk *disk, const struct sim_nexus *nexus)
{
	if (disk->reservation == 0)
		return false;
	return disk->holder == nexus ||
	       (is_in(ALL_HOLD, disk->reservation) &&
		find(disk, nexus) != NULL);
}

/* The holder is gone, or has had enough. */
static void end_reservation(struct sim_disk *disk)
{
	disk->reservation = 0;
	disk->holder = NULL;
}

static void unregister(struct sim_disk *disk, struct sim_registration *entry)
{
	const struct sim_nexus *nexus = entry->nexus;
	unsigned i;

	entry->nexus = NULL;
	if (disk->reservation == 0)
		return;
	if (!is_in(ALL_HOLD, disk->reservation)) {
		if (disk->holder == nexus)
			end_reservation(disk);
		return;
	}
	for (i = 0; i < SIM_REGISTRATIONS_MAX; i++)
		if (disk->registered[i].nexus != NULL)
			return;
	end_reservation(disk);
}

/* ----------------------------------------------------------------- changes */

struct change {
	struct sim_disk *disk;
	const struct sim_nexus *nexus;
	struct sim_registration *mine;  /* NULL: not registered */
	uint64_t key;
	uint64_t service_key;
	unsigned type;
	struct sim_answer *answer;
};

static void conflict(struct change *change)
{
	change->answer->status = RESERVATION_CONFLICT;
}

static void do_register(struct change *change, bool anyway)
{
	uint64_t have = change->mine == NULL ? 0 : change->mine->key;

	if (!anyway && have != change->key) {
		conflict(change);
		return;
	}
	if (change->service_key == 0) {
		if (change->mine != NULL)
			unregister(change->disk, change->mine);
	} else {
		if (change->mine == NULL)
			change->mine = find(change->disk, NULL);
		if (change->mine == NULL) {
			sim_fail(change->answer, 5, 0x55, 0x04);
			return;
		}
		change->mine->nexus = change->nexus;
		change->mine->key = change->service_key;
	}
	change->disk->generation++;
}

static void do_reserve(struct change *change)
{
	struct sim_disk *disk = change->disk;

	if (disk->reservation != 0 &&
	    (!holds(disk, change->nexus) ||
	     disk->reservation != change->type)) {
		conflict(change);
		return;
	}
	if (disk->reservation == 0) {
		disk->reservation = change->type;
		disk->holder = change->nexus;
	}
}

static void do_release(struct change *change)
{
	struct sim_disk *disk = change->disk;

	if (!holds(disk, change->nexus))
		return;
	if (disk->reservation != change->type)
		sim_fail(change->answer, 5, 0x26, 0x04);
	else
		end_reservation(disk);
}

static void do_clear(struct change *change)
{
	memset(change->disk->registered, 0, sizeof(change->disk->registered));
	end_reservation(change->disk);
	change->disk->generation++;
}

static void do_preempt(struct change *change)
{
	struct sim_disk *disk = change->disk;
	const struct sim_nexus *holder = disk->holder;
	bool is_holder_hit = false;
	unsigned hits = 0;
	unsigned i;

	for (i = 0; i < SIM_REGISTRATIONS_MAX; i++) {
		struct sim_registration *entry = &disk->registered[i];

		if (entry->nexus == NULL || entry->nexus == change->nexus ||
		    entry->key != change->service_key)
			continue;
		is_holder_hit |= entry->nexus == holder;
		entry->nexus = NULL;
		hits++;
	}
	if (hits == 0) {
		conflict(change);
		return;
	}
	if (is_holder_hit && disk->reservation != 0) {
		disk->reservation = change->type;
		disk->holder = change->nexus;
	}
	disk->generation++;
}

void sim_reserve_out(struct sim_disk *disk, const struct sim_nexus *nexus,
		     const uint8_t *cdb, const uint8_t *list, uint32_t length,
		     struct sim_answer *answer)
{
	unsigned action = cdb[1] & 0x1f;
	struct change change = {
		.disk = disk, .nexus = nexus, .mine = find(disk, nexus),
		.type = cdb[2] & 0x0f, .answer = answer,
	};

	if (length != LIST_BYTES || dsc_get_be32(cdb + 5) != LIST_BYTES) {
		sim_fail(answer, 5, 0x1a, 0x00);
		return;
	}
	change.key = dsc_get_be64(list);
	change.service_key = dsc_get_be64(list + 8);
	if (action == 0 || action == 6) {
		do_register(&change, action == 6);
		return;
	}
	if (change.mine == NULL || change.mine->key != change.key)
		conflict(&change);
	else if (action == 3)
		do_clear(&change);
	else if (!is_in(KNOWN_TYPES, change.type) || cdb[2] >> 4 != 0)
		sim_fail(answer, 5, 0x24, 0x00);
	else if (action == 1)
		do_reserve(&change);
	else if (action == 2)
		do_release(&change);
	else if (action == 4 || action == 5)
		do_preempt(&change);
	else
		sim_fail(answer, 5, 0x24, 0x00);
}

/* --------------------------------------------------------------- questions */

/* Of each registration, without the name of its initiator port. */
static uint32_t full_status(struct sim_disk *disk, uint8_t *data)
{
	uint32_t length = 8;
	unsigned i;

	for (i = 0; i < SIM_REGISTRATIONS_MAX; i++) {
		const struct sim_registration *entry = &disk->registered[i];

		if (entry->nexus == NULL)
			continue;
		dsc_put_be64(data + length, entry->key);
		if (holds(disk, entry->nexus)) {
			data[length + 12] = 1;
			data[length + 13] = (uint8_t)disk->reservation;
		}
		data[length + 19] = 1;
		length += 24;
	}
	return length;
}

/* Which types there are: a mask, of two bytes. */
static void report_capabilities(uint8_t *data)
{
	memset(data, 0, 8);
	data[1] = 8;
	data[3] = 0x80;
	data[4] = 0xea;
	data[5] = 0x01;
}

void sim_reserve_in(struct sim_disk *disk, const uint8_t *cdb,
		    struct sim_answer *answer)
{
	uint32_t allocation = dsc_get_be16(cdb + 7);
	uint8_t *data = answer->buffer;
	uint32_t length = 8;
	unsigned i;

	memset(data, 0, 256);
	dsc_put_be32(data, disk->generation);
	switch (cdb[1] & 0x1f) {
	case 0:
		for (i = 0; i < SIM_REGISTRATIONS_MAX; i++) {
			if (disk->registered[i].nexus == NULL)
				continue;
			dsc_put_be64(data + length, disk->registered[i].key);
			length += 8;
		}
		break;
	case 1:
		if (disk->reservation == 0)
			break;
		if (!is_in(ALL_HOLD, disk->reservation))
			dsc_put_be64(data + 8,
				     find(disk, disk->holder)->key);
		data[21] = (uint8_t)disk->reservation;
		length = 24;
		break;
	case 2:
		report_capabilities(data);
		break;
	case 3:
		length = full_status(disk, data);
		break;
	default:
		sim_fail(answer, 5, 0x24, 0x00);
		return;
	}
	if ((cdb[1] & 0x1f) != 2)
		dsc_put_be32(data + 4, length - 8);
	answer->in = data;
	answer->in_length = length < allocation ? length : allocation;
}

/* --------------------------------------------------------------- conflicts */

enum { FREE, READS, WRITES };

/* What others may do at any time, what reads, and what changes something. */
static int kind_of(uint8_t opcode)
{
	switch (opcode) {
	case 0x00: case 0x03: case 0x12: case 0x25: case 0x5e: case 0x5f:
	case 0x9e: case 0xa0: case 0xa3:
		return FREE;
	case 0x08: case 0x28: case 0xa8: case 0x88: case 0x2f: case 0xaf:
	case 0x8f: case 0x34: case 0x90: case 0x1a: case 0x5a:
		return READS;
	default:
		return WRITES;
	}
}

bool sim_reserve_forbids(struct sim_disk *disk, const struct sim_nexus *nexus,
			 uint8_t opcode)
{
	int kind = kind_of(opcode);

	if (disk->reservation == 0 || kind == FREE || holds(disk, nexus))
		return false;
	if (is_in(REGISTRANTS, disk->reservation) && find(disk, nexus) != NULL)
		return false;
	return kind == WRITES || is_in(EXCLUSIVE_ACCESS, disk->reservation);
}
