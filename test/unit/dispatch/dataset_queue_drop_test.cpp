// dataset_queue_drop_test.cpp - cancelled events leave the queue wherever they wait.
#include <gtest/gtest.h>

#include <vector>

#include "core/dispatch/dataset_queue.hpp"
#include "queued_events.hpp"

namespace crm_capi {
namespace {

IdSet SetOf(std::vector<IdRange> ranges) {
    return IdSet(std::move(ranges));
}

TEST(DatasetQueueDrop, LeavesTheBacklog) {
    DatasetQueue queue;
    for (int64_t id = 1; id <= 9; ++id) {
        queue.Owe(id);
    }
    queue.Drop(SetOf({{1, 2}, {5, 5}, {9, 20}}));
    EXPECT_EQ(queue.Owed().ToMultirange(), "{[3,5),[6,9)}");
}

TEST(DatasetQueueDrop, LeavesWhatIsLoaded) {
    DatasetQueue queue;
    for (int64_t id = 1; id <= 3; ++id) {
        queue.Load(MakeEvent(id, 100 + id), 1);
    }
    queue.Drop(SetOf({{2, 2}}));
    Batch batch;
    ASSERT_TRUE(queue.NextBatch(10, 10, &batch));
    EXPECT_EQ(IdsOf(batch), (std::vector<int64_t>{1, 3}));
}

TEST(DatasetQueueDrop, DoesNotTouchWhatIsInFlight) {
    DatasetQueue queue;
    queue.Load(MakeEvent(1, 101), 1);
    Batch batch;
    ASSERT_TRUE(queue.NextBatch(10, 10, &batch));
    queue.Drop(SetOf({{1, 1}}));
    EXPECT_EQ(queue.Owed().ToMultirange(), "{[1,2)}");
    queue.Settle(batch);
    EXPECT_TRUE(queue.Owed().empty());
}

TEST(DatasetQueueDrop, LeavesPartsAndFreesTheirLeads) {
    DatasetQueue queue;
    for (int64_t id = 1; id <= 4; ++id) {
        queue.Load(MakeEvent(id, 100 + id), 1);
    }
    Batch batch;
    ASSERT_TRUE(queue.NextBatch(10, 10, &batch));
    queue.Split(std::move(batch));
    queue.Drop(SetOf({{1, 3}}));
    queue.Load(MakeEvent(5, 101), 1);  // the lead of a dropped event
    ASSERT_TRUE(queue.NextBatch(10, 10, &batch));
    EXPECT_EQ(IdsOf(batch), (std::vector<int64_t>{4}));
    Batch next;
    ASSERT_TRUE(queue.NextBatch(10, 10, &next));
    EXPECT_EQ(IdsOf(next), (std::vector<int64_t>{5}));
    queue.Settle(batch);
    queue.Settle(next);
    EXPECT_FALSE(queue.HasWaiting());
    EXPECT_TRUE(queue.Owed().empty());
}

TEST(DatasetQueueDrop, EndsASplitThatHasNothingLeft) {
    DatasetQueue queue;
    queue.Load(MakeEvent(1, 101), 1);
    queue.Load(MakeEvent(2, 102), 1);
    Batch batch;
    ASSERT_TRUE(queue.NextBatch(10, 10, &batch));
    queue.Split(std::move(batch));
    queue.Drop(SetOf({{1, 2}}));
    EXPECT_FALSE(queue.HasWaiting());
    EXPECT_FALSE(queue.NextBatch(10, 10, &batch));
}

TEST(DatasetQueueDrop, OwedElsewhereComesInTheOrderOfIds) {
    DatasetQueue queue;
    queue.Owe(6);
    queue.Owe(8);
    queue.OweInOrder(SetOf({{5, 5}, {7, 7}}));
    IdRange range{};
    ASSERT_TRUE(queue.TakeIds(10, &range));
    EXPECT_EQ(range, (IdRange{5, 8}));
}

}  // namespace
}  // namespace crm_capi
