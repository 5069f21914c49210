/*
 * guarded_types.hpp - calling what the type of a watched column has brought along, its output
 * function and its equality, on behalf of a CRM's statement that asked for neither.
 *
 * They may raise an error: a bytea of 600 MB has no text form, a composite type whose member has no
 * equality has none either, a TOAST table may be damaged. The statement goes on all the same.
 */
#pragma once

#include <string_view>

#include "pg/watch/column_values.hpp"

namespace crm_capi {

/* Text form of a value, or why it has none. */
struct TextForm {
    std::string_view text;
    bool is_too_large; /* to be meant: it was not even fetched */
    int sqlstate;      /* of the error that came instead of a text; 0 = none */
};

/* Of a value that is not NULL, in current memory. */
TextForm text_form(ColumnReader* reader, Datum value);

/* Whether two values, neither of them NULL, are the same to their type. Those of which nobody can
 * tell are not. */
bool is_equal(ColumnReader* reader, Datum a, Datum b);

/* A varlena value that lies in its row as it is. */
inline bool
is_at_hand(Datum value)
{
    const auto pointer = static_cast<const char*>(DatumGetPointer(value));

    return !VARATT_IS_EXTERNAL(pointer) && !VARATT_IS_COMPRESSED(pointer);
}

/* A varlena value that is larger than any lead id, stage or key; told without fetching it. */
bool is_too_large(Datum value);

}  // namespace crm_capi
