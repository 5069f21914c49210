// doubts_test.cpp - since when it has been uncertain whether Meta already has an event.
#include "core/dispatch/doubts.hpp"

#include <gtest/gtest.h>

namespace crm_capi {
namespace {

TEST(Doubts, TheEarliestDeliveryCounts) {
    Doubts doubts;
    doubts.Add(IdSet({{10, 19}, {40, 40}}), 100);
    doubts.Add(IdSet({{15, 30}}), 200);
    doubts.Add(IdSet({{1, 50}}), 300);
    const struct {
        int64_t event;
        UnixMicros since;
    } cases[] = {{0, 0},    {1, 300},  {9, 300},  {10, 100}, {19, 100}, {20, 200}, {30, 200},
                 {31, 300}, {39, 300}, {40, 100}, {41, 300}, {50, 300}, {51, 0}};
    for (const auto& c : cases) {
        EXPECT_EQ(doubts.Since(c.event), c.since) << c.event;
    }
}

TEST(Doubts, AreForgottenWithWhatHasEnded) {
    Doubts doubts;
    doubts.Add(IdSet({{10, 19}}), 100);
    doubts.Add(IdSet({{15, 30}}), 200);
    doubts.Forget(IdSet({{1, 5}}));
    EXPECT_EQ(doubts.events().Count(), 21) << "those were none";
    doubts.Forget(IdSet({{12, 13}, {19, 20}}));
    const struct {
        int64_t event;
        UnixMicros since;
    } cases[] = {{10, 100}, {11, 100}, {12, 0}, {13, 0},  {14, 100},
                 {18, 100}, {19, 0},   {20, 0}, {21, 200}};
    for (const auto& c : cases) {
        EXPECT_EQ(doubts.Since(c.event), c.since) << c.event;
    }
    EXPECT_EQ(doubts.events().Count(), 17);
    doubts.Forget(IdSet({{1, 100}}));
    EXPECT_TRUE(doubts.events().empty());
}

TEST(Doubts, NothingIsInDoubtAtFirst) {
    EXPECT_EQ(Doubts().Since(1), 0);
}

TEST(Doubts, AreTooOldWhenMetaWouldForgetTheFirstBeforeTheNextArrives) {
    constexpr UnixMicros kSince = 1790000000 * kMicrosPerSecond;
    constexpr UnixMicros kMargin = 30 * kMicrosPerSecond;
    EXPECT_FALSE(DoubtTooOld(0, kSince + 100 * kDoubtLimit, kMargin)) << "there is no doubt";
    EXPECT_FALSE(DoubtTooOld(kSince, kSince + kDoubtLimit - kMargin - 1, kMargin));
    EXPECT_TRUE(DoubtTooOld(kSince, kSince + kDoubtLimit - kMargin, kMargin));
}

}  // namespace
}  // namespace crm_capi
