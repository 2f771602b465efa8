/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp.c: see tcp.h. Main thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"

#include "tcp.h"

#define BACKLOG 64
#define PORT_MAX 65535u
#define HOST_MAX 253  /* RFC 1035 section 2.3.4, without the root's dot */

/* Silence of so long is asked about, so often, before it is an end. */
#define KEEP_IDLE_S 60
#define KEEP_PAUSE_S 15
#define KEEP_COUNT 4

struct place {
	char host[HOST_MAX + 1];  /* "": every address */
	char port[6];
};

/* ----------------------------------------------------------------- parsing */

static int fail_syntax(const char *where)
{
	return dsc_fail(EINVAL, "--listen takes HOST:PORT or [ADDRESS]:PORT, "
			"with a port from 0 to %u, not \"%.256s\"", PORT_MAX,
			dsc_secret_shown(where));
}

static bool is_port(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length < sizeof(((struct place *)0)->port) &&
	       strspn(text, "0123456789") == length &&
	       strtoul(text, NULL, 10) <= PORT_MAX;
}

static int parse(const char *where, struct place *place)
{
	const char *colon = strrchr(where, ':');
	const char *host = where;
	size_t length;

	if (colon == NULL || !is_port(colon + 1))
		return fail_syntax(where);
	length = (size_t)(colon - where);
	if (host[0] == '[') {
		if (length < 3 || host[length - 1] != ']')
			return fail_syntax(where);
		host++;
		length -= 2;
	} else if (memchr(host, ':', length) != NULL) {
		return fail_syntax(where);
	}
	if (length == 1 && host[0] == '*')
		length = 0;
	if (length >= sizeof(place->host))
		return fail_syntax(where);
	memcpy(place->host, host, length);
	place->host[length] = '\0';
	memcpy(place->port, colon + 1, strlen(colon + 1) + 1);
	return 0;
}

int nbd_tcp_check_place(const char *where)
{
	struct place place;

	return parse(where, &place);
}

/* --------------------------------------------------------------- addresses */

static bool is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) &&
		v6->sin6_addr.s6_addr[12] == 127);
}

static bool is_internet(const struct sockaddr *address)
{
	return address->sa_family == AF_INET || address->sa_family == AF_INET6;
}

static void describe(const struct sockaddr *address, char *text, size_t size)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;
	char host[INET6_ADDRSTRLEN] = "";

	if (address->sa_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
	dsc_text_portal(host, ntohs(address->sa_family == AF_INET ?
				    v4->sin_port : v6->sin6_port), text, size);
}

static int check(const struct sockaddr *address, enum nbd_clear clear)
{
	char text[128];

	if (clear == NBD_CLEAR_NOBODY ||
	    (clear == NBD_CLEAR_LOOPBACK && is_loopback(address)))
		return 0;
	describe(address, text, sizeof(text));
	return dsc_fail(EPERM, "%s is not served without TLS "
			"(--tls-certificates, --tls-psk); in clear only a "
			"loopback address is, with --insecure-loopback", text);
}

int nbd_tcp_check_clear(int fd, enum nbd_clear clear)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (fd < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    !is_internet((struct sockaddr *)&address))
		return 0;
	return check((struct sockaddr *)&address, clear);
}

void nbd_tcp_describe(int fd, char *text, size_t size)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	text[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	    is_internet((struct sockaddr *)&address))
		describe((struct sockaddr *)&address, text, size);
}

void nbd_tcp_describe_peer(int fd, char *text, size_t size)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	text[0] = '\0';
	if (getpeername(fd, (struct sockaddr *)&address, &length) == 0 &&
	    is_internet((struct sockaddr *)&address))
		describe((struct sockaddr *)&address, text, size);
}

/* ----------------------------------------------------------------- binding */

static int fail_bind(const char *where, int error)
{
	if (error == EADDRINUSE)
		return dsc_fail(EADDRINUSE, "%s: another process listens "
				"there", where);
	return dsc_fail(error, "%s cannot be listened on (%s)", where,
			discsi_errno_name(error));
}

/* Returns a descriptor or a negative errno. */
static int bind_one(const struct addrinfo *info)
{
	const int on = 1, off = 0;
	int fd = socket(info->ai_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (info->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* The first address that can be had. */
static int bind_any(const struct addrinfo *list, const char *where,
		    enum nbd_clear clear)
{
	const struct addrinfo *info;
	int fd = -EADDRNOTAVAIL;
	int rc;

	for (info = list; info != NULL && fd < 0; info = info->ai_next) {
		rc = check(info->ai_addr, clear);
		if (rc < 0)
			return rc;
		fd = bind_one(info);
	}
	return fd >= 0 ? fd : fail_bind(where, -fd);
}

static int look_up(const char *host, const char *port, struct addrinfo **list)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	int rc = getaddrinfo(host, port, &hints, list);

	if (rc == 0)
		return 0;
	return dsc_fail(ENOENT, "the host %s has no address: %s",
			dsc_secret_shown(host),
			rc == EAI_SYSTEM ? discsi_errno_name(errno) :
			gai_strerror(rc));
}

static int bind_host(const char *host, const char *port, const char *where,
		     enum nbd_clear clear)
{
	struct addrinfo *list;
	int rc = look_up(host, port, &list);

	if (rc < 0)
		return rc;
	rc = bind_any(list, where, clear);
	freeaddrinfo(list);
	return rc;
}

int nbd_tcp_bind(const char *where, enum nbd_clear clear)
{
	struct place place;
	int rc = parse(where, &place);

	if (rc < 0)
		return rc;
	if (place.host[0] != '\0')
		return bind_host(place.host, place.port, where, clear);
	/* IPv6's takes IPv4 as well, where there is IPv6. */
	rc = bind_host("::", place.port, where, clear);
	if (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL || rc == -ENOENT)
		rc = bind_host("0.0.0.0", place.port, where, clear);
	return rc;
}

int nbd_tcp_listen(int fd)
{
	char text[128];

	if (listen(fd, BACKLOG) == 0)
		return 0;
	nbd_tcp_describe(fd, text, sizeof(text));
	return fail_bind(text, errno);
}

void nbd_tcp_keep_alive(int fd)
{
	static const struct {
		int level;
		int name;
		int value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEP_PAUSE_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name,
			   &options[i].value, sizeof(options[i].value));
}
