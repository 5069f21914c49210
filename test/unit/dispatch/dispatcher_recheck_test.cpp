// dispatcher_recheck_test.cpp - events that are looked at once more just before they are sent.
#include "core/dispatch/dispatcher.hpp"

#include <gtest/gtest.h>

#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

class DispatcherRecheck : public ::testing::Test {
protected:
    DispatcherRecheck() { driver.Configure({Config(1, {1}), Config(2, {2})}); }

    int64_t OweRecheck(int dataset, int64_t lead = 0) {
        const int64_t id = driver.Owe(dataset, lead);
        driver.log[id].needs_recheck = true;
        return id;
    }

    // What would be looked at now.
    Ids Rechecks() {
        Ids ids;
        driver.LoadAll();
        driver.core.AppendRechecks(driver.now, &ids);
        return ids;
    }

    void EndUnsent(const Ids& ids) {
        std::vector<EndedEvent> ended;
        for (const int64_t id : ids) {
            EndedEvent event{};
            event.event = id;
            event.dataset = 1;
            event.status = "cancelled";
            event.reason = Reason::kConditionFalse;
            ended.push_back(event);
        }
        driver.core.EndUnsent(std::move(ended));
    }

    DispatcherDriver driver;
};

TEST_F(DispatcherRecheck, AsksForNothingIfNoEventNeedsIt) {
    driver.OweMany(1, 3);
    EXPECT_EQ(Rechecks(), Ids{});
}

TEST_F(DispatcherRecheck, AsksForThoseEventsOnlyThatNeedIt) {
    driver.Owe(1);
    const int64_t checked = OweRecheck(1);
    driver.Owe(2);
    const int64_t other = OweRecheck(2);
    EXPECT_EQ(Rechecks(), (Ids{checked, other}));
}

TEST_F(DispatcherRecheck, AppendsToWhatIsThere) {
    const int64_t id = OweRecheck(1);
    Ids ids = {7};
    driver.LoadAll();
    driver.core.AppendRechecks(driver.now, &ids);
    EXPECT_EQ(ids, (Ids{7, id}));
}

TEST_F(DispatcherRecheck, AsksForNothingThatCannotBeSentNow) {
    DatasetConfig paused = Config(1, {1});
    paused.mode = Mode::kPaused;
    OweRecheck(1);
    const int64_t id = OweRecheck(2);
    driver.LoadAll();
    driver.Configure({paused, Config(2, {2})});
    EXPECT_EQ(Rechecks(), Ids{id});
    const SentRequest request = driver.TurnOfOne();
    driver.Answer(request, NotConnected(), ~uint64_t{0});
    EXPECT_EQ(Rechecks(), Ids{}) << "while the dataset waits after a failure";
}

TEST_F(DispatcherRecheck, AsksOnceMoreBeforeEachAttempt) {
    const int64_t id = OweRecheck(1);
    EXPECT_EQ(Rechecks(), Ids{id});
    const SentRequest request = driver.TurnOfOne();
    EXPECT_EQ(Rechecks(), Ids{}) << "while it is in flight";
    driver.Answer(request, NotConnected());
    driver.now += kHour;
    EXPECT_EQ(Rechecks(), Ids{id});
}

TEST_F(DispatcherRecheck, AsksForTheFreeSlotsOnly) {
    DatasetConfig narrow = Config(1, {1});
    narrow.max_in_flight = 1;
    driver.Configure({narrow, Config(2, {2})});
    driver.Owe(1, 5);
    const SentRequest request = driver.TurnOfOne();
    const int64_t id = OweRecheck(1, 6);
    EXPECT_EQ(Rechecks(), Ids{}) << "no request can be made now";
    driver.Accept(request);
    EXPECT_EQ(Rechecks(), Ids{id});
}

TEST_F(DispatcherRecheck, AsksForPartsOfARefusedBatch) {
    const Ids ids = {OweRecheck(1), OweRecheck(1), OweRecheck(1), OweRecheck(1)};
    driver.Answer(driver.TurnOfOne(), Refused(100, 2804009));
    EXPECT_EQ(Rechecks(), ids);
}

TEST_F(DispatcherRecheck, WhatFailedItEndsUnsent) {
    const Ids ids = {OweRecheck(1, 5), OweRecheck(1, 5), OweRecheck(2, 6)};
    driver.LoadAll();
    EndUnsent({ids[0]});
    ASSERT_EQ(driver.core.overdue().size(), 1u);
    EXPECT_EQ(driver.core.overdue()[0].event, ids[0]);
    EXPECT_STREQ(driver.core.overdue()[0].status, "cancelled");
    EXPECT_EQ(driver.core.overdue()[0].reason, Reason::kConditionFalse);
    EXPECT_EQ(IdsOf(driver.Turn()), (std::vector<Ids>{{ids[1]}, {ids[2]}}))
        << "the lead's next event is not held up";
    EXPECT_EQ(driver.Owed(), "{[2,4)}");
}

TEST_F(DispatcherRecheck, EndingNothingChangesNothing) {
    OweRecheck(1);
    driver.LoadAll();
    EndUnsent({});
    EXPECT_TRUE(driver.core.overdue().empty());
    EXPECT_EQ(driver.Owed(), "{[1,2)}");
}

TEST_F(DispatcherRecheck, EndingAllLeavesNothingToSend) {
    const Ids ids = {OweRecheck(1), OweRecheck(1)};
    driver.LoadAll();
    EndUnsent(ids);
    EXPECT_TRUE(driver.Turn().empty());
    EXPECT_FALSE(driver.core.HasOwed());
    EXPECT_EQ(driver.DueMs(), -1);
}

TEST_F(DispatcherRecheck, PartsOfARefusedBatchEndAsWell) {
    const Ids ids = {OweRecheck(1), OweRecheck(1), OweRecheck(1), OweRecheck(1)};
    driver.Answer(driver.TurnOfOne(), Refused(100, 2804009));
    EndUnsent({ids[0], ids[3]});
    EXPECT_EQ(driver.Owed(), "{[2,4)}");
    Ids sent;
    for (std::vector<SentRequest> turn = driver.Turn(); !turn.empty(); turn = driver.Turn()) {
        for (const SentRequest& request : turn) {
            sent.insert(sent.end(), request.ids.begin(), request.ids.end());
            driver.Accept(request);
        }
    }
    EXPECT_EQ(sent, (Ids{ids[1], ids[2]}));
    EXPECT_FALSE(driver.core.HasOwed());
}

}  // namespace
}  // namespace crm_capi
