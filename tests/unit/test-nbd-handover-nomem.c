/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-nbd-handover-nomem.c: a bridge hands over to a successor that is played
 * here, with an allocator that fails from the n-th call on, for every n. A
 * successor that has said "taken" is the one that serves, without memory, too;
 * before that the bridge goes on. Linked with --wrap; on one thread.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/harness.h"
#include "nbd-bridge/app.h"
#include "unit/bridge-scratch.h"
#include "unit/nbd-rig.h"

#define TARGET "iqn.2026-11.io.test:disk"
#define DEADLINE_NS (20 * DSC_NS_PER_S)
#define CALLS_MAX 1000

/* ------------------------------------------------------------------- memory */

/* Calls that still succeed; negative: all do. */
static int calls_left = -1;

static bool fails(void)
{
	if (calls_left == 0)
		return true;
	if (calls_left > 0)
		calls_left--;
	return false;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
struct json_object *__real_json_object_new_object(void);
struct json_object *__wrap_json_object_new_object(void);
struct json_object *__real_json_object_new_string(const char *s);
struct json_object *__wrap_json_object_new_string(const char *s);
struct json_object *__real_json_object_new_int(int32_t i);
struct json_object *__wrap_json_object_new_int(int32_t i);
struct json_object *__real_json_object_new_int64(int64_t i);
struct json_object *__wrap_json_object_new_int64(int64_t i);
struct json_object *__real_json_object_new_boolean(json_bool b);
struct json_object *__wrap_json_object_new_boolean(json_bool b);
struct json_object *__real_json_tokener_parse(const char *text);
struct json_object *__wrap_json_tokener_parse(const char *text);
const char *__real_json_object_to_json_string_ext(struct json_object *object,
						  int flags);
const char *__wrap_json_object_to_json_string_ext(struct json_object *object,
						  int flags);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

struct json_object *__wrap_json_object_new_object(void)
{
	return fails() ? NULL : __real_json_object_new_object();
}

struct json_object *__wrap_json_object_new_string(const char *s)
{
	return fails() ? NULL : __real_json_object_new_string(s);
}

struct json_object *__wrap_json_object_new_int(int32_t i)
{
	return fails() ? NULL : __real_json_object_new_int(i);
}

struct json_object *__wrap_json_object_new_int64(int64_t i)
{
	return fails() ? NULL : __real_json_object_new_int64(i);
}

struct json_object *__wrap_json_object_new_boolean(json_bool b)
{
	return fails() ? NULL : __real_json_object_new_boolean(b);
}

struct json_object *__wrap_json_tokener_parse(const char *text)
{
	return fails() ? NULL : __real_json_tokener_parse(text);
}

const char *__wrap_json_object_to_json_string_ext(struct json_object *object,
						  int flags)
{
	return fails() ? NULL :
	       __real_json_object_to_json_string_ext(object, flags);
}

/* --------------------------------------------------------------- the bridge */

/* Belongs to app.c, with which all of the process would come. */
void nbd_app_inherit(struct nbd_app *app)
{
	(void)app;
}

static struct rig rig;
static struct nbd_options options;
static struct nbd_notify notify;
static struct nbd_app app;
static int client;      /* its end of the connection, and the successor's */
static int successor;

static int connect_control(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_FATAL(strlen(app.handover.path) < sizeof(address.sun_path));
	strcpy(address.sun_path, app.handover.path);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address,
				      sizeof(address)), 0);
	return fd;
}

static void connect_client(void)
{
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
					 SOCK_NONBLOCK, 0, ends), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_server_add(&app.server, ends[0],
					     NBD_CLIENT_PASSED, NULL, NULL),
			      0);
	client = ends[1];
}

static void begin(void)
{
	rig_begin(&rig);
	options.export = "";
	app = (struct nbd_app){
		.options = &options,
		.notify = &notify,
		.ctx = rig.ctx,
		.listener = NBD_LISTENER_INIT,
		.kernel = NBD_KERNEL_INIT,
		.registry = NBD_REGISTRY_INIT,
		.handover = NBD_HANDOVER_INIT,
		.disk = rig.disk,
	};
	CU_ASSERT_EQUAL_FATAL(discsi_conf_new(&app.conf), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_registry_claim(&app.registry, TARGET, 1), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_server_init(&app.server, rig.ctx,
					      &rig.export), 0);
	CU_ASSERT_EQUAL_FATAL(nbd_listener_open(&app.listener, &app.server,
						scratch_path("nbd.sock")), 0);
	CU_ASSERT_EQUAL(nbd_handover_open(&app), 0);
	connect_client();
}

static void end(void)
{
	close(client);
	nbd_handover_close(&app);
	nbd_listener_close(&app.listener);
	nbd_server_drop(&app.server);
	rig_settle(&rig);
	nbd_server_fini(&app.server);
	discsi_conf_free(app.conf);
	nbd_registry_release(&app.registry);
	rig_end(&rig);
}

static void turn(void)
{
	discsi_context_dispatch(rig.ctx, 10);
	nbd_handover_turn(&app);
}

/* ------------------------------------------------------------ the successor */

static bool say(const char *what)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "{\"do\":\"%s\",\"version\":1}",
			      what);

	return send(successor, text, (size_t)length + 1, MSG_NOSIGNAL) > 0;
}

/* The answer, "" when there is none. It is not parsed: memory is short. */
static const char *ask(const char *what)
{
	static char text[70000];
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;
	ssize_t n = -1;

	errno = EPIPE;
	if (say(what)) {
		do {
			turn();
			n = recv(successor, text, sizeof(text) - 1, 0);
		} while (n < 0 && errno == EAGAIN &&
			 dsc_clock_now_ns() < until_ns);
	}
	CU_ASSERT(n >= 0 || errno == EPIPE || errno == ECONNRESET);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool is_fine(const char *answer)
{
	return answer[0] != '\0' && strstr(answer, "\"errno\"") == NULL;
}

/* Says all that a successor says. True when "taken" could be said. */
static bool take_over(void)
{
	const char *answer;

	if (!is_fine(ask("hello")) || !is_fine(ask("drain")))
		return false;
	do {
		answer = ask("next");
		if (!is_fine(answer))
			return false;
	} while (strstr(answer, "\"end\":true") == NULL);
	return say("taken");
}

/* -------------------------------------------------------------------- tests */

/* The whole of it, with so many calls that succeed. True when it was said. */
static bool try_to_take(int calls)
{
	uint64_t until_ns = dsc_clock_now_ns() + DEADLINE_NS;
	bool is_said;

	successor = connect_control();
	calls_left = calls;
	is_said = take_over();
	close(successor);
	do
		turn();
	while (app.handover.fd >= 0 && dsc_clock_now_ns() < until_ns);
	CU_ASSERT(app.handover.fd < 0);
	return is_said;
}

/* Whoever does not serve lets what the client sends lie. */
static void expect_other_serves(void)
{
	uint8_t byte;

	CU_ASSERT_EQUAL(app.handover.phase, NBD_HANDOVER_DONE);
	rig_ask(&rig, client, NBD_CMD_FLUSH, 0, 1, 0, 0);
	rig_settle(&rig);
	CU_ASSERT(recv(client, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

static void expect_goes_on(void)
{
	CU_ASSERT_EQUAL(app.handover.phase, NBD_HANDOVER_IDLE);
	CU_ASSERT_EQUAL(rig_call(&rig, client, NBD_CMD_FLUSH, 0, 0, 0), 0);
}

static void test_exactly_one_serves(void)
{
	unsigned refused = 0, taken = 0;
	bool is_over = false;
	int n;

	begin();
	for (n = 0; n < CALLS_MAX && !is_over; n++) {
		bool is_said = try_to_take(n);

		is_over = calls_left > 0;
		calls_left = -1;
		if (!is_said) {
			refused++;
			expect_goes_on();
			continue;
		}
		taken++;
		expect_other_serves();
		end();
		begin();
	}
	CU_ASSERT(is_over);
	CU_ASSERT(refused > 20);
	CU_ASSERT(taken > 0);
	end();
}

static const struct dsc_test tests[] = {
	{ "exactly-one-serves", test_exactly_one_serves },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("nbd-handover-nomem", tests, scratch_setup,
				     scratch_teardown, argc, argv);
}
