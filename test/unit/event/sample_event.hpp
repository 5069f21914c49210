// sample_event.hpp - the event that the documentation of payload and event_id is tried on.
#pragma once

#include "core/event/event.hpp"

namespace crm_capi {

inline Event SampleEvent() {
    Event event;
    event.lead_id = 12345678901234567;
    event.event_time = 1790000000123456;
    event.texts = EventTexts({"qualified"});
    return event;
}

}  // namespace crm_capi
