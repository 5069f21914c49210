/*
 * shipper_totals.hpp - the shipper counts what passes through its hands.
 */
#pragma once

#include <unordered_map>

#include "core/dispatch/dispatcher.hpp"
#include "pg/shared/published_totals.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

/* DatasetTotals by dataset number. The methods belong to the C++ regime. */
class ShipperTotals {
public:
    /* Read by the reader of the log, for the first time in any shipper's life or again. */
    void Saw(int dataset, int64_t event, bool parked);
    /* Written down; it leaves after the commit. A dry run has ended with that. */
    void Departs(const OutgoingRequest& request, TimestampTz now);
    /* The request has ended, with an answer or without. */
    void Answered(const AnswerRecord& ended, TimestampTz now);
    /* An event has ended otherwise than delivered. */
    void Ended(const EndedEvent& ended);

    std::unordered_map<int, DatasetTotals> by_dataset;
    /* Events up to this id have been counted by an earlier shipper. What it had not seen of them,
     * because their transactions were still running, is read again and not counted. */
    int64_t known_up_to = 0;

private:
    struct Departure {
        int dataset;
        int event_count;
        TimestampTz at;
    };
    std::unordered_map<int64_t, Departure> under_way_; /* by request */
};

/* At start: the totals as they were saved with the cursor, if nothing has happened since. */
void restore_totals(Oid schema, ShipperTotals* totals);
/* Likewise, and what the tables say has happened since. `cursor_request` is the last request that
 * the cursor speaks for. Needs SPI. */
void restore_totals_since(Oid schema, int64 cursor_request, ShipperTotals* totals);
/* In the transaction that writes the cursor: both speak of the same moment. Needs SPI. */
void save_totals(Oid schema, const ShipperTotals& totals, TimestampTz now);

}  // namespace crm_capi
