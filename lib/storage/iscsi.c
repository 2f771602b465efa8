/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iscsi.c: the built-in type "iscsi": its table of functions, its life and its
 * configuration. Any thread; set_conf within a turn.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "conf/json.h"
#include "storage/iscsi.h"
#include "storage/json.h"
#include "storage/storage.h"

/* ------------------------------------------------------------------- life */

static int make(void *arg, struct discsi_storage *storage, void **self)
{
	struct dsc_iscsi *iscsi = calloc(1, sizeof(*iscsi));

	(void)arg;
	if (iscsi == NULL)
		return dsc_fail_memory();
	pthread_mutex_init(&iscsi->lock, NULL);
	iscsi->storage = storage;
	iscsi->ctx = storage->manager->ctx;
	iscsi->users = (struct dsc_users)DSC_USERS_INIT;
	iscsi->claim = (struct dsc_claim)DSC_CLAIM_INIT;
	dsc_settings_init(&iscsi->settings);
	*self = iscsi;
	return 0;
}

static void free_iscsi(void *self)
{
	struct dsc_iscsi *iscsi = self;

	dsc_claim_drop(&iscsi->claim, true);
	discsi_conf_free(iscsi->conf);
	dsc_settings_free(&iscsi->settings);
	free(iscsi->info);
	pthread_mutex_destroy(&iscsi->lock);
	free(iscsi);
}

/* ----------------------------------------------------------- configuration */

static void warn(void *arg, const char *sentence)
{
	struct dsc_iscsi *iscsi = arg;

	dsc_log(&iscsi->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_STORAGE,
		"storage %s: %s", iscsi->storage->claimed_id, sentence);
}

static int take_members(struct dsc_iscsi *iscsi, struct json_object *object,
			struct discsi_conf *conf, struct dsc_settings *settings)
{
	int rc;

	json_object_object_foreach(object, name, value) {
		rc = dsc_settings_take(settings, name, value);
		if (rc > 0)
			rc = dsc_conf_take(conf, name, value);
		if (rc < 0)
			return rc;
		if (rc > 0)
			dsc_conf_warn_unknown(name, warn, iscsi);
	}
	return 0;
}

/* What a mount needs is asked for here, where somebody can still mend it. */
static int check_complete(const struct discsi_conf *conf)
{
	struct dsc_conf_portal portals[DSC_CONF_PORTALS_MAX];

	if (conf->iqn == NULL)
		return dsc_fail(EINVAL, "iqn: the configuration names no "
				"target");
	if (!conf->has_lun_id)
		return dsc_fail(EINVAL, "lun_id: the configuration names no "
				"LUN");
	if (dsc_conf_portals(conf, portals) == 0)
		return dsc_fail(EINVAL, "portal: the configuration names "
				"neither a portal nor a target host");
	return dsc_conf_check(conf);
}

static int read_conf(struct dsc_iscsi *iscsi, const char *json,
		     struct discsi_conf *conf, struct dsc_settings *settings)
{
	struct json_object *object;
	int rc = dsc_conf_read_json(json, strlen(json), &object);

	if (rc < 0)
		return rc;
	/* What a session of ours has left somebody else may have taken over. */
	conf->is_isid_new = true;
	rc = take_members(iscsi, object, conf, settings);
	dsc_conf_free_json(object);
	if (rc == 0)
		rc = dsc_settings_check(settings);
	return rc == 0 ? check_complete(conf) : rc;
}

static int check_change(struct dsc_iscsi *iscsi, const struct discsi_conf *conf,
			const struct dsc_settings *settings)
{
	const char *what = dsc_conf_difference(iscsi->conf, conf);

	if (what == NULL)
		what = dsc_settings_difference(&iscsi->settings, settings);
	return what == NULL ? 0 : dsc_fail(EBUSY, "%s: cannot be changed while "
					   "it is mounted", what);
}

static int set_conf(void *self, const char *json, bool is_mounted)
{
	struct dsc_iscsi *iscsi = self;
	struct dsc_settings settings;
	struct discsi_conf *conf;
	struct discsi_conf *before;
	struct dsc_settings kept;
	int rc = discsi_conf_new(&conf);

	if (rc < 0)
		return rc;
	dsc_settings_init(&settings);
	rc = read_conf(iscsi, json, conf, &settings);
	if (rc == 0 && is_mounted)
		rc = check_change(iscsi, conf, &settings);
	if (rc == 0) {
		pthread_mutex_lock(&iscsi->lock);
		before = iscsi->conf;
		kept = iscsi->settings;
		iscsi->conf = conf;
		iscsi->settings = settings;
		pthread_mutex_unlock(&iscsi->lock);
		conf = before;
		settings = kept;
	}
	discsi_conf_free(conf);
	dsc_settings_free(&settings);
	return rc;
}

static int get_conf(void *self, char **json)
{
	struct dsc_iscsi *iscsi = self;
	struct json_object *object = dsc_json_new();
	char *text = NULL;
	int rc = 0;

	if (object == NULL)
		return dsc_fail_memory();
	pthread_mutex_lock(&iscsi->lock);
	if (iscsi->conf != NULL)
		rc = discsi_conf_to_json(iscsi->conf, 0, &text);
	if (rc == 0 && text != NULL)
		rc = dsc_json_merge(object, text);
	if (rc == 0)
		rc = dsc_settings_show(&iscsi->settings, object);
	pthread_mutex_unlock(&iscsi->lock);
	free(text);
	return dsc_json_finish(object, rc, json);
}

/* ---------------------------------------------------------------------- I/O */

bool dsc_iscsi_is_none(struct dsc_iscsi *iscsi)
{
	bool is_none;

	pthread_mutex_lock(&iscsi->lock);
	is_none = strcmp(iscsi->settings.device, "none") == 0;
	pthread_mutex_unlock(&iscsi->lock);
	return is_none;
}

static bool can_io(void *self)
{
	return dsc_iscsi_is_none(self);
}

static int call(struct dsc_iscsi *iscsi, struct dsc_call_io *io)
{
	if (!dsc_iscsi_is_none(iscsi))
		return dsc_fail(EOPNOTSUPP, "it has a device: I/O within the "
				"process is for device \"none\"");
	return dsc_call_lun(iscsi, io, NULL);
}

static int read_lun(void *self, void *buf, size_t length, uint64_t offset,
		    unsigned flags)
{
	struct dsc_call_io io = {
		.kind = DSC_CALL_READ, .data = buf, .length = length,
		.offset = offset, .flags = flags,
	};

	return call(self, &io);
}

static int write_lun(void *self, const void *buf, size_t length,
		     uint64_t offset, unsigned flags)
{
	struct dsc_call_io io = {
		.kind = DSC_CALL_WRITE, .data = (void *)(uintptr_t)buf,
		.length = length, .offset = offset, .flags = flags,
	};

	return call(self, &io);
}

static int flush_lun(void *self)
{
	struct dsc_call_io io = { .kind = DSC_CALL_FLUSH };

	return call(self, &io);
}

static int get_lun(void *self, struct discsi_lun **lun)
{
	struct dsc_iscsi *iscsi = self;
	int rc;

	pthread_mutex_lock(&iscsi->lock);
	*lun = iscsi->lun;
	iscsi->is_lent = *lun != NULL;
	if (*lun != NULL)
		rc = 0;
	else if (strcmp(iscsi->settings.device, "none") != 0)
		rc = dsc_fail(EOPNOTSUPP, "it has a device: the LUN belongs to "
			      "its bridge");
	else
		rc = dsc_iscsi_fail_unmounted(iscsi);
	pthread_mutex_unlock(&iscsi->lock);
	return rc;
}

const struct discsi_storage_type dsc_iscsi_type = {
	.size = sizeof(struct discsi_storage_type),
	.name = "iscsi",
	.nature = "iSCSI storage is a block device",
	.make = make,
	.free = free_iscsi,
	.set_conf = set_conf,
	.get_conf = get_conf,
	.mount = dsc_iscsi_mount,
	.unmount = dsc_iscsi_unmount,
	.leave = dsc_iscsi_leave,
	.is_connected = dsc_iscsi_is_connected,
	.device_path = dsc_iscsi_device_path,
	.look = dsc_iscsi_look,
	.measure = dsc_iscsi_measure,
	.known_bytes = dsc_iscsi_known_bytes,
	.describe = dsc_iscsi_describe,
	.probe_disk = dsc_iscsi_probe_disk,
	.format_disk = dsc_iscsi_format_disk,
	.disk_size = dsc_iscsi_disk_size,
	.resize_disk = dsc_iscsi_resize_disk,
	.can_io = can_io,
	.read = read_lun,
	.write = write_lun,
	.flush = flush_lun,
	.lun = get_lun,
	.max_disks = 1,
	.is_gone = dsc_iscsi_is_gone,
};
