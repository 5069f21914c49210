/*
 * figures.cpp - what a shipper shows of its work, as SQL reads it: capi_figures() and
 * capi_read_up_to().
 */
#include "pg/figures.hpp"

#include "pg/shared_state.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_figures);
PG_FUNCTION_INFO_V1(capi_read_up_to);
}

namespace crm_capi {

namespace {

enum {
    kDataset,
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
    kOwed,
    kInFlight,
    kInDoubt,
    kOldestOwedAt,
    kEarliestEventTime,
    kColumns
};

/* A view runs functions with the rights of its reader. So these can be called by everybody, and ask
 * for the right to read one of the views that call them. */
void
check_right_to_read(FunctionCallInfo fcinfo)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);

    static const char* const views[] = {"capi_status", "capi_counters"};

    for (const char* view : views) {
        const Oid relation = get_relname_relid(view, schema);
        if (OidIsValid(relation) &&
            pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
            return;
    }
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied for the figures of crm_capi"),
                    errdetail("They need the SELECT privilege on capi_status or capi_counters."),
                    errhint("Ask the owner of the extension to GRANT it.")));
}

/* The board of this database's shipper; false if it has none. */
bool
read_my_board(FigureBoard* copy)
{
    FigureBoard* const board = figure_board(MyDatabaseId);

    return board != nullptr && read_board(board, copy);
}

HeapTuple
form_row(TupleDesc columns, const DatasetFigures& row)
{
    Datum values[kColumns];
    bool nulls[kColumns] = {};
    const auto set_time = [&](int column, TimestampTz time) {
        values[column] = TimestampTzGetDatum(time);
        nulls[column] = time == 0;
    };

    values[kDataset] = Int32GetDatum(row.dataset);
    values[kEnqueued] = Int64GetDatum(row.totals.enqueued);
    values[kDelivered] = Int64GetDatum(row.totals.delivered);
    values[kDryRun] = Int64GetDatum(row.totals.dry_run);
    values[kParked] = Int64GetDatum(row.totals.parked);
    values[kExpired] = Int64GetDatum(row.totals.expired);
    values[kRequests] = Int64GetDatum(row.totals.requests);
    values[kRetries] = Int64GetDatum(row.totals.retries);
    values[kBytes] = Int64GetDatum(row.totals.bytes);
    values[kRequestMicros] = Int64GetDatum(row.totals.request_micros);
    set_time(kLastSuccessAt, row.totals.last_success_at);
    values[kOwed] = Int64GetDatum(row.owed);
    values[kInFlight] = Int64GetDatum(row.in_flight);
    values[kInDoubt] = Int64GetDatum(row.in_doubt);
    set_time(kOldestOwedAt, row.oldest_owed_at);
    set_time(kEarliestEventTime, row.earliest_event_time);
    return heap_form_tuple(columns, values, nulls);
}

}  // namespace

void
begin_writing(FigureBoard* board)
{
    pg_atomic_fetch_add_u32(&board->version, 1);
    pg_write_barrier();
}

void
end_writing(FigureBoard* board)
{
    pg_write_barrier();
    pg_atomic_fetch_add_u32(&board->version, 1);
}

bool
read_board(FigureBoard* board, FigureBoard* copy)
{
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const uint32 before = pg_atomic_read_u32(&board->version);
        pg_read_barrier();
        memcpy(copy, board, sizeof *copy);
        pg_read_barrier();
        /* Writing takes microseconds, and a process that dies in the middle of it takes the shared
         * memory with it. */
        if (before % 2 == 0 && pg_atomic_read_u32(&board->version) == before)
            return copy->count >= 0;
    }
}

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_figures(PG_FUNCTION_ARGS)
{
    FuncCallContext* context;

    if (SRF_IS_FIRSTCALL()) {
        check_right_to_read(fcinfo);
        context = SRF_FIRSTCALL_INIT();
        const MemoryContext before = MemoryContextSwitchTo(context->multi_call_memory_ctx);
        TupleDesc columns;
        if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE)
            elog(ERROR, "return type must be a row type");
        context->tuple_desc = BlessTupleDesc(columns);
        auto* const copy = static_cast<FigureBoard*>(palloc(sizeof(FigureBoard)));
        context->max_calls = read_my_board(copy) ? static_cast<uint64>(copy->count) : 0;
        context->user_fctx = copy;
        MemoryContextSwitchTo(before);
    }
    context = SRF_PERCALL_SETUP();
    if (context->call_cntr >= context->max_calls)
        SRF_RETURN_DONE(context);
    const auto* const board = static_cast<FigureBoard*>(context->user_fctx);
    /* SRF_RETURN_NEXT counts before it looks at its argument. */
    const HeapTuple row = form_row(context->tuple_desc, board->rows[context->call_cntr]);
    SRF_RETURN_NEXT(context, HeapTupleGetDatum(row));
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
