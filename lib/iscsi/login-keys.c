/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-keys.c: one table of login keys: type, range, default, who may bring
 * a key up, and how an offer and an answer combine. Pure.
 *
 * An answer is combined with our offer by the key's own function, so that a
 * target that answers with its own limit instead of the result (some do) is
 * understood as it understands itself. Keys of the security stage are only
 * placed here (which may answer which); login-chap.c reads them.
 */
#include "iscsi/login-keys.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

/* RFC 7143 section 6.1: a key name has at most 63 bytes. */
#define KEY_BYTES_MAX 63u
/* How much of a value is shown in a message. */
#define SHOWN_MAX 40
/* Lengths in bytes that a key can carry (2^24 - 1). */
#define LENGTH_MAX 0xffffffu

enum type {
	TYPE_NUMBER,
	TYPE_BOOLEAN,
	TYPE_DIGEST,
	TYPE_TEXT      /* read elsewhere, or by nobody */
};

enum combine {
	COMBINE_NONE,  /* declared: the target's own, no offer of ours counts */
	COMBINE_MIN,
	COMBINE_MAX,
	COMBINE_OR,
	COMBINE_AND
};

/* Digests as bits. */
#define DIGEST_NONE 1u
#define DIGEST_CRC32C 2u

static const struct key {
	const char *name;
	enum type type;
	enum combine combine;
	enum dsc_login_key asked_by;  /* the key of ours that it may answer,
				       * NONE: the target may bring it up */
	bool is_asked_now;            /* … in the request just before */
	uint32_t low;
	uint32_t high;
	uint32_t fallback;            /* RFC 7143's default */
} keys[DSC_KEY_COUNT] = {
	[DSC_KEY_AUTH_METHOD] = {
		"AuthMethod", TYPE_TEXT, COMBINE_NONE,
		DSC_KEY_AUTH_METHOD, true, 0, 0, 0
	},
	[DSC_KEY_CHAP_A] = {
		"CHAP_A", TYPE_TEXT, COMBINE_NONE,
		DSC_KEY_CHAP_A, true, 0, 0, 0
	},
	[DSC_KEY_CHAP_I] = {
		"CHAP_I", TYPE_TEXT, COMBINE_NONE,
		DSC_KEY_CHAP_A, true, 0, 0, 0
	},
	[DSC_KEY_CHAP_C] = {
		"CHAP_C", TYPE_TEXT, COMBINE_NONE,
		DSC_KEY_CHAP_A, true, 0, 0, 0
	},
	[DSC_KEY_CHAP_N] = {
		"CHAP_N", TYPE_TEXT, COMBINE_NONE,
		DSC_KEY_CHAP_C, true, 0, 0, 0
	},
	[DSC_KEY_CHAP_R] = {
		"CHAP_R", TYPE_TEXT, COMBINE_NONE,
		DSC_KEY_CHAP_C, true, 0, 0, 0
	},
	[DSC_KEY_HEADER_DIGEST] = {
		"HeaderDigest", TYPE_DIGEST, COMBINE_NONE,
		DSC_KEY_HEADER_DIGEST, false, 0, 0, DIGEST_NONE
	},
	[DSC_KEY_DATA_DIGEST] = {
		"DataDigest", TYPE_DIGEST, COMBINE_NONE,
		DSC_KEY_DATA_DIGEST, false, 0, 0, DIGEST_NONE
	},
	[DSC_KEY_MAX_CONNECTIONS] = {
		"MaxConnections", TYPE_NUMBER, COMBINE_MIN,
		DSC_KEY_MAX_CONNECTIONS, false, 1, 65535, 1
	},
	[DSC_KEY_INITIAL_R2T] = {
		"InitialR2T", TYPE_BOOLEAN, COMBINE_OR,
		DSC_KEY_INITIAL_R2T, false, 0, 1, 1
	},
	[DSC_KEY_IMMEDIATE_DATA] = {
		"ImmediateData", TYPE_BOOLEAN, COMBINE_AND,
		DSC_KEY_IMMEDIATE_DATA, false, 0, 1, 1
	},
	[DSC_KEY_MAX_RECV] = {
		"MaxRecvDataSegmentLength", TYPE_NUMBER, COMBINE_NONE,
		DSC_KEY_NONE, false, 512, LENGTH_MAX, 8192
	},
	[DSC_KEY_MAX_BURST] = {
		"MaxBurstLength", TYPE_NUMBER, COMBINE_MIN,
		DSC_KEY_MAX_BURST, false, 512, LENGTH_MAX, 262144
	},
	[DSC_KEY_FIRST_BURST] = {
		"FirstBurstLength", TYPE_NUMBER, COMBINE_MIN,
		DSC_KEY_FIRST_BURST, false, 512, LENGTH_MAX, 65536
	},
	[DSC_KEY_TIME_TO_WAIT] = {
		"DefaultTime2Wait", TYPE_NUMBER, COMBINE_MAX,
		DSC_KEY_TIME_TO_WAIT, false, 0, 3600, 2
	},
	[DSC_KEY_TIME_TO_RETAIN] = {
		"DefaultTime2Retain", TYPE_NUMBER, COMBINE_MIN,
		DSC_KEY_TIME_TO_RETAIN, false, 0, 3600, 20
	},
	[DSC_KEY_MAX_R2T] = {
		"MaxOutstandingR2T", TYPE_NUMBER, COMBINE_MIN,
		DSC_KEY_MAX_R2T, false, 1, 65535, 1
	},
	[DSC_KEY_PDU_IN_ORDER] = {
		"DataPDUInOrder", TYPE_BOOLEAN, COMBINE_OR,
		DSC_KEY_PDU_IN_ORDER, false, 0, 1, 1
	},
	[DSC_KEY_SEQUENCE_IN_ORDER] = {
		"DataSequenceInOrder", TYPE_BOOLEAN, COMBINE_OR,
		DSC_KEY_SEQUENCE_IN_ORDER, false, 0, 1, 1
	},
	[DSC_KEY_RECOVERY_LEVEL] = {
		"ErrorRecoveryLevel", TYPE_NUMBER, COMBINE_MIN,
		DSC_KEY_RECOVERY_LEVEL, false, 0, 2, 0
	},
	[DSC_KEY_IF_MARKER] = {
		"IFMarker", TYPE_BOOLEAN, COMBINE_AND,
		DSC_KEY_IF_MARKER, false, 0, 1, 0
	},
	[DSC_KEY_OF_MARKER] = {
		"OFMarker", TYPE_BOOLEAN, COMBINE_AND,
		DSC_KEY_OF_MARKER, false, 0, 1, 0
	},
	/* of RFC 7145: never offered, so no answer may change anything */
	[DSC_KEY_RDMA] = {
		"RDMAExtensions", TYPE_BOOLEAN, COMBINE_AND,
		DSC_KEY_RDMA, false, 0, 1, 0
	},
	[DSC_KEY_INITIATOR_RECV] = {
		"InitiatorRecvDataSegmentLength", TYPE_NUMBER, COMBINE_MIN,
		DSC_KEY_INITIATOR_RECV, false, 512, LENGTH_MAX, 8192
	},
	[DSC_KEY_TARGET_RECV] = {
		"TargetRecvDataSegmentLength", TYPE_NUMBER, COMBINE_MIN,
		DSC_KEY_TARGET_RECV, false, 512, LENGTH_MAX, 8192
	},
	/* the target's own to say */
	[DSC_KEY_PORTAL_GROUP] = {
		"TargetPortalGroupTag", TYPE_NUMBER, COMBINE_NONE,
		DSC_KEY_NONE, false, 0, 65535, 0
	},
	[DSC_KEY_TARGET_ALIAS] = {
		"TargetAlias", TYPE_TEXT, COMBINE_NONE,
		DSC_KEY_NONE, false, 0, 0, 0
	},
	[DSC_KEY_TARGET_ADDRESS] = {
		"TargetAddress", TYPE_TEXT, COMBINE_NONE,
		DSC_KEY_NONE, false, 0, 0, 0
	},
};

static uint32_t bit(enum dsc_login_key key)
{
	return UINT32_C(1) << key;
}

const char *dsc_login_key_name(enum dsc_login_key key)
{
	return keys[key].name;
}

/* ---------------------------------------------------------------- syntax */

static bool is_key_byte(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || strchr(".-+@_#", c) != NULL;
}

static bool is_key_name(const char *name, size_t length)
{
	size_t i;

	if (length == 0 || length > KEY_BYTES_MAX)
		return false;
	for (i = 0; i < length; i++) {
		if (name[i] == '\0' || !is_key_byte(name[i]))
			return false;
	}
	return true;
}

static enum dsc_login_key find_key(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < DSC_KEY_COUNT; i++) {
		if (strlen(keys[i].name) == length &&
		    memcmp(keys[i].name, name, length) == 0)
			break;
	}
	return (enum dsc_login_key)i;
}

/* One pair, ended by NUL. */
static int parse_pair(const char *pair, struct dsc_login_text *text,
		      struct discsi_error *error)
{
	const char *equals = strchr(pair, '=');
	enum dsc_login_key key;

	if (equals == NULL || !is_key_name(pair, (size_t)(equals - pair)))
		return dsc_error_set(error, EPROTO, "the target sent '%.*s', "
				     "which is no key=value pair", SHOWN_MAX,
				     pair);
	key = find_key(pair, (size_t)(equals - pair));
	if (key == DSC_KEY_NONE)
		return 0;
	if (text->values[key] != NULL)
		return dsc_error_set(error, EPROTO, "the target sent %s twice "
				     "in one answer", keys[key].name);
	text->values[key] = equals + 1;
	return 0;
}

static bool is_all_zero(const char *bytes, size_t length)
{
	while (length > 0 && bytes[length - 1] == '\0')
		length--;
	return length == 0;
}

int dsc_login_parse(const uint8_t *bytes, size_t length,
		    struct dsc_login_text *text, struct discsi_error *error)
{
	const char *at = (const char *)bytes;
	const char *end;
	int rc;

	memset(text, 0, sizeof(*text));
	while (length > 0) {
		end = memchr(at, '\0', length);
		if (end == NULL)
			return dsc_error_set(error, EPROTO, "the target's "
					     "answer does not end with NUL");
		/* libiscsi stops reading at an empty pair: nothing may hide
		 * behind one */
		if (end == at && is_all_zero(at, length))
			return 0;
		rc = parse_pair(at, text, error);
		if (rc != 0)
			return rc;
		length -= (size_t)(end - at) + 1;
		at = end + 1;
	}
	return 0;
}

/* ---------------------------------------------------------------- values */

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

bool dsc_login_get_number(const char *value, uint32_t low, uint32_t high,
			  uint32_t *number)
{
	uint64_t sum = 0;
	int base = 10;

	if (value[0] == '0' && (value[1] == 'x' || value[1] == 'X')) {
		base = 16;
		value += 2;
	}
	if (*value == '\0')
		return false;
	for (; *value != '\0'; value++) {
		if (digit_value(*value) >= base)
			return false;
		sum = sum * (unsigned int)base +
		      (unsigned int)digit_value(*value);
		if (sum > high)
			return false;
	}
	*number = (uint32_t)sum;
	return sum >= low;
}

bool dsc_login_is_in_list(const char *list, const char *item)
{
	size_t length = strlen(item);

	if (length == 0 || strchr(item, ',') != NULL)
		return false;
	while (list != NULL) {
		if (strncmp(list, item, length) == 0 &&
		    (list[length] == '\0' || list[length] == ','))
			return true;
		list = strchr(list, ',');
		if (list != NULL)
			list++;
	}
	return false;
}

bool dsc_login_is_declined(const char *value)
{
	return strcmp(value, "Reject") == 0 ||
	       strcmp(value, "Irrelevant") == 0 ||
	       strcmp(value, "NotUnderstood") == 0;
}

static uint32_t digest_bits(const char *list)
{
	uint32_t bits = 0;

	if (dsc_login_is_in_list(list, "None"))
		bits |= DIGEST_NONE;
	if (dsc_login_is_in_list(list, "CRC32C"))
		bits |= DIGEST_CRC32C;
	return bits;
}

static bool get_boolean(const char *value, uint32_t *number)
{
	*number = strcmp(value, "Yes") == 0;
	return *number != 0 || strcmp(value, "No") == 0;
}

/* One of our offers, or an answer: offers of a digest may be a list. */
static bool get_value(const struct key *key, const char *value,
		      uint32_t *number)
{
	switch (key->type) {
	case TYPE_NUMBER:
		return dsc_login_get_number(value, key->low, key->high, number);
	case TYPE_BOOLEAN:
		return get_boolean(value, number);
	case TYPE_DIGEST:
		*number = digest_bits(value);
		return *number != 0;
	case TYPE_TEXT:
		*number = 0;
		return true;
	}
	return false;
}

/* --------------------------------------------------------------- talking */

int dsc_login_note_offers(struct dsc_login_talk *talk,
			  const struct dsc_login_text *text,
			  struct discsi_error *error)
{
	enum dsc_login_key i;

	for (i = 0; i < DSC_KEY_COUNT; i++) {
		if (!dsc_login_has(text, i))
			continue;
		if (!get_value(&keys[i], text->values[i], &talk->offers[i]))
			return dsc_error_set(error, EPROTO, "libiscsi offers "
					     "%s=%.*s, which means nothing",
					     keys[i].name, SHOWN_MAX,
					     text->values[i]);
		talk->offered |= bit(i);
	}
	return 0;
}

static bool is_asked_for(const struct dsc_login_talk *talk,
			 const struct dsc_login_text *request,
			 const struct key *key)
{
	if (key->asked_by == DSC_KEY_NONE)
		return true;
	if (key->is_asked_now)
		return dsc_login_has(request, key->asked_by);
	return (talk->offered & bit(key->asked_by)) != 0;
}

/*
 * An answer must name one digest, and one of those offered. None is understood
 * even where CRC32C alone was offered: whether that will do is settled later.
 */
static bool is_acceptable(const struct dsc_login_talk *talk,
			  enum dsc_login_key key, const char *value,
			  uint32_t number)
{
	if (keys[key].type != TYPE_DIGEST)
		return true;
	if (strchr(value, ',') != NULL)
		return false;
	return number == DIGEST_NONE || (number & talk->offers[key]) != 0;
}

static bool is_no_answer(enum dsc_login_key key, const char *value)
{
	return keys[key].type == TYPE_TEXT ||
	       (keys[key].asked_by != DSC_KEY_NONE &&
		dsc_login_is_declined(value));
}

/*
 * With None as our only offer, Reject means that the target insists on a
 * digest; istgt goes on as if we did, too. A negotiation without a common
 * choice ends the login (RFC 7143 section 7.10).
 */
static bool is_without_choice(const struct dsc_login_talk *talk,
			      enum dsc_login_key key, const char *value)
{
	return keys[key].type == TYPE_DIGEST &&
	       talk->offers[key] == DIGEST_NONE && strcmp(value, "Reject") == 0;
}

static int note_answer(struct dsc_login_talk *talk, enum dsc_login_key key,
		       const char *value, struct discsi_error *error)
{
	const char *name = keys[key].name;
	uint32_t number;

	if (is_without_choice(talk, key, value))
		return dsc_error_set(error, EOPNOTSUPP, "the target demands a "
				     "%s, which was not offered", name);
	if (is_no_answer(key, value))
		return 0;
	if (!get_value(&keys[key], value, &number))
		return dsc_error_set(error, EPROTO, "the target sent %s=%.*s, "
				     "which is not a value for it", name,
				     SHOWN_MAX, value);
	if (!is_acceptable(talk, key, value, number))
		return dsc_error_set(error, EPROTO, "the target answered "
				     "%s=%.*s, which was not offered", name,
				     SHOWN_MAX, value);
	if ((talk->answered & bit(key)) && talk->answers[key] != number)
		return dsc_error_set(error, EPROTO, "the target sent %s=%.*s, "
				     "and another value before", name,
				     SHOWN_MAX, value);
	talk->answered |= bit(key);
	talk->answers[key] = number;
	return 0;
}

int dsc_login_note_answers(struct dsc_login_talk *talk,
			   const struct dsc_login_text *text,
			   const struct dsc_login_text *request,
			   struct discsi_error *error)
{
	enum dsc_login_key i;
	int rc;

	for (i = 0; i < DSC_KEY_COUNT; i++) {
		if (!dsc_login_has(text, i))
			continue;
		if (!is_asked_for(talk, request, &keys[i]))
			return dsc_error_set(error, EPROTO, "the target sent "
					     "%s, which was not asked for",
					     keys[i].name);
		rc = note_answer(talk, i, text->values[i], error);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---------------------------------------------------------------- result */

static uint32_t settled(const struct dsc_login_talk *talk,
			enum dsc_login_key key)
{
	uint32_t offer = talk->offers[key];
	uint32_t answer = talk->answers[key];

	if ((talk->answered & bit(key)) == 0)
		return keys[key].fallback;
	switch (keys[key].combine) {
	case COMBINE_MIN:
		return dsc_min_u32(offer, answer);
	case COMBINE_MAX:
		return offer > answer ? offer : answer;
	case COMBINE_OR:
		return offer | answer;
	case COMBINE_AND:
		return offer & answer;
	case COMBINE_NONE:
		break;
	}
	return answer;
}

int dsc_login_settle(const struct dsc_login_talk *talk,
		     struct dsc_params *params, struct discsi_error *error)
{
	params->max_send_bytes = settled(talk, DSC_KEY_MAX_RECV);
	params->max_recv_bytes = keys[DSC_KEY_MAX_RECV].fallback;
	if (talk->offered & bit(DSC_KEY_MAX_RECV))
		params->max_recv_bytes = talk->offers[DSC_KEY_MAX_RECV];
	params->max_burst_bytes = settled(talk, DSC_KEY_MAX_BURST);
	params->first_burst_bytes = settled(talk, DSC_KEY_FIRST_BURST);
	params->max_outstanding_r2t = settled(talk, DSC_KEY_MAX_R2T);
	params->initial_r2t = settled(talk, DSC_KEY_INITIAL_R2T) != 0;
	params->immediate_data = settled(talk, DSC_KEY_IMMEDIATE_DATA) != 0;
	params->header_digest =
		settled(talk, DSC_KEY_HEADER_DIGEST) == DIGEST_CRC32C;
	params->data_digest =
		settled(talk, DSC_KEY_DATA_DIGEST) == DIGEST_CRC32C;
	params->tpgt = (uint16_t)settled(talk, DSC_KEY_PORTAL_GROUP);

	if (params->first_burst_bytes <= params->max_burst_bytes)
		return 0;
	if (talk->answered & bit(DSC_KEY_FIRST_BURST))
		return dsc_error_set(error, EPROTO, "the target answered "
				     "FirstBurstLength=%u, more than "
				     "MaxBurstLength=%u",
				     params->first_burst_bytes,
				     params->max_burst_bytes);
	params->first_burst_bytes = params->max_burst_bytes;
	return 0;
}
