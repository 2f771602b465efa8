/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discsi/discsi.h: everything the library offers, in the order one meets it:
 * a context, a configuration, discovery, a session, a LUN; and the bridge that
 * turns a LUN into a local disk; and storages, which are all of that at once.
 */
#ifndef DISCSI_DISCSI_H
#define DISCSI_DISCSI_H

#include <discsi/version.h>
#include <discsi/error.h>
#include <discsi/context.h>
#include <discsi/conf.h>
#include <discsi/discovery.h>
#include <discsi/session.h>
#include <discsi/lun.h>
#include <discsi/bridge.h>
#include <discsi/storage.h>

#endif /* DISCSI_DISCSI_H */
