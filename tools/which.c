/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * which.c: see which.h. Looks at the file system for links. Any thread.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "which.h"

static bool is_same_text(const char *a, const char *b)
{
	return a[0] != '\0' && strcmp(a, b) == 0;
}

/* "1234", which no id is. */
static bool is_its_process(const char *which,
			   const struct discsi_bridge *bridge)
{
	return which[0] != '\0' &&
	       strspn(which, "0123456789") == strlen(which) && bridge->alive &&
	       strtoll(which, NULL, 10) == bridge->pid;
}

const struct discsi_bridge *which_bridge(const char *which,
					 struct discsi_bridge *bridges[],
					 size_t count)
{
	char real[PATH_MAX];
	size_t i;

	/* /dev/disk/by-path/… is a link to the device. */
	if (which[0] != '/' || realpath(which, real) == NULL)
		real[0] = '\0';
	for (i = 0; i < count; i++) {
		if (is_same_text(which, bridges[i]->id) ||
		    is_same_text(which, bridges[i]->device) ||
		    is_same_text(which, bridges[i]->socket) ||
		    is_same_text(real, bridges[i]->device) ||
		    is_its_process(which, bridges[i]))
			return bridges[i];
	}
	return NULL;
}
