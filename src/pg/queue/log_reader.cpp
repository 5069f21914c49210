/*
 * log_reader.cpp - reading capi_event_log by id, under a snapshot, always through its primary key.
 */
#include "pg/queue/log_reader.hpp"
#include "pg/base/clock.hpp"

#include "pg/base/primary_key.hpp"
#include "pg/queue/event_content.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/queue/event_log.hpp"

namespace crm_capi {

class LogReader {
public:
    Relation table;
    Relation index;
    SysScanDesc scan; /* NULL before the first range */
    IdRange range;    /* asked for */
    int64 scan_ends;  /* the scan goes so far */
    HeapTuple tuple;  /* the latest of the scan; NULL before the first and after the last */
    int64 id;         /* its id */
    bool is_ahead;    /* it lies behind the range asked for, and may belong to the next one */
    bool has_ended;   /* the scan */
};

namespace {

/* How far a scan looks beyond its range, in case that the next one begins there. Rows that are not
 * visible, of which there may be millions, are looked at within this as well. */
constexpr int64 kOverlap = 64;

/* What the tuple holds is not copied. */
Datum
column(const LogReader* reader, HeapTuple tuple, int number, bool* isnull)
{
    return heap_getattr(tuple, number, RelationGetDescr(reader->table), isnull);
}

/* Both times: the event's own is 0 if it is NULL, which only parked events have. */
void
read_times(const LogReader* reader, HeapTuple tuple, LoggedEvent* event)
{
    bool isnull;
    Datum value = column(reader, tuple, event_log_column::kEventTime, &isnull);
    event->event_time = isnull ? 0 : to_unix_micros(DatumGetTimestampTz(value));
    value = column(reader, tuple, event_log_column::kEnqueuedAt, &isnull);
    event->enqueued_at = DatumGetTimestampTz(value);
}

/* Both times: the event's own is 0 if it is NULL, which only parked events have. */
/* Moves the scan to the next row of the range; false if there is none. */
bool
advance(LogReader* reader)
{
    bool isnull;

    while (!reader->has_ended) {
        if (!reader->is_ahead) {
            reader->tuple = systable_getnext_ordered(reader->scan, ForwardScanDirection);
            reader->has_ended = !HeapTupleIsValid(reader->tuple);
            if (reader->has_ended)
                break;
            reader->id =
                DatumGetInt64(column(reader, reader->tuple, event_log_column::kId, &isnull));
        }
        reader->is_ahead = reader->id > reader->range.last;
        if (reader->is_ahead)
            return false;
        if (reader->id >= reader->range.first)
            return true;
    }
    return false;
}

}  // namespace

LogReader*
open_log(Oid schema)
{
    auto* const reader = static_cast<LogReader*>(palloc0(sizeof(LogReader)));

    reader->table = table_open(relations_in(schema)->event_log, AccessShareLock);
    reader->index = open_primary_key(reader->table, AccessShareLock);
    return reader;
}

void
seek_events(LogReader* reader, IdRange range)
{
    const bool goes_on = reader->scan != nullptr && range.first > reader->range.last &&
                         range.last <= reader->scan_ends;
    ScanKeyData keys[2];

    reader->range = range;
    if (goes_on)
        return;
    if (reader->scan)
        systable_endscan_ordered(reader->scan);
    reader->scan_ends = range.last > PG_INT64_MAX - kOverlap ? range.last : range.last + kOverlap;
    reader->is_ahead = false;
    reader->has_ended = false;
    ScanKeyInit(&keys[0], event_log_column::kId, BTGreaterEqualStrategyNumber, F_INT8GE,
                Int64GetDatum(range.first));
    ScanKeyInit(&keys[1], event_log_column::kId, BTLessEqualStrategyNumber, F_INT8LE,
                Int64GetDatum(reader->scan_ends));
    reader->scan =
        systable_beginscan_ordered(reader->table, reader->index, GetActiveSnapshot(), 2, keys);
}

LogReader*
open_log_at(Oid schema, IdRange range)
{
    LogReader* const reader = open_log(schema);

    seek_events(reader, range);
    return reader;
}

bool
next_event(LogReader* reader, Columns columns, LoggedEvent* event)
{
    bool isnull;

    if (!advance(reader))
        return false;
    const HeapTuple tuple = reader->tuple;
    event->id = reader->id;
    const Datum dataset = column(reader, tuple, event_log_column::kDataset, &isnull);
    event->dataset = isnull ? 0 : DatumGetInt32(dataset);
    const Datum lead = column(reader, tuple, event_log_column::kLeadId, &isnull);
    event->lead_id = isnull ? 0 : DatumGetInt64(lead);
    event->parked = DatumGetBool(column(reader, tuple, event_log_column::kParked, &isnull));
    if (columns == Columns::kAll)
        complete_event(reader, event);
    else if (columns == Columns::kUpkeep)
        read_times(reader, tuple, event);
    return true;
}

void
complete_event(const LogReader* reader, LoggedEvent* event)
{
    read_content(reader->table, reader->tuple, event);
}

/* Also in the middle of a range. */
void
close_log(LogReader* reader)
{
    if (reader->scan)
        systable_endscan_ordered(reader->scan);
    index_close(reader->index, AccessShareLock);
    table_close(reader->table, AccessShareLock);
    pfree(reader);
}

namespace {

/* The latest event id that was handed out; 0 if none was. */
int64
last_event_id(Oid schema)
{
    LOCAL_FCINFO(call, 1);

    InitFunctionCallInfoData(*call, nullptr, 1, InvalidOid, nullptr, nullptr);
    call->args[0].value = ObjectIdGetDatum(relations_in(schema)->event_id);
    call->args[0].isnull = false;
    const Datum last = pg_sequence_last_value(call);
    return call->isnull ? 0 : DatumGetInt64(last);
}

}  // namespace

/* Transaction ids of a snapshot have 32 bits; the window compares ids across hours, so they get
 * their epoch from the next id, which none of them can be ahead of. */
RunningTransactions
running_transactions(Oid schema)
{
    const Snapshot snapshot = GetActiveSnapshot();
    /* Before the next transaction id: whoever got one of these ids has a smaller one. */
    const int64 last_id = last_event_id(schema);
    const uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
    const auto widen = [next](TransactionId xid) {
        const uint64 epoch = next >> 32;
        const uint64 wide = (epoch << 32) | xid;
        return wide > next ? wide - (UINT64CONST(1) << 32) : wide;
    };
    RunningTransactions result;

    result.last_id = last_id;
    result.next_xid = next;
    result.xmax = widen(snapshot->xmax);
    result.count = static_cast<int>(snapshot->xcnt);
    result.running = static_cast<uint64*>(palloc(sizeof(uint64) * (snapshot->xcnt + 1)));
    for (uint32 i = 0; i < snapshot->xcnt; i++)
        result.running[i] = widen(snapshot->xip[i]);
    return result;
}

}  // namespace crm_capi
