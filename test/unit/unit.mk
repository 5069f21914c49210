# unit.mk - the unit tests of src/core and src/net: one program, without PostgreSQL.
#
#   make unit               build and run; what is tested are the objects that are shipped
#   make unit-sanitized     the same with address and undefined-behaviour sanitizers
#   UNIT_FLAGS='--gtest_filter=Reply*'   is passed to the program
#
# Included by the Makefile after PGXS, and complete in itself: make -f test/unit/unit.mk unit. Needs
# clang with its run-time library: it takes less than half as long as gcc, and is a second opinion.
# Most of that time goes into what all tests include, which is compiled once, in prelude.hpp.

UNIT_CXX ?= clang++
UNIT_TESTED = $(wildcard src/core/*/*.cpp src/net/*.cpp)
UNIT_TESTS = $(wildcard test/unit/*.cpp)
UNIT_CXXFLAGS = -std=c++17 -g1 -O0 -fno-omit-frame-pointer -Wall -Wextra -Werror -Isrc -pthread
UNIT_LDLIBS = -lgtest -lgtest_main -lcurl -lssl -lcrypto -lphonenumber -licuuc -pthread
UNIT_SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=all -D_GLIBCXX_ASSERTIONS

# The Makefile has the objects of the extension.
UNIT_TESTED_OBJECTS ?= $(UNIT_TESTED:%.cpp=build/unit/%.o)
UNIT_OBJECTS = $(UNIT_TESTED_OBJECTS) $(UNIT_TESTS:%.cpp=build/unit/%.o)
UNIT_SANITIZED_OBJECTS = $(patsubst %.cpp,build/unit-sanitized/%.o,$(UNIT_TESTED) $(UNIT_TESTS))

unit: build/unit/unit_tests
	build/unit/unit_tests $(UNIT_FLAGS)

unit-sanitized: build/unit-sanitized/unit_tests
	ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
		UBSAN_OPTIONS=print_stacktrace=1 build/unit-sanitized/unit_tests $(UNIT_FLAGS)

# FOLDER OBJECTS SANITIZERS: how one of the two is built.
define UNIT_PROGRAM
$(1)/unit_tests: $(2)
	$$(UNIT_CXX) $(3) -o $$@ $$^ $$(UNIT_LDLIBS)

$(1)/prelude.pch: test/unit/prelude.hpp
	@mkdir -p $$(@D)
	$$(UNIT_CXX) $$(UNIT_CXXFLAGS) $(3) -x c++-header -o $$@ $$<

$(1)/test/unit/%.o: test/unit/%.cpp $(1)/prelude.pch
	@mkdir -p $$(@D)
	$$(UNIT_CXX) $$(UNIT_CXXFLAGS) $(3) -include-pch $(1)/prelude.pch -MMD -MP -c -o $$@ $$<

# What is tested runs for longer than it takes to be optimised, the tests do not.
$(1)/%.o: %.cpp
	@mkdir -p $$(@D)
	$$(UNIT_CXX) $$(UNIT_CXXFLAGS) -O1 $(3) -MMD -MP -c -o $$@ $$<
endef

$(eval $(call UNIT_PROGRAM,build/unit,$(UNIT_OBJECTS),))
$(eval $(call UNIT_PROGRAM,build/unit-sanitized,$(UNIT_SANITIZED_OBJECTS),$(UNIT_SANITIZERS)))

-include $(UNIT_OBJECTS:.o=.d) $(UNIT_SANITIZED_OBJECTS:.o=.d)

.PHONY: unit unit-sanitized
