// reason.hpp - every reason code of the product, with its text and what to do about it.
//
// A reason code is what operators search for, so the list lives in one place (reason.cpp) and the
// SQL side, the documentation and the tests read it from there.
#pragma once

#include <string_view>

namespace crm_capi {

enum class Reason {
    kNone,
    // Parked when enqueued: the CRM's row holds something that can never be sent.
    kLeadIdNotANumber,
    kLeadIdLength,
    kStageMissing,
    kStageTooLong,
    kStageEncoding,
    kEventTimeMissing,
    kEventTimeUnreadable,
    kEventTimeTooOld,
    kEventTimeInFuture,
    kEventTimeBeforeLead,
    kColumnMissing,
    kDatasetMissing,
    kDatasetPermission,
    kStageUnmapped,
    kExpressionFailed,
    kValueUnreadable,  // the type's own output function raised an error; SQLSTATE stands beside it
    kWatchNotApproved,
    kCustomDataTooLarge,
    kCustomDataUnreadable,
    kConsentUnusable,  // the member and what it must be stand beside it
    kUserDataUnreadable,
    kIdentityUnknown,  // the key is none of Meta's; stands beside it
    kIdentityType,
    kIdentityTooMany,
    kIdentityInsufficient,
    kLeadIdConflict,
    // Settled by the shipper.
    kDeadlinePassed,
    kDoubtTooOld,       // may have been delivered, too long ago to send it again
    kCancelled,         // by an operator
    kConditionFalse,    // the watch's condition held when enqueued, and not when it was to be sent
    kConditionUnknown,  // or nobody could tell
    kStageReached,      // by another event, and the watch sends each stage of a lead once
    kEventUnreadable,   // the row of the log holds what cannot be read; its column stands beside it
    kRowGone,           // parked when enqueued, and its row does not tell its stage any more
    kJudgedAgain,       // owed as another event since; its number stands beside it
    kRefused,           // Meta refused this event for good; code and subcode stand beside it
    // Why a request is to be repeated.
    kNotConnected,   // provably never left: DNS, refused connection, TLS
    kNotProcessed,   // left, but nobody can have acted on it: cut short, or given back by the peer
    kConnectionCut,  // may have been delivered: connection lost or time-out after sending began
    kServerError,
    kThrottled,
    kUsageHigh,  // not refused yet, but soon: requests go with pauses
    kAnswerUnreadable,
    kCountMismatch,
    kRequestTooLarge,  // goes again in smaller requests; a single event is parked
    kShipperStopped,
    kWithheld,  // provably never left: its record may be lost with this server
    kStalled,   // the shipper is in one turn and does not get on
    // Why a dataset is held.
    kTokenMissing,
    kTokenRefused,
    kPermissionMissing,
    kDatasetUnknown,
    kPathUnknown,  // code 2500, which Meta gives for several causes
    kVersionDead,
    kOptionMissing,
    kPaused,
    kCloned,
    kHostNotAllowed,
};

struct ReasonText {
    Reason reason;
    std::string_view code;  // stable, lower_case_with_underscores; shows in SQL as reason_code
    std::string_view text;  // one sentence fragment in the style of a primary error message
    std::string_view hint;  // a whole sentence: what the operator does about it
};

// Never fails: every enumerator has a row.
const ReasonText& Describe(Reason reason);

// The reason with this code, or kNone.
Reason ReasonFromCode(std::string_view code);

// The table itself, for documentation tests.
const ReasonText* ReasonTable(int* count);

}  // namespace crm_capi
