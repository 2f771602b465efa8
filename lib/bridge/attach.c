/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach.c: discsi_bridge_attach(): starts discsi-nbd for one LUN and waits
 * until it says that it is ready, or why it cannot be. Any thread.
 *
 * The configuration goes to the program's standard input, secrets included:
 * nothing of it is in its arguments or its environment. The program prints JSON
 * objects, a line each: on stdout that it has logged in, and what it serves, on
 * stderr what went wrong.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/registry.h"
#include "base/secret.h"
#include "bridge/attach.h"
#include "bridge/registry.h"
#include "bridge/spawn.h"
#include "conf/conf.h"

#ifndef DISCSI_BINDIR
#define DISCSI_BINDIR "/usr/bin"
#endif

#define PROGRAM "discsi-nbd"
#define KERNEL_MODULE "/sys/module/nbd"
#define EXTRA_MS 60000      /* beyond login_timeout: opening the LUN and all */
#define ANSWER_DEPTH 8
#define CONNECTIONS_MAX 16
#define ERRNO_MAX 133       /* EHWPOISON, the last of Linux */

/* -------------------------------------------------------------- arguments */

/* "/dev/nbd0" */
static bool is_kernel_device(const char *how)
{
	static const char prefix[] = "/dev/nbd";
	const char *digits = how + sizeof(prefix) - 1;

	return strncmp(how, prefix, sizeof(prefix) - 1) == 0 &&
	       digits[0] != '\0' &&
	       strspn(digits, "0123456789") == strlen(digits);
}

/*
 * A path in /dev is meant for a device, and a socket there is in everybody's
 * way; but /dev/shm is for files.
 */
static bool is_socket_path(const char *how)
{
	return how[0] == '/' && (strncmp(how, "/dev/", 5) != 0 ||
				 strncmp(how, "/dev/shm/", 9) == 0);
}

const char *dsc_bridge_program(void)
{
	const char *given = secure_getenv("DISCSI_NBD");

	if (given != NULL && given[0] != '\0')
		return given;
	if (access(DISCSI_BINDIR "/" PROGRAM, X_OK) == 0)
		return DISCSI_BINDIR "/" PROGRAM;
	return PROGRAM;
}

/* The path of the socket in the registry's directory, which is made. */
static int default_socket(const struct discsi_conf *conf, char **path)
{
	struct dsc_registry registry;
	int status;
	char *id;

	status = dsc_registry_open(&registry, true);
	if (status < 0)
		return status;
	id = dsc_registry_id(conf->iqn, conf->lun_id);
	if (id == NULL)
		status = dsc_fail_memory();
	else
		status = dsc_registry_socket_path(&registry, id, path);
	free(id);
	dsc_registry_close(&registry);
	return status;
}

/* ----------------------------------------------------------------- answer */

static int errno_by_name(const char *name)
{
	int i;

	for (i = 1; i <= ERRNO_MAX; i++) {
		if (strcmp(discsi_errno_name(i), name) == 0)
			return strcmp(name, "EIO") == 0 ? EIO : i;
	}
	return EIO;
}

/* Where the last line that begins with '{' is, or NULL. */
static const char *find_object(const char *text)
{
	const char *line = text;
	const char *found = NULL;

	while (line != NULL) {
		if (*line == '{')
			found = line;
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	return found;
}

/* The object in what the program has printed, or NULL. Fails without memory. */
static int parse_answer(const struct dsc_spawn_output *output,
			struct json_object **answer)
{
	const char *start = find_object(output->text);
	struct json_object *object = NULL;
	struct json_tokener *tok;

	*answer = NULL;
	if (start == NULL)
		return 0;
	tok = json_tokener_new_ex(ANSWER_DEPTH);
	if (tok == NULL)
		return dsc_fail_memory();
	object = json_tokener_parse_ex(tok, start, (int)strlen(start));
	if (json_tokener_get_error(tok) != json_tokener_success) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tok);
	*answer = object;
	return 0;
}

/* A member that is a string, or NULL. */
static const char *get_text(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

/* What a target has said, of which the program tells what there is. */
static void take_details(struct json_object *object, struct discsi_error *error)
{
	struct json_object *value;
	int *detail;
	size_t i;

	for (i = 0; i < DSC_ERROR_DETAILS; i++) {
		detail = (void *)((char *)error + dsc_error_details[i].offset);
		if (json_object_object_get_ex(object,
					      dsc_error_details[i].name,
					      &value) &&
		    json_object_is_type(value, json_type_int))
			*detail = json_object_get_int(value);
	}
}

/* Fails without the program's help. */
static int fail_unexplained(const char *program,
			    const struct dsc_spawn_result *result)
{
	int line = (int)strcspn(result->err.text, "\r\n");

	if (result->signal != 0)
		return dsc_fail(EIO, "%s was ended by signal %d", program,
				result->signal);
	if (line > 0)
		return dsc_fail(EIO, "%s failed: %.*s", program, line,
				result->err.text);
	return dsc_fail(EIO, "%s failed with status %d and no word", program,
			result->has_status ? result->code : -1);
}

/* Makes the failure that the program reports ours. */
static int fail_as_told(const char *program,
			const struct dsc_spawn_result *result)
{
	struct json_object *answer;
	struct json_object *error = NULL;
	struct discsi_error told;
	const char *message = NULL;
	const char *name = NULL;
	int status = parse_answer(&result->err, &answer);

	if (status < 0)
		return status;
	if (answer != NULL &&
	    json_object_object_get_ex(answer, "error", &error)) {
		name = get_text(error, "errno");
		message = get_text(error, "message");
	}
	if (name != NULL && message != NULL) {
		(void)dsc_error_set(&told, errno_by_name(name), "%s", message);
		take_details(error, &told);
		status = dsc_fail_with(&told);
	} else {
		status = fail_unexplained(program, result);
	}
	json_object_put(answer);
	return status;
}

/* Looks the new bridge up by the id that the program has printed. */
static int describe(const char *id, struct discsi_bridge **bridge)
{
	struct dsc_registry registry;
	int status;

	status = dsc_registry_open(&registry, false);
	if (status == -ENOENT)
		return dsc_fail(EPROTO, "%s says it is ready, but there is no "
				"registry", PROGRAM);
	if (status < 0)
		return status;
	status = dsc_registry_load(&registry, id, bridge);
	dsc_registry_close(&registry);
	if (status == -ENOENT)
		return dsc_fail(ENOTCONN, "bridge %s was ready, and ended at "
				"once", id);
	return status;
}

static int take_answer(const char *program,
		       const struct dsc_spawn_result *result,
		       struct discsi_bridge **bridge)
{
	struct json_object *answer;
	const char *id;
	int status;

	if (result->has_status && result->code != 0)
		return fail_as_told(program, result);
	status = parse_answer(&result->out, &answer);
	if (status < 0)
		return status;
	id = answer != NULL ? get_text(answer, "id") : NULL;
	if (id != NULL && dsc_registry_is_id(id))
		status = describe(id, bridge);
	else if (!result->has_status)
		status = fail_as_told(program, result);
	else
		status = dsc_fail(EPROTO, "%s succeeded, but did not say what "
				  "it serves", program);
	json_object_put(answer);
	return status;
}

/* -------------------------------------------------------------------- run */

static int fail_to_start(const char *program, int error)
{
	if (error == ENOMEM)
		return dsc_fail_memory();
	if (error == ENOENT)
		return dsc_fail(ENOENT, "the program %s is not found: install "
				"it, or name it in DISCSI_NBD", program);
	if (error == EACCES)
		return dsc_fail(EPERM, "the program %s may not be executed",
				program);
	return dsc_fail(error, "the program %s cannot be started (%s)",
			program, discsi_errno_name(error));
}

struct request {
	const struct discsi_conf *conf;
	const struct dsc_bridge_options *options;
	bool has_told;             /* that it has logged in */
};

/* A program that waits for its configuration, and what it was told to be. */
struct dsc_bridge_begun {
	struct dsc_child *child;   /* NULL: used up */
	const char *option;        /* "--device" or "--socket" */
	char *value;
};

static uint64_t timeout_ms(const struct request *request)
{
	uint64_t usual_ms = (uint64_t)request->conf->login_timeout_ms +
			    EXTRA_MS;
	uint64_t now = dsc_clock_now_ns();
	uint64_t deadline_ns = request->options->deadline_ns;
	uint64_t left_ms = 0;

	if (deadline_ns == 0)
		return usual_ms;
	if (deadline_ns > now)
		left_ms = (deadline_ns - now) / DSC_NS_PER_MS + 1;
	return left_ms < usual_ms ? left_ms : usual_ms;
}

/* option, value: --device or --socket, and what it is given. */
static int begin_program(const char *option, const char *value,
			 unsigned connections, struct dsc_child **child)
{
	const char *program = dsc_bridge_program();
	bool is_device = strcmp(option, "--device") == 0;
	/* What "auto" falls back to has no number of them. */
	bool is_plain = connections <= 1 || !is_device;
	char number[16];
	const char *const argv[] = {
		program, "--fork", "--json", "--progress", "--config", "-",
		option, value,
		is_device ? "--supervise" : NULL,
		is_plain ? NULL : "--connections", number, NULL
	};
	int status;

	snprintf(number, sizeof(number), "%u", connections);
	/* A name without '/' is in PATH. */
	if (strchr(program, '/') != NULL && access(program, X_OK) < 0)
		return fail_to_start(program, errno);
	status = dsc_spawn_begin(argv, child);
	return status < 0 ? fail_to_start(program, -status) : 0;
}

static void on_output(void *arg, const char *text, size_t length)
{
	static const char event[] = DSC_REGISTRY_LOGGED_IN;
	struct request *request = arg;

	if (request->has_told || request->options->on_logged_in == NULL ||
	    memmem(text, length, event, strlen(event)) == NULL)
		return;
	request->has_told = true;
	request->options->on_logged_in(request->options->arg);
}

/* Gives the program its configuration, and waits for what it says. */
static int end_program(struct request *request, struct dsc_child *child,
		       struct dsc_spawn_result *result)
{
	struct dsc_spawn_terms terms = {
		.timeout_ms = timeout_ms(request),
		.cancel_fd = request->options->cancel_fd,
		.on_output = on_output,
		.arg = request,
	};
	char *text;
	int status;

	status = discsi_conf_to_json(request->conf, DISCSI_CONF_SECRETS,
				     &text);
	if (status < 0) {
		dsc_spawn_abandon(child);
		return status;
	}
	terms.input = text;
	terms.length = strlen(text);
	status = dsc_spawn_end(child, &terms, result);
	dsc_wipe(text, strlen(text));
	free(text);
	if (status == -ETIMEDOUT)
		return dsc_fail(ETIMEDOUT, "%s was not ready after %llu ms",
				dsc_bridge_program(),
				(unsigned long long)terms.timeout_ms);
	if (status == -ECANCELED)
		return dsc_fail(ECANCELED, "cancelled before %s was ready",
				dsc_bridge_program());
	return status < 0 ? fail_to_start(dsc_bridge_program(), -status) : 0;
}

/* The program that was begun before, if it is what is wanted now. */
static bool use_begun(const struct request *request, const char *option,
		      const char *value, struct dsc_child **child)
{
	struct dsc_bridge_begun *begun = request->options->begun;

	if (begun == NULL || begun->child == NULL ||
	    strcmp(begun->option, option) != 0 ||
	    strcmp(begun->value, value) != 0)
		return false;
	*child = begun->child;
	begun->child = NULL;
	return true;
}

static int start(struct request *request, const char *option,
		 const char *value, struct discsi_bridge **bridge)
{
	struct dsc_spawn_result result;
	struct dsc_child *child;
	int status = 0;

	if (!use_begun(request, option, value, &child))
		status = begin_program(option, value,
				       request->options->connections, &child);
	if (status == 0)
		status = end_program(request, child, &result);
	if (status < 0)
		return status;
	status = take_answer(dsc_bridge_program(), &result, bridge);
	dsc_spawn_result_free(&result);
	return status;
}

static int start_socket(struct request *request,
			struct discsi_bridge **bridge)
{
	char *path;
	int status;

	status = default_socket(request->conf, &path);
	if (status < 0)
		return status;
	status = start(request, "--socket", path, bridge);
	free(path);
	return status;
}

/*
 * A kernel that has nbd may still not let us have it: no right to, or a
 * container whose network namespace has no nbd family. A socket works there.
 */
static int start_auto(struct request *request,
		      struct discsi_bridge **bridge)
{
	int status;

	if (access(KERNEL_MODULE, F_OK) == 0) {
		status = start(request, "--device", "auto", bridge);
		if (status != -EOPNOTSUPP && status != -EPERM)
			return status;
	}
	return start_socket(request, bridge);
}

static int attach(struct request *request, const char *how,
		  struct discsi_bridge **bridge)
{
	if (how == NULL || strcmp(how, "auto") == 0)
		return start_auto(request, bridge);
	if (strcmp(how, "nbd") == 0)
		return start(request, "--device", "auto", bridge);
	if (strcmp(how, "socket") == 0)
		return start_socket(request, bridge);
	if (is_kernel_device(how))
		return start(request, "--device", how, bridge);
	if (is_socket_path(how))
		return start(request, "--socket", how, bridge);
	if (how[0] == '/')
		return dsc_fail(EINVAL, "%s is no kernel device, which is "
				"/dev/nbdN with a number, and a socket is not "
				"made in /dev", dsc_secret_shown(how));
	return dsc_fail(EINVAL, "a LUN is not attached as \"%s\": it is auto, "
			"nbd, /dev/nbdN, socket, or the path of a socket",
			dsc_secret_shown(how));
}

int dsc_bridge_attach(const struct discsi_conf *conf, const char *how,
		      const struct dsc_bridge_options *options,
		      struct discsi_bridge **bridge)
{
	struct request request = { .conf = conf, .options = options };

	if (conf == NULL || bridge == NULL)
		return dsc_fail(EINVAL, "attach: an argument is NULL");
	*bridge = NULL;
	if (conf->iqn == NULL)
		return dsc_fail(EINVAL, "the configuration names no target "
				"(iqn)");
	if (!conf->has_lun_id)
		return dsc_fail(EINVAL, "the configuration names no LUN of %s "
				"(lun_id)", conf->iqn);
	return attach(&request, how, bridge);
}

/* What is attached as how is, at the first try. */
static int choose_first(const struct discsi_conf *conf, const char *how,
			const char **option, char **value)
{
	bool is_auto = strcmp(how, "auto") == 0;

	*option = "--device";
	*value = NULL;
	if (strcmp(how, "socket") == 0 ||
	    (is_auto && access(KERNEL_MODULE, F_OK) < 0)) {
		*option = "--socket";
		return default_socket(conf, value);
	}
	if (is_auto || strcmp(how, "nbd") == 0)
		*value = strdup("auto");
	else if (is_kernel_device(how))
		*value = strdup(how);
	else
		return -EINVAL;
	return *value != NULL ? 0 : -ENOMEM;
}

struct dsc_bridge_begun *dsc_bridge_begin(const struct discsi_conf *conf,
					  const char *how,
					  unsigned connections)
{
	struct dsc_bridge_begun *begun = calloc(1, sizeof(*begun));

	if (begun == NULL)
		return NULL;
	if (choose_first(conf, how, &begun->option, &begun->value) < 0 ||
	    begin_program(begun->option, begun->value, connections,
			  &begun->child) < 0) {
		dsc_bridge_abandon(begun);
		return NULL;
	}
	return begun;
}

void dsc_bridge_abandon(struct dsc_bridge_begun *begun)
{
	if (begun == NULL)
		return;
	dsc_spawn_abandon(begun->child);
	free(begun->value);
	free(begun);
}

/* Clients of a socket make as many connections as they like. */
static bool is_socket(const char *how)
{
	return how != NULL &&
	       (is_socket_path(how) || strcmp(how, "socket") == 0);
}

int discsi_bridge_attach_with(const struct discsi_conf *conf, const char *how,
			      const struct discsi_attach_options *options,
			      struct discsi_bridge **bridge)
{
	struct dsc_bridge_options all = { .cancel_fd = -1 };

	if (options != NULL && options->size < sizeof(*options))
		return dsc_fail(EINVAL, "discsi_bridge_attach_with: size is not "
				"set to the size of the struct");
	if (options != NULL)
		all.connections = options->connections;
	if (all.connections > CONNECTIONS_MAX)
		return dsc_fail(EINVAL, "a device has 1 to %d connections, not "
				"%u", CONNECTIONS_MAX, all.connections);
	if (all.connections > 1 && is_socket(how))
		return dsc_fail(EINVAL, "a number of connections (%u) is for a "
				"kernel device: a socket serves as many as its "
				"clients make", all.connections);
	return dsc_bridge_attach(conf, how, &all, bridge);
}

int discsi_bridge_attach(const struct discsi_conf *conf, const char *how,
			 struct discsi_bridge **bridge)
{
	return discsi_bridge_attach_with(conf, how, NULL, bridge);
}
