/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/tls.h: TLS as a client's connection sees it: instead of recvmsg()
 * and sendmsg() on its socket it calls nbd_tls_receive() and nbd_tls_send(),
 * which never wait either. Clients without TLS do not come by here.
 *
 *   tlscreds.c  what the server proves itself with, and whom it lets in
 *   tls.c       one session
 *   tlsnone.c   instead of both, in a build without GnuTLS
 *
 * Credentials are loaded before there are threads, and only read afterwards; a
 * session belongs to its loop's thread.
 */
#ifndef NBD_TLS_H
#define NBD_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct nbd_tls_creds;
struct nbd_tls;

/*
 * Loads what TLS needs.
 *
 * directory: has server-cert.pem and server-key.pem; for the checks of clients
 *      also ca-cert.pem, and ca-crl.pem if it is there. Or NULL.
 * psk: a file of lines NAME:HEX, as psktool(1) writes them. Or NULL, but not
 *      both.
 * is_verified: clients must have a certificate that the authority has signed.
 * Errors: EOPNOTSUPP (built without GnuTLS), EPERM (a file with a secret can be
 * read or changed by others), EINVAL (a file is not what it should be), those
 * of reading one, ENOMEM.
 */
int nbd_tls_creds_load(const char *directory, const char *psk, bool is_verified,
		       struct nbd_tls_creds **creds);

/* creds: taken, NULL is fine. No session may be left. */
void nbd_tls_creds_free(struct nbd_tls_creds *creds);

/*
 * Begins the server's part of a handshake.
 *
 * fd: a connected socket, borrowed until nbd_tls_free(). early, length: what
 *      has been read from it already, at most NBD_TLS_EARLY_MAX bytes.
 * Errors: ENOMEM.
 */
#define NBD_TLS_EARLY_MAX 65536u
int nbd_tls_new(const struct nbd_tls_creds *creds, int fd, const uint8_t *early,
		size_t length, struct nbd_tls **tls);

/*
 * Goes on with the handshake. Returns 0 when it is over, -EAGAIN when it waits
 * for the socket, or -EPROTO: nbd_tls_why() says why it has failed, and so has
 * the peer been told.
 */
int nbd_tls_handshake(struct nbd_tls *tls);

/* True when the handshake is over. */
bool nbd_tls_is_up(const struct nbd_tls *tls);

/*
 * As recvmsg() and sendmsg() with MSG_DONTWAIT, errno included; EPROTO is a
 * failure of TLS. What nbd_tls_send() has taken it sends or keeps.
 */
ssize_t nbd_tls_receive(struct nbd_tls *tls, const struct iovec *iov,
			int count);
ssize_t nbd_tls_send(struct nbd_tls *tls, const struct iovec *iov, int count);

/* How much is kept, and another try to send it; as send(). */
size_t nbd_tls_unsent(const struct nbd_tls *tls);
ssize_t nbd_tls_flush(struct nbd_tls *tls);

/*
 * True when there is something to be received of which the socket does not
 * tell, since it has been read from there.
 */
bool nbd_tls_has_unread(const struct nbd_tls *tls);

/* Why it has failed: a sentence, or NULL when it has not. */
const char *nbd_tls_why(const struct nbd_tls *tls);

/* Says goodbye, as far as the socket takes it, and frees. NULL is fine. */
void nbd_tls_free(struct nbd_tls *tls);

#endif /* NBD_TLS_H */
