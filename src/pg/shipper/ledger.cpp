/*
 * ledger.cpp - what the shipper writes down: requests, settlements, health, the cursor.
 *
 * A handful of statements per request, never per delivered event, so plain SPI with kept plans
 * does.
 */
#include "pg/shipper/ledger.hpp"

#include "pg/queue/event_log.hpp"
#include "pg/base/event_ids.hpp"
#include "pg/base/multirange.hpp"
#include "pg/catalog/numbers.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/base/row_insert.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

void
write_cursor(Oid schema, int64 position, const IdSet& open, int64 request, TimestampTz now)
{
    static Statement statement = {
        "INSERT INTO @.capi_cursor AS c (position, open, request, updated_at)"
        " VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (only_row) DO UPDATE SET position = excluded.position,"
        " open = excluded.open, request = excluded.request, updated_at = excluded.updated_at",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add_number(&parameters, position, true);
    add(&parameters, INT8MULTIRANGEOID, multirange_datum(open));
    add_number(&parameters, request, true);
    add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(now));
    execute(schema, &statement, &parameters, SPI_OK_INSERT);
}

int64
put_unfinished_in_doubt(Oid schema)
{
    static Statement statement = {
        "UPDATE @.capi_request_log SET finished_at = pg_catalog.clock_timestamp(),"
        " outcome = 'in_doubt', reason_code = $1 WHERE finished_at IS NULL",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add_reason(&parameters, Reason::kShipperStopped);
    execute(schema, &statement, &parameters, SPI_OK_UPDATE);
    return static_cast<int64>(SPI_processed);
}

namespace {

/* Who wants to have what a row tells. */
struct EventsSink {
    void* context;
    void (*found)(void* context, const char* events);
};

void
pass_events_on(void* context, uint64 row)
{
    const auto* const sink = static_cast<EventsSink*>(context);

    sink->found(sink->context, result_text(row, 1));
}

void
pass_decision_on(void* context, uint64 row)
{
    const auto* const sink = static_cast<const DecisionSink*>(context);

    if (result_bool(row, 3))
        sink->retried(sink->context, static_cast<int32>(result_int8(row, 1)), result_int8(row, 2));
    else
        sink->cancelled(sink->context, result_int8(row, 2));
}

}  // namespace

void
read_final_events(Oid schema, const StoredCursor& cursor,
                  void (*found)(void* context, const char* events), void* context)
{
    static Statement requests = {
        "SELECT events FROM @.capi_request_log"
        " WHERE id > $1 AND outcome IN ('delivered', 'dry_run')",
        nullptr, InvalidOid};
    /* What the union makes lies in memory, as it is used; the column's own value would be fetched
     * and decompressed for each settlement. */
    static Statement settlements = {
        "SELECT pg_catalog.int8multirange(pg_catalog.int8range(event, event, '[]'))"
        " FROM @.capi_settlement"
        " WHERE event > $1 OR event <@ (SELECT c.open + '{}' FROM @.capi_cursor c)",
        nullptr, InvalidOid};
    Parameters after_request = {};
    Parameters after_position = {};
    EventsSink sink = {context, found};

    add_number(&after_request, cursor.request, true);
    execute_in_portions(schema, &requests, &after_request, pass_events_on, &sink);
    add_number(&after_position, cursor.position, true);
    execute_in_portions(schema, &settlements, &after_position, pass_events_on, &sink);
}

void
read_decisions(Oid schema, DecisionSink sink)
{
    static Statement statement = {
        "SELECT s.dataset::bigint, s.event, s.status = 'retry' FROM @.capi_settlement s"
        " WHERE s.status IN ('retry', 'cancelled') ORDER BY s.event",
        nullptr, InvalidOid};
    Parameters none = {};

    execute_in_portions(schema, &statement, &none, pass_decision_on, &sink);
}

void
read_doubts(Oid schema, void (*found)(void* context, const char* events, TimestampTz since),
            void* context)
{
    static Statement statement = {
        "SELECT r.events::int8multirange - coalesce((SELECT range_agg(int8range(s.event, s.event, "
        "'[]'))"
        " FROM @.capi_settlement s WHERE s.status = 'retry' AND s.settled_at > r.started_at), "
        "'{}'),"
        " r.started_at FROM @.capi_request_log r WHERE r.outcome = 'in_doubt'"
        " AND r.started_at > now() - interval '8 days' ORDER BY r.started_at, r.id",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++)
        found(context, result_text(row, 1), result_int8(row, 2));
}

void
forget_retried(Oid schema, int64 request)
{
    /* Range by range, so that the index over status and event is of use: of very many events that
     * were owed again each request would else look at all. */
    static Statement statement = {
        "DELETE FROM @.capi_settlement s USING @.capi_request_log r, "
        "unnest(r.events::int8multirange) AS ids"
        " WHERE r.id = $1 AND s.status = 'retry' AND s.event >= lower(ids)"
        " AND s.event < upper(ids)",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add_number(&parameters, request, true);
    execute(schema, &statement, &parameters, SPI_OK_DELETE);
}

namespace {

/* False if the id is taken. Without a plan: every event waits for it on its way to the wire. */
bool
insert_request(Oid table, int64 id, const OutgoingRequest& request)
{
    static InsertTarget request_log;
    const Datum now = TimestampTzGetDatum(GetCurrentTimestamp());
    Datum values[request_log_column::kEnd - 1] = {};
    bool nulls[request_log_column::kEnd - 1];
    const auto set = [&](int column, Datum value) {
        values[column - 1] = value;
        nulls[column - 1] = false;
    };

    memset(nulls, true, sizeof nulls);
    set(request_log_column::kId, Int64GetDatum(id));
    set(request_log_column::kStartedAt, now);
    if (request.dry_run) {
        set(request_log_column::kFinishedAt, now);
        set(request_log_column::kOutcome, CStringGetTextDatum("dry_run"));
    }
    set(request_log_column::kDataset, Int32GetDatum(request.dataset));
    set(request_log_column::kEventCount, Int32GetDatum(request.event_count));
    set(request_log_column::kEvents, event_ids_datum(request.events));
    return insert_row(&request_log, table, values, nulls, lengthof(values));
}

}  // namespace

int64
begin_request(Oid schema, const OutgoingRequest& request)
{
    int64 id = next_number(schema, Numbered::kRequests);

    while (!insert_request(relations_in(schema)->request_log, id, request)) {
        CHECK_FOR_INTERRUPTS();
        distrust_numbers(Numbered::kRequests);
        id = next_number(schema, Numbered::kRequests);
    }
    return id;
}

void
finish_request(Oid schema, const AnswerRecord& ended)
{
    static Statement statement = {
        "UPDATE @.capi_request_log SET finished_at = pg_catalog.clock_timestamp(), outcome = $2,"
        " http_status = $3::integer, events_received = $4::integer, error_code = $5::integer,"
        " error_subcode = $6::integer, reason_code = $7, detail = $8, fbtrace_id = $9,"
        " next_attempt_at = $10 WHERE id = $1",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add_number(&parameters, ended.request, true);
    add(&parameters, TEXTOID, CStringGetTextDatum(ended.outcome));
    add_number(&parameters, ended.http_status, ended.http_status != 0);
    add_remote_number(&parameters, ended.events_received, ended.events_received >= 0);
    add_remote_number(&parameters, ended.error_code, ended.error_code != 0);
    add_remote_number(&parameters, ended.error_subcode, ended.error_subcode != 0);
    add_reason(&parameters, ended.reason);
    add_text(&parameters, ended.detail);
    add_text(&parameters, ended.fbtrace_id);
    add_time(&parameters, ended.next_attempt_at);
    execute(schema, &statement, &parameters, SPI_OK_UPDATE);
}

void
write_settlement(Oid schema, const EndedEvent& ended)
{
    static Statement statement = {
        "INSERT INTO @.capi_settlement AS s (event, settled_at, request, dataset, error_code,"
        " error_subcode, status, reason_code, detail) VALUES ($1, pg_catalog.clock_timestamp(), $2,"
        " $3::integer, $4::integer, $5::integer, $6, $7, $8) ON CONFLICT (event) DO UPDATE SET"
        " settled_at = excluded.settled_at, request = excluded.request,"
        " error_code = excluded.error_code, error_subcode = excluded.error_subcode,"
        " status = excluded.status, reason_code = excluded.reason_code, detail = excluded.detail"
        " WHERE s.status = 'retry'",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add_number(&parameters, ended.event, true);
    add_number(&parameters, ended.request, ended.request != 0);
    add_number(&parameters, ended.dataset, true);
    add_remote_number(&parameters, ended.error_code, ended.error_code != 0);
    add_remote_number(&parameters, ended.error_subcode, ended.error_subcode != 0);
    add(&parameters, TEXTOID, CStringGetTextDatum(ended.status));
    add_reason(&parameters, ended.reason);
    add_text(&parameters, ended.detail);
    execute(schema, &statement, &parameters, SPI_OK_INSERT);
}

/* By its OID a dataset is found after it was renamed. In a restored queue the OID of another one
 * may happen to be the same. */
void
write_health(Oid schema, const HealthChange& change)
{
    static Statement statement = {
        "UPDATE @.capi_dataset SET health = $2, reason_code = $3, detail = $4,"
        " next_attempt_at = $5, name = $6, request_size = $9::integer, failures = $10::integer,"
        " health_since = CASE WHEN health = $2"
        " AND reason_code IS NOT DISTINCT FROM $3 THEN health_since"
        " ELSE pg_catalog.clock_timestamp() END WHERE name = $6"
        " OR (server = $1 AND system_identifier = $7 AND database = $8)",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add(&parameters, OIDOID, ObjectIdGetDatum(change.server));
    add(&parameters, TEXTOID, CStringGetTextDatum(HealthName(change.now.health)));
    add_reason(&parameters, change.now.reason);
    add_text(&parameters, change.now.detail);
    add_time(&parameters, change.now.next_attempt_at);
    add(&parameters, NAMEOID, DirectFunctionCall1(namein, CStringGetDatum(change.name.c_str())));
    add_number(&parameters, static_cast<int64>(GetSystemIdentifier()), true);
    add(&parameters, OIDOID, ObjectIdGetDatum(MyDatabaseId));
    add_number(&parameters, static_cast<int64>(change.now.request_size),
               change.now.request_size != 0);
    add_number(&parameters, change.now.failures, true);
    execute(schema, &statement, &parameters, SPI_OK_UPDATE);
}

}  // namespace crm_capi
