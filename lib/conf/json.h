/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf/json.h: reading a configuration member by member, for a layer that has
 * members of its own beside those of a struct discsi_conf. The strictness, and
 * the sentences, are the same. Owner's thread of the configuration.
 */
#ifndef DSC_CONF_JSON_H
#define DSC_CONF_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <discsi/conf.h>

struct json_object;

/*
 * Reads text as discsi_conf_set_json() does. object: receives the object,
 * which dsc_conf_free_json() wipes and frees. Errors: EINVAL, ENOMEM.
 */
int dsc_conf_read_json(const char *text, size_t length,
		       struct json_object **object);

/* Frees a JSON object after wiping the strings that stand directly in it. */
void dsc_conf_free_json(struct json_object *object);

/* Takes one member. Returns 1 when conf has no member of that name. */
int dsc_conf_take(struct discsi_conf *conf, const char *name,
		  struct json_object *value);

/* Programs that write every member write null, "" or [] for what they lack. */
bool dsc_conf_is_absent(struct json_object *value);

void dsc_conf_warn_unknown(const char *name,
			   void (*warn)(void *arg, const char *sentence),
			   void *arg);

/*
 * The first member in which two configurations differ, of those that may not
 * change under a session: all but how patient it is. NULL: none. Static.
 */
const char *dsc_conf_difference(const struct discsi_conf *a,
				const struct discsi_conf *b);

#endif /* DSC_CONF_JSON_H */
