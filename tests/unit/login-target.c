/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-target.c: see login-target.h. No assertions here: the thread is not
 * the test's; what went wrong shows in what the login comes to.
 */
#include "login-target.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "iscsi/md5.h"

#define WAIT_MS 10000

/* ------------------------------------------------------------------ CHAP */

const char *login_target_value(const struct login_pdu *request,
			       const char *key)
{
	const char *at = (const char *)request->bytes + LOGIN_HEADER;
	const char *end = (const char *)request->bytes + request->length;
	size_t length = strlen(key);

	for (; at < end; at += strlen(at) + 1) {
		if (strncmp(at, key, length) == 0 && at[length] == '=')
			return at + length + 1;
	}
	return NULL;
}

void login_target_respond(char text[35], const char *identifier,
			  const char *secret, const char *challenge)
{
	uint8_t id = (uint8_t)strtoul(identifier, NULL, 10);
	uint8_t digest[DSC_MD5_BYTES], byte;
	struct dsc_md5 md5;
	char digits[3] = "";
	size_t i;

	dsc_md5_init(&md5);
	dsc_md5_add(&md5, &id, 1);
	dsc_md5_add(&md5, secret, strlen(secret));
	for (i = 2; challenge[i] != '\0' && challenge[i + 1] != '\0'; i += 2) {
		memcpy(digits, challenge + i, 2);
		byte = (uint8_t)strtoul(digits, NULL, 16);
		dsc_md5_add(&md5, &byte, 1);
	}
	dsc_md5_end(&md5, digest);
	memcpy(text, "0x", 2);
	for (i = 0; i < sizeof(digest); i++)
		snprintf(text + 2 + 2 * i, 3, "%02x", digest[i]);
}

/* The answer to our challenge; the wrong one has its last digit changed. */
static size_t make_proof(const struct login_target *target,
			 const struct login_pdu *request, bool is_wrong,
			 char *text, size_t room)
{
	const char *id = login_target_value(request, "CHAP_I");
	const char *challenge = login_target_value(request, "CHAP_C");
	char response[35] = "0x";

	if (id == NULL || challenge == NULL)
		return 0;
	login_target_respond(response, id, target->target_secret, challenge);
	if (is_wrong)
		response[33] = response[33] == '0' ? '1' : '0';
	return (size_t)snprintf(text, room, "CHAP_N=tu%cCHAP_R=%s", '\0',
				response) + 1;
}

/* ---------------------------------------------------------------- thread */

static bool read_all(int fd, uint8_t *bytes, size_t length)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	ssize_t n;

	while (length > 0) {
		if (poll(&poller, 1, WAIT_MS) <= 0)
			return false;
		n = recv(fd, bytes, length, 0);
		if (n <= 0)
			return false;
		bytes += n;
		length -= (size_t)n;
	}
	return true;
}

static bool read_request(int fd, struct login_pdu *request)
{
	size_t length;

	memset(request, 0, sizeof(*request));
	if (!read_all(fd, request->bytes, LOGIN_HEADER))
		return false;
	length = login_get32(request->bytes + 4) & 0xffffff;
	length = (length + 3) & ~(size_t)3;
	request->length = LOGIN_HEADER + length;
	return request->length <= LOGIN_ROOM &&
	       read_all(fd, request->bytes + LOGIN_HEADER, length);
}

static void send_bytes(int fd, const struct login_pdu *pdu)
{
	size_t i;

	for (i = 0; i < pdu->length; i++)
		(void)send(fd, pdu->bytes + i, 1, MSG_NOSIGNAL);
}

/* A NOP-In of the target's, with the tag 0x12345678. */
static void append_nop_in(struct login_pdu *pdu)
{
	uint8_t *nop = pdu->bytes + pdu->length;

	memset(nop, 0, LOGIN_HEADER);
	nop[0] = 0x20;
	nop[1] = 0x80;
	login_put32(nop + 16, 0xffffffff);
	login_put32(nop + 20, 0x12345678);
	pdu->length += LOGIN_HEADER;
}

/* The reply to the last request, as the step says. */
static void send_reply(struct login_target *target, int fd,
		       const struct login_step *step)
{
	const struct login_pdu *request =
		&target->requests[target->nrequests - 1];
	bool is_proof = step->how == LOGIN_PROOF ||
			step->how == LOGIN_WRONG_PROOF;
	const char *text = step->text != NULL ? step->text : "";
	size_t length = step->length;
	struct login_pdu reply;
	char proof[128];

	if (is_proof) {
		text = proof;
		length = make_proof(target, request,
				    step->how == LOGIN_WRONG_PROOF, proof,
				    sizeof(proof));
	}
	login_reply(&reply, step->flags, login_get32(request->bytes + 16),
		    (uint32_t)target->nrequests,
		    login_get32(request->bytes + 24), step->status, text,
		    length);
	memcpy(reply.bytes + 8, request->bytes + 8, sizeof(login_isid));
	reply.bytes[14] = 7;
	if (step->how == LOGIN_REPLY_NOP_IN)
		append_nop_in(&reply);
	if (step->how == LOGIN_REPLY_HALF)
		reply.length = LOGIN_HEADER / 2;
	if (step->how == LOGIN_REPLY_BYTES)
		send_bytes(fd, &reply);
	else
		(void)send(fd, reply.bytes, reply.length, MSG_NOSIGNAL);
}

/* Returns false when the connection is to end here. */
static bool follow(struct login_target *target, int fd,
		   const struct login_step *step)
{
	static const struct linger at_once = { .l_onoff = 1 };

	if (!read_request(fd, &target->requests[target->nrequests]))
		return false;
	target->nrequests++;
	switch (step->how) {
	case LOGIN_SILENCE:
		return true;
	case LOGIN_RESET:
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once,
				 sizeof(at_once));
		return false;
	case LOGIN_CLOSE:
		return false;
	default:
		send_reply(target, fd, step);
		return true;
	}
}

static void *run(void *arg)
{
	struct login_target *target = arg;
	struct pollfd poller = { .fd = target->listener, .events = POLLIN };
	static const int on = 1;
	uint8_t byte;
	size_t i;
	int fd;

	if (poll(&poller, 1, WAIT_MS) <= 0)
		return NULL;
	fd = accept(target->listener, NULL, NULL);
	if (fd < 0)
		return NULL;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (i = 0; i < target->nsteps; i++) {
		if (!follow(target, fd, &target->steps[i]))
			break;
	}
	/* the other side ends it, when all of the script was followed */
	if (i == target->nsteps)
		(void)read_all(fd, &byte, 1);
	close(fd);
	return NULL;
}

/* ----------------------------------------------------------------- begin */

static bool listen_on(struct login_target *target, int family)
{
	struct sockaddr_in6 *v6 = (void *)&target->address;
	struct sockaddr_in *v4 = (void *)&target->address;

	target->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	target->address.ss_family = (sa_family_t)family;
	if (family == AF_INET6) {
		v6->sin6_addr = in6addr_loopback;
		target->address_length = sizeof(*v6);
	} else {
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		target->address_length = sizeof(*v4);
	}
	return target->listener >= 0 &&
	       bind(target->listener, (void *)&target->address,
		    target->address_length) == 0 &&
	       listen(target->listener, 4) == 0 &&
	       getsockname(target->listener, (void *)&target->address,
			   &target->address_length) == 0;
}

bool login_target_start(struct login_target *target, int family,
			const struct login_step *steps, size_t nsteps)
{
	const struct sockaddr_in *v4 = (void *)&target->address;

	memset(target, 0, sizeof(*target));
	target->steps = steps;
	target->nsteps = nsteps;
	if (!listen_on(target, family)) {
		if (target->listener >= 0)
			close(target->listener);
		return false;
	}
	/* the port is at the same place in both forms */
	snprintf(target->portal, sizeof(target->portal), "%s:%u",
		 family == AF_INET6 ? "[::1]" : "127.0.0.1",
		 ntohs(v4->sin_port));
	if (pthread_create(&target->thread, NULL, run, target) == 0)
		return true;
	close(target->listener);
	return false;
}

void login_target_stop(struct login_target *target)
{
	/* for a target that nobody has connected to */
	(void)shutdown(target->listener, SHUT_RDWR);
	pthread_join(target->thread, NULL);
	close(target->listener);
}
