/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.h: text that came from outside and is going to be shown. Pure.
 */
#ifndef DSC_BASE_TEXT_H
#define DSC_BASE_TEXT_H

/*
 * Makes text safe for a terminal, a log line and JSON, in place and without
 * changing its length: control characters and bytes that are no UTF-8 become
 * '?'. What a target sends may hold them.
 */
void dsc_text_clean(char *text);

#endif /* DSC_BASE_TEXT_H */
