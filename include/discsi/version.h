/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/version.h: the version of the headers and of the library at run time.
 */
#ifndef DISCSI_VERSION_H
#define DISCSI_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these headers. */
#define DISCSI_VERSION_MAJOR 0
#define DISCSI_VERSION_MINOR 1
#define DISCSI_VERSION_PATCH 0
#define DISCSI_VERSION "0.1.0"

/*
 * The version of the library that is loaded, as "MAJOR.MINOR.PATCH".
 *
 * Returns a static string. Threads: any.
 */
const char *discsi_version(void);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_VERSION_H */
