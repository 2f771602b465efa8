/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * detach.c: discsi detach: a local disk ends, by discsi_bridge_detach(), which
 * waits for it. Main thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include <discsi/bridge.h>
#include "base/clock.h"
#include "base/which.h"
#include "cli.h"
#include "failure.h"
#include "output.h"

/*
 * The id of what is to be ended, while that can be told; else what was given,
 * about which the library knows what to say. Allocated, NULL without memory.
 */
static char *find_id(const char *which)
{
	struct discsi_bridge **bridges = NULL;
	size_t count = 0;
	size_t i = 0;
	char *id;

	if (discsi_bridge_list(&bridges, &count) == 0)
		i = dsc_which_bridge(which, bridges, count);
	id = strdup(i < count ? bridges[i]->id : which);
	discsi_bridge_list_free(bridges, count);
	return id;
}

/* The kernel tells of mounts; of holders, swap and storages it does not. */
#define LOOK_AGAIN_MS 500u

/* mounts: an open /proc/self/mounts, or -1. */
static void wait_for_change(int mounts, uint64_t left_ms)
{
	struct pollfd pollfd = { .fd = mounts, .events = POLLPRI };

	(void)poll(&pollfd, 1,
		   (int)(left_ms < LOOK_AGAIN_MS ? left_ms : LOOK_AGAIN_MS));
}

/* Until nobody uses it any more, or the time is over. */
static int detach(const struct cli *cli, const char *id)
{
	unsigned flags = cli->force ? DISCSI_DETACH_FORCE : 0;
	uint64_t end_ns = dsc_clock_now_ns() + cli->wait_s * DSC_NS_PER_S;
	int mounts = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
	int status = discsi_bridge_detach(id, flags);
	uint64_t now_ns = dsc_clock_now_ns();

	/* With --json, stderr is for one object. */
	if (!cli->json && status == -EBUSY && now_ns < end_ns)
		fprintf(stderr, "discsi: waiting, %u s at most: %s\n",
			cli->wait_s, discsi_last_error()->message);
	while (status == -EBUSY && now_ns < end_ns) {
		wait_for_change(mounts, (end_ns - now_ns) / DSC_NS_PER_MS + 1);
		status = discsi_bridge_detach(id, flags);
		now_ns = dsc_clock_now_ns();
	}
	if (mounts >= 0)
		close(mounts);
	return status;
}

static int print(const struct cli *cli, const char *id)
{
	struct json_object *object;

	if (!cli->json) {
		output_line("%s is detached.", id);
		return 0;
	}
	object = json_object_new_object();
	json_object_object_add(object, "detached", json_object_new_string(id));
	return output_json(object);
}

int run_detach(struct cli *cli)
{
	char *id = find_id(cli->operands[0]);
	int status;

	if (id == NULL)
		status = fail(ENOMEM, "there is no memory for the name");
	else if (detach(cli, id) < 0)
		status = fail_library(NULL, NULL);
	else
		status = print(cli, id);
	free(id);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
