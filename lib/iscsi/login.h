/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login.h: one attempt to connect to a numeric address and log in. libiscsi
 * connects, does CHAP and negotiates; every reply passes our own checker
 * before libiscsi may see it; then the descriptor is ours and libiscsi's
 * context is gone. Loop's thread.
 */
#ifndef DSC_ISCSI_LOGIN_H
#define DSC_ISCSI_LOGIN_H

#include <sys/socket.h>

#include "base/context.h"
#include "base/secret.h"
#include "iscsi/params.h"

enum dsc_digest {
	DSC_DIGEST_NONE,
	DSC_DIGEST_PREFER,
	DSC_DIGEST_REQUIRE
};

/*
 * Asked, with the arg of dsc_login_start(), before the request is sent that can
 * complete the login: an attempt that races others must not make a session
 * that ends theirs. False: it waits for dsc_login_proceed(). Must not end the
 * login that asks.
 */
typedef bool (*dsc_login_may_complete_fn)(void *arg);

/* Everything an attempt needs; borrowed until it is done. */
struct dsc_login_request {
	const struct sockaddr *address;
	socklen_t address_length;
	const char *portal;            /* as the operator wrote it, for messages */
	const char *initiator_name;
	const char *target_name;       /* NULL: a discovery session */
	const char *username;          /* NULL: no CHAP */
	const struct dsc_secret *password;
	const char *target_username;   /* NULL: one-way CHAP */
	const struct dsc_secret *target_password;
	enum dsc_digest header_digest;
	enum dsc_digest data_digest;
	uint8_t isid[6];
	uint32_t timeout_ms;           /* for connecting and logging in together */
	dsc_login_may_complete_fn may_complete;  /* NULL: it may */
};

/* How it ended. */
struct dsc_login_result {
	int status;                  /* 0 or -errno */
	struct discsi_error error;   /* when status is not 0 */
	int fd;                      /* connected, non-blocking; the callee's; -1 */
	struct dsc_params params;
	/* status -EREMCHG: redirected (class 1) to the portal of this text,
	 * "host:port" or "[v6]:port", without the tag; login_detail 1 or 2 */
	char redirect[264];
};

struct dsc_login;

typedef void (*dsc_login_cb)(void *arg, const struct dsc_login_result *result);

/*
 * Begins an attempt. cb runs once, on the loop and never inside this call; the
 * login has ended itself by then. Errors (cb never runs): EINVAL (a name, a
 * secret or an ISID that cannot be used, or the same secret both ways),
 * ENOMEM, EMFILE, EOPNOTSUPP (a data digest is required and libiscsi cannot
 * negotiate one); *error is filled.
 */
int dsc_login_start(struct discsi_context *ctx,
		    const struct dsc_login_request *request, dsc_login_cb cb,
		    void *arg, struct dsc_login **login,
		    struct discsi_error *error);

/* Lets an attempt that waits for may_complete go on; no callback inside. */
void dsc_login_proceed(struct dsc_login *login);

/* Gives an attempt up; cb does not run. login: taken, NULL is fine. */
void dsc_login_cancel(struct dsc_login *login);

/* True when this libiscsi can negotiate a data digest. */
bool dsc_login_has_data_digest(void);

#endif /* DSC_ISCSI_LOGIN_H */
