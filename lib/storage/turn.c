/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn.c: one operation at a time on each storage, with a deadline, a way to
 * cancel it, and word of how far it is. Any thread; the struct dsc_turn lives
 * on the stack of the thread whose turn it is.
 *
 * A cancel counts for all who are under way or wait when it comes: each has
 * kept the number of cancels from when it asked.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "storage/storage.h"

static const char *const stage_names[] = {
	[DISCSI_MOUNT_DISCOVERING] = "discovering",
	[DISCSI_MOUNT_LOGGING_IN] = "logging in",
	[DISCSI_MOUNT_ATTACHING] = "attaching",
	[DISCSI_MOUNT_READY] = "ready",
};

const char *discsi_mount_stage_name(enum discsi_mount_stage stage)
{
	return (unsigned)stage <= DISCSI_MOUNT_READY ? stage_names[stage] : "";
}

/* ------------------------------------------------------------------ begin */

static int read_options(const struct discsi_mount_options *given,
			struct discsi_mount_options *options)
{
	memset(options, 0, sizeof(*options));
	if (given == NULL)
		return 0;
	if (given->size < sizeof(given->size))
		return dsc_fail(EINVAL, "mount: size is not set to the size of "
				"the options");
	memcpy(options, given, given->size < sizeof(*options) ? given->size :
	       sizeof(*options));
	return 0;
}

/* With the lock: why a turn that waits must not begin, 0: it may wait on. */
static int reason_to_give_up(const struct discsi_storage *storage,
			     const struct dsc_turn *turn)
{
	if (turn->can_cancel && storage->cancels != turn->cancels)
		return ECANCELED;
	if (turn->deadline_ns != 0 && dsc_clock_now_ns() >= turn->deadline_ns)
		return ETIMEDOUT;
	return 0;
}

/* The same before it begins: a manager that ends cancels those, too, that
 * nothing cancels once they are under way. */
static int reason_to_wait_no_more(const struct discsi_storage *storage,
				  const struct dsc_turn *turn)
{
	return storage->is_closed ? ECANCELED :
	       reason_to_give_up(storage, turn);
}

static void sleep_for_change(struct discsi_storage *storage,
			     uint64_t deadline_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / DSC_NS_PER_S),
		.tv_nsec = (long)(deadline_ns % DSC_NS_PER_S),
	};

	if (deadline_ns == 0)
		pthread_cond_wait(&storage->changed, &storage->lock);
	else
		pthread_cond_timedwait(&storage->changed, &storage->lock,
				       &until);
}

/* Returns an errno, with the lock not held. */
static int wait_for_turn(struct discsi_storage *storage, struct dsc_turn *turn)
{
	int why = 0;

	pthread_mutex_lock(&storage->lock);
	while (storage->turn != NULL && why == 0) {
		if (pthread_equal(storage->turn->owner, turn->owner))
			why = EDEADLK;
		else
			why = reason_to_wait_no_more(storage, turn);
		if (why == 0)
			sleep_for_change(storage, turn->deadline_ns);
	}
	if (why == 0)
		why = reason_to_wait_no_more(storage, turn);
	if (why == 0) {
		storage->turn = turn;
		storage->turns++;
	}
	pthread_mutex_unlock(&storage->lock);
	return why;
}

static int fail_to_begin(struct discsi_storage *storage, struct dsc_turn *turn,
			 int why)
{
	int rc = dsc_manager_check(storage->manager);

	if (turn->cancel_fd >= 0)
		close(turn->cancel_fd);
	if (rc < 0)
		return rc;
	if (why == EDEADLK)
		return dsc_fail(EDEADLK, "it cannot be changed from inside an "
				"operation of its own");
	if (why == ECANCELED)
		return dsc_fail(ECANCELED, "cancelled while another operation "
				"was under way");
	return dsc_fail(ETIMEDOUT, "another operation was under way all the "
			"time");
}

static uint32_t mount_timeout_ms(struct discsi_storage *storage)
{
	uint32_t ms;

	pthread_mutex_lock(&storage->lock);
	ms = storage->mount_timeout_ms;
	pthread_mutex_unlock(&storage->lock);
	return ms;
}

static int set_limits(struct discsi_storage *storage, struct dsc_turn *turn,
		      const struct discsi_mount_options *options)
{
	uint64_t ms = options->timeout_ms != 0 ? options->timeout_ms :
		      mount_timeout_ms(storage);

	turn->deadline_ns = dsc_clock_now_ns() + ms * DSC_NS_PER_MS;
	turn->progress = options->progress;
	turn->arg = options->arg;
	turn->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (turn->cancel_fd < 0)
		return dsc_fail(errno, "no eventfd can be made (%s)",
				discsi_errno_name(errno));
	return 0;
}

int dsc_turn_begin(struct discsi_storage *storage, struct dsc_turn *turn,
		   const struct discsi_mount_options *options, bool can_cancel)
{
	struct discsi_mount_options known;
	bool is_inside;
	int rc;

	*turn = (struct dsc_turn){
		.owner = pthread_self(),
		.can_cancel = can_cancel,
		.cancel_fd = -1,
	};
	pthread_mutex_lock(&storage->lock);
	turn->cancels = storage->cancels;
	is_inside = !storage->is_closed &&
		    dsc_loop_is_in_turn(&storage->manager->ctx->loop);
	pthread_mutex_unlock(&storage->lock);
	if (is_inside)
		return dsc_fail(EDEADLK, "a storage cannot be changed from "
				"inside a callback of its manager");
	rc = read_options(options, &known);
	if (rc == 0 && can_cancel)
		rc = set_limits(storage, turn, &known);
	if (rc < 0)
		return rc;
	rc = wait_for_turn(storage, turn);
	return rc == 0 ? 0 : fail_to_begin(storage, turn, rc);
}

void dsc_turn_end(struct discsi_storage *storage)
{
	struct dsc_turn *turn;

	pthread_mutex_lock(&storage->lock);
	turn = storage->turn;
	storage->turn = NULL;
	pthread_cond_broadcast(&storage->changed);
	pthread_mutex_unlock(&storage->lock);
	if (turn->cancel_fd >= 0)
		close(turn->cancel_fd);
}

/* ----------------------------------------------------------------- cancel */

/* With the lock. */
static void cancel(struct discsi_storage *storage)
{
	const uint64_t one = 1;

	storage->cancels++;
	if (storage->turn != NULL && storage->turn->cancel_fd >= 0 &&
	    write(storage->turn->cancel_fd, &one, sizeof(one)) < 0) {
		/* It is full, and readable: that is all that is wanted. */
	}
	pthread_cond_broadcast(&storage->changed);
}

void dsc_turn_close(struct discsi_storage *storage)
{
	pthread_mutex_lock(&storage->lock);
	storage->is_closed = true;
	cancel(storage);
	while (storage->turn != NULL)
		pthread_cond_wait(&storage->changed, &storage->lock);
	pthread_mutex_unlock(&storage->lock);
}

void discsi_storage_cancel(struct discsi_storage *storage)
{
	if (storage == NULL || dsc_manager_is_forked(storage->manager))
		return;
	pthread_mutex_lock(&storage->lock);
	cancel(storage);
	pthread_mutex_unlock(&storage->lock);
}

/* --------------------------------------------------------------- the turn */

uint64_t dsc_turn_number(struct discsi_storage *storage)
{
	uint64_t number;

	pthread_mutex_lock(&storage->lock);
	number = storage->turns;
	pthread_mutex_unlock(&storage->lock);
	return number;
}

uint64_t dsc_turn_deadline_ns(struct discsi_storage *storage)
{
	uint64_t deadline_ns = 0;

	pthread_mutex_lock(&storage->lock);
	if (storage->turn != NULL)
		deadline_ns = storage->turn->deadline_ns;
	pthread_mutex_unlock(&storage->lock);
	return deadline_ns;
}

int dsc_turn_check(struct discsi_storage *storage)
{
	const char *stage = "";
	int why = 0;

	pthread_mutex_lock(&storage->lock);
	if (storage->turn != NULL) {
		why = reason_to_give_up(storage, storage->turn);
		stage = stage_names[storage->turn->stage];
	}
	pthread_mutex_unlock(&storage->lock);
	if (why == ECANCELED)
		return dsc_fail(ECANCELED, "cancelled while %s", stage);
	if (why == ETIMEDOUT)
		return dsc_fail(ETIMEDOUT, "the deadline passed while %s",
				stage);
	return 0;
}

void discsi_storage_tell_stage(struct discsi_storage *storage,
			       enum discsi_mount_stage stage)
{
	discsi_mount_progress_cb progress = NULL;
	void *arg = NULL;

	if (storage == NULL || (unsigned)stage > DISCSI_MOUNT_READY ||
	    dsc_manager_is_forked(storage->manager))
		return;
	pthread_mutex_lock(&storage->lock);
	if (storage->turn != NULL && !(storage->turn->has_stage &&
				       storage->turn->stage == stage)) {
		storage->turn->has_stage = true;
		storage->turn->stage = stage;
		progress = storage->turn->progress;
		arg = storage->turn->arg;
	}
	pthread_mutex_unlock(&storage->lock);
	if (progress != NULL)
		progress(arg, storage, stage);
}

uint32_t discsi_storage_time_left_ms(struct discsi_storage *storage)
{
	uint64_t now = dsc_clock_now_ns();
	uint64_t left_ms = 0;

	if (storage == NULL || dsc_manager_is_forked(storage->manager))
		return 0;
	pthread_mutex_lock(&storage->lock);
	if (storage->turn != NULL && reason_to_give_up(storage,
						       storage->turn) == 0) {
		left_ms = UINT32_MAX;
		if (storage->turn->deadline_ns > now)
			left_ms = (storage->turn->deadline_ns - now) /
				  DSC_NS_PER_MS + 1;
	}
	pthread_mutex_unlock(&storage->lock);
	return left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX;
}

int discsi_storage_cancel_fd(struct discsi_storage *storage)
{
	int fd = -1;

	if (storage == NULL || dsc_manager_is_forked(storage->manager))
		return -1;
	pthread_mutex_lock(&storage->lock);
	if (storage->turn != NULL)
		fd = storage->turn->cancel_fd;
	pthread_mutex_unlock(&storage->lock);
	return fd;
}
