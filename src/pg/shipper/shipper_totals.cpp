/*
 * shipper_totals.cpp - the shipper counts what passes through its hands.
 */
#include "pg/shipper/shipper_totals.hpp"

#include <string_view>

#include "pg/base/guard.hpp"
#include "pg/base/statement.hpp"
#include "pg/base/table_reading.hpp"
#include "pg/catalog/relations.hpp"

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

/* What capi_counter holds of a dataset. */
void
take_saved(ShipperTotals* all, const TableReading& row)
{
    const auto number = [&row](int column) { return DatumGetInt64(value_of(row, column)); };
    DatasetTotals* const totals =
        totals_of(all, DatumGetInt32(value_of(row, counter_column::kDataset)));

    totals->enqueued = number(counter_column::kEnqueued);
    totals->delivered = number(counter_column::kDelivered);
    totals->dry_run = number(counter_column::kDryRun);
    totals->parked = number(counter_column::kParked);
    totals->expired = number(counter_column::kExpired);
    totals->requests = number(counter_column::kRequests);
    totals->retries = number(counter_column::kRetries);
    totals->bytes = number(counter_column::kBytes);
    totals->request_micros = number(counter_column::kRequestMicros);
    totals->last_success_at = number(counter_column::kLastSuccessAt);
}

/* All of them. Returns when they were saved; long ago if they never were. */
TimestampTz
read_saved(Oid schema, ShipperTotals* all)
{
    TableReading reading = begin_reading_anew(relations_in(schema)->counter);
    TimestampTz saved_at = DT_NOBEGIN;

    while (next_row(&reading)) {
        take_saved(all, reading);
        saved_at =
            Max(saved_at, DatumGetTimestampTz(value_of(reading, counter_column::kCountedAt)));
    }
    end_reading(&reading);
    return saved_at;
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
restore_totals(Oid schema, ShipperTotals* totals)
{
    (void)read_saved(schema, totals);
}

void
restore_totals_since(Oid schema, int64 cursor_request, ShipperTotals* totals)
{
    take_since(schema, cursor_request, read_saved(schema, totals), totals);
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
