# wings.mk - one compilation for each wing of src.
#
# Most of what a compiler does for one of our files is to read what it includes, so the files of a
# folder are compiled as one, which takes a third of the time. Names that are a file's own are
# therefore a wing's own: two files of a folder cannot use one name for two things. Where a compiler
# would not notice, the lint check private-names does.

WING_FOLDERS = $(patsubst %/,%,$(sort $(dir $(wildcard src/core/*/*.cpp src/net/*.cpp src/pg/*/*.cpp))))
# build/wings/core_ids.cpp for src/core/ids
WINGS = $(foreach folder,$(WING_FOLDERS:src/%=%),build/wings/$(subst /,_,$(folder)).cpp)

# Says what the files of a wing are: looked at each time, and written when one has come or gone.
define write_wing
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $(sort $(1)) | cmp -s - $@ || printf '#include "%s"\n' $(sort $(1)) >$@
endef

$(WINGS): build/wings/%.cpp: FORCE
	$(call write_wing,$(patsubst src/%,%,$(wildcard src/$(subst _,/,$*)/*.cpp)))

FORCE:
.PHONY: FORCE
