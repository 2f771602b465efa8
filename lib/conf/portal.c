/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * portal.c: hosts and portals as text ("10.0.0.5:3260", "[::1]", "::1"), and
 * the two members that hold them. Nothing is resolved here; a name need only
 * look like one. Owner's thread of the configuration.
 */
#include "conf/members.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"

#define HOST_MAX 253  /* RFC 1035 section 2.3.4, without the root's dot */

static const char no_host[] = "the host is missing";
static const char bad_host[] =
	"a host is a name or an address of letters, digits, '.', '-' and '_'";
static const char bad_v6[] = "it is not an IPv6 address";
static const char bad_bracket[] =
	"an address in brackets looks like [2001:db8::5]:3260";
static const char bad_port[] = "a port is a whole number from 1 to 65535";

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!is_name_char(text[i]))
			return false;
	}
	return length > 0;
}

/* An address, with or without a zone ("fe80::1%eth0"). */
static bool is_v6(const char *text, size_t length)
{
	const char *zone = memchr(text, '%', length);
	size_t address_length = zone != NULL ? (size_t)(zone - text) : length;
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;

	if (address_length >= sizeof(address) ||
	    memchr(text, '\0', address_length) != NULL)
		return false;
	if (zone != NULL &&
	    !is_name(zone + 1, length - address_length - 1))
		return false;
	memcpy(address, text, address_length);
	address[address_length] = '\0';
	return inet_pton(AF_INET6, address, &binary) == 1;
}

const char *dsc_conf_check_host(const char *text, size_t length)
{
	if (length == 0)
		return no_host;
	if (memchr(text, ':', length) != NULL)
		return is_v6(text, length) ? NULL : bad_v6;
	if (length > HOST_MAX || !is_name(text, length))
		return bad_host;
	return NULL;
}

/*
 * Splits text into host and port; *port points to what follows the colon, and
 * is NULL without one.
 */
static const char *split_portal(const char *text, size_t length,
				const char **host, size_t *host_length,
				const char **port)
{
	const char *end = text + length;
	const char *colon = memchr(text, ':', length);
	const char *close;

	*host = text;
	*port = NULL;
	if (length > 0 && text[0] == '[') {
		close = memchr(text, ']', length);
		if (close == NULL || (close + 1 < end && close[1] != ':'))
			return bad_bracket;
		*host = text + 1;
		*host_length = (size_t)(close - *host);
		if (close + 1 < end)
			*port = close + 2;
		return is_v6(*host, *host_length) ? NULL : bad_v6;
	}
	*host_length = length;
	if (colon != NULL &&
	    memchr(colon + 1, ':', (size_t)(end - colon - 1)) == NULL) {
		*host_length = (size_t)(colon - text);
		*port = colon + 1;
	}
	return dsc_conf_check_host(*host, *host_length);
}

const char *dsc_conf_read_portal(const char *text, size_t length,
				 struct dsc_conf_portal *portal)
{
	uint32_t number = DSC_ISCSI_PORT;
	const char *problem;
	const char *host;
	const char *port;
	size_t host_length;

	problem = split_portal(text, length, &host, &host_length, &port);
	if (problem != NULL)
		return problem;
	if (port != NULL &&
	    (!dsc_conf_parse_number(port, (size_t)(text + length - port),
				    UINT16_MAX, &number) || number == 0))
		return bad_port;
	portal->host = strndup(host, host_length);
	portal->port = (uint16_t)number;
	return NULL;
}

/*
 * The text is quoted in the message unless somebody may have put a user and a
 * secret where they do not belong.
 */
int dsc_conf_portal_for(const char *name, const char *text, size_t length,
			struct dsc_conf_portal *portal)
{
	const char *problem = dsc_conf_read_portal(text, length, portal);
	size_t shown = dsc_min_size(length, 128);

	if (problem != NULL && memchr(text, '@', length) != NULL)
		return dsc_fail(EINVAL, "%s: must be a portal: there is no "
				"user in it", name);
	if (problem != NULL && dsc_secret_may_be_in(text, length))
		return dsc_fail(EINVAL, "%s: what is given is not a portal: %s",
				name, problem);
	if (problem != NULL)
		return dsc_fail(EINVAL, "%s: \"%.*s\" is not a portal: %s",
				name, (int)shown, text, problem);
	return portal->host != NULL ? 0 : dsc_fail_memory();
}

int dsc_conf_parse_portal(const char *text, struct dsc_conf_portal *portal)
{
	struct dsc_conf_portal parsed;
	int rc = dsc_conf_portal_for("portal", text, strlen(text), &parsed);

	if (rc == 0)
		*portal = parsed;
	return rc;
}

char *dsc_conf_portal_text(const struct dsc_conf_portal *portal)
{
	size_t room = strlen(portal->host) + sizeof("[]:65535");
	char *text = malloc(room);

	if (text != NULL)
		dsc_text_portal(portal->host, portal->port, text, room);
	return text;
}

void dsc_conf_free_portals(struct dsc_conf_portal *portals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(portals[i].host);
		portals[i].host = NULL;
	}
}

void dsc_conf_take_portals(struct discsi_conf *conf,
			   const struct dsc_conf_portal *portals, size_t count)
{
	dsc_conf_free_portals(conf->portals, conf->nportals);
	memcpy(conf->portals, portals, count * sizeof(portals[0]));
	conf->nportals = count;
}

/* ------------------------------------------------------ portal, portals */

static void clear_portals(struct discsi_conf *conf,
			  const struct dsc_conf_member *m)
{
	(void)m;
	dsc_conf_free_portals(conf->portals, conf->nportals);
	conf->nportals = 0;
}

static int set_portal(struct discsi_conf *conf, const struct dsc_conf_member *m,
		      const char *text, size_t length)
{
	struct dsc_conf_portal portal;
	int rc = dsc_conf_portal_for(m->name, text, length, &portal);

	if (rc == 0)
		dsc_conf_take_portals(conf, &portal, 1);
	return rc;
}

static int set_portals(struct discsi_conf *conf,
		       const struct dsc_conf_member *m, const char *text,
		       size_t length)
{
	struct dsc_conf_portal list[DSC_CONF_PORTALS_MAX];
	const char *end = text + length;
	size_t count = 0;
	const char *stop;
	int rc = 0;

	for (const char *at = text; rc == 0 && at <= end; at = stop + 1) {
		stop = memchr(at, ',', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		if (count == DSC_CONF_PORTALS_MAX) {
			rc = dsc_fail(EINVAL, "%s: there can be %d at most",
				      m->name, DSC_CONF_PORTALS_MAX);
			break;
		}
		rc = dsc_conf_portal_for(m->name, at, (size_t)(stop - at),
					 &list[count]);
		if (rc == 0)
			count++;
	}
	if (rc < 0)
		dsc_conf_free_portals(list, count);
	else
		dsc_conf_take_portals(conf, list, count);
	return rc;
}

static int copy_portals(struct discsi_conf *conf,
			const struct dsc_conf_member *m,
			const struct discsi_conf *from)
{
	(void)m;
	for (size_t i = 0; i < from->nportals; i++) {
		conf->portals[i].port = from->portals[i].port;
		conf->portals[i].host = strdup(from->portals[i].host);
		if (conf->portals[i].host == NULL)
			return dsc_fail_memory();
		conf->nportals++;
	}
	return 0;
}

static int format_portal(const struct discsi_conf *conf,
			 const struct dsc_conf_member *m, char **text)
{
	(void)m;
	*text = NULL;
	if (conf->nportals == 0)
		return 0;
	*text = dsc_conf_portal_text(&conf->portals[0]);
	return *text != NULL ? 0 : dsc_fail_memory();
}

static int format_portals(const struct discsi_conf *conf,
			  const struct dsc_conf_member *m, char **text)
{
	char *list = NULL;
	char *longer;
	char *one;
	int rc;

	(void)m;
	for (size_t i = 0; i < conf->nportals; i++) {
		one = dsc_conf_portal_text(&conf->portals[i]);
		rc = one == NULL ? -1 : asprintf(&longer, "%s%s%s",
						 list != NULL ? list : "",
						 list != NULL ? "," : "", one);
		free(one);
		free(list);
		if (rc < 0)
			return dsc_fail_memory();
		list = longer;
	}
	*text = list;
	return 0;
}

/* The list is stored once; "portals" copies it for both. */
const struct dsc_conf_type dsc_conf_type_portal = {
	DSC_CONF_STRING, "text", set_portal, clear_portals, NULL,
	format_portal
};

const struct dsc_conf_type dsc_conf_type_portals = {
	DSC_CONF_LIST, "a list of portals", set_portals, clear_portals,
	copy_portals, format_portals
};
