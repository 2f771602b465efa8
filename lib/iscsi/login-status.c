/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-status.c: what a Login Response that is no success means (RFC 7143
 * section 11.13.5): an errno and words for each status, and the portal that a
 * redirect names. Pure.
 */
#include "iscsi/login-check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLASS_REDIRECT 1

#define DETAIL_TEMPORARY 1
#define DETAIL_PERMANENT 2

#define DEFAULT_PORT 3260

static const struct status {
	uint8_t class;
	uint8_t detail;
	int errnum;
	const char *words;
} statuses[] = {
	{ 2, 0x00, EPROTO, "the target blames the initiator" },
	{ 2, 0x01, EACCES, "authentication failed" },
	{ 2, 0x02, EACCES, "this initiator is not authorised" },
	{ 2, 0x03, ENOENT, "the target is unknown here" },
	{ 2, 0x04, ENOENT, "the target has been removed" },
	{ 2, 0x05, EPROTO, "the target has another protocol version" },
	{ 2, 0x06, EAGAIN, "too many connections in this session" },
	{ 2, 0x07, EPROTO, "the target misses a parameter" },
	{ 2, 0x08, EPROTO, "the session cannot include this connection" },
	{ 2, 0x09, EOPNOTSUPP, "this type of session is not supported" },
	{ 2, 0x0a, EPROTO, "the session does not exist" },
	{ 2, 0x0b, EPROTO, "the request is invalid during login" },
	{ 3, 0x00, EIO, "the target has an error" },
	{ 3, 0x01, EAGAIN, "the service is unavailable" },
	{ 3, 0x02, EAGAIN, "the target is out of resources" },
};

/* For a detail that is not in the table. */
static const struct status others[] = {
	{ 2, 0, EPROTO, "the target blames the initiator" },
	{ 3, 0, EIO, "the target has an error" },
};

static const struct status *find_status(uint8_t class, uint8_t detail)
{
	size_t i;

	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].class == class && statuses[i].detail == detail)
			return &statuses[i];
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (others[i].class == class)
			return &others[i];
	}
	return NULL;
}

/* ------------------------------------------------------------- redirects */

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static bool is_v6_byte(char c)
{
	return is_name_byte(c) || c == ':' || c == '%';
}

/* The length of the host at the start of an address, brackets included. */
static size_t host_length(const char *address)
{
	size_t i = 0;

	if (address[0] != '[') {
		while (is_name_byte(address[i]))
			i++;
		return i;
	}
	for (i = 1; is_v6_byte(address[i]); i++)
		;
	return i > 1 && address[i] == ']' ? i + 1 : 0;
}

/* A port at the start of text; *end is what follows its digits. */
static bool get_port(const char *text, uint32_t *port, const char **end)
{
	size_t digits = strspn(text, "0123456789");
	char copy[6];

	if (digits == 0 || digits >= sizeof(copy))
		return false;
	memcpy(copy, text, digits);
	copy[digits] = '\0';
	*end = text + digits;
	return dsc_login_get_number(copy, 1, 65535, port);
}

/* "host[:port][,tag]" to "host:port". */
static bool get_portal(const char *address, char *portal, size_t room)
{
	size_t length = host_length(address);
	const char *rest = address + length;
	uint32_t port = DEFAULT_PORT;
	int n;

	if (length == 0 || length > room)
		return false;
	if (*rest == ':' && !get_port(rest + 1, &port, &rest))
		return false;
	if (*rest == ',')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (*rest != '\0')
		return false;
	n = snprintf(portal, room, "%.*s:%u", (int)length, address, port);
	return n > 0 && (size_t)n < room;
}

static enum dsc_login_verdict redirect(struct dsc_login_check *check,
				       uint8_t detail, const uint8_t *bytes,
				       size_t length)
{
	struct dsc_login_text text;
	const char *address;

	if (dsc_login_parse(bytes, length, &text, &check->error) != 0)
		return DSC_LOGIN_REFUSED;
	address = text.values[DSC_KEY_TARGET_ADDRESS];
	if (address == NULL)
		return dsc_login_refuse(check, EPROTO, "the target has moved "
					"and does not say where to");
	if (!get_portal(address, check->redirect, sizeof(check->redirect)))
		return dsc_login_refuse(check, EPROTO, "the target has moved "
					"to '%.100s', which is no portal",
					address);
	dsc_error_set(&check->error, EREMCHG, "the target has moved %s to %s",
		      detail == DETAIL_PERMANENT ? "for good" : "for a time",
		      check->redirect);
	return DSC_LOGIN_REDIRECT;
}

enum dsc_login_verdict dsc_login_status(struct dsc_login_check *check,
					uint8_t class, uint8_t detail,
					const uint8_t *text, size_t length)
{
	const struct status *status = find_status(class, detail);
	enum dsc_login_verdict verdict = DSC_LOGIN_REFUSED;

	/* some targets do not say for how long */
	if (class == CLASS_REDIRECT && detail != DETAIL_PERMANENT)
		detail = DETAIL_TEMPORARY;
	if (class == CLASS_REDIRECT)
		verdict = redirect(check, detail, text, length);
	else if (status == NULL)
		dsc_login_refuse(check, EPROTO, "unknown login status "
				 "(0x%02x%02x)", class, detail);
	else
		dsc_login_refuse(check, status->errnum, "%s (0x%02x%02x)",
				 status->words, class, detail);
	check->error.login_class = class;
	check->error.login_detail = detail;
	return verdict;
}
