/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.h: text that is going to be shown, mostly from outside. Pure.
 */
#ifndef DSC_BASE_TEXT_H
#define DSC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes text safe for a terminal, a log line and JSON, in place and without
 * changing its length: control characters and bytes that are no UTF-8 become
 * '?'. What a target sends may hold them.
 */
void dsc_text_clean(char *text);

/* True for text that dsc_text_clean() leaves as it is. */
bool dsc_text_is_clean(const char *text);

/* True for UTF-8, control characters included. */
bool dsc_text_is_utf8(const char *text);

/* "host:port", with brackets around an IPv6 address; cut to room. */
void dsc_text_portal(const char *host, unsigned port, char *text, size_t room);

#endif /* DSC_BASE_TEXT_H */
