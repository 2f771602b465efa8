/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf/conf.h: the fields of a configuration. Layers below the public
 * functions read them directly; only lib/conf writes them. Owner's thread; a
 * session keeps a copy of its own, which nobody changes.
 */
#ifndef DSC_CONF_CONF_H
#define DSC_CONF_CONF_H

#include <discsi/conf.h>
#include "base/secret.h"

#define DSC_ISCSI_PORT 3260
#define DSC_CONF_PORTALS_MAX 32
#define DSC_ISCSI_NAME_MAX 223  /* RFC 7143 section 4.2.7.1 */
#define DSC_LUN_ID_MAX 16383

enum dsc_conf_digest {
	DSC_CONF_DIGEST_NONE,
	DSC_CONF_DIGEST_PREFER,
	DSC_CONF_DIGEST_REQUIRE
};

/* What makes sure that no write of a lost session lands after newer data. */
enum dsc_conf_barrier {
	DSC_CONF_BARRIER_AUTO,
	DSC_CONF_BARRIER_REINSTATE,  /* logging in with the same ISID */
	DSC_CONF_BARRIER_LUN_RESET,  /* LOGICAL UNIT RESET */
	DSC_CONF_BARRIER_FAIL        /* nothing: such writes fail with EIO */
};

#define DSC_CONF_FOR_EVER UINT32_MAX
#define DSC_CONF_SESSIONS_MAX 16

struct dsc_conf_portal {
	char *host;      /* no brackets */
	uint16_t port;
};

struct discsi_conf {
	char *target;                     /* host, used when portals is empty */
	struct dsc_conf_portal portals[DSC_CONF_PORTALS_MAX];
	size_t nportals;                  /* "portal" is portals[0] */
	char *iqn;
	bool has_lun_id;
	uint64_t lun_id;
	char *username;
	struct dsc_secret password;
	char *target_username;
	struct dsc_secret target_password;
	char *initiator_name;
	char *expected_id;
	enum dsc_conf_digest header_digest;
	enum dsc_conf_digest data_digest;
	bool read_only;
	uint32_t login_timeout_ms;
	uint32_t command_timeout_ms;
	uint32_t noop_interval_ms;        /* 0: no keepalive */
	uint32_t noop_timeout_ms;
	uint32_t replacement_timeout_ms;  /* or DSC_CONF_FOR_EVER */
	enum dsc_conf_barrier replay_barrier;
	uint32_t sessions;
	uint32_t poll_us;                 /* of a kernel device; 0: it sleeps */
	char *isid;                       /* 12 hex digits, or NULL */
	bool is_isid_new;                 /* not one that was had before: it may
					   * be another process's. No member */
};

/*
 * Parses "HOST", "HOST:PORT", "[IPv6]:PORT" or a bare IPv6 address.
 * portal->host is allocated on success. Returns 0 or -EINVAL / -ENOMEM with
 * the last error set.
 */
int dsc_conf_parse_portal(const char *text, struct dsc_conf_portal *portal);

/*
 * The portals to try, in order: portals, else target with the default port.
 * Fills at most DSC_CONF_PORTALS_MAX entries that borrow from conf; returns how
 * many, 0 when there is none.
 */
size_t dsc_conf_portals(const struct discsi_conf *conf,
			struct dsc_conf_portal *portals);

/*
 * The rules that concern several members, before a login: names and secrets of
 * CHAP come in pairs, mutual CHAP needs one-way CHAP and another secret; which
 * replay barrier several sessions can have.
 * Returns 0 or -EINVAL with the last error set.
 */
int dsc_conf_check(const struct discsi_conf *conf);

/* True for a name of the form iqn., eui. or naa. with legal characters. */
bool dsc_conf_is_iscsi_name(const char *name);

#endif /* DSC_CONF_CONF_H */
