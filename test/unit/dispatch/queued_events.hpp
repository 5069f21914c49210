// queued_events.hpp - events as the tests of queues need them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dispatch/dataset_queue.hpp"
#include "core/event/event.hpp"

namespace crm_capi {

using Ids = std::vector<int64_t>;

constexpr int64_t kNoLead = 0;

constexpr UnixMicros kNow = 1790000000 * kMicrosPerSecond;

inline Event MakeEvent(int64_t id, int64_t lead) {
    Event event;
    event.id = id;
    event.lead_id = lead;
    event.texts = EventTexts({"stage of " + std::to_string(id)});
    return event;
}

inline Ids IdsIn(const std::vector<Event>& events) {
    Ids ids;
    for (const Event& event : events) {
        ids.push_back(event.id);
    }
    return ids;
}

inline Ids IdsOf(const Batch& batch) {
    return IdsIn(batch.events);
}

}  // namespace crm_capi
