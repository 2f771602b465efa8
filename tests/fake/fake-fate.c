/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fake-fate.c: what a test tells the fake target to do while it runs, and what
 * it asks it about: rules for commands, counts, the size. Any thread.
 */
#include <stdio.h>
#include <unistd.h>

#include "fake/fake-internal.h"

bool fake_fate_meet(struct fake_target *target, uint8_t opcode,
		    struct fake_fate *fate)
{
	bool is_met = false;

	pthread_mutex_lock(&target->lock);
	target->counts[opcode]++;
	if (target->fate.count == 0) {
		target->fate = target->next_fate;
		target->next_fate.count = 0;
	}
	if (target->fate.count > 0 && target->fate.opcode == opcode) {
		if (target->fate.skip > 0) {
			target->fate.skip--;
		} else {
			target->fate.count--;
			target->fates++;
			is_met = true;
		}
	}
	*fate = target->fate;
	pthread_mutex_unlock(&target->lock);
	return is_met;
}

void fake_target_then_fate(struct fake_target *target,
			   const struct fake_fate *fate)
{
	pthread_mutex_lock(&target->lock);
	target->next_fate = *fate;
	pthread_mutex_unlock(&target->lock);
}

void fake_target_set_fate(struct fake_target *target,
			  const struct fake_fate *fate)
{
	pthread_mutex_lock(&target->lock);
	target->fate = *fate;
	target->fates = 0;
	pthread_mutex_unlock(&target->lock);
}

unsigned fake_target_fates(const struct fake_target *target)
{
	struct fake_target *t = (struct fake_target *)(uintptr_t)target;
	unsigned fates;

	pthread_mutex_lock(&t->lock);
	fates = t->fates;
	pthread_mutex_unlock(&t->lock);
	return fates;
}

unsigned fake_target_count(const struct fake_target *target, uint8_t opcode)
{
	struct fake_target *t = (struct fake_target *)(uintptr_t)target;
	unsigned count;

	pthread_mutex_lock(&t->lock);
	count = t->counts[opcode];
	pthread_mutex_unlock(&t->lock);
	return count;
}

void fake_target_resize(struct fake_target *target, uint64_t blocks)
{
	pthread_mutex_lock(&target->lock);
	target->blocks = blocks;
	if (ftruncate(target->memory_fd,
		      (off_t)(blocks * target->disk.block_size)) != 0)
		perror("fake target");
	pthread_mutex_unlock(&target->lock);
}
