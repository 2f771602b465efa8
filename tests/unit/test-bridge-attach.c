/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-attach.c: discsi_bridge_attach() with a shell script in the
 * place of discsi-nbd (DISCSI_NBD): what the program is given, what becomes of
 * what it says, and that the caller's process is left as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <discsi/bridge.h>
#include <discsi/error.h>
#include "base/clock.h"
#include "bridge/attach.h"
#include "bridge/spawn.h"
#include "harness/harness.h"
#include "unit/bridge-scratch.h"

#define SECRET "canary-secret-%@"
#define TARGET "iqn.2026-11.test:disk"
#define ID TARGET "-lun-7"

/*
 * Notes what it was given, leaves a process that holds the lock, and reports
 * it ready. Standard output stays open in that process, as it does in a daemon
 * that has forgotten to close it.
 */
static const char good_program[] =
	"#!/bin/sh\n"
	"cd \"$DISCSI_RUN_DIR\"\n"
	"printf '%s\\n' \"$@\" >args\n"
	"cat >input\n"
	"ls /proc/self/fd >fds\n"
	"grep '^Sig' /proc/self/status >signals\n"
	"exec 9>" ID ".lock\n"
	"flock 9\n"
	"sleep 60 &\n"
	"cat >" ID ".json <<EOF\n"
	"{\"version\":1,\"id\":\"" ID "\",\"pid\":$!,\"device\":\"\",\n"
	"\"socket\":\"/s\",\"export\":\"\",\"target\":\"" TARGET "\",\n"
	"\"portal\":\"127.0.0.1:3260\",\"lun\":7,\"bytes\":4096,\n"
	"\"read_only\":false,\"started\":1763800000}\n"
	"EOF\n"
	"echo '{ \"id\": \"" ID "\", \"device\": \"\", \"socket\": \"/s\",'\n"
	"echo '  \"bytes\": 4096 }'\n";

static struct discsi_conf *make_conf(void)
{
	struct discsi_conf *conf;

	CU_ASSERT_EQUAL_FATAL(discsi_conf_new(&conf), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "portal", "127.0.0.1:3260"), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "iqn", TARGET), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "lun_id", "7"), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "username", "joe"), 0);
	CU_ASSERT_EQUAL(discsi_conf_set(conf, "password", SECRET), 0);
	return conf;
}

/* Puts a script in the place of the program. */
static void use_program(const char *text)
{
	scratch_clear();
	scratch_write("program", text, 0700);
	setenv("DISCSI_NBD", scratch_path("program"), 1);
}

static int attach_with(const char *how, unsigned connections,
		       struct discsi_bridge **bridge)
{
	const struct discsi_attach_options options = {
		.size = sizeof(options), .connections = connections,
	};
	struct discsi_conf *conf = make_conf();
	int status = discsi_bridge_attach_with(conf, how, &options, bridge);

	discsi_conf_free(conf);
	return status;
}

static int attach(const char *how, struct discsi_bridge **bridge)
{
	struct discsi_conf *conf = make_conf();
	int status = discsi_bridge_attach(conf, how, bridge);

	discsi_conf_free(conf);
	return status;
}

/* Attaches with the good program and ends the process it leaves. */
static void attach_many_and_end(const char *how, unsigned connections)
{
	struct discsi_bridge *bridge;

	use_program(good_program);
	if (connections == 0)
		CU_ASSERT_EQUAL_FATAL(attach(how, &bridge), 0)
	else
		CU_ASSERT_EQUAL_FATAL(attach_with(how, connections, &bridge),
				      0)
	CU_ASSERT_STRING_EQUAL(bridge->id, ID);
	CU_ASSERT_STRING_EQUAL(bridge->socket, "/s");
	CU_ASSERT_STRING_EQUAL(bridge->portal, "127.0.0.1:3260");
	CU_ASSERT_EQUAL(bridge->bytes, 4096);
	CU_ASSERT_EQUAL(bridge->lun, 7);
	CU_ASSERT(bridge->alive);
	CU_ASSERT_EQUAL(discsi_bridge_detach(bridge->id, 0), 0);
	discsi_bridge_free(bridge);
}

static void attach_and_end(const char *how)
{
	attach_many_and_end(how, 0);
}

static void expect_text(const char *file, const char *text)
{
	char *content = scratch_read(file);

	CU_ASSERT(strstr(content, text) != NULL);
	if (strstr(content, text) == NULL)
		dsc_test_note("%s has no \"%s\"", file, text);
	free(content);
}

static void expect_no_text(const char *file, const char *text)
{
	char *content = scratch_read(file);

	CU_ASSERT(content[0] != '\0' && strstr(content, text) == NULL);
	free(content);
}

static void expect_message(const char *part)
{
	const char *message = discsi_last_error()->message;

	CU_ASSERT(strstr(message, part) != NULL);
	if (strstr(message, part) == NULL)
		dsc_test_note("message: %s", message);
}

/* ---------------------------------------------------------------- success */

static void test_what_it_is_given(void)
{
	char socket_line[256];

	snprintf(socket_line, sizeof(socket_line), "--fork\n--json\n"
		 "--progress\n--config\n-\n--socket\n%s/" ID ".sock\n", scratch_dir());
	attach_and_end("socket");
	expect_text("args", socket_line);
	expect_no_text("args", "canary");
	expect_text("input", SECRET);
	expect_text("input", TARGET);
}

static const struct how {
	const char *how;
	const char *arguments;
} hows[] = {
	{ "nbd", "\n--device\nauto\n" },
	{ "/dev/nbd12", "\n--device\n/dev/nbd12\n" },
	{ "/dev/shm/nbd.sock", "\n--socket\n/dev/shm/nbd.sock\n" },
};

static void test_how(void)
{
	size_t i;

	for (i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		attach_and_end(hows[i].how);
		expect_text("args", hows[i].arguments);
	}
}

/* A mistyped device is not made a socket. */
static void test_no_device(void)
{
	static const char *const typos[] = {
		"/dev/nbd", "/dev/nbdx", "/dev/nbd1x", "/dev/nbd-1",
		"/dev/nbd0/", "/dev/nbd/0", "/dev/ndb0", "/dev/sda", "/dev/",
		"/dev/shm", "/dev/disk/by-path/x",
	};
	struct discsi_bridge *bridge;
	size_t i;

	use_program("#!/bin/sh\ntouch \"$DISCSI_RUN_DIR/ran\"\n");
	for (i = 0; i < sizeof(typos) / sizeof(typos[0]); i++) {
		CU_ASSERT_EQUAL(attach(typos[i], &bridge), -EINVAL);
		expect_message(typos[i]);
		expect_message("/dev/nbdN");
		CU_ASSERT_EQUAL(attach_with(typos[i], 2, &bridge), -EINVAL);
		expect_message("/dev/nbdN");
	}
	CU_ASSERT(!scratch_exists("ran"));
}

/* They are a device's; a socket serves what comes. */
static void test_connections(void)
{
	const struct discsi_attach_options small = { .size = 4 };
	struct discsi_conf *conf = make_conf();
	struct discsi_bridge *bridge;

	attach_many_and_end("nbd", 4);
	expect_text("args", "\n--connections\n4\n");
	attach_many_and_end("nbd", 1);
	expect_no_text("args", "--connections");
	attach_many_and_end("socket", 1);
	expect_no_text("args", "--connections");
	CU_ASSERT_EQUAL(attach_with("socket", 4, &bridge), -EINVAL);
	expect_message("kernel device");
	CU_ASSERT_EQUAL(attach_with("/tmp/s", 2, &bridge), -EINVAL);
	CU_ASSERT_EQUAL(attach_with("nbd", 17, &bridge), -EINVAL);
	expect_message("17");
	CU_ASSERT_EQUAL(discsi_bridge_attach_with(conf, "nbd", &small,
						  &bridge), -EINVAL);
	discsi_conf_free(conf);
}

static void test_auto(void)
{
	attach_and_end(NULL);
	if (access("/sys/module/nbd", F_OK) == 0)
		expect_text("args", "\n--device\nauto\n");
	else
		expect_text("args", "\n--socket\n/");
}

/* glibc's posix_spawn() leaves its own two signals, 32 and 33, ignored. */
#define GLIBC_SIGNALS (UINT64_C(3) << 31)

/* The value of a line "NAME:\t0000000000000000" of the file "signals". */
static uint64_t read_signals(const char *name)
{
	char *content = scratch_read("signals");
	char *line = strstr(content, name);
	uint64_t value = UINT64_MAX;

	if (line != NULL)
		value = strtoull(line + strlen(name) + 1, NULL, 16);
	free(content);
	return value;
}

/* No descriptor of the agent's but the three, no signal blocked or ignored. */
static void test_clean_start(void)
{
	int leak = open("/dev/null", O_RDONLY);
	sigset_t set;
	sigset_t old;
	char name[32];

	CU_ASSERT_EQUAL_FATAL(fcntl(leak, F_DUPFD, 77), 77);
	close(leak);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	signal(SIGPIPE, SIG_IGN);
	attach_and_end("socket");
	signal(SIGPIPE, SIG_DFL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	snprintf(name, sizeof(name), "%d\n", 77);
	close(77);
	expect_no_text("fds", name);
	CU_ASSERT_EQUAL(read_signals("SigBlk"), 0);
	CU_ASSERT_EQUAL(read_signals("SigIgn") & ~GLIBC_SIGNALS, 0);
}

/* The agent's own standard streams may be closed. */
static void test_without_streams(void)
{
	int status = -1;
	pid_t pid;

	use_program(good_program);
	pid = fork();
	if (pid == 0) {
		struct discsi_bridge *bridge = NULL;
		int result;

		close(0);
		close(1);
		close(2);
		result = attach("socket", &bridge);
		if (result == 0)
			result = discsi_bridge_detach(bridge->id, 0);
		_exit(result == 0 ? 0 : 1);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	expect_text("input", SECRET);
}

/* ---------------------------------------------------------------- failure */

static const struct failure {
	const char *program;
	int errnum;
	const char *message;
} failures[] = {
	{ "#!/bin/sh\necho '{\"error\":{\"errno\":\"EACCES\",\"message\":"
	  "\"login refused (0x0201)\"}}' >&2\nexit 1\n",
	  EACCES, "login refused (0x0201)" },
	{ "#!/bin/sh\necho 'discsi: {login} hm' >&2\nprintf '{ \"error\": {\n"
	  "\"errno\": \"EEXIST\", \"message\": \"attached already\" }}' >&2\n"
	  "exit 1\n", EEXIST, "attached already" },
	{ "#!/bin/sh\necho '{\"error\":{\"errno\":\"EIO\",\"message\":\"bad\""
	  "}}' >&2\nexit 1\n", EIO, "bad" },
	{ "#!/bin/sh\necho '{\"error\":{\"errno\":\"ENEW\",\"message\":\"new\""
	  "}}' >&2\nexit 1\n", EIO, "new" },
	{ "#!/bin/sh\necho 'cannot open shared object' >&2\nexit 127\n",
	  EIO, "cannot open shared object" },
	{ "#!/bin/sh\necho '{\"error\":5}' >&2\nexit 3\n", EIO, "error" },
	{ "#!/bin/sh\nexit 3\n", EIO, "status 3" },
	{ "#!/bin/sh\nkill -KILL $$\n", EIO, "signal 9" },
	{ "#!/bin/sh\nexit 0\n", EPROTO, "did not say" },
	{ "#!/bin/sh\necho '{\"id\":\"../x\"}'\n", EPROTO, "did not say" },
	{ "#!/bin/sh\necho '{\"id\":\"x-lun-1\"}'\n", ENOTCONN, "x-lun-1" },
	{ "#!/bin/sh\nexec <&-\necho closed >&2\nexit 1\n", EIO, "closed" },
	{ "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' 'a'\n"
	  "head -c 300000 /dev/zero | tr '\\0' 'b' >&2\nexit 1\n", EIO, "bbb" },
};

static void test_failures(void)
{
	struct discsi_bridge *bridge;
	size_t i;

	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		use_program(failures[i].program);
		CU_ASSERT_EQUAL(attach("socket", &bridge),
				-failures[i].errnum);
		CU_ASSERT_EQUAL(discsi_last_error()->errnum,
				failures[i].errnum);
		CU_ASSERT_PTR_NULL(bridge);
		expect_message(failures[i].message);
		CU_ASSERT(strstr(discsi_last_error()->message, "canary") ==
			  NULL);
	}
}

static void test_no_program(void)
{
	struct discsi_bridge *bridge;

	scratch_clear();
	setenv("DISCSI_NBD", scratch_path("absent"), 1);
	CU_ASSERT_EQUAL(attach("socket", &bridge), -ENOENT);
	expect_message("absent");
	scratch_write("plain", "#!/bin/sh\n", 0600);
	setenv("DISCSI_NBD", scratch_path("plain"), 1);
	CU_ASSERT_EQUAL(attach("socket", &bridge), -EPERM);
	expect_message("plain");
}

static void test_broken_program(void)
{
	const char *preload = getenv("LD_PRELOAD");
	struct discsi_bridge *bridge;

	if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
		dsc_test_skip("valgrind does not tell that execve() failed");
		return;
	}
	scratch_clear();
	scratch_write("broken", "neither a script nor a program", 0700);
	setenv("DISCSI_NBD", scratch_path("broken"), 1);
	CU_ASSERT_EQUAL(attach("socket", &bridge), -ENOEXEC);
	expect_message("(ENOEXEC)");
}

static void expect_refused(const char *member)
{
	struct discsi_conf *conf = make_conf();
	struct discsi_bridge *bridge;

	CU_ASSERT_EQUAL(discsi_conf_set(conf, member, NULL), 0);
	CU_ASSERT_EQUAL(discsi_bridge_attach(conf, "socket", &bridge), -EINVAL);
	expect_message(member);
	discsi_conf_free(conf);
}

static void test_arguments(void)
{
	struct discsi_bridge *bridge;

	use_program("#!/bin/sh\ntouch \"$DISCSI_RUN_DIR/ran\"\n");
	CU_ASSERT_EQUAL(attach("floppy", &bridge), -EINVAL);
	expect_message("floppy");
	CU_ASSERT_EQUAL(discsi_bridge_attach(NULL, NULL, &bridge), -EINVAL);
	expect_refused("iqn");
	expect_refused("lun_id");
	CU_ASSERT(!scratch_exists("ran"));
}

/* A file that the program makes. */
static void expect_soon(const char *file)
{
	uint64_t deadline_ns = dsc_clock_now_ns() + 20 * DSC_NS_PER_S;

	while (!scratch_exists(file) && dsc_clock_now_ns() < deadline_ns)
		usleep(1000);
	CU_ASSERT_FATAL(scratch_exists(file));
}

/* The program runs before it is given anything, and is the one that serves. */
static void test_begun(void)
{
	struct discsi_conf *conf = make_conf();
	struct dsc_bridge_options options = { .cancel_fd = -1 };
	struct discsi_bridge *bridge;

	use_program(good_program);
	options.begun = dsc_bridge_begin(conf, "socket", 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(options.begun);
	expect_soon("args");
	/* Were it started again, this would come of it. */
	setenv("DISCSI_NBD", scratch_path("absent"), 1);
	CU_ASSERT_EQUAL_FATAL(dsc_bridge_attach(conf, "socket", &options,
						&bridge), 0);
	dsc_bridge_abandon(options.begun);
	expect_text("args", "--socket\n");
	expect_text("input", SECRET);
	CU_ASSERT_EQUAL(discsi_bridge_detach(bridge->id, 0), 0);
	discsi_bridge_free(bridge);
	discsi_conf_free(conf);
}

static void on_logged_in(void *arg)
{
	(*(unsigned *)arg)++;
}

/* It says that it has logged in, and only then what it serves. */
static void test_logged_in(void)
{
	static const char event[] =
		"#!/bin/sh\n"
		"echo '{\"event\": \"logged in\"}'\n"
		"echo '{\"event\": \"of a later version\"}'\n";
	char *program = malloc(sizeof(event) + sizeof(good_program));
	struct discsi_conf *conf = make_conf();
	unsigned count = 0;
	struct dsc_bridge_options options = {
		.cancel_fd = -1, .on_logged_in = on_logged_in, .arg = &count,
	};
	struct discsi_bridge *bridge;

	strcat(strcpy(program, event), good_program);
	use_program(program);
	CU_ASSERT_EQUAL_FATAL(dsc_bridge_attach(conf, "socket", &options,
						&bridge), 0);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_STRING_EQUAL(bridge->socket, "/s");
	expect_text("args", "--progress\n");
	CU_ASSERT_EQUAL(discsi_bridge_detach(bridge->id, 0), 0);
	discsi_bridge_free(bridge);
	discsi_conf_free(conf);
	free(program);

	/* One that ends after that has not served. */
	use_program("#!/bin/sh\necho '{\"event\": \"logged in\"}'\n");
	CU_ASSERT_EQUAL(attach("socket", &bridge), -EPROTO);
	expect_message("did not say what it serves");
}

/* By which an agent tells a wrong password from a target that is not there. */
static void test_details(void)
{
	struct discsi_bridge *bridge;

	use_program("#!/bin/sh\necho '{\"error\": {\"errno\": \"EACCES\", "
		    "\"message\": \"no\", \"login_class\": 2, "
		    "\"login_detail\": 1, \"asc\": \"x\"}}' >&2\nexit 1\n");
	CU_ASSERT_EQUAL(attach("socket", &bridge), -EACCES);
	expect_message("no");
	CU_ASSERT_EQUAL(discsi_last_error()->login_class, 2);
	CU_ASSERT_EQUAL(discsi_last_error()->login_detail, 1);
	CU_ASSERT_EQUAL(discsi_last_error()->asc, -1);
	CU_ASSERT_EQUAL(discsi_last_error()->sense_key, -1);
}

/* What was begun as something else is let be, and another one started. */
static void test_begun_otherwise(void)
{
	struct discsi_conf *conf = make_conf();
	struct dsc_bridge_options options = { .cancel_fd = -1 };
	struct discsi_bridge *bridge;

	use_program(good_program);
	options.begun = dsc_bridge_begin(conf, "/dev/nbd7", 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(options.begun);
	expect_soon("args");
	CU_ASSERT_EQUAL_FATAL(dsc_bridge_attach(conf, "socket", &options,
						&bridge), 0);
	expect_text("args", "--socket\n");
	dsc_bridge_abandon(options.begun);
	CU_ASSERT_EQUAL(discsi_bridge_detach(bridge->id, 0), 0);
	discsi_bridge_free(bridge);
	discsi_conf_free(conf);
}

static void test_abandoned(void)
{
	struct discsi_conf *conf = make_conf();
	struct dsc_bridge_begun *begun;

	use_program("#!/bin/sh\ncd \"$DISCSI_RUN_DIR\"\n>args\ncat >input\n"
		    "[ ! -s input ] || >given\nsleep 60\n");
	begun = dsc_bridge_begin(conf, "nbd", 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(begun);
	expect_soon("args");
	dsc_bridge_abandon(begun);
	CU_ASSERT(!scratch_exists("given"));
	CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
	CU_ASSERT_EQUAL(errno, ECHILD);
	setenv("DISCSI_NBD", scratch_path("absent"), 1);
	CU_ASSERT_PTR_NULL(dsc_bridge_begin(conf, "nbd", 1));
	dsc_bridge_abandon(NULL);
	discsi_conf_free(conf);
}

/* A child of the agent has a copy of our end of the program's input. */
static void test_abandoned_beside_fork(void)
{
	struct discsi_conf *conf = make_conf();
	struct dsc_bridge_begun *begun;
	uint64_t start_ns;
	pid_t child;

	use_program("#!/bin/sh\ncd \"$DISCSI_RUN_DIR\"\nexec 3<&0\n"
		    "cat <&3 >/dev/null &\n>args\nwait\n");
	begun = dsc_bridge_begin(conf, "nbd", 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(begun);
	expect_soon("args");
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	CU_ASSERT_FATAL(child > 0);
	start_ns = dsc_clock_now_ns();
	dsc_bridge_abandon(begun);
	/* Else it is 5 s: what the program has left waits for its input. */
	CU_ASSERT(dsc_clock_now_ns() - start_ns < 4 * DSC_NS_PER_S);
	kill(child, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
	discsi_conf_free(conf);
}

static int spawn(const char *const argv[], const char *input, size_t length,
		 uint64_t timeout_ms, struct dsc_spawn_result *result)
{
	const struct dsc_spawn_terms terms = {
		.input = input, .length = length, .timeout_ms = timeout_ms,
		.cancel_fd = -1,
	};

	return dsc_spawn(argv, &terms, result);
}

static void test_deadline(void)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		"trap '' TERM; exec sleep 60", NULL };
	struct dsc_spawn_result result;
	uint64_t start = dsc_clock_now_ns();

	CU_ASSERT_EQUAL(spawn(argv, "", 0, 100, &result), -ETIMEDOUT);
	CU_ASSERT_PTR_NULL(result.out.text);
	CU_ASSERT(dsc_clock_now_ns() - start < 20 * DSC_NS_PER_S);
	/* Nothing of ours is left to be waited for. */
	CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
	CU_ASSERT_EQUAL(errno, ECHILD);
}

static void test_spawn_result(void)
{
	static const char *const argv[] = { "sh", "-c", "cat; exit 5", NULL };
	struct dsc_spawn_result result;

	CU_ASSERT_EQUAL_FATAL(spawn(argv, "abc", 3, 20000, &result), 0);
	CU_ASSERT(result.has_status);
	CU_ASSERT_EQUAL(result.code, 5);
	CU_ASSERT_EQUAL(result.signal, 0);
	CU_ASSERT_STRING_EQUAL(result.out.text, "abc");
	CU_ASSERT_STRING_EQUAL(result.err.text, "");
	dsc_spawn_result_free(&result);
}

/* More than a socket holds, for a program that does not read: no SIGPIPE. */
static void test_unread_input(void)
{
	static const char *const argv[] = { "sh", "-c", "exec <&-; exit 6",
		NULL };
	const size_t length = 4 << 20;
	struct dsc_spawn_result result;
	char *input = calloc(1, length);

	CU_ASSERT_FATAL(input != NULL);
	CU_ASSERT_EQUAL_FATAL(spawn(argv, input, length, 20000, &result), 0);
	CU_ASSERT_EQUAL(result.code, 6);
	dsc_spawn_result_free(&result);
	free(input);
}

static const struct dsc_test tests[] = {
	{ "what-it-is-given", test_what_it_is_given },
	{ "how", test_how },
	{ "no device", test_no_device },
	{ "auto", test_auto },
	{ "connections", test_connections },
	{ "clean-start", test_clean_start },
	{ "without-streams", test_without_streams },
	{ "failures", test_failures },
	{ "no-program", test_no_program },
	{ "broken-program", test_broken_program },
	{ "arguments", test_arguments },
	{ "begun", test_begun },
	{ "logged_in", test_logged_in },
	{ "details", test_details },
	{ "begun-otherwise", test_begun_otherwise },
	{ "abandoned", test_abandoned },
	{ "abandoned-beside-fork", test_abandoned_beside_fork },
	{ "deadline", test_deadline },
	{ "spawn-result", test_spawn_result },
	{ "unread-input", test_unread_input },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-attach", tests, scratch_setup,
				     scratch_teardown, argc, argv);
}
