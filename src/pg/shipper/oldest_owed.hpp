/*
 * oldest_owed.hpp - of what a dataset owes: since when the oldest waits, and when the first
 * expires.
 *
 * The times lie in the log. Looking a thousand of them up at the end of every turn would cost a
 * dataset that rests, with much owed, as much as all else that the turn does for the others.
 */
#pragma once

#include <map>

#include "core/dispatch/dispatcher.hpp"
#include "core/ids/id_set.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct OldestTimes {
    TimestampTz oldest_owed_at;      /* 0 = nothing is owed */
    TimestampTz earliest_event_time; /* of the first owed events; likewise */
    TimestampTz looked_up_at;
};

/* What has been looked up, so that it need not be each time. */
struct OldestOwed {
    std::map<int, OldestTimes> by_dataset; /* main number in the log */
    /* Some of those that were published last may have changed since they were looked up: a later
     * turn has to see to it. */
    bool are_old = false;
    IdSet first_owed; /* what is being looked up */
};

/* Of how many owed events of each of so many datasets the times are looked up. */
int looks_for_each(size_t datasets);

/* Of a dataset that owes events; of many they may be a second old. Under the active snapshot. */
OldestTimes oldest_times(Oid schema, const Dispatcher& dispatcher, OldestOwed* known,
                         const OwedOfDataset& owed, int looks, TimestampTz now);

}  // namespace crm_capi
