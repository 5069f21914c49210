# unit.mk - the unit tests of src/core and src/net: one program, without PostgreSQL.
#
#   make unit               build and run; what is tested are the objects that are shipped
#   make unit-sanitized     the same with address and undefined-behaviour sanitizers
#   UNIT_FLAGS='--gtest_filter=Reply*'   is passed to the program
#
# Included by the Makefile after PGXS, and complete in itself: make -f test/unit/unit.mk unit. Needs
# clang with its run-time library: it takes less than half as long as gcc, and is a second opinion.
#
# The tests of a wing are compiled as one (src/wings.mk), once for both programs, with sanitizers. In the one with the
# objects that are shipped, vectors go to and fro between code that marks their unused ends for the
# sanitizer and code that does not: so it must not look at these marks there.

UNIT_CXX ?= clang++
ifndef WINGS
include src/wings.mk
endif
UNIT_TESTED = $(filter build/wings/core_% build/wings/net%,$(WINGS))
UNIT_TESTS = $(patsubst test/unit/%/,build/unit-sanitized/tests/%.cpp,$(sort $(dir $(wildcard test/unit/*/*.cpp))))
UNIT_CXXFLAGS = -std=c++17 -g1 -O0 -fno-omit-frame-pointer -Wall -Wextra -Werror -Isrc -Itest/unit -pthread
UNIT_LDLIBS = -lgtest -lgtest_main -lcurl -lssl -lcrypto -lphonenumber -licuuc -pthread
UNIT_SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=all -D_GLIBCXX_ASSERTIONS

# The Makefile has the objects of the extension.
UNIT_TESTED_OBJECTS ?= $(UNIT_TESTED:%.cpp=build/unit/%.o)
UNIT_TEST_OBJECTS = $(UNIT_TESTS:.cpp=.o)
UNIT_SANITIZED_OBJECTS = $(UNIT_TESTED:%.cpp=build/unit-sanitized/%.o)

unit: build/unit/unit_tests
	ASAN_OPTIONS=detect_container_overflow=0 build/unit/unit_tests $(UNIT_FLAGS)

unit-sanitized: build/unit-sanitized/unit_tests
	ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
		UBSAN_OPTIONS=print_stacktrace=1 build/unit-sanitized/unit_tests $(UNIT_FLAGS)

build/unit/unit_tests: $(UNIT_TESTED_OBJECTS) $(UNIT_TEST_OBJECTS)
build/unit-sanitized/unit_tests: $(UNIT_SANITIZED_OBJECTS) $(UNIT_TEST_OBJECTS)
build/%/unit_tests:
	@mkdir -p $(@D)
	$(UNIT_CXX) $(UNIT_SANITIZERS) -o $@ $^ $(UNIT_LDLIBS)

$(UNIT_TESTS): build/unit-sanitized/tests/%.cpp: FORCE
	$(call write_wing,$(patsubst test/unit/%,%,$(wildcard test/unit/$*/*.cpp)))

# What is tested runs for longer than it takes to be optimised, and so do the tests that draw by lot; the others do not.
build/unit-sanitized/tests/%.o: build/unit-sanitized/tests/%.cpp
	@mkdir -p $(@D)
	$(UNIT_CXX) $(UNIT_CXXFLAGS) $(if $(filter ids dispatch,$*),-O1) $(UNIT_SANITIZERS) -MMD -MP -c -o $@ $<

build/unit-sanitized/%.o: %.cpp
	@mkdir -p $(@D)
	$(UNIT_CXX) $(UNIT_CXXFLAGS) -O1 $(UNIT_SANITIZERS) -MMD -MP -c -o $@ $<

build/unit/%.o: %.cpp
	@mkdir -p $(@D)
	$(UNIT_CXX) $(UNIT_CXXFLAGS) -O1 -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(UNIT_TEST_OBJECTS) $(UNIT_SANITIZED_OBJECTS) $(filter build/%,$(UNIT_TESTED_OBJECTS)))

.PHONY: unit unit-sanitized
