/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-slots.c: initiator task tags, and the bursts of data that tasks may
 * send. Both come from arrays that are made once and touched only as far as
 * they have been needed. Loop's thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "iscsi/conn-internal.h"

#define NO_SLOT UINT16_MAX
#define INDEX_MASK (DSC_SLOTS - 1)

int dsc_slots_init(struct dsc_slots *slots, uint32_t max_r2ts)
{
	size_t bytes;

	slots->free = NO_SLOT;
	/* One burst without an R2T, and those that R2Ts ask for. */
	slots->bursts = DSC_SLOTS * (1 + max_r2ts);
	if (!dsc_mul_size(slots->bursts, sizeof(*slots->burst), &bytes))
		return -ENOMEM;
	slots->slot = malloc(DSC_SLOTS * sizeof(*slots->slot));
	slots->burst = malloc(bytes);
	return slots->slot != NULL && slots->burst != NULL ? 0 : -ENOMEM;
}

void dsc_slots_fini(struct dsc_slots *slots)
{
	free(slots->slot);
	free(slots->burst);
}

bool dsc_slots_have_room(const struct dsc_slots *slots)
{
	return slots->in_use < DSC_SLOTS - DSC_SLOTS_RESERVED;
}

struct dsc_slot *dsc_slot_take(struct dsc_slots *slots, enum dsc_slot_kind kind)
{
	struct dsc_slot *slot;

	if (slots->free != NO_SLOT) {
		slot = &slots->slot[slots->free];
		slots->free = slot->next_free;
	} else {
		slot = &slots->slot[slots->touched];
		slot->itt = slots->touched++;
	}
	slots->in_use++;
	slot->kind = (uint8_t)kind;
	slot->task = NULL;
	return slot;
}

struct dsc_slot *dsc_slot_find(struct dsc_slots *slots, uint32_t itt,
			       enum dsc_slot_kind kind)
{
	uint32_t index = itt & INDEX_MASK;
	struct dsc_slot *slot;

	if (index >= slots->touched)
		return NULL;
	slot = &slots->slot[index];
	return slot->kind == kind && slot->itt == itt ? slot : NULL;
}

void dsc_slot_give(struct dsc_slots *slots, uint32_t itt)
{
	uint32_t index = itt & INDEX_MASK;
	struct dsc_slot *slot = &slots->slot[index];

	slot->kind = DSC_SLOT_FREE;
	slot->task = NULL;
	/* The next tag of this slot; the last one could be DSC_NO_TAG. */
	slot->itt += DSC_SLOTS;
	if (slot->itt >= DSC_NO_TAG - INDEX_MASK)
		slot->itt = index;
	slot->next_free = slots->free;
	slots->free = (uint16_t)index;
	slots->in_use--;
}

/* -------------------------------------------------------------- bursts */

static struct dsc_burst *take_burst(struct dsc_slots *slots)
{
	struct dsc_burst *burst = slots->free_burst;

	if (burst != NULL) {
		slots->free_burst = burst->next;
		return burst;
	}
	/* There is one for each slot and each R2T that a slot may have. */
	return &slots->burst[slots->bursts_touched++];
}

static void give_burst(struct dsc_slots *slots, struct dsc_burst *burst)
{
	burst->next = slots->free_burst;
	slots->free_burst = burst;
}

void dsc_burst_add(struct dsc_conn *conn, struct dsc_task *task, uint32_t ttt,
		   uint32_t length)
{
	struct dsc_burst *burst = take_burst(&conn->slots);
	struct dsc_burst **end = &task->bursts;

	burst->next = NULL;
	burst->ttt = ttt;
	burst->left = length;
	burst->data_sn = 0;
	if (task->bursts == NULL)
		dsc_list_append(&conn->data, &task->data_link);
	while (*end != NULL)
		end = &(*end)->next;
	*end = burst;
}

void dsc_burst_done(struct dsc_conn *conn, struct dsc_task *task)
{
	struct dsc_burst *burst = task->bursts;

	if (burst->ttt != DSC_NO_TAG)
		task->r2ts--;
	task->bursts = burst->next;
	give_burst(&conn->slots, burst);
	dsc_list_remove(&task->data_link);
	if (task->bursts != NULL)
		dsc_list_append(&conn->data, &task->data_link);
}

void dsc_bursts_drop(struct dsc_conn *conn, struct dsc_task *task)
{
	while (task->bursts != NULL)
		dsc_burst_done(conn, task);
}
