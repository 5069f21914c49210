/*
 * result_columns.cpp - the columns of a function that returns rows.
 */
#include "pg/result_columns.hpp"

namespace crm_capi {

TupleDesc
result_columns(FunctionCallInfo fcinfo)
{
    TupleDesc columns;

    if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    return BlessTupleDesc(columns);
}

}  // namespace crm_capi
