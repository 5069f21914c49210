// dispatcher_health_test.cpp - how a dataset that fails is tried again, and what is told about it.
#include "core/dispatch/dispatcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

using Told = std::vector<std::string>;

// Four requests of one event at once, unless a test sets something else.
class DispatcherHealthTest : public ::testing::Test {
protected:
    DispatcherHealthTest() {
        config.batch_size = 1;
        config.max_in_flight = 4;
        shipper.Configure({config});
        shipper.Health();
    }

    DatasetConfig config = Config(1, {1});
    DispatcherDriver shipper;
};

TEST_F(DispatcherHealthTest, AFailingDatasetSendsOneRequestAtATime) {
    shipper.OweMany(1, 10);
    const auto sent = shipper.Turn();
    ASSERT_EQ(sent.size(), 4u);
    shipper.Answer(sent[0], NotConnected());
    EXPECT_TRUE(shipper.Turn().empty());
    shipper.now += 50 * kMillisecond;
    EXPECT_TRUE(shipper.Turn().empty()) << "three are still in flight";
}

TEST_F(DispatcherHealthTest, AProbeThatSucceedsOpensTheWay) {
    shipper.OweMany(1, 10);
    for (const SentRequest& request : shipper.Turn()) {
        shipper.Answer(request, NotConnected());
    }
    for (int i = 0; i < 3; ++i) {
        shipper.now = shipper.core.NextDue(shipper.now);
        shipper.Answer(shipper.TurnOfOne(), NotConnected());
    }
    shipper.now = shipper.core.NextDue(shipper.now);
    shipper.Accept(shipper.TurnOfOne());
    EXPECT_EQ(shipper.Turn().size(), 4u);
}

TEST_F(DispatcherHealthTest, PausesGrowWithEachFailureUpToFiveMinutes) {
    const struct {
        int64_t least_ms;
        int64_t bound_ms;
    } pauses[] = {
        {50, 500},           {100, 1000},     {200, 2000},         {400, 4000},
        {800, 8000},         {1600, 16000},   {3200, 32000},       {6400, 64000},
        {12800, 128000},     {25600, 256000}, {30000, kLongestMs}, {30000, kLongestMs},
        {30000, kLongestMs},
    };
    for (const bool longest : {false, true}) {
        DispatcherDriver driver;
        driver.Configure({config});
        driver.Owe(1);
        for (const auto& pause : pauses) {
            const int64_t expected = longest ? pause.bound_ms : pause.least_ms;
            const auto random = static_cast<uint64_t>(expected - pause.least_ms);
            const AnswerRecord ended = driver.Answer(driver.TurnOfOne(), NotConnected(), random);
            EXPECT_EQ(ended.next_attempt_at, driver.now + expected * kMillisecond);
            EXPECT_EQ(driver.DueMs(), expected);
            driver.now += expected * kMillisecond - 1;
            EXPECT_TRUE(driver.Turn().empty()) << "a microsecond too early";
            EXPECT_EQ(driver.LoadAll(), 0);
            ++driver.now;
        }
        driver.Accept(driver.TurnOfOne());
        driver.Owe(1);
        driver.Answer(driver.TurnOfOne(), NotConnected());
        EXPECT_EQ(driver.DueMs(), 50) << "a success begins anew";
    }
}

TEST_F(DispatcherHealthTest, AnyDrawStaysWithinTheCap) {
    for (const uint64_t random : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) {
        DispatcherDriver driver;
        driver.Configure({config});
        driver.Owe(1);
        for (int i = 0; i < 100; ++i) {
            driver.Answer(driver.TurnOfOne(), NotConnected(), random);
            EXPECT_GE(driver.DueMs(), 50);
            EXPECT_LE(driver.DueMs(), kLongestMs);
            driver.now = driver.core.NextDue(driver.now);
        }
    }
}

// The first says that the endpoint is down; that the others in flight say so, too, is no news, be
// it at once or, because they ran into their time limit, long after the pause.
TEST_F(DispatcherHealthTest, RequestsThatWereInFlightTogetherAreOneFailure) {
    for (const UnixMicros later : {UnixMicros{0}, kMillisecond, 20 * kSecond}) {
        DispatcherDriver driver;
        driver.Configure({config});
        driver.OweMany(1, 4);
        const auto sent = driver.Turn();
        ASSERT_EQ(sent.size(), 4u);
        driver.Answer(sent[0], NotConnected());
        const UnixMicros due = driver.now + 50 * kMillisecond;
        for (int i = 1; i < 4; ++i) {
            driver.now += later;
            const AnswerRecord ended = driver.Answer(sent[i], NotConnected(), 450);
            EXPECT_EQ(ended.next_attempt_at, std::max(due, driver.now));
        }
        EXPECT_EQ(driver.core.NextDue(driver.now), std::max(due, driver.now));
        driver.now = std::max(due, driver.now);
        driver.Answer(driver.TurnOfOne(), NotConnected());
        EXPECT_EQ(driver.DueMs(), 100) << "the second failure";
    }
}

TEST_F(DispatcherHealthTest, ALateFailureDoesNotUndoASuccess) {
    config.max_in_flight = 2;
    shipper.Configure({config});
    shipper.OweMany(1, 4);
    const auto old = shipper.Turn();
    ASSERT_EQ(old.size(), 2u);
    shipper.Answer(old[0], NotConnected());
    config.resumes = 1;  // an operator has it tried at once
    shipper.Configure({config});
    const SentRequest probe = shipper.TurnOfOne();
    shipper.Accept(probe);
    shipper.Health();
    const AnswerRecord ended = shipper.Answer(old[1], Lost(TransportResult::kMaybeDelivered));
    EXPECT_EQ(ended.next_attempt_at, shipper.now);
    EXPECT_EQ(shipper.Health(), Told());
    EXPECT_EQ(IdsOf(shipper.Turn()), (std::vector<Ids>{{2}, {3}})) << "at once and in parallel";
}

TEST_F(DispatcherHealthTest, ALateSuccessDoesNotEndThePause) {
    for (const HttpAnswer& answer : {Accepted(1), Refused(100, 2804003)}) {
        DispatcherDriver driver;
        driver.Configure({config});
        driver.OweMany(1, 10);
        const auto sent = driver.Turn();
        ASSERT_EQ(sent.size(), 4u);
        driver.Answer(sent[0], NotConnected(), 450);
        driver.Health();
        driver.now += 100 * kMillisecond;
        driver.Answer(sent[1], answer);
        EXPECT_EQ(driver.Health(), Told());
        EXPECT_TRUE(driver.Turn().empty());
        EXPECT_EQ(driver.DueMs(), 400);
        driver.now += 400 * kMillisecond;
        driver.Accept(sent[2]);
        driver.Accept(sent[3]);
        EXPECT_EQ(driver.Turn().size(), 1u) << "still a probe";
    }
}

TEST_F(DispatcherHealthTest, MetaSaysHowLongToStayAway) {
    const struct {
        HttpAnswer answer;
        uint64_t random;
        int64_t due_ms;
    } cases[] = {
        {Throttled(7), 450, 7 * 60 * 1000},
        {Throttled(7), kShortest, 7 * 60 * 1000},
        {Throttled(0), 450, 500},
        {Refused(4), 450, 500},
        {Throttled(600), kShortest, 600 * 60 * 1000},
        {Throttled(1000000), kShortest, 24 * 60 * 60 * 1000},
        {Throttled(-5), 450, 500},
    };
    for (const auto& c : cases) {
        DispatcherDriver driver;
        driver.Configure({config});
        driver.Owe(1);
        const AnswerRecord ended = driver.Answer(driver.TurnOfOne(), c.answer, c.random);
        EXPECT_EQ(driver.DueMs(), c.due_ms);
        EXPECT_EQ(ended.next_attempt_at, driver.now + c.due_ms * kMillisecond);
    }
}

TEST_F(DispatcherHealthTest, WhatMetaAsksForCountsWhicheverAnswerBringsIt) {
    shipper.OweMany(1, 4);
    const auto sent = shipper.Turn();
    ASSERT_EQ(sent.size(), 4u);
    shipper.Answer(sent[0], Refused(2), 450);
    EXPECT_EQ(shipper.DueMs(), 500);
    shipper.Answer(sent[1], Throttled(7));
    EXPECT_EQ(shipper.DueMs(), 7 * 60 * 1000);
    shipper.Answer(sent[2], Throttled(2));
    shipper.Answer(sent[3], Refused(2), 450);
    EXPECT_EQ(shipper.DueMs(), 7 * 60 * 1000) << "the longest";
    EXPECT_EQ(shipper.Health(), Told{"server 1: retrying throttled +420000 !"});
    shipper.now += 7 * kMinute;
    shipper.Answer(shipper.TurnOfOne(), Refused(2));
    EXPECT_EQ(shipper.DueMs(), 100) << "the second failure";
}

TEST_F(DispatcherHealthTest, AHeldDatasetIsProbedWithASingleEvent) {
    config.batch_size = 500;
    shipper.Configure({config});
    shipper.OweMany(1, 100);
    shipper.Answer(shipper.TurnOfOne(), TokenRefused());
    for (int i = 0; i < 3; ++i) {
        shipper.now = shipper.core.NextDue(shipper.now);
        const SentRequest probe = shipper.TurnOfOne();
        EXPECT_EQ(probe.ids, Ids{1});
        shipper.Answer(probe, TokenRefused());
    }
    shipper.now = shipper.core.NextDue(shipper.now);
    shipper.Accept(shipper.TurnOfOne());
    EXPECT_EQ(shipper.TurnOfOne().ids.size(), 99u);
}

TEST_F(DispatcherHealthTest, ADatasetThatIsDownHoldsNobodyUp) {
    DatasetConfig healthy = Config(2, {2});
    healthy.batch_size = 1;
    shipper.Configure({config, healthy});
    shipper.OweMany(1, 20);
    shipper.OweMany(2, 20);
    for (const SentRequest& request : shipper.Turn()) {
        request.dataset == 1 ? (void)shipper.Answer(request, NotConnected())
                             : shipper.Accept(request);
    }
    for (int i = 0; i < 4; ++i) {
        for (const SentRequest& request : shipper.Turn()) {
            EXPECT_EQ(request.dataset, 2);
            shipper.Accept(request);
        }
    }
    EXPECT_EQ(shipper.core.Owed().Count(), 20);
    EXPECT_EQ(shipper.DueMs(), 50);
}

TEST_F(DispatcherHealthTest, EachChangeIsToldOnceAndEachPauseBesides) {
    const struct {
        HttpAnswer answer;
        Told told;
        UnixMicros wait;  // beyond the pause
    } steps[] = {
        {NotConnected(), {"server 1: retrying not_connected +50 !"}, 0},
        {NotConnected(), {"server 1: retrying not_connected +100"}, kHour},
        {NotConnected(), {"server 1: retrying not_connected +200"}, 0},
        {Refused(2), {"server 1: retrying server_error +400 !"}, 0},
        {TokenRefused(), {"server 1: held token_refused +800 !"}, 0},
        {TokenRefused(), {"server 1: held token_refused +1600"}, 0},
        {Refused(200), {"server 1: held permission_missing +3200 !"}, 0},
        {Accepted(1), {"server 1: ok !"}, 0},
        {Accepted(1), {}, 0},
        {Refused(100, 2804003), {}, 0},
        {Throttled(1), {"server 1: retrying throttled +60000 !"}, 0},
        {Accepted(1), {"server 1: ok !"}, 0},
    };
    config.max_in_flight = 1;
    shipper.Configure({config});
    shipper.OweMany(1, 20);
    for (const auto& step : steps) {
        shipper.Answer(shipper.TurnOfOne(), step.answer);
        EXPECT_EQ(shipper.Health(), step.told);
        EXPECT_EQ(shipper.Health(), Told()) << "told already";
        shipper.now = std::max(shipper.now, shipper.core.NextDue(shipper.now)) + step.wait;
        EXPECT_EQ(shipper.Health(), Told()) << "that time passes is no change";
    }
}

TEST_F(DispatcherHealthTest, WhatIsSetOutweighsWhatWasAnswered) {
    shipper.Owe(1);
    shipper.Answer(shipper.TurnOfOne(), NotConnected());
    EXPECT_EQ(shipper.Health(), Told{"server 1: retrying not_connected +50 !"});
    DatasetConfig held = config;
    held.hold = Reason::kTokenMissing;
    shipper.Configure({held});
    EXPECT_EQ(shipper.Health(), Told{"server 1: held token_missing !"});
    EXPECT_TRUE(shipper.Turn().empty()) << "nothing may leave";
    shipper.Configure({config});
    EXPECT_EQ(shipper.Health(), Told{"server 1: ok !"});
}

TEST_F(DispatcherHealthTest, AFailureThatComesWhileTheDatasetIsPausedIsNotShown) {
    shipper.Owe(1);
    const SentRequest request = shipper.TurnOfOne();
    DatasetConfig paused = config;
    paused.mode = Mode::kPaused;
    shipper.Configure({paused});
    EXPECT_EQ(shipper.Health(), Told{"server 1: paused paused !"});
    shipper.Answer(request, NotConnected());
    EXPECT_EQ(shipper.Health(), Told());
    EXPECT_TRUE(shipper.Turn().empty()) << "nothing may leave";
    shipper.Configure({config});
    EXPECT_EQ(shipper.Health(), Told{"server 1: ok !"});
    EXPECT_EQ(shipper.TurnOfOne().ids, Ids{1});
}

TEST_F(DispatcherHealthTest, ADatasetThatIsGoneIsNotTold) {
    shipper.Owe(1);
    const SentRequest request = shipper.TurnOfOne();
    shipper.Configure({});
    shipper.Answer(request, NotConnected());
    EXPECT_EQ(shipper.Health(), Told());
    EXPECT_TRUE(shipper.Turn().empty()) << "nothing may leave";
    EXPECT_EQ(shipper.Owed(), "{[1,2)}");
}

TEST_F(DispatcherHealthTest, DueIsTheFirstPauseThatEnds) {
    DatasetConfig other = Config(2, {2});
    DatasetConfig third = Config(3, {3});
    shipper.Configure({config, other, third});
    EXPECT_EQ(shipper.DueMs(), -1);
    for (int number = 1; number <= 3; ++number) {
        shipper.Owe(number);
    }
    EXPECT_EQ(shipper.DueMs(), 0) << "nothing has been tried";
    const auto sent = shipper.Turn();
    EXPECT_EQ(shipper.DueMs(), -1) << "answers will come";
    for (const SentRequest& request : sent) {
        const uint64_t random = request.dataset == 1 ? 300 : request.dataset == 2 ? 100 : 450;
        shipper.Answer(request, NotConnected(), random);
    }
    EXPECT_EQ(shipper.DueMs(), 150);
    shipper.now += 150 * kMillisecond;
    EXPECT_EQ(shipper.DueMs(), 0);
    EXPECT_EQ(DatasetsOf(shipper.Turn()), std::vector<int>{2});
    EXPECT_EQ(shipper.DueMs(), 200);
}

TEST_F(DispatcherHealthTest, APauseWithNothingOwedNeedsNoTurn) {
    shipper.OweMany(1, 1);
    const SentRequest request = shipper.TurnOfOne();
    shipper.OweMany(1, 1);
    const SentRequest other = shipper.TurnOfOne();
    shipper.Answer(request, NotConnected());
    EXPECT_EQ(shipper.DueMs(), 50);
    shipper.Accept(other);
    EXPECT_EQ(shipper.DueMs(), 50);
    shipper.now += 50 * kMillisecond;
    shipper.Accept(shipper.TurnOfOne());
    EXPECT_EQ(shipper.DueMs(), -1);
}

// What a dataset owes is shown once, under its main number, whatever the log calls it.
TEST(Figures, ShowWhatEachDatasetOwesHasUnderWayAndDoubts) {
    DispatcherDriver shipper;
    DatasetConfig renamed = Config(7, {3, 1});
    renamed.batch_size = 2;
    renamed.max_in_flight = 1;
    shipper.Configure({renamed, Config(8, {4})});
    shipper.Owe(1);
    shipper.Owe(3);
    shipper.Owe(4);
    shipper.Owe(1);
    Doubts doubts;
    doubts.Add(IdSet({{2, 3}}), shipper.now - kHour);
    shipper.core.SetDoubts(doubts);
    ASSERT_EQ(shipper.Turn().size(), 2u);

    std::vector<OwedOfDataset> shown = shipper.core.OwedByDataset();
    std::sort(shown.begin(), shown.end(),
              [](const auto& a, const auto& b) { return a.dataset < b.dataset; });
    ASSERT_EQ(shown.size(), 2u);
    EXPECT_EQ(shown[0].dataset, 3);
    EXPECT_EQ(shown[0].owed, 3);
    EXPECT_EQ(shipper.core.FirstOwed(3, 100).ToMultirange(), "{[1,3),[4,5)}");
    EXPECT_EQ(shipper.core.FirstOwed(3, 2).ToMultirange(), "{[1,3)}");
    EXPECT_EQ(shown[0].in_flight, 2);
    EXPECT_EQ(shown[0].in_doubt, 1);
    EXPECT_EQ(shown[1].dataset, 4);
    EXPECT_EQ(shown[1].owed, 1);
    EXPECT_EQ(shipper.core.FirstOwed(4, 100).ToMultirange(), "{[3,4)}");
    EXPECT_TRUE(shipper.core.FirstOwed(5, 100).empty()) << "nobody's number";
    EXPECT_EQ(shown[1].in_flight, 1);
    EXPECT_EQ(shown[1].in_doubt, 1);
}

TEST(Health, NamesEveryState) {
    EXPECT_STREQ(HealthName(Health::kOk), "ok");
    EXPECT_STREQ(HealthName(Health::kSlowed), "slowed");
    EXPECT_STREQ(HealthName(Health::kRetrying), "retrying");
    EXPECT_STREQ(HealthName(Health::kHeld), "held");
    EXPECT_STREQ(HealthName(Health::kPaused), "paused");
}

}  // namespace
}  // namespace crm_capi
