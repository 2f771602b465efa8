/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * progress.c: see progress.h. The rate is an average in which what is new has
 * more weight, so that neither a pause nor a hole makes it jump. Main thread.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "progress.h"
#include "units.h"

#define INTERVAL_NS UINT64_C(200000000)
#define NS_PER_S 1e9
#define WEIGHT 0.15         /* of the newest measurement */
#define WIDTH_DEFAULT 80
#define BAR_MIN 10
#define BAR_MAX 40
#define LINE_MAX_BYTES 256

void progress_measure(struct progress *progress, uint64_t now_ns)
{
	double seconds = (double)(now_ns - progress->shown_ns) / NS_PER_S;
	double rate;

	if (now_ns <= progress->shown_ns)
		return;
	rate = (double)(progress->done - progress->shown_done) / seconds;
	if (progress->rate > 0)
		rate = WEIGHT * rate + (1 - WEIGHT) * progress->rate;
	progress->rate = rate;
	progress->shown_ns = now_ns;
	progress->shown_done = progress->done;
}

static unsigned percent_of(const struct progress *progress)
{
	if (progress->total == 0)
		return 100;
	return (unsigned)(100.0 * (double)progress->done /
			  (double)progress->total);
}

static void print_bar(unsigned percent, size_t width, char *text)
{
	size_t filled = percent * width / 100;
	size_t i;

	*text++ = '[';
	for (i = 0; i < width; i++) {
		if (i < filled)
			*text++ = '=';
		else
			*text++ = i == filled ? '>' : ' ';
	}
	*text++ = ']';
	*text = '\0';
}

/* What stands to the right of the bar. */
static void print_numbers(const struct progress *progress, char *text,
			  size_t room)
{
	uint64_t left = progress->total - progress->done;
	char total[UNITS_MAX];
	char done[UNITS_MAX];
	char rate[UNITS_MAX];
	char time[UNITS_MAX];
	int length;

	length = snprintf(text, room, "%s of %s",
			  units_bytes(done, progress->done),
			  units_bytes(total, progress->total));
	if (progress->rate < 1 || length < 0 || (size_t)length >= room)
		return;
	units_rate(rate, (uint64_t)progress->rate, UINT64_C(1000000000));
	units_duration(time, (uint64_t)((double)left / progress->rate));
	snprintf(text + length, room - (size_t)length, "  %s  %s left", rate,
		 time);
}

void progress_line(const struct progress *progress, size_t width, char *text,
		   size_t room)
{
	unsigned percent = percent_of(progress);
	char bar[BAR_MAX + 3] = "";
	char numbers[128];
	size_t used;
	size_t space;

	print_numbers(progress, numbers, sizeof(numbers));
	/* "Copying 100% " + bar + " " + numbers, the last column left free */
	used = strlen(progress->label) + 6 + strlen(numbers) + 1;
	space = width > used + 3 ? width - used - 3 : 0;
	if (space >= BAR_MIN)
		print_bar(percent, space < BAR_MAX ? space : BAR_MAX, bar);
	if (width < room)
		room = width;
	snprintf(text, room, "%s %3u%% %s%s%s", progress->label, percent, bar,
		 bar[0] != '\0' ? " " : "", numbers);
}

void progress_begin(struct progress *progress, bool is_on, const char *label,
		    uint64_t total, uint64_t now_ns)
{
	memset(progress, 0, sizeof(*progress));
	progress->is_on = is_on;
	progress->label = label;
	progress->total = total;
	progress->start_ns = now_ns;
	progress->shown_ns = now_ns;
}

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return WIDTH_DEFAULT;
}

void progress_show(struct progress *progress, uint64_t now_ns)
{
	char line[LINE_MAX_BYTES];

	if (!progress->is_on || now_ns - progress->shown_ns < INTERVAL_NS)
		return;
	progress_measure(progress, now_ns);
	progress_line(progress, terminal_width(), line, sizeof(line));
	fprintf(stderr, "\r%s\033[K", line);
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->is_on && progress->shown_ns != progress->start_ns)
		fprintf(stderr, "\r\033[K");
	progress->is_on = false;
}
