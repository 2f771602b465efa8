/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls.c: one session of GnuTLS. Between it and the socket stand two buffers of
 * ours, so that one system call moves several records: it reads from the one,
 * for which it would need two calls per record, and writes to the other one,
 * which has room before it is asked to. So sending has no half-sent records:
 * what GnuTLS was given is in the buffer. Loop's thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/checked.h"

#include "tls-internal.h"
#include "tlslib.h"

#define RECORD_MAX 16384u
#define RECORD_ROOM (RECORD_MAX + 512u)  /* with what encryption adds */

/* Alerts, key updates and the like, beside the records of data. */
#define CONTROL_ROOM 8192u

#define IN_SIZE NBD_TLS_EARLY_MAX
#define OUT_SIZE (4 * RECORD_ROOM + CONTROL_ROOM)

/* What one call encrypts at most, so that the other clients get their turn. */
#define SEND_MAX ((size_t)2 << 20)

/* Messages without effect that a handshake may have. */
#define WARNINGS_MAX 8

struct nbd_tls {
	gnutls_session_t session;
	const struct nbd_tls_creds *creds;
	int fd;
	bool is_up;
	bool is_ended;            /* nothing more will be received */
	bool has_failed;
	char why[256];
	size_t in_start;
	size_t in_end;
	size_t out_start;
	size_t out_end;
	uint8_t in[IN_SIZE];      /* from the socket, encrypted */
	uint8_t out[OUT_SIZE];    /* for the socket, encrypted */
	uint8_t stage[RECORD_MAX];  /* small pieces become one record */
};

/* ------------------------------------------------------ GnuTLS's two calls */

static ssize_t pull(gnutls_transport_ptr_t arg, void *to, size_t length)
{
	struct nbd_tls *tls = arg;
	ssize_t n;

	if (tls->in_start == tls->in_end) {
		n = recv(tls->fd, tls->in, IN_SIZE, MSG_DONTWAIT);
		if (n <= 0) {
			gnutls_transport_set_errno(tls->session, errno);
			return n;
		}
		tls->in_start = 0;
		tls->in_end = (size_t)n;
	}
	length = dsc_min_size(length, tls->in_end - tls->in_start);
	memcpy(to, tls->in + tls->in_start, length);
	tls->in_start += length;
	return (ssize_t)length;
}

static size_t out_room(const struct nbd_tls *tls)
{
	return OUT_SIZE - tls->out_end;
}

static ssize_t push(gnutls_transport_ptr_t arg, const void *data, size_t length)
{
	struct nbd_tls *tls = arg;

	if (out_room(tls) < length)
		nbd_tls_flush(tls);
	length = dsc_min_size(length, out_room(tls));
	if (length == 0) {
		gnutls_transport_set_errno(tls->session, EAGAIN);
		return -1;
	}
	memcpy(tls->out + tls->out_end, data, length);
	tls->out_end += length;
	return (ssize_t)length;
}

size_t nbd_tls_unsent(const struct nbd_tls *tls)
{
	return tls->out_end - tls->out_start;
}

ssize_t nbd_tls_flush(struct nbd_tls *tls)
{
	size_t length = nbd_tls_unsent(tls);
	ssize_t n = 0;

	if (length > 0)
		n = send(tls->fd, tls->out + tls->out_start, length,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		tls->out_start += (size_t)n;
	if (nbd_tls_unsent(tls) == 0) {
		tls->out_start = 0;
		tls->out_end = 0;
	}
	return n;
}

/* ---------------------------------------------------------------- failures */

/* What is wrong with the peer's certificate. False when that is not it. */
static bool describe_certificate(struct nbd_tls *tls, const char *what)
{
	unsigned status = gnutls_session_get_verify_cert_status(tls->session);
	gnutls_datum_t text;

	if (gnutls_certificate_verification_status_print(
		    status, GNUTLS_CRT_X509, &text, 0) < 0)
		return false;
	snprintf(tls->why, sizeof(tls->why), "%s: %s", what,
		 (const char *)text.data);
	gnutls_free(text.data);
	return true;
}

/* Keeps the first failure as a sentence. */
static void fail(struct nbd_tls *tls, const char *what, int error)
{
	const char *alert = NULL;

	if (tls->has_failed)
		return;
	tls->has_failed = true;
	if (error == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
	    describe_certificate(tls, what))
		return;
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
		alert = gnutls_alert_get_name(gnutls_alert_get(tls->session));
	snprintf(tls->why, sizeof(tls->why), "%s: %s%s%s", what,
		 gnutls_strerror(error), alert != NULL ? " " : "",
		 alert != NULL ? alert : "");
}

const char *nbd_tls_why(const struct nbd_tls *tls)
{
	return tls->has_failed ? tls->why : NULL;
}

static ssize_t fail_protocol(void)
{
	errno = EPROTO;
	return -1;
}

/* --------------------------------------------------------------- handshake */

bool nbd_tls_is_up(const struct nbd_tls *tls)
{
	return tls->is_up;
}

static bool is_waiting(int rc)
{
	return rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED;
}

int nbd_tls_handshake(struct nbd_tls *tls)
{
	int warnings = 0;
	int rc;

	do {
		rc = gnutls_handshake(tls->session);
	} while (rc < 0 && !is_waiting(rc) && !gnutls_error_is_fatal(rc) &&
		 warnings++ < WARNINGS_MAX);
	if (rc < 0 && !is_waiting(rc)) {
		fail(tls, "the TLS handshake has failed", rc);
		gnutls_alert_send_appropriate(tls->session, rc);
	}
	tls->is_up = rc == 0;
	if (nbd_tls_flush(tls) < 0 && errno != EAGAIN && errno != EINTR &&
	    rc == 0)
		fail(tls, "the TLS handshake has failed", GNUTLS_E_PUSH_ERROR);
	if (tls->has_failed)
		return -EPROTO;
	return tls->is_up ? 0 : -EAGAIN;
}

/* --------------------------------------------------------------- receiving */

/*
 * Makes of what gnutls_record_recv() has returned instead of data what
 * recvmsg() would. A connection that is closed without a goodbye has ended:
 * NBD's own messages show where it was cut off.
 */
static ssize_t end_receive(struct nbd_tls *tls, ssize_t rc)
{
	/* Writing waits in a receive when the peer floods us with key updates. */
	if (is_waiting((int)rc) && gnutls_record_get_direction(tls->session)) {
		fail(tls, "TLS has failed", GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS);
		return fail_protocol();
	}
	if (is_waiting((int)rc) || rc == GNUTLS_E_WARNING_ALERT_RECEIVED) {
		errno = EAGAIN;
		return -1;
	}
	if (rc == 0 || rc == GNUTLS_E_PREMATURE_TERMINATION) {
		tls->is_ended = true;
		return 0;
	}
	fail(tls, "TLS has failed", (int)rc);
	return fail_protocol();
}

ssize_t nbd_tls_receive(struct nbd_tls *tls, const struct iovec *iov, int count)
{
	size_t total = 0;
	size_t done = 0;
	ssize_t n;

	if (tls->is_ended)
		return 0;
	if (tls->has_failed)
		return fail_protocol();
	while (count > 0) {
		if (done == iov->iov_len) {
			iov++;
			count--;
			done = 0;
			continue;
		}
		n = gnutls_record_recv(tls->session,
				       (uint8_t *)iov->iov_base + done,
				       iov->iov_len - done);
		if (n <= 0) {
			n = end_receive(tls, n);
			return total > 0 ? (ssize_t)total : n;
		}
		done += (size_t)n;
		total += (size_t)n;
	}
	return (ssize_t)total;
}

bool nbd_tls_has_unread(const struct nbd_tls *tls)
{
	return tls->is_up && !tls->is_ended && !tls->has_failed &&
	       (tls->in_start < tls->in_end ||
		gnutls_record_check_pending(tls->session) > 0);
}

/* ----------------------------------------------------------------- sending */

/* What is to be sent and has not been. */
struct source {
	const struct iovec *iov;
	int count;
	size_t offset;  /* in the first one */
};

static void advance(struct source *source, size_t length)
{
	source->offset += length;
	while (source->count > 0 && source->offset >= source->iov->iov_len) {
		source->offset -= source->iov->iov_len;
		source->iov++;
		source->count--;
	}
}

/* The next record's content: a large piece where it is, small ones gathered. */
static const uint8_t *next_content(struct nbd_tls *tls, struct source source,
				   size_t *length)
{
	const uint8_t *at = (const uint8_t *)source.iov->iov_base +
			    source.offset;
	size_t part = source.iov->iov_len - source.offset;

	*length = dsc_min_size(part, RECORD_MAX);
	if (part >= RECORD_MAX || source.count == 1)
		return at;
	*length = 0;
	while (source.count > 0 && *length < RECORD_MAX) {
		at = (const uint8_t *)source.iov->iov_base + source.offset;
		part = dsc_min_size(source.iov->iov_len - source.offset,
				    RECORD_MAX - *length);
		memcpy(tls->stage + *length, at, part);
		*length += part;
		advance(&source, part);
	}
	return tls->stage;
}

/* Sends until there is room for a record. Returns false when there is none. */
static bool make_room(struct nbd_tls *tls)
{
	if (out_room(tls) < RECORD_ROOM + CONTROL_ROOM)
		nbd_tls_flush(tls);
	return out_room(tls) >= RECORD_ROOM + CONTROL_ROOM;
}

ssize_t nbd_tls_send(struct nbd_tls *tls, const struct iovec *iov, int count)
{
	struct source source = { iov, count, 0 };
	size_t total = 0;
	size_t length;
	ssize_t n;

	if (tls->has_failed)
		return fail_protocol();
	advance(&source, 0);
	while (source.count > 0 && total < SEND_MAX && make_room(tls)) {
		const uint8_t *content = next_content(tls, source, &length);

		n = gnutls_record_send(tls->session, content, length);
		if (n <= 0) {
			fail(tls, "TLS has failed", (int)n);
			return fail_protocol();
		}
		advance(&source, (size_t)n);
		total += (size_t)n;
	}
	if (nbd_tls_flush(tls) < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	if (total > 0 || source.count == 0)
		return (ssize_t)total;
	errno = EAGAIN;
	return -1;
}

/* ----------------------------------------------------------- begin and end */

static int set_up(struct nbd_tls *tls)
{
	const struct nbd_tls_creds *creds = tls->creds;
	static gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	int rc;

	rc = gnutls_init(&tls->session, GNUTLS_SERVER | GNUTLS_NONBLOCK |
			 GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
	if (rc < 0) {
		tls->session = NULL;
		return rc;
	}
	gnutls_session_set_ptr(tls->session, (void *)(uintptr_t)creds);
	gnutls_handshake_set_timeout(tls->session, 0);
	gnutls_transport_set_ptr(tls->session, tls);
	gnutls_transport_set_pull_function(tls->session, pull);
	gnutls_transport_set_push_function(tls->session, push);
	rc = gnutls_priority_set(tls->session, creds->priority);
	if (rc >= 0 && creds->x509 != NULL)
		rc = gnutls_credentials_set(tls->session,
					    GNUTLS_CRD_CERTIFICATE,
					    creds->x509);
	if (rc >= 0 && creds->psk != NULL)
		rc = gnutls_credentials_set(tls->session, GNUTLS_CRD_PSK,
					    creds->psk);
	if (rc >= 0 && creds->is_verified) {
		gnutls_certificate_server_set_request(tls->session,
						      GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert2(tls->session, &purpose, 1, 0);
	}
	return rc;
}

int nbd_tls_new(const struct nbd_tls_creds *creds, int fd, const uint8_t *early,
		size_t length, struct nbd_tls **tls)
{
	struct nbd_tls *made = malloc(sizeof(*made));

	if (made == NULL)
		return -ENOMEM;
	memset(made, 0, offsetof(struct nbd_tls, in));
	made->creds = creds;
	made->fd = fd;
	made->in_end = dsc_min_size(length, IN_SIZE);
	memcpy(made->in, early, made->in_end);
	if (set_up(made) < 0) {
		nbd_tls_free(made);
		return -ENOMEM;
	}
	*tls = made;
	return 0;
}

void nbd_tls_free(struct nbd_tls *tls)
{
	if (tls == NULL)
		return;
	if (tls->is_up && !tls->has_failed) {
		gnutls_bye(tls->session, GNUTLS_SHUT_WR);
		nbd_tls_flush(tls);
	}
	if (tls->session != NULL)
		gnutls_deinit(tls->session);
	free(tls);
}
