/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * which.c: see which.h. Looks at the file system for links. Any thread.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/which.h"

bool dsc_which_is_number(const char *which)
{
	return which[0] != '\0' &&
	       strspn(which, "0123456789") == strlen(which);
}

/* What a bridge does not have is "". */
static bool is_named(const struct discsi_bridge *bridge, const char *which)
{
	if (which[0] == '\0')
		return false;
	if (dsc_which_is_number(which))
		return bridge->alive &&
		       strtoll(which, NULL, 10) == bridge->pid;
	return strcmp(which, bridge->id) == 0 ||
	       strcmp(which, bridge->device) == 0 ||
	       strcmp(which, bridge->socket) == 0;
}

/* By links, or from the current directory. */
static bool leads_to(const char *path, const char *place)
{
	char there[PATH_MAX];
	char here[PATH_MAX];

	return strchr(path, '/') != NULL && place[0] == '/' &&
	       realpath(path, here) != NULL &&
	       realpath(place, there) != NULL && strcmp(here, there) == 0;
}

/* The name of one counts before a link that leads from another one's there. */
size_t dsc_which_bridge(const char *which, struct discsi_bridge *const all[],
			size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (is_named(all[i], which))
			return i;
	}
	for (i = 0; i < count; i++) {
		if (leads_to(which, all[i]->device) ||
		    leads_to(which, all[i]->socket))
			return i;
	}
	return count;
}
