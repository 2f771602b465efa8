/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reserve.c: persistent reservations (SPC-4 clauses 5.13, 6.15, 6.16). The
 * public functions: any thread that the context's rule allows; the rest: loop's
 * thread.
 *
 * PERSISTENT RESERVE OUT is never sent twice (dsc_cdb_repeat()): a second
 * PREEMPT, say, would meet other registrations than the first one did.
 */
#include "lun/lun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/cdb.h"

enum { OUT_REGISTER = 0, OUT_RESERVE = 1, OUT_RELEASE = 2, OUT_PREEMPT = 4,
       OUT_PREEMPT_ABORT = 5, OUT_REGISTER_ANYWAY = 6 };
enum { IN_KEYS = 0, IN_RESERVATION = 1 };

#define HEADER_BYTES 8u
#define KEY_BYTES 8u
#define KEYS_MAX ((UINT16_MAX - HEADER_BYTES) / KEY_BYTES)
#define RESERVATION_BYTES 24u

/* --------------------------------------------------------------- changing */

/* io->flags: the action, and above it the type. */
#define TYPE_SHIFT 8

static void build_out(struct dsc_io *io, struct dsc_io *piece, uint64_t offset,
		      uint64_t length)
{
	struct dsc_task *task = &piece->request.task;
	uint8_t *list = piece->parameters;

	(void)offset;
	(void)length;
	memset(list, 0, DSC_RESERVE_LIST_BYTES);
	dsc_put_be64(list, io->keys[0]);
	dsc_put_be64(list + 8, io->keys[1]);
	dsc_cdb_reserve_out(task->cdb, io->flags & 0x1f,
			    (uint8_t)(io->flags >> TYPE_SHIFT));
	piece->own_iov.iov_base = list;
	piece->own_iov.iov_len = DSC_RESERVE_LIST_BYTES;
	task->iov = &piece->own_iov;
	task->iovcnt = 1;
	task->iov_skip = 0;
	task->length = DSC_RESERVE_LIST_BYTES;
}

static const struct dsc_io_op op_out = {
	.name = "reservation",
	.direction = DSC_DATA_OUT,
	.piece_max = dsc_op_one_piece,
	.build = build_out,
};

static bool is_type(unsigned type)
{
	return type == 1 || type == 3 || (type >= 5 && type <= 8);
}

static int change(struct discsi_lun *lun, unsigned action, unsigned type,
		  const uint64_t keys[2], discsi_done_cb cb, void *arg)
{
	struct dsc_io_request what = {
		.op = &op_out, .flags = action | type << TYPE_SHIFT,
		.flags_allowed = UINT32_MAX, .keys = { keys[0], keys[1] },
		.cb = cb, .arg = arg,
	};

	if (lun == NULL)
		return dsc_fail(EINVAL, "reservation: NULL argument");
	if (action != OUT_REGISTER && action != OUT_REGISTER_ANYWAY &&
	    !is_type(type))
		return dsc_fail(EINVAL, "reservation of %s: there is no type "
				"%u", lun->name, type);
	if (dsc_session_conf(lun->session)->sessions > 1)
		return dsc_fail(EOPNOTSUPP, "reservation of %s: not with "
				"several sessions, each of which is an "
				"initiator port", lun->name);
	return dsc_api_submit(lun, &what);
}

int discsi_lun_register_async(struct discsi_lun *lun, uint64_t old_key,
			      uint64_t new_key, unsigned flags,
			      discsi_done_cb cb, void *arg)
{
	const uint64_t keys[2] = { old_key, new_key };

	if (flags & ~DISCSI_REGISTER_ANYWAY)
		return dsc_fail(EINVAL, "register: unknown flags 0x%x", flags);
	return change(lun, flags & DISCSI_REGISTER_ANYWAY ?
		      OUT_REGISTER_ANYWAY : OUT_REGISTER, 0, keys, cb, arg);
}

int discsi_lun_reserve_async(struct discsi_lun *lun, uint64_t key,
			     enum discsi_reservation_type type,
			     discsi_done_cb cb, void *arg)
{
	const uint64_t keys[2] = { key, 0 };

	return change(lun, OUT_RESERVE, type, keys, cb, arg);
}

int discsi_lun_release_async(struct discsi_lun *lun, uint64_t key,
			     enum discsi_reservation_type type,
			     discsi_done_cb cb, void *arg)
{
	const uint64_t keys[2] = { key, 0 };

	return change(lun, OUT_RELEASE, type, keys, cb, arg);
}

int discsi_lun_preempt_async(struct discsi_lun *lun, uint64_t key,
			     uint64_t victim,
			     enum discsi_reservation_type type, unsigned flags,
			     discsi_done_cb cb, void *arg)
{
	const uint64_t keys[2] = { key, victim };

	if (flags & ~DISCSI_PREEMPT_ABORT)
		return dsc_fail(EINVAL, "preempt: unknown flags 0x%x", flags);
	return change(lun, flags & DISCSI_PREEMPT_ABORT ? OUT_PREEMPT_ABORT :
		      OUT_PREEMPT, type, keys, cb, arg);
}

/* ---------------------------------------------------------------- reading */

/* How many bytes follow the header: what is said, and what has come of it. */
static bool get_length(const struct dsc_io *io, const struct dsc_io *piece,
		       uint32_t *said, uint32_t *come)
{
	const uint8_t *data = io->buffer;
	uint32_t transferred = piece->request.task.transferred;

	if (transferred < HEADER_BYTES)
		return false;
	*said = dsc_get_be32(data + 4);
	*come = dsc_min_u32(*said, transferred - HEADER_BYTES);
	return true;
}

static void build_in(struct dsc_io *io, struct dsc_io *piece, uint64_t offset,
		     uint64_t length)
{
	struct dsc_task *task = &piece->request.task;

	(void)offset;
	(void)length;
	dsc_cdb_reserve_in(task->cdb, io->flags & 0x1f,
			   (uint16_t)io->own_iov.iov_len);
	task->iov = &io->own_iov;
	task->iovcnt = 1;
	task->iov_skip = 0;
	task->length = (uint32_t)io->own_iov.iov_len;
}

static int keys_answered(struct dsc_io *io, struct dsc_io *piece, int result)
{
	const uint8_t *data = io->buffer;
	uint64_t *keys = io->answer;
	uint32_t said, come;
	size_t i;

	if (result != 0)
		return result;
	if (!get_length(io, piece, &said, &come) || said % KEY_BYTES != 0)
		return -EPROTO;
	for (i = 0; i < io->room && i < come / KEY_BYTES; i++)
		keys[i] = dsc_get_be64(data + HEADER_BYTES + i * KEY_BYTES);
	/* Those that there was room for have to be there. */
	if (i < dsc_min_size(dsc_min_size(io->room, KEYS_MAX),
			     said / KEY_BYTES))
		return -EPROTO;
	*io->count = said / KEY_BYTES;
	return 0;
}

static int reservation_answered(struct dsc_io *io, struct dsc_io *piece,
				int result)
{
	struct discsi_reservation *reservation = io->answer;
	const uint8_t *data = io->buffer;
	uint32_t said, come;
	unsigned type;

	if (result != 0)
		return result;
	if (!get_length(io, piece, &said, &come) ||
	    (said != 0 && come < RESERVATION_BYTES - HEADER_BYTES))
		return -EPROTO;
	type = said == 0 ? 0 : data[21] & 0x0f;
	if (said != 0 && !is_type(type))
		return -EPROTO;
	reservation->generation = dsc_get_be32(data);
	reservation->type = (enum discsi_reservation_type)type;
	reservation->key = said == 0 ? 0 : dsc_get_be64(data + 8);
	return 0;
}

static const struct dsc_io_op op_keys = {
	.name = "reading of keys",
	.direction = DSC_DATA_IN,
	.piece_max = dsc_op_one_piece,
	.build = build_in,
	.answered = keys_answered,
};

static const struct dsc_io_op op_reservation = {
	.name = "reading of the reservation",
	.direction = DSC_DATA_IN,
	.piece_max = dsc_op_one_piece,
	.build = build_in,
	.answered = reservation_answered,
};

/* With a buffer of that length. */
static int ask(struct discsi_lun *lun, struct dsc_io_request *what,
	       size_t length)
{
	struct iovec iov = { calloc(1, length), length };
	int rc;

	if (iov.iov_base == NULL)
		return dsc_fail_memory();
	what->flags_allowed = UINT32_MAX;
	what->buffer = iov.iov_base;
	what->iov = &iov;
	what->iovcnt = 1;
	rc = dsc_api_submit(lun, what);
	if (rc != 0)
		free(iov.iov_base);
	return rc;
}

int discsi_lun_read_keys_async(struct discsi_lun *lun, uint64_t *keys,
			       size_t *count, discsi_done_cb cb, void *arg)
{
	struct dsc_io_request what = {
		.op = &op_keys, .flags = IN_KEYS, .answer = keys,
		.count = count, .cb = cb, .arg = arg,
	};

	if (count == NULL || (keys == NULL && *count > 0))
		return dsc_fail(EINVAL, "reading of keys: NULL argument");
	return ask(lun, &what, HEADER_BYTES +
		   dsc_min_size(*count, KEYS_MAX) * KEY_BYTES);
}

int discsi_lun_read_reservation_async(struct discsi_lun *lun,
				      struct discsi_reservation *reservation,
				      discsi_done_cb cb, void *arg)
{
	struct dsc_io_request what = {
		.op = &op_reservation, .flags = IN_RESERVATION,
		.answer = reservation, .cb = cb, .arg = arg,
	};

	if (reservation == NULL || reservation->size < sizeof(*reservation))
		return dsc_fail(EINVAL, "reading of the reservation: size is "
				"not set to the size of the struct");
	return ask(lun, &what, RESERVATION_BYTES);
}

/* ---------------------------------------------------------------- waiting */

int discsi_lun_register(struct discsi_lun *lun, uint64_t old_key,
			uint64_t new_key, unsigned flags)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_register_async(lun, old_key, new_key, flags,
				       dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_reserve(struct discsi_lun *lun, uint64_t key,
		       enum discsi_reservation_type type)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_reserve_async(lun, key, type, dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_release(struct discsi_lun *lun, uint64_t key,
		       enum discsi_reservation_type type)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_release_async(lun, key, type, dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_preempt(struct discsi_lun *lun, uint64_t key, uint64_t victim,
		       enum discsi_reservation_type type, unsigned flags)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_preempt_async(lun, key, victim, type, flags,
				      dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_read_keys(struct discsi_lun *lun, uint64_t *keys, size_t *count)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_read_keys_async(lun, keys, count, dsc_wait_finish,
					&wait);
	return dsc_api_end(&wait, rc);
}

int discsi_lun_read_reservation(struct discsi_lun *lun,
				struct discsi_reservation *reservation)
{
	struct dsc_wait wait;
	int rc = dsc_api_begin(lun, &wait);

	if (rc != 0)
		return rc;
	rc = discsi_lun_read_reservation_async(lun, reservation,
					       dsc_wait_finish, &wait);
	return dsc_api_end(&wait, rc);
}
