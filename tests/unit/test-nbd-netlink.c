/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-netlink.c: the messages to the kernel's nbd family, byte for byte
 * as <linux/nbd-netlink.h> and netlink's attribute format want them, and the
 * kernel's answer read back; and a process that is short of descriptors. No
 * kernel with nbd is needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <string.h>
#include <sys/resource.h>

#include "harness/harness.h"
#include "nbd-bridge/kernel.h"
#include "nbd-bridge/nbdlink.h"
#include "nbd-bridge/netlink.h"

#define FAMILY 0x1d

/* An attribute as it must stand in the message; numbers in host order. */
struct wanted {
	uint16_t type;
	uint16_t length;
	const void *value;
};

/* Compares the attributes of a message, in order, padding included. */
static void expect_attributes(struct nl_msg *msg, const struct wanted *wanted,
			      size_t count)
{
	struct nlmsghdr *header = nlmsg_hdr(msg);
	const uint8_t *at = (const uint8_t *)header + NLMSG_HDRLEN +
			    GENL_HDRLEN;
	const uint8_t *end = (const uint8_t *)header + header->nlmsg_len;
	size_t i;

	for (i = 0; i < count; i++) {
		uint16_t head[2];

		CU_ASSERT_FATAL(at + sizeof(head) <= end);
		memcpy(head, at, sizeof(head));
		CU_ASSERT_EQUAL(head[0], wanted[i].length + 4);
		CU_ASSERT_EQUAL(head[1] & 0x3fff, wanted[i].type);
		CU_ASSERT_FATAL(at + head[0] <= end);
		if (wanted[i].value != NULL)
			CU_ASSERT_EQUAL(memcmp(at + 4, wanted[i].value,
					       wanted[i].length), 0);
		at += (head[0] + 3) & ~3;
	}
	CU_ASSERT_PTR_EQUAL(at, end);
}

static void expect_header(struct nl_msg *msg, uint8_t command)
{
	struct nlmsghdr *header = nlmsg_hdr(msg);
	const uint8_t *genl = (const uint8_t *)header + NLMSG_HDRLEN;

	CU_ASSERT_EQUAL(header->nlmsg_type, FAMILY);
	CU_ASSERT_EQUAL(genl[0], command);
	CU_ASSERT_EQUAL(genl[1], NBD_GENL_VERSION);
}

static void test_connect(void)
{
	const uint32_t index = 5;
	const uint64_t bytes = UINT64_C(5) << 40, block = 4096, flags = 0x16d;
	const uint64_t timeout = 0, dead = 30, client = 0;
	const int fd = 42;
	const struct { uint16_t head[2]; uint32_t fd; } item = {
		{ 8, NBD_SOCK_FD }, 42
	};
	const struct wanted wanted[] = {
		{ NBD_ATTR_INDEX, 4, &index },
		{ NBD_ATTR_SIZE_BYTES, 8, &bytes },
		{ NBD_ATTR_BLOCK_SIZE_BYTES, 8, &block },
		{ NBD_ATTR_SERVER_FLAGS, 8, &flags },
		{ NBD_ATTR_TIMEOUT, 8, &timeout },
		{ NBD_ATTR_DEAD_CONN_TIMEOUT, 8, &dead },
		{ NBD_ATTR_CLIENT_FLAGS, 8, &client },
		{ NBD_ATTR_BACKEND_IDENTIFIER, 4, "abc" },
		{ NBD_ATTR_SOCKETS, 12, NULL },
	};
	struct nbd_connect connect = {
		.index = 5, .sockets = &fd, .nsockets = 1, .bytes = bytes, .block_size = 4096,
		.server_flags = 0x16d, .timeout_s = 0, .dead_timeout_s = 30,
		.backend = "abc",
	};
	struct nl_msg *msg = nbd_netlink_connect(FAMILY, &connect);
	const uint8_t *end;

	CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
	expect_header(msg, NBD_CMD_CONNECT);
	expect_attributes(msg, wanted, 9);
	end = (const uint8_t *)nlmsg_hdr(msg) + nlmsg_hdr(msg)->nlmsg_len;
	/* Newer versions of libnl mark the nesting in the type. */
	CU_ASSERT_EQUAL((end[-10] | end[-9] << 8) & 0x3fff, NBD_SOCK_ITEM);
	CU_ASSERT_EQUAL(memcmp(end - 8, &item, 8), 0);
	nlmsg_free(msg);
}

/* "Any free one" is said by leaving the index out. */
static void test_connect_any(void)
{
	const int fd = 3;
	struct nbd_connect connect = {
		.index = NBD_INDEX_ANY, .sockets = &fd, .nsockets = 1, .bytes = 512,
		.block_size = 512, .backend = "x",
	};
	struct nl_msg *msg = nbd_netlink_connect(FAMILY, &connect);

	CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
	CU_ASSERT_PTR_NULL(nlmsg_find_attr(nlmsg_hdr(msg), GENL_HDRLEN,
					   NBD_ATTR_INDEX));
	CU_ASSERT_PTR_NOT_NULL(nlmsg_find_attr(nlmsg_hdr(msg), GENL_HDRLEN,
					       NBD_ATTR_SOCKETS));
	nlmsg_free(msg);
}

/* Each of several sockets is an item of its own, in their order. */
static void test_connect_many(void)
{
	const int fds[] = { 9, 8, 7 };
	const struct nbd_connect connect = {
		.index = 0, .sockets = fds, .nsockets = 3, .bytes = 512,
		.block_size = 512, .backend = "x",
	};
	struct nl_msg *msg = nbd_netlink_connect(FAMILY, &connect);
	struct nlattr *list, *item, *number;
	int rest, count = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
	list = nlmsg_find_attr(nlmsg_hdr(msg), GENL_HDRLEN, NBD_ATTR_SOCKETS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(list);
	nla_for_each_nested(item, list, rest) {
		CU_ASSERT_FATAL(count < 3);
		CU_ASSERT_EQUAL(nla_type(item), NBD_SOCK_ITEM);
		number = nla_find(nla_data(item), nla_len(item), NBD_SOCK_FD);
		CU_ASSERT_PTR_NOT_NULL_FATAL(number);
		CU_ASSERT_EQUAL((int)nla_get_u32(number), fds[count++]);
	}
	CU_ASSERT_EQUAL(count, 3);
	nlmsg_free(msg);
}

static void test_disconnect(void)
{
	const uint32_t index = 7;
	const struct wanted wanted[] = { { NBD_ATTR_INDEX, 4, &index } };
	struct nl_msg *msg = nbd_netlink_disconnect(FAMILY, 7);

	CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
	expect_header(msg, NBD_CMD_DISCONNECT);
	expect_attributes(msg, wanted, 1);
	nlmsg_free(msg);
}

static struct nl_msg *answer(uint8_t command, bool has_index, bool is_short)
{
	struct nl_msg *msg = nlmsg_alloc();

	CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
	genlmsg_put(msg, 0, 0, FAMILY, 0, 0, command, NBD_GENL_VERSION);
	if (has_index && is_short)
		nla_put_u16(msg, NBD_ATTR_INDEX, 3);
	else if (has_index)
		nla_put_u32(msg, NBD_ATTR_INDEX, 3);
	return msg;
}

static void test_answer(void)
{
	static const struct {
		uint8_t command;
		bool has_index, is_short;
		int rc;
	} cases[] = {
		{ NBD_CMD_CONNECT, true, false, 0 },
		{ NBD_CMD_CONNECT, false, false, -EPROTO },
		{ NBD_CMD_CONNECT, true, true, -EPROTO },
		{ NBD_CMD_STATUS, true, false, -EPROTO },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nl_msg *msg = answer(cases[i].command,
					    cases[i].has_index,
					    cases[i].is_short);
		uint32_t index = UINT32_MAX;

		CU_ASSERT_EQUAL(nbd_netlink_read_index(nlmsg_hdr(msg), &index),
				cases[i].rc);
		CU_ASSERT_EQUAL(index, cases[i].rc == 0 ? 3 : UINT32_MAX);
		nlmsg_free(msg);
	}
}

static void test_device_names(void)
{
	static const char *const bad[] = {
		"", "nbd0", "/dev/nbd", "/dev/nbdx", "/dev/nbd0p1", "/dev/sda",
		"/dev/nbd-1", "/dev/nbd 1", "/dev/nbd99999999999999999999",
		"/dev/nbd1048576", "AUTO",
	};
	int index;
	size_t i;

	CU_ASSERT_EQUAL(nbd_kernel_parse_device("auto", &index), 0);
	CU_ASSERT_EQUAL(index, NBD_INDEX_ANY);
	CU_ASSERT_EQUAL(nbd_kernel_parse_device("/dev/nbd0", &index), 0);
	CU_ASSERT_EQUAL(index, 0);
	CU_ASSERT_EQUAL(nbd_kernel_parse_device("/dev/nbd123", &index), 0);
	CU_ASSERT_EQUAL(index, 123);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(nbd_kernel_parse_device(bad[i], &index),
				-EINVAL);
}

static void test_reconfigure(void)
{
	static const struct nbd_reconfigure cases[] = {
		{ .index = 4, .socket = 9, .backend = "b" },
		{ .index = 4, .socket = -1, .bytes = 8192, .backend = "b" },
	};
	struct nlattr *attributes[NBD_ATTR_MAX + 1];
	size_t i;

	for (i = 0; i < 2; i++) {
		struct nl_msg *msg = nbd_netlink_reconfigure(17, &cases[i]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
		CU_ASSERT_EQUAL(genlmsg_hdr(nlmsg_hdr(msg))->cmd,
				NBD_CMD_RECONFIGURE);
		CU_ASSERT_EQUAL_FATAL(genlmsg_parse(nlmsg_hdr(msg), 0,
						    attributes, NBD_ATTR_MAX,
						    NULL), 0);
		CU_ASSERT_EQUAL(nla_get_u32(attributes[NBD_ATTR_INDEX]), 4);
		CU_ASSERT_STRING_EQUAL(nla_get_string(
			attributes[NBD_ATTR_BACKEND_IDENTIFIER]), "b");
		CU_ASSERT_EQUAL(attributes[NBD_ATTR_SOCKETS] != NULL, i == 0);
		CU_ASSERT_EQUAL(attributes[NBD_ATTR_SIZE_BYTES] != NULL,
				i == 1);
		CU_ASSERT_PTR_NULL(attributes[NBD_ATTR_TIMEOUT]);
		nlmsg_free(msg);
	}
}

#define NOWHERE 999999u  /* nbdN that nobody has */

/* Nobody says that a device is gone, or that none is left, who cannot look. */
static void test_without_descriptors(void)
{
	const struct nbd_connect connect = { .index = NBD_INDEX_ANY };
	struct rlimit before, none;
	uint32_t index;
	int fd;

	CU_ASSERT_EQUAL(nbd_link_replace(NOWHERE, "lun", &fd), -ENODEV);
	CU_ASSERT_EQUAL(nbd_link_find("lun"), -ENOENT);
	CU_ASSERT_EQUAL(nbd_link_abandon("lun"), 0);

	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	/* valgrind's limit is its own, and what is not there is not there first. */
	if (open("/nowhere", O_RDONLY) < 0 && errno == EMFILE)
		CU_ASSERT_EQUAL(nbd_link_replace(NOWHERE, "lun", &fd), -EMFILE);
	CU_ASSERT_EQUAL(nbd_link_find("lun"), -EMFILE);
	CU_ASSERT_EQUAL(nbd_link_abandon("lun"), -EMFILE);
	CU_ASSERT_EQUAL(nbd_link_connect(&connect, &index), -EMFILE);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static const struct dsc_test tests[] = {
	{ "connect", test_connect },
	{ "connect-any", test_connect_any },
	{ "connect-many", test_connect_many },
	{ "disconnect", test_disconnect },
	{ "reconfigure", test_reconfigure },
	{ "answer", test_answer },
	{ "device-names", test_device_names },
	{ "without-descriptors", test_without_descriptors },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main("nbd-netlink", tests, argc, argv);
}
