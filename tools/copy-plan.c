/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-plan.c: see copy-plan.h. Data is rounded outwards to the alignment and
 * empty parts inwards, so that a block that is partly data is read whole.
 */
#include <errno.h>

#include "copy-plan.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t round_down(uint64_t value, uint32_t align)
{
	return value & ~((uint64_t)align - 1);
}

/* The end of the source is aligned enough. */
static uint64_t round_up(const struct copy_plan *plan, uint64_t value)
{
	uint64_t down = round_down(value, plan->align);

	if (down == value || plan->bytes - down <= plan->align)
		return value == down ? value : plan->bytes;
	return down + plan->align;
}

/* Asks what is at plan->next. */
static int ask(struct copy_plan *plan)
{
	uint64_t length = 0;
	int status;

	status = plan->extent(plan->arg, plan->next, &length,
			      &plan->extent_is_zero);
	if (status < 0)
		return status;
	if (length == 0)
		return -EPROTO;
	plan->extent_end = plan->next + min_u64(length,
						plan->bytes - plan->next);
	return 0;
}

int copy_plan_next(struct copy_plan *plan, struct copy_chunk *chunk)
{
	uint64_t end;
	int status;

	if (plan->next >= plan->bytes)
		return 0;
	if (plan->next >= plan->extent_end) {
		status = ask(plan);
		if (status < 0)
			return status;
	}
	chunk->offset = plan->next;
	end = plan->extent_end;
	if (end < plan->bytes)
		end = round_down(end, plan->align);
	chunk->is_zero = plan->extent_is_zero && end > plan->next;
	if (chunk->is_zero) {
		chunk->length = min_u64(end - plan->next, plan->zero_max);
	} else {
		end = round_up(plan, plan->extent_end);
		chunk->length = min_u64(end - plan->next, plan->data_max);
	}
	plan->next += chunk->length;
	return 1;
}
