/*
 * json.hpp - PostgreSQL's JSON values: read from text, written as text, looked into.
 */
#pragma once

#include <string_view>

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The value that the text says, in current memory; an ERROR if it is no JSON. */
Jsonb* parse_json(const char* json);

/* The value as text in the database's encoding, in current memory. */
char* print_json(const Jsonb* json);

/* The member of an object, found by its key; false if there is none. */
bool find_member(const JsonbContainer* object, std::string_view key, JsonbValue* member);

/* A member that is a text, in current memory; NULL if there is none, or it is something else. */
const char* text_member(const JsonbContainer* object, std::string_view key);

/* A text within a JSON value is no C string: this copies it to one. */
char* copy_string(const JsonbValue& text);

/* The other way round, without a copy. */
JsonbValue string_value(const char* text);

}  // namespace crm_capi
