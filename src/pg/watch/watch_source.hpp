/*
 * watch_source.hpp - what capi_watch() is told to read: columns and expressions, checked and
 * written down as expressions.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* Whether the text is the name of a column of the table. */
bool is_column(Relation table, const char* text);

/* The text as an expression over NEW. */
const char* write_source(Relation table, const char* text, const char* argument);

/* The argument user_data or custom_data with each text in it as an expression over NEW; NULL if the
 * argument is. An ERROR if it is not an object of texts and lists of texts, or has a key that
 * cannot be sent. */
Jsonb* read_member_sources(FunctionCallInfo fcinfo, int number, const char* argument,
                           Relation table);

}  // namespace crm_capi
