/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.c: a strict reading of UTF-8 (RFC 3629), as far as showing text needs
 * one. Pure.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

static bool is_character(uint32_t code)
{
	return code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* How many bytes of text make the character *code; 0: none do. */
static size_t decode(const uint8_t *text, uint32_t *character)
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
	if (code < leads[lead].least || !is_character(code))
		return 0;
	*character = code;
	return leads[lead].length;
}

/* How many bytes of text make a character that may be shown; 0: none do. */
static size_t shown_length(const uint8_t *text)
{
	uint32_t code;
	size_t length = decode(text, &code);

	return length == 0 || is_control(code) ? 0 : length;
}

bool dsc_text_is_utf8(const char *text)
{
	const uint8_t *c = (const uint8_t *)text;
	uint32_t code;
	size_t length;

	for (; *c != '\0'; c += length) {
		length = decode(c, &code);
		if (length == 0)
			return false;
	}
	return true;
}

bool dsc_text_is_clean(const char *text)
{
	const uint8_t *c = (const uint8_t *)text;
	size_t length;

	for (; *c != '\0'; c += length) {
		length = shown_length(c);
		if (length == 0)
			return false;
	}
	return true;
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

void dsc_text_portal(const char *host, unsigned port, char *text, size_t room)
{
	bool is_v6 = strchr(host, ':') != NULL;

	snprintf(text, room, "%s%s%s:%u", is_v6 ? "[" : "", host,
		 is_v6 ? "]" : "", port);
}
