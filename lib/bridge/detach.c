/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * detach.c: discsi_bridge_list() and discsi_bridge_detach(). Any thread; a
 * detach waits for the bridge's process, DETACH_WAIT_MS at most.
 *
 * The process is signalled through a descriptor, taken before the state file is
 * read a second time: the number cannot have become another process's while
 * the lock was held and the file stayed the same.
 *
 * Another process may take the bridge over just then. So when one has ended it
 * is looked whether the lock has been passed on, and who has it is ended, too.
 *
 * A bridge that storages use is ended by the last of them (bridge/users.h), and
 * by a detach only with force.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/bypath.h"
#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "base/secret.h"
#include "base/which.h"
#include "bridge/inuse.h"
#include "bridge/pid.h"
#include "bridge/registry.h"
#include "bridge/attach.h"
#include "bridge/spawn.h"
#include "bridge/users.h"

#define DETACH_WAIT_MS 30000
#define HURRY_WAIT_MS 5000
#define ABANDON_WAIT_MS 30000u
#define OPEN_WAIT_MS 5000u

/* What becomes of a process that does not end: FORCE of the public flags is
 * about the device. */
#define DETACH_KILL 0x100u
/* The caller has the bridge alone. */
#define DETACH_OWNED 0x200u

static const struct dsc_bridge_options usual = { .cancel_fd = -1 };

/* ------------------------------------------------------------------- list */

int discsi_bridge_list(struct discsi_bridge **bridges[], size_t *count)
{
	struct dsc_registry registry;
	int status;

	if (bridges == NULL || count == NULL)
		return dsc_fail(EINVAL, "list of bridges: an argument is NULL");
	*bridges = NULL;
	*count = 0;
	status = dsc_registry_open(&registry, false);
	if (status == -ENOENT)
		return 0;
	if (status < 0)
		return status;
	status = dsc_registry_load_all(&registry, bridges, count);
	dsc_registry_close(&registry);
	return status;
}

/* ------------------------------------------------------------------- find */

/* One that is found by its process, and cannot be ended without its state. */
static int check_known(struct discsi_bridge **bridge)
{
	int status;

	if (strcmp((*bridge)->state, DSC_REGISTRY_UNKNOWN) != 0)
		return 0;
	status = dsc_fail(EPROTO, "%s", (*bridge)->last_error);
	discsi_bridge_free(*bridge);
	*bridge = NULL;
	return status;
}

/* Finds the entry with this device or socket, or of this process. */
static int find_by_path(const struct dsc_registry *registry, const char *path,
			struct discsi_bridge **bridge)
{
	struct discsi_bridge **all;
	size_t count;
	size_t i;
	int status;

	status = dsc_registry_load_all(registry, &all, &count);
	if (status < 0)
		return status;
	i = dsc_which_bridge(path, all, count);
	if (i < count) {
		*bridge = all[i];
		all[i] = NULL;
	} else {
		status = dsc_fail(ENOENT, "%s does not belong to a bridge of "
				  "%s", dsc_secret_shown(path),
				  registry->path);
	}
	discsi_bridge_list_free(all, count);
	return status == 0 ? check_known(bridge) : status;
}

/* A broken state file of a dead process is cleared like any other. */
static int load_or_clear(const struct dsc_registry *registry, const char *id,
			 struct discsi_bridge **bridge)
{
	int status = dsc_registry_load(registry, id, bridge);

	*bridge = status < 0 ? NULL : *bridge;
	if (status == -EPROTO && dsc_registry_clean(registry, id, "") == 0)
		return 0;
	return status;
}

/* "127.0.0.1:10809": no id ends like that, but in "-lun-" and a number. */
static bool is_address(const char *which)
{
	const char *colon = strrchr(which, ':');

	return colon != NULL && colon[1] != '\0' &&
	       strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

/* bridge: receives the entry, or NULL if it has been cleared already. */
static int find(const struct dsc_registry *registry, const char *which,
		struct discsi_bridge **bridge)
{
	if (strchr(which, '/') != NULL || is_address(which) || dsc_which_is_number(which))
		return find_by_path(registry, which, bridge);
	if (!dsc_registry_is_id(which))
		return dsc_fail(EINVAL, "\"%s\" is neither the id of a bridge "
				"nor a path nor an address nor the "
				"number of a process",
				dsc_secret_shown(which));
	return load_or_clear(registry, which, bridge);
}

/* -------------------------------------------------------------------- end */

/* Takes hold of the process that serves the bridge; -ESRCH: it is gone. */
static int open_process(const struct dsc_registry *registry,
			const struct discsi_bridge *bridge, struct dsc_pid *pid)
{
	struct discsi_bridge *again;
	bool is_same;
	int status;

	status = dsc_pid_open(pid, (pid_t)bridge->pid);
	if (status < 0)
		return status == -ESRCH ? -ESRCH :
		       dsc_fail(-status, "process %" PRId64 " of bridge %s "
				"cannot be watched (%s)", bridge->pid,
				bridge->id, discsi_errno_name(status));
	status = dsc_registry_load(registry, bridge->id, &again);
	if (status == 0) {
		is_same = again->alive && again->pid == bridge->pid;
		discsi_bridge_free(again);
		if (is_same)
			return 0;
	}
	dsc_pid_close(pid);
	return status == 0 || status == -ENOENT ? -ESRCH : status;
}

static uint64_t deadline_of(const struct dsc_bridge_options *options,
			    uint32_t timeout_ms)
{
	uint64_t usual_ns = dsc_clock_now_ns() + timeout_ms * DSC_NS_PER_MS;

	return options->deadline_ns == 0 ? usual_ns :
	       dsc_min_u64(usual_ns, options->deadline_ns);
}

/* Where a number is all there is: it may be a child that nobody waits for. */
static bool has_ended(const struct dsc_registry *registry,
		      const struct discsi_bridge *bridge,
		      const struct dsc_pid *pid)
{
	return dsc_pid_is_gone(pid) ||
	       !dsc_registry_is_alive(registry, bridge->id);
}

/*
 * Waits for the end of a process: 0, -ETIMEDOUT or -ECANCELED, or what poll
 * says.
 */
static int wait_for_end(const struct dsc_registry *registry,
			const struct discsi_bridge *bridge,
			const struct dsc_pid *pid, uint64_t deadline,
			int cancel_fd)
{
	struct pollfd fds[] = {
		{ .fd = pid->fd, .events = POLLIN },
		{ .fd = cancel_fd, .events = POLLIN },
	};
	uint64_t left_ms;
	uint64_t now;
	int n;

	for (;;) {
		now = dsc_clock_now_ns();
		if (now >= deadline)
			return -ETIMEDOUT;
		left_ms = (deadline - now) / DSC_NS_PER_MS + 1;
		if (pid->fd < 0)
			left_ms = dsc_min_u64(left_ms, DSC_PID_TICK_MS);
		n = poll(fds, 2, (int)left_ms);
		if (n > 0)
			return fds[0].revents != 0 ? 0 : -ECANCELED;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (pid->fd < 0 && has_ended(registry, bridge, pid))
			return 0;
	}
}

/*
 * A second signal hurries it, a third has a supervisor kill what it looks
 * after; what still does not end is killed.
 */
static void insist(const struct dsc_registry *registry,
		   const struct discsi_bridge *bridge,
		   const struct dsc_pid *pid)
{
	static const int signals[] = { SIGTERM, SIGTERM, SIGKILL };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (dsc_pid_signal(pid, signals[i]) < 0 ||
		    wait_for_end(registry, bridge, pid,
				 deadline_of(&usual, HURRY_WAIT_MS), -1) == 0)
			return;
	}
}

static int fail_to_end(const struct discsi_bridge *bridge, int status)
{
	if (status == -ETIMEDOUT)
		return dsc_fail(ETIMEDOUT, "bridge %s (process %" PRId64 ") "
				"has not ended in time", bridge->id,
				bridge->pid);
	return dsc_fail(-status, "bridge %s (process %" PRId64 ") cannot be "
			"ended (%s)", bridge->id, bridge->pid,
			discsi_errno_name(status));
}

/* Is what does not end in time ended all the same? */
static bool insists(unsigned flags, const struct dsc_bridge_options *options)
{
	return (flags & DETACH_KILL) != 0 &&
	       (options->deadline_ns == 0 || options->hurries);
}

static int end_process(const struct dsc_registry *registry,
		       const struct discsi_bridge *bridge, unsigned flags,
		       const struct dsc_bridge_options *options,
		       uint64_t deadline)
{
	struct dsc_pid pid;
	int status;

	status = open_process(registry, bridge, &pid);
	if (status < 0)
		return status == -ESRCH ? 0 : status;
	status = dsc_pid_signal(&pid, SIGTERM);
	if (status == 0)
		status = wait_for_end(registry, bridge, &pid, deadline,
				      options->cancel_fd);
	if ((status == -ETIMEDOUT || status == -ECANCELED) &&
	    insists(flags, options))
		insist(registry, bridge, &pid);
	dsc_pid_close(&pid);
	return status == 0 || status == -ESRCH ? 0 :
	       fail_to_end(bridge, status);
}

/* Until something changes: 0, -ETIMEDOUT or -ECANCELED. */
static int wait_for_news(const char *id, uint64_t deadline, int cancel_fd)
{
	uint64_t now = dsc_clock_now_ns();

	if (now >= deadline)
		return -ETIMEDOUT;
	return dsc_bridge_await(id, (uint32_t)((deadline - now) /
				DSC_NS_PER_MS) + 1, cancel_fd);
}

/*
 * After the end of its process: has another one taken the bridge over? Returns
 * 1, with its entry in the place of the old one, 0, or a negative errno. Who has
 * taken it over has the lock a little before its number is written down, and
 * who was about to do so has it a little longer than the entry exists.
 */
static int find_successor(const struct dsc_registry *registry, int lock_fd,
			  struct discsi_bridge **bridge, uint64_t deadline,
			  int cancel_fd)
{
	const char *id = (*bridge)->id;
	struct discsi_bridge *now;
	int status;

	while (dsc_registry_is_held(registry, id, lock_fd)) {
		now = NULL;
		status = dsc_registry_load(registry, id, &now);
		if (status == 0 && now->pid != (*bridge)->pid) {
			discsi_bridge_free(*bridge);
			*bridge = now;
			return 1;
		}
		discsi_bridge_free(now);
		if (status < 0 && status != -ENOENT)
			return status;
		status = wait_for_news(id, deadline, cancel_fd);
		if (status < 0)
			return dsc_fail(-status, "bridge %s has been taken over "
					"by a process that has not said yet "
					"which one it is", id);
	}
	return 0;
}

/* bridge: becomes the entry of the last process. */
static int end_processes(const struct dsc_registry *registry,
			 struct discsi_bridge **bridge, unsigned flags,
			 const struct dsc_bridge_options *options)
{
	uint64_t deadline = deadline_of(options, DETACH_WAIT_MS);
	int lock_fd = dsc_registry_open_lock(registry, (*bridge)->id);
	int status = 1;

	while (status > 0) {
		status = end_process(registry, *bridge, flags, options,
				     deadline);
		if (status == 0)
			status = find_successor(registry, lock_fd, bridge,
						deadline, options->cancel_fd);
	}
	if (lock_fd >= 0)
		close(lock_fd);
	return status;
}

/* True while the kernel has the device configured for this bridge. */
static bool is_left_behind(const struct discsi_bridge *bridge)
{
	const char *name = strrchr(bridge->device, '/');
	size_t length = strlen(bridge->id);
	char backend[NAME_MAX + 1] = "";
	char *path;
	FILE *file;

	if (name == NULL || strncmp(name, "/nbd", 4) != 0 ||
	    asprintf(&path, "/sys/block%s/backend", name) < 0)
		return false;
	file = fopen(path, "re");
	free(path);
	if (file == NULL)
		return false;
	if (fgets(backend, sizeof(backend), file) == NULL)
		backend[0] = '\0';
	fclose(file);
	return strncmp(backend, bridge->id, length) == 0 &&
	       (backend[length] == '\n' || backend[length] == '\0');
}

/* Its name goes first, or it would be that of the next disk of the device. */
static void remove_link(const struct discsi_bridge *bridge, bool is_left)
{
	const char *name = strrchr(bridge->link, '/');
	const char *node = strrchr(bridge->device, '/');

	if (name != NULL && node != NULL &&
	    (is_left || !dsc_bypath_is_served(node + 1)))
		dsc_bypath_remove(DSC_BYPATH_DEV, name + 1, node + 1);
}

/*
 * A process that was killed leaves its device to the kernel, without a server
 * but with its id as the backend's name. Opening the device might wait for a
 * server; netlink, which discsi-nbd speaks, does not.
 */
static void release_device(const struct discsi_bridge *bridge)
{
	const char *const argv[] = {
		dsc_bridge_program(), "--abandon", bridge->id, NULL
	};
	const struct dsc_spawn_terms terms = {
		.timeout_ms = ABANDON_WAIT_MS, .cancel_fd = -1,
	};
	struct dsc_spawn_result result;
	bool is_left = is_left_behind(bridge);

	remove_link(bridge, is_left);
	if (is_left && dsc_spawn(argv, &terms, &result) == 0)
		dsc_spawn_result_free(&result);
}

struct opening {
	struct dsc_aside aside;
	char *device;
	int error;           /* 0: it could be opened */
};

static struct opening *opening_of(struct dsc_aside *aside)
{
	return dsc_container_of(aside, struct opening, aside);
}

static void open_exclusive(struct dsc_aside *aside)
{
	struct opening *opening = opening_of(aside);
	int fd = open(opening->device, O_RDONLY | O_EXCL | O_CLOEXEC);

	opening->error = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
}

static void free_opening(struct dsc_aside *aside)
{
	free(opening_of(aside)->device);
	free(opening_of(aside));
}

/*
 * In another mount namespace, or by a program that has it for itself, a device
 * can be in use without a trace in our tables; opening it exclusively tells.
 * The kernel says so before it opens anything: an opening that hangs is none
 * that is refused.
 */
static int check_exclusive(const char *device)
{
	struct opening *opening = calloc(1, sizeof(*opening));
	bool is_busy;
	int status;

	if (opening == NULL)
		return dsc_fail_memory();
	dsc_aside_init(&opening->aside, open_exclusive, free_opening);
	opening->device = strdup(device);
	status = opening->device == NULL ? -ENOMEM :
		 dsc_aside_call(&opening->aside, deadline_of(&usual,
				OPEN_WAIT_MS), -1);
	is_busy = status == 0 && opening->error == EBUSY;
	dsc_aside_put(&opening->aside);
	if (status == -ENOMEM)
		return dsc_fail_memory();
	if (is_busy)
		return dsc_fail(EBUSY, "%s is in use: another program has it "
				"open exclusively, or it is mounted in another "
				"namespace", device);
	return 0;
}

static int check_use(const struct discsi_bridge *bridge, unsigned flags)
{
	int status;

	if (bridge->device[0] == '\0' || (flags & DISCSI_DETACH_FORCE) != 0)
		return 0;
	status = dsc_inuse_check(&dsc_inuse_system, bridge->device);
	if (status == 0 && bridge->alive)
		status = check_exclusive(bridge->device);
	return status;
}

/* What is left of a bridge goes with it, unless the next one is there already. */
static int end_bridge(const struct dsc_registry *registry,
		      struct discsi_bridge **bridge, unsigned flags,
		      const struct dsc_bridge_options *options)
{
	int status = 0;

	if ((*bridge)->alive)
		status = end_processes(registry, bridge, flags, options);
	if (status < 0 && !insists(flags, options))
		return status;
	if (status == 0 && dsc_registry_is_alive(registry, (*bridge)->id))
		return 0;
	release_device(*bridge);
	dsc_registry_clean(registry, (*bridge)->id, (*bridge)->socket);
	return status;
}

static int detach(const struct dsc_registry *registry,
		  struct discsi_bridge **bridge, unsigned flags,
		  const struct dsc_bridge_options *options)
{
	struct dsc_users users = DSC_USERS_INIT;
	int status;

	status = check_use(*bridge, flags);
	if (status == 0 && (flags & DETACH_OWNED) == 0)
		status = dsc_users_exclude(&users, (*bridge)->id);
	if (status == -EBUSY && (flags & DISCSI_DETACH_FORCE) != 0)
		status = 0;
	if (status == 0)
		status = end_bridge(registry, bridge, flags, options);
	dsc_users_leave(&users);
	return status;
}

static int detach_which(const char *which, unsigned flags,
			const struct dsc_bridge_options *options)
{
	struct discsi_bridge *bridge = NULL;
	struct dsc_registry registry;
	int status;

	status = dsc_registry_open(&registry, false);
	if (status == -ENOENT)
		return dsc_fail(ENOENT, "there is no bridge %s: nothing is "
				"attached", dsc_secret_shown(which));
	if (status < 0)
		return status;
	status = find(&registry, which, &bridge);
	if (status == 0 && bridge != NULL)
		status = detach(&registry, &bridge, flags, options);
	discsi_bridge_free(bridge);
	dsc_registry_close(&registry);
	return status;
}

int discsi_bridge_detach(const char *which, unsigned flags)
{
	if (which == NULL || (flags & ~DISCSI_DETACH_FORCE) != 0)
		return dsc_fail(EINVAL, "detach: an argument is NULL or a flag "
				"is unknown");
	return detach_which(which, flags, &usual);
}

int dsc_bridge_end(const char *id, unsigned flags,
		   const struct dsc_bridge_options *options)
{
	return detach_which(id, flags | DETACH_KILL | DETACH_OWNED,
			    options != NULL ? options : &usual);
}
