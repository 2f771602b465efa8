/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/tcp.h: sockets of the Internet as ways in, and where they may be
 * open without TLS: on this host's own addresses, if that is wished for.
 * Main thread; names may be looked up, which can take a while.
 */
#ifndef NBD_TCP_H
#define NBD_TCP_H

#include <stdbool.h>
#include <stddef.h>

/* Who may come in without TLS. */
enum nbd_clear {
	NBD_CLEAR_NOBODY,    /* nor need anybody: there is TLS */
	NBD_CLEAR_REFUSED,   /* there is no TLS, and it is not said to be well */
	NBD_CLEAR_LOOPBACK,  /* --insecure-loopback */
};

/*
 * Checks the form of a place: "HOST:PORT", "[ADDRESS]:PORT"; an empty host or
 * "*" is every address, port 0 any that is free. Errors: EINVAL.
 */
int nbd_tcp_check_place(const char *where);

/*
 * Makes a socket that listens nowhere yet.
 *
 * where: as above.
 * Returns a descriptor. Errors: EINVAL (where is no such thing), ENOENT (the
 * host has no address), EPERM (clear forbids it), EADDRINUSE, EADDRNOTAVAIL,
 * EACCES, …
 */
int nbd_tcp_bind(const char *where, enum nbd_clear clear);

/* Begins to listen. Errors: EADDRINUSE, … */
int nbd_tcp_listen(int fd);

/*
 * Checks what was handed over: a socket of any kind, a pipe, or -1. Errors:
 * EPERM (clear forbids to serve it).
 */
int nbd_tcp_check_clear(int fd, enum nbd_clear clear);

/* The address of a socket, as "ADDRESS:PORT"; "" when it has none like that. */
void nbd_tcp_describe(int fd, char *text, size_t size);

/* The same of its other end. */
void nbd_tcp_describe_peer(int fd, char *text, size_t size);

/* A TCP connection whose other end is gone without a word ends by itself. */
void nbd_tcp_keep_alive(int fd);

#endif /* NBD_TCP_H */
