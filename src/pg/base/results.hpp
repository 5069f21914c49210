/*
 * results.hpp - what a function returns that returns rows.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The columns as the function was declared, in the caller's memory context. */
TupleDesc result_columns(FunctionCallInfo fcinfo);

/* Where a function puts its rows that returns them all at once; an ERROR where none can be taken.
 * The function returns NULL afterwards. */
Tuplestorestate* begin_results(FunctionCallInfo fcinfo, TupleDesc* columns);

}  // namespace crm_capi
