// event_status.cpp - the state of an event, in the one place that all views ask.
#include "core/event/event_status.hpp"

namespace crm_capi {

LatestRequest LatestRequestFromOutcome(std::string_view outcome) {
    return outcome == "delivered" ? LatestRequest::kDelivered
           : outcome == "dry_run" ? LatestRequest::kDryRun
                                  : LatestRequest::kOther;
}

Settled SettledFromStatus(std::string_view status) {
    return status == "parked"      ? Settled::kParked
           : status == "expired"   ? Settled::kExpired
           : status == "cancelled" ? Settled::kCancelled
           : status == "retry"     ? Settled::kRetry
                                   : Settled::kNot;
}

bool IsDelivered(const EventFacts& facts) {
    return facts.latest == LatestRequest::kDelivered || facts.latest == LatestRequest::kDryRun;
}

bool IsSettledAsFinal(const EventFacts& facts) {
    return !IsDelivered(facts) && facts.latest != LatestRequest::kUnderWay &&
           facts.settled != Settled::kNot && facts.settled != Settled::kRetry;
}

bool DependsOnDataset(const EventFacts& facts) {
    return !IsDelivered(facts) && facts.latest != LatestRequest::kUnderWay && !facts.is_in_doubt &&
           !IsSettledAsFinal(facts);
}

std::string_view EventStatus(const EventFacts& facts, bool waits_for_dataset) {
    if (IsDelivered(facts)) {
        return facts.latest == LatestRequest::kDelivered ? "delivered" : "dry_run";
    }
    if (facts.latest == LatestRequest::kUnderWay) {
        return "sending";
    }
    switch (facts.settled) {
        case Settled::kParked:
            return "parked";
        case Settled::kExpired:
            return "expired";
        case Settled::kCancelled:
            return "cancelled";
        case Settled::kNot:
        case Settled::kRetry:
            break;
    }
    if (facts.is_in_doubt) {
        return "in_doubt";
    }
    if (waits_for_dataset) {
        return "held";
    }
    return facts.latest != LatestRequest::kNone || facts.settled == Settled::kRetry ? "retry"
                                                                                    : "pending";
}

}  // namespace crm_capi
