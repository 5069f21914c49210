/*
 * trigger_row.hpp - triggers as the catalog has them, for those who know no more than a number.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* What we want to know of a row of pg_trigger; in current memory. */
struct TriggerRow {
    Oid table;
    Oid parent; /* the trigger that this one is a clone of; InvalidOid = none */
    const char* name;
    int argument_count;
    const char** arguments;
};

/* False if there is no such trigger. */
bool find_trigger_row(Oid trigger, TriggerRow* found);

/* A row that the caller has found, with the columns of the catalog. */
TriggerRow read_trigger_row(HeapTuple tuple, TupleDesc columns);

}  // namespace crm_capi
