/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-tool-shape.c: the JSON objects that the command prints, compared as
 * text with what programs rely on, and what people get instead.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "tools/shape.h"

static void expect_json(struct json_object *object, const char *text)
{
	const char *made;

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	made = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	CU_ASSERT_STRING_EQUAL(made, text);
	if (strcmp(made, text) != 0)
		dsc_test_note("%s", made);
	json_object_put(object);
}

static void test_discovery(void)
{
	struct discsi_portal portals[] = {
		{ (char *)"10.0.0.5", 3260, 1 },
		{ (char *)"fe80::1", 3261, 2 },
	};
	struct discsi_target targets[] = {
		{ (char *)"iqn.a:1", portals, 2 },
		{ (char *)"iqn.b:\"2\"", portals, 0 },
	};
	struct discsi_discovery discovery = {
		sizeof(discovery), targets, 2
	};

	expect_json(shape_discovery(&discovery),
		    "[{\"target\":\"iqn.a:1\",\"portals\":["
		    "{\"address\":\"10.0.0.5\",\"port\":3260,\"tpgt\":1},"
		    "{\"address\":\"fe80::1\",\"port\":3261,\"tpgt\":2}]},"
		    "{\"target\":\"iqn.b:\\\"2\\\"\",\"portals\":[]}]");
	discovery.ntargets = 0;
	expect_json(shape_discovery(&discovery), "[]");
}

static void fill_lun(struct discsi_lun_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	info->lun = 3;
	strncpy(info->vendor, "IET", sizeof(info->vendor));
	strncpy(info->product, "VIRTUAL-DISK", sizeof(info->product));
	strncpy(info->revision, "0001", sizeof(info->revision));
	strncpy(info->serial, "beaf11", sizeof(info->serial));
	strncpy(info->designator, "naa.6000", sizeof(info->designator));
	info->block_size = 512;
	info->physical_block_size = 4096;
	info->blocks = UINT64_C(1) << 32;
	info->bytes = UINT64_C(1) << 41;
	info->thin = true;
	info->write_cache = true;
	info->max_write_same_bytes = UINT64_C(1) << 33;
}

static void test_list_entry(void)
{
	struct discsi_lun_info info;

	fill_lun(&info);
	expect_json(shape_list_entry(&info),
		    "{\"lun\":3,\"type\":\"disk\",\"bytes\":2199023255552,"
		    "\"block_size\":512,\"vendor\":\"IET\","
		    "\"product\":\"VIRTUAL-DISK\",\"serial\":\"beaf11\"}");
	memset(&info, 0, sizeof(info));
	info.type = 0x0c;
	expect_json(shape_list_entry(&info),
		    "{\"lun\":0,\"type\":\"controller\",\"bytes\":0,"
		    "\"block_size\":0,\"vendor\":\"\",\"product\":\"\","
		    "\"serial\":\"\"}");
}

/* Names that programs rely on, each in both structs' one object. */
static const char *const info_names[] = {
	"vendor", "product", "revision", "serial", "designator", "block_size",
	"physical_block_size", "blocks", "bytes", "read_only", "thin",
	"write_cache", "lun", "type", "rotational", "fua", "can_trim",
	"can_zero", "can_zero_unmap", "can_block_status", "max_transfer_bytes",
	"optimal_transfer_bytes", "max_unmap_bytes", "unmap_granularity_bytes",
	"unmap_alignment_bytes", "max_write_same_bytes", "target", "initiator",
	"portal", "address", "port", "tpgt", "tsih", "isid", "connected",
	"header_digest", "data_digest", "immediate_data", "initial_r2t",
	"max_burst_bytes", "first_burst_bytes", "max_send_bytes",
	"max_recv_bytes",
};

static void fill_session(struct discsi_session_info *session)
{
	static const struct discsi_session_info example = {
		.size = sizeof(example),
		.target = "iqn.a",
		.initiator = "iqn.us",
		.address = "::1",
		.port = 3260,
		.tpgt = 1,
		.isid = { 0x80, 1, 2, 3, 4, 0xff },
		.connected = true,
		.max_burst_bytes = 262144,
	};

	*session = example;
}

static const char *text_of(struct json_object *object, const char *name)
{
	return json_object_get_string(json_object_object_get(object, name));
}

static void test_info(void)
{
	struct discsi_session_info session;
	struct discsi_lun_info lun;
	struct json_object *object;
	size_t i;

	fill_lun(&lun);
	fill_session(&session);
	object = shape_info(&lun, &session);
	for (i = 0; i < sizeof(info_names) / sizeof(info_names[0]); i++)
		CU_ASSERT(json_object_object_get_ex(object, info_names[i],
						    NULL));
	CU_ASSERT_EQUAL(json_object_object_length(object),
			(int)(sizeof(info_names) / sizeof(info_names[0])));
	CU_ASSERT_STRING_EQUAL(text_of(object, "designator"), "naa.6000");
	CU_ASSERT_STRING_EQUAL(text_of(object, "portal"), "[::1]:3260");
	CU_ASSERT_STRING_EQUAL(text_of(object, "isid"), "8001020304ff");
	CU_ASSERT_STRING_EQUAL(text_of(object, "bytes"), "2199023255552");
	CU_ASSERT_STRING_EQUAL(text_of(object, "thin"), "true");
	CU_ASSERT_STRING_EQUAL(text_of(object, "max_write_same_bytes"),
			       "8589934592");
	json_object_put(object);
}

static const char *value_of(const struct output_pair *pairs, const char *name)
{
	for (; pairs->name != NULL; pairs++) {
		if (strcmp(pairs->name, name) == 0)
			return pairs->value;
	}
	return "";
}

static void test_info_pairs(void)
{
	struct discsi_session_info session;
	struct discsi_lun_info lun;
	struct output_pair *pairs;

	fill_lun(&lun);
	fill_session(&session);
	pairs = shape_info_pairs(&lun, &session);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pairs);
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Size"),
			       "2199023255552 (2 TiB)");
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Block size"), "512");
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Type"), "disk");
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Read-only"), "no");
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Best transfer"), "-");
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Target"), "iqn.a");
	shape_pairs_free(pairs);
}

static void test_bridge(void)
{
	struct discsi_bridge bridge = {
		.size = sizeof(bridge),
		.id = (char *)"iqn.a-lun-1",
		.device = (char *)"",
		.link = (char *)"",
		.socket = (char *)"/run/discsi/x.sock",
		.target = (char *)"iqn.a",
		.portal = (char *)"10.0.0.5:3260",
		.lun = 1,
		.bytes = 4096,
		.alive = true,
		.pid = 4711,
		.state = (char *)"recovering",
		.since = 1764000000,
		.started = 1763000000,
		.updated = 1764000001,
		.sessions = 2,
		.last_event = (char *)"lost",
		.last_event_time = 1764000000,
		.last_error = (char *)"the target has closed the connection",
		.last_error_time = 1764000000,
	};

	expect_json(shape_attached(&bridge),
		    "{\"id\":\"iqn.a-lun-1\",\"device\":\"\",\"link\":\"\","
		    "\"socket\":\"/run/discsi/x.sock\",\"bytes\":4096}");
	expect_json(shape_bridge(&bridge),
		    "{\"id\":\"iqn.a-lun-1\",\"device\":\"\",\"link\":\"\","
		    "\"socket\":\"/run/discsi/x.sock\",\"target\":\"iqn.a\","
		    "\"portal\":\"10.0.0.5:3260\",\"lun\":1,\"bytes\":4096,"
		    "\"read_only\":false,\"alive\":true,\"pid\":4711,"
		    "\"state\":\"recovering\",\"since\":1764000000,"
		    "\"started\":1763000000,\"updated\":1764000001,"
		    "\"connections\":0,\"sessions\":2,\"sessions_ready\":0,"
		    "\"last_event\":\"lost\",\"last_event_time\":1764000000,"
		    "\"last_error\":\"the target has closed the connection\","
		    "\"last_error_time\":1764000000,\"stats\":null}");
}

/* 98 of 100 in less than 128 us, one each in less than 4 ms and 1 s. */
static void test_stats(void)
{
	struct discsi_session_stats stats = {
		.losses = 3,
		.kind[DISCSI_STATS_READ] = {
			.commands = 100, .bytes = 409600, .errors = 1,
			.latency = { [7] = 98, [12] = 1, [20] = 1 },
		},
	};
	struct discsi_bridge bridge = {
		.id = (char *)"x", .stats = &stats,
	};
	struct output_pair *pairs = shape_bridge_pairs(&bridge);
	struct json_object *json = shape_bridge(&bridge);
	struct json_object *value, *read;

	CU_ASSERT_PTR_NOT_NULL_FATAL(pairs);
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Reads"), "100, 400 KiB, "
			       "1 errors; p50 < 128 us, p99 < 5 ms, "
			       "max < 2 s");
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Writes"), "0");
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Losses"), "3");
	CU_ASSERT_STRING_EQUAL(value_of(pairs, "Since"), "-");
	shape_pairs_free(pairs);

	value = json_object_object_get(json, "stats");
	CU_ASSERT_EQUAL(json_object_get_int(json_object_object_get(
		value, "losses")), 3);
	read = json_object_object_get(value, "read");
	CU_ASSERT_EQUAL(json_object_get_int(json_object_object_get(
		read, "p50_us")), 128);
	CU_ASSERT_EQUAL(json_object_get_int(json_object_object_get(
		read, "p99_us")), 4096);
	CU_ASSERT_EQUAL(json_object_get_int(json_object_object_get(
		read, "max_us")), 1 << 20);
	CU_ASSERT_EQUAL(json_object_array_length(json_object_object_get(
		read, "latency")), DISCSI_LATENCY_BUCKETS);
	json_object_put(json);
}

static void test_percentiles(void)
{
	uint64_t latency[DISCSI_LATENCY_BUCKETS] = { 0 };

	CU_ASSERT_EQUAL(shape_percentile_us(latency, 50), 0);
	latency[0] = 1;
	CU_ASSERT_EQUAL(shape_percentile_us(latency, 50), 1);
	CU_ASSERT_EQUAL(shape_percentile_us(latency, 100), 1);
	latency[3] = 1;
	CU_ASSERT_EQUAL(shape_percentile_us(latency, 50), 1);
	CU_ASSERT_EQUAL(shape_percentile_us(latency, 99), 8);
	latency[31] = UINT64_MAX - 2;
	CU_ASSERT_EQUAL(shape_percentile_us(latency, 50), UINT64_C(1) << 31);
}

static void expect_text(char *made, const char *text)
{
	CU_ASSERT_STRING_EQUAL(made, text);
	free(made);
}

static void test_texts(void)
{
	expect_text(shape_portal("10.0.0.5", 3260), "10.0.0.5:3260");
	expect_text(shape_portal("fe80::1", 1), "[fe80::1]:1");
	expect_text(shape_portal("san.example", 65535), "san.example:65535");
	expect_text(shape_nbd_uri("/run/discsi/iqn.2026-11.x:y-lun-1.sock"),
		    "nbd+unix:///?socket=/run/discsi/"
		    "iqn.2026-11.x%3Ay-lun-1.sock");
	expect_text(shape_nbd_uri("/a b/\xc3\xa9&#%"),
		    "nbd+unix:///?socket=/a%20b/%C3%A9%26%23%25");
	CU_ASSERT_STRING_EQUAL(shape_device_type(0), "disk");
	CU_ASSERT_STRING_EQUAL(shape_device_type(0x1f), "unknown");
	CU_ASSERT_STRING_EQUAL(shape_device_type(0x0a), "reserved");
	CU_ASSERT_STRING_EQUAL(shape_device_type(4711), "reserved");
}

static const struct dsc_test tests[] = {
	{ "discovery", test_discovery },
	{ "list-entry", test_list_entry },
	{ "info", test_info },
	{ "info-pairs", test_info_pairs },
	{ "bridge", test_bridge },
	{ "stats", test_stats },
	{ "percentiles", test_percentiles },
	{ "texts", test_texts },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("tool-shape", tests, argc, argv);
}
