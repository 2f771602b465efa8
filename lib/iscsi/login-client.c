/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-client.c: the one file that includes libiscsi's header.
 *
 * libiscsi connects; then a socket pair is put where it believes its
 * connection to be (dup3 over its descriptor) and the connection is ours. So
 * libiscsi gets whole, checked replies and nothing else, cannot be made to
 * spin, to read past the login or to raise SIGPIPE, and we see each request
 * before the target does. Everything it writes fits the pair's buffer, so a
 * call of iscsi_service() does its work and never waits.
 *
 * The environment: LIBISCSI_DEBUG may make libiscsi write a line to stderr
 * while a context is created, before it can be silenced; LIBISCSI_TCP_* and
 * LIBISCSI_BIND_INTERFACES are overridden; LIBISCSI_CHAP_* are for its URLs,
 * which we do not use. Creating a process's first context calls srand().
 *
 * Loop's thread.
 */
#include "iscsi/login-client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iscsi/iscsi.h>

#include "base/bytes.h"

/* RFC 7143 section 4.2.7.1; libiscsi cuts what is longer than some 240. */
#define NAME_BYTES_MAX 223u

struct dsc_login_client {
	struct iscsi_context *iscsi;
	int pair;                        /* our end */
	enum dsc_login_outcome outcome;
};

/* --------------------------------------------------------------- request */

static bool is_name(const char *name)
{
	size_t length = name != NULL ? strlen(name) : 0;

	return length > 0 && length <= NAME_BYTES_MAX;
}

static bool is_user(const char *name)
{
	return name[0] != '\0' && strlen(name) <= MAX_STRING_SIZE;
}

static bool is_secret(const struct dsc_secret *secret)
{
	return secret != NULL && dsc_secret_is_set(secret) &&
	       secret->text[0] != '\0' &&
	       strlen(secret->text) <= MAX_STRING_SIZE;
}

/* What libiscsi would cut, ignore or take for something else. */
static int check_chap(const struct dsc_login_request *request,
		      struct discsi_error *error)
{
	if (request->username == NULL) {
		if (request->target_username == NULL)
			return 0;
		return dsc_error_set(error, EINVAL, "mutual CHAP needs a "
				     "username and password of our own too");
	}
	if (!is_user(request->username) || !is_secret(request->password))
		return dsc_error_set(error, EINVAL, "CHAP needs a username and "
				     "a password of 1 to %d bytes",
				     MAX_STRING_SIZE);
	if (request->target_username == NULL)
		return 0;
	if (!is_user(request->target_username) ||
	    !is_secret(request->target_password))
		return dsc_error_set(error, EINVAL, "mutual CHAP needs a "
				     "target username and a target password "
				     "of 1 to %d bytes",
				     MAX_STRING_SIZE);
	if (dsc_secret_is_equal(request->password, request->target_password))
		return dsc_error_set(error, EINVAL, "mutual CHAP needs two "
				     "secrets, the password and the target "
				     "password are the same");
	return 0;
}

static int check_request(const struct dsc_login_request *request,
			 struct discsi_error *error)
{
	if (!is_name(request->initiator_name))
		return dsc_error_set(error, EINVAL, "an initiator name has 1 "
				     "to %u bytes", NAME_BYTES_MAX);
	if (request->target_name != NULL && !is_name(request->target_name))
		return dsc_error_set(error, EINVAL, "a target name has 1 to %u "
				     "bytes", NAME_BYTES_MAX);
	if (request->data_digest == DSC_DIGEST_REQUIRE &&
	    !dsc_login_has_data_digest())
		return dsc_error_set(error, EOPNOTSUPP, "a data digest is "
				     "required, and this libiscsi has none");
	return check_chap(request, error);
}

/* -------------------------------------------------------------- settings */

/* The four formats of RFC 7143 section 11.12.5; libiscsi keeps spare bits 0. */
static int set_isid(struct iscsi_context *iscsi, const uint8_t *isid,
		    struct discsi_error *error)
{
	uint32_t low = dsc_get_be16(isid + 4);

	switch (isid[0] >> 6) {
	case 0:
		iscsi_set_isid_oui(iscsi, dsc_get_be24(isid),
				   dsc_get_be24(isid + 3));
		return 0;
	case 1:
		iscsi_set_isid_en(iscsi, dsc_get_be24(isid + 1), low);
		break;
	case 2:
		iscsi_set_isid_random(iscsi, dsc_get_be24(isid + 1), low);
		break;
	default:
		iscsi_set_isid_reserved(iscsi);
		if (dsc_get_be32(isid + 1) != 0 || isid[5] != 0)
			return dsc_error_set(error, EINVAL, "a reserved ISID "
					     "is all zero but its format");
		break;
	}
	if ((isid[0] & 0x3f) != 0)
		return dsc_error_set(error, EINVAL, "the ISID has bits set "
				     "that its format reserves");
	return 0;
}

static void set_header_digest(struct iscsi_context *iscsi,
			      enum dsc_digest digest)
{
	static const enum iscsi_header_digest offers[] = {
		[DSC_DIGEST_NONE] = ISCSI_HEADER_DIGEST_NONE,
		[DSC_DIGEST_PREFER] = ISCSI_HEADER_DIGEST_CRC32C_NONE,
		[DSC_DIGEST_REQUIRE] = ISCSI_HEADER_DIGEST_CRC32C,
	};

	iscsi_set_header_digest(iscsi, offers[digest]);
}

bool dsc_login_has_data_digest(void)
{
#ifdef HAVE_ISCSI_SET_DATA_DIGEST
	return true;
#else
	return false;
#endif
}

static void set_data_digest(struct iscsi_context *iscsi, enum dsc_digest digest)
{
#ifdef HAVE_ISCSI_SET_DATA_DIGEST
	static const enum iscsi_data_digest offers[] = {
		[DSC_DIGEST_NONE] = ISCSI_DATA_DIGEST_NONE,
		[DSC_DIGEST_PREFER] = ISCSI_DATA_DIGEST_CRC32C_NONE,
		[DSC_DIGEST_REQUIRE] = ISCSI_DATA_DIGEST_CRC32C,
	};

	iscsi_set_data_digest(iscsi, offers[digest]);
#else
	(void)iscsi;
	(void)digest;
#endif
}

/* Everything that the environment may have set, back to what we want. */
static void set_defaults(struct iscsi_context *iscsi)
{
	char no_interfaces[] = "";

	iscsi_set_log_level(iscsi, 0);
	iscsi_set_log_fn(iscsi, NULL);
	iscsi_set_noautoreconnect(iscsi, 1);
	iscsi_set_timeout(iscsi, 0);
	iscsi_set_tcp_user_timeout(iscsi, 0);
	iscsi_set_tcp_syncnt(iscsi, 0);
	iscsi_set_tcp_keepcnt(iscsi, 3);
	iscsi_set_tcp_keepintvl(iscsi, 30);
	iscsi_set_tcp_keepidle(iscsi, 30);
	iscsi_set_bind_interfaces(iscsi, no_interfaces);
	iscsi_set_cache_allocations(iscsi, 0);
}

static int set_up(struct iscsi_context *iscsi,
		  const struct dsc_login_request *request,
		  struct discsi_error *error)
{
	set_defaults(iscsi);
	if (request->target_name != NULL)
		iscsi_set_targetname(iscsi, request->target_name);
	iscsi_set_session_type(iscsi, request->target_name != NULL ?
			       ISCSI_SESSION_NORMAL : ISCSI_SESSION_DISCOVERY);
	set_header_digest(iscsi, request->header_digest);
	set_data_digest(iscsi, request->data_digest);
	if (request->username != NULL)
		iscsi_set_initiator_username_pwd(iscsi, request->username,
						 request->password->text);
	if (request->target_username != NULL)
		iscsi_set_target_username_pwd(iscsi, request->target_username,
					      request->target_password->text);
	return set_isid(iscsi, request->isid, error);
}

/* ------------------------------------------------------------ connecting */

static void on_login(struct iscsi_context *iscsi, int status, void *data,
		     void *arg)
{
	struct dsc_login_client *client = arg;

	(void)iscsi;
	(void)data;
	client->outcome = status == SCSI_STATUS_GOOD ? DSC_CLIENT_LOGGED_IN :
						       DSC_CLIENT_FAILED;
}

static void on_connect(struct iscsi_context *iscsi, int status, void *data,
		       void *arg)
{
	struct dsc_login_client *client = arg;

	(void)data;
	if (status != SCSI_STATUS_GOOD ||
	    iscsi_login_async(iscsi, on_login, client) != 0)
		client->outcome = DSC_CLIENT_FAILED;
}

/* "address:port", with brackets where libiscsi needs them. */
static int format_portal(const struct dsc_login_request *request, char *portal,
			 size_t room)
{
	char host[NI_MAXHOST], port[8];
	bool is_v6 = request->address->sa_family == AF_INET6;

	if (getnameinfo(request->address, request->address_length, host,
			sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return -1;
	return snprintf(portal, room, "%s%s%s:%s", is_v6 ? "[" : "", host,
			is_v6 ? "]" : "", port) < (int)room ? 0 : -1;
}

/* Takes libiscsi's connection and leaves it one end of a pair. */
static int take_connection(struct dsc_login_client *client, int *fd,
			   struct discsi_error *error)
{
	int theirs = iscsi_get_fd(client->iscsi);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       pair) != 0)
		return dsc_error_set(error, errno, "no socket pair: %s",
				     discsi_errno_name(errno));
	client->pair = pair[0];
	*fd = fcntl(theirs, F_DUPFD_CLOEXEC, 3);
	if (*fd < 0 || dup3(pair[1], theirs, O_CLOEXEC) < 0) {
		dsc_error_set(error, errno, "no descriptor for the connection: "
			      "%s", discsi_errno_name(errno));
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
	}
	close(pair[1]);
	return *fd < 0 ? -error->errnum : 0;
}

static int connect_client(struct dsc_login_client *client,
			  const struct dsc_login_request *request, int *fd,
			  bool *is_connect_error, struct discsi_error *error)
{
	char portal[NI_MAXHOST + 16];
	int errnum;

	if (format_portal(request, portal, sizeof(portal)) != 0)
		return dsc_error_set(error, EINVAL, "not an IP address");
	errno = 0;
	if (iscsi_connect_async(client->iscsi, portal, on_connect,
				client) != 0) {
		errnum = errno != 0 ? errno : EIO;
		*is_connect_error = errnum != EMFILE && errnum != ENFILE &&
				    errnum != ENOMEM;
		return dsc_error_set(error, errnum, "%s",
				     iscsi_get_error(client->iscsi));
	}
	return take_connection(client, fd, error);
}

int dsc_login_client_new(const struct dsc_login_request *request,
			 struct dsc_login_client **client, int *fd,
			 bool *is_connect_error, struct discsi_error *error)
{
	struct dsc_login_client *new;
	int rc;

	*fd = -1;
	*is_connect_error = false;
	rc = check_request(request, error);
	if (rc != 0)
		return rc;
	new = calloc(1, sizeof(*new));
	if (new == NULL)
		return dsc_error_set(error, ENOMEM, "out of memory");
	new->pair = -1;
	new->iscsi = iscsi_create_context(request->initiator_name);
	if (new->iscsi == NULL)
		rc = dsc_error_set(error, ENOMEM, "out of memory");
	if (rc == 0)
		rc = set_up(new->iscsi, request, error);
	if (rc == 0)
		rc = connect_client(new, request, fd, is_connect_error, error);
	if (rc != 0) {
		dsc_login_client_free(new);
		return rc;
	}
	*client = new;
	return 0;
}

/* ------------------------------------------------------------- logging in */

static void service(struct dsc_login_client *client, int events)
{
	if (iscsi_service(client->iscsi, events) != 0)
		client->outcome = DSC_CLIENT_FAILED;
}

void dsc_login_client_begin(struct dsc_login_client *client)
{
	service(client, POLLOUT);
}

size_t dsc_login_client_take(struct dsc_login_client *client, uint8_t *pdu,
			     size_t room)
{
	ssize_t n;

	if (client->outcome != DSC_CLIENT_BUSY)
		return 0;
	if (iscsi_which_events(client->iscsi) & POLLOUT)
		service(client, POLLOUT);
	n = recv(client->pair, pdu, room, 0);
	return n <= 0 ? 0 : (size_t)n;
}

void dsc_login_client_give(struct dsc_login_client *client, const uint8_t *pdu,
			   size_t length)
{
	if (send(client->pair, pdu, length, MSG_NOSIGNAL) != (ssize_t)length) {
		client->outcome = DSC_CLIENT_FAILED;
		return;
	}
	service(client, POLLIN);
}

enum dsc_login_outcome
dsc_login_client_outcome(const struct dsc_login_client *client)
{
	return client->outcome;
}

const char *dsc_login_client_words(const struct dsc_login_client *client)
{
	const char *words = iscsi_get_error(client->iscsi);

	return words != NULL && words[0] != '\0' ? words : "no reason given";
}

void dsc_login_client_free(struct dsc_login_client *client)
{
	if (client == NULL)
		return;
	iscsi_destroy_context(client->iscsi);
	if (client->pair >= 0)
		close(client->pair);
	free(client);
}
