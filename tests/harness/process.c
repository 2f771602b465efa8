/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * harness/process.c: fork, exec, capture, kill. The parent reads both of the
 * child's streams; a run is over when they have ended and the child is reaped,
 * or when the child is reaped and what it left running says nothing. At a
 * deadline everything in the child's session is killed. Main thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/process.h"
#include "harness/temp.h"

/* Longer than the initiator's own 30 s, whose words say more. */
#define DEFAULT_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS 5000
#define SBIN ":/usr/local/sbin:/usr/sbin:/sbin"

/* What is read from one of the child's descriptors. */
struct stream {
	int fd;
	char *data;
	size_t length;
	size_t room;
};

unsigned long long dsc_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000 +
	       (unsigned long long)now.tv_nsec / 1000000;
}

static void nap(long ms)
{
	struct timespec t = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000,
	};

	nanosleep(&t, NULL);
}

bool dsc_wait_for(bool (*is_done)(void *arg), void *arg, unsigned timeout_ms)
{
	unsigned long long end = dsc_now_ms() + timeout_ms;

	while (!is_done(arg)) {
		if (dsc_now_ms() >= end)
			return false;
		nap(10);
	}
	return true;
}

static bool is_there(void *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool dsc_wait_for_file(const char *path, unsigned timeout_ms)
{
	return dsc_wait_for(is_there, (void *)(uintptr_t)path, timeout_ms);
}

static char *search_path(void)
{
	const char *path = getenv("PATH");
	char *all;

	if (asprintf(&all, "%s" SBIN, path ? path : "/usr/bin:/bin") < 0)
		return NULL;
	return all;
}

/* The file that a name without '/' stands for, to be freed. */
static char *find_in_path(const char *name)
{
	char *path = search_path();
	char *rest = path;
	char *dir;
	char *file = NULL;

	while (rest && !file && (dir = strsep(&rest, ":"))) {
		if (asprintf(&file, "%s/%s", dir, name) < 0)
			file = NULL;
		else if (access(file, X_OK) < 0) {
			free(file);
			file = NULL;
		}
	}
	free(path);
	return file;
}

char *dsc_find_program(const char *name)
{
	const char *build = getenv("DSC_BUILDDIR");
	char *file;

	if (!strchr(name, '/'))
		return find_in_path(name);
	if (name[0] == '/')
		build = "";
	if (asprintf(&file, "%s%s%s", build ? build : ".", *name == '/' ? "" : "/",
		     name) < 0)
		return NULL;
	if (access(file, X_OK) == 0)
		return file;
	free(file);
	return NULL;
}

bool dsc_has_program(const char *name)
{
	char *file = dsc_find_program(name);

	free(file);
	return file != NULL;
}

const char *dsc_missing_program(const char *const names[])
{
	while (*names && dsc_has_program(*names))
		names++;
	return *names;
}

/* What a child needs, made before the fork: a thread of the test's own target
 * may hold the allocator's lock then, and no child would ever get it. */
struct plan {
	char *file;     /* what is run; NULL: not found */
	char *path;     /* "PATH=..." */
	char **environ; /* its strings are not its own */
};

static size_t length_of(char *const *strings)
{
	size_t count = 0;

	while (strings && strings[count])
		count++;
	return count;
}

static bool is_variable(const char *entry, const char *other)
{
	size_t length = strcspn(other, "=");

	return strncmp(entry, other, length) == 0 && entry[length] == '=';
}

/* Sets a variable of the plan, in the place of one of the same name. */
static void plan_set(struct plan *plan, const char *entry)
{
	char **slot = plan->environ;

	while (*slot && !is_variable(*slot, entry))
		slot++;
	*slot = (char *)(uintptr_t)entry;
}

static void plan_free(struct plan *plan)
{
	free(plan->file);
	free(plan->path);
	free(plan->environ);
}

static int plan_make(struct plan *plan, const char *program,
		     const char *const *env)
{
	size_t given = length_of((char *const *)(uintptr_t)env);
	char *path = search_path();
	char **entry;

	*plan = (struct plan){ .file = dsc_find_program(program) };
	plan->environ = calloc(length_of(environ) + given + 2, sizeof(char *));
	if (!path || !plan->environ || asprintf(&plan->path, "PATH=%s", path) < 0) {
		plan->path = NULL;
		plan_free(plan);
		free(path);
		return -1;
	}
	free(path);
	for (entry = environ; entry && *entry; entry++)
		plan_set(plan, *entry);
	plan_set(plan, plan->path);
	for (; env && *env; env++)
		plan_set(plan, *env);
	return 0;
}

/* In the child: descriptors in place, exec. */
__attribute__((noreturn))
static void become(const char *const argv[], const struct plan *plan,
		   const int fds[3])
{
	sigset_t none;
	int i;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(126);
	errno = ENOENT;
	if (plan->file)
		execve(plan->file, (char *const *)(uintptr_t)argv,
		       plan->environ);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static pid_t start_planned(const char *const argv[], const struct plan *plan,
			   const int fds[3])
{
	pid_t parent = getpid();
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		setsid();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(126);
		become(argv, plan, fds);
	}
	return pid;
}

/* Descriptors above 2 for the child's 0, 1 and 2; -1 is /dev/null. */
static pid_t start(const char *const argv[], const char *const *env,
		   const int given[3])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct plan plan;
	pid_t pid = -1;
	int fds[3];
	int i;

	if (null < 0)
		return -1;
	for (i = 0; i < 3; i++)
		fds[i] = given[i] < 0 ? null : given[i];
	if (plan_make(&plan, argv[0], env) == 0) {
		pid = start_planned(argv, &plan, fds);
		plan_free(&plan);
	}
	close(null);
	return pid;
}

static int status_of(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}

/* Has it ended? Reaps it. */
static bool has_ended(pid_t pid, int *status)
{
	int wait_status = 0;
	pid_t rc = waitpid(pid, &wait_status, WNOHANG);

	if (rc == 0 || (rc < 0 && errno == EINTR))
		return false;
	*status = rc == pid ? status_of(wait_status) : -1;
	return true;
}

/* Kills it with all of its session, and reaps it. */
static int kill_session(pid_t pid)
{
	int wait_status = 0;
	pid_t rc;

	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	do
		rc = waitpid(pid, &wait_status, 0);
	while (rc < 0 && errno == EINTR);
	return rc == pid ? status_of(wait_status) : -1;
}

/* Reads what is there; false at the end of the stream. */
static bool stream_read(struct stream *s)
{
	ssize_t n;

	if (s->room - s->length < 2) {
		size_t room = s->room ? s->room * 2 : 4096;
		char *data = realloc(s->data, room);

		if (!data)
			return false;
		s->data = data;
		s->room = room;
	}
	n = read(s->fd, s->data + s->length, s->room - s->length - 1);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	s->length += (size_t)n;
	s->data[s->length] = '\0';
	return n > 0;
}

/* Reads both streams until they end, the child ends, or the time is up. */
static bool collect(pid_t pid, struct stream streams[2], unsigned long long end,
		    int *status)
{
	bool is_over = false;
	bool is_open[2] = { true, true };

	while (is_open[0] || is_open[1] || !is_over) {
		struct pollfd fds[2];
		int i;

		for (i = 0; i < 2; i++)
			fds[i] = (struct pollfd){
				.fd = is_open[i] ? streams[i].fd : -1,
				.events = POLLIN,
			};
		if (poll(fds, 2, 5) == 0 && is_over)
			return true;    /* something else holds the pipes */
		for (i = 0; i < 2; i++)
			if (fds[i].revents)
				is_open[i] = stream_read(&streams[i]);
		is_over = is_over || has_ended(pid, status);
		if (dsc_now_ms() >= end)
			return is_over;
	}
	return true;
}

/* A file without a name that holds the child's input, or -1. */
static int input_file(const char *input, size_t length)
{
	FILE *file = tmpfile();
	int fd = -1;

	if (!file)
		return -1;
	if (fwrite(input, 1, length, file) == length && fflush(file) == 0) {
		rewind(file);
		fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
	}
	fclose(file);
	return fd;
}

static void close_all(const int *fds, int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void result_take(struct dsc_run_result *result, struct stream streams[2])
{
	result->out = streams[0].data ? streams[0].data : strdup("");
	result->out_length = streams[0].length;
	result->err = streams[1].data ? streams[1].data : strdup("");
	result->err_length = streams[1].length;
}

/* Starts argv with its output into the streams. */
static pid_t start_piped(const char *const argv[],
			 const struct dsc_run_options *options,
			 struct stream streams[2])
{
	int out[2] = { -1, -1 };
	int err[2] = { -1, -1 };
	int input = -1;
	pid_t pid = -1;

	if (options->input)
		input = input_file(options->input, options->input_length);
	if (pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0)
		pid = start(argv, options->env,
			    (int[3]){ input, out[1], err[1] });
	close_all((int[3]){ input, out[1], err[1] }, 3);
	streams[0].fd = out[0];
	streams[1].fd = err[0];
	return pid;
}

int dsc_run_with(struct dsc_run_result *result,
		 const struct dsc_run_options *options,
		 const char *const argv[])
{
	static const struct dsc_run_options none;
	struct stream streams[2] = { { .fd = -1 }, { .fd = -1 } };
	unsigned timeout_ms;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	result->status = -1;
	options = options ? options : &none;
	timeout_ms = options->timeout_ms ? options->timeout_ms
					 : DEFAULT_TIMEOUT_MS;
	pid = start_piped(argv, options, streams);
	if (pid > 0)
		result->is_timeout = !collect(pid, streams,
					      dsc_now_ms() + timeout_ms,
					      &result->status);
	if (result->is_timeout)
		kill_session(pid);
	close_all((int[2]){ streams[0].fd, streams[1].fd }, 2);
	result_take(result, streams);
	return result->status;
}

int dsc_run(struct dsc_run_result *result, const char *const argv[])
{
	return dsc_run_with(result, NULL, argv);
}

void dsc_run_free(struct dsc_run_result *result)
{
	free(result->out);
	free(result->err);
	memset(result, 0, sizeof(*result));
}

static void note_lines(const char *title, const char *text)
{
	while (text && *text) {
		int length = (int)strcspn(text, "\n");

		dsc_test_note("%s: %.*s", title, length, text);
		text += length;
		text += *text == '\n';
	}
}

void dsc_run_note(const struct dsc_run_result *result,
		  const char *const argv[])
{
	for (; *argv; argv++)
		dsc_test_note("argument: %s", *argv);
	dsc_test_note("exit status %d%s", result->status,
		      result->is_timeout ? ", killed at its deadline" : "");
	note_lines("stdout", result->out);
	note_lines("stderr", result->err);
}

int dsc_run_quiet(const char *const argv[])
{
	struct dsc_run_result result;
	int status = dsc_run(&result, argv);

	if (status != 0)
		dsc_run_note(&result, argv);
	dsc_run_free(&result);
	return status == 0 ? 0 : -1;
}

char *dsc_read_file(const char *path, size_t *length)
{
	struct stream s = { .fd = open(path, O_RDONLY | O_CLOEXEC) };

	if (s.fd < 0)
		return NULL;
	while (stream_read(&s))
		;
	close(s.fd);
	if (length)
		*length = s.length;
	return s.data;
}

/* ------------------------------------------------------ in the background */

struct dsc_process {
	pid_t pid;
	char *log;
	bool is_over;
	int status;
};

struct dsc_process *dsc_process_start(const char *const argv[],
				      const char *const *env)
{
	static unsigned number;
	struct dsc_process *process = calloc(1, sizeof(*process));
	int fd;

	if (!process)
		return NULL;
	process->pid = -1;
	process->log = dsc_temp_path("output-%u", ++number);
	fd = open(process->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0) {
		process->pid = start(argv, env, (int[3]){ -1, fd, fd });
		close(fd);
	}
	if (process->pid > 0)
		return process;
	dsc_test_note("%s was not started: %s", argv[0], strerror(errno));
	free(process->log);
	free(process);
	return NULL;
}

pid_t dsc_process_pid(const struct dsc_process *process)
{
	return process->pid;
}

bool dsc_process_is_alive(struct dsc_process *process)
{
	if (!process->is_over)
		process->is_over = has_ended(process->pid, &process->status);
	return !process->is_over;
}

char *dsc_process_output(const struct dsc_process *process)
{
	return dsc_read_file(process->log, NULL);
}

void dsc_process_note_output(const struct dsc_process *process)
{
	char *text = dsc_process_output(process);

	note_lines("output", text);
	free(text);
}

struct saying {
	struct dsc_process *process;
	const char *words;
};

static bool has_said(void *arg)
{
	const struct saying *saying = arg;
	char *output = dsc_process_output(saying->process);
	bool has = output != NULL && strstr(output, saying->words) != NULL;

	free(output);
	return has;
}

bool dsc_process_wait_words(struct dsc_process *process, const char *words,
			    unsigned timeout_ms)
{
	struct saying saying = { process, words };
	bool has = dsc_wait_for(has_said, &saying, timeout_ms);

	if (!has)
		dsc_process_note_output(process);
	return has;
}

static bool is_dead(void *process)
{
	return !dsc_process_is_alive(process);
}

int dsc_process_wait(struct dsc_process *process, unsigned timeout_ms)
{
	return dsc_wait_for(is_dead, process, timeout_ms) ? process->status
							  : -1;
}

void dsc_process_signal(struct dsc_process *process, int signum)
{
	if (dsc_process_is_alive(process))
		kill(process->pid, signum);
}

static int process_free(struct dsc_process *process)
{
	int status = process->status;

	free(process->log);
	free(process);
	return status;
}

int dsc_process_stop(struct dsc_process *process)
{
	if (!process)
		return -1;
	dsc_process_signal(process, SIGTERM);
	if (!dsc_wait_for(is_dead, process, STOP_TIMEOUT_MS))
		process->status = kill_session(process->pid);
	return process_free(process);
}

int dsc_process_kill(struct dsc_process *process)
{
	if (!process)
		return -1;
	if (dsc_process_is_alive(process))
		process->status = kill_session(process->pid);
	return process_free(process);
}
