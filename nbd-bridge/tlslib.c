/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tlslib.c: see tlslib.h. Main thread.
 */
#define NBD_TLS_LIB_PLAIN

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"

#include "tlslib.h"

struct nbd_tls_lib nbd_tls_lib;

#define ENTRY(name) { #name, offsetof(struct nbd_tls_lib, name) },

static const struct {
	const char *name;
	size_t offset;
} entries[] = {
	NBD_TLS_NAMES(ENTRY)
};

int nbd_tls_lib_load(void)
{
	void *library = dlopen(NBD_TLS_LIB_NAME, RTLD_NOW | RTLD_LOCAL);
	void *found;
	size_t i;

	if (library == NULL)
		return dsc_fail(EOPNOTSUPP, "TLS takes GnuTLS, which cannot be "
				"loaded: %s", dlerror());
	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		found = dlsym(library, entries[i].name);
		if (found == NULL)
			return dsc_fail(EOPNOTSUPP, "the GnuTLS that is here has "
					"no %s", entries[i].name);
		memcpy((char *)&nbd_tls_lib + entries[i].offset, &found,
		       sizeof(found));
	}
	return 0;
}
