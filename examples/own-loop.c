/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * own-loop.c: answers questions about a LUN's content. A line on standard
 * input is an offset in bytes; the answer is the first 16 bytes of the block
 * that it falls into. It teaches how discsi lives in a loop that is the
 * program's: the context is one more descriptor to poll, dispatched without
 * waiting, and slow I/O holds up neither the input nor other questions. A
 * driven context, one thread, no thread of the library's.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <discsi/discsi.h>

#define SHOWN 16
#define LINE_MAX_BYTES 64

struct loop {
	struct discsi_context *ctx;
	struct discsi_session *session;
	struct discsi_lun *lun;
	struct discsi_lun_info info;
	unsigned under_way;           /* questions without an answer */
	char line[LINE_MAX_BYTES];
	size_t length;                /* of what is in line */
	bool has_ended;               /* the input */
};

/* Owns its block; lives from the line to the callback. */
struct question {
	struct loop *loop;
	uint64_t offset;
	unsigned char block[];
};

/* On the loop, which is this thread inside discsi_context_dispatch(). */
static void on_answer(void *arg, int result, const struct discsi_error *error)
{
	struct question *question = arg;
	size_t i;

	question->loop->under_way--;
	printf("%" PRIu64 ":", question->offset);
	if (result < 0)
		printf(" %s", error->message);
	for (i = 0; result == 0 && i < SHOWN; i++)
		printf(" %02x", question->block[i]);
	putchar('\n');
	free(question);
}

static void ask(struct loop *loop, const char *line)
{
	uint32_t block_size = loop->info.block_size;
	struct question *question;
	char *end = NULL;
	uint64_t offset;

	errno = 0;
	offset = strtoull(line, &end, 0);
	if (errno != 0 || end == line || *end != '\0' || *line == '-') {
		printf("%s: not an offset\n", line);
		return;
	}
	question = malloc(sizeof(*question) + block_size);
	if (question == NULL) {
		printf("%s: out of memory\n", line);
		return;
	}
	question->loop = loop;
	question->offset = offset;
	if (discsi_lun_read_async(loop->lun, question->block, block_size,
				  offset - offset % block_size, 0, on_answer,
				  question) < 0) {
		printf("%s: %s\n", line, discsi_last_error()->message);
		free(question);
		return;
	}
	loop->under_way++;
}

/* Standard input can be read: takes what is there, whole lines or parts. */
static void on_input(struct loop *loop)
{
	char *newline;
	ssize_t n = read(STDIN_FILENO, loop->line + loop->length,
			 sizeof(loop->line) - 1 - loop->length);

	if (n <= 0) {
		loop->has_ended = true;
		return;
	}
	loop->length += (size_t)n;
	loop->line[loop->length] = '\0';
	while ((newline = strchr(loop->line, '\n')) != NULL) {
		*newline = '\0';
		ask(loop, loop->line);
		loop->length -= (size_t)(newline + 1 - loop->line);
		memmove(loop->line, newline + 1, loop->length + 1);
	}
	if (loop->length == sizeof(loop->line) - 1) {
		printf("a line of more than %d bytes\n", LINE_MAX_BYTES - 2);
		loop->length = 0;
	}
}

static void run(struct loop *loop)
{
	struct pollfd fds[] = {
		{ .fd = discsi_context_fd(loop->ctx), .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};

	while (!loop->has_ended || loop->under_way > 0) {
		/* First what is due, then sleep until one of the two is. */
		discsi_context_dispatch(loop->ctx, 0);
		if (loop->has_ended)
			fds[1].fd = -1;
		if (loop->has_ended && loop->under_way == 0)
			return;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents != 0)
			on_input(loop);
	}
}

int main(int argc, char **argv)
{
	struct loop loop = { .info.size = sizeof(loop.info) };
	struct discsi_conf *conf = NULL;
	int status = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (discsi_context_new(&loop.ctx) < 0 || discsi_conf_new(&conf) < 0 ||
	    discsi_conf_set_url(conf, argc == 2 ? argv[1] : "") < 0 ||
	    discsi_session_open(loop.ctx, conf, &loop.session) < 0 ||
	    discsi_lun_open(loop.session, DISCSI_LUN_OF_CONF, &loop.lun) < 0 ||
	    discsi_lun_get_info(loop.lun, &loop.info) < 0) {
		fprintf(stderr, "own-loop: %s\n", discsi_last_error()->message);
	} else {
		run(&loop);
		status = 0;
	}
	discsi_lun_close(loop.lun);
	discsi_session_close(loop.session);
	discsi_conf_free(conf);
	discsi_context_destroy(loop.ctx);
	return status;
}
