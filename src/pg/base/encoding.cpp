/*
 * encoding.cpp - see encoding.hpp.
 */
#include "pg/base/encoding.hpp"

#include <algorithm>

namespace crm_capi {

namespace {

bool
is_ascii(std::string_view text)
{
    return std::none_of(text.begin(), text.end(), [](char c) { return IS_HIGHBIT_SET(c); });
}

/* Text from one encoding to another, in current memory, or the text itself if nothing is to be
 * done: ASCII is part of every encoding that a database can have, also of those that nothing
 * converts. Larger than what PostgreSQL can allocate counts as not convertible. */
std::string_view
convert(std::string_view text, int from, int to, bool* complete)
{
    *complete = true;
    if (from == to || from == PG_SQL_ASCII || to == PG_SQL_ASCII || is_ascii(text))
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

/* The text itself may be personal data. */
void
report_no_counterpart(int from, int to)
{
    ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
                    errmsg("text cannot be converted from encoding \"%s\" to \"%s\"",
                           pg_encoding_to_char(from), pg_encoding_to_char(to)),
                    errdetail("Meta takes UTF-8, and a character has no counterpart."),
                    errhint("Write the text without that character.")));
}

}  // namespace

std::string_view
to_utf8(std::string_view text, bool* complete)
{
    const int encoding = GetDatabaseEncoding();

    if (encoding != PG_SQL_ASCII)
        return convert(text, encoding, PG_UTF8, complete);
    const auto length = static_cast<int>(text.size());
    *complete = pg_encoding_verifymbstr(PG_UTF8, text.data(), length) == length;
    return text;
}

std::string_view
from_utf8(std::string_view text, bool* complete)
{
    return convert(text, PG_UTF8, GetDatabaseEncoding(), complete);
}

const char*
legible_utf8(const char* text)
{
    bool complete;
    const std::string_view utf8 = to_utf8(text, &complete);

    if (complete)
        return utf8.data();
    char* const ascii = pstrdup(text);
    std::replace_if(ascii, ascii + strlen(ascii), [](char c) { return IS_HIGHBIT_SET(c); }, '?');
    return ascii;
}

const char*
to_utf8(const char* text)
{
    bool complete;
    const std::string_view utf8 = to_utf8(text, &complete);

    if (!complete)
        report_no_counterpart(GetDatabaseEncoding(), PG_UTF8);
    return utf8.data();
}

const char*
from_utf8(const char* utf8)
{
    bool complete;
    const std::string_view text = from_utf8(utf8, &complete);

    if (!complete)
        report_no_counterpart(PG_UTF8, GetDatabaseEncoding());
    return text.data();
}

}  // namespace crm_capi
