/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * secret.c: a mapping of its own for each CHAP secret. What the kernel refuses
 * (locking, mostly) makes the secret less well kept, not unusable. In a forked
 * child the text reads as empty. Owner's thread.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/secret.h"

/* The kernel rounds it up to a page; what is not text is zero. */
#define MAPPING_SIZE (DSC_SECRET_MAX + 1)

static char *map_new(void)
{
	void *p = mmap(NULL, MAPPING_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)mlock(p, MAPPING_SIZE);
	(void)madvise(p, MAPPING_SIZE, MADV_DONTDUMP);
	(void)madvise(p, MAPPING_SIZE, MADV_WIPEONFORK);
	return p;
}

void dsc_wipe(void *p, size_t length)
{
	explicit_bzero(p, length);
}

int dsc_secret_set(struct dsc_secret *secret, const char *text, size_t length)
{
	char *copy;

	if (length > DSC_SECRET_MAX)
		return dsc_fail(EINVAL, "a secret of %zu bytes is too long, "
				"%d are taken", length, DSC_SECRET_MAX);
	if (length > 0 && memchr(text, '\0', length) != NULL)
		return dsc_fail(EINVAL, "a secret cannot hold a NUL byte");
	copy = map_new();
	if (copy == NULL)
		return dsc_fail_memory();
	if (length > 0)
		memcpy(copy, text, length);
	dsc_secret_clear(secret);
	secret->text = copy;
	return 0;
}

int dsc_secret_copy(struct dsc_secret *secret, const struct dsc_secret *from)
{
	if (secret == from)
		return 0;
	if (!dsc_secret_is_set(from)) {
		dsc_secret_clear(secret);
		return 0;
	}
	return dsc_secret_set(secret, from->text, strlen(from->text));
}

void dsc_secret_clear(struct dsc_secret *secret)
{
	if (secret->text == NULL)
		return;
	dsc_wipe(secret->text, MAPPING_SIZE);
	(void)munmap(secret->text, MAPPING_SIZE);
	secret->text = NULL;
}

bool dsc_secret_is_equal(const struct dsc_secret *a, const struct dsc_secret *b)
{
	unsigned int differ = 0;
	size_t i;

	if (!dsc_secret_is_set(a) || !dsc_secret_is_set(b))
		return dsc_secret_is_set(a) == dsc_secret_is_set(b);
	for (i = 0; i < MAPPING_SIZE; i++)
		differ |= (unsigned int)(a->text[i] ^ b->text[i]);
	return differ == 0;
}

void dsc_secret_hide_in_url(char *url)
{
	static const char scheme[] = "iscsi://";
	char *begin, *end;

	if (url == NULL || strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
		return;
	begin = strchr(url, '%');
	end = strrchr(url, '@');
	if (begin == NULL || end == NULL || begin > end)
		return;
	memset(begin + 1, '*', (size_t)(end - begin - 1));
}

bool dsc_secret_may_be_in(const char *text, size_t length)
{
	const char *percent = memchr(text, '%', length);
	bool is_path = length > 0 && (text[0] == '/' || text[0] == '.');

	if (!is_path)
		return percent != NULL || memchr(text, '@', length) != NULL;
	return percent != NULL &&
	       memchr(percent, '@', (size_t)(text + length - percent)) != NULL;
}

const char *dsc_secret_shown(const char *text)
{
	return dsc_secret_may_be_in(text, strlen(text)) ?
	       "(not shown, it may hold a secret)" : text;
}

bool dsc_secret_is_member(const char *name)
{
	return strcmp(name, "password") == 0 ||
	       strcmp(name, "target_password") == 0;
}
