# SPDX-License-Identifier: LGPL-2.1-or-later
# docs: man pages and the description of the design.

dist_man_MANS += \
	docs/man/discsi.1 \
	docs/man/discsi_bridge.3 \
	docs/man/discsi_conf.3 \
	docs/man/discsi_context.3 \
	docs/man/discsi_discovery.3 \
	docs/man/discsi_error.3 \
	docs/man/discsi_lun.3 \
	docs/man/discsi_session.3 \
	docs/man/discsi_storage.3 \
	docs/man/libdiscsi.3

# The page of a program is installed with it.
if NBD_BRIDGE
dist_man_MANS += docs/man/discsi-nbd.1
else
EXTRA_DIST += docs/man/discsi-nbd.1
endif

EXTRA_DIST += \
	docs/CONTRIBUTING.md \
	docs/architecture.md \
	docs/performance.md
