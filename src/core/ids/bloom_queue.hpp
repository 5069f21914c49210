// bloom_queue.hpp - filters over leads that are made while the log is read.
//
// A filter can be written down only when no event can join its run any more, which is later. To
// read the log a second time for it would cost a tenth of all that the shipper does for an event.
// So the filters of what was read lately wait here. What is not here, because there was no room or
// because an earlier shipper has read it, is read again by whoever writes filters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "core/ids/id_set.hpp"
#include "core/ids/lead_bloom.hpp"

namespace crm_capi {

class BloomQueue {
public:
    // So many filters wait at most: half a megabyte.
    static constexpr size_t kMostRuns = 256;

    // The reader saw an event of this lead; 0 = of none. Mostly ids ascend; one that comes late
    // joins the run that it belongs to. Where many ids were passed over as unseen, a bulk load may
    // come late: it gets runs of its own there.
    void Saw(int64_t id, int64_t lead_id);

    struct Run {
        IdRange range;  // there is no event of it that the filter does not know
        int events;
        LeadBloom bloom;
        bool follows_loss;  // events between it and the run before are in none
    };
    // A full run that covers the id `from` and reaches beyond it; nullptr if none is here. What
    // ends before `from` is dropped: it is written down, and nothing can come late there.
    const Run* From(int64_t from);

    // Whether From has it, or will have it when more is seen: the log need not be read for it.
    bool Awaits(int64_t from) const;

private:
    using Runs = std::deque<Run>;

    void SawLate(int64_t id, int64_t lead_id);
    bool BeginRun(int64_t id);
    Runs::iterator RunBetween(Runs::iterator next, int64_t id);

    Runs runs_;  // ascending; the last one need not be full, nor one before many unseen ids
    int64_t wanted_from_ = 1;  // by the latest call of From
    int64_t seen_up_to_ = 0;   // the highest id seen
    bool has_loss_ = true;  // something up to there is in no run, though it is behind the last one
};

}  // namespace crm_capi
