/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nbd-bridge/log.h: what this program says while it runs: to stderr until it
 * is ready, and to syslog once it has left its terminal. One sink per process;
 * it is chosen before there are threads, and any thread may write to it.
 */
#ifndef NBD_LOG_H
#define NBD_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <discsi/context.h>

/* Messages above this level are left out; warnings are the default. */
void nbd_log_set_level(enum discsi_log_level level);
enum discsi_log_level nbd_log_level(void);

/* From now on to syslog, with id in front of every line. id: borrowed. */
void nbd_log_to_syslog(const char *id);

/* One line, without a newline. */
void nbd_log(enum discsi_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* How much of one kind has been logged lately. All zero to begin with. */
struct nbd_log_limit {
	uint64_t period_ns;
	unsigned count;
};

/*
 * True if one more line of a kind may be logged: 20 in a minute may.
 *
 * rest: receives what is to be added to it, which on the last line says that
 *      it is the last one.
 */
bool nbd_log_may(struct nbd_log_limit *limit, const char **rest);

/* A discsi_log_cb: what the library has to say. */
void nbd_log_library(void *arg, enum discsi_log_level level,
		     const char *component, const char *message);

#endif /* NBD_LOG_H */
