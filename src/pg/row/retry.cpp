/*
 * retry.cpp - capi_retry(): events that were settled are owed again.
 *
 * What was parked when it was enqueued cannot be sent as it is: it is judged again by its row
 * (judge_again.hpp), and what becomes of it is written into its settlement.
 */
#include "pg/base/statement.hpp"
#include "pg/catalog/bells.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/row/judge_again.hpp"
#include "pg/shared/wakeup.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_retry);
}

namespace crm_capi {

namespace {

/* Which of the given events can be owed as they are, and which have to be judged again: arrays of
 * ids, in the caller's memory, NULL for none. Nothing can be sent after seven days. OFFSET 0 has
 * events looked up by their ids, in order: the planner would rather read the whole log. */
struct Chosen {
    Datum to_owe;
    Datum to_judge;
};

Chosen
sort_out(Oid schema, Datum ids)
{
    Parameters parameters = {};

    add(&parameters, INT8ARRAYOID, ids);
    execute_once(schema,
                 "SELECT array_agg(e.id) FILTER (WHERE NOT e.parked"
                 " AND e.event_time > clock_timestamp() - interval '168 hours'),"
                 " array_agg(e.id) FILTER (WHERE e.parked AND e.recheck ? 'table')"
                 " FROM (SELECT DISTINCT id FROM unnest($1) id ORDER BY id) w CROSS JOIN LATERAL"
                 " (SELECT * FROM @.capi_event_log l WHERE l.id = w.id OFFSET 0) e",
                 &parameters, SPI_OK_SELECT);
    Chosen chosen = {};
    const HeapTuple row = SPI_tuptable->vals[0];
    bool isnull;
    Datum list = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull);
    if (!isnull)
        chosen.to_owe = PointerGetDatum(DatumGetArrayTypePCopy(list));
    list = SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull);
    if (!isnull)
        chosen.to_judge = PointerGetDatum(DatumGetArrayTypePCopy(list));
    SPI_freetuptable(SPI_tuptable);
    return chosen;
}

/* Returns how many of them had ended. */
int64
owe_again(Oid schema, Datum ids)
{
    Parameters parameters = {};

    add(&parameters, INT8ARRAYOID, ids);
    execute_once(schema,
                 "UPDATE @.capi_settlement s SET status = 'retry', settled_at = clock_timestamp()"
                 " FROM unnest($1) id WHERE s.event = id"
                 " AND s.status IN ('parked', 'expired', 'cancelled')",
                 &parameters, SPI_OK_UPDATE);
    return static_cast<int64>(SPI_processed);
}

/* Events that were parked when they were enqueued and know their row, in current memory. Who judges
 * them at the same moment waits, and finds nothing left. */
struct ParkedEvents {
    int64 count;
    ParkedEvent* list;
};

ParkedEvent
read_parked(uint64 row)
{
    const HeapTuple tuple = SPI_tuptable->vals[row];
    const TupleDesc columns = SPI_tuptable->tupdesc;
    ParkedEvent parked = {};
    bool isnull;

    parked.id = result_int8(row, 1);
    parked.captured.at = result_int8(row, 2); /* timestamptz has 64 bits, too */
    const Datum name = SPI_getbinval(tuple, columns, 3, &isnull);
    if (!isnull)
        parked.captured.name = DatumGetTextPCopy(name);
    parked.reference = DatumGetJsonbPCopy(SPI_getbinval(tuple, columns, 4, &isnull));
    parked.is_latest = result_bool(row, 5);
    parked.lead_id = result_int8(row, 6);
    return parked;
}

ParkedEvents
find_parked(Oid schema, Datum ids)
{
    Parameters parameters = {};

    add(&parameters, INT8ARRAYOID, ids);
    execute_once(
        schema,
        "WITH chosen AS MATERIALIZED (SELECT e.id, e.enqueued_at, e.event_name, e.recheck,"
        " coalesce(e.lead_id, 0) AS lead_id FROM unnest($1) w CROSS JOIN LATERAL"
        " (SELECT * FROM @.capi_event_log l WHERE l.id = w OFFSET 0) e"
        " JOIN @.capi_settlement s ON s.event = e.id"
        " WHERE s.status IN ('parked', 'cancelled')"
        " AND s.reason_code <> 'judged_again' FOR UPDATE OF s),"
        " latest AS (SELECT e.recheck, max(e.id) AS id"
        " FROM @.capi_settlement s JOIN @.capi_event_log e ON e.id = s.event"
        " WHERE s.status = 'parked' AND e.parked AND e.event_name IS NULL"
        " AND e.recheck IN (SELECT c.recheck FROM chosen c WHERE c.event_name IS NULL)"
        " AND EXISTS (SELECT FROM chosen c WHERE c.event_name IS NULL OFFSET 0)"
        " GROUP BY e.recheck)"
        " SELECT c.id, c.enqueued_at, c.event_name, c.recheck, coalesce(l.id <= c.id, true),"
        " c.lead_id"
        " FROM chosen c LEFT JOIN latest l ON c.event_name IS NULL AND l.recheck = c.recheck"
        " ORDER BY c.id",
        &parameters, SPI_OK_SELECT);
    ParkedEvents parked = {static_cast<int64>(SPI_processed), nullptr};
    parked.list = static_cast<ParkedEvent*>(MemoryContextAllocHuge(
        CurrentMemoryContext, sizeof(ParkedEvent) * static_cast<Size>(parked.count + 1)));
    for (int64 row = 0; row < parked.count; row++)
        parked.list[row] = read_parked(static_cast<uint64>(row));
    SPI_freetuptable(SPI_tuptable);
    return parked;
}

/* Into the settlement of the parked event; `reason` and `detail` as they are to stand there. */
void
settle(Oid schema, int64 event, const char* status, Reason reason, const char* detail)
{
    static Statement statement = {
        "UPDATE @.capi_settlement SET status = $2, reason_code = $3, detail = $4,"
        " settled_at = pg_catalog.clock_timestamp() WHERE event = $1",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add_number(&parameters, event, true);
    add(&parameters, TEXTOID, CStringGetTextDatum(status));
    add_reason(&parameters, reason);
    add(&parameters, TEXTOID, detail != nullptr ? CStringGetTextDatum(detail) : 0,
        detail != nullptr);
    execute(schema, &statement, &parameters, SPI_OK_UPDATE);
}

/* True if an event is owed in its place. */
bool
judge_parked(Oid schema, const ParkedEvent& parked)
{
    const SecondJudgement judgement = judge_again(schema, parked);

    switch (judgement.ending) {
        case Ending::kUnchanged:
            return false;
        case Ending::kOwed:
            settle(schema, parked.id, "cancelled", judgement.reason,
                   psprintf("event " INT64_FORMAT, judgement.event));
            return true;
        case Ending::kParked:
            settle(schema, parked.id, "parked", judgement.reason, judgement.detail);
            return false;
        case Ending::kCancelled:
            settle(schema, parked.id, "cancelled", judgement.reason, judgement.detail);
            return false;
    }
    return false;
}

/* Returns how many events are owed in the place of parked ones. */
int64
judge_all_parked(Oid schema, Datum ids)
{
    const ParkedEvents parked = find_parked(schema, ids);
    const MemoryContext memory = AllocSetContextCreate(
        CurrentMemoryContext, "crm_capi parked event", ALLOCSET_DEFAULT_SIZES);
    int64 owed = 0;

    for (int64 i = 0; i < parked.count; i++) {
        CHECK_FOR_INTERRUPTS();
        const MemoryContext before = MemoryContextSwitchTo(memory);
        if (judge_parked(schema, parked.list[i]))
            owed++;
        MemoryContextSwitchTo(before);
        MemoryContextReset(memory);
    }
    MemoryContextDelete(memory);
    return owed;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_retry(PG_FUNCTION_ARGS)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);

    SPI_connect();
    const Chosen chosen = sort_out(schema, PG_GETARG_DATUM(0));
    int64 owed = 0;
    if (chosen.to_owe != 0)
        owed += owe_again(schema, chosen.to_owe);
    if (chosen.to_judge != 0)
        owed += judge_all_parked(schema, chosen.to_judge);
    SPI_finish();
    CacheInvalidateRelcacheByRelid(relations_in(schema)->settlement);
    ring(schema, Bell::kDecisions);
    wake_shipper_on_decision();
    PG_RETURN_INT64(owed);
}
