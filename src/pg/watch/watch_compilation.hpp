/*
 * watch_compilation.hpp - from the texts of a watch to what reads them from a row.
 */
#pragma once

#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

struct Compilation {
    Watch* watch;
    Relation table;
    const WatchDefinition* definition;
    const char* part; /* what is being compiled: the argument of capi_watch, and its member */
};

/* Compiles each expression of the definition into the watch's memory. Works on a Compilation, with
 * the rights of the table's owner; an ERROR if an expression is wrong, and then `part` tells which.
 */
void compile_sources(void* compilation);

/* Likewise: an ERROR if the owner may not read what an expression reads, or call what it calls. */
void check_sources(void* compilation);

}  // namespace crm_capi
