/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * version.c: the version that this library was built as. Any thread.
 */
#include <discsi/version.h>

const char *discsi_version(void)
{
	return DISCSI_VERSION;
}
