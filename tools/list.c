/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list.c: discsi list: the LUNs of a target. Main thread.
 *
 * A unit that is no disk, or does not answer, does not end the listing: it is
 * shown with what is known of it, and why that is not more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "connect.h"
#include "failure.h"
#include "output.h"
#include "shape.h"
#include "units.h"

static const struct output_column columns[] = {
	{ "LUN", true },
	{ "TYPE", false },
	{ "SIZE", true },
	{ "BLOCK", true },
	{ "VENDOR", false },
	{ "PRODUCT", false },
	{ "SERIAL", false },
	{ NULL, false }
};

#define TYPE_DISK 0x00
#define TYPE_UNKNOWN 0x1f

/* Opens the unit for what it tells of itself: a disk that answers. */
static int open_unit(const struct connection *connection, uint64_t lun_id,
		     struct discsi_lun_info *info)
{
	struct discsi_lun *lun;
	int status;

	status = discsi_lun_open(connection->session, lun_id, &lun);
	if (status < 0)
		return status;
	status = discsi_lun_get_info(lun, info);
	discsi_lun_close(lun);
	return status;
}

/* Fills info with what the unit tells. Fails if the session is lost. */
static int ask_unit(const struct cli *cli, const struct connection *connection,
		    uint64_t lun_id, struct discsi_lun_info *info)
{
	char why[DISCSI_ERROR_MESSAGE_MAX + 32];
	int status;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	status = open_unit(connection, lun_id, info);
	if (status == 0)
		return 0;
	if (status == -ENOTCONN)
		return fail_library(NULL, NULL);
	snprintf(why, sizeof(why), "LUN %" PRIu64 ": %s", lun_id,
		 discsi_last_error()->message);
	if (discsi_lun_identify(connection->session, lun_id, info) < 0)
		info->type = TYPE_UNKNOWN;
	info->lun = lun_id;
	/* That a unit is no disk is nothing to be warned of. */
	if (!cli->json && (status != -EOPNOTSUPP || info->type == TYPE_DISK))
		output_warning(why);
	return 0;
}

/* A size that is not known is an empty cell. */
static void add_row(struct output_table *table,
		    const struct discsi_lun_info *info)
{
	char lun[24];
	char size[UNITS_MAX] = "";
	char block[16] = "";

	snprintf(lun, sizeof(lun), "%" PRIu64, info->lun);
	if (info->bytes != 0) {
		units_bytes(size, info->bytes);
		snprintf(block, sizeof(block), "%" PRIu32, info->block_size);
	}
	output_table_row(table, (const char *const[]){
		lun, shape_device_type(info->type), size, block, info->vendor,
		info->product, info->serial });
}

/* One of the two is there: table for people, array for programs. */
struct listing {
	struct output_table *table;
	struct json_object *array;
};

static int list_units(const struct cli *cli,
		      const struct connection *connection,
		      const uint64_t *luns, size_t count,
		      struct listing *listing)
{
	struct discsi_lun_info info;
	size_t i;
	int status;

	for (i = 0; i < count; i++) {
		status = ask_unit(cli, connection, luns[i], &info);
		if (status < 0)
			return status;
		if (cli->json)
			json_object_array_add(listing->array,
					      shape_list_entry(&info));
		else
			add_row(listing->table, &info);
	}
	return 0;
}

static int list(const struct cli *cli, const struct connection *connection)
{
	struct listing listing = { NULL, NULL };
	uint64_t *luns;
	size_t count;
	int status;

	if (discsi_session_report_luns(connection->session, &luns, &count) < 0)
		return fail_library(NULL, NULL);
	if (cli->json)
		listing.array = json_object_new_array();
	else
		listing.table = output_table_begin(columns);
	status = list_units(cli, connection, luns, count, &listing);
	free(luns);
	if (status < 0) {
		output_table_drop(listing.table);
		json_object_put(listing.array);
	} else if (cli->json) {
		status = output_json(listing.array);
	} else {
		status = output_table_end(listing.table);
	}
	return status;
}

int run_list(struct cli *cli)
{
	const char *url = cli->noperands > 0 ? cli->operands[0] : NULL;
	struct connection connection;
	int status;

	status = connect_target(&connection, cli, NULL, url);
	if (status == 0)
		status = list(cli, &connection);
	connect_close(&connection);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
