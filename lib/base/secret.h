/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * secret.h: the one type that holds a CHAP secret. Its memory is locked where
 * that is allowed, left out of core dumps and of forked children, never
 * printed, and wiped before it is freed. Owner's thread.
 */
#ifndef DSC_BASE_SECRET_H
#define DSC_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* The longest secret that is taken, without its NUL (libiscsi's own limit). */
#define DSC_SECRET_MAX 255

struct dsc_secret {
	char *text;  /* NUL-terminated in a mapping of its own, NULL when unset */
};

/* Takes length bytes of text. Errors: EINVAL (too long, or a NUL), ENOMEM. */
int dsc_secret_set(struct dsc_secret *secret, const char *text, size_t length);

/* Copies from into secret, unset included. Errors: ENOMEM. */
int dsc_secret_copy(struct dsc_secret *secret, const struct dsc_secret *from);

/* Wipes and unsets. */
void dsc_secret_clear(struct dsc_secret *secret);

static inline bool dsc_secret_is_set(const struct dsc_secret *secret)
{
	return secret->text != NULL;
}

/* Same content, in a time that does not depend on it. Two unset are equal. */
bool dsc_secret_is_equal(const struct dsc_secret *a, const struct dsc_secret *b);

/* memset that the compiler keeps. */
void dsc_wipe(void *p, size_t length);

/*
 * For programs: overwrites the secret of an iscsi:// URL that stands in argv,
 * between the first '%' and the last '@' before the host, with '*'.
 */
void dsc_secret_hide_in_url(char *url);

/*
 * What a message may say of text that somebody has typed or configured: the text
 * itself, or, where a secret may be in it, words that stand for it. A URL that
 * is put in a wrong place, or is mistyped, has its secret behind a '%' or before
 * an '@'. Only a path ("/", ".") may hold one of these, and not an '@' behind a
 * '%'.
 */
bool dsc_secret_may_be_in(const char *text, size_t length);
const char *dsc_secret_shown(const char *text);

/*
 * For programs: true when a member of a configuration is a secret itself, which
 * must not be given as an argument. (Those that name a file are none.)
 */
bool dsc_secret_is_member(const char *name);

#endif /* DSC_BASE_SECRET_H */
