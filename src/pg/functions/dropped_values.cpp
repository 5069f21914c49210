/*
 * dropped_values.cpp - see dropped_values.hpp.
 *
 * They are noted with their event (capi_event_log.dropped): so they are as lasting as the event, go
 * with it when it is rolled back, taken back or forgotten, and cost nothing where nothing was
 * dropped.
 */
#include "pg/functions/dropped_values.hpp"

#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

namespace {

/* C++ regime. A table can have several watches. */
void
AddDropped(const char* table, const DroppedFacts& dropped, Checkup* checkup)
{
    for (WatchFacts& watch : checkup->watches) {
        if (watch.target == table)
            watch.dropped.push_back(dropped);
    }
}

}  // namespace

/* The number of events is bounded, because the doctor is to take less than a second whatever the
 * size of the queue; of a range with two ends the planner takes the index. */
void
gather_dropped_values(Oid schema, Checkup* checkup)
{
    static Statement statement = {
        "SELECT coalesce(d.dropped ->> 'table', ''), coalesce(v.pair ->> 0, ''),"
        " coalesce(v.pair ->> 1, ''), count(*)"
        " FROM (SELECT e.dropped FROM @.capi_event_log e"
        " WHERE e.id BETWEEN (SELECT max(l.id) - 100000 FROM @.capi_event_log l)"
        " AND (SELECT max(l.id) FROM @.capi_event_log l)"
        " AND jsonb_typeof(e.dropped -> 'values') = 'array'"
        " AND e.enqueued_at > now() - interval '7 days') d,"
        " LATERAL jsonb_array_elements(d.dropped -> 'values') AS v (pair)"
        " GROUP BY 1, 2, 3 ORDER BY 4 DESC, 2, 3",
        nullptr, InvalidOid};
    Parameters none = {};

    if (checkup->watches.empty())
        return;
    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++) {
        const char* const table = legible_utf8(result_text(row, 1));
        const char* const key = legible_utf8(result_text(row, 2));
        const char* const cause = legible_utf8(result_text(row, 3));
        const int64 values = result_int8(row, 4);
        call_cpp("note dropped values", [&] { AddDropped(table, {key, cause, values}, checkup); });
    }
}

}  // namespace crm_capi
