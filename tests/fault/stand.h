/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stand.h: a real target of either kind with one LUN of 16 MiB, whose threads
 * can be held (held.h), and a rig for it. Test's thread.
 */
#ifndef TESTS_FAULT_STAND_H
#define TESTS_FAULT_STAND_H

#include <sys/types.h>

#include "fault/held.h"
#include "fault/rig.h"
#include "harness/target.h"

struct stand {
	struct dsc_tgtd *tgtd;     /* one of the two */
	struct dsc_istgt *istgt;
	pid_t pid;
	unsigned port;
	struct rig rig;            /* prepared, not open */
};

typedef bool (*stand_fn)(struct stand *stand);

/* They start the target; false: CUnit knows. stand_down() in either case. */
bool stand_on_tgtd(struct stand *stand);
bool stand_on_istgt(struct stand *stand);
void stand_down(struct stand *stand);

/* With what these targets write to, or read from, a LUN's file. */
extern const long stand_write_calls[];
extern const long stand_read_calls[];

/* A fixture: skips the tests where there are no targets, or no ptrace. */
int stand_set_up(void);

#endif /* TESTS_FAULT_STAND_H */
