/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mountlib.c: see mountlib.h. Any thread.
 */
#define DSC_MOUNTLIB_PLAIN

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/dynlib.h"
#include "base/error.h"
#include "bridge/mountlib.h"

#define LIBRARY "libmount.so.1"
#define PURPOSE "to find out whether a device is in use"

struct dsc_mountlib dsc_mountlib;

#define ENTRY(name) { #name, offsetof(struct dsc_mountlib, name) },

static const struct dsc_dynlib_name names[] = {
	DSC_MOUNTLIB_NAMES(ENTRY)
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_loaded;

static void load(void)
{
	is_loaded = dsc_dynlib_load(LIBRARY, PURPOSE, names,
				    sizeof(names) / sizeof(names[0]),
				    &dsc_mountlib) == 0;
}

/* The linker's own words are those of the thread that has tried. */
int dsc_mountlib_load(void)
{
	pthread_once(&once, load);
	if (is_loaded)
		return 0;
	return dsc_fail(EOPNOTSUPP, PURPOSE " takes " LIBRARY ", which cannot "
			"be loaded: install it");
}
