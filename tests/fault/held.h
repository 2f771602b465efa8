/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * held.h: stops a thread of a real target just before it makes a system call,
 * so that a command which the target has taken is carried out when the test
 * wants it to be. By ptrace(2), from a thread of its own. Test's thread.
 */
#ifndef TESTS_FAULT_HELD_H
#define TESTS_FAULT_HELD_H

#include <stdbool.h>
#include <sys/types.h>

struct held;

/* Linux lets us trace, and the test program may do so. */
bool held_is_possible(void);

/*
 * From now on the first thread of pid that is about to make one of these
 * system calls (ended by -1) is held before it. NULL: it cannot be traced.
 */
struct held *held_begin(pid_t pid, const long *calls);

/* Waits until a thread is held; false after ms. */
bool held_wait(struct held *held, unsigned ms);

/* Lets it make the call, and returns when that has been made. */
void held_end(struct held *held);

#endif /* TESTS_FAULT_HELD_H */
