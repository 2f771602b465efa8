/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-client.h: libiscsi, kept at arm's length. It opens the connection,
 * which is then taken from it; from there on it makes Login Requests and reads
 * Login Responses without touching the network. No login library type shows
 * here. Loop's thread.
 */
#ifndef DSC_ISCSI_LOGIN_CLIENT_H
#define DSC_ISCSI_LOGIN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "iscsi/login.h"

struct dsc_login_client;

enum dsc_login_outcome {
	DSC_CLIENT_BUSY,
	DSC_CLIENT_LOGGED_IN,
	DSC_CLIENT_FAILED
};

/*
 * Prepares a login of the request's and begins to connect.
 *
 * client: receives it. fd: receives the connection, which is under way: it is
 * non-blocking, close-on-exec and the caller's to close.
 * Errors: EINVAL (names, secrets or an ISID that libiscsi cannot take), ENOMEM,
 * EMFILE, ENFILE, EOPNOTSUPP (a data digest); and what connect() says, which
 * *is_connect_error tells from the others. *error is filled.
 */
int dsc_login_client_new(const struct dsc_login_request *request,
			 struct dsc_login_client **client, int *fd,
			 bool *is_connect_error, struct discsi_error *error);

/* The connection is made: the first Login Request can be taken. */
void dsc_login_client_begin(struct dsc_login_client *client);

/*
 * Takes the request that libiscsi has made, up to room bytes of it. Returns
 * its length, 0 when there is none.
 */
size_t dsc_login_client_take(struct dsc_login_client *client, uint8_t *pdu,
			     size_t room);

/* Gives libiscsi one whole Login Response. */
void dsc_login_client_give(struct dsc_login_client *client, const uint8_t *pdu,
			   size_t length);

enum dsc_login_outcome
dsc_login_client_outcome(const struct dsc_login_client *client);

/* libiscsi's words for a failure; borrowed, never NULL. */
const char *dsc_login_client_words(const struct dsc_login_client *client);

/* NULL is fine. */
void dsc_login_client_free(struct dsc_login_client *client);

#endif /* DSC_ISCSI_LOGIN_CLIENT_H */
