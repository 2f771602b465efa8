/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connect-internal.h: between connect.c, which decides what is tried when, and
 * attempt.c, which tries it.
 *
 * An attempt is a portal whose name is being looked up, or one address at which
 * we log in. Several run beside one another, but only the one that holds the
 * ticket may complete its login: all of them have the same ISID, and a second
 * session would end the first (RFC 7143 section 6.3.5, session reinstatement).
 *
 * Loop's thread.
 */
#ifndef DSC_SESSION_CONNECT_INTERNAL_H
#define DSC_SESSION_CONNECT_INTERNAL_H

#include "base/checked.h"
#include "base/clock.h"
#include "iscsi/login.h"
#include "session/connect.h"

/* What an attempt may take before the next one is begun beside it. */
#define DSC_RACE_PACE_MS 250

/* Attempts at a time. */
#define DSC_RACE_MAX 8

/* Addresses of one round that are remembered, so as not to be tried twice. */
#define DSC_RACE_TRIED_MAX 64

struct dsc_attempt {
	struct dsc_list link;            /* connect->pending or ->attempts */
	struct dsc_connect *connect;
	struct dsc_resolve *resolve;     /* under way; or */
	struct dsc_login *login;
	char name[280];                  /* of the portal, for messages */
	struct dsc_address address;
	struct dsc_address origin;       /* length 0: it is address */
	unsigned redirects;              /* that have led here */
	bool is_waiting;                 /* for the ticket */
};

struct dsc_connect {
	struct discsi_context *ctx;
	struct dsc_connect_request request;
	dsc_connect_cb cb;
	void *arg;
	uint64_t deadline_ns;
	struct dsc_timer deadline_timer;
	struct dsc_timer pace_timer;     /* the next attempt, or round */
	struct dsc_timer ticket_timer;
	struct dsc_deferred advance;

	struct dsc_conf_portal portals[DSC_CONF_PORTALS_MAX];  /* borrowed */
	size_t nportals;
	size_t portal;                   /* the next one of this round */
	struct dsc_list pending;         /* addresses that come next */
	struct dsc_list attempts;        /* under way */
	unsigned running;                /* how many those are */
	unsigned vacancies;              /* attempts to be begun at once */
	struct dsc_address tried[DSC_RACE_TRIED_MAX];
	size_t ntried;
	unsigned rounds;                 /* that have failed */
	bool is_between_rounds;

	struct dsc_attempt *ticket;      /* may complete its login; NULL: none */
	uint64_t ticket_ns;              /* since when */
	struct discsi_error error;       /* of the attempt that tells most */
};

/* connect.c */

void dsc_connect_note(struct dsc_connect *connect,
		      const struct discsi_error *error);
/* One attempt is over: the next one is begun at the end of the turn. */
void dsc_connect_advance(struct dsc_connect *connect);
uint32_t dsc_connect_left_ms(const struct dsc_connect *connect);
/* The connect ends itself, and the attempt with it. */
void dsc_connect_succeed(struct dsc_attempt *attempt,
			 const struct dsc_login_result *login);

/* attempt.c */

/* NULL: out of memory. In no list yet. */
struct dsc_attempt *dsc_attempt_new(struct dsc_connect *connect);
/* Whatever it is doing. */
void dsc_attempt_free(struct dsc_attempt *attempt);
/* Begins to look a portal up, or to log in at attempt->address. */
void dsc_attempt_look_up(struct dsc_attempt *attempt,
			 const struct dsc_conf_portal *portal);
void dsc_attempt_log_in(struct dsc_attempt *attempt);
/* Passes the ticket on when its holder has been silent for too long. */
void dsc_attempt_check_ticket(struct dsc_connect *connect);

#endif /* DSC_SESSION_CONNECT_INTERNAL_H */
