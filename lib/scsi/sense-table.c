/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sense-table.c: what every SCSI status and sense code means to discsi. The
 * errno is part of the public interface; the retry class says whether sending
 * the command again can help (NOW: the target has told its news or dropped the
 * command; LATER: it asks for time). Constant data; any thread.
 *
 * Codes and their names: SPC-4 annex F.2, SAM-5 clause 5.3.
 */
#include "scsi/sense-table.h"

#include <errno.h>

#define NO DSC_RETRY_NO
#define NOW DSC_RETRY_NOW
#define LATER DSC_RETRY_LATER
#define ANY DSC_SENSE_ANY

/* CHECK CONDITION is judged by its sense and has no row. */
const struct dsc_status_row dsc_status_rows[] = {
	{ DSC_SAM_GOOD, { 0, NO, "good" } },
	{ DSC_SAM_CONDITION_MET, { 0, NO, "condition met" } },
	{ DSC_SAM_BUSY, { EIO, LATER, "the target is busy" } },
	{ DSC_SAM_RESERVATION_CONFLICT,
	  { EBADE, NO,
	    "reservation conflict: another initiator has the LUN" } },
	{ DSC_SAM_TASK_SET_FULL,
	  { EIO, LATER, "the target's command queue is full" } },
	{ DSC_SAM_ACA_ACTIVE,
	  { EIO, LATER, "another error waits to be cleared (ACA active)" } },
	{ DSC_SAM_TASK_ABORTED,
	  { EIO, NOW, "the target aborted the command" } },
};

const size_t dsc_status_row_count =
	sizeof(dsc_status_rows) / sizeof(dsc_status_rows[0]);

const struct dsc_sense_row dsc_sense_rows[] = {
	/* 0: a failure that is not told; not to be taken for a success */
	{ 0x0, ANY, ANY, { EIO, NOW, "check condition without a reason" } },

	/* 1: RECOVERED ERROR: the command has done its work */
	{ 0x1, ANY, ANY, { 0, NO, "recovered error" } },

	/* 2: NOT READY */
	{ 0x2, 0x04, 0x01, { EIO, LATER, "not ready: becoming ready" } },
	{ 0x2, 0x04, 0x02,
	  { EIO, NO, "not ready: the unit is stopped and must be started" } },
	{ 0x2, 0x04, 0x03,
	  { EIO, NO, "not ready: manual intervention required" } },
	{ 0x2, 0x04, 0x04, { EIO, LATER, "not ready: format in progress" } },
	{ 0x2, 0x04, 0x05, { EIO, LATER, "not ready: rebuild in progress" } },
	{ 0x2, 0x04, 0x06,
	  { EIO, LATER, "not ready: recalculation in progress" } },
	{ 0x2, 0x04, 0x07, { EIO, LATER, "not ready: operation in progress" } },
	{ 0x2, 0x04, 0x08,
	  { EIO, LATER, "not ready: long write in progress" } },
	{ 0x2, 0x04, 0x09, { EIO, LATER, "not ready: self-test in progress" } },
	{ 0x2, 0x04, 0x0a,
	  { EIO, LATER, "not ready: asymmetric access state in transition" } },
	{ 0x2, 0x04, 0x0b,
	  { EIO, LATER, "not ready: this target port is in standby" } },
	{ 0x2, 0x04, 0x0c,
	  { EIO, LATER, "not ready: this target port is unavailable" } },
	{ 0x2, 0x04, 0x10,
	  { EIO, NO, "not ready: auxiliary memory not accessible" } },
	{ 0x2, 0x04, 0x11,
	  { EIO, LATER, "not ready: waiting for permission to spin up" } },
	{ 0x2, 0x04, 0x12, { EIO, NO, "not ready: the unit is offline" } },
	{ 0x2, 0x04, 0x14,
	  { EIO, LATER, "not ready: space allocation in progress" } },
	{ 0x2, 0x04, 0x1a,
	  { EIO, LATER, "not ready: start or stop in progress" } },
	{ 0x2, 0x04, 0x1b, { EIO, LATER, "not ready: sanitize in progress" } },
	{ 0x2, 0x04, 0x1d,
	  { EIO, LATER, "not ready: configuration in progress" } },
	{ 0x2, 0x04, ANY, { EIO, NO, "not ready" } },
	{ 0x2, 0x05, ANY, { EIO, NO, "not ready: the unit does not respond" } },
	{ 0x2, 0x08, ANY,
	  { EIO, LATER, "not ready: the target cannot talk to the unit" } },
	{ 0x2, 0x30, ANY, { EIO, NO, "not ready: incompatible medium" } },
	{ 0x2, 0x31, ANY, { EIO, NO, "not ready: medium format corrupted" } },
	{ 0x2, 0x3a, ANY, { EIO, NO, "not ready: medium not present" } },
	{ 0x2, 0x3e, 0x00,
	  { EIO, LATER, "not ready: the unit has not configured itself yet" } },
	{ 0x2, ANY, ANY, { EIO, NO, "not ready" } },

	/* 3: MEDIUM ERROR */
	{ 0x3, 0x03, ANY, { ENODATA, NO, "medium error: write fault" } },
	{ 0x3, 0x0c, ANY, { ENODATA, NO, "medium error: write error" } },
	{ 0x3, 0x10, ANY,
	  { ENODATA, NO, "medium error: ID CRC or ECC error" } },
	{ 0x3, 0x11, 0x00,
	  { ENODATA, NO, "medium error: unrecovered read error" } },
	{ 0x3, 0x11, 0x01,
	  { ENODATA, NO, "medium error: read retries exhausted" } },
	{ 0x3, 0x11, 0x04,
	  { ENODATA, NO,
	    "medium error: unrecovered read error, auto reallocate failed" } },
	{ 0x3, 0x11, 0x14,
	  { ENODATA, NO, "medium error: block marked bad on purpose" } },
	{ 0x3, 0x11, ANY, { ENODATA, NO, "medium error: read error" } },
	{ 0x3, 0x14, ANY,
	  { ENODATA, NO, "medium error: recorded entity not found" } },
	{ 0x3, 0x19, ANY, { ENODATA, NO, "medium error: defect list error" } },
	{ 0x3, 0x31, ANY,
	  { ENODATA, NO, "medium error: medium format corrupted" } },
	{ 0x3, 0x32, ANY,
	  { ENODATA, NO, "medium error: no spare blocks are left" } },
	{ 0x3, ANY, ANY, { ENODATA, NO, "medium error" } },

	/* 4: HARDWARE ERROR */
	{ 0x4, 0x08, ANY,
	  { EIO, NO, "hardware error: the target cannot talk to the unit" } },
	{ 0x4, 0x32, ANY,
	  { EIO, NO, "hardware error: no spare blocks are left" } },
	{ 0x4, 0x3e, ANY, { EIO, NO, "hardware error: the unit has failed" } },
	{ 0x4, 0x44, 0x00,
	  { EIO, NO, "hardware error: internal target failure" } },
	{ 0x4, 0x5d, ANY,
	  { EIO, NO,
	    "hardware error: failure prediction threshold exceeded" } },
	{ 0x4, ANY, ANY, { EIO, NO, "hardware error" } },

	/* 5: ILLEGAL REQUEST */
	{ 0x5, 0x1a, 0x00,
	  { EOPNOTSUPP, NO, "illegal request: parameter list length error" } },
	{ 0x5, 0x20, 0x00,
	  { EOPNOTSUPP, NO, "illegal request: the command is not supported" } },
	{ 0x5, 0x20, ANY,
	  { EIO, NO, "illegal request: access to the LUN is denied" } },
	{ 0x5, 0x21, 0x00,
	  { ERANGE, NO, "illegal request: block address out of range" } },
	{ 0x5, 0x24, ANY,
	  { EOPNOTSUPP, NO, "illegal request: invalid field in the command" } },
	{ 0x5, 0x25, ANY,
	  { ENXIO, NO, "illegal request: there is no such LUN" } },
	{ 0x5, 0x26, 0x04,
	  { EBADE, NO, "illegal request: invalid release of a reservation" } },
	{ 0x5, 0x26, ANY,
	  { EOPNOTSUPP, NO,
	    "illegal request: invalid field in the parameters" } },
	{ 0x5, 0x27, ANY,
	  { EROFS, NO, "illegal request: the LUN is write protected" } },
	{ 0x5, 0x2c, ANY,
	  { EIO, NO, "illegal request: command sequence error" } },
	{ 0x5, 0x55, ANY,
	  { EIO, NO, "illegal request: the target is out of resources" } },
	{ 0x5, ANY, ANY, { EIO, NO, "illegal request" } },

	/* 6: UNIT ATTENTION: news; the command was not done */
	{ 0x6, 0x28, ANY,
	  { EIO, NOW, "unit attention: the medium may have changed" } },
	{ 0x6, 0x29, 0x00,
	  { EIO, NOW, "unit attention: power on, reset or device reset" } },
	{ 0x6, 0x29, 0x01, { EIO, NOW, "unit attention: power on" } },
	{ 0x6, 0x29, 0x02, { EIO, NOW, "unit attention: bus reset" } },
	{ 0x6, 0x29, 0x03, { EIO, NOW, "unit attention: device reset" } },
	{ 0x6, 0x29, 0x04, { EIO, NOW, "unit attention: internal reset" } },
	{ 0x6, 0x29, 0x07, { EIO, NOW, "unit attention: I_T nexus lost" } },
	{ 0x6, 0x29, ANY, { EIO, NOW, "unit attention: reset" } },
	{ 0x6, 0x2a, 0x01,
	  { EIO, NOW, "unit attention: mode parameters changed" } },
	{ 0x6, 0x2a, 0x03,
	  { EIO, NOW, "unit attention: reservations preempted" } },
	{ 0x6, 0x2a, 0x04,
	  { EIO, NOW, "unit attention: reservations released" } },
	{ 0x6, 0x2a, 0x05,
	  { EIO, NOW, "unit attention: registrations preempted" } },
	{ 0x6, 0x2a, 0x06,
	  { EIO, NOW, "unit attention: asymmetric access state changed" } },
	{ 0x6, 0x2a, 0x09, { EIO, NOW, "unit attention: capacity changed" } },
	{ 0x6, 0x2a, ANY, { EIO, NOW, "unit attention: parameters changed" } },
	{ 0x6, 0x2f, ANY,
	  { EIO, NOW,
	    "unit attention: commands cleared by another initiator" } },
	{ 0x6, 0x38, 0x07,
	  { EIO, NOW, "unit attention: the thin pool is filling up" } },
	{ 0x6, 0x3f, 0x01, { EIO, NOW, "unit attention: microcode changed" } },
	{ 0x6, 0x3f, 0x03,
	  { EIO, NOW, "unit attention: inquiry data changed" } },
	{ 0x6, 0x3f, 0x05,
	  { EIO, NOW, "unit attention: device identifier changed" } },
	{ 0x6, 0x3f, 0x0e,
	  { EIO, NOW, "unit attention: the list of LUNs changed" } },
	{ 0x6, 0x3f, ANY,
	  { EIO, NOW, "unit attention: operating conditions changed" } },
	{ 0x6, ANY, ANY, { EIO, NOW, "unit attention" } },

	/* 7: DATA PROTECT */
	{ 0x7, 0x27, 0x07,
	  { ENOSPC, NO, "data protect: the thin pool is exhausted" } },
	{ 0x7, 0x27, ANY,
	  { EROFS, NO, "data protect: the LUN is write protected" } },
	{ 0x7, ANY, ANY, { EROFS, NO, "data protect" } },

	{ 0x8, ANY, ANY, { EIO, NO, "blank check" } },
	{ 0x9, ANY, ANY, { EIO, NO, "vendor specific error" } },
	{ 0xa, ANY, ANY, { EIO, NO, "copy aborted" } },

	/* B: ABORTED COMMAND */
	{ 0xb, 0x0e, ANY,
	  { EIO, NOW, "aborted command: error in the information unit" } },
	{ 0xb, 0x10, ANY,
	  { EIO, NOW,
	    "aborted command: protection information does not fit" } },
	{ 0xb, 0x44, ANY,
	  { EIO, NOW, "aborted command: internal target failure" } },
	{ 0xb, 0x47, ANY,
	  { EIO, NOW, "aborted command: data was damaged on its way" } },
	{ 0xb, 0x4b, ANY, { EIO, NOW, "aborted command: data phase error" } },
	{ 0xb, 0x55, ANY,
	  { EIO, LATER, "aborted command: the target is out of resources" } },
	{ 0xb, ANY, ANY, { EIO, NOW, "aborted command" } },

	{ 0xc, ANY, ANY, { EIO, NO, "equal (obsolete sense key)" } },
	{ 0xd, ANY, ANY, { EIO, NO, "volume overflow" } },
	{ 0xe, ANY, ANY,
	  { EILSEQ, NO, "miscompare: the data on the medium is another" } },
	{ 0xf, ANY, ANY,
	  { EIO, NO, "completed sense with a check condition" } },
};

const size_t dsc_sense_row_count =
	sizeof(dsc_sense_rows) / sizeof(dsc_sense_rows[0]);
