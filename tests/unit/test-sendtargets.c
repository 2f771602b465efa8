/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-sendtargets.c: answers to SendTargets: the forms that targets use, and
 * those that they must not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "iscsi/sendtargets.h"

static struct discsi_discovery *result;

static void drop(void)
{
	size_t i, j;

	if (result == NULL)
		return;
	for (i = 0; i < result->ntargets; i++) {
		for (j = 0; j < result->targets[i].nportals; j++)
			free(result->targets[i].portals[j].address);
		free(result->targets[i].portals);
		free(result->targets[i].target);
	}
	free(result->targets);
	free(result);
	result = NULL;
}

/* Parses a copy of just that length: a read beyond it is noticed. */
static int parse_for(const char *text, size_t length, const char *address)
{
	char *copy = malloc(length > 0 ? length : 1);
	int rc;

	CU_ASSERT_FATAL(copy != NULL);
	memcpy(copy, text, length);
	drop();
	rc = dsc_sendtargets_parse(copy, length, address, 860, 9, &result);
	free(copy);
	CU_ASSERT_EQUAL(rc == 0, result != NULL);
	return rc;
}

static int parse(const char *text, size_t length)
{
	return parse_for(text, length, NULL);
}

/* Literals hold their NULs, the last one included. */
#define PARSE(text) parse(text, sizeof(text))

static void assert_portal(size_t target, size_t portal, const char *address,
			  uint16_t port, uint16_t tpgt)
{
	const struct discsi_portal *p;

	CU_ASSERT_FATAL(target < result->ntargets);
	CU_ASSERT_FATAL(portal < result->targets[target].nportals);
	p = &result->targets[target].portals[portal];
	CU_ASSERT_STRING_EQUAL(p->address, address);
	CU_ASSERT_EQUAL(p->port, port);
	CU_ASSERT_EQUAL(p->tpgt, tpgt);
}

static void several_targets(void)
{
	CU_ASSERT_EQUAL_FATAL(PARSE("TargetName=iqn.2001-04.com.example:a\0"
				    "TargetAddress=10.0.0.1:3260,1\0"
				    "TargetAddress=[fe80::1]:3261,2\0"
				    "TargetName=eui.0123456789abcdef\0"
				    "TargetAddress=disk.example.com,65535"), 0);
	CU_ASSERT_EQUAL(result->size, sizeof(*result));
	CU_ASSERT_EQUAL_FATAL(result->ntargets, 2);
	CU_ASSERT_STRING_EQUAL(result->targets[0].target,
			       "iqn.2001-04.com.example:a");
	CU_ASSERT_EQUAL(result->targets[0].nportals, 2);
	assert_portal(0, 0, "10.0.0.1", 3260, 1);
	assert_portal(0, 1, "fe80::1", 3261, 2);
	CU_ASSERT_STRING_EQUAL(result->targets[1].target,
			       "eui.0123456789abcdef");
	assert_portal(1, 0, "disk.example.com", 3260, 65535);
	drop();
}

static void addresses(void)
{
	CU_ASSERT_EQUAL_FATAL(PARSE("TargetName=iqn.a\0"
				    "TargetAddress=10.0.0.1\0"
				    "TargetAddress=10.0.0.1:860\0"
				    "TargetAddress=[2001:db8::2]\0"
				    "TargetAddress=[2001:db8::2],3\0"
				    "TargetAddress=[fe80::1%eth0]:1,0"), 0);
	assert_portal(0, 0, "10.0.0.1", 3260, 0);
	assert_portal(0, 1, "10.0.0.1", 860, 0);
	assert_portal(0, 2, "2001:db8::2", 3260, 0);
	assert_portal(0, 3, "2001:db8::2", 3260, 3);
	assert_portal(0, 4, "fe80::1%eth0", 1, 0);
	drop();
}

static void no_address(void)
{
	static const char text[] = "TargetName=iqn.a\0TargetName=iqn.b\0"
				   "TargetAddress=10.0.0.2:1,1\0"
				   "TargetName=iqn.c";

	CU_ASSERT_EQUAL_FATAL(parse(text, sizeof(text)), 0);
	CU_ASSERT_EQUAL(result->ntargets, 3);
	CU_ASSERT_EQUAL(result->targets[0].nportals, 0);
	CU_ASSERT_EQUAL(result->targets[2].nportals, 0);
	CU_ASSERT_EQUAL_FATAL(parse_for(text, sizeof(text), "10.9.9.9"), 0);
	CU_ASSERT_EQUAL(result->ntargets, 3);
	assert_portal(0, 0, "10.9.9.9", 860, 9);
	assert_portal(1, 0, "10.0.0.2", 1, 1);
	assert_portal(2, 0, "10.9.9.9", 860, 9);
	CU_ASSERT_EQUAL(result->targets[1].nportals, 1);
	drop();
}

/* Nothing there, padding, keys of others, names that are repeated. */
static void tolerated(void)
{
	CU_ASSERT_EQUAL(parse("", 0), 0);
	CU_ASSERT_EQUAL(result->ntargets, 0);
	CU_ASSERT_EQUAL(PARSE(""), 0);
	CU_ASSERT_EQUAL(result->ntargets, 0);
	CU_ASSERT_EQUAL_FATAL(PARSE("\0TargetAlias=my disk\0"
				    "TargetName=iqn.a\0"
				    "TargetAddress=10.0.0.1:1,1\0"
				    "X-com.example.key=\1\2\3\0"
				    "TargetName=iqn.a\0"
				    "TargetAddress=10.0.0.2:2,2\0\0\0"), 0);
	CU_ASSERT_EQUAL(result->ntargets, 1);
	assert_portal(0, 0, "10.0.0.1", 1, 1);
	assert_portal(0, 1, "10.0.0.2", 2, 2);
	drop();
}

static void refused(void)
{
	static const char *const values[] = {
		"", "no pair", "=value", "TargetName", "TargetName=",
		"TargetName=a b", "TargetName=a\tb", "TargetName=a\x1b[31m",
		"TargetName=caf\xc3\xa9", "TargetName=\x7f",
		"TargetAddress=", "TargetAddress=,1", "TargetAddress=:3260,1",
		"TargetAddress=10.0.0.1:", "TargetAddress=10.0.0.1:,1",
		"TargetAddress=10.0.0.1:0", "TargetAddress=10.0.0.1:65536",
		"TargetAddress=10.0.0.1:99999", "TargetAddress=10.0.0.1:1x",
		"TargetAddress=10.0.0.1:-1", "TargetAddress=10.0.0.1:000001",
		"TargetAddress=10.0.0.1,", "TargetAddress=10.0.0.1,65536",
		"TargetAddress=10.0.0.1,1,1", "TargetAddress=fe80::1",
		"TargetAddress=fe80::1:3260,1", "TargetAddress=[fe80::1",
		"TargetAddress=[]", "TargetAddress=[]:3260,1",
		"TargetAddress=[10.0.0.1]:3260", "TargetAddress=[fe80::1]3260",
		"TargetAddress=[fe80::1]x:1", "TargetAddress=a]:1",
		"TargetAddress=a/b", "TargetAddress=a b:1",
		"TargetAddress=a;rm:1", "TargetAddress=[::1]:",
	};
	char text[200];
	size_t i;
	int length;

	for (i = 1; i < sizeof(values) / sizeof(values[0]); i++) {
		length = snprintf(text, sizeof(text), "TargetName=iqn.x%c%s",
				  '\0', values[i]);
		CU_ASSERT_EQUAL(parse(text, (size_t)length + 1), -EPROTO);
		if (result != NULL)
			dsc_test_note("taken: %s", values[i]);
	}
	CU_ASSERT_EQUAL(PARSE("TargetAddress=10.0.0.1:1,1"), -EPROTO);
}

/* Without its last NUL a pair may have been cut. */
static void cut_short(void)
{
	static const char text[] = "TargetName=iqn.a\0"
				   "TargetAddress=10.0.0.1:3260,1\0"
				   "TargetName=iqn.b";
	size_t length;

	for (length = 0; length <= sizeof(text); length++)
		CU_ASSERT_EQUAL(parse(text, length),
				length == 0 || text[length - 1] == '\0' ?
				0 : -EPROTO);
	drop();
}

static void name_of(size_t length, int expected)
{
	char text[600] = "TargetName=";

	memset(text + 11, 'n', length);
	CU_ASSERT_EQUAL(parse(text, 11 + length + 1), expected);
	drop();
}

static void host_of(size_t length, int expected)
{
	char text[600] = "TargetName=iqn.a\0TargetAddress=";

	memset(text + 31, 'h', length);
	memcpy(text + 31 + length, ":65535,65535", 13);
	CU_ASSERT_EQUAL(parse(text, 31 + length + 13), expected);
	drop();
}

static void longest(void)
{
	name_of(223, 0);
	name_of(224, -EPROTO);
	host_of(255, 0);
	host_of(256, -EPROTO);
	host_of(400, -EPROTO);
}

/* count lines of a form that takes a number. */
static int parse_many(const char *first, const char *form, int count)
{
	size_t room = strlen(first) + 1 + (size_t)count * 48;
	char *text = calloc(1, room);
	size_t used = strlen(first) + 1;
	int i, rc;

	CU_ASSERT_FATAL(text != NULL);
	memcpy(text, first, used);
	for (i = 0; i < count; i++) {
		int n = strcmp(form, "name") == 0 ?
			snprintf(text + used, 48, "TargetName=iqn.%d", i) :
			snprintf(text + used, 48, "TargetAddress=10.0.0.1:%d",
				 i + 1);
		used += (size_t)n + 1;
	}
	rc = parse(text, used);
	free(text);
	return rc;
}

static void too_many(void)
{
	CU_ASSERT_EQUAL_FATAL(parse_many("", "name", DSC_TARGETS_MAX), 0);
	CU_ASSERT_EQUAL(result->ntargets, DSC_TARGETS_MAX);
	CU_ASSERT_STRING_EQUAL(result->targets[8000].target, "iqn.8000");
	CU_ASSERT_EQUAL(parse_many("", "name", DSC_TARGETS_MAX + 1), -EPROTO);
	CU_ASSERT_EQUAL_FATAL(parse_many("TargetName=a", "address",
					 DSC_PORTALS_MAX), 0);
	CU_ASSERT_EQUAL(result->targets[0].nportals, DSC_PORTALS_MAX);
	assert_portal(0, 200, "10.0.0.1", 201, 0);
	CU_ASSERT_EQUAL(parse_many("TargetName=a", "address",
				   DSC_PORTALS_MAX + 1), -EPROTO);
	drop();
}

static const struct dsc_test tests[] = {
	{ "several_targets", several_targets },
	{ "addresses", addresses },
	{ "no_address", no_address },
	{ "tolerated", tolerated },
	{ "refused", refused },
	{ "cut_short", cut_short },
	{ "longest", longest },
	{ "too_many", too_many },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return dsc_test_main("sendtargets", tests, argc, argv);
}
