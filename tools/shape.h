/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shape.h: the library's structs as JSON objects, with the names of the
 * structs' members, and as text. Pure; any thread. What is returned is the
 * caller's; NULL without memory.
 */
#ifndef TOOLS_SHAPE_H
#define TOOLS_SHAPE_H

#include <stdbool.h>

#include <json-c/json.h>

#include <discsi/bridge.h>
#include <discsi/discovery.h>
#include <discsi/lun.h>
#include <discsi/session.h>

#include "output.h"

/* [{"target", "portals": [{"address", "port", "tpgt"}]}] */
struct json_object *shape_discovery(const struct discsi_discovery *discovery);

/* One element of list: {"lun", "type", "bytes", "block_size", …} */
struct json_object *shape_list_entry(const struct discsi_lun_info *info);

/* All members of both structs; "type" as a word, "portal" as one text. */
struct json_object *shape_info(const struct discsi_lun_info *lun,
			       const struct discsi_session_info *session);

/* The same for people: pairs in an array that shape_pairs_free() frees. */
struct output_pair *shape_info_pairs(const struct discsi_lun_info *lun,
				     const struct discsi_session_info *session);
void shape_pairs_free(struct output_pair *pairs);

/* What attach prints: {"id", "device", "socket", "bytes"}. */
struct json_object *shape_attached(const struct discsi_bridge *bridge);

/*
 * All members of a bridge but its size. "stats" has the counters of struct
 * discsi_session_stats, and "read", "write" and "other" those of struct
 * discsi_stats_of with "p50_us", "p99_us" and "max_us"; null: not known.
 */
struct json_object *shape_bridge(const struct discsi_bridge *bridge);

/* The same for people. */
struct output_pair *shape_bridge_pairs(const struct discsi_bridge *bridge);

/*
 * The microseconds that percent of the commands took less than, of those that
 * the buckets tell apart; 0: there were no commands.
 */
uint64_t shape_percentile_us(const uint64_t latency[DISCSI_LATENCY_BUCKETS],
			     unsigned percent);

/* "address:port", with brackets around IPv6. Allocated. */
char *shape_portal(const char *address, unsigned port);

/*
 * The URI under which NBD clients reach a bridge's socket:
 * nbd+unix:///?socket=/run/… . Allocated.
 */
char *shape_nbd_uri(const char *socket);

/* The word for a peripheral device type of SPC-4 table 142: "disk". */
const char *shape_device_type(unsigned type);

#endif /* TOOLS_SHAPE_H */
