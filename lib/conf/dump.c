/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dump.c: a configuration as JSON, with or without its secrets. Every copy of
 * a secret that is made on the way is wiped, but the caller's. Owner's thread
 * of the configuration.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "conf/json.h"
#include "conf/members.h"

#define MASK "***"

static json_object *list_of_portals(const struct discsi_conf *conf)
{
	json_object *list = json_object_new_array();
	json_object *entry;
	char *text;

	for (size_t i = 0; i < conf->nportals && list != NULL; i++) {
		text = dsc_conf_portal_text(&conf->portals[i]);
		entry = text != NULL ? json_object_new_string(text) : NULL;
		free(text);
		if (entry == NULL || json_object_array_add(list, entry) < 0) {
			json_object_put(entry);
			json_object_put(list);
			return NULL;
		}
	}
	return list;
}

/* The value of a member that has one; NULL: out of memory. */
static json_object *make_value(const struct discsi_conf *conf,
			       const struct dsc_conf_member *m,
			       const char *text)
{
	switch (m->type->shape) {
	case DSC_CONF_NUMBER:
		return json_object_new_int64(strtoll(text, NULL, 10));
	case DSC_CONF_BOOLEAN:
		return json_object_new_boolean(strcmp(text, "true") == 0);
	case DSC_CONF_LIST:
		return list_of_portals(conf);
	default:
		return json_object_new_string(text);
	}
}

/* One portal is written as "portal", several are written as "portals". */
static bool is_other_form(const struct discsi_conf *conf,
			  const struct dsc_conf_member *m)
{
	if (m->type == &dsc_conf_type_portal)
		return conf->nportals > 1;
	return m->type == &dsc_conf_type_portals && conf->nportals == 1;
}

static int fail_not_utf8(const struct dsc_conf_member *m)
{
	return dsc_fail(EINVAL, "%s: is not UTF-8, JSON cannot hold it",
			m->name);
}

static int add_member(json_object *object, const struct discsi_conf *conf,
		      const struct dsc_conf_member *m, unsigned flags)
{
	bool is_masked = dsc_conf_is_secret(m) &&
			 !(flags & DISCSI_CONF_SECRETS);
	json_object *value;
	char *text;
	int rc = m->type->format(conf, m, &text);

	if (rc < 0 || text == NULL)
		return rc;
	if (!is_masked && !dsc_text_is_utf8(text)) {
		rc = fail_not_utf8(m);
	} else {
		value = make_value(conf, m, is_masked ? MASK : text);
		if (value == NULL ||
		    json_object_object_add(object, m->name, value) < 0) {
			json_object_put(value);
			rc = dsc_fail_memory();
		}
	}
	dsc_wipe(text, strlen(text));
	free(text);
	return rc;
}

/* The object as text of the caller's; json-c's own copy is wiped. */
static int write_text(json_object *object, char **text)
{
	size_t length;
	const char *written = json_object_to_json_string_length(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		&length);

	if (written == NULL)
		return dsc_fail_memory();
	*text = strdup(written);
	dsc_wipe((char *)written, length);
	return *text != NULL ? 0 : dsc_fail_memory();
}

int discsi_conf_to_json(const struct discsi_conf *conf, unsigned flags,
			char **text)
{
	json_object *object;
	int rc = 0;

	if (flags & ~DISCSI_CONF_SECRETS)
		return dsc_fail(EINVAL, "unknown flags 0x%x", flags);
	object = json_object_new_object();
	if (object == NULL)
		return dsc_fail_memory();
	for (size_t i = 0; i < dsc_conf_member_count && rc == 0; i++) {
		if (!is_other_form(conf, &dsc_conf_members[i]))
			rc = add_member(object, conf, &dsc_conf_members[i],
					flags);
	}
	if (rc == 0)
		rc = write_text(object, text);
	dsc_conf_free_json(object);
	return rc;
}
