// dataset_queue_overflow_test.cpp - more events wait for conditions than a shelf takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/dispatch/dataset_queue.hpp"
#include "queued_events.hpp"

namespace crm_capi {
namespace {

constexpr int64_t kFull = 1000;

IdSet Only(int64_t id) {
    return IdSet(std::vector<IdRange>{{id, id}});
}

class OverflowingShelf : public ::testing::Test {
protected:
    int64_t Owe(int64_t lead, bool has_condition) {
        Event event;
        event.id = ++last_id;
        event.lead_id = lead;
        event.event_time = kNow;
        event.texts = EventTexts({"", "", "", has_condition ? "a" : ""});
        log[event.id] = event;
        queue.Owe(event.id);
        return event.id;
    }

    // Every lead has a condition that waits: from the first one on, no place is left on the shelf.
    void Fill() {
        for (int64_t lead = 1; lead <= kFull; ++lead) {
            Owe(lead, true);
        }
    }

    void LoadAll() {
        IdRange range{};
        while (queue.TakeIds(1000, &range)) {
            for (int64_t id = range.first; id <= range.last; ++id) {
                Event event = log.at(id);
                const auto held = permitted.find(id);
                if (held != permitted.end()) {
                    event.condition_held_at = kNow;
                    permitted.erase(held);
                }
                ++loads;
                queue.Load(std::move(event), 1);
            }
        }
    }

    // Conditions that may be asked for now, so many at most.
    Ids Ask(size_t most) {
        std::vector<ConditionToCheck> conditions;
        queue.TakeConditions("a", most, kNow, &conditions);
        Ids ids;
        for (const ConditionToCheck& condition : conditions) {
            ids.push_back(condition.event);
        }
        return ids;
    }

    void Hold(const Ids& ids) {
        for (const int64_t id : ids) {
            if (queue.Permit(id, kNow)) {
                permitted.insert(id);
            }
        }
    }

    // All that may go now, delivered.
    Ids Send() {
        Ids sent;
        Batch batch;
        LoadAll();
        while (queue.NextBatch(1000, 1000, &batch, kNow)) {
            for (const Event& event : batch.events) {
                sent.push_back(event.id);
            }
            queue.Deliver(batch);
        }
        return sent;
    }

    DatasetQueue queue{kFull};
    std::map<int64_t, Event> log;
    std::set<int64_t> permitted;
    int64_t last_id = 0;
    int64_t loads = 0;
};

TEST_F(OverflowingShelf, HoldsUpNoOtherEvent) {
    Fill();
    const int64_t behind = Owe(kFull + 1, true);
    const int64_t follower = Owe(kFull + 1, false);
    const int64_t other = Owe(kFull + 2, false);
    const int64_t without_lead = Owe(0, false);
    EXPECT_EQ(Send(), (Ids{other, without_lead}));
    EXPECT_EQ(queue.shelf().size(), size_t{kFull});
    EXPECT_EQ(queue.overflow_count(), 2) << behind << " and " << follower;
    EXPECT_FALSE(queue.CanLoad()) << "nothing is loaded again and again";
    EXPECT_EQ(queue.CountOwed(), kFull + 2);
    EXPECT_EQ(queue.Owed().Count(), kFull + 2);
}

TEST_F(OverflowingShelf, ComesInTurnWhereThereIsRoom) {
    Fill();
    const int64_t behind = Owe(kFull + 1, true);
    const int64_t follower = Owe(kFull + 1, false);
    LoadAll();
    Hold(Ask(2));
    EXPECT_EQ(Send(), (Ids{1, 2}));
    EXPECT_EQ(queue.overflow_count(), 0);
    Ids rest = Ask(kFull);
    EXPECT_EQ(rest.back(), behind);
    Hold({behind});
    EXPECT_EQ(Send(), (Ids{behind, follower}));
}

TEST_F(OverflowingShelf, LetsNothingOfALeadOvertake) {
    Fill();
    const int64_t first = Owe(kFull + 1, true);
    const int64_t second = Owe(kFull + 1, true);
    LoadAll();
    queue.Drop(Only(1));
    LoadAll();
    EXPECT_EQ(queue.overflow_count(), 1) << second << " waits behind " << first;
    const int64_t third = Owe(kFull + 1, false);
    EXPECT_EQ(Send(), Ids{}) << "the lead's earlier event waits where " << third
                             << " must wait, too";
    EXPECT_EQ(queue.overflow_count(), 2);
}

TEST_F(OverflowingShelf, FreesALeadWhoseEventIsCancelled) {
    Fill();
    const int64_t behind = Owe(kFull + 1, true);
    const int64_t follower = Owe(kFull + 1, false);
    LoadAll();
    queue.Drop(Only(behind));
    EXPECT_EQ(Send(), Ids{follower});
    EXPECT_EQ(queue.CountOwed(), kFull);
}

TEST_F(OverflowingShelf, FreesALeadWhoseEventCannotBeReadAnyMore) {
    Fill();
    const int64_t behind = Owe(kFull + 1, true);
    const int64_t follower = Owe(kFull + 1, false);
    LoadAll();
    queue.Drop(Only(1));
    IdRange range{};
    ASSERT_TRUE(queue.TakeIds(1, &range));
    ASSERT_EQ(range.first, behind);
    queue.Drop(Only(behind));
    EXPECT_EQ(Send(), Ids{follower});
}

TEST_F(OverflowingShelf, TakesARetriedEventBetweenTheOthersOfItsLead) {
    Fill();
    const int64_t first = Owe(kFull + 1, true);
    const int64_t parked = Owe(kFull + 1, true);
    queue.Drop(Only(parked));
    const int64_t later = Owe(kFull + 1, true);
    LoadAll();
    ASSERT_EQ(queue.overflow_count(), 2);
    queue.OweInOrder(Only(parked));
    LoadAll();
    EXPECT_EQ(queue.overflow_count(), 3);
    queue.Drop(IdSet(std::vector<IdRange>{{1, kFull}}));
    for (const int64_t next : {first, parked, later}) {
        LoadAll();
        EXPECT_EQ(Ask(kFull), Ids{next});
        Hold({next});
        EXPECT_EQ(Send(), Ids{next});
    }
}

// However conditions end, each event goes once, and each lead's events go in order; nothing is
// loaded more often than for the shelf, its return and the overflow.
TEST_F(OverflowingShelf, SendsEverythingOnceAndInOrder) {
    std::mt19937 draw(5);
    const int64_t events = kFull + 9000;
    for (int64_t i = 0; i < events; ++i) {
        Owe(1 + static_cast<int64_t>(draw() % 3000), draw() % 10 != 0);
    }
    std::map<int64_t, int64_t> last_of_lead;
    std::set<int64_t> sent;
    int64_t most_overflowing = 0;
    for (int turns = 0; queue.CountOwed() > 0; ++turns) {
        ASSERT_LT(turns, 1000);
        for (const int64_t id : Send()) {
            EXPECT_TRUE(sent.insert(id).second) << id << " went twice";
            int64_t& last = last_of_lead[log.at(id).lead_id];
            EXPECT_LT(last, id);
            last = id;
        }
        most_overflowing = std::max(most_overflowing, queue.overflow_count());
        Hold(Ask(1 + draw() % 300));
    }
    EXPECT_EQ(static_cast<int64_t>(sent.size()), events);
    EXPECT_LE(loads, 3 * events);
    EXPECT_GT(most_overflowing, 5000) << "so many at the same time";
}

}  // namespace
}  // namespace crm_capi
