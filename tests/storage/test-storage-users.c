/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-storage-users.c: several storages on one LUN of tgtd, in one process and
 * in several: the bridge lives until the last of them is unmounted, whether an
 * agent ends in good order or not, and a detach by the operator is told who uses
 * it. Test's thread, but the threads of test_threads().
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bridge/bridge-rig.h"
#include "bridge/users.h"
#include "storage/storage-rig.h"

#define ID1 BRIDGE_ID("1")
#define CONF "\"portal\": \"%s\", \"iqn\": \"" TARGET_OPEN "\", \"lun_id\": 1"
#define SOCKET CONF ", \"device\": \"socket\""

static struct discsi_storage_manager *manager;

static struct discsi_storage *make_in(struct discsi_storage_manager *where,
				      const char *id)
{
	return st_storage(where, id, "{" SOCKET ", \"replacement_timeout\":"
			  "1000 }", dsc_tgtd_portal(rig_tgtd()));
}

static struct discsi_storage *make(const char *id)
{
	return make_in(manager, id);
}

static void end(void)
{
	CU_ASSERT(bridge_is_nothing_left());
	discsi_storage_manager_free(manager);
}

/* ------------------------------------------------------------ one process */

static void test_two(void)
{
	struct discsi_storage *a;
	struct discsi_storage *b;
	pid_t pid;

	manager = st_manager();
	a = make("a");
	b = make("b");
	st_works(discsi_storage_mount(a, NULL));
	pid = bridge_pid(ID1);
	st_works(discsi_storage_mount(b, NULL));
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_unmount(a, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_accessible(b, NULL));
	st_works(discsi_storage_mount(a, NULL));
	st_works(discsi_storage_unmount(b, DISCSI_UNMOUNT_FORCE));
	st_works(discsi_storage_accessible(a, NULL));
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_unmount(a, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID1), 0);
	discsi_storage_put(a);
	discsi_storage_put(b);
	end();
}

/* A manager that ends is no user any more, and ends nothing. */
static void test_manager_ends(void)
{
	struct discsi_storage_manager *other = st_manager();
	struct discsi_storage *a = make_in(other, "a");
	struct discsi_storage *b;
	pid_t pid;

	manager = st_manager();
	b = make("b");
	st_works(discsi_storage_mount(a, NULL));
	pid = bridge_pid(ID1);
	st_works(discsi_storage_mount(b, NULL));
	discsi_storage_put(a);
	discsi_storage_manager_free(other);
	st_works(discsi_storage_accessible(b, NULL));
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_unmount(b, 0));
	discsi_storage_put(b);
	end();
}

/* While one fails, the other one leaves: then nobody is there any more. */
static void on_ready(void *arg, struct discsi_storage *storage,
		     enum discsi_mount_stage stage)
{
	if (stage != DISCSI_MOUNT_READY)
		return;
	if (arg != NULL)
		st_works(discsi_storage_unmount(arg, 0));
	discsi_storage_cancel(storage);
}

static void test_fails_as_last(void)
{
	struct discsi_mount_options options = {
		.size = sizeof(options), .progress = on_ready,
	};
	struct discsi_storage *a;
	struct discsi_storage *b;

	manager = st_manager();
	a = make("a");
	b = make("b");
	st_works(discsi_storage_mount(a, NULL));
	options.arg = a;
	st_fails(discsi_storage_accessible(b, &options), ECANCELED, "");
	CU_ASSERT(bridge_is_nothing_left());
	discsi_storage_put(a);
	discsi_storage_put(b);
	end();
}

/* What the operator has attached is not ended because a mount fails. */
static void test_operators(void)
{
	const struct discsi_mount_options options = {
		.size = sizeof(options), .progress = on_ready,
	};
	struct discsi_storage *a;
	char *url = rig_url(TARGET_OPEN, 1);
	pid_t pid;

	manager = st_manager();
	a = make("a");
	json_object_put(rig_json("attach", url, "--device", "socket"));
	pid = bridge_pid(ID1);
	CU_ASSERT(pid > 1);
	st_fails(discsi_storage_accessible(a, &options), ECANCELED, "");
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	json_object_put(rig_json("detach", ID1));
	CU_ASSERT(bridge_is_nothing_left());
	free(url);
	discsi_storage_put(a);
	end();
}

/* Nor is it waited for where it has no path. */
static void test_over_tcp(void)
{
	struct discsi_storage *a;
	char *url = rig_url(TARGET_OPEN, 1);
	uint64_t begun;
	pid_t pid;

	manager = st_manager();
	a = make("a");
	json_object_put(bridge_start("--listen", "127.0.0.1:0",
				     "--insecure-loopback", url));
	pid = bridge_pid(ID1);
	CU_ASSERT(pid > 1);
	begun = dsc_clock_now_ns();
	st_fails(discsi_storage_mount(a, NULL), EBUSY,
		 "attached already as 127.0.0.1:");
	st_works(st_configure(a, "a", "{" CONF "}",
			      dsc_tgtd_portal(rig_tgtd())));
	st_fails(discsi_storage_mount(a, NULL), EBUSY, "\"auto\" is configured");
	CU_ASSERT(dsc_clock_now_ns() - begun < 10000 * DSC_NS_PER_MS);
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	bridge_stop(ID1);
	free(url);
	discsi_storage_put(a);
	end();
}

static void test_detach(void)
{
	struct discsi_storage *a;
	char words[64];

	manager = st_manager();
	a = make("a");
	st_works(discsi_storage_mount(a, NULL));
	snprintf(words, sizeof(words), "process %ld (", (long)getpid());
	rig_fails("EBUSY", words, "detach", ID1);
	st_fails(discsi_bridge_detach(ID1, 0), EBUSY, words);
	st_works(discsi_storage_accessible(a, NULL));
	json_object_put(rig_json("detach", "--force", ID1));
	CU_ASSERT_EQUAL(bridge_pid(ID1), 0);
	CU_ASSERT(!discsi_storage_is_connected(a));
	st_works(discsi_storage_unmount(a, 0));
	CU_ASSERT(bridge_is_nothing_left());
	st_works(discsi_storage_mount(a, NULL));
	st_works(discsi_storage_unmount(a, 0));
	discsi_storage_put(a);
	end();
}

/* Whose file was removed is the last one if nobody has the next file. */
static void test_file_removed(void)
{
	char *path = bridge_file(ID1, ".users");
	struct discsi_storage *a;
	struct discsi_storage *b;

	manager = st_manager();
	a = make("a");
	b = make("b");
	st_works(discsi_storage_mount(a, NULL));
	CU_ASSERT_EQUAL(unlink(path), 0);
	st_works(discsi_storage_mount(b, NULL));
	st_works(discsi_storage_unmount(a, 0));
	st_works(discsi_storage_accessible(b, NULL));
	CU_ASSERT_EQUAL(unlink(path), 0);
	st_works(discsi_storage_unmount(b, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID1), 0);
	free(path);
	discsi_storage_put(a);
	discsi_storage_put(b);
	end();
}

/* It is a user again as soon as it is asked for: then it counts for the others. */
static void test_file_anew(void)
{
	struct dsc_users users = DSC_USERS_INIT;
	struct dsc_users other = DSC_USERS_INIT;
	char *path = bridge_file(ID1, ".users");
	struct discsi_storage *a;
	struct discsi_storage *b;
	pid_t pid;

	manager = st_manager();
	a = make("a");
	b = make("b");
	st_works(discsi_storage_mount(a, NULL));
	pid = bridge_pid(ID1);
	CU_ASSERT_EQUAL(unlink(path), 0);
	st_works(discsi_storage_accessible(a, NULL));
	st_works(discsi_storage_mount(b, NULL));
	st_works(discsi_storage_unmount(b, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_accessible(a, NULL));
	st_works(discsi_storage_unmount(a, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID1), 0);

	st_works(dsc_users_join(&users, ID1));
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT(!dsc_users_is_current(&users));
	st_works(dsc_users_join(&users, ID1));
	CU_ASSERT(dsc_users_is_current(&users));
	CU_ASSERT_EQUAL(dsc_users_exclude(&other, ID1), -EBUSY);
	dsc_users_leave(&users);
	free(path);
	discsi_storage_put(a);
	discsi_storage_put(b);
	end();
}

/* Who can open nothing ends nothing, and has it mounted still. */
static void test_no_descriptor(void)
{
	struct discsi_storage *a;
	struct rlimit limit, few;
	pid_t pid;

	manager = st_manager();
	a = make("a");
	st_works(discsi_storage_mount(a, NULL));
	pid = bridge_pid(ID1);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = STDERR_FILENO + 1;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
	st_fails(discsi_storage_unmount(a, 0), EBUSY, "descriptor");
	st_fails(discsi_storage_unmount(a, DISCSI_UNMOUNT_FORCE), EBUSY,
		 "descriptor");
	CU_ASSERT(discsi_storage_is_mounted(a));
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_accessible(a, NULL));
	st_works(discsi_storage_unmount(a, 0));
	discsi_storage_put(a);
	end();
}

static void expect_kept(struct discsi_storage *storage, const char *words)
{
	st_fails(discsi_storage_unmount(storage, 0), EBUSY, words);
	CU_ASSERT(discsi_storage_is_mounted(storage));
}

/* Nor does who cannot read where it is, until that can be read again. */
static void test_unreadable(void)
{
	const char *dir = getenv("DISCSI_RUN_DIR");
	char *path = bridge_file(ID1, ".json");
	char *kept = bridge_file(ID1, ".kept");
	struct discsi_storage *a;
	FILE *file;
	pid_t pid;

	manager = st_manager();
	a = make("a");
	st_works(discsi_storage_mount(a, NULL));
	pid = bridge_pid(ID1);
	CU_ASSERT_EQUAL(chmod(dir, 0777), 0);
	expect_kept(a, "chmod");
	CU_ASSERT_EQUAL(chmod(dir, 0700), 0);
	CU_ASSERT_EQUAL(rename(path, kept), 0);
	file = fopen(path, "we");
	CU_ASSERT_FATAL(file != NULL && fputs("{", file) >= 0);
	fclose(file);
	expect_kept(a, "is broken");
	CU_ASSERT_EQUAL(rename(kept, path), 0);
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_accessible(a, NULL));
	st_works(discsi_storage_unmount(a, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID1), 0);
	free(path);
	free(kept);
	discsi_storage_put(a);
	end();
}

/* --------------------------------------------------------- given-up bridges */

static bool has_failed(void *arg)
{
	struct discsi_bridge **bridges = NULL;
	size_t count = 0;
	bool is;

	(void)arg;
	st_works(discsi_bridge_list(&bridges, &count));
	is = count == 1 && strcmp(bridges[0]->state, "failed") == 0;
	discsi_bridge_list_free(bridges, count);
	return is;
}

static void restart_target(void)
{
	CU_ASSERT_EQUAL(dsc_tgtd_restart(rig_tgtd()), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_target(rig_tgtd(), 1, TARGET_OPEN), 0);
	CU_ASSERT_EQUAL(dsc_tgtd_add_lun(rig_tgtd(), 1, 1, BRIDGE_BYTES, 512,
					 DSC_LUN_THIN), 0);
}

static void test_given_up(void)
{
	const struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 500,
	};
	struct discsi_storage *a;
	struct discsi_storage *b;
	uint64_t begun;
	pid_t pid;

	manager = st_manager();
	a = make("a");
	b = make("b");
	st_works(discsi_storage_mount(a, NULL));
	pid = bridge_pid(ID1);
	dsc_tgtd_kill(rig_tgtd());
	CU_ASSERT(dsc_wait_for(has_failed, NULL, 20000));
	restart_target();
	st_fails(discsi_storage_mount(b, NULL), EBUSY, "given up");
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	discsi_storage_put(a);
	discsi_storage_manager_free(manager);

	/* Nobody uses it now, and it does not end in time. */
	manager = st_manager();
	a = make("a");
	CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
	begun = dsc_clock_now_ns();
	st_fails(discsi_storage_mount(a, &options), ETIMEDOUT, "attaching");
	CU_ASSERT(dsc_clock_now_ns() - begun < 5000 * DSC_NS_PER_MS);
	CU_ASSERT_EQUAL(kill(pid, SIGCONT), 0);
	st_works(discsi_storage_mount(a, NULL));
	CU_ASSERT_NOT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_unmount(a, 0));
	discsi_storage_put(a);
	discsi_storage_put(b);
	end();
}

/* ------------------------------------------------------- waited for in vain */

static bool recovers(void *arg)
{
	return !discsi_storage_is_connected(arg);
}

static void on_attaching(void *arg, struct discsi_storage *storage,
			 enum discsi_mount_stage stage)
{
	(void)arg;
	if (stage == DISCSI_MOUNT_ATTACHING)
		discsi_storage_cancel(storage);
}

/* A bridge that recovers is waited for, until the deadline or a cancel. */
static void test_recovering(void)
{
	struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 300,
	};
	struct discsi_storage *a;
	struct discsi_storage *b;

	manager = st_manager();
	a = st_storage(manager, "a", "{" SOCKET "}",
		       dsc_tgtd_portal(rig_tgtd()));
	b = make("b");
	st_works(discsi_storage_mount(a, NULL));
	dsc_tgtd_kill(rig_tgtd());
	CU_ASSERT(dsc_wait_for(recovers, a, 20000));
	st_fails(discsi_storage_mount(b, &options), ETIMEDOUT, "attaching");
	options.timeout_ms = 0;
	options.progress = on_attaching;
	st_fails(discsi_storage_mount(b, &options), ECANCELED, "attaching");
	restart_target();
	st_works(discsi_storage_mount(b, NULL));
	st_works(discsi_storage_unmount(a, 0));
	st_works(discsi_storage_accessible(b, NULL));
	st_works(discsi_storage_unmount(b, 0));
	discsi_storage_put(a);
	discsi_storage_put(b);
	end();
}

/* As is one that has not said yet what it serves, and one that is ended. */
static void test_others_at_it(void)
{
	const struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 300,
	};
	struct dsc_users users = DSC_USERS_INIT;
	char *path = bridge_file(ID1, ".lock");
	struct discsi_storage *a;
	int fd;

	manager = st_manager();
	a = make("a");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL(flock(fd, LOCK_EX), 0);
	st_fails(discsi_storage_mount(a, &options), ETIMEDOUT, "attaching");
	CU_ASSERT_EQUAL(unlink(path), 0);
	close(fd);
	st_works(dsc_users_exclude(&users, ID1));
	st_fails(discsi_storage_mount(a, &options), ETIMEDOUT, "attaching");
	dsc_users_leave(&users);
	CU_ASSERT(bridge_is_nothing_left());
	st_works(discsi_storage_mount(a, NULL));
	st_works(discsi_storage_unmount(a, 0));
	free(path);
	discsi_storage_put(a);
	end();
}

/* What one has left that was killed is not the word of the one that starts. */
static void test_next_starts(void)
{
	const struct discsi_mount_options options = {
		.size = sizeof(options), .timeout_ms = 300,
	};
	char *path = bridge_file(ID1, ".lock");
	struct discsi_storage *a;
	struct discsi_storage *b;
	int fd;

	manager = st_manager();
	a = make("a");
	b = make("b");
	st_works(discsi_storage_mount(a, NULL));
	CU_ASSERT_EQUAL(kill(bridge_pid(ID1), SIGKILL), 0);
	CU_ASSERT(dsc_wait_for(recovers, a, 20000));
	fd = open(path, O_RDWR | O_CLOEXEC);
	CU_ASSERT_EQUAL(flock(fd, LOCK_EX), 0);
	CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
	CU_ASSERT(dprintf(fd, "%ld\n", (long)getpid()) > 0);
	st_fails(discsi_storage_mount(b, &options), ETIMEDOUT, "attaching");
	close(fd);
	st_works(discsi_storage_mount(b, NULL));
	st_works(discsi_storage_accessible(b, NULL));
	st_works(discsi_storage_unmount(a, 0));
	st_works(discsi_storage_unmount(b, 0));
	free(path);
	discsi_storage_put(a);
	discsi_storage_put(b);
	end();
}

/* -------------------------------------------------------- several processes */

/* An agent that mounts, says so, and unmounts when it is told to. */
static int run_agent(int said, int told)
{
	struct discsi_storage_manager *own;
	struct discsi_storage *storage;
	char json[512];
	char byte = 'x';

	snprintf(json, sizeof(json), "{" SOCKET "}",
		 dsc_tgtd_portal(rig_tgtd()));
	if (discsi_storage_manager_new(NULL, &own) < 0 ||
	    discsi_storage_new(own, NULL, "iscsi", &storage) < 0 ||
	    discsi_storage_set_info(storage, "s", "", json, strlen(json)) < 0 ||
	    discsi_storage_mount(storage, NULL) < 0 ||
	    write(said, &byte, 1) != 1 || read(told, &byte, 1) != 1 ||
	    discsi_storage_unmount(storage, 0) < 0)
		return 1;
	discsi_storage_put(storage);
	discsi_storage_manager_free(own);
	return 0;
}

struct agent {
	pid_t pid;
	int told;
};

static struct agent start_agent(void)
{
	struct agent agent;
	int said[2], told[2];
	char byte;

	CU_ASSERT_EQUAL_FATAL(pipe(said), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
	agent.pid = fork();
	if (agent.pid == 0) {
		close(told[1]);
		_exit(run_agent(said[1], told[0]));
	}
	agent.told = told[1];
	close(told[0]);
	close(said[1]);
	CU_ASSERT_EQUAL(read(said[0], &byte, 1), 1);
	close(said[0]);
	return agent;
}

static void end_agent(const struct agent *agent, int signum)
{
	int status = -1;

	CU_ASSERT(signum != 0 ? kill(agent->pid, signum) == 0 :
		  write(agent->told, "x", 1) == 1);
	close(agent->told);
	CU_ASSERT_EQUAL(waitpid(agent->pid, &status, 0), agent->pid);
	CU_ASSERT(signum != 0 || status == 0);
}

static void test_agents(void)
{
	struct agent first = start_agent();
	pid_t pid = bridge_pid(ID1);
	struct agent second = start_agent();
	struct discsi_storage *a;

	manager = st_manager();
	a = make("a");
	st_works(discsi_storage_mount(a, NULL));
	end_agent(&first, 0);
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_accessible(a, NULL));
	st_works(discsi_storage_unmount(a, 0));
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	end_agent(&second, 0);
	CU_ASSERT(bridge_is_nothing_left());
	discsi_storage_put(a);
	end();
}

/* One that is killed is no user any more. */
static void test_agent_dies(void)
{
	struct agent first = start_agent();
	pid_t pid = bridge_pid(ID1);
	struct discsi_storage *a;

	manager = st_manager();
	a = make("a");
	st_works(discsi_storage_mount(a, NULL));
	end_agent(&first, SIGKILL);
	CU_ASSERT_EQUAL(bridge_pid(ID1), pid);
	st_works(discsi_storage_unmount(a, 0));
	CU_ASSERT(bridge_is_nothing_left());
	discsi_storage_put(a);
	end();
	first = start_agent();
	end_agent(&first, SIGKILL);
	json_object_put(rig_json("detach", ID1));
	CU_ASSERT(bridge_is_nothing_left());
}

/* ---------------------------------------------------------------- threads */

#define THREADS 6
#define ROUNDS 6

static void *use(void *arg)
{
	struct discsi_storage *storage = arg;
	long failures = 0;
	int i;

	for (i = 0; i < ROUNDS; i++)
		failures += discsi_storage_mount(storage, NULL) < 0 ||
			    discsi_storage_accessible(storage, NULL) < 0 ||
			    discsi_storage_unmount(storage, 0) < 0;
	return (void *)(intptr_t)failures;
}

/* Whoever has mounted can read, whoever else comes and goes. */
static void test_threads(void)
{
	struct discsi_storage *storages[THREADS];
	pthread_t threads[THREADS];
	char id[] = "a";
	void *failures;
	int i;

	manager = st_manager();
	for (i = 0; i < THREADS; i++, id[0]++)
		storages[i] = make(id);
	for (i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, use,
						     storages[i]), 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failures);
		CU_ASSERT_PTR_NULL(failures);
		discsi_storage_put(storages[i]);
	}
	end();
}

static const struct dsc_test tests[] = {
	{ "two", test_two },
	{ "manager_ends", test_manager_ends },
	{ "fails_as_last", test_fails_as_last },
	{ "operators", test_operators },
	{ "over_tcp", test_over_tcp },
	{ "detach", test_detach },
	{ "file-removed", test_file_removed },
	{ "file-anew", test_file_anew },
	{ "no-descriptor", test_no_descriptor },
	{ "unreadable", test_unreadable },
	{ "given_up", test_given_up },
	{ "recovering", test_recovering },
	{ "others_at_it", test_others_at_it },
	{ "next_starts", test_next_starts },
	{ "agents", test_agents },
	{ "agent_dies", test_agent_dies },
	{ "threads", test_threads },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("storage-users", tests, bridge_setup,
				     rig_teardown, argc, argv);
}
