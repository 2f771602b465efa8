/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf.c: the life of a configuration, and the rules that concern more than
 * one member. Owner's thread of the configuration.
 */
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "conf/members.h"

int discsi_conf_new(struct discsi_conf **conf)
{
	struct discsi_conf *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return dsc_fail_memory();
	for (size_t i = 0; i < dsc_conf_member_count; i++) {
		const struct dsc_conf_member *m = &dsc_conf_members[i];

		m->type->clear(made, m);
	}
	*conf = made;
	return 0;
}

int discsi_conf_dup(const struct discsi_conf *conf, struct discsi_conf **copy)
{
	struct discsi_conf *made = NULL;
	int rc = discsi_conf_new(&made);

	for (size_t i = 0; i < dsc_conf_member_count && rc == 0; i++) {
		const struct dsc_conf_member *m = &dsc_conf_members[i];

		if (m->type->copy != NULL)
			rc = m->type->copy(made, m, conf);
	}
	if (rc < 0) {
		discsi_conf_free(made);
		return rc;
	}
	made->is_isid_new = conf->is_isid_new;
	*copy = made;
	return 0;
}

void discsi_conf_free(struct discsi_conf *conf)
{
	if (conf == NULL)
		return;
	for (size_t i = 0; i < dsc_conf_member_count; i++) {
		const struct dsc_conf_member *m = &dsc_conf_members[i];

		m->type->clear(conf, m);
	}
	free(conf);
}

void dsc_conf_swap(struct discsi_conf *a, struct discsi_conf *b)
{
	struct discsi_conf kept = *a;

	*a = *b;
	*b = kept;
}

/* ----------------------------------------------------- several members */

/* A name and a secret belong together. */
static int check_pair(const char *username, const struct dsc_secret *password,
		      const char *prefix)
{
	if (username != NULL && !dsc_secret_is_set(password))
		return dsc_fail(EINVAL, "%susername is set but %spassword is "
				"not: CHAP needs both", prefix, prefix);
	if (username == NULL && dsc_secret_is_set(password))
		return dsc_fail(EINVAL, "%spassword is set but %susername is "
				"not: CHAP needs both", prefix, prefix);
	return 0;
}

/* A reset from one session ends the commands of all the others. */
static int check_sessions(const struct discsi_conf *conf)
{
	if (conf->sessions > 1 &&
	    conf->replay_barrier == DSC_CONF_BARRIER_LUN_RESET)
		return dsc_fail(EINVAL, "replay_barrier: lun_reset cannot be "
				"combined with several sessions");
	return 0;
}

int dsc_conf_check(const struct discsi_conf *conf)
{
	int rc = check_sessions(conf);

	if (rc == 0)
		rc = check_pair(conf->username, &conf->password, "");
	if (rc == 0)
		rc = check_pair(conf->target_username, &conf->target_password,
				"target_");
	if (rc < 0 || conf->target_username == NULL)
		return rc;
	if (conf->username == NULL)
		return dsc_fail(EINVAL, "target_username is set but username "
				"is not: mutual CHAP needs both directions");
	if (dsc_secret_is_equal(&conf->password, &conf->target_password))
		return dsc_fail(EINVAL, "password and target_password are the "
				"same: a target could answer with our own "
				"proof (RFC 7143 section 9.2.1)");
	return 0;
}

size_t dsc_conf_portals(const struct discsi_conf *conf,
			struct dsc_conf_portal *portals)
{
	if (conf->nportals == 0 && conf->target != NULL) {
		portals[0].host = conf->target;
		portals[0].port = DSC_ISCSI_PORT;
		return 1;
	}
	memcpy(portals, conf->portals, conf->nportals * sizeof(portals[0]));
	return conf->nportals;
}

int discsi_conf_get_portal(const struct discsi_conf *conf, size_t index,
			   const char **host, uint16_t *port)
{
	struct dsc_conf_portal portals[DSC_CONF_PORTALS_MAX];
	size_t count;

	if (conf == NULL || host == NULL || port == NULL)
		return dsc_fail(EINVAL, "discsi_conf_get_portal: an argument "
				"is NULL");
	count = dsc_conf_portals(conf, portals);
	if (index >= count)
		return dsc_fail(ENOENT, "the configuration has %zu portals: "
				"there is no portal %zu", count, index);
	*host = portals[index].host;
	*port = portals[index].port;
	return 0;
}
