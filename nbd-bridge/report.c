/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report.c: see report.h. Pure.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

#include "report.h"

/* The text of an object, which it takes. */
static char *to_text(struct json_object *object)
{
	const char *json = json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_NOSLASHESCAPE);
	char *text = NULL;

	if (json != NULL && asprintf(&text, "%s\n", json) < 0)
		text = NULL;
	json_object_put(object);
	return text;
}

char *nbd_report_ready(bool is_json, const char *id, const char *device,
		       const char *link, const char *socket, uint64_t bytes)
{
	struct json_object *object;
	char *text;

	if (!is_json) {
		if (asprintf(&text, "%s is ready on %s (%" PRIu64 " bytes)\n",
			     id, device[0] != '\0' ? device : socket,
			     bytes) < 0)
			return NULL;
		return text;
	}
	object = json_object_new_object();
	if (object == NULL)
		return NULL;
	json_object_object_add(object, "id", json_object_new_string(id));
	json_object_object_add(object, "device",
			       json_object_new_string(device));
	json_object_object_add(object, "link", json_object_new_string(link));
	json_object_object_add(object, "socket",
			       json_object_new_string(socket));
	json_object_object_add(object, "bytes",
			       json_object_new_uint64(bytes));
	return to_text(object);
}

/* What the target has said, as far as it has. */
static void add_details(struct json_object *object,
			const struct discsi_error *error)
{
	const int *value;
	size_t i;

	for (i = 0; i < DSC_ERROR_DETAILS; i++) {
		value = (const void *)((const char *)error +
				       dsc_error_details[i].offset);
		if (*value >= 0)
			json_object_object_add(object,
					       dsc_error_details[i].name,
					       json_object_new_int(*value));
	}
}

char *nbd_report_error(bool is_json, const struct discsi_error *error)
{
	struct json_object *object, *inner;
	char *text;

	if (!is_json) {
		if (asprintf(&text, "discsi-nbd: %s\n", error->message) < 0)
			return NULL;
		return text;
	}
	object = json_object_new_object();
	inner = json_object_new_object();
	if (object == NULL || inner == NULL) {
		json_object_put(object);
		json_object_put(inner);
		return NULL;
	}
	json_object_object_add(inner, "errno", json_object_new_string(
		discsi_errno_name(error->errnum)));
	json_object_object_add(inner, "message",
			       json_object_new_string(error->message));
	add_details(inner, error);
	json_object_object_add(object, "error", inner);
	return to_text(object);
}
