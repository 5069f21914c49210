// doubts.hpp - since when it has been uncertain whether Meta already has an event.
//
// An event that may have been delivered goes again with the same event_id, but only while Meta
// would still recognise it as the same (reference 2.7; design 3.3).
#pragma once

#include <cstdint>
#include <vector>

#include "core/event/event.hpp"
#include "core/ids/id_set.hpp"

namespace crm_capi {

// Reference 2.7: Meta pairs events of one event_id within 48 hours of the first.
constexpr UnixMicros kDoubtLimit = 48 * kMicrosPerHour;

class Doubts {
public:
    // These events may have been delivered at that time or later. What is doubtful already keeps
    // its earlier time if doubts are added in the order of their times.
    void Add(const IdSet& events, UnixMicros since);

    // These events have ended: whether they were delivered before does not matter any more.
    void Forget(const IdSet& events);

    // 0 = it is certain that Meta does not have the event.
    UnixMicros Since(int64_t event) const;

    // All that is doubtful.
    const IdSet& events() const { return covered_; }

private:
    struct Doubt {
        IdRange range;
        UnixMicros since;
    };
    std::vector<Doubt> doubts_;  // ascending, disjoint
    IdSet covered_;
};

// Whether an event may not go again in a request that may take up to `margin`.
constexpr bool DoubtTooOld(UnixMicros in_doubt_since, UnixMicros now, UnixMicros margin) {
    return in_doubt_since != 0 && now + margin >= in_doubt_since + kDoubtLimit;
}

}  // namespace crm_capi
