/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.c: the answer to each option of the negotiation. A table says which
 * options there are; a handler sees data whose length has been checked against
 * what arrived, and checks the lengths inside it. Pure but for the struct.
 */
#include "base/bytes.h"
#include "base/checked.h"

#include "handshake.h"

#define CONTEXT_NAMESPACE "base:"
#define CONTEXT_NAME "base:allocation"

/* A part of an option's data that has not been looked at. */
struct cursor {
	const uint8_t *data;
	size_t left;
};

struct text {
	const uint8_t *bytes;
	size_t length;
};

static bool take_be16(struct cursor *cursor, uint16_t *value)
{
	if (cursor->left < sizeof(*value))
		return false;
	*value = dsc_get_be16(cursor->data);
	cursor->data += sizeof(*value);
	cursor->left -= sizeof(*value);
	return true;
}

static bool take_be32(struct cursor *cursor, uint32_t *value)
{
	if (cursor->left < sizeof(*value))
		return false;
	*value = dsc_get_be32(cursor->data);
	cursor->data += sizeof(*value);
	cursor->left -= sizeof(*value);
	return true;
}

/* A 32-bit length and that many bytes. */
static bool take_text(struct cursor *cursor, struct text *text)
{
	uint32_t length;

	if (!take_be32(cursor, &length) || length > cursor->left ||
	    length > NBD_STRING_MAX)
		return false;
	text->bytes = cursor->data;
	text->length = length;
	cursor->data += length;
	cursor->left -= length;
	return true;
}

static bool is_text(const struct text *text, const char *string)
{
	return text->length == strlen(string) &&
	       memcmp(text->bytes, string, text->length) == 0;
}

/* The empty name is the default export, and there is only one. */
static bool is_our_name(const struct nbd_handshake *hs, const struct text *name)
{
	return name->length == 0 || is_text(name, hs->export->name);
}

/* --------------------------------------------------------------- answers */

static uint8_t *out_reserve(struct nbd_handshake *hs, size_t length)
{
	uint8_t *to = hs->out + hs->out_length;

	hs->out_length += length;
	return to;
}

/* A reply's header and room for its data. */
static uint8_t *out_reply(struct nbd_handshake *hs, uint32_t option,
			  uint32_t reply, size_t length)
{
	uint8_t *to = out_reserve(hs, NBD_OPTION_REPLY_SIZE + length);

	nbd_encode_option_reply(to, option, reply, (uint32_t)length);
	return to + NBD_OPTION_REPLY_SIZE;
}

static void out_ack(struct nbd_handshake *hs, const struct nbd_option *option)
{
	out_reply(hs, option->type, NBD_REP_ACK, 0);
}

static enum nbd_step refuse(struct nbd_handshake *hs,
			    const struct nbd_option *option, uint32_t reply,
			    const char *sentence)
{
	size_t length = strlen(sentence);

	memcpy(out_reply(hs, option->type, reply, length), sentence, length);
	return NBD_STEP_AGAIN;
}

static enum nbd_step refuse_to_end(struct nbd_handshake *hs,
				   const struct nbd_option *option)
{
	if (option->type == NBD_OPT_EXPORT_NAME)
		return NBD_STEP_CLOSE;
	return refuse(hs, option, NBD_REP_ERR_SHUTDOWN,
		      "the server is shutting down");
}

/*
 * Before TLS nothing is told but that it is missing. A client that is not told
 * in a way it knows, because it is older than such answers, is hung up on.
 */
static enum nbd_step refuse_in_clear(struct nbd_handshake *hs,
				     const struct nbd_option *option)
{
	if (option->type == NBD_OPT_EXPORT_NAME || !hs->is_fixed)
		return NBD_STEP_CLOSE;
	return refuse(hs, option, NBD_REP_ERR_TLS_REQD,
		      "this server requires TLS");
}

void nbd_option_refuse_size(struct nbd_handshake *hs,
			    const struct nbd_option *option)
{
	/* One that fails takes back what was selected before. */
	if (option->type == NBD_OPT_SET_META_CONTEXT)
		hs->has_allocation = false;
	if (hs->tls == NBD_HANDSHAKE_TLS_FIRST)
		refuse(hs, option, NBD_REP_ERR_TLS_REQD,
		       "this server requires TLS");
	else
		refuse(hs, option, NBD_REP_ERR_TOO_BIG,
		       "the option has too much data");
}

/* -------------------------------------------------------------- handlers */

static uint16_t transmission_flags(const struct nbd_handshake *hs)
{
	return nbd_disk_flags(hs->export->disk,
			      hs->headers != NBD_HEADERS_SIMPLE);
}

static enum nbd_step answer_export_name(struct nbd_handshake *hs,
					const struct nbd_option *option,
					const uint8_t *data)
{
	struct text name = { data, option->length };
	size_t padding = hs->has_no_zeroes ? 0 : NBD_EXPORT_PADDING;
	uint8_t *to;

	/* It cannot be refused in words, and is no way to extended headers. */
	if (!is_our_name(hs, &name) || hs->headers == NBD_HEADERS_EXTENDED)
		return NBD_STEP_CLOSE;
	to = out_reserve(hs, 10 + padding);
	dsc_put_be64(to, hs->export->disk->bytes);
	dsc_put_be16(to + 8, transmission_flags(hs));
	memset(to + 10, 0, padding);
	return NBD_STEP_TRANSMIT;
}

static enum nbd_step answer_abort(struct nbd_handshake *hs,
				  const struct nbd_option *option,
				  const uint8_t *data)
{
	(void)data;
	out_ack(hs, option);
	return NBD_STEP_CLOSE;
}

static enum nbd_step answer_starttls(struct nbd_handshake *hs,
				     const struct nbd_option *option,
				     const uint8_t *data)
{
	(void)data;
	if (hs->tls == NBD_HANDSHAKE_TLS_UP)
		return refuse(hs, option, NBD_REP_ERR_INVALID,
			      "the connection has TLS already");
	if (hs->tls == NBD_HANDSHAKE_PLAIN)
		return refuse(hs, option, NBD_REP_ERR_POLICY,
			      "this server has no TLS");
	hs->tls = NBD_HANDSHAKE_TLS_NOW;
	out_ack(hs, option);
	return NBD_STEP_TLS;
}

static enum nbd_step answer_list(struct nbd_handshake *hs,
				 const struct nbd_option *option,
				 const uint8_t *data)
{
	const char *name = hs->export->name;
	const char *description = hs->export->disk->description;
	size_t length = strlen(name);
	size_t rest = strlen(description);
	uint8_t *to;

	(void)data;
	to = out_reply(hs, option->type, NBD_REP_SERVER, 4 + length + rest);
	dsc_put_be32(to, (uint32_t)length);
	memcpy(to + 4, name, length);
	memcpy(to + 4 + length, description, rest);
	out_ack(hs, option);
	return NBD_STEP_AGAIN;
}

static void out_info_text(struct nbd_handshake *hs, uint32_t option,
			  enum nbd_info_type type, const char *text)
{
	size_t length = strlen(text);
	uint8_t *to = out_reply(hs, option, NBD_REP_INFO, 2 + length);

	dsc_put_be16(to, (uint16_t)type);
	memcpy(to + 2, text, length);
}

static void out_info_export(struct nbd_handshake *hs, uint32_t option)
{
	const struct nbd_disk *disk = hs->export->disk;
	uint8_t *to = out_reply(hs, option, NBD_REP_INFO, 12);

	dsc_put_be16(to, NBD_INFO_EXPORT);
	dsc_put_be64(to + 2, disk->bytes);
	dsc_put_be16(to + 10, transmission_flags(hs));
}

static void out_info_block_size(struct nbd_handshake *hs, uint32_t option)
{
	const struct nbd_disk *disk = hs->export->disk;
	uint8_t *to = out_reply(hs, option, NBD_REP_INFO, 14);

	dsc_put_be16(to, NBD_INFO_BLOCK_SIZE);
	dsc_put_be32(to + 2, disk->block_size);
	dsc_put_be32(to + 6, disk->preferred_size);
	dsc_put_be32(to + 10, NBD_PAYLOAD_MAX);
}

/* Which information was asked for: a bit per type; false if malformed. */
static bool take_info_requests(struct cursor *cursor, unsigned *wanted)
{
	uint16_t count;
	uint16_t type;

	*wanted = 0;
	if (!take_be16(cursor, &count) ||
	    cursor->left != (size_t)count * sizeof(type))
		return false;
	while (take_be16(cursor, &type)) {
		if (type <= NBD_INFO_DESCRIPTION)
			*wanted |= 1u << type;
	}
	return true;
}

/* NBD_OPT_INFO and NBD_OPT_GO. */
static enum nbd_step answer_info(struct nbd_handshake *hs,
				 const struct nbd_option *option,
				 const uint8_t *data)
{
	struct cursor cursor = { data, option->length };
	struct text name;
	unsigned wanted;

	if (!take_text(&cursor, &name) || !take_info_requests(&cursor, &wanted))
		return refuse(hs, option, NBD_REP_ERR_INVALID,
			      "the lengths in the option do not add up");
	if (!is_our_name(hs, &name))
		return refuse(hs, option, NBD_REP_ERR_UNKNOWN,
			      "there is no export of that name");
	out_info_export(hs, option->type);
	if (wanted & 1u << NBD_INFO_NAME)
		out_info_text(hs, option->type, NBD_INFO_NAME,
			      hs->export->name);
	if (wanted & 1u << NBD_INFO_DESCRIPTION)
		out_info_text(hs, option->type, NBD_INFO_DESCRIPTION,
			      hs->export->disk->description);
	/* Who does not ask is held to it, too. */
	out_info_block_size(hs, option->type);
	out_ack(hs, option);
	return option->type == NBD_OPT_GO ? NBD_STEP_TRANSMIT : NBD_STEP_AGAIN;
}

static enum nbd_step answer_structured(struct nbd_handshake *hs,
				       const struct nbd_option *option,
				       const uint8_t *data)
{
	(void)data;
	if (hs->headers == NBD_HEADERS_EXTENDED)
		return refuse(hs, option, NBD_REP_ERR_EXT_HEADER_REQD,
			      "extended headers are negotiated already");
	hs->headers = NBD_HEADERS_STRUCTURED;
	out_ack(hs, option);
	return NBD_STEP_AGAIN;
}

static enum nbd_step answer_extended(struct nbd_handshake *hs,
				     const struct nbd_option *option,
				     const uint8_t *data)
{
	(void)data;
	hs->headers = NBD_HEADERS_EXTENDED;
	out_ack(hs, option);
	return NBD_STEP_AGAIN;
}

/*
 * Reads the queries of a LIST_ or SET_META_CONTEXT option.
 *
 * is_found: receives whether one of them selects base:allocation. Only a list
 * knows wildcards: no query at all, or the bare namespace.
 */
static bool take_queries(struct cursor *cursor, bool is_list, bool *is_found)
{
	struct text query;
	uint32_t count;
	uint32_t i;

	if (!take_be32(cursor, &count))
		return false;
	*is_found = is_list && count == 0;
	for (i = 0; i < count; i++) {
		if (!take_text(cursor, &query))
			return false;
		if (is_text(&query, CONTEXT_NAME) ||
		    (is_list && is_text(&query, CONTEXT_NAMESPACE)))
			*is_found = true;
	}
	return cursor->left == 0;
}

static enum nbd_step answer_meta_context(struct nbd_handshake *hs,
					 const struct nbd_option *option,
					 const uint8_t *data)
{
	struct cursor cursor = { data, option->length };
	bool is_list = option->type == NBD_OPT_LIST_META_CONTEXT;
	struct text name;
	bool is_found;
	uint8_t *to;

	if (!is_list)
		hs->has_allocation = false;
	if (hs->headers == NBD_HEADERS_SIMPLE)
		return refuse(hs, option, NBD_REP_ERR_INVALID,
			      "structured replies must be negotiated first");
	if (!take_text(&cursor, &name) ||
	    !take_queries(&cursor, is_list, &is_found))
		return refuse(hs, option, NBD_REP_ERR_INVALID,
			      "the lengths in the option do not add up");
	if (!is_our_name(hs, &name))
		return refuse(hs, option, NBD_REP_ERR_UNKNOWN,
			      "there is no export of that name");
	if (is_found) {
		to = out_reply(hs, option->type, NBD_REP_META_CONTEXT,
			       4 + strlen(CONTEXT_NAME));
		dsc_put_be32(to, is_list ? 0 : NBD_CONTEXT_ALLOCATION);
		memcpy(to + 4, CONTEXT_NAME, strlen(CONTEXT_NAME));
	}
	if (!is_list)
		hs->has_allocation = is_found;
	out_ack(hs, option);
	return NBD_STEP_AGAIN;
}

static const struct handler {
	enum nbd_step (*answer)(struct nbd_handshake *hs,
				const struct nbd_option *option,
				const uint8_t *data);
	uint32_t type;
	bool has_no_data;
} handlers[] = {
	{ answer_export_name, NBD_OPT_EXPORT_NAME, false },
	{ answer_abort, NBD_OPT_ABORT, false },
	{ answer_list, NBD_OPT_LIST, true },
	{ answer_starttls, NBD_OPT_STARTTLS, true },
	{ answer_info, NBD_OPT_INFO, false },
	{ answer_info, NBD_OPT_GO, false },
	{ answer_structured, NBD_OPT_STRUCTURED_REPLY, true },
	{ answer_meta_context, NBD_OPT_LIST_META_CONTEXT, false },
	{ answer_meta_context, NBD_OPT_SET_META_CONTEXT, false },
	{ answer_extended, NBD_OPT_EXTENDED_HEADERS, true },
};

enum nbd_step nbd_option_answer(struct nbd_handshake *hs,
				const struct nbd_option *option,
				const uint8_t *data)
{
	size_t i;

	if (hs->is_ending && option->type != NBD_OPT_ABORT)
		return refuse_to_end(hs, option);
	if (hs->tls == NBD_HANDSHAKE_TLS_FIRST &&
	    option->type != NBD_OPT_STARTTLS && option->type != NBD_OPT_ABORT)
		return refuse_in_clear(hs, option);
	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type != option->type)
			continue;
		if (handlers[i].has_no_data && option->length != 0)
			return refuse(hs, option, NBD_REP_ERR_INVALID,
				      "the option takes no data");
		return handlers[i].answer(hs, option, data);
	}
	return refuse(hs, option, NBD_REP_ERR_UNSUP,
		      "the option is not known here");
}
