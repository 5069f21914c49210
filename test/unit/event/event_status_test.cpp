// event_status_test.cpp - the state of an event, for every combination of what is known of it.
#include "core/event/event_status.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace crm_capi {
namespace {

constexpr Settled kSettlements[] = {Settled::kNot, Settled::kParked, Settled::kExpired,
                                    Settled::kCancelled, Settled::kRetry};
constexpr LatestRequest kRequests[] = {LatestRequest::kNone, LatestRequest::kUnderWay,
                                       LatestRequest::kDelivered, LatestRequest::kDryRun,
                                       LatestRequest::kOther};

TEST(EventStatus, IsDeliveredWhateverWasDecided) {
    for (const Settled settled : kSettlements) {
        for (const bool flag : {false, true}) {
            EXPECT_EQ(EventStatus({LatestRequest::kDelivered, settled, flag}, flag), "delivered");
            EXPECT_EQ(EventStatus({LatestRequest::kDryRun, settled, flag}, flag), "dry_run");
            EXPECT_EQ(EventStatus({LatestRequest::kUnderWay, settled, flag}, flag), "sending");
        }
    }
}

TEST(EventStatus, IsWhatTheSettlementSays) {
    for (const LatestRequest latest : {LatestRequest::kNone, LatestRequest::kOther}) {
        for (const bool flag : {false, true}) {
            EXPECT_EQ(EventStatus({latest, Settled::kParked, flag}, flag), "parked");
            EXPECT_EQ(EventStatus({latest, Settled::kExpired, flag}, flag), "expired");
            EXPECT_EQ(EventStatus({latest, Settled::kCancelled, flag}, flag), "cancelled");
        }
    }
}

TEST(EventStatus, OfAnOwedEventSaysWhatItWaitsFor) {
    const struct {
        EventFacts facts;
        bool waits_for_dataset;
        const char* status;
    } cases[] = {
        {{LatestRequest::kNone, Settled::kNot, false}, false, "pending"},
        {{LatestRequest::kNone, Settled::kNot, false}, true, "held"},
        {{LatestRequest::kOther, Settled::kNot, false}, false, "retry"},
        {{LatestRequest::kOther, Settled::kNot, false}, true, "held"},
        {{LatestRequest::kOther, Settled::kNot, true}, false, "in_doubt"},
        {{LatestRequest::kOther, Settled::kNot, true}, true, "in_doubt"},
        {{LatestRequest::kNone, Settled::kRetry, false}, false, "retry"},
        {{LatestRequest::kNone, Settled::kRetry, false}, true, "held"},
        {{LatestRequest::kOther, Settled::kRetry, true}, false, "in_doubt"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(EventStatus(c.facts, c.waits_for_dataset), c.status);
    }
}

TEST(EventStatus, SaysWhetherItDependsOnTheDataset) {
    for (const LatestRequest latest : kRequests) {
        for (const Settled settled : {Settled::kNot, Settled::kParked, Settled::kExpired,
                                      Settled::kCancelled, Settled::kRetry}) {
            for (const bool is_in_doubt : {false, true}) {
                const EventFacts facts{latest, settled, is_in_doubt};
                EXPECT_EQ(DependsOnDataset(facts),
                          EventStatus(facts, true) != EventStatus(facts, false));
            }
        }
    }
}

TEST(EventStatus, ReadsTheWordsOfTheTables) {
    for (const LatestRequest latest : kRequests) {
        EXPECT_EQ(IsDelivered({latest, Settled::kNot, false}),
                  latest == LatestRequest::kDelivered || latest == LatestRequest::kDryRun);
    }
    EXPECT_EQ(LatestRequestFromOutcome("delivered"), LatestRequest::kDelivered);
    EXPECT_EQ(LatestRequestFromOutcome("dry_run"), LatestRequest::kDryRun);
    for (const std::string_view outcome :
         {"retry", "slow_down", "held", "refused", "in_doubt", ""}) {
        EXPECT_EQ(LatestRequestFromOutcome(outcome), LatestRequest::kOther);
    }
    EXPECT_EQ(SettledFromStatus("parked"), Settled::kParked);
    EXPECT_EQ(SettledFromStatus("expired"), Settled::kExpired);
    EXPECT_EQ(SettledFromStatus("cancelled"), Settled::kCancelled);
    EXPECT_EQ(SettledFromStatus("retry"), Settled::kRetry);
    EXPECT_EQ(SettledFromStatus("anything else"), Settled::kNot);
}

}  // namespace
}  // namespace crm_capi
