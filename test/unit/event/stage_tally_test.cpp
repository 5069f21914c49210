// stage_tally_test.cpp - how many leads have reached which stage, against sets.
#include "core/event/stage_tally.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>

namespace crm_capi {
namespace {

TEST(StageTally, IsEmptyWithoutEvents) {
    EXPECT_TRUE(StageTally().Finish().empty());
}

TEST(StageTally, CountsALeadOnceForAStageAndDay) {
    StageTally tally;
    tally.Add({1, "raw", kMicrosPerDay + 5, 7, false});
    tally.Add({1, "raw", kMicrosPerDay + 9, 7, true});
    tally.Add({1, "raw", kMicrosPerDay + 1, 8, false});
    const std::vector<StageDay> days = tally.Finish();
    ASSERT_EQ(days.size(), 1U);
    EXPECT_EQ(days[0].stage, "raw");
    EXPECT_EQ(days[0].day, 1);
    EXPECT_EQ(days[0].events, 3);
    EXPECT_EQ(days[0].delivered, 1);
    EXPECT_EQ(days[0].leads, 2);
    EXPECT_EQ(days[0].leads_delivered, 1);
    EXPECT_EQ(days[0].first_at, kMicrosPerDay + 1);
    EXPECT_EQ(days[0].last_at, kMicrosPerDay + 9);
    EXPECT_TRUE(tally.Finish().empty());
}

TEST(StageTally, DaysBeforeTheClocksBeginningAreRoundedDown) {
    StageTally tally;
    for (const int64_t time : {-1 - kMicrosPerDay, -kMicrosPerDay, int64_t{-1}, int64_t{0}}) {
        tally.Add({1, "raw", time, 1, false});
    }
    std::map<int64_t, int64_t> events;
    for (const StageDay& day : tally.Finish()) {
        events[*day.day] = day.events;
    }
    EXPECT_EQ(events, (std::map<int64_t, int64_t>{{-2, 1}, {-1, 2}, {0, 1}}));
}

TEST(StageTally, WhatIsMissingIsAGroupOfItsOwn) {
    StageTally tally;
    tally.Add({1, std::nullopt, std::nullopt, std::nullopt, false});
    tally.Add({1, "", std::nullopt, 1, false});
    tally.Add({1, std::nullopt, 0, 1, false});
    tally.Add({2, std::nullopt, std::nullopt, 1, false});
    tally.Add({1, std::nullopt, std::nullopt, 1, false});
    const std::vector<StageDay> days = tally.Finish();
    ASSERT_EQ(days.size(), 4U);
    EXPECT_EQ(days[0].events, 2);
    EXPECT_EQ(days[0].leads, 1);
}

TEST(StageTally, AgreesWithSets) {
    using Key = std::tuple<int, std::string, int64_t>;
    for (uint32_t seed = 1; seed <= 20; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&random](int last) {
            return std::uniform_int_distribution<int>(0, last)(random);
        };
        StageTally tally;
        std::map<Key, std::set<int64_t>> leads;
        std::map<Key, std::set<int64_t>> leads_delivered;
        for (int i = 0; i < 5000; ++i) {
            const std::string stage = "stage " + std::to_string(pick(9));
            const StageEvent event{pick(2), stage, pick(30) * kMicrosPerDay + pick(5), pick(200),
                                   pick(1) == 1};
            const Key key{event.dataset, stage, *event.time / kMicrosPerDay};
            tally.Add(event);
            leads[key].insert(*event.lead);
            if (event.is_delivered) {
                leads_delivered[key].insert(*event.lead);
            }
        }
        const std::vector<StageDay> days = tally.Finish();
        EXPECT_EQ(days.size(), leads.size());
        for (const StageDay& day : days) {
            const Key key{day.dataset, *day.stage, *day.day};
            EXPECT_EQ(day.leads, static_cast<int64_t>(leads[key].size()));
            EXPECT_EQ(day.leads_delivered, static_cast<int64_t>(leads_delivered[key].size()));
        }
    }
}

}  // namespace
}  // namespace crm_capi
