/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tlsnone.c: tls.h in a build without GnuTLS: there are no credentials, so that
 * there is never a session. Any thread.
 */
#include <errno.h>

#include "base/error.h"

#include "tls.h"

int nbd_tls_creds_load(const char *directory, const char *psk, bool is_verified,
		       struct nbd_tls_creds **creds)
{
	(void)directory;
	(void)psk;
	(void)is_verified;
	*creds = NULL;
	return dsc_fail(EOPNOTSUPP, "this discsi-nbd is built without GnuTLS, "
			"and has no TLS");
}

void nbd_tls_creds_free(struct nbd_tls_creds *creds)
{
	(void)creds;
}

int nbd_tls_new(const struct nbd_tls_creds *creds, int fd, const uint8_t *early,
		size_t length, struct nbd_tls **tls)
{
	(void)creds;
	(void)fd;
	(void)early;
	(void)length;
	*tls = NULL;
	return -EOPNOTSUPP;
}

int nbd_tls_handshake(struct nbd_tls *tls)
{
	(void)tls;
	return -EPROTO;
}

bool nbd_tls_is_up(const struct nbd_tls *tls)
{
	(void)tls;
	return false;
}

static ssize_t fail(void)
{
	errno = EPROTO;
	return -1;
}

ssize_t nbd_tls_receive(struct nbd_tls *tls, const struct iovec *iov, int count)
{
	(void)tls;
	(void)iov;
	(void)count;
	return fail();
}

ssize_t nbd_tls_send(struct nbd_tls *tls, const struct iovec *iov, int count)
{
	(void)tls;
	(void)iov;
	(void)count;
	return fail();
}

size_t nbd_tls_unsent(const struct nbd_tls *tls)
{
	(void)tls;
	return 0;
}

ssize_t nbd_tls_flush(struct nbd_tls *tls)
{
	(void)tls;
	return fail();
}

bool nbd_tls_has_unread(const struct nbd_tls *tls)
{
	(void)tls;
	return false;
}

const char *nbd_tls_why(const struct nbd_tls *tls)
{
	(void)tls;
	return NULL;
}

void nbd_tls_free(struct nbd_tls *tls)
{
	(void)tls;
}
