/*
 * checkup_sources.cpp - what capi_check() finds out about where events come from: the lead ids of
 * the latest ones, and the watches.
 */
#include "pg/functions/checkup_sources.hpp"

#include <string>

#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

const char*
utf8_result(uint64 row, int column)
{
    const char* const value = result_text(row, column);

    return value ? legible_utf8(value) : "";
}

namespace {

/* C++ regime. */
void
AddLeadIds(const char* dataset, const LeadIdFacts& facts, Checkup* checkup)
{
    for (FunnelFacts& funnel : checkup->funnels) {
        if (funnel.dataset == dataset)
            funnel.lead_ids = facts;
    }
}

}  // namespace

/* A lead reaches the same stage once in a minute, or twice by a slip; a copied record or an import
 * of copies has it reach the stage with each row. A spreadsheet keeps 15 digits of a number. */
void
gather_lead_ids(Oid schema, Checkup* checkup)
{
    static Statement statement = {
        "WITH last AS MATERIALIZED (SELECT e.dataset, e.lead_id, e.event_name,"
        " date_trunc('minute', e.enqueued_at) AS minute FROM @.capi_event_log e"
        " ORDER BY e.id DESC LIMIT 50000),"
        " often AS (SELECT l.dataset, l.lead_id, count(*) AS times FROM last l"
        " WHERE l.lead_id > 0 GROUP BY l.dataset, l.lead_id, l.event_name, l.minute),"
        " lead AS (SELECT d.name, o.lead_id, max(o.times) AS times FROM often o"
        " JOIN @.capi_dataset d ON d.number = o.dataset GROUP BY d.name, o.lead_id)"
        " SELECT l.name, count(*) FILTER (WHERE l.times >= 3),"
        " count(*) FILTER (WHERE l.lead_id >= 1000000000000000),"
        " count(*) FILTER (WHERE l.lead_id >= 1000000000000000 AND l.lead_id %"
        " CASE WHEN l.lead_id >= 10000000000000000 THEN 100 ELSE 10 END = 0)"
        " FROM lead l GROUP BY l.name",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++) {
        const char* const dataset = utf8_result(row, 1);
        const LeadIdFacts facts = {result_int8(row, 2), result_int8(row, 3), result_int8(row, 4)};
        call_cpp("note lead ids", [&] { AddLeadIds(dataset, facts, checkup); });
    }
}

void
gather_watches(Oid schema, Checkup* checkup)
{
    static Statement statement = {
        "SELECT w.target::text, CASE"
        " WHEN NOT w.enabled AND t.tgenabled = 'R' THEN 'Trigger ' || quote_ident(w.trigger) ||"
        " ' fires only for what replication brings (ENABLE REPLICA), and no subscription fills the"
        " table.'"
        " WHEN NOT w.enabled THEN 'Trigger ' || quote_ident(w.trigger) || ' is disabled.'"
        " WHEN w.problem LIKE 'its table is locked%' THEN 'Cannot be told: ' || w.problem || '.'"
        " WHEN w.problem IS NOT NULL THEN 'The watch does not work: ' || w.problem || '.'"
        " WHEN other.oid IS NOT NULL THEN 'The watch was made for ' || m.name || ', and has stayed"
        " with the table that was renamed: another one has the name now.'"
        " WHEN f.oid IS NULL AND w.dataset IS NULL"
        " THEN 'The watch names no dataset, and there is not exactly one.'"
        " WHEN f.oid IS NULL THEN 'Dataset ' || quote_ident(w.dataset) || ' does not exist.'"
        " WHEN NOT has_server_privilege(c.relowner, f.oid, 'USAGE')"
        " THEN 'The owner of the table lacks USAGE on dataset ' || quote_ident(f.srvname) || '.'"
        " END, CASE"
        " WHEN NOT w.enabled THEN 'Use ALTER TABLE ... ENABLE TRIGGER, and capi_backfill for what"
        " the watch has missed.'"
        " WHEN w.problem LIKE 'its table is locked%' THEN 'Ask again when that transaction has"
        " ended.'"
        " WHEN w.problem IS NOT NULL THEN NULL"
        " WHEN other.oid IS NOT NULL THEN 'Call capi_unwatch for this table and capi_watch for ' ||"
        " m.name || ', and capi_backfill for what the watch has missed.'"
        " WHEN f.oid IS NULL THEN 'Create the dataset under that name, or call capi_watch for"
        " another one.'"
        " WHEN NOT has_server_privilege(c.relowner, f.oid, 'USAGE')"
        " THEN 'Use GRANT USAGE ON FOREIGN SERVER for the owner of the table.'"
        " END, @.capi_zoneless_times(t.oid), t.oid::bigint"
        " FROM @.capi_watches w JOIN pg_catalog.pg_class c ON c.oid = w.target"
        " JOIN pg_catalog.pg_trigger t ON t.tgrelid = w.target AND t.tgname = w.trigger"
        " CROSS JOIN LATERAL (SELECT substring(obj_description(t.oid, 'pg_trigger')"
        " from '^capi_watch of (.*)$') AS name) m"
        " LEFT JOIN pg_catalog.pg_class other ON other.oid = to_regclass(m.name)"
        " AND other.oid <> c.oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger o"
        " WHERE o.tgrelid = other.oid AND o.tgfoid = t.tgfoid)"
        " LEFT JOIN LATERAL (SELECT min(s.oid) AS oid, min(s.srvname) AS srvname"
        " FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper x"
        " ON x.oid = s.srvfdw AND x.fdwname = 'crm_capi'"
        " WHERE s.srvname = coalesce(w.dataset, s.srvname) HAVING count(*) = 1) f ON true"
        " ORDER BY 1, w.trigger",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++) {
        const char* const target = utf8_result(row, 1);
        const char* const problem = utf8_result(row, 2);
        const char* const hint = utf8_result(row, 3);
        const char* const bare = utf8_result(row, 4);
        const auto trigger = static_cast<uint32_t>(result_int8(row, 5));
        call_cpp("note a watch", [&] {
            checkup->watches.push_back({target, problem, hint, bare, {}, trigger, {}});
        });
    }
    checkup->server.watches = static_cast<int>(SPI_processed);
}

}  // namespace crm_capi
