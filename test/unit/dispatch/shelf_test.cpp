// shelf_test.cpp - events that wait until the condition of their watch has been checked.
#include "core/dispatch/shelf.hpp"

#include <gtest/gtest.h>

#include "queued_events.hpp"

namespace crm_capi {
namespace {

using Names = std::vector<std::string>;

Event MakeEvent(int64_t id, int64_t lead, const char* watch) {
    Event event;
    event.id = id;
    event.lead_id = lead;
    event.event_time = kNow;
    event.texts = EventTexts({"", "", "", watch});
    return event;
}

class ShelfTest : public ::testing::Test {
protected:
    void Put(int64_t id, int64_t lead, const char* watch = "w") {
        shelf.Put(MakeEvent(id, lead, watch));
    }

    Ids Take(const char* watch = "w", size_t most = 100, UnixMicros now = kNow) {
        std::vector<ConditionToCheck> taken;
        shelf.TakeDue(watch, most, now, [this](int64_t lead) { return lead == busy; }, &taken);
        Ids ids;
        for (const ConditionToCheck& condition : taken) {
            ids.push_back(condition.event);
        }
        return ids;
    }

    Ids Release(int64_t id) {
        Ids released;
        shelf.Release(id, &released);
        return released;
    }

    Ids Drop(const Ids& ids) {
        IdSet set;
        for (const int64_t id : ids) {
            set.Add(id);
        }
        Ids released;
        shelf.Drop(set, &released);
        return released;
    }

    Names Watches(UnixMicros now = kNow) {
        Names names;
        shelf.AppendWatches(now, &names);
        return names;
    }

    Shelf shelf;
    int64_t busy = -1;
};

TEST_F(ShelfTest, AsksOfEachLeadForTheFirstEvent) {
    Put(1, 7);
    Put(2, 7);
    Put(3, 8);
    EXPECT_EQ(Take(), (Ids{1, 3}));
    EXPECT_EQ(Take(), Ids{}) << "they are asked";
    EXPECT_EQ(Release(1), Ids{1});
    EXPECT_EQ(Take(), Ids{2});
}

TEST_F(ShelfTest, EventsWithoutLeadWaitForNobody) {
    Put(1, 0);
    Put(2, 0);
    EXPECT_FALSE(shelf.Blocks(MakeEvent(3, 0, "")));
    EXPECT_EQ(Take(), (Ids{1, 2}));
}

TEST_F(ShelfTest, GivesNoMoreThanAskedFor) {
    Put(1, 1);
    Put(2, 2);
    Put(3, 3);
    EXPECT_EQ(Take("w", 2), (Ids{1, 2}));
    EXPECT_EQ(shelf.asked_count(), 2u);
    EXPECT_EQ(Take("w", 2), Ids{3});
}

TEST_F(ShelfTest, LeavesLeadsThatAreBusy) {
    Put(1, 1);
    Put(2, 2);
    busy = 1;
    EXPECT_EQ(Take(), Ids{2});
    busy = -1;
    EXPECT_EQ(Take(), Ids{1});
}

TEST_F(ShelfTest, FollowersWithoutConditionGoWithTheFirst) {
    Put(1, 7);
    Put(2, 7, "");
    Put(3, 7, "");
    Put(4, 7);
    Put(5, 7, "");
    EXPECT_EQ(Release(1), (Ids{1, 2, 3}));
    EXPECT_EQ(Take(), Ids{4});
    EXPECT_EQ(Release(4), (Ids{4, 5}));
    EXPECT_TRUE(shelf.empty());
    EXPECT_FALSE(shelf.Blocks(MakeEvent(6, 7, "")));
}

TEST_F(ShelfTest, AnEarlierEventThatComesBackGoesFirst) {
    Put(2, 7);
    EXPECT_EQ(Take(), Ids{2});
    Put(1, 7);
    EXPECT_EQ(shelf.asked_count(), 0u);
    EXPECT_EQ(Take(), Ids{1});
    shelf.AskAgain(2);
    EXPECT_EQ(Take(), Ids{}) << "it stands behind the other";
    EXPECT_EQ(Release(1), Ids{1});
    EXPECT_EQ(Take(), Ids{2});
}

TEST_F(ShelfTest, WhatIsNotAnsweredIsAskedAgain) {
    Put(1, 1);
    EXPECT_EQ(Take(), Ids{1});
    EXPECT_TRUE(shelf.IsAsked("w"));
    shelf.AskAgain(1);
    EXPECT_FALSE(shelf.IsAsked("w"));
    EXPECT_EQ(Take(), Ids{1});
}

TEST_F(ShelfTest, PausesDouble) {
    Put(1, 1);
    UnixMicros now = kNow;
    UnixMicros pause = kFirstConditionPause;
    for (int i = 0; i < 12; ++i) {
        EXPECT_EQ(Take("w", 1, now), Ids{1});
        EXPECT_EQ(shelf.Postpone(1, now), now + pause);
        EXPECT_EQ(shelf.NextDue(), now + pause);
        EXPECT_EQ(shelf.postponed_count(), 1u);
        EXPECT_EQ(Watches(now + pause - 1), Names{});
        now += pause;
        EXPECT_EQ(Watches(now), Names{"w"});
        pause = std::min(pause * 2, kLongestConditionPause);
    }
    EXPECT_EQ(shelf.Postpone(99, now), 0) << "it is not here";
    Release(1);
    EXPECT_EQ(shelf.postponed_count(), 0u);
}

TEST_F(ShelfTest, PostponedEventsDoNotHideOthers) {
    Put(1, 1);
    Put(2, 2);
    EXPECT_EQ(Take("w", 1), Ids{1});
    shelf.Postpone(1, kNow);
    EXPECT_EQ(Take("w", 1), Ids{2});
}

TEST_F(ShelfTest, AClockThatIsPutBackEndsPauses) {
    Put(1, 1);
    Take();
    shelf.Postpone(1, kNow);
    shelf.EndPauses();
    EXPECT_EQ(Take("w", 1, kNow - 3600 * kMicrosPerSecond), Ids{1});
}

TEST_F(ShelfTest, WhatIsDroppedHoldsUpNobody) {
    Put(1, 7);
    Put(2, 7);
    Put(3, 7, "");
    Put(4, 8);
    Take();
    EXPECT_EQ(Drop({1, 2, 4}), Ids{3});
    EXPECT_TRUE(shelf.empty());
    EXPECT_EQ(shelf.asked_count(), 0u);
    EXPECT_EQ(Watches(), Names{});
}

TEST_F(ShelfTest, DroppingLetsTheNextBeAsked) {
    Put(1, 7);
    Put(2, 7);
    EXPECT_EQ(Drop({1}), Ids{});
    EXPECT_EQ(Take(), Ids{2});
}

TEST_F(ShelfTest, WatchesAreNamedWhileSomethingIsDue) {
    Put(1, 1, "a");
    Put(2, 2, "b");
    EXPECT_EQ(Watches(), (Names{"a", "b"}));
    Take("a");
    EXPECT_EQ(Watches(), Names{"b"});
}

TEST_F(ShelfTest, PartsStayWhereTheyAre) {
    shelf.Put(MakeEvent(1, 7, "w"), true);
    busy = 7;
    EXPECT_EQ(Take(), Ids{1}) << "the lead is busy with it";
    EXPECT_EQ(shelf.size(), 0u);
    EXPECT_FALSE(shelf.empty());
    shelf.ForEachWaiting(
        [](const Event& event) { ADD_FAILURE() << event.id << " waits elsewhere as well"; });
    EXPECT_TRUE(shelf.Blocks(MakeEvent(2, 7, "")));
    EXPECT_EQ(Release(1), Ids{}) << "it is not to be loaded";
    EXPECT_TRUE(shelf.empty());
}

TEST_F(ShelfTest, APauseOutlivesTheMoveFromAPart) {
    shelf.Put(MakeEvent(1, 7, "w"), true);
    Take();
    const UnixMicros until = shelf.Postpone(1, kNow);
    Put(1, 7);
    EXPECT_EQ(shelf.size(), 1u);
    EXPECT_EQ(shelf.NextDue(), until);
    EXPECT_EQ(Take("w", 1, until), Ids{1});
    EXPECT_EQ(shelf.Postpone(1, until), until + 2 * kFirstConditionPause);
}

}  // namespace
}  // namespace crm_capi
