/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * url.c: iscsi://[user[%secret]@]host[:port][/iqn[/lun]].
 *
 * The last '@' of the URL ends the secret: what follows it (host, port, iSCSI
 * name, number) cannot hold one. All else in a secret is taken as it stands,
 * '/', '@', '%' and ':' included. No message quotes the URL, since a mistake
 * in it can turn its secret into any other part. Owner's thread of the
 * configuration.
 */
#include "conf/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

#define SCHEME "iscsi://"
#define URL_MAX 4096

/* The parts of a URL, each a string; NULL: not there. */
struct parts {
	char *user;
	char *secret;
	char *portal;
	char *iqn;
	char *lun;
};

/* Ends text at the first separator; what follows it, or NULL. */
static char *cut(char *text, char separator)
{
	char *at = strchr(text, separator);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

/* Cuts what follows the scheme into its parts. */
static void split(char *rest, struct parts *parts)
{
	char *at = strrchr(rest, '@');

	memset(parts, 0, sizeof(*parts));
	if (at != NULL) {
		*at = '\0';
		parts->user = rest;
		parts->secret = cut(rest, '%');
		rest = at + 1;
	}
	parts->portal = rest;
	parts->iqn = cut(rest, '/');
	if (parts->iqn == NULL)
		return;
	parts->lun = cut(parts->iqn, '/');
	if (parts->lun == NULL && *parts->iqn == '\0')
		parts->iqn = NULL;  /* "iscsi://host/" */
}

static int take_portal(struct discsi_conf *conf, const char *text)
{
	struct dsc_conf_portal portal;
	const char *colon = strchr(text, ':');
	const char *problem;

	if (text[0] != '[' && colon != NULL && strchr(colon + 1, ':') != NULL)
		problem = "an IPv6 address stands in brackets";
	else
		problem = dsc_conf_read_portal(text, strlen(text), &portal);
	if (problem != NULL)
		return dsc_fail(EINVAL, "portal: %s", problem);
	if (portal.host == NULL)
		return dsc_fail_memory();
	dsc_conf_take_portals(conf, &portal, 1);
	return 0;
}

static int take_parts(struct discsi_conf *conf, const struct parts *parts)
{
	const struct {
		const char *member;
		const char *value;
	} rows[] = {
		{ "username", parts->user },
		{ "password", parts->secret },
		{ "iqn", parts->iqn },
		{ "lun_id", parts->lun },
	};
	int rc = take_portal(conf, parts->portal);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && rc == 0; i++) {
		if (rows[i].value != NULL)
			rc = discsi_conf_set(conf, rows[i].member,
					     rows[i].value);
	}
	if (rc < 0)
		dsc_error_prefix(dsc_error_last(), "URL");
	return rc;
}

/* Takes a URL to pieces, in a copy of its own that is wiped. */
static int take_url(struct discsi_conf *conf, const char *url)
{
	size_t length = strlen(url);
	struct parts parts;
	char *copy;
	int rc;

	if (length > URL_MAX)
		return dsc_fail(EINVAL, "URL: longer than %d bytes", URL_MAX);
	if (strncasecmp(url, SCHEME, strlen(SCHEME)) != 0)
		return dsc_fail(EINVAL, "URL: must begin with " SCHEME);
	copy = malloc(length + 1);
	if (copy == NULL)
		return dsc_fail_memory();
	memcpy(copy, url, length + 1);
	split(copy + strlen(SCHEME), &parts);
	rc = take_parts(conf, &parts);
	dsc_wipe(copy, length);
	free(copy);
	return rc;
}

int discsi_conf_set_url(struct discsi_conf *conf, const char *url)
{
	struct discsi_conf *copy;
	int rc = discsi_conf_dup(conf, &copy);

	if (rc < 0)
		return rc;
	rc = take_url(copy, url);
	if (rc == 0)
		dsc_conf_swap(conf, copy);
	discsi_conf_free(copy);
	return rc;
}
