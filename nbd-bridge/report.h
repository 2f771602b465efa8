/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/report.h: the two things that discsi-nbd says to whoever has
 * started it: that the export is ready, or why it cannot be; as a line for
 * people or as JSON. Pure. Each returns allocated text with its newline, NULL
 * without memory.
 */
#ifndef NBD_REPORT_H
#define NBD_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <discsi/error.h>

/* device, link, socket: "" where there is none. */
char *nbd_report_ready(bool is_json, const char *id, const char *device,
		       const char *link, const char *socket, uint64_t bytes);

char *nbd_report_error(bool is_json, const struct discsi_error *error);

#endif /* NBD_REPORT_H */
