/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * which.c: see which.h. Looks at the file system for links. Any thread.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/registry.h"
#include "which.h"

/* "1234", which no id is. */
static bool is_its_process(const char *which,
			   const struct discsi_bridge *bridge)
{
	return which[0] != '\0' &&
	       strspn(which, "0123456789") == strlen(which) && bridge->alive &&
	       strtoll(which, NULL, 10) == bridge->pid;
}

static bool is_at(const char *which, const struct discsi_bridge *bridge,
		  bool may_lead)
{
	return dsc_registry_is_place(which, bridge->device, may_lead) ||
	       dsc_registry_is_place(which, bridge->socket, may_lead);
}

/* The name of one counts before a link that leads from another one's there. */
const struct discsi_bridge *which_bridge(const char *which,
					 struct discsi_bridge *bridges[],
					 size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(which, bridges[i]->id) == 0 ||
		    is_at(which, bridges[i], false) ||
		    is_its_process(which, bridges[i]))
			return bridges[i];
	}
	for (i = 0; i < count; i++) {
		if (is_at(which, bridges[i], true))
			return bridges[i];
	}
	return NULL;
}
