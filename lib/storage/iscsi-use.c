/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iscsi-use.c: what is asked of a mounted LUN: is it connected, where is its
 * device, how large is it, what is on it. Any thread, at any time: a LUN that is
 * being unmounted meanwhile is ENOTCONN.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "bridge/attach.h"
#include "lun/lun.h"
#include "storage/content.h"
#include "storage/device.h"
#include "storage/iscsi.h"
#include "storage/json.h"
#include "storage/storage.h"

#define MIB_SHIFT 20
#define PROBE_MS 30000   /* reading a disk, and its growth */
#define MEASURE_MS 5000
#define LOOK_MS 2000     /* for a bridge to ask for its size, by the way */
#define TICK_MS 10       /* a device whose size is changing */
#define EXTENTS 1024
#define DEFAULT_BLOCK 4096u

/* A manager that ends does not wait for who has no turn. */
static struct dsc_limits limits_in(const struct dsc_iscsi *iscsi, uint32_t ms)
{
	return (struct dsc_limits){
		.deadline_ns = dsc_clock_now_ns() + ms * DSC_NS_PER_MS,
		.cancel_fd = iscsi->storage->manager->end_fd,
	};
}

/* What the LUN has told: false when there is none in this process. */
static bool get_info(struct dsc_iscsi *iscsi, struct discsi_lun_info *info)
{
	bool is_there;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	pthread_mutex_lock(&iscsi->lock);
	is_there = iscsi->lun != NULL;
	if (is_there)
		(void)discsi_lun_get_info(iscsi->lun, info);
	else if (iscsi->info != NULL)
		*info = *iscsi->info;
	pthread_mutex_unlock(&iscsi->lock);
	return is_there;
}

/* ----------------------------------------------------------- connection */

bool dsc_iscsi_is_connected(void *self)
{
	struct dsc_iscsi *iscsi = self;
	struct discsi_session_info info = { .size = sizeof(info) };
	struct discsi_bridge *bridge;
	bool has_session;
	bool is_lost;
	bool is = false;

	pthread_mutex_lock(&iscsi->lock);
	is_lost = iscsi->is_lost;
	has_session = iscsi->session != NULL;
	if (has_session)
		is = discsi_session_get_info(iscsi->session, &info) == 0 &&
		     info.connected && !dsc_lun_is_condemned(iscsi->lun);
	pthread_mutex_unlock(&iscsi->lock);
	if (has_session || is_lost || dsc_iscsi_load(iscsi, &bridge) < 0)
		return is;
	is = bridge->state[0] == '\0' || strcmp(bridge->state, "ready") == 0;
	discsi_bridge_free(bridge);
	return is;
}

/* --------------------------------------------------------------- device */

/* A URI in which whatever is not plain is escaped. */
static int make_uri(const char *path, char **uri)
{
	static const char begin[] = "nbd+unix:///?socket=";
	static const char hex[] = "0123456789ABCDEF";
	char *text = malloc(sizeof(begin) + 3 * strlen(path));
	char *to;

	if (text == NULL)
		return dsc_fail_memory();
	to = stpcpy(text, begin);
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' &&
		    (c | 0x20) <= 'z') || strchr("/-._~:", c) != NULL) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
	}
	*to = '\0';
	*uri = text;
	return 0;
}

/* Why there is no device, or 0; with the lock. */
static int check_place(const struct dsc_iscsi *iscsi)
{
	if (iscsi->session != NULL ||
	    (iscsi->is_lost && iscsi->bridge_id == NULL))
		return dsc_fail(EOPNOTSUPP, "it has no device: \"device\" is "
				"\"none\"");
	/* Another LUN may have the device of what has gone. */
	if (iscsi->is_lost || iscsi->bridge_id == NULL)
		return dsc_iscsi_fail_unmounted(iscsi);
	return 0;
}

/* Copies of where the device is; one is NULL. */
static int get_place(struct dsc_iscsi *iscsi, char **device, char **socket)
{
	int rc;

	*device = NULL;
	*socket = NULL;
	pthread_mutex_lock(&iscsi->lock);
	rc = check_place(iscsi);
	if (rc == 0 && iscsi->device != NULL)
		*device = strdup(iscsi->device);
	else if (rc == 0 && iscsi->socket != NULL)
		*socket = strdup(iscsi->socket);
	pthread_mutex_unlock(&iscsi->lock);
	if (rc < 0)
		return rc;
	return *device != NULL || *socket != NULL ? 0 : dsc_fail_memory();
}

int dsc_iscsi_device_path(void *self, char **path)
{
	char *socket;
	int rc = get_place(self, path, &socket);

	if (rc == 0 && socket != NULL)
		rc = make_uri(socket, path);
	free(socket);
	return rc;
}

int dsc_iscsi_read_device(struct dsc_iscsi *iscsi, void *buf, size_t length,
			  uint64_t offset, const struct dsc_limits *limits)
{
	struct dsc_call_io io = {
		.kind = DSC_CALL_READ, .data = buf, .length = length,
		.offset = offset,
	};
	char *device;
	char *socket;
	int rc = get_place(iscsi, &device, &socket);

	if (rc == -EOPNOTSUPP)
		return dsc_call_lun(iscsi, &io, limits);
	if (rc == 0)
		rc = device != NULL ?
		     dsc_device_read(device, buf, length, offset, limits) :
		     dsc_nbd_read(socket, buf, length, offset, limits);
	if (rc == -ECONNREFUSED && device == NULL)
		rc = dsc_fail(ENOENT, "its device is gone: nobody serves %s",
			      socket);
	free(device);
	free(socket);
	return rc;
}

static uint32_t block_size(struct dsc_iscsi *iscsi)
{
	uint32_t bytes;

	pthread_mutex_lock(&iscsi->lock);
	bytes = iscsi->block_size;
	pthread_mutex_unlock(&iscsi->lock);
	return bytes != 0 ? bytes : DEFAULT_BLOCK;
}

static int read_block(struct dsc_iscsi *iscsi, const struct dsc_limits *limits)
{
	uint32_t length = block_size(iscsi);
	void *block = malloc(length);
	int rc;

	if (block == NULL)
		return dsc_fail_memory();
	rc = dsc_iscsi_read_device(iscsi, block, length, 0, limits);
	free(block);
	return rc;
}

int dsc_iscsi_look(void *self)
{
	struct dsc_iscsi *iscsi = self;
	const struct dsc_limits limits = {
		.deadline_ns = dsc_turn_deadline_ns(iscsi->storage),
		.cancel_fd = discsi_storage_cancel_fd(iscsi->storage),
	};

	return read_block(iscsi, &limits);
}

int dsc_iscsi_probe_disk(void *self, const char *disk_id)
{
	const struct dsc_limits limits = limits_in(self, PROBE_MS);

	(void)disk_id;
	return read_block(self, &limits);
}

/* ----------------------------------------------------------------- sizes */

int dsc_iscsi_known_bytes(void *self, uint64_t *bytes)
{
	struct dsc_iscsi *iscsi = self;
	struct discsi_lun_info info;
	struct discsi_bridge *bridge;
	int rc;

	if (get_info(iscsi, &info)) {
		*bytes = info.bytes;
		return 0;
	}
	rc = dsc_iscsi_load(iscsi, &bridge);
	if (rc < 0)
		return rc;
	*bytes = bridge->bytes;
	discsi_bridge_free(bridge);
	return 0;
}

/*
 * Has the bridge ask for the LUN's size. One that cannot, or is recovering, knows
 * what it was told last, and that is what there is.
 */
static int look_behind_bridge(struct dsc_iscsi *iscsi,
			      const struct dsc_limits *limits)
{
	const struct dsc_bridge_options options = {
		.deadline_ns = limits->deadline_ns,
		.cancel_fd = limits->cancel_fd,
	};
	struct discsi_bridge *bridge;
	int rc = dsc_iscsi_load(iscsi, &bridge);

	if (rc < 0)
		return rc;
	rc = dsc_bridge_look(bridge->id, &options);
	discsi_bridge_free(bridge);
	if (rc == -EOPNOTSUPP)
		return 0;
	if (rc == -ESRCH)
		return dsc_fail(ENOTCONN, "its bridge does not run any more");
	if (rc == -ETIMEDOUT || rc == -ECANCELED)
		return dsc_fail(-rc, "its bridge has not told the LUN's size "
				"(%s)", discsi_errno_name(rc));
	return rc;
}

/* Bytes that are allocated, as far as they can be counted in time. */
static bool count_mapped(struct dsc_iscsi *iscsi, uint64_t bytes,
			 const struct dsc_limits *limits, uint64_t *mapped)
{
	struct discsi_extent *extents = calloc(EXTENTS, sizeof(*extents));
	struct dsc_call_io io = { .kind = DSC_CALL_STATUS, .extents = extents };
	bool is_counted = extents != NULL;
	size_t i;

	*mapped = 0;
	while (is_counted && io.offset < bytes) {
		uint64_t before = io.offset;

		io.length = (size_t)(bytes - io.offset);
		io.count = EXTENTS;
		is_counted = dsc_call_lun(iscsi, &io, limits) == 0;
		for (i = 0; is_counted && i < io.count; i++) {
			io.offset += extents[i].length;
			if ((extents[i].flags & DISCSI_EXTENT_HOLE) == 0)
				*mapped += extents[i].length;
		}
		is_counted = is_counted && io.offset > before;
	}
	free(extents);
	return is_counted;
}

/*
 * With a login of its own, in an iscsi that is not a storage's. The ISID that is
 * configured is the bridge's: with it the target would end the bridge's session.
 */
static bool count_by_login(struct dsc_iscsi *iscsi, uint64_t bytes,
			   const struct dsc_limits *limits, uint64_t *mapped)
{
	struct dsc_iscsi own = { .ctx = iscsi->ctx, .storage = iscsi->storage };
	struct discsi_conf *conf = NULL;
	bool is_counted = false;
	int rc;

	pthread_mutex_lock(&iscsi->lock);
	rc = discsi_conf_dup(iscsi->conf, &conf);
	pthread_mutex_unlock(&iscsi->lock);
	if (rc < 0)
		return false;
	(void)discsi_conf_set(conf, "isid", NULL);
	conf->sessions = 1;
	pthread_mutex_init(&own.lock, NULL);
	rc = dsc_call_open_session(iscsi->ctx, conf, limits, &own.session);
	if (rc == 0)
		rc = dsc_call_open_lun(&own.session, conf->lun_id, limits,
				       &own.lun);
	if (rc == 0)
		is_counted = count_mapped(&own, bytes, limits, mapped);
	discsi_lun_close(own.lun);
	if (own.session != NULL)
		dsc_call_close_session(own.session, limits);
	pthread_mutex_destroy(&own.lock);
	discsi_conf_free(conf);
	return is_counted;
}

static bool count_behind_bridge(struct dsc_iscsi *iscsi, uint64_t bytes,
				const struct dsc_limits *limits,
				uint64_t *mapped)
{
	struct discsi_storage_manager *manager = iscsi->storage->manager;
	bool is_counted;

	if (dsc_manager_enter(manager) < 0)
		return false;
	is_counted = count_by_login(iscsi, bytes, limits, mapped);
	dsc_manager_leave(manager);
	return is_counted;
}

/* Of a bridge that tells it; else what the LUN said when it was mounted. */
static bool is_thin(struct dsc_iscsi *iscsi, const struct discsi_lun_info *info)
{
	struct discsi_bridge *bridge;
	bool is = info->thin;

	if (dsc_iscsi_load(iscsi, &bridge) < 0)
		return is;
	is = is || bridge->thin;
	discsi_bridge_free(bridge);
	return is;
}

int dsc_iscsi_measure(void *self, struct discsi_storage_stat *stat)
{
	struct dsc_iscsi *iscsi = self;
	const struct dsc_limits limits = limits_in(iscsi, MEASURE_MS);
	const struct dsc_limits looking = limits_in(iscsi, LOOK_MS);
	struct dsc_call_io io = { .kind = DSC_CALL_REFRESH };
	struct discsi_lun_info info;
	bool is_here = get_info(iscsi, &info);
	uint64_t mapped = 0;
	uint64_t bytes;
	int rc;

	/* A target that does not answer now has answered before. */
	if (is_here)
		(void)dsc_call_lun(iscsi, &io, &limits);
	else
		(void)look_behind_bridge(iscsi, &looking);
	rc = dsc_iscsi_known_bytes(self, &bytes);
	if (rc < 0)
		return rc;
	stat->thin = is_here ? info.thin : is_thin(iscsi, &info);
	if (stat->thin)
		stat->has_mapped = is_here ?
			count_mapped(iscsi, bytes, &limits, &mapped) :
			count_behind_bridge(iscsi, bytes, &limits, &mapped);
	stat->capacity_mb = bytes >> MIB_SHIFT;
	stat->mapped_mb = (stat->has_mapped ? mapped : bytes) >> MIB_SHIFT;
	return 0;
}

int dsc_iscsi_disk_size(void *self, const char *disk_id, uint64_t *bytes)
{
	(void)disk_id;
	return dsc_iscsi_known_bytes(self, bytes);
}

/* --------------------------------------------------------------- content */

static int read_content(void *arg, void *buf, size_t length, uint64_t offset)
{
	const struct dsc_limits limits = limits_in(arg, PROBE_MS);

	return dsc_iscsi_read_device(arg, buf, length, offset, &limits);
}

int dsc_iscsi_format_disk(void *self, const char *disk_id,
			  struct discsi_disk_format *format)
{
	struct dsc_content_source source = {
		.block_size = block_size(self),
		.read = read_content,
		.arg = self,
	};
	int rc = dsc_iscsi_known_bytes(self, &source.bytes);

	(void)disk_id;
	return rc == 0 ? dsc_content_tell(&source, format) : rc;
}

/* ---------------------------------------------------------------- resize */

/* Does the kernel have the size that the bridge has? */
static int wait_for_device(struct dsc_iscsi *iscsi, uint64_t wanted,
			   const struct dsc_limits *limits)
{
	struct pollfd fd = { .fd = limits->cancel_fd, .events = POLLIN };
	uint64_t bytes = 0;
	char *device;
	char *socket;
	int rc = get_place(iscsi, &device, &socket);

	while (rc == 0 && device != NULL) {
		rc = dsc_device_size(device, &bytes, limits);
		if (rc < 0 || bytes >= wanted)
			break;
		rc = dsc_limits_check(limits);
		if (rc < 0)
			rc = dsc_fail(-rc, "%s has not taken up the new size",
				      device);
		else
			(void)poll(&fd, 1, TICK_MS);
	}
	free(device);
	free(socket);
	return rc;
}

/* A bridge that cannot look has taken up what the target has told it. */
static int refresh_bridge(struct dsc_iscsi *iscsi, uint64_t *now)
{
	const struct dsc_limits limits = limits_in(iscsi, PROBE_MS);
	int rc = look_behind_bridge(iscsi, &limits);

	if (rc == 0)
		rc = dsc_iscsi_known_bytes(iscsi, now);
	return rc == 0 ? wait_for_device(iscsi, *now, &limits) : rc;
}

static int refresh(struct dsc_iscsi *iscsi, uint64_t *now)
{
	const struct dsc_limits limits = limits_in(iscsi, PROBE_MS);
	struct dsc_call_io io = { .kind = DSC_CALL_REFRESH };
	struct discsi_lun_info info;
	int rc;

	if (!get_info(iscsi, &info))
		return refresh_bridge(iscsi, now);
	rc = dsc_call_lun(iscsi, &io, &limits);
	return rc == 0 ? dsc_iscsi_known_bytes(iscsi, now) : rc;
}

int dsc_iscsi_resize_disk(void *self, const char *disk_id, uint64_t bytes,
			  uint64_t *now)
{
	int rc = dsc_iscsi_known_bytes(self, now);

	(void)disk_id;
	if (rc < 0)
		return rc;
	if (bytes != 0 && bytes < *now)
		return dsc_fail(EOPNOTSUPP, "it has %llu bytes: a LUN is not "
				"made smaller", (unsigned long long)*now);
	rc = refresh(self, now);
	if (rc < 0)
		return rc;
	if (bytes > *now)
		return dsc_fail(ENOSPC, "the LUN has %llu bytes: it must be "
				"made larger at its target first",
				(unsigned long long)*now);
	return 0;
}

/* -------------------------------------------------------------- describe */

static int describe_info(struct json_object *object,
			 const struct discsi_lun_info *info)
{
	const struct dsc_json_member members[] = {
		{ "vendor", info->vendor, 0 },
		{ "product", info->product, 0 },
		{ "revision", info->revision, 0 },
		{ "serial", info->serial, 0 },
		{ "designator", info->designator, 0 },
		{ "block_size", NULL, info->block_size },
	};
	int rc = dsc_json_add_all(object, members,
				  sizeof(members) / sizeof(members[0]));

	if (rc == 0)
		rc = dsc_json_add_bool(object, "thin", info->thin);
	if (rc == 0)
		rc = dsc_json_add_bool(object, "read_only", info->read_only);
	return rc;
}

static int describe_session(struct dsc_iscsi *iscsi, struct json_object *object)
{
	struct discsi_session_info info = { .size = sizeof(info) };
	char portal[96];
	bool has_session;

	pthread_mutex_lock(&iscsi->lock);
	has_session = iscsi->session != NULL &&
		      discsi_session_get_info(iscsi->session, &info) == 0;
	pthread_mutex_unlock(&iscsi->lock);
	if (!has_session)
		return 0;
	dsc_text_portal(info.address, info.port, portal, sizeof(portal));
	const struct dsc_json_member members[] = {
		{ "portal", portal, 0 },
		{ "state", info.state, 0 },
		{ "last_error", info.last_error.errnum != 0 ?
		  info.last_error.message : "", 0 },
	};
	return dsc_json_add_all(object, members,
				sizeof(members) / sizeof(members[0]));
}

static int describe_bridge(struct dsc_iscsi *iscsi, struct json_object *object)
{
	struct discsi_bridge *bridge;
	int rc;

	if (dsc_iscsi_load(iscsi, &bridge) < 0)
		return 0;
	const struct dsc_json_member members[] = {
		{ "link", bridge->link, 0 },
		{ "portal", bridge->portal, 0 },
		{ "state", bridge->state, 0 },
		{ "last_error", bridge->last_error, 0 },
		{ "vendor", bridge->vendor, 0 },
		{ "product", bridge->product, 0 },
		{ "revision", bridge->revision, 0 },
		{ "serial", bridge->serial, 0 },
		{ "designator", bridge->designator, 0 },
		{ "block_size", NULL, bridge->block_size },
	};
	rc = dsc_json_add_all(object, members,
			      sizeof(members) / sizeof(members[0]));
	if (rc == 0)
		rc = dsc_json_add_bool(object, "thin", bridge->thin);
	if (rc == 0)
		rc = dsc_json_add_bool(object, "read_only",
				       bridge->read_only);
	discsi_bridge_free(bridge);
	return rc;
}

static int describe_conf(struct dsc_iscsi *iscsi, struct json_object *object)
{
	int rc = 0;

	pthread_mutex_lock(&iscsi->lock);
	if (iscsi->conf != NULL) {
		rc = dsc_json_add_text(object, "target", iscsi->conf->iqn);
		if (rc == 0)
			rc = dsc_json_add_number(object, "lun_id",
						 iscsi->conf->lun_id);
	}
	pthread_mutex_unlock(&iscsi->lock);
	return rc;
}

int dsc_iscsi_describe(void *self, char **json)
{
	struct json_object *object = dsc_json_new();
	struct discsi_lun_info info;
	int rc;

	if (object == NULL)
		return dsc_fail_memory();
	(void)get_info(self, &info);
	rc = describe_conf(self, object);
	if (rc == 0 && info.block_size != 0)
		rc = describe_info(object, &info);
	if (rc == 0)
		rc = describe_session(self, object);
	if (rc == 0)
		rc = describe_bridge(self, object);
	return dsc_json_finish(object, rc, json);
}
