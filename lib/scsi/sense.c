/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sense.c: reading sense data of both formats (SPC-4 clause 4.5) and judging
 * a command by it and by its status, with the rows of sense-table.c. Pure;
 * any thread.
 */
#include "scsi/sense.h"

#include <errno.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/sense-table.h"

#define FIXED_CURRENT 0x70
#define FIXED_DEFERRED 0x71
#define DESCRIPTOR_CURRENT 0x72
#define DESCRIPTOR_DEFERRED 0x73

#define HEADER_BYTES 8
#define INFORMATION_VALID 0x80
#define INFORMATION_TYPE 0x00      /* descriptor */
#define INFORMATION_LENGTH 0x0a

/* What can be read: what arrived, and no more than the sense data states. */
static size_t readable(const uint8_t *data, size_t length)
{
	if (length < HEADER_BYTES)
		return length;
	return dsc_min_size(length, HEADER_BYTES + (size_t)data[7]);
}

static void parse_fixed(const uint8_t *data, size_t length,
			struct dsc_sense *sense)
{
	if (length < 3)
		return;
	sense->is_valid = true;
	sense->key = data[2] & 0x0f;
	if (length >= 7 && data[0] & INFORMATION_VALID) {
		sense->has_information = true;
		sense->information = dsc_get_be32(data + 3);
	}
	if (length >= 13)
		sense->asc = data[12];
	if (length >= 14)
		sense->ascq = data[13];
}

static void parse_descriptors(const uint8_t *data, size_t length,
			      struct dsc_sense *sense)
{
	size_t bytes;

	for (size_t at = HEADER_BYTES; at + 2 <= length; at += bytes) {
		bytes = 2 + (size_t)data[at + 1];
		if (bytes > length - at)
			return;
		if (data[at] == INFORMATION_TYPE &&
		    data[at + 1] >= INFORMATION_LENGTH &&
		    data[at + 2] & INFORMATION_VALID) {
			sense->has_information = true;
			sense->information = dsc_get_be64(data + at + 4);
			return;
		}
	}
}

static void parse_descriptor_format(const uint8_t *data, size_t length,
				    struct dsc_sense *sense)
{
	if (length < 2)
		return;
	sense->is_valid = true;
	sense->key = data[1] & 0x0f;
	if (length >= 3)
		sense->asc = data[2];
	if (length >= 4)
		sense->ascq = data[3];
	parse_descriptors(data, length, sense);
}

void dsc_sense_parse(const uint8_t *data, size_t length,
		     struct dsc_sense *sense)
{
	uint8_t format;

	*sense = (struct dsc_sense){ 0 };
	if (length == 0)
		return;
	length = readable(data, length);
	format = data[0] & 0x7f;
	sense->is_deferred = format == FIXED_DEFERRED ||
			     format == DESCRIPTOR_DEFERRED;
	if (format == FIXED_CURRENT || format == FIXED_DEFERRED)
		parse_fixed(data, length, sense);
	else if (format == DESCRIPTOR_CURRENT || format == DESCRIPTOR_DEFERRED)
		parse_descriptor_format(data, length, sense);
}

/* --------------------------------------------------------------- verdict */

static bool fits(const struct dsc_sense_row *row, const struct dsc_sense *sense)
{
	return row->key == sense->key &&
	       (row->asc == DSC_SENSE_ANY || row->asc == sense->asc) &&
	       (row->ascq == DSC_SENSE_ANY || row->ascq == sense->ascq);
}

/*
 * A deferred error belongs to an earlier command, whose success has been told
 * already, and the command that carries it was not done. It has to be
 * reported: a retry would make the loss of acknowledged data invisible.
 */
static struct dsc_verdict judge_deferred(const struct dsc_sense *sense)
{
	static const struct dsc_verdict lost = {
		EIO, DSC_RETRY_NO, DSC_NEWS_NONE,
		"deferred error: an earlier command failed after its success "
		"had been reported"
	};
	static const struct dsc_verdict harmless = {
		EIO, DSC_RETRY_NOW, DSC_NEWS_NONE,
		"deferred report of an earlier command"
	};

	switch (sense->key) {
	case 0x0:
	case 0x1:
	case 0x6:
		return harmless;
	default:
		return lost;
	}
}

static struct dsc_verdict judge_sense(const struct dsc_sense *sense)
{
	static const struct dsc_verdict unknown = {
		EIO, DSC_RETRY_NOW, DSC_NEWS_NONE,
		"check condition without sense data"
	};

	if (sense == NULL || !sense->is_valid)
		return unknown;
	if (sense->is_deferred)
		return judge_deferred(sense);
	for (size_t i = 0; i < dsc_sense_row_count; i++) {
		if (fits(&dsc_sense_rows[i], sense))
			return dsc_sense_rows[i].verdict;
	}
	return unknown;
}

struct dsc_verdict dsc_sense_judge(uint8_t status,
				   const struct dsc_sense *sense)
{
	static const struct dsc_verdict unknown = {
		EIO, DSC_RETRY_NO, DSC_NEWS_NONE, "unknown SCSI status"
	};

	if (status == DSC_SAM_CHECK_CONDITION)
		return judge_sense(sense);
	for (size_t i = 0; i < dsc_status_row_count; i++) {
		if (dsc_status_rows[i].status == status)
			return dsc_status_rows[i].verdict;
	}
	return unknown;
}

/* ----------------------------------------------------------------- error */

/* True for keys whose information field is a block address (SBC-3 4.18.1). */
static bool names_block(const struct dsc_sense *sense)
{
	return sense->has_information && !sense->is_deferred &&
	       (sense->key == 0x3 || sense->key == 0x4 || sense->key == 0xb);
}

/* ", sense 3/11/00, block 4711", or nothing without sense. */
static void describe(const struct dsc_sense *sense, char *text, size_t room)
{
	int n;

	text[0] = '\0';
	if (sense == NULL)
		return;
	n = snprintf(text, room, ", sense %x/%02x/%02x", sense->key, sense->asc,
		     sense->ascq);
	if (names_block(sense) && n > 0 && (size_t)n < room)
		snprintf(text + n, room - (size_t)n, ", block %llu",
			 (unsigned long long)sense->information);
}

int dsc_sense_error(struct discsi_error *error, const char *what,
		    uint8_t status, const struct dsc_sense *sense,
		    const struct dsc_verdict *verdict)
{
	char details[64];

	if (status != DSC_SAM_CHECK_CONDITION ||
	    (sense != NULL && !sense->is_valid))
		sense = NULL;
	describe(sense, details, sizeof(details));
	if (verdict->errnum == 0) {
		dsc_error_init(error);
		return 0;
	}
	dsc_error_set(error, verdict->errnum, "%s: %s (status %02x%s)", what,
		      verdict->text, status, details);
	error->scsi_status = status;
	if (sense != NULL) {
		error->sense_key = sense->key;
		error->asc = sense->asc;
		error->ascq = sense->ascq;
	}
	return -verdict->errnum;
}
