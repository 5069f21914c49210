// dispatcher_departure_test.cpp - a shipper gives its slot to another database: what it brings to
// an end first, and what the next one goes on with.
#include "core/dispatch/dispatcher.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

TEST(DispatcherDepartureTest, BeginsNothingNew) {
    DispatcherDriver shipper;
    shipper.Configure({SizedConfig(2, 4)});
    shipper.OweMany(1, 10);
    shipper.core.FinishOnly(true);
    EXPECT_FALSE(shipper.core.IsParting(shipper.now));
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_FALSE(shipper.core.WantsLoad(shipper.now));
    EXPECT_EQ(shipper.DueMs(), -1) << "it would not rest";
    shipper.core.FinishOnly(false);
    EXPECT_EQ(shipper.DueMs(), 0) << "what the next shipper finds";
    EXPECT_EQ(shipper.Turn().size(), 4u);
}

// A batch of which one event is at fault is parted until that is known: the next shipper would have
// to begin anew, and under contention it would never be known.
TEST(DispatcherDepartureTest, PartsARefusedBatchToItsEnd) {
    DispatcherDriver shipper;
    shipper.Configure({SizedConfig(8, 1)});
    shipper.OweMany(1, 12);
    SentRequest request = shipper.TurnOfOne();
    constexpr int64_t kBad = 6;
    shipper.core.FinishOnly(true);
    int requests = 0;
    for (;; ++requests) {
        bool has_bad = false;
        for (const int64_t id : request.ids) {
            EXPECT_LE(id, 8) << "of another batch";
            has_bad = has_bad || id == kBad;
        }
        shipper.Answer(request, has_bad ? Refused(100, 2804036) : Accepted(request.ids.size()));
        if (!shipper.core.IsParting(shipper.now)) {
            break;
        }
        EXPECT_EQ(shipper.DueMs(), 0);
        request = shipper.TurnOfOne();
    }
    EXPECT_GT(requests, 2);
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.Owed(), "{[9,13)}");
}

TEST(DispatcherDepartureTest, DoesNotWaitForADatasetThatIsDown) {
    DispatcherDriver shipper;
    shipper.Configure({SizedConfig(8, 1)});
    shipper.OweMany(1, 8);
    shipper.Answer(shipper.TurnOfOne(), Refused(100, 2804036));
    EXPECT_TRUE(shipper.core.IsParting(shipper.now));
    shipper.Answer(shipper.TurnOfOne(), NotConnected());
    EXPECT_FALSE(shipper.core.IsParting(shipper.now)) << "its next attempt comes later";
}

// What one shipper has written down of its dataset.
DatasetHealth WrittenDown(DispatcherDriver* shipper) {
    DatasetHealth health;
    for (const HealthChange& change : shipper->core.TakeHealthChanges(shipper->now)) {
        health = change.now;
    }
    return health;
}

TEST(DispatcherDepartureTest, PausesGoOnAndGrow) {
    DispatcherDriver before;
    before.Configure({SizedConfig(1, 1)});
    before.OweMany(1, 3);
    for (int failures = 0; failures < 5; ++failures) {
        before.now = before.core.NextDue(before.now);
        before.Answer(before.Turn().front(), NotConnected(), ~uint64_t{0});
    }
    const int64_t pause = before.DueMs();
    const DatasetHealth health = WrittenDown(&before);
    EXPECT_EQ(health.failures, 5);

    DispatcherDriver after;
    after.now = before.now;
    after.Configure({SizedConfig(1, 1)});
    after.core.Resume(1, health);
    after.OweMany(1, 3);
    EXPECT_TRUE(after.Turn().empty()) << "the pause is not over";
    EXPECT_EQ(after.DueMs(), pause);
    EXPECT_TRUE(after.Health().empty()) << "nothing is new";
    after.now = after.core.NextDue(after.now);
    after.Answer(after.TurnOfOne(), NotConnected(), ~uint64_t{0});
    EXPECT_GT(after.DueMs(), pause) << "and the next one is longer";
}

TEST(DispatcherDepartureTest, AChangeOfSettingsEndsAPauseThatWasResumed) {
    DispatcherDriver shipper;
    shipper.Configure({SizedConfig(1, 4)});
    shipper.core.Resume(1, {Health::kHeld, Reason::kTokenRefused, {}, shipper.now + kHour, 0, 3});
    shipper.OweMany(1, 2);
    EXPECT_TRUE(shipper.Turn().empty());
    DatasetConfig config = SizedConfig(1, 4);
    config.access_token = "another";
    shipper.Configure({config});
    EXPECT_EQ(shipper.Turn().size(), 2u);
}

TEST(DispatcherDepartureTest, RequestsStaySmallWhereLargeOnesFailed) {
    DispatcherDriver shipper;
    shipper.Configure({SizedConfig(100, 1)});
    shipper.core.Resume(1, {Health::kOk, Reason::kNone, {}, 0, 25, 0});
    shipper.OweMany(1, 100);
    EXPECT_EQ(shipper.TurnOfOne().ids.size(), 25u);
}

TEST(DispatcherDepartureTest, WhatIsUnknownIsNotResumed) {
    DispatcherDriver shipper;
    shipper.Configure({SizedConfig(100, 1)});
    shipper.core.Resume(7, {Health::kRetrying, Reason::kNone, {}, shipper.now + kHour, 0, 3});
    shipper.OweMany(1, 3);
    EXPECT_EQ(shipper.TurnOfOne().ids.size(), 3u);
}

TEST(DispatcherDepartureTest, NamesOfHealthLeadBack) {
    for (const auto health :
         {Health::kOk, Health::kSlowed, Health::kRetrying, Health::kHeld, Health::kPaused}) {
        EXPECT_EQ(HealthFromName(HealthName(health)), health);
    }
    EXPECT_EQ(HealthFromName("stalled"), Health::kOk);
}

}  // namespace
}  // namespace crm_capi
