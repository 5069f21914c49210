// doubts.cpp - since when it has been uncertain whether Meta already has an event.
#include "core/dispatch/doubts.hpp"

#include <algorithm>
#include <utility>

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

void Doubts::Forget(const IdSet& events) {
    IdSet left = covered_;
    left.Subtract(events);
    if (left.Count() == covered_.Count()) {
        return;
    }
    std::vector<Doubt> kept;
    for (const Doubt& doubt : doubts_) {
        IdSet part(std::vector<IdRange>{doubt.range});
        part.Subtract(events);
        for (const IdRange& range : part.ranges()) {
            kept.push_back(Doubt{range, doubt.since});
        }
    }
    doubts_ = std::move(kept);
    covered_ = std::move(left);
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
