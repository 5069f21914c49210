// dispatcher_outcome_test.cpp - what becomes of the events of a request, answer by answer.
#include "core/dispatch/dispatcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

constexpr int64_t kLead = 123456789012345;

class DispatcherOutcomeTest : public ::testing::Test {
protected:
    DispatcherOutcomeTest() {
        config.max_in_flight = 1;
        shipper.Configure({config});
    }
    void WaitForTheNextAttempt() { shipper.now = shipper.core.NextDue(shipper.now); }

    DatasetConfig config = Config(1, {1});
    DispatcherDriver shipper;
};

// Everything but "delivered" and "refused" sends the same bytes again: Meta can tell by the
// event_id that it has them already, and the stage keeps the time at which it was reached.
TEST_F(DispatcherOutcomeTest, WhatIsNotDeliveredGoesAgainUnaltered) {
    const struct {
        HttpAnswer answer;
        const char* outcome;
        Reason reason;
    } cases[] = {
        {Lost(TransportResult::kNotSent), "retry", Reason::kNotConnected},
        {Lost(TransportResult::kNotProcessed), "retry", Reason::kNotProcessed},
        {Lost(TransportResult::kMaybeDelivered), "in_doubt", Reason::kConnectionCut},
        {Lost(TransportResult::kAnswerTooLarge), "in_doubt", Reason::kAnswerUnreadable},
        {Accepted(2), "in_doubt", Reason::kCountMismatch},
        {Accepted(4), "in_doubt", Reason::kCountMismatch},
        {Reply(200, "{}"), "in_doubt", Reason::kAnswerUnreadable},
        {Reply(200, "<html>"), "in_doubt", Reason::kAnswerUnreadable},
        {Reply(502, "<html>"), "retry", Reason::kServerError},
        {Reply(302, ""), "retry", Reason::kAnswerUnreadable},
        {Refused(1), "retry", Reason::kServerError},
        {Refused(2, 0, 200), "retry", Reason::kServerError},
        {Refused(4), "slow_down", Reason::kThrottled},
        {Refused(190, 463), "held", Reason::kTokenRefused},
        {Refused(200), "held", Reason::kPermissionMissing},
        {Refused(100, 33), "held", Reason::kDatasetUnknown},
        {Refused(2500), "held", Reason::kPathUnknown},
        {Refused(2635), "held", Reason::kVersionDead},
    };
    for (const auto& c : cases) {
        DispatcherDriver driver;
        driver.Configure({config});
        driver.Owe(1, kLead);
        driver.Owe(1, kLead + 1);
        driver.Owe(1, kLead);
        const std::string what = std::string(c.outcome) + " " + c.answer.body;
        const SentRequest first = driver.TurnOfOne();
        const AnswerRecord ended = driver.Answer(first, c.answer);
        EXPECT_STREQ(ended.outcome, c.outcome) << what;
        EXPECT_EQ(ended.reason, c.reason) << what;
        EXPECT_EQ(ended.next_attempt_at, driver.now + 50 * kMillisecond) << what;
        EXPECT_TRUE(ended.events.empty()) << what;
        EXPECT_EQ(driver.Owed(), "{[1,4)}") << what;

        driver.now += 50 * kMillisecond;
        const SentRequest second = driver.TurnOfOne();
        if (std::string(c.outcome) == "held") {
            EXPECT_EQ(second.ids, Ids{1}) << what << ": a probe";
            EXPECT_EQ(first.http.body.find(second.http.body.substr(0, second.http.body.size() - 2)),
                      0u)
                << what;
        } else {
            EXPECT_EQ(second.ids, (Ids{1, 2, 3})) << what;
            EXPECT_EQ(second.http.body, first.http.body) << what;
        }
    }
}

TEST_F(DispatcherOutcomeTest, APauseEndsInTimeAlthoughTheClockIsPutBackInTheTurnThatBeganIt) {
    shipper.Owe(1, kLead);
    shipper.Answer(shipper.TurnOfOne(), NotConnected());
    const int64_t pause = shipper.DueMs();
    EXPECT_GT(pause, 0);
    shipper.now -= kHour;
    EXPECT_EQ(shipper.DueMs(), pause);
    shipper.now += pause * kMillisecond;
    EXPECT_EQ(shipper.TurnOfOne().ids, Ids{1});
}

TEST_F(DispatcherOutcomeTest, EventTimeStaysWhatItWas) {
    shipper.Owe(1, kLead);
    const std::string expected = "\"event_time\":" + std::to_string((kStart - kHour) / kSecond);
    for (int i = 0; i < 20; ++i) {
        const SentRequest request = shipper.TurnOfOne();
        EXPECT_NE(request.http.body.find(expected), std::string::npos);
        shipper.Answer(request, NotConnected());
        shipper.now += 5 * kHour;
    }
}

// Answers as Meta does: one error, of the first bad event, refuses all.
class AtomicEndpoint {
public:
    std::map<int64_t, int64_t> bad;  // event -> subcode
    Ids accepted;
    int requests = 0;

    HttpAnswer Judge(const Ids& ids) {
        ++requests;
        for (const int64_t id : ids) {
            if (bad.count(id) != 0) {
                return Refused(100, bad[id]);
            }
        }
        accepted.insert(accepted.end(), ids.begin(), ids.end());
        return Accepted(ids.size());
    }
};

TEST_F(DispatcherOutcomeTest, BisectionParksExactlyTheBadOnesEachWithItsOwnCode) {
    const struct {
        int events;
        std::set<int64_t> bad;
    } cases[] = {
        {1, {1}},
        {2, {1}},
        {2, {1, 2}},
        {3, {2}},
        {7, {1, 7}},
        {100, {50}},
        {100, {1, 2, 99}},
        {500, {}},
        {500, {500}},
        {500, {3, 250, 251, 252, 499}},
        {8, {1, 2, 3, 4, 5, 6, 7, 8}},
    };
    for (const auto& c : cases) {
        DispatcherDriver driver;
        driver.Configure({config});
        AtomicEndpoint endpoint;
        std::map<int64_t, int64_t> parked;
        for (const int64_t id : c.bad) {
            endpoint.bad[id] = 2804000 + id % 5;
        }
        driver.OweMany(1, c.events);
        while (driver.core.HasOwed() && endpoint.requests < 2000) {
            const SentRequest request = driver.TurnOfOne();
            const AnswerRecord ended = driver.Answer(request, endpoint.Judge(request.ids));
            const bool is_over = request.ids.size() == 1 || ended.reason == Reason::kNone;
            EXPECT_EQ(ended.next_attempt_at, is_over ? 0 : driver.now);
            for (const EndedEvent& event : ended.events) {
                EXPECT_STREQ(event.status, "parked");
                EXPECT_EQ(event.reason, Reason::kRefused);
                EXPECT_EQ(event.request, request.request);
                EXPECT_EQ(event.dataset, 1);
                EXPECT_EQ(event.error_code, 100);
                EXPECT_EQ(event.detail,
                          "code 100, subcode " + std::to_string(event.error_subcode) + ": told");
                EXPECT_TRUE(parked.emplace(event.event, event.error_subcode).second);
            }
        }
        EXPECT_EQ(parked, endpoint.bad) << c.events << " events";
        EXPECT_EQ(endpoint.accepted.size(), static_cast<size_t>(c.events) - c.bad.size());
        EXPECT_TRUE(std::is_sorted(endpoint.accepted.begin(), endpoint.accepted.end()));
        const double n = c.events;
        const double k = static_cast<double>(c.bad.size());
        const double most = k == 0 ? 1 : k * (2 * std::log2(n / k) + 2) + 1;
        EXPECT_LE(endpoint.requests, most) << c.events << " events, " << k << " bad";
        EXPECT_EQ(driver.Health(), std::vector<std::string>{"server 1: ok"});
    }
}

TEST_F(DispatcherOutcomeTest, AnswersAboutTheDatasetAreNeverSplit) {
    for (const HttpAnswer& answer :
         {TokenRefused(), Refused(200), Refused(100, 33), Refused(2635), Refused(4), Refused(2)}) {
        DispatcherDriver driver;
        driver.Configure({config});
        driver.Owe(1);
        for (int i = 0; i < 5; ++i) {
            const AnswerRecord ended = driver.Answer(driver.TurnOfOne(), answer);
            EXPECT_TRUE(ended.events.empty()) << answer.body;
            driver.now += kHour;
        }
        EXPECT_EQ(driver.Owed(), "{[1,2)}") << answer.body;
    }
}

// Events 1 to 8, the third bad, in the middle of which everything else goes wrong as well.
TEST_F(DispatcherOutcomeTest, ABisectionKeepsOrderAndPartsAcrossOtherTroubles) {
    for (const int64_t lead : {0, 0, 1, 1, 0, 1, 0, 1}) {
        shipper.Owe(1, lead == 0 ? kLead : kLead + lead);
    }
    const struct {
        Ids ids;
        HttpAnswer answer;
    } steps[] = {
        {{1, 2, 3, 4, 5, 6, 7, 8}, Refused(100, 2804003)},
        {{1, 2}, NotConnected()},
        {{1, 2}, Lost(TransportResult::kMaybeDelivered)},
        {{1, 2}, Accepted(2)},
        {{3, 4}, Refused(100, 2804036)},
        {{3}, TokenRefused()},
        {{3}, Throttled(3)},
        {{3}, Refused(100, 2804036)},
        {{4}, Refused(2)},
        {{4}, Accepted(1)},
        {{5, 6, 7, 8}, Accepted(3)},
        {{5, 6, 7, 8}, Accepted(4)},
        {{9, 10}, Accepted(2)},
    };
    std::map<int64_t, int64_t> parked;
    for (const auto& step : steps) {
        const SentRequest request = shipper.TurnOfOne();
        ASSERT_EQ(request.ids, step.ids);
        if (request.ids.size() == 8 || request.ids == Ids{3, 4}) {
            shipper.Owe(1, kLead);
        }
        for (const EndedEvent& event : shipper.Answer(request, step.answer).events) {
            parked[event.event] = event.error_subcode;
        }
        const UnixMicros due = shipper.core.NextDue(shipper.now);
        shipper.now = std::max(due, shipper.now);
    }
    EXPECT_EQ(parked, (std::map<int64_t, int64_t>{{3, 2804036}}));
    EXPECT_EQ(shipper.Owed(), "{}");
}

TEST_F(DispatcherOutcomeTest, OtherLeadsGoOnDuringABisection) {
    config.max_in_flight = 2;
    shipper.Configure({config});
    shipper.Owe(1, kLead);
    shipper.Owe(1, kLead + 1);
    shipper.Answer(shipper.TurnOfOne(), Refused(100, 2804003));
    shipper.Owe(1, kLead + 1);
    shipper.Owe(1, kLead + 2);
    EXPECT_EQ(IdsOf(shipper.Turn()), (std::vector<Ids>{{1}, {4}}));
}

TEST_F(DispatcherOutcomeTest, AnEventWhoseTimeIsUpEndsAloneAndLeavesTheOthers) {
    config.timeout_ms = 30000;
    const struct {
        UnixMicros left;
        bool expires;
    } cases[] = {
        {-kMaxEventAge, true}, {-1, true},           {0, true},
        {29 * kSecond, true},  {30 * kSecond, true}, {30 * kSecond + 1, false},
        {kHour, false},
    };
    for (const auto& c : cases) {
        DispatcherDriver driver;
        driver.Configure({config});
        driver.Owe(1, kLead);
        driver.OweUntil(1, c.left, kLead);
        driver.Owe(1, kLead);
        EXPECT_EQ(driver.TurnOfOne().ids, c.expires ? (Ids{1, 3}) : (Ids{1, 2, 3})) << c.left;
        EXPECT_EQ(driver.TakeExpired(), c.expires ? Ids{2} : Ids{}) << c.left;
        EXPECT_EQ(driver.Owed(), c.expires ? "{[1,2),[3,4)}" : "{[1,4)}") << c.left;
    }
}

TEST_F(DispatcherOutcomeTest, EventsExpireWhileTheyWaitForAnotherTry) {
    shipper.OweUntil(1, kMinute);
    shipper.Owe(1);
    shipper.OweUntil(1, kMinute);
    for (int minutes = 0; minutes < 2; ++minutes) {
        shipper.Answer(shipper.TurnOfOne(), NotConnected());
        shipper.now += kMinute;
    }
    EXPECT_EQ(shipper.TakeExpired(), (Ids{1, 3}));
    EXPECT_EQ(shipper.TurnOfOne().ids, Ids{2});
    EXPECT_EQ(shipper.TakeExpired(), Ids());
    EXPECT_EQ(shipper.Owed(), "{[2,3)}");
}

TEST_F(DispatcherOutcomeTest, ARequestOfExpiredEventsIsNotMade) {
    for (int i = 0; i < 5; ++i) {
        shipper.OweUntil(1, kSecond, kLead);
    }
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.TakeExpired(), (Ids{1, 2, 3, 4, 5}));
    EXPECT_FALSE(shipper.core.HasOwed());
    EXPECT_EQ(shipper.Owe(1, kLead), 6);
    EXPECT_EQ(shipper.TurnOfOne().ids, Ids{6}) << "the lead is free";
}

// Parts of a refused batch lose some or all of their events to the clock.
TEST_F(DispatcherOutcomeTest, ExpiredEventsDoNotBlockABisection) {
    for (const UnixMicros left : {kMinute, kHour, kMinute, kMinute, kHour, kMinute}) {
        shipper.OweUntil(1, left, kLead);
    }
    shipper.Answer(shipper.TurnOfOne(), Refused(100, 2804003));
    shipper.now += kMinute;
    SentRequest part = shipper.TurnOfOne();
    EXPECT_EQ(part.ids, Ids{2});
    shipper.Accept(part);
    part = shipper.TurnOfOne();
    EXPECT_EQ(part.ids, Ids{5});
    EXPECT_EQ(shipper.TakeExpired(), (Ids{1, 3, 4, 6}));
    shipper.now += kHour;
    shipper.Answer(part, NotConnected());
    WaitForTheNextAttempt();
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.TakeExpired(), Ids{5});
    EXPECT_FALSE(shipper.core.HasOwed());
    shipper.Owe(1, kLead);
    EXPECT_EQ(shipper.TurnOfOne().ids, Ids{7}) << "the lead is free";
}

TEST_F(DispatcherOutcomeTest, AnotherCountThanWasSentIsNoSuccess) {
    shipper.OweMany(1, 3);
    const AnswerRecord ended = shipper.Answer(shipper.TurnOfOne(), Accepted(2));
    EXPECT_STREQ(ended.outcome, "in_doubt");
    EXPECT_EQ(ended.reason, Reason::kCountMismatch);
    EXPECT_EQ(ended.events_received, 2);
    EXPECT_EQ(ended.detail, "3 sent, 2 received");
    EXPECT_EQ(shipper.Owed(), "{[1,4)}");
}

TEST_F(DispatcherOutcomeTest, ALaterStageNeverOvertakesAnEarlierOneThatIsOwed) {
    config.batch_size = 1;
    config.max_in_flight = 4;
    shipper.Configure({config});
    shipper.Owe(1, kLead);
    shipper.Owe(1, kLead);
    shipper.Owe(1, kLead + 1);
    const auto sent = shipper.Turn();
    ASSERT_EQ(IdsOf(sent), (std::vector<Ids>{{1}, {3}}));
    shipper.Answer(sent[0], Lost(TransportResult::kMaybeDelivered));
    shipper.Accept(sent[1]);
    EXPECT_TRUE(shipper.Turn().empty());
    WaitForTheNextAttempt();
    const SentRequest again = shipper.TurnOfOne();
    EXPECT_EQ(again.ids, Ids{1});
    EXPECT_EQ(again.http.body, sent[0].http.body);
    shipper.Accept(again);
    EXPECT_EQ(shipper.TurnOfOne().ids, Ids{2});
}

TEST_F(DispatcherOutcomeTest, ACancelledEventIsNotSent) {
    config.batch_size = 3;
    shipper.Configure({config});
    for (int i = 0; i < 9; ++i) {
        shipper.Owe(1, kLead);
    }
    const SentRequest request = shipper.TurnOfOne();
    ASSERT_EQ(request.ids, (Ids{1, 2, 3}));
    shipper.core.Drop(IdSet({{4, 4}, {8, 8}}));  // one is loaded, the other is not
    EXPECT_EQ(shipper.Owed(), "{[1,4),[5,8),[9,10)}");
    shipper.Accept(request);
    EXPECT_EQ(shipper.TurnOfOne().ids, (Ids{5, 6, 7}));
}

TEST_F(DispatcherOutcomeTest, ACancelledEventLeavesABisection) {
    for (int i = 0; i < 4; ++i) {
        shipper.Owe(1, kLead);
    }
    shipper.Answer(shipper.TurnOfOne(), Refused(100, 2804003));
    const SentRequest part = shipper.TurnOfOne();
    ASSERT_EQ(part.ids, Ids{1});
    shipper.core.Drop(IdSet({{2, 4}}));
    shipper.Accept(part);
    EXPECT_FALSE(shipper.core.HasOwed());
    shipper.Owe(1, kLead);
    EXPECT_EQ(shipper.TurnOfOne().ids, Ids{5}) << "the lead is free";
}

// What is on record and did not leave goes again as if it had never been tried: no failure, no
// doubt.
TEST_F(DispatcherOutcomeTest, WhatIsWithheldGoesAgainAtOnce) {
    const int64_t first = shipper.Owe(1, kLead);
    const int64_t second = shipper.Owe(1, kLead);
    shipper.LoadAll();
    shipper.core.Prepare(shipper.now, 16);
    ASSERT_EQ(shipper.core.outgoing().size(), 1u);
    shipper.core.outgoing().front().request = 7;
    shipper.core.Withhold(shipper.now);
    EXPECT_TRUE(shipper.core.outgoing().empty());
    ASSERT_EQ(shipper.core.ended().size(), 1u);
    const AnswerRecord ended = shipper.core.ended().front();
    shipper.core.ended().clear();
    EXPECT_EQ(ended.request, 7);
    EXPECT_STREQ(ended.outcome, "retry");
    EXPECT_EQ(ended.reason, Reason::kWithheld);
    EXPECT_EQ(ended.next_attempt_at, shipper.now);
    EXPECT_TRUE(ended.events.empty());
    EXPECT_EQ(shipper.core.OwedByDataset().front().in_doubt, 0);
    EXPECT_EQ(shipper.TurnOfOne().ids, (Ids{first, second}));
}

// A shipper that lives for years must not remember each doubt that it ever had.
TEST_F(DispatcherOutcomeTest, ADoubtEndsWithItsEvent) {
    shipper.Owe(1);
    shipper.Answer(shipper.TurnOfOne(), Lost(TransportResult::kMaybeDelivered));
    EXPECT_EQ(shipper.core.DoubtsHeld(), 1);
    WaitForTheNextAttempt();
    shipper.Accept(shipper.TurnOfOne());
    EXPECT_EQ(shipper.core.DoubtsHeld(), 0);
    const int64_t cancelled = shipper.Owe(1);
    shipper.Answer(shipper.TurnOfOne(), Lost(TransportResult::kMaybeDelivered));
    shipper.core.Drop(IdSet({{cancelled, cancelled}}));
    EXPECT_EQ(shipper.core.DoubtsHeld(), 0);
}

}  // namespace
}  // namespace crm_capi
