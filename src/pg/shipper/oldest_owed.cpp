/*
 * oldest_owed.cpp - of what a dataset owes: since when the oldest waits, and when the first
 * expires.
 */
#include "pg/base/clock.hpp"
#include "pg/shipper/oldest_owed.hpp"

#include "pg/queue/event_log.hpp"
#include "pg/base/guard.hpp"
#include "pg/queue/log_reader.hpp"

namespace crm_capi {

namespace {

/* Of so many owed events of all datasets together the times are looked up. The first to be enqueued
 * are the first to expire, unless event times are far apart; each event expires by its own time
 * anyhow. Where datasets take turns in the log each look is a descent of its index: a thousand for
 * each of many datasets would cost more than to send their events. */
constexpr int kMostLooks = 1000;

/* A few of each dataset are looked up each time; of more, what was found is good for so long. */
constexpr int kFewLooks = 64;
constexpr int kGoodForMs = 1000;

/* From the log. */
OldestTimes
look_up_times(Oid schema, const Dispatcher& dispatcher, OldestOwed* known, int dataset, int looks,
              TimestampTz now)
{
    OldestTimes times = {0, 0, now};
    const IdRange* ranges = nullptr;
    size_t range_count = 0;

    call_cpp("find the first owed events", [&] {
        known->first_owed = dispatcher.FirstOwed(dataset, looks);
        ranges = known->first_owed.ranges().data();
        range_count = known->first_owed.ranges().size();
    });
    LogReader* const reader = open_log(schema);
    for (size_t i = 0; i < range_count; i++) {
        LoggedEvent event;
        seek_events(reader, ranges[i]);
        while (next_event(reader, Columns::kUpkeep, &event)) {
            const TimestampTz event_time = from_unix_micros(event.event_time);
            if (times.oldest_owed_at == 0 || event.enqueued_at < times.oldest_owed_at)
                times.oldest_owed_at = event.enqueued_at;
            if (times.earliest_event_time == 0 || event_time < times.earliest_event_time)
                times.earliest_event_time = event_time;
        }
    }
    close_log(reader);
    return times;
}

}  // namespace

int
looks_for_each(size_t datasets)
{
    return Max(kFewLooks, kMostLooks / static_cast<int>(Max(datasets, 1)));
}

OldestTimes
oldest_times(Oid schema, const Dispatcher& dispatcher, OldestOwed* known, const OwedOfDataset& owed,
             int looks, TimestampTz now)
{
    OldestTimes* kept = nullptr;

    call_cpp("find the times of a dataset", [&] { kept = &known->by_dataset[owed.dataset]; });
    const bool is_good = kept->looked_up_at != 0 && now >= kept->looked_up_at &&
                         !TimestampDifferenceExceeds(kept->looked_up_at, now, kGoodForMs);
    if (owed.owed == 0)
        *kept = {};
    else if (owed.owed <= kFewLooks || !is_good)
        *kept = look_up_times(schema, dispatcher, known, owed.dataset, looks, now);
    else
        known->are_old = true;
    return *kept;
}

}  // namespace crm_capi
