// bloom_queue_test.cpp - filters over leads that are made while the log is read.
#include "core/ids/bloom_queue.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace crm_capi {
namespace {

constexpr int64_t kFirstLead = 520000000000000;

// Sees the events first..last, each of a lead of its own.
void SeeAll(int64_t first, int64_t last, BloomQueue* queue) {
    for (int64_t id = first; id <= last; ++id) {
        queue->Saw(id, kFirstLead + id);
    }
}

// Whether the filter knows all leads of the events first..last.
bool Knows(const BloomQueue::Run& run, int64_t first, int64_t last) {
    for (int64_t id = first; id <= last; ++id) {
        if (!MayHoldLead(run.bloom.bytes(), kFirstLead + id)) {
            return false;
        }
    }
    return true;
}

TEST(BloomQueue, HasAFilterForEachFullRun) {
    BloomQueue queue;
    SeeAll(1, 2 * kEventsPerBloom + 1, &queue);
    const BloomQueue::Run* run = queue.From(1);
    ASSERT_NE(run, nullptr);
    EXPECT_EQ(run->range, (IdRange{1, kEventsPerBloom}));
    EXPECT_TRUE(Knows(*run, 1, kEventsPerBloom));
    run = queue.From(kEventsPerBloom + 1);
    ASSERT_NE(run, nullptr);
    EXPECT_EQ(run->range, (IdRange{kEventsPerBloom + 1, 2 * kEventsPerBloom}));
    EXPECT_TRUE(Knows(*run, kEventsPerBloom + 1, 2 * kEventsPerBloom));
    EXPECT_EQ(queue.From(2 * kEventsPerBloom + 1), nullptr) << "a run that is not full";
}

TEST(BloomQueue, CountsEventsWithoutALeadButKnowsNoneOfThem) {
    BloomQueue queue;
    for (int64_t id = 1; id <= kEventsPerBloom; ++id) {
        queue.Saw(id, 0);
    }
    ASSERT_NE(queue.From(1), nullptr);
    EXPECT_FALSE(MayHoldLead(queue.From(1)->bloom.bytes(), 0));
}

TEST(BloomQueue, DoesNotSpeakForWhatItHasNotSeen) {
    BloomQueue queue;
    SeeAll(501, 500 + kEventsPerBloom, &queue);
    EXPECT_EQ(queue.From(1), nullptr) << "an earlier shipper has read 1 to 500";
    EXPECT_EQ(queue.From(500), nullptr);
    EXPECT_NE(queue.From(501), nullptr);
    EXPECT_NE(queue.From(900), nullptr) << "somebody has read up to 899 by himself";
}

// Ids between two runs belong to the later one: an event that comes late is in its filter.
TEST(BloomQueue, KnowsEventsThatComeLate) {
    BloomQueue queue;
    SeeAll(1, 99, &queue);
    SeeAll(101, kEventsPerBloom + 1, &queue);
    SeeAll(kEventsPerBloom + 3, 2 * kEventsPerBloom + 2, &queue);
    queue.Saw(100, kFirstLead + 100);
    queue.Saw(kEventsPerBloom + 2, kFirstLead + kEventsPerBloom + 2);
    EXPECT_EQ(queue.From(1)->range, (IdRange{1, kEventsPerBloom + 1}));
    EXPECT_TRUE(Knows(*queue.From(1), 1, kEventsPerBloom + 1));
    const BloomQueue::Run* const second = queue.From(kEventsPerBloom + 2);
    ASSERT_NE(second, nullptr);
    EXPECT_TRUE(Knows(*second, kEventsPerBloom + 2, 2 * kEventsPerBloom + 2));
}

TEST(BloomQueue, ForgetsAllWhenABulkLoadComesLateAndGoesOnBehindIt) {
    BloomQueue queue;
    const int64_t behind = 100 * kEventsPerBloom;
    SeeAll(1, 10, &queue);
    SeeAll(behind, behind + 2 * kEventsPerBloom, &queue);
    SeeAll(11, 2 * kEventsPerBloom, &queue);
    EXPECT_EQ(queue.From(1), nullptr);
    EXPECT_EQ(queue.From(behind), nullptr);
    const int64_t next = behind + 2 * kEventsPerBloom + 1;
    SeeAll(next, next + kEventsPerBloom, &queue);
    EXPECT_NE(queue.From(next), nullptr);
    EXPECT_EQ(queue.From(next)->range.first, next);
}

TEST(BloomQueue, KeepsSoManyAndGoesOnWhenThereIsRoom) {
    BloomQueue queue;
    const int64_t room = int64_t{BloomQueue::kMostRuns} * kEventsPerBloom;
    SeeAll(1, room + 5000, &queue);
    EXPECT_NE(queue.From(room - kEventsPerBloom + 1), nullptr);
    EXPECT_EQ(queue.From(room + 1), nullptr);
    SeeAll(room + 5001, room + 5000 + kEventsPerBloom, &queue);
    EXPECT_EQ(queue.From(room + 5000), nullptr) << "it was seen, but there was no room";
    EXPECT_NE(queue.From(room + 5001), nullptr);
}

// When all have been written down the next one still begins right behind them.
TEST(BloomQueue, LeavesNoGapBehindWhatWasTaken) {
    BloomQueue queue;
    SeeAll(1, kEventsPerBloom, &queue);
    EXPECT_EQ(queue.From(kEventsPerBloom + 1), nullptr);
    SeeAll(kEventsPerBloom + 7, 2 * kEventsPerBloom + 6, &queue);
    ASSERT_NE(queue.From(kEventsPerBloom + 1), nullptr);
    EXPECT_EQ(queue.From(kEventsPerBloom + 1)->range,
              (IdRange{kEventsPerBloom + 1, 2 * kEventsPerBloom + 6}));
}

}  // namespace
}  // namespace crm_capi
