/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conn-shared.c: memory that the connections of a context take turns with, so
 * that it stays in the processor's cache and does not grow with their number:
 * the buffer that a socket is read into, which is empty between two events but
 * for the beginning of a header; and batches, one per connection, of which one
 * that could be sent in one go is free again at once. Nothing is allocated
 * while data moves. Loop's thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "iscsi/conn-internal.h"

static struct dsc_conn_shared *make_shared(void)
{
	struct dsc_conn_shared *shared = calloc(1, sizeof(*shared));

	if (shared == NULL)
		return NULL;
	shared->receive = malloc(DSC_RECEIVE_BYTES);
	if (shared->receive == NULL) {
		free(shared);
		return NULL;
	}
	return shared;
}

static void drop_user(struct discsi_context *ctx)
{
	struct dsc_conn_shared *shared = ctx->conn_shared;

	if (--shared->users > 0)
		return;
	free(shared->receive);
	free(shared);
	ctx->conn_shared = NULL;
}

int dsc_shared_join(struct dsc_conn *conn)
{
	struct discsi_context *ctx = conn->ctx;
	struct dsc_batch *batch;

	if (ctx->conn_shared == NULL)
		ctx->conn_shared = make_shared();
	if (ctx->conn_shared == NULL)
		return -ENOMEM;
	ctx->conn_shared->users++;
	batch = malloc(sizeof(*batch));
	if (batch == NULL) {
		drop_user(ctx);
		return -ENOMEM;
	}
	conn->shared = ctx->conn_shared;
	dsc_batch_give(conn->shared, batch);
	return 0;
}

void dsc_shared_leave(struct dsc_conn *conn)
{
	if (conn->shared == NULL)
		return;
	if (conn->sender.batch == NULL)
		conn->sender.batch = dsc_batch_take(conn->shared);
	free(conn->sender.batch);
	conn->sender.batch = NULL;
	conn->shared = NULL;
	drop_user(conn->ctx);
}

/* There is one for each connection that holds none. */
struct dsc_batch *dsc_batch_take(struct dsc_conn_shared *shared)
{
	struct dsc_batch *batch = shared->spare;

	shared->spare = batch->next;
	return batch;
}

void dsc_batch_give(struct dsc_conn_shared *shared, struct dsc_batch *batch)
{
	batch->next = shared->spare;
	shared->spare = batch;
}
