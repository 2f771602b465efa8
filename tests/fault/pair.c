/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pair.c: see pair.h.
 */
#include <string.h>

#include "base/context.h"
#include "fault/pair.h"
#include "session/session.h"

#define WRITE10 0x2a

const struct sim_config pair_plain = { .blocks = 131072, .luns = 2 };
const struct sim_config pair_stranger = {
	.blocks = 131072, .luns = 2, .vendor = "ACME"
};

void pair_open(struct rig *rig, struct pair *pair, unsigned lun_id)
{
	struct discsi_session_info info = { .size = sizeof(info) };

	memset(pair, 0, sizeof(*pair));
	CU_ASSERT_EQUAL_FATAL(discsi_session_open(rig->ctx, rig->conf,
						  &pair->session), 0);
	CU_ASSERT_EQUAL_FATAL(discsi_lun_open(pair->session, lun_id,
					      &pair->lun), 0);
	CU_ASSERT_EQUAL(discsi_session_get_info(pair->session, &info), 0);
	memcpy(pair->isid, info.isid, sizeof(pair->isid));
}

void pair_close(struct pair *pair)
{
	discsi_lun_close(pair->lun);
	discsi_session_close(pair->session);
}

bool pair_is_same(const struct pair *a, const struct pair *b)
{
	return memcmp(a->isid, b->isid, sizeof(a->isid)) == 0;
}

void pair_drop_and_close(struct rig *rig, struct pair *pair)
{
	/* It must not come back before it is closed. */
	sim_refuse(rig->sim, 0, true);
	sim_drop_all(rig->sim);
	rig_run(rig, 1);
	pair_close(pair);
	sim_refuse(rig->sim, 0, false);
}

void pair_owe_by(struct rig *rig, struct pair *pair, unsigned lun_id,
		 void (*end)(struct rig *rig, struct pair *pair))
{
	const struct sim_rule hold = {
		.opcode = WRITE10, .lun = SIM_ANY, .count = 1,
		.action = SIM_HOLD,
	};
	unsigned held = sim_held(rig->sim);
	struct tally tally = { .done = 0 };
	uint8_t old[4096];
	unsigned i;

	rig_fill(old, sizeof(old), 1);
	pair_open(rig, pair, lun_id);
	sim_rule(rig->sim, &hold);
	discsi_lun_write_async(pair->lun, old, sizeof(old), 0, 0, rig_tally,
			       &tally);
	for (i = 0; i < 1000 && sim_held(rig->sim) == held; i++)
		rig_run(rig, 10);
	sim_clear_rules(rig->sim);
	CU_ASSERT_EQUAL(sim_held(rig->sim), held + 1);
	end(rig, pair);
	CU_ASSERT_EQUAL(tally.done, 1);
	CU_ASSERT_EQUAL(tally.ok, 0);
}

void pair_owe(struct rig *rig, struct pair *pair, unsigned lun_id)
{
	pair_owe_by(rig, pair, lun_id, pair_drop_and_close);
}

void pair_write_new(struct pair *pair)
{
	uint8_t new[4096];

	rig_fill(new, sizeof(new), 2);
	CU_ASSERT_EQUAL(discsi_lun_write(pair->lun, new, sizeof(new), 0, 0),
			0);
}

void pair_expect_new(struct rig *rig, unsigned lun_id)
{
	uint8_t new[4096];
	uint8_t have[4096];

	rig_fill(new, sizeof(new), 2);
	sim_release(rig->sim);
	sim_peek(rig->sim, lun_id, 0, have, sizeof(have));
	CU_ASSERT_EQUAL(memcmp(have, new, sizeof(new)), 0);
}

struct ending {
	struct dsc_job job;
	struct dsc_child *child;
};

static void on_end(struct dsc_job *job)
{
	struct ending *ending = dsc_container_of(job, struct ending, job);

	ending->child->end(ending->child);
	ending->child = NULL;
}

void pair_abandon(struct rig *rig, struct pair *pair)
{
	struct ending ending = { .child = dsc_session_child(pair->session) };

	dsc_loop_post(&rig->ctx->loop, &ending.job, on_end);
	rig_run(rig, 50);
	CU_ASSERT_PTR_NULL(ending.child);
}
