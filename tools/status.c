/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status.c: discsi status: the LUNs that are attached, as the state registry
 * tells. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>

#include <discsi/bridge.h>
#include "cli.h"
#include "failure.h"
#include "output.h"
#include "shape.h"
#include "units.h"

static const struct output_column columns[] = {
	{ "ID", false },
	{ "DISK", false },
	{ "SIZE", true },
	{ "PORTAL", false },
	{ "LUN", true },
	{ "PID", true },
	{ "STATE", false },
	{ NULL, false }
};

static const char *state_of(const struct discsi_bridge *bridge)
{
	if (!bridge->alive)
		return "dead";
	return bridge->read_only ? "running, read-only" : "running";
}

static void add_row(struct output_table *table,
		    const struct discsi_bridge *bridge)
{
	char size[UNITS_MAX];
	char lun[24];
	char pid[24];

	units_bytes(size, bridge->bytes);
	snprintf(lun, sizeof(lun), "%" PRIu64, bridge->lun);
	snprintf(pid, sizeof(pid), "%" PRId64, bridge->pid);
	output_table_row(table, (const char *const[]){
		bridge->id,
		bridge->device[0] != '\0' ? bridge->device : bridge->socket,
		size, bridge->portal, lun, pid, state_of(bridge) });
}

static int print_table(struct discsi_bridge **bridges, size_t count)
{
	struct output_table *table = output_table_begin(columns);
	size_t i;

	for (i = 0; i < count; i++)
		add_row(table, bridges[i]);
	return output_table_end(table);
}

static int print_json(struct discsi_bridge **bridges, size_t count)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_object_array_add(array, shape_bridge(bridges[i]));
	return output_json(array);
}

int run_status(struct cli *cli)
{
	struct discsi_bridge **bridges;
	size_t count;
	int status = 0;

	if (discsi_bridge_list(&bridges, &count) < 0) {
		fail_library(NULL, NULL);
		return EXIT_FAILED;
	}
	if (cli->json)
		status = print_json(bridges, count);
	else if (count > 0)
		status = print_table(bridges, count);
	else
		output_line("Nothing is attached.");
	discsi_bridge_list_free(bridges, count);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
