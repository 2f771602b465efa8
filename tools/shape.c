/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shape.c: tables of members, from which both JSON and text are made, so that
 * neither can lack what the other has. Pure; any thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#include "shape.h"
#include "units.h"

/* ------------------------------------------------------------- structures */

enum member_type {
	MEMBER_TEXT,     /* char[] */
	MEMBER_POINTER,  /* char * */
	MEMBER_BOOL,
	MEMBER_U8,
	MEMBER_U16,
	MEMBER_U32,
	MEMBER_U64,
	MEMBER_I64,
	MEMBER_COUNT,    /* unsigned */
	MEMBER_TIME,     /* int64_t: seconds since 1970, 0: never */
	MEMBER_TYPE,     /* peripheral device type, shown as a word */
	MEMBER_ISID,     /* six bytes, shown in hexadecimal */
};

struct member {
	const char *name;
	const char *label;   /* for people */
	enum member_type type;
	bool is_bytes;       /* a size: people get its unit, too */
	size_t offset;
};

#define LUN(name, label, type, is_bytes) \
	{ #name, label, type, is_bytes, offsetof(struct discsi_lun_info, name) }

static const struct member lun_members[] = {
	LUN(lun, "LUN", MEMBER_U64, false),
	LUN(type, "Type", MEMBER_TYPE, false),
	LUN(vendor, "Vendor", MEMBER_TEXT, false),
	LUN(product, "Product", MEMBER_TEXT, false),
	LUN(revision, "Revision", MEMBER_TEXT, false),
	LUN(serial, "Serial", MEMBER_TEXT, false),
	LUN(designator, "Designator", MEMBER_TEXT, false),
	LUN(bytes, "Size", MEMBER_U64, true),
	LUN(blocks, "Blocks", MEMBER_U64, false),
	LUN(block_size, "Block size", MEMBER_U32, true),
	LUN(physical_block_size, "Physical block size", MEMBER_U32, true),
	LUN(read_only, "Read-only", MEMBER_BOOL, false),
	LUN(rotational, "Rotational", MEMBER_BOOL, false),
	LUN(thin, "Thin", MEMBER_BOOL, false),
	LUN(write_cache, "Write cache", MEMBER_BOOL, false),
	LUN(fua, "FUA", MEMBER_BOOL, false),
	LUN(can_trim, "Trim", MEMBER_BOOL, false),
	LUN(can_zero, "Zero", MEMBER_BOOL, false),
	LUN(can_zero_unmap, "Zero by unmapping", MEMBER_BOOL, false),
	LUN(can_block_status, "Block status", MEMBER_BOOL, false),
	LUN(max_transfer_bytes, "Largest transfer", MEMBER_U32, true),
	LUN(optimal_transfer_bytes, "Best transfer", MEMBER_U32, true),
	LUN(max_unmap_bytes, "Largest trim", MEMBER_U32, true),
	LUN(unmap_granularity_bytes, "Trim granularity", MEMBER_U32, true),
	LUN(unmap_alignment_bytes, "Trim alignment", MEMBER_U32, true),
	LUN(max_write_same_bytes, "Largest zero", MEMBER_U64, true),
};

#define SESSION(name, label, type, is_bytes) \
	{ #name, label, type, is_bytes, \
	  offsetof(struct discsi_session_info, name) }

/* Without the portal, which is made from two members. */
static const struct member session_members[] = {
	SESSION(target, "Target", MEMBER_POINTER, false),
	SESSION(initiator, "Initiator", MEMBER_POINTER, false),
	SESSION(address, "Address", MEMBER_TEXT, false),
	SESSION(port, "Port", MEMBER_U16, false),
	SESSION(tpgt, "Portal group", MEMBER_U16, false),
	SESSION(tsih, "TSIH", MEMBER_U16, false),
	SESSION(isid, "ISID", MEMBER_ISID, false),
	SESSION(connected, "Connected", MEMBER_BOOL, false),
	SESSION(header_digest, "Header digest", MEMBER_BOOL, false),
	SESSION(data_digest, "Data digest", MEMBER_BOOL, false),
	SESSION(immediate_data, "Immediate data", MEMBER_BOOL, false),
	SESSION(initial_r2t, "Initial R2T", MEMBER_BOOL, false),
	SESSION(max_burst_bytes, "Largest burst", MEMBER_U32, true),
	SESSION(first_burst_bytes, "First burst", MEMBER_U32, true),
	SESSION(max_send_bytes, "Largest segment sent", MEMBER_U32, true),
	SESSION(max_recv_bytes, "Largest segment received", MEMBER_U32, true),
};

#define BRIDGE(name, label, type, is_bytes) \
	{ #name, label, type, is_bytes, offsetof(struct discsi_bridge, name) }

/* Without the statistics. */
static const struct member bridge_members[] = {
	BRIDGE(id, "Id", MEMBER_POINTER, false),
	BRIDGE(device, "Device", MEMBER_POINTER, false),
	BRIDGE(link, "Link", MEMBER_POINTER, false),
	BRIDGE(socket, "Socket", MEMBER_POINTER, false),
	BRIDGE(target, "Target", MEMBER_POINTER, false),
	BRIDGE(portal, "Portal", MEMBER_POINTER, false),
	BRIDGE(lun, "LUN", MEMBER_U64, false),
	BRIDGE(bytes, "Size", MEMBER_U64, true),
	BRIDGE(read_only, "Read-only", MEMBER_BOOL, false),
	BRIDGE(alive, "Alive", MEMBER_BOOL, false),
	BRIDGE(pid, "Process", MEMBER_I64, false),
	BRIDGE(state, "State", MEMBER_POINTER, false),
	BRIDGE(since, "Since", MEMBER_TIME, false),
	BRIDGE(started, "Attached", MEMBER_TIME, false),
	BRIDGE(updated, "Written down", MEMBER_TIME, false),
	BRIDGE(connections, "Connections", MEMBER_COUNT, false),
	BRIDGE(sessions, "Sessions", MEMBER_COUNT, false),
	BRIDGE(sessions_ready, "Sessions ready", MEMBER_COUNT, false),
	BRIDGE(last_event, "Last event", MEMBER_POINTER, false),
	BRIDGE(last_event_time, "Last event at", MEMBER_TIME, false),
	BRIDGE(last_error, "Last error", MEMBER_POINTER, false),
	BRIDGE(last_error_time, "Last error at", MEMBER_TIME, false),
};

#define STATS(name, label) \
	{ #name, label, MEMBER_U64, false, \
	  offsetof(struct discsi_session_stats, name) }

/* Without the kinds of commands. */
static const struct member stats_members[] = {
	STATS(outstanding, "Commands under way"),
	STATS(retries, "Retries"),
	STATS(timeouts, "Timeouts"),
	STATS(aborts, "Aborts"),
	STATS(resets, "LUN resets"),
	STATS(pings, "Pings"),
	STATS(losses, "Losses"),
	STATS(recoveries, "Recoveries"),
	STATS(replays, "Commands repeated"),
	STATS(outage_ms, "Outage (ms)"),
};

static const struct {
	const char *name;
	const char *label;
} kinds[DISCSI_STATS_KINDS] = {
	[DISCSI_STATS_READ] = { "read", "Reads" },
	[DISCSI_STATS_WRITE] = { "write", "Writes" },
	[DISCSI_STATS_OTHER] = { "other", "Other commands" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Members of list's and attach's objects, in their order. */
static const char *const list_names[] = {
	"lun", "type", "bytes", "block_size", "vendor", "product", "serial"
};
static const char *const attached_names[] = {
	"id", "device", "link", "socket", "bytes"
};

/* ---------------------------------------------------------------- members */

static uint64_t get_number(const struct member *member, const void *field)
{
	switch (member->type) {
	case MEMBER_U8:
	case MEMBER_TYPE:
		return *(const uint8_t *)field;
	case MEMBER_U16:
		return *(const uint16_t *)field;
	case MEMBER_U32:
		return *(const uint32_t *)field;
	case MEMBER_I64:
	case MEMBER_TIME:
		return (uint64_t)*(const int64_t *)field;
	case MEMBER_COUNT:
		return *(const unsigned *)field;
	default:
		return *(const uint64_t *)field;
	}
}

static void print_isid(const uint8_t isid[6], char text[13])
{
	snprintf(text, 13, "%02x%02x%02x%02x%02x%02x", isid[0], isid[1],
		 isid[2], isid[3], isid[4], isid[5]);
}

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static struct json_object *member_json(const struct member *member,
				       const void *object)
{
	const void *field = (const char *)object + member->offset;
	char isid[13];

	switch (member->type) {
	case MEMBER_TEXT:
		return json_object_new_string(field);
	case MEMBER_POINTER:
		return json_object_new_string(or_empty(
			*(const char *const *)field));
	case MEMBER_BOOL:
		return json_object_new_boolean(*(const bool *)field);
	case MEMBER_TYPE:
		return json_object_new_string(shape_device_type(
			(unsigned)get_number(member, field)));
	case MEMBER_ISID:
		print_isid(field, isid);
		return json_object_new_string(isid);
	case MEMBER_I64:
	case MEMBER_TIME:
		return json_object_new_int64(*(const int64_t *)field);
	default:
		return json_object_new_uint64(get_number(member, field));
	}
}

static void add_members(struct json_object *json, const struct member *members,
			size_t count, const void *object)
{
	size_t i;

	for (i = 0; i < count; i++)
		json_object_object_add(json, members[i].name,
				       member_json(&members[i], object));
}

/* Adds the members with these names only. */
static struct json_object *pick_members(const char *const *names, size_t nnames,
					const struct member *members,
					size_t count, const void *object)
{
	struct json_object *json = json_object_new_object();
	size_t i;
	size_t k;

	for (i = 0; i < nnames; i++) {
		for (k = 0; k < count; k++) {
			if (strcmp(names[i], members[k].name) == 0)
				add_members(json, &members[k], 1, object);
		}
	}
	return json;
}

/* -------------------------------------------------------------------- JSON */

static struct json_object *
shape_target_portal(const struct discsi_portal *portal)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "address",
			       json_object_new_string(portal->address));
	json_object_object_add(json, "port", json_object_new_int(portal->port));
	json_object_object_add(json, "tpgt", json_object_new_int(portal->tpgt));
	return json;
}

static struct json_object *shape_target(const struct discsi_target *target)
{
	struct json_object *json = json_object_new_object();
	struct json_object *portals = json_object_new_array();
	size_t i;

	for (i = 0; i < target->nportals; i++)
		json_object_array_add(portals,
				      shape_target_portal(&target->portals[i]));
	json_object_object_add(json, "target",
			       json_object_new_string(target->target));
	json_object_object_add(json, "portals", portals);
	return json;
}

struct json_object *shape_discovery(const struct discsi_discovery *discovery)
{
	struct json_object *json = json_object_new_array();
	size_t i;

	for (i = 0; i < discovery->ntargets; i++)
		json_object_array_add(json,
				      shape_target(&discovery->targets[i]));
	return json;
}

struct json_object *shape_list_entry(const struct discsi_lun_info *info)
{
	return pick_members(list_names, COUNT(list_names), lun_members,
			    COUNT(lun_members), info);
}

struct json_object *shape_info(const struct discsi_lun_info *lun,
			       const struct discsi_session_info *session)
{
	struct json_object *json = json_object_new_object();
	char *portal = shape_portal(session->address, session->port);

	add_members(json, lun_members, COUNT(lun_members), lun);
	add_members(json, session_members, COUNT(session_members), session);
	if (portal != NULL)
		json_object_object_add(json, "portal",
				       json_object_new_string(portal));
	free(portal);
	return json;
}

struct json_object *shape_attached(const struct discsi_bridge *bridge)
{
	return pick_members(attached_names, COUNT(attached_names),
			    bridge_members, COUNT(bridge_members), bridge);
}

static struct json_object *shape_kind(const struct discsi_stats_of *kind)
{
	struct json_object *json = json_object_new_object();
	struct json_object *latency = json_object_new_array();
	size_t i;

	json_object_object_add(json, "commands",
			       json_object_new_uint64(kind->commands));
	json_object_object_add(json, "bytes",
			       json_object_new_uint64(kind->bytes));
	json_object_object_add(json, "errors",
			       json_object_new_uint64(kind->errors));
	json_object_object_add(json, "p50_us", json_object_new_uint64(
		shape_percentile_us(kind->latency, 50)));
	json_object_object_add(json, "p99_us", json_object_new_uint64(
		shape_percentile_us(kind->latency, 99)));
	json_object_object_add(json, "max_us", json_object_new_uint64(
		shape_percentile_us(kind->latency, 100)));
	for (i = 0; i < DISCSI_LATENCY_BUCKETS; i++)
		json_object_array_add(latency, json_object_new_uint64(
			kind->latency[i]));
	json_object_object_add(json, "latency", latency);
	return json;
}

static struct json_object *shape_stats(const struct discsi_session_stats *stats)
{
	struct json_object *json = json_object_new_object();
	size_t i;

	add_members(json, stats_members, COUNT(stats_members), stats);
	for (i = 0; i < COUNT(kinds); i++)
		json_object_object_add(json, kinds[i].name,
				       shape_kind(&stats->kind[i]));
	return json;
}

struct json_object *shape_bridge(const struct discsi_bridge *bridge)
{
	struct json_object *json = json_object_new_object();

	add_members(json, bridge_members, COUNT(bridge_members), bridge);
	json_object_object_add(json, "stats", bridge->stats != NULL ?
			       shape_stats(bridge->stats) : NULL);
	return json;
}

/* -------------------------------------------------------------------- text */

uint64_t shape_percentile_us(const uint64_t latency[DISCSI_LATENCY_BUCKETS],
			     unsigned percent)
{
	uint64_t total = 0;
	uint64_t seen = 0;
	unsigned i;

	for (i = 0; i < DISCSI_LATENCY_BUCKETS; i++)
		total += latency[i];
	if (total == 0)
		return 0;
	for (i = 0; i + 1 < DISCSI_LATENCY_BUCKETS; i++) {
		seen += latency[i];
		/* As seen / total >= percent / 100, and cannot overflow. */
		if (seen >= total - total / 100 * (100 - percent) -
			    total % 100 * (100 - percent) / 100)
			break;
	}
	return UINT64_C(1) << i;
}

static char *number_text(const struct member *member, uint64_t number)
{
	char unit[UNITS_MAX];
	char *text;
	int length;

	if (member->is_bytes && number == 0)
		return strdup("-");
	if (member->is_bytes && number >= 1024)
		length = asprintf(&text, "%" PRIu64 " (%s)", number,
				  units_bytes(unit, number));
	else
		length = asprintf(&text, "%" PRIu64, number);
	return length < 0 ? NULL : text;
}

static char *time_text(int64_t seconds)
{
	char text[64];
	time_t when = (time_t)seconds;
	struct tm parts;

	if (seconds == 0 || localtime_r(&when, &parts) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts) == 0)
		return strdup("-");
	return strdup(text);
}

/* The value of a member for people: allocated. */
static char *member_text(const struct member *member, const void *object)
{
	const void *field = (const char *)object + member->offset;
	char isid[13];

	switch (member->type) {
	case MEMBER_TEXT:
		return strdup(field);
	case MEMBER_POINTER:
		return strdup(or_empty(*(const char *const *)field));
	case MEMBER_BOOL:
		return strdup(*(const bool *)field ? "yes" : "no");
	case MEMBER_TYPE:
		return strdup(shape_device_type(
			(unsigned)get_number(member, field)));
	case MEMBER_ISID:
		print_isid(field, isid);
		return strdup(isid);
	case MEMBER_TIME:
		return time_text(*(const int64_t *)field);
	default:
		return number_text(member, get_number(member, field));
	}
}

struct output_pair *shape_info_pairs(const struct discsi_lun_info *lun,
				     const struct discsi_session_info *session)
{
	const size_t count = COUNT(lun_members) + COUNT(session_members);
	struct output_pair *pairs = calloc(count + 1, sizeof(*pairs));
	const struct member *member;
	const void *object;
	size_t i;

	if (pairs == NULL)
		return NULL;
	for (i = 0; i < count; i++) {
		if (i < COUNT(lun_members)) {
			member = &lun_members[i];
			object = lun;
		} else {
			member = &session_members[i - COUNT(lun_members)];
			object = session;
		}
		pairs[i].name = member->label;
		pairs[i].value = member_text(member, object);
	}
	return pairs;
}

/* "12 commands, 48 KiB, 0 errors; half took less than 128 us, …" */
static char *kind_text(const struct discsi_stats_of *kind)
{
	char bytes[UNITS_MAX];
	char half[UNITS_MAX];
	char most[UNITS_MAX];
	char all[UNITS_MAX];
	char *text;

	if (kind->commands == 0)
		return strdup("0");
	if (asprintf(&text, "%" PRIu64 ", %s, %" PRIu64 " errors; p50 < %s, "
		     "p99 < %s, max < %s", kind->commands,
		     units_bytes(bytes, kind->bytes), kind->errors,
		     units_us(half, shape_percentile_us(kind->latency, 50)),
		     units_us(most, shape_percentile_us(kind->latency, 99)),
		     units_us(all, shape_percentile_us(kind->latency, 100))) <
	    0)
		return NULL;
	return text;
}

static struct output_pair *add_pairs(struct output_pair *pair,
				     const struct member *members, size_t count,
				     const void *object)
{
	size_t i;

	for (i = 0; i < count; i++) {
		pair->name = members[i].label;
		pair->value = member_text(&members[i], object);
		pair++;
	}
	return pair;
}

struct output_pair *shape_bridge_pairs(const struct discsi_bridge *bridge)
{
	struct output_pair *pairs = calloc(COUNT(bridge_members) +
					   COUNT(stats_members) +
					   COUNT(kinds) + 1, sizeof(*pairs));
	struct output_pair *pair = pairs;
	size_t i;

	if (pairs == NULL)
		return NULL;
	pair = add_pairs(pair, bridge_members, COUNT(bridge_members), bridge);
	if (bridge->stats == NULL)
		return pairs;
	for (i = 0; i < COUNT(kinds); i++) {
		pair->name = kinds[i].label;
		pair->value = kind_text(&bridge->stats->kind[i]);
		pair++;
	}
	add_pairs(pair, stats_members, COUNT(stats_members), bridge->stats);
	return pairs;
}

void shape_pairs_free(struct output_pair *pairs)
{
	size_t i;

	for (i = 0; pairs != NULL && pairs[i].name != NULL; i++)
		free((char *)pairs[i].value);
	free(pairs);
}

/* A name of 255 characters, brackets, a port. */
#define PORTAL_TEXT_MAX 272

char *shape_portal(const char *address, unsigned port)
{
	char text[PORTAL_TEXT_MAX];

	dsc_text_portal(or_empty(address), port, text, sizeof(text));
	return strdup(text);
}

/* RFC 3986's unreserved characters, and '/', stand for themselves. */
static bool is_plain_in_uri(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~/", c));
}

char *shape_nbd_uri(const char *socket)
{
	static const char head[] = "nbd+unix:///?socket=";
	char *uri = malloc(sizeof(head) + 3 * strlen(socket));
	char *end;

	if (uri == NULL)
		return NULL;
	memcpy(uri, head, sizeof(head));
	end = uri + sizeof(head) - 1;
	for (; *socket != '\0'; socket++) {
		if (is_plain_in_uri(*socket))
			*end++ = *socket;
		else
			end += snprintf(end, 4, "%%%02X",
					(unsigned char)*socket);
	}
	*end = '\0';
	return uri;
}

static const char *const device_types[32] = {
	[0x00] = "disk",
	[0x01] = "tape",
	[0x02] = "printer",
	[0x03] = "processor",
	[0x04] = "write-once",
	[0x05] = "cd/dvd",
	[0x06] = "scanner",
	[0x07] = "optical memory",
	[0x08] = "media changer",
	[0x09] = "communications",
	[0x0c] = "controller",
	[0x0d] = "enclosure",
	[0x0e] = "simple disk",
	[0x0f] = "card reader",
	[0x10] = "bridge controller",
	[0x11] = "object storage",
	[0x12] = "automation",
	[0x13] = "security manager",
	[0x14] = "zoned disk",
	[0x1e] = "well known unit",
	[0x1f] = "unknown",
};

const char *shape_device_type(unsigned type)
{
	if (type < COUNT(device_types) && device_types[type] != NULL)
		return device_types[type];
	return "reserved";
}
