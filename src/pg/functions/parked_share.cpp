/*
 * parked_share.cpp - what share of the events of a watch is parked for one reason.
 */
#include "pg/functions/parked_share.hpp"

#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

namespace {

/* C++ regime. An event outlives its watch. */
void
AddShare(uint32_t trigger, const ParkedShare& share, Checkup* checkup)
{
    for (WatchFacts& watch : checkup->watches) {
        if (watch.trigger == trigger)
            watch.parked = share;
    }
}

}  // namespace

/* The number of events is bounded, because the doctor is to take less than a second whatever the
 * size of the queue; and only parked ones are looked up, one by one, for the same reason. */
void
gather_parked_shares(Oid schema, Checkup* checkup)
{
    static Statement statement = {
        "WITH latest AS MATERIALIZED (SELECT e.id, e.watch, e.parked, e.enqueued_at"
        " FROM @.capi_event_log e ORDER BY e.id DESC LIMIT 50000),"
        " judged AS (SELECT l.watch, (SELECT s.reason_code FROM @.capi_settlement s"
        " WHERE s.event = CASE WHEN l.parked THEN l.id END AND s.status = 'parked') AS reason_code"
        " FROM latest l"
        " WHERE l.watch IS NOT NULL AND l.enqueued_at > now() - interval '1 day'),"
        " counted AS (SELECT j.watch, j.reason_code, count(*) AS parked,"
        " sum(count(*)) OVER (PARTITION BY j.watch)::bigint AS events"
        " FROM judged j GROUP BY j.watch, j.reason_code)"
        " SELECT DISTINCT ON (c.watch) c.watch::bigint, c.reason_code, c.parked, c.events"
        " FROM counted c WHERE c.reason_code IS NOT NULL"
        " ORDER BY c.watch, c.parked DESC, c.reason_code",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++) {
        const auto trigger = static_cast<uint32_t>(result_int8(row, 1));
        const char* const code = legible_utf8(result_text(row, 2));
        const int64 parked = result_int8(row, 3);
        const int64 events = result_int8(row, 4);
        call_cpp("note what is parked",
                 [&] { AddShare(trigger, {ReasonFromCode(code), parked, events}, checkup); });
    }
}

}  // namespace crm_capi
