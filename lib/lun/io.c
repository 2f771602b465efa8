/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io.c: carrying an I/O out: checks on the caller's thread, then on the loop
 * pieces go out while the window lets them, answers come in, and the callback
 * runs once. An I/O that fits one command is its own piece: no second object,
 * no allocation.
 *
 * Requests come from a pool of the LUN that grows by slabs and is used last
 * in, first out.
 */
#include "lun/lun.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define SLAB_IOS 32

struct slab {
	struct dsc_list link;
	struct dsc_io ios[SLAB_IOS];
};

static void pump(struct dsc_io *io);

/* ------------------------------------------------------------------ pool */

/* With lun->lock held. False when out of memory. */
static bool grow_pool(struct discsi_lun *lun)
{
	struct slab *slab = calloc(1, sizeof(*slab));
	size_t i;

	if (slab == NULL)
		return false;
	dsc_list_append(&lun->slabs, &slab->link);
	for (i = 0; i < SLAB_IOS; i++) {
		slab->ios[i].lun = lun;
		dsc_list_append(&lun->pool, &slab->ios[i].link);
	}
	return true;
}

/* With lun->lock held. */
static struct dsc_io *take_io(struct discsi_lun *lun)
{
	struct dsc_list *first = dsc_list_pop(&lun->pool);

	if (first == NULL && grow_pool(lun))
		first = dsc_list_pop(&lun->pool);
	return first == NULL ? NULL :
	       dsc_container_of(first, struct dsc_io, link);
}

static void give_io(struct dsc_io *io)
{
	struct discsi_lun *lun = io->lun;

	dsc_list_remove(&io->link);
	pthread_mutex_lock(&lun->lock);
	dsc_list_prepend(&lun->pool, &io->link);
	pthread_mutex_unlock(&lun->lock);
}

/* ------------------------------------------------------------ completion */

/* For failures that no command's answer has a sentence for. */
static const char *plain_reason(int result)
{
	switch (result) {
	case -ECANCELED:
		return "cancelled";
	case -EOPNOTSUPP:
		return "the LUN does not support it";
	case -ESTALE:
		return "the block size has changed";
	case -EPROTO:
		return "the answer makes no sense";
	default:
		return "out of memory";
	}
}

static void finish(struct dsc_io *io)
{
	struct discsi_lun *lun = io->lun;
	struct discsi_error *error = io->error;
	struct discsi_error plain;
	discsi_done_cb cb = io->cb;
	void *arg = io->arg;
	const char *io_name = io->op->name;
	int result = io->result;

	io->error = NULL;
	free(io->buffer);
	io->buffer = NULL;
	give_io(io);
	if (result != 0 && error == NULL) {
		dsc_error_set(&plain, -result, "%s of %s: %s", io_name,
			      lun->name, plain_reason(result));
		cb(arg, result, &plain);
	} else {
		cb(arg, result, error);
	}
	free(error);
	if (lun->is_closed && dsc_list_is_empty(&lun->active))
		dsc_deferred_request(&lun->ctx->loop, &lun->settle);
}

void dsc_io_finish_now(struct discsi_lun *lun)
{
	struct dsc_list round;
	struct dsc_list *first;

	/* What callbacks submit meanwhile has its turn later. */
	dsc_list_init(&round);
	dsc_list_splice(&round, &lun->finished);
	while ((first = dsc_list_first(&round)) != NULL)
		finish(dsc_container_of(first, struct dsc_io, link));
}

static void on_finish(struct dsc_deferred *deferred)
{
	dsc_io_finish_now(dsc_container_of(deferred, struct discsi_lun,
					   finish));
}

/* The first failure is the one that is told. */
static void record_failure(struct dsc_io *io, int result,
			   const struct discsi_error *error)
{
	if (io->result != 0)
		return;
	io->result = result;
	if (error == NULL)
		return;
	io->error = malloc(sizeof(*io->error));
	if (io->error != NULL)
		*io->error = *error;
}

void dsc_io_fail(struct dsc_io *io, const struct discsi_error *error)
{
	record_failure(io, -error->errnum, error);
}

static void fail_short(struct dsc_io *io, const struct dsc_task *task)
{
	struct discsi_error error;

	dsc_error_set(&error, EIO,
		      "%s: %s moved %" PRIu32 " of %" PRIu32 " bytes",
		      io->lun->name, io->op->name, task->transferred,
		      task->length);
	record_failure(io, -EIO, &error);
}

/* GOOD, but the command was another one to the target than to us. */
static void fail_overflow(struct dsc_io *io, const struct dsc_task *task)
{
	struct discsi_error error;

	dsc_error_set(&error, EIO, "%s: %s: the target would move %" PRIu32
		      " bytes more than %" PRIu32 ": its blocks are not those "
		      "that were told", io->lun->name, io->op->name,
		      task->overflow, task->length);
	record_failure(io, -EIO, &error);
}

static void fail_robbed(struct dsc_io *io)
{
	struct discsi_error error;

	dsc_error_set(&error, EIO, "%s: somebody else has read from the pipe "
		      "of a %s", io->lun->name, io->op->name);
	record_failure(io, -EIO, &error);
}

static void rewind_io(struct dsc_io *io)
{
	io->next = io->offset;
	io->data.iov = io->iov;
	io->data.iovcnt = io->iovcnt;
	io->data.skip = 0;
}

/* The disk has turned out to be another one: nothing more goes to it. */
static void refuse_condemned(struct dsc_io *io)
{
	const struct dsc_unit *unit = &io->lun->unit;
	struct discsi_error error;

	if (!unit->is_condemned || io->result != 0)
		return;
	dsc_error_set(&error, unit->why.errnum, "%s of %s: %s", io->op->name,
		      io->lun->name, unit->why.message);
	record_failure(io, -error.errnum, &error);
}

/* All pieces are done, well or not. True when the I/O goes on. */
static bool goes_on(struct dsc_io *io)
{
	int rc;

	if (io->result != 0 || io->op->completed == NULL)
		return false;
	rc = io->op->completed(io);
	if (rc != -EAGAIN) {
		io->result = rc;
		return false;
	}
	rewind_io(io);
	return true;
}

static void on_piece_done(struct dsc_request *request, int result,
			  const struct discsi_error *error)
{
	struct dsc_io *piece = dsc_container_of(request, struct dsc_io, request);
	struct dsc_io *io = piece->parent == NULL ? piece : piece->parent;

	piece->is_under_way = false;
	/* Answers that are asked for in part may well have more. */
	if (result == 0 && request->task.overflow != 0 &&
	    (io->op->answered == NULL || io->op->is_writing))
		fail_overflow(io, &request->task);
	if (io->op->answered != NULL)
		result = io->op->answered(io, piece, result);
	else if (result == 0 && request->task.transferred !=
				request->task.length)
		fail_short(io, &request->task);
	if (result == 0 && request->task.is_pipe_broken)
		fail_robbed(io);
	if (result != 0)
		record_failure(io, result, error);
	if (piece != io)
		give_io(piece);
	io->pieces--;
	pump(io);
}

/* ---------------------------------------------------------------- pieces */

static void send_piece(struct dsc_io *io, struct dsc_io *piece, uint64_t offset,
		       uint64_t length)
{
	struct dsc_task *task = &piece->request.task;

	memcpy(task->lun, io->lun->unit.address, sizeof(task->lun));
	task->direction = io->op->direction;
	piece->request.takes_status = io->op->takes_status;
	task->length = 0;
	task->iovcnt = 0;
	task->pipe = io->pipe;
	if (task->pipe != NULL) {
		task->pipe_data = io->own_iov.iov_base;
		task->pipe_at = (size_t)(offset - io->offset);
	}
	task->is_pipe_broken = false;
	io->op->build(io, piece, offset, length);
	piece->request.done = on_piece_done;
	piece->is_under_way = true;
	io->pieces++;
	dsc_session_submit(io->lun->session, &piece->request);
}

/* A piece that is not the I/O itself; NULL when out of memory. */
static struct dsc_io *take_piece(struct dsc_io *io)
{
	struct discsi_lun *lun = io->lun;
	struct dsc_io *piece;

	pthread_mutex_lock(&lun->lock);
	piece = take_io(lun);
	pthread_mutex_unlock(&lun->lock);
	if (piece == NULL)
		return NULL;
	piece->parent = io;
	dsc_list_append(&lun->active, &piece->link);
	return piece;
}

/* Sends the next piece. False when there is none, or no room for it. */
static bool send_next(struct dsc_io *io)
{
	struct dsc_io *piece = io;
	struct dsc_grid grid = { 0, 0 };
	uint64_t length;

	if (io->next >= io->end || io->result != 0 ||
	    io->pieces >= DSC_IO_WINDOW)
		return false;
	if (io->op->grid != NULL)
		grid = io->op->grid(io);
	length = dsc_split_next(io->next, io->end, io->op->piece_max(io),
				grid.size, grid.from);
	if (length != io->end - io->offset) {
		piece = take_piece(io);
		if (piece == NULL)
			return false;
	}
	io->next += length;
	send_piece(io, piece, io->next - length, length);
	return true;
}

/* Sends what the window allows. True when something is under way. */
static bool send_pieces(struct dsc_io *io)
{
	if (io->lun->is_closing && io->result == 0 && io->next < io->end)
		io->result = -ECANCELED;
	if (io->next < io->end)
		refuse_condemned(io);
	while (send_next(io))
		;
	if (io->pieces != 0)
		return true;
	if (io->next < io->end && io->result == 0)
		io->result = -ENOMEM;
	return false;
}

static void pump(struct dsc_io *io)
{
	while (!send_pieces(io)) {
		if (!goes_on(io)) {
			finish(io);
			return;
		}
		/* A command that is not about blocks, after another one. */
		if (!io->op->is_ranged && io->next >= io->end)
			send_piece(io, io, io->offset, 0);
	}
}

/* ----------------------------------------------------------------- start */

/* An I/O arrives on the loop. */
static void start(struct dsc_io *io)
{
	struct discsi_lun *lun = io->lun;

	dsc_list_append(&lun->active, &io->link);
	if (io->op->begin != NULL)
		io->result = io->op->begin(io);
	refuse_condemned(io);
	if (!io->op->is_ranged && io->result == 0) {
		send_piece(io, io, io->offset, io->end - io->offset);
		return;
	}
	if (io->op->is_ranged && send_pieces(io))
		return;
	/* Nothing to send: it must not complete inside the submission. */
	dsc_list_remove(&io->link);
	dsc_list_append(&lun->finished, &io->link);
	dsc_deferred_request(&lun->ctx->loop, &lun->finish);
}

static void on_job(struct dsc_job *job)
{
	start(dsc_container_of(job, struct dsc_io, job));
}

/* ----------------------------------------------------------------- check */

/* With lun->lock held. */
static int check(struct discsi_lun *lun, const struct dsc_io_request *what)
{
	const struct discsi_lun_info *info = &lun->info;

	if (lun->is_closing || lun->ctx->is_ending)
		return dsc_fail(ECANCELED, "%s of %s: the LUN is being closed",
				what->op->name, lun->name);
	if (lun->is_condemned)
		return dsc_fail(lun->unit.why.errnum, "%s of %s: %s",
				what->op->name, lun->name,
				lun->unit.why.message);
	if (what->flags & ~what->flags_allowed)
		return dsc_fail(EINVAL, "%s of %s: unknown flags 0x%x",
				what->op->name, lun->name,
				what->flags & ~what->flags_allowed);
	if (what->op->is_writing && info->read_only)
		return dsc_fail(EROFS, "%s of %s: the LUN is read only",
				what->op->name, lun->name);
	if (!what->op->is_ranged)
		return 0;
	if (((what->offset | what->length) & (info->block_size - 1)) != 0)
		return dsc_fail(EINVAL, "%s of %s: offset %" PRIu64 " or length "
				"%" PRIu64 " is not a multiple of the block "
				"size, %" PRIu32, what->op->name, lun->name,
				what->offset, what->length, info->block_size);
	if (!dsc_is_inside(what->offset, what->length, info->bytes))
		return dsc_fail(ERANGE, "%s of %s: %" PRIu64 " bytes at %" PRIu64
				" reach beyond the end, %" PRIu64,
				what->op->name, lun->name, what->length,
				what->offset, info->bytes);
	return 0;
}

static void fill(struct dsc_io *io, const struct dsc_io_request *what)
{
	io->parent = NULL;
	io->op = what->op;
	io->cb = what->cb;
	io->arg = what->arg;
	io->iov = what->iov;
	io->iovcnt = what->iovcnt;
	io->pipe = what->pipe;
	if (what->iovcnt == 1) {
		io->own_iov = what->iov[0];
		io->iov = &io->own_iov;
	}
	io->offset = what->offset;
	io->end = what->offset + what->length;
	rewind_io(io);
	io->flags = what->flags;
	io->pieces = 0;
	io->is_unmapping = false;
	io->must_redo = false;
	io->result = 0;
	io->error = NULL;
	io->extents = what->extents;
	io->count = what->count;
	io->room = what->count == NULL ? 0 : *what->count;
	io->buffer = what->buffer;
	io->answer = what->answer;
	memcpy(io->keys, what->keys, sizeof(io->keys));
	io->answers = 0;
}

int dsc_io_submit(struct discsi_lun *lun, const struct dsc_io_request *what)
{
	struct dsc_io *io = NULL;
	int rc;

	pthread_mutex_lock(&lun->lock);
	rc = check(lun, what);
	if (rc == 0)
		io = take_io(lun);
	pthread_mutex_unlock(&lun->lock);
	if (rc != 0)
		return rc;
	if (io == NULL)
		return dsc_fail_memory();
	fill(io, what);
	if (dsc_loop_is_mine(&lun->ctx->loop))
		start(io);
	else
		dsc_loop_post(&lun->ctx->loop, &io->job, on_job);
	return 0;
}

/* ------------------------------------------------------------------- end */

void dsc_io_cancel_all(struct discsi_lun *lun)
{
	struct dsc_list *link = lun->active.next;

	while (link != &lun->active) {
		struct dsc_io *io = dsc_container_of(link, struct dsc_io, link);

		link = link->next;
		if (io->is_under_way)
			dsc_session_withdraw(&io->request);
	}
}

int dsc_io_init(struct discsi_lun *lun)
{
	dsc_list_init(&lun->active);
	dsc_list_init(&lun->finished);
	dsc_list_init(&lun->pool);
	dsc_list_init(&lun->slabs);
	dsc_deferred_init(&lun->finish, on_finish);
	return pthread_mutex_init(&lun->lock, NULL) == 0 ? 0 : -ENOMEM;
}

void dsc_io_fini(struct discsi_lun *lun)
{
	struct dsc_list *first;

	dsc_deferred_cancel(&lun->finish);
	while ((first = dsc_list_pop(&lun->slabs)) != NULL)
		free(dsc_container_of(first, struct slab, link));
	pthread_mutex_destroy(&lun->lock);
}
