/*
 * results.cpp - what a function returns that returns rows.
 */
#include "pg/base/results.hpp"

namespace crm_capi {

TupleDesc
result_columns(FunctionCallInfo fcinfo)
{
    TupleDesc columns;

    if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    return BlessTupleDesc(columns);
}

Tuplestorestate*
begin_results(FunctionCallInfo fcinfo, TupleDesc* columns)
{
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const char* const name = get_func_name(fcinfo->flinfo->fn_oid);

    if (result == nullptr || !IsA(result, ReturnSetInfo) ||
        (result->allowedModes & SFRM_Materialize) == 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("%s returns a set, which cannot be taken here", name),
                        errhint("Use SELECT * FROM %s(...).", name)));
    const MemoryContext before = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
    *columns = CreateTupleDescCopy(result_columns(fcinfo));
    Tuplestorestate* const results = tuplestore_begin_heap(true, false, work_mem);
    MemoryContextSwitchTo(before);
    result->returnMode = SFRM_Materialize;
    result->setResult = results;
    result->setDesc = *columns;
    return results;
}

}  // namespace crm_capi
