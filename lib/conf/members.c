/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * members.c: the one table of configuration members, and setting and getting
 * one of them by name. URL, JSON and dump go through the same table. Owner's
 * thread of the configuration.
 */
#include "conf/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/secret.h"
#include "conf/json.h"

#define TEXT_MAX 255
#define EXPECTED_ID_MAX 263       /* of discsi_lun_info.designator */
#define LOGIN_TIMEOUT_MAX_MS 3600000
#define COMMAND_TIMEOUT_MAX_MS 86400000
#define NOOP_MAX_MS 3600000
#define REPLACEMENT_MAX_MS 2000000000
#define POLL_MAX_US 10000

#define AT(field) offsetof(struct discsi_conf, field)

const struct dsc_conf_member dsc_conf_members[] = {
	{ "target", &dsc_conf_type_host, AT(target), 0, 0, 0 },
	{ "portal", &dsc_conf_type_portal, AT(portals), 0, 0, 0 },
	{ "portals", &dsc_conf_type_portals, AT(portals), 0, 0, 0 },
	{ "iqn", &dsc_conf_type_name, AT(iqn), 0, 0, 0 },
	{ "lun_id", &dsc_conf_type_lun_id, AT(lun_id), 0, 0, DSC_LUN_ID_MAX },
	{ "username", &dsc_conf_type_text, AT(username), 0, 1, TEXT_MAX },
	{ "password", &dsc_conf_type_secret, AT(password), 0, 0, 0 },
	{ "password_file", &dsc_conf_type_secret_file, AT(password), 0, 0, 0 },
	{ "target_username", &dsc_conf_type_text, AT(target_username), 0, 1,
	  TEXT_MAX },
	{ "target_password", &dsc_conf_type_secret, AT(target_password), 0, 0,
	  0 },
	{ "target_password_file", &dsc_conf_type_secret_file,
	  AT(target_password), 0, 0, 0 },
	{ "initiator_name", &dsc_conf_type_name, AT(initiator_name), 0, 0, 0 },
	{ "expected_id", &dsc_conf_type_text, AT(expected_id), 0, 1,
	  EXPECTED_ID_MAX },
	{ "header_digest", &dsc_conf_type_digest, AT(header_digest),
	  DSC_CONF_DIGEST_PREFER, 0, 0 },
	{ "data_digest", &dsc_conf_type_digest, AT(data_digest),
	  DSC_CONF_DIGEST_NONE, 0, 0 },
	{ "read_only", &dsc_conf_type_boolean, AT(read_only), 0, 0, 0 },
	{ "login_timeout", &dsc_conf_type_count, AT(login_timeout_ms),
	  15000, 1, LOGIN_TIMEOUT_MAX_MS },
	{ "command_timeout", &dsc_conf_type_count,
	  AT(command_timeout_ms), 30000, 1, COMMAND_TIMEOUT_MAX_MS },
	{ "noop_interval", &dsc_conf_type_count, AT(noop_interval_ms),
	  5000, 0, NOOP_MAX_MS },
	{ "noop_timeout", &dsc_conf_type_count, AT(noop_timeout_ms),
	  5000, 1, NOOP_MAX_MS },
	{ "replacement_timeout", &dsc_conf_type_patience,
	  AT(replacement_timeout_ms), 120000, 0, REPLACEMENT_MAX_MS },
	{ "replay_barrier", &dsc_conf_type_barrier, AT(replay_barrier),
	  DSC_CONF_BARRIER_AUTO, 0, 0 },
	{ "sessions", &dsc_conf_type_count, AT(sessions), 1, 1,
	  DSC_CONF_SESSIONS_MAX },
	{ "poll_us", &dsc_conf_type_count, AT(poll_us), 0, 0, POLL_MAX_US },
	{ "isid", &dsc_conf_type_isid, AT(isid), 0, 0, 0 },
};

const size_t dsc_conf_member_count =
	sizeof(dsc_conf_members) / sizeof(dsc_conf_members[0]);

const struct dsc_conf_member *dsc_conf_find(const char *name, size_t length)
{
	for (size_t i = 0; i < dsc_conf_member_count; i++) {
		const struct dsc_conf_member *m = &dsc_conf_members[i];

		if (strlen(m->name) == length &&
		    memcmp(m->name, name, length) == 0)
			return m;
	}
	return NULL;
}

/* The member of that name; NULL with the last error set. */
static const struct dsc_conf_member *find_or_fail(const char *name)
{
	const struct dsc_conf_member *m = NULL;

	if (name != NULL)
		m = dsc_conf_find(name, strlen(name));
	if (m == NULL)
		dsc_fail(EINVAL, "\"%.64s\" is not a member of a configuration",
			 name != NULL ? dsc_secret_shown(name) : "");
	return m;
}

int discsi_conf_set(struct discsi_conf *conf, const char *member,
		    const char *value)
{
	const struct dsc_conf_member *m = find_or_fail(member);

	if (m == NULL)
		return -EINVAL;
	if (value == NULL) {
		m->type->clear(conf, m);
		return 0;
	}
	return m->type->set(conf, m, value, strlen(value));
}

int discsi_conf_get(const struct discsi_conf *conf, const char *member,
		    char **value)
{
	const struct dsc_conf_member *m = find_or_fail(member);
	const struct dsc_secret *secret;

	if (m == NULL)
		return -EINVAL;
	if (m->type != &dsc_conf_type_secret)
		return m->type->format(conf, m, value);

	secret = (const void *)((const char *)conf + m->offset);
	*value = NULL;
	if (!dsc_secret_is_set(secret))
		return 0;
	*value = strdup("***");
	return *value != NULL ? 0 : dsc_fail_memory();
}

/* ------------------------------------------------------------- compared */

static bool is_patience(const struct dsc_conf_member *m)
{
	size_t length = strlen(m->name);

	return strcmp(m->name, "noop_interval") == 0 ||
	       (length > 8 && strcmp(m->name + length - 8, "_timeout") == 0);
}

static bool is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_member_same(const struct dsc_conf_member *m,
			   const struct discsi_conf *a,
			   const struct discsi_conf *b)
{
	char *text[2] = { NULL, NULL };
	bool same = m->type->format(a, m, &text[0]) == 0 &&
		    m->type->format(b, m, &text[1]) == 0 &&
		    is_same(text[0], text[1]);

	for (int i = 0; i < 2; i++) {
		if (text[i] != NULL)
			dsc_wipe(text[i], strlen(text[i]));
		free(text[i]);
	}
	return same;
}

const char *dsc_conf_difference(const struct discsi_conf *a,
				const struct discsi_conf *b)
{
	for (size_t i = 0; i < dsc_conf_member_count; i++) {
		const struct dsc_conf_member *m = &dsc_conf_members[i];

		if (!is_patience(m) && !is_member_same(m, a, b))
			return m->name;
	}
	return NULL;
}
