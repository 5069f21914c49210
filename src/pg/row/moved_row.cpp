/*
 * moved_row.cpp - rows that move between partitions.
 */
#include "pg/row/moved_row.hpp"
#include "pg/base/hash_table.hpp"

extern "C" {
#include "access/tupconvert.h"
}

namespace crm_capi {

namespace {

/* Each watch has its own: the triggers of several watches fire in turn. */
struct MovedRow {
    Oid root;                       /* hash key: a watch has another trigger on each partition */
    LocalTransactionId transaction; /* the tuple is gone with it */
    SubTransactionId subtransaction;
    Oid table;
    HeapTuple tuple; /* NULL = none */
};

HTAB* moved_rows = nullptr;

/* For the life of the process: one entry for each watch. */
void
create_moved_rows()
{
    moved_rows = create_hash_table<Oid, MovedRow>("crm_capi moved rows", TopMemoryContext);
}

/* A version of a row that was deleted by moving it points nowhere, and is marked so. Only heaps
 * have such a mark; a row of another kind of table might move. */
bool
may_move(TupleTableSlot* deleted)
{
    return !TTS_IS_BUFFERTUPLE(deleted) ||
           HeapTupleHeaderIndicatesMovedPartitions(
               ExecFetchSlotHeapTuple(deleted, false, nullptr)->t_data);
}

/* What the watch remembers of this subtransaction; NULL if nothing. What others remember ended with
 * them. */
MovedRow*
find_moved(const Watch* watch)
{
    if (moved_rows == nullptr)
        return nullptr;
    auto* const moved =
        static_cast<MovedRow*>(hash_search(moved_rows, &watch->root, HASH_FIND, nullptr));
    if (moved == nullptr || moved->tuple == nullptr ||
        moved->transaction != my_local_transaction_id() ||
        moved->subtransaction != GetCurrentSubTransactionId())
        return nullptr;
    return moved;
}

/* Within the transaction that remembers it. */
void
free_tuple(MovedRow* moved)
{
    if (moved->tuple != nullptr)
        heap_freetuple(moved->tuple);
    moved->tuple = nullptr;
}

/* The columns of two partitions may stand in different orders. The slot says where the row was. */
TupleTableSlot*
in_form_of(Relation table, Oid origin, HeapTuple tuple)
{
    const Relation from = table_open(origin, NoLock); /* locked by the statement that moves rows */
    TupleConversionMap* const map =
        convert_tuples_by_name(RelationGetDescr(from), RelationGetDescr(table));
    TupleTableSlot* const slot =
        MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(table)), &TTSOpsHeapTuple);

    ExecStoreHeapTuple(map != nullptr ? execute_attr_map_tuple(tuple, map) : tuple, slot, false);
    slot->tts_tableOid = origin;
    slot->tts_tid = tuple->t_self;
    table_close(from, NoLock);
    return slot;
}

}  // namespace

void
remember_if_moving(const Watch* watch, Relation table, TupleTableSlot* deleted)
{
    if (!may_move(deleted))
        return;
    if (moved_rows == nullptr)
        create_moved_rows();
    bool known;
    auto* const moved =
        static_cast<MovedRow*>(hash_search(moved_rows, &watch->root, HASH_ENTER, &known));
    if (known && moved->transaction == my_local_transaction_id())
        free_tuple(moved); /* it was deleted for good, or not moved after all */
    const MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);
    moved->tuple = ExecCopySlotHeapTuple(deleted);
    MemoryContextSwitchTo(before);
    moved->transaction = my_local_transaction_id();
    moved->subtransaction = GetCurrentSubTransactionId();
    moved->table = RelationGetRelid(table);
}

TupleTableSlot*
take_moved(const Watch* watch, Relation table)
{
    MovedRow* const moved = find_moved(watch);

    if (moved == nullptr)
        return nullptr;
    TupleTableSlot* const slot = in_form_of(table, moved->table, heap_copytuple(moved->tuple));
    free_tuple(moved);
    return slot;
}

void
forget_moved(const Watch* watch)
{
    if (MovedRow* const moved = find_moved(watch))
        free_tuple(moved);
}

}  // namespace crm_capi
