/*
 * handmade_watch.hpp - triggers of watches that were made by CREATE TRIGGER.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The table's name with its schema, quoted. */
const char* qualified_name(Relation table);

/* From here on, a trigger of ours that somebody makes by CREATE TRIGGER is given the comment that
 * capi_watch() gives. To be called while shared_preload_libraries is processed. */
void comment_on_handmade_watches();

}  // namespace crm_capi
