/*
 * encoding.cpp - see encoding.hpp.
 */
#include "pg/base/encoding.hpp"

namespace crm_capi {

namespace {

/* Text from one encoding to another, in current memory, or the text itself if nothing is to be
 * done. Larger than what PostgreSQL can allocate counts as not convertible. */
std::string_view
convert(std::string_view text, int from, int to, bool* complete)
{
    *complete = true;
    if (from == to || from == PG_SQL_ASCII || to == PG_SQL_ASCII || text.empty())
        return text;
    const Oid conversion = FindDefaultConversionProc(from, to);
    *complete = OidIsValid(conversion) && text.size() < MaxAllocSize / MAX_CONVERSION_GROWTH;
    if (!*complete)
        return {};
    const auto length = static_cast<int>(text.size());
    const int room = length * MAX_CONVERSION_GROWTH + 1;
    auto* const out = static_cast<unsigned char*>(palloc(static_cast<Size>(room)));
    auto* const in = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
    const int converted =
        pg_do_encoding_conversion_buf(conversion, from, to, in, length, out, room, true);
    *complete = converted == length;
    return reinterpret_cast<const char*>(out);
}

}  // namespace

std::string_view
to_utf8(std::string_view text, bool* complete)
{
    return convert(text, GetDatabaseEncoding(), PG_UTF8, complete);
}

std::string_view
from_utf8(std::string_view text, bool* complete)
{
    return convert(text, PG_UTF8, GetDatabaseEncoding(), complete);
}

const char*
to_utf8(const char* text)
{
    return pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8);
}

const char*
from_utf8(const char* utf8)
{
    return pg_any_to_server(utf8, static_cast<int>(strlen(utf8)), PG_UTF8);
}

}  // namespace crm_capi
