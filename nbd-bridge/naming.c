/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * naming.c: the link in /dev/disk/by-path, and what udev knows of it. udev is
 * told by a change event that the name can be had now: when the kernel sent its
 * own, the device did not show its backend yet, by which the rule finds the
 * name. That udev is done is seen in its database. On a worker's thread, but for
 * the choice.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bypath.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/registry.h"

#include "log.h"
#include "naming.h"
#include "nbdlink.h"

#define UDEV_CONTROL "/run/udev/control"
#define UDEV_DATA "/run/udev/data"
#define UDEV_RULE "60-discsi.rules"
#define UDEV_TIMEOUT_MS 5000

/* ------------------------------------------------------------------- choice */

static bool is_numeric(const char *host)
{
	struct in6_addr binary;

	return inet_pton(AF_INET, host, &binary) == 1 ||
	       inet_pton(AF_INET6, host, &binary) == 1;
}

char *nbd_naming_choose(const struct discsi_conf *conf,
			const struct discsi_session_info *session, uint64_t lun)
{
	const char *host;
	uint16_t port;

	if (discsi_conf_get_portal(conf, 0, &host, &port) == 0 &&
	    is_numeric(host))
		return dsc_bypath_name(host, port, session->target, lun);
	return dsc_bypath_name(session->address, session->port,
			       session->target, lun);
}

/* --------------------------------------------------------------------- udev */

static bool has_rule(void)
{
	static const char *const directories[] = {
		DISCSI_UDEVRULESDIR, "/etc/udev/rules.d", "/run/udev/rules.d",
		"/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d",
		"/lib/udev/rules.d",
	};
	char path[256];
	size_t i;

	for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		snprintf(path, sizeof(path), "%s/" UDEV_RULE, directories[i]);
		if (access(path, R_OK) == 0)
			return true;
	}
	return false;
}

/* The rule does not know of another directory than the usual one. */
static bool is_found_by_rule(const char *backend)
{
	char path[512];

	snprintf(path, sizeof(path), "/run/discsi/%s" DSC_REGISTRY_UDEV,
		 backend);
	return access(path, R_OK) == 0;
}

static bool write_file(const char *path, const char *text)
{
	size_t length = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_ok;

	if (fd < 0)
		return false;
	is_ok = write(fd, text, length) == (ssize_t)length;
	close(fd);
	return is_ok;
}

/* Where udev has what it knows of the device: by its numbers. */
static bool data_path(uint32_t index, char *path, size_t room)
{
	char numbers[32];

	if (!nbd_link_attribute(index, "dev", numbers, sizeof(numbers)))
		return false;
	snprintf(path, room, UDEV_DATA "/b%s", numbers);
	return true;
}

/* True when the link stands among those of the device. */
static bool knows_link(const char *path, const char *name)
{
	char wanted[512], line[1024];
	FILE *file = fopen(path, "re");
	bool is_known = false;

	if (file == NULL)
		return false;
	snprintf(wanted, sizeof(wanted), "S:" DSC_BYPATH_DIR "/%s\n", name);
	while (!is_known && fgets(line, sizeof(line), file) != NULL)
		is_known = strcmp(line, wanted) == 0;
	fclose(file);
	return is_known;
}

/* Until udev knows the link, which its files in a directory tell. */
static bool wait_known(int fd, const char *path, const char *name)
{
	uint64_t until_ns = dsc_clock_now_ns() +
			    UDEV_TIMEOUT_MS * DSC_NS_PER_MS;
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char events[4096];
	uint64_t now_ns;

	while (!knows_link(path, name)) {
		now_ns = dsc_clock_now_ns();
		if (now_ns >= until_ns)
			return false;
		poll(&pollfd, 1, (int)((until_ns - now_ns) / DSC_NS_PER_MS) +
				 1);
		while (read(fd, events, sizeof(events)) > 0)
			;
	}
	return true;
}

static void tell_udev(uint32_t index, const char *name)
{
	char uevent[64], path[96];
	int fd;

	if (access(UDEV_CONTROL, F_OK) < 0 || !has_rule() ||
	    !data_path(index, path, sizeof(path)))
		return;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return;
	snprintf(uevent, sizeof(uevent), "/sys/block/nbd%" PRIu32 "/uevent",
		 index);
	mkdir(UDEV_DATA, 0755);  /* udev does it with its first device */
	if (inotify_add_watch(fd, UDEV_DATA, IN_MOVED_TO | IN_CLOSE_WRITE) >=
	    0 && write_file(uevent, "change") && !wait_known(fd, path, name))
		nbd_log(DISCSI_LOG_WARNING, "udev has not taken note of %s "
			"within %d ms", name, UDEV_TIMEOUT_MS);
	close(fd);
}

/* --------------------------------------------------------------------- link */

static void node_name(char *node, size_t room, uint32_t index)
{
	snprintf(node, room, "nbd%" PRIu32, index);
}

int nbd_naming_make(uint32_t index, const char *backend, const char *name)
{
	char node[32];
	int rc;

	node_name(node, sizeof(node), index);
	rc = dsc_bypath_make(DSC_BYPATH_DEV, name, node);
	if (rc == 0 && is_found_by_rule(backend))
		tell_udev(index, name);
	return rc;
}

void nbd_naming_remove(uint32_t index, const char *name)
{
	char node[32];

	node_name(node, sizeof(node), index);
	dsc_bypath_remove(DSC_BYPATH_DEV, name, node);
}

/* What follows the last '/', or NULL. */
static const char *last_part(const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;

	return slash != NULL ? slash + 1 : NULL;
}

void nbd_naming_remove_left(const struct nbd_registry *registry)
{
	char *device = nbd_registry_recall(registry, "device");
	char *link = nbd_registry_recall(registry, "link");
	const char *node = last_part(device);
	const char *name = last_part(link);

	if (node != NULL && name != NULL)
		dsc_bypath_remove(DSC_BYPATH_DEV, name, node);
	free(device);
	free(link);
}
