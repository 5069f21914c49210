// verdict.cpp - the one place that knows what an answer means (reference 3.3, 3.5).
//
// Three tables, asked in this order: what the transport says, what Meta's error code says, and -
// only where no code could be read - what the HTTP status says.
#include "core/answer/verdict.hpp"

#include <cstddef>
#include <iterator>
#include <limits>

namespace crm_capi {
namespace {

constexpr Verdict kDelivered = {VerdictKind::kDelivered, Reason::kNone};
constexpr Verdict kServerRetry = {VerdictKind::kRetry, Reason::kServerError};
constexpr Verdict kStrangerRetry = {VerdictKind::kRetry, Reason::kAnswerUnreadable};
constexpr Verdict kSlowDown = {VerdictKind::kSlowDown, Reason::kThrottled};
constexpr Verdict kTokenHold = {VerdictKind::kHold, Reason::kTokenRefused};
constexpr Verdict kPermissionHold = {VerdictKind::kHold, Reason::kPermissionMissing};
constexpr Verdict kDatasetHold = {VerdictKind::kHold, Reason::kDatasetUnknown};
constexpr Verdict kVersionHold = {VerdictKind::kHold, Reason::kVersionDead};
constexpr Verdict kPathHold = {VerdictKind::kHold, Reason::kPathUnknown};
constexpr Verdict kTooLargeSplit = {VerdictKind::kSplit, Reason::kRequestTooLarge};
constexpr Verdict kRefusedSplit = {VerdictKind::kSplit, Reason::kRefused};
constexpr Verdict kCutInDoubt = {VerdictKind::kInDoubt, Reason::kConnectionCut};
constexpr Verdict kUnreadInDoubt = {VerdictKind::kInDoubt, Reason::kAnswerUnreadable};
constexpr Verdict kCountInDoubt = {VerdictKind::kInDoubt, Reason::kCountMismatch};

struct Range {
    int64_t first;
    int64_t last;
    constexpr bool Holds(int64_t value) const { return value >= first && value <= last; }
};

// The range of one value.
constexpr Range Only(int64_t value) {
    return {value, value};
}

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
constexpr Range kAny = {kLowest, std::numeric_limits<int64_t>::max()};

struct CodeRule {
    Range code;
    Range subcode;
    Verdict verdict;
};

// Meta's codes, whatever the HTTP status: it sends throttling as 400 or 500, token errors as 400,
// 401 or 500. The first row that fits decides; is_transient does not override a code we know.
constexpr CodeRule kCodeRules[] = {
    // Limits. 368 is a temporary block for policy reasons; 80000 and up are limits by business use
    // case, to which Meta keeps adding.
    {Only(4), kAny, kSlowDown},
    {Only(17), kAny, kSlowDown},
    {Only(32), kAny, kSlowDown},
    {Only(341), kAny, kSlowDown},
    {Only(368), kAny, kSlowDown},
    {Only(613), kAny, kSlowDown},
    {{80000, 80099}, kAny, kSlowDown},
    // Troubles of Meta's own. 21009: the dataset is not ready for uploads yet.
    {Only(1), kAny, kServerRetry},
    {Only(2), kAny, kServerRetry},
    {Only(5000), kAny, kServerRetry},
    {Only(21009), kAny, kServerRetry},
    {{kLowest, -1}, kAny, kServerRetry},
    // The token: expired, revoked, malformed; session invalid; wrong appsecret_proof.
    {Only(190), kAny, kTokenHold},
    {Only(102), kAny, kTokenHold},
    {Only(104), kAny, kTokenHold},
    // What the token may do. 3: the app lacks the capability.
    {Only(3), kAny, kPermissionHold},
    {Only(10), kAny, kPermissionHold},
    {{200, 299}, kAny, kPermissionHold},
    // The object in the URL: does not exist, not visible to this token, not a dataset.
    {Only(100), Only(33), kDatasetHold},
    {Only(100), Only(34), kDatasetHold},
    {Only(100), Only(38), kDatasetHold},
    {Only(803), kAny, kDatasetHold},
    // The address: unknown parts, a version that does not exist; also seen where no token arrived.
    {Only(2500), kAny, kPathHold},
    {Only(2635), kAny, kVersionHold},
    // A bad event, although its type says OAuthException. All 2804xxx are permanent.
    {Only(100), {2804000, 2804999}, kRefusedSplit},
};

struct StatusRule {
    Range status;
    Verdict verdict;
};

// For answers without a readable code. They come from somebody between us and Meta, so they say
// nothing about token or events: repeating is harmless, holding or refusing would be wrong. A 401
// is no exception, since proxies ask for their own credentials with it; Meta's refusals carry a
// code.
constexpr StatusRule kStatusRules[] = {
    // Accepted, perhaps: without a count nobody said how many. That goes for the {"success":true}
    // of other edges too: it is no proof of delivery, and nobody saw this edge send it.
    {{200, 299}, kUnreadInDoubt},
    // Redirects are not followed: the token stays with the endpoint it was given for.
    {{300, 399}, kStrangerRetry},
    // The server gave up waiting for the request, so it has not acted on it.
    {Only(408), kServerRetry},
    // Too large for somebody on the way; smaller ones may fit.
    {Only(413), kTooLargeSplit},
    {Only(429), kSlowDown},
    {{400, 499}, kStrangerRetry},
    // A time-out one hop further: the gateway passed the request on and heard nothing.
    {Only(504), kCutInDoubt},
    {{500, 599}, kServerRetry},
    // No HTTP status at all: anything may have happened.
    {kAny, kUnreadInDoubt},
};

// For answers without a code of Meta's; see kStatusRules.
Verdict JudgeStatus(int http_status) {
    const StatusRule* rule = kStatusRules;
    while (!rule->status.Holds(http_status)) {
        ++rule;  // the last row holds any status
    }
    return rule->verdict;
}

// By code and subcode; by is_transient, and at last by the status, where the code is unknown.
Verdict JudgeError(const ReplyError& error, int http_status) {
    for (const CodeRule& rule : kCodeRules) {
        if (rule.code.Holds(error.code) && rule.subcode.Holds(error.subcode)) {
            return rule.verdict;
        }
    }
    if (error.is_transient.value_or(false)) {
        return kServerRetry;
    }
    // Code 0 is none of Meta's: an "error" member that a proxy or gateway wrote. A code that we do
    // not know is permanent by its own word, and splitting finds out which event it means.
    return error.code == 0 ? JudgeStatus(http_status) : kRefusedSplit;
}

// A success is one only if it confirms as many events as were sent.
Verdict JudgeAnswered(const Answer& answer) {
    const Reply& reply = answer.reply;
    if (reply.error) {
        return JudgeError(*reply.error, answer.http_status);
    }
    const bool is_success = answer.http_status >= 200 && answer.http_status <= 299;
    if (is_success && reply.events_received) {
        return *reply.events_received == answer.event_count ? kDelivered : kCountInDoubt;
    }
    return JudgeStatus(answer.http_status);
}

}  // namespace

Verdict Judge(const Answer& answer) {
    switch (answer.transport) {
        case TransportResult::kAnswered:
            return JudgeAnswered(answer);
        case TransportResult::kNotSent:
            return {VerdictKind::kRetry, Reason::kNotConnected};
        case TransportResult::kNotProcessed:
            return {VerdictKind::kRetry, Reason::kNotProcessed};
        case TransportResult::kMaybeDelivered:
            return kCutInDoubt;
        case TransportResult::kAnswerTooLarge:
            return kUnreadInDoubt;
    }
    return kUnreadInDoubt;  // no enumerator: nothing is known
}

const char* OutcomeName(VerdictKind kind) {
    constexpr const char* kNames[] = {"delivered", "retry",   "slow_down",
                                      "held",      "refused", "in_doubt"};
    static_assert(std::size(kNames) == static_cast<size_t>(VerdictKind::kInDoubt) + 1);
    return kNames[static_cast<size_t>(kind)];
}

}  // namespace crm_capi
