/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dynlib.c: see dynlib.h. Loading twice is fine: the library is the same. Any
 * thread.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "base/dynlib.h"
#include "base/error.h"

int dsc_dynlib_load(const char *library, const char *purpose,
		    const struct dsc_dynlib_name *names, size_t count,
		    void *table)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	void *found;
	size_t i;

	if (handle == NULL)
		return dsc_fail(EOPNOTSUPP, "%s takes %s, which cannot be "
				"loaded: %s", purpose, library, dlerror());
	for (i = 0; i < count; i++) {
		found = dlsym(handle, names[i].name);
		if (found == NULL)
			return dsc_fail(EOPNOTSUPP, "%s takes a newer %s: it "
					"has no %s", purpose, library,
					names[i].name);
		memcpy((char *)table + names[i].offset, &found, sizeof(found));
	}
	return 0;
}
