/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sense-table.h: the rows by which sense.c judges, where tests can see them.
 * Constant data; any thread.
 */
#ifndef DSC_SCSI_SENSE_TABLE_H
#define DSC_SCSI_SENSE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "scsi/sense.h"

struct dsc_status_row {
	uint8_t status;
	struct dsc_verdict verdict;
};

#define DSC_SENSE_ANY -1

/*
 * The first row that fits is the one: ascq, then asc, may be DSC_SENSE_ANY,
 * and the last row of each key is so in both.
 */
struct dsc_sense_row {
	uint8_t key;
	int asc;
	int ascq;
	struct dsc_verdict verdict;
};

extern const struct dsc_status_row dsc_status_rows[];
extern const size_t dsc_status_row_count;

extern const struct dsc_sense_row dsc_sense_rows[];
extern const size_t dsc_sense_row_count;

#endif /* DSC_SCSI_SENSE_TABLE_H */
