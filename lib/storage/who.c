/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * who.c: see who.h. It is what a session compares when it comes back
 * (lun/verify.c); and of a disk that has no name all there is. Pure.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "storage/who.h"

#define OTHER "the LUN is another disk than the one that was mounted, and is " \
	"accepted only after an unmount: its "

void dsc_who_of_lun(struct dsc_who *who, const struct discsi_lun_info *info)
{
	*who = (struct dsc_who){
		.block_size = info->block_size,
		.bytes = info->bytes,
	};
	memcpy(who->designator, info->designator, sizeof(who->designator));
	memcpy(who->serial, info->serial, sizeof(who->serial));
	memcpy(who->vendor, info->vendor, sizeof(who->vendor));
	memcpy(who->product, info->product, sizeof(who->product));
	memcpy(who->revision, info->revision, sizeof(who->revision));
}

void dsc_who_of_bridge(struct dsc_who *who, const struct discsi_bridge *bridge)
{
	*who = (struct dsc_who){
		.block_size = bridge->block_size,
		.bytes = bridge->bytes,
	};
	snprintf(who->designator, sizeof(who->designator), "%s",
		 bridge->designator);
	snprintf(who->serial, sizeof(who->serial), "%s", bridge->serial);
	snprintf(who->vendor, sizeof(who->vendor), "%s", bridge->vendor);
	snprintf(who->product, sizeof(who->product), "%s", bridge->product);
	snprintf(who->revision, sizeof(who->revision), "%s",
		 bridge->revision);
}

/* A name that is lost is another one. */
static bool is_other_name(const char *was, const char *is)
{
	return was[0] != '\0' && strcmp(was, is) != 0;
}

static bool is_other_text(const char *was, const char *is)
{
	return is[0] != '\0' && is_other_name(was, is);
}

static bool is_other_number(uint64_t was, uint64_t is)
{
	return was != 0 && is != 0 && was != is;
}

bool dsc_who_differs(const struct dsc_who *was, const struct dsc_who *is)
{
	return is->block_size != 0 &&
	       (is_other_name(was->designator, is->designator) ||
		is_other_name(was->serial, is->serial));
}

static int fail_text(const char *what, const char *was, const char *is)
{
	return dsc_fail(ESTALE, OTHER "%s was \"%s\" and is \"%s\"", what, was,
			is);
}

static int check_size(const struct dsc_who *was, const struct dsc_who *is,
		      bool may_grow)
{
	if (is_other_number(was->block_size, is->block_size))
		return dsc_fail(ESTALE, OTHER "blocks were %" PRIu32 " bytes "
				"and are %" PRIu32, was->block_size,
				is->block_size);
	if (is_other_number(was->bytes, is->bytes) &&
	    (!may_grow || is->bytes < was->bytes))
		return dsc_fail(ESTALE, OTHER "size was %" PRIu64 " bytes and "
				"is %" PRIu64, was->bytes, is->bytes);
	return 0;
}

int dsc_who_check(const struct dsc_who *was, const struct dsc_who *is)
{
	bool has_name = was->designator[0] != '\0' || was->serial[0] != '\0';

	if (is_other_name(was->designator, is->designator))
		return fail_text("designator", was->designator,
				 is->designator);
	if (is_other_name(was->serial, is->serial))
		return fail_text("serial number", was->serial, is->serial);
	if (is_other_text(was->vendor, is->vendor))
		return fail_text("vendor", was->vendor, is->vendor);
	if (is_other_text(was->product, is->product))
		return fail_text("product", was->product, is->product);
	if (!has_name && is_other_text(was->revision, is->revision))
		return fail_text("revision", was->revision, is->revision);
	return check_size(was, is, has_name);
}
