/*
 * shipper_totals.hpp - the shipper counts what passes through its hands, and publishes it
 * (figure_board.hpp).
 */
#pragma once

#include <map>
#include <unordered_map>

#include "core/dispatch/dispatcher.hpp"
#include "pg/shared/figure_board.hpp"
#include "pg/base/pg_prelude.hpp"

namespace crm_capi {

struct Shipper;

/* DatasetTotals by dataset number. The methods belong to the C++ regime. */
class Counting {
public:
    /* Read by the reader of the log, for the first time in any shipper's life or again. */
    void Saw(int dataset, int64_t event, bool parked);
    void Departs(const OutgoingRequest& request, TimestampTz now);
    void Answered(const EndedRequest& ended, TimestampTz now);
    void Settled(const EndedEvent& ended);

    std::map<int, DatasetTotals> totals;
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

/* At start: the totals as they were saved, and what the tables say has happened since. */
void restore_totals(Shipper* shipper);
/* In the transaction that writes the cursor: both speak of the same moment. */
void save_totals(Shipper* shipper, TimestampTz now);

/* At the end of a turn, still in its transaction; not at each turn while there is more to do. */
void publish_figures(Shipper* shipper);

}  // namespace crm_capi
