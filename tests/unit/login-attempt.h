/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-attempt.h: one attempt to log in, its context, its scripted portal and
 * what it came to. One at a time; for the test's thread.
 */
#ifndef DSC_TESTS_UNIT_LOGIN_ATTEMPT_H
#define DSC_TESTS_UNIT_LOGIN_ATTEMPT_H

#include "base/context.h"
#include "harness/harness.h"
#include "iscsi/login.h"
#include "login-target.h"

#define WAIT_MS 10000u
#define SECRET "canary-one-3141"
#define TARGET_SECRET "canary-two-2718"

/* One attempt: everything a test may change before run(). */
struct attempt {
	struct discsi_context *ctx;
	struct login_target target;
	struct dsc_secret password;
	struct dsc_secret target_password;
	struct dsc_login_request request;
	struct dsc_login *login;
	unsigned int calls;
	unsigned int turns;
	struct dsc_login_result result;
	char log[8192];
};

extern struct attempt at;

/* A context and a request, to nowhere yet. */
void prepare_attempt(void);
/* The request goes to at.target, which has been started. */
void use_target(void);
/* All of it, with a target that follows a script. */
void open_target(const struct login_step *steps, size_t nsteps);
#define OPEN_TARGET(steps) \
	open_target(steps, sizeof(steps) / sizeof((steps)[0]))
void use_chap(void);
void use_mutual_chap(void);

/* Starts; what dsc_login_start() returns and says. */
int try_start(struct discsi_error *error);
void start_attempt(void);
/* Starts, and turns the loop until the callback has come. */
void run(void);

/* Frees everything; no secret has shown in a log line or message. */
void close_context(void);
/* The same, for an attempt that had a target. */
void close_target(void);

void assert_failed(int errnum, const char *words);
unsigned int count_fds(void);

#define REPLY(flags, literal) { LOGIN_REPLY, flags, 0, TEXT(literal) }
#define REFUSAL(status) { LOGIN_REPLY, 0, status, NULL, 0 }

#endif /* DSC_TESTS_UNIT_LOGIN_ATTEMPT_H */
