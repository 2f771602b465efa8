/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/istgt.c: an own istgt with a generated istgt.conf and auth.conf. It
 * cannot be changed while it runs, so everything is in its options. Its
 * LUNs count from 0. Test's thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/target-common.h"
#include "harness/target.h"
#include "harness/temp.h"

#define MIB (UINT64_C(1) << 20)

struct dsc_istgt {
	struct dsc_process *process;
	uint16_t port;
	char portal[32];
	char more_portals[4][64];
	char *dir;
};

bool dsc_istgt_is_installed(void)
{
	return dsc_has_program("istgt");
}

const char *dsc_istgt_portal(const struct dsc_istgt *istgt)
{
	return istgt->portal;
}

const char *dsc_istgt_more_portal(const struct dsc_istgt *istgt, unsigned n)
{
	if (n >= 4 || istgt->more_portals[n][0] == '\0')
		return NULL;
	return istgt->more_portals[n];
}

pid_t dsc_istgt_pid(const struct dsc_istgt *istgt)
{
	return dsc_process_pid(istgt->process);
}

char *dsc_istgt_log(const struct dsc_istgt *istgt)
{
	return dsc_process_output(istgt->process);
}

char *dsc_istgt_lun_path(const struct dsc_istgt *istgt, int lun)
{
	char *path;

	if (asprintf(&path, "%s/lun%d", istgt->dir, lun) < 0)
		abort();
	return path;
}

/* A new file in istgt's directory, for its owner only. */
static FILE *create(const struct dsc_istgt *istgt, const char *name)
{
	FILE *file;
	char *path;

	if (asprintf(&path, "%s/%s", istgt->dir, name) < 0)
		abort();
	file = fopen(path, "w");
	if (!file || chmod(path, 0600) < 0)
		abort();
	free(path);
	return file;
}

static const char *auth_method(const struct dsc_istgt_options *o)
{
	if (!o->user)
		return "None";
	return o->mutual_user ? "CHAP Mutual" : "CHAP";
}

static void write_auth(const struct dsc_istgt *istgt,
		       const struct dsc_istgt_options *o)
{
	FILE *f = create(istgt, "auth.conf");

	fprintf(f, "[AuthGroup1]\n");
	if (o->user && o->mutual_user)
		fprintf(f, "  Auth \"%s\" \"%s\" \"%s\" \"%s\"\n", o->user,
			o->secret, o->mutual_user, o->mutual_secret);
	else if (o->user)
		fprintf(f, "  Auth \"%s\" \"%s\"\n", o->user, o->secret);
	fclose(f);
}

static void write_global(FILE *f, const struct dsc_istgt *istgt,
			 const struct dsc_istgt_options *o)
{
	fprintf(f,
		"[Global]\n"
		"  NodeBase \"iqn.2001-04.com.example\"\n"
		"  PidFile %s/pid\n"
		"  AuthFile %s/auth.conf\n"
		"  MediaDirectory %s\n"
		"  LogFacility \"local7\"\n"
		"  Timeout 30\n"
		"  MaxSessions 64\n"
		"  MaxConnections 4\n"
		"  DiscoveryAuthMethod %s\n"
		"  DiscoveryAuthGroup AuthGroup1\n"
		"%s%s",
		istgt->dir, istgt->dir, istgt->dir,
		o->has_discovery_chap ? auth_method(o) : "None",
		o->global ? o->global : "", o->global ? "\n" : "");
	fprintf(f,
		"[UnitControl]\n"
		"  AuthMethod None\n"
		"  AuthGroup None\n"
		"  Portal UC1 127.0.0.1:%u\n"
		"  Netmask 127.0.0.1\n",
		dsc_free_port());
}

static void write_portals(FILE *f, const struct dsc_istgt *istgt)
{
	const char *portal;
	unsigned i;

	fprintf(f, "[PortalGroup1]\n  Portal DA1 %s\n", istgt->portal);
	for (i = 0; (portal = dsc_istgt_more_portal(istgt, i)); i++)
		fprintf(f, "  Portal DA%u %s\n", i + 2, portal);
	fprintf(f,
		"[InitiatorGroup1]\n"
		"  InitiatorName \"ALL\"\n"
		"  Netmask 127.0.0.0/8\n"
		"  Netmask [::1]/128\n");
}

/* What a target has before its LUNs. */
static void write_target(FILE *f, const struct dsc_istgt_options *o, int number,
			 const char *iqn)
{
	fprintf(f,
		"[LogicalUnit%d]\n"
		"  TargetName %s\n"
		"  Mapping PortalGroup1 InitiatorGroup1\n"
		"  AuthMethod %s\n"
		"  AuthGroup AuthGroup1\n"
		"  UseDigest %s\n"
		"  UnitType Disk\n"
		"  BlockLength %u\n",
		number, iqn, auth_method(o), o->digest ? o->digest : "Auto",
		o->block_size ? o->block_size : 512);
}

static int write_lun(FILE *f, int lun, const char *path, uint64_t bytes)
{
	fprintf(f, "  LUN%d Storage %s %lluMB\n", lun, path,
		(unsigned long long)(bytes / MIB));
	return dsc_target_make_file(path, bytes);
}

static int write_units(FILE *f, const struct dsc_istgt *istgt,
		       const struct dsc_istgt_options *o)
{
	char *path;
	int rc = 0;
	int i;

	write_target(f, o, 1, o->iqn);
	for (i = 0; i < 8 && o->lun_bytes[i] && rc == 0; i++) {
		path = dsc_istgt_lun_path(istgt, i);
		rc = write_lun(f, i, path, o->lun_bytes[i]);
		free(path);
	}
	for (i = 0; i < 4 && o->more_iqns[i] && rc == 0; i++) {
		write_target(f, o, i + 2, o->more_iqns[i]);
		if (asprintf(&path, "%s/more%d", istgt->dir, i) < 0)
			abort();
		rc = write_lun(f, 0, path, MIB);
		free(path);
	}
	return rc;
}

static int write_conf(const struct dsc_istgt *istgt,
		      const struct dsc_istgt_options *o)
{
	FILE *f = create(istgt, "istgt.conf");
	int rc;

	write_global(f, istgt, o);
	write_portals(f, istgt);
	rc = write_units(f, istgt, o);
	fclose(f);
	return rc;
}

/* With the configuration that is there. */
static int run(struct dsc_istgt *istgt)
{
	char conf[300];
	char pid_file[300];
	const char *argv[] = {
		"istgt", "-D", "-c", conf, "-p", pid_file, NULL
	};

	snprintf(conf, sizeof(conf), "%s/istgt.conf", istgt->dir);
	snprintf(pid_file, sizeof(pid_file), "%s/pid", istgt->dir);
	istgt->process = dsc_process_start(argv, NULL);
	if (!istgt->process)
		return -1;
	return dsc_target_wait_port(istgt->process, istgt->port);
}

static int start(struct dsc_istgt *istgt, const struct dsc_istgt_options *o)
{
	int i;

	istgt->port = dsc_free_port();
	snprintf(istgt->portal, sizeof(istgt->portal), "127.0.0.1:%u",
		 istgt->port);
	for (i = 0; i < 4 && o->more_addresses[i]; i++)
		snprintf(istgt->more_portals[i], sizeof(istgt->more_portals[i]),
			 "%s:%u", o->more_addresses[i], dsc_free_port());
	write_auth(istgt, o);
	if (write_conf(istgt, o) < 0)
		return -1;
	return run(istgt);
}

int dsc_istgt_start(const struct dsc_istgt_options *options,
		    struct dsc_istgt **istgt)
{
	struct dsc_istgt *t = calloc(1, sizeof(*t));

	*istgt = NULL;
	if (!t)
		return -1;
	t->dir = dsc_temp_subdir("istgt");
	if (start(t, options) < 0) {
		dsc_test_note("istgt did not start");
		dsc_istgt_stop(t);
		return -1;
	}
	*istgt = t;
	return 0;
}

void dsc_istgt_kill(struct dsc_istgt *istgt)
{
	dsc_process_kill(istgt->process);
	istgt->process = NULL;
}

int dsc_istgt_restart(struct dsc_istgt *istgt)
{
	return run(istgt);
}

void dsc_istgt_stop(struct dsc_istgt *istgt)
{
	if (!istgt)
		return;
	dsc_process_kill(istgt->process);
	free(istgt->dir);
	free(istgt);
}
