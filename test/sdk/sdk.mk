# sdk.mk - the normaliser beside Meta's own libraries for Node.js, on thousands of seeded inputs and on every mark of
# Unicode.
#
#   make sdk                 installs the libraries from the npm registry into build/sdk and compares
#   make sdk SDK_SEED=7      with other inputs
#
# Needs node, npm and the network. Complete in itself: make -f test/sdk/sdk.mk sdk

SDK_SEED ?= 20261125
SDK_VALUES ?= 3000

ifndef UNIT_TESTED
include test/unit/unit.mk
endif
# What the program needs of src/core: the same objects that the unit tests test.
SDK_OBJECTS = build/unit/test/sdk/normalize_lines.o \
	$(filter %/core_text.o %/core_identity.o %/core_event.o,$(UNIT_TESTED_OBJECTS))

sdk: build/sdk/normalize_lines build/sdk/node_modules/.installed
	NODE_PATH=build/sdk/node_modules node test/sdk/compare.js build/sdk/normalize_lines \
		$(SDK_SEED) $(SDK_VALUES)
	NODE_PATH=build/sdk/node_modules node test/sdk/punctuation.js build/sdk/normalize_lines

# Scripts of packages are not run: only code that the comparison calls.
build/sdk/node_modules/.installed: test/sdk/package.json
	@mkdir -p $(@D)
	cp test/sdk/package.json build/sdk/package.json
	cd build/sdk && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error
	touch $@

build/sdk/normalize_lines: $(SDK_OBJECTS)
	@mkdir -p $(@D)
	$(CXX) -o $@ $^ -lcrypto -lphonenumber -licuuc

-include $(SDK_OBJECTS:.o=.d)

.PHONY: sdk
