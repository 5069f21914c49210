/*
 * normalize.cpp - capi_normalize() and capi_hash(): what an event would make of a value.
 *
 * STABLE, not IMMUTABLE: the next version of a library may know a country's new numbers, and a date
 * of birth is judged by the year it is.
 */
#include <optional>
#include <string>
#include <string_view>

#include "core/identity/identity_field.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/base/texts.hpp"
#include "pg/catalog/phone_country.hpp"
#include "pg/queue/identities.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_normalize);
PG_FUNCTION_INFO_V1(capi_hash);
}

namespace crm_capi {

namespace {

enum NormalizeArgument { kField, kValue, kDefaultCountry };

/* The names of all fields, separated by commas. */
const char*
names_of_fields()
{
    StringInfoData names;
    int count;
    const IdentityField* const fields = IdentityFields(&count);

    initStringInfo(&names);
    for (int i = 0; i < count; i++)
        appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", fields[i].name.data());
    return names.data;
}

/* An ERROR that lists the fields if it is none of them. */
const IdentityField*
require_field(const text* name)
{
    const IdentityField* const field = FindIdentityField(text_view(name));

    if (field == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("field \"%s\" is not known", text_to_cstring(name)),
                        errdetail("user_data has no such key."),
                        errhint("Valid fields are: %s.", names_of_fields())));
    return field;
}

/* The code in lower case. */
const char*
require_country(const text* country)
{
    char* const code = text_to_cstring(country);

    if (!is_phone_region(code))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("country \"%s\" is not known", code),
                        errdetail("It decides how telephone numbers and states are read."),
                        errhint("Use an ISO 3166-1 code of two letters, such as \"DE\".")));
    for (char* c = code; *c != '\0'; c++)
        *c = static_cast<char>(pg_tolower(static_cast<unsigned char>(*c)));
    return code;
}

using Treat = std::optional<std::string> (*)(const IdentityField&, std::string_view,
                                             const NormalizeContext&);

/* NULL if the value is to be dropped. */
Datum
treat(FunctionCallInfo fcinfo, Treat function)
{
    const char* result = nullptr;
    bool complete;

    if (PG_ARGISNULL(kField))
        PG_RETURN_NULL();
    const IdentityField* const field = require_field(PG_GETARG_TEXT_PP(kField));
    const char* const country =
        PG_ARGISNULL(kDefaultCountry) ? "" : require_country(PG_GETARG_TEXT_PP(kDefaultCountry));
    if (PG_ARGISNULL(kValue))
        PG_RETURN_NULL();
    const std::string_view value = to_utf8(text_view(PG_GETARG_TEXT_PP(kValue)), &complete);
    const NormalizeContext context = {country, current_year()};
    call_cpp("normalize the value", [&] {
        const std::optional<std::string> text = function(*field, value, context);
        result = text ? CopyToPalloc(*text) : nullptr;
    });
    if (result == nullptr || !complete)
        PG_RETURN_NULL();
    return CStringGetTextDatum(from_utf8(result));
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_normalize(PG_FUNCTION_ARGS)
{
    return treat(fcinfo, NormalizeField);
}

extern "C" Datum
capi_hash(PG_FUNCTION_ARGS)
{
    return treat(fcinfo, HashField);
}
