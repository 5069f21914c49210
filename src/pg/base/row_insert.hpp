/*
 * row_insert.hpp - inserting rows into one of our own tables, at the price of the insert itself.
 *
 * What a table's indexes look like is learnt once per session, its locks are taken once per
 * transaction. What is left per row is the heap and the indexes.
 */
#pragma once

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* What a session knows of a table that it inserts into. One static object per table; all zeros is
 * the beginning. */
struct InsertTarget {
    /* More indexes than this are somebody else's, and take the executor's way. */
    static constexpr int kMostIndexes = 8;

    Oid table;
    bool valid;                   /* what follows describes the table */
    bool current;                 /* it has not changed since that was begun to be learnt */
    bool simple;                  /* no index has expressions, a predicate or a deferred check */
    LocalTransactionId locked_in; /* the transaction that holds the locks */
    int index_count;
    Oid indexes[kMostIndexes];
    IndexInfo* index_infos[kMostIndexes];
    MemoryContext memory;
};

/* Inserts a row with its index entries. No right is checked, no trigger fires, no constraint but
 * those of the indexes is looked at: the caller makes rows that meet them. The locks are kept until
 * the transaction ends, as for any table that was written to. */
void insert_row(InsertTarget* target, Oid table, Datum* values, bool* nulls);

}  // namespace crm_capi
