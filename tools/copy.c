/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy.c: discsi copy: opens both sides, copies, verifies, reports. The
 * context is threaded, so that the target is answered while a file is waited
 * for. Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "cli.h"
#include "connect.h"
#include "copy-endpoint.h"
#include "copy-run.h"
#include "failure.h"
#include "output.h"
#include "units.h"

struct copy {
	struct discsi_context *ctx;
	struct endpoint source;
	struct endpoint destination;
	struct copy_result result;
	bool is_verified;
	uint64_t ns;
};

static bool is_progress_shown(const struct cli *cli)
{
	if (cli->progress != CLI_PROGRESS_AUTO)
		return cli->progress == CLI_PROGRESS_ON;
	return isatty(STDERR_FILENO);
}

static int open_both(const struct cli *cli, struct copy *copy)
{
	int status;

	status = connect_context(cli, &copy->ctx);
	if (status < 0)
		return status;
	if (discsi_context_start(copy->ctx) < 0)
		return fail_library(NULL, NULL);
	status = endpoint_open_source(&copy->source, cli, copy->ctx,
				      cli->operands[0]);
	if (status < 0)
		return status;
	return endpoint_open_destination(&copy->destination, cli, copy->ctx,
					 cli->operands[1], &copy->source);
}

static void close_both(struct copy *copy)
{
	endpoint_close(&copy->destination);
	endpoint_close(&copy->source);
	discsi_context_destroy(copy->ctx);
}

static int transfer(const struct cli *cli, struct copy *copy)
{
	bool is_shown = is_progress_shown(cli);
	uint64_t start = dsc_clock_now_ns();
	int status;

	status = copy_run(&copy->source, &copy->destination, is_shown,
			  &copy->result);
	copy->ns = dsc_clock_now_ns() - start;
	if (status < 0)
		fail_append("; %s is incomplete", copy->destination.name);
	if (status < 0 || !cli->verify)
		return status;
	status = copy_verify(&copy->source, &copy->destination, is_shown);
	copy->is_verified = status == 0;
	return status;
}

static int print_json(const struct copy *copy)
{
	struct json_object *object = json_object_new_object();
	char seconds[32];

	snprintf(seconds, sizeof(seconds), "%" PRIu64 ".%03" PRIu64,
		 copy->ns / DSC_NS_PER_S,
		 copy->ns % DSC_NS_PER_S / DSC_NS_PER_MS);
	json_object_object_add(object, "bytes", json_object_new_uint64(
			       copy->source.bytes));
	json_object_object_add(object, "written", json_object_new_uint64(
			       copy->result.written));
	json_object_object_add(object, "zeroed", json_object_new_uint64(
			       copy->result.zeroed));
	json_object_object_add(object, "seconds", json_object_new_double_s(
			       (double)copy->ns / (double)DSC_NS_PER_S,
			       seconds));
	json_object_object_add(object, "verified", json_object_new_boolean(
			       copy->is_verified));
	return output_json(object);
}

static void print_text(const struct copy *copy)
{
	uint64_t left = copy->destination.bytes - copy->source.bytes;
	char bytes[UNITS_MAX];
	char rate[UNITS_MAX];
	char written[UNITS_MAX];
	char zeroed[UNITS_MAX];

	output_line("Copied %s in %" PRIu64 ".%" PRIu64 " s (%s): %s of data, "
		    "%s of zeroes.",
		    units_bytes(bytes, copy->source.bytes),
		    copy->ns / DSC_NS_PER_S,
		    copy->ns % DSC_NS_PER_S / (100 * DSC_NS_PER_MS),
		    units_rate(rate, copy->source.bytes, copy->ns),
		    units_bytes(written, copy->result.written),
		    units_bytes(zeroed, copy->result.zeroed));
	if (left >= copy->destination.block_size)
		output_line("%s is larger; its last %s are as they were.",
			    copy->destination.name, units_bytes(bytes, left));
	if (copy->is_verified)
		output_line("Verified: both sides hold the same.");
}

static int report(const struct cli *cli, const struct copy *copy)
{
	if (cli->json)
		return print_json(copy);
	print_text(copy);
	return 0;
}

int run_copy(struct cli *cli)
{
	static struct copy copy = {
		.source = { .fd = -1 },
		.destination = { .fd = -1 },
	};
	int status;

	status = open_both(cli, &copy);
	if (status == 0)
		status = transfer(cli, &copy);
	close_both(&copy);
	if (status == 0)
		status = report(cli, &copy);
	return status < 0 ? EXIT_FAILED : EXIT_OK;
}
