/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.c: the text of a state file, <id>.json, and the struct that is made of
 * it. Pure; any thread.
 *
 * The file comes from a process of ours, but its directory may be named by the
 * environment and the file may be cut short: every member is checked for
 * presence, type and range before it is believed. Members that version 0.1 did
 * not have from the beginning may be absent. Members that are not in the tables
 * are of no concern here.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "bridge/registry.h"

#define STATE_DEPTH 8

enum state_type {
	STATE_TEXT,
	STATE_NUMBER,  /* uint64_t */
	STATE_COUNT,   /* unsigned */
	STATE_TIME,    /* int64_t */
	STATE_PID,
	STATE_BOOL,
	STATE_STATS,
};

struct state_member {
	const char *name;
	enum state_type type;
	size_t offset;
};

static const struct state_member state_members[] = {
	{ "id", STATE_TEXT, offsetof(struct discsi_bridge, id) },
	{ "device", STATE_TEXT, offsetof(struct discsi_bridge, device) },
	{ "socket", STATE_TEXT, offsetof(struct discsi_bridge, socket) },
	{ "target", STATE_TEXT, offsetof(struct discsi_bridge, target) },
	{ "portal", STATE_TEXT, offsetof(struct discsi_bridge, portal) },
	{ "lun", STATE_NUMBER, offsetof(struct discsi_bridge, lun) },
	{ "bytes", STATE_NUMBER, offsetof(struct discsi_bridge, bytes) },
	{ "read_only", STATE_BOOL, offsetof(struct discsi_bridge, read_only) },
	{ "pid", STATE_PID, offsetof(struct discsi_bridge, pid) },
};

/* These may be absent. */
static const struct state_member later_members[] = {
	{ "state", STATE_TEXT, offsetof(struct discsi_bridge, state) },
	{ "since", STATE_TIME, offsetof(struct discsi_bridge, since) },
	{ "started", STATE_TIME, offsetof(struct discsi_bridge, started) },
	{ "updated", STATE_TIME, offsetof(struct discsi_bridge, updated) },
	{ "sessions", STATE_COUNT, offsetof(struct discsi_bridge, sessions) },
	{ "sessions_ready", STATE_COUNT,
	  offsetof(struct discsi_bridge, sessions_ready) },
	{ "last_error", STATE_TEXT,
	  offsetof(struct discsi_bridge, last_error) },
	{ "last_error_time", STATE_TIME,
	  offsetof(struct discsi_bridge, last_error_time) },
	{ "stats", STATE_STATS, offsetof(struct discsi_bridge, stats) },
	{ "designator", STATE_TEXT,
	  offsetof(struct discsi_bridge, designator) },
	{ "serial", STATE_TEXT, offsetof(struct discsi_bridge, serial) },
	{ "block_size", STATE_COUNT,
	  offsetof(struct discsi_bridge, block_size) },
	{ "thin", STATE_BOOL, offsetof(struct discsi_bridge, thin) },
	{ "worker", STATE_PID, offsetof(struct discsi_bridge, worker) },
	{ "looks", STATE_NUMBER, offsetof(struct discsi_bridge, looks) },
	{ "connections", STATE_COUNT,
	  offsetof(struct discsi_bridge, connections) },
	{ "link", STATE_TEXT, offsetof(struct discsi_bridge, link) },
	{ "last_event", STATE_TEXT,
	  offsetof(struct discsi_bridge, last_event) },
	{ "last_event_time", STATE_TIME,
	  offsetof(struct discsi_bridge, last_event_time) },
	{ "vendor", STATE_TEXT, offsetof(struct discsi_bridge, vendor) },
	{ "product", STATE_TEXT, offsetof(struct discsi_bridge, product) },
	{ "revision", STATE_TEXT, offsetof(struct discsi_bridge, revision) },
};

#define STATS(name) \
	{ #name, STATE_NUMBER, offsetof(struct discsi_session_stats, name) }

static const struct state_member stats_members[] = {
	STATS(outstanding),
	STATS(retries),
	STATS(timeouts),
	STATS(aborts),
	STATS(resets),
	STATS(pings),
	STATS(losses),
	STATS(recoveries),
	STATS(replays),
	STATS(outage_ms),
};

#define STATS_OF(name) \
	{ #name, STATE_NUMBER, offsetof(struct discsi_stats_of, name) }

static const struct state_member kind_members[] = {
	STATS_OF(commands),
	STATS_OF(bytes),
	STATS_OF(errors),
};

static const char *const kind_names[DISCSI_STATS_KINDS] = {
	[DISCSI_STATS_READ] = "read",
	[DISCSI_STATS_WRITE] = "write",
	[DISCSI_STATS_OTHER] = "other",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int bad_member(const char *name, const char *what)
{
	return dsc_fail(EPROTO, "member \"%s\" %s", name, what);
}

static int read_text(struct json_object *value, const char *name, char **out)
{
	const char *text;
	size_t length;

	if (!json_object_is_type(value, json_type_string))
		return bad_member(name, "is not a string");
	text = json_object_get_string(value);
	length = (size_t)json_object_get_string_len(value);
	if (strlen(text) != length)
		return bad_member(name, "has a NUL in it");
	*out = strdup(text);
	return *out != NULL ? 0 : dsc_fail_memory();
}

static int read_number(struct json_object *value, const char *name,
		       uint64_t *out)
{
	if (!json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0)
		return bad_member(name, "is not a number from 0 on");
	*out = json_object_get_uint64(value);
	return 0;
}

static int read_pid(struct json_object *value, const char *name, int64_t *out)
{
	int64_t pid;

	if (!json_object_is_type(value, json_type_int))
		return bad_member(name, "is not a number");
	pid = json_object_get_int64(value);
	/* 1 is init, and what is below means groups of processes to kill(2). */
	if (pid < 2 || pid > INT32_MAX)
		return bad_member(name, "is not the id of a process");
	*out = pid;
	return 0;
}

static int read_bool(struct json_object *value, const char *name, bool *out)
{
	if (!json_object_is_type(value, json_type_boolean))
		return bad_member(name, "is not true or false");
	*out = json_object_get_boolean(value);
	return 0;
}

static int read_count(struct json_object *value, const char *name,
		      unsigned *out)
{
	uint64_t number = 0;
	int status = read_number(value, name, &number);

	if (status == 0 && number > UINT32_MAX)
		return bad_member(name, "is too large");
	*out = (unsigned)number;
	return status;
}

static int read_time(struct json_object *value, const char *name, int64_t *out)
{
	uint64_t number = 0;
	int status = read_number(value, name, &number);

	if (status == 0 && number > INT64_MAX)
		return bad_member(name, "is too large");
	*out = (int64_t)number;
	return status;
}

static int read_stats(struct json_object *value,
		      struct discsi_session_stats **out);

static int read_value(struct json_object *value,
		      const struct state_member *member, void *field)
{
	switch (member->type) {
	case STATE_TEXT:
		return read_text(value, member->name, field);
	case STATE_NUMBER:
		return read_number(value, member->name, field);
	case STATE_COUNT:
		return read_count(value, member->name, field);
	case STATE_TIME:
		return read_time(value, member->name, field);
	case STATE_PID:
		return read_pid(value, member->name, field);
	case STATE_BOOL:
		return read_bool(value, member->name, field);
	case STATE_STATS:
		return read_stats(value, field);
	}
	return 0;
}

/* All members of a table, into a struct. */
static int read_members(struct json_object *object,
			const struct state_member *members, size_t count,
			void *to)
{
	struct json_object *value;
	int status = 0;
	size_t i;

	for (i = 0; status == 0 && i < count; i++) {
		if (!json_object_object_get_ex(object, members[i].name,
					       &value))
			return bad_member(members[i].name, "is missing");
		status = read_value(value, &members[i],
				    (char *)to + members[i].offset);
	}
	return status;
}

/* Text that a process of an older version does not tell is "". */
static int fill_absent(struct discsi_bridge *bridge)
{
	char **texts[] = {
		&bridge->state, &bridge->last_error, &bridge->designator,
		&bridge->serial, &bridge->link, &bridge->last_event,
		&bridge->vendor, &bridge->product, &bridge->revision,
	};
	size_t i;

	for (i = 0; i < COUNT(texts); i++) {
		if (*texts[i] == NULL)
			*texts[i] = strdup("");
		if (*texts[i] == NULL)
			return dsc_fail_memory();
	}
	return 0;
}

/* Those of a table that are there. */
static int read_later_members(struct json_object *object,
			      struct discsi_bridge *bridge)
{
	struct json_object *value;
	int status = 0;
	size_t i;

	for (i = 0; status == 0 && i < COUNT(later_members); i++) {
		const struct state_member *member = &later_members[i];

		if (json_object_object_get_ex(object, member->name, &value))
			status = read_value(value, member,
					    (char *)bridge + member->offset);
	}
	return status == 0 ? fill_absent(bridge) : status;
}

/* ------------------------------------------------------------- statistics */

static int read_latency(struct json_object *value, const char *name,
			uint64_t latency[DISCSI_LATENCY_BUCKETS])
{
	size_t count;
	size_t i;
	int status = 0;

	if (!json_object_is_type(value, json_type_array))
		return bad_member(name, "is not an array");
	count = json_object_array_length(value);
	if (count > DISCSI_LATENCY_BUCKETS)
		return bad_member(name, "is too long");
	for (i = 0; status == 0 && i < count; i++)
		status = read_number(json_object_array_get_idx(value, i), name,
				     &latency[i]);
	return status;
}

static int read_kind(struct json_object *value, const char *name,
		     struct discsi_stats_of *kind)
{
	struct json_object *latency;
	int status;

	if (!json_object_is_type(value, json_type_object))
		return bad_member(name, "is not an object");
	status = read_members(value, kind_members, COUNT(kind_members), kind);
	if (status < 0)
		return status;
	if (!json_object_object_get_ex(value, "latency", &latency))
		return bad_member("latency", "is missing");
	return read_latency(latency, "latency", kind->latency);
}

static int fill_stats(struct json_object *value,
		      struct discsi_session_stats *stats)
{
	struct json_object *kind;
	int status = read_members(value, stats_members, COUNT(stats_members),
				  stats);
	size_t i;

	for (i = 0; status == 0 && i < COUNT(kind_names); i++) {
		if (!json_object_object_get_ex(value, kind_names[i], &kind))
			return bad_member(kind_names[i], "is missing");
		status = read_kind(kind, kind_names[i], &stats->kind[i]);
	}
	return status;
}

static int read_stats(struct json_object *value,
		      struct discsi_session_stats **out)
{
	if (!json_object_is_type(value, json_type_object))
		return bad_member("stats", "is not an object");
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return dsc_fail_memory();
	(*out)->size = sizeof(**out);
	return fill_stats(value, *out);
}

/* ---------------------------------------------------------------- the whole */

static int read_object(struct json_object *object, struct discsi_bridge *bridge)
{
	struct json_object *version;
	int status;

	if (!json_object_is_type(object, json_type_object))
		return dsc_fail(EPROTO, "it is not a JSON object");
	if (!json_object_object_get_ex(object, "version", &version) ||
	    !json_object_is_type(version, json_type_int))
		return bad_member("version", "is missing");
	if (json_object_get_int64(version) != DSC_REGISTRY_VERSION)
		return bad_member("version", "is not one that is known here");
	status = read_members(object, state_members, COUNT(state_members),
			      bridge);
	if (status == 0)
		status = read_later_members(object, bridge);
	return status;
}

/* The one object that the text is. */
static int parse_json(const char *text, size_t length,
		      struct json_object **out)
{
	struct json_tokener *tok = json_tokener_new_ex(STATE_DEPTH);
	struct json_object *object;

	if (tok == NULL)
		return dsc_fail_memory();
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
			       JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tok, text, (int)length);
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    json_tokener_get_parse_end(tok) != length) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tok);
	*out = object;
	return object != NULL ? 0 : dsc_fail(EPROTO, "it is not JSON");
}

static size_t without_trailing_space(const char *text, size_t length)
{
	while (length > 0 && memchr(" \t\r\n", text[length - 1], 4) != NULL)
		length--;
	return length;
}

int dsc_registry_parse(const char *text, size_t length,
		       struct discsi_bridge **bridge)
{
	struct discsi_bridge *made;
	struct json_object *object;
	int status;

	if (length > DSC_REGISTRY_FILE_MAX)
		return dsc_fail(EPROTO, "it is longer than %d bytes",
				DSC_REGISTRY_FILE_MAX);
	length = without_trailing_space(text, length);
	status = parse_json(text, length, &object);
	if (status < 0)
		return status;
	made = calloc(1, sizeof(*made));
	if (made == NULL) {
		json_object_put(object);
		return dsc_fail_memory();
	}
	made->size = sizeof(*made);
	status = read_object(object, made);
	json_object_put(object);
	if (status < 0) {
		discsi_bridge_free(made);
		return status;
	}
	*bridge = made;
	return 0;
}

/* ------------------------------------------------------------- the unknown */

struct known_text {
	const char *name;
	const char *text;
};

/* Texts that are not among the known ones, which name NULL ends, are "". */
static int set_texts(const struct state_member *members, size_t count,
		     const struct known_text *known,
		     struct discsi_bridge *bridge)
{
	const struct known_text *row;
	char **field;
	size_t i;

	for (i = 0; i < count; i++) {
		if (members[i].type != STATE_TEXT)
			continue;
		row = known;
		while (row->name != NULL &&
		       strcmp(row->name, members[i].name) != 0)
			row++;
		field = (void *)((char *)bridge + members[i].offset);
		*field = strdup(row->text);
		if (*field == NULL)
			return dsc_fail_memory();
	}
	return 0;
}

int dsc_registry_unknown(const char *id, int64_t pid, const char *why,
			 struct discsi_bridge **bridge)
{
	const struct known_text known[] = {
		{ "id", id },
		{ "state", DSC_REGISTRY_UNKNOWN },
		{ "last_error", why },
		{ NULL, "" },
	};
	struct discsi_bridge *made = calloc(1, sizeof(*made));
	int status;

	if (made == NULL)
		return dsc_fail_memory();
	made->size = sizeof(*made);
	made->alive = true;
	made->pid = pid;
	status = set_texts(state_members, COUNT(state_members), known, made);
	if (status == 0)
		status = set_texts(later_members, COUNT(later_members), known,
				   made);
	if (status < 0) {
		discsi_bridge_free(made);
		return status;
	}
	*bridge = made;
	return 0;
}

void discsi_bridge_free(struct discsi_bridge *bridge)
{
	if (bridge == NULL)
		return;
	free(bridge->id);
	free(bridge->device);
	free(bridge->socket);
	free(bridge->target);
	free(bridge->portal);
	free(bridge->state);
	free(bridge->last_error);
	free(bridge->stats);
	free(bridge->designator);
	free(bridge->serial);
	free(bridge->link);
	free(bridge->last_event);
	free(bridge->vendor);
	free(bridge->product);
	free(bridge->revision);
	free(bridge);
}

void discsi_bridge_list_free(struct discsi_bridge *bridges[], size_t count)
{
	size_t i;

	if (bridges == NULL)
		return;
	for (i = 0; i < count; i++)
		discsi_bridge_free(bridges[i]);
	free(bridges);
}
