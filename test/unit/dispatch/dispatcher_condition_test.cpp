// dispatcher_condition_test.cpp - events whose watch's condition is checked before each attempt, by
// somebody who may take his time.
#include <gtest/gtest.h>

#include "core/dispatch/dispatcher.hpp"
#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

using Names = std::vector<std::string>;

EndedEvent MakeEnded(int64_t event, Reason reason) {
    EndedEvent ended{};
    ended.event = event;
    ended.dataset = 1;
    ended.status = reason == Reason::kConditionFalse ? "cancelled" : "parked";
    ended.reason = reason;
    return ended;
}

class DispatcherCondition : public ::testing::Test {
protected:
    DispatcherCondition() { driver.Configure({Config(1, {1}), Config(2, {2})}); }

    int64_t OweConditional(int dataset, int64_t lead = 0, const char* watch = "a") {
        const int64_t id = driver.Owe(dataset, lead);
        driver.log[id].texts = EventTexts({"", "", "", watch});
        return id;
    }

    Names Watches() {
        Names watches;
        driver.core.AppendWatchesToCheck(driver.now, &watches);
        return watches;
    }

    // What of a watch is to be checked now; it is asked from here on.
    Ids Ask(const char* watch = "a", size_t most = 1000) {
        std::vector<ConditionToCheck> conditions;
        Ids ids;
        driver.LoadAll();
        Watches();
        driver.core.TakeConditions(watch, most, driver.now, &conditions);
        for (const ConditionToCheck& condition : conditions) {
            ids.push_back(condition.event);
        }
        return ids;
    }

    void Hold(const Ids& ids) {
        for (const int64_t id : ids) {
            driver.core.ConditionHolds(id, driver.now);
        }
    }

    void Fail(const Ids& ids) {
        std::vector<EndedEvent> ended;
        for (const int64_t id : ids) {
            ended.push_back(MakeEnded(id, Reason::kConditionFalse));
        }
        driver.core.ConditionsEnd(std::move(ended));
    }

    void CannotTell(int64_t id) {
        driver.core.ConditionUnknown(MakeEnded(id, Reason::kConditionUnknown), driver.now);
    }

    int64_t OwedToFirst() {
        for (const OwedOfDataset& dataset : driver.core.OwedByDataset()) {
            if (dataset.dataset == 1) {
                return dataset.owed;
            }
        }
        return -1;
    }

    Ids Ended() {
        Ids ids;
        for (const EndedEvent& event : driver.core.overdue()) {
            ids.push_back(event.event);
        }
        driver.core.overdue().clear();
        return ids;
    }

    DispatcherDriver driver;
};

TEST_F(DispatcherCondition, OthersDoNotWaitForIt) {
    const int64_t id = OweConditional(1, 5);
    const int64_t other = driver.Owe(1, 6);
    EXPECT_EQ(IdsOf(driver.Turn()), std::vector<Ids>{{other}});
    EXPECT_EQ(Ask(), Ids{id});
    EXPECT_TRUE(driver.core.HasOwed());
}

TEST_F(DispatcherCondition, WhatHoldsGoes) {
    const int64_t id = OweConditional(1, 5);
    EXPECT_TRUE(driver.Turn().empty());
    Hold(Ask());
    EXPECT_EQ(IdsOf(driver.Turn()), std::vector<Ids>{{id}});
    EXPECT_EQ(driver.core.CountConditions().waiting, 0);
}

TEST_F(DispatcherCondition, NothingSpinsWhileItIsChecked) {
    OweConditional(1, 5);
    EXPECT_TRUE(driver.Turn().empty());
    Ask();
    EXPECT_EQ(driver.DueMs(), 60000) << "the next look at deadlines";
    driver.now += kMinute;
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_EQ(driver.DueMs(), 60000);
}

TEST_F(DispatcherCondition, TheLeadsLaterEventsDoNotOvertake) {
    const Ids ids = {OweConditional(1, 5), driver.Owe(1, 5), OweConditional(1, 5),
                     driver.Owe(1, 5)};
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_EQ(Ask(), Ids{ids[0]}) << "one after the other";
    Hold({ids[0]});
    const SentRequest first = driver.TurnOfOne();
    EXPECT_EQ(first.ids, (Ids{ids[0], ids[1]}));
    EXPECT_EQ(driver.Owed(), "{[1,5)}");
    EXPECT_EQ(Ask(), Ids{}) << "while an earlier one is in flight";
    driver.Accept(first);
    Hold(Ask());
    EXPECT_EQ(IdsOf(driver.Turn()), (std::vector<Ids>{{ids[2], ids[3]}}));
}

TEST_F(DispatcherCondition, WhatFailsHoldsUpNobodyAnyMore) {
    const Ids ids = {OweConditional(1, 5), driver.Owe(1, 5), OweConditional(1, 5)};
    EXPECT_TRUE(driver.Turn().empty());
    Ask();
    Fail({ids[0]});
    EXPECT_EQ(Ended(), Ids{ids[0]});
    EXPECT_EQ(IdsOf(driver.Turn()), std::vector<Ids>{{ids[1]}});
    EXPECT_EQ(driver.Owed(), "{[2,4)}");
}

TEST_F(DispatcherCondition, ManyFailAtOnce) {
    Ids failing;
    Ids others;
    for (int i = 0; i < 10; ++i) {
        failing.push_back(OweConditional(1, i + 1));
        others.push_back(driver.Owe(1, i + 1));
    }
    Ask();
    Fail(failing);
    Fail(failing);
    EXPECT_EQ(Ended(), failing) << "each once";
    EXPECT_EQ(IdsOf(driver.Turn()), std::vector<Ids>{others});
}

TEST_F(DispatcherCondition, IsCheckedOnceMoreBeforeEachAttempt) {
    const int64_t id = OweConditional(1, 5);
    Hold(Ask());
    const SentRequest request = driver.TurnOfOne();
    EXPECT_EQ(Ask(), Ids{}) << "while it is in flight";
    const int64_t later = driver.Owe(1, 5);
    driver.Answer(request, NotConnected());
    driver.now += kHour;
    EXPECT_TRUE(driver.Turn().empty()) << "the lead's next event waits for it";
    EXPECT_EQ(Ask(), Ids{id});
    Hold({id});
    EXPECT_EQ(IdsOf(driver.Turn()), (std::vector<Ids>{{id, later}}));
}

TEST_F(DispatcherCondition, HoldsNotForLong) {
    const int64_t id = OweConditional(1, 5);
    Hold(Ask());
    driver.LoadAll();
    driver.now += kConditionLasts + kSecond;
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_EQ(Ask(), Ids{id});
}

TEST_F(DispatcherCondition, HoldsAlsoIfItWasFoundAMomentAfterTheTurnBegan) {
    const int64_t id = OweConditional(1, 5);
    Ask();
    driver.core.ConditionHolds(id, driver.now + kMillisecond);
    EXPECT_EQ(IdsOf(driver.Turn()), std::vector<Ids>{{id}});
}

TEST_F(DispatcherCondition, HoldsNotAfterTheClockWasPutBack) {
    const int64_t id = OweConditional(1, 5);
    Hold(Ask());
    driver.LoadAll();
    driver.now -= kHour;
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_EQ(Ask(), Ids{id});
}

TEST_F(DispatcherCondition, NothingIsCheckedThatCannotBeSentNow) {
    DatasetConfig paused = Config(1, {1});
    paused.mode = Mode::kPaused;
    OweConditional(1);
    driver.LoadAll();
    driver.Configure({paused, Config(2, {2})});
    EXPECT_EQ(Watches(), Names{});
    EXPECT_EQ(Ask(), Ids{});
}

TEST_F(DispatcherCondition, NoMoreIsCheckedThanRequestsCarry) {
    driver.Configure({SizedConfig(10, 2), Config(2, {2})});
    for (int i = 0; i < 1000; ++i) {
        OweConditional(1);
    }
    EXPECT_EQ(Ask().size(), 40u) << "two requests, and as much in advance";
    EXPECT_EQ(Ask().size(), 0u);
}

TEST_F(DispatcherCondition, OneHangingWatchHidesNoOther) {
    driver.Configure({SizedConfig(10, 2), Config(2, {2})});
    for (int i = 0; i < 1000; ++i) {
        OweConditional(1, 0, "hangs");
    }
    const int64_t other = OweConditional(1, 0, "works");
    Ask("hangs");
    EXPECT_EQ(Watches(), (Names{"hangs", "works"}));
    EXPECT_EQ(Ask("works"), Ids{other});
}

TEST_F(DispatcherCondition, WhatNobodyCanTellIsAskedAgainLater) {
    const int64_t id = OweConditional(1, 5);
    EXPECT_EQ(Ask(), Ids{id});
    CannotTell(id);
    EXPECT_EQ(driver.core.CountConditions().postponed, 1);
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_EQ(driver.DueMs(), kFirstConditionPause / kMillisecond);
    EXPECT_EQ(Ask(), Ids{});
    driver.now += kFirstConditionPause;
    EXPECT_EQ(Watches(), Names{"a"});
    EXPECT_EQ(Ask(), Ids{id});
    Hold({id});
    EXPECT_EQ(IdsOf(driver.Turn()), std::vector<Ids>{{id}});
}

TEST_F(DispatcherCondition, WhatNobodyCouldTellInTimeIsParked) {
    const int64_t id = driver.OweUntil(1, kHour, 5);
    driver.log[id].texts = EventTexts({"", "", "", "a"});
    const int64_t later = driver.Owe(1, 5);
    const UnixMicros end = driver.now + kHour;
    int asked = 0;
    while (driver.core.overdue().empty()) {
        ASSERT_LT(driver.now, end) << "before its time is over";
        if (Ask() == Ids{id}) {
            CannotTell(id);
            ++asked;
            continue;
        }
        EXPECT_TRUE(driver.Turn().empty());
        driver.now += kSecond;
    }
    EXPECT_GT(asked, 15);
    EXPECT_EQ(driver.core.overdue().front().reason, Reason::kConditionUnknown);
    EXPECT_STREQ(driver.core.overdue().front().status, "parked");
    EXPECT_EQ(Ended(), Ids{id});
    EXPECT_EQ(IdsOf(driver.Turn()), std::vector<Ids>{{later}});
}

TEST_F(DispatcherCondition, WhatIsNotAnsweredIsAskedAgain) {
    const int64_t id = OweConditional(1, 5);
    EXPECT_EQ(Ask(), Ids{id});
    EXPECT_EQ(Ask(), Ids{});
    driver.core.AskAgain(id);
    EXPECT_EQ(Ask(), Ids{id});
}

TEST_F(DispatcherCondition, PartsOfARefusedBatchWaitForTheirs) {
    const Ids ids = {OweConditional(1), OweConditional(1), OweConditional(1), OweConditional(1)};
    Hold(Ask());
    driver.Answer(driver.TurnOfOne(), Refused(100, 2804009));
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_EQ(Ask(), ids);
    EXPECT_EQ(driver.Owed(), "{[1,5)}");
    EXPECT_EQ(OwedToFirst(), 4);
    Fail({ids[0]});
    Hold({ids[1], ids[2], ids[3]});
    EXPECT_EQ(IdsOf(driver.Turn()), (std::vector<Ids>{{ids[1], ids[2], ids[3]}}))
        << "without the one that was dropped nothing is known of the others";
}

TEST_F(DispatcherCondition, ARefusedBatchDoesNotWaitForLong) {
    const int64_t hangs = OweConditional(1, 5);
    const Ids others = {driver.Owe(1, 6), driver.Owe(1, 7)};
    Hold(Ask());
    const SentRequest request = driver.TurnOfOne();
    EXPECT_EQ(request.ids, (Ids{hangs, others[0], others[1]}));
    driver.Answer(request, Refused(100, 2804009));
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_EQ(Ask(), Ids{hangs});
    EXPECT_EQ(driver.DueMs(), 10000) << "and nothing spins";
    driver.now += 10 * kSecond;
    EXPECT_EQ(IdsOf(driver.Turn()), (std::vector<Ids>{others}));
    EXPECT_EQ(driver.core.CountConditions().waiting, 1);
    Hold({hangs});
    EXPECT_EQ(IdsOf(driver.Turn()), std::vector<Ids>{{hangs}});
}

TEST_F(DispatcherCondition, BehindARefusedBatchThatWaitsNothingSpins) {
    const int64_t first = OweConditional(1, 5);
    driver.Owe(1, 6);
    Hold(Ask());
    driver.Answer(driver.TurnOfOne(), Refused(100, 2804009));
    driver.Owe(1, 6);
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_EQ(Ask(), Ids{first});
    EXPECT_EQ(driver.DueMs(), 10000);
}

TEST_F(DispatcherCondition, ItsEventsExpireInTime) {
    const Ids ids = {OweConditional(1, 5), driver.Owe(1, 5)};
    EXPECT_TRUE(driver.Turn().empty());
    driver.now += kMaxEventAge + kMinute;
    driver.Turn();
    driver.Turn();
    EXPECT_EQ(driver.TakeExpired(), ids);
    EXPECT_FALSE(driver.core.HasOwed());
}

TEST_F(DispatcherCondition, ItsEventsExpireWhileTheDatasetIsPaused) {
    const Ids ids = {OweConditional(1, 5), driver.Owe(1, 5)};
    driver.Turn();
    DatasetConfig paused = Config(1, {1});
    paused.mode = Mode::kPaused;
    driver.Configure({paused, Config(2, {2})});
    driver.now += kMaxEventAge + kMinute;
    driver.Turn();
    driver.Turn();
    EXPECT_EQ(driver.TakeExpired(), ids);
    EXPECT_EQ(driver.DueMs(), -1);
}

TEST_F(DispatcherCondition, CancelledWhileItWaits) {
    const Ids ids = {OweConditional(1, 5), driver.Owe(1, 5)};
    driver.LoadAll();
    driver.core.Drop(IdSet(std::vector<IdRange>{{ids[0], ids[0]}}));
    EXPECT_EQ(IdsOf(driver.Turn()), std::vector<Ids>{{ids[1]}});
    Hold({ids[0]});
    Fail({ids[0]});
    CannotTell(ids[0]);
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_EQ(Ended(), Ids{}) << "whatever is found then says nothing";
}

TEST_F(DispatcherCondition, CountsAsOwed) {
    OweConditional(1, 5);
    driver.Owe(1, 5);
    driver.LoadAll();
    EXPECT_EQ(driver.Owed(), "{[1,3)}");
    EXPECT_EQ(OwedToFirst(), 2);
    EXPECT_EQ(driver.core.CountConditions().waiting, 2);
}

TEST_F(DispatcherCondition, AFullShelfHoldsUpNobodyAndSpinsNot) {
    for (size_t i = 0; i < kMostOnShelf + 100; ++i) {
        OweConditional(1);
    }
    const int64_t other = driver.Owe(1);
    const std::vector<SentRequest> sent = driver.Turn();
    EXPECT_EQ(IdsOf(sent), std::vector<Ids>{{other}});
    driver.Accept(sent.front());
    EXPECT_EQ(driver.core.CountConditions().waiting, static_cast<int64_t>(kMostOnShelf) + 100);
    EXPECT_FALSE(driver.core.WantsLoad(driver.now));
    EXPECT_EQ(driver.DueMs(), 60000);
    Hold(Ask());
    EXPECT_EQ(driver.Turn().size(), 2u);
}

}  // namespace
}  // namespace crm_capi
