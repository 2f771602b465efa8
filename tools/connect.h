/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connect.h: from the command line to a configuration, a context, a session
 * and a LUN. Failures are kept with fail_library(). Main thread.
 */
#ifndef TOOLS_CONNECT_H
#define TOOLS_CONNECT_H

#include <stdbool.h>

#include <discsi/discsi.h>
#include "cli.h"

/* True for "iscsi://…". */
bool connect_is_url(const char *text);

/*
 * The configuration that the command line describes: --config, then the URL,
 * then the options, each over what came before. conf: receives it.
 *
 * place: an iscsi:// URL, or NULL for none. With is_portal it may also be
 * HOST[:PORT].
 */
int connect_conf(const struct cli *cli, const char *place, bool is_portal,
		 struct discsi_conf **conf);

/* A context that logs as --verbose says. */
int connect_context(const struct cli *cli, struct discsi_context **ctx);

/* A session to one target; all-zero is a closed one. */
struct connection {
	struct discsi_conf *conf;
	struct discsi_context *ctx;
	bool owns_context;
	struct discsi_session *session;
	struct discsi_lun *lun;
	struct discsi_lun_info info;  /* of lun */
	uint64_t lost_ns;             /* loop's: since when no session works, or 0 */
};

/*
 * Logs in to the target of a URL (NULL: of --config alone), for all its LUNs:
 * which disk is expected of one of them is not looked at. ctx: used, or
 * NULL for a new one. connection is to be closed on failure, too, and must stay
 * where it is until then. On a terminal it is said when the session is lost,
 * and when it is back.
 */
int connect_target(struct connection *connection, const struct cli *cli,
		   struct discsi_context *ctx, const char *url);

/* The same, and opens the LUN that the configuration names. */
int connect_lun(struct connection *connection, const struct cli *cli,
		struct discsi_context *ctx, const char *url);

void connect_close(struct connection *connection);

#endif /* TOOLS_CONNECT_H */
