/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.c: see state.h. Memory that is missing anywhere makes it none at all.
 * Pure; any thread.
 */
#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/registry.h"

#include "state.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Adds a member. value: taken, NULL is a failure. */
static bool add(struct json_object *object, const char *name,
		struct json_object *value)
{
	if (object != NULL && value != NULL &&
	    json_object_object_add(object, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* The object, or NULL when it is not whole. object: taken. */
static struct json_object *whole(struct json_object *object, bool is_whole)
{
	if (is_whole)
		return object;
	json_object_put(object);
	return NULL;
}

/* ------------------------------------------------------------- statistics */

#define STATS(name) { #name, offsetof(struct discsi_session_stats, name) }

static const struct {
	const char *name;
	size_t offset;
} stats_members[] = {
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

static const char *const kind_names[DISCSI_STATS_KINDS] = {
	[DISCSI_STATS_READ] = "read",
	[DISCSI_STATS_WRITE] = "write",
	[DISCSI_STATS_OTHER] = "other",
};

static struct json_object *
latency_json(const uint64_t latency[DISCSI_LATENCY_BUCKETS])
{
	struct json_object *array = json_object_new_array();
	struct json_object *value;
	bool is_whole = array != NULL;
	size_t i;

	for (i = 0; is_whole && i < DISCSI_LATENCY_BUCKETS; i++) {
		value = json_object_new_uint64(latency[i]);
		is_whole = value != NULL &&
			   json_object_array_add(array, value) == 0;
		if (!is_whole)
			json_object_put(value);
	}
	return whole(array, is_whole);
}

static struct json_object *kind_json(const struct discsi_stats_of *kind)
{
	struct json_object *object = json_object_new_object();

	return whole(object,
		     add(object, "commands",
			 json_object_new_uint64(kind->commands)) &&
		     add(object, "bytes",
			 json_object_new_uint64(kind->bytes)) &&
		     add(object, "errors",
			 json_object_new_uint64(kind->errors)) &&
		     add(object, "latency", latency_json(kind->latency)));
}

static struct json_object *stats_json(const struct discsi_session_stats *stats)
{
	struct json_object *object = json_object_new_object();
	const uint64_t *number;
	bool is_whole = object != NULL;
	size_t i;

	for (i = 0; is_whole && i < COUNT(stats_members); i++) {
		number = (const void *)((const char *)stats +
					stats_members[i].offset);
		is_whole = add(object, stats_members[i].name,
			       json_object_new_uint64(*number));
	}
	for (i = 0; is_whole && i < COUNT(kind_names); i++)
		is_whole = add(object, kind_names[i],
			       kind_json(&stats->kind[i]));
	return whole(object, is_whole);
}

/* ---------------------------------------------------------------- the whole */

static struct json_object *make_object(const char *id,
				       const struct nbd_state *state)
{
	const struct {
		const char *name;
		struct json_object *value;
	} members[] = {
		{ "version", json_object_new_int(DSC_REGISTRY_VERSION) },
		{ "id", json_object_new_string(id) },
		{ "pid", json_object_new_int64(state->pid) },
		{ "device", json_object_new_string(state->device) },
		{ "link", json_object_new_string(state->link) },
		{ "socket", json_object_new_string(state->socket) },
		{ "export", json_object_new_string(state->export) },
		{ "target", json_object_new_string(state->target) },
		{ "portal", json_object_new_string(state->portal) },
		{ "worker", json_object_new_int64(getpid()) },
		{ "initiator", json_object_new_string(state->initiator) },
		{ "isid", json_object_new_string(state->isid) },
		{ "lun", json_object_new_uint64(state->lun) },
		{ "bytes", json_object_new_uint64(state->bytes) },
		{ "connections", json_object_new_uint64(state->connections) },
		{ "read_only", json_object_new_boolean(state->is_read_only) },
		{ "started", json_object_new_int64(state->started) },
		{ "updated", json_object_new_int64(state->updated) },
		{ "state", json_object_new_string(state->state) },
		{ "since", json_object_new_int64(state->since) },
		{ "sessions", json_object_new_uint64(state->sessions) },
		{ "sessions_ready",
		  json_object_new_uint64(state->sessions_ready) },
		{ "last_event", json_object_new_string(state->last_event) },
		{ "last_event_time",
		  json_object_new_int64(state->last_event_time) },
		{ "last_error", json_object_new_string(state->last_error) },
		{ "last_error_time",
		  json_object_new_int64(state->last_error_time) },
		{ "stats", stats_json(&state->stats) },
		{ "designator", json_object_new_string(state->designator) },
		{ "serial", json_object_new_string(state->serial) },
		{ "vendor", json_object_new_string(state->vendor) },
		{ "product", json_object_new_string(state->product) },
		{ "revision", json_object_new_string(state->revision) },
		{ "block_size", json_object_new_uint64(state->block_size) },
		{ "thin", json_object_new_boolean(state->is_thin) },
		{ "looks", json_object_new_uint64(state->looks) },
	};
	struct json_object *object = json_object_new_object();
	bool is_whole = object != NULL;
	size_t i;

	/* Each is given away or freed, whatever became of those before. */
	for (i = 0; i < COUNT(members); i++)
		is_whole = add(is_whole ? object : NULL, members[i].name,
			       members[i].value) && is_whole;
	return whole(object, is_whole);
}

char *nbd_state_text(const char *id, const struct nbd_state *state)
{
	struct json_object *object = make_object(id, state);
	const char *json = NULL;
	char *text = NULL;

	if (object != NULL)
		json = json_object_to_json_string_ext(
			object, JSON_C_TO_STRING_PRETTY |
			JSON_C_TO_STRING_NOSLASHESCAPE);
	if (json != NULL && asprintf(&text, "%s\n", json) < 0)
		text = NULL;
	json_object_put(object);
	return text;
}

char *nbd_state_member(const char *text, const char *name)
{
	struct json_object *object = json_tokener_parse(text);
	struct json_object *value;
	const char *found = NULL;
	char *copy = NULL;

	if (json_object_object_get_ex(object, name, &value) &&
	    (json_object_is_type(value, json_type_string) ||
	     json_object_is_type(value, json_type_int)))
		found = json_object_get_string(value);
	if (found != NULL && found[0] != '\0')
		copy = strdup(found);
	json_object_put(object);
	return copy;
}
