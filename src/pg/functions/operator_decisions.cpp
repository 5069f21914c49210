/*
 * operator_decisions.cpp - what an operator decides: capi_pause(), capi_resume() about a dataset,
 * capi_cancel() about events.
 *
 * The functions are SECURITY DEFINER and not granted to PUBLIC: EXECUTE is the right to decide.
 */
#include "pg/base/pg_prelude.hpp"
#include "pg/catalog/bells.hpp"
#include "pg/base/statement.hpp"
#include "pg/catalog/dataset.hpp"
#include "pg/catalog/origin.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/shared/wakeup.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(capi_pause);
PG_FUNCTION_INFO_V1(capi_resume);
PG_FUNCTION_INFO_V1(capi_resume_all);
PG_FUNCTION_INFO_V1(capi_cancel);
PG_FUNCTION_INFO_V1(capi_cancel_dataset);
}

/* What a settlement says of an event that an operator has cancelled. */
#define CANCELLED                                                                      \
    "status = 'cancelled', settled_at = clock_timestamp(), reason_code = 'cancelled'," \
    " detail = NULL, request = NULL, error_code = NULL, error_subcode = NULL"

namespace crm_capi {

namespace {

/* Runs an UPDATE of capi_dataset that takes server ($1), name ($2), and this database's identity
 * ($3, $4), and tells the shipper. A server's OID means something beside that identity only: in a
 * restored queue another dataset may have it. */
void
update_dataset(Oid schema, Oid server, const char* assignments)
{
    Parameters parameters = {};
    NameData name;

    (void)dataset_number(schema, server); /* a dataset that was never used has no row yet */
    CommandCounterIncrement();
    add(&parameters, OIDOID, ObjectIdGetDatum(server));
    namestrcpy(&name, GetForeignServer(server)->servername);
    add(&parameters, NAMEOID, NameGetDatum(&name));
    add_number(&parameters, static_cast<int64>(GetSystemIdentifier()), true);
    add(&parameters, OIDOID, ObjectIdGetDatum(MyDatabaseId));
    SPI_connect();
    execute_once(schema,
                 psprintf("UPDATE @.capi_dataset SET %s WHERE name = $2"
                          " OR (server = $1 AND system_identifier = $3 AND database = $4)",
                          assignments),
                 &parameters, SPI_OK_UPDATE);
    SPI_finish();
    CacheInvalidateRelcacheByRelid(relations_in(schema)->dataset);
    ring(schema, Bell::kSettings);
    wake_shipper_on_settings_change();
}

/* Whatever has filled the tables may have left the sequences behind: logical replication does. A
 * number that is taken would then be given again. */
void
level_numbers(Oid schema)
{
    constexpr const char* kNumbers[][3] = {
        {"capi_dataset_number", "capi_dataset", "number"},
        {"capi_event_id", "capi_event_log", "id"},
        {"capi_request_id", "capi_request_log", "id"},
    };
    const char* const name = quote_identifier(get_namespace_name(schema));

    SPI_connect();
    for (const auto& [sequence, table, column] : kNumbers) {
        const char* const regclass = quote_literal_cstr(psprintf("%s.%s", name, sequence));
        const char* const sql = psprintf(
            "SELECT setval(%s, m.used) FROM (SELECT max(%s) AS used FROM %s.%s) m, %s.%s s"
            " WHERE m.used >= s.last_value",
            regclass, column, name, table, name, sequence);
        if (SPI_execute(sql, false, 0) != SPI_OK_SELECT)
            elog(ERROR, "unexpected result of \"%s\"", sql);
    }
    SPI_finish();
}

/* Also makes a dataset at home that came from elsewhere (the clone guard), and has one that waits
 * after failures tried at once. */
void
resume_dataset(Oid schema, Oid server)
{
    const bool comes_home =
        place_hold(server, is_registered_elsewhere(schema, server)).reason == Reason::kCloned;

    if (comes_home)
        level_numbers(schema); /* before the dataset gets a number here */
    update_dataset(schema, server,
                   comes_home
                       ? "paused = false, resumes = resumes + 1, server = $1,"
                         " system_identifier = $3, database = $4, here_since = clock_timestamp()"
                       : "paused = false, resumes = resumes + 1, server = $1,"
                         " system_identifier = $3, database = $4");
    accept_origin(server);
}

/* Cancels the events or the dataset in $1, tells the shipper, and returns how many events that
 * were. What has a settlement already is updated first: to find that out by a conflict takes twice
 * as long as to update. */
int64
cancel_events(FunctionCallInfo fcinfo, Oid type, const char* update, const char* insert)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    Parameters parameters = {};

    add(&parameters, type, PG_GETARG_DATUM(0));
    SPI_connect();
    execute_once(schema, update, &parameters, SPI_OK_UPDATE);
    auto count = static_cast<int64>(SPI_processed);
    execute_once(schema, insert, &parameters, SPI_OK_INSERT);
    count += static_cast<int64>(SPI_processed);
    SPI_finish();
    CacheInvalidateRelcacheByRelid(relations_in(schema)->settlement);
    ring(schema, Bell::kDecisions);
    wake_shipper_on_decision();
    return count;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_pause(PG_FUNCTION_ARGS)
{
    update_dataset(get_func_namespace(fcinfo->flinfo->fn_oid),
                   require_dataset(NameStr(*PG_GETARG_NAME(0))), "paused = true");
    PG_RETURN_VOID();
}

extern "C" Datum
capi_resume(PG_FUNCTION_ARGS)
{
    resume_dataset(get_func_namespace(fcinfo->flinfo->fn_oid),
                   require_dataset(NameStr(*PG_GETARG_NAME(0))));
    PG_RETURN_VOID();
}

extern "C" Datum
capi_resume_all(PG_FUNCTION_ARGS)
{
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
    List* const servers = all_datasets();
    ListCell* cell;

    foreach (cell, servers)
        resume_dataset(schema, lfirst_oid(cell));
    PG_RETURN_INT64(list_length(servers));
}

/* Also gives up what is parked: until somebody decides, it stays, whatever crm_capi.retention says.
 * An event that is being sent, or has been delivered, cannot be called back. OFFSET 0 has events
 * looked up by their ids: the planner would rather read the whole log. */
extern "C" Datum
capi_cancel(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(cancel_events(
        fcinfo, INT8ARRAYOID,
        "UPDATE @.capi_settlement s SET " CANCELLED
        " FROM (SELECT DISTINCT id FROM unnest($1) id ORDER BY id) w WHERE s.event = w.id"
        " AND s.status IN ('retry', 'parked')"
        " AND @.capi_event_status(s.event, NULL) NOT IN ('sending', 'delivered', 'dry_run')",
        "INSERT INTO @.capi_settlement AS s (event, settled_at, dataset, status, reason_code)"
        " SELECT e.id, clock_timestamp(), e.dataset, 'cancelled', 'cancelled'"
        " FROM (SELECT DISTINCT id FROM unnest($1) id ORDER BY id) w CROSS JOIN LATERAL"
        " (SELECT l.id, l.dataset FROM @.capi_event_log l WHERE l.id = w.id OFFSET 0) e"
        " WHERE NOT EXISTS (SELECT FROM @.capi_settlement k WHERE k.event = w.id)"
        " AND @.capi_event_status(e.id, NULL) NOT IN ('sending', 'delivered', 'dry_run')"
        " ON CONFLICT (event) DO UPDATE SET " CANCELLED " WHERE s.status IN ('retry', 'parked')"));
}

/* What is owed to a dataset, all of it: before a copy is resumed, say. The dataset may be gone. */
extern "C" Datum
capi_cancel_dataset(PG_FUNCTION_ARGS)
{
    const int64 count = cancel_events(
        fcinfo, NAMEOID,
        "UPDATE @.capi_settlement s SET " CANCELLED
        " FROM @.capi_dataset d WHERE d.number = s.dataset AND d.name = $1 AND s.status = 'retry'"
        " AND @.capi_event_status(s.event, NULL) NOT IN ('sending', 'delivered', 'dry_run')",
        "INSERT INTO @.capi_settlement AS s (event, settled_at, dataset, status, reason_code)"
        " SELECT o.id, clock_timestamp(), o.dataset, 'cancelled', 'cancelled' FROM @.capi_owed o"
        " JOIN @.capi_dataset d ON d.number = o.dataset WHERE d.name = $1"
        " AND @.capi_event_status(o.id, NULL) NOT IN ('sending', 'delivered', 'dry_run')"
        " ON CONFLICT (event) DO UPDATE SET " CANCELLED " WHERE s.status = 'retry'");
    const char* const name = NameStr(*PG_GETARG_NAME(0));

    if (count == 0 && !OidIsValid(find_dataset(name)))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("dataset \"%s\" does not exist", name),
                 errdetail("Nothing is owed to a dataset of this name, either."),
                 errhint("Single events are cancelled by an array of their ids: "
                         "capi_cancel(ARRAY[1, 2]).")));
    PG_RETURN_INT64(count);
}
