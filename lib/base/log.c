/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.c: one line at a time to the caller's callback, and what the environment
 * variable DISCSI_DEBUG says about components. Any thread of the context; the
 * settings are changed by its owner alone, before it starts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

#define DEBUG_VARIABLE "DISCSI_DEBUG"
#define MESSAGE_MAX 1024
#define MASK_ALL ((UINT32_C(1) << DSC_LOG_COMPONENTS) - 1)

static const char *const component_names[DSC_LOG_COMPONENTS] = {
	[DSC_LOG_CONTEXT] = "context",
	[DSC_LOG_LOGIN] = "login",
	[DSC_LOG_CONN] = "conn",
	[DSC_LOG_SESSION] = "session",
	[DSC_LOG_DISCOVERY] = "discovery",
	[DSC_LOG_LUN] = "lun",
	[DSC_LOG_BRIDGE] = "bridge",
	[DSC_LOG_STORAGE] = "storage",
};

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* The mask for one word of the variable; 0 for one that is unknown. */
static uint32_t word_mask(const char *text, size_t length)
{
	uint32_t i;

	if (is_word(text, length, "all"))
		return MASK_ALL;
	for (i = 0; i < DSC_LOG_COMPONENTS; i++) {
		if (is_word(text, length, component_names[i]))
			return UINT32_C(1) << i;
	}
	return 0;
}

/* The next word of a list, its length in *length; NULL at the end. */
static const char *next_word(const char **list, size_t *length)
{
	static const char separators[] = ", ";
	const char *word = *list + strspn(*list, separators);

	*length = strcspn(word, separators);
	*list = word + *length;
	return *length > 0 ? word : NULL;
}

static const char *debug_words(void)
{
	const char *words = secure_getenv(DEBUG_VARIABLE);

	return words != NULL ? words : "";
}

void dsc_log_init(struct dsc_log *log)
{
	const char *list = debug_words();
	const char *word;
	size_t length;

	*log = (struct dsc_log){ .level = DISCSI_LOG_ERROR };
	while ((word = next_word(&list, &length)) != NULL)
		log->debug_mask |= word_mask(word, length);
}

static void deliver(const struct dsc_log *log, enum discsi_log_level level,
		    enum dsc_component component, const char *format,
		    va_list args) DSC_PRINTF(4, 0);

static void deliver(const struct dsc_log *log, enum discsi_log_level level,
		    enum dsc_component component, const char *format,
		    va_list args)
{
	char message[MESSAGE_MAX];
	int errnum = errno;

	if (vsnprintf(message, sizeof(message), format, args) >= 0) {
		dsc_text_clean(message);
		log->cb(log->arg, level, component_names[component], message);
	}
	errno = errnum;
}

/* Delivers whatever the level is. */
static void say(const struct dsc_log *log, enum discsi_log_level level,
		const char *format, ...) DSC_PRINTF(3, 4);

static void say(const struct dsc_log *log, enum discsi_log_level level,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	deliver(log, level, DSC_LOG_CONTEXT, format, args);
	va_end(args);
}

static void say_help(const struct dsc_log *log)
{
	char names[128] = "";
	size_t used = 0;
	size_t i;

	for (i = 0; i < DSC_LOG_COMPONENTS && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used,
					 "%s%s", i > 0 ? "," : "",
					 component_names[i]);
	say(log, DISCSI_LOG_INFO, DEBUG_VARIABLE
	    " takes a list of: %s, or all", names);
}

void dsc_log_install(struct dsc_log *log, discsi_log_cb cb, void *arg,
		     enum discsi_log_level level)
{
	const char *list = debug_words();
	const char *word;
	size_t length;

	log->cb = cb;
	log->arg = arg;
	log->level = level;
	if (cb == NULL)
		return;
	while ((word = next_word(&list, &length)) != NULL) {
		if (is_word(word, length, "help"))
			say_help(log);
		else if (word_mask(word, length) == 0)
			say(log, DISCSI_LOG_WARNING, DEBUG_VARIABLE
			    ": there is no component \"%.*s\", see help",
			    (int)(length < 64 ? length : 64), word);
	}
}

void dsc_log(const struct dsc_log *log, enum discsi_log_level level,
	     enum dsc_component component, const char *format, ...)
{
	va_list args;

	if (!dsc_log_is_on(log, level, component))
		return;
	va_start(args, format);
	deliver(log, level, component, format, args);
	va_end(args);
}

/* A struct iovec wants a pointer to what it will only read. */
static struct iovec piece(const char *text)
{
	union {
		const char *in;
		char *out;
	} u = { .in = text };

	return (struct iovec){ .iov_base = u.out, .iov_len = strlen(text) };
}

void discsi_log_to_stderr(void *arg, enum discsi_log_level level,
			  const char *component, const char *message)
{
	/* One system call, so that the lines of two threads do not mix. */
	struct iovec line[] = {
		piece("discsi: "), piece(component), piece(": "),
		piece(message), piece("\n"),
	};
	ssize_t rc;

	(void)arg;
	(void)level;
	do {
		rc = writev(STDERR_FILENO, line,
			    (int)(sizeof(line) / sizeof(line[0])));
	} while (rc < 0 && errno == EINTR);
}
