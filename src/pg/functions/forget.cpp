/*
 * forget.cpp - capi_forget(): a lead is erased from queue and history and leaves a tombstone.
 *
 * Two things are out of this transaction's sight: events of the lead that other transactions have
 * enqueued and not committed yet, and what the shipper holds in memory. Both are the shipper's to
 * end (forgotten_leads.cpp); the tombstone says what it has to look for.
 */
#include "core/event/reason.hpp"
#include "pg/base/pg_prelude.hpp"
#include "pg/catalog/bells.hpp"
#include "pg/base/statement.hpp"
#include "pg/catalog/relations.hpp"
#include "pg/queue/identities.hpp"
#include "pg/shared/wakeup.hpp"
#include "pg/watch/column_values.hpp"
#include "pg/watch/guarded_types.hpp"

extern "C" {
#include "catalog/pg_collation.h"

PG_FUNCTION_INFO_V1(capi_forget);
PG_FUNCTION_INFO_V1(capi_forget_key);
}

namespace crm_capi {

namespace {

/* Runs a statement about the lead, which is $1. Returns its first value; 0 if it has none. */
int64
run_about_lead(Oid schema, int64 lead_id, const char* sql, int expected)
{
    Parameters parameters = {};

    add_number(&parameters, lead_id, true);
    execute_once(schema, sql, &parameters, expected);
    return SPI_processed > 0 && SPI_tuptable != nullptr ? result_int8(0, 1) : 0;
}

/* Events of the lead in a request that has no answer yet. */
int64
count_in_flight(Oid schema, int64 lead_id)
{
    return run_about_lead(schema, lead_id,
                          "SELECT count(*) FROM @.capi_event_log e WHERE e.lead_id = $1 AND EXISTS"
                          " (SELECT FROM @.capi_request_log r"
                          "  WHERE r.finished_at IS NULL AND r.events::int8multirange @> e.id)",
                          SPI_OK_SELECT);
}

/* Comes before the erasing: what the cursor that is read here calls final can be seen by any later
 * statement, so nothing that this transaction overlooks has a smaller id. */
void
put_tombstone(Oid schema, int64 lead_id)
{
    (void)run_about_lead(schema, lead_id,
                         "INSERT INTO @.capi_tombstone AS t (lead, forgotten_at, unseen_from)"
                         " SELECT sha256(int8send($1)), clock_timestamp(), coalesce((SELECT"
                         " least(lower(c.open), c.position + 1) FROM @.capi_cursor c), 0)"
                         " ON CONFLICT (lead) DO UPDATE SET forgotten_at = excluded.forgotten_at,"
                         " unseen_from = least(t.unseen_from, excluded.unseen_from)",
                         SPI_OK_INSERT);
}

/* Erases the lead's events with all that hangs on them, leaves their ids for the shipper, and
 * returns how many there were. */
int64
erase(Oid schema, int64 lead_id)
{
    return run_about_lead(
        schema, lead_id,
        "WITH erased AS (DELETE FROM @.capi_event_log WHERE lead_id = $1 RETURNING id),"
        " settled AS (DELETE FROM @.capi_settlement s USING erased WHERE s.event = erased.id),"
        " reached AS (DELETE FROM @.capi_reached_stage WHERE lead_id = $1),"
        " noted AS (UPDATE @.capi_tombstone t SET events = coalesce(t.events, '{}') + coalesce("
        "(SELECT range_agg(int8range(e.id, e.id, '[]')) FROM erased e), '{}')"
        " WHERE t.lead = sha256(int8send($1)))"
        " SELECT count(*) FROM erased",
        SPI_OK_SELECT);
}

/* A NOTICE, unless nothing is. */
void
tell_what_is_in_flight(int64 count)
{
    if (count > 0)
        ereport(NOTICE, (errmsg_plural("%d event is being sent and cannot be taken back",
                                       "%d events are being sent and cannot be taken back",
                                       static_cast<unsigned long>(count), static_cast<int>(count)),
                         errdetail("Their rows are erased all the same, and they are not sent "
                                   "again.")));
}

/* What a watch makes of this text: the id that Meta gave, or what stands for the CRM's own key. */
int64
lead_of_key(Datum key)
{
    ColumnReader reader;
    bool absent = false;
    int64 lead_id = 0;
    const char* detail = nullptr;

    prepare_reader(TEXTOID, DEFAULT_COLLATION_OID, CurrentMemoryContext, &reader);
    const Reason reason = read_lead_id(&reader, key, &absent, &lead_id, &detail);
    if (absent)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("argument \"lead_key\" must not be empty"),
                        errhint("Give the lead's key as the lead_id of the watch has it.")));
    return reason == Reason::kLeadIdNotANumber ? lane_of(text_form(&reader, key).text) : lead_id;
}

/* What both forms of capi_forget() do; returns how many events were erased. */
int64
forget(Oid schema, int64 lead_id)
{
    SPI_connect();
    put_tombstone(schema, lead_id);
    const int64 in_flight = count_in_flight(schema, lead_id);
    const int64 erased = erase(schema, lead_id);
    SPI_finish();
    CacheInvalidateRelcacheByRelid(relations_in(schema)->tombstone);
    ring(schema, Bell::kTombstones);
    wake_shipper_on_settings_change();
    tell_what_is_in_flight(in_flight);
    return erased;
}

}  // namespace

}  // namespace crm_capi

using namespace crm_capi;

extern "C" Datum
capi_forget(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(forget(get_func_namespace(fcinfo->flinfo->fn_oid), PG_GETARG_INT64(0)));
}

/* STRICT, so that no value is NULL. */
extern "C" Datum
capi_forget_key(PG_FUNCTION_ARGS)
{
    const int64 lead_id = lead_of_key(PG_GETARG_DATUM(0));

    PG_RETURN_INT64(forget(get_func_namespace(fcinfo->flinfo->fn_oid), lead_id));
}
