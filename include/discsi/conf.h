/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/conf.h: where a LUN is, who we are, and how patient to be.
 *
 * A configuration is filled from any mixture of a URL, JSON and single
 * members; what comes later wins. It is copied by every call that takes it, so
 * it may be changed or freed as soon as that call returns.
 *
 * The members, as they are named in JSON and in discsi_conf_set():
 *
 *   target            host of the portal, when "portal" is absent (port 3260)
 *   portal            "HOST", "HOST:PORT", "IPv4:PORT", "[IPv6]:PORT"
 *   portals           JSON array of the same; text form: comma-separated
 *   iqn               iSCSI name of the target
 *   lun_id            logical unit number, 0 to 16383
 *   username          one-way CHAP: our name and secret
 *   password
 *   password_file     file whose first line is the secret
 *   target_username   mutual CHAP: the name and secret that the target proves
 *   target_password
 *   target_password_file
 *   initiator_name    our iSCSI name; see discsi_conf_initiator_name()
 *   expected_id       designator or serial the disk must have
 *   header_digest     "none", "prefer" (the default) or "require"
 *   data_digest       the same; "none" is the default
 *   read_only         true or false; true refuses every write
 *   login_timeout     milliseconds for connecting and logging in (15000)
 *   command_timeout   milliseconds for one command (30000)
 *   noop_interval     milliseconds of silence before a ping; 0: none (5000)
 *   noop_timeout      milliseconds that a ping is waited for (5000)
 *   replacement_timeout  milliseconds that I/O waits for a lost session to come
 *                     back; 0: fail at once, -1: for ever (120000)
 *   replay_barrier    what keeps a lost session's writes from landing late:
 *                     "auto" (the default), "reinstate", "lun_reset", "fail"
 *   sessions          how many sessions to the target, 1 to 16 (1)
 *   poll_us           microseconds that the bridge of a kernel device, while
 *                     that has one request at a time, waits for it and for the
 *                     answer without sleeping, as long as both come within
 *                     them: less latency, and a processor while it is used; 0
 *                     to 10000 (0)
 *   isid              the initiator's part of the session identifier, 12 hex
 *                     digits that begin with 80; else it is random. To go on
 *                     where a process that died has left off: its session is
 *                     reinstated, and a LUN that is opened does no I/O before
 *                     what it still held of that one's writes is over, as
 *                     replay_barrier has it
 *
 * A secret is held in memory that is locked and wiped, and is never printed.
 *
 * Threads: one thread at a time per configuration.
 */
#ifndef DISCSI_CONF_H
#define DISCSI_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <discsi/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct discsi_conf;

/* Makes a configuration of defaults. conf: receives it. Errors: ENOMEM. */
int discsi_conf_new(struct discsi_conf **conf);

/* Copies a configuration, its secrets included. Errors: ENOMEM. */
int discsi_conf_dup(const struct discsi_conf *conf, struct discsi_conf **copy);

/* Wipes and frees a configuration. conf: taken, NULL is fine. */
void discsi_conf_free(struct discsi_conf *conf);

/*
 * Takes what a URL says: iscsi://[user[%secret]@]host[:port][/iqn[/lun]].
 *
 * The host of an IPv6 portal stands in brackets. The user name ends at the
 * first '%' and the secret at the last '@' before the host, so that a secret
 * may hold any character but NUL; nothing is percent-decoded.
 *
 * (No iSCSI name has an '@' in it, so that this one is the last of the URL.)
 * What the URL leaves out stays as it was.
 *
 * Errors: EINVAL with the part of the URL that is wrong; conf is then
 * unchanged. The message quotes nothing of the URL.
 */
int discsi_conf_set_url(struct discsi_conf *conf, const char *url);

/*
 * Sets one member from text ("portal", "10.0.0.5:3260"); numbers in decimal,
 * booleans as "true" or "false". NULL puts the default back.
 *
 * Errors: EINVAL, naming the member, for an unknown name or a wrong value;
 * for the _file members also what opening and reading the file said.
 */
int discsi_conf_set(struct discsi_conf *conf, const char *member,
		    const char *value);

/*
 * Takes the members of a JSON object. Strict: UTF-8, at most 64 KiB and 8
 * levels deep, nothing but white space after the object.
 *
 * A member that is null, "" or [] is taken as absent, the last one of two of
 * the same name counts. Unknown members are reported as a warning through warn
 * (NULL: not at all), a wrong type or value is EINVAL with the member's path.
 * On an error conf is unchanged.
 */
int discsi_conf_set_json(struct discsi_conf *conf, const char *text,
			 size_t length,
			 void (*warn)(void *arg, const char *sentence),
			 void *arg);

/* The same, from a file. "-" is standard input. */
int discsi_conf_set_json_file(struct discsi_conf *conf, const char *path,
			      void (*warn)(void *arg, const char *sentence),
			      void *arg);

/*
 * One member as text, "***" for a secret that is set.
 *
 * value: receives a string that the caller frees with free(), or NULL for a
 *      member that is not set.
 * Errors: EINVAL (no such member), ENOMEM.
 */
int discsi_conf_get(const struct discsi_conf *conf, const char *member,
		    char **value);

/*
 * One of the portals that are tried, in their order: those of "portals", else
 * the one of "target".
 *
 * index: from 0. host: receives its name or address, without brackets, which
 *      is borrowed until conf is changed. port: receives its port.
 * Errors: EINVAL, ENOENT (there are not so many).
 */
int discsi_conf_get_portal(const struct discsi_conf *conf, size_t index,
			   const char **host, uint16_t *port);

/*
 * The whole as a JSON object, members that are not set left out.
 *
 * flags: 0 masks secrets as "***"; DISCSI_CONF_SECRETS writes them, for a
 *      pipe to a process that needs them.
 * text: receives a string that the caller wipes if it holds secrets, and frees
 *      with free(). Errors: EINVAL (an unknown flag; a secret to be written
 *      that is not UTF-8, which JSON cannot hold), ENOMEM.
 */
#define DISCSI_CONF_SECRETS 0x1u
int discsi_conf_to_json(const struct discsi_conf *conf, unsigned flags,
			char **text);

/*
 * The iSCSI name that this configuration logs in with: the member
 * initiator_name; else InitiatorName= of /etc/iscsi/initiatorname.iscsi; else
 * one made once for this host out of /etc/machine-id (which is not revealed
 * by it) in the form iqn.2026-11.io.discsi:host-<12 hex digits>; where there
 * is no machine-id either, the name is made from a random id that is kept in
 * /var/lib/discsi/initiatorname.iscsi.
 *
 * name: receives a string that the caller frees with free().
 * Errors: EINVAL (a name that is not an iSCSI name), ENOMEM, and EACCES or
 * another errno of the file system when the last resort cannot be kept,
 * EMFILE and the like when a file cannot be read now: the name never comes from
 * the next source for that.
 */
int discsi_conf_initiator_name(const struct discsi_conf *conf, char **name);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_CONF_H */
