/*
 * unique_insert.cpp - inserting a row unless its key is there already.
 *
 * This is what ON CONFLICT DO NOTHING does, without its serialization failure: under REPEATABLE
 * READ the statement fails when the row that is there is newer than the snapshot, and the CRM's
 * statement must not fail because of us.
 */
#include "pg/base/unique_insert.hpp"

extern "C" {
#include "access/tableam.h"
}

namespace crm_capi {

namespace {

/* The row is inserted on trial: visible to nobody until its index entries are found unique. */
bool
try_insert(ResultRelInfo* target, EState* state, TupleTableSlot* slot)
{
    const Relation table = target->ri_RelationDesc;
    bool conflicts = false;

    const uint32 token = SpeculativeInsertionLockAcquire(GetCurrentTransactionId());
    table_tuple_insert_speculative(table, slot, GetCurrentCommandId(true), 0, nullptr, token);
    try_index_entries(target, slot, state, &conflicts);
    table_tuple_complete_speculative(table, slot, token, !conflicts);
    SpeculativeInsertionLockRelease(GetCurrentTransactionId());
    return !conflicts;
}

/* A conflict at the second look is with somebody who came in between: look again. */
bool
insert(ResultRelInfo* target, EState* state, TupleTableSlot* slot)
{
    while (is_new_to_indexes(target, slot, state)) {
        if (try_insert(target, state, slot))
            return true;
        CHECK_FOR_INTERRUPTS();
    }
    return false;
}

}  // namespace

bool
insert_unless_there(Oid relation, Datum* values, bool* nulls)
{
    const Relation table = table_open(relation, RowExclusiveLock);
    EState* const state = CreateExecutorState();
    ResultRelInfo* const target = makeNode(ResultRelInfo);
    TupleTableSlot* const slot = table_slot_create(table, nullptr);
    const int columns = RelationGetNumberOfAttributes(table);

    InitResultRelInfo(target, table, 0, nullptr, 0);
    ExecOpenIndices(target, true);
    memcpy(slot->tts_values, values, static_cast<size_t>(columns) * sizeof *values);
    memcpy(slot->tts_isnull, nulls, static_cast<size_t>(columns) * sizeof *nulls);
    ExecStoreVirtualTuple(slot);
    const bool is_inserted = insert(target, state, slot);
    ExecCloseIndices(target);
    ExecDropSingleTupleTableSlot(slot);
    FreeExecutorState(state);
    table_close(table, RowExclusiveLock);
    return is_inserted;
}

}  // namespace crm_capi
