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

// The most requests that n events with k bad ones can take, whichever they are: worked out from the
// sizes of the parts alone, so that every n and k can be looked at.
struct WorstCases {
    std::vector<std::vector<int>> sent;   // [n][k]: a part that is sent
    std::vector<std::vector<int>> known;  // [n][k]: one that is known to hold a bad event

    explicit WorstCases(int most) : sent(Rows(most)), known(Rows(most)) {
        for (int n = 1; n <= most; ++n) {
            sent[Index(n)].assign(Index(n + 1), 1);
            known[Index(n)].assign(Index(n + 1), 1);
            for (int bad = 1; n > 1 && bad <= n; ++bad) {
                known[Index(n)][Index(bad)] = Halved(n, bad);
                sent[Index(n)][Index(bad)] = 1 + Halved(n, bad);
            }
        }
    }

    static size_t Index(int n) { return static_cast<size_t>(n); }
    static std::vector<std::vector<int>> Rows(int most) {
        return std::vector<std::vector<int>>(Index(most + 1));
    }

    int Halved(int n, int bad) const {
        const int first = n / 2;
        const int second = n - first;
        int worst = 0;
        for (int in_first = std::max(0, bad - second); in_first <= std::min(first, bad);
             ++in_first) {
            const auto& rest = in_first == 0 ? known : sent;
            worst = std::max(worst, sent[Index(first)][Index(in_first)] +
                                        rest[Index(second)][Index(bad - in_first)]);
        }
        return worst;
    }
};

TEST(Bisection, NeverTakesMoreThanTheBoundWhateverTheBatch) {
    const WorstCases worst(1000);
    for (int count = 1; count <= 1000; ++count) {
        for (int bad = 1; bad <= count; ++bad) {
            ASSERT_LE(worst.sent[WorstCases::Index(count)][WorstCases::Index(bad)],
                      Bound(count, static_cast<size_t>(bad)))
                << count << " events, " << bad << " bad";
        }
    }
}

TEST(Bisection, TakesWhatWasWorkedOut) {
    const WorstCases worst(12);
    for (int count = 2; count <= 12; ++count) {
        std::vector<int> most(static_cast<size_t>(count) + 1, 0);
        for (uint32_t set = 1; set < 1U << count; ++set) {
            Ids bad;
            for (int i = 0; i < count; ++i) {
                if ((set >> i & 1U) != 0) {
                    bad.push_back(i + 1);
                }
            }
            Search search;
            search.Run(count, bad);
            most[bad.size()] = std::max(most[bad.size()], search.requests);
        }
        for (int bad = 1; bad <= count; ++bad) {
            EXPECT_EQ(most[WorstCases::Index(bad)],
                      worst.sent[WorstCases::Index(count)][WorstCases::Index(bad)])
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
        ASSERT_LE(search.requests, worst.sent[static_cast<size_t>(count)][bad.size()]);
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
