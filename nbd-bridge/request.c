/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.c: one request from its header to its result: what is wrong with it,
 * the memory it needs, the call into the disk, and the completion. A table says
 * what each command may have. Loop's thread.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/checked.h"

#include "client.h"
#include "log.h"

/* Reads of this length or more go through a pipe. */
#define PIPED_MIN 65536u

#define ENDING "the server is shutting down"

struct command {
	const char *name;
	uint16_t flags;         /* those allowed; FUA always is */
	bool has_range;         /* offset and length name a part of the disk */
	bool is_change;         /* refused on a read-only disk */
	bool has_data;          /* the length is that of a buffer */
	uint32_t beyond_end;    /* the error for a range beyond the end */
	int (*submit)(struct nbd_slot *slot);
};

/* ------------------------------------------------------------ completion */

/* A failing disk must not fill the log. */
static void log_failure(const struct nbd_slot *slot, const char *name,
			int result, const struct discsi_error *error)
{
	const char *rest;

	if (!nbd_log_may(&slot->client->server->log_limit, &rest))
		return;
	nbd_log(DISCSI_LOG_WARNING, "%s of %" PRIu64 " bytes at %" PRIu64
		" failed: %s%s", name, slot->length, slot->offset,
		error != NULL ? error->message : discsi_errno_name(result),
		rest);
}

static const struct command *find_command(unsigned type);

static void reply_success(struct nbd_slot *slot)
{
	switch (slot->type) {
	case NBD_CMD_READ:
		nbd_reply_data(slot);
		break;
	case NBD_CMD_BLOCK_STATUS:
		nbd_reply_extents(slot);
		break;
	default:
		nbd_reply_success(slot);
		break;
	}
}

/* "Not supported" is the answer to a fast zero, and to nothing else. */
static uint32_t wire_error(const struct nbd_slot *slot, int result)
{
	if (result == -EOPNOTSUPP &&
	    (slot->flags & NBD_CMD_FLAG_FAST_ZERO) == 0)
		return NBD_EINVAL;
	return nbd_error_from_errno(result);
}

static void finish(struct nbd_slot *slot, int result,
		   const struct discsi_error *error)
{
	struct nbd_client *client = slot->client;

	if (result < 0 && result != -EOPNOTSUPP)
		log_failure(slot, find_command(slot->type)->name, result,
			    error);
	if (client->phase == NBD_PHASE_DEAD)
		nbd_slot_free(slot);
	else if (result < 0)
		nbd_reply_error(slot, wire_error(slot, result),
				error != NULL ? error->message : NULL);
	else
		reply_success(slot);
}

/* The disk is done with a request and its buffer. */
static void on_done(void *arg, int result, const struct discsi_error *error)
{
	struct nbd_slot *slot = arg;
	struct nbd_client *client = slot->client;

	client->in_disk--;
	nbd_gate_leave(slot);
	finish(slot, result, error);
	if (client->phase == NBD_PHASE_DEAD && client->in_disk == 0)
		discsi_deferred_request(client->server->reaper);
}

/* Calls the disk; fn is one of the submit functions below. */
static void call_disk(struct nbd_slot *slot, int (*fn)(struct nbd_slot *slot))
{
	int rc;

	slot->client->in_disk++;
	nbd_gate_enter(slot);
	rc = fn(slot);
	if (rc < 0) {
		slot->client->in_disk--;
		nbd_gate_leave(slot);
		finish(slot, rc, discsi_last_error());
	}
}

/* ------------------------------------------------------------ submission */

static const struct nbd_disk *disk_of(const struct nbd_slot *slot)
{
	return slot->client->server->export->disk;
}

static unsigned fua_of(const struct nbd_slot *slot)
{
	return (slot->flags & NBD_CMD_FLAG_FUA) != 0 ? DISCSI_IO_FUA : 0;
}

static int submit_read(struct nbd_slot *slot)
{
	const struct nbd_disk *disk = disk_of(slot);

	return disk->ops->read(disk->handle, slot->buffer.data,
			       (size_t)slot->length, slot->offset,
			       slot->has_pipe ? &slot->pipe : NULL, on_done,
			       slot);
}

static int submit_write(struct nbd_slot *slot)
{
	const struct nbd_disk *disk = disk_of(slot);

	return disk->ops->write(disk->handle, slot->buffer.data,
				(size_t)slot->length, slot->offset,
				fua_of(slot), on_done, slot);
}

static int submit_flush(struct nbd_slot *slot)
{
	const struct nbd_disk *disk = disk_of(slot);

	return disk->ops->flush(disk->handle, on_done, slot);
}

/* A trim has no FUA of its own: the flush behind it does that. */
static void on_trimmed(void *arg, int result, const struct discsi_error *error)
{
	struct nbd_slot *slot = arg;

	if (result < 0 || fua_of(slot) == 0) {
		on_done(slot, result, error);
		return;
	}
	slot->client->in_disk--;
	nbd_gate_leave(slot);
	call_disk(slot, submit_flush);
}

static int submit_trim(struct nbd_slot *slot)
{
	const struct nbd_disk *disk = disk_of(slot);

	return disk->ops->trim(disk->handle, slot->offset, slot->length,
			       on_trimmed, slot);
}

static int submit_zero(struct nbd_slot *slot)
{
	const struct nbd_disk *disk = disk_of(slot);
	unsigned flags = fua_of(slot);

	if ((slot->flags & NBD_CMD_FLAG_NO_HOLE) == 0)
		flags |= DISCSI_ZERO_UNMAP;
	if ((slot->flags & NBD_CMD_FLAG_FAST_ZERO) != 0)
		flags |= DISCSI_ZERO_FAST;
	return disk->ops->zero(disk->handle, slot->offset, slot->length, flags,
			       on_done, slot);
}

static int submit_block_status(struct nbd_slot *slot)
{
	const struct nbd_disk *disk = disk_of(slot);
	struct discsi_extent *extents = (void *)slot->buffer.data;

	slot->extents = (slot->flags & NBD_CMD_FLAG_REQ_ONE) != 0 ?
			1 : NBD_EXTENTS_MAX;
	return disk->ops->block_status(disk->handle, slot->offset, slot->length,
				       extents, &slot->extents, on_done, slot);
}

static const struct command commands[] = {
	[NBD_CMD_READ] = {
		"a read", NBD_CMD_FLAG_DF, true, false, true,
		NBD_EINVAL, submit_read,
	},
	[NBD_CMD_WRITE] = {
		"a write", 0, true, true, true, NBD_ENOSPC, submit_write,
	},
	[NBD_CMD_FLUSH] = {
		"a flush", 0, false, false, false, 0, submit_flush,
	},
	[NBD_CMD_TRIM] = {
		"a trim", 0, true, true, false, NBD_EINVAL, submit_trim,
	},
	/* What is read goes nowhere, but the target has it at hand then. */
	[NBD_CMD_CACHE] = {
		"a read ahead", 0, true, false, true, NBD_EINVAL, submit_read,
	},
	[NBD_CMD_WRITE_ZEROES] = {
		"a write of zeroes",
		NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO,
		true, true, false, NBD_ENOSPC, submit_zero,
	},
	[NBD_CMD_BLOCK_STATUS] = {
		"a block status", NBD_CMD_FLAG_REQ_ONE, true, false, false,
		NBD_EINVAL, submit_block_status,
	},
};

static const struct command *find_command(unsigned type)
{
	if (type >= sizeof(commands) / sizeof(commands[0]) ||
	    commands[type].submit == NULL)
		return NULL;
	return &commands[type];
}

bool nbd_request_is_change(uint16_t type)
{
	const struct command *command = find_command(type);

	return command != NULL && command->is_change;
}

void nbd_request_submit(struct nbd_slot *slot)
{
	call_disk(slot, find_command(slot->type)->submit);
}

/* ---------------------------------------------------------------- checks */

/* Returns error, for which text is the reason. */
static uint32_t because(const char **why, uint32_t error, const char *text)
{
	*why = text;
	return error;
}

static uint32_t check_range(const struct nbd_disk *disk,
			    const struct command *command,
			    const struct nbd_request *request,
			    const char **why)
{
	if (command->has_data && request->length > NBD_PAYLOAD_MAX)
		return because(why, (request->flags & NBD_CMD_FLAG_DF) != 0 ?
			       NBD_EOVERFLOW : NBD_EINVAL,
			       "longer than the maximum of 32 MiB");
	if (!dsc_is_inside(request->offset, request->length, disk->bytes))
		return because(why, command->beyond_end,
			       "beyond the end of the disk");
	if (request->offset % disk->block_size != 0 ||
	    request->length % disk->block_size != 0)
		return because(why, NBD_EINVAL,
			       "not aligned to the disk's blocks");
	return 0;
}

/* What only some commands need. */
static uint32_t check_ability(const struct nbd_client *client,
			      const struct nbd_disk *disk,
			      const struct nbd_request *request,
			      const char **why)
{
	const bool is_fast = (request->flags & NBD_CMD_FLAG_FAST_ZERO) != 0;

	if (request->type == NBD_CMD_TRIM && !disk->can_trim)
		return because(why, NBD_EINVAL, "the disk does not know trim");
	if (is_fast && !disk->can_zero_fast)
		return because(why, NBD_EINVAL,
			       "the disk does not know fast zeroes");
	if (request->type != NBD_CMD_BLOCK_STATUS)
		return 0;
	if (!client->has_allocation)
		return because(why, NBD_EINVAL,
			       "no metadata context is negotiated");
	if (request->length == 0)
		return because(why, NBD_EINVAL, "the status of nothing");
	return 0;
}

/* The flags of a request that nobody knows. */
static unsigned unknown_flags(const struct nbd_client *client,
			      const struct command *command,
			      const struct nbd_request *request)
{
	unsigned flags = request->flags;

	/* With extended headers every write has this flag, nothing else has. */
	if (client->headers == NBD_HEADERS_EXTENDED &&
	    request->type == NBD_CMD_WRITE)
		flags ^= NBD_CMD_FLAG_PAYLOAD_LEN;
	return flags & ~(command->flags | NBD_CMD_FLAG_FUA);
}

static uint32_t check_flags(const struct nbd_client *client,
			    const struct command *command,
			    const struct nbd_request *request,
			    const char **why)
{
	if (unknown_flags(client, command, request) != 0)
		return because(why, NBD_EINVAL,
			       "a flag does not belong to the command");
	if ((request->flags & NBD_CMD_FLAG_DF) != 0 &&
	    client->headers == NBD_HEADERS_SIMPLE)
		return because(why, NBD_EINVAL,
			       "structured replies are not negotiated");
	return 0;
}

/*
 * Returns the wire's error for a request that cannot be done, else 0.
 * why: receives a few words on the error.
 */
static uint32_t check(const struct nbd_client *client,
		      const struct command *command,
		      const struct nbd_request *request, const char **why)
{
	const struct nbd_disk *disk = client->server->export->disk;
	uint32_t error;

	if (client->is_ending)
		return because(why, NBD_ESHUTDOWN, ENDING);
	if (command == NULL)
		return because(why, NBD_EINVAL, "an unknown command");
	error = check_flags(client, command, request, why);
	if (error != 0)
		return error;
	if (command->is_change && disk->is_read_only)
		return because(why, NBD_EPERM, "the disk is read-only");
	if (!command->has_range)
		return request->offset == 0 && request->length == 0 ? 0 :
		       because(why, NBD_EINVAL,
			       "the command has no offset and no length");
	error = check_ability(client, disk, request, why);
	return error != 0 ? error : check_range(disk, command, request, why);
}

/* ---------------------------------------------------------------- intake */

/* How much memory a request needs beside its slot. */
static size_t memory_for(const struct nbd_request *request)
{
	switch (request->type) {
	case NBD_CMD_READ:
	case NBD_CMD_WRITE:
	case NBD_CMD_CACHE:
		return (size_t)request->length;
	case NBD_CMD_BLOCK_STATUS:
		return NBD_EXTENTS_MAX * sizeof(struct discsi_extent);
	default:
		return 0;
	}
}

static struct nbd_slot *fill_slot(struct nbd_client *client,
				  const struct nbd_request *request)
{
	struct nbd_slot *slot = nbd_slot_take(client);

	slot->cookie = request->cookie;
	slot->offset = request->offset;
	slot->length = request->length;
	slot->type = request->type;
	slot->flags = request->flags;
	slot->piped = 0;
	return slot;
}

/* Returns 0, or the negative errno of nbd_pool_get(). */
static int get_memory(struct nbd_client *client,
		      const struct nbd_request *request,
		      struct nbd_buffer *buffer)
{
	struct nbd_server *server = client->server;
	size_t bytes = memory_for(request);
	int rc;

	if (bytes == 0)
		return 0;
	rc = nbd_pool_get(&server->pool, &client->account, bytes, buffer);
	if (rc == -EAGAIN) {
		dsc_list_remove(&client->hungry_link);
		dsc_list_append(&server->hungry, &client->hungry_link);
	}
	return rc;
}

/* The bytes that follow a request's header. */
static uint64_t payload_of(const struct nbd_client *client,
			   const struct nbd_request *request)
{
	bool has_payload = request->type == NBD_CMD_WRITE;

	if (client->headers == NBD_HEADERS_EXTENDED)
		has_payload = (request->flags & NBD_CMD_FLAG_PAYLOAD_LEN) != 0;
	return has_payload ? request->length : 0;
}

/* Answers a request that is not done; its payload is passed over. */
static enum nbd_intake refuse(struct nbd_client *client,
			      const struct nbd_request *request,
			      uint32_t error, const char *why)
{
	uint64_t payload = payload_of(client, request);

	/* A length of 64 bits that is far too long need not be followed. */
	if (client->headers == NBD_HEADERS_EXTENDED &&
	    payload > NBD_PAYLOAD_MAX)
		return NBD_INTAKE_ABUSE;
	nbd_reply_error(fill_slot(client, request), error, why);
	client->skip = (uint32_t)payload;
	return payload > 0 ? NBD_INTAKE_PAYLOAD : NBD_INTAKE_DONE;
}

void nbd_request_refuse_incoming(struct nbd_client *client)
{
	struct nbd_slot *slot = client->incoming;

	if (slot == NULL)
		return;
	client->incoming = NULL;
	client->skip = (uint32_t)slot->length - client->incoming_have;
	nbd_reply_error(slot, NBD_ESHUTDOWN, ENDING);
}

enum nbd_intake nbd_request_take(struct nbd_client *client,
				 const struct nbd_request *request)
{
	struct nbd_buffer buffer = { NULL, 0 };
	const char *why = NULL;
	struct nbd_slot *slot;
	uint32_t error;
	int rc;

	if (request->type == NBD_CMD_DISC)
		return NBD_INTAKE_END;
	if (client->free == NULL || !nbd_gate_is_open(client, request))
		return NBD_INTAKE_STALL;
	error = check(client, find_command(request->type), request, &why);
	if (error != 0)
		return refuse(client, request, error, why);
	rc = get_memory(client, request, &buffer);
	if (rc == -EAGAIN)
		return NBD_INTAKE_STALL;
	if (rc < 0)
		return refuse(client, request, nbd_error_from_errno(rc),
			      "no memory");
	slot = fill_slot(client, request);
	slot->buffer = buffer;
	if (request->length == 0 && request->type != NBD_CMD_FLUSH) {
		reply_success(slot);
		return NBD_INTAKE_DONE;
	}
	if (request->type == NBD_CMD_WRITE) {
		client->incoming = slot;
		client->incoming_have = 0;
		return NBD_INTAKE_PAYLOAD;
	}
	if (request->type == NBD_CMD_READ && client->can_splice &&
	    client->tls == NULL && request->length >= PIPED_MIN)
		slot->has_pipe = nbd_pipe_get(&client->server->pipes,
					      &slot->pipe);
	nbd_request_submit(slot);
	return NBD_INTAKE_DONE;
}
