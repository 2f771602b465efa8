/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-pdu.c: headers, byte by byte against the figures of RFC 7143 section
 * 11, and serial number arithmetic.
 */
#include <string.h>

#include "harness/harness.h"
#include "iscsi/pdu.h"

static const uint8_t lun[8] = { 0x40, 1, 2, 3, 4, 5, 6, 7 };
static const uint8_t cdb[16] = { 0x28, 0, 0xa, 0xb, 0xc, 0xd, 0, 0,
				 8, 0, 0, 0, 0, 0, 0, 0xee };

static const struct dsc_request_header header = {
	.flags = 0xa1,
	.lun = lun,
	.cdb = cdb,
	.data_length = 0x010203,
	.itt = 0x11121314,
	.ttt = 0x21222324,
	.transfer_length = 0x31323334,
	.cmd_sn = 0x41424344,
	.exp_stat_sn = 0x51525354,
	.data_sn = 0x61626364,
	.offset = 0x71727374,
};

static void put(void (*fn)(uint8_t *bytes, const struct dsc_request_header *h),
		const struct dsc_request_header *h, const uint8_t *expected)
{
	uint8_t bytes[DSC_HEADER_BYTES];

	memset(bytes, 0xcc, sizeof(bytes));
	fn(bytes, h);
	CU_ASSERT_EQUAL(memcmp(bytes, expected, sizeof(bytes)), 0);
}

static void command(void)
{
	static const uint8_t expected[48] = {
		0x01, 0xa1, 0, 0, 0, 0x01, 0x02, 0x03,
		0x40, 1, 2, 3, 4, 5, 6, 7,
		0x11, 0x12, 0x13, 0x14, 0x31, 0x32, 0x33, 0x34,
		0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0x54,
		0x28, 0, 0xa, 0xb, 0xc, 0xd, 0, 0,
		8, 0, 0, 0, 0, 0, 0, 0xee,
	};

	put(dsc_pdu_put_command, &header, expected);
}

static void data_out(void)
{
	static const uint8_t expected[48] = {
		0x05, 0xa1, 0, 0, 0, 0x01, 0x02, 0x03,
		0x40, 1, 2, 3, 4, 5, 6, 7,
		0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24,
		0, 0, 0, 0, 0x51, 0x52, 0x53, 0x54,
		0, 0, 0, 0, 0x61, 0x62, 0x63, 0x64,
		0x71, 0x72, 0x73, 0x74, 0, 0, 0, 0,
	};

	put(dsc_pdu_put_data_out, &header, expected);
}

static void nop_out(void)
{
	static const uint8_t expected[48] = {
		0x40, 0x80, 0, 0, 0, 0x01, 0x02, 0x03,
		0x40, 1, 2, 3, 4, 5, 6, 7,
		0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24,
		0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0x54,
	};

	put(dsc_pdu_put_nop_out, &header, expected);
}

static void text(void)
{
	static const uint8_t expected[48] = {
		0x44, 0xa1, 0, 0, 0, 0x01, 0x02, 0x03,
		0, 0, 0, 0, 0, 0, 0, 0,
		0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24,
		0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0x54,
	};
	struct dsc_request_header h = header;

	h.lun = NULL;
	put(dsc_pdu_put_text, &h, expected);
}

static void logout(void)
{
	static const uint8_t expected[48] = {
		0x46, 0x81, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0,
		0x11, 0x12, 0x13, 0x14, 0, 0, 0, 0,
		0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0x54,
	};
	const struct dsc_request_header h = {
		.flags = 1,
		.itt = header.itt,
		.cmd_sn = header.cmd_sn,
		.exp_stat_sn = header.exp_stat_sn,
	};

	put(dsc_pdu_put_logout, &h, expected);
}

static void target_header(void)
{
	static const uint8_t bytes[48] = {
		0xe5, 0x83, 0x05, 0x02, 0x07, 0x0a, 0x0b, 0x0c,
		0x40, 1, 2, 3, 4, 5, 6, 7,
		0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24,
		0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44,
		0x51, 0x52, 0x53, 0x54, 0x61, 0x62, 0x63, 0x64,
		0x71, 0x72, 0x73, 0x74, 0x81, 0x82, 0x83, 0x84,
	};
	struct dsc_async async;
	struct dsc_pdu pdu;

	dsc_pdu_get(bytes, &pdu);
	CU_ASSERT_EQUAL(pdu.opcode, DSC_OP_DATA_IN);
	CU_ASSERT_EQUAL(pdu.flags, 0x83);
	CU_ASSERT_EQUAL(pdu.response, 5);
	CU_ASSERT_EQUAL(pdu.status, 2);
	CU_ASSERT_EQUAL(pdu.ahs_words, 7);
	CU_ASSERT_EQUAL(pdu.data_length, 0x0a0b0c);
	CU_ASSERT_EQUAL(memcmp(pdu.lun, lun, 8), 0);
	CU_ASSERT_EQUAL(pdu.itt, 0x11121314);
	CU_ASSERT_EQUAL(pdu.ttt, 0x21222324);
	CU_ASSERT_EQUAL(pdu.stat_sn, 0x31323334);
	CU_ASSERT_EQUAL(pdu.exp_cmd_sn, 0x41424344);
	CU_ASSERT_EQUAL(pdu.max_cmd_sn, 0x51525354);
	CU_ASSERT_EQUAL(pdu.data_sn, 0x61626364);
	CU_ASSERT_EQUAL(pdu.offset, 0x71727374);
	CU_ASSERT_EQUAL(pdu.residual, 0x81828384);
	dsc_pdu_get_async(&pdu, &async);
	CU_ASSERT_EQUAL(async.event, 0x61);
	CU_ASSERT_EQUAL(async.vendor_code, 0x62);
	CU_ASSERT_EQUAL(async.parameter1, 0x6364);
	CU_ASSERT_EQUAL(async.parameter2, 0x7172);
	CU_ASSERT_EQUAL(async.parameter3, 0x7374);
}

static void names(void)
{
	unsigned i;

	CU_ASSERT_STRING_EQUAL(dsc_opcode_name(DSC_OP_R2T), "R2T");
	CU_ASSERT_STRING_EQUAL(dsc_opcode_name(0x41), "SCSI Command");
	CU_ASSERT_STRING_EQUAL(dsc_reject_name(4), "protocol error");
	for (i = 0; i < 256; i++) {
		CU_ASSERT_PTR_NOT_NULL(dsc_opcode_name((uint8_t)i));
		CU_ASSERT_PTR_NOT_NULL(dsc_reject_name((uint8_t)i));
	}
}

static void padding(void)
{
	static const uint32_t pads[] = { 0, 3, 2, 1 };
	uint32_t i;

	for (i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(dsc_pad(i), pads[i % 4]);
	CU_ASSERT_EQUAL(dsc_pad(0xffffff), 1);
}

static void serial_numbers(void)
{
	CU_ASSERT(dsc_sn_is_before(1, 2));
	CU_ASSERT_FALSE(dsc_sn_is_before(2, 2));
	CU_ASSERT_FALSE(dsc_sn_is_before(3, 2));
	CU_ASSERT(dsc_sn_is_before(0xffffffff, 0));
	CU_ASSERT(dsc_sn_is_before(0xfffffff0, 0x10));
	CU_ASSERT_FALSE(dsc_sn_is_before(0, 0xffffffff));
	CU_ASSERT(dsc_sn_is_before(0x7fffffff, 0x80000000));
	CU_ASSERT_FALSE(dsc_sn_is_before(0x80000000, 0x7fffffff));
}

static const struct dsc_test tests[] = {
	{ "command", command },
	{ "data_out", data_out },
	{ "nop_out", nop_out },
	{ "text", text },
	{ "logout", logout },
	{ "target_header", target_header },
	{ "names", names },
	{ "padding", padding },
	{ "serial_numbers", serial_numbers },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("pdu", tests, argc, argv);
}
