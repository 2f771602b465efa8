/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * settings.c: the storage's own members: one table with a reader for each.
 * Pure; the owner's thread of each struct.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "conf/json.h"
#include "storage/json.h"
#include "storage/settings.h"
#include "storage/storage.h"

#define CONNECTIONS_MAX 16
#define MOUNT_TIMEOUT_MAX_MS 3600000

/* ---------------------------------------------------------------- readers */

static int take_number(const char *name, struct json_object *value,
		       uint32_t max, uint32_t *number)
{
	int64_t given = -1;

	if (json_object_is_type(value, json_type_int))
		given = json_object_get_int64(value);
	if (given < 1 || given > max)
		return dsc_fail(EINVAL, "%s: must be a whole number from 1 to "
				"%" PRIu32, name, max);
	*number = (uint32_t)given;
	return 0;
}

static int take_connections(const char *name, struct json_object *value,
			    struct dsc_settings *settings)
{
	return take_number(name, value, CONNECTIONS_MAX,
			   &settings->connections);
}

static int take_mount_timeout(const char *name, struct json_object *value,
			      struct dsc_settings *settings)
{
	return take_number(name, value, MOUNT_TIMEOUT_MAX_MS,
			   &settings->common.mount_timeout_ms);
}

static int take_name(const char *name, struct json_object *value, char **text)
{
	const char *given = "";
	char *copy;

	if (json_object_is_type(value, json_type_string))
		given = json_object_get_string(value);
	if (!dsc_storage_is_name(given) ||
	    strlen(given) != (size_t)json_object_get_string_len(value))
		return dsc_fail(EINVAL, "%s: must be 1 to %d bytes of UTF-8 "
				"text without control characters", name,
				DSC_STORAGE_NAME_MAX);
	copy = strdup(given);
	if (copy == NULL)
		return dsc_fail_memory();
	free(*text);
	*text = copy;
	return 0;
}

static int take_zone(const char *name, struct json_object *value,
		     struct dsc_settings *settings)
{
	return take_name(name, value, &settings->common.zone_id);
}

static int take_cache(const char *name, struct json_object *value,
		      struct dsc_settings *settings)
{
	return take_name(name, value, &settings->common.cache_id);
}

static bool is_device(const char *text)
{
	static const char *const words[] = { "auto", "nbd", "socket", "none" };
	static const char prefix[] = "/dev/nbd";
	const char *digits = text + sizeof(prefix) - 1;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0)
			return true;
	}
	return strncmp(text, prefix, sizeof(prefix) - 1) == 0 &&
	       digits[0] != '\0' && strlen(digits) <= 6 &&
	       strspn(digits, "0123456789") == strlen(digits);
}

static int take_device(const char *name, struct json_object *value,
		       struct dsc_settings *settings)
{
	const char *text = "";

	if (json_object_is_type(value, json_type_string))
		text = json_object_get_string(value);
	if (!is_device(text))
		return dsc_fail(EINVAL, "%s: must be \"auto\", \"nbd\", "
				"\"/dev/nbdN\", \"socket\" or \"none\"", name);
	snprintf(settings->device, sizeof(settings->device), "%s", text);
	return 0;
}

static const struct {
	const char *name;
	bool is_common;
	int (*take)(const char *name, struct json_object *value,
		    struct dsc_settings *settings);
} members[] = {
	{ "device", false, take_device },
	{ "connections", false, take_connections },
	{ "mount_timeout", true, take_mount_timeout },
	{ "zone_id", true, take_zone },
	{ "storagecache_id", true, take_cache },
};

#define COUNT (sizeof(members) / sizeof(members[0]))

/* ------------------------------------------------------------------- read */

void dsc_common_free(struct dsc_common *common)
{
	free(common->zone_id);
	free(common->cache_id);
	memset(common, 0, sizeof(*common));
}

void dsc_settings_init(struct dsc_settings *settings)
{
	*settings = (struct dsc_settings){
		.device = "auto",
		.connections = 1,
		.common.mount_timeout_ms = DSC_MOUNT_TIMEOUT_MS,
	};
}

void dsc_settings_free(struct dsc_settings *settings)
{
	dsc_common_free(&settings->common);
}

int dsc_settings_take(struct dsc_settings *settings, const char *name,
		      struct json_object *value)
{
	size_t i;

	for (i = 0; i < COUNT; i++) {
		if (strcmp(members[i].name, name) == 0)
			return dsc_conf_is_absent(value) ? 0 :
			       members[i].take(name, value, settings);
	}
	return 1;
}

/* Clients of a socket make as many connections as they like. */
int dsc_settings_check(const struct dsc_settings *settings)
{
	if (settings->connections > 1 &&
	    (strcmp(settings->device, "socket") == 0 ||
	     strcmp(settings->device, "none") == 0))
		return dsc_fail(EINVAL, "connections: must be 1 with device "
				"\"%s\": it is for a kernel device",
				settings->device);
	return 0;
}

int dsc_common_read(struct json_object *object, struct dsc_common *common)
{
	struct json_object *value;
	struct dsc_settings settings;
	int rc = 0;
	size_t i;

	dsc_settings_init(&settings);
	for (i = 0; i < COUNT && rc == 0; i++) {
		if (members[i].is_common &&
		    json_object_object_get_ex(object, members[i].name, &value))
			rc = dsc_settings_take(&settings, members[i].name,
					       value);
	}
	if (rc < 0)
		dsc_settings_free(&settings);
	*common = settings.common;
	return rc;
}

/* ------------------------------------------------------------------- show */

int dsc_settings_show(const struct dsc_settings *settings,
		      struct json_object *object)
{
	int rc = dsc_json_add_text(object, "device", settings->device);

	if (rc == 0)
		rc = dsc_json_add_number(object, "connections",
					 settings->connections);
	if (rc == 0)
		rc = dsc_json_add_number(object, "mount_timeout",
					 settings->common.mount_timeout_ms);
	if (rc == 0 && settings->common.zone_id != NULL)
		rc = dsc_json_add_text(object, "zone_id",
				       settings->common.zone_id);
	if (rc == 0 && settings->common.cache_id != NULL)
		rc = dsc_json_add_text(object, "storagecache_id",
				       settings->common.cache_id);
	return rc;
}

const char *dsc_settings_difference(const struct dsc_settings *a,
				    const struct dsc_settings *b)
{
	if (strcmp(a->device, b->device) != 0)
		return "device";
	return a->connections != b->connections ? "connections" : NULL;
}
