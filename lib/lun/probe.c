/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * probe.c: asking a LUN everything once (probe-steps.c), and making its facts
 * of the answers. A step that is optional may fail.
 *
 * Steps belong to rounds. The questions of a round are all asked at once, and
 * its answers are looked at in the order of the table when the last has come,
 * so that opening a LUN takes a few round trips rather than one per question.
 *
 * Loop's thread.
 */
#include "lun/lun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "lun/probe.h"

#define TYPE_DISK 0x00

/* A step of the round that is under way. */
struct question {
	struct dsc_request request;
	struct dsc_probe *probe;
	struct iovec iov;
	bool is_asked;       /* in this round */
	bool is_under_way;
	int result;
};

struct dsc_probe {
	struct discsi_lun *lun;
	dsc_probe_cb done;
	struct dsc_nexus *nexus;       /* asks only who it is, over this one; */
	dsc_identify_cb identified;    /* NULL: everything */
	struct dsc_list link;          /* in lun->identifying */
	bool must_restart;
	enum dsc_round round;
	unsigned under_way;            /* questions */
	int result;                    /* the first that ends it all, */
	struct discsi_error error;     /* and its error */
	uint32_t answered;             /* questions that had an answer */
	struct dsc_facts facts;
	struct question questions[DSC_STEPS];
	uint8_t data[];                /* of all of them */
};

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
	lun->first_aligned = capacity->first_aligned;
	lun->info.blocks = capacity->blocks;
	lun->info.bytes = bytes;
	pthread_mutex_unlock(&lun->lock);
	if (is_news)
		dsc_session_tell_capacity(lun->session, lun->unit.number,
					  bytes);
}

/* Limits in bytes as they are used. */
static void settle_limits(const struct dsc_facts *facts,
			  struct discsi_lun_info *info)
{
	const struct dsc_block_limits *limits = &facts->limits;
	uint32_t size = facts->capacity.block_size;

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

static void settle_abilities(const struct dsc_facts *facts,
			     struct discsi_lun_info *info, bool *reads_zero)
{
	const struct dsc_provisioning *can = &facts->provisioning;

	*reads_zero = facts->capacity.reads_zero || can->reads_zero;
	info->thin = facts->capacity.thin;
	info->can_trim = can->unmap && facts->limits.max_unmap_blocks != 0;
	info->can_zero = facts->can_write_same;
	info->can_zero_unmap = can->write_same_unmap && *reads_zero;
	info->can_block_status = facts->can_tell_status;
	if (!info->can_trim)
		info->max_unmap_bytes = 0;
	if (!info->can_zero && !info->can_zero_unmap)
		info->max_write_same_bytes = 0;
	info->write_cache = facts->has_mode && facts->mode.write_cache;
	info->fua = facts->has_mode && facts->mode.dpofua;
	info->read_only = facts->has_mode && facts->mode.write_protect;
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
	const struct dsc_capacity *capacity = &probe->facts.capacity;

	if (!is_expected(expected, &probe->facts.info))
		return dsc_error_set(error, ESTALE,
				     "%s is another disk: expected_id is %s, "
				     "the LUN says designator \"%s\", serial "
				     "\"%s\"", lun->name, expected,
				     probe->facts.info.designator,
				     probe->facts.info.serial);
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
	const struct dsc_facts *facts = &probe->facts;
	struct discsi_lun_info info = facts->info;

	info.size = sizeof(info);
	info.lun = lun->unit.number;
	settle_limits(facts, &info);
	settle_abilities(facts, &info, &lun->reads_zero);
	if (dsc_session_conf(lun->session)->read_only)
		info.read_only = true;
	lun->has_no_capacity16 = facts->has_no_capacity16;
	lun->answered = probe->answered;
	pthread_mutex_lock(&lun->lock);
	lun->info = info;
	pthread_mutex_unlock(&lun->lock);
	dsc_lun_set_capacity(lun, &facts->capacity);
}

/* ------------------------------------------------------------- the rounds */

static void finish_identity(struct dsc_probe *probe, int result,
			    const struct discsi_error *error)
{
	const struct discsi_lun_info *info = &probe->facts.info;
	struct dsc_identity identity = { .capacity = probe->facts.capacity };
	dsc_identify_cb identified = probe->identified;
	struct dsc_nexus *nexus = probe->nexus;
	struct discsi_lun *lun = probe->lun;

	memcpy(identity.vendor, info->vendor, sizeof(identity.vendor));
	memcpy(identity.product, info->product, sizeof(identity.product));
	memcpy(identity.serial, info->serial, sizeof(identity.serial));
	memcpy(identity.designator, info->designator,
	       sizeof(identity.designator));
	dsc_list_remove(&probe->link);
	dsc_probe_free(probe);
	identified(lun, nexus, result, error, &identity);
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

static void ask_round(struct dsc_probe *probe);
static void begin(struct dsc_probe *probe);

/* A LUN that is not there, or not a disk, is told by INQUIRY. */
static int judge_inquiry(struct dsc_probe *probe, struct discsi_error *error)
{
	if (probe->facts.qualifier != 0)
		return dsc_error_set(error, ENXIO, "%s does not exist",
				     probe->lun->name);
	if (probe->facts.info.type != TYPE_DISK)
		return dsc_error_set(error, EOPNOTSUPP,
				     "%s is not a disk (peripheral device type "
				     "0x%02x)", probe->lun->name,
				     probe->facts.info.type);
	return 0;
}

static int take_answer(struct dsc_probe *probe, size_t number,
		       struct discsi_error *error)
{
	const struct question *question = &probe->questions[number];
	const struct dsc_step *step = &dsc_steps[number];
	int rc = 0;

	if (step->parse != NULL)
		rc = step->parse(&probe->facts, question->iov.iov_base,
				 question->request.task.transferred);
	if (rc != 0 && !step->is_optional)
		return dsc_error_set(error, EPROTO,
				     "%s: the answer to %s makes no sense",
				     probe->lun->name, step->name);
	if (rc != 0)
		dsc_log(&probe->lun->ctx->log, DISCSI_LOG_WARNING, DSC_LOG_LUN,
			"%s: the answer to %s makes no sense, ignored",
			probe->lun->name, step->name);
	else
		probe->answered |= 1u << number;
	if (number == DSC_STEP_INQUIRY)
		return judge_inquiry(probe, error);
	return 0;
}

/*
 * An optional question may be refused; a lost session, or one that was refused
 * when it came back (EACCES), ends it all. What the
 * disk has once answered, it answers again or says that it does not know it
 * any more: a failure is none of the two, and no sign of another disk.
 */
static bool is_fatal(const struct dsc_probe *probe, size_t number, int result)
{
	bool was_answered = (probe->lun->answered >> number & 1) != 0;

	return !dsc_steps[number].is_optional || result == -ENOTCONN ||
	       result == -ECANCELED || result == -ETIMEDOUT ||
	       result == -EACCES ||
	       (probe->nexus != NULL && was_answered && result != -EOPNOTSUPP);
}

/* Its LUN has not waited for it. */
static void end_forgotten(struct dsc_probe *probe,
			  const struct discsi_error *error)
{
	if (probe->nexus != NULL)
		finish_identity(probe, -ECANCELED, error);
	else
		dsc_probe_free(probe);
}

/* What this round has told, in the order of the table. */
static int take_answers(struct dsc_probe *probe, struct discsi_error *error)
{
	int rc = 0;
	size_t i;

	for (i = 0; i < DSC_STEPS && rc == 0; i++) {
		if (probe->questions[i].is_asked &&
		    probe->questions[i].result == 0)
			rc = take_answer(probe, i, error);
	}
	return rc;
}

static void end_round(struct dsc_probe *probe)
{
	struct discsi_error error;
	int rc = probe->result;

	if (rc != 0) {
		error = probe->error;
		finish(probe, rc, &error);
		return;
	}
	if (probe->must_restart) {
		begin(probe);
		return;
	}
	rc = take_answers(probe, &error);
	if (rc != 0) {
		finish(probe, rc, &error);
		return;
	}
	probe->round++;
	ask_round(probe);
}

static void keep_failure(struct dsc_probe *probe, size_t number, int result,
			 const struct discsi_error *error)
{
	if (!is_fatal(probe, number, result)) {
		dsc_log(&probe->lun->ctx->log, DISCSI_LOG_DEBUG, DSC_LOG_LUN,
			"%s", error->message);
	} else if (probe->result == 0) {
		probe->result = result;
		probe->error = *error;
	}
}

static void on_answer(struct dsc_request *request, int result,
		      const struct discsi_error *error)
{
	struct question *question =
		dsc_container_of(request, struct question, request);
	struct dsc_probe *probe = question->probe;

	question->is_under_way = false;
	question->result = result;
	probe->under_way--;
	if (result != 0 && probe->lun != NULL)
		keep_failure(probe, (size_t)(question - probe->questions),
			     result, error);
	if (probe->under_way > 0)
		return;
	if (probe->lun == NULL)
		end_forgotten(probe, error);
	else
		end_round(probe);
}

static bool is_wanted(const struct dsc_probe *probe, const struct dsc_step *step)
{
	if (step->round != probe->round ||
	    (probe->nexus != NULL && !step->is_identity))
		return false;
	if (step->page != 0 && !dsc_vpd_has(&probe->facts.pages, step->page))
		return false;
	return step->is_wanted == NULL || step->is_wanted(&probe->facts);
}

static void ask(struct dsc_probe *probe, size_t number)
{
	struct question *question = &probe->questions[number];
	struct dsc_task *task = &question->request.task;
	const struct dsc_step *step = &dsc_steps[number];

	memset(question->iov.iov_base, 0, step->length);
	memcpy(task->lun, probe->lun->unit.address, sizeof(task->lun));
	step->build(step, task->cdb);
	question->iov.iov_len = step->length;
	task->direction = step->length == 0 ? DSC_DATA_NONE : DSC_DATA_IN;
	task->length = step->length;
	task->iov = &question->iov;
	task->iovcnt = step->length == 0 ? 0 : 1;
	task->iov_skip = 0;
	question->request.done = on_answer;
	question->is_under_way = true;
	if (probe->nexus != NULL)
		dsc_nexus_verify_submit(probe->nexus, &question->request);
	else
		dsc_session_submit(probe->lun->session, &question->request);
}

/* What is asked in this round, and so how many answers are waited for. */
static void choose(struct dsc_probe *probe)
{
	size_t i;

	for (i = 0; i < DSC_STEPS; i++) {
		probe->questions[i].is_asked = is_wanted(probe, &dsc_steps[i]);
		if (probe->questions[i].is_asked)
			probe->under_way++;
	}
}

/* The next round in which there is something to ask; none: the end. */
static void ask_round(struct dsc_probe *probe)
{
	size_t i;

	choose(probe);
	while (probe->under_way == 0 && probe->round < DSC_ROUNDS) {
		probe->round++;
		choose(probe);
	}
	if (probe->under_way == 0) {
		finish_probe(probe);
		return;
	}
	for (i = 0; i < DSC_STEPS; i++) {
		if (probe->questions[i].is_asked)
			ask(probe, i);
	}
}

static void begin(struct dsc_probe *probe)
{
	probe->must_restart = false;
	probe->round = DSC_ROUND_FIRST;
	probe->answered = 0;
	probe->facts = (struct dsc_facts){ .info = { .rotational = true } };
	ask_round(probe);
}

void dsc_probe_restart(struct dsc_probe *probe)
{
	probe->must_restart = true;
}

/* ----------------------------------------------------------------- probes */

/* With room for each answer. */
static struct dsc_probe *make_probe(struct discsi_lun *lun)
{
	struct dsc_probe *probe;
	uint8_t *data;
	size_t bytes = 0;
	size_t i;

	for (i = 0; i < DSC_STEPS; i++)
		bytes += dsc_steps[i].length;
	probe = calloc(1, sizeof(*probe) + bytes);
	if (probe == NULL)
		return NULL;
	probe->lun = lun;
	data = probe->data;
	for (i = 0; i < DSC_STEPS; i++) {
		probe->questions[i].probe = probe;
		probe->questions[i].iov.iov_base = data;
		data += dsc_steps[i].length;
	}
	return probe;
}

void dsc_probe_free(struct dsc_probe *probe)
{
	free(probe);
}

int dsc_probe_identity(struct discsi_lun *lun, struct dsc_nexus *nexus,
		       dsc_identify_cb done)
{
	struct dsc_probe *probe = make_probe(lun);

	if (probe == NULL)
		return -ENOMEM;
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
	struct dsc_probe *probe = make_probe(lun);

	if (probe == NULL)
		return -ENOMEM;
	probe->done = done;
	lun->probe = probe;
	begin(probe);
	return 0;
}

const char *dsc_probe_forget(struct dsc_probe *probe)
{
	const char *question = NULL;
	size_t i;

	probe->lun = NULL;
	for (i = 0; i < DSC_STEPS; i++) {
		if (!probe->questions[i].is_under_way)
			continue;
		if (question == NULL)
			question = dsc_steps[i].name;
		dsc_session_withdraw(&probe->questions[i].request);
	}
	return question;
}
