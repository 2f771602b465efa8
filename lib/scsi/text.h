/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.h: text fields of SCSI data (fixed width, padded with blanks, of any
 * content) as C strings that are safe to print. Pure; any thread.
 */
#ifndef DSC_SCSI_TEXT_H
#define DSC_SCSI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Narrows [*field, *length] by the blanks and NULs at both ends. */
void dsc_text_trim(const uint8_t **field, size_t *length);

/* True for printable ASCII alone (blank included). */
bool dsc_text_is_printable(const uint8_t *field, size_t length);

/*
 * Copies a field, trimmed and with '?' for every byte that is not printable
 * ASCII; cut to room - 1 bytes.
 */
void dsc_text_copy(const uint8_t *field, size_t length, char *text,
		   size_t room);

#endif /* DSC_SCSI_TEXT_H */
