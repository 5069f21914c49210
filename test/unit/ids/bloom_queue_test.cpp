// bloom_queue_test.cpp - filters over leads that are made while the log is read.
#include "core/ids/bloom_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "seeds.hpp"

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

// The filters of the ids from..last, none of which reads the log.
void ExpectFiltersOf(int64_t from, int64_t last, BloomQueue* queue) {
    while (from <= last) {
        const BloomQueue::Run* const run = queue->From(from);
        ASSERT_NE(run, nullptr) << "from " << from;
        EXPECT_TRUE(Knows(*run, from, std::min(run->range.last, last)));
        from = run->range.last + 1;
    }
}

TEST(BloomQueue, HasFiltersOfABulkLoadThatEndsBehindOthers) {
    BloomQueue queue;
    const int64_t behind = 100 * kEventsPerBloom;
    SeeAll(1, 10, &queue);
    SeeAll(behind, behind + kEventsPerBloom, &queue);
    SeeAll(11, behind - 1, &queue);
    SeeAll(behind + kEventsPerBloom + 1, behind + 2 * kEventsPerBloom, &queue);
    ExpectFiltersOf(1, behind - kEventsPerBloom, &queue);
}

// Its filters are written down while the rest of it is read.
TEST(BloomQueue, HasThemAlsoWhenThoseBeforeAreTaken) {
    BloomQueue queue;
    const int64_t behind = 100 * kEventsPerBloom;
    SeeAll(1, kEventsPerBloom, &queue);
    SeeAll(behind, behind + kEventsPerBloom, &queue);
    EXPECT_EQ(queue.From(kEventsPerBloom + 1), nullptr);
    EXPECT_FALSE(queue.Awaits(kEventsPerBloom + 1)) << "nothing will ever come there, it may be";
    SeeAll(kEventsPerBloom + 1, 50 * kEventsPerBloom, &queue);
    ExpectFiltersOf(kEventsPerBloom + 1, 50 * kEventsPerBloom, &queue);
    SeeAll(50 * kEventsPerBloom + 1, 60 * kEventsPerBloom, &queue);
    ExpectFiltersOf(50 * kEventsPerBloom + 1, 60 * kEventsPerBloom, &queue);
}

TEST(BloomQueue, DoesNotSpeakForABulkLoadThatItHasNoRoomFor) {
    BloomQueue queue;
    const int64_t behind = 1000 * kEventsPerBloom;
    SeeAll(1, kEventsPerBloom, &queue);
    SeeAll(behind, behind + kEventsPerBloom, &queue);
    SeeAll(kEventsPerBloom + 1, 500 * kEventsPerBloom, &queue);
    const int64_t last = int64_t{BloomQueue::kMostRuns - 2} * kEventsPerBloom;
    ExpectFiltersOf(1, last, &queue);
    EXPECT_EQ(queue.From(last + 1), nullptr);
    EXPECT_FALSE(queue.Awaits(last + 1));
    SeeAll(500 * kEventsPerBloom + 1, 502 * kEventsPerBloom, &queue);
    EXPECT_EQ(queue.From(500 * kEventsPerBloom + 1), nullptr) << "something before it is missing";
    EXPECT_NE(queue.From(behind), nullptr);
}

TEST(BloomQueue, ForgetsAllWhenTooManyJoinARun) {
    BloomQueue queue;
    for (int64_t id = 2; id <= 2 * kEventsPerBloom; id += 2) {
        queue.Saw(id, kFirstLead + id);
    }
    ASSERT_NE(queue.From(2), nullptr);
    for (int64_t id = 3; id < 2 * kEventsPerBloom; id += 2) {
        queue.Saw(id, kFirstLead + id);
    }
    EXPECT_EQ(queue.From(2), nullptr);
    const int64_t next = 2 * kEventsPerBloom + 1;
    SeeAll(next, next + kEventsPerBloom, &queue);
    ASSERT_NE(queue.From(next), nullptr);
    EXPECT_EQ(queue.From(next)->range.first, next);
}

TEST(BloomQueue, AwaitsWhatIsNotFullYet) {
    BloomQueue queue;
    SeeAll(1, kEventsPerBloom - 1, &queue);
    EXPECT_EQ(queue.From(1), nullptr);
    EXPECT_TRUE(queue.Awaits(1));
    SeeAll(kEventsPerBloom, kEventsPerBloom, &queue);
    EXPECT_TRUE(queue.Awaits(1));
    EXPECT_FALSE(queue.Awaits(kEventsPerBloom + 1));
}

// Ids come in stretches with holes between them, of which some are filled later, in order, and what
// is complete is asked for as the shipper does. Whatever a filter covers, it knows.
class WorkOfBlooms : public DrawnTrial {
public:
    using DrawnTrial::DrawnTrial;

    std::string Run() {
        for (int step = 0; step < 40 && failure_.empty(); ++step) {
            if (Chance(40)) {
                FillHole();
            } else {
                GoOn();
            }
            TakeFilters();
        }
        return failure_;
    }

private:
    void See(IdRange range) {
        Note("see ", range.first, " to ", range.last);
        for (int64_t id = range.first; id <= range.last; ++id) {
            queue_.Saw(id, kFirstLead + id);
            seen_.insert(id);
        }
    }

    void GoOn() {
        const int length = Chance(30) ? Pick(1, 400) : Pick(1, 3 * kEventsPerBloom);
        if (Chance(70)) {
            holes_.push_back({next_, next_ + Pick(0, Chance(50) ? 20 : 3 * kEventsPerBloom)});
            next_ = holes_.back().last + 1;
        }
        See({next_, next_ + length - 1});
        next_ += length;
    }

    // All of it or the rest of it, or its owner has rolled back.
    void FillHole() {
        if (holes_.empty()) {
            return;
        }
        const auto hole = holes_.begin() + Pick(0, static_cast<int>(holes_.size()) - 1);
        if (Chance(70)) {
            See({hole->first + Pick(0, 1) * (hole->last - hole->first) / 2, hole->last});
        }
        holes_.erase(hole);
    }

    void TakeFilters() {
        const int64_t complete_up_to = holes_.empty() ? next_ - 1 : holes_.front().first - 1;
        while (from_ <= complete_up_to) {
            const BloomQueue::Run* const run = queue_.From(from_);
            if (run == nullptr && queue_.Awaits(from_)) {
                return;
            }
            const int64_t last = run != nullptr ? run->range.last : ReadOneRun(complete_up_to);
            if (last > complete_up_to || last < from_) {
                return;
            }
            if (run != nullptr) {
                Note("filter of ", from_, " to ", last);
                Check(*run);
            }
            from_ = last + 1;
        }
    }

    // As if from the log; the id before from_ if there are too few events.
    int64_t ReadOneRun(int64_t complete_up_to) const {
        auto id = seen_.lower_bound(from_);
        for (int events = 1; id != seen_.end() && *id <= complete_up_to; ++events, ++id) {
            if (events == kEventsPerBloom) {
                return *id;
            }
        }
        return from_ - 1;
    }

    void Check(const BloomQueue::Run& run) {
        for (auto id = seen_.lower_bound(from_); id != seen_.end() && *id <= run.range.last; ++id) {
            if (!MayHoldLead(run.bloom.bytes(), kFirstLead + *id)) {
                Fail("the filter of " + std::to_string(from_) + " to " +
                     std::to_string(run.range.last) + " does not know " + std::to_string(*id));
            }
        }
    }

    BloomQueue queue_;
    std::set<int64_t> seen_;
    std::vector<IdRange> holes_;  // ascending
    int64_t next_ = 1;
    int64_t from_ = 1;
};

TEST(BloomQueue, KnowsAllThatItCoversWhateverTheOrder) {
    ExpectAllSeedsSucceed<WorkOfBlooms>(100);
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
