// id_queue_test.cpp - ids that wait in order, held against a plain list of them.
#include "core/ids/id_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace crm_capi {
namespace {

std::vector<IdRange> Runs(IdQueue queue, int64_t max_count) {
    std::vector<IdRange> runs;
    IdRange run{};
    while (queue.TakeRun(max_count, &run)) {
        runs.push_back(run);
    }
    return runs;
}

std::string IdsIn(const IdQueue& queue) {
    IdBits ids;
    queue.AddTo(&ids);
    return ids.ToSet().ToMultirange();
}

TEST(IdQueueTest, TakesRunsAcrossBlocks) {
    IdQueue queue;
    for (int64_t id = 60; id <= 200; ++id) {
        queue.Push(id);
    }
    EXPECT_EQ(Runs(queue, 1000), (std::vector<IdRange>{{60, 200}}));
    EXPECT_EQ(Runs(queue, 100), (std::vector<IdRange>{{60, 159}, {160, 200}}));
}

TEST(IdQueueTest, KeepsTheOrderOfIdsThatComeLate) {
    IdQueue queue;
    for (const int64_t id : {10, 12, 11, 5}) {
        queue.Push(id);
    }
    EXPECT_EQ(Runs(queue, 1000), (std::vector<IdRange>{{10, 10}, {12, 12}, {11, 11}, {5, 5}}));
    EXPECT_EQ(IdsIn(queue), "{[5,6),[10,13)}");
}

// A sequence may be set anywhere, and whoever owns the log may write any id into it.
TEST(IdQueueTest, TakesIdsHoweverFarApart) {
    constexpr int64_t kGreatest = std::numeric_limits<int64_t>::max() - 1;
    constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
    IdQueue queue;
    std::vector<IdRange> pushed;
    for (const int64_t id : {kLeast, kGreatest, int64_t{0}, kLeast + 2, int64_t{-1}, kGreatest - 2,
                             int64_t{1}, int64_t{1} << 62, kGreatest - 4}) {
        queue.Push(id);
        pushed.push_back({id, id});
    }
    EXPECT_EQ(Runs(queue, 1000), pushed);
    queue.Drop(IdSet({{kLeast, -1}, {1, kGreatest - 3}}));
    EXPECT_EQ(
        IdsIn(queue),
        IdSet({{0, 0}, {kGreatest - 2, kGreatest - 2}, {kGreatest, kGreatest}}).ToMultirange());
}

TEST(IdQueueTest, IsAsEmptyAfterEachUseAsItWas) {
    IdQueue queue;
    for (const int64_t distance : {1, 2, 200, 1}) {
        for (int64_t id = 1; id <= 1000 * distance; id += distance) {
            queue.Push(id);
        }
        EXPECT_EQ(queue.First(), 1);
        EXPECT_EQ(queue.Count(), 1000);
        EXPECT_EQ(Runs(queue, 1).size(), 1000u);
        IdRange run{};
        while (queue.TakeRun(7, &run)) {
        }
        EXPECT_TRUE(queue.empty());
        EXPECT_EQ(IdsIn(queue), "{}");
    }
}

TEST(IdQueueTest, TakesNothingWhenNothingIsAskedFor) {
    IdQueue queue;
    queue.Push(1);
    IdRange run{};
    EXPECT_FALSE(queue.TakeRun(0, &run));
    EXPECT_FALSE(queue.TakeRun(-1, &run));
    EXPECT_FALSE(queue.empty());
}

// Whatever is pushed, taken and dropped: the same ids as in a list, in the same order.
TEST(IdQueueTest, DoesAsAListDoes) {
    for (uint32_t seed = 1; seed <= 200; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&random](int64_t most) { return static_cast<int64_t>(random() % most); };
        IdQueue queue;
        std::deque<int64_t> list;
        std::vector<int64_t> passed_over;
        int64_t next = pick(1000);
        for (int step = 0; step < 300; ++step) {
            const int64_t kind = pick(10);
            if (kind == 0 && !passed_over.empty()) {
                queue.Push(passed_over.back());
                list.push_back(passed_over.back());
                passed_over.pop_back();
            } else if (kind < 7) {
                next += 1 + (pick(3) == 0 ? pick(130) : 0);
                queue.Push(next);
                list.push_back(next);
                next += pick(5) == 0 ? 1 : 0;
                if (list.back() != next) {
                    passed_over.push_back(next);
                }
            } else if (kind < 9) {
                IdRange run{};
                const bool any = queue.TakeRun(1 + pick(90), &run);
                ASSERT_EQ(any, !list.empty()) << "seed " << seed;
                for (int64_t id = run.first; any && id <= run.last; ++id) {
                    ASSERT_FALSE(list.empty()) << "seed " << seed;
                    ASSERT_EQ(id, list.front()) << "seed " << seed;
                    list.pop_front();
                }
            } else {
                const int64_t from = std::max<int64_t>(0, next - pick(300));
                const IdSet dropped({{from, from + pick(100)}});
                queue.Drop(dropped);
                list.erase(std::remove_if(list.begin(), list.end(),
                                          [&](int64_t id) { return dropped.Contains(id); }),
                           list.end());
            }
        }
        std::vector<IdRange> rest;
        for (const int64_t id : list) {
            rest.push_back({id, id});
        }
        EXPECT_EQ(IdsIn(queue), IdSet(rest).ToMultirange()) << "seed " << seed;
        EXPECT_EQ(queue.Count(), static_cast<int64_t>(list.size())) << "seed " << seed;
        for (IdRange run{}; queue.TakeRun(1, &run); list.pop_front()) {
            ASSERT_EQ(run.first, list.front()) << "seed " << seed;
        }
        EXPECT_TRUE(list.empty()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace crm_capi
