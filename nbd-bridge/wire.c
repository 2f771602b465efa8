/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wire.c: encoding and decoding of the NBD protocol's fixed parts. Pure, any
 * thread.
 */
#include <errno.h>

#include "base/bytes.h"

#include "wire.h"

bool nbd_decode_option(const uint8_t header[NBD_OPTION_SIZE],
		       struct nbd_option *option)
{
	option->type = dsc_get_be32(header + 8);
	option->length = dsc_get_be32(header + 12);
	return dsc_get_be64(header) == NBD_MAGIC_OPTION;
}

void nbd_encode_greeting(uint8_t to[NBD_GREETING_SIZE])
{
	dsc_put_be64(to, NBD_MAGIC_INIT);
	dsc_put_be64(to + 8, NBD_MAGIC_OPTION);
	dsc_put_be16(to + 16, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
}

void nbd_encode_option_reply(uint8_t to[NBD_OPTION_REPLY_SIZE],
			     uint32_t option, uint32_t reply, uint32_t length)
{
	dsc_put_be64(to, NBD_MAGIC_OPTION_REPLY);
	dsc_put_be32(to + 8, option);
	dsc_put_be32(to + 12, reply);
	dsc_put_be32(to + 16, length);
}

/* What both kinds of request begin with; the length stands behind it. */
static void decode_common(const uint8_t *header, struct nbd_request *request)
{
	request->flags = dsc_get_be16(header + 4);
	request->type = dsc_get_be16(header + 6);
	memcpy(&request->cookie, header + 8, sizeof(request->cookie));
	request->offset = dsc_get_be64(header + 16);
}

bool nbd_decode_request(const uint8_t header[NBD_REQUEST_SIZE],
			struct nbd_request *request)
{
	decode_common(header, request);
	request->length = dsc_get_be32(header + 24);
	return dsc_get_be32(header) == NBD_MAGIC_REQUEST;
}

bool nbd_decode_extended_request(
	const uint8_t header[NBD_EXTENDED_REQUEST_SIZE],
	struct nbd_request *request)
{
	decode_common(header, request);
	request->length = dsc_get_be64(header + 24);
	return dsc_get_be32(header) == NBD_MAGIC_EXTENDED_REQUEST;
}

size_t nbd_encode_simple_reply(uint8_t to[NBD_SIMPLE_REPLY_SIZE],
			       uint32_t error, uint64_t cookie)
{
	dsc_put_be32(to, NBD_MAGIC_SIMPLE_REPLY);
	dsc_put_be32(to + 4, error);
	memcpy(to + 8, &cookie, sizeof(cookie));
	return NBD_SIMPLE_REPLY_SIZE;
}

size_t nbd_encode_chunk(uint8_t to[NBD_CHUNK_SIZE], unsigned type,
			uint64_t cookie, uint32_t length)
{
	dsc_put_be32(to, NBD_MAGIC_CHUNK);
	dsc_put_be16(to + 4, NBD_REPLY_FLAG_DONE);
	dsc_put_be16(to + 6, (uint16_t)type);
	memcpy(to + 8, &cookie, sizeof(cookie));
	dsc_put_be32(to + 16, length);
	return NBD_CHUNK_SIZE;
}

size_t nbd_encode_extended_chunk(uint8_t to[NBD_EXTENDED_CHUNK_SIZE],
				 unsigned type, uint64_t cookie,
				 uint64_t offset, uint32_t length)
{
	dsc_put_be32(to, NBD_MAGIC_EXTENDED_CHUNK);
	dsc_put_be16(to + 4, NBD_REPLY_FLAG_DONE);
	dsc_put_be16(to + 6, (uint16_t)type);
	memcpy(to + 8, &cookie, sizeof(cookie));
	dsc_put_be64(to + 16, offset);
	dsc_put_be64(to + 24, length);
	return NBD_EXTENDED_CHUNK_SIZE;
}

static const struct {
	int errnum;
	uint32_t wire;
} errors[] = {
	{ 0, 0 },
	{ EPERM, NBD_EPERM },
	{ EACCES, NBD_EPERM },
	{ EROFS, NBD_EPERM },
	{ ENOMEM, NBD_ENOMEM },
	{ EINVAL, NBD_EINVAL },
	{ ERANGE, NBD_EINVAL },
	{ ENOSPC, NBD_ENOSPC },
	{ EDQUOT, NBD_ENOSPC },
	{ EFBIG, NBD_ENOSPC },
	{ EOVERFLOW, NBD_EOVERFLOW },
	{ EOPNOTSUPP, NBD_ENOTSUP },
	{ ESHUTDOWN, NBD_ESHUTDOWN },
	{ ECANCELED, NBD_ESHUTDOWN },
};

uint32_t nbd_error_from_errno(int errnum)
{
	size_t i;

	if (errnum < 0)
		errnum = -errnum;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].errnum == errnum)
			return errors[i].wire;
	}
	return NBD_EIO;
}
