/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tlslib.c: see tlslib.h. Main thread.
 */
#define NBD_TLS_LIB_PLAIN

#include <stddef.h>

#include "base/dynlib.h"

#include "tlslib.h"

struct nbd_tls_lib nbd_tls_lib;

#define ENTRY(name) { #name, offsetof(struct nbd_tls_lib, name) },

static const struct dsc_dynlib_name names[] = {
	NBD_TLS_NAMES(ENTRY)
};

int nbd_tls_lib_load(void)
{
	return dsc_dynlib_load(NBD_TLS_LIB_NAME, "TLS", names,
			       sizeof(names) / sizeof(names[0]), &nbd_tls_lib);
}
