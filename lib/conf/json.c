/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json.c: a configuration from JSON, strictly: size, depth, UTF-8 and the end
 * of the text are checked before a member is looked at. json-c keeps copies
 * of the strings that it reads; they are wiped as far as they can be reached.
 * Owner's thread of the configuration.
 */
#include "conf/json.h"
#include "conf/members.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"
#include "conf/file.h"

#define JSON_BYTES_MAX 65536
#define JSON_DEPTH_MAX 8

/* --------------------------------------------------------------- the text */

static int fail_at(const char *text, size_t at, const char *problem)
{
	size_t line = 1;
	size_t column = 1;

	for (size_t i = 0; i < at; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	return dsc_fail(EINVAL, "JSON: line %zu, column %zu: %s", line, column,
			problem);
}

/* The first byte from at on that is not white space (RFC 8259 section 2). */
static size_t skip_blank(const char *text, size_t length, size_t at)
{
	while (at < length && text[at] != '\0' &&
	       strchr(" \t\r\n", text[at]) != NULL)
		at++;
	return at;
}

/*
 * What json-c lets through although RFC 8259 has no such thing: text in single
 * quotes, and control characters in text. Returns the problem, or NULL.
 */
static const char *find_problem(const char *text, size_t length, size_t *at)
{
	bool is_inside = false;  /* a string */

	for (size_t i = 0; i < length; i++) {
		*at = i;
		if (is_inside && (unsigned char)text[i] < 0x20)
			return "a control character in a string";
		if (!is_inside && text[i] == '\'')
			return "strings stand in double quotes";
		if (text[i] == '"')
			is_inside = !is_inside;
		else if (is_inside && text[i] == '\\')
			i++;
	}
	return NULL;
}

void dsc_conf_free_json(json_object *object)
{
	json_object_object_foreach(object, key, value) {
		(void)key;
		if (json_object_is_type(value, json_type_string))
			dsc_wipe((char *)json_object_get_string(value),
				 (size_t)json_object_get_string_len(value));
	}
	json_object_put(object);
}

/* Reads text that begins with a brace. */
static int read_object(json_tokener *tok, const char *text, size_t length,
		       json_object **object)
{
	json_object *root = json_tokener_parse_ex(tok, text, (int)length);
	enum json_tokener_error error = json_tokener_get_error(tok);
	size_t end = json_tokener_get_parse_end(tok);

	if (error == json_tokener_continue)
		return fail_at(text, length, "the text ends too early");
	if (error != json_tokener_success)
		return fail_at(text, end, json_tokener_error_desc(error));
	end = skip_blank(text, length, end);
	if (end != length) {
		dsc_conf_free_json(root);
		return fail_at(text, end, "something follows the object");
	}
	*object = root;
	return 0;
}

int dsc_conf_read_json(const char *text, size_t length, json_object **object)
{
	const char *nul = memchr(text, '\0', length);
	const char *problem;
	json_tokener *tok;
	size_t at;
	int rc;

	if (length > JSON_BYTES_MAX)
		return dsc_fail(EINVAL, "JSON: longer than %d bytes",
				JSON_BYTES_MAX);
	if (nul != NULL)
		return fail_at(text, (size_t)(nul - text), "a NUL byte");
	problem = find_problem(text, length, &at);
	if (problem != NULL)
		return fail_at(text, at, problem);
	at = skip_blank(text, length, 0);
	if (at < length && text[at] != '{')
		return fail_at(text, at, "must be an object");
	/* json-c counts the values inside the innermost level as one more */
	tok = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
	if (tok == NULL)
		return dsc_fail_memory();
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
			       JSON_TOKENER_VALIDATE_UTF8);
	rc = read_object(tok, text, length, object);
	if (tok->pb != NULL && tok->pb->buf != NULL)
		dsc_wipe(tok->pb->buf, (size_t)tok->pb->size);
	json_tokener_free(tok);
	return rc;
}

/* ------------------------------------------------------------ the members */

static int fail_shape(const char *path, const char *expected,
		      const json_object *value)
{
	static const char *const names[] = {
		[json_type_null] = "null",
		[json_type_boolean] = "true or false",
		[json_type_double] = "a number with a fraction or exponent",
		[json_type_int] = "a number",
		[json_type_object] = "an object",
		[json_type_array] = "a list",
		[json_type_string] = "text",
	};

	return dsc_fail(EINVAL, "%s: must be %s, not %s", path, expected,
			names[json_object_get_type(value)]);
}

static int take_string(struct discsi_conf *conf,
		       const struct dsc_conf_member *m, json_object *value)
{
	const char *text = json_object_get_string(value);
	size_t length = (size_t)json_object_get_string_len(value);

	if (!json_object_is_type(value, json_type_string))
		return fail_shape(m->name, m->type->expected, value);
	if (strlen(text) != length)
		return dsc_fail(EINVAL, "%s: must not hold a NUL", m->name);
	return m->type->set(conf, m, text, length);
}

/* A wrong type gets the message about the range: it says all. */
static int take_number(struct discsi_conf *conf,
		       const struct dsc_conf_member *m, json_object *value)
{
	char text[24] = "";

	if (json_object_is_type(value, json_type_int))
		snprintf(text, sizeof(text), "%" PRId64,
			 json_object_get_int64(value));
	return m->type->set(conf, m, text, strlen(text));
}

static int take_boolean(struct discsi_conf *conf,
			const struct dsc_conf_member *m, json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_boolean))
		return fail_shape(m->name, m->type->expected, value);
	text = json_object_get_boolean(value) ? "true" : "false";
	return m->type->set(conf, m, text, strlen(text));
}

static int take_entry(const struct dsc_conf_member *m, size_t i,
		      json_object *value, struct dsc_conf_portal *portal)
{
	char path[64];

	snprintf(path, sizeof(path), "%s[%zu]", m->name, i);
	if (!json_object_is_type(value, json_type_string))
		return fail_shape(path, "text", value);
	return dsc_conf_portal_for(path, json_object_get_string(value),
				   (size_t)json_object_get_string_len(value),
				   portal);
}

static int take_list(struct discsi_conf *conf, const struct dsc_conf_member *m,
		     json_object *value)
{
	struct dsc_conf_portal list[DSC_CONF_PORTALS_MAX];
	size_t count;
	int rc = 0;
	size_t i;

	if (!json_object_is_type(value, json_type_array))
		return fail_shape(m->name, m->type->expected, value);
	count = json_object_array_length(value);
	if (count > DSC_CONF_PORTALS_MAX)
		return dsc_fail(EINVAL, "%s: there can be %d at most", m->name,
				DSC_CONF_PORTALS_MAX);
	for (i = 0; i < count && rc == 0; i++)
		rc = take_entry(m, i, json_object_array_get_idx(value, i),
				&list[i]);
	if (rc == 0)
		dsc_conf_take_portals(conf, list, count);
	else
		dsc_conf_free_portals(list, i - 1);
	return rc;
}

/* Programs that write every member write these for what they do not have. */
bool dsc_conf_is_absent(json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		return true;
	case json_type_string:
		return json_object_get_string_len(value) == 0;
	case json_type_array:
		return json_object_array_length(value) == 0;
	default:
		return false;
	}
}

void dsc_conf_warn_unknown(const char *name,
			   void (*warn)(void *arg, const char *sentence),
			   void *arg)
{
	char sentence[128];

	if (warn == NULL)
		return;
	snprintf(sentence, sizeof(sentence),
		 "configuration: unknown member \"%.64s\" is ignored",
		 dsc_secret_shown(name));
	dsc_text_clean(sentence);
	warn(arg, sentence);
}

static int take_member(struct discsi_conf *conf,
		       const struct dsc_conf_member *m, json_object *value)
{
	static int (*const take[])(struct discsi_conf *conf,
				   const struct dsc_conf_member *m,
				   json_object *value) = {
		[DSC_CONF_STRING] = take_string,
		[DSC_CONF_NUMBER] = take_number,
		[DSC_CONF_BOOLEAN] = take_boolean,
		[DSC_CONF_LIST] = take_list,
	};

	return dsc_conf_is_absent(value) ? 0 : take[m->type->shape](conf, m, value);
}

int dsc_conf_take(struct discsi_conf *conf, const char *name,
		  json_object *value)
{
	const struct dsc_conf_member *m = dsc_conf_find(name, strlen(name));

	return m != NULL ? take_member(conf, m, value) : 1;
}

static int take_object(struct discsi_conf *conf, json_object *object,
		       void (*warn)(void *arg, const char *sentence), void *arg)
{
	int rc;

	json_object_object_foreach(object, key, value) {
		rc = dsc_conf_take(conf, key, value);
		if (rc < 0)
			return rc;
		if (rc > 0)
			dsc_conf_warn_unknown(key, warn, arg);
	}
	return 0;
}

/* ----------------------------------------------------------------- public */

int discsi_conf_set_json(struct discsi_conf *conf, const char *text,
			 size_t length,
			 void (*warn)(void *arg, const char *sentence),
			 void *arg)
{
	struct discsi_conf *copy;
	json_object *object = NULL;
	int rc = dsc_conf_read_json(text, length, &object);

	if (rc < 0)
		return rc;
	rc = discsi_conf_dup(conf, &copy);
	if (rc == 0) {
		rc = take_object(copy, object, warn, arg);
		if (rc == 0)
			dsc_conf_swap(conf, copy);
		discsi_conf_free(copy);
	}
	dsc_conf_free_json(object);
	return rc;
}

int discsi_conf_set_json_file(struct discsi_conf *conf, const char *path,
			      void (*warn)(void *arg, const char *sentence),
			      void *arg)
{
	const size_t room = JSON_BYTES_MAX + 1;  /* to see that there is more */
	char *buf = malloc(room);
	size_t length = 0;
	int rc;

	if (buf == NULL)
		return dsc_fail_memory();
	if (strcmp(path, "-") == 0)
		rc = dsc_file_read(STDIN_FILENO, buf, room, &length);
	else
		rc = dsc_file_read_path(path, buf, room, &length);
	if (rc < 0) {
		rc = dsc_fail(-rc, "cannot read the configuration \"%.256s\": "
			      "%s", dsc_secret_shown(path),
			      strerrordesc_np(-rc));
	} else {
		rc = discsi_conf_set_json(conf, buf, length, warn, arg);
		if (rc < 0)
			dsc_error_prefix(dsc_error_last(), "%.256s",
					 dsc_secret_shown(path));
	}
	dsc_wipe(buf, room);
	free(buf);
	return rc;
}
