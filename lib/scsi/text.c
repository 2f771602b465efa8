/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.c: text fields of SCSI data as C strings (text.h). What a target sends
 * here ends in tables, logs and JSON, hence nothing but printable ASCII gets
 * through. Pure; any thread.
 */
#include "scsi/text.h"

#include "base/checked.h"

static bool is_padding(uint8_t byte)
{
	return byte == ' ' || byte == '\0';
}

static bool is_printable(uint8_t byte)
{
	return byte >= 0x20 && byte <= 0x7e;
}

void dsc_text_trim(const uint8_t **field, size_t *length)
{
	while (*length > 0 && is_padding((*field)[*length - 1]))
		(*length)--;
	while (*length > 0 && is_padding(**field)) {
		(*field)++;
		(*length)--;
	}
}

bool dsc_text_is_printable(const uint8_t *field, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!is_printable(field[i]))
			return false;
	}
	return true;
}

void dsc_text_copy(const uint8_t *field, size_t length, char *text,
		   size_t room)
{
	if (room == 0)
		return;
	dsc_text_trim(&field, &length);
	length = dsc_min_size(length, room - 1);
	for (size_t i = 0; i < length; i++)
		text[i] = is_printable(field[i]) ? (char)field[i] : '?';
	text[length] = '\0';
}
