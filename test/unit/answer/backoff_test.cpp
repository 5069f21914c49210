// backoff_test.cpp - waits grow, stay within their bounds, and overflow nowhere.
#include "core/answer/backoff.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace crm_capi {
namespace {

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
constexpr uint64_t kLargestDraw = std::numeric_limits<uint64_t>::max();

// The draw that yields the upper bound: the width is bound - least + 1.
int64_t LargestWait(int failures, const BackoffLimits& limits) {
    const int64_t least = BackoffMs(failures, 0, limits);
    int64_t largest = least;
    for (uint64_t draw = 1; draw < 600000; ++draw) {
        largest = std::max(largest, BackoffMs(failures, draw, limits));
    }
    return largest;
}

TEST(Backoff, BoundDoublesUntilTheCap) {
    const struct {
        int failures;
        int64_t least;
        int64_t bound;
    } cases[] = {
        {1, 50, 500},        {2, 100, 1000},      {3, 200, 2000},
        {9, 12800, 128000},  {10, 25600, 256000}, {11, 30000, 300000},
        {12, 30000, 300000}, {40, 30000, 300000}, {1000000, 30000, 300000},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(BackoffMs(c.failures, 0, {}), c.least) << c.failures << " failures";
        const auto width = static_cast<uint64_t>(c.bound - c.least);
        EXPECT_EQ(BackoffMs(c.failures, width, {}), c.bound) << c.failures << " failures";
        EXPECT_EQ(BackoffMs(c.failures, width + 1, {}), c.least) << c.failures << " failures";
    }
}

TEST(Backoff, NoDrawLeavesTheBounds) {
    EXPECT_EQ(LargestWait(1, {}), 500);
    EXPECT_EQ(LargestWait(20, {}), 300000);
}

TEST(Backoff, DrawsSpreadEvenly) {
    std::mt19937_64 random(42);
    int64_t sum = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
        sum += BackoffMs(5, random(), {});
    }
    EXPECT_NEAR(static_cast<double>(sum) / kDraws, (800 + 8000) / 2.0, 100);
}

TEST(Backoff, NothingOverflows) {
    for (int failures : {1, 2, 31, 32, 33, 62, 63, 64, 65, std::numeric_limits<int>::max()}) {
        for (uint64_t draw : {uint64_t{0}, uint64_t{1} << 63, kLargestDraw}) {
            for (const BackoffLimits& limits :
                 {BackoffLimits{1, kHuge}, BackoffLimits{kHuge, kHuge}, BackoffLimits{3, 7},
                  BackoffLimits{kHuge, 1}}) {
                const int64_t wait = BackoffMs(failures, draw, limits);
                EXPECT_GE(wait, 1) << failures;
                EXPECT_LE(wait, limits.cap_ms) << failures;
            }
        }
    }
}

TEST(Backoff, NonsenseStillWaits) {
    EXPECT_EQ(BackoffMs(0, 0, {}), BackoffMs(1, 0, {}));
    EXPECT_EQ(BackoffMs(std::numeric_limits<int>::min() + 1, 0, {}), BackoffMs(1, 0, {}));
    EXPECT_EQ(BackoffMs(1, 0, {0, 0}), 1);
    EXPECT_EQ(BackoffMs(5, kLargestDraw, {-1, -1}), 1);
}

}  // namespace
}  // namespace crm_capi
