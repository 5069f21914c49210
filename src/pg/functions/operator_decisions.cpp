/*
 * operator_decisions.cpp - what an operator decides: capi_pause(), capi_resume() about a dataset,
 * capi_retry(), capi_cancel() about events.
 *
 * The functions are SECURITY DEFINER and not granted to PUBLIC: EXECUTE is the right to decide.
 */
#include "pg/base/pg_prelude.hpp"
#include "pg/catalog/bells.hpp"
#include "pg/base/statement.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shared/wakeup.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_pause);
PG_FUNCTION_INFO_V1(capi_resume);
PG_FUNCTION_INFO_V1(capi_retry);
PG_FUNCTION_INFO_V1(capi_cancel);
}

namespace crm_capi {

namespace {

/* Runs an UPDATE of capi_dataset that takes server ($1), name ($2), and this database's identity
 * ($3, $4), and tells the shipper. */
void
update_dataset(FunctionCallInfo fcinfo, const char* assignments)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    const Oid server = require_dataset(NameStr(*PG_GETARG_NAME(0)));
    Parameters parameters = {};

    (void)dataset_number(schema, server); /* a dataset that was never used has no row yet */
    CommandCounterIncrement();
    add(&parameters, OIDOID, ObjectIdGetDatum(server));
    add(&parameters, NAMEOID, PG_GETARG_DATUM(0));
    add_number(&parameters, static_cast<int64>(GetSystemIdentifier()), true);
    add(&parameters, OIDOID, ObjectIdGetDatum(MyDatabaseId));
    SPI_connect();
    execute_once(
        schema,
        psprintf("UPDATE @.capi_dataset SET %s WHERE server = $1 OR name = $2", assignments),
        &parameters, SPI_OK_UPDATE);
    SPI_finish();
    CacheInvalidateRelcacheByRelid(relations_in(schema)->dataset);
    ring(schema, Bell::kSettings);
    wake_shipper_on_settings_change();
}

/* Runs a statement about the events in $1, tells the shipper, and returns how many it was about. */
int64
decide_events(FunctionCallInfo fcinfo, const char* sql, int expected)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    Parameters parameters = {};

    add(&parameters, INT8ARRAYOID, PG_GETARG_DATUM(0));
    SPI_connect();
    execute_once(schema, sql, &parameters, expected);
    const auto count = static_cast<int64>(SPI_processed);
    SPI_finish();
    CacheInvalidateRelcacheByRelid(relations_in(schema)->settlement);
    ring(schema, Bell::kDecisions);
    wake_shipper_on_settings_change();
    return count;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_pause(PG_FUNCTION_ARGS)
{
    update_dataset(fcinfo, "paused = true");
    PG_RETURN_VOID();
}

/* Also makes a dataset at home that was registered elsewhere (the clone guard), and has one that
 * waits after failures tried at once. */
extern "C" Datum
capi_resume(PG_FUNCTION_ARGS)
{
    update_dataset(fcinfo,
                   "paused = false, resumes = resumes + 1, server = $1, system_identifier = $3, "
                   "database = $4");
    PG_RETURN_VOID();
}

/* What was parked when it was enqueued can never be sent, and nothing can after seven days. */
extern "C" Datum
capi_retry(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(decide_events(
        fcinfo,
        "UPDATE @.capi_settlement s SET status = 'retry', settled_at = clock_timestamp()"
        " FROM @.capi_event_log e WHERE e.id = s.event AND s.event = ANY ($1)"
        " AND s.status IN ('parked', 'expired', 'cancelled') AND NOT e.parked"
        " AND e.event_time > clock_timestamp() - interval '168 hours'",
        SPI_OK_UPDATE));
}

/* Also gives up what is parked: until somebody decides, it stays, whatever crm_capi.retention says.
 * An event that is being sent, or has been delivered, cannot be called back. */
extern "C" Datum
capi_cancel(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(decide_events(
        fcinfo,
        "INSERT INTO @.capi_settlement AS s (event, settled_at, dataset, status, reason_code)"
        " SELECT e.id, clock_timestamp(), e.dataset, 'cancelled', 'cancelled' FROM "
        "@.capi_event_log e"
        " WHERE e.id = ANY ($1) AND NOT EXISTS (SELECT 1"
        " FROM @.capi_request_log r WHERE r.events @> e.id"
        " AND (r.finished_at IS NULL OR r.outcome IN ('delivered', 'dry_run')))"
        " ON CONFLICT (event) DO UPDATE SET status = excluded.status,"
        " settled_at = excluded.settled_at, reason_code = excluded.reason_code, detail = NULL,"
        " request = NULL, error_code = NULL, error_subcode = NULL"
        " WHERE s.status IN ('retry', 'parked')",
        SPI_OK_INSERT));
}
