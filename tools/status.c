/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status.c: discsi status: the LUNs that are attached and how they are, as the
 * state registry tells. Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <discsi/bridge.h>
#include "base/registry.h"
#include "base/which.h"
#include "cli.h"
#include "failure.h"
#include "output.h"
#include "shape.h"
#include "units.h"

/* Of a sentence in the table; "discsi status WHICH" has the whole. */
#define WORDS_MAX 32

static const struct output_column columns[] = {
	{ "ID", false },
	{ "DISK", false },
	{ "SIZE", true },
	{ "PORTAL", false },
	{ "STATE", false },
	{ NULL, false }
};

/* -------------------------------------------------------------------- table */

static uint64_t seconds_since(int64_t when)
{
	int64_t now = (int64_t)time(NULL);

	return when > 0 && now > when ? (uint64_t)(now - when) : 0;
}

static bool is_unknown(const struct discsi_bridge *bridge)
{
	return strcmp(bridge->state, "unknown") == 0;
}

static void print_failed(char *text, size_t room,
			 const struct discsi_bridge *bridge)
{
	const char *words = bridge->last_error;

	snprintf(text, room, "failed: %.*s%s", WORDS_MAX, words,
		 strlen(words) > WORDS_MAX ? "..." : "");
}

static void print_state(char *text, size_t room,
			const struct discsi_bridge *bridge)
{
	const char *read_only = bridge->read_only ? ", read-only" : "";

	if (!bridge->alive)
		snprintf(text, room, "dead");
	else if (is_unknown(bridge))
		snprintf(text, room, "unknown, its state file is broken "
			 "(process %" PRId64 ")", bridge->pid);
	else if (strcmp(bridge->state, "failed") == 0)
		print_failed(text, room, bridge);
	else if (strcmp(bridge->state, "recovering") == 0)
		snprintf(text, room, "recovering (since %" PRIu64 " s)",
			 seconds_since(bridge->since));
	else if (bridge->sessions_ready < bridge->sessions)
		snprintf(text, room, "ready%s, %u of %u sessions", read_only,
			 bridge->sessions_ready, bridge->sessions);
	else
		snprintf(text, room, "ready%s", read_only);
}

static bool has_usual_place(const struct discsi_bridge *bridge)
{
	/* For the name alone; it need not be open. */
	struct dsc_registry registry = {
		.fd = -1, .path = dsc_registry_path(),
	};
	char *usual = NULL;
	bool is_usual = registry.path != NULL &&
			dsc_registry_socket_path(&registry, bridge->id,
						 &usual) == 0 &&
			strcmp(usual, bridge->socket) == 0;

	free(usual);
	free(registry.path);
	return is_usual;
}

/*
 * Where its socket is that has its usual place can be said in one word. One that
 * its starter has handed to it has no place that it knows of.
 */
static const char *disk_of(const struct discsi_bridge *bridge)
{
	if (bridge->device[0] != '\0')
		return bridge->device;
	if (is_unknown(bridge))
		return "unknown";
	if (has_usual_place(bridge))
		return "socket";
	return bridge->socket[0] != '\0' ? bridge->socket : "handed over";
}

static void add_row(struct output_table *table,
		    const struct discsi_bridge *bridge)
{
	char size[UNITS_MAX] = "";
	char state[96];

	if (!is_unknown(bridge))
		units_bytes(size, bridge->bytes);
	print_state(state, sizeof(state), bridge);
	output_table_row(table, (const char *const[]){
		bridge->id, disk_of(bridge), size, bridge->portal, state });
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

static int print_all(const struct cli *cli, struct discsi_bridge **bridges,
		     size_t count)
{
	if (cli->json)
		return print_json(bridges, count);
	if (count > 0)
		return print_table(bridges, count);
	output_line("Nothing is attached.");
	return 0;
}

/* ---------------------------------------------------------------------- one */

static int print_one(const struct cli *cli, struct discsi_bridge **bridges,
		     size_t count)
{
	size_t i = dsc_which_bridge(cli->operands[0], bridges, count);
	struct output_pair *pairs;
	int status;

	if (i == count)
		return fail(ENOENT, "nothing that is attached has this id, "
			    "device, socket or process: \"discsi status\" "
			    "lists what is");
	if (cli->json)
		return output_json(shape_bridge(bridges[i]));
	pairs = shape_bridge_pairs(bridges[i]);
	if (pairs == NULL)
		return fail(ENOMEM, "there is no memory for the output");
	status = output_pairs(pairs);
	shape_pairs_free(pairs);
	return status;
}

int run_status(struct cli *cli)
{
	struct discsi_bridge **bridges;
	size_t count;
	int status;

	if (discsi_bridge_list(&bridges, &count) < 0) {
		fail_library(NULL, NULL);
		return EXIT_FAILED;
	}
	if (cli->noperands > 0)
		status = print_one(cli, bridges, count);
	else
		status = print_all(cli, bridges, count);
	discsi_bridge_list_free(bridges, count);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
