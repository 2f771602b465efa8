/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-handshake.c: the negotiation as bytes in and bytes out. What goes in
 * lies in buffers of exactly its length, so that a sanitizer sees a read behind
 * the end.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "harness/harness.h"
#include "nbd-bridge/handshake.h"
#include "unit/hex.h"

#define MAGIC "49484156454f5054"

static const struct nbd_disk disk = {
	.bytes = 0x40000000,
	.block_size = 512,
	.preferred_size = 65536,
	.can_trim = true,
	.description = "VENDOR disk",
};
static const struct nbd_export export = { "lun7", &disk };
static struct nbd_handshake hs;

/* Takes what there is to send, and says whether it is this. */
static bool is_out(const char *hex)
{
	struct hex wanted = hex_bytes(hex);
	bool is_same = wanted.length == hs.out_length &&
		       memcmp(wanted.data, hs.out, wanted.length) == 0;
	size_t i;

	if (!is_same) {
		char text[3 * 128 + 1] = "";

		for (i = 0; i < hs.out_length && i < 128; i++)
			snprintf(text + 2 * i, 3, "%02x", hs.out[i]);
		dsc_test_note("%zu bytes: %s", hs.out_length, text);
	}
	hex_free(&wanted);
	hs.out_length = 0;
	return is_same;
}

/* One step with these bytes, all of which must be consumed. */
static enum nbd_step feed(const char *hex)
{
	struct hex in = hex_bytes(hex);
	size_t consumed = SIZE_MAX;
	enum nbd_step step;

	step = nbd_handshake_step(&hs, in.data, in.length, &consumed);
	CU_ASSERT_EQUAL(consumed, in.length);
	hex_free(&in);
	return step;
}

static void begin(const char *flags)
{
	nbd_handshake_init(&hs, &export);
	CU_ASSERT(is_out("4e42444d41474943 49484156454f5054 0003"));
	CU_ASSERT_EQUAL(feed(flags), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(hs.out_length, 0);
}

static void negotiate_structured(void)
{
	CU_ASSERT_EQUAL(feed(MAGIC "00000008 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT(is_out("0003e889045565a9 00000008 00000001 00000000"));
}

/* The reply type of the last thing said, which is then taken. */
static uint32_t last_reply(void)
{
	size_t at = 0;
	uint32_t reply = 0;

	while (at + NBD_OPTION_REPLY_SIZE <= hs.out_length) {
		CU_ASSERT_EQUAL(dsc_get_be64(hs.out + at),
				NBD_MAGIC_OPTION_REPLY);
		reply = dsc_get_be32(hs.out + at + 12);
		at += NBD_OPTION_REPLY_SIZE + dsc_get_be32(hs.out + at + 16);
	}
	CU_ASSERT_EQUAL(at, hs.out_length);
	hs.out_length = 0;
	return reply;
}

static void test_client_flags(void)
{
	static const char *const bad[] = { "00000004", "80000003", "ffffffff" };
	size_t i, consumed;

	for (i = 0; i < 3; i++) {
		nbd_handshake_init(&hs, &export);
		CU_ASSERT_EQUAL(feed(bad[i]), NBD_STEP_CLOSE);
	}
	nbd_handshake_init(&hs, &export);
	CU_ASSERT_EQUAL(nbd_handshake_step(&hs, (const uint8_t *)"\0\0\0", 3,
					   &consumed), NBD_STEP_MORE);
	CU_ASSERT_EQUAL(consumed, 0);
	begin("00000000");
	begin("00000001");
	begin("00000003");
}

static void test_export_name(void)
{
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "00000001 00000004 6c756e37"),
			NBD_STEP_TRANSMIT);
	CU_ASSERT(is_out("0000000040000000 056d"));
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "00000001 00000000"), NBD_STEP_TRANSMIT);

	/* A client that does not know NO_ZEROES gets 124 of them. */
	begin("00000001");
	CU_ASSERT_EQUAL(feed(MAGIC "00000001 00000000"), NBD_STEP_TRANSMIT);
	CU_ASSERT_EQUAL(hs.out_length, 10 + 124);

	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "00000001 00000004 6c756e38"),
			NBD_STEP_CLOSE);
	CU_ASSERT_EQUAL(hs.out_length, 0);
}

static void test_abort(void)
{
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "00000002 00000000"), NBD_STEP_CLOSE);
	CU_ASSERT(is_out("0003e889045565a9 00000002 00000001 00000000"));
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "00000002 00000001 00"), NBD_STEP_CLOSE);
}

static void test_list(void)
{
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "00000003 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT(is_out("0003e889045565a9 00000003 00000002 00000013"
			 "00000004 6c756e37 56454e444f52206469736b"
			 "0003e889045565a9 00000003 00000001 00000000"));
	CU_ASSERT_EQUAL(feed(MAGIC "00000003 00000001 00"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
}

static void test_go(void)
{
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "00000007 0000000a 00000004 6c756e37 0000"),
			NBD_STEP_TRANSMIT);
	CU_ASSERT(is_out("0003e889045565a9 00000007 00000003 0000000c"
			 "0000 0000000040000000 056d"
			 "0003e889045565a9 00000007 00000003 0000000e"
			 "0003 00000200 00010000 02000000"
			 "0003e889045565a9 00000007 00000001 00000000"));
	CU_ASSERT_EQUAL(hs.headers, NBD_HEADERS_SIMPLE);
	CU_ASSERT(!hs.has_allocation);
}

static void test_info(void)
{
	begin("00000003");
	negotiate_structured();
	CU_ASSERT_EQUAL(feed(MAGIC "00000006 00000010 00000000 0005"
			     "0003 0002 0001 0000 0999"), NBD_STEP_AGAIN);
	CU_ASSERT(is_out("0003e889045565a9 00000006 00000003 0000000c"
			 "0000 0000000040000000 05ed"
			 "0003e889045565a9 00000006 00000003 00000006"
			 "0001 6c756e37"
			 "0003e889045565a9 00000006 00000003 0000000d"
			 "0002 56454e444f52206469736b"
			 "0003e889045565a9 00000006 00000003 0000000e"
			 "0003 00000200 00010000 02000000"
			 "0003e889045565a9 00000006 00000001 00000000"));
	CU_ASSERT_EQUAL(hs.headers, NBD_HEADERS_STRUCTURED);
}

static void test_info_refused(void)
{
	static const struct {
		const char *hex;
		uint32_t reply;
	} cases[] = {
		{ "00000007 00000000", NBD_REP_ERR_INVALID },
		{ "00000007 00000003 000000", NBD_REP_ERR_INVALID },
		{ "00000007 00000004 00000000", NBD_REP_ERR_INVALID },
		{ "00000007 00000006 00000000 0001", NBD_REP_ERR_INVALID },
		{ "00000007 00000007 00000000 0000 00", NBD_REP_ERR_INVALID },
		{ "00000007 00000006 ffffffff 0000", NBD_REP_ERR_INVALID },
		{ "00000007 00000006 00000003 0000", NBD_REP_ERR_INVALID },
		{ "00000007 00000006 00000000 ffff", NBD_REP_ERR_INVALID },
		{ "00000006 00000007 00000001 78 0000", NBD_REP_ERR_UNKNOWN },
		{ "00000007 00000007 00000001 78 0000", NBD_REP_ERR_UNKNOWN },
	};
	char hex[256];
	size_t i;

	begin("00000003");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(hex, sizeof(hex), MAGIC "%s", cases[i].hex);
		CU_ASSERT_EQUAL(feed(hex), NBD_STEP_AGAIN);
		CU_ASSERT_EQUAL(last_reply(), cases[i].reply);
	}
}

#define ALLOCATION "0000000f 626173653a616c6c6f636174696f6e"

static void test_meta_context(void)
{
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "0000000a 0000001b 00000000 00000001"
			     ALLOCATION), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	negotiate_structured();
	CU_ASSERT_EQUAL(feed(MAGIC "0000000a 0000001b 00000000 00000001"
			     ALLOCATION), NBD_STEP_AGAIN);
	CU_ASSERT(is_out("0003e889045565a9 0000000a 00000004 00000013"
			 "00000001 626173653a616c6c6f636174696f6e"
			 "0003e889045565a9 0000000a 00000001 00000000"));
	CU_ASSERT(hs.has_allocation);

	/* A context of nobody's; then none at all. */
	CU_ASSERT_EQUAL(feed(MAGIC "0000000a 0000000f 00000000 00000001"
			     "00000003 783a79"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ACK);
	CU_ASSERT(!hs.has_allocation);
	hs.has_allocation = true;
	CU_ASSERT_EQUAL(feed(MAGIC "0000000a 00000008 00000000 00000000"),
			NBD_STEP_AGAIN);
	CU_ASSERT(is_out("0003e889045565a9 0000000a 00000001 00000000"));
	CU_ASSERT(!hs.has_allocation);

	/* The wildcard is for lists; a SET that fails leaves nothing set. */
	hs.has_allocation = true;
	CU_ASSERT_EQUAL(feed(MAGIC "0000000a 00000011 00000000 00000001"
			     "00000005 626173653a"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ACK);
	CU_ASSERT(!hs.has_allocation);
	hs.has_allocation = true;
	CU_ASSERT_EQUAL(feed(MAGIC "0000000a 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	CU_ASSERT(!hs.has_allocation);
	hs.has_allocation = true;
	CU_ASSERT_EQUAL(feed(MAGIC "0000000a 00009c40"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_TOO_BIG);
	CU_ASSERT(!hs.has_allocation);
}

static void test_list_meta_context(void)
{
	static const char answer[] =
		"0003e889045565a9 00000009 00000004 00000013"
		"00000000 626173653a616c6c6f636174696f6e"
		"0003e889045565a9 00000009 00000001 00000000";

	begin("00000003");
	negotiate_structured();
	CU_ASSERT_EQUAL(feed(MAGIC "00000009 00000008 00000000 00000000"),
			NBD_STEP_AGAIN);
	CU_ASSERT(is_out(answer));
	CU_ASSERT_EQUAL(feed(MAGIC "00000009 00000011 00000000 00000001"
			     "00000005 626173653a"), NBD_STEP_AGAIN);
	CU_ASSERT(is_out(answer));
	CU_ASSERT_EQUAL(feed(MAGIC "00000009 00000032 00000000 00000003"
			     ALLOCATION "00000000" ALLOCATION),
			NBD_STEP_AGAIN);
	CU_ASSERT(is_out(answer));
	CU_ASSERT(!hs.has_allocation);

	/* Lengths that lie. */
	CU_ASSERT_EQUAL(feed(MAGIC "00000009 00000008 00000000 00000001"),
			NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	CU_ASSERT_EQUAL(feed(MAGIC "00000009 0000000c 00000000 ffffffff"
			     "00000000"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	CU_ASSERT_EQUAL(feed(MAGIC "00000009 0000000c 00000000 00000001"
			     "ffffffff"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	CU_ASSERT_EQUAL(feed(MAGIC "00000009 00000009 00000001 78 00000000"),
			NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_UNKNOWN);
}

static void test_unknown_options(void)
{
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "0000000c 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_UNSUP);
	CU_ASSERT_EQUAL(feed(MAGIC "ffffffff 00000003 010203"),
			NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_UNSUP);
	CU_ASSERT_EQUAL(feed(MAGIC "00000008 00000001 00"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	CU_ASSERT_EQUAL(hs.headers, NBD_HEADERS_SIMPLE);
	negotiate_structured();
}

/* A server without TLS says so, however it is asked. */
static void test_tls_not_offered(void)
{
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "00000005 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_POLICY);
	CU_ASSERT_EQUAL(feed(MAGIC "00000005 00000001 00"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	CU_ASSERT_EQUAL(hs.tls, NBD_HANDSHAKE_PLAIN);
}

/* Nothing is told, and nothing is kept, before there is TLS. */
static void test_tls_required(void)
{
	static const char *const refused[] = {
		"00000003 00000000", "00000006 00000006 00000000 0000",
		"00000007 00000006 00000000 0000", "00000008 00000000",
		"00000009 00000000", "0000000a 00000008 00000000 00000000",
		"0000000b 00000000", "000000ff 00000000", "00000007 00000000",
	};
	char hex[128];
	size_t i;

	begin("00000003");
	hs.tls = NBD_HANDSHAKE_TLS_FIRST;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(hex, sizeof(hex), MAGIC "%s", refused[i]);
		CU_ASSERT_EQUAL(feed(hex), NBD_STEP_AGAIN);
		CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_TLS_REQD);
	}
	CU_ASSERT_EQUAL(hs.headers, NBD_HEADERS_SIMPLE);
	CU_ASSERT_EQUAL(feed(MAGIC "00000007 00010000"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_TLS_REQD);

	begin("00000003");
	hs.tls = NBD_HANDSHAKE_TLS_FIRST;
	CU_ASSERT_EQUAL(feed(MAGIC "00000001 00000000"), NBD_STEP_CLOSE);
	CU_ASSERT_EQUAL(hs.out_length, 0);
	begin("00000003");
	hs.tls = NBD_HANDSHAKE_TLS_FIRST;
	CU_ASSERT_EQUAL(feed(MAGIC "00000002 00000000"), NBD_STEP_CLOSE);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ACK);

	/* One that is older than answers with an error. */
	begin("00000000");
	hs.tls = NBD_HANDSHAKE_TLS_FIRST;
	CU_ASSERT_EQUAL(feed(MAGIC "00000003 00000000"), NBD_STEP_CLOSE);
	CU_ASSERT_EQUAL(hs.out_length, 0);
}

static void test_tls_begins(void)
{
	begin("00000003");
	hs.tls = NBD_HANDSHAKE_TLS_FIRST;
	CU_ASSERT_EQUAL(feed(MAGIC "00000005 00000001 00"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	CU_ASSERT_EQUAL(feed(MAGIC "00000005 00000000"), NBD_STEP_TLS);
	CU_ASSERT(is_out("0003e889045565a9 00000005 00000001 00000000"));
	CU_ASSERT_EQUAL(hs.tls, NBD_HANDSHAKE_TLS_NOW);
	hs.tls = NBD_HANDSHAKE_TLS_UP;
	CU_ASSERT_EQUAL(feed(MAGIC "00000005 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	negotiate_structured();
	CU_ASSERT_EQUAL(feed(MAGIC "00000007 00000006 00000000 0000"),
			NBD_STEP_TRANSMIT);
}

/* Extended headers take the place of structured replies, for good. */
static void test_extended_headers(void)
{
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "0000000b 00000001 00"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_INVALID);
	CU_ASSERT_EQUAL(hs.headers, NBD_HEADERS_SIMPLE);
	negotiate_structured();
	CU_ASSERT_EQUAL(feed(MAGIC "0000000b 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT(is_out("0003e889045565a9 0000000b 00000001 00000000"));
	CU_ASSERT_EQUAL(hs.headers, NBD_HEADERS_EXTENDED);
	CU_ASSERT_EQUAL(feed(MAGIC "00000008 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_EXT_HEADER_REQD);
	CU_ASSERT_EQUAL(hs.headers, NBD_HEADERS_EXTENDED);

	/* Contexts do not need structured replies then, flags are the same. */
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "0000000b 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ACK);
	CU_ASSERT_EQUAL(feed(MAGIC "0000000a 0000001b 00000000 00000001"
			     ALLOCATION), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ACK);
	CU_ASSERT(hs.has_allocation);
	CU_ASSERT_EQUAL(feed(MAGIC "00000007 00000006 00000000 0000"),
			NBD_STEP_TRANSMIT);
	CU_ASSERT(is_out("0003e889045565a9 00000007 00000003 0000000c"
			 "0000 0000000040000000 05ed"
			 "0003e889045565a9 00000007 00000003 0000000e"
			 "0003 00000200 00010000 02000000"
			 "0003e889045565a9 00000007 00000001 00000000"));

	/* The old way in is closed to them, and there are no words for it. */
	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "0000000b 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ACK);
	CU_ASSERT_EQUAL(feed(MAGIC "00000001 00000000"), NBD_STEP_CLOSE);
	CU_ASSERT_EQUAL(hs.out_length, 0);
}

/* Whatever is asked at the end is refused, but for the way out. */
static void test_ending(void)
{
	static const char *const options[] = {
		"00000003 00000000", "00000006 00000006 00000000 0000",
		"00000007 00000006 00000000 0000", "00000008 00000000",
		"0000000a 00000008 00000000 00000000", "0000000b 00000000",
		"00000063 00000000",
	};
	char hex[256];
	size_t i;

	begin("00000003");
	hs.is_ending = true;
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		snprintf(hex, sizeof(hex), MAGIC "%s", options[i]);
		CU_ASSERT_EQUAL(feed(hex), NBD_STEP_AGAIN);
		CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_SHUTDOWN);
	}
	CU_ASSERT_EQUAL(feed(MAGIC "00000002 00000000"), NBD_STEP_CLOSE);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ACK);
	begin("00000003");
	hs.is_ending = true;
	CU_ASSERT_EQUAL(feed(MAGIC "00000001 00000000"), NBD_STEP_CLOSE);
	CU_ASSERT_EQUAL(hs.out_length, 0);
}

/* Too much data is skipped in whatever pieces it comes, and refused. */
static void test_oversize(void)
{
	uint8_t zeroes[1000] = { 0 };
	size_t left = 40000, consumed;

	begin("00000003");
	CU_ASSERT_EQUAL(feed(MAGIC "00000006 00009c40"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ERR_TOO_BIG);
	while (left > sizeof(zeroes)) {
		CU_ASSERT_EQUAL(nbd_handshake_step(&hs, zeroes, sizeof(zeroes),
						   &consumed), NBD_STEP_MORE);
		CU_ASSERT_EQUAL_FATAL(consumed, sizeof(zeroes));
		left -= consumed;
	}
	CU_ASSERT_EQUAL(nbd_handshake_step(&hs, zeroes, sizeof(zeroes),
					   &consumed), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(consumed, left);
	negotiate_structured();
}

/* Each prefix of an option asks for more, and consumes nothing. */
static void test_pieces(void)
{
	struct hex all = hex_bytes(MAGIC "00000007 0000000c 00000004 6c756e37"
				   "0001 0003");
	size_t length, consumed;

	begin("00000003");
	for (length = 0; length < all.length; length++) {
		struct hex part = hex_copy(all.data, length);

		CU_ASSERT_EQUAL(nbd_handshake_step(&hs, part.data, length,
						   &consumed), NBD_STEP_MORE);
		CU_ASSERT_EQUAL(consumed, 0);
		hex_free(&part);
	}
	CU_ASSERT_EQUAL(nbd_handshake_step(&hs, all.data, all.length,
					   &consumed), NBD_STEP_TRANSMIT);
	hex_free(&all);
}

/* The longest name there may be fits the answers. */
static void test_long_name(void)
{
	char name[NBD_STRING_MAX + 1];
	struct nbd_export long_export = { name, &disk };

	memset(name, 'n', NBD_STRING_MAX);
	name[NBD_STRING_MAX] = '\0';
	nbd_handshake_init(&hs, &long_export);
	hs.out_length = 0;
	CU_ASSERT_EQUAL(feed("00000003"), NBD_STEP_AGAIN);
	CU_ASSERT_EQUAL(feed(MAGIC "00000006 0000000e 00000000 0004"
			     "0000 0001 0002 0003"), NBD_STEP_AGAIN);
	CU_ASSERT(hs.out_length <= sizeof(hs.out));
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ACK);
	CU_ASSERT_EQUAL(feed(MAGIC "00000003 00000000"), NBD_STEP_AGAIN);
	CU_ASSERT(hs.out_length <= sizeof(hs.out));
	CU_ASSERT_EQUAL(last_reply(), NBD_REP_ACK);
}

static const struct dsc_test tests[] = {
	{ "client-flags", test_client_flags },
	{ "export-name", test_export_name },
	{ "abort", test_abort },
	{ "list", test_list },
	{ "go", test_go },
	{ "info", test_info },
	{ "info-refused", test_info_refused },
	{ "meta-context", test_meta_context },
	{ "list-meta-context", test_list_meta_context },
	{ "unknown-options", test_unknown_options },
	{ "tls-not-offered", test_tls_not_offered },
	{ "tls-required", test_tls_required },
	{ "tls-begins", test_tls_begins },
	{ "extended-headers", test_extended_headers },
	{ "ending", test_ending },
	{ "oversize", test_oversize },
	{ "pieces", test_pieces },
	{ "long-name", test_long_name },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-handshake", tests, argc, argv);
}
