/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-tool-copy.c: copying from file to file: the same bytes, holes stay
 * holes, a difference is found where it is, and a signal ends it in order.
 * LUNs as sides are tested against a real target, in tests/tgt.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "tools/copy-endpoint.h"
#include "tools/copy-file.h"
#include "tools/copy-run.h"
#include "tools/failure.h"

#define MIB 1048576

static char directory[64];
static char source_path[96];
static char copy_path[96];

static int setup(void)
{
	snprintf(directory, sizeof(directory), "/tmp/discsi-test-XXXXXX");
	if (mkdtemp(directory) == NULL) {
		perror(directory);
		return -1;
	}
	snprintf(source_path, sizeof(source_path), "%s/source", directory);
	snprintf(copy_path, sizeof(copy_path), "%s/copy", directory);
	return 0;
}

static void teardown(void)
{
	unlink(source_path);
	unlink(copy_path);
	rmdir(directory);
}

/* Makes the source: sparse, with text at some offsets. */
static void make_source(off_t bytes, const off_t *offsets, size_t count)
{
	int fd = open(source_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
		      0600);
	size_t i;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_FATAL(ftruncate(fd, bytes) == 0);
	for (i = 0; i < count; i++)
		CU_ASSERT(pwrite(fd, "data", 4, offsets[i]) == 4);
	close(fd);
	unlink(copy_path);
}

static void overwrite(const char *path, off_t offset, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(pwrite(fd, text, strlen(text), offset) ==
		  (ssize_t)strlen(text));
	close(fd);
}

struct sides {
	struct endpoint source;
	struct endpoint destination;
};

static int open_sides(struct sides *sides, const char *destination)
{
	static const struct cli cli;
	int status;

	memset(sides, 0, sizeof(*sides));
	sides->destination.fd = -1;
	status = endpoint_open_source(&sides->source, &cli, NULL, source_path);
	if (status == 0)
		status = endpoint_open_destination(&sides->destination, &cli,
						   NULL, destination,
						   &sides->source);
	return status;
}

static void close_sides(struct sides *sides)
{
	endpoint_close(&sides->source);
	endpoint_close(&sides->destination);
}

/* Copies and compares; returns how many bytes were not written. */
static uint64_t copy_well(void)
{
	struct copy_result result = { 0, 0 };
	struct sides sides;
	char command[256];

	CU_ASSERT_EQUAL_FATAL(open_sides(&sides, copy_path), 0);
	CU_ASSERT_EQUAL(copy_run(&sides.source, &sides.destination, false,
				 &result), 0);
	CU_ASSERT_EQUAL(result.written + result.zeroed, sides.source.bytes);
	CU_ASSERT_EQUAL(copy_verify(&sides.source, &sides.destination, false),
			0);
	close_sides(&sides);
	/* Somebody else's opinion. */
	snprintf(command, sizeof(command), "cmp %s %s", source_path, copy_path);
	CU_ASSERT_EQUAL(system(command), 0);
	return result.zeroed;
}

static void test_sparse(void)
{
	static const off_t offsets[] = {
		0, 5 * MIB - 2, 20 * MIB, 20 * MIB + 8192, 63 * MIB + 100
	};
	struct stat st;

	make_source(64 * MIB, offsets, 5);
	CU_ASSERT(copy_well() > 40 * MIB);
	CU_ASSERT_EQUAL_FATAL(stat(copy_path, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 64 * MIB);
	CU_ASSERT(st.st_blocks * 512 < MIB);
}

static void test_odd_size(void)
{
	static const off_t offsets[] = { 3 * MIB + 7 };

	make_source(3 * MIB + 12, offsets, 1);
	copy_well();
}

static void test_nothing(void)
{
	make_source(0, NULL, 0);
	CU_ASSERT_EQUAL(copy_well(), 0);
}

/* Zeroes that are stored in the source are holes in the copy. */
static void test_stored_zeroes(void)
{
	struct stat st;
	int fd;

	make_source(0, NULL, 0);
	fd = open(source_path, O_WRONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(posix_fallocate(fd, 0, 4 * MIB), 0);
	CU_ASSERT(pwrite(fd, "x", 1, 2 * MIB) == 1);
	close(fd);
	copy_well();
	CU_ASSERT_EQUAL_FATAL(stat(copy_path, &st), 0);
	CU_ASSERT(st.st_blocks * 512 < MIB);
}

/* What stood in the destination before is gone, also where it was longer. */
static void test_replaced(void)
{
	static const off_t offsets[] = { 4096 };
	int fd;

	make_source(MIB, offsets, 1);
	fd = open(copy_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT(pwrite(fd, "old", 3, 0) == 3);
	CU_ASSERT(pwrite(fd, "old", 3, 3 * MIB) == 3);
	close(fd);
	copy_well();
}

static void test_difference(void)
{
	static const off_t offsets[] = { 100, 9 * MIB };
	struct sides sides;

	make_source(32 * MIB, offsets, 2);
	copy_well();
	overwrite(copy_path, 30 * MIB + 1, "z");
	overwrite(copy_path, 17 * MIB + 5, "z");
	CU_ASSERT_EQUAL_FATAL(open_sides(&sides, "/dev/null/x"), -ENOTDIR);
	sides.destination.fd = open(copy_path, O_RDONLY | O_CLOEXEC);
	sides.destination.bytes = sides.source.bytes;
	CU_ASSERT_EQUAL(copy_verify(&sides.source, &sides.destination, false),
			-EIO);
	CU_ASSERT(strstr(failure()->message, "offset 17825797") != NULL);
	close_sides(&sides);
	/* Within data, too. */
	overwrite(copy_path, 9 * MIB + 2, "T");
	CU_ASSERT_EQUAL(open_sides(&sides, "/dev/null/x"), -ENOTDIR);
	sides.destination.fd = open(copy_path, O_RDONLY | O_CLOEXEC);
	sides.destination.bytes = sides.source.bytes;
	CU_ASSERT_EQUAL(copy_verify(&sides.source, &sides.destination, false),
			-EIO);
	CU_ASSERT(strstr(failure()->message, "offset 9437186") != NULL);
	close_sides(&sides);
}

static void test_onto_itself(void)
{
	static const off_t offsets[] = { 0 };
	struct sides sides;
	struct stat st;

	make_source(MIB, offsets, 1);
	CU_ASSERT_EQUAL(link(source_path, copy_path), 0);
	CU_ASSERT_EQUAL(open_sides(&sides, copy_path), -EINVAL);
	CU_ASSERT(strstr(failure()->message, "both") != NULL);
	close_sides(&sides);
	CU_ASSERT_EQUAL_FATAL(stat(source_path, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, MIB);
}

static void test_bad_sides(void)
{
	struct sides sides;

	unlink(source_path);
	CU_ASSERT_EQUAL(open_sides(&sides, copy_path), -ENOENT);
	CU_ASSERT(strstr(failure()->message, source_path) != NULL);
	close_sides(&sides);
	CU_ASSERT_EQUAL(mkfifo(source_path, 0600), 0);
	CU_ASSERT_EQUAL(open_sides(&sides, copy_path), -EINVAL);
	close_sides(&sides);
	unlink(source_path);
	make_source(10, NULL, 0);
	CU_ASSERT_EQUAL(open_sides(&sides, "/dev/null"), -EINVAL);
	close_sides(&sides);
	CU_ASSERT_EQUAL(open_sides(&sides, directory), -EISDIR);
	close_sides(&sides);
}

/* A source that is cut short while it is read. */
static void test_shorter(void)
{
	static const off_t offsets[] = { 0 };
	struct copy_result result;
	struct sides sides;

	make_source(4096, offsets, 1);
	CU_ASSERT_EQUAL_FATAL(open_sides(&sides, copy_path), 0);
	CU_ASSERT_EQUAL(truncate(source_path, 100), 0);
	CU_ASSERT_EQUAL(copy_run(&sides.source, &sides.destination, false,
				 &result), -EIO);
	CU_ASSERT(strstr(failure()->message, "shorter") != NULL);
	close_sides(&sides);
}

/* ---------------------------------------------------------------- signals */

/* Verifies something that would take minutes; 0 if that was interrupted. */
static int verify_for_long(int out)
{
	struct copy_result result;
	struct sides sides;
	int status;

	dup2(out, STDERR_FILENO);
	if (open_sides(&sides, copy_path) < 0 ||
	    copy_run(&sides.source, &sides.destination, false, &result) < 0)
		return 1;
	status = copy_verify(&sides.source, &sides.destination, true) ==
		 -ECANCELED ? 0 : 2;
	close_sides(&sides);
	return status;
}

static void test_interrupted(void)
{
	char text[512] = "";
	size_t length = 0;
	ssize_t n = 1;
	int ends[2];
	int status = -1;
	pid_t pid;

	make_source((off_t)1 << 40, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		bool is_good = verify_for_long(ends[1]) == 0;

		/* valgrind would find fault with _exit(): libraries' own */
		execlp(is_good ? "true" : "false", "child", NULL);
		_exit(3);
	}
	close(ends[1]);
	/* The progress line shows that it is on its way. */
	while (strstr(text, "Verifying") == NULL && n > 0 &&
	       length < sizeof(text) - 1) {
		n = read(ends[0], text + length, sizeof(text) - 1 - length);
		length += n > 0 ? (size_t)n : 0;
	}
	CU_ASSERT(strstr(text, "Verifying") != NULL);
	CU_ASSERT(strstr(text, "of 1 TiB") != NULL);
	CU_ASSERT_EQUAL(kill(pid, SIGINT), 0);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	close(ends[0]);  /* not before: the child writes to it */
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_is_zero(void)
{
	char buf[70] = { 0 };

	CU_ASSERT(copy_is_zero(buf, 0));
	CU_ASSERT(copy_is_zero(buf, 1));
	CU_ASSERT(copy_is_zero(buf, sizeof(buf)));
	buf[69] = 1;
	CU_ASSERT(!copy_is_zero(buf, sizeof(buf)));
	CU_ASSERT(copy_is_zero(buf, 69));
	memset(buf, 7, sizeof(buf));
	CU_ASSERT(!copy_is_zero(buf, sizeof(buf)));
	CU_ASSERT(!copy_is_zero(buf, 1));
}

static const struct dsc_test tests[] = {
	{ "sparse", test_sparse },
	{ "odd-size", test_odd_size },
	{ "nothing", test_nothing },
	{ "stored-zeroes", test_stored_zeroes },
	{ "replaced", test_replaced },
	{ "difference", test_difference },
	{ "onto-itself", test_onto_itself },
	{ "bad-sides", test_bad_sides },
	{ "shorter", test_shorter },
	{ "interrupted", test_interrupted },
	{ "is-zero", test_is_zero },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return dsc_test_main_fixture("tool-copy", tests, setup, teardown, argc,
				     argv);
}
