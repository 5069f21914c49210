/*
 * shipper_totals.cpp - the shipper counts what passes through its hands.
 */
#include "pg/shipper/shipper_totals.hpp"

#include <string_view>

#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"

namespace crm_capi {

namespace {

/* Whether the events of a request with this outcome go again. */
bool
is_retry(std::string_view outcome)
{
    return outcome == "retry" || outcome == "slow_down" || outcome == "held" ||
           outcome == "in_doubt";
}

/* Requests that have ended alike. */
struct EndedAlike {
    int64 requests;
    int64 events;
    int64 micros;            /* that they took */
    TimestampTz finished_at; /* the last of them */
};

void
add_requests(DatasetTotals* totals, std::string_view outcome, const EndedAlike& ended)
{
    if (outcome == "dry_run") {
        totals->dry_run += ended.events;
        return;
    }
    totals->requests += ended.requests;
    totals->request_micros += ended.micros;
    if (is_retry(outcome))
        totals->retries += ended.requests;
    if (outcome == "delivered") {
        totals->delivered += ended.events;
        totals->last_success_at = Max(totals->last_success_at, ended.finished_at);
    }
}

/* Of a dataset; all zero if it is seen for the first time. */
DatasetTotals*
totals_of(ShipperTotals* all, int32 dataset)
{
    DatasetTotals* totals = nullptr;

    call_cpp("count", [&] { totals = &all->by_dataset[dataset]; });
    return totals;
}

/* The rows of the latest result: what capi_counter held. */
void
take_saved(ShipperTotals* all)
{
    for (uint64 row = 0; row < SPI_processed; row++) {
        DatasetTotals* const totals = totals_of(all, static_cast<int32>(result_int8(row, 1)));
        totals->enqueued = result_int8(row, 2);
        totals->delivered = result_int8(row, 3);
        totals->dry_run = result_int8(row, 4);
        totals->parked = result_int8(row, 5);
        totals->expired = result_int8(row, 6);
        totals->requests = result_int8(row, 7);
        totals->retries = result_int8(row, 8);
        totals->bytes = result_int8(row, 9);
        totals->request_micros = result_int8(row, 10);
        totals->last_success_at = result_int8(row, 11);
    }
}

/* Requests and settlements written since the totals were saved, in the transaction in which the
 * cursor began to speak for requests up to `cursor_request`. */
void
take_since(Oid schema, int64 cursor_request, TimestampTz saved_at, ShipperTotals* all)
{
    static Statement requests = {
        "SELECT r.dataset::bigint, r.outcome, sum(r.event_count)::bigint,"
        " sum((extract(epoch FROM r.finished_at - r.started_at) * 1000000)::bigint)::bigint,"
        " max(r.finished_at), count(*)"
        " FROM @.capi_request_log r WHERE r.id > $1 AND r.finished_at > $2 GROUP BY 1, 2",
        nullptr, InvalidOid};
    static Statement settlements = {
        "SELECT s.dataset::bigint, s.status = 'expired', count(*) FROM @.capi_settlement s"
        " JOIN @.capi_event_log e ON e.id = s.event WHERE s.settled_at > $1 AND NOT e.parked"
        " AND s.status IN ('parked', 'expired') AND s.dataset IS NOT NULL GROUP BY 1, 2",
        nullptr, InvalidOid};
    Parameters after_request = {};
    Parameters after = {};

    add_number(&after_request, cursor_request, true);
    add(&after_request, TIMESTAMPTZOID, TimestampTzGetDatum(saved_at));
    execute(schema, &requests, &after_request, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++)
        add_requests(
            totals_of(all, static_cast<int32>(result_int8(row, 1))), result_text(row, 2),
            {result_int8(row, 6), result_int8(row, 3), result_int8(row, 4), result_int8(row, 5)});
    add(&after, TIMESTAMPTZOID, TimestampTzGetDatum(saved_at));
    execute(schema, &settlements, &after, SPI_OK_SELECT);
    for (uint64 row = 0; row < SPI_processed; row++) {
        DatasetTotals* const totals = totals_of(all, static_cast<int32>(result_int8(row, 1)));
        if (result_bool(row, 2))
            totals->expired += result_int8(row, 3);
        else
            totals->parked += result_int8(row, 3);
    }
}

}  // namespace

void
ShipperTotals::Saw(int dataset, int64_t event, bool parked)
{
    if (event <= known_up_to)
        return;
    DatasetTotals& counted = by_dataset[dataset];
    counted.enqueued++;
    counted.parked += parked ? 1 : 0;
}

void
ShipperTotals::Departs(const OutgoingRequest& request, TimestampTz now)
{
    DatasetTotals& counted = by_dataset[request.dataset];
    if (request.dry_run) {
        add_requests(&counted, "dry_run", {1, request.event_count, 0, now});
        return;
    }
    counted.bytes += static_cast<int64_t>(request.http.body.size());
    under_way_[request.request] = {request.dataset, request.event_count, now};
}

void
ShipperTotals::Answered(const AnswerRecord& ended, TimestampTz now)
{
    const auto found = under_way_.find(ended.request);
    if (found == under_way_.end())
        return;
    const Departure& departure = found->second;
    add_requests(&by_dataset[departure.dataset], ended.outcome,
                 {1, departure.event_count, std::max<int64_t>(now - departure.at, 0), now});
    under_way_.erase(found);
}

void
ShipperTotals::Ended(const EndedEvent& ended)
{
    DatasetTotals& counted = by_dataset[ended.dataset];
    const std::string_view status = ended.status;
    counted.expired += status == "expired" ? 1 : 0;
    counted.parked += status == "parked" ? 1 : 0;
}

void
restore_totals(Oid schema, int64 cursor_request, ShipperTotals* totals)
{
    static Statement saved = {
        "SELECT dataset::bigint, enqueued, delivered, dry_run, parked, expired, requests, retries,"
        " bytes, request_micros, coalesce(last_success_at, '2000-01-01 00:00+00')"
        " FROM @.capi_counter",
        nullptr, InvalidOid};
    static Statement newest = {"SELECT coalesce(max(counted_at), '-infinity') FROM @.capi_counter",
                               nullptr, InvalidOid};
    Parameters none = {};

    execute(schema, &saved, &none, SPI_OK_SELECT);
    take_saved(totals);
    execute(schema, &newest, &none, SPI_OK_SELECT);
    take_since(schema, cursor_request, result_int8(0, 1), totals);
}

void
save_totals(Oid schema, const ShipperTotals& all, TimestampTz now)
{
    static Statement statement = {
        "INSERT INTO @.capi_counter AS c VALUES ($1::integer, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
        " $11, $12) ON CONFLICT (dataset) DO UPDATE SET enqueued = excluded.enqueued,"
        " delivered = excluded.delivered, dry_run = excluded.dry_run, parked = excluded.parked,"
        " expired = excluded.expired, requests = excluded.requests, retries = excluded.retries,"
        " bytes = excluded.bytes, request_micros = excluded.request_micros,"
        " last_success_at = excluded.last_success_at, counted_at = excluded.counted_at",
        nullptr, InvalidOid};

    for (const auto& [dataset, totals] : all.by_dataset) {
        Parameters parameters = {};
        for (const int64 number :
             {int64{dataset}, totals.enqueued, totals.delivered, totals.dry_run, totals.parked,
              totals.expired, totals.requests, totals.retries, totals.bytes, totals.request_micros})
            add_number(&parameters, number, true);
        add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(totals.last_success_at),
            totals.last_success_at != 0);
        add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(now));
        execute(schema, &statement, &parameters, SPI_OK_INSERT);
    }
}

}  // namespace crm_capi
