/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hex.h: bytes of a test written as hex digits, in buffers of exactly their
 * length, so that a sanitizer sees a read of one byte too many.
 */
#ifndef DSC_TESTS_UNIT_HEX_H
#define DSC_TESTS_UNIT_HEX_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct hex {
	uint8_t *data;
	size_t length;
};

static inline unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* A copy of bytes; never NULL, not even for none. */
static inline struct hex hex_copy(const void *bytes, size_t length)
{
	struct hex h = { malloc(length), length };

	if (h.data == NULL && length > 0)
		abort();
	if (length > 0)
		memcpy(h.data, bytes, length);
	return h;
}

/* Lower-case digits, with blanks anywhere between two bytes. */
static inline struct hex hex_bytes(const char *text)
{
	struct hex bytes;
	uint8_t *all = malloc(strlen(text) / 2 + 1);
	size_t n = 0;

	if (all == NULL)
		abort();
	for (; *text != '\0'; text++) {
		if (*text == ' ')
			continue;
		all[n++] = (uint8_t)(hex_digit(text[0]) << 4 |
				     hex_digit(text[1]));
		text++;
	}
	bytes = hex_copy(all, n);
	free(all);
	return bytes;
}

static inline void hex_free(struct hex *h)
{
	free(h->data);
	h->data = NULL;
}

#endif /* DSC_TESTS_UNIT_HEX_H */
