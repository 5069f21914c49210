/*
 * oldest_owed.hpp - of what a dataset owes: since when the oldest waits, and when the first
 * expires.
 *
 * The times lie in the log. Looking a thousand of them up at the end of every turn would cost a
 * dataset that rests, with much owed, as much as all else that the turn does for the others.
 */
#pragma once

#include <map>

#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct Shipper;

struct FirstTimes {
    TimestampTz oldest_owed_at;      /* 0 = nothing is owed */
    TimestampTz earliest_event_time; /* of the first owed events; likewise */
    TimestampTz looked_up_at;
};

struct FirstTimesKept {
    std::map<int, FirstTimes> by_dataset; /* main number in the log */
    /* Some of those that were published last may have changed since they were looked up: a later
     * turn has to see to it. */
    bool are_old = false;
};

/* Of a dataset that owes so many events; of many they may be a second old. */
FirstTimes first_times(Shipper* shipper, int dataset, int64 owed, TimestampTz now);

}  // namespace crm_capi
