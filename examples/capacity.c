/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * capacity.c: discovers, logs in and prints the size of a LUN, which is given
 * as iscsi://[user%secret@]host[:port]/iqn/lun. The context is a driven one,
 * so everything happens on the only thread there is.
 */
#include <err.h>
#include <stdio.h>
#include <discsi/discsi.h>

int main(int argc, char **argv)
{
	struct discsi_lun_info info = { .size = sizeof(info) };
	struct discsi_discovery *seen;
	struct discsi_context *ctx;
	struct discsi_conf *conf;
	struct discsi_session *session;
	struct discsi_lun *lun;

	if (discsi_context_new(&ctx) < 0 || discsi_conf_new(&conf) < 0 ||
	    discsi_conf_set_url(conf, argc == 2 ? argv[1] : "") < 0 ||
	    discsi_discover(ctx, conf, &seen) < 0 ||
	    discsi_session_open(ctx, conf, &session) < 0 ||
	    discsi_lun_open(session, DISCSI_LUN_OF_CONF, &lun) < 0 ||
	    discsi_lun_get_info(lun, &info) < 0)
		errx(1, "%s", discsi_last_error()->message);
	printf("targets: %zu, bytes: %ju\n", seen->ntargets, info.bytes);
	discsi_discovery_free(seen);
	discsi_conf_free(conf);
	discsi_context_destroy(ctx);  /* ends the session and the LUN, too */
}
