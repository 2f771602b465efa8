/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz-conf.c: one input as a URL, as JSON, as a portal and as a name. What is
 * taken can be dumped, and the dump reads back as the same; what is refused
 * leaves nothing behind and has a sentence that says why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/conf.h"
#include "fuzz/fuzz.h"

const char dsc_fuzz_name[] = "conf";

static struct discsi_conf *make(void)
{
	struct discsi_conf *conf = NULL;

	DSC_FUZZ_ASSERT(discsi_conf_new(&conf) == 0);
	return conf;
}

static char *dump(const struct discsi_conf *conf, unsigned flags)
{
	char *text = NULL;
	int rc = discsi_conf_to_json(conf, flags, &text);

	/* a secret that is not UTF-8 cannot be written, all else can */
	DSC_FUZZ_ASSERT(rc == 0 ||
			(rc == -EINVAL && flags == DISCSI_CONF_SECRETS));
	return text;
}

static void check_round_trip(const struct discsi_conf *conf)
{
	struct discsi_conf *again = make();
	char *one = dump(conf, DISCSI_CONF_SECRETS);
	char *two;

	if (one == NULL) {
		one = dump(conf, 0);
		DSC_FUZZ_ASSERT(dsc_text_is_utf8(one));
	} else {
		DSC_FUZZ_ASSERT(discsi_conf_set_json(again, one, strlen(one),
						     NULL, NULL) == 0);
		two = dump(again, DISCSI_CONF_SECRETS);
		DSC_FUZZ_ASSERT(two != NULL && strcmp(one, two) == 0);
		free(two);
	}
	free(one);
	discsi_conf_free(again);
}

static void check_outcome(const struct discsi_conf *conf, int rc)
{
	struct discsi_conf *fresh;
	char *one, *two;

	if (rc == 0) {
		check_round_trip(conf);
		return;
	}
	DSC_FUZZ_ASSERT(rc == -EINVAL);
	DSC_FUZZ_ASSERT(discsi_last_error()->errnum == EINVAL);
	DSC_FUZZ_ASSERT(discsi_last_error()->message[0] != '\0');
	DSC_FUZZ_ASSERT(dsc_text_is_clean(discsi_last_error()->message));
	fresh = make();
	one = dump(conf, 0);
	two = dump(fresh, 0);
	DSC_FUZZ_ASSERT(strcmp(one, two) == 0);
	free(one);
	free(two);
	discsi_conf_free(fresh);
}

static void check_warning(void *arg, const char *sentence)
{
	(void)arg;
	DSC_FUZZ_ASSERT(dsc_text_is_clean(sentence));
}

static void try_text(const char *text)
{
	struct dsc_conf_portal portal = { NULL, 0 };
	struct discsi_conf *conf = make();
	char *dummy = NULL;

	check_outcome(conf, discsi_conf_set_url(conf, text));
	if (dsc_conf_check(conf) == 0 && conf->iqn != NULL)
		DSC_FUZZ_ASSERT(dsc_conf_is_iscsi_name(conf->iqn));
	discsi_conf_free(conf);

	if (dsc_conf_parse_portal(text, &portal) == 0)
		DSC_FUZZ_ASSERT(portal.host[0] != '\0' && portal.port != 0);
	free(portal.host);
	(void)dsc_conf_is_iscsi_name(text);

	conf = make();
	(void)discsi_conf_set(conf, text, "1");
	(void)discsi_conf_get(conf, text, &dummy);
	free(dummy);
	discsi_conf_free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct discsi_conf *conf;
	char *text;

	/* Not to read whatever file the input names. */
	if (memmem(data, size, "_file", 5) != NULL)
		return 0;
	conf = make();
	check_outcome(conf, discsi_conf_set_json(conf, (const char *)data,
						 size, check_warning, NULL));
	discsi_conf_free(conf);

	text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	try_text(text);
	free(text);
	return 0;
}
