# SPDX-License-Identifier: LGPL-2.1-or-later
# tools: discsi, the operator's command.

# All of it but main(), for the program and its tests.
noinst_LTLIBRARIES += tools/libtools.la
tools_libtools_la_CFLAGS = $(AM_CFLAGS) $(SMARTCOLS_CFLAGS)
tools_libtools_la_SOURCES = \
	tools/attach.c \
	tools/cli.c \
	tools/cli.h \
	tools/commands.c \
	tools/connect.c \
	tools/connect.h \
	tools/copy-endpoint.c \
	tools/copy-endpoint.h \
	tools/copy-file.c \
	tools/copy-file.h \
	tools/copy-plan.c \
	tools/copy-plan.h \
	tools/copy-run.c \
	tools/copy-run.h \
	tools/copy.c \
	tools/detach.c \
	tools/discover.c \
	tools/failure.c \
	tools/failure.h \
	tools/help.c \
	tools/info.c \
	tools/list.c \
	tools/output.c \
	tools/output.h \
	tools/progress.c \
	tools/progress.h \
	tools/scolslib.c \
	tools/scolslib.h \
	tools/shape.c \
	tools/shape.h \
	tools/status.c \
	tools/units.c \
	tools/units.h

bin_PROGRAMS += discsi
discsi_SOURCES = tools/main.c
discsi_LDADD = tools/libtools.la libdiscsi-internal.la

TOOL_UNIT_LIBS = tools/libtools.la $(UNIT_LIBS)

TOOL_TESTS = \
	tests/unit/test-tool-cli \
	tests/unit/test-tool-copy \
	tests/unit/test-tool-plan \
	tests/unit/test-tool-secrets \
	tests/unit/test-tool-shape \
	tests/unit/test-tool-units
check_PROGRAMS += $(TOOL_TESTS)
TESTS += $(TOOL_TESTS)

tests_unit_test_tool_cli_SOURCES = tests/unit/test-tool-cli.c
tests_unit_test_tool_cli_LDADD = $(TOOL_UNIT_LIBS)
tests_unit_test_tool_copy_SOURCES = tests/unit/test-tool-copy.c
tests_unit_test_tool_copy_LDADD = $(TOOL_UNIT_LIBS)
tests_unit_test_tool_plan_SOURCES = tests/unit/test-tool-plan.c
tests_unit_test_tool_plan_LDADD = $(TOOL_UNIT_LIBS)
tests_unit_test_tool_secrets_SOURCES = tests/unit/test-tool-secrets.c
tests_unit_test_tool_secrets_LDADD = $(UNIT_LIBS)
tests_unit_test_tool_shape_SOURCES = tests/unit/test-tool-shape.c
tests_unit_test_tool_shape_LDADD = $(TOOL_UNIT_LIBS)
tests_unit_test_tool_units_SOURCES = tests/unit/test-tool-units.c
tests_unit_test_tool_units_LDADD = $(TOOL_UNIT_LIBS)

TOOL_TGT_TESTS = \
	tests/tgt/test-tool-attach \
	tests/tgt/test-tool-copy \
	tests/tgt/test-tool-info
check_PROGRAMS += $(TOOL_TGT_TESTS)
TESTS += $(TOOL_TGT_TESTS)

TOOL_RIG = tests/tgt/tool-rig.c tests/tgt/tool-rig.h
tests_tgt_test_tool_attach_SOURCES = tests/tgt/test-tool-attach.c $(TOOL_RIG)
tests_tgt_test_tool_attach_LDADD = $(UNIT_LIBS)
tests_tgt_test_tool_copy_SOURCES = tests/tgt/test-tool-copy.c $(TOOL_RIG)
tests_tgt_test_tool_copy_LDADD = $(UNIT_LIBS)
tests_tgt_test_tool_info_SOURCES = tests/tgt/test-tool-info.c $(TOOL_RIG)
tests_tgt_test_tool_info_LDADD = $(UNIT_LIBS)
