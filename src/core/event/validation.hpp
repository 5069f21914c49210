// validation.hpp - what may be sent, judged before it is sent.
//
// Meta's batches are atomic: one bad event refuses a thousand good ones (reference 1.5, 1.6). So
// every rule that can be checked here is checked here: when an event is enqueued, and its age once
// more just before it is sent.
#pragma once

#include <limits>
#include <optional>
#include <string_view>

#include "core/event/event.hpp"
#include "core/event/reason.hpp"

namespace crm_capi {

// Reference 1.1: "15 to 17 digits".
constexpr int64_t kSmallestLeadId = 100000000000000;   // 15 digits
constexpr int64_t kLargestLeadId = 99999999999999999;  // 17 digits

// Meta publishes no limit for event_name; 255 characters hold any CRM's stage name and keep a
// batch of 1000 well under any plausible request limit.
constexpr int kMaxEventNameCharacters = 255;

// Reference 1.5: an event older than 7 days makes Meta refuse the entire request.
constexpr UnixMicros kMaxEventAge = 7 * kMicrosPerDay;

// Reference 1.5: no tolerance for future times is published; one minute covers the drift between a
// CRM's application server and the database.
constexpr UnixMicros kFutureTolerance = 60 * kMicrosPerSecond;

// Bytes of user_data and of custom_data as they are given to us. Meta publishes no limit. A
// thousand events of this size make a request that a shipper can hold in memory; one of many
// megabytes would not, for all its batch mates.
constexpr int kLargestUserData = 16 * 1024;
constexpr int kLargestCustomData = 16 * 1024;

// kNone, or kLeadIdLength.
Reason JudgeLeadId(int64_t lead_id);

// Reads a lead id from text as CRMs hold it: surrounding white space and the "l:" prefix of Meta's
// CSV exports are not part of it, nor is a fraction of zeros as numeric columns print it
// ("123456789012345.00"). kLeadIdNotANumber if it is no whole decimal number; else as JudgeLeadId
// with *lead_id set (a number beyond 64 bits is kLeadIdLength). *lead_id is 0 if nothing was read.
Reason ReadLeadId(std::string_view text, int64_t* lead_id);

// kNone, kStageMissing (empty or only white space, Unicode's included), kStageTooLong, or
// kStageEncoding (not UTF-8, or a control character below U+0020).
Reason JudgeEventName(std::string_view name);

// kNone, kEventTimeTooOld, kEventTimeInFuture or kEventTimeBeforeLead, the first that applies in
// this order. Times compare in whole seconds, since that is what Meta sees. Whatever passes here
// is not yet past its deadline.
Reason JudgeEventTime(UnixMicros event_time, UnixMicros now,
                      std::optional<UnixMicros> lead_created_at);

// The sum, or the largest time: infinity as a timestamp must not wrap round to the past.
constexpr UnixMicros AddSaturated(UnixMicros time, UnixMicros positive_span) {
    constexpr UnixMicros kLatest = std::numeric_limits<UnixMicros>::max();
    return time > kLatest - positive_span ? kLatest : time + positive_span;
}

// The last moment at which an event may still be sent.
constexpr UnixMicros Deadline(UnixMicros event_time) {
    return AddSaturated(event_time, kMaxEventAge);
}

// Whether an event must expire now instead of being sent in a request that may take up to
// `margin` until Meta judges its age.
constexpr bool DeadlinePassed(UnixMicros event_time, UnixMicros now, UnixMicros margin) {
    return AddSaturated(now, margin) >= Deadline(event_time);
}

}  // namespace crm_capi
