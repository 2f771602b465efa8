/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-read.c: as much of an NBD client as it takes to prove that a socket
 * serves: the fixed newstyle handshake with NBD_OPT_EXPORT_NAME, one READ with
 * a simple reply, and DISC. The caller's thread, poll() and limits.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "storage/device.h"

#define MAGIC UINT64_C(0x4e42444d41474943)        /* NBDMAGIC */
#define OPTION_MAGIC UINT64_C(0x49484156454F5054) /* IHAVEOPT */
#define REQUEST_MAGIC 0x25609513u
#define REPLY_MAGIC 0x67446698u

#define FLAG_FIXED_NEWSTYLE 1u  /* of the server, and of the client's answer */
#define FLAG_NO_ZEROES 2u
#define OPTION_EXPORT_NAME 1u
#define COMMAND_READ 0u
#define COMMAND_DISC 2u

#define GREETING_BYTES 18
#define OPTION_BYTES 20         /* client flags, and the option's header */
#define EXPORT_BYTES 10         /* size, transmission flags */
#define REQUEST_BYTES 28
#define REPLY_BYTES 16
#define HANDSHAKES 5  /* that the bridge may hang up on */
#define COOKIE UINT64_C(0x6469736373690001)

struct client {
	int fd;
	const struct dsc_limits *limits;
};

/* Waits for events: 0 or a negative errno. */
static int wait_for(const struct client *client, short events)
{
	struct pollfd fds[] = {
		{ .fd = client->fd, .events = events },
		{ .fd = client->limits->cancel_fd, .events = POLLIN },
	};
	int rc;

	for (;;) {
		rc = dsc_limits_check(client->limits);
		if (rc < 0)
			return rc;
		rc = poll(fds, 2, dsc_limits_left_ms(client->limits));
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (rc > 0 && fds[0].revents != 0)
			return 0;
	}
}

static int send_all(const struct client *client, const void *data,
		    size_t length)
{
	size_t done = 0;
	ssize_t n;
	int rc;

	while (done < length) {
		n = send(client->fd, (const char *)data + done, length - done,
			 MSG_NOSIGNAL);
		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		rc = wait_for(client, POLLOUT);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int receive_all(const struct client *client, void *data, size_t length)
{
	size_t done = 0;
	ssize_t n;
	int rc;

	while (done < length) {
		n = recv(client->fd, (char *)data + done, length - done, 0);
		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n == 0)
			return -ECONNRESET;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		rc = wait_for(client, POLLIN);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A queue of clients that is full is EAGAIN, and nothing tells its end. */
static int connect_to(const struct client *client,
		      const struct sockaddr_un *address)
{
	int rc = 0;

	while (rc == 0 && connect(client->fd,
				  (const struct sockaddr *)address,
				  sizeof(*address)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		rc = dsc_limits_pause(client->limits);
	}
	return rc;
}

static int open_socket(struct client *client, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
			    SOCK_NONBLOCK, 0);
	return client->fd < 0 ? -errno : connect_to(client, &address);
}

/* To the point where requests are taken. */
static int shake_hands(const struct client *client)
{
	uint8_t greeting[GREETING_BYTES];
	uint8_t option[OPTION_BYTES] = { 0 };
	uint8_t export[EXPORT_BYTES];
	int rc = receive_all(client, greeting, sizeof(greeting));

	if (rc < 0)
		return rc;
	if (dsc_get_be64(greeting) != MAGIC ||
	    dsc_get_be64(greeting + 8) != OPTION_MAGIC ||
	    (dsc_get_be16(greeting + 16) &
	     (FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES)) !=
	    (FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES))
		return -EPROTO;
	dsc_put_be32(option, FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES);
	dsc_put_be64(option + 4, OPTION_MAGIC);
	dsc_put_be32(option + 12, OPTION_EXPORT_NAME);
	rc = send_all(client, option, sizeof(option));
	return rc == 0 ? receive_all(client, export, sizeof(export)) : rc;
}

static int begin(struct client *client, const char *path)
{
	int rc = open_socket(client, path);

	return rc == 0 ? shake_hands(client) : rc;
}

/*
 * A bridge that hands over to another process takes its clients with it, but
 * hangs up on those that have not finished the handshake: they come again.
 */
static int begin_again(struct client *client, const char *path)
{
	int rc = begin(client, path);
	int over;
	int i;

	for (i = 1; (rc == -ECONNRESET || rc == -EPIPE) && i < HANDSHAKES;
	     i++) {
		close(client->fd);
		client->fd = -1;
		over = dsc_limits_pause(client->limits);
		rc = over < 0 ? over : begin(client, path);
	}
	return rc;
}

static int request(const struct client *client, unsigned command,
		   size_t length, uint64_t offset)
{
	uint8_t header[REQUEST_BYTES] = { 0 };

	dsc_put_be32(header, REQUEST_MAGIC);
	dsc_put_be16(header + 6, (uint16_t)command);
	dsc_put_be64(header + 8, COOKIE);
	dsc_put_be64(header + 16, offset);
	dsc_put_be32(header + 24, (uint32_t)length);
	return send_all(client, header, sizeof(header));
}

static int read_reply(const struct client *client, void *buf, size_t length)
{
	uint8_t reply[REPLY_BYTES];
	int rc = receive_all(client, reply, sizeof(reply));

	if (rc < 0)
		return rc;
	if (dsc_get_be32(reply) != REPLY_MAGIC ||
	    dsc_get_be64(reply + 8) != COOKIE)
		return -EPROTO;
	if (dsc_get_be32(reply + 4) != 0)
		return -EIO;
	return receive_all(client, buf, length);
}

int dsc_nbd_read(const char *socket, void *buf, size_t length, uint64_t offset,
		 const struct dsc_limits *limits)
{
	struct client client = { .fd = -1, .limits = limits };
	int rc = dsc_limits_check(limits);  /* no answer is faster than that */

	if (rc == 0)
		rc = begin_again(&client, socket);
	if (rc == 0)
		rc = request(&client, COMMAND_READ, length, offset);
	if (rc == 0)
		rc = read_reply(&client, buf, length);
	if (rc == 0)
		(void)request(&client, COMMAND_DISC, 0, 0);
	if (client.fd >= 0)
		close(client.fd);
	return rc == 0 ? 0 : dsc_fail(-rc, "the NBD socket %s does not answer "
				      "a read (%s)", socket,
				      discsi_errno_name(rc));
}
