/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/tgtd.c: an own tgtd, told what to do with tgtadm over its own
 * control socket (TGT_IPC_SOCKET). tgtd takes one portal from its command
 * line; the others are added. It ignores SIGTERM, so it is killed. Test's
 * thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/target-common.h"
#include "harness/target.h"
#include "harness/temp.h"

#define MAX_ARGS 32
#define MAX_ACCOUNTS 32

struct dsc_tgtd {
	struct dsc_process *process;
	uint16_t port;
	char portal[32];
	char portal6[32];
	char *dir;
	char *ipc;              /* TGT_IPC_SOCKET=… */
	const char *env[2];
	char *accounts[MAX_ACCOUNTS];
	int account_count;
};

/* A number as text that lives as long as the statement it is used in. */
struct text {
	char s[24];
};

static struct text number(long long value)
{
	struct text t;

	snprintf(t.s, sizeof(t.s), "%lld", value);
	return t;
}

bool dsc_tgtd_is_installed(void)
{
	return dsc_has_program("tgtd") && dsc_has_program("tgtadm");
}

const char *dsc_tgtd_portal(const struct dsc_tgtd *tgtd)
{
	return tgtd->portal;
}

const char *dsc_tgtd_portal6(const struct dsc_tgtd *tgtd)
{
	return tgtd->portal6[0] ? tgtd->portal6 : NULL;
}

uint16_t dsc_tgtd_port(const struct dsc_tgtd *tgtd)
{
	return tgtd->port;
}

pid_t dsc_tgtd_pid(const struct dsc_tgtd *tgtd)
{
	return dsc_process_pid(tgtd->process);
}

char *dsc_tgtd_log(const struct dsc_tgtd *tgtd)
{
	return dsc_process_output(tgtd->process);
}

/* Runs tgtadm; its result is the caller's to free. Returns its status. */
static int admin(struct dsc_tgtd *tgtd, const char *const args[],
		 struct dsc_run_result *result, bool is_noisy)
{
	struct dsc_run_options options = { .env = tgtd->env };
	const char *argv[MAX_ARGS] = {
		"tgtadm", "-C", "0", "--lld", "iscsi",
	};
	size_t n = 5;

	for (; *args && n < MAX_ARGS - 1; args++)
		argv[n++] = *args;
	argv[n] = NULL;
	if (dsc_run_with(result, &options, argv) != 0 && is_noisy)
		dsc_run_note(result, argv);
	return result->status;
}

int dsc_tgtd_admin(struct dsc_tgtd *tgtd, const char *const args[])
{
	struct dsc_run_result result;
	int status = admin(tgtd, args, &result, true);

	dsc_run_free(&result);
	return status == 0 ? 0 : -1;
}

#define ADMIN(tgtd, ...) \
	dsc_tgtd_admin(tgtd, (const char *const[]){ __VA_ARGS__, NULL })

static bool does_obey(void *arg)
{
	static const char *const args[] = {
		"--mode", "sys", "--op", "show", NULL
	};
	struct dsc_run_result result;
	bool does = admin(arg, args, &result, false) == 0;

	dsc_run_free(&result);
	return does;
}

static int add_portal(struct dsc_tgtd *tgtd, const char *portal)
{
	char param[64];

	snprintf(param, sizeof(param), "portal=%s", portal);
	return ADMIN(tgtd, "--mode", "portal", "--op", "new", "--param", param);
}

static int start(struct dsc_tgtd *tgtd)
{
	char portal[64];
	const char *argv[] = {
		"tgtd", "-f", "-C", "0", "-t", "2", "--iscsi", portal, NULL
	};

	if (tgtd->port == 0)
		tgtd->port = dsc_free_port();
	snprintf(tgtd->portal, sizeof(tgtd->portal), "127.0.0.1:%u",
		 tgtd->port);
	snprintf(portal, sizeof(portal), "portal=%s", tgtd->portal);
	tgtd->process = dsc_process_start(argv, tgtd->env);
	if (!tgtd->process ||
	    dsc_target_wait_port(tgtd->process, tgtd->port) < 0)
		return -1;
	if (!dsc_wait_for(does_obey, tgtd, DSC_TARGET_START_MS))
		return -1;
	if (!dsc_target_has_ipv6())
		return 0;
	snprintf(tgtd->portal6, sizeof(tgtd->portal6), "[::1]:%u", tgtd->port);
	return add_portal(tgtd, tgtd->portal6);
}

int dsc_tgtd_start(struct dsc_tgtd **tgtd)
{
	struct dsc_tgtd *t = calloc(1, sizeof(*t));

	*tgtd = NULL;
	if (!t)
		return -1;
	t->dir = dsc_temp_subdir("tgtd");
	if (asprintf(&t->ipc, "TGT_IPC_SOCKET=%s/control", t->dir) < 0)
		abort();
	t->env[0] = t->ipc;
	if (start(t) < 0) {
		dsc_test_note("tgtd did not start");
		dsc_tgtd_stop(t);
		return -1;
	}
	*tgtd = t;
	return 0;
}

void dsc_tgtd_kill(struct dsc_tgtd *tgtd)
{
	int i;

	dsc_process_kill(tgtd->process);
	tgtd->process = NULL;
	for (i = 0; i < tgtd->account_count; i++)
		free(tgtd->accounts[i]);
	tgtd->account_count = 0;
}

int dsc_tgtd_restart(struct dsc_tgtd *tgtd)
{
	return start(tgtd);
}

void dsc_tgtd_stop(struct dsc_tgtd *tgtd)
{
	if (!tgtd)
		return;
	dsc_tgtd_kill(tgtd);
	free(tgtd->ipc);
	free(tgtd->dir);
	free(tgtd);
}

int dsc_tgtd_add_portal(struct dsc_tgtd *tgtd, const char *address,
			char *portal, size_t size)
{
	snprintf(portal, size, "%s:%u", address, dsc_free_port());
	return add_portal(tgtd, portal);
}

int dsc_tgtd_add_target(struct dsc_tgtd *tgtd, int tid, const char *iqn)
{
	struct text t = number(tid);

	if (ADMIN(tgtd, "--mode", "target", "--op", "new", "--tid", t.s, "-T",
		  iqn) < 0)
		return -1;
	return ADMIN(tgtd, "--mode", "target", "--op", "bind", "--tid", t.s,
		     "--initiator-address", "ALL");
}

int dsc_tgtd_remove_target(struct dsc_tgtd *tgtd, int tid)
{
	return ADMIN(tgtd, "--mode", "target", "--op", "delete", "--force",
		     "--tid", number(tid).s);
}

char *dsc_tgtd_lun_path(const struct dsc_tgtd *tgtd, int tid, int lun)
{
	char *path;

	if (asprintf(&path, "%s/t%d-lun%d", tgtd->dir, tid, lun) < 0)
		abort();
	return path;
}

static int set_flags(struct dsc_tgtd *tgtd, int tid, int lun, unsigned flags)
{
	if ((flags & DSC_LUN_READ_ONLY) &&
	    dsc_tgtd_set_lun_params(tgtd, tid, lun, "readonly=1") < 0)
		return -1;
	if ((flags & DSC_LUN_THIN) &&
	    dsc_tgtd_set_lun_params(tgtd, tid, lun, "thin_provisioning=1") < 0)
		return -1;
	return 0;
}

int dsc_tgtd_add_lun(struct dsc_tgtd *tgtd, int tid, int lun, uint64_t bytes,
		     unsigned block_size, unsigned flags)
{
	char *path = dsc_tgtd_lun_path(tgtd, tid, lun);
	int rc = dsc_target_make_file(path, bytes);

	if (rc == 0)
		rc = ADMIN(tgtd, "--mode", "logicalunit", "--op", "new",
			   "--tid", number(tid).s, "--lun", number(lun).s,
			   "--bstype", "rdwr", "--backing-store", path,
			   "--blocksize", number(block_size).s);
	free(path);
	return rc == 0 ? set_flags(tgtd, tid, lun, flags) : -1;
}

int dsc_tgtd_remove_lun(struct dsc_tgtd *tgtd, int tid, int lun)
{
	return ADMIN(tgtd, "--mode", "logicalunit", "--op", "delete", "--tid",
		     number(tid).s, "--lun", number(lun).s);
}

int dsc_tgtd_set_lun_params(struct dsc_tgtd *tgtd, int tid, int lun,
			    const char *params)
{
	return ADMIN(tgtd, "--mode", "logicalunit", "--op", "update", "--tid",
		     number(tid).s, "--lun", number(lun).s, "--params", params);
}

int dsc_tgtd_set_param(struct dsc_tgtd *tgtd, int tid, const char *name,
		       const char *value)
{
	return ADMIN(tgtd, "--mode", "target", "--op", "update", "--tid",
		     number(tid).s, "--name", name, "--value", value);
}

/* Makes the account unless this tgtd has it. */
static int add_account(struct dsc_tgtd *tgtd, const char *user,
		       const char *secret)
{
	int i;

	for (i = 0; i < tgtd->account_count; i++)
		if (strcmp(tgtd->accounts[i], user) == 0)
			return 0;
	if (tgtd->account_count == MAX_ACCOUNTS)
		return -1;
	tgtd->accounts[tgtd->account_count++] = strdup(user);
	return ADMIN(tgtd, "--mode", "account", "--op", "new", "--user", user,
		     "--password", secret);
}

static int bind_account(struct dsc_tgtd *tgtd, int tid, const char *user,
			bool is_outgoing)
{
	struct text t = number(tid);
	const char *args[16] = {
		"--mode", "account", "--op", "bind", "--user", user,
	};
	int n = 6;

	if (tid > 0) {
		args[n++] = "--tid";
		args[n++] = t.s;
	}
	if (is_outgoing)
		args[n++] = "--outgoing";
	return dsc_tgtd_admin(tgtd, args);
}

int dsc_tgtd_set_chap(struct dsc_tgtd *tgtd, int tid, const char *user,
		      const char *secret, const char *mutual_user,
		      const char *mutual_secret)
{
	if (add_account(tgtd, user, secret) < 0 ||
	    bind_account(tgtd, tid, user, false) < 0)
		return -1;
	if (!mutual_user)
		return 0;
	if (add_account(tgtd, mutual_user, mutual_secret) < 0)
		return -1;
	return bind_account(tgtd, tid, mutual_user, true);
}

char *dsc_tgtd_show(struct dsc_tgtd *tgtd)
{
	static const char *const args[] = {
		"--mode", "target", "--op", "show", NULL
	};
	struct dsc_run_result result;
	char *text = NULL;

	if (admin(tgtd, args, &result, true) == 0)
		text = strdup(result.out);
	dsc_run_free(&result);
	return text;
}
