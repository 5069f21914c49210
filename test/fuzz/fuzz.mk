# fuzz.mk - libFuzzer targets: one program for each test/fuzz/NAME_fuzz.cpp, linked with src/core.
#
#   make fuzz FUZZ_SECONDS=300      each target for five minutes (30 seconds if not told)
#
# Needs clang with its run-time library: sh test/setup.sh fuzz. Inputs that found something new
# gather in build/fuzz/corpus/NAME, those that break something lie in build/fuzz; one worth keeping
# goes to test/fuzz/corpus/NAME, where every run starts from.
#
# Complete in itself: make -f test/fuzz/fuzz.mk fuzz

FUZZ_SECONDS ?= 30
FUZZ_CXX ?= clang++
FUZZ_CXXFLAGS = -std=c++17 -g -O1 -Wall -Wextra -Isrc -fno-omit-frame-pointer
FUZZ_SANITIZERS = address,undefined

FUZZ_NAMES = $(patsubst test/fuzz/%.cpp,%,$(wildcard test/fuzz/*_fuzz.cpp))
ifndef WINGS
include src/wings.mk
endif
FUZZ_CORE_OBJECTS = $(patsubst %.cpp,build/fuzz/%.o,$(filter build/wings/core_%,$(WINGS)))

fuzz: $(FUZZ_NAMES:%=fuzz-%)

# The first corpus folder takes what is new, the second is only read.
fuzz-%: build/fuzz/%
	@mkdir -p build/fuzz/corpus/$*
	UBSAN_OPTIONS=print_stacktrace=1 build/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
		-timeout=10 -print_final_stats=1 -artifact_prefix=build/fuzz/$*- \
		build/fuzz/corpus/$* $(wildcard test/fuzz/corpus/$*)

build/fuzz/%_fuzz: build/fuzz/test/fuzz/%_fuzz.o $(FUZZ_CORE_OBJECTS)
	$(FUZZ_CXX) -fsanitize=fuzzer,$(FUZZ_SANITIZERS) -o $@ $^ -lcrypto -lphonenumber -licuuc

build/fuzz/%.o: %.cpp
	@mkdir -p $(@D)
	$(FUZZ_CXX) $(FUZZ_CXXFLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZERS) \
		-fno-sanitize-recover=all -MMD -MP -c -o $@ $<

-include $(FUZZ_CORE_OBJECTS:.o=.d) $(FUZZ_NAMES:%=build/fuzz/test/fuzz/%.d)

.PRECIOUS: build/fuzz/%.o build/fuzz/%_fuzz
.PHONY: fuzz
