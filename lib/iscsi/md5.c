/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * md5.c: the algorithm of RFC 1321, section 3, written for clarity: a login
 * digests some fifty bytes. Pure.
 */
#include "iscsi/md5.h"

#include <endian.h>
#include <string.h>

#include "base/secret.h"

#define BLOCK_BYTES sizeof(((struct dsc_md5 *)0)->block)

/* The integer part of 2^32 * |sin(i + 1)|. */
static const uint32_t sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee,
	0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
	0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
	0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
	0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
	0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
	0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
	0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
	0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05,
	0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039,
	0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
	0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* By how much each step of a round rotates; they repeat. */
static const uint8_t shifts[4][4] = {
	{ 7, 12, 17, 22 },
	{ 5, 9, 14, 20 },
	{ 4, 11, 16, 23 },
	{ 6, 10, 15, 21 },
};

static uint32_t rotate(uint32_t v, unsigned int bits)
{
	return v << bits | v >> (32 - bits);
}

/* What step i of a block mixes, and which word of the block it adds. */
static uint32_t mix(unsigned int i, uint32_t b, uint32_t c, uint32_t d,
		    unsigned int *word)
{
	switch (i / 16) {
	case 0:
		*word = i;
		return (b & c) | (~b & d);
	case 1:
		*word = (5 * i + 1) % 16;
		return (d & b) | (~d & c);
	case 2:
		*word = (3 * i + 5) % 16;
		return b ^ c ^ d;
	default:
		*word = 7 * i % 16;
		return c ^ (b | ~d);
	}
}

static void digest_block(struct dsc_md5 *md5)
{
	uint32_t a = md5->state[0], b = md5->state[1];
	uint32_t c = md5->state[2], d = md5->state[3];
	uint32_t words[16], sum;
	unsigned int i, word;

	memcpy(words, md5->block, sizeof(words));
	for (i = 0; i < 64; i++) {
		sum = a + mix(i, b, c, d, &word) + sines[i];
		sum += le32toh(words[word]);
		a = d;
		d = c;
		c = b;
		b += rotate(sum, shifts[i / 16][i % 4]);
	}
	md5->state[0] += a;
	md5->state[1] += b;
	md5->state[2] += c;
	md5->state[3] += d;
	dsc_wipe(words, sizeof(words));
}

void dsc_md5_init(struct dsc_md5 *md5)
{
	*md5 = (struct dsc_md5){
		.state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 },
	};
}

void dsc_md5_add(struct dsc_md5 *md5, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	while (length-- > 0) {
		md5->block[md5->length++ % BLOCK_BYTES] = *p++;
		if (md5->length % BLOCK_BYTES == 0)
			digest_block(md5);
	}
}

void dsc_md5_end(struct dsc_md5 *md5, uint8_t digest[DSC_MD5_BYTES])
{
	static const uint8_t zero, one = 0x80;
	uint64_t bits = htole64(md5->length * 8);
	size_t i;

	dsc_md5_add(md5, &one, 1);
	while (md5->length % BLOCK_BYTES != BLOCK_BYTES - sizeof(bits))
		dsc_md5_add(md5, &zero, 1);
	dsc_md5_add(md5, &bits, sizeof(bits));
	for (i = 0; i < 4; i++)
		md5->state[i] = htole32(md5->state[i]);
	memcpy(digest, md5->state, DSC_MD5_BYTES);
	dsc_wipe(md5, sizeof(*md5));
}
