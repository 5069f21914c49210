// reason_test.cpp - the table of reasons is complete, unambiguous and in PostgreSQL's style.
#include "core/event/reason.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace crm_capi {
namespace {

std::vector<ReasonText> Rows() {
    int count = 0;
    const ReasonText* rows = ReasonTable(&count);
    return {rows, rows + count};
}

TEST(Reason, EveryEnumeratorHasItsRow) {
    EXPECT_EQ(Rows().size(), static_cast<size_t>(Reason::kHostNotAllowed) + 1);
    for (const ReasonText& row : Rows()) {
        EXPECT_EQ(Describe(row.reason).code, row.code);
        EXPECT_EQ(ReasonFromCode(row.code), row.reason) << row.code;
    }
}

TEST(Reason, CodesAreUniqueAndSearchable) {
    std::set<std::string_view> seen;
    for (const ReasonText& row : Rows()) {
        EXPECT_TRUE(seen.insert(row.code).second) << "twice: " << row.code;
        EXPECT_EQ(row.code.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), row.code.npos)
            << row.code;
    }
}

TEST(Reason, OnlyNoneIsEmpty) {
    for (const ReasonText& row : Rows()) {
        const bool is_none = row.reason == Reason::kNone;
        EXPECT_EQ(row.code.empty(), is_none) << row.code;
        EXPECT_EQ(row.text.empty(), is_none) << row.code;
        EXPECT_EQ(row.hint.empty(), is_none) << row.code;
    }
}

TEST(Reason, TextsAreFragmentsAndHintsAreSentences) {
    for (const ReasonText& row : Rows()) {
        if (row.reason == Reason::kNone) {
            continue;
        }
        EXPECT_TRUE(std::islower(row.text.front())) << row.text;
        EXPECT_NE(row.text.back(), '.') << row.text;
        EXPECT_TRUE(std::isupper(row.hint.front())) << row.hint;
        EXPECT_EQ(row.hint.back(), '.') << row.hint;
    }
}

TEST(Reason, TextsAvoidTheWordsThatPostgresAvoids) {
    const std::string_view words[] = {"unable",    "illegal", " bad ", "unknown",
                                      "failed to", "should",  "n't",   "non-negative"};
    for (const ReasonText& row : Rows()) {
        for (std::string_view word : words) {
            EXPECT_EQ(row.text.find(word), row.text.npos) << row.text;
            EXPECT_EQ(row.hint.find(word), row.hint.npos) << row.hint;
        }
    }
}

TEST(Reason, StrangeCodesAndEnumeratorsAreNone) {
    EXPECT_EQ(ReasonFromCode("no_such_code"), Reason::kNone);
    EXPECT_EQ(ReasonFromCode(""), Reason::kNone);
    EXPECT_EQ(ReasonFromCode("Paused"), Reason::kNone);
    EXPECT_EQ(Describe(static_cast<Reason>(999)).reason, Reason::kNone);
    EXPECT_EQ(Describe(static_cast<Reason>(-1)).reason, Reason::kNone);
}

// Operators search for these, and dashboards compare with them: renaming one breaks the contract.
TEST(Reason, PublishedCodesStay) {
    const std::pair<Reason, std::string_view> published[] = {
        {Reason::kLeadIdNotANumber, "lead_id_not_a_number"},
        {Reason::kLeadIdLength, "lead_id_length"},
        {Reason::kStageMissing, "stage_missing"},
        {Reason::kStageTooLong, "stage_too_long"},
        {Reason::kStageEncoding, "stage_encoding"},
        {Reason::kEventTimeMissing, "event_time_missing"},
        {Reason::kEventTimeUnreadable, "event_time_unreadable"},
        {Reason::kEventTimeTooOld, "event_time_too_old"},
        {Reason::kEventTimeInFuture, "event_time_in_future"},
        {Reason::kEventTimeBeforeLead, "event_time_before_lead"},
        {Reason::kColumnMissing, "column_missing"},
        {Reason::kDatasetMissing, "dataset_missing"},
        {Reason::kDatasetPermission, "dataset_permission"},
        {Reason::kStageUnmapped, "stage_unmapped"},
        {Reason::kExpressionFailed, "expression_failed"},
        {Reason::kValueUnreadable, "value_unreadable"},
        {Reason::kWatchNotApproved, "watch_not_approved"},
        {Reason::kCustomDataTooLarge, "custom_data_too_large"},
        {Reason::kIdentityInsufficient, "identity_insufficient"},
        {Reason::kIdentityTooMany, "identity_too_many"},
        {Reason::kIdentityType, "identity_type"},
        {Reason::kIdentityUnknown, "identity_unknown"},
        {Reason::kLeadIdConflict, "lead_id_conflict"},
        {Reason::kCustomDataUnreadable, "custom_data_unreadable"},
        {Reason::kConsentUnusable, "consent_unusable"},
        {Reason::kUserDataUnreadable, "user_data_unreadable"},
        {Reason::kDeadlinePassed, "deadline_passed"},
        {Reason::kDoubtTooOld, "doubt_too_old"},
        {Reason::kCancelled, "cancelled"},
        {Reason::kConditionFalse, "condition_false"},
        {Reason::kStageReached, "stage_reached"},
        {Reason::kConditionUnknown, "condition_unknown"},
        {Reason::kEventUnreadable, "event_unreadable"},
        {Reason::kRowGone, "row_gone"},
        {Reason::kJudgedAgain, "judged_again"},
        {Reason::kRefused, "refused"},
        {Reason::kNotConnected, "not_connected"},
        {Reason::kNotProcessed, "not_processed"},
        {Reason::kConnectionCut, "connection_cut"},
        {Reason::kServerError, "server_error"},
        {Reason::kThrottled, "throttled"},
        {Reason::kUsageHigh, "usage_high"},
        {Reason::kAnswerUnreadable, "answer_unreadable"},
        {Reason::kCountMismatch, "count_mismatch"},
        {Reason::kRequestTooLarge, "request_too_large"},
        {Reason::kShipperStopped, "shipper_stopped"},
        {Reason::kWithheld, "withheld"},
        {Reason::kStalled, "stalled"},
        {Reason::kTokenMissing, "token_missing"},
        {Reason::kTokenRefused, "token_refused"},
        {Reason::kPermissionMissing, "permission_missing"},
        {Reason::kDatasetUnknown, "dataset_unknown"},
        {Reason::kPathUnknown, "path_unknown"},
        {Reason::kVersionDead, "version_dead"},
        {Reason::kOptionMissing, "option_missing"},
        {Reason::kPaused, "paused"},
        {Reason::kCloned, "cloned"},
        {Reason::kHostNotAllowed, "host_not_allowed"},
    };
    for (const auto& [reason, code] : published) {
        EXPECT_EQ(Describe(reason).code, code);
    }
    EXPECT_EQ(std::size(published) + 1, Rows().size()) << "a new reason needs a line here";
}

}  // namespace
}  // namespace crm_capi
