/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dynlib.h: a shared library of others that is loaded when it is needed, which
 * most processes never do; to load it, and what it needs, would cost each of
 * them more than all else that it does to start. Any thread.
 */
#ifndef DSC_BASE_DYNLIB_H
#define DSC_BASE_DYNLIB_H

#include <stddef.h>

/* A name in the library, and where its address goes in the caller's table. */
struct dsc_dynlib_name {
	const char *name;
	size_t offset;
};

/*
 * Loads a library, for good, and fills a table with the addresses of names.
 * purpose: begins the sentence of a failure ("TLS").
 * Errors: EOPNOTSUPP (it is not installed, or lacks a name).
 */
int dsc_dynlib_load(const char *library, const char *purpose,
		    const struct dsc_dynlib_name *names, size_t count,
		    void *table);

#endif /* DSC_BASE_DYNLIB_H */
