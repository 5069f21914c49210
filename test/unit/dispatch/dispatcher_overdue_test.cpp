// dispatcher_overdue_test.cpp - events end even where nothing is sent, doubtful ones sooner, and
// what was cancelled while it was in flight does not go again.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

DatasetConfig BatchesOfThree() {
    DatasetConfig config;
    config.server = 16384;
    config.numbers = {1};
    config.name = "sales";
    config.access_token = "EAABtest";
    config.constants.dataset_id = "1234567890123456";
    config.constants.lead_event_source = "Odoo";
    config.batch_size = 3;
    return config;
}

// Plays the shipper's turns over a log of events with these times, ids from 1 on.
class Turns {
public:
    Turns(DatasetConfig config, std::vector<UnixMicros> event_times)
        : event_times_(std::move(event_times)) {
        core_.Configure({std::move(config)});
        for (size_t i = 0; i < event_times_.size(); ++i) {
            core_.Owe(1, static_cast<int64_t>(i) + 1);
        }
    }

    // One turn; the ids that expired in it.
    std::vector<int64_t> Take(UnixMicros now) {
        IdRange range{};
        while (core_.NextLoad(now, Dispatcher::Whose::kAny, 1000, &range)) {
            for (int64_t id = range.first; id <= range.last; ++id) {
                Event event;
                event.id = id;
                event.lead_id = 123456789012345 + id;
                event.event_time = event_times_[static_cast<size_t>(id) - 1];
                event.texts = EventTexts({"qualified"});
                core_.Load(event);
            }
        }
        core_.Prepare(now, 16);
        std::vector<int64_t> expired;
        for (const EndedEvent& ended : core_.overdue()) {
            EXPECT_STREQ(ended.status, "expired");
            EXPECT_EQ(ended.reason, Reason::kDeadlinePassed);
            expired.push_back(ended.event);
        }
        core_.overdue().clear();
        return expired;
    }

    Dispatcher& core() { return core_; }

private:
    std::vector<UnixMicros> event_times_;
    Dispatcher core_;
};

TEST(DispatcherOverdue, APausedDatasetsEventsExpire) {
    DatasetConfig config = BatchesOfThree();
    config.mode = Mode::kPaused;
    const UnixMicros old = kNow - kMaxEventAge + kHour;
    Turns turns(config, {old, old, kNow});
    EXPECT_EQ(turns.Take(kNow), Ids{});
    EXPECT_EQ(turns.core().NextDue(kNow), kNow + kHour - config.timeout_ms * 1000);
    EXPECT_EQ(turns.Take(kNow + kHour), (Ids{1, 2}));
    EXPECT_EQ(turns.core().Owed().ToMultirange(), "{[3,4)}");
}

TEST(DispatcherOverdue, AHeldDatasetsEventsExpireTurnByTurn) {
    DatasetConfig config = BatchesOfThree();
    config.hold = Reason::kTokenMissing;
    Turns turns(config, std::vector<UnixMicros>(7, kNow - kMaxEventAge));
    EXPECT_EQ(turns.Take(kNow), (Ids{1, 2, 3}));
    EXPECT_EQ(turns.core().NextDue(kNow), kNow) << "the next batch is looked at without delay";
    EXPECT_EQ(turns.Take(kNow), (Ids{4, 5, 6}));
    EXPECT_EQ(turns.Take(kNow), (Ids{7}));
    EXPECT_TRUE(turns.core().Owed().empty());
    EXPECT_EQ(turns.core().NextDue(kNow), 0);
}

TEST(DispatcherOverdue, WhileADatasetWaitsForItsNextAttemptItsEventsExpireWhenTheirTimeIsUp) {
    DispatcherDriver shipper;
    DatasetConfig config = Config(16384, {1});
    config.batch_size = 1;
    config.max_in_flight = 1;
    config.timeout_ms = 1000;
    shipper.Configure({config});
    const int64_t first = shipper.OweUntil(1, 6 * kHour);
    const int64_t second = shipper.OweUntil(1, kMinute);
    shipper.Answer(shipper.TurnOfOne(), Throttled(120));
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.DueMs(), 59 * 1000) << "what lies behind the first is up sooner";
    shipper.now += kMinute;
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.TakeExpired(), Ids{second});
    EXPECT_EQ(shipper.DueMs(), 119 * 60 * 1000) << "then the next attempt";
    shipper.now += 2 * kHour;
    EXPECT_EQ(shipper.TurnOfOne().ids, Ids{first});
}

TEST(DispatcherOverdue, ACopysEventsAreLeftAlone) {
    for (const Reason hold : {Reason::kCloned, Reason::kHostNotAllowed}) {
        DatasetConfig config = BatchesOfThree();
        config.hold = hold;
        Turns turns(config, {kNow - kMaxEventAge});
        EXPECT_EQ(turns.Take(kNow), Ids{});
        EXPECT_EQ(turns.core().NextDue(kNow), 0);
        EXPECT_EQ(turns.core().Owed().ToMultirange(), "{[1,2)}");
    }
}

TEST(DispatcherOverdue, WhatWasLoadedToExpireIsSentWhenTheDatasetGoesOn) {
    DatasetConfig config = BatchesOfThree();
    config.mode = Mode::kPaused;
    Turns turns(config, {kNow, kNow});
    EXPECT_EQ(turns.Take(kNow), Ids{});
    config.mode = Mode::kLive;
    turns.core().Configure({config});
    EXPECT_EQ(turns.Take(kNow), Ids{});
    ASSERT_EQ(turns.core().outgoing().size(), 1u);
    EXPECT_EQ(turns.core().outgoing()[0].events.ToMultirange(), "{[1,3)}");
}

// What ended without a request: "ID STATUS CODE".
std::vector<std::string> TakeEnded(DispatcherDriver* shipper) {
    std::vector<std::string> ended;
    for (const EndedEvent& event : shipper->core.overdue()) {
        ended.push_back(std::to_string(event.event) + " " + event.status + " " +
                        std::string(Describe(event.reason).code));
    }
    shipper->core.overdue().clear();
    return ended;
}

// One dataset with batches of two; events are an hour old when they are owed.
class DispatcherDoubtTest : public ::testing::Test {
protected:
    using Told = std::vector<std::string>;

    DispatcherDoubtTest() {
        config_.batch_size = 2;
        shipper_.Configure({config_});
    }

    DatasetConfig config_ = Config(1, {1});
    DispatcherDriver shipper_;
};

TEST_F(DispatcherDoubtTest, WhatMayHaveBeenDeliveredGoesAgainForTwoDaysAndIsParkedThen) {
    shipper_.OweMany(1, 2);
    shipper_.Answer(shipper_.TurnOfOne(), Lost(TransportResult::kMaybeDelivered));
    shipper_.now += 47 * kHour;
    const SentRequest again = shipper_.TurnOfOne();
    EXPECT_EQ(again.ids, (Ids{1, 2}));
    shipper_.Answer(again, Lost(TransportResult::kMaybeDelivered));
    shipper_.Owe(1);
    shipper_.now += kHour;
    EXPECT_TRUE(shipper_.Turn().empty()) << "what is too old ends, one by one after two failures";
    EXPECT_EQ(shipper_.DueMs(), 0);
    EXPECT_EQ(shipper_.TurnOfOne().ids, Ids{3}) << "certain not to be there";
    EXPECT_EQ(TakeEnded(&shipper_), (Told{"1 parked doubt_too_old", "2 parked doubt_too_old"}));
    EXPECT_EQ(shipper_.Owed(), "{[3,4)}");
}

TEST_F(DispatcherDoubtTest, WhatProvablyNeverArrivedGoesAgainForSevenDays) {
    shipper_.OweMany(1, 2);
    for (int hours = 1; hours < 166; ++hours) {
        shipper_.Answer(shipper_.TurnOfOne(), NotConnected());
        shipper_.now += kHour;
    }
    shipper_.Accept(shipper_.TurnOfOne());
    EXPECT_EQ(TakeEnded(&shipper_), Told());
}

TEST_F(DispatcherDoubtTest, AProvenFailureDoesNotEndADoubt) {
    shipper_.OweMany(1, 2);
    shipper_.Answer(shipper_.TurnOfOne(), Lost(TransportResult::kMaybeDelivered));
    shipper_.now += kHour;
    shipper_.Answer(shipper_.TurnOfOne(), NotConnected());
    shipper_.now += 47 * kHour;
    EXPECT_TRUE(shipper_.Turn().empty());
    EXPECT_EQ(TakeEnded(&shipper_), (Told{"1 parked doubt_too_old", "2 parked doubt_too_old"}));
}

TEST_F(DispatcherDoubtTest, DoubtsOfAnEarlierShipperCount) {
    Doubts doubts;
    doubts.Add(IdSet({{2, 2}}), shipper_.now - 48 * kHour);
    shipper_.core.SetDoubts(doubts);
    shipper_.OweMany(1, 3);
    EXPECT_EQ(IdsOf(shipper_.Turn()), (std::vector<Ids>{{1}, {3}}));
    EXPECT_EQ(TakeEnded(&shipper_), Told{"2 parked doubt_too_old"});
}

TEST_F(DispatcherDoubtTest, DoubtsEndInAPausedDatasetToo) {
    shipper_.OweMany(1, 2);
    shipper_.Answer(shipper_.TurnOfOne(), Lost(TransportResult::kMaybeDelivered));
    config_.mode = Mode::kPaused;
    shipper_.Configure({config_});
    EXPECT_TRUE(shipper_.Turn().empty());
    EXPECT_EQ(shipper_.DueMs(), (48 * kHour - UnixMicros{config_.timeout_ms} * 1000) / 1000);
    shipper_.now += 48 * kHour;
    EXPECT_TRUE(shipper_.Turn().empty());
    EXPECT_EQ(TakeEnded(&shipper_), (Told{"1 parked doubt_too_old", "2 parked doubt_too_old"}));
}

TEST_F(DispatcherDoubtTest, TheDeadlineComesFirstWhenItIsNearer) {
    shipper_.OweUntil(1, kHour);
    shipper_.Answer(shipper_.TurnOfOne(), Lost(TransportResult::kMaybeDelivered));
    shipper_.now += kHour;
    EXPECT_TRUE(shipper_.Turn().empty());
    EXPECT_EQ(TakeEnded(&shipper_), Told{"1 expired deadline_passed"});
}

// The first event, in the one request that is to be sent, and whose connection is refused.
void CancelWhileItIsRefused(Turns* turns) {
    turns->core().Sent(0, 77);
    turns->core().Drop(IdSet({{1, 1}}));
    HttpAnswer refused_connection;
    refused_connection.ticket = 77;
    turns->core().Answered(refused_connection, kNow, 0);
}

TEST(DispatcherCancel, WhatIsCancelledInFlightDoesNotGoAgain) {
    Turns turns(BatchesOfThree(), {kNow, kNow});
    turns.Take(kNow);
    ASSERT_EQ(turns.core().outgoing().size(), 1u);
    CancelWhileItIsRefused(&turns);
    EXPECT_EQ(turns.core().Owed().ToMultirange(), "{[2,3)}");
    turns.Take(kNow + kHour);
    ASSERT_EQ(turns.core().outgoing().size(), 1u);
    EXPECT_EQ(turns.core().outgoing()[0].events.ToMultirange(), "{[2,3)}");
}

TEST(DispatcherCancel, ABatchThatIsCancelledAsAWholeEnds) {
    Turns turns(BatchesOfThree(), {kNow});
    turns.Take(kNow);
    ASSERT_EQ(turns.core().outgoing().size(), 1u);
    CancelWhileItIsRefused(&turns);
    EXPECT_FALSE(turns.core().HasOwed());
}

}  // namespace
}  // namespace crm_capi
