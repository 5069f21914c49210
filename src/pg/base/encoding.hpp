/*
 * encoding.hpp - texts from the database's encoding to UTF-8 and back, without an error for a
 * character that has no counterpart: a CRM's statement must not fail because of one. Nothing else
 * of the source converts (lint check "forbidden-calls").
 */
#pragma once

#include <string_view>

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The text in UTF-8, in current memory; what lies behind the first character that cannot be
 * converted is cut off, and *complete says so. In a database of encoding SQL_ASCII nobody knows
 * what the bytes are: they stay, and *complete says whether they are UTF-8. */
std::string_view to_utf8(std::string_view text, bool* complete);

/* The other way round. */
std::string_view from_utf8(std::string_view text, bool* complete);

/* For what people read: where that fails, question marks stand for what is not ASCII. */
const char* legible_utf8(const char* text);

/* The same for a C string that no statement of a CRM hangs on: an ERROR if it cannot be converted.
 * What needs no conversion is not copied. */
const char* to_utf8(const char* text);
const char* from_utf8(const char* utf8);

}  // namespace crm_capi
