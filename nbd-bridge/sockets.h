/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/sockets.h: what the listener and the kernel's part both do to a
 * socket. Any thread.
 */
#ifndef NBD_SOCKETS_H
#define NBD_SOCKETS_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Bytes a socket may hold: many replies in one call. */
#define NBD_SOCKET_BUFFER (4 << 20)

/*
 * Enlarges a socket's buffers: as far as we like where that is allowed, else
 * as far as net.core.wmem_max and rmem_max let everybody. Not having it costs
 * speed and nothing else, so that nothing is reported. Neither is that only
 * TCP, over which a socket that was handed to us may come, knows NODELAY.
 */
static inline void nbd_socket_widen(int fd)
{
	const int size = NBD_SOCKET_BUFFER;
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

#endif /* NBD_SOCKETS_H */
