// bisection_test.cpp - how few requests find the bad events, and that none is lost on the way.
#include "core/bisection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace crm_capi {
namespace {

using Ids = std::vector<int64_t>;

std::vector<Event> Events(int count) {
    std::vector<Event> events(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
        events[static_cast<size_t>(i)].id = i + 1;
    }
    return events;
}

Ids IdsIn(const std::vector<Event>& events) {
    Ids ids;
    for (const Event& event : events) {
        ids.push_back(event.id);
    }
    return ids;
}

// An endpoint that refuses whatever holds a bad event.
struct Search {
    int requests = 1;  // the refused batch
    Ids accepted;
    Ids refused;

    void Run(int count, const Ids& bad) {
        Bisection bisection(Events(count));
        std::vector<Event> part;
        while (bisection.Next(&part)) {
            ++requests;
            const bool is_bad = std::any_of(part.begin(), part.end(), [&bad](const Event& event) {
                return std::find(bad.begin(), bad.end(), event.id) != bad.end();
            });
            Ids& ended = is_bad ? refused : accepted;
            if (is_bad && part.size() > 1) {
                bisection.Refused(std::move(part));
                continue;
            }
            for (const Event& event : part) {
                ended.push_back(event.id);
            }
            is_bad ? bisection.Ended() : bisection.Accepted();
        }
        EXPECT_TRUE(bisection.IsOver());
    }
};

double Bound(int count, size_t bad) {
    const auto k = static_cast<double>(bad);
    return k * (2 * std::log2(count / k) + 2) + 1;
}

TEST(Bisection, FindsAnyOneBadEventWithinTheBound) {
    for (const int count : {2, 3, 5, 10, 64, 500, 1000}) {
        for (int64_t bad = 1; bad <= count; ++bad) {
            Search search;
            search.Run(count, {bad});
            EXPECT_EQ(search.refused, Ids{bad});
            EXPECT_EQ(search.accepted.size(), static_cast<size_t>(count) - 1);
            EXPECT_TRUE(std::is_sorted(search.accepted.begin(), search.accepted.end()));
            ASSERT_LE(search.requests, Bound(count, 1)) << count << " events, bad " << bad;
        }
    }
}

TEST(Bisection, FindsEverySetOfBadEventsWithinTheBound) {
    for (int count = 2; count <= 12; ++count) {
        for (uint32_t set = 1; set < 1U << count; ++set) {
            Ids bad;
            for (int i = 0; i < count; ++i) {
                if ((set >> i & 1U) != 0) {
                    bad.push_back(i + 1);
                }
            }
            Search search;
            search.Run(count, bad);
            ASSERT_EQ(search.refused, bad) << count << " events";
            ASSERT_EQ(search.accepted.size() + bad.size(), static_cast<size_t>(count));
            ASSERT_LE(search.requests, Bound(count, bad.size()))
                << count << " events, bad set " << set;
        }
    }
}

TEST(Bisection, OnePartAtATimeIsUnderWay) {
    Bisection bisection(Events(4));
    std::vector<Event> part;
    std::vector<Event> other;
    ASSERT_TRUE(bisection.Next(&part));
    EXPECT_FALSE(bisection.Next(&other));
    EXPECT_TRUE(bisection.HasWaiting());
    EXPECT_FALSE(bisection.IsOver());
}

TEST(Bisection, AnAcceptedFirstHalfLeavesTheSecondAtFault) {
    Bisection bisection(Events(8));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(&part));
    bisection.Accepted();
    ASSERT_TRUE(bisection.Next(&part));
    EXPECT_EQ(IdsIn(part), (Ids{5, 6})) << "not sent as a whole, since it would be refused";
}

TEST(Bisection, AReturnedFirstHalfGoesAgainAndStillTellsAboutTheSecond) {
    Bisection bisection(Events(8));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(&part));
    bisection.Returned(part);
    ASSERT_TRUE(bisection.Next(&part));
    EXPECT_EQ(IdsIn(part), (Ids{1, 2, 3, 4}));
    bisection.Accepted();
    ASSERT_TRUE(bisection.Next(&part));
    EXPECT_EQ(IdsIn(part), (Ids{5, 6}));
}

TEST(Bisection, AFirstHalfThatEndedOtherwiseSaysNothingAboutTheSecond) {
    Bisection bisection(Events(8));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(&part));
    bisection.Ended();
    ASSERT_TRUE(bisection.Next(&part));
    EXPECT_EQ(IdsIn(part), (Ids{5, 6, 7, 8}));
}

TEST(Bisection, AfterADropNothingIsConcluded) {
    Bisection bisection(Events(8));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(&part));
    const std::vector<Event> dropped = bisection.Drop(IdSet({{7, 7}, {1, 1}}));
    EXPECT_EQ(IdsIn(dropped), Ids{7}) << "what is under way stays so";
    bisection.Accepted();
    ASSERT_TRUE(bisection.Next(&part));
    EXPECT_EQ(IdsIn(part), (Ids{5, 6, 8}));
    bisection.Accepted();
    EXPECT_TRUE(bisection.IsOver());
}

TEST(Bisection, EndsWhenAllThatWaitsIsDropped) {
    Bisection bisection(Events(2));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(&part));
    bisection.Drop(IdSet({{2, 2}}));
    EXPECT_FALSE(bisection.HasWaiting());
    EXPECT_FALSE(bisection.IsOver());
    bisection.Accepted();
    EXPECT_TRUE(bisection.IsOver());
}

}  // namespace
}  // namespace crm_capi
