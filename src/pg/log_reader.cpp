/*
 * log_reader.cpp - reading capi_event_log by id, under a snapshot, always through its primary key.
 */
#include "pg/log_reader.hpp"

#include "pg/event_log.hpp"
#include "pg/relations.hpp"

namespace crm_capi {

class LogReader {
public:
    Relation table;
    Relation index;
    SysScanDesc scan;
    ScanKeyData keys[2];
};

namespace {

Datum
column(const LogReader* reader, HeapTuple tuple, int number, bool* isnull)
{
    return heap_getattr(tuple, number, RelationGetDescr(reader->table), isnull);
}

const char*
to_utf8(char* text)
{
    return pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8);
}

const char*
json_column(const LogReader* reader, HeapTuple tuple, int number)
{
    bool isnull;
    const Datum value = column(reader, tuple, number, &isnull);
    if (isnull)
        return "";
    Jsonb* const json = DatumGetJsonbP(value);
    return to_utf8(JsonbToCString(nullptr, &json->root, static_cast<int>(VARSIZE(json))));
}

void
read_times(const LogReader* reader, HeapTuple tuple, LoggedEvent* event)
{
    bool isnull;
    Datum value = column(reader, tuple, event_log_column::kEventTime, &isnull);
    event->event_time = isnull ? 0 : to_unix_micros(DatumGetTimestampTz(value));
    value = column(reader, tuple, event_log_column::kEnqueuedAt, &isnull);
    event->enqueued_at = DatumGetTimestampTz(value);
}

void
read_content(const LogReader* reader, HeapTuple tuple, LoggedEvent* event)
{
    bool isnull;
    Datum value = column(reader, tuple, event_log_column::kEventName, &isnull);
    event->event_name = isnull ? "" : to_utf8(TextDatumGetCString(value));
    event->user_data = json_column(reader, tuple, event_log_column::kUserData);
    event->custom_data = json_column(reader, tuple, event_log_column::kCustomData);
    value = column(reader, tuple, event_log_column::kRecheck, &isnull);
    event->recheck = isnull ? nullptr : DatumGetJsonbPCopy(value);
}

}  // namespace

LogReader*
open_log(Oid schema, IdRange range)
{
    const Relations* const relations = relations_in(schema);
    auto* const reader = static_cast<LogReader*>(palloc0(sizeof(LogReader)));

    reader->table = table_open(relations->event_log, AccessShareLock);
    reader->index = index_open(relations->event_log_pkey, AccessShareLock);
    ScanKeyInit(&reader->keys[0], event_log_column::kId, BTGreaterEqualStrategyNumber, F_INT8GE,
                Int64GetDatum(range.first));
    ScanKeyInit(&reader->keys[1], event_log_column::kId, BTLessEqualStrategyNumber, F_INT8LE,
                Int64GetDatum(range.last));
    reader->scan = systable_beginscan_ordered(reader->table, reader->index, GetActiveSnapshot(), 2,
                                              reader->keys);
    return reader;
}

bool
next_event(LogReader* reader, Columns columns, LoggedEvent* event)
{
    const HeapTuple tuple = systable_getnext_ordered(reader->scan, ForwardScanDirection);
    bool isnull;

    if (!HeapTupleIsValid(tuple))
        return false;
    event->id = DatumGetInt64(column(reader, tuple, event_log_column::kId, &isnull));
    const Datum dataset = column(reader, tuple, event_log_column::kDataset, &isnull);
    event->dataset = isnull ? 0 : DatumGetInt32(dataset);
    const Datum lead = column(reader, tuple, event_log_column::kLeadId, &isnull);
    event->lead_id = isnull ? 0 : DatumGetInt64(lead);
    event->parked = DatumGetBool(column(reader, tuple, event_log_column::kParked, &isnull));
    if (columns != Columns::kKeyOnly)
        read_times(reader, tuple, event);
    if (columns == Columns::kAll)
        read_content(reader, tuple, event);
    return true;
}

void
close_log(LogReader* reader)
{
    systable_endscan_ordered(reader->scan);
    index_close(reader->index, AccessShareLock);
    table_close(reader->table, AccessShareLock);
    pfree(reader);
}

/* Transaction ids of a snapshot have 32 bits; the window compares ids across hours, so they get
 * their epoch from the next id, which none of them can be ahead of. */
RunningTransactions
running_transactions()
{
    const Snapshot snapshot = GetActiveSnapshot();
    const uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
    const auto widen = [next](TransactionId xid) {
        const uint64 epoch = next >> 32;
        const uint64 wide = (epoch << 32) | xid;
        return wide > next ? wide - (UINT64CONST(1) << 32) : wide;
    };
    RunningTransactions result;

    result.next_xid = next;
    result.xmax = widen(snapshot->xmax);
    result.count = static_cast<int>(snapshot->xcnt);
    result.running = static_cast<uint64*>(palloc(sizeof(uint64) * (snapshot->xcnt + 1)));
    for (uint32 i = 0; i < snapshot->xcnt; i++)
        result.running[i] = widen(snapshot->xip[i]);
    return result;
}

}  // namespace crm_capi
