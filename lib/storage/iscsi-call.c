/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iscsi-call.c: waiting for what the manager's context does, with a deadline
 * and a descriptor that cancels. The caller's thread waits in poll(); the
 * loop's thread completes, and ends on demand what is not complete.
 *
 * A call lives on its waiter's stack until its callback has run, which an end
 * makes it do at once. Requests on a LUN cannot be ended so: they are on the
 * heap, and go on without their waiter.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <discsi/discovery.h>
#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "session/session.h"
#include "storage/iscsi.h"
#include "storage/storage.h"

#define TICK_MS 10  /* between two looks */

/* ----------------------------------------------------------------- limits */

int dsc_limits_left_ms(const struct dsc_limits *limits)
{
	uint64_t now = dsc_clock_now_ns();

	if (limits->deadline_ns == 0)
		return -1;
	if (now >= limits->deadline_ns)
		return 0;
	return (int)dsc_min_u64((limits->deadline_ns - now) / DSC_NS_PER_MS + 1,
				INT32_MAX);
}

int dsc_limits_check(const struct dsc_limits *limits)
{
	struct pollfd fd = { .fd = limits->cancel_fd, .events = POLLIN };

	if (fd.fd >= 0 && poll(&fd, 1, 0) > 0)
		return -ECANCELED;
	return dsc_limits_left_ms(limits) == 0 ? -ETIMEDOUT : 0;
}

int dsc_limits_pause(const struct dsc_limits *limits)
{
	struct pollfd fd = { .fd = limits->cancel_fd, .events = POLLIN };
	int rc = dsc_limits_check(limits);

	if (rc == 0)
		(void)poll(&fd, 1, TICK_MS);
	return rc;
}

static void signal_fd(int fd)
{
	const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* Takes one signal, which may have to come first. */
static void take_signal(int fd)
{
	uint64_t one;

	while (read(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* Waits for a signal: 0, or -ETIMEDOUT, -ECANCELED when the limits are over. */
static int wait_signal(int fd, const struct dsc_limits *limits)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = limits->cancel_fd, .events = POLLIN },
	};
	int timeout_ms;

	for (;;) {
		timeout_ms = dsc_limits_left_ms(limits);
		if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents != 0)
			return 0;
		if (fds[1].revents != 0)
			return -ECANCELED;
		if (timeout_ms == 0)
			return -ETIMEDOUT;
	}
}

/* A counter that is read down by one at a time. */
static int make_signal(struct discsi_context *ctx, int *fd)
{
	if (dsc_loop_is_in_turn(&ctx->loop))
		return dsc_fail(EDEADLK, "a storage cannot be waited for "
				"inside a callback of its manager");
	*fd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	if (*fd < 0)
		return dsc_fail(errno, "no eventfd can be made (%s)",
				discsi_errno_name(errno));
	return 0;
}

/* ------------------------------------------------------------------ calls */

struct call {
	struct discsi_context *ctx;
	int fd;
	struct dsc_child *child;   /* by which it can be ended */
	struct dsc_job job;
	bool is_done;              /* loop's thread, and the waiter's after */
	int status;
	struct discsi_error error;
	void *result;
};

static void complete(struct call *call, int status, void *result,
		     const struct discsi_error *error)
{
	call->is_done = true;
	call->status = status;
	call->result = result;
	if (status < 0)
		call->error = *error;
	signal_fd(call->fd);
}

static void on_end(struct dsc_job *job)
{
	struct call *call = dsc_container_of(job, struct call, job);

	if (!call->is_done)
		call->child->end(call->child);
	signal_fd(call->fd);
}

/*
 * Waits for what was begun. Returns its status, or that the limits are over:
 * it has been ended then, but may have been faster, which result tells.
 */
static int finish(struct call *call, const struct dsc_limits *limits)
{
	int over = wait_signal(call->fd, limits);

	if (over < 0) {
		dsc_loop_post(&call->ctx->loop, &call->job, on_end);
		take_signal(call->fd);
	}
	take_signal(call->fd);
	close(call->fd);
	if (over == -ECANCELED)
		return dsc_fail(ECANCELED, "cancelled");
	if (over < 0)
		return dsc_fail(-over, "the deadline passed");
	return call->status < 0 ? dsc_fail_with(&call->error) : 0;
}

static int begin(struct call *call, struct discsi_context *ctx)
{
	memset(call, 0, sizeof(*call));
	call->ctx = ctx;
	return make_signal(ctx, &call->fd);
}

/* It was not begun after all. */
static int give_up(struct call *call, int rc)
{
	close(call->fd);
	return rc;
}

static void on_discovered(void *arg, int status,
			  struct discsi_discovery *result,
			  const struct discsi_error *error)
{
	complete(arg, status, result, error);
}

int dsc_call_discover(struct discsi_context *ctx,
		      const struct discsi_conf *conf,
		      const struct dsc_limits *limits,
		      struct discsi_discovery **result)
{
	struct call call;
	int rc = begin(&call, ctx);

	if (rc < 0)
		return rc;
	rc = dsc_discover_begin(ctx, conf, on_discovered, &call, &call.child);
	if (rc < 0)
		return give_up(&call, rc);
	rc = finish(&call, limits);
	if (rc < 0)
		discsi_discovery_free(call.result);
	*result = rc == 0 ? call.result : NULL;
	return rc;
}

static void on_session(void *arg, int status, struct discsi_session *session,
		       const struct discsi_error *error)
{
	complete(arg, status, session, error);
}

int dsc_call_open_session(struct discsi_context *ctx,
			  const struct discsi_conf *conf,
			  const struct dsc_limits *limits,
			  struct discsi_session **session)
{
	struct call call;
	int rc = begin(&call, ctx);

	if (rc < 0)
		return rc;
	rc = dsc_session_begin(ctx, conf, on_session, &call, &call.child);
	if (rc < 0)
		return give_up(&call, rc);
	rc = finish(&call, limits);
	if (rc < 0 && call.result != NULL)
		dsc_call_abandon(call.result);
	*session = rc == 0 ? call.result : NULL;
	return rc;
}

static void on_lun(void *arg, int status, struct discsi_lun *lun,
		   const struct discsi_error *error)
{
	complete(arg, status, lun, error);
}

int dsc_call_open_lun(struct discsi_session **session, uint64_t lun_id,
		      const struct dsc_limits *limits, struct discsi_lun **lun)
{
	struct call call;
	int rc = begin(&call, dsc_session_context(*session));

	*lun = NULL;
	if (rc < 0)
		return rc;
	call.child = dsc_session_child(*session);
	rc = discsi_lun_open_async(*session, lun_id, on_lun, &call);
	if (rc < 0)
		return give_up(&call, rc);
	rc = finish(&call, limits);
	if (rc == 0)
		*lun = call.result;
	else if (call.result != NULL)
		dsc_call_abandon(*session);
	/* Ended with the LUN, or just now. */
	if (rc < 0 && (call.result != NULL || call.status == -ECANCELED))
		*session = NULL;
	return rc;
}

static void on_closed(void *arg, int result, const struct discsi_error *error)
{
	complete(arg, result, NULL, error);
}

void dsc_call_close_session(struct discsi_session *session,
			    const struct dsc_limits *limits)
{
	struct call call;

	if (begin(&call, dsc_session_context(session)) < 0) {
		discsi_session_close(session);
		return;
	}
	call.child = dsc_session_child(session);
	dsc_session_close_begin(session, on_closed, &call);
	(void)finish(&call, limits);
}

/* ---------------------------------------------------------------- abandon */

struct abandoner {
	struct dsc_job job;
	struct dsc_child *child;
	int fd;
};

static void on_abandon(struct dsc_job *job)
{
	struct abandoner *abandoner =
		dsc_container_of(job, struct abandoner, job);

	abandoner->child->end(abandoner->child);
	signal_fd(abandoner->fd);
}

void dsc_call_abandon(struct discsi_session *session)
{
	struct discsi_context *ctx = dsc_session_context(session);
	struct abandoner abandoner = { .child = dsc_session_child(session) };

	if (make_signal(ctx, &abandoner.fd) < 0) {
		discsi_session_close(session);
		return;
	}
	dsc_loop_post(&ctx->loop, &abandoner.job, on_abandon);
	take_signal(abandoner.fd);
	close(abandoner.fd);
}

/* --------------------------------------------------------------- requests */

struct request {
	atomic_uint refs;      /* the waiter and the callback */
	int fd;
	int status;
	struct discsi_error error;
	void *data;            /* the caller's, or a copy */
	void *copy;            /* to be freed */
	struct discsi_extent *extents;
	size_t count;
};

static void put_request(struct request *request)
{
	if (atomic_fetch_sub(&request->refs, 1) != 1)
		return;
	close(request->fd);
	free(request->copy);
	free(request->extents);
	free(request);
}

static void on_request(void *arg, int result, const struct discsi_error *error)
{
	struct request *request = arg;

	request->status = result;
	if (result < 0)
		request->error = *error;
	signal_fd(request->fd);
	put_request(request);
}

static int submit(struct discsi_lun *lun, struct request *request,
		  const struct dsc_call_io *io)
{
	switch (io->kind) {
	case DSC_CALL_READ:
		return discsi_lun_read_async(lun, request->data, io->length,
					     io->offset, io->flags, on_request,
					     request);
	case DSC_CALL_WRITE:
		return discsi_lun_write_async(lun, request->data, io->length,
					      io->offset, io->flags,
					      on_request, request);
	case DSC_CALL_FLUSH:
		return discsi_lun_flush_async(lun, on_request, request);
	case DSC_CALL_REFRESH:
		return discsi_lun_refresh_async(lun, on_request, request);
	case DSC_CALL_STATUS:
		return discsi_lun_block_status_async(
			lun, io->offset, io->length, request->extents,
			&request->count, on_request, request);
	}
	return -EINVAL;
}

static int make_request(struct dsc_iscsi *iscsi, const struct dsc_call_io *io,
			bool has_limits, struct request **out)
{
	struct request *request = calloc(1, sizeof(*request));
	int rc;

	if (request == NULL)
		return dsc_fail_memory();
	rc = make_signal(iscsi->ctx, &request->fd);
	if (rc < 0) {
		free(request);
		return rc;
	}
	atomic_init(&request->refs, 1);
	request->data = io->data;
	request->count = io->count;
	if (has_limits && io->kind == DSC_CALL_READ)
		request->data = request->copy = malloc(io->length);
	if (io->kind == DSC_CALL_STATUS)
		request->extents = calloc(io->count, sizeof(*io->extents));
	if ((has_limits && io->kind == DSC_CALL_READ &&
	     request->copy == NULL) ||
	    (io->kind == DSC_CALL_STATUS && request->extents == NULL)) {
		put_request(request);
		return dsc_fail_memory();
	}
	*out = request;
	return 0;
}

static int begin_request(struct dsc_iscsi *iscsi, struct request *request,
			 const struct dsc_call_io *io)
{
	int rc;

	pthread_mutex_lock(&iscsi->lock);
	if (iscsi->lun == NULL) {
		rc = dsc_iscsi_fail_unmounted(iscsi);
	} else {
		atomic_fetch_add(&request->refs, 1);
		rc = submit(iscsi->lun, request, io);
		if (rc < 0)
			atomic_fetch_sub(&request->refs, 1);
	}
	pthread_mutex_unlock(&iscsi->lock);
	return rc;
}

static void take_answer(struct request *request, struct dsc_call_io *io)
{
	if (request->copy != NULL)
		memcpy(io->data, request->copy, io->length);
	if (request->extents != NULL)
		memcpy(io->extents, request->extents,
		       request->count * sizeof(*io->extents));
	io->count = request->count;
}

static int call_lun(struct dsc_iscsi *iscsi, struct dsc_call_io *io,
		    const struct dsc_limits *limits)
{
	static const struct dsc_limits none = { 0, -1 };
	struct request *request = NULL;
	int rc = make_request(iscsi, io, limits != NULL, &request);

	if (rc < 0)
		return rc;
	rc = begin_request(iscsi, request, io);
	if (rc == 0) {
		rc = wait_signal(request->fd, limits != NULL ? limits : &none);
		if (rc < 0)
			dsc_fail(-rc, rc == -ECANCELED ? "cancelled" :
				 "the LUN did not answer in time");
		else
			take_signal(request->fd);
		if (rc == 0 && request->status < 0)
			rc = dsc_fail_with(&request->error);
		else if (rc == 0)
			take_answer(request, io);
	}
	put_request(request);
	return rc;
}

/* Whoever reads or writes has no turn: the context must stay meanwhile. */
int dsc_call_lun(struct dsc_iscsi *iscsi, struct dsc_call_io *io,
		 const struct dsc_limits *limits)
{
	struct discsi_storage_manager *manager = iscsi->storage->manager;
	int rc = dsc_manager_enter(manager);

	if (rc < 0)
		return rc;
	rc = call_lun(iscsi, io, limits);
	dsc_manager_leave(manager);
	return rc;
}
