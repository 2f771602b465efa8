/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/session.h: one I_T nexus, that is, one login to one target.
 */
#ifndef DISCSI_SESSION_H
#define DISCSI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/conf.h>
#include <discsi/context.h>

#ifdef __cplusplus
extern "C" {
#endif

struct discsi_session;

/*
 * Connects and logs in to the target that conf names (iqn).
 *
 * conf: borrowed. session: receives the handle, which the caller ends with
 *      discsi_session_close().
 * Errors: EINVAL (no iqn, no portal), EADDRNOTAVAIL (the name does not
 * resolve), ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT
 * (login_timeout), EACCES (CHAP refused, or the target failed mutual CHAP),
 * ENOENT (no such target), EAGAIN (service unavailable), EOPNOTSUPP (a digest
 * that is required and cannot be had), EPROTO, ENOMEM, EDEADLK.
 * Threads: the context's rule.
 */
int discsi_session_open(struct discsi_context *ctx,
			const struct discsi_conf *conf,
			struct discsi_session **session);

/* Receives what discsi_session_open() returns; the handle is the callback's. */
typedef void (*discsi_session_cb)(void *arg, int status,
				  struct discsi_session *session,
				  const struct discsi_error *error);

/* The same without waiting; the callback runs exactly once if 0 is returned. */
int discsi_session_open_async(struct discsi_context *ctx,
			      const struct discsi_conf *conf,
			      discsi_session_cb cb, void *arg);

/*
 * Lets what is under way finish (command_timeout at most), logs out (the same,
 * but 5 s at most) and frees the session. LUNs of it must have been closed, their handles are invalid
 * afterwards.
 *
 * session: taken, NULL is fine. From inside a callback it returns at once and
 * the rest happens on the loop. Threads: the context's rule.
 */
void discsi_session_close(struct discsi_session *session);

/* What a login has settled. Strings live as long as the session. */
struct discsi_session_info {
	size_t size;             /* set by the caller to sizeof(this struct) */
	const char *target;      /* iSCSI name */
	const char *initiator;   /* ours */
	const char *address;     /* numeric, of the portal in use */
	uint16_t port;
	uint16_t tpgt;           /* target portal group tag */
	uint16_t tsih;           /* target session identifying handle */
	uint8_t isid[6];
	bool connected;
	bool header_digest;
	bool data_digest;
	bool immediate_data;
	bool initial_r2t;
	uint32_t max_burst_bytes;
	uint32_t first_burst_bytes;
	uint32_t max_send_bytes;  /* the target's MaxRecvDataSegmentLength */
	uint32_t max_recv_bytes;  /* ours */
};

/*
 * Fills info, as far as info->size says it reaches. Errors: EINVAL.
 * Threads: any on a threaded context.
 */
int discsi_session_get_info(struct discsi_session *session,
			    struct discsi_session_info *info);

/*
 * The logical unit numbers of the target (REPORT LUNS, SPC-4 clause 6.33),
 * ascending. Units whose address is not of the peripheral or flat form with a
 * number up to 16383 are left out.
 *
 * luns: receives an array that the caller frees with free(). count: its length.
 * Errors: those of a command; EPROTO for an answer with a wrong length.
 */
int discsi_session_report_luns(struct discsi_session *session, uint64_t **luns,
			       size_t *count);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_SESSION_H */
