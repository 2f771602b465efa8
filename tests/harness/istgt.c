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

static int write_unit(FILE *f, const struct dsc_istgt *istgt,
		      const struct dsc_istgt_options *o)
{
	int rc = 0;
	int i;

	fprintf(f,
		"[PortalGroup1]\n"
		"  Portal DA1 %s\n"
		"[InitiatorGroup1]\n"
		"  InitiatorName \"ALL\"\n"
		"  Netmask 127.0.0.0/8\n"
		"[LogicalUnit1]\n"
		"  TargetName %s\n"
		"  Mapping PortalGroup1 InitiatorGroup1\n"
		"  AuthMethod %s\n"
		"  AuthGroup AuthGroup1\n"
		"  UseDigest %s\n"
		"  UnitType Disk\n"
		"  BlockLength %u\n",
		istgt->portal, o->iqn, auth_method(o),
		o->digest ? o->digest : "Auto",
		o->block_size ? o->block_size : 512);
	for (i = 0; i < 8 && o->lun_bytes[i] && rc == 0; i++) {
		char *path = dsc_istgt_lun_path(istgt, i);

		rc = dsc_target_make_file(path, o->lun_bytes[i]);
		fprintf(f, "  LUN%d Storage %s %lluMB\n", i, path,
			(unsigned long long)(o->lun_bytes[i] / MIB));
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
	rc = write_unit(f, istgt, o);
	fclose(f);
	return rc;
}

static int start(struct dsc_istgt *istgt, const struct dsc_istgt_options *o)
{
	char conf[300];
	char pid_file[300];
	const char *argv[] = {
		"istgt", "-D", "-c", conf, "-p", pid_file, NULL
	};

	istgt->port = dsc_free_port();
	snprintf(istgt->portal, sizeof(istgt->portal), "127.0.0.1:%u",
		 istgt->port);
	snprintf(conf, sizeof(conf), "%s/istgt.conf", istgt->dir);
	snprintf(pid_file, sizeof(pid_file), "%s/pid", istgt->dir);
	write_auth(istgt, o);
	if (write_conf(istgt, o) < 0)
		return -1;
	istgt->process = dsc_process_start(argv, NULL);
	if (!istgt->process)
		return -1;
	return dsc_target_wait_port(istgt->process, istgt->port);
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

void dsc_istgt_stop(struct dsc_istgt *istgt)
{
	if (!istgt)
		return;
	dsc_process_kill(istgt->process);
	free(istgt->dir);
	free(istgt);
}
