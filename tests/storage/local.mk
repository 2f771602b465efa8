# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/storage: the storage layer, against targets that behave and that do not.

STORAGE_RIG = \
	tests/storage/storage-rig.c \
	tests/storage/storage-rig.h

STORAGE_TESTS = \
	tests/storage/test-storage-anew \
	tests/storage/test-storage-conf \
	tests/storage/test-storage-device \
	tests/storage/test-storage-mount \
	tests/storage/test-storage-turns \
	tests/storage/test-storage-unmount
check_PROGRAMS += $(STORAGE_TESTS)
TESTS += $(STORAGE_TESTS)

tests_storage_test_storage_anew_SOURCES = \
	$(STORAGE_RIG) tests/storage/test-storage-anew.c
tests_storage_test_storage_anew_LDADD = $(SIM_LIBS) $(UNIT_LIBS)
tests_storage_test_storage_conf_SOURCES = \
	$(STORAGE_RIG) tests/storage/test-storage-conf.c
tests_storage_test_storage_conf_LDADD = $(API_LIBS) $(JSON_C_LIBS)
tests_storage_test_storage_device_SOURCES = \
	$(STORAGE_RIG) tests/storage/test-storage-device.c
tests_storage_test_storage_device_LDADD = $(UNIT_LIBS)
tests_storage_test_storage_mount_SOURCES = \
	$(STORAGE_RIG) tests/storage/test-storage-mount.c
tests_storage_test_storage_mount_LDADD = $(SIM_LIBS) $(UNIT_LIBS)
tests_storage_test_storage_turns_SOURCES = \
	$(STORAGE_RIG) tests/storage/test-storage-turns.c
tests_storage_test_storage_turns_LDADD = $(SIM_LIBS) $(UNIT_LIBS)
tests_storage_test_storage_unmount_SOURCES = \
	$(STORAGE_RIG) tests/storage/test-storage-unmount.c
tests_storage_test_storage_unmount_LDADD = $(SIM_LIBS) $(UNIT_LIBS)

if NBD_BRIDGE
check_PROGRAMS += tests/storage/test-storage-nomem
TESTS += tests/storage/test-storage-nomem

tests_storage_test_storage_nomem_SOURCES = \
	$(STORAGE_RIG) $(BRIDGE_RIG) tests/storage/test-storage-nomem.c
tests_storage_test_storage_nomem_LDADD = \
	$(SIM_LIBS) $(UNIT_LIBS) $(JSON_C_LIBS)
tests_storage_test_storage_nomem_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray \
	-Wl,--wrap=strdup,--wrap=strndup,--wrap=asprintf \
	-Wl,--wrap=json_object_new_object,--wrap=json_object_new_array \
	-Wl,--wrap=json_object_new_string,--wrap=json_object_new_uint64 \
	-Wl,--wrap=json_object_new_int64,--wrap=json_object_new_boolean \
	-Wl,--wrap=json_tokener_new_ex,--wrap=json_object_object_add
check_PROGRAMS += \
	tests/storage/test-storage-heirs \
	tests/storage/test-storage-anew-bridge \
	tests/storage/test-storage-bridge \
	tests/storage/test-storage-growth \
	tests/storage/test-storage-users
TESTS += \
	tests/storage/test-storage-heirs \
	tests/storage/test-storage-anew-bridge \
	tests/storage/test-storage-bridge \
	tests/storage/test-storage-growth \
	tests/storage/test-storage-users
tests_storage_test_storage_anew_bridge_SOURCES = \
	$(STORAGE_RIG) $(BRIDGE_RIG) tests/storage/test-storage-anew-bridge.c
tests_storage_test_storage_anew_bridge_LDADD = $(SIM_LIBS) $(UNIT_LIBS)
tests_storage_test_storage_bridge_SOURCES = \
	$(STORAGE_RIG) $(BRIDGE_RIG) $(TGT_PLACE) \
	tests/storage/test-storage-bridge.c
tests_storage_test_storage_bridge_LDADD = $(UNIT_LIBS)
tests_storage_test_storage_heirs_SOURCES = \
	$(STORAGE_RIG) $(BRIDGE_RIG) tests/storage/test-storage-heirs.c
tests_storage_test_storage_heirs_LDADD = \
	$(SIM_LIBS) $(UNIT_LIBS) $(JSON_C_LIBS)
tests_storage_test_storage_growth_SOURCES = \
	$(STORAGE_RIG) $(BRIDGE_RIG) tests/storage/test-storage-growth.c
tests_storage_test_storage_growth_LDADD = $(SIM_LIBS) $(UNIT_LIBS)
tests_storage_test_storage_users_SOURCES = \
	$(STORAGE_RIG) $(BRIDGE_RIG) tests/storage/test-storage-users.c
tests_storage_test_storage_users_LDADD = $(UNIT_LIBS)
endif

check_PROGRAMS += tests/storage/test-storage-examples
TESTS += tests/storage/test-storage-examples
tests_storage_test_storage_examples_SOURCES = \
	tests/storage/test-storage-examples.c
tests_storage_test_storage_examples_LDADD = \
	tests/harness/libharness.la $(CUNIT_LIBS)

# For the guest of tests/vm, which looks for programs in the build's root.
check_PROGRAMS += storage-do
storage_do_SOURCES = tests/storage/storage-do.c
storage_do_LDADD = libdiscsi-internal.la
