/*
 * primary_key.cpp - which index of a table to look through.
 */
#include "pg/base/primary_key.hpp"

extern "C" {
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
}

namespace crm_capi {

namespace {

/* An index that is being built, or that a cancelled REINDEX CONCURRENTLY has left, is not valid. */
bool
is_led_by(Oid oid, AttrNumber column)
{
    const Relation index = index_open(oid, AccessShareLock);
    const bool is_led = index->rd_index->indisvalid && index->rd_rel->relam == BTREE_AM_OID &&
                        index->rd_index->indkey.values[0] == column &&
                        heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr);

    index_close(index, AccessShareLock);
    return is_led;
}

/* The first column of a row, of type integer or bigint. */
int64
key_of(HeapTuple row, TupleDesc columns)
{
    bool isnull;
    const Datum key = heap_getattr(row, 1, columns, &isnull);

    return TupleDescAttr(columns, 0)->atttypid == INT4OID ? DatumGetInt32(key) : DatumGetInt64(key);
}

}  // namespace

Oid
primary_key_of(Relation table)
{
    list_free(RelationGetIndexList(table));
    return table->rd_pkindex;
}

Oid
index_led_by(Relation table, AttrNumber column)
{
    List* const indexes = RelationGetIndexList(table);
    ListCell* cell;
    Oid found = InvalidOid;

    foreach (cell, indexes) {
        if (!OidIsValid(found) && is_led_by(lfirst_oid(cell), column))
            found = lfirst_oid(cell);
    }
    list_free(indexes);
    return found;
}

int64
greatest_key(Oid relation, Snapshot snapshot)
{
    const Relation table = table_open(relation, AccessShareLock);
    int64 greatest = 0;

    if (OidIsValid(primary_key_of(table))) {
        const Relation index = open_primary_key(table, AccessShareLock);
        const SysScanDesc scan = systable_beginscan_ordered(table, index, snapshot, 0, nullptr);
        const HeapTuple last = systable_getnext_ordered(scan, BackwardScanDirection);
        if (HeapTupleIsValid(last))
            greatest = key_of(last, RelationGetDescr(table));
        systable_endscan_ordered(scan);
        index_close(index, AccessShareLock);
    }
    table_close(table, AccessShareLock);
    return greatest;
}

Relation
open_primary_key(Relation table, LOCKMODE lock)
{
    const Oid index = primary_key_of(table);

    if (!OidIsValid(index))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT),
                 errmsg("relation \"%s\" has no primary key", RelationGetRelationName(table)),
                 errdetail("The tables of crm_capi are read in the order of their keys."),
                 errhint("Use ALTER TABLE ... ADD PRIMARY KEY.")));
    return index_open(index, lock);
}

}  // namespace crm_capi
