/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/target-common.c: backing files, ports that answer. Test's thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/target-common.h"

int dsc_target_make_file(const char *path, uint64_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;
	int rc = -1;

	if (fd < 0 || fstat(fd, &st) < 0) {
		dsc_test_note("%s: %s", path, strerror(errno));
	} else if (st.st_size == 0 && ftruncate(fd, (off_t)bytes) < 0) {
		dsc_test_note("%s: %s", path, strerror(errno));
	} else if (st.st_size != 0 && (uint64_t)st.st_size != bytes) {
		dsc_test_note("%s has another size already", path);
	} else {
		rc = 0;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

bool dsc_target_has_ipv6(void)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has;

	if (fd < 0)
		return false;
	has = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	close(fd);
	return has;
}

static bool does_answer(uint16_t port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool does;

	if (fd < 0)
		return false;
	does = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	close(fd);
	return does;
}

struct wait_port {
	struct dsc_process *process;
	uint16_t port;
	bool does_answer;
};

static bool is_decided(void *arg)
{
	struct wait_port *w = arg;

	w->does_answer = does_answer(w->port);
	return w->does_answer || !dsc_process_is_alive(w->process);
}

int dsc_target_wait_port(struct dsc_process *process, uint16_t port)
{
	struct wait_port w = { .process = process, .port = port };

	dsc_wait_for(is_decided, &w, DSC_TARGET_START_MS);
	if (w.does_answer)
		return 0;
	dsc_test_note("nothing answers on port %u", port);
	dsc_process_note_output(process);
	return -1;
}
