/*
 * schema_qualification.hpp - what an expression of a watch says, in words that mean the same for
 * ever.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The text with a schema before each name of a table, function or type that has none, is not built
 * in, and is in the schema of the watched table. So the expression is written down, and with
 * search_path pinned to pg_catalog nothing that is created later can take the place of what it
 * names. An ERROR if the text is not one expression. `role` is the argument of capi_watch. */
const char* qualify_names(Relation table, const char* text, const char* role);

}  // namespace crm_capi
