/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-target.h: a portal on a free port of the loopback that follows a
 * script: for each Login Request one step. It serves one connection, on a
 * thread of its own, and keeps what it was sent.
 */
#ifndef DSC_TESTS_UNIT_LOGIN_TARGET_H
#define DSC_TESTS_UNIT_LOGIN_TARGET_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "login-pdu.h"

#define LOGIN_STEPS_MAX 16

enum login_how {
	LOGIN_REPLY,
	LOGIN_REPLY_BYTES,    /* one byte per segment */
	LOGIN_REPLY_HALF,     /* the header's first half, and no more */
	LOGIN_REPLY_NOP_IN,   /* with a NOP-In behind it in the same segment */
	LOGIN_PROOF,          /* what mutual CHAP asks for, computed */
	LOGIN_WRONG_PROOF,
	LOGIN_SILENCE,
	LOGIN_CLOSE,
	LOGIN_RESET
};

struct login_step {
	enum login_how how;
	uint8_t flags;
	uint16_t status;
	const char *text;
	size_t length;
};

struct login_target {
	const struct login_step *steps;
	size_t nsteps;
	const char *target_secret;   /* for LOGIN_PROOF */
	int listener;
	struct sockaddr_storage address;
	socklen_t address_length;
	char portal[64];
	pthread_t thread;
	/* after login_target_stop(), or a reply that shows it was sent */
	struct login_pdu requests[LOGIN_STEPS_MAX];
	size_t nrequests;
};

/* False when there is no such family here. */
bool login_target_start(struct login_target *target, int family,
			const struct login_step *steps, size_t nsteps);

/* Waits for the script's end: the connection must be closed by then. */
void login_target_stop(struct login_target *target);

/* The value of a key in a request, NULL when it is not there. */
const char *login_target_value(const struct login_pdu *request,
			       const char *key);

/* What CHAP with MD5 makes of a secret, in the hex form of a value. */
void login_target_respond(char text[35], const char *identifier,
			  const char *secret, const char *challenge);

#endif /* DSC_TESTS_UNIT_LOGIN_TARGET_H */
