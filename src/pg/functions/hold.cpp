/*
 * hold.cpp - capi_hold(): why nothing is sent to a dataset from here, for the view capi_status.
 *
 * It asks where we are and not what the shipper has written down: a dataset that was never used has
 * no row yet, and in a copy must not look well.
 */
#include "pg/base/pg_prelude.hpp"
#include "pg/base/results.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/origin.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_hold);
}

using namespace crm_capi;

extern "C" Datum
capi_hold(PG_FUNCTION_ARGS)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    const Oid server = find_dataset(NameStr(*PG_GETARG_NAME(0)));
    Datum values[2] = {};
    bool nulls[2] = {true, true};

    if (OidIsValid(server)) {
        const Hold hold = place_hold(server, is_registered_elsewhere(schema, server));
        const std::string_view code = Describe(hold.reason).code;
        if (hold.reason != Reason::kNone) {
            values[0] = PointerGetDatum(
                cstring_to_text_with_len(code.data(), static_cast<int>(code.size())));
            values[1] = CStringGetTextDatum(hold.detail);
            nulls[0] = nulls[1] = false;
        }
    }
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result_columns(fcinfo), values, nulls)));
}
