/*
 * row_insert.cpp - inserting rows into one of our own tables, at the price of the insert itself.
 *
 * CatalogTupleInsert() opens every index and works out its description anew for each row, which
 * costs about as much as the insert does.
 */
#include "pg/base/row_insert.hpp"

extern "C" {
#include "access/heapam.h"
#include "catalog/index.h"
#include "utils/resowner.h"
}

namespace crm_capi {

namespace {

/* Known targets, for the invalidation callback: capi_event_log, capi_settlement, capi_reached_stage
 * and, in a shipper, capi_request_log. */
InsertTarget* targets[4];
int target_count = 0;

/* An index that comes or goes invalidates its table. */
void
at_relation_change(Datum, Oid relation)
{
    for (int i = 0; i < target_count; i++) {
        if (relation == InvalidOid || relation == targets[i]->table)
            targets[i]->valid = targets[i]->current = false;
    }
}

void
enlist(InsertTarget* target)
{
    if (target_count == 0)
        CacheRegisterRelcacheCallback(at_relation_change, 0);
    Assert(target_count < static_cast<int>(lengthof(targets)));
    target->memory =
        AllocSetContextCreate(TopMemoryContext, "crm_capi insert target", ALLOCSET_SMALL_SIZES);
    targets[target_count++] = target;
}

bool
is_simple(Relation index, const IndexInfo* info)
{
    return info->ii_Expressions == NIL && info->ii_Predicate == NIL &&
           info->ii_ExclusionOps == nullptr && index->rd_index->indimmediate &&
           info->ii_ReadyForInserts;
}

/* The indexes over leads (lead_index.cpp) are asked nothing, so that they cost nothing. */
bool
takes_nothing_in(Relation index)
{
    const char* const method = get_am_name(index->rd_rel->relam);

    return method != nullptr && strcmp(method, "capi_lead") == 0;
}

void
describe_index(InsertTarget* target, Oid oid)
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
    MemoryContextSwitchTo(caller);
    target->indexes[target->index_count] = oid;
    target->index_infos[target->index_count++] = info;
    target->simple = target->simple && is_simple(index, info);
    index_close(index, NoLock);
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
    List* const indexes = RelationGetIndexList(table);
    foreach (cell, indexes)
        describe_index(target, lfirst_oid(cell));
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

/* Locking may bring the news that an index came or went: then once more. */
Relation
open_locked(InsertTarget* target, Oid oid)
{
    if (target->memory == nullptr)
        enlist(target);
    if (target->valid && target->table == oid && target->locked_in == my_local_transaction_id())
        return table_open(oid, NoLock);
    target->locked_in = InvalidLocalTransactionId;
    const Relation table = table_open(oid, RowExclusiveLock);
    do {
        if (!target->valid || target->table != oid)
            describe(target, table);
        lock(target);
    } while (!target->valid);
    target->locked_in = my_local_transaction_id();
    return table;
}

void
insert_into_indexes(InsertTarget* target, Relation table, ItemPointer row, const Datum* values,
                    const bool* nulls)
{
    for (int i = 0; i < target->index_count; i++) {
        IndexInfo* const info = target->index_infos[i];
        const Relation index = index_open(target->indexes[i], NoLock);
        Datum keys[INDEX_MAX_KEYS];
        bool key_nulls[INDEX_MAX_KEYS];
        for (int key = 0; key < info->ii_NumIndexAttrs; key++) {
            keys[key] = values[info->ii_IndexAttrNumbers[key] - 1];
            key_nulls[key] = nulls[info->ii_IndexAttrNumbers[key] - 1];
        }
        index_insert(index, keys, key_nulls, row, table,
                     info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
        index_close(index, NoLock);
    }
}

/* An operator's own index may be anything. */
void
insert_by_executor(Relation table, HeapTuple tuple)
{
    EState* const state = CreateExecutorState();
    ResultRelInfo* const info = makeNode(ResultRelInfo);
    TupleTableSlot* const slot =
        MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);

    ExecStoreHeapTuple(tuple, slot, false);
    InitResultRelInfo(info, table, 1, nullptr, 0);
    ExecOpenIndices(info, false);
    slot->tts_tableOid = RelationGetRelid(table);
    list_free(insert_index_entries(info, slot, state));
    ExecCloseIndices(info);
    ExecDropSingleTupleTableSlot(slot);
    FreeExecutorState(state);
}

}  // namespace

void
insert_row(InsertTarget* target, Oid oid, Datum* values, bool* nulls)
{
    const Relation table = open_locked(target, oid);
    const HeapTuple tuple = heap_form_tuple(RelationGetDescr(table), values, nulls);

    simple_heap_insert(table, tuple);
    if (target->simple)
        insert_into_indexes(target, table, &tuple->t_self, values, nulls);
    else
        insert_by_executor(table, tuple);
    heap_freetuple(tuple);
    table_close(table, NoLock);
}

}  // namespace crm_capi
