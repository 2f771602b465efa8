/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scolslib.c: see scolslib.h. Main thread.
 */
#define SCOLSLIB_PLAIN

#include <stddef.h>

#include "base/dynlib.h"

#include "scolslib.h"

struct scolslib scolslib;

#define ENTRY(name) { #name, offsetof(struct scolslib, name) },

static const struct dsc_dynlib_name names[] = {
	SCOLSLIB_NAMES(ENTRY)
};

int scolslib_load(void)
{
	return dsc_dynlib_load("libsmartcols.so.1", "to print a table", names,
			       sizeof(names) / sizeof(names[0]), &scolslib);
}
