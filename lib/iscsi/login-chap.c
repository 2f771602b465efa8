/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * login-chap.c: the security stage (RFC 7143 section 12.1.3): which answer
 * each of our requests allows, the forms that libiscsi can read, and the proof
 * that mutual CHAP asks of the target. Pure.
 */
#include "iscsi/login-check.h"

#include <errno.h>
#include <string.h>

#include "iscsi/md5.h"

/* ---------------------------------------------------------------- binary */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_base64(const char *value)
{
	return value[0] == '0' && (value[1] == 'b' || value[1] == 'B');
}

/*
 * "0x" and an even number of digits, room bytes at most: the only form that
 * libiscsi reads. Returns the number of bytes, 0 when it is not that form.
 */
static size_t get_binary(const char *value, uint8_t *bytes, size_t room)
{
	size_t digits, i;
	int high, low;

	if (strncmp(value, "0x", 2) != 0)
		return 0;
	value += 2;
	digits = strlen(value);
	if (digits % 2 != 0 || digits / 2 > room)
		return 0;
	for (i = 0; i < digits / 2; i++) {
		high = hex_value(value[2 * i]);
		low = hex_value(value[2 * i + 1]);
		if (high < 0 || low < 0)
			return 0;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return i;
}

/* An identifier, which libiscsi reads in decimal alone. */
static bool get_identifier(const char *value, uint8_t *identifier)
{
	uint32_t number;

	if (value[strspn(value, "0123456789")] != '\0' ||
	    !dsc_login_get_number(value, 0, 255, &number))
		return false;
	*identifier = (uint8_t)number;
	return true;
}

/* --------------------------------------------------------------- request */

/* Keeps what our request challenges the target with. */
bool dsc_login_chap_request(struct dsc_login_check *check)
{
	const struct dsc_login_text *text = &check->text;

	if (dsc_login_has(text, DSC_KEY_CHAP_R))
		check->is_response_sent = true;
	if (!dsc_login_is_mutual(check) || !dsc_login_has(text, DSC_KEY_CHAP_R))
		return true;
	check->challenge_length = 0;
	if (dsc_login_has(text, DSC_KEY_CHAP_I) &&
	    dsc_login_has(text, DSC_KEY_CHAP_C) &&
	    get_identifier(text->values[DSC_KEY_CHAP_I], &check->challenge_id))
		check->challenge_length =
			get_binary(text->values[DSC_KEY_CHAP_C],
				   check->challenge, sizeof(check->challenge));
	if (check->challenge_length > 0)
		return true;
	dsc_login_refuse(check, EACCES, "libiscsi does not challenge the "
			 "target to prove itself");
	return false;
}

/* ----------------------------------------------------------------- reply */

/* To "AuthMethod=CHAP,None". */
static enum dsc_login_verdict reply_to_offer(struct dsc_login_check *check,
					     const struct dsc_login_text *text,
					     bool is_transit)
{
	const char *method = text->values[DSC_KEY_AUTH_METHOD];

	if (method != NULL && dsc_login_is_declined(method))
		return dsc_login_refuse(check, EACCES, "the target accepts "
					"neither CHAP nor a login without it");
	if (method != NULL &&
	    !dsc_login_is_in_list(check->text.values[DSC_KEY_AUTH_METHOD],
				  method))
		return dsc_login_violation(check, "the target chose AuthMethod="
					   "%.40s, which was not offered",
					   method);
	if (method != NULL && strcmp(method, "CHAP") == 0) {
		if (is_transit)
			return dsc_login_violation(check, "the target chose "
						   "CHAP and skipped it");
		return DSC_LOGIN_PASS;
	}
	if (dsc_login_is_mutual(check))
		return dsc_login_refuse(check, EACCES, "the target does not "
					"prove itself, it wants no CHAP");
	if (!is_transit)
		return dsc_login_violation(check, "the target chose no "
					   "authentication and does not go on");
	return DSC_LOGIN_PASS;
}

/* To "CHAP_A=5": the algorithm and a challenge. */
static enum dsc_login_verdict
reply_to_algorithm(struct dsc_login_check *check,
		   const struct dsc_login_text *text, bool is_transit)
{
	const char *algorithm = text->values[DSC_KEY_CHAP_A];
	const char *identifier = text->values[DSC_KEY_CHAP_I];
	const char *challenge = text->values[DSC_KEY_CHAP_C];
	uint8_t bytes[DSC_CHAP_CHALLENGE_MAX], number;

	if (algorithm != NULL && dsc_login_is_declined(algorithm))
		return dsc_login_refuse(check, EACCES, "the target does not "
					"do CHAP with MD5");
	if (algorithm == NULL || identifier == NULL || challenge == NULL)
		return dsc_login_violation(check, "the target does not send a "
					   "CHAP challenge");
	if (is_transit)
		return dsc_login_violation(check, "the target does not wait "
					   "for our CHAP response");
	if (!dsc_login_is_in_list(check->text.values[DSC_KEY_CHAP_A],
				  algorithm))
		return dsc_login_violation(check, "the target chose CHAP_A="
					   "%.40s, which was not offered",
					   algorithm);
	if (!get_identifier(identifier, &number))
		return dsc_login_violation(check, "the target sent "
					   "CHAP_I=%.40s, which is no number "
					   "of 0 to 255", identifier);
	if (is_base64(challenge))
		return dsc_login_violation(check, "the target's CHAP challenge "
					   "is in base64, which libiscsi "
					   "cannot read");
	if (get_binary(challenge, bytes, sizeof(bytes)) == 0)
		return dsc_login_violation(check, "the target's CHAP challenge "
					   "is malformed");
	return DSC_LOGIN_PASS;
}

/* That the target's CHAP_R answers our challenge with its secret. */
static bool is_response_right(const struct dsc_login_check *check,
			      const char *response)
{
	const char *secret = check->policy->target_password->text;
	uint8_t expected[DSC_MD5_BYTES], got[DSC_MD5_BYTES];
	struct dsc_md5 md5;
	unsigned int i, difference = 0;

	if (get_binary(response, got, sizeof(got)) != sizeof(got))
		return false;
	dsc_md5_init(&md5);
	dsc_md5_add(&md5, &check->challenge_id, 1);
	dsc_md5_add(&md5, secret, strlen(secret));
	dsc_md5_add(&md5, check->challenge, check->challenge_length);
	dsc_md5_end(&md5, expected);
	for (i = 0; i < sizeof(got); i++)
		difference |= expected[i] ^ got[i];
	return difference == 0;
}

static enum dsc_login_verdict prove_target(struct dsc_login_check *check,
					   const struct dsc_login_text *text)
{
	const char *name = text->values[DSC_KEY_CHAP_N];
	const char *response = text->values[DSC_KEY_CHAP_R];

	if (name == NULL || response == NULL)
		return dsc_login_refuse(check, EACCES, "the target does not "
					"prove itself, it sent no CHAP "
					"response");
	if (strcmp(name, check->policy->target_username) != 0)
		return dsc_login_refuse(check, EACCES, "the target proves "
					"itself as '%.100s', not as the "
					"configured '%.100s'", name,
					check->policy->target_username);
	if (is_base64(response))
		return dsc_login_refuse(check, EACCES, "the target's CHAP "
					"response is in base64, which libiscsi "
					"cannot read");
	if (check->challenge_length == 0 || !is_response_right(check, response))
		return dsc_login_refuse(check, EACCES, "the target did not "
					"prove itself, its CHAP response is "
					"wrong");
	check->is_target_proved = true;
	return DSC_LOGIN_PASS;
}

/* To our CHAP_R, and with mutual CHAP our challenge. */
static enum dsc_login_verdict
reply_to_response(struct dsc_login_check *check,
		  const struct dsc_login_text *text, bool is_transit)
{
	enum dsc_login_verdict verdict;

	if (dsc_login_is_mutual(check)) {
		verdict = prove_target(check, text);
		if (verdict != DSC_LOGIN_PASS)
			return verdict;
	}
	if (!is_transit)
		return dsc_login_violation(check, "the target wants more of "
					   "CHAP than libiscsi can do");
	return DSC_LOGIN_PASS;
}

enum dsc_login_verdict dsc_login_chap_reply(struct dsc_login_check *check,
					    const struct dsc_login_text *text,
					    bool is_transit)
{
	if (dsc_login_has(&check->text, DSC_KEY_AUTH_METHOD))
		return reply_to_offer(check, text, is_transit);
	if (dsc_login_has(&check->text, DSC_KEY_CHAP_R))
		return reply_to_response(check, text, is_transit);
	if (dsc_login_has(&check->text, DSC_KEY_CHAP_A))
		return reply_to_algorithm(check, text, is_transit);
	return dsc_login_violation(check, "libiscsi is lost in the security "
				   "stage");
}
