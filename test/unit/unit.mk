# unit.mk - the unit tests of src/core and src/net: one program, without PostgreSQL.
#
#   make unit               build and run
#   make unit-sanitized     the same with address and undefined-behaviour sanitizers
#   UNIT_FLAGS='--gtest_filter=Reply*'   is passed to the program
#
# Included by the Makefile after PGXS, and complete in itself: make -f test/unit/unit.mk unit

UNIT_SOURCES = $(wildcard src/core/*/*.cpp src/net/*.cpp test/unit/*.cpp)
UNIT_CXXFLAGS = -std=c++17 -g -O1 -Wall -Wextra -Werror -Isrc -pthread
UNIT_LDLIBS = -lgtest -lgtest_main -lcurl -lssl -lcrypto -lphonenumber -licuuc -pthread
UNIT_SANITIZERS = -O0 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-D_GLIBCXX_ASSERTIONS

UNIT_OBJECTS = $(UNIT_SOURCES:%.cpp=build/unit/%.o)
UNIT_SANITIZED_OBJECTS = $(UNIT_SOURCES:%.cpp=build/unit-sanitized/%.o)

unit: build/unit/unit_tests
	build/unit/unit_tests $(UNIT_FLAGS)

unit-sanitized: build/unit-sanitized/unit_tests
	ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
		UBSAN_OPTIONS=print_stacktrace=1 build/unit-sanitized/unit_tests $(UNIT_FLAGS)

build/unit/unit_tests: $(UNIT_OBJECTS)
	$(CXX) -o $@ $^ $(UNIT_LDLIBS)

build/unit-sanitized/unit_tests: $(UNIT_SANITIZED_OBJECTS)
	$(CXX) $(UNIT_SANITIZERS) -o $@ $^ $(UNIT_LDLIBS)

build/unit/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(UNIT_CXXFLAGS) -MMD -MP -c -o $@ $<

build/unit-sanitized/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(UNIT_CXXFLAGS) $(UNIT_SANITIZERS) -MMD -MP -c -o $@ $<

-include $(UNIT_OBJECTS:.o=.d) $(UNIT_SANITIZED_OBJECTS:.o=.d)

.PHONY: unit unit-sanitized
