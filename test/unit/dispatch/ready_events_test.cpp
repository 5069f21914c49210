// ready_events_test.cpp - loaded events keep their order, however they come and go.
#include "core/dispatch/ready_events.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "queued_events.hpp"
#include "seeds.hpp"

namespace crm_capi {
namespace {

constexpr size_t kTogether = 4;

bool All(const Event& /*event*/) {
    return true;
}

void AddAll(int64_t first, int64_t last, ReadyEvents* ready) {
    for (int64_t id = first; id <= last; ++id) {
        ready->Add(MakeEvent(id, id), kTogether);
    }
}

std::vector<Event> TakeFrom(ReadyEvents* ready, size_t most) {
    std::vector<Event> taken;
    ready->Take(most, All, &taken);
    return taken;
}

TEST(ReadyEvents, APieceLeavesWithoutBeingMoved) {
    ReadyEvents ready;
    AddAll(1, 2 * kTogether, &ready);
    const Event* fifth = nullptr;
    ready.ForEach([&](const Event& event) { fifth = event.id == 5 ? &event : fifth; });
    EXPECT_EQ(IdsIn(TakeFrom(&ready, kTogether)), (Ids{1, 2, 3, 4}));
    const std::vector<Event> second = TakeFrom(&ready, kTogether);
    EXPECT_EQ(&second.front(), fifth);
    EXPECT_EQ(IdsIn(second), (Ids{5, 6, 7, 8}));
    EXPECT_TRUE(ready.empty());
}

TEST(ReadyEvents, ARequestIsFilledFromSeveralPieces) {
    ReadyEvents ready;
    AddAll(1, 7, &ready);
    EXPECT_EQ(IdsIn(TakeFrom(&ready, 6)), (Ids{1, 2, 3, 4, 5, 6}));
    AddAll(8, 8, &ready);
    EXPECT_EQ(IdsIn(TakeFrom(&ready, 6)), (Ids{7, 8}));
}

TEST(ReadyEvents, ASmallRequestTakesAPartOfAPiece) {
    ReadyEvents ready;
    AddAll(1, 4, &ready);
    EXPECT_EQ(IdsIn(TakeFrom(&ready, 1)), (Ids{1}));
    EXPECT_EQ(ready.size(), 3u);
    EXPECT_TRUE(TakeFrom(&ready, 0).empty());
    EXPECT_EQ(IdsIn(TakeFrom(&ready, 9)), (Ids{2, 3, 4}));
}

TEST(ReadyEvents, WhatMayNotGoStaysInItsPlace) {
    ReadyEvents ready;
    AddAll(1, 8, &ready);
    const auto may_go = [](const Event& event) { return event.id % 3 != 0; };
    std::vector<Event> taken;
    ready.Take(3, may_go, &taken);
    EXPECT_EQ(IdsIn(taken), (Ids{1, 2, 4}));
    EXPECT_EQ(IdsIn(TakeFrom(&ready, 9)), (Ids{3, 5, 6, 7, 8}));
}

TEST(ReadyEvents, WhatComesBackGoesFirst) {
    ReadyEvents ready;
    AddAll(1, 6, &ready);
    ready.PutBack(TakeFrom(&ready, 2));
    ready.PutBack({});
    EXPECT_EQ(IdsIn(TakeFrom(&ready, 9)), (Ids{1, 2, 3, 4, 5, 6}));
}

// Against a plain list of ids.
class WorkOfReadyEvents : public DrawnTrial {
public:
    using DrawnTrial::DrawnTrial;

    std::string Run() {
        for (int step = 0; step < 200 && failure_.empty(); ++step) {
            switch (Pick(1, 5)) {
                case 1:
                case 2:
                    Add();
                    break;
                case 3:
                    Take(Chance(50));
                    break;
                case 4:
                    Take(false);
                    break;
                default:
                    Sift();
            }
            Compare();
        }
        return failure_;
    }

private:
    void Add() {
        const int count = Pick(1, 12);
        const auto together = static_cast<size_t>(Pick(1, 6));
        Note("add ", count, " in pieces of ", together);
        for (int i = 0; i < count; ++i) {
            expected_.push_back(++last_id_);
            ready_.Add(MakeEvent(last_id_, last_id_), together);
        }
    }

    std::set<int64_t> SomeIds(int percent) {
        std::set<int64_t> some;
        for (const int64_t id : expected_) {
            if (Chance(percent)) {
                some.insert(id);
            }
        }
        return some;
    }

    void Take(bool puts_back) {
        const auto most = static_cast<size_t>(Pick(0, 9));
        const std::set<int64_t> busy = SomeIds(Chance(50) ? 0 : 30);
        Note("take ", most, puts_back ? " and put them back" : "", ", ", busy.size(), " are busy");
        const auto may_go = [&busy](const Event& event) { return busy.count(event.id) == 0; };
        std::vector<Event> taken;
        ready_.Take(most, may_go, &taken);
        Ids left;
        Ids expected;
        for (const int64_t id : expected_) {
            (busy.count(id) == 0 && expected.size() < most ? expected : left).push_back(id);
        }
        if (IdsIn(taken) != expected) {
            Fail("took others than the first that may go");
        }
        if (puts_back) {
            left.insert(left.begin(), expected.begin(), expected.end());
            ready_.PutBack(std::move(taken));
        }
        expected_ = left;
    }

    void Sift() {
        const std::set<int64_t> leaving = SomeIds(20);
        Note(leaving.size(), " leave");
        ready_.Sift([&leaving](const Event& event) { return leaving.count(event.id) != 0; });
        Ids left;
        for (const int64_t id : expected_) {
            if (leaving.count(id) == 0) {
                left.push_back(id);
            }
        }
        expected_ = left;
    }

    void Compare() {
        Ids ids;
        bool are_whole = true;
        ready_.ForEach([&](const Event& event) {
            ids.push_back(event.id);
            are_whole &= event.texts.event_name() == "stage of " + std::to_string(event.id);
        });
        if (ids != expected_ || ready_.size() != expected_.size() ||
            ready_.empty() != expected_.empty() || ready_.AnyOf(All) == expected_.empty()) {
            Fail("other events are there than should be");
        }
        if (!are_whole) {
            Fail("an event has lost its name");
        }
    }

    ReadyEvents ready_;
    Ids expected_;
    int64_t last_id_ = 0;
};

TEST(ReadyEvents, KeepTheirOrderWhateverIsDoneWithThem) {
    ExpectAllSeedsSucceed<WorkOfReadyEvents>(500);
}

}  // namespace
}  // namespace crm_capi
