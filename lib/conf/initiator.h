/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * initiator.h: where the initiator name comes from, with the paths as
 * arguments so that tests can bring their own. Any thread.
 */
#ifndef DSC_CONF_INITIATOR_H
#define DSC_CONF_INITIATOR_H

#include <discsi/conf.h>

struct dsc_initiator_paths {
	const char *open_iscsi;  /* a file with a line InitiatorName=… */
	const char *machine_id;
	const char *kept_dir;    /* made if need be */
	const char *kept;        /* in kept_dir: a name made here */
};

/* discsi_conf_initiator_name() with these files. */
int dsc_conf_initiator_name_from(const struct discsi_conf *conf,
				 const struct dsc_initiator_paths *paths,
				 char **name);

#endif /* DSC_CONF_INITIATOR_H */
