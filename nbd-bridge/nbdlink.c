/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbdlink.c: one netlink exchange at a time, and the device's files. Blocking
 * with deadlines, on a worker's thread; no state between calls.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/nbd-netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"

#include "log.h"
#include "nbdlink.h"
#include "sockets.h"

#define ANSWER_TIMEOUT_S 20     /* of one netlink exchange */
#define DEVICE_TIMEOUT_MS 10000 /* until /dev/nbdN is there */
#define DEVICE_SLICE_MS 100     /* its size is not announced by inotify */
#define FREE_TIMEOUT_MS 3000    /* until a detached device is free */
#define FREE_SLICE_MS 10
#define REQUEST_KB 1024         /* what one request of the kernel may have */
#define REPLACE_TIMEOUT_MS 5000 /* until the kernel has seen a socket's end */
#define REPLACE_SLICE_MS 10

struct exchange {
	int error;       /* errno of the kernel's refusal, 0: none */
	bool has_index;
	uint32_t index;
};

/* --------------------------------------------------------------- netlink */

static int on_message(struct nl_msg *msg, void *arg)
{
	struct exchange *exchange = arg;

	if (nbd_netlink_read_index(nlmsg_hdr(msg), &exchange->index) == 0)
		exchange->has_index = true;
	return NL_OK;
}

static int on_error(struct sockaddr_nl *address, struct nlmsgerr *error,
		    void *arg)
{
	struct exchange *exchange = arg;

	(void)address;
	exchange->error = -error->error;
	return NL_STOP;
}

/* Opens a socket to generic netlink with a bound on each wait: 0 or an errno. */
static int open_socket(struct nl_sock **sock)
{
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	int error;

	*sock = nl_socket_alloc();
	if (*sock == NULL)
		return ENOMEM;
	errno = EIO;
	if (genl_connect(*sock) == 0 &&
	    setsockopt(nl_socket_get_fd(*sock), SOL_SOCKET, SO_RCVTIMEO,
		       &timeout, sizeof(timeout)) == 0)
		return 0;
	error = errno;
	nl_socket_free(*sock);
	return error;
}

/* Sends a message, which it takes, and waits for the kernel's verdict. */
static int exchange_message(struct nl_sock *sock, struct nl_msg *msg,
			    struct exchange *exchange)
{
	int rc = nl_send_auto(sock, msg);

	nlmsg_free(msg);
	if (rc < 0)
		return -EIO;
	rc = nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_message,
				 exchange);
	if (rc == 0)
		rc = nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, on_error,
					     exchange);
	if (rc == 0)
		rc = nl_wait_for_ack(sock);
	if (exchange->error != 0)
		return -exchange->error;
	if (rc < 0)
		return rc == -NLE_AGAIN ? -ETIMEDOUT : -EIO;
	return 0;
}

static int open_family(struct nl_sock **sock, int *family)
{
	int error = open_socket(sock);

	if (error == EMFILE || error == ENFILE || error == ENOMEM)
		return dsc_fail(error, "no netlink socket can be opened (%s)",
				discsi_errno_name(error));
	if (error != 0)
		return dsc_fail(EOPNOTSUPP, "this kernel gives no netlink "
				"socket: a LUN can only be an NBD socket");
	*family = genl_ctrl_resolve(*sock, NBD_GENL_FAMILY_NAME);
	if (*family >= 0)
		return 0;
	nl_socket_free(*sock);
	return dsc_fail(EOPNOTSUPP, "this kernel has no nbd driver with a "
			"netlink interface: that takes Linux 4.12 and the nbd "
			"module (try: modprobe nbd); an NBD socket needs neither");
}

static int fail_connect(const struct nbd_connect *what, int rc)
{
	switch (rc) {
	case -EPERM:
		return dsc_fail(EPERM, "only root (CAP_SYS_ADMIN) may attach a "
				"kernel device; an NBD socket needs no root");
	case -EBUSY:
		if (what->index != NBD_INDEX_ANY)
			return dsc_fail(EBUSY, "/dev/nbd%d is in use already",
					what->index);
		return dsc_fail(EBUSY, "no nbd device is free");
	case -ETIMEDOUT:
		return dsc_fail(ETIMEDOUT, "the kernel has not attached the "
				"device within %d s", ANSWER_TIMEOUT_S);
	default:
		return dsc_fail(-rc, "the kernel refuses to attach the device "
				"(%s)", discsi_errno_name(rc));
	}
}

int nbd_link_connect(const struct nbd_connect *what, uint32_t *index)
{
	struct exchange exchange = { 0 };
	struct nl_sock *sock;
	struct nl_msg *msg;
	int family, rc;

	rc = open_family(&sock, &family);
	if (rc < 0)
		return rc;
	msg = nbd_netlink_connect(family, what);
	if (msg == NULL) {
		nl_socket_free(sock);
		return dsc_fail_memory();
	}
	rc = exchange_message(sock, msg, &exchange);
	nl_socket_free(sock);
	if (rc < 0)
		return fail_connect(what, rc);
	*index = exchange.has_index ? exchange.index : (uint32_t)what->index;
	if (!exchange.has_index && what->index == NBD_INDEX_ANY)
		return dsc_fail(EPROTO, "the kernel does not say which nbd "
				"device it has attached");
	return 0;
}

/* Asks for something and waits for yes or no: 0 or a negative errno. */
static int ask(struct nl_msg *(*make)(int family, const void *what),
	       const void *what)
{
	struct exchange exchange = { 0 };
	struct nl_sock *sock;
	struct nl_msg *msg;
	int family, rc;

	rc = open_family(&sock, &family);
	if (rc < 0)
		return rc;
	msg = make(family, what);
	rc = msg != NULL ? exchange_message(sock, msg, &exchange) : -ENOMEM;
	nl_socket_free(sock);
	return rc;
}

static struct nl_msg *make_reconfigure(int family, const void *what)
{
	return nbd_netlink_reconfigure(family, what);
}

static struct nl_msg *make_disconnect(int family, const void *what)
{
	return nbd_netlink_disconnect(family, *(const uint32_t *)what);
}

/* ----------------------------------------------------------------- files */

static void sysfs_path(char *path, size_t room, uint32_t index,
		       const char *name)
{
	snprintf(path, room, "/sys/block/nbd%" PRIu32 "/%s", index, name);
}

/* 1: it has been read, 0: there is none, or why that cannot be told. */
static int read_attribute(uint32_t index, const char *name, char *text,
			  size_t room)
{
	char path[64];
	ssize_t n;
	int fd, error;

	text[0] = '\0';
	sysfs_path(path, sizeof(path), index, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, room - 1) : -1;
	error = errno;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (n >= 0)
		return n > 0;
	return error == ENOENT || error == ENODEV ? 0 : -error;
}

bool nbd_link_attribute(uint32_t index, const char *name, char *text,
			size_t room)
{
	return read_attribute(index, name, text, room) > 0;
}

/* A number from sysfs, or -1. */
static long long read_sysfs(uint32_t index, const char *name)
{
	char text[32];

	return nbd_link_attribute(index, name, text, sizeof(text)) ?
	       strtoll(text, NULL, 10) : -1;
}

static bool write_sysfs(uint32_t index, const char *name, long long value)
{
	char path[64], text[32];
	int length;
	bool is_ok;
	int fd;

	sysfs_path(path, sizeof(path), index, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = snprintf(text, sizeof(text), "%lld\n", value);
	is_ok = write(fd, text, (size_t)length) == length;
	close(fd);
	return is_ok;
}

static void device_path(char *path, size_t room, uint32_t index)
{
	snprintf(path, room, "/dev/nbd%" PRIu32, index);
}

/* ------------------------------------------------------------- appearing */

static bool has_node(uint32_t index)
{
	char path[32];
	struct stat st;

	device_path(path, sizeof(path), index);
	return stat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

static bool has_size(uint32_t index, uint64_t bytes)
{
	long long sectors = read_sysfs(index, "size");

	return sectors >= 0 && (uint64_t)sectors == bytes / 512;
}

/* Waits for a change in /dev, a moment at most. */
static void wait_change(int fd, uint64_t until_ns)
{
	char events[4096];
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	uint64_t now_ns = dsc_clock_now_ns();
	uint64_t left_ms = until_ns > now_ns ?
			   (until_ns - now_ns) / DSC_NS_PER_MS + 1 : 0;

	if (left_ms > DEVICE_SLICE_MS)
		left_ms = DEVICE_SLICE_MS;
	if (poll(&pollfd, 1, (int)left_ms) > 0)
		while (read(fd, events, sizeof(events)) > 0)
			;
}

static bool is_there(uint32_t index, uint64_t bytes)
{
	return has_node(index) && has_size(index, bytes);
}

/* Most often it is there at once. Closing a watch takes the kernel some ms. */
static bool await_device(uint32_t index, uint64_t bytes)
{
	uint64_t until_ns = dsc_clock_now_ns() +
			    DEVICE_TIMEOUT_MS * DSC_NS_PER_MS;
	int fd;

	if (is_there(index, bytes))
		return true;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd >= 0)
		inotify_add_watch(fd, "/dev", IN_CREATE | IN_MOVED_TO |
				  IN_ATTRIB);
	while (!is_there(index, bytes) && dsc_clock_now_ns() < until_ns)
		wait_change(fd, until_ns);
	if (fd >= 0)
		close(fd);
	return is_there(index, bytes);
}

int nbd_link_wait_device(uint32_t index, uint64_t bytes)
{
	if (await_device(index, bytes))
		return 0;
	if (!has_node(index))
		return dsc_fail(ENODEV, "the kernel has attached nbd%" PRIu32
				", but /dev/nbd%" PRIu32 " does not appear: "
				"neither devtmpfs nor udev makes it here",
				index, index);
	return dsc_fail(EIO, "/dev/nbd%" PRIu32 " does not get its size of %"
			PRIu64 " bytes", index, bytes);
}

void nbd_link_tune(uint32_t index, uint32_t resend_ms)
{
	long long most = read_sysfs(index, "queue/max_hw_sectors_kb");
	long long now = read_sysfs(index, "queue/max_sectors_kb");
	long long wanted = most > 0 && most < REQUEST_KB ? most : REQUEST_KB;

	write_sysfs(index, "queue/io_timeout", resend_ms);
	if (now < 0 || now >= wanted)
		return;
	if (!write_sysfs(index, "queue/max_sectors_kb", wanted))
		nbd_log(DISCSI_LOG_WARNING, "nbd%" PRIu32 ": requests stay at "
			"%lld KiB, max_sectors_kb cannot be written", index,
			now);
}

/* ------------------------------------------------------------ going away */

int nbd_link_flush(uint32_t index)
{
	char path[32];
	int fd, rc = 0;

	device_path(path, sizeof(path), index);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return dsc_fail(errno, "%s cannot be opened to flush it (%s)",
				path, discsi_errno_name(errno));
	if (ioctl(fd, BLKFLSBUF, 0) < 0 || fsync(fd) < 0)
		rc = dsc_fail(errno, "%s cannot be flushed (%s)", path,
			      discsi_errno_name(errno));
	close(fd);
	return rc;
}

/* The device is free when it shows no owner; nothing announces that. */
static void wait_free(uint32_t index)
{
	uint64_t until_ns = dsc_clock_now_ns() +
			    FREE_TIMEOUT_MS * DSC_NS_PER_MS;

	while (read_sysfs(index, "pid") >= 0) {
		if (dsc_clock_now_ns() >= until_ns) {
			nbd_log(DISCSI_LOG_WARNING, "nbd%" PRIu32 " is detached"
				", but somebody still has it open", index);
			return;
		}
		poll(NULL, 0, FREE_SLICE_MS);
	}
}

/* True when it is certain that the device is not attached for this backend. */
static bool is_not_ours(uint32_t index, const char *backend)
{
	char text[512];

	if (read_attribute(index, "pid", text, sizeof(text)) == 0)
		return true;
	return read_attribute(index, "backend", text, sizeof(text)) > 0 &&
	       strcmp(text, backend) != 0;
}

int nbd_link_disconnect(uint32_t index, const char *backend)
{
	int rc;

	if (is_not_ours(index, backend))
		return 0;
	rc = ask(make_disconnect, &index);
	if (rc < 0)
		return dsc_fail(-rc, "the kernel does not detach nbd%" PRIu32
				" (%s)", index, discsi_errno_name(rc));
	wait_free(index);
	return 0;
}

/* ------------------------------------------------------------ coming back */

/*
 * 1: the device is attached for this backend, 0: it is not attached, or for
 * another one, or why that cannot be told.
 */
static int is_attached_for(uint32_t index, const char *backend)
{
	char text[512], pid[32];
	int rc = read_attribute(index, "backend", text, sizeof(text));

	if (rc > 0)
		rc = strcmp(text, backend) == 0;
	return rc > 0 ? read_attribute(index, "pid", pid, sizeof(pid)) : rc;
}

/* Returns its index, -ENOENT, or why it cannot be told that there is none. */
static int find_in(DIR *dir, const char *backend)
{
	int unknown = -ENOENT;
	struct dirent *entry;
	unsigned long index;
	int rc;

	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "nbd", strlen("nbd")) != 0)
			continue;
		index = strtoul(entry->d_name + strlen("nbd"), NULL, 10);
		rc = is_attached_for((uint32_t)index, backend);
		if (rc > 0)
			return (int)index;
		if (rc < 0)
			unknown = rc;
	}
	return unknown;
}

int nbd_link_find(const char *backend)
{
	DIR *dir = opendir("/sys/block");
	int index = -errno;

	if (dir != NULL) {
		index = find_in(dir, backend);
		closedir(dir);
	}
	if (index >= 0 || index == -ENOENT)
		return index;
	return dsc_fail(-index, "whether a device is attached for %s cannot be "
			"read (%s)", dsc_secret_shown(backend),
			discsi_errno_name(index));
}

int nbd_link_abandon(const char *backend)
{
	int index = nbd_link_find(backend);

	if (index == -ENOENT)
		return 0;
	return index < 0 ? index : nbd_link_disconnect((uint32_t)index, backend);
}

uint64_t nbd_link_bytes(uint32_t index)
{
	long long sectors = read_sysfs(index, "size");

	return sectors > 0 ? (uint64_t)sectors * 512 : 0;
}

uint32_t nbd_link_block_size(uint32_t index)
{
	long long size = read_sysfs(index, "queue/logical_block_size");

	return size > 0 ? (uint32_t)size : 0;
}

/* The other end is closed only if the kernel has not kept it. */
static bool is_kept(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) == 0 ||
	       (pollfd.revents & (POLLHUP | POLLERR)) == 0;
}

/* One attempt: 0, -EAGAIN when the kernel has dropped the socket, or an errno. */
static int offer_socket(uint32_t index, const char *backend, int *fd)
{
	struct nbd_reconfigure what = { .index = index, .backend = backend };
	int ends[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
		       SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	nbd_socket_widen(ends[0]);
	nbd_socket_widen(ends[1]);
	what.socket = ends[1];
	rc = ask(make_reconfigure, &what);
	close(ends[1]);
	if (rc == 0 && is_kept(ends[0])) {
		*fd = ends[0];
		return 0;
	}
	close(ends[0]);
	return rc < 0 ? rc : -EAGAIN;
}

/* ENODEV is said only when it is certain. */
static int check_attached(uint32_t index, const char *backend)
{
	int rc = is_attached_for(index, backend);

	if (rc > 0)
		return 0;
	if (rc == 0)
		return dsc_fail(ENODEV, "nbd%" PRIu32 " is not attached for %s "
				"any more", index, backend);
	return dsc_fail(-rc, "whether nbd%" PRIu32 " is attached for %s cannot "
			"be read (%s)", index, backend, discsi_errno_name(rc));
}

int nbd_link_replace(uint32_t index, const char *backend, int *fd)
{
	uint64_t until_ns = dsc_clock_now_ns() +
			    REPLACE_TIMEOUT_MS * DSC_NS_PER_MS;
	int rc;

	for (;;) {
		rc = check_attached(index, backend);
		if (rc < 0)
			return rc;
		rc = offer_socket(index, backend, fd);
		if (rc != -EAGAIN || dsc_clock_now_ns() >= until_ns)
			break;
		poll(NULL, 0, REPLACE_SLICE_MS);
	}
	if (rc == -EAGAIN)
		return dsc_fail(ETIMEDOUT, "the kernel does not take a new "
				"socket for nbd%" PRIu32 ", as if the old one "
				"worked", index);
	if (rc < 0)
		return dsc_fail(-rc, "the kernel refuses a new socket for nbd%"
				PRIu32 " (%s)", index, discsi_errno_name(rc));
	return 0;
}

int nbd_link_resize(uint32_t index, const char *backend, uint64_t bytes)
{
	const struct nbd_reconfigure what = {
		.index = index, .socket = -1, .bytes = bytes,
		.backend = backend,
	};
	int rc = ask(make_reconfigure, &what);

	if (rc < 0)
		return dsc_fail(-rc, "the kernel does not give nbd%" PRIu32
				" its new size (%s; it takes Linux 5.3)",
				index, discsi_errno_name(rc));
	return nbd_link_wait_device(index, bytes);
}
