/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bridge/attach.h: attaching and detaching for the storage layer, with a
 * deadline, a way to cancel, and an end that leaves nothing. Any thread; the
 * calls wait.
 */
#ifndef DSC_BRIDGE_ATTACH_H
#define DSC_BRIDGE_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include <discsi/bridge.h>

struct dsc_bridge_begun;

struct dsc_bridge_options {
	uint64_t deadline_ns;   /* 0: the usual time */
	int cancel_fd;          /* readable: give up; -1: none */
	bool hurries;           /* an end after that is not let be */
	unsigned connections;   /* 0 or 1: one */
	struct dsc_bridge_begun *begun;  /* used up if it fits; or NULL */
	/* Once the bridge has logged in, on the thread that waits. Or NULL. */
	void (*on_logged_in)(void *arg);
	void *arg;
};

/*
 * Starts the program that an attach of the same conf, how and connections will
 * need, while the LUN is still being looked at: it comes to where it waits for
 * its configuration, and does nothing without. NULL if that cannot be done; the
 * attach then says why. To be given to dsc_bridge_abandon(), used up or not.
 */
struct dsc_bridge_begun *dsc_bridge_begin(const struct discsi_conf *conf,
					  const char *how,
					  unsigned connections);
void dsc_bridge_abandon(struct dsc_bridge_begun *begun);

/*
 * As discsi_bridge_attach(). Errors besides: ECANCELED, ETIMEDOUT; the process
 * that was started has ended then.
 */
int dsc_bridge_attach(const struct discsi_conf *conf, const char *how,
		      const struct dsc_bridge_options *options,
		      struct discsi_bridge **bridge);

/*
 * As discsi_bridge_detach(), for who has the bridge alone (users.h), and a
 * process that does not end in time is told to hurry, and then killed, and what
 * it leaves is cleared; the error is returned all the same.
 *
 * options: NULL, or with a deadline before which, or until a cancel, its end is
 * waited for (ETIMEDOUT, ECANCELED): it has been told to end then, and is let be,
 * or with hurries ended as above.
 */
int dsc_bridge_end(const char *id, unsigned flags,
		   const struct dsc_bridge_options *options);

/*
 * Waits until something about the entry of a bridge changes, or the time has
 * passed, which is bounded. Returns 0, or -ECANCELED without a last error.
 */
int dsc_bridge_await(const char *id, uint32_t timeout_ms, int cancel_fd);

/*
 * Has a bridge ask its LUN for its size, which a target may have changed without
 * a unit attention, and waits until that is written down, within the limits of
 * options. Errors: EOPNOTSUPP (a bridge of an older version), ESRCH (it is gone),
 * ETIMEDOUT, ECANCELED, all without a last error; those of reading its state.
 */
int dsc_bridge_look(const char *id, const struct dsc_bridge_options *options);

#endif /* DSC_BRIDGE_ATTACH_H */
