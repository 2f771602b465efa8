/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stress.h: random I/O to a LUN, checked against a copy in memory. The LUN's
 * beginning is divided into lanes; each lane does one step at a time, so that
 * no two requests under way overlap, and knows what its part of the LUN must
 * hold. Steps are reads, writes, zeroes, trims and flushes of random places,
 * lengths, pieces and flags. Test's thread; the context's for completions.
 */
#ifndef DSC_TESTS_TGT_STRESS_H
#define DSC_TESTS_TGT_STRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "tgt/client.h"
#include "tgt/place.h"

struct stress_options {
	unsigned lanes;        /* requests under way at a time */
	size_t lane_bytes;
	unsigned steps;        /* of each lane */
	bool is_synchronous;   /* one lane after the other, with waiting calls */
};

/*
 * Runs it on the client's LUN and reports what is wrong to CUnit. In the end
 * the file and, where there is qemu-img, another client's view of the LUN are
 * compared with the memory. The seed is printed; DSC_TEST_SEED sets it.
 */
void stress_run(struct client *c, const struct place *place,
		const struct stress_options *options);

#endif /* DSC_TESTS_TGT_STRESS_H */
