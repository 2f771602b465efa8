/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lun/probe.h: the questions that a LUN is asked (probe-steps.c), for who asks
 * them (probe.c).
 */
#ifndef DSC_LUN_PROBE_H
#define DSC_LUN_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/lun.h>
#include "scsi/inquiry.h"

/* What the answers say. A step that fails leaves its defaults. */
struct dsc_facts {
	struct dsc_vpd_pages pages;
	struct dsc_block_limits limits;
	struct dsc_provisioning provisioning;
	struct dsc_capacity capacity;
	bool has_capacity;
	bool has_no_capacity16;
	struct dsc_mode mode;
	bool has_mode;
	bool can_write_same;     /* told by, or guessed without, the list */
	bool can_tell_status;
	uint8_t qualifier;
	struct discsi_lun_info info;
};

/*
 * The questions of a round do not depend on one another. TEST UNIT READY, in the
 * first one, takes the unit attentions of a new session; INQUIRY does not mind
 * them (SPC-4, 6.4.1).
 */
enum dsc_round {
	DSC_ROUND_FIRST,
	DSC_ROUND_FACTS,
	DSC_ROUND_ELSE,      /* instead of what the one before did not tell */
	DSC_ROUND_LAST,
	DSC_ROUNDS
};

struct dsc_step {
	const char *name;
	enum dsc_round round;
	bool is_optional;
	bool is_identity; /* also asked when only the identity is wanted */
	uint16_t length;  /* allocation length */
	uint8_t page;     /* asked only if VPD 00 lists it; 0: always */
	void (*build)(const struct dsc_step *step, uint8_t *cdb);
	/* 0, or -EPROTO: it makes no sense. NULL: there is nothing in it. */
	int (*parse)(struct dsc_facts *facts, const uint8_t *data,
		     size_t length);
	bool (*is_wanted)(const struct dsc_facts *facts);
};

#define DSC_STEPS 15
#define DSC_STEP_INQUIRY 1

extern const struct dsc_step dsc_steps[DSC_STEPS];

#endif /* DSC_LUN_PROBE_H */
