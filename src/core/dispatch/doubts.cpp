// doubts.cpp - since when it has been uncertain whether Meta already has an event.
#include "core/dispatch/doubts.hpp"

#include <algorithm>

namespace crm_capi {

// Only what is not in doubt yet is added, so ranges stay disjoint.
void Doubts::Add(const IdSet& events, UnixMicros since) {
    IdSet fresh = events;
    fresh.Subtract(covered_);
    if (fresh.empty()) {
        return;
    }
    for (const IdRange& range : fresh.ranges()) {
        doubts_.push_back(Doubt{range, since});
    }
    std::sort(doubts_.begin(), doubts_.end(),
              [](const Doubt& a, const Doubt& b) { return a.range.first < b.range.first; });
    covered_.AddAll(fresh);
}

UnixMicros Doubts::Since(int64_t event) const {
    const auto behind =
        std::upper_bound(doubts_.begin(), doubts_.end(), event,
                         [](int64_t id, const Doubt& doubt) { return id < doubt.range.first; });
    if (behind == doubts_.begin() || std::prev(behind)->range.last < event) {
        return 0;
    }
    return std::prev(behind)->since;
}

}  // namespace crm_capi
