# tests/fault: sessions on a target that misbehaves.
FAULT_RIG = \
	tests/fault/rig.c \
	tests/fault/rig.h
FAULT_STAND = \
	$(FAULT_RIG) \
	tests/fault/held.c \
	tests/fault/held.h \
	tests/fault/stand.c \
	tests/fault/stand.h
FAULT_PAIR = \
	$(FAULT_RIG) \
	tests/fault/pair.c \
	tests/fault/pair.h
FAULT_LIBS = $(SIM_LIBS) $(UNIT_LIBS)
FAULT_TESTS = \
	tests/fault/test-barrier \
	tests/fault/test-commands \
	tests/fault/test-cuts \
	tests/fault/test-deadlines \
	tests/fault/test-debt \
	tests/fault/test-debt-between \
	tests/fault/test-doubt \
	tests/fault/test-durability \
	tests/fault/test-ends \
	tests/fault/test-events \
	tests/fault/test-hostile \
	tests/fault/test-lies \
	tests/fault/test-many \
	tests/fault/test-piped \
	tests/fault/test-portals \
	tests/fault/test-real-targets \
	tests/fault/test-recovery \
	tests/fault/test-replay \
	tests/fault/test-reserve \
	tests/fault/test-several \
	tests/fault/test-simtarget \
	tests/fault/test-traps \
	tests/fault/test-unanswered
check_PROGRAMS += $(FAULT_TESTS)
TESTS += $(FAULT_TESTS)
tests_fault_test_barrier_SOURCES = \
	$(FAULT_STAND) tests/fault/test-barrier.c
tests_fault_test_barrier_LDADD = $(FAULT_LIBS)
tests_fault_test_commands_SOURCES = $(FAULT_RIG) tests/fault/test-commands.c
tests_fault_test_commands_LDADD = $(FAULT_LIBS)
tests_fault_test_cuts_SOURCES = $(FAULT_RIG) tests/fault/test-cuts.c
tests_fault_test_cuts_LDADD = $(FAULT_LIBS)
tests_fault_test_durability_SOURCES = \
	$(FAULT_RIG) tests/fault/test-durability.c
tests_fault_test_durability_LDADD = $(FAULT_LIBS)
tests_fault_test_deadlines_SOURCES = $(FAULT_RIG) tests/fault/test-deadlines.c
tests_fault_test_deadlines_LDADD = $(FAULT_LIBS)
tests_fault_test_debt_SOURCES = $(FAULT_PAIR) tests/fault/test-debt.c
tests_fault_test_debt_LDADD = $(FAULT_LIBS)
tests_fault_test_debt_between_SOURCES = \
	$(FAULT_PAIR) tests/fault/test-debt-between.c
tests_fault_test_debt_between_LDADD = $(FAULT_LIBS)
tests_fault_test_doubt_SOURCES = $(FAULT_RIG) tests/fault/test-doubt.c
tests_fault_test_doubt_LDADD = $(FAULT_LIBS)
tests_fault_test_ends_SOURCES = $(FAULT_RIG) tests/fault/test-ends.c
tests_fault_test_ends_LDADD = $(FAULT_LIBS)
tests_fault_test_events_SOURCES = $(FAULT_RIG) tests/fault/test-events.c
tests_fault_test_events_LDADD = $(FAULT_LIBS)
tests_fault_test_hostile_SOURCES = $(FAULT_RIG) tests/fault/test-hostile.c
tests_fault_test_hostile_LDADD = $(FAULT_LIBS)
tests_fault_test_lies_SOURCES = $(FAULT_RIG) tests/fault/test-lies.c
tests_fault_test_lies_LDADD = $(FAULT_LIBS)
tests_fault_test_many_SOURCES = $(FAULT_RIG) tests/fault/test-many.c
tests_fault_test_many_LDADD = $(FAULT_LIBS)
tests_fault_test_piped_SOURCES = $(FAULT_RIG) tests/fault/test-piped.c
tests_fault_test_piped_LDADD = $(FAULT_LIBS)
tests_fault_test_portals_SOURCES = $(FAULT_RIG) tests/fault/test-portals.c
tests_fault_test_portals_LDADD = $(FAULT_LIBS)
tests_fault_test_real_targets_SOURCES = \
	$(FAULT_RIG) tests/fault/test-real-targets.c
tests_fault_test_real_targets_LDADD = $(FAULT_LIBS)
tests_fault_test_recovery_SOURCES = $(FAULT_RIG) tests/fault/test-recovery.c
tests_fault_test_recovery_LDADD = $(FAULT_LIBS)
tests_fault_test_replay_SOURCES = $(FAULT_RIG) tests/fault/test-replay.c
tests_fault_test_replay_LDADD = $(FAULT_LIBS)
tests_fault_test_reserve_SOURCES = $(FAULT_STAND) tests/fault/test-reserve.c
tests_fault_test_reserve_LDADD = $(FAULT_LIBS)
tests_fault_test_several_SOURCES = $(FAULT_RIG) tests/fault/test-several.c
tests_fault_test_several_LDADD = $(FAULT_LIBS)
tests_fault_test_simtarget_SOURCES = tests/fault/test-simtarget.c
tests_fault_test_simtarget_LDADD = $(FAULT_LIBS)
tests_fault_test_unanswered_SOURCES = \
	$(FAULT_STAND) tests/fault/test-unanswered.c
tests_fault_test_unanswered_LDADD = $(FAULT_LIBS)
tests_fault_test_traps_SOURCES = $(FAULT_RIG) tests/fault/test-traps.c
tests_fault_test_traps_LDADD = $(FAULT_LIBS)
