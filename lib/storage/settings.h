/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage/settings.h: the members of a storage's configuration that are not
 * those of a struct discsi_conf: what every type has, and how an iSCSI storage
 * shows its disk. Pure; the owner's thread of each struct.
 */
#ifndef DSC_STORAGE_SETTINGS_H
#define DSC_STORAGE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* What means the same for every type. */
struct dsc_common {
	char *zone_id;      /* NULL: not given */
	char *cache_id;     /* NULL: not given */
	uint32_t mount_timeout_ms;
};

/* common: filled with defaults first. Errors: EINVAL, ENOMEM. */
int dsc_common_read(struct json_object *object, struct dsc_common *common);
void dsc_common_free(struct dsc_common *common);

/* How an iSCSI storage shows its disk. */
struct dsc_settings {
	char device[24];    /* "auto", "nbd", "/dev/nbdN", "socket", "none" */
	uint32_t connections;
	struct dsc_common common;
};

void dsc_settings_init(struct dsc_settings *settings);
void dsc_settings_free(struct dsc_settings *settings);

/* Takes one member. Returns 1 when it is none of these; else 0 or EINVAL. */
int dsc_settings_take(struct dsc_settings *settings, const char *name,
		      struct json_object *value);

/* Do they go together? Once all are taken. Errors: EINVAL. */
int dsc_settings_check(const struct dsc_settings *settings);

/* Adds them to an object that is shown. Errors: ENOMEM. */
int dsc_settings_show(const struct dsc_settings *settings,
		      struct json_object *object);

/* The first in which they differ and may not under a mount; NULL: none. */
const char *dsc_settings_difference(const struct dsc_settings *a,
				    const struct dsc_settings *b);

#endif /* DSC_STORAGE_SETTINGS_H */
