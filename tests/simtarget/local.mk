# tests/simtarget: the target that misbehaves on demand.
check_LTLIBRARIES += tests/simtarget/libsimtarget.la
tests_simtarget_libsimtarget_la_SOURCES = \
	tests/simtarget/sim-conn.c \
	tests/simtarget/sim-disk.c \
	tests/simtarget/sim-fault.c \
	tests/simtarget/sim-internal.h \
	tests/simtarget/sim-lies.c \
	tests/simtarget/sim-login.c \
	tests/simtarget/sim-reserve.c \
	tests/simtarget/sim-script.c \
	tests/simtarget/sim-scsi.c \
	tests/simtarget/sim-task.c \
	tests/simtarget/sim.c \
	tests/simtarget/simtarget.h
SIM_LIBS = tests/simtarget/libsimtarget.la

check_PROGRAMS += tests/simtarget/simtarget
tests_simtarget_simtarget_SOURCES = tests/simtarget/sim-main.c
tests_simtarget_simtarget_LDADD = $(SIM_LIBS) libdiscsi-internal.la
