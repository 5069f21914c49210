// request_size_test.cpp - requests shrink where large ones fail, and grow where they get through.
#include "core/dispatch/request_size.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace crm_capi {
namespace {

constexpr size_t kConfigured = 1000;

// Requests as large as they may be, to an endpoint that takes at most so many events.
struct Exchange {
    explicit Exchange(size_t takes) : endpoint_takes(takes) {}

    RequestSize size;
    size_t endpoint_takes;
    int failures = 0;
    std::vector<size_t> sizes;

    void Send() {
        const size_t events = size.Limit(kConfigured);
        sizes.push_back(events);
        if (events <= endpoint_takes) {
            size.GotThrough(events, kConfigured);
        } else {
            ++failures;
            size.Failed(events);
        }
    }
    void SendMany(int count) {
        while (count-- > 0) {
            Send();
        }
    }
};

TEST(RequestSize, IsWhatIsSetWhileAllIsWell) {
    Exchange exchange(kConfigured);
    exchange.SendMany(5);
    EXPECT_EQ(exchange.sizes, std::vector<size_t>(5, kConfigured));
    EXPECT_EQ(exchange.size.Reduced(kConfigured), 0u);
}

TEST(RequestSize, OneFailureIsAHiccup) {
    RequestSize size;
    size.Failed(kConfigured);
    EXPECT_EQ(size.Limit(kConfigured), kConfigured);
    size.GotThrough(kConfigured, kConfigured);
    size.Failed(kConfigured);
    EXPECT_EQ(size.Limit(kConfigured), kConfigured);
}

TEST(RequestSize, HalvesWithEachFailureUntilOneGetsThrough) {
    Exchange exchange(200);
    exchange.SendMany(6);
    EXPECT_EQ(exchange.sizes, (std::vector<size_t>{1000, 1000, 500, 250, 125, 125}));
    EXPECT_EQ(exchange.size.Reduced(kConfigured), 125u);
}

TEST(RequestSize, GoesDownToOneEventAndNotBelow) {
    Exchange exchange(1);
    exchange.SendMany(11);
    EXPECT_EQ(exchange.sizes,
              (std::vector<size_t>{1000, 1000, 500, 250, 125, 62, 31, 15, 7, 3, 1}));
    exchange.SendMany(2);
    EXPECT_EQ(exchange.size.Limit(kConfigured), 1u) << "after a trial of two";
}

TEST(RequestSize, TriesALargerOneNowAndThenAndEverMoreSeldom) {
    Exchange exchange(200);
    exchange.SendMany(1000);
    const int down = 4;  // 1000, 1000, 500, 250
    const int trials =
        6;  // after 16, 32, 64, 128, 256 and 512 full requests, 1000 being too few for all
    EXPECT_LE(exchange.failures, down + trials);
    EXPECT_GE(exchange.failures, down + 3);
    EXPECT_LE(exchange.size.Limit(kConfigured), 250u);
}

TEST(RequestSize, IsBackAtFullSizeOnceTheEndpointTakesIt) {
    Exchange exchange(200);
    exchange.SendMany(50);
    exchange.endpoint_takes = kConfigured;
    exchange.SendMany(200);
    EXPECT_EQ(exchange.size.Reduced(kConfigured), 0u);
}

// In an outage requests of every size fail: when it is over nothing is known to be too large.
TEST(RequestSize, AfterAnOutageItDoublesWithEachSuccess) {
    Exchange exchange(0);
    exchange.SendMany(30);
    EXPECT_EQ(exchange.size.Limit(kConfigured), 1u);
    exchange.endpoint_takes = kConfigured;
    exchange.sizes.clear();
    exchange.SendMany(11);
    EXPECT_EQ(exchange.sizes, (std::vector<size_t>{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000}));
    EXPECT_EQ(exchange.size.Reduced(kConfigured), 0u);
}

TEST(RequestSize, ATrialThatFailsIsOverAtOnce) {
    Exchange exchange(200);
    exchange.SendMany(4 + 16);
    exchange.sizes.clear();
    exchange.SendMany(3);
    EXPECT_EQ(exchange.sizes, (std::vector<size_t>{250, 125, 125}));
}

TEST(RequestSize, SmallRequestsSayNothingAboutLargeOnes) {
    RequestSize size;
    size.Failed(kConfigured);
    size.Failed(kConfigured);
    for (int i = 0; i < 100; ++i) {
        size.GotThrough(3, kConfigured);
    }
    EXPECT_EQ(size.Limit(kConfigured), 500u);
}

TEST(RequestSize, TooLargeInSoManyWordsIsBelievedAtOnce) {
    RequestSize size;
    size.TooLarge(800);
    EXPECT_EQ(size.Limit(kConfigured), 400u);
    size.TooLarge(800);  // went out together with the first one
    size.TooLarge(500);
    EXPECT_EQ(size.Limit(kConfigured), 400u);
    size.TooLarge(1);
    EXPECT_EQ(size.Limit(kConfigured), 1u);
}

TEST(RequestSize, IsNeverMoreThanIsSet) {
    RequestSize size;
    size.TooLarge(1000);
    EXPECT_EQ(size.Limit(100), 100u);
    EXPECT_EQ(size.Reduced(100), 0u);
}

}  // namespace
}  // namespace crm_capi
