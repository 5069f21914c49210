// id_bits_test.cpp - a set of ids held as bits, held against the same set as ranges.
#include "core/ids/id_bits.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>

namespace crm_capi {
namespace {

TEST(IdBitsTest, MergesWhatComesInAnyOrder) {
    IdBits ids;
    ids.Add(IdRange{100, 300});
    ids.Add(IdRange{1, 1});
    ids.Add(IdRange{64, 99});
    ids.Add(IdRange{250, 310});
    EXPECT_EQ(ids.ToSet().ToMultirange(), "{[1,2),[64,311)}");
    EXPECT_EQ(ids.CountRanges(), 2u);
}

TEST(IdBitsTest, TakesTheLowestAcrossBlocks) {
    IdBits ids;
    ids.Add(IdRange{60, 70});
    ids.Add(IdRange{200, 200});
    EXPECT_EQ(ids.First(5).ToMultirange(), "{[60,65)}");
    EXPECT_EQ(ids.First(11).ToMultirange(), "{[60,71)}");
    EXPECT_EQ(ids.First(100).ToMultirange(), "{[60,71),[200,201)}");
    EXPECT_EQ(ids.First(0).ToMultirange(), "{}");
}

TEST(IdBitsTest, IsEmptyAtFirst) {
    IdBits ids;
    EXPECT_EQ(ids.CountRanges(), 0u);
    EXPECT_EQ(ids.CountIn(IdSet({{1, 1000}})), 0);
    EXPECT_TRUE(ids.ToSet().empty());
}

// Whoever owns the log may write any id into it. Sanitizers tell what goes over the edge.
TEST(IdBitsTest, HoldsTheLeastAndTheGreatestIds) {
    constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
    constexpr int64_t kGreatest = std::numeric_limits<int64_t>::max() - 1;
    IdBits ids;
    ids.Add(IdRange{kGreatest - 100, kGreatest});
    ids.Add(IdRange{kLeast, kLeast + 70});
    EXPECT_EQ(ids.CountRanges(), 2u);
    const IdSet both({{kLeast, kLeast + 70}, {kGreatest - 100, kGreatest}});
    EXPECT_EQ(ids.ToSet().ToMultirange(), both.ToMultirange());
    EXPECT_EQ(ids.CountIn(both), 71 + 101);
    EXPECT_EQ(ids.Within(IdRange{kGreatest, kGreatest}).Count(), 1);
    EXPECT_EQ(ids.First(1).ToMultirange(), IdSet({{kLeast, kLeast}}).ToMultirange());
}

TEST(IdBitsTest, SaysWhatRangesSay) {
    for (uint32_t seed = 1; seed <= 500; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&random](int64_t most) { return static_cast<int64_t>(random() % most); };
        const auto pick_range = [&pick] {
            const int64_t first = 1 + pick(600);
            return IdRange{first, first + (pick(2) == 0 ? 0 : pick(150))};
        };
        IdBits bits;
        IdSet set;
        IdSet others;
        for (int64_t i = pick(40); i > 0; --i) {
            const IdRange range = pick_range();
            bits.Add(range);
            set.Add(range);
            others.Add(pick_range());
            if (pick(3) == 0) {
                bits.EndRun();
            }
            if (pick(8) == 0) {
                ASSERT_EQ(bits.CountRanges(), set.ranges().size()) << "seed " << seed;
            }
        }
        IdSet apart = set;
        apart.Subtract(others);
        EXPECT_EQ(bits.ToSet().ToMultirange(), set.ToMultirange()) << "seed " << seed;
        EXPECT_EQ(bits.CountRanges(), set.ranges().size()) << "seed " << seed;
        EXPECT_EQ(bits.CountIn(others), set.Count() - apart.Count()) << "seed " << seed;
        const IdRange range = pick_range();
        IdSet without = set;
        without.Subtract(IdSet({range}));
        IdSet within = set;
        within.Subtract(without);
        EXPECT_EQ(bits.Within(range).ToMultirange(), within.ToMultirange()) << "seed " << seed;
        const int64_t first = pick(300);
        EXPECT_EQ(bits.First(first).Count(), std::min(first, set.Count())) << "seed " << seed;
    }
}

}  // namespace
}  // namespace crm_capi
