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

inline Event MakeEvent(int64_t id, int64_t lead) {
    Event event;
    event.id = id;
    event.lead_id = lead;
    event.event_name = "stage of " + std::to_string(id);
    return event;
}

inline Ids IdsOf(const Batch& batch) {
    Ids ids;
    for (const Event& event : batch.events) {
        ids.push_back(event.id);
    }
    return ids;
}

}  // namespace crm_capi
