/*
 * figures_from_tables.cpp - what is owed, counted in the tables: when no shipper is there to be
 * asked.
 */
#include "pg/functions/figures_from_tables.hpp"

#include "pg/catalog/relations.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

namespace {

Statement statement = {
    "WITH doubt AS ("
    "  SELECT coalesce(range_agg(ids), '{}') AS ids"
    "  FROM @.capi_request_log r, LATERAL unnest(r.events::int8multirange) AS ids"
    "  WHERE r.outcome = 'in_doubt' AND r.started_at > now() - interval '192 hours')"
    " SELECT w.dataset, sum(w.owed)::bigint, sum(w.in_flight)::bigint, sum(w.in_doubt)::bigint,"
    "        min(w.enqueued_at), min(w.event_time)"
    " FROM (SELECT o.dataset, 1 AS owed, 0 AS in_flight, (doubt.ids @> o.id)::integer AS in_doubt,"
    "              o.enqueued_at, o.event_time"
    "       FROM @.capi_owed o, doubt"
    "       UNION ALL"
    "       SELECT r.dataset, 0, r.event_count, 0, NULL, NULL"
    "       FROM @.capi_request_log r WHERE r.finished_at IS NULL) w"
    " WHERE w.dataset IS NOT NULL GROUP BY w.dataset",
    nullptr, InvalidOid};

}  // namespace

/* Whoever may read the view may not read the tables. */
void
count_figures(Oid schema, Tuplestorestate* results)
{
    const ActingUser caller = become_queue_owner(schema);
    Parameters none = {};

    SPI_connect();
    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++)
        tuplestore_puttuple(results, SPI_tuptable->vals[row]);
    SPI_finish();
    become(caller);
}

}  // namespace crm_capi
