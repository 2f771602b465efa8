/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/context.h: one event loop, to which sessions and LUNs belong.
 *
 * A context is driven or threaded.
 *
 *   Driven (how it begins): it belongs to one thread at a time, the caller's.
 *   The caller polls discsi_context_fd() for reading and calls
 *   discsi_context_dispatch(); a synchronous call turns the loop itself.
 *
 *   Threaded: after discsi_context_start() the loop runs on one thread of the
 *   library's, and any thread may call any function. Callbacks run on the
 *   loop's thread. A synchronous call from inside a callback is -EDEADLK.
 *
 * There is no other state in the process: no globals, no signal handlers, and
 * nothing is printed unless the caller installs a log callback that does it.
 */
#ifndef DISCSI_CONTEXT_H
#define DISCSI_CONTEXT_H

#include <stdint.h>

#include <discsi/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct discsi_context;

/*
 * The completion of an asynchronous call. result is 0 or a negative errno;
 * error is NULL on success, else borrowed until the callback returns.
 */
typedef void (*discsi_done_cb)(void *arg, int result,
			       const struct discsi_error *error);

/*
 * Makes a driven context.
 *
 * ctx: receives the context; the caller owns it and ends it with
 *      discsi_context_destroy().
 * Errors: ENOMEM, EMFILE, ENFILE. Threads: any.
 */
int discsi_context_new(struct discsi_context **ctx);

/*
 * Ends a context: stops its thread if it has one, closes what still hangs off
 * it (every pending callback runs once with ECANCELED) and frees it.
 *
 * ctx: taken; NULL is fine. Handles of sessions and LUNs of this context are
 *      invalid afterwards, closing them first is the tidy way.
 * Threads: the owner's; never from inside a callback.
 */
void discsi_context_destroy(struct discsi_context *ctx);

/*
 * The descriptor that becomes readable when discsi_context_dispatch() has
 * something to do. Owned by the context: do not read, write or close it.
 * Threads: the owner's.
 */
int discsi_context_fd(const struct discsi_context *ctx);

/*
 * Turns the loop of a driven context once.
 *
 * timeout_ms: how long to wait for something to do; 0 does not wait, -1 waits
 *      until there is something.
 * Returns 0, or -EDEADLK from inside a callback or on a threaded context.
 */
int discsi_context_dispatch(struct discsi_context *ctx, int timeout_ms);

/*
 * Makes the context threaded: starts the library's one thread for it. All
 * signals are blocked on that thread.
 *
 * Errors: EALREADY when it is threaded, EAGAIN when no thread can be made,
 * EDEADLK from inside a callback.
 */
int discsi_context_start(struct discsi_context *ctx);

/*
 * Ends the loop's thread; the context is a driven one again and belongs to
 * the caller. Requests under way stay so and go on with the next dispatch.
 *
 * Errors: EALREADY when it is not threaded, EDEADLK from inside a callback.
 */
int discsi_context_stop(struct discsi_context *ctx);

/* ------------------------------------------------------------------ log */

enum discsi_log_level {
	DISCSI_LOG_ERROR = 0,
	DISCSI_LOG_WARNING = 1,
	DISCSI_LOG_INFO = 2,
	DISCSI_LOG_DEBUG = 3,
};

/*
 * Receives one message: a level, the component that speaks ("session", "lun",
 * "login", …) and one line without a newline, borrowed during the call. Runs on
 * whatever thread has something to say; it must not call the library.
 */
typedef void (*discsi_log_cb)(void *arg, enum discsi_log_level level,
			      const char *component, const char *message);

/*
 * Installs the log callback of a context; NULL removes it, which is how a
 * context begins.
 *
 * level: messages above it are not formatted. The environment variable
 *      DISCSI_DEBUG (a list of components, "all" or "help") lets debug
 *      messages of those components through whatever the level is.
 * Threads: the owner's, before discsi_context_start().
 */
void discsi_context_set_log(struct discsi_context *ctx, discsi_log_cb cb,
			    void *arg, enum discsi_log_level level);

/*
 * A ready-made log callback: one line on stderr, "discsi: component: message".
 */
void discsi_log_to_stderr(void *arg, enum discsi_log_level level,
			  const char *component, const char *message);

/* ---------------------------------- the caller's own work on this loop */

/*
 * A program that has descriptors of its own to serve beside a LUN (the NBD
 * bridge is one) can do it on the context's loop and save a thread. These
 * calls are for the loop's thread: inside a callback, or on a driven context.
 * discsi_*_new() on another thread is -EINVAL. Each handle may be freed inside
 * its own callback; discsi_context_destroy() frees those that are left.
 */
struct discsi_watch;
struct discsi_timer;

/* events: EPOLLIN, EPOLLOUT … of <sys/epoll.h>, as they were seen. */
typedef void (*discsi_watch_cb)(void *arg, uint32_t events);
typedef void (*discsi_call_cb)(void *arg);

/*
 * Watches a descriptor, level-triggered. fd stays the caller's and must stay
 * open until discsi_watch_free().
 *
 * events: EPOLLIN and EPOLLOUT, or 0 to be told of errors alone.
 * watch: receives the handle. Errors: ENOMEM, ENOSPC, EBADF, EPERM (a regular
 * file), EEXIST, EINVAL (other events).
 */
int discsi_watch_new(struct discsi_context *ctx, int fd, uint32_t events,
		     discsi_watch_cb cb, void *arg, struct discsi_watch **watch);

/* Changes what is waited for; costs nothing when it is what it was. */
int discsi_watch_set(struct discsi_watch *watch, uint32_t events);

/* Stops watching. No callback runs afterwards. watch: taken, NULL is fine. */
void discsi_watch_free(struct discsi_watch *watch);

/*
 * Makes a timer that is not running. timer: receives the handle.
 * Errors: ENOMEM.
 */
int discsi_timer_new(struct discsi_context *ctx, discsi_call_cb cb, void *arg,
		     struct discsi_timer **timer);

/* Runs the callback once, delay_ms from now; a running timer is moved. */
void discsi_timer_set(struct discsi_timer *timer, uint32_t delay_ms);

/* Stops a timer; a stopped one stays so. */
void discsi_timer_stop(struct discsi_timer *timer);

/* Ends a timer. timer: taken, NULL is fine. */
void discsi_timer_free(struct discsi_timer *timer);

/*
 * A callback at the end of each turn of the loop in which it was asked for:
 * the place to send in one go what the turn's completions have produced.
 */
struct discsi_deferred;

/* deferred: receives the handle. Errors: ENOMEM. */
int discsi_deferred_new(struct discsi_context *ctx, discsi_call_cb cb, void *arg,
			struct discsi_deferred **deferred);

/* Asks for the callback at the end of this turn; asking twice is once. */
void discsi_deferred_request(struct discsi_deferred *deferred);

/* Ends it; a callback asked for does not run. deferred: taken, NULL is fine. */
void discsi_deferred_free(struct discsi_deferred *deferred);

/*
 * Runs cb(arg) on the loop, in the order of the calls. The only call here that
 * any thread may make on any context.
 *
 * Errors: ENOMEM, ECANCELED while the context is being destroyed. A callback
 * that has not run by then runs during the destruction.
 */
int discsi_context_post(struct discsi_context *ctx, discsi_call_cb cb, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* DISCSI_CONTEXT_H */
