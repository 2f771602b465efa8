/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-wire.c: the fixed parts of the NBD protocol, byte for byte, and the
 * flags and errors that are told.
 */
#include <errno.h>

#include "harness/harness.h"
#include "nbd-bridge/disk.h"
#include "nbd-bridge/wire.h"
#include "unit/hex.h"

#define COOKIE_HEX "0102030405060708"

static bool is_hex(const void *bytes, size_t length, const char *hex)
{
	struct hex wanted = hex_bytes(hex);
	bool is_same = wanted.length == length &&
		       memcmp(wanted.data, bytes, length) == 0;

	hex_free(&wanted);
	return is_same;
}

static uint64_t cookie(void)
{
	struct hex bytes = hex_bytes(COOKIE_HEX);
	uint64_t value;

	memcpy(&value, bytes.data, sizeof(value));
	hex_free(&bytes);
	return value;
}

static void test_greeting(void)
{
	uint8_t bytes[NBD_GREETING_SIZE];

	nbd_encode_greeting(bytes);
	CU_ASSERT(is_hex(bytes, sizeof(bytes),
			 "4e42444d41474943 49484156454f5054 0003"));
}

static void test_option(void)
{
	struct hex in = hex_bytes("49484156454f5054 00000007 00000102");
	uint8_t reply[NBD_OPTION_REPLY_SIZE];
	struct nbd_option option;

	CU_ASSERT(nbd_decode_option(in.data, &option));
	CU_ASSERT_EQUAL(option.type, NBD_OPT_GO);
	CU_ASSERT_EQUAL(option.length, 0x102);
	in.data[7] ^= 1;
	CU_ASSERT(!nbd_decode_option(in.data, &option));
	hex_free(&in);

	nbd_encode_option_reply(reply, NBD_OPT_LIST, NBD_REP_ERR_UNSUP, 5);
	CU_ASSERT(is_hex(reply, sizeof(reply),
			 "0003e889045565a9 00000003 80000001 00000005"));
}

static void test_request(void)
{
	struct hex in = hex_bytes("25609513 0001 0006 " COOKIE_HEX
				  " 0000000100000200 00001000");
	struct nbd_request request;

	CU_ASSERT(nbd_decode_request(in.data, &request));
	CU_ASSERT_EQUAL(request.flags, NBD_CMD_FLAG_FUA);
	CU_ASSERT_EQUAL(request.type, NBD_CMD_WRITE_ZEROES);
	CU_ASSERT_EQUAL(request.cookie, cookie());
	CU_ASSERT_EQUAL(request.offset, 0x100000200);
	CU_ASSERT_EQUAL(request.length, 4096);
	in.data[0] ^= 1;
	CU_ASSERT(!nbd_decode_request(in.data, &request));
	hex_free(&in);
}

static void test_extended(void)
{
	struct hex in = hex_bytes("21e41c71 0021 0001 " COOKIE_HEX
				  " 0000000100000200 0000123400001000");
	uint8_t bytes[NBD_EXTENDED_CHUNK_SIZE];
	struct nbd_request request;

	CU_ASSERT_EQUAL(in.length, NBD_EXTENDED_REQUEST_SIZE);
	CU_ASSERT(nbd_decode_extended_request(in.data, &request));
	CU_ASSERT_EQUAL(request.flags,
			NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_PAYLOAD_LEN);
	CU_ASSERT_EQUAL(request.type, NBD_CMD_WRITE);
	CU_ASSERT_EQUAL(request.cookie, cookie());
	CU_ASSERT_EQUAL(request.offset, 0x100000200);
	CU_ASSERT_EQUAL(request.length, 0x123400001000);
	in.data[3] ^= 1;
	CU_ASSERT(!nbd_decode_extended_request(in.data, &request));
	hex_free(&in);

	CU_ASSERT_EQUAL(nbd_encode_extended_chunk(
		bytes, NBD_REPLY_TYPE_OFFSET_DATA, cookie(), 0x100000200, 300),
		NBD_EXTENDED_CHUNK_SIZE);
	CU_ASSERT(is_hex(bytes, sizeof(bytes),
			 "6e8a278c 0001 0001 " COOKIE_HEX
			 " 0000000100000200 000000000000012c"));
}

static void test_replies(void)
{
	uint8_t bytes[NBD_CHUNK_SIZE];

	CU_ASSERT_EQUAL(nbd_encode_simple_reply(bytes, 5, cookie()),
			NBD_SIMPLE_REPLY_SIZE);
	CU_ASSERT(is_hex(bytes, NBD_SIMPLE_REPLY_SIZE,
			 "67446698 00000005 " COOKIE_HEX));
	CU_ASSERT_EQUAL(nbd_encode_chunk(bytes, NBD_REPLY_TYPE_ERROR, cookie(),
					 300), NBD_CHUNK_SIZE);
	CU_ASSERT(is_hex(bytes, NBD_CHUNK_SIZE,
			 "668e33ef 0001 8001 " COOKIE_HEX " 0000012c"));
}

static void test_errors(void)
{
	static const struct {
		int errnum;
		uint32_t wire;
	} cases[] = {
		{ 0, 0 }, { EPERM, 1 }, { EROFS, 1 }, { EIO, 5 },
		{ ENOMEM, 12 }, { EINVAL, 22 }, { ERANGE, 22 }, { ENOSPC, 28 },
		{ EOVERFLOW, 75 }, { EOPNOTSUPP, 95 }, { ESHUTDOWN, 108 },
		{ ECANCELED, 108 }, { EACCES, 1 }, { EDQUOT, 28 }, { EFBIG, 28 },
		{ ENODATA, 5 }, { EBADE, 5 },
		{ ETIMEDOUT, 5 }, { ENOTCONN, 5 }, { EPROTO, 5 }, { ENXIO, 5 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(nbd_error_from_errno(cases[i].errnum),
				cases[i].wire);
		CU_ASSERT_EQUAL(nbd_error_from_errno(-cases[i].errnum),
				cases[i].wire);
	}
}

/* HAS_FLAGS, FLUSH, CAN_MULTI_CONN and CACHE are always true of us. */
static void test_flags(void)
{
	struct nbd_disk disk = { .bytes = 512 };

	CU_ASSERT_EQUAL(nbd_disk_flags(&disk, false), 0x54d);
	CU_ASSERT_EQUAL(nbd_disk_flags(&disk, true), 0x5cd);
	disk.is_rotational = true;
	CU_ASSERT_EQUAL(nbd_disk_flags(&disk, false), 0x55d);
	disk.can_trim = true;
	CU_ASSERT_EQUAL(nbd_disk_flags(&disk, false), 0x57d);
	disk.can_zero_fast = true;
	CU_ASSERT_EQUAL(nbd_disk_flags(&disk, false), 0xd7d);
	disk.is_read_only = true;
	CU_ASSERT_EQUAL(nbd_disk_flags(&disk, false), 0x517);
	disk.is_rotational = false;
	CU_ASSERT_EQUAL(nbd_disk_flags(&disk, true), 0x587);
}

static const struct dsc_test tests[] = {
	{ "greeting", test_greeting },
	{ "option", test_option },
	{ "request", test_request },
	{ "extended", test_extended },
	{ "replies", test_replies },
	{ "errors", test_errors },
	{ "flags", test_flags },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-wire", tests, argc, argv);
}
