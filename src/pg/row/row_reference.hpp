/*
 * row_reference.hpp - which row an event came from, for watches that check their condition again.
 *
 * Written down by names and by the text form of the primary key, so that it means the same after a
 * dump and restore.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"
#include "pg/watch/owner_rights.hpp"
#include "pg/watch/prepared_watch.hpp"

namespace crm_capi {

/* The reference to this row of the watch's table; NULL if the table has no primary key. */
Jsonb* reference_to_row(const Watch* watch, TupleTableSlot* slot);

/* The same, if the key cannot be a person's address or number: whole numbers, uuids, and texts of
 * letters and digits. NULL otherwise. */
Jsonb* impersonal_reference_to_row(const Watch* watch, TupleTableSlot* slot);

/* Where the watch is: the table that capi_watch() was called for, and its trigger there. False if
 * there is none any more. */
struct ReferencedWatch {
    Oid table;
    Oid trigger;
};
bool find_referenced_watch(Jsonb* reference, ReferencedWatch* found);
/* The same, or the one watch that the table has now. `schema` is the extension's. */
bool find_present_watch(Jsonb* reference, Oid schema, ReferencedWatch* found);

/* Tables that may hold the row: the partitions, of a table that has them. Locked. */
List* tables_with_rows_of(Oid table);
/* The watch's trigger on one of these; NULL if it has none. */
const Trigger* trigger_on(Relation table, Oid root);

/* Puts the row as it is now, in current memory, or NULL if this table has it not (any more), into
 * *row. Goes below row-level security. Values are read and compared by functions that the table's
 * owner may have chosen: false if one of them, called with the rights of `owner`, has raised an
 * error, or if the table has no primary key any more. */
bool fetch_referenced_row(Relation table, Oid owner, Jsonb* reference, HeapTuple* row,
                          Failure* failure);

}  // namespace crm_capi
