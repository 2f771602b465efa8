/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-crc32c.c: the checksum of digests: known answers (RFC 7143 appendix
 * A.4), the instruction against the table, and pieces against the whole.
 */
#include <string.h>

#include "harness/harness.h"
#include "iscsi/crc32c.h"

typedef uint32_t (*crc_fn)(uint32_t crc, const void *data, size_t length);

static const crc_fn implementations[] = { dsc_crc32c, dsc_crc32c_table };

static void assert_crc(const void *data, size_t length, uint32_t crc)
{
	size_t i;

	for (i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(implementations[i](0, data, length), crc);
}

static void known_answers(void)
{
	static const uint8_t read_command[48] = {
		0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
		0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18,
		0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	};
	uint8_t data[32];
	uint8_t i;

	assert_crc("", 0, 0);
	assert_crc("123456789", 9, 0xe3069283);
	memset(data, 0, sizeof(data));
	assert_crc(data, sizeof(data), 0x8a9136aa);
	memset(data, 0xff, sizeof(data));
	assert_crc(data, sizeof(data), 0x62a8ab43);
	for (i = 0; i < 32; i++)
		data[i] = i;
	assert_crc(data, sizeof(data), 0x46dd794e);
	for (i = 0; i < 32; i++)
		data[i] = (uint8_t)(31 - i);
	assert_crc(data, sizeof(data), 0x113fdb5c);
	assert_crc(read_command, sizeof(read_command), 0xd9963a56);
}

static void wire_order(void)
{
	static const uint8_t zeroes[32];
	uint8_t digest[DSC_DIGEST_BYTES];

	dsc_digest_put(digest, dsc_crc32c(0, zeroes, sizeof(zeroes)));
	CU_ASSERT_EQUAL(memcmp(digest, "\xaa\x36\x91\x8a", 4), 0);
	CU_ASSERT_EQUAL(dsc_digest_get(digest), 0x8a9136aa);
}

/* Every length, every alignment, and every place to cut it in two. */
static void pieces(void)
{
	uint8_t data[90];
	size_t begin, length, cut;
	uint32_t whole;
	uint8_t i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 + 11);
	for (begin = 0; begin < 9; begin++) {
		for (length = 0; length <= 80; length++) {
			whole = dsc_crc32c_table(0, data + begin, length);
			CU_ASSERT_EQUAL(dsc_crc32c(0, data + begin, length),
					whole);
			cut = length * 2 / 3;
			CU_ASSERT_EQUAL(dsc_crc32c(dsc_crc32c(0, data + begin,
							      cut),
						   data + begin + cut,
						   length - cut), whole);
		}
	}
}

static const struct dsc_test tests[] = {
	{ "known_answers", known_answers },
	{ "wire_order", wire_order },
	{ "pieces", pieces },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("crc32c", tests, argc, argv);
}
