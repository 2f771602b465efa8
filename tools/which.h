/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * which.h: what a WHICH among the operands means. Any thread.
 */
#ifndef TOOLS_WHICH_H
#define TOOLS_WHICH_H

#include <stddef.h>

#include <discsi/bridge.h>

/*
 * The bridge with this id, device or socket (or a path that leads there), address
 * or number of its process, as discsi_bridge_detach() takes them; NULL: none of
 * these.
 */
const struct discsi_bridge *which_bridge(const char *which,
					 struct discsi_bridge *bridges[],
					 size_t count);

#endif /* TOOLS_WHICH_H */
