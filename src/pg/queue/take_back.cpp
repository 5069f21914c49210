/*
 * take_back.cpp - taking back an event that this transaction has enqueued.
 *
 * Nobody else can see the rows yet, so deleting them waits for nobody and meets no conflict.
 */
#include "pg/queue/take_back.hpp"

#include "pg/base/primary_key.hpp"
#include "pg/base/texts.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/queue/reached_stage.hpp"

extern "C" {
#include "access/heapam.h"
}

namespace crm_capi {

namespace {

/* A row of one of our tables, found by the number in its first column, among those that are
 * committed or our own: which command of this transaction wrote it does not matter. */
HeapTuple
find_row(Relation table, int64 number)
{
    ScanKeyData key;

    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(number));
    const SysScanDesc scan =
        systable_beginscan(table, primary_key_of(table), true, SnapshotSelf, 1, &key);
    const HeapTuple tuple = systable_getnext(scan);
    const HeapTuple copy = HeapTupleIsValid(tuple) ? heap_copytuple(tuple) : nullptr;
    systable_endscan(scan);
    return copy;
}

/* By the numbers of the columns that we know; a newer version of the table may have more. */
struct LogRow {
    Datum values[event_log_column::kEnd];
    bool nulls[event_log_column::kEnd];
};

LogRow
read_log_row(HeapTuple tuple, TupleDesc columns)
{
    LogRow row = {};

    for (int i = event_log_column::kId; i < event_log_column::kEnd; i++)
        row.values[i] = heap_getattr(tuple, i, columns, &row.nulls[i]);
    return row;
}

/* Whether this transaction, or a subtransaction of it that was not rolled back, has written the
 * row. */
bool
is_own(HeapTuple tuple)
{
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
}

/* Lead, stage and time of the row. */
NewEvent
event_of(const LogRow& row)
{
    NewEvent event = {};

    event.has_event_time = !row.nulls[event_log_column::kEventTime];
    if (event.has_event_time)
        event.event_time = DatumGetTimestampTz(row.values[event_log_column::kEventTime]);
    event.has_lead_id = !row.nulls[event_log_column::kLeadId];
    if (event.has_lead_id)
        event.lead_id = DatumGetInt64(row.values[event_log_column::kLeadId]);
    if (!row.nulls[event_log_column::kEventName])
        event.event_name = DatumGetTextPCopy(row.values[event_log_column::kEventName]);
    return event;
}

/* Parked when it was enqueued, and not touched since. */
bool
is_just_parked(Relation settlements, HeapTuple tuple)
{
    bool isnull;
    const Datum status =
        heap_getattr(tuple, settlement_column::kStatus, RelationGetDescr(settlements), &isnull);

    return strcmp(TextDatumGetCString(status), "parked") == 0;
}

/* False if somebody has decided about the event. */
bool
delete_settlement(const Relations* relations, int64 id, bool parked)
{
    const Relation table = table_open(relations->settlement, RowExclusiveLock);
    const HeapTuple tuple = find_row(table, id);
    const bool is_undecided = tuple == nullptr || (parked && is_just_parked(table, tuple));

    if (tuple != nullptr && is_undecided)
        simple_heap_delete(table, &tuple->t_self);
    table_close(table, NoLock);
    return is_undecided;
}

/* Deletes the row of the log and what hangs on it. False if it is another event, or somebody has
 * decided about it. */
bool
delete_event(Oid schema, Relation log, HeapTuple tuple, const NewEvent& like)
{
    const LogRow row = read_log_row(tuple, RelationGetDescr(log));
    const int64 id = DatumGetInt64(row.values[event_log_column::kId]);

    if (!is_about_the_same(event_of(row), like) ||
        !delete_settlement(relations_in(schema), id,
                           DatumGetBool(row.values[event_log_column::kParked])))
        return false;
    if (!row.nulls[event_log_column::kRecheck] &&
        is_first_only(DatumGetJsonbP(row.values[event_log_column::kRecheck])))
        forget_reached_stage(schema, like, id);
    simple_heap_delete(log, &tuple->t_self);
    return true;
}

}  // namespace

bool
read_own_event(Oid schema, int64 id, NewEvent* event)
{
    const Relation log = table_open(relations_in(schema)->event_log, AccessShareLock);
    const HeapTuple tuple = find_row(log, id);
    const bool is_there = tuple != nullptr && is_own(tuple);

    if (is_there)
        *event = event_of(read_log_row(tuple, RelationGetDescr(log)));
    table_close(log, NoLock);
    return is_there;
}

bool
is_about_the_same(const NewEvent& a, const NewEvent& b)
{
    return a.has_lead_id == b.has_lead_id && (!a.has_lead_id || a.lead_id == b.lead_id) &&
           is_same_text(a.event_name, b.event_name);
}

bool
take_back(Oid schema, int64 id, const NewEvent& like)
{
    const Relations* const relations = relations_in(schema);
    const Relation log = table_open(relations->event_log, RowExclusiveLock);
    const HeapTuple tuple = find_row(log, id);
    bool is_taken_back = false;

    if (tuple != nullptr && is_own(tuple)) {
        CommandCounterIncrement(); /* what the current command has written cannot be deleted */
        is_taken_back = delete_event(schema, log, tuple, like);
    }
    table_close(log, NoLock);
    return is_taken_back;
}

}  // namespace crm_capi
