/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/wire.h: the numbers and byte layouts of the NBD protocol
 * (NetworkBlockDevice/nbd, doc/proto.md) and nothing that knows a socket.
 *
 * Pure: encoders write into room that the caller has, decoders read bytes that
 * the caller has counted. Any thread.
 */
#ifndef NBD_WIRE_H
#define NBD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ----------------------------------------------------------- handshake */

#define NBD_MAGIC_INIT UINT64_C(0x4e42444d41474943)    /* "NBDMAGIC" */
#define NBD_MAGIC_OPTION UINT64_C(0x49484156454f5054)  /* "IHAVEOPT" */
#define NBD_MAGIC_OPTION_REPLY UINT64_C(0x0003e889045565a9)

#define NBD_GREETING_SIZE 18
#define NBD_CLIENT_FLAGS_SIZE 4
#define NBD_OPTION_SIZE 16        /* the header of an option */
#define NBD_OPTION_REPLY_SIZE 20  /* the header of a reply to one */
#define NBD_STRING_MAX 4096       /* "MUST be no longer than 4096 bytes" */
#define NBD_EXPORT_PADDING 124    /* after the answer to EXPORT_NAME */

/* Handshake flags; the client's answer has the same bits. */
#define NBD_FLAG_FIXED_NEWSTYLE 0x1u
#define NBD_FLAG_NO_ZEROES 0x2u

/* Transmission flags. */
#define NBD_FLAG_HAS_FLAGS 0x001u
#define NBD_FLAG_READ_ONLY 0x002u
#define NBD_FLAG_SEND_FLUSH 0x004u
#define NBD_FLAG_SEND_FUA 0x008u
#define NBD_FLAG_ROTATIONAL 0x010u
#define NBD_FLAG_SEND_TRIM 0x020u
#define NBD_FLAG_SEND_WRITE_ZEROES 0x040u
#define NBD_FLAG_SEND_DF 0x080u
#define NBD_FLAG_CAN_MULTI_CONN 0x100u
#define NBD_FLAG_SEND_CACHE 0x400u
#define NBD_FLAG_SEND_FAST_ZERO 0x800u

enum nbd_option_type {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_STARTTLS = 5,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
	NBD_OPT_EXTENDED_HEADERS = 11,
};

#define NBD_REP_ACK 1u
#define NBD_REP_SERVER 2u
#define NBD_REP_INFO 3u
#define NBD_REP_META_CONTEXT 4u
#define NBD_REP_ERR_UNSUP 0x80000001u
#define NBD_REP_ERR_POLICY 0x80000002u
#define NBD_REP_ERR_INVALID 0x80000003u
#define NBD_REP_ERR_TLS_REQD 0x80000005u
#define NBD_REP_ERR_UNKNOWN 0x80000006u
#define NBD_REP_ERR_SHUTDOWN 0x80000007u
#define NBD_REP_ERR_TOO_BIG 0x80000009u
#define NBD_REP_ERR_EXT_HEADER_REQD 0x8000000au

enum nbd_info_type {
	NBD_INFO_EXPORT = 0,
	NBD_INFO_NAME = 1,
	NBD_INFO_DESCRIPTION = 2,
	NBD_INFO_BLOCK_SIZE = 3,
};

struct nbd_option {
	uint32_t type;
	uint32_t length;  /* of the data that follows the header */
};

/* Reads an option's header. False when the magic number is not there. */
bool nbd_decode_option(const uint8_t header[NBD_OPTION_SIZE],
		       struct nbd_option *option);

/* What the server says first. */
void nbd_encode_greeting(uint8_t to[NBD_GREETING_SIZE]);

/* The header of a reply to an option, with length bytes to follow. */
void nbd_encode_option_reply(uint8_t to[NBD_OPTION_REPLY_SIZE],
			     uint32_t option, uint32_t reply, uint32_t length);

/* -------------------------------------------------------- transmission */

#define NBD_MAGIC_REQUEST 0x25609513u
#define NBD_MAGIC_SIMPLE_REPLY 0x67446698u
#define NBD_MAGIC_CHUNK 0x668e33efu
#define NBD_MAGIC_EXTENDED_REQUEST 0x21e41c71u
#define NBD_MAGIC_EXTENDED_CHUNK 0x6e8a278cu

#define NBD_REQUEST_SIZE 28
#define NBD_SIMPLE_REPLY_SIZE 16
#define NBD_CHUNK_SIZE 20             /* the header of a structured reply */
#define NBD_EXTENDED_REQUEST_SIZE 32
#define NBD_EXTENDED_CHUNK_SIZE 32
#define NBD_PAYLOAD_MAX (32u << 20)   /* of one READ or WRITE */

/* What the headers of the transmission phase look like: it is negotiated. */
enum nbd_headers {
	NBD_HEADERS_SIMPLE,      /* compact requests, simple replies */
	NBD_HEADERS_STRUCTURED,  /* compact requests, replies in chunks */
	NBD_HEADERS_EXTENDED,    /* both with lengths of 64 bits */
};

enum nbd_command {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_CACHE = 5,
	NBD_CMD_WRITE_ZEROES = 6,
	NBD_CMD_BLOCK_STATUS = 7,
};

#define NBD_CMD_FLAG_FUA 0x01u
#define NBD_CMD_FLAG_NO_HOLE 0x02u
#define NBD_CMD_FLAG_DF 0x04u
#define NBD_CMD_FLAG_REQ_ONE 0x08u
#define NBD_CMD_FLAG_FAST_ZERO 0x10u
#define NBD_CMD_FLAG_PAYLOAD_LEN 0x20u  /* extended: length bytes follow */

#define NBD_REPLY_FLAG_DONE 0x1u

#define NBD_REPLY_TYPE_NONE 0u
#define NBD_REPLY_TYPE_OFFSET_DATA 1u
#define NBD_REPLY_TYPE_OFFSET_HOLE 2u
#define NBD_REPLY_TYPE_BLOCK_STATUS 5u
#define NBD_REPLY_TYPE_BLOCK_STATUS_EXT 6u
#define NBD_REPLY_TYPE_ERROR 0x8001u

#define NBD_STATE_HOLE 0x1u
#define NBD_STATE_ZERO 0x2u

/* Errors as they stand on the wire. */
#define NBD_EPERM 1u
#define NBD_EIO 5u
#define NBD_ENOMEM 12u
#define NBD_EINVAL 22u
#define NBD_ENOSPC 28u
#define NBD_EOVERFLOW 75u
#define NBD_ENOTSUP 95u
#define NBD_ESHUTDOWN 108u

struct nbd_request {
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;  /* as it came, in the client's byte order */
	uint64_t offset;
	uint64_t length;
};

/* Reads a request's header. False when the magic number is not there. */
bool nbd_decode_request(const uint8_t header[NBD_REQUEST_SIZE],
			struct nbd_request *request);
bool nbd_decode_extended_request(
	const uint8_t header[NBD_EXTENDED_REQUEST_SIZE],
	struct nbd_request *request);

/* Each returns the number of bytes that it has written. */
size_t nbd_encode_simple_reply(uint8_t to[NBD_SIMPLE_REPLY_SIZE],
			       uint32_t error, uint64_t cookie);
size_t nbd_encode_chunk(uint8_t to[NBD_CHUNK_SIZE], unsigned type,
			uint64_t cookie, uint32_t length);
/* offset: the request's. */
size_t nbd_encode_extended_chunk(uint8_t to[NBD_EXTENDED_CHUNK_SIZE],
				 unsigned type, uint64_t cookie,
				 uint64_t offset, uint32_t length);

/* The wire's number for an errno of either sign; 0 for 0. */
uint32_t nbd_error_from_errno(int errnum);

#endif /* NBD_WIRE_H */
