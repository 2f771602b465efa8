/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage/json.h: building the JSON objects that are handed to an agent. Pure;
 * any thread, one per object.
 */
#ifndef DSC_STORAGE_JSON_H
#define DSC_STORAGE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* A member: text, or if that is NULL a number. */
struct dsc_json_member {
	const char *name;
	const char *text;
	uint64_t number;
};

/* An empty object; NULL without memory. */
struct json_object *dsc_json_new(void);

/* All add one member, or replace it. Errors: ENOMEM. */
int dsc_json_add_text(struct json_object *object, const char *name,
		      const char *text);
int dsc_json_add_number(struct json_object *object, const char *name,
			uint64_t number);
int dsc_json_add_bool(struct json_object *object, const char *name,
		      bool is_true);
int dsc_json_add_all(struct json_object *object,
		     const struct dsc_json_member *members, size_t count);

/* Adds the members of the object that text is. Errors: EPROTO, ENOMEM. */
int dsc_json_merge(struct json_object *object, const char *text);

/*
 * Frees the object. If rc is 0, *text receives it as text; else rc is returned.
 */
int dsc_json_finish(struct json_object *object, int rc, char **text);

#endif /* DSC_STORAGE_JSON_H */
