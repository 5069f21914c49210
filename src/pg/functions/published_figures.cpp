/*
 * published_figures.cpp - what a shipper shows of its work, as SQL reads it: capi_figures(),
 * capi_totals() and capi_read_up_to().
 */
#include "pg/base/results.hpp"
#include "pg/functions/figures_from_tables.hpp"
#include "pg/functions/view_rights.hpp"
#include "pg/shared/figure_board.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_figures);
PG_FUNCTION_INFO_V1(capi_read_up_to);
PG_FUNCTION_INFO_V1(capi_totals);
}

namespace crm_capi {

namespace {

enum { kDataset, kOwed, kInFlight, kInDoubt, kOldestOwedAt, kEarliestEventTime, kFigureColumns };

enum {
    kEnqueued,
    kDelivered,
    kDryRun,
    kParked,
    kExpired,
    kRequests,
    kRetries,
    kBytes,
    kRequestMicros,
    kLastSuccessAt,
    kTotalsColumns
};

void
check_right_to_read(FunctionCallInfo fcinfo)
{
    static const char* const views[] = {"capi_status", "capi_counters"};

    require_right_to_read(get_func_namespace(fcinfo->flinfo->fn_oid), views, lengthof(views),
                          "figures",
                          "They need the SELECT privilege on capi_status or capi_counters.");
}

/* The board of this database's shipper; false if it has none. */
bool
read_my_board(FigureBoard* copy)
{
    FigureBoard* const board = figure_board(MyDatabaseId);

    return board != nullptr && read_board(board, copy);
}

/* A row of capi_figures(). Times of 0 are none. */
HeapTuple
form_figures(TupleDesc columns, const DatasetFigures& row)
{
    Datum values[kFigureColumns];
    bool nulls[kFigureColumns] = {};

    values[kDataset] = Int32GetDatum(row.dataset);
    values[kOwed] = Int64GetDatum(row.owed);
    values[kInFlight] = Int64GetDatum(row.in_flight);
    values[kInDoubt] = Int64GetDatum(row.in_doubt);
    values[kOldestOwedAt] = TimestampTzGetDatum(row.oldest_owed_at);
    nulls[kOldestOwedAt] = row.oldest_owed_at == 0;
    values[kEarliestEventTime] = TimestampTzGetDatum(row.earliest_event_time);
    nulls[kEarliestEventTime] = row.earliest_event_time == 0;
    return heap_form_tuple(columns, values, nulls);
}

/* The row of capi_totals(). A time of 0 is none. */
HeapTuple
form_totals(TupleDesc columns, const DatasetTotals& totals)
{
    Datum values[kTotalsColumns];
    bool nulls[kTotalsColumns] = {};

    values[kEnqueued] = Int64GetDatum(totals.enqueued);
    values[kDelivered] = Int64GetDatum(totals.delivered);
    values[kDryRun] = Int64GetDatum(totals.dry_run);
    values[kParked] = Int64GetDatum(totals.parked);
    values[kExpired] = Int64GetDatum(totals.expired);
    values[kRequests] = Int64GetDatum(totals.requests);
    values[kRetries] = Int64GetDatum(totals.retries);
    values[kBytes] = Int64GetDatum(totals.bytes);
    values[kRequestMicros] = Int64GetDatum(totals.request_micros);
    values[kLastSuccessAt] = TimestampTzGetDatum(totals.last_success_at);
    nulls[kLastSuccessAt] = totals.last_success_at == 0;
    return heap_form_tuple(columns, values, nulls);
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_figures(PG_FUNCTION_ARGS)
{
    auto* const copy = static_cast<FigureBoard*>(palloc(sizeof(FigureBoard)));
    TupleDesc columns;

    check_right_to_read(fcinfo);
    Tuplestorestate* const results = begin_results(fcinfo, &columns);
    if (!read_my_board(copy)) {
        count_figures(get_func_namespace(fcinfo->flinfo->fn_oid), results);
        PG_RETURN_NULL();
    }
    for (int i = 0; i < copy->count; i++)
        tuplestore_puttuple(results, form_figures(columns, copy->rows[i]));
    PG_RETURN_NULL();
}

extern "C" Datum
capi_totals(PG_FUNCTION_ARGS)
{
    auto* const copy = static_cast<FigureBoard*>(palloc(sizeof(FigureBoard)));
    DatasetTotals totals;

    check_right_to_read(fcinfo);
    if (!read_totals(read_my_board(copy) ? copy : nullptr,
                     get_func_namespace(fcinfo->flinfo->fn_oid), PG_GETARG_INT32(0), &totals))
        PG_RETURN_NULL();
    PG_RETURN_DATUM(HeapTupleGetDatum(form_totals(result_columns(fcinfo), totals)));
}

extern "C" Datum
capi_read_up_to(PG_FUNCTION_ARGS)
{
    auto* const copy = static_cast<FigureBoard*>(palloc(sizeof(FigureBoard)));

    check_right_to_read(fcinfo);
    if (!read_my_board(copy))
        PG_RETURN_NULL();
    PG_RETURN_INT64(copy->read_up_to);
}
