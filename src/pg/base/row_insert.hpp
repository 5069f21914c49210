/*
 * row_insert.hpp - inserting rows into one of our own tables, at the price of the insert itself.
 *
 * What a table's indexes look like is learnt once per session, its locks are taken once per
 * transaction. What is left per row is the heap and the indexes. A key that is there already is no
 * error: a CRM's statement must not fail because a number of ours is taken.
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
    bool simple;                  /* every index is a plain btree, as we make them */
    LocalTransactionId locked_in; /* the transaction that holds the locks */
    int index_count;
    Oid indexes[kMostIndexes];
    IndexInfo* index_infos[kMostIndexes];
    IndexUniqueCheck checks[kMostIndexes];
    List* key_indexes; /* OIDs of those that hold the primary key: itself, and its copy in a REINDEX
                        */
    MemoryContext memory;
    InsertTarget* next; /* of those that this process knows */
};

/* Inserts a row with its index entries; `count` columns have values, further ones are NULL. False,
 * and there is no row, if one with its primary key is there or may come: this waits for nobody. No
 * right is checked, no trigger fires, no constraint but those of the indexes is looked at: the
 * caller makes rows that meet them. The locks are kept until the transaction ends, as for any table
 * that was written to. */
[[nodiscard]] bool insert_row(InsertTarget* target, Oid table, const Datum* values,
                              const bool* nulls, int count, ItemPointer place = nullptr);

/* Takes a row back that this transaction has inserted. `place` is where insert_row() has put it. */
void remove_row(Oid table, ItemPointer place);

}  // namespace crm_capi
