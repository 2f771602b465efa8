/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login.c: one attempt, as an exchange of whole PDUs between a socket of ours
 * and libiscsi (login-client.c), with the checker (login-check.c) in between.
 *
 *   connecting -> sending <-> receiving -> handed over, or refused
 *
 * The socket is read to the end of each Login Response and no further: what
 * the target sends behind the last one stays in it for the engine. One timer
 * bounds all of it. Loop's thread.
 */
#include "iscsi/login.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "iscsi/login-check.h"
#include "iscsi/login-client.h"

struct dsc_login {
	struct discsi_context *ctx;
	struct dsc_login_request request;
	struct dsc_login_policy policy;
	dsc_login_cb cb;
	void *arg;

	int fd;
	bool is_connected;
	bool is_held;                  /* the request in out waits to be sent */
	struct dsc_watch watch;
	struct dsc_timer timer;
	struct dsc_deferred failed;    /* reports error at the turn's end */
	struct discsi_error error;
	struct dsc_login_client *client;
	struct dsc_login_check check;

	uint8_t out[DSC_LOGIN_PDU_MAX];
	size_t out_length;
	size_t out_sent;
	uint8_t in[DSC_LOGIN_PDU_MAX];
	size_t in_wanted;              /* a header, then the whole PDU */
	size_t in_length;
};

/* ------------------------------------------------------------------- end */

static void free_login(struct dsc_login *login)
{
	dsc_watch_remove(&login->watch);
	dsc_timer_fini(&login->timer);
	dsc_deferred_cancel(&login->failed);
	dsc_login_client_free(login->client);
	if (login->fd >= 0)
		close(login->fd);
	free(login);
}

void dsc_login_cancel(struct dsc_login *login)
{
	if (login != NULL)
		free_login(login);
}

/* Ends the login and reports; nothing of it may be touched afterwards. */
static void finish(struct dsc_login *login, struct dsc_login_result *result)
{
	dsc_login_cb cb = login->cb;
	void *arg = login->arg;

	free_login(login);
	cb(arg, result);
}

/* "login to iqn… at portal", or of a discovery session. */
static void prefix_error(const struct dsc_login *login, const char *how,
			 struct discsi_error *error)
{
	const char *target = login->request.target_name;

	if (target != NULL)
		dsc_error_prefix(error, "login to %s at %s %s", target,
				 login->request.portal, how);
	else
		dsc_error_prefix(error, "discovery login at %s %s",
				 login->request.portal, how);
}

static void finish_failed(struct dsc_login *login)
{
	struct dsc_login_result result = { .fd = -1, .error = login->error };
	bool is_refused = result.error.login_class > 1 ||
			  result.error.errnum == EACCES;

	_Static_assert(sizeof(result.redirect) == DSC_REDIRECT_MAX,
		       "a redirect fits");
	result.status = -result.error.errnum;
	if (result.status == -EREMCHG)
		memcpy(result.redirect, login->check.redirect,
		       sizeof(result.redirect));
	prefix_error(login, result.status == -EREMCHG ? "redirected" :
		     is_refused ? "refused" : "failed", &result.error);
	dsc_log(&login->ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_LOGIN, "%s",
		result.error.message);
	finish(login, &result);
}

static void finish_logged_in(struct dsc_login *login)
{
	struct dsc_login_result result = { .fd = login->fd };

	result.params = login->check.params;
	dsc_error_init(&result.error);
	dsc_log(&login->ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_LOGIN,
		"logged in to %s at %s, TSIH %u",
		login->request.target_name != NULL ? login->request.target_name
						   : "a discovery session",
		login->request.portal, result.params.tsih);
	/* a watch must go before its descriptor changes hands */
	dsc_watch_remove(&login->watch);
	login->fd = -1;
	finish(login, &result);
}

static void fail(struct dsc_login *login, int errnum, const char *words)
{
	dsc_error_set(&login->error, errnum, "%s", words);
	finish_failed(login);
}

/* What the checker has refused, or redirected. */
static void fail_check(struct dsc_login *login)
{
	login->error = login->check.error;
	finish_failed(login);
}

/* --------------------------------------------------------- socket errors */

static const struct {
	int from;
	int to;
	const char *words;
} connect_errors[] = {
	{ ECONNREFUSED, ECONNREFUSED, "nothing listens there" },
	{ EHOSTUNREACH, EHOSTUNREACH, "the host cannot be reached" },
	{ EHOSTDOWN, EHOSTUNREACH, "the host cannot be reached" },
	{ ENETUNREACH, ENETUNREACH, "the network cannot be reached" },
	{ ENETDOWN, ENETUNREACH, "the network is down" },
	{ ETIMEDOUT, ETIMEDOUT, "the host does not answer" },
	{ ECONNRESET, ECONNREFUSED, "the connection was reset at once" },
	{ EPERM, EHOSTUNREACH, "this host's firewall forbids it" },
	{ EACCES, EHOSTUNREACH, "this host's rules forbid it" },
};

/* The errno that a failed connect() means to a caller, and a sentence. */
static void set_connect_error(struct discsi_error *error, int errnum)
{
	size_t i;

	for (i = 0; i < sizeof(connect_errors) / sizeof(connect_errors[0]);
	     i++) {
		if (connect_errors[i].from == errnum) {
			dsc_error_set(error, connect_errors[i].to, "%s",
				      connect_errors[i].words);
			return;
		}
	}
	dsc_error_set(error, EHOSTUNREACH, "the connection cannot be made (%s)",
		      discsi_errno_name(errnum));
}

/* Our CHAP response is on its way, and not answered. */
static bool is_chap_pending(const struct dsc_login *login)
{
	return login->check.is_response_sent &&
	       login->check.is_request_waiting && login->check.stage == 0;
}

/* The connection has ended under the login; errnum 0: by the portal. */
static void fail_lost(struct dsc_login *login, int errnum)
{
	if (errnum == ETIMEDOUT)
		fail(login, ETIMEDOUT, "the portal stopped answering");
	else if (is_chap_pending(login))
		fail(login, ENOTCONN, "the portal closed the connection on our "
		     "CHAP response, which may mean that it refuses the "
		     "secret");
	else if (errnum == 0 || errnum == EPIPE)
		fail(login, ENOTCONN, "the portal closed the connection during "
		     "login");
	else
		fail(login, ENOTCONN, "the connection was lost during login");
}

/* --------------------------------------------------------------- sending */

/* Sends what is left of the request; false when the login has ended. */
static bool send_out(struct dsc_login *login)
{
	ssize_t n;

	while (login->out_sent < login->out_length) {
		n = send(login->fd, login->out + login->out_sent,
			 login->out_length - login->out_sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			dsc_watch_set(&login->watch, EPOLLOUT);
			return true;
		}
		if (n < 0) {
			fail_lost(login, errno);
			return false;
		}
		login->out_sent += (size_t)n;
	}
	dsc_watch_set(&login->watch, EPOLLIN);
	return true;
}

/* T bit and NSG "full feature phase": RFC 7143 sections 11.12.1 to 11.12.3 */
#define COMPLETES_MASK 0x83
#define LOGIN_FLAGS 1

/* The request that is to be sent next may make the session. */
static bool must_hold(const struct dsc_login *login)
{
	return login->request.may_complete != NULL &&
	       (login->out[LOGIN_FLAGS] & COMPLETES_MASK) == COMPLETES_MASK &&
	       !login->request.may_complete(login->arg);
}

/* Takes the next request from libiscsi and sends it; false as above. */
static bool send_next(struct dsc_login *login)
{
	char words[256];

	login->out_sent = 0;
	login->out_length = dsc_login_client_take(login->client, login->out,
						  sizeof(login->out));
	if (login->out_length == 0) {
		snprintf(words, sizeof(words), "libiscsi gave up: %.200s",
			 dsc_login_client_words(login->client));
		fail(login, EPROTO, words);
		return false;
	}
	if (!dsc_login_check_request(&login->check, login->out,
				     login->out_length)) {
		fail_check(login);
		return false;
	}
	if (must_hold(login)) {
		login->is_held = true;
		dsc_watch_set(&login->watch, 0);
		return true;
	}
	return send_out(login);
}

/* ------------------------------------------------------------- receiving */

/* A whole reply is there; false when the login has ended. */
static bool handle_reply(struct dsc_login *login)
{
	enum dsc_login_verdict verdict =
		dsc_login_check_reply(&login->check, login->in,
				      login->in_length);
	char words[256];

	if (verdict == DSC_LOGIN_REFUSED || verdict == DSC_LOGIN_REDIRECT) {
		fail_check(login);
		return false;
	}
	dsc_login_client_give(login->client, login->in, login->in_length);
	login->in_wanted = DSC_HEADER_BYTES;
	login->in_length = 0;
	if (verdict == DSC_LOGIN_PASS)
		return send_next(login);
	if (dsc_login_client_outcome(login->client) == DSC_CLIENT_LOGGED_IN) {
		finish_logged_in(login);
		return false;
	}
	snprintf(words, sizeof(words), "libiscsi does not take the target's "
		 "last answer: %.200s", dsc_login_client_words(login->client));
	fail(login, EPROTO, words);
	return false;
}

/* What was wanted is there: a header, or all of it. False as above. */
static bool handle_in(struct dsc_login *login)
{
	size_t length;

	if (login->in_length == DSC_HEADER_BYTES) {
		if (dsc_login_check_header(&login->check, login->in,
					   &length) != DSC_LOGIN_PASS) {
			fail_check(login);
			return false;
		}
		login->in_wanted = length;
	}
	if (login->in_length < login->in_wanted)
		return true;
	return handle_reply(login);
}

static void receive(struct dsc_login *login)
{
	ssize_t n;

	for (;;) {
		n = recv(login->fd, login->in + login->in_length,
			 login->in_wanted - login->in_length, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			fail_lost(login, n < 0 ? errno : 0);
			return;
		}
		login->in_length += (size_t)n;
		if (login->in_length == login->in_wanted && !handle_in(login))
			return;
	}
}

/* ---------------------------------------------------------------- events */

static int socket_error(int fd)
{
	int errnum = 0;
	socklen_t length = sizeof(errnum);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &length) != 0)
		return errno;
	return errnum;
}

static void handle_connected(struct dsc_login *login)
{
	int errnum = socket_error(login->fd);

	if (errnum != 0) {
		set_connect_error(&login->error, errnum);
		finish_failed(login);
		return;
	}
	login->is_connected = true;
	dsc_login_client_begin(login->client);
	send_next(login);
}

static void on_watch(struct dsc_watch *watch, uint32_t events)
{
	struct dsc_login *login =
		dsc_container_of(watch, struct dsc_login, watch);

	(void)events;
	if (!login->is_connected)
		handle_connected(login);
	else if (login->is_held)
		fail_lost(login, socket_error(login->fd));
	else if (login->out_sent < login->out_length)
		send_out(login);
	else
		receive(login);
}

static void on_timer(struct dsc_timer *timer)
{
	struct dsc_login *login =
		dsc_container_of(timer, struct dsc_login, timer);

	dsc_error_set(&login->error, ETIMEDOUT, login->is_connected ?
		      "no answer in %u ms" : "no connection in %u ms",
		      login->request.timeout_ms);
	finish_failed(login);
}

void dsc_login_proceed(struct dsc_login *login)
{
	login->is_held = false;
	dsc_watch_set(&login->watch, EPOLLOUT);
}

static void on_failed(struct dsc_deferred *deferred)
{
	finish_failed(dsc_container_of(deferred, struct dsc_login, failed));
}

/* ----------------------------------------------------------------- begin */

static void init_login(struct dsc_login *login, struct discsi_context *ctx,
		       const struct dsc_login_request *request)
{
	login->ctx = ctx;
	login->request = *request;
	login->policy = (struct dsc_login_policy){
		.target_username = request->target_username,
		.target_password = request->target_password,
		.needs_header_digest =
			request->header_digest == DSC_DIGEST_REQUIRE,
		.needs_data_digest = request->data_digest == DSC_DIGEST_REQUIRE,
	};
	login->fd = -1;
	login->in_wanted = DSC_HEADER_BYTES;
	dsc_error_init(&login->error);
	dsc_deferred_init(&login->failed, on_failed);
	dsc_login_check_init(&login->check, &login->policy);
}

/*
 * Begins to connect. What connect() says at once is reported as it would be
 * later: by the callback.
 */
static int begin(struct dsc_login *login, struct discsi_error *error)
{
	static const int on = 1;
	bool is_connect_error;
	int rc;

	rc = dsc_login_client_new(&login->request, &login->client, &login->fd,
				  &is_connect_error, error);
	if (rc != 0 && is_connect_error) {
		set_connect_error(&login->error, -rc);
		dsc_deferred_request(&login->ctx->loop, &login->failed);
		return 0;
	}
	if (rc != 0) {
		prefix_error(login, "failed", error);
		return rc;
	}
	(void)setsockopt(login->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	rc = dsc_watch_add(&login->ctx->loop, &login->watch, login->fd,
			   EPOLLOUT, on_watch);
	if (rc != 0)
		return dsc_error_set(error, -rc, "the connection cannot be "
				     "watched: %s", discsi_errno_name(rc));
	dsc_timer_set_in(&login->timer, login->request.timeout_ms);
	return 0;
}

int dsc_login_start(struct discsi_context *ctx,
		    const struct dsc_login_request *request, dsc_login_cb cb,
		    void *arg, struct dsc_login **login,
		    struct discsi_error *error)
{
	struct dsc_login *new = calloc(1, sizeof(*new));
	int rc;

	if (new == NULL)
		return dsc_error_set(error, ENOMEM, "out of memory");
	init_login(new, ctx, request);
	new->cb = cb;
	new->arg = arg;
	if (dsc_timer_init(&ctx->loop, &new->timer, on_timer) != 0)
		rc = dsc_error_set(error, ENOMEM, "out of memory");
	else
		rc = begin(new, error);
	if (rc != 0) {
		free_login(new);
		return rc;
	}
	*login = new;
	return 0;
}
