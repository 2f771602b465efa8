/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim-fault.c: which command meets a rule, where a connection is dropped, and
 * PDUs that are spoilt. With sim->lock held.
 */
#include "simtarget/sim-internal.h"

#include <string.h>

const struct sim_rule *sim_rule_meet(struct sim *sim, uint8_t opcode,
				     uint8_t lun)
{
	unsigned i;

	for (i = 0; i < sim->rules; i++) {
		const struct sim_rule *rule = &sim->rule[i];
		unsigned seen;

		if ((rule->opcode != SIM_ANY && rule->opcode != opcode) ||
		    (rule->lun != SIM_ANY && rule->lun != lun))
			continue;
		if (rule->count != 0 && sim->rule_used[i] == rule->count)
			continue;
		seen = sim->rule_seen[i]++;
		if (seen < rule->skip)
			continue;
		if (rule->every > 1 &&
		    (seen - rule->skip) % rule->every != rule->every - 1)
			continue;
		sim->rule_used[i]++;
		sim->applied++;
		return rule;
	}
	return NULL;
}

bool sim_drop_meet(struct sim *sim, enum sim_pdu pdu, enum sim_where *where)
{
	bool is_sent = pdu != SIM_PDU_COMMAND && pdu != SIM_PDU_DATA_OUT;

	if (sim->drop_in == 0 ||
	    (sim->drop_pdu != pdu && !(sim->drop_pdu == SIM_PDU_ANY && is_sent)))
		return false;
	if (--sim->drop_in > 0)
		return false;
	sim->has_dropped = true;
	*where = sim->drop_where;
	return true;
}

/* ------------------------------------------------------------------- lies */

static uint32_t next_random(struct sim *sim)
{
	uint64_t x = sim->hostile_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	sim->hostile_state = x;
	return (uint32_t)(x >> 16);
}

/* Fields that matter; a lie in one of them is a lie worth telling. */
static const uint8_t fields[] = {
	0, 1, 2, 3, 4, 5, 7, 8, 16, 19, 20, 23, 24, 27, 28, 32, 36, 39, 40, 44
};

/* One field, all of it, or a length that is not that of the data. */
static void spoil_header(struct sim *sim, uint8_t *bhs, uint32_t *length)
{
	uint32_t what = next_random(sim) % 8;
	unsigned i;

	if (what == 0) {
		for (i = 0; i < BHS; i++)
			bhs[i] = (uint8_t)next_random(sim);
	} else if (what == 1) {
		*length = *length > 0 ? next_random(sim) % *length : 0;
	} else if (what == 2) {
		dsc_put_be24(bhs + 5, next_random(sim) & 0xffffff);
	} else {
		i = fields[next_random(sim) % sizeof(fields)];
		bhs[i] ^= (uint8_t)(1u << next_random(sim) % 8);
	}
}

/* Everything that a target may send, and some that it may not. */
static const uint8_t opcodes[] = {
	0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3c, 0x3f, 0x01
};

/* A PDU that nobody has asked for, about the same task or any other. */
static void forge(struct sim *sim, const uint8_t *bhs, uint8_t *forged)
{
	unsigned i;

	memcpy(forged, bhs, BHS);
	forged[0] = opcodes[next_random(sim) % sizeof(opcodes)];
	forged[1] = (uint8_t)next_random(sim);
	forged[2] = (uint8_t)next_random(sim);
	dsc_put_be32(forged + 4, 0);
	if (next_random(sim) % 2 == 0)
		dsc_put_be32(forged + 16, next_random(sim));
	for (i = 36; i < BHS; i += 4)
		dsc_put_be32(forged + i, next_random(sim) % 16384);
}

enum sim_lie sim_lie(struct sim *sim, uint8_t *bhs, uint32_t *length,
		     uint8_t *forged)
{
	enum sim_lie lie;

	if (next_random(sim) % sim->hostile_rate != 0)
		return SIM_LIE_NONE;
	/* A header that lies is the most dangerous. */
	lie = (enum sim_lie)(next_random(sim) % (2 * SIM_LIES));
	if (lie >= SIM_LIES)
		lie = SIM_LIE_NONE;
	if (lie == SIM_LIE_NONE)
		spoil_header(sim, bhs, length);
	if (lie == SIM_LIE_FORGED)
		forge(sim, bhs, forged);
	return lie;
}

void sim_lie_data(struct sim *sim, uint8_t *data, uint32_t length)
{
	uint32_t flips = 1 + next_random(sim) % 8;

	while (length > 0 && flips-- > 0)
		data[next_random(sim) % length] ^=
			(uint8_t)(1u << next_random(sim) % 8);
}
