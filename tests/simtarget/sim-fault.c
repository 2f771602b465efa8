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

void sim_spoil(struct sim *sim, uint8_t *bhs, uint32_t *length)
{
	uint32_t what;
	unsigned i;

	if (sim->hostile_rate == 0 || next_random(sim) % sim->hostile_rate != 0)
		return;
	what = next_random(sim) % 8;
	if (what == 0) {
		for (i = 0; i < BHS; i++)
			bhs[i] = (uint8_t)next_random(sim);
	} else if (what == 1) {
		*length = *length > 0 ? next_random(sim) % *length : 0;
	} else {
		i = fields[next_random(sim) % sizeof(fields)];
		bhs[i] ^= (uint8_t)(1u << next_random(sim) % 8);
	}
}
