/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * probe.c: asking a LUN everything once, one question after the other: a
 * table of steps, each a command, how much may come back, and what to make of
 * it. A step that is optional may fail; its facts then keep their defaults.
 *
 * Loop's thread.
 */
#include "lun/lun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "scsi/cdb.h"

#define PROBE_BYTES 4096
#define TYPE_DISK 0x00
#define MODE_PAGE_CACHING 0x08
#define MODE_PAGE_ALL 0x3f

struct dsc_probe {
	struct dsc_request request;
	struct discsi_lun *lun;
	dsc_probe_cb done;
	struct dsc_nexus *nexus;       /* asks only who it is, over this one; */
	dsc_identify_cb identified;    /* NULL: everything */
	struct dsc_list link;          /* in lun->identifying */
	bool must_restart;
	size_t step;
	struct dsc_vpd_pages pages;
	struct dsc_block_limits limits;
	struct dsc_provisioning provisioning;
	struct dsc_capacity capacity;
	bool has_capacity;
	struct dsc_mode mode;
	bool has_mode;
	bool can_write_same;     /* told by, or guessed without, the list */
	bool can_tell_status;
	uint32_t answered;       /* questions that had an answer, by step */
	uint8_t qualifier;
	struct discsi_lun_info info;
	struct iovec iov;
	uint8_t data[PROBE_BYTES];
};

struct step {
	const char *name;
	bool is_optional;
	bool is_identity; /* also asked when only the identity is wanted */
	uint16_t length;  /* allocation length */
	uint8_t page;     /* asked only if VPD 00 lists it; 0: always */
	void (*build)(const struct step *step, uint8_t *cdb);
	int (*parse)(struct dsc_probe *probe, size_t length);
	bool (*is_wanted)(const struct dsc_probe *probe);
};

/* ----------------------------------------------------------------- steps */

static void build_ready(const struct step *step, uint8_t *cdb)
{
	(void)step;
	dsc_cdb_test_unit_ready(cdb);
}

static void build_inquiry(const struct step *step, uint8_t *cdb)
{
	dsc_cdb_inquiry(cdb, -1, step->length);
}

static int parse_inquiry(struct dsc_probe *probe, size_t length)
{
	return dsc_inquiry_parse(probe->data, length, &probe->qualifier,
				 &probe->info);
}

static void build_vpd(const struct step *step, uint8_t *cdb)
{
	dsc_cdb_inquiry(cdb, step->page, step->length);
}

static int parse_supported(struct dsc_probe *probe, size_t length)
{
	return dsc_vpd_parse_supported(probe->data, length, &probe->pages);
}

static int parse_serial(struct dsc_probe *probe, size_t length)
{
	return dsc_vpd_parse_serial(probe->data, length, probe->info.serial,
				    sizeof(probe->info.serial));
}

static int parse_identification(struct dsc_probe *probe, size_t length)
{
	return dsc_vpd_parse_identification(probe->data, length,
					    probe->info.designator,
					    sizeof(probe->info.designator));
}

static int parse_limits(struct dsc_probe *probe, size_t length)
{
	int rc = dsc_vpd_parse_block_limits(probe->data, length,
					    &probe->limits);

	probe->can_write_same = probe->limits.max_write_same_blocks != 0;
	return rc;
}

static int parse_characteristics(struct dsc_probe *probe, size_t length)
{
	return dsc_vpd_parse_characteristics(probe->data, length,
					     &probe->info.rotational);
}

static int parse_provisioning(struct dsc_probe *probe, size_t length)
{
	return dsc_vpd_parse_provisioning(probe->data, length,
					  &probe->provisioning);
}

static void build_capacity16(const struct step *step, uint8_t *cdb)
{
	dsc_cdb_read_capacity16(cdb, step->length);
}

static int parse_capacity16(struct dsc_probe *probe, size_t length)
{
	int rc = dsc_capacity16_parse(probe->data, length, &probe->capacity);

	probe->has_capacity = rc == 0;
	probe->can_tell_status = rc == 0 && probe->capacity.thin;
	return rc;
}

static void build_capacity10(const struct step *step, uint8_t *cdb)
{
	(void)step;
	dsc_cdb_read_capacity10(cdb);
}

static int parse_capacity10(struct dsc_probe *probe, size_t length)
{
	int rc = dsc_capacity10_parse(probe->data, length, &probe->capacity);

	if (rc == 0 && probe->capacity.is_over_10)
		return -EPROTO;
	if (probe->nexus == NULL)
		probe->lun->has_no_capacity16 = rc == 0;
	probe->has_capacity = rc == 0;
	return rc;
}

static bool wants_capacity10(const struct dsc_probe *probe)
{
	return !probe->has_capacity;
}

static void build_mode6(const struct step *step, uint8_t *cdb)
{
	dsc_cdb_mode_sense6(cdb, MODE_PAGE_CACHING, (uint8_t)step->length);
}

/* Write protection is told with any page; not every LUN has the caching one. */
static void build_mode6_all(const struct step *step, uint8_t *cdb)
{
	dsc_cdb_mode_sense6(cdb, MODE_PAGE_ALL, (uint8_t)step->length);
}

static int parse_mode6(struct dsc_probe *probe, size_t length)
{
	int rc = dsc_mode6_parse(probe->data, length, &probe->mode);

	probe->has_mode = rc == 0;
	return rc;
}

static void build_mode10(const struct step *step, uint8_t *cdb)
{
	dsc_cdb_mode_sense10(cdb, MODE_PAGE_CACHING, step->length);
}

static int parse_mode10(struct dsc_probe *probe, size_t length)
{
	int rc = dsc_mode10_parse(probe->data, length, &probe->mode);

	probe->has_mode = rc == 0;
	return rc;
}

static bool wants_mode(const struct dsc_probe *probe)
{
	return !probe->has_mode;
}

static void build_has_write_same(const struct step *step, uint8_t *cdb)
{
	dsc_cdb_report_write_same16(cdb, step->length);
}

/* Where the LUN does not tell, a limit on VPD B0 speaks for it. */
static int parse_has_write_same(struct dsc_probe *probe, size_t length)
{
	return dsc_opcode_parse(probe->data, length, &probe->can_write_same);
}

static void build_has_status(const struct step *step, uint8_t *cdb)
{
	dsc_cdb_report_get_lba_status(cdb, step->length);
}

static int parse_has_status(struct dsc_probe *probe, size_t length)
{
	return dsc_opcode_parse(probe->data, length, &probe->can_tell_status);
}

#define VPD(name, is_identity, page, parse) \
	{ name, true, is_identity, 1024, page, build_vpd, parse, NULL }

static const struct step steps[] = {
	{ "TEST UNIT READY", false, true, 0, 0, build_ready, NULL, NULL },
	{ "INQUIRY", false, true, 96, 0, build_inquiry, parse_inquiry, NULL },
	VPD("VPD 00", true, DSC_VPD_SUPPORTED, parse_supported),
	VPD("VPD 80", true, DSC_VPD_SERIAL, parse_serial),
	VPD("VPD 83", true, DSC_VPD_IDENTIFICATION, parse_identification),
	VPD("VPD B0", false, DSC_VPD_BLOCK_LIMITS, parse_limits),
	VPD("VPD B1", false, DSC_VPD_BLOCK_CHARACTERISTICS, parse_characteristics),
	VPD("VPD B2", false, DSC_VPD_PROVISIONING, parse_provisioning),
	{ "READ CAPACITY(16)", true, true, 32, 0, build_capacity16, parse_capacity16,
	  NULL },
	{ "READ CAPACITY(10)", false, true, 8, 0, build_capacity10, parse_capacity10,
	  wants_capacity10 },
	{ "MODE SENSE(6)", true, false, 192, 0, build_mode6, parse_mode6, NULL },
	{ "MODE SENSE(10)", true, false, 192, 0, build_mode10, parse_mode10,
	  wants_mode },
	{ "MODE SENSE(6) of all pages", true, false, 192, 0, build_mode6_all,
	  parse_mode6, wants_mode },
	{ "REPORT SUPPORTED OPERATION CODES (93)", true, false, 64, 0,
	  build_has_write_same, parse_has_write_same, NULL },
	{ "REPORT SUPPORTED OPERATION CODES (9E/12)", true, false, 64, 0,
	  build_has_status, parse_has_status, NULL },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* --------------------------------------------------------------- results */

static uint64_t blocks_to_bytes(uint64_t blocks, uint32_t block_size,
				uint64_t cap)
{
	uint64_t bytes;

	if (blocks == 0 || !dsc_mul_u64(blocks, block_size, &bytes) ||
	    bytes > cap)
		bytes = cap;
	return bytes - bytes % block_size;
}

void dsc_lun_set_capacity(struct discsi_lun *lun,
			  const struct dsc_capacity *capacity)
{
	uint64_t bytes = capacity->blocks * capacity->block_size;
	bool is_news = lun->probe == NULL && bytes != lun->info.bytes;

	pthread_mutex_lock(&lun->lock);
	lun->info.block_size = capacity->block_size;
	lun->info.physical_block_size = capacity->physical_block_size;
	lun->info.blocks = capacity->blocks;
	lun->info.bytes = bytes;
	pthread_mutex_unlock(&lun->lock);
	if (is_news)
		dsc_session_tell_capacity(lun->session, lun->unit.number,
					  bytes);
}

/* Limits in bytes as they are used. */
static void settle_limits(const struct dsc_probe *probe,
			  struct discsi_lun_info *info)
{
	const struct dsc_block_limits *limits = &probe->limits;
	uint32_t size = probe->capacity.block_size;

	info->max_transfer_bytes =
		(uint32_t)blocks_to_bytes(limits->max_transfer_blocks, size,
					  DSC_MAX_TRANSFER_BYTES);
	if (limits->optimal_transfer_blocks != 0)
		info->optimal_transfer_bytes =
			(uint32_t)blocks_to_bytes(
				limits->optimal_transfer_blocks, size,
				info->max_transfer_bytes);
	info->max_unmap_bytes =
		(uint32_t)blocks_to_bytes(limits->max_unmap_blocks, size,
					  DSC_MAX_UNMAP_BYTES);
	if (limits->unmap_granularity_blocks != 0)
		info->unmap_granularity_bytes =
			(uint32_t)blocks_to_bytes(
				limits->unmap_granularity_blocks, size,
				DSC_MAX_UNMAP_BYTES);
	if (info->unmap_granularity_bytes != 0)
		info->unmap_alignment_bytes =
			(uint32_t)((uint64_t)limits->unmap_alignment_blocks *
				   size % info->unmap_granularity_bytes);
	info->max_write_same_bytes =
		blocks_to_bytes(limits->max_write_same_blocks, size,
				DSC_MAX_ZERO_BYTES);
}

static void settle_abilities(const struct dsc_probe *probe,
			     struct discsi_lun_info *info, bool *reads_zero)
{
	const struct dsc_provisioning *can = &probe->provisioning;

	*reads_zero = probe->capacity.reads_zero || can->reads_zero;
	info->thin = probe->capacity.thin;
	info->can_trim = can->unmap && probe->limits.max_unmap_blocks != 0;
	info->can_zero = probe->can_write_same;
	info->can_zero_unmap = can->write_same_unmap && *reads_zero;
	info->can_block_status = probe->can_tell_status;
	if (!info->can_trim)
		info->max_unmap_bytes = 0;
	if (!info->can_zero && !info->can_zero_unmap)
		info->max_write_same_bytes = 0;
	info->write_cache = probe->has_mode && probe->mode.write_cache;
	info->fua = probe->has_mode && probe->mode.dpofua;
	info->read_only = dsc_session_conf(probe->lun->session)->read_only ||
			  (probe->has_mode && probe->mode.write_protect);
}

static bool is_expected(const char *expected, const struct discsi_lun_info *info)
{
	return expected == NULL || strcmp(expected, info->designator) == 0 ||
	       strcmp(expected, info->serial) == 0;
}

/* Is this a LUN that we can work with? */
static int accept_lun(struct dsc_probe *probe, struct discsi_error *error)
{
	struct discsi_lun *lun = probe->lun;
	const char *expected = dsc_session_conf(lun->session)->expected_id;
	const struct dsc_capacity *capacity = &probe->capacity;

	if (!is_expected(expected, &probe->info))
		return dsc_error_set(error, ESTALE,
				     "%s is another disk: expected_id is %s, "
				     "the LUN says designator \"%s\", serial "
				     "\"%s\"", lun->name, expected,
				     probe->info.designator,
				     probe->info.serial);
	if (!dsc_is_power_of_two(capacity->block_size) ||
	    capacity->block_size < DSC_BLOCK_SIZE_MIN ||
	    capacity->block_size > DSC_BLOCK_SIZE_MAX)
		return dsc_error_set(error, EOPNOTSUPP,
				     "%s has blocks of %u bytes; a power of two "
				     "from %d to %d is needed", lun->name,
				     capacity->block_size, DSC_BLOCK_SIZE_MIN,
				     DSC_BLOCK_SIZE_MAX);
	return 0;
}

static void publish(struct dsc_probe *probe)
{
	struct discsi_lun *lun = probe->lun;
	struct discsi_lun_info *info = &probe->info;

	info->size = sizeof(*info);
	info->lun = lun->unit.number;
	settle_limits(probe, info);
	settle_abilities(probe, info, &lun->reads_zero);
	lun->cache_is_known = probe->has_mode && probe->mode.has_cache_page;
	lun->answered = probe->answered;
	pthread_mutex_lock(&lun->lock);
	lun->info = *info;
	pthread_mutex_unlock(&lun->lock);
	dsc_lun_set_capacity(lun, &probe->capacity);
}

/* ------------------------------------------------------------- the chain */

static void finish_identity(struct dsc_probe *probe, int result,
			    const struct discsi_error *error)
{
	struct dsc_identity identity;
	struct dsc_probe own = *probe;

	dsc_list_remove(&probe->link);
	free(probe);
	memcpy(identity.vendor, own.info.vendor, sizeof(identity.vendor));
	memcpy(identity.product, own.info.product, sizeof(identity.product));
	memcpy(identity.serial, own.info.serial, sizeof(identity.serial));
	memcpy(identity.designator, own.info.designator,
	       sizeof(identity.designator));
	identity.capacity = own.capacity;
	own.identified(own.lun, own.nexus, result, error, &identity);
}

static void finish(struct dsc_probe *probe, int result,
		   const struct discsi_error *error)
{
	if (probe->nexus != NULL)
		finish_identity(probe, result, error);
	else
		probe->done(probe->lun, result, error);
}

static void finish_probe(struct dsc_probe *probe)
{
	struct discsi_error error;
	int rc;

	if (probe->nexus != NULL) {
		finish(probe, 0, NULL);
		return;
	}
	rc = accept_lun(probe, &error);
	if (rc == 0)
		publish(probe);
	finish(probe, rc, rc == 0 ? NULL : &error);
}

static void ask(struct dsc_probe *probe);
static void begin(struct dsc_probe *probe);

/* A LUN that is not there, or not a disk, is told by INQUIRY. */
static int judge_inquiry(struct dsc_probe *probe, struct discsi_error *error)
{
	if (probe->qualifier != 0)
		return dsc_error_set(error, ENXIO, "%s does not exist",
				     probe->lun->name);
	if (probe->info.type != TYPE_DISK)
		return dsc_error_set(error, EOPNOTSUPP,
				     "%s is not a disk (peripheral device type "
				     "0x%02x)", probe->lun->name,
				     probe->info.type);
	return 0;
}

static int take_answer(struct dsc_probe *probe, const struct step *step,
		       struct discsi_error *error)
{
	int rc = 0;

	if (step->parse != NULL)
		rc = step->parse(probe, probe->request.task.transferred);
	if (rc != 0 && !step->is_optional)
		return dsc_error_set(error, EPROTO,
				     "%s: the answer to %s makes no sense",
				     probe->lun->name, step->name);
	if (rc != 0)
		dsc_log(&probe->lun->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_LUN,
			"%s: the answer to %s makes no sense, ignored",
			probe->lun->name, step->name);
	else
		probe->answered |= 1u << probe->step;
	if (step->parse == parse_inquiry)
		return judge_inquiry(probe, error);
	return 0;
}

/*
 * An optional question may be refused; a lost session ends it all. What the
 * disk has once answered, it answers again or says that it does not know it
 * any more: a failure is none of the two, and no sign of another disk.
 */
static bool is_fatal(const struct dsc_probe *probe, const struct step *step,
		     int result)
{
	bool was_answered = (probe->lun->answered >> probe->step & 1) != 0;

	return !step->is_optional || result == -ENOTCONN ||
	       result == -ECANCELED || result == -ETIMEDOUT ||
	       (probe->nexus != NULL && was_answered && result != -EOPNOTSUPP);
}

/* Its LUN has not waited for it. */
static void end_forgotten(struct dsc_probe *probe,
			  const struct discsi_error *error)
{
	if (probe->nexus != NULL)
		finish_identity(probe, -ECANCELED, error);
	else
		free(probe);
}

static void on_answer(struct dsc_request *request, int result,
		      const struct discsi_error *error)
{
	struct dsc_probe *probe =
		dsc_container_of(request, struct dsc_probe, request);
	const struct step *step = &steps[probe->step];
	struct discsi_error refused;

	if (probe->lun == NULL) {
		end_forgotten(probe, error);
		return;
	}
	if (result != 0 && is_fatal(probe, step, result)) {
		finish(probe, result, error);
		return;
	}
	if (probe->must_restart) {
		begin(probe);
		return;
	}
	if (result == 0) {
		result = take_answer(probe, step, &refused);
		if (result != 0) {
			finish(probe, result, &refused);
			return;
		}
	} else {
		dsc_log(&probe->lun->ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_LUN,
			"%s", error->message);
	}
	probe->step++;
	ask(probe);
}

static bool is_wanted(const struct dsc_probe *probe, const struct step *step)
{
	if (probe->nexus != NULL && !step->is_identity)
		return false;
	if (step->page != 0 && !dsc_vpd_has(&probe->pages, step->page))
		return false;
	return step->is_wanted == NULL || step->is_wanted(probe);
}

static void ask(struct dsc_probe *probe)
{
	struct dsc_task *task = &probe->request.task;
	const struct step *step;

	while (probe->step < STEPS && !is_wanted(probe, &steps[probe->step]))
		probe->step++;
	if (probe->step == STEPS) {
		finish_probe(probe);
		return;
	}
	step = &steps[probe->step];
	memset(probe->data, 0, sizeof(probe->data));
	memcpy(task->lun, probe->lun->unit.address, sizeof(task->lun));
	step->build(step, task->cdb);
	probe->iov.iov_base = probe->data;
	probe->iov.iov_len = step->length;
	task->direction = step->length == 0 ? DSC_DATA_NONE : DSC_DATA_IN;
	task->length = step->length;
	task->iov = &probe->iov;
	task->iovcnt = step->length == 0 ? 0 : 1;
	task->iov_skip = 0;
	probe->request.done = on_answer;
	if (probe->nexus != NULL)
		dsc_nexus_verify_submit(probe->nexus, &probe->request);
	else
		dsc_session_submit(probe->lun->session, &probe->request);
}

static void begin(struct dsc_probe *probe)
{
	probe->must_restart = false;
	probe->step = 0;
	probe->answered = 0;
	memset(&probe->pages, 0, sizeof(probe->pages));
	memset(&probe->limits, 0, sizeof(probe->limits));
	memset(&probe->provisioning, 0, sizeof(probe->provisioning));
	memset(&probe->capacity, 0, sizeof(probe->capacity));
	memset(&probe->mode, 0, sizeof(probe->mode));
	memset(&probe->info, 0, sizeof(probe->info));
	probe->has_capacity = false;
	probe->has_mode = false;
	probe->can_write_same = false;
	probe->can_tell_status = false;
	probe->info.rotational = true;
	ask(probe);
}

void dsc_probe_restart(struct dsc_probe *probe)
{
	probe->must_restart = true;
}

int dsc_probe_identity(struct discsi_lun *lun, struct dsc_nexus *nexus,
		       dsc_identify_cb done)
{
	struct dsc_probe *probe = calloc(1, sizeof(*probe));

	if (probe == NULL)
		return -ENOMEM;
	probe->lun = lun;
	probe->nexus = nexus;
	probe->identified = done;
	dsc_list_append(&lun->identifying, &probe->link);
	begin(probe);
	return 0;
}

void dsc_probe_forget_identities(struct discsi_lun *lun)
{
	struct dsc_list *first;

	while ((first = dsc_list_pop(&lun->identifying)) != NULL)
		dsc_container_of(first, struct dsc_probe, link)->lun = NULL;
}

int dsc_probe_start(struct discsi_lun *lun, dsc_probe_cb done)
{
	struct dsc_probe *probe = calloc(1, sizeof(*probe));

	if (probe == NULL)
		return -ENOMEM;
	probe->lun = lun;
	probe->done = done;
	lun->probe = probe;
	begin(probe);
	return 0;
}

const char *dsc_probe_forget(struct dsc_probe *probe)
{
	const char *question = steps[probe->step].name;

	probe->lun = NULL;
	dsc_session_withdraw(&probe->request);
	return question;
}

void dsc_probe_free(struct dsc_probe *probe)
{
	free(probe);
}
