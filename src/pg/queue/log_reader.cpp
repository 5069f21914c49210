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
    IndexScanDesc scan; /* NULL before the first range */
    TupleTableSlot*
        slot;        /* the latest row of the scan; taken apart as far as columns are asked for */
    IdRange range;   /* asked for */
    int64 run_first; /* where the run of ranges began that lie near each other */
    int64 scan_ends; /* the scan goes so far */
    int64 id;        /* of the latest entry of the index */
    bool is_ahead;   /* it lies behind the range asked for, and may belong to the next one */
    bool has_ended;  /* the scan */
};

namespace {

/* So many entries cost less than another descent of the index: a scan goes on over them. */
constexpr int64 kPassedOver = 64;

/* A scan is begun for at most so many ids beyond what is asked for. */
constexpr int64 kMostAhead = 1024;

/* Columns up to `last`, which may be NULL. Each column of a row is looked for once, in one walk
 * through the row: by itself each would cost a walk, because columns of any width lie before it. */
void
take_apart(const LogReader* reader, int last)
{
    slot_getsomeattrs(reader->slot, last);
}

/* A column that has been taken apart; what the row holds is not copied. */
Datum
column(const LogReader* reader, int number)
{
    return reader->slot->tts_values[number - 1];
}

/* Likewise. */
bool
is_null(const LogReader* reader, int number)
{
    return reader->slot->tts_isnull[number - 1];
}

/* Both times: the event's own is 0 if it is NULL, which only parked events have. */
void
read_times(const LogReader* reader, LoggedEvent* event)
{
    event->event_time =
        is_null(reader, event_log_column::kEventTime)
            ? 0
            : to_unix_micros(DatumGetTimestampTz(column(reader, event_log_column::kEventTime)));
    event->enqueued_at = DatumGetTimestampTz(column(reader, event_log_column::kEnqueuedAt));
}

/* Moves the scan to the next entry of the index; false if there is none. */
bool
next_entry(LogReader* reader)
{
    bool isnull;

    if (index_getnext_tid(reader->scan, ForwardScanDirection) == nullptr)
        return false;
    reader->id =
        DatumGetInt64(index_getattr(reader->scan->xs_itup, 1, reader->scan->xs_itupdesc, &isnull));
    return true;
}

/* Moves the scan to the next row of the range; false if there is none. What lies beside the range
 * is known by its entry, which costs a tenth of its row. */
bool
advance(LogReader* reader)
{
    while (!reader->has_ended) {
        if (!reader->is_ahead && !next_entry(reader)) {
            reader->has_ended = true;
            break;
        }
        reader->is_ahead = reader->id > reader->range.last;
        if (reader->is_ahead)
            return false;
        if (reader->id >= reader->range.first && index_fetch_heap(reader->scan, reader->slot))
            return true;
    }
    return false;
}

/* How many ids beyond the range the scan should go: where ranges follow each other closely, as far
 * again as their run has come; where a run begins, as far as the one before went. Datasets that
 * load together and lie beside each other in the log make such runs, with the others between them.
 */
int64
ids_ahead(LogReader* reader, IdRange range, bool is_near)
{
    const int64 run = (is_near ? range.last : reader->range.last) - reader->run_first;

    if (!is_near)
        reader->run_first = range.first;
    return Min(run, Min(kMostAhead, PG_INT64_MAX - range.last));
}

}  // namespace

LogReader*
open_log(Oid schema)
{
    auto* const reader = static_cast<LogReader*>(palloc0(sizeof(LogReader)));

    reader->table = table_open(relations_in(schema)->event_log, AccessShareLock);
    reader->index = open_primary_key(reader->table, AccessShareLock);
    reader->slot = table_slot_create(reader->table, nullptr);
    return reader;
}

void
seek_events(LogReader* reader, IdRange range)
{
    const bool is_first = reader->scan == nullptr;
    const bool is_near = !is_first && range.first > reader->range.last &&
                         range.first - reader->range.last <= kPassedOver;
    ScanKeyData keys[2];

    if (is_near && range.last <= reader->scan_ends) {
        reader->range = range;
        return;
    }
    reader->scan_ends = range.last + ids_ahead(reader, range, is_near);
    reader->range = range;
    if (is_first) {
        reader->scan = begin_index_scan(reader->table, reader->index, GetActiveSnapshot(), 2);
        reader->scan->xs_want_itup = true;
    }
    reader->is_ahead = false;
    reader->has_ended = false;
    ScanKeyInit(&keys[0], 1, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(range.first));
    ScanKeyInit(&keys[1], 1, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(reader->scan_ends));
    index_rescan(reader->scan, keys, lengthof(keys), nullptr, 0);
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
    if (!advance(reader))
        return false;
    take_apart(reader,
               columns == Columns::kAll ? event_log_column::kConsent : event_log_column::kParked);
    event->id = reader->id;
    event->dataset = is_null(reader, event_log_column::kDataset)
                         ? 0
                         : DatumGetInt32(column(reader, event_log_column::kDataset));
    event->lead_id = is_null(reader, event_log_column::kLeadId)
                         ? 0
                         : DatumGetInt64(column(reader, event_log_column::kLeadId));
    event->parked = DatumGetBool(column(reader, event_log_column::kParked));
    if (columns == Columns::kAll)
        complete_event(reader, event);
    else if (columns == Columns::kUpkeep)
        read_times(reader, event);
    return true;
}

void
complete_event(const LogReader* reader, LoggedEvent* event)
{
    take_apart(reader, event_log_column::kConsent);
    read_content(reader->slot, event);
}

/* Also in the middle of a range. */
void
close_log(LogReader* reader)
{
    if (reader->scan)
        index_endscan(reader->scan);
    ExecDropSingleTupleTableSlot(reader->slot);
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
    const uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
    const auto widen = [next](TransactionId xid) {
        const uint64 epoch = next >> 32;
        const uint64 wide = (epoch << 32) | xid;
        return wide > next ? wide - (UINT64CONST(1) << 32) : wide;
    };
    RunningTransactions result;

    result.last_id = last_event_id(schema);
    result.next_xid = next;
    result.xmax = widen(snapshot->xmax);
    result.count = static_cast<int>(snapshot->xcnt);
    result.running = static_cast<uint64*>(palloc(sizeof(uint64) * (snapshot->xcnt + 1)));
    for (uint32 i = 0; i < snapshot->xcnt; i++)
        result.running[i] = widen(snapshot->xip[i]);
    return result;
}

}  // namespace crm_capi
