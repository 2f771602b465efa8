/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/tls-internal.h: between tlscreds.c and tls.c, with GnuTLS's types.
 */
#ifndef NBD_TLS_INTERNAL_H
#define NBD_TLS_INTERNAL_H

#include <gnutls/gnutls.h>

#include "tls.h"

/* One line of a file of keys. */
struct nbd_tls_key {
	char *name;
	size_t name_length;
	gnutls_datum_t key;
};

struct nbd_tls_creds {
	gnutls_priority_t priority;
	gnutls_certificate_credentials_t x509;  /* NULL: keys are used */
	gnutls_psk_server_credentials_t psk;    /* NULL: certificates are */
	bool is_verified;                       /* clients need a certificate */
	struct nbd_tls_key *keys;
	size_t nkeys;
};

#endif /* NBD_TLS_INTERNAL_H */
