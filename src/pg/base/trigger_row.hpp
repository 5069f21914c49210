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

/* The triggers of an open table, as they are now; NULL if it has none. A copy in current memory:
 * what the table has itself is freed when any news of it is heard, also under a lock, and any look
 * at a catalog may hear of some. */
const TriggerDesc* triggers_of(Relation table);

}  // namespace crm_capi
