/*
 * texts.hpp - PostgreSQL's texts: made from C++'s, looked into, compared.
 */
#pragma once

#include <string_view>

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* A new text in current memory. */
inline text*
make_text(std::string_view content)
{
    return cstring_to_text_with_len(content.data(), static_cast<int>(content.size()));
}

/* The same as an argument or a column's value. */
inline Datum
text_datum(std::string_view content)
{
    return PointerGetDatum(make_text(content));
}

/* What a text holds, where it lies. The text must not be compressed or stored elsewhere: what
 * DatumGetTextPP() and PG_GETARG_TEXT_PP() return is neither. */
inline std::string_view
text_view(const text* value)
{
    return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

/* Whether two texts are the same byte by byte, or both NULL. */
inline bool
is_same_text(const text* a, const text* b)
{
    if (a == nullptr || b == nullptr)
        return a == b;
    return text_view(a) == text_view(b);
}

}  // namespace crm_capi
