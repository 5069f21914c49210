/*
 * row_insert.cpp - inserting rows into one of our own tables, at the price of the insert itself.
 *
 * CatalogTupleInsert() opens every index and works out its description anew for each row, which
 * costs about as much as the insert does.
 *
 * What is remembered of an index is thrown away by every message about it or its table, and used
 * under the table's lock only: an index that REINDEX CONCURRENTLY replaces is dropped when nobody
 * holds that lock any more who could have known it. The descriptions of indexes that keep something
 * of their own in them (GIN, BRIN, GiST: pointers into the relation cache, and pins) are never
 * remembered.
 */
#include "pg/base/row_insert.hpp"

#include "pg/base/primary_key.hpp"
#include "pg/base/relation_changes.hpp"

extern "C" {
#include "access/heapam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "utils/resowner.h"
}

namespace crm_capi {

namespace {

/* Those that this process knows, for the invalidation callback. */
InsertTarget* targets = nullptr;

bool
is_about(const InsertTarget* target, Oid relation)
{
    bool is_index = false;

    for (int i = 0; i < target->index_count; i++)
        is_index = is_index || target->indexes[i] == relation;
    return relation == InvalidOid || relation == target->table || is_index;
}

/* An index that comes or goes invalidates its table, too. */
void
at_relation_change(Oid relation)
{
    for (InsertTarget* target = targets; target != nullptr; target = target->next) {
        if (is_about(target, relation))
            target->valid = target->current = false;
    }
}

void
enlist(InsertTarget* target)
{
    if (targets == nullptr)
        on_relation_change(at_relation_change);
    target->memory =
        AllocSetContextCreate(TopMemoryContext, "crm_capi insert target", ALLOCSET_SMALL_SIZES);
    target->next = targets;
    targets = target;
}

bool
is_simple(Relation index, const IndexInfo* info)
{
    return index->rd_rel->relam == BTREE_AM_OID && info->ii_Expressions == NIL &&
           info->ii_Predicate == NIL && info->ii_ExclusionOps == nullptr &&
           index->rd_index->indimmediate && info->ii_ReadyForInserts;
}

/* Whether the index has the key columns of the primary key and keeps them unique. */
bool
holds_key(const IndexInfo* info, const IndexInfo* key)
{
    bool is_same = info->ii_Unique && info->ii_Predicate == NIL && info->ii_Expressions == NIL &&
                   info->ii_NumIndexKeyAttrs == key->ii_NumIndexKeyAttrs;

    for (int i = 0; is_same && i < key->ii_NumIndexKeyAttrs; i++)
        is_same = info->ii_IndexAttrNumbers[i] == key->ii_IndexAttrNumbers[i];
    return is_same;
}

/* The indexes over leads (lead_index.cpp) are asked nothing, so that they cost nothing. */
bool
takes_nothing_in(Relation index)
{
    const char* const method = get_am_name(index->rd_rel->relam);

    return method != nullptr && strcmp(method, "capi_lead") == 0;
}

void
describe_index(InsertTarget* target, Oid oid, const IndexInfo* key)
{
    if (target->index_count == InsertTarget::kMostIndexes) {
        target->simple = false;
        return;
    }
    const Relation index = index_open(oid, RowExclusiveLock);
    if (takes_nothing_in(index)) {
        index_close(index, NoLock);
        return;
    }
    const MemoryContext caller = MemoryContextSwitchTo(target->memory);
    IndexInfo* const info = BuildIndexInfo(index);
    const bool is_key = key != nullptr && holds_key(info, key);
    if (is_key)
        target->key_indexes = lappend_oid(target->key_indexes, oid);
    MemoryContextSwitchTo(caller);
    /* A unique index of somebody else raises an error of his own. */
    target->checks[target->index_count] = is_key            ? UNIQUE_CHECK_PARTIAL
                                          : info->ii_Unique ? UNIQUE_CHECK_YES
                                                            : UNIQUE_CHECK_NO;
    target->indexes[target->index_count] = oid;
    target->index_infos[target->index_count++] = info;
    target->simple = target->simple && is_simple(index, info);
    index_close(index, NoLock);
}

/* In current memory; NULL if there is none. */
IndexInfo*
describe_key(Relation table)
{
    const Oid oid = primary_key_of(table);

    if (!OidIsValid(oid))
        return nullptr;
    const Relation index = index_open(oid, RowExclusiveLock);
    IndexInfo* const info = BuildIndexInfo(index);
    index_close(index, NoLock);
    return info;
}

/* Not valid if an error or a change comes in the middle. */
void
describe(InsertTarget* target, Relation table)
{
    ListCell* cell;

    MemoryContextReset(target->memory);
    target->table = RelationGetRelid(table);
    target->valid = false;
    target->current = true;
    target->simple = true;
    target->index_count = 0;
    target->key_indexes = NIL;
    const IndexInfo* const key = describe_key(table);
    List* const indexes = RelationGetIndexList(table);
    foreach (cell, indexes)
        describe_index(target, lfirst_oid(cell), key);
    list_free(indexes);
    target->valid = target->current;
}

/* The top transaction owns the locks: those of a subtransaction would be gone after its rollback,
 * and locked_in would not know. */
void
lock(InsertTarget* target)
{
    const ResourceOwner caller = CurrentResourceOwner;

    CurrentResourceOwner = TopTransactionResourceOwner;
    LockRelationOid(target->table, RowExclusiveLock);
    for (int i = 0; i < target->index_count; i++)
        LockRelationOid(target->indexes[i], RowExclusiveLock);
    CurrentResourceOwner = caller;
}

/* What is learnt under the table's lock holds as long as the lock, whatever news comes: who adds or
 * drops an index concurrently waits for all that hold it. News only has it learnt anew the next
 * time; to wait here until none comes would be to wait for ever where every lookup throws away what
 * is remembered (debug_discard_caches). */
Relation
open_locked(InsertTarget* target, Oid oid)
{
    if (target->memory == nullptr)
        enlist(target);
    if (target->valid && target->table == oid && target->locked_in == my_local_transaction_id())
        return table_open(oid, NoLock);
    target->locked_in = InvalidLocalTransactionId;
    const Relation table = table_open(oid, RowExclusiveLock);
    if (!target->valid || target->table != oid)
        describe(target, table);
    lock(target);
    target->locked_in = my_local_transaction_id();
    return table;
}

/* False if the key is taken. The rest of the indexes is left out then, as the row will be. */
bool
insert_into_indexes(const InsertTarget* target, Relation table, HeapTuple tuple)
{
    const TupleDesc columns = RelationGetDescr(table);
    bool is_new = true;

    for (int i = 0; i < target->index_count && is_new; i++) {
        IndexInfo* const info = target->index_infos[i];
        const Relation index = index_open(target->indexes[i], NoLock);
        Datum keys[INDEX_MAX_KEYS];
        bool nulls[INDEX_MAX_KEYS];
        for (int key = 0; key < info->ii_NumIndexAttrs; key++)
            keys[key] = heap_getattr(tuple, info->ii_IndexAttrNumbers[key], columns, &nulls[key]);
        const bool is_unique =
            index_insert(index, keys, nulls, &tuple->t_self, table, target->checks[i], false, info);
        is_new = is_unique || target->checks[i] != UNIQUE_CHECK_PARTIAL;
        index_close(index, NoLock);
    }
    return is_new;
}

/* An operator's own index may be anything. False if the key is taken. */
bool
insert_by_executor(const InsertTarget* target, Relation table, HeapTuple tuple)
{
    EState* const state = CreateExecutorState();
    ResultRelInfo* const info = makeNode(ResultRelInfo);
    TupleTableSlot* const slot =
        MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
    bool conflicts = false;

    ExecStoreHeapTuple(tuple, slot, false);
    InitResultRelInfo(info, table, 1, nullptr, 0);
    ExecOpenIndices(info, false);
    slot->tts_tableOid = RelationGetRelid(table);
    if (target->key_indexes != NIL)
        try_index_entries(info, slot, state, target->key_indexes, &conflicts);
    else
        list_free(insert_index_entries(info, slot, state));
    ExecCloseIndices(info);
    ExecDropSingleTupleTableSlot(slot);
    FreeExecutorState(state);
    return !conflicts;
}

/* The row in the form of the table, which may have got columns that we do not know. */
HeapTuple
form_tuple(Relation table, const Datum* values, const bool* nulls, int count)
{
    const TupleDesc columns = RelationGetDescr(table);
    Datum all_values[MaxHeapAttributeNumber];
    bool all_nulls[MaxHeapAttributeNumber];

    for (int i = 0; i < columns->natts; i++) {
        all_nulls[i] = i >= count || nulls[i] || TupleDescAttr(columns, i)->attisdropped;
        all_values[i] = all_nulls[i] ? static_cast<Datum>(0) : values[i];
    }
    return heap_form_tuple(columns, all_values, all_nulls);
}

/* Of this command: before the next one begins it cannot be deleted. */
void
undo_insert(Relation table, ItemPointer place)
{
    CommandCounterIncrement();
    simple_heap_delete(table, place);
}

}  // namespace

bool
insert_row(InsertTarget* target, Oid oid, const Datum* values, const bool* nulls, int count,
           ItemPointer place)
{
    const Relation table = open_locked(target, oid);
    const HeapTuple tuple = form_tuple(table, values, nulls, count);

    simple_heap_insert(table, tuple);
    const bool is_inserted = target->simple ? insert_into_indexes(target, table, tuple)
                                            : insert_by_executor(target, table, tuple);
    if (!is_inserted)
        undo_insert(table, &tuple->t_self);
    if (place != nullptr)
        *place = tuple->t_self;
    heap_freetuple(tuple);
    table_close(table, NoLock);
    return is_inserted;
}

void
remove_row(Oid oid, ItemPointer place)
{
    const Relation table = table_open(oid, RowExclusiveLock);

    undo_insert(table, place);
    table_close(table, NoLock);
}

}  // namespace crm_capi
