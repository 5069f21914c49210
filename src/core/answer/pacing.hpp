// pacing.hpp - slowing down before Meta blocks us (reference 3.6).
//
// Every answer, good or bad, may carry three headers that say how much of a limit is used up. At
// 100 % Meta refuses all calls of the app or the business for minutes to an hour; with pauses that
// grow before that, events go on flowing.
#pragma once

#include "core/event/event.hpp"
#include "core/answer/http.hpp"

namespace crm_capi {

// From this share on one request at a time goes, with pauses in between; below the second the
// dataset is at full speed again. Two bounds, so that a share that hovers does not make the health
// flicker.
constexpr int kPaceFromPercent = 75;
constexpr int kPaceUntilPercent = 70;

// The pause at 100 %. The scores behind the figures decay within 300 seconds; a request a minute
// still carries a thousand events.
constexpr UnixMicros kLongestPace = 60 * kMicrosPerSecond;

struct Pace {
    int percentage = 0;    // highest of all figures; 0 = none seen
    UnixMicros pause = 0;  // before the next request; 0 = none
};

// What the usage headers of an answer ask for: estimated_time_to_regain_access, at most a day, or a
// pause that grows from nothing at kPaceFromPercent to kLongestPace at 100 %.
Pace PaceAskedFor(const HttpAnswer& http);

}  // namespace crm_capi
