/*
 * owed_events.cpp - capi_owed_events(): which events are still owed to Meta, found from the cursor
 * on.
 *
 * The cost follows what is owed, not the history, because log and settlements are read through
 * their primary keys: a planner that knows nothing of the cursor's holes would read all of both.
 */
#include "core/ids/id_set.hpp"
#include "pg/base/event_ids.hpp"
#include "pg/base/owned.hpp"
#include "pg/base/primary_key.hpp"
#include "pg/base/results.hpp"
#include "pg/base/statement.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/functions/view_rights.hpp"
#include "pg/queue/log_reader.hpp"
#include "pg/queue/stored_cursor.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_owed_events);
}

namespace crm_capi {

namespace {

/* Ids that no request and no settlement has made final, as far as the cursor knows. */
struct Remaining {
    IdSet ids;
    int64 after_request = 0; /* what later requests have delivered, the cursor does not know */
};

/* What the cursor leaves open. */
void
begin_with_cursor(Oid schema, Remaining* remaining)
{
    const StoredCursor cursor = read_cursor(schema);

    remaining->after_request = cursor.request;
    call_cpp("note what the cursor leaves open", [&] {
        remaining->ids = IdSet(std::vector<IdRange>(cursor.open, cursor.open + cursor.open_count));
        remaining->ids.AddAll(IdSet({{cursor.position + 1, PG_INT64_MAX - 1}}));
    });
}

/* Takes away what requests have delivered since the cursor was written. */
void
subtract_delivered(Oid schema, Remaining* remaining)
{
    const Relation table = table_open(relations_in(schema)->request_log, AccessShareLock);
    ScanKeyData key;

    ScanKeyInit(&key, request_log_column::kId, BTGreaterStrategyNumber, F_INT8GT,
                Int64GetDatum(remaining->after_request));
    const SysScanDesc scan =
        systable_beginscan(table, primary_key_of(table), true, GetActiveSnapshot(), 1, &key);
    for (HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row);
         row = systable_getnext(scan)) {
        bool isnull;
        CHECK_FOR_INTERRUPTS();
        const Datum outcome =
            heap_getattr(row, request_log_column::kOutcome, RelationGetDescr(table), &isnull);
        if (isnull)
            continue;
        const char* const word = TextDatumGetCString(outcome);
        if (strcmp(word, "delivered") != 0 && strcmp(word, "dry_run") != 0)
            continue;
        IdRange* ranges;
        const int count = read_event_ids(
            heap_getattr(row, request_log_column::kEvents, RelationGetDescr(table), &isnull),
            &ranges);
        call_cpp("leave out what was delivered", [&] {
            remaining->ids.Subtract(IdSet(std::vector<IdRange>(ranges, ranges + count)));
        });
        pfree(ranges);
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
}

/* The settlements of a range of events, in their order. */
struct SettledRange {
    Relation table;
    Relation index;
    SysScanDesc scan;
    int64 event; /* the next one; greater than every id at the end */
};

void
advance(SettledRange* settled)
{
    bool isnull;
    const HeapTuple row = systable_getnext_ordered(settled->scan, ForwardScanDirection);

    settled->event = HeapTupleIsValid(row)
                         ? DatumGetInt64(heap_getattr(row, settlement_column::kEvent,
                                                      RelationGetDescr(settled->table), &isnull))
                         : PG_INT64_MAX;
}

void
begin_range(SettledRange* settled, IdRange range)
{
    ScanKeyData keys[2];

    ScanKeyInit(&keys[0], settlement_column::kEvent, BTGreaterEqualStrategyNumber, F_INT8GE,
                Int64GetDatum(range.first));
    ScanKeyInit(&keys[1], settlement_column::kEvent, BTLessEqualStrategyNumber, F_INT8LE,
                Int64GetDatum(range.last));
    settled->scan =
        systable_beginscan_ordered(settled->table, settled->index, GetActiveSnapshot(), 2, keys);
    advance(settled);
}

/* Where the rows of the result go. */
struct Results {
    Tuplestorestate* rows;
    TupleDesc columns;
};

void
put_owed(const Results& results, int64 event, int32 dataset, bool retried)
{
    Datum values[] = {Int64GetDatum(event), Int32GetDatum(dataset), BoolGetDatum(retried)};
    bool nulls[] = {false, dataset == 0, false};

    tuplestore_putvalues(results.rows, results.columns, values, nulls);
}

/* Of a range of ids those with an event that is neither parked nor settled. */
void
put_owed_of_range(LogReader* log, SettledRange* settled, IdRange range, const Results& results)
{
    LoggedEvent event;

    seek_events(log, range);
    begin_range(settled, range);
    while (next_event(log, Columns::kKeyOnly, &event)) {
        CHECK_FOR_INTERRUPTS();
        while (settled->event < event.id)
            advance(settled);
        if (!event.parked && settled->event != event.id)
            put_owed(results, event.id, event.dataset, false);
    }
    systable_endscan_ordered(settled->scan);
}

/* What capi_retry() owes again. */
void
put_retried(Oid schema, const Results& results)
{
    static Statement statement = {
        "SELECT s.event, coalesce(s.dataset, 0)::bigint FROM @.capi_settlement s"
        " WHERE s.status = 'retry'",
        nullptr, InvalidOid};
    Parameters none = {};
    const ActingUser caller = become_queue_owner(schema);

    SPI_connect();
    look_up(schema, &statement, &none);
    for (uint64 row = 0; row < SPI_processed; row++)
        put_owed(results, result_int8(row, 1), static_cast<int32>(result_int8(row, 2)), true);
    SPI_finish();
    become(caller);
}

void
put_all_owed(Oid schema, const Results& results)
{
    auto* const remaining = make_owned<Remaining>();
    LogReader* const log = open_log(schema);
    SettledRange settled = {};

    begin_with_cursor(schema, remaining);
    subtract_delivered(schema, remaining);
    settled.table = table_open(relations_in(schema)->settlement, AccessShareLock);
    settled.index = open_primary_key(settled.table, AccessShareLock);
    for (const IdRange range : remaining->ids.ranges())
        put_owed_of_range(log, &settled, range, results);
    index_close(settled.index, AccessShareLock);
    table_close(settled.table, AccessShareLock);
    close_log(log);
    put_retried(schema, results);
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_owed_events(PG_FUNCTION_ARGS)
{
    static const char* const views[] = {"capi_owed", "capi_undelivered"};
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    Results results;

    require_right_to_read(schema, views, lengthof(views), "owed events",
                          "They need the SELECT privilege on capi_owed or capi_undelivered.");
    results.rows = begin_results(fcinfo, &results.columns);
    put_all_owed(schema, results);
    PG_RETURN_NULL();
}
