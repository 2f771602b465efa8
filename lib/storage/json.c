/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json.c: objects for an agent, member by member. Pure. What a target has sent
 * may be in a text; it is made clean before.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "storage/json.h"

struct json_object *dsc_json_new(void)
{
	return json_object_new_object();
}

static int add(struct json_object *object, const char *name,
	       struct json_object *value)
{
	if (value != NULL && json_object_object_add(object, name, value) == 0)
		return 0;
	json_object_put(value);
	return dsc_fail_memory();
}

int dsc_json_add_text(struct json_object *object, const char *name,
		      const char *text)
{
	char *clean = strdup(text);
	int rc;

	if (clean == NULL)
		return dsc_fail_memory();
	dsc_text_clean(clean);
	rc = add(object, name, json_object_new_string(clean));
	free(clean);
	return rc;
}

int dsc_json_add_number(struct json_object *object, const char *name,
			uint64_t number)
{
	return add(object, name, json_object_new_uint64(number));
}

int dsc_json_add_bool(struct json_object *object, const char *name,
		      bool is_true)
{
	return add(object, name, json_object_new_boolean(is_true));
}

int dsc_json_add_all(struct json_object *object,
		     const struct dsc_json_member *members, size_t count)
{
	int rc = 0;
	size_t i;

	for (i = 0; i < count && rc == 0; i++) {
		if (members[i].text != NULL)
			rc = dsc_json_add_text(object, members[i].name,
					       members[i].text);
		else
			rc = dsc_json_add_number(object, members[i].name,
						 members[i].number);
	}
	return rc;
}

int dsc_json_merge(struct json_object *object, const char *text)
{
	struct json_object *more = json_tokener_parse(text);
	int rc = 0;

	if (!json_object_is_type(more, json_type_object)) {
		json_object_put(more);
		return dsc_fail(EPROTO, "its type has told something that is "
				"no JSON object");
	}
	json_object_object_foreach(more, name, value) {
		if (rc == 0)
			rc = add(object, name, json_object_get(value));
	}
	json_object_put(more);
	return rc;
}

int dsc_json_finish(struct json_object *object, int rc, char **text)
{
	const char *written = NULL;

	*text = NULL;
	if (rc == 0) {
		written = json_object_to_json_string_ext(
			object, JSON_C_TO_STRING_PLAIN |
			JSON_C_TO_STRING_NOSLASHESCAPE);
		*text = written != NULL ? strdup(written) : NULL;
		if (*text == NULL)
			rc = dsc_fail_memory();
	}
	json_object_put(object);
	return rc;
}
