/*
 * watch_cache.hpp - what a watch, that is a trigger of ours, means for its table.
 *
 * Built at the first row, kept for the session, and built anew when the table or a dataset changes.
 */
#pragma once

#include "core/reason.hpp"
#include "pg/column_values.hpp"
#include "pg/pg_prelude.hpp"

namespace crm_capi {

struct Watch {
    Oid trigger; /* hash key */
    bool valid;
    Oid table;
    Oid server;
    Reason broken;         /* kNone, or why none of its events can be sent */
    const char* broken_by; /* the column or dataset that broke it */
    ColumnReader lead_id;
    ColumnReader stage;
    ColumnReader event_time;
    ColumnReader lead_created_at;
    MemoryContext memory;
};

/* The watch that this trigger of the table is. Never fails because of what it watches: a watch that
 * has become wrong says so in `broken`. Valid until the next command. */
Watch* watch_of(Relation table, const Trigger* trigger);

}  // namespace crm_capi
