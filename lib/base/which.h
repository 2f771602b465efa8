/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * which.h: what a user means who names one of the bridges that there are. Any
 * thread.
 */
#ifndef DSC_BASE_WHICH_H
#define DSC_BASE_WHICH_H

#include <stdbool.h>
#include <stddef.h>

#include <discsi/bridge.h>

/* "1234": a process, since no id is a number. */
bool dsc_which_is_number(const char *which);

/*
 * The index of the bridge with this id, device or socket (or a path that leads
 * there), address, or number of its process; count when there is none.
 */
size_t dsc_which_bridge(const char *which, struct discsi_bridge *const all[],
			size_t count);

#endif /* DSC_BASE_WHICH_H */
