// id_queue_test.cpp - ids that wait in order, held against a plain list of them.
#include "core/ids/id_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
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
        int64_t next = pick(1000);
        for (int step = 0; step < 300; ++step) {
            const int64_t kind = pick(10);
            if (kind < 7) {
                next += 1 + (pick(3) == 0 ? pick(130) : 0);
                queue.Push(next);
                list.push_back(next);
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
    }
}

}  // namespace
}  // namespace crm_capi
