/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storage-rig.h: storages on the targets of the tests: making them from JSON,
 * expecting failures, and counting what a process has open, to see that
 * nothing is left. Test's thread.
 */
#ifndef DSC_TESTS_STORAGE_RIG_H
#define DSC_TESTS_STORAGE_RIG_H

#include <stdbool.h>
#include <stddef.h>

#include <discsi/discsi.h>

#include "harness/harness.h"

/* The last warning that the manager of st_manager() has logged. */
extern char st_warning[512];

/* A manager that fails the test if it cannot be made, or logs a secret. */
struct discsi_storage_manager *st_manager(void);

/* A storage of type "iscsi" with this id and configuration (printf). */
struct discsi_storage *st_storage(struct discsi_storage_manager *manager,
				  const char *id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a storage that is there: what set_info returns. */
int st_configure(struct discsi_storage *storage, const char *id,
		 const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Expects that rc is -errnum and that words are in the last error. */
void st_fails(int rc, int errnum, const char *words);

/* Expects success, and notes the sentence otherwise. */
bool st_works(int rc);

/* The text that a getter gives; valid until the next call. */
const char *st_text(struct discsi_storage *storage,
		    int (*get)(struct discsi_storage *storage, char **text));

/* Descriptors and threads of this process. */
size_t st_count_fds(void);
size_t st_count_threads(void);

/* Waits until there are no more descriptors than so many. */
bool st_wait_fds(size_t count, unsigned timeout_ms);

#endif /* DSC_TESTS_STORAGE_RIG_H */
