/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.c: a strict reading of UTF-8 (RFC 3629), as far as showing text needs
 * one. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* A lead byte, by its fixed bits, and the smallest code point it may begin. */
static const struct {
	uint8_t mask;
	uint8_t bits;
	size_t length;
	uint32_t least;
} leads[] = {
	{ 0x80, 0x00, 1, 0x00 },
	{ 0xe0, 0xc0, 2, 0x80 },
	{ 0xf0, 0xe0, 3, 0x800 },
	{ 0xf8, 0xf0, 4, 0x10000 },
};

static bool is_shown(uint32_t code)
{
	bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
	bool is_surrogate = code >= 0xd800 && code <= 0xdfff;

	return !is_control && !is_surrogate && code <= 0x10ffff;
}

/* How many bytes of text make a character that may be shown; 0: none do. */
static size_t shown_length(const uint8_t *text)
{
	size_t i, lead = 0;
	uint32_t code;

	while ((text[0] & leads[lead].mask) != leads[lead].bits) {
		if (++lead == sizeof(leads) / sizeof(leads[0]))
			return 0;
	}
	code = text[0] & (uint8_t)~leads[lead].mask;
	for (i = 1; i < leads[lead].length; i++) {
		/* The terminating NUL is no continuation byte. */
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < leads[lead].least || !is_shown(code))
		return 0;
	return leads[lead].length;
}

void dsc_text_clean(char *text)
{
	uint8_t *c = (uint8_t *)text;

	while (*c != '\0') {
		size_t length = shown_length(c);

		if (length == 0)
			*c = '?';
		c += length > 0 ? length : 1;
	}
}
