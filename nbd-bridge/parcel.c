/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parcel.c: see parcel.h. The object is text up to its NUL, the bytes are what
 * follows. Any thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/secret.h"

#include "parcel.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* ------------------------------------------------------------------ sending */

static void attach_fd(struct msghdr *msg, union control *control, int fd)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->bytes;
	msg->msg_controllen = sizeof(control->bytes);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

struct json_object *nbd_parcel_object(const struct nbd_parcel_member *members,
				      size_t count)
{
	struct json_object *object = json_object_new_object();
	bool is_whole = object != NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (is_whole && members[i].value != NULL &&
		    json_object_object_add(object, members[i].name,
					   members[i].value) == 0)
			continue;
		json_object_put(members[i].value);
		is_whole = false;
	}
	if (is_whole)
		return object;
	json_object_put(object);
	return NULL;
}

static int send_text(int socket, const char *text, const void *bytes,
		     size_t length, int fd)
{
	struct iovec iov[] = {
		{ .iov_base = (void *)(uintptr_t)text,
		  .iov_len = strlen(text) + 1 },
		{ .iov_base = (void *)(uintptr_t)bytes, .iov_len = length },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	union control control;
	ssize_t n;

	if (length > NBD_PARCEL_MAX || iov[0].iov_len > NBD_PARCEL_MAX - length)
		return -EMSGSIZE;
	if (fd >= 0)
		attach_fd(&msg, &control, fd);
	do
		n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int nbd_parcel_send(int socket, struct json_object *object, const void *bytes,
		    size_t length, int fd)
{
	const char *text = NULL;
	int rc = -ENOMEM;

	if (object != NULL)
		text = json_object_to_json_string_ext(object,
						      JSON_C_TO_STRING_PLAIN);
	if (text != NULL)
		rc = send_text(socket, text, bytes, length, fd);
	json_object_put(object);
	return rc;
}

/* ---------------------------------------------------------------- receiving */

static void keep_fd(struct nbd_parcel *parcel, struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);

	if (cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(parcel->fd)))
		memcpy(&parcel->fd, CMSG_DATA(cmsg), sizeof(parcel->fd));
}

static ssize_t receive(int socket, struct nbd_parcel *parcel)
{
	union control control;
	struct iovec iov = {
		.iov_base = parcel->bytes,
		.iov_len = parcel->room - 1,
	};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		/* Not for two, which CMSG_SPACE() has room for. */
		.msg_controllen = CMSG_LEN(sizeof(parcel->fd)),
	};
	ssize_t n;

	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	keep_fd(parcel, &msg);
	return (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ? -EPROTO : n;
}

int nbd_parcel_receive(int socket, struct nbd_parcel *parcel)
{
	size_t head;
	ssize_t n;

	*parcel = (struct nbd_parcel)NBD_PARCEL_INIT;
	parcel->room = NBD_PARCEL_MAX + 1;
	parcel->bytes = calloc(1, parcel->room);
	if (parcel->bytes == NULL)
		return -ENOMEM;
	n = receive(socket, parcel);
	if (n <= 0)
		return n < 0 ? (int)n : -EPIPE;
	head = strlen(parcel->bytes) + 1;
	if (head > (size_t)n)
		return -EPROTO;
	parcel->object = json_tokener_parse(parcel->bytes);
	if (!json_object_is_type(parcel->object, json_type_object))
		return -EPROTO;
	parcel->length = (size_t)n - head;
	memmove(parcel->bytes, parcel->bytes + head, parcel->length);
	memset(parcel->bytes + parcel->length, 0, head);
	return 0;
}

/* ------------------------------------------------------------------ content */

static struct json_object *member(const struct nbd_parcel *parcel,
				  const char *name, enum json_type type)
{
	struct json_object *value;

	if (!json_object_object_get_ex(parcel->object, name, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

const char *nbd_parcel_text(const struct nbd_parcel *parcel, const char *name)
{
	struct json_object *value = member(parcel, name, json_type_string);

	return value != NULL ? json_object_get_string(value) : "";
}

int64_t nbd_parcel_number(const struct nbd_parcel *parcel, const char *name)
{
	return json_object_get_int64(member(parcel, name, json_type_int));
}

bool nbd_parcel_flag(const struct nbd_parcel *parcel, const char *name)
{
	return json_object_get_boolean(member(parcel, name,
					      json_type_boolean));
}

int nbd_parcel_take_fd(struct nbd_parcel *parcel)
{
	int fd = parcel->fd;

	parcel->fd = -1;
	return fd;
}

void nbd_parcel_free(struct nbd_parcel *parcel)
{
	if (parcel->bytes != NULL)
		dsc_wipe(parcel->bytes, parcel->room);
	free(parcel->bytes);
	json_object_put(parcel->object);
	if (parcel->fd >= 0)
		close(parcel->fd);
	*parcel = (struct nbd_parcel)NBD_PARCEL_INIT;
}

bool nbd_parcel_is_trusted(int socket)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer,
			  &length) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}
