# include/discsi: the public headers.
pkginclude_HEADERS = \
	include/discsi/bridge.h \
	include/discsi/conf.h \
	include/discsi/context.h \
	include/discsi/discovery.h \
	include/discsi/discsi.h \
	include/discsi/error.h \
	include/discsi/lun.h \
	include/discsi/session.h \
	include/discsi/storage.h \
	include/discsi/version.h
