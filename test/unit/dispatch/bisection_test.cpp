// bisection_test.cpp - how few requests find the bad events, and that none is lost on the way.
#include "core/dispatch/bisection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "queued_events.hpp"

namespace crm_capi {
namespace {

constexpr size_t kAny = 1000;  // as many events a part as there are

std::vector<Event> Events(int count) {
    std::vector<Event> events(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
        events[static_cast<size_t>(i)].id = i + 1;
    }
    return events;
}

// An endpoint that refuses whatever holds a bad event.
struct Search {
    int requests = 1;          // the refused batch
    int refused_requests = 1;  // likewise
    Ids accepted;
    Ids refused;

    void Run(int count, const Ids& bad) {
        Bisection bisection(Events(count));
        std::vector<Event> part;
        while (bisection.Next(kAny, &part)) {
            ++requests;
            const bool is_bad = std::any_of(part.begin(), part.end(), [&bad](const Event& event) {
                return std::find(bad.begin(), bad.end(), event.id) != bad.end();
            });
            refused_requests += is_bad ? 1 : 0;
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

// Of these, what Meta counts against its access tier.
double RefusedBound(int count, size_t bad) {
    const auto k = static_cast<double>(bad);
    return k * (0.6 * std::log2(count / k) + 2.3) + 1;
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
            ASSERT_LE(search.refused_requests, RefusedBound(count, 1)) << count << ", " << bad;
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

// The most requests that n events with k bad ones can take, and the most refused ones, whichever
// events they are: worked out from the sizes of the parts alone, so that every n and k can be
// looked at.
struct WorstCases {
    struct Most {
        int requests = 0;
        int refused = 0;
    };
    using Table = std::vector<std::vector<Most>>;
    Table sent;   // [n][k]: a part that is sent
    Table known;  // [n][k]: one that is known to hold a bad event

    explicit WorstCases(int most) : sent(Index(most + 1)), known(Index(most + 1)) {
        for (int n = 1; n <= most; ++n) {
            sent[Index(n)].assign(Index(n + 1), {1, 1});
            known[Index(n)].assign(Index(n + 1), {1, 1});
            sent[Index(n)][0].refused = 0;
            for (int bad = 1; n > 1 && bad <= n; ++bad) {
                const Most parted = Parted(n, bad);
                known[Index(n)][Index(bad)] = parted;
                sent[Index(n)][Index(bad)] = {1 + parted.requests, 1 + parted.refused};
            }
        }
    }

    static size_t Index(int n) { return static_cast<size_t>(n); }

    Most Parted(int n, int bad) const {
        const int first = std::max((3 * n + 5) / 10, 1);
        const int second = n - first;
        Most worst;
        for (int in_first = std::max(0, bad - second); in_first <= std::min(first, bad);
             ++in_first) {
            const Most one = sent[Index(first)][Index(in_first)];
            const Most other = (in_first == 0 ? known : sent)[Index(second)][Index(bad - in_first)];
            worst.requests = std::max(worst.requests, one.requests + other.requests);
            worst.refused = std::max(worst.refused, one.refused + other.refused);
        }
        return worst;
    }
};

TEST(Bisection, NeverTakesMoreThanTheBoundsWhateverTheBatch) {
    const WorstCases worst(1000);
    for (int count = 1; count <= 1000; ++count) {
        for (int bad = 1; bad <= count; ++bad) {
            const WorstCases::Most most =
                worst.sent[WorstCases::Index(count)][WorstCases::Index(bad)];
            const auto k = static_cast<size_t>(bad);
            ASSERT_LE(most.requests, Bound(count, k)) << count << " events, " << bad << " bad";
            ASSERT_LE(most.refused, RefusedBound(count, k)) << count << ", " << bad << " bad";
        }
    }
}

// What the documentation promises in numbers.
TEST(Bisection, OneBadEventOfABatchCostsFewRefusedRequests) {
    const WorstCases worst(1000);
    EXPECT_EQ(worst.sent[500][1].requests, 18);
    EXPECT_EQ(worst.sent[500][1].refused, 6);
    EXPECT_EQ(worst.sent[1000][1].requests, 20);
    EXPECT_EQ(worst.sent[1000][1].refused, 7);
    EXPECT_EQ(worst.sent[500][10].refused, 54);
}

TEST(Bisection, TakesWhatWasWorkedOut) {
    const WorstCases worst(12);
    for (int count = 2; count <= 12; ++count) {
        std::vector<WorstCases::Most> most(static_cast<size_t>(count) + 1);
        for (uint32_t set = 1; set < 1U << count; ++set) {
            Ids bad;
            for (int i = 0; i < count; ++i) {
                if ((set >> i & 1U) != 0) {
                    bad.push_back(i + 1);
                }
            }
            Search search;
            search.Run(count, bad);
            WorstCases::Most& so_far = most[bad.size()];
            so_far.requests = std::max(so_far.requests, search.requests);
            so_far.refused = std::max(so_far.refused, search.refused_requests);
        }
        for (int bad = 1; bad <= count; ++bad) {
            const WorstCases::Most& worked_out =
                worst.sent[WorstCases::Index(count)][WorstCases::Index(bad)];
            EXPECT_EQ(most[WorstCases::Index(bad)].requests, worked_out.requests)
                << count << " events, " << bad << " bad";
            EXPECT_EQ(most[WorstCases::Index(bad)].refused, worked_out.refused)
                << count << " events, " << bad << " bad";
        }
    }
}

TEST(Bisection, FindsBadEventsDrawnByLotInLargeBatches) {
    const WorstCases worst(1000);
    std::mt19937 random(20250117);
    for (int round = 0; round < 300; ++round) {
        const int count = 2 + static_cast<int>(random() % 999);
        std::vector<bool> is_bad(static_cast<size_t>(count) + 1);
        const int wanted = 1 + static_cast<int>(random() % std::min(count, 40));
        for (int i = 0; i < wanted; ++i) {
            is_bad[1 + random() % static_cast<size_t>(count)] = true;
        }
        Ids bad;
        for (int id = 1; id <= count; ++id) {
            if (is_bad[static_cast<size_t>(id)]) {
                bad.push_back(id);
            }
        }
        Search search;
        search.Run(count, bad);
        ASSERT_EQ(search.refused, bad);
        ASSERT_EQ(search.accepted.size() + bad.size(), static_cast<size_t>(count));
        const WorstCases::Most& most = worst.sent[static_cast<size_t>(count)][bad.size()];
        ASSERT_LE(search.requests, most.requests);
        ASSERT_LE(search.refused_requests, most.refused);
    }
}

TEST(Bisection, OnePartAtATimeIsUnderWay) {
    Bisection bisection(Events(4));
    std::vector<Event> part;
    std::vector<Event> other;
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_FALSE(bisection.Next(kAny, &other));
    EXPECT_TRUE(bisection.HasWaiting());
    EXPECT_FALSE(bisection.IsOver());
}

TEST(Bisection, AnAcceptedFirstPartLeavesTheSecondAtFault) {
    Bisection bisection(Events(10));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), (Ids{1, 2, 3}));
    bisection.Accepted();
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), (Ids{4, 5})) << "not sent as a whole, since it would be refused";
}

TEST(Bisection, WhatLiesBehindAFaultGoesAsOneSuspect) {
    Bisection bisection(Events(10));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(kAny, &part));
    bisection.Refused(std::move(part));
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), Ids{1});
    bisection.Ended();  // it was the one
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), (Ids{2, 3}));
    bisection.Accepted();
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), (Ids{4, 5, 6, 7, 8, 9, 10}));
}

TEST(Bisection, AReturnedFirstPartGoesAgainAndStillTellsAboutTheSecond) {
    Bisection bisection(Events(10));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(kAny, &part));
    bisection.Returned(part);
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), (Ids{1, 2, 3}));
    bisection.Accepted();
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), (Ids{4, 5}));
}

TEST(Bisection, AFirstPartThatEndedOtherwiseSaysNothingAboutTheSecond) {
    Bisection bisection(Events(10));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(kAny, &part));
    bisection.Ended();
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), (Ids{4, 5, 6, 7, 8, 9, 10}));
}

// A part that must be smaller than it is goes in pieces, and of a piece nothing is concluded.
TEST(Bisection, PartsAreCutToWhatARequestMayCarry) {
    Bisection bisection(Events(10));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(kAny, &part));
    bisection.Returned(part);
    ASSERT_TRUE(bisection.Next(2, &part));
    EXPECT_EQ(IdsIn(part), (Ids{1, 2}));
    bisection.Accepted();
    ASSERT_TRUE(bisection.Next(2, &part));
    EXPECT_EQ(IdsIn(part), Ids{3});
    bisection.Accepted();
    for (const Ids& expected : {Ids{4, 5}, Ids{6, 7}, Ids{8, 9}, Ids{10}}) {
        ASSERT_TRUE(bisection.Next(2, &part));
        EXPECT_EQ(IdsIn(part), expected);
        bisection.Accepted();
    }
    EXPECT_TRUE(bisection.IsOver());
}

TEST(Bisection, ASmallFirstPartTellsAboutTheSecondAsWell) {
    Bisection bisection(Events(10));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(1, &part));
    EXPECT_EQ(IdsIn(part), Ids{1});
    bisection.Accepted();
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), (Ids{2, 3, 4})) << "three tenths of nine that are known to hold a fault";
}

TEST(Bisection, AfterADropNothingIsConcluded) {
    Bisection bisection(Events(8));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(kAny, &part));
    const std::vector<Event> dropped = bisection.Drop(IdSet({{7, 7}, {1, 1}}));
    EXPECT_EQ(IdsIn(dropped), Ids{7}) << "what is under way stays so";
    bisection.Accepted();
    ASSERT_TRUE(bisection.Next(kAny, &part));
    EXPECT_EQ(IdsIn(part), (Ids{3, 4, 5, 6, 8}));
    bisection.Accepted();
    EXPECT_TRUE(bisection.IsOver());
}

TEST(Bisection, EndsWhenAllThatWaitsIsDropped) {
    Bisection bisection(Events(2));
    std::vector<Event> part;
    ASSERT_TRUE(bisection.Next(kAny, &part));
    bisection.Drop(IdSet({{2, 2}}));
    EXPECT_FALSE(bisection.HasWaiting());
    EXPECT_FALSE(bisection.IsOver());
    bisection.Accepted();
    EXPECT_TRUE(bisection.IsOver());
}

}  // namespace
}  // namespace crm_capi
