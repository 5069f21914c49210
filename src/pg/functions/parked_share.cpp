/*
 * parked_share.cpp - what share of the events of a watch is parked for one reason.
 *
 * An event does not say which watch it came from, only its dataset. Nobody else parks an event when
 * it is enqueued, because capi_send_lead_event() raises an error instead; so where a dataset has
 * one watch the figures are that watch's.
 */
#include "pg/functions/parked_share.hpp"

#include "pg/base/encoding.hpp"
#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

namespace {

/* C++ regime. */
void
AddShare(const char* dataset, const ParkedShare& share, Checkup* checkup)
{
    for (WatchFacts& watch : checkup->watches) {
        if (watch.dataset == dataset)
            watch.parked = share;
    }
}

}  // namespace

/* The number of events is bounded, because the doctor is to take less than two seconds whatever the
 * size of the queue. */
void
gather_parked_shares(Oid schema, Checkup* checkup)
{
    static Statement statement = {
        "WITH latest AS MATERIALIZED (SELECT e.id, e.dataset, e.parked, e.enqueued_at"
        " FROM @.capi_event_log e ORDER BY e.id DESC LIMIT 10000),"
        " counted AS (SELECT d.name, s.reason_code, count(*) AS parked,"
        " sum(count(*)) OVER (PARTITION BY d.name)::bigint AS events"
        " FROM latest l JOIN @.capi_dataset d ON d.number = l.dataset"
        " LEFT JOIN @.capi_settlement s ON s.event = l.id AND l.parked AND s.status = 'parked'"
        " WHERE l.enqueued_at > now() - interval '1 day' GROUP BY d.name, s.reason_code)"
        " SELECT DISTINCT ON (c.name) c.name::text, c.reason_code, c.parked, c.events FROM counted "
        "c"
        " WHERE c.reason_code IS NOT NULL ORDER BY c.name, c.parked DESC, c.reason_code",
        nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &statement, &none, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++) {
        const char* const dataset = legible_utf8(result_text(row, 1));
        const char* const code = legible_utf8(result_text(row, 2));
        const int64 parked = result_int8(row, 3);
        const int64 events = result_int8(row, 4);
        call_cpp("note what is parked",
                 [&] { AddShare(dataset, {ReasonFromCode(code), parked, events}, checkup); });
    }
}

}  // namespace crm_capi
