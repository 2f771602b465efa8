/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handshake.c: the frame of the negotiation: greeting, client flags, options
 * one after the other. Pure but for the struct that it is given.
 */
#include "base/bytes.h"
#include "base/checked.h"

#include "handshake.h"

void nbd_handshake_init(struct nbd_handshake *hs,
			const struct nbd_export *export)
{
	hs->export = export;
	hs->state = NBD_HANDSHAKE_FLAGS;
	hs->tls = NBD_HANDSHAKE_PLAIN;
	hs->is_fixed = false;
	hs->has_no_zeroes = false;
	hs->is_ending = false;
	hs->headers = NBD_HEADERS_SIMPLE;
	hs->has_allocation = false;
	hs->skip = 0;
	nbd_encode_greeting(hs->out);
	hs->out_length = NBD_GREETING_SIZE;
}

static enum nbd_step take_flags(struct nbd_handshake *hs, const uint8_t *in,
				size_t length, size_t *consumed)
{
	uint32_t flags;

	if (length < NBD_CLIENT_FLAGS_SIZE)
		return NBD_STEP_MORE;
	*consumed = NBD_CLIENT_FLAGS_SIZE;
	flags = dsc_get_be32(in);
	if ((flags & ~(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)) != 0)
		return NBD_STEP_CLOSE;
	hs->is_fixed = (flags & NBD_FLAG_FIXED_NEWSTYLE) != 0;
	hs->has_no_zeroes = (flags & NBD_FLAG_NO_ZEROES) != 0;
	hs->state = NBD_HANDSHAKE_OPTION;
	return NBD_STEP_AGAIN;
}

static enum nbd_step skip_data(struct nbd_handshake *hs, size_t length,
			       size_t *consumed)
{
	*consumed = dsc_min_size(length, hs->skip);
	hs->skip -= (uint32_t)*consumed;
	if (hs->skip > 0)
		return NBD_STEP_MORE;
	hs->state = NBD_HANDSHAKE_OPTION;
	return NBD_STEP_AGAIN;
}

static enum nbd_step take_option(struct nbd_handshake *hs, const uint8_t *in,
				 size_t length, size_t *consumed)
{
	struct nbd_option option;

	if (length < NBD_OPTION_SIZE)
		return NBD_STEP_MORE;
	if (!nbd_decode_option(in, &option))
		return NBD_STEP_CLOSE;
	if (option.length > NBD_OPTION_DATA_MAX) {
		*consumed = NBD_OPTION_SIZE;
		if (option.type == NBD_OPT_EXPORT_NAME)
			return NBD_STEP_CLOSE;
		nbd_option_refuse_size(hs, &option);
		hs->skip = option.length;
		hs->state = NBD_HANDSHAKE_SKIP;
		return NBD_STEP_AGAIN;
	}
	if (length - NBD_OPTION_SIZE < option.length)
		return NBD_STEP_MORE;
	*consumed = NBD_OPTION_SIZE + option.length;
	return nbd_option_answer(hs, &option, in + NBD_OPTION_SIZE);
}

enum nbd_step nbd_handshake_step(struct nbd_handshake *hs, const uint8_t *in,
				 size_t length, size_t *consumed)
{
	*consumed = 0;
	switch (hs->state) {
	case NBD_HANDSHAKE_FLAGS:
		return take_flags(hs, in, length, consumed);
	case NBD_HANDSHAKE_SKIP:
		return skip_data(hs, length, consumed);
	case NBD_HANDSHAKE_OPTION:
		break;
	}
	return take_option(hs, in, length, consumed);
}
