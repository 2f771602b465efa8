/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * supervise.c: fork, wait, fork again. The two processes are joined by a
 * socketpair: the worker sends one byte when it serves, another when nobody waits
 * for that any more, and sees its end when the supervisor is gone. Main thread.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"

#include "harden.h"
#include "listener.h"
#include "log.h"
#include "naming.h"
#include "nbdlink.h"
#include "supervise.h"

#define PAUSE_MIN_MS 50u     /* before the next worker; doubled each time */
#define PAUSE_MAX_MS 5000u
#define STABLE_MS 1000u      /* one that has served so long begins anew */

#define TOLD_WAIT_MS 5000    /* how long whoever waits may take to print */

#define BYTE_READY 'R'
#define BYTE_APART 'A'

struct supervisor {
	struct nbd_supervised *supervised;
	struct nbd_daemon *daemon;
	struct discsi_conf **conf;
	struct nbd_registry *registry;
	int signal_fd;
	int link;            /* to the worker, or -1 */
	pid_t worker;        /* 0: there is none */
	int code;            /* how the last one has ended */
	bool is_ready;       /* the worker serves */
	bool has_served;     /* one of them has */
	bool is_apart;       /* nobody waits for the first one to serve */
	bool is_takeover;    /* what is served was in use before */
	bool is_hardened;
	unsigned stops;      /* how often we were told to end */
	unsigned pause_ms;
	uint64_t ready_ns;
};

static int open_signals(struct supervisor *supervisor)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return supervisor->signal_fd < 0 ? -errno : 0;
}

/* ------------------------------------------------------------- the worker */

/* In the worker: what is the supervisor's is let go of. */
static int become_worker(struct supervisor *supervisor, int link, char *text)
{
	struct nbd_supervised *supervised = supervisor->supervised;
	struct discsi_conf *conf;
	int rc = discsi_conf_new(&conf);

	if (rc == 0)
		rc = discsi_conf_set_json(conf, text, strlen(text), NULL, NULL);
	if (rc < 0)
		return rc;
	discsi_conf_free(*supervisor->conf);
	*supervisor->conf = conf;
	close(supervisor->signal_fd);
	*supervised = (struct nbd_supervised){
		.is_worker = true,
		.is_restart = supervisor->has_served,
		.supervisor = supervised->supervisor,
		.link = link,
		.errand = supervised->errand,
	};
	return 0;
}

static void forget_text(char *text)
{
	dsc_wipe(text, strlen(text));
	free(text);
}

/*
 * Whoever waits for the first report gets it from the worker alone, who also
 * does what has to be done once.
 */
static void leave_to_worker(struct supervisor *supervisor)
{
	if (supervisor->supervised->errand >= 0)
		close(supervisor->supervised->errand);
	supervisor->supervised->errand = -1;
}

/* While the first worker logs in, and before there is its device. */
static void harden_once(struct supervisor *supervisor)
{
	if (!supervisor->supervised->has_device || supervisor->is_hardened)
		return;
	supervisor->is_hardened = true;
	nbd_harden();
	nbd_harden_memory();
}

/* Returns 1 in the worker, 0 in the supervisor, or a negative errno. */
static int start_worker(struct supervisor *supervisor)
{
	int ends[2];
	char *text;
	int rc;

	rc = discsi_conf_to_json(*supervisor->conf, DISCSI_CONF_SECRETS, &text);
	if (rc < 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		forget_text(text);
		return dsc_fail(errno, "no socketpair can be made (%s)",
				discsi_errno_name(errno));
	}
	supervisor->worker = fork();
	if (supervisor->worker == 0) {
		close(ends[0]);
		if (become_worker(supervisor, ends[1], text) < 0)
			_exit(EXIT_FAILURE);
		forget_text(text);
		return 1;
	}
	close(ends[1]);
	forget_text(text);
	if (supervisor->worker < 0) {
		rc = -errno;
		supervisor->worker = 0;
		close(ends[0]);
		return dsc_fail(-rc, "no process can be made (%s)",
				discsi_errno_name(rc));
	}
	supervisor->registry->is_named = true;
	supervisor->link = ends[0];
	supervisor->is_ready = false;
	leave_to_worker(supervisor);
	harden_once(supervisor);
	return 0;
}

static void tell(const struct nbd_supervised *supervised, char byte)
{
	if (supervised->link >= 0)
		send(supervised->link, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void nbd_supervised_ready(const struct nbd_supervised *supervised)
{
	tell(supervised, BYTE_READY);
}

void nbd_supervised_apart(const struct nbd_supervised *supervised)
{
	tell(supervised, BYTE_APART);
}

/* ---------------------------------------------------------------- events */

static void close_link(struct supervisor *supervisor)
{
	if (supervisor->link >= 0)
		close(supervisor->link);
	supervisor->link = -1;
}

/*
 * A worker that comes back for a device must not be ended before it serves:
 * what the kernel holds back for it would be lost. Told twice, it must; told
 * three times, it is killed, and the device goes with it.
 */
static void pass_stop(struct supervisor *supervisor)
{
	if (supervisor->worker > 0 && supervisor->stops > 0 &&
	    (supervisor->is_ready || !supervisor->has_served ||
	     supervisor->stops > 1))
		kill(supervisor->worker,
		     supervisor->stops > 2 ? SIGKILL : SIGTERM);
}

/* Whoever has started us knows that the first worker serves. */
static void leave_terminal(struct supervisor *supervisor)
{
	struct nbd_daemon *daemon = supervisor->daemon;

	if (supervisor->is_apart || !daemon->is_forked)
		return;
	supervisor->is_apart = true;
	if (daemon->peer >= 0)
		close(daemon->peer);
	daemon->peer = -1;
	nbd_daemon_leave_terminal();
	nbd_log_to_syslog(supervisor->registry->id);
}

/*
 * The first worker may have died before it has seen that. What was taken over is
 * used, whoever knows.
 */
static bool is_known(struct supervisor *supervisor)
{
	struct pollfd fd = {
		.fd = supervisor->daemon->peer, .events = POLLIN,
	};

	if (supervisor->is_apart || !supervisor->daemon->is_forked)
		return true;
	if (!supervisor->is_takeover) {
		poll(&fd, 1, TOLD_WAIT_MS);
		if (!nbd_daemon_is_told(supervisor->daemon))
			return false;
	}
	leave_terminal(supervisor);
	return true;
}

static void on_ready(struct supervisor *supervisor)
{
	supervisor->is_ready = true;
	supervisor->ready_ns = dsc_clock_now_ns();
	supervisor->has_served = true;
	supervisor->registry->is_lent = false;
	pass_stop(supervisor);
}

static void on_link(struct supervisor *supervisor)
{
	char byte;

	if (recv(supervisor->link, &byte, 1, MSG_DONTWAIT) != 1)
		close_link(supervisor);
	else if (byte == BYTE_APART)
		leave_terminal(supervisor);
	else
		on_ready(supervisor);
}

static void reap(struct supervisor *supervisor)
{
	int status;

	if (supervisor->worker <= 0 ||
	    waitpid(supervisor->worker, &status, WNOHANG) !=
	    supervisor->worker)
		return;
	while (supervisor->link >= 0)
		on_link(supervisor);
	supervisor->worker = 0;
	supervisor->code = WIFEXITED(status) ? WEXITSTATUS(status) :
			   128 + WTERMSIG(status);
}

static void on_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signal_fd, &info, sizeof(info)) ==
	       sizeof(info)) {
		if (info.ssi_signo == SIGCHLD ||
		    (info.ssi_signo == SIGHUP &&
		     supervisor->daemon->is_forked))
			continue;
		supervisor->stops++;
		pass_stop(supervisor);
	}
	reap(supervisor);
}

static void wait_event(struct supervisor *supervisor, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = supervisor->signal_fd, .events = POLLIN },
		{ .fd = supervisor->link, .events = POLLIN },
	};

	if (poll(fds, 2, timeout_ms) <= 0)
		return;
	if (fds[1].revents != 0)
		on_link(supervisor);
	if (fds[0].revents != 0)
		on_signals(supervisor);
}

/* ------------------------------------------------------------------ flow */

/* A pause that grows while workers do not live long; a signal ends it. */
static void pause_before_next(struct supervisor *supervisor)
{
	uint64_t now = dsc_clock_now_ns();
	uint64_t until_ns;

	if (supervisor->is_ready &&
	    now - supervisor->ready_ns > STABLE_MS * DSC_NS_PER_MS)
		supervisor->pause_ms = 0;
	until_ns = now + supervisor->pause_ms * DSC_NS_PER_MS;
	nbd_log(DISCSI_LOG_ERROR, "the worker has ended (%d), the next one is "
		"started in %u ms", supervisor->code, supervisor->pause_ms);
	while (supervisor->stops == 0 && (now = dsc_clock_now_ns()) < until_ns)
		wait_event(supervisor, (int)((until_ns - now) /
					     DSC_NS_PER_MS) + 1);
	supervisor->pause_ms = supervisor->pause_ms == 0 ? PAUSE_MIN_MS :
			       supervisor->pause_ms * 2;
	if (supervisor->pause_ms > PAUSE_MAX_MS)
		supervisor->pause_ms = PAUSE_MAX_MS;
}

static bool is_over(const struct supervisor *supervisor)
{
	return supervisor->code == 0 || !supervisor->has_served ||
	       supervisor->code == NBD_EXIT_HANDED_OVER ||
	       (supervisor->stops > 0 && supervisor->is_ready) ||
	       supervisor->stops > 1;
}

/* Nobody has come back for the device, and nobody will. */
static void give_up(struct supervisor *supervisor)
{
	char *socket = nbd_registry_recall(supervisor->registry, "socket");

	nbd_naming_remove_left(supervisor->registry);
	if (socket != NULL && socket[0] == '/')
		nbd_listener_remove_stale(socket);
	free(socket);
	if (nbd_link_abandon(supervisor->registry->id) < 0)
		nbd_log(DISCSI_LOG_ERROR, "%s", discsi_last_error()->message);
	supervisor->registry->is_published = true;
	supervisor->registry->is_owing = true;
}

static bool run(struct supervisor *supervisor, int *status)
{
	bool is_last = false;
	int rc;

	for (;;) {
		rc = start_worker(supervisor);
		if (rc > 0)
			return true;
		while (supervisor->worker > 0)
			wait_event(supervisor, -1);
		if (rc < 0)
			supervisor->code = EXIT_FAILURE;
		/* It may have died when it had handed over already. */
		if (supervisor->has_served &&
		    !nbd_registry_is_ours(supervisor->registry))
			supervisor->code = NBD_EXIT_HANDED_OVER;
		if (is_over(supervisor) || is_last || !is_known(supervisor))
			break;
		is_last = supervisor->stops > 0;
		pause_before_next(supervisor);
	}
	if (supervisor->code == NBD_EXIT_HANDED_OVER)
		nbd_registry_leave(supervisor->registry);
	else if (supervisor->code != 0 && supervisor->has_served)
		give_up(supervisor);
	*status = supervisor->code == 0 ||
		  supervisor->code == NBD_EXIT_HANDED_OVER ?
		  EXIT_SUCCESS : EXIT_FAILURE;
	return false;
}

bool nbd_supervise(struct nbd_supervised *supervised,
		   struct nbd_daemon *daemon, struct discsi_conf **conf,
		   struct nbd_registry *registry, int *status)
{
	struct supervisor supervisor = {
		.supervised = supervised,
		.daemon = daemon,
		.conf = conf,
		.registry = registry,
		.is_takeover = supervised->errand >= 0,
		.signal_fd = -1,
		.link = -1,
	};
	bool is_worker;

	supervised->supervisor = getpid();
	*status = EXIT_FAILURE;
	if (open_signals(&supervisor) < 0) {
		nbd_log(DISCSI_LOG_ERROR, "signals cannot be received");
		return false;
	}
	is_worker = run(&supervisor, status);
	if (!is_worker)
		close(supervisor.signal_fd);
	return is_worker;
}
