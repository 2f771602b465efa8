/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * receive.c: what comes from a client. One recv brings many requests. The
 * payload of a write goes by readv straight into the request's buffer, and
 * what follows it into the receive buffer; while writes are large, only little
 * is taken behind a payload, so that the next one is not copied either.
 * Loop's thread.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/checked.h"

#include "client.h"

/* Payloads from here on are worth a receive that stops behind them. */
#define LARGE_PAYLOAD 16384u

/* What is taken behind a large payload: some headers. */
#define SMALL_WANT 512u

/* Receives per event, so that one busy client does not keep the others out. */
#define RECEIVES_MAX 16

static uint32_t rx_length(const struct nbd_client *client)
{
	return client->rx_end - client->rx_start;
}

static const uint8_t *rx_data(const struct nbd_client *client)
{
	return client->rx + client->rx_start;
}

/* Moves the rest of the receive buffer to its beginning. */
static void rx_compact(struct nbd_client *client)
{
	uint32_t length = rx_length(client);

	if (client->rx_start == 0)
		return;
	memmove(client->rx, client->rx + client->rx_start, length);
	client->rx_start = 0;
	client->rx_end = length;
}

/* --------------------------------------------------------------- payload */

static void incoming_arrived(struct nbd_client *client)
{
	struct nbd_slot *slot = client->incoming;

	if (client->incoming_have < slot->length)
		return;
	client->incoming = NULL;
	nbd_request_submit(slot);
}

/* Takes the part of a payload that came with its header. */
static void take_buffered_payload(struct nbd_client *client)
{
	uint32_t length = rx_length(client);

	if (client->skip > 0) {
		length = dsc_min_u32(length, client->skip);
		client->skip -= length;
		client->rx_start += length;
		client->has_moved = true;
		return;
	}
	length = dsc_min_u32(length, (uint32_t)client->incoming->length -
				     client->incoming_have);
	memcpy(client->incoming->buffer.data + client->incoming_have,
	       rx_data(client), length);
	client->incoming_have += length;
	client->rx_start += length;
	incoming_arrived(client);
}

/* -------------------------------------------------------------- requests */

static bool decode(const struct nbd_client *client, struct nbd_request *request)
{
	if (client->headers == NBD_HEADERS_EXTENDED)
		return nbd_decode_extended_request(rx_data(client), request);
	return nbd_decode_request(rx_data(client), request);
}

/* Acts on a request, of which the header is consumed unless it stalls. */
static void take_in(struct nbd_client *client,
		    const struct nbd_request *request, uint32_t header_size)
{
	enum nbd_intake intake = nbd_request_take(client, request);

	if (intake != NBD_INTAKE_STALL)
		client->rx_start += header_size;
	switch (intake) {
	case NBD_INTAKE_DONE:
		break;
	case NBD_INTAKE_PAYLOAD:
		client->rx_want = request->length >= LARGE_PAYLOAD ?
				  SMALL_WANT : NBD_RX_SIZE;
		take_buffered_payload(client);
		break;
	case NBD_INTAKE_STALL:
		client->is_stalled = true;
		if (client->is_kernel && client->server->is_kernel_let_go)
			nbd_client_drop(client, NULL);
		break;
	case NBD_INTAKE_END:
		client->server->has_kernel_left |= client->is_kernel;
		nbd_client_drain(client);
		break;
	case NBD_INTAKE_ABUSE:
		nbd_client_drop(client, "a request has more data than is "
				"allowed");
		break;
	}
}

/* Takes one request. Returns false when there is no more to be taken now. */
static bool take_request(struct nbd_client *client)
{
	struct nbd_request request;
	uint32_t size = client->headers == NBD_HEADERS_EXTENDED ?
			NBD_EXTENDED_REQUEST_SIZE : NBD_REQUEST_SIZE;

	if (rx_length(client) < size)
		return false;
	if (!decode(client, &request)) {
		nbd_client_drop(client, "what it sends is not a request");
		return false;
	}
	take_in(client, &request, size);
	return !client->is_stalled && !nbd_client_is_sending(client);
}

static void take_requests(struct nbd_client *client)
{
	if (client->skip > 0)
		take_buffered_payload(client);
	if (nbd_client_is_sending(client))
		return;
	while (client->phase == NBD_PHASE_TRANSMISSION &&
	       !client->server->is_paused && take_request(client))
		;
}

/* ------------------------------------------------------------- handshake */

static void begin_transmission(struct nbd_client *client)
{
	client->phase = NBD_PHASE_TRANSMISSION;
	client->headers = client->handshake->headers;
	client->has_allocation = client->handshake->has_allocation;
	nbd_client_greeted(client);
}

/*
 * TLS begins, and what has come behind the wish for it is the first of that:
 * nothing that was sent in clear is taken for an option from here on.
 */
static bool begin_tls(struct nbd_client *client)
{
	int rc = nbd_tls_new(client->server->tls, client->fd, rx_data(client),
			     rx_length(client), &client->tls);

	client->rx_start = 0;
	client->rx_end = 0;
	if (rc < 0)
		nbd_client_drop(client, "there is no memory for TLS");
	return rc == 0;
}

/* Goes on with TLS's own handshake. Returns true when it is over. */
static bool shake(struct nbd_client *client)
{
	int rc = nbd_tls_handshake(client->tls);

	if (rc < 0 && rc != -EAGAIN) {
		nbd_client_drop(client, nbd_tls_why(client->tls));
		return false;
	}
	client->is_blocked = nbd_tls_unsent(client->tls) > 0;
	if (rc == 0)
		client->handshake->tls = NBD_HANDSHAKE_TLS_UP;
	return rc == 0;
}

/* Takes one step. Returns false when there is no more to be taken now. */
static bool take_option(struct nbd_client *client)
{
	struct nbd_handshake *hs = client->handshake;
	enum nbd_step step;
	size_t consumed;

	if (hs->out_length > 0)
		return false;
	if (hs->tls == NBD_HANDSHAKE_TLS_NOW)
		return (client->tls != NULL || begin_tls(client)) &&
		       shake(client);
	step = nbd_handshake_step(hs, rx_data(client), rx_length(client),
				  &consumed);
	client->rx_start += (uint32_t)consumed;
	switch (step) {
	case NBD_STEP_MORE:
		return false;
	case NBD_STEP_AGAIN:
	case NBD_STEP_TLS:
		break;
	case NBD_STEP_TRANSMIT:
		begin_transmission(client);
		break;
	case NBD_STEP_CLOSE:
		client->phase = NBD_PHASE_DRAINING;
		break;
	}
	nbd_reply_send(client);
	return true;
}

static void consume(struct nbd_client *client)
{
	while (client->phase == NBD_PHASE_HANDSHAKE &&
	       !client->server->is_paused && take_option(client))
		;
	if (client->phase == NBD_PHASE_TRANSMISSION)
		take_requests(client);
}

void nbd_receive_resume(struct nbd_client *client)
{
	client->is_stalled = false;
	consume(client);
}

/* ------------------------------------------------------------ the socket */

/* Says where the next bytes go. Returns how many there is room for. */
static size_t aim(struct nbd_client *client, struct iovec iov[2], int *count)
{
	struct nbd_slot *slot = client->incoming;
	size_t want = client->rx_want;
	size_t length = 0;

	*count = 0;
	rx_compact(client);
	if (slot != NULL) {
		iov[0].iov_base = slot->buffer.data + client->incoming_have;
		iov[0].iov_len = (size_t)slot->length - client->incoming_have;
		length = iov[0].iov_len;
		*count = 1;
	}
	iov[*count].iov_base = client->rx + client->rx_end;
	iov[*count].iov_len = dsc_min_size(want, NBD_RX_SIZE - client->rx_end);
	length += iov[*count].iov_len;
	*count += 1;
	return length;
}

/* Shares out what has arrived as aim() has laid it out. */
static void arrived(struct nbd_client *client, size_t length)
{
	client->is_clear = false;
	if (client->incoming != NULL) {
		uint32_t part = (uint32_t)dsc_min_size(length,
				(size_t)client->incoming->length -
				client->incoming_have);

		client->incoming_have += part;
		client->has_moved = true;
		length -= part;
		incoming_arrived(client);
	} else if (length == client->rx_want) {
		client->rx_want = NBD_RX_SIZE;
	}
	client->rx_end += (uint32_t)length;
	consume(client);
}

/* The client has closed its side: what it asked for is still answered. */
static void closed(struct nbd_client *client)
{
	if (client->phase == NBD_PHASE_HANDSHAKE)
		nbd_client_drop(client, NULL);
	else
		nbd_client_drain(client);
}

/* True while what arrives is TLS's own handshake. */
static bool is_shaking(const struct nbd_client *client)
{
	return client->tls != NULL && !nbd_tls_is_up(client->tls);
}

/* Receives once. Returns true when there may be more. */
static bool receive_once(struct nbd_client *client)
{
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov };
	int count;
	size_t room = aim(client, iov, &count);
	ssize_t n;

	msg.msg_iovlen = (size_t)count;
	if (client->tls != NULL)
		n = nbd_tls_receive(client->tls, iov, count);
	else
		n = recvmsg(client->fd, &msg, MSG_DONTWAIT);
	if (n == 0) {
		closed(client);
		return false;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n < 0) {
		nbd_client_drop(client, client->tls != NULL ?
				nbd_tls_why(client->tls) : NULL);
		return false;
	}
	arrived(client, (size_t)n);
	return (size_t)n == room;
}

void nbd_receive(struct nbd_client *client)
{
	int i;

	if (is_shaking(client) && !shake(client))
		return;
	for (i = 0; i < RECEIVES_MAX; i++) {
		if (!receive_once(client))
			return;
		if (client->phase == NBD_PHASE_HANDSHAKE &&
		    client->handshake->out_length > 0)
			return;
		if (client->phase > NBD_PHASE_TRANSMISSION ||
		    client->is_stalled || nbd_client_is_held(client))
			return;
	}
}
