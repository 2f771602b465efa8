/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * values.c: the types of values that members have, portals and secrets apart:
 * text, iSCSI names, hosts, numbers, booleans, words. Owner's thread of the
 * configuration.
 */
#include "conf/members.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"

bool dsc_conf_parse_number(const char *text, size_t length, uint32_t max,
			   uint32_t *number)
{
	uint64_t value = 0;

	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value > max)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

/* ------------------------------------------------------------------ text */

static char **string_at(struct discsi_conf *conf,
			const struct dsc_conf_member *m)
{
	return (char **)(void *)((char *)conf + m->offset);
}

static const char *string_of(const struct discsi_conf *conf,
			     const struct dsc_conf_member *m)
{
	return *(char *const *)(const void *)((const char *)conf + m->offset);
}

static int store_string(struct discsi_conf *conf,
			const struct dsc_conf_member *m, const char *text,
			size_t length)
{
	char *copy = strndup(text, length);

	if (copy == NULL)
		return dsc_fail_memory();
	free(*string_at(conf, m));
	*string_at(conf, m) = copy;
	return 0;
}

static int set_text(struct discsi_conf *conf, const struct dsc_conf_member *m,
		    const char *text, size_t length)
{
	if (length < m->min || length > m->max)
		return dsc_fail(EINVAL, "%s: must be %" PRIu32 " to %" PRIu32
				" bytes long", m->name, m->min, m->max);
	if (!dsc_text_is_clean(text))
		return dsc_fail(EINVAL, "%s: must be UTF-8 text without "
				"control characters", m->name);
	return store_string(conf, m, text, length);
}

static void clear_string(struct discsi_conf *conf,
			 const struct dsc_conf_member *m)
{
	free(*string_at(conf, m));
	*string_at(conf, m) = NULL;
}

static int copy_string(struct discsi_conf *conf,
		       const struct dsc_conf_member *m,
		       const struct discsi_conf *from)
{
	const char *text = string_of(from, m);

	return text != NULL ? store_string(conf, m, text, strlen(text)) : 0;
}

static int format_string(const struct discsi_conf *conf,
			 const struct dsc_conf_member *m, char **text)
{
	const char *value = string_of(conf, m);

	*text = value != NULL ? strdup(value) : NULL;
	return value == NULL || *text != NULL ? 0 : dsc_fail_memory();
}

const struct dsc_conf_type dsc_conf_type_text = {
	DSC_CONF_STRING, "text", set_text, clear_string, copy_string,
	format_string
};

/* ------------------------------------------------------------ iSCSI name */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(const char *text, size_t length)
{
	return strspn(text, "0123456789abcdefABCDEF") == length;
}

/*
 * "2024-05.com.example:anything". RFC 3722 forbids '_', but targets use it; it
 * does no harm.
 */
static bool is_iqn_rest(const char *rest)
{
	static const char pattern[] = "dddd-dd.";
	int month;
	size_t i;

	for (i = 0; pattern[i] != '\0'; i++) {
		if (pattern[i] == 'd' ? !is_digit(rest[i]) :
					rest[i] != pattern[i])
			return false;
	}
	month = (rest[5] - '0') * 10 + (rest[6] - '0');
	if (month < 1 || month > 12 || rest[i] == '\0')
		return false;
	for (; rest[i] != '\0'; i++) {
		if (!is_digit(rest[i]) && strchr("-.:_", rest[i]) == NULL &&
		    !((rest[i] | 0x20) >= 'a' && (rest[i] | 0x20) <= 'z'))
			return false;
	}
	return true;
}

bool dsc_conf_is_iscsi_name(const char *name)
{
	size_t length = strnlen(name, DSC_ISCSI_NAME_MAX + 1);

	if (length > DSC_ISCSI_NAME_MAX)
		return false;
	if (strncasecmp(name, "iqn.", 4) == 0)
		return is_iqn_rest(name + 4);
	if (strncasecmp(name, "eui.", 4) == 0)
		return length == 4 + 16 && is_hex(name + 4, 16);
	if (strncasecmp(name, "naa.", 4) == 0)
		return (length == 4 + 16 || length == 4 + 32) &&
		       is_hex(name + 4, length - 4);
	return false;
}

static int set_name(struct discsi_conf *conf, const struct dsc_conf_member *m,
		    const char *text, size_t length)
{
	if (!dsc_conf_is_iscsi_name(text))
		return dsc_fail(EINVAL, "%s: must be an iSCSI name such as "
				"iqn.2024-05.com.example:disk1, eui.<16 hex "
				"digits> or naa.<16 or 32 hex digits>",
				m->name);
	return store_string(conf, m, text, length);
}

const struct dsc_conf_type dsc_conf_type_name = {
	DSC_CONF_STRING, "text", set_name, clear_string, copy_string,
	format_string
};

/* ------------------------------------------------------------------ ISID */

/* The random format (RFC 7143 section 11.12.5), which is the one we make. */
static int set_isid(struct discsi_conf *conf, const struct dsc_conf_member *m,
		    const char *text, size_t length)
{
	if (length != 12 || !is_hex(text, length) ||
	    strncmp(text, "80", 2) != 0)
		return dsc_fail(EINVAL, "%s: must be 12 hex digits, of which "
				"the first two are 80", m->name);
	return store_string(conf, m, text, length);
}

const struct dsc_conf_type dsc_conf_type_isid = {
	DSC_CONF_STRING, "text", set_isid, clear_string, copy_string,
	format_string
};

/* ------------------------------------------------------------------ host */

/* Brackets around an IPv6 address are taken off. */
static int set_host(struct discsi_conf *conf, const struct dsc_conf_member *m,
		    const char *text, size_t length)
{
	const char *problem;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']' &&
	    memchr(text, ':', length) != NULL) {
		text++;
		length -= 2;
	}
	problem = dsc_conf_check_host(text, length);
	if (problem != NULL)
		return dsc_fail(EINVAL, "%s: must be a host name or an address "
				"without a port (\"portal\" takes both): %s",
				m->name, problem);
	return store_string(conf, m, text, length);
}

const struct dsc_conf_type dsc_conf_type_host = {
	DSC_CONF_STRING, "text", set_host, clear_string, copy_string,
	format_string
};

/* --------------------------------------------------------------- numbers */

static int parse_range(const struct dsc_conf_member *m, const char *text,
		       size_t length, uint32_t *number)
{
	uint32_t value = 0;

	if (!dsc_conf_parse_number(text, length, m->max, &value) ||
	    value < m->min)
		return dsc_fail(EINVAL, "%s: must be a whole number from "
				"%" PRIu32 " to %" PRIu32, m->name, m->min,
				m->max);
	*number = value;
	return 0;
}

static int format_number(uint64_t number, char **text)
{
	if (asprintf(text, "%" PRIu64, number) >= 0)
		return 0;
	*text = NULL;
	return dsc_fail_memory();
}

static int set_lun_id(struct discsi_conf *conf, const struct dsc_conf_member *m,
		      const char *text, size_t length)
{
	uint32_t number = 0;
	int rc = parse_range(m, text, length, &number);

	if (rc == 0) {
		conf->has_lun_id = true;
		conf->lun_id = number;
	}
	return rc;
}

static void clear_lun_id(struct discsi_conf *conf,
			 const struct dsc_conf_member *m)
{
	(void)m;
	conf->has_lun_id = false;
	conf->lun_id = 0;
}

static int copy_lun_id(struct discsi_conf *conf,
		       const struct dsc_conf_member *m,
		       const struct discsi_conf *from)
{
	(void)m;
	conf->has_lun_id = from->has_lun_id;
	conf->lun_id = from->lun_id;
	return 0;
}

static int format_lun_id(const struct discsi_conf *conf,
			 const struct dsc_conf_member *m, char **text)
{
	(void)m;
	*text = NULL;
	return conf->has_lun_id ? format_number(conf->lun_id, text) : 0;
}

const struct dsc_conf_type dsc_conf_type_lun_id = {
	DSC_CONF_NUMBER, "a whole number", set_lun_id, clear_lun_id,
	copy_lun_id, format_lun_id
};

static uint32_t *count_at(struct discsi_conf *conf,
		       const struct dsc_conf_member *m)
{
	return (uint32_t *)(void *)((char *)conf + m->offset);
}

static uint32_t count_of(const struct discsi_conf *conf,
		      const struct dsc_conf_member *m)
{
	return *(const uint32_t *)(const void *)((const char *)conf +
						 m->offset);
}

static int set_count(struct discsi_conf *conf, const struct dsc_conf_member *m,
		  const char *text, size_t length)
{
	return parse_range(m, text, length, count_at(conf, m));
}

static void clear_count(struct discsi_conf *conf, const struct dsc_conf_member *m)
{
	*count_at(conf, m) = m->initial;
}

static int copy_count(struct discsi_conf *conf, const struct dsc_conf_member *m,
		   const struct discsi_conf *from)
{
	*count_at(conf, m) = count_of(from, m);
	return 0;
}

static int format_count(const struct discsi_conf *conf,
		     const struct dsc_conf_member *m, char **text)
{
	return format_number(count_of(conf, m), text);
}

const struct dsc_conf_type dsc_conf_type_count = {
	DSC_CONF_NUMBER, "a whole number", set_count, clear_count, copy_count, format_count
};

/* -------------------------------------------------------------- booleans */

static bool *bool_at(struct discsi_conf *conf, const struct dsc_conf_member *m)
{
	return (bool *)((char *)conf + m->offset);
}

static bool bool_of(const struct discsi_conf *conf,
		    const struct dsc_conf_member *m)
{
	return *(const bool *)((const char *)conf + m->offset);
}

static int set_bool(struct discsi_conf *conf, const struct dsc_conf_member *m,
		    const char *text, size_t length)
{
	bool is_true = strcmp(text, "true") == 0;

	(void)length;
	if (!is_true && strcmp(text, "false") != 0)
		return dsc_fail(EINVAL, "%s: must be true or false", m->name);
	*bool_at(conf, m) = is_true;
	return 0;
}

static void clear_bool(struct discsi_conf *conf,
		       const struct dsc_conf_member *m)
{
	*bool_at(conf, m) = m->initial != 0;
}

static int copy_bool(struct discsi_conf *conf, const struct dsc_conf_member *m,
		     const struct discsi_conf *from)
{
	*bool_at(conf, m) = bool_of(from, m);
	return 0;
}

static int format_bool(const struct discsi_conf *conf,
		       const struct dsc_conf_member *m, char **text)
{
	*text = strdup(bool_of(conf, m) ? "true" : "false");
	return *text != NULL ? 0 : dsc_fail_memory();
}

const struct dsc_conf_type dsc_conf_type_boolean = {
	DSC_CONF_BOOLEAN, "true or false", set_bool, clear_bool, copy_bool,
	format_bool
};

/* ------------------------------------------------------------- patience */

/* Milliseconds, or -1 for ever. */
static int set_patience(struct discsi_conf *conf,
			const struct dsc_conf_member *m, const char *text,
			size_t length)
{
	uint32_t number = 0;

	if (strcmp(text, "-1") == 0)
		number = DSC_CONF_FOR_EVER;
	else if (!dsc_conf_parse_number(text, length, m->max, &number))
		return dsc_fail(EINVAL, "%s: must be a whole number from 0 to "
				"%" PRIu32 ", or -1", m->name, m->max);
	*count_at(conf, m) = number;
	return 0;
}

static int format_patience(const struct discsi_conf *conf,
			   const struct dsc_conf_member *m, char **text)
{
	if (count_of(conf, m) != DSC_CONF_FOR_EVER)
		return format_count(conf, m, text);
	*text = strdup("-1");
	return *text != NULL ? 0 : dsc_fail_memory();
}

const struct dsc_conf_type dsc_conf_type_patience = {
	DSC_CONF_NUMBER, "a whole number", set_patience, clear_count, copy_count,
	format_patience
};

/* ---------------------------------------------------------------- words */

/* The words of a member, in the order of its enum; a NULL ends them. */
static const char *const digest_words[] = {
	[DSC_CONF_DIGEST_NONE] = "none",
	[DSC_CONF_DIGEST_PREFER] = "prefer",
	[DSC_CONF_DIGEST_REQUIRE] = "require",
	NULL
};

static const char *const barrier_words[] = {
	[DSC_CONF_BARRIER_AUTO] = "auto",
	[DSC_CONF_BARRIER_REINSTATE] = "reinstate",
	[DSC_CONF_BARRIER_LUN_RESET] = "lun_reset",
	[DSC_CONF_BARRIER_FAIL] = "fail",
	NULL
};

static const char *const *words_of(const struct dsc_conf_member *m)
{
	return m->type == &dsc_conf_type_barrier ? barrier_words : digest_words;
}

static unsigned *word_at(struct discsi_conf *conf,
			 const struct dsc_conf_member *m)
{
	return (unsigned *)(void *)((char *)conf + m->offset);
}

static unsigned word_of(const struct discsi_conf *conf,
			const struct dsc_conf_member *m)
{
	const void *at = (const char *)conf + m->offset;

	return *(const unsigned *)at;
}

/* "none", "prefer" or "require" */
static void list_words(const char *const *words, char *text, size_t room)
{
	size_t used = 0;
	size_t i;

	for (i = 0; words[i] != NULL && used < room; i++) {
		const char *link = i == 0 ? "" : words[i + 1] == NULL ? " or " :
						 ", ";
		int n = snprintf(text + used, room - used, "%s\"%s\"", link,
				 words[i]);

		used += n > 0 ? (size_t)n : 0;
	}
}

static int set_word(struct discsi_conf *conf, const struct dsc_conf_member *m,
		    const char *text, size_t length)
{
	const char *const *words = words_of(m);
	char list[128];
	unsigned i;

	(void)length;
	for (i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			*word_at(conf, m) = i;
			return 0;
		}
	}
	list_words(words, list, sizeof(list));
	return dsc_fail(EINVAL, "%s: must be %s", m->name, list);
}

static void clear_word(struct discsi_conf *conf,
		       const struct dsc_conf_member *m)
{
	*word_at(conf, m) = m->initial;
}

static int copy_word(struct discsi_conf *conf, const struct dsc_conf_member *m,
		     const struct discsi_conf *from)
{
	*word_at(conf, m) = word_of(from, m);
	return 0;
}

static int format_word(const struct discsi_conf *conf,
		       const struct dsc_conf_member *m, char **text)
{
	*text = strdup(words_of(m)[word_of(conf, m)]);
	return *text != NULL ? 0 : dsc_fail_memory();
}

const struct dsc_conf_type dsc_conf_type_digest = {
	DSC_CONF_STRING, "text", set_word, clear_word, copy_word, format_word
};

const struct dsc_conf_type dsc_conf_type_barrier = {
	DSC_CONF_STRING, "text", set_word, clear_word, copy_word, format_word
};
