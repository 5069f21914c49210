/*
 * primary_key.hpp - which index of a table to look through.
 *
 * An index is asked for again at each use, of a table that is open and locked, and never
 * remembered: REINDEX CONCURRENTLY puts another one in its place, and ALTER INDEX gives it another
 * name. The table's lock keeps the one that is found from being dropped.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* The index of the primary key; InvalidOid if the table has none. A scan without an index reads the
 * table. */
Oid primary_key_of(Relation table);

/* A btree whose first column is this column of the table, over all of its rows; InvalidOid if there
 * is none. */
Oid index_led_by(Relation table, AttrNumber column);

/* The greatest number of the primary key, which is an integer in the first column, as far as the
 * snapshot shows; 0 if there is none, or no primary key. One descent of the index. */
int64 greatest_key(Oid relation, Snapshot snapshot);

/* Opens the index of the primary key; an ERROR if there is none. For scans in its order. */
Relation open_primary_key(Relation table, LOCKMODE lock);

}  // namespace crm_capi
