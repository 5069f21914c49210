// ready_events.cpp - loaded events of a dataset, in the order in which they must go.
#include "core/dispatch/ready_events.hpp"

namespace crm_capi {

void ReadyEvents::Add(Event&& event, size_t together) {
    const bool is_full =
        pieces_.empty() || pieces_.back().events.size() == pieces_.back().events.capacity();
    if (is_full) {
        pieces_.emplace_back();
        pieces_.back().events.reserve(together);
    }
    pieces_.back().events.push_back(std::move(event));
    ++count_;
}

void ReadyEvents::PutBack(std::vector<Event>&& events) {
    count_ += events.size();
    if (!events.empty()) {
        pieces_.push_front(Piece{std::move(events), 0});
    }
}

}  // namespace crm_capi
