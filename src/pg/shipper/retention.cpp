/*
 * retention.cpp - history that has been kept for crm_capi.retention is removed, a little at a time.
 *
 * A pass goes through the log in order of ids, portion by portion, until it meets an event that is
 * young enough; then through the requests. What stays, whatever its age:
 *   - what is owed, which this process knows;
 *   - what is parked or owed again by capi_retry(): somebody has to decide about it;
 *   - requests that have such events, that the cursor does not cover, and the newest one: it is how
 *     a shipper recognises its own tables (heed_settings.cpp).
 * Rows are deleted like any others: no writer waits, a held snapshot only delays the reuse of their
 * place, and autovacuum, which the deletes wake, gives it to new rows.
 */
#include "pg/shipper/retention.hpp"

#include "pg/base/guard.hpp"
#include "pg/queue/log_reader.hpp"
#include "pg/base/multirange.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/statement.hpp"
#include "pg/shipper/shipper_state.hpp"

namespace crm_capi {

namespace {

/* Some ten milliseconds of an idle turn, and some two of a busy one. */
constexpr int kRowsPerIdlePortion = 2000;
constexpr int kRowsPerBusyPortion = 250;

/* How often it is looked for what has become old enough: history may be kept by that part longer.
 */
constexpr int64 kLooksPerRetention = 1000;

/* What a pass has left is looked at again after a day: it may have been delivered meanwhile. */
constexpr int64 kPassEvery = USECS_PER_DAY;

/* The next rows of the log: those from `range.first` to `range.last` are old enough. */
struct Portion {
    IdRange range;
    bool is_last;
};

int64
retention_micros()
{
    return static_cast<int64>(setting_retention) * USECS_PER_SEC;
}

/* Reads on until `most` rows, or one that is too young. */
Portion
next_portion(Shipper* shipper, int64 complete_up_to, TimestampTz cutoff, int most)
{
    Portion portion = {{shipper->history.events_up_to + 1, complete_up_to}, true};
    LogReader* const reader = open_log_at(shipper->extension.schema, portion.range);
    LoggedEvent event;

    while (next_event(reader, Columns::kUpkeep, &event)) {
        if (event.enqueued_at >= cutoff) {
            shipper->history.next_old_at = event.enqueued_at + retention_micros();
            portion.range.last = event.id - 1;
            break;
        }
        if (--most == 0) {
            portion = {{portion.range.first, event.id}, false};
            break;
        }
    }
    close_log(reader);
    return portion;
}

/* As two parameters. */
void
add_range(Parameters* parameters, IdRange range)
{
    add_number(parameters, range.first, true);
    add_number(parameters, range.last, true);
}

/* Events of the range but for those that are not `final_ids`, with their settlements. */
void
delete_events(Shipper* shipper, IdRange range, TimestampTz cutoff)
{
    static Statement statement = {
        "WITH old AS (DELETE FROM @.capi_event_log e WHERE e.id BETWEEN $1 AND $2"
        " AND e.id <@ $3 AND e.enqueued_at < $4 AND NOT EXISTS"
        " (SELECT 1 FROM @.capi_settlement k WHERE k.event = e.id"
        " AND k.status IN ('parked', 'retry')) RETURNING e.id)"
        " DELETE FROM @.capi_settlement s USING old WHERE s.event = old.id",
        nullptr, InvalidOid};
    Parameters parameters = {};

    call_cpp("collect what is final", [&] {
        shipper->history.final_ids = IdSet(std::vector<IdRange>{range});
        shipper->history.final_ids.Subtract(shipper->dispatcher.OwedBits().Within(range));
    });
    add_range(&parameters, range);
    add(&parameters, INT8MULTIRANGEOID, multirange_datum(shipper->history.final_ids));
    add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(cutoff));
    execute(shipper->extension.schema, &statement, &parameters, SPI_OK_DELETE);
}

/* Filters of runs that are empty now. */
void
delete_filters(Oid schema, IdRange range)
{
    static Statement statement = {
        "DELETE FROM @.capi_lead_filter f WHERE f.first_event <= $2 AND f.last_event BETWEEN $1"
        " AND $2 AND NOT EXISTS (SELECT 1 FROM @.capi_event_log e"
        " WHERE e.id BETWEEN f.first_event AND f.last_event)",
        nullptr, InvalidOid};
    Parameters parameters = {};

    add_range(&parameters, range);
    execute(schema, &statement, &parameters, SPI_OK_DELETE);
}

/* The next requests in order of ids; returns up to which one they were looked at, 0 if all have
 * been. */
int64
delete_requests(Shipper* shipper, TimestampTz cutoff, int most)
{
    static Statement portion = {
        "SELECT coalesce(max(p.id), 0) FROM (SELECT r.id FROM @.capi_request_log r"
        " WHERE r.id > $1 AND r.id <= $2 AND r.started_at < $3 ORDER BY r.id LIMIT $4) p",
        nullptr, InvalidOid};
    static Statement statement = {
        "DELETE FROM @.capi_request_log r WHERE r.id > $1 AND r.id <= $2 AND r.finished_at < $3"
        " AND NOT EXISTS (SELECT 1 FROM unnest(r.events::int8multirange) u, LATERAL (SELECT 1"
        " FROM @.capi_event_log e WHERE e.id >= lower(u) AND e.id < upper(u) LIMIT 1) kept)",
        nullptr, InvalidOid};
    Parameters looked_at = {};
    Parameters parameters = {};

    add_number(&looked_at, shipper->history.requests_up_to, true);
    add_number(&looked_at, Min(shipper->cursor.request, shipper->cursor.latest_request - 1), true);
    add(&looked_at, TIMESTAMPTZOID, TimestampTzGetDatum(cutoff));
    add_number(&looked_at, most, true);
    execute(shipper->extension.schema, &portion, &looked_at, SPI_OK_SELECT);
    const int64 last = result_int8(0, 1);
    if (last == 0)
        return 0;
    add_number(&parameters, shipper->history.requests_up_to, true);
    add_number(&parameters, last, true);
    add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(cutoff));
    execute(shipper->extension.schema, &statement, &parameters, SPI_OK_DELETE);
    return last;
}

/* One portion of the log. True if there may be more. */
bool
prune_log(Shipper* shipper, TimestampTz cutoff, int most)
{
    int64 complete_up_to = 0;

    call_cpp("find out what is settled",
             [&] { complete_up_to = shipper->log.window->CompleteUpTo(); });
    if (shipper->history.events_up_to >= complete_up_to)
        return false;
    const Portion portion = next_portion(shipper, complete_up_to, cutoff, most);
    if (portion.range.last >= portion.range.first) {
        delete_events(shipper, portion.range, cutoff);
        delete_filters(shipper->extension.schema, portion.range);
        shipper->history.events_up_to = portion.range.last;
    }
    return !portion.is_last;
}

}  // namespace

/* What a copy holds may have come in since this process looked (heed_settings.cpp). */
bool
history_is_due(const Shipper* shipper)
{
    return milliseconds_until_history_is_due(shipper) == 0;
}

long
milliseconds_until_history_is_due(const Shipper* shipper)
{
    constexpr long kDay = 24 * 60 * 60 * 1000L;

    if (setting_retention <= 0 || shipper->serves_copy)
        return kDay;
    return Min(
        TimestampDifferenceMilliseconds(GetCurrentTimestamp(), shipper->history.next_portion_at),
        kDay);
}

TimestampTz
history_due_at(const Shipper* shipper)
{
    if (setting_retention <= 0 || shipper->serves_copy)
        return PG_INT64_MAX;
    return Max(shipper->history.next_portion_at, shipper->history.next_old_at);
}

bool
prune_history(Shipper* shipper, TurnLoad load)
{
    const TimestampTz now = GetCurrentTimestamp();
    const int most = load == TurnLoad::kIdle ? kRowsPerIdlePortion : kRowsPerBusyPortion;

    if (!history_is_due(shipper))
        return false;
    if (now >= shipper->history.next_pass_at || now < shipper->history.next_pass_at - kPassEvery) {
        reconsider_history(&shipper->history);
        shipper->history.next_pass_at = now + kPassEvery;
    }
    const TimestampTz cutoff = now - retention_micros();
    /* Unless a younger event is met, none is younger than this look. */
    shipper->history.next_old_at = now + retention_micros();
    if (prune_log(shipper, cutoff, most))
        return true;
    const int64 last = delete_requests(shipper, cutoff, most / 10);
    if (last != 0) {
        shipper->history.requests_up_to = last;
        return true;
    }
    /* Nothing is old enough. */
    const int64 pause = retention_micros() / kLooksPerRetention;
    shipper->history.next_portion_at = now + Min(pause, USECS_PER_HOUR);
    return false;
}

void
reconsider_history(HistoryPass* history)
{
    history->events_up_to = 0;
    history->requests_up_to = 0;
    history->next_portion_at = 0;
}

}  // namespace crm_capi
