/*
 * event_ids.cpp - what SQL does with the type capi_event_ids.
 */
#include "pg/base/event_ids.hpp"

#include <vector>

#include "pg/base/guard.hpp"
#include "pg/base/multirange.hpp"

extern "C" {
#include "utils/lsyscache.h"
#include "utils/multirangetypes.h"

PG_FUNCTION_INFO_V1(capi_event_ids_in);
PG_FUNCTION_INFO_V1(capi_event_ids_out);
PG_FUNCTION_INFO_V1(capi_event_ids_to_multirange);
}

namespace crm_capi {

namespace {

/* As an int8multirange; an ERROR if it is none. */
Datum
parse_multirange(char* text)
{
    Oid function;
    Oid parameter;

    getTypeInputInfo(INT8MULTIRANGEOID, &function, &parameter);
    return OidInputFunctionCall(function, text, parameter, -1);
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

/* Text of an int8multirange. */
extern "C" Datum
capi_event_ids_in(PG_FUNCTION_ARGS)
{
    char* const text = PG_GETARG_CSTRING(0);
    const Datum multirange = parse_multirange(text);
    IdRange* ranges;
    const int count = read_ranges(multirange, &ranges);
    const auto has_ends =
        static_cast<uint32>(count) == DatumGetMultirangeTypeP(multirange)->rangeCount;

    if (!has_ends || (count > 0 && ranges[0].first < 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("invalid ids of events: \"%s\"", text),
                        errdetail("Ids of events begin at 1, and each range must have two ends.")));
    return event_ids_datum(ranges, count);
}

/* As int8multirange's. */
extern "C" Datum
capi_event_ids_out(PG_FUNCTION_ARGS)
{
    IdRange* ranges;
    const int count = read_event_ids(PG_GETARG_DATUM(0), &ranges);
    const char* text = nullptr;

    call_cpp("print ids of events", [&] {
        text = CopyToPalloc(IdSet(std::vector<IdRange>(ranges, ranges + count)).ToMultirange());
    });
    PG_RETURN_CSTRING(text);
}

extern "C" Datum
capi_event_ids_to_multirange(PG_FUNCTION_ARGS)
{
    IdRange* ranges;
    const int count = read_event_ids(PG_GETARG_DATUM(0), &ranges);

    return multirange_datum(ranges, count);
}
