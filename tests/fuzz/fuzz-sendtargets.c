/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-sendtargets.c: one input as an answer to SendTargets. What is taken is
 * printable and within bounds; what is refused leaves nothing behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "iscsi/sendtargets.h"

const char dsc_fuzz_name[] = "sendtargets";

static void check_text(const char *text, size_t max)
{
	size_t length = strlen(text);
	size_t i;

	DSC_FUZZ_ASSERT(length > 0 && length <= max);
	for (i = 0; i < length; i++)
		DSC_FUZZ_ASSERT(text[i] > ' ' && text[i] <= '~');
}

static void check_target(struct discsi_target *target)
{
	size_t i;

	check_text(target->target, DSC_TARGET_NAME_MAX);
	DSC_FUZZ_ASSERT(target->nportals > 0 &&
			target->nportals <= DSC_PORTALS_MAX);
	for (i = 0; i < target->nportals; i++) {
		check_text(target->portals[i].address, DSC_HOST_NAME_MAX);
		DSC_FUZZ_ASSERT(target->portals[i].port != 0);
		free(target->portals[i].address);
	}
	free(target->portals);
	free(target->target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct discsi_discovery *result;
	size_t i;
	int rc;

	rc = dsc_sendtargets_parse((const char *)data, size, "10.0.0.1", 3260,
				   1, &result);
	if (rc != 0) {
		DSC_FUZZ_ASSERT(rc == -EPROTO && result == NULL);
		return 0;
	}
	DSC_FUZZ_ASSERT(result->ntargets <= DSC_TARGETS_MAX);
	for (i = 0; i < result->ntargets; i++)
		check_target(&result->targets[i]);
	free(result->targets);
	free(result);
	return 0;
}
