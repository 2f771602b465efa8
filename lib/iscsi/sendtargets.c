/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sendtargets.c: from the text of a SendTargets answer to struct
 * discsi_discovery. The text is a stranger's: lengths, characters and counts
 * are all checked, and what fails makes the whole answer EPROTO. Pure.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi/sendtargets.h"

#define DEFAULT_PORT 3260u

/* A stretch of the text. */
struct span {
	const char *text;
	size_t length;
};

struct reading {
	struct discsi_discovery *result;
	size_t target_room;
	size_t portal_room;  /* of the last target */
};

/* ------------------------------------------------------------- building */

/* Makes room for one more member; *room is what there is. NULL: no memory. */
static void *grow(void *array, size_t used, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 4 : *room * 2;
	void *bigger;

	if (used < *room)
		return array;
	bigger = reallocarray(array, more, size);
	if (bigger != NULL)
		*room = more;
	return bigger;
}

static struct discsi_target *last_target(const struct reading *reading)
{
	const struct discsi_discovery *result = reading->result;

	if (result->ntargets == 0)
		return NULL;
	return &result->targets[result->ntargets - 1];
}

/* room: of target->portals */
static int add_portal(struct discsi_target *target, size_t *room,
		      struct span address, uint16_t port, uint16_t tpgt)
{
	struct discsi_portal *portals;
	char *copy;

	if (target->nportals == DSC_PORTALS_MAX)
		return -EPROTO;
	portals = grow(target->portals, target->nportals, room,
		       sizeof(*portals));
	if (portals == NULL)
		return -ENOMEM;
	target->portals = portals;
	copy = strndup(address.text, address.length);
	if (copy == NULL)
		return -ENOMEM;
	portals[target->nportals++] = (struct discsi_portal){
		.address = copy, .port = port, .tpgt = tpgt,
	};
	return 0;
}

static void free_result(struct discsi_discovery *result)
{
	size_t i, j;

	for (i = 0; i < result->ntargets; i++) {
		struct discsi_target *target = &result->targets[i];

		for (j = 0; j < target->nportals; j++)
			free(target->portals[j].address);
		free(target->portals);
		free(target->target);
	}
	free(result->targets);
	free(result);
}

/* -------------------------------------------------------------- reading */

/* Printable, no blanks: what a name or an address may consist of. */
static bool is_plain(struct span span, size_t max)
{
	size_t i;

	if (span.length == 0 || span.length > max)
		return false;
	for (i = 0; i < span.length; i++) {
		if (span.text[i] <= ' ' || span.text[i] > '~')
			return false;
	}
	return true;
}

/* Cuts span at the first c: *rest is what follows it. False: there is none. */
static bool cut(struct span *span, char c, struct span *rest)
{
	const char *at = memchr(span->text, c, span->length);

	if (at == NULL)
		return false;
	rest->text = at + 1;
	rest->length = span->length - (size_t)(rest->text - span->text);
	span->length = (size_t)(at - span->text);
	return true;
}

/* Decimal digits and nothing else, at most 65535. */
static bool read_number(struct span span, uint16_t *number)
{
	uint32_t value = 0;
	size_t i;

	if (span.length == 0 || span.length > 5)
		return false;
	for (i = 0; i < span.length; i++) {
		if (span.text[i] < '0' || span.text[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(span.text[i] - '0');
	}
	if (value > UINT16_MAX)
		return false;
	*number = (uint16_t)value;
	return true;
}

/* Letters, digits and what else there is in names, IPv4 and IPv6 addresses. */
static bool is_host(struct span host, bool is_v6)
{
	size_t i;

	if (host.length == 0 || host.length > DSC_HOST_NAME_MAX)
		return false;
	for (i = 0; i < host.length; i++) {
		char c = host.text[i];

		if (!isalnum((unsigned char)c) &&
		    strchr(is_v6 ? ":.%-_" : ".-_", c) == NULL)
			return false;
	}
	return is_v6 == (memchr(host.text, ':', host.length) != NULL);
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool read_host(struct span *host, uint16_t *port)
{
	bool is_v6 = host->length > 0 && host->text[0] == '[';
	struct span rest = { NULL, 0 }, digits;
	bool has_port = true;

	if (is_v6) {
		host->text++;
		host->length--;
		if (!cut(host, ']', &rest))
			return false;
		digits = rest;
		has_port = rest.length > 0;
		if (has_port && (!cut(&rest, ':', &digits) || rest.length > 0))
			return false;
	} else {
		has_port = cut(host, ':', &digits);
	}
	*port = DEFAULT_PORT;
	if (has_port && (!read_number(digits, port) || *port == 0))
		return false;
	return is_host(*host, is_v6);
}

/* domainname[:port][,portal-group-tag] */
static int take_address(struct reading *reading, struct span value)
{
	struct discsi_target *target = last_target(reading);
	uint16_t port, tpgt = 0;
	struct span tag;

	if (target == NULL)
		return -EPROTO;
	if (!is_plain(value, DSC_HOST_NAME_MAX + sizeof("[]:65535,65535") - 1))
		return -EPROTO;
	if (cut(&value, ',', &tag) && !read_number(tag, &tpgt))
		return -EPROTO;
	if (!read_host(&value, &port))
		return -EPROTO;
	return add_portal(target, &reading->portal_room, value, port, tpgt);
}

static int take_name(struct reading *reading, struct span value)
{
	struct discsi_discovery *result = reading->result;
	struct discsi_target *target = last_target(reading);
	struct discsi_target *targets;

	if (!is_plain(value, DSC_TARGET_NAME_MAX))
		return -EPROTO;
	/* Some name a target again before each of its addresses. */
	if (target != NULL && strlen(target->target) == value.length &&
	    memcmp(target->target, value.text, value.length) == 0)
		return 0;
	if (result->ntargets == DSC_TARGETS_MAX)
		return -EPROTO;
	targets = grow(result->targets, result->ntargets, &reading->target_room,
		       sizeof(*targets));
	if (targets == NULL)
		return -ENOMEM;
	result->targets = targets;
	target = &targets[result->ntargets];
	memset(target, 0, sizeof(*target));
	target->target = strndup(value.text, value.length);
	if (target->target == NULL)
		return -ENOMEM;
	result->ntargets++;
	reading->portal_room = 0;
	return 0;
}

static const struct {
	const char *key;
	int (*take)(struct reading *reading, struct span value);
} keys[] = {
	{ "TargetName", take_name },
	{ "TargetAddress", take_address },
};

static int take_pair(struct reading *reading, struct span pair)
{
	struct span value;
	size_t i;

	if (!cut(&pair, '=', &value) || pair.length == 0)
		return -EPROTO;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].key) == pair.length &&
		    memcmp(keys[i].key, pair.text, pair.length) == 0)
			return keys[i].take(reading, value);
	}
	return 0;
}

static int take_text(struct reading *reading, struct span text)
{
	struct span rest;
	int rc;

	while (text.length > 0) {
		/* Without its NUL the last pair may have been cut short. */
		if (!cut(&text, '\0', &rest))
			return -EPROTO;
		/* A NUL too many is only padding. */
		rc = text.length > 0 ? take_pair(reading, text) : 0;
		if (rc != 0)
			return rc;
		text = rest;
	}
	return 0;
}

/* The portal that was asked serves the targets that have no address. */
static int fill_in(struct discsi_discovery *result, const char *address,
		   uint16_t port, uint16_t tpgt)
{
	const struct span span = { address, strlen(address) };
	size_t i;
	int rc = 0;

	for (i = 0; i < result->ntargets && rc == 0; i++) {
		struct discsi_target *target = &result->targets[i];
		size_t room = 0;

		if (target->nportals == 0)
			rc = add_portal(target, &room, span, port, tpgt);
	}
	return rc;
}

int dsc_sendtargets_parse(const char *text, size_t length, const char *address,
			  uint16_t port, uint16_t tpgt,
			  struct discsi_discovery **result)
{
	struct reading reading = { NULL, 0, 0 };
	int rc;

	*result = NULL;
	reading.result = calloc(1, sizeof(*reading.result));
	if (reading.result == NULL)
		return -ENOMEM;
	reading.result->size = sizeof(*reading.result);
	rc = take_text(&reading, (struct span){ text, length });
	if (rc == 0 && address != NULL)
		rc = fill_in(reading.result, address, port, tpgt);
	if (rc != 0) {
		free_result(reading.result);
		return rc;
	}
	*result = reading.result;
	return 0;
}
