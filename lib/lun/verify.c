/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verify.c: what a session asks of an open LUN after a recovery: is it the same
 * disk? A designator or a serial number that differs, other blocks, or fewer of
 * them, say that it is not. Loop's thread.
 */
#include "lun/lun.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Where a name was known, it must be the same; a lost one is another one. */
static int check_name(const struct discsi_lun *lun, const char *what,
		      const char *was, const char *is,
		      struct discsi_error *error)
{
	if (was[0] == '\0' || strcmp(was, is) == 0)
		return 0;
	return dsc_error_set(error, ESTALE,
			     "%s is another disk now: its %s was \"%s\" and is "
			     "\"%s\"; nothing is written to it", lun->name, what,
			     was, is);
}

static int check_blocks(const struct discsi_lun *lun,
			const struct dsc_capacity *is,
			struct discsi_error *error)
{
	const struct discsi_lun_info *was = &lun->info;

	if (is->block_size != was->block_size)
		return dsc_error_set(error, ESTALE,
				     "%s is another disk now: its blocks were "
				     "%" PRIu32 " bytes and are %" PRIu32,
				     lun->name, was->block_size,
				     is->block_size);
	if (is->blocks < was->blocks)
		return dsc_error_set(error, ESTALE,
				     "%s is another disk now: it had %" PRIu64
				     " blocks and has %" PRIu64, lun->name,
				     was->blocks, is->blocks);
	return 0;
}

static int compare(const struct discsi_lun *lun, const struct dsc_identity *is,
		   struct discsi_error *error)
{
	const struct discsi_lun_info *was = &lun->info;
	int rc = check_name(lun, "designator", was->designator, is->designator,
			    error);

	if (rc == 0)
		rc = check_name(lun, "serial number", was->serial, is->serial,
				error);
	if (rc == 0)
		rc = check_name(lun, "vendor", was->vendor, is->vendor, error);
	if (rc == 0)
		rc = check_name(lun, "product", was->product, is->product,
				error);
	return rc == 0 ? check_blocks(lun, &is->capacity, error) : rc;
}

static void on_identity(struct discsi_lun *lun, struct dsc_nexus *nexus,
			int result, const struct discsi_error *error,
			const struct dsc_identity *identity)
{
	struct discsi_error differs;

	if (lun == NULL) {
		dsc_nexus_verified(nexus, NULL, 0, NULL);
		return;
	}
	if (result == 0) {
		result = compare(lun, identity, &differs);
		error = &differs;
	} else if (result == -EOPNOTSUPP) {
		result = dsc_error_set(&differs, ESTALE,
				       "%s is another disk now: %s", lun->name,
				       error->message);
		error = &differs;
	}
	if (result == 0) {
		dsc_lun_set_capacity(lun, &identity->capacity);
		lun->has_no_sync = false;  /* what answers may be another one */
	}
	dsc_nexus_verified(nexus, &lun->unit, result, error);
}

int dsc_lun_verify(struct dsc_unit *unit, struct dsc_nexus *nexus)
{
	struct discsi_lun *lun = dsc_container_of(unit, struct discsi_lun, unit);

	if (lun->probe != NULL) {
		/* It is being opened: nobody relies on anything yet. */
		dsc_probe_restart(lun->probe);
		return 1;
	}
	if (lun->is_closing)
		return 1;
	return dsc_probe_identity(lun, nexus, on_identity);
}

/* Other blocks: every offset means another place by now. It is condemned. */
static void on_refreshed(void *arg, int result, const struct discsi_error *error)
{
	struct discsi_lun *lun = arg;

	if (result != 0)
		dsc_log(&lun->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_LUN,
			"%s", error->message);
	if (result == -ESTALE && !lun->unit.is_condemned)
		dsc_session_doubt(lun->session);
}

void dsc_lun_news(struct dsc_unit *unit, enum dsc_news news)
{
	struct discsi_lun *lun = dsc_container_of(unit, struct discsi_lun, unit);
	const struct dsc_io_request what = {
		.op = &dsc_op_refresh, .cb = on_refreshed, .arg = lun,
	};

	if (news == DSC_NEWS_CAPACITY && lun->probe == NULL)
		(void)dsc_io_submit(lun, &what);
}

void dsc_lun_condemn(struct dsc_unit *unit, const struct discsi_error *why)
{
	struct discsi_lun *lun = dsc_container_of(unit, struct discsi_lun, unit);

	(void)why;  /* unit->why, for those who see is_condemned */
	pthread_mutex_lock(&lun->lock);
	lun->is_condemned = true;
	pthread_mutex_unlock(&lun->lock);
}

bool dsc_lun_is_condemned(struct discsi_lun *lun)
{
	bool is;

	pthread_mutex_lock(&lun->lock);
	is = lun->is_condemned;
	pthread_mutex_unlock(&lun->lock);
	return is;
}

const char *dsc_lun_vendor(const struct dsc_unit *unit)
{
	const struct discsi_lun *lun =
		dsc_container_of(unit, struct discsi_lun, unit);

	return lun->info.vendor;
}
