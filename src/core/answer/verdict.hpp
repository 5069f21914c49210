// verdict.hpp - one answer, one verdict: what happens to the request's events (design 3.3).
//
// Judged by transport result, code, subcode and is_transient, by one table in verdict.cpp. Never by
// text, by "type" or by HTTP status alone: Meta sends throttling as 400, token errors as 500, and
// calls a bad event an OAuthException.
#pragma once

#include <cstdint>

#include "core/event/reason.hpp"
#include "core/answer/reply.hpp"

namespace crm_capi {

// What the transport can say about a request. net maps libcurl's codes to these.
enum class TransportResult {
    kAnswered,      // a complete HTTP response came
    kNotSent,       // provably not delivered: DNS, connect, TLS failed before the request went out
    kNotProcessed,  // provably not acted on: not all of it left, or the peer gave it back unread
    kMaybeDelivered,  // time-out or loss after all of it was sent
    kAnswerTooLarge,  // the answer exceeded the cap and was abandoned
};

enum class VerdictKind {
    kDelivered,  // all events of the request are Meta's
    kRetry,      // the same again, after a pause that grows
    kSlowDown,   // the same again, after the pause that Meta asks for
    kHold,       // nothing of this dataset can succeed until an operator acts
    kSplit,      // one event of several is at fault: bisect; with a single event: reject it
    kInDoubt,    // may have been delivered; may go again with the same event_id
};

struct Verdict {
    VerdictKind kind;
    Reason reason;  // kNone when delivered
};

struct Answer {
    TransportResult transport = TransportResult::kNotSent;
    int http_status = 0;  // 0 = none
    Reply reply;
    int event_count = 0;  // how many events were sent
};

Verdict Judge(const Answer& answer);

// The word for outcome columns: "delivered", "retry", "slow_down", "held", "refused", "in_doubt".
const char* OutcomeName(VerdictKind kind);

}  // namespace crm_capi
