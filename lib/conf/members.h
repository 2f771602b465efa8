/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * members.h: the table of configuration members and the types of their values,
 * for lib/conf alone. All setting goes through here, from whatever source the
 * value comes. Owner's thread of the configuration.
 */
#ifndef DSC_CONF_MEMBERS_H
#define DSC_CONF_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

/* How a value stands in JSON. */
enum dsc_conf_shape {
	DSC_CONF_STRING,
	DSC_CONF_NUMBER,
	DSC_CONF_BOOLEAN,
	DSC_CONF_LIST     /* of strings; as text, comma-separated */
};

struct dsc_conf_member;

/*
 * What a kind of value can do. Every function is given a member of this type.
 *
 * set: takes text that a NUL ends after length bytes; conf is unchanged on an
 *      error, whose message begins with the member's name.
 * clear: puts the default back.
 * copy: the value of from into a conf that has the default; NULL where another
 *      member holds the same value. Errors: ENOMEM.
 * format: the value as text for the caller to free; NULL when it is not set.
 *      A secret is written out. Errors: ENOMEM.
 */
struct dsc_conf_type {
	enum dsc_conf_shape shape;
	const char *expected;  /* "text", for a message about another shape */
	int (*set)(struct discsi_conf *conf, const struct dsc_conf_member *m,
		   const char *text, size_t length);
	void (*clear)(struct discsi_conf *conf,
		      const struct dsc_conf_member *m);
	int (*copy)(struct discsi_conf *conf, const struct dsc_conf_member *m,
		    const struct discsi_conf *from);
	int (*format)(const struct discsi_conf *conf,
		      const struct dsc_conf_member *m, char **text);
};

extern const struct dsc_conf_type dsc_conf_type_host;
extern const struct dsc_conf_type dsc_conf_type_isid;
extern const struct dsc_conf_type dsc_conf_type_portal;
extern const struct dsc_conf_type dsc_conf_type_portals;
extern const struct dsc_conf_type dsc_conf_type_name;
extern const struct dsc_conf_type dsc_conf_type_text;
extern const struct dsc_conf_type dsc_conf_type_secret;
extern const struct dsc_conf_type dsc_conf_type_secret_file;
extern const struct dsc_conf_type dsc_conf_type_lun_id;
extern const struct dsc_conf_type dsc_conf_type_digest;
extern const struct dsc_conf_type dsc_conf_type_barrier;
extern const struct dsc_conf_type dsc_conf_type_boolean;
extern const struct dsc_conf_type dsc_conf_type_count;
extern const struct dsc_conf_type dsc_conf_type_patience;

struct dsc_conf_member {
	const char *name;
	const struct dsc_conf_type *type;
	size_t offset;     /* of the value in struct discsi_conf */
	uint32_t initial;  /* the default, where 0 or unset is not it */
	uint32_t min;      /* of a number, or of a text's length */
	uint32_t max;
};

/* In the order in which they are dumped. */
extern const struct dsc_conf_member dsc_conf_members[];
extern const size_t dsc_conf_member_count;

/* By the length of the name, which need not end there; NULL: none of it. */
const struct dsc_conf_member *dsc_conf_find(const char *name, size_t length);

static inline bool dsc_conf_is_secret(const struct dsc_conf_member *m)
{
	return m->type == &dsc_conf_type_secret ||
	       m->type == &dsc_conf_type_secret_file;
}

/*
 * Why text is not a portal, as half a sentence that quotes nothing of it, or
 * NULL and a filled *portal (NULL host: out of memory).
 */
const char *dsc_conf_read_portal(const char *text, size_t length,
				 struct dsc_conf_portal *portal);

/*
 * A portal for the member of that name. Returns 0 or -EINVAL / -ENOMEM with
 * the last error set.
 */
int dsc_conf_portal_for(const char *name, const char *text, size_t length,
			struct dsc_conf_portal *portal);

/* Why text is not a host (without brackets), or NULL when it is one. */
const char *dsc_conf_check_host(const char *text, size_t length);

/*
 * Replaces the portals by an array of count entries, whose hosts become the
 * configuration's.
 */
void dsc_conf_take_portals(struct discsi_conf *conf,
			   const struct dsc_conf_portal *portals, size_t count);

/* Frees the hosts of an array of portals. */
void dsc_conf_free_portals(struct dsc_conf_portal *portals, size_t count);

/* "host:port", "[v6]:port"; for the caller to free, NULL: out of memory. */
char *dsc_conf_portal_text(const struct dsc_conf_portal *portal);

/* Exchanges the contents of two configurations. */
void dsc_conf_swap(struct discsi_conf *a, struct discsi_conf *b);

/* Decimal digits alone, at most max. */
bool dsc_conf_parse_number(const char *text, size_t length, uint32_t max,
			   uint32_t *number);

#endif /* DSC_CONF_MEMBERS_H */
