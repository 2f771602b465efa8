/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sense.h: from a SCSI status and sense data to what it means: an errno, a
 * sentence, and whether the command is worth sending again. A table, pure.
 */
#ifndef DSC_SCSI_SENSE_H
#define DSC_SCSI_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DSC_SAM_GOOD 0x00
#define DSC_SAM_CHECK_CONDITION 0x02
#define DSC_SAM_CONDITION_MET 0x04
#define DSC_SAM_BUSY 0x08
#define DSC_SAM_RESERVATION_CONFLICT 0x18
#define DSC_SAM_TASK_SET_FULL 0x28
#define DSC_SAM_ACA_ACTIVE 0x30
#define DSC_SAM_TASK_ABORTED 0x40

/* Sense data of fixed (70h, 71h) or descriptor (72h, 73h) format, SPC-4 4.5. */
struct dsc_sense {
	bool is_valid;
	bool is_deferred;      /* 71h, 73h: of an earlier command */
	uint8_t key;
	uint8_t asc;
	uint8_t ascq;
	bool has_information;  /* the LBA of a medium error, most often */
	uint64_t information;
};

/* Reads what is there; length is what arrived. is_valid false if too short. */
void dsc_sense_parse(const uint8_t *data, size_t length,
		     struct dsc_sense *sense);

enum dsc_retry {
	DSC_RETRY_NO,      /* final: report it */
	DSC_RETRY_NOW,     /* send it again at once (a few times) */
	DSC_RETRY_LATER    /* send it again after a while, until the deadline */
};

/* What a status tells beside the fate of its command. */
enum dsc_news {
	DSC_NEWS_NONE,
	DSC_NEWS_FULL,      /* the target cannot queue more: lower the depth */
	DSC_NEWS_CAPACITY,  /* the LUN has another size */
	DSC_NEWS_LUNS,      /* the target has other LUNs */
	DSC_NEWS_IDENTITY,  /* the LUN may be another disk */
	DSC_NEWS_RESET      /* the same, but in answer to a login or a reset */
};

struct dsc_verdict {
	int errnum;             /* positive; 0: the command succeeded */
	enum dsc_retry retry;
	enum dsc_news news;
	const char *text;       /* "medium error: unrecovered read error" */
};

/* The verdict on a status; sense matters for CHECK CONDITION alone. */
struct dsc_verdict dsc_sense_judge(uint8_t status,
				   const struct dsc_sense *sense);

/*
 * Fills *error from a verdict: errno, status, key/asc/ascq and a sentence
 * "what: text (status 02, sense 3/11/00, block 4711)". Returns -errnum.
 */
int dsc_sense_error(struct discsi_error *error, const char *what,
		    uint8_t status, const struct dsc_sense *sense,
		    const struct dsc_verdict *verdict);

#endif /* DSC_SCSI_SENSE_H */
