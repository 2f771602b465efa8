/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api.c: the public I/O functions. Each asynchronous one fills a description
 * and submits it; each waiting one is the asynchronous one and a wait. Any
 * thread that the context's rule allows.
 */
#include "lun/lun.h"

#include <errno.h>
#include <limits.h>

#define ZERO_FLAGS (DISCSI_IO_FUA | DISCSI_ZERO_UNMAP | DISCSI_ZERO_FAST)

int dsc_api_submit(struct discsi_lun *lun, const struct dsc_io_request *what)
{
	if (lun == NULL || what->cb == NULL)
		return dsc_fail(EINVAL, "%s: NULL argument", what->op->name);
	return dsc_io_submit(lun, what);
}

/* ---------------------------------------------------------- asynchronous */

int discsi_lun_read_piped_async(struct discsi_lun *lun, void *buf,
				size_t length, uint64_t offset, unsigned flags,
				struct discsi_pipe *pipe, discsi_done_cb cb,
				void *arg)
{
	const struct iovec iov = { buf, length };
	const struct dsc_io_request what = {
		.op = &dsc_op_read,
		.iov = &iov,
		.iovcnt = 1,
		.pipe = pipe,
		.offset = offset,
		.length = length,
		.flags = flags,
		.flags_allowed = DISCSI_IO_FUA,
		.cb = cb,
		.arg = arg,
	};

	if (buf == NULL || pipe == NULL)
		return dsc_fail(EINVAL, "read: NULL argument");
	pipe->bytes = 0;
	return dsc_api_submit(lun, &what);
}

static int transfer(struct discsi_lun *lun, const struct dsc_io_op *op,
		    const struct iovec *iov, int iovcnt, uint64_t offset,
		    unsigned flags, discsi_done_cb cb, void *arg)
{
	struct dsc_io_request what = {
		.op = op,
		.iov = iov,
		.iovcnt = iovcnt,
		.offset = offset,
		.flags = flags,
		.flags_allowed = DISCSI_IO_FUA,
		.cb = cb,
		.arg = arg,
	};
	size_t length;

	if (!dsc_iov_length(iov, iovcnt, &length))
		return dsc_fail(EINVAL, "%s: the buffer is NULL, or the iovec "
				"array is not valid", op->name);
	what.length = length;
	return dsc_api_submit(lun, &what);
}

int discsi_lun_readv_async(struct discsi_lun *lun, const struct iovec *iov,
			   int iovcnt, uint64_t offset, unsigned flags,
			   discsi_done_cb cb, void *arg)
{
	return transfer(lun, &dsc_op_read, iov, iovcnt, offset, flags, cb, arg);
}

int discsi_lun_read_async(struct discsi_lun *lun, void *buf, size_t length,
			  uint64_t offset, unsigned flags, discsi_done_cb cb,
			  void *arg)
{
	const struct iovec iov = { buf, length };

	return transfer(lun, &dsc_op_read, &iov, 1, offset, flags, cb, arg);
}

int discsi_lun_writev_async(struct discsi_lun *lun, const struct iovec *iov,
			    int iovcnt, uint64_t offset, unsigned flags,
			    discsi_done_cb cb, void *arg)
{
	return transfer(lun, &dsc_op_write, iov, iovcnt, offset, flags, cb,
			arg);
}

int discsi_lun_write_async(struct discsi_lun *lun, const void *buf,
			   size_t length, uint64_t offset, unsigned flags,
			   discsi_done_cb cb, void *arg)
{
	const struct iovec iov = { (void *)(uintptr_t)buf, length };

	return transfer(lun, &dsc_op_write, &iov, 1, offset, flags, cb, arg);
}

int discsi_lun_flush_async(struct discsi_lun *lun, discsi_done_cb cb, void *arg)
{
	const struct dsc_io_request what = {
		.op = &dsc_op_flush, .cb = cb, .arg = arg,
	};

	return dsc_api_submit(lun, &what);
}

int discsi_lun_trim_async(struct discsi_lun *lun, uint64_t offset,
			  uint64_t length, discsi_done_cb cb, void *arg)
{
	const struct dsc_io_request what = {
		.op = &dsc_op_trim, .offset = offset, .length = length,
		.cb = cb, .arg = arg,
	};

	return dsc_api_submit(lun, &what);
}

int discsi_lun_zero_async(struct discsi_lun *lun, uint64_t offset,
			  uint64_t length, unsigned flags, discsi_done_cb cb,
			  void *arg)
{
	const struct dsc_io_request what = {
		.op = &dsc_op_zero, .offset = offset, .length = length,
		.flags = flags, .flags_allowed = ZERO_FLAGS,
		.cb = cb, .arg = arg,
	};

	return dsc_api_submit(lun, &what);
}

int discsi_lun_block_status_async(struct discsi_lun *lun, uint64_t offset,
				  uint64_t length,
				  struct discsi_extent *extents, size_t *count,
				  discsi_done_cb cb, void *arg)
{
	const struct dsc_io_request what = {
		.op = &dsc_op_block_status, .offset = offset, .length = length,
		.extents = extents, .count = count, .cb = cb, .arg = arg,
	};

	if (extents == NULL || count == NULL || *count == 0)
		return dsc_fail(EINVAL, "block status: no room for extents");
	return dsc_api_submit(lun, &what);
}

int discsi_lun_refresh_async(struct discsi_lun *lun, discsi_done_cb cb,
			     void *arg)
{
	const struct dsc_io_request what = {
		.op = &dsc_op_refresh, .cb = cb, .arg = arg,
	};

	return dsc_api_submit(lun, &what);
}

/* --------------------------------------------------------------- waiting */

int dsc_api_begin(struct discsi_lun *lun, struct dsc_wait *wait)
{
	if (lun == NULL)
		return dsc_fail(EINVAL, "NULL argument");
	return dsc_wait_begin(lun->ctx, wait);
}

int dsc_api_end(struct dsc_wait *wait, int submitted)
{
	if (submitted == 0)
		return dsc_wait_end(wait);
	dsc_wait_abandon(wait);
	return submitted;
}

int discsi_lun_readv(struct discsi_lun *lun, const struct iovec *iov,
		     int iovcnt, uint64_t offset, unsigned flags)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_readv_async(lun, iov, iovcnt, offset, flags,
				    dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_read(struct discsi_lun *lun, void *buf, size_t length,
		    uint64_t offset, unsigned flags)
{
	const struct iovec iov = { buf, length };

	return discsi_lun_readv(lun, &iov, 1, offset, flags);
}

int discsi_lun_writev(struct discsi_lun *lun, const struct iovec *iov,
		      int iovcnt, uint64_t offset, unsigned flags)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_writev_async(lun, iov, iovcnt, offset, flags,
				     dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_write(struct discsi_lun *lun, const void *buf, size_t length,
		     uint64_t offset, unsigned flags)
{
	const struct iovec iov = { (void *)(uintptr_t)buf, length };

	return discsi_lun_writev(lun, &iov, 1, offset, flags);
}

int discsi_lun_flush(struct discsi_lun *lun)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_flush_async(lun, dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_trim(struct discsi_lun *lun, uint64_t offset, uint64_t length)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_trim_async(lun, offset, length, dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_zero(struct discsi_lun *lun, uint64_t offset, uint64_t length,
		    unsigned flags)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_zero_async(lun, offset, length, flags, dsc_wait_finish,
				   &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_block_status(struct discsi_lun *lun, uint64_t offset,
			    uint64_t length, struct discsi_extent *extents,
			    size_t *count)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_block_status_async(lun, offset, length, extents, count,
					   dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_refresh(struct discsi_lun *lun)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_refresh_async(lun, dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}
