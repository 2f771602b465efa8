/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * look.c: a bridge looks at the size of its LUN when it is told to by a signal,
 * and counts in its state file how often it has. Any thread; the call waits.
 *
 * SIGUSR1 would end a process of an older version, which does not count: so the
 * count is looked at first. The process is signalled through a descriptor, taken
 * before the state is read a second time, as for a detach.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "bridge/attach.h"
#include "bridge/pid.h"
#include "bridge/registry.h"

#define AWAIT_MS 200u

/* What counts of a state. */
struct seen {
	int64_t owner;
	int64_t worker;
	uint64_t looks;
};

static int load(const char *id, struct seen *seen)
{
	struct dsc_registry registry;
	struct discsi_bridge *bridge;
	bool is_alive;
	int rc = dsc_registry_open(&registry, false);

	if (rc < 0)
		return rc == -ENOENT ? -ESRCH : rc;
	rc = dsc_registry_load(&registry, id, &bridge);
	dsc_registry_close(&registry);
	if (rc < 0)
		return rc == -ENOENT ? -ESRCH : rc;
	is_alive = bridge->alive;
	*seen = (struct seen){ bridge->pid, bridge->worker, bridge->looks };
	discsi_bridge_free(bridge);
	return is_alive ? 0 : -ESRCH;
}

/*
 * The worker may have died, with a supervisor that has not begun the next one:
 * its number may be anybody's. Ours is the owner itself or a child of it.
 */
static bool is_worker_of(int64_t worker, int64_t owner)
{
	char path[64];
	long parent = 0;
	FILE *file;

	if (worker == owner)
		return true;
	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)worker);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	/* The name between parentheses is ours, and has none of its own. */
	if (fscanf(file, "%*d (%*[^)]) %*c %ld", &parent) != 1)
		parent = 0;
	fclose(file);
	return parent == (long)owner;
}

/* Returns 0 with what was there before it was told. */
static int tell(const char *id, struct seen *seen)
{
	struct seen again;
	struct dsc_pid pid;
	int rc = load(id, seen);

	if (rc < 0)
		return rc;
	if (seen->looks == 0 || seen->worker == 0)
		return -EOPNOTSUPP;
	rc = dsc_pid_open(&pid, (pid_t)seen->worker);
	if (rc < 0)
		return rc;
	rc = load(id, &again);
	if (rc == 0 && (again.worker != seen->worker ||
			!is_worker_of(again.worker, again.owner)))
		rc = -ESRCH;
	if (rc == 0)
		rc = dsc_pid_signal(&pid, SIGUSR1);
	dsc_pid_close(&pid);
	return rc;
}

int dsc_bridge_look(const char *id, const struct dsc_bridge_options *options)
{
	struct seen before;
	struct seen now;
	int rc = tell(id, &before);

	now = before;
	while (rc == 0) {
		rc = load(id, &now);
		if (rc == 0 && now.worker != before.worker)
			rc = -ESRCH;
		if (rc < 0 || now.looks != before.looks)
			break;
		if (options->deadline_ns != 0 &&
		    dsc_clock_now_ns() >= options->deadline_ns)
			return -ETIMEDOUT;
		rc = dsc_bridge_await(id, AWAIT_MS, options->cancel_fd);
	}
	return rc;
}
