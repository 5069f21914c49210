// dataset_queue_test.cpp - order, bisection and the owed set of one dataset's queue, rule by rule.
// Their combinations are searched by dataset_queue_work_test.cpp.
#include "core/dispatch/dataset_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "queued_events.hpp"

namespace crm_capi {
namespace {

// Owes and loads events with the ids 1, 2, ... and the given leads.
void Fill(DatasetQueue* queue, const std::vector<int64_t>& leads) {
    int64_t id = 0;
    for (const int64_t lead : leads) {
        queue->Owe(++id);
        IdRange range{};
        ASSERT_TRUE(queue->TakeIds(1, &range));
        queue->Load(MakeEvent(id, lead), 1);
    }
}

class DatasetQueueTest : public ::testing::Test {
protected:
    Batch Next(size_t max_events = 100) {
        Batch batch;
        const bool any = queue.NextBatch(max_events, 1000, &batch);
        EXPECT_EQ(any, !batch.events.empty());
        return batch;
    }
    std::string Owed() const { return queue.Owed().ToMultirange(); }

    DatasetQueue queue;
};

TEST_F(DatasetQueueTest, OwesNothingAtFirst) {
    IdRange range{};
    EXPECT_FALSE(queue.TakeIds(10, &range));
    EXPECT_EQ(IdsOf(Next()), Ids());
    EXPECT_FALSE(queue.HasWaiting());
    EXPECT_EQ(Owed(), "{}");
}

TEST_F(DatasetQueueTest, TakesRunsOfIdsInTheOrderOwed) {
    for (const int64_t id : Ids{4, 5, 6, 9, 2, 3, 4000000000000}) {
        queue.Owe(id);
    }
    const struct {
        int64_t max_count;
        IdRange range;
    } cases[] = {
        {2, {4, 5}}, {2, {6, 6}}, {100, {9, 9}},
        {1, {2, 2}}, {1, {3, 3}}, {1, {4000000000000, 4000000000000}},
    };
    for (const auto& c : cases) {
        IdRange range{};
        ASSERT_TRUE(queue.TakeIds(c.max_count, &range));
        EXPECT_EQ(range.first, c.range.first);
        EXPECT_EQ(range.last, c.range.last);
    }
    EXPECT_FALSE(queue.HasWaiting());
}

TEST_F(DatasetQueueTest, TakesNoIdsWhenNoneAreWanted) {
    queue.Owe(1);
    IdRange range{};
    EXPECT_FALSE(queue.TakeIds(0, &range));
    EXPECT_FALSE(queue.TakeIds(-1, &range));
    EXPECT_EQ(Owed(), "{[1,2)}");
}

TEST_F(DatasetQueueTest, HandsOutEventsWhole) {
    Fill(&queue, {7});
    const Batch batch = Next();
    ASSERT_EQ(batch.events.size(), 1u);
    EXPECT_EQ(batch.events[0].lead_id, 7);
    EXPECT_EQ(batch.events[0].texts.event_name(), "stage of 1");
    EXPECT_EQ(batch.split_of, 0u);
}

TEST_F(DatasetQueueTest, SendsSeveralEventsOfALeadInOneBatchInOrder) {
    Fill(&queue, {7, 8, 7, 7, 8});
    EXPECT_EQ(IdsOf(Next()), (Ids{1, 2, 3, 4, 5}));
}

TEST_F(DatasetQueueTest, ALaterEventOfABusyLeadStaysAndOthersOvertakeIt) {
    Fill(&queue, {7, 8, 7, 9, 7, 9});
    const Batch first = Next(1);
    EXPECT_EQ(IdsOf(first), (Ids{1}));
    EXPECT_EQ(IdsOf(Next(2)), (Ids{2, 4}));
    EXPECT_EQ(IdsOf(Next()), Ids()) << "9 is busy too";
    queue.Settle(first);
    EXPECT_EQ(IdsOf(Next()), (Ids{3, 5}));
    EXPECT_EQ(Owed(), "{[2,7)}");
}

TEST_F(DatasetQueueTest, EventsWithoutALeadNeverWait) {
    Fill(&queue, {kNoLead, kNoLead, kNoLead});
    EXPECT_EQ(IdsOf(Next(1)), (Ids{1}));
    EXPECT_EQ(IdsOf(Next(1)), (Ids{2}));
    EXPECT_EQ(IdsOf(Next(1)), (Ids{3}));
}

TEST_F(DatasetQueueTest, AReturnedBatchGoesAgainFirstAndInOrder) {
    Fill(&queue, {7, 8, 7, 8, 9});
    Batch batch = Next(3);
    queue.Return(std::move(batch));
    EXPECT_EQ(queue.ready_count(), 5u);
    EXPECT_EQ(IdsOf(Next(2)), (Ids{1, 2}));
    EXPECT_EQ(IdsOf(Next()), (Ids{5})) << "7 and 8 are busy";
    EXPECT_EQ(Owed(), "{[1,6)}");
}

TEST_F(DatasetQueueTest, BatchesReturnInAnyOrder) {
    for (const bool first_returns_first : {true, false}) {
        queue = DatasetQueue();
        Fill(&queue, {7, 8, 7, 8});
        Batch first = Next(1);
        Batch second = Next(1);
        queue.Return(first_returns_first ? std::move(first) : std::move(second));
        queue.Return(first_returns_first ? std::move(second) : std::move(first));
        Ids of_lead_7;
        const Batch all = Next();
        for (const Event& event : all.events) {
            if (event.lead_id == 7) {
                of_lead_7.push_back(event.id);
            }
        }
        EXPECT_EQ(all.events.size(), 4u);
        EXPECT_EQ(of_lead_7, (Ids{1, 3}));
    }
}

// An event whose time is up leaves its batch before it is sent.
TEST_F(DatasetQueueTest, ABatchMayBeSettledPiecemeal) {
    Fill(&queue, {7, 7, 8, 7, 8});
    Batch batch = Next(3);
    Batch expired;
    expired.events.push_back(batch.events.front());
    batch.events.erase(batch.events.begin());
    queue.Settle(expired);
    EXPECT_EQ(Owed(), "{[2,6)}");
    EXPECT_EQ(IdsOf(Next()), Ids()) << "7 has an event under way still";
    queue.Settle(batch);
    EXPECT_EQ(IdsOf(Next()), (Ids{4, 5}));
}

TEST_F(DatasetQueueTest, PartsOfARefusedBatchGoOneAfterTheOtherBeforeAllElse) {
    Fill(&queue, {1, 2, 3, 4, 5, 6});
    queue.Split(Next(5));
    EXPECT_TRUE(queue.HasWaiting());
    const Batch low = Next(1);
    EXPECT_EQ(IdsOf(low), (Ids{1, 2})) << "however small a fresh batch is wished for";
    EXPECT_NE(low.split_of, 0u);
    const Batch other = Next();
    EXPECT_EQ(IdsOf(other), (Ids{6})) << "the second part waits for the first";
    queue.Settle(other);
    EXPECT_EQ(IdsOf(Next()), Ids());
    queue.Settle(low);
    const Batch high = Next();
    EXPECT_EQ(IdsOf(high), (Ids{3, 4, 5}));
    EXPECT_EQ(high.split_of, low.split_of);
    EXPECT_EQ(Owed(), "{[3,6)}");
    queue.Settle(high);
    EXPECT_EQ(Owed(), "{}");
    EXPECT_FALSE(queue.HasWaiting());
}

TEST_F(DatasetQueueTest, LeadsOfARefusedBatchStayBusyUntilTheirLastEventIsSettled) {
    Fill(&queue, {7, 8, 7, 9, 7, 8});
    queue.Split(Next(4));
    const Batch low = Next();
    EXPECT_EQ(IdsOf(low), (Ids{1}));
    queue.Settle(low);
    const Batch high = Next();
    EXPECT_EQ(IdsOf(high), (Ids{2, 3, 4}));
    EXPECT_EQ(IdsOf(Next()), Ids()) << "none is done, 7 has one more under way";
    queue.Settle(high);
    EXPECT_EQ(IdsOf(Next()), (Ids{5, 6}));
}

TEST_F(DatasetQueueTest, AReturnedPartGoesAgainAsItWas) {
    Fill(&queue, {1, 2, 3, 4});
    queue.Split(Next());
    Batch low = Next();
    const uint64_t number = low.split_of;
    queue.Return(std::move(low));
    EXPECT_EQ(Owed(), "{[1,5)}");
    const Batch again = Next();
    EXPECT_EQ(IdsOf(again), (Ids{1}));
    EXPECT_EQ(again.split_of, number);
}

TEST_F(DatasetQueueTest, APartMayBeSettledToNothing) {
    Fill(&queue, {1, 2, 3});
    queue.Split(Next());
    Batch low = Next();
    Batch expired;
    expired.events = std::move(low.events);
    low.events.clear();
    queue.Settle(expired);
    queue.Settle(low);
    EXPECT_EQ(IdsOf(Next()), (Ids{2, 3}));
}

TEST_F(DatasetQueueTest, RefusedBatchesAreBisectedSideBySide) {
    Fill(&queue, {1, 2, 3, 4});
    Batch one = Next(2);
    Batch two = Next(2);
    queue.Split(std::move(one));
    queue.Split(std::move(two));
    const Batch low_of_one = Next();
    const Batch low_of_two = Next();
    EXPECT_EQ(IdsOf(low_of_one), (Ids{1}));
    EXPECT_EQ(IdsOf(low_of_two), (Ids{3}));
    EXPECT_EQ(IdsOf(Next()), Ids());
    queue.Settle(low_of_two);
    EXPECT_EQ(IdsOf(Next()), (Ids{4}));
}

// Sends a batch of n events, of which the bad ones are refused, until all is decided.
struct Bisection {
    int requests = 0;
    Ids delivered;
    Ids parked;
    Ids order;
};

Bisection Bisect(int n, const std::set<int64_t>& bad) {
    Bisection result;
    DatasetQueue queue;
    Fill(&queue, std::vector<int64_t>(static_cast<size_t>(n), 7));
    Batch batch;
    while (queue.NextBatch(static_cast<size_t>(n), static_cast<size_t>(n), &batch)) {
        ++result.requests;
        const bool refused =
            std::any_of(batch.events.begin(), batch.events.end(),
                        [&](const Event& event) { return bad.count(event.id) > 0; });
        if (refused && batch.events.size() > 1) {
            queue.Split(std::move(batch));
            continue;
        }
        Ids& end = refused ? result.parked : result.delivered;
        for (const int64_t id : IdsOf(batch)) {
            end.push_back(id);
            result.order.push_back(id);
        }
        refused ? queue.Settle(batch) : queue.Deliver(batch);
    }
    EXPECT_EQ(queue.Owed().ToMultirange(), "{}");
    return result;
}

// Two requests for each halving that would lead to a bad event, and two more per bad event for the
// upper levels, where several ways are one.
int MostRequests(int n, int k) {
    if (k == 0) {
        return 1;
    }
    const int halvings = static_cast<int>(std::ceil(std::log2(static_cast<double>(n) / k)));
    return k * (2 * halvings + 2) + 1;
}

TEST(DatasetQueueBisection, IsolatesExactlyTheBadEventsWithFewRequests) {
    std::mt19937 random(1);
    for (const int n :
         {2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 127, 129, 500, 513, 1000}) {
        for (const int k : {0, 1, 2, 3, 4, 5, 7, 8, 16, 50, n / 2, n - 1, n}) {
            if (k > n) {
                continue;
            }
            for (int repeat = 0; repeat < 5; ++repeat) {
                std::set<int64_t> bad;
                while (bad.size() < static_cast<size_t>(k)) {
                    bad.insert(1 + static_cast<int64_t>(random() % static_cast<uint32_t>(n)));
                }
                const Bisection result = Bisect(n, bad);
                SCOPED_TRACE(std::to_string(n) + " events, " + std::to_string(k) + " bad");
                EXPECT_LE(result.requests, MostRequests(n, k));
                EXPECT_EQ(result.parked, Ids(bad.begin(), bad.end()));
                EXPECT_EQ(result.delivered.size(), static_cast<size_t>(n - k));
                EXPECT_TRUE(std::is_sorted(result.order.begin(), result.order.end()));
            }
        }
    }
}

TEST(DatasetQueueBisection, StaysBelowItsBoundForEverySetOfBadEvents) {
    for (int n = 2; n <= 11; ++n) {
        for (uint32_t set = 0; set < 1u << n; ++set) {
            std::set<int64_t> bad;
            for (int i = 0; i < n; ++i) {
                if ((set >> i & 1) != 0) {
                    bad.insert(i + 1);
                }
            }
            const Bisection result = Bisect(n, bad);
            ASSERT_LE(result.requests, MostRequests(n, static_cast<int>(bad.size())))
                << n << " events, bad as in the bits of " << set;
            ASSERT_EQ(result.parked, Ids(bad.begin(), bad.end()));
        }
    }
}

}  // namespace
}  // namespace crm_capi
