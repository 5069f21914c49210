// overflow.hpp - events of a dataset for which the shelf has no room.
//
// They wait for the condition of their watch like those on the shelf, or for an earlier event of
// their lead that does, but only their ids and leads are kept: a quarter of a byte each, and some
// forty for a lead. When the shelf has room they are loaded again, in the order in which they came.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "core/event/event.hpp"
#include "core/ids/id_bits.hpp"
#include "core/ids/id_queue.hpp"
#include "core/ids/id_set.hpp"

namespace crm_capi {

class Overflow {
public:
    // Whether events of its lead wait here, all of them earlier ones: then it may not overtake.
    bool Blocks(const Event& event) const;
    // Whether its place is between those of its lead: it was retried, and comes when both are here.
    bool IsBetween(const Event& event) const;

    // The event waits here from now on. No later one of its lead may.
    void Put(const Event& event);

    // Takes the next run of at most max_count consecutive ids, to be loaded; false if there is
    // none. What of the run before was not loaded is known by Misses.
    bool TakeRun(int64_t max_count, IdRange* range);
    // The event has been loaded: its lead is freed of it, if it comes from the latest run.
    void Loaded(const Event& event);

    // Whether any of the ids waits here, or belongs to the latest run and has not been loaded.
    // Then nobody knows how many of their leads still wait: everything has to be loaded again.
    bool Misses(const IdSet& ids) const;
    // All ids that wait here; nothing does afterwards.
    IdSet TakeAll();

    void AddTo(IdBits* ids) const { ids_.AddTo(ids); }
    bool empty() const { return ids_.empty(); }
    // The first id that TakeRun would take; there must be one.
    int64_t First() const { return ids_.First(); }
    int64_t Count() const { return ids_.Count(); }

private:
    // Its events, in the order of their ids.
    struct Lead {
        int64_t behind;  // this one, which may have been loaded again
        int64_t last;
        int64_t count;
    };

    IdQueue ids_;
    std::unordered_map<int64_t, Lead> leads_;  // those that have an event here or in the run
    IdRange run_ = {0, -1};                    // the latest one
    int64_t run_left_ = 0;                     // of it, not loaded yet
};

}  // namespace crm_capi
