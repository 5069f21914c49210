// event.hpp - one lead-stage event, as every room passes it on.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/event/consent.hpp"
#include "core/event/event_texts.hpp"

namespace crm_capi {

// Microseconds since 1970-01-01 00:00:00 UTC. Meta wants whole seconds; the microseconds stay in
// the queue because they tell two changes within one second apart (see EventId in digest.hpp).
using UnixMicros = int64_t;

constexpr UnixMicros kMicrosPerSecond = 1000000;
constexpr UnixMicros kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr UnixMicros kMicrosPerHour = 60 * kMicrosPerMinute;
constexpr UnixMicros kMicrosPerDay = 24 * kMicrosPerHour;

// The whole second that a time lies in, which is all that Meta sees of it. Times before 1970 round
// down too, so that seconds keep their order.
constexpr int64_t FloorToSeconds(UnixMicros time) {
    return time / kMicrosPerSecond - (time % kMicrosPerSecond < 0 ? 1 : 0);
}

// Keeps the first of several moments; 0 = there was none so far.
inline void NoteTime(UnixMicros time, UnixMicros* first) {
    *first = *first == 0 ? time : std::min(*first, time);
}

// An event as it lies in the queue. The order of the members leaves no room between them.
struct Event {
    int64_t id = 0;
    // 15 to 17 digits; < 0 = Meta gave the lead no id, and this is its lane (digest.hpp); user_data
    // alone says who it is then. 0 = neither.
    int64_t lead_id = 0;
    UnixMicros event_time = 0;  // when the CRM changed the stage; never altered
    EventTexts texts;
    // When it was first sent without learning what became of it; 0 = Meta does not have it.
    UnixMicros in_doubt_since = 0;
    // When its condition was last found to hold, for the attempt that is to come; 0 = it was not.
    UnixMicros condition_held_at = 0;
    Consent consent;  // what overrides the dataset's options
    // Its lead must not have its stage by another event (src/pg/shipper/recheck.hpp).
    bool needs_recheck = false;
};

}  // namespace crm_capi
