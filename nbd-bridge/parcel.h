/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/parcel.h: one message between a running bridge and the one that
 * is to replace it, on a SEQPACKET Unix socket: a JSON object, so that two
 * versions may talk, bytes, and a descriptor. The bytes may be secrets: they
 * are wiped. Any thread; waits only where the socket does.
 */
#ifndef NBD_PARCEL_H
#define NBD_PARCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json_object.h>

/* The most that object and bytes may have together. */
#define NBD_PARCEL_MAX (128u << 10)

struct nbd_parcel {
	struct json_object *object;
	char *bytes;            /* followed by NUL */
	size_t length;
	size_t room;
	int fd;                 /* that came with it; the taker sets it to -1 */
};

#define NBD_PARCEL_INIT { .fd = -1 }

struct nbd_parcel_member {
	const char *name;
	struct json_object *value;
};

/* An object of these members, which it takes; NULL without memory. */
struct json_object *nbd_parcel_object(const struct nbd_parcel_member *members,
				      size_t count);

/*
 * object: taken; NULL is ENOMEM. fd: -1 for none, stays the caller's.
 * Returns a negative errno, EPIPE when the other side is gone; it leaves no
 * last error.
 */
int nbd_parcel_send(int socket, struct json_object *object, const void *bytes,
		    size_t length, int fd);

/*
 * parcel: freed by nbd_parcel_free() whatever is returned. EPIPE when the other
 * side is gone, EPROTO for what is no parcel, EAGAIN; no last error.
 */
int nbd_parcel_receive(int socket, struct nbd_parcel *parcel);

/* Members; "", 0 and false when there is none of that type. */
const char *nbd_parcel_text(const struct nbd_parcel *parcel, const char *name);
int64_t nbd_parcel_number(const struct nbd_parcel *parcel, const char *name);
bool nbd_parcel_flag(const struct nbd_parcel *parcel, const char *name);

/* Takes the descriptor out, -1 when there is none. */
int nbd_parcel_take_fd(struct nbd_parcel *parcel);

void nbd_parcel_free(struct nbd_parcel *parcel);

/* True when the process at the other end is this user's, or root's. */
bool nbd_parcel_is_trusted(int socket);

#endif /* NBD_PARCEL_H */
