/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-bridge-tls.c: discsi-nbd on a TCP port, with certificates and with keys,
 * asked by clients of other projects (libnbd's and qemu's with GnuTLS, and
 * tls.py with OpenSSL), by those that have no TLS, the wrong one, or nothing
 * that deserves the name; and in clear where that is allowed.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/bridge-rig.h"

#define ID BRIDGE_ID("1")
#define PYTHON "/usr/bin/python3"
#define ANY_PORT "127.0.0.1:0"
#define CANARY "00ca9a41deadbeef00ca9a41deadbeef"

static char *url, *certs, *keys, *backing;
static bool has_tls;

static bool is_built_with_tls(void)
{
	struct dsc_run_result result;
	bool is_without;

	/* It fails in any case: the key is looked for before the target. */
	dsc_run(&result, (const char *const[]){
		"./discsi-nbd", "--listen", ANY_PORT, "--tls-psk", "/nowhere",
		url, NULL });
	is_without = strstr(result.err, "built without") != NULL;
	dsc_run_free(&result);
	return !is_without;
}

/* Assertions need a test, and here is none yet. */
static int make_certs(void)
{
	const char *source = getenv("DSC_SRCDIR");
	char *script;
	int status;

	if (asprintf(&script, "%s/tests/bridge/make-certs",
		     source != NULL ? source : ".") < 0)
		return -1;
	status = dsc_run_quiet((const char *const[]){
		"/bin/sh", script, certs, NULL });
	free(script);
	return status;
}

static int setup(void)
{
	int status = bridge_setup();

	if (status < 0 || rig_tgtd() == NULL)
		return status;
	url = rig_setup_url(TARGET_OPEN, 1);
	if (url == NULL)
		return -1;
	backing = dsc_tgtd_lun_path(rig_tgtd(), 1, 1);
	certs = dsc_temp_subdir("certs");
	keys = dsc_temp_write("keys.psk", "alice:" CANARY "\n"
			      "bob:0123456789abcdef\n");
	has_tls = dsc_has_program("certtool") && dsc_has_program(PYTHON) &&
		  is_built_with_tls();
	return has_tls ? make_certs() : 0;
}

static void teardown(void)
{
	rig_teardown();
	free(url);
	free(certs);
	free(keys);
	free(backing);
}

static bool needs(const char *program)
{
	if (!has_tls)
		dsc_test_skip("there is no TLS, no certtool or no Python");
	else if (!dsc_has_program(program))
		dsc_test_skip("%s is not installed", program);
	else
		return true;
	return false;
}

static char *text(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static char *text(const char *format, ...)
{
	va_list args;
	char *made;

	va_start(args, format);
	CU_ASSERT_FATAL(vasprintf(&made, format, args) > 0);
	va_end(args);
	return made;
}

/* Starts a bridge on a free port, with options, and returns the port. */
#define listen_with(...) \
	listen_args((const char *const[]){ "./discsi-nbd", "--fork", \
		    "--json", "--listen", ANY_PORT, url, __VA_ARGS__, NULL })
static char *listen_args(const char *const argv[])
{
	struct json_object *ready = rig_json_args(argv);
	const char *place = rig_text(ready, "socket");
	char *port;

	CU_ASSERT_FATAL(strncmp(place, "127.0.0.1:", 10) == 0);
	port = strdup(place + 10);
	CU_ASSERT(atoi(port) > 0);
	json_object_put(ready);
	return port;
}

static char *listen_x509(const char *option)
{
	char *server = text("%s/server", certs);
	char *port = listen_with("--tls-certificates", server, option);

	free(server);
	return port;
}

/* What a program of another project is refused; it must end by itself. */
#define refused(...) \
	refused_args((const char *const[]){ __VA_ARGS__, NULL })
static void refused_args(const char *const argv[])
{
	struct dsc_run_result result;
	int status = dsc_run(&result, argv);

	CU_ASSERT(status > 0 && status < 128);
	if (status <= 0 || status >= 128)
		dsc_run_note(&result, argv);
	dsc_run_free(&result);
}

/* Runs tls.py against a port. */
static void speak(const char *way, const char *port)
{
	char *script = bridge_script("tls.py");

	bridge_client(PYTHON, script, way, port, certs);
	free(script);
}

/* ------------------------------------------------------------- certificates */

static void test_libnbd(void)
{
	char *port, *uri, *source, *copy;

	if (!needs("nbdcopy"))
		return;
	port = listen_x509(NULL);
	uri = text("nbds://localhost:%s/?tls-certificates=%s/client", port,
		   certs);
	source = rig_make_file("source", BRIDGE_BYTES);
	copy = dsc_temp_path("copy");
	bridge_client("nbdinfo", uri);
	bridge_client("nbdcopy", "--flush", "--connections=4", source, uri);
	rig_expect_same(source, backing, BRIDGE_BYTES);
	bridge_client("nbdcopy", uri, copy);
	rig_expect_same(copy, source, BRIDGE_BYTES);
	bridge_stop(ID);
	unlink(source);
	unlink(copy);
	free(source);
	free(copy);
	free(uri);
	free(port);
}

/* credentials: what qemu calls an object. */
static void use_qemu(const char *port, const char *credentials)
{
	char *file = rig_make_file("image", BRIDGE_BYTES);
	char *disk = text("driver=nbd,host=127.0.0.1,port=%s,tls-creds=t", port);

	bridge_client("qemu-img", "convert", "-n", "-m", "8", "-W", "--object",
		      credentials, "-f", "raw", "--target-image-opts", file,
		      disk);
	rig_expect_same(file, backing, BRIDGE_BYTES);
	bridge_client("qemu-img", "info", "--object", credentials,
		      "--image-opts", disk);
	unlink(file);
	free(file);
	free(disk);
}

static void test_qemu(void)
{
	char *port, *credentials;

	if (!needs("qemu-img"))
		return;
	port = listen_x509("--tls-verify-peer");
	credentials = text("tls-creds-x509,id=t,endpoint=client,dir=%s/client",
			   certs);
	use_qemu(port, credentials);
	bridge_stop(ID);
	free(credentials);
	free(port);
}

static void test_openssl(void)
{
	static const char *const ways[] = {
		"openssl", "old-version", "spoiled", "slow", "many",
	};
	char *port;
	size_t i;

	if (!needs(PYTHON))
		return;
	port = listen_x509(NULL);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		speak(ways[i], port);
	bridge_stop(ID);
	free(port);
}

/* Those who come with nothing that deserves the name. */
static void test_no_tls(void)
{
	static const char *const ways[] = {
		"clear", "garbage", "injected", "openssl",
	};
	char *port, *uri;
	size_t i;

	if (!needs("nbdinfo"))
		return;
	port = listen_x509(NULL);
	uri = text("nbd://localhost:%s", port);
	refused("nbdinfo", uri);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		speak(ways[i], port);
	bridge_stop(ID);
	free(uri);
	free(port);
}

static void install_crl(void)
{
	char *from = text("%s/ca-crl.pem", certs);
	char *to = text("%s/server/ca-crl.pem", certs);

	bridge_client("cp", from, to);
	free(from);
	free(to);
}

static void test_verify_peer(void)
{
	char *port, *uri, *other;

	if (!needs("nbdinfo"))
		return;
	install_crl();
	port = listen_x509("--tls-verify-peer");
	uri = text("nbds://localhost:%s/?tls-certificates=%s/client", port,
		   certs);
	other = text("nbds://localhost:%s/?tls-certificates=%s/stranger", port,
		     certs);
	bridge_client("nbdinfo", uri);
	refused("nbdinfo", other);
	speak("unverified", port);
	bridge_client("nbdinfo", uri);
	bridge_stop(ID);
	free(other);
	free(uri);
	free(port);
}

/* A client that does not know our authority wants nothing of us. */
static void test_other_authority(void)
{
	char *port, *uri, *good;

	if (!needs("nbdinfo"))
		return;
	port = listen_x509(NULL);
	uri = text("nbds://localhost:%s/?tls-certificates=%s/stranger", port,
		   certs);
	good = text("nbds://localhost:%s/?tls-certificates=%s/anonymous", port,
		    certs);
	refused("nbdinfo", uri);
	bridge_client("nbdinfo", good);
	bridge_stop(ID);
	free(good);
	free(uri);
	free(port);
}

/* On a Unix socket TLS is required, too, where it is asked for. */
static void test_unix_socket(void)
{
	char *server, *path, *uri, *clear;

	if (!needs("nbdinfo"))
		return;
	server = text("%s/server", certs);
	path = dsc_temp_path("tls.sock");
	uri = text("nbds+unix:///?socket=%s&tls-certificates=%s/client"
		   "&tls-hostname=localhost", path, certs);
	clear = bridge_uri(path);
	json_object_put(bridge_start("--socket", path, "--tls-certificates",
				     server, url));
	bridge_client("nbdinfo", "--map", uri);
	refused("nbdinfo", clear);
	bridge_stop(ID);
	free(server);
	free(path);
	free(uri);
	free(clear);
}

/* --------------------------------------------------------------------- keys */

static char *key_uri(const char *user, const char *port, const char *file)
{
	return text("nbds://%s@localhost:%s/?tls-psk-file=%s", user, port,
		    file);
}

static void test_psk_libnbd(void)
{
	char *wrong, *port, *uris[4];
	size_t i;

	if (!needs("nbdcopy"))
		return;
	wrong = dsc_temp_write("wrong.psk", "alice:0123456789abcdef\n"
			       "carol:0123456789abcdef\n");
	port = listen_with("--tls-psk", keys);
	uris[0] = key_uri("alice", port, keys);
	uris[1] = key_uri("bob", port, keys);
	uris[2] = key_uri("alice", port, wrong);
	uris[3] = key_uri("carol", port, wrong);
	bridge_client("nbdinfo", uris[0]);
	bridge_client("nbdcopy", uris[1], "null:");
	refused("nbdinfo", uris[2]);
	refused("nbdinfo", uris[3]);
	bridge_client("nbdinfo", "--map", uris[0]);
	bridge_stop(ID);
	for (i = 0; i < 4; i++)
		free(uris[i]);
	free(wrong);
	free(port);
}

static void test_psk_qemu(void)
{
	char *port, *credentials;

	if (!needs("qemu-img"))
		return;
	port = listen_with("--tls-psk", keys);
	credentials = text("tls-creds-psk,id=t,endpoint=client,username=alice,"
			   "dir=%s", dsc_temp_dir());
	use_qemu(port, credentials);
	bridge_stop(ID);
	free(credentials);
	free(port);
}

/* Who knows no key gets nothing, and no secret is told. */
static void test_psk_secret(void)
{
	struct dsc_run_result result;
	char *state, *port;

	if (!needs(PYTHON))
		return;
	port = listen_with("--tls-psk", keys);
	speak("clear", port);
	speak("garbage", port);
	state = bridge_file(ID, ".json");
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		"grep", "-c", CANARY, state, NULL }), 1);
	dsc_run_free(&result);
	bridge_stop(ID);
	free(state);
	free(port);
}

/* What is handed over gets TLS as well: one connection, a listening socket. */
static void test_psk_handed_over(void)
{
	struct dsc_run_result result;
	char *script;
	int status;

	if (!needs(PYTHON))
		return;
	status = dsc_run(&result, (const char *const[]){
		PYTHON, "-c", "import nbd", NULL });
	dsc_run_free(&result);
	if (status != 0) {
		dsc_test_skip("python3-libnbd is not installed");
		return;
	}
	script = bridge_script("tls-handed.py");
	bridge_client(PYTHON, script, url, keys);
	free(script);
	CU_ASSERT(bridge_wait_gone(ID, 20000));
	CU_ASSERT(bridge_is_nothing_left());
}

static bool has_said(void *arg)
{
	const void *const *process_and_words = arg;
	struct dsc_process *process = (void *)(uintptr_t)process_and_words[0];
	char *output = dsc_process_output(process);
	bool is_said = output != NULL &&
		       strstr(output, process_and_words[1]) != NULL;

	free(output);
	return is_said || !dsc_process_is_alive(process);
}

static void wait_said(struct dsc_process *process, const char *words)
{
	const void *arg[] = { process, words };

	CU_ASSERT(dsc_wait_for(has_said, arg, 20000));
	CU_ASSERT(dsc_process_is_alive(process));
}

/* Who was sent away, and why, is in the log; but no end of such lines. */
static void test_log(void)
{
	static const char head[] = "is ready on 127.0.0.1:";
	struct dsc_process *process;
	char *output, *port, *at;
	size_t lines = 0;
	int i;

	if (!needs(PYTHON))
		return;
	process = dsc_process_start((const char *const[]){
		"./discsi-nbd", "--listen", ANY_PORT, "--tls-psk", keys, url,
		NULL }, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(process);
	wait_said(process, head);
	output = dsc_process_output(process);
	port = strdup(strstr(output, head) + strlen(head));
	port[strspn(port, "0123456789")] = '\0';
	free(output);
	for (i = 0; i < 5; i++)
		speak("garbage", port);
	wait_said(process, "further ones");
	output = dsc_process_output(process);
	for (at = output; (at = strstr(at, "a client at 127.0.0.1:")) != NULL;
	     at++)
		lines++;
	CU_ASSERT(lines >= 20 && lines < 5 * 7);
	CU_ASSERT_PTR_NOT_NULL(strstr(output, "the TLS handshake has failed"));
	CU_ASSERT_PTR_NULL(strstr(output, CANARY));
	free(output);
	free(port);
	bridge_stop(ID);
	CU_ASSERT_EQUAL(dsc_process_wait(process, 20000), 0);
	dsc_process_stop(process);
}

/* ----------------------------------------------------------------- in clear */

static void test_loopback(void)
{
	char *port, *uri, *line;
	struct json_object *ready;
	struct dsc_run_result result;

	port = listen_with("--insecure-loopback");
	uri = text("nbd://127.0.0.1:%s", port);
	if (dsc_has_program("nbdinfo")) {
		bridge_client("nbdinfo", uri);
		free(uri);
		uri = text("nbds://127.0.0.1:%s", port);
		refused("nbdinfo", uri);
	}
	line = text("127.0.0.1:%s", port);
	rig_run(&result, 0, "status");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, line));
	dsc_run_free(&result);
	bridge_fails("EEXIST", ID, "--listen", ANY_PORT, "--insecure-loopback",
		     url);
	json_object_put(rig_json("detach", line));
	CU_ASSERT(bridge_is_nothing_left());
	free(line);
	free(uri);
	free(port);
	if (access("/proc/net/if_inet6", F_OK) == 0) {
		ready = bridge_start("--listen", "[::1]:0",
				     "--insecure-loopback", url);
		CU_ASSERT_PTR_NOT_NULL(strstr(rig_text(ready, "socket"),
					      "[::1]:"));
		json_object_put(ready);
		bridge_stop(ID);
	}
}

static void test_clear_refused(void)
{
	static const char *const places[] = {
		"0.0.0.0:0", ":0", "*:0", "[::]:0", "192.0.2.1:0",
	};
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		bridge_fails("EPERM", "without TLS", "--listen", places[i],
			     "--insecure-loopback", url);
	CU_ASSERT(bridge_is_nothing_left());
}

/* A port that is handed over is one all the same. */
static void test_handed_over(void)
{
	static const char script[] =
		"import os, socket, sys\n"
		"s = socket.create_server((sys.argv[1], 0))\n"
		"os.dup2(s.fileno(), 3)\n"
		"os.set_inheritable(3, True)\n"
		"os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
		"os.execv('./discsi-nbd', ['discsi-nbd'] + sys.argv[2:])\n";
	struct dsc_run_result result;

	if (!dsc_has_program(PYTHON)) {
		dsc_test_skip("%s is not installed", PYTHON);
		return;
	}
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		PYTHON, "-c", script, "127.0.0.1", url, NULL }), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "without TLS"));
	dsc_run_free(&result);
	CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
		PYTHON, "-c", script, "0.0.0.0", url, "--insecure-loopback",
		NULL }), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "without TLS"));
	dsc_run_free(&result);
}

/* ----------------------------------------------------------------- mistakes */

static void test_port_taken(void)
{
	char *port = listen_with("--insecure-loopback");
	char *place = text("127.0.0.1:%s", port);
	char *other = rig_url(TARGET_OPEN, 2);

	bridge_fails("EADDRINUSE", place, "--listen", place,
		     "--insecure-loopback", other);
	bridge_stop(ID);
	free(other);
	free(place);
	free(port);
}

static void test_addresses(void)
{
	static const char *const bad[] = {
		"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "localhost:x",
		"::1:5", "[::1]5", "[]:5", "10809", "127.0.0.1:-1",
	};
	struct dsc_run_result result;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(dsc_run(&result, (const char *const[]){
			"./discsi-nbd", "--listen", bad[i],
			"--insecure-loopback", url, NULL }), 2);
		CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "--listen takes"));
		dsc_run_free(&result);
	}
	bridge_fails("ENOENT", "has no address", "--listen",
		     "no-such-host.invalid:0", "--insecure-loopback", url);
}

/* Puts a file's mode right again. */
static void expect_open_refused(const char *path, mode_t mode,
				const char *option, const char *value)
{
	CU_ASSERT_EQUAL(chmod(path, mode), 0);
	bridge_fails("EPERM", "open to others", "--listen", ANY_PORT, option,
		     value, url);
	CU_ASSERT_EQUAL(chmod(path, 0600), 0);
}

static void test_files(void)
{
	char *server, *client, *key, *empty, *broken;

	if (!needs("certtool"))
		return;
	server = text("%s/server", certs);
	client = text("%s/client", certs);
	key = text("%s/server/server-key.pem", certs);
	empty = dsc_temp_write("empty.psk", "\n");
	broken = dsc_temp_write("broken.psk", "alice:" CANARY "\nbob:xyz\n");
	expect_open_refused(key, 0604, "--tls-certificates", server);
	expect_open_refused(key, 0620, "--tls-certificates", server);
	expect_open_refused(keys, 0644, "--tls-psk", keys);
	bridge_fails("ENOENT", "server-cert.pem", "--listen", ANY_PORT,
		     "--tls-certificates", client, url);
	bridge_fails("EINVAL", "no key", "--listen", ANY_PORT, "--tls-psk",
		     empty, url);
	bridge_fails("EINVAL", "line 2", "--listen", ANY_PORT, "--tls-psk",
		     broken, url);
	CU_ASSERT(bridge_is_nothing_left());
	free(server);
	free(client);
	free(key);
	free(empty);
	free(broken);
}

static void test_usage(void)
{
	static const char *const mistakes[][6] = {
		{ "--listen", ANY_PORT },
		{ "--listen", ANY_PORT, "--socket", "/x",
		  "--insecure-loopback" },
		{ "--listen", ANY_PORT, "--device", "auto",
		  "--insecure-loopback" },
		{ "--listen", ANY_PORT, "--stdio", "--insecure-loopback" },
		{ "--tls-psk", "/x", "--tls-certificates", "/x" },
		{ "--tls-psk", "/x", "--tls-verify-peer" },
		{ "--tls-verify-peer" },
		{ "--tls-psk", "/x", "--device", "auto" },
		{ "--tls-psk", "/x", "--insecure-loopback" },
	};
	struct dsc_run_result result;
	const char *argv[8] = { "./discsi-nbd" };
	size_t i, at;

	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		for (at = 0; at < 6 && mistakes[i][at] != NULL; at++)
			argv[1 + at] = mistakes[i][at];
		argv[1 + at] = url;
		argv[2 + at] = NULL;
		CU_ASSERT_EQUAL(dsc_run(&result, argv), 2);
		CU_ASSERT_PTR_NOT_NULL(strstr(result.err, "--help"));
		dsc_run_free(&result);
	}
}

/* A build that cannot says so. */
static void test_without_gnutls(void)
{
	if (is_built_with_tls())
		dsc_test_skip("this build has TLS");
	else
		bridge_fails("EOPNOTSUPP", "built without GnuTLS", "--listen",
			     ANY_PORT, "--tls-psk", keys, url);
}

static const struct dsc_test tests[] = {
	{ "libnbd", test_libnbd },
	{ "qemu", test_qemu },
	{ "openssl", test_openssl },
	{ "no-tls", test_no_tls },
	{ "other-authority", test_other_authority },
	{ "unix-socket", test_unix_socket },
	{ "psk-libnbd", test_psk_libnbd },
	{ "psk-qemu", test_psk_qemu },
	{ "psk-secret", test_psk_secret },
	{ "psk-handed-over", test_psk_handed_over },
	{ "log", test_log },
	{ "loopback", test_loopback },
	{ "clear-refused", test_clear_refused },
	{ "handed-over", test_handed_over },
	{ "port-taken", test_port_taken },
	{ "addresses", test_addresses },
	{ "files", test_files },
	{ "verify-peer", test_verify_peer },
	{ "usage", test_usage },
	{ "without-gnutls", test_without_gnutls },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("bridge-tls", tests, setup, teardown,
				     argc, argv);
}
