/*
 * watch_compilation.hpp - from the texts of a watch to what reads them from a row.
 */
#pragma once

#include "pg/watch_cache.hpp"

namespace crm_capi {

struct Compilation {
    Watch* watch;
    Relation table;
    const WatchDefinition* definition;
    Role role; /* being compiled */
};

/* Compiles each expression of the definition into the watch's memory. Works on a Compilation, with
 * the rights of the table's owner; an ERROR if an expression is wrong, and then `role` tells which.
 */
void compile_sources(void* compilation);

}  // namespace crm_capi
