/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pair.h: sessions with one LUN each, one after the other in a rig's context, the
 * first of which ends while the target holds a write of it. Test's thread.
 */
#ifndef TESTS_FAULT_PAIR_H
#define TESTS_FAULT_PAIR_H

#include "fault/rig.h"

/* Its sessions can be reinstated; the other one's do not end their tasks. */
extern const struct sim_config pair_plain;
extern const struct sim_config pair_stranger;

struct pair {
	struct discsi_session *session;
	struct discsi_lun *lun;
	uint8_t isid[6];
};

void pair_open(struct rig *rig, struct pair *pair, unsigned lun_id);
void pair_close(struct pair *pair);
/* The same ISID. */
bool pair_is_same(const struct pair *a, const struct pair *b);
void pair_drop_and_close(struct rig *rig, struct pair *pair);
/* As a storage ends it when its time is over: without a word to the target. */
void pair_abandon(struct rig *rig, struct pair *pair);

/* A session ends, in one way or another, while the target holds a write of it. */
void pair_owe_by(struct rig *rig, struct pair *pair, unsigned lun_id,
		 void (*end)(struct rig *rig, struct pair *pair));
/* By pair_drop_and_close(). */
void pair_owe(struct rig *rig, struct pair *pair, unsigned lun_id);
/* To the same place. */
void pair_write_new(struct pair *pair);
/* It lies there still when the target has carried out what it held. */
void pair_expect_new(struct rig *rig, unsigned lun_id);

#endif /* TESTS_FAULT_PAIR_H */
