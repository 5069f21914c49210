# crm_capi - carries CRM lead-stage changes from PostgreSQL to Meta's Conversions API
#
#   make && make install        build and install for the server that pg_config names
#   make installcheck           SQL tests on a running server that preloads crm_capi
#   sh test/run.sh              everything, from nothing

MODULE_big = crm_capi
EXTENSION = crm_capi
DATA = $(wildcard sql/*--*.sql)
PGFILEDESC = "crm_capi - CRM lead stages to the Meta Conversions API"

# The first goal of this Makefile is PGXS's.
.DEFAULT_GOAL = all
include src/wings.mk
OBJS = $(WINGS:.cpp=.o) src/module.o

TESTS = $(wildcard test/sql/*.sql)
REGRESS = $(patsubst test/sql/%.sql,%,$(TESTS))
# The output directory is searched for scripts before test/: sql/ must hold names with "--" only.
REGRESS_OPTS = --inputdir=test --load-extension=crm_capi --encoding=UTF8
EXTRA_CLEAN = build results output_iso tmp_check tmp_check_iso test/tmp_check log

PG_CONFIG ?= pg_config
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server)
# The server's headers use the register keyword before 16.
override PG_CXXFLAGS += -std=c++17 -Wall -Wextra -Wno-register $(if $(WERROR),-Werror)
SHLIB_LINK = -lcurl -lssl -lcrypto -lphonenumber -licuuc -lstdc++

# LLVM bitcode would only serve the inlining of our functions into compiled queries, which gains
# nothing here and compiles every file a second time. `make with_llvm=yes` makes it all the same.
ifeq ($(origin with_llvm),undefined)
override with_llvm = no
endif

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Bitcode is compiled with clang's default dialect unless told otherwise.
COMPILE.cxx.bc += $(PG_CXXFLAGS)

# Objects follow the headers they were built from.
DEPENDENCIES = $(OBJS:.o=.d)
EXTRA_CLEAN += $(DEPENDENCIES)
%.o: override CPPFLAGS += -MMD -MP
-include $(DEPENDENCIES)

ISOLATION_TESTS = helpers $(filter-out helpers,$(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec)))
# First, so that side by side with the others they do not end last.
LONGEST_TESTS = $(patsubst %,test/t/%.pl,052_encodings 072_turns 098_runbook_alerts 030_doctor 010_crash 069_databases \
	073_long_wait 002_queue 097_runbook_doctor 075_outcomes 090_documentation 057_conditions 013_clock 011_phantoms \
	095_runbook_events 061_backups 093_pg_upgrade 062_standbys 050_maintenance 019_soak 096_runbook_datasets \
	064_copies 005_history 067_owner_backups)
PROVE_TESTS ?= $(LONGEST_TESTS) $(filter-out $(LONGEST_TESTS),$(wildcard test/t/*.pl))
TEMP_PORT ?= 61432

# SQL tests on a throw-away server that preloads the extension; not as root.
tempcheck:
	$(pg_regress_installcheck) --temp-instance=tmp_check --port=$(TEMP_PORT) \
		--temp-config=test/regress.conf $(REGRESS_OPTS) $(REGRESS)

isolationcheck:
	$(pg_isolation_regress_installcheck) --temp-instance=tmp_check_iso --port=$(TEMP_PORT) \
		--temp-config=test/regress.conf --inputdir=test/isolation --outputdir=output_iso \
		--load-extension=crm_capi $(ISOLATION_TESTS)

# Everything with a worker, a restart or a standby; needs IPC::Run; not as root.
prove_installcheck:
	rm -rf tmp_check/t test/tmp_check && mkdir -p tmp_check/t
	'$(bindir)/initdb' -N -A trust -D tmp_check/t/template >tmp_check/t/template.log
	cd test && SERVER_TEMPLATE='$(CURDIR)/tmp_check/t/template' TESTDIR='$(CURDIR)/test' TESTDATADIR='$(CURDIR)/tmp_check/t' \
		TESTLOGDIR='$(CURDIR)/tmp_check/t/log' PATH="$(bindir):$$PATH" PGPORT='6$(DEF_PGPORT)' \
		PG_REGRESS='$(top_builddir)/src/test/regress/pg_regress' \
		$(PROVE) $(PG_PROVE_FLAGS) $(PROVE_FLAGS) \
		-I '$(top_srcdir)/src/test/perl' -I t $(patsubst test/%,%,$(PROVE_TESTS))

UNIT_TESTED_OBJECTS = $(UNIT_TESTED:.cpp=.o)
include test/unit/unit.mk
include test/fuzz/fuzz.mk
include test/bench/bench.mk
include test/sdk/sdk.mk

lint:
	sh test/lint.sh

FORMATTED = $(wildcard src/*.cpp $(foreach depth,*/* */*/*,$(addprefix src/$(depth),.cpp .hpp)) \
	$(foreach folder,unit unit/* fuzz bench sdk,$(addprefix test/$(folder)/*,.cpp .hpp)))
CLANG_FORMAT ?= clang-format-19

format:
	$(CLANG_FORMAT) -i $(FORMATTED)

format-check:
	$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)

# What an image volume of CloudNativePG holds, put into the folder VOLUME: on PostgreSQL 18 and newer
# extension_control_path finds its share/, dynamic_library_path its lib/. See the Dockerfile.
volume: all
	$(MAKE) install datadir='$(abspath $(VOLUME))/share' pkglibdir='$(abspath $(VOLUME))/lib' with_llvm=no
	sh image/volume.sh '$(abspath $(VOLUME))' '$(PG_CONFIG)' $(LIBRARIES)

# The release, named after its version: what is committed, and nothing else.
DIST = crm_capi-$(shell sed -n 's/^    "version": "\(.*\)",$$/\1/p' META.json)

dist:
	git archive --prefix=$(DIST)/ --output=$(DIST).zip HEAD
	git archive --prefix=$(DIST)/ --output=$(DIST).tar.gz HEAD

print-%:
	@echo '$($*)'

.PHONY: tempcheck isolationcheck prove_installcheck lint format format-check volume dist
