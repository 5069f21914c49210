/*
 * result_columns.hpp - the columns of a function that returns rows.
 */
#pragma once

#include "pg/pg_prelude.hpp"

namespace crm_capi {

/* As the function was declared, in the caller's memory context. */
TupleDesc result_columns(FunctionCallInfo fcinfo);

}  // namespace crm_capi
