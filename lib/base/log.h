/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.h: one line to the caller's log callback, if there is one and it wants
 * it. Any thread of the context; the settings are fixed before it starts.
 */
#ifndef DSC_BASE_LOG_H
#define DSC_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <discsi/context.h>
#include "base/error.h"

enum dsc_component {
	DSC_LOG_CONTEXT,
	DSC_LOG_LOGIN,
	DSC_LOG_CONN,
	DSC_LOG_SESSION,
	DSC_LOG_DISCOVERY,
	DSC_LOG_LUN,
	DSC_LOG_BRIDGE,
	DSC_LOG_STORAGE,
	DSC_LOG_COMPONENTS  /* how many there are */
};

struct dsc_log {
	discsi_log_cb cb;
	void *arg;
	enum discsi_log_level level;
	uint32_t debug_mask;  /* bit per component, from DISCSI_DEBUG */
};

/* No callback; the mask from the environment variable DISCSI_DEBUG. */
void dsc_log_init(struct dsc_log *log);

/*
 * Installs the callback and tells it about DISCSI_DEBUG: the components, when
 * that says "help", and names that are none.
 */
void dsc_log_install(struct dsc_log *log, discsi_log_cb cb, void *arg,
		     enum discsi_log_level level);

/* True when a message of this kind would reach somebody. */
static inline bool dsc_log_is_on(const struct dsc_log *log,
				 enum discsi_log_level level,
				 enum dsc_component component)
{
	return log->cb != NULL &&
	       (level <= log->level || (log->debug_mask >> component & 1));
}

/* Formats and delivers a line if it is wanted. */
void dsc_log(const struct dsc_log *log, enum discsi_log_level level,
	     enum dsc_component component, const char *format, ...)
	DSC_PRINTF(4, 5);

#endif /* DSC_BASE_LOG_H */
