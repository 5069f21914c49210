// event_status.hpp - the state of an event, as the views tell it.
#pragma once

#include <string_view>

namespace crm_capi {

// What became of the latest request with the event.
enum class LatestRequest { kNone, kUnderWay, kDelivered, kDryRun, kOther };

// What a settlement says of the event; kRetry = it was settled, and capi_retry() owes it again.
enum class Settled { kNot, kParked, kExpired, kCancelled, kRetry };

// The words of the tables; an unknown outcome is kOther, an unknown status kNot.
LatestRequest LatestRequestFromOutcome(std::string_view outcome);
Settled SettledFromStatus(std::string_view status);

struct EventFacts {
    LatestRequest latest = LatestRequest::kNone;
    Settled settled = Settled::kNot;
    bool is_in_doubt = false;  // some request may have delivered it
};

// Whether Meta has it, or a dry run has had it: whatever else was decided meanwhile.
bool IsDelivered(const EventFacts& facts);

// Whether what its settlement says holds: it is parked, expired or cancelled.
bool IsSettledAsFinal(const EventFacts& facts);

// Whether the health of its dataset decides: it is owed, nothing is under way, and none may have
// delivered it.
bool DependsOnDataset(const EventFacts& facts);

// "pending", "sending", "retry", "held", "in_doubt", "delivered", "dry_run", "parked", "expired" or
// "cancelled". `waits_for_dataset`: its dataset is held or paused.
std::string_view EventStatus(const EventFacts& facts, bool waits_for_dataset);

}  // namespace crm_capi
