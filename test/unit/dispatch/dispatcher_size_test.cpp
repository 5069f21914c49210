// dispatcher_size_test.cpp - endpoints that take no large requests get smaller ones, and no event
// goes twice to find that out.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

// Takes at most so many events in a request, and answers larger ones as it is told.
class NarrowEndpoint {
public:
    NarrowEndpoint(size_t takes, HttpAnswer otherwise)
        : takes_(takes), otherwise_(std::move(otherwise)) {}

    HttpAnswer Judge(const Ids& ids) {
        sizes.push_back(ids.size());
        if (ids.size() > takes_) {
            return otherwise_;
        }
        for (const int64_t id : ids) {
            if (bad.count(id) != 0) {
                return Refused(100, 2804036);
            }
        }
        accepted.insert(accepted.end(), ids.begin(), ids.end());
        return Accepted(ids.size());
    }

    std::set<int64_t> bad;
    std::vector<size_t> sizes;
    Ids accepted;

private:
    size_t takes_;
    HttpAnswer otherwise_;
};

Ids UpTo(int64_t last) {
    Ids ids;
    for (int64_t id = 1; id <= last; ++id) {
        ids.push_back(id);
    }
    return ids;
}

class DispatcherSizeTest : public ::testing::Test {
protected:
    // Sends until nothing is owed, as the shipper does; all of a turn's answers come together.
    void Run(NarrowEndpoint* endpoint) {
        for (int turn = 0; turn < 1000 && shipper_.core.HasOwed(); ++turn) {
            const std::vector<SentRequest> sent = shipper_.Turn();
            std::vector<HttpAnswer> answers;
            for (const SentRequest& request : sent) {
                answers.push_back(endpoint->Judge(request.ids));
            }
            for (size_t i = 0; i < sent.size(); ++i) {
                for (const EndedEvent& event : shipper_.Answer(sent[i], answers[i]).events) {
                    parked_.push_back(event.event);
                    reason_ = event.reason;
                }
            }
            shipper_.now = std::max(shipper_.core.NextDue(shipper_.now), shipper_.now);
        }
        EXPECT_EQ(shipper_.Owed(), "{}");
    }

    DispatcherDriver shipper_;
    Ids parked_;
    Reason reason_ = Reason::kNone;
};

// The answers of which Meta, a gateway, a proxy and the network make use.
TEST_F(DispatcherSizeTest, AThousandEventsPassAnEndpointThatTakesTwoHundred) {
    const HttpAnswer answers[] = {
        Refused(1, 99, 500),
        Reply(413, "<html>"),
        Reply(502, "<html>"),
        Reply(400, "<html>"),
        Lost(TransportResult::kNotProcessed),
        Lost(TransportResult::kMaybeDelivered),
    };
    for (const HttpAnswer& answer : answers) {
        shipper_ = DispatcherDriver();
        shipper_.Configure({SizedConfig(1000, 4)});
        shipper_.OweMany(1, 1000);
        NarrowEndpoint endpoint(200, answer);
        Run(&endpoint);
        std::sort(endpoint.accepted.begin(), endpoint.accepted.end());
        EXPECT_EQ(endpoint.accepted, UpTo(1000)) << answer.body << ": each once";
        EXPECT_LE(endpoint.sizes.size(), 7u + 8u) << answer.body << ": refused, and accepted";
        EXPECT_TRUE(parked_.empty()) << answer.body;
    }
}

TEST_F(DispatcherSizeTest, OneEventAtLast) {
    shipper_.Configure({SizedConfig(100, 1)});
    shipper_.OweMany(1, 20);
    NarrowEndpoint endpoint(1, Refused(1, 0, 500));
    Run(&endpoint);
    EXPECT_EQ(endpoint.accepted, UpTo(20));
}

TEST_F(DispatcherSizeTest, FullSizeComesBackWithTheEndpointsStrength) {
    shipper_.Configure({SizedConfig(100, 1)});
    shipper_.OweMany(1, 100);
    NarrowEndpoint narrow(30, Refused(1, 0, 500));
    Run(&narrow);
    EXPECT_EQ(shipper_.core.TakeHealthChanges(shipper_.now).back().now.request_size, 25u);
    shipper_.OweMany(1, 5000);
    NarrowEndpoint wide(100, Refused(1, 0, 500));
    Run(&wide);
    EXPECT_EQ(*std::max_element(wide.sizes.begin(), wide.sizes.end()), 100u);
    EXPECT_EQ(shipper_.core.TakeHealthChanges(shipper_.now).back().now.request_size, 0u);
}

TEST_F(DispatcherSizeTest, APartOfARefusedBatchGoesInSmallerOnesToo) {
    shipper_.Configure({SizedConfig(400, 1)});
    shipper_.OweMany(1, 400);
    NarrowEndpoint endpoint(50, Refused(1, 0, 500));
    endpoint.bad = {350};
    const SentRequest whole = shipper_.TurnOfOne();
    shipper_.Answer(whole, Refused(100, 2804036));
    Run(&endpoint);
    EXPECT_EQ(parked_, Ids{350});
    EXPECT_EQ(endpoint.accepted.size(), 399u);
    EXPECT_TRUE(std::is_sorted(endpoint.accepted.begin(), endpoint.accepted.end()));
}

TEST_F(DispatcherSizeTest, AnEventThatIsTooLargeAloneIsParkedWithThatReason) {
    shipper_.Configure({SizedConfig(100, 1)});
    shipper_.OweMany(1, 3);
    NarrowEndpoint endpoint(0, Reply(413, ""));
    Run(&endpoint);
    EXPECT_EQ(parked_, UpTo(3));
    EXPECT_EQ(reason_, Reason::kRequestTooLarge);
}

// Nobody was met who could have minded the size.
TEST_F(DispatcherSizeTest, WhatFindsNoConnectionOrIsAskedToWaitStaysAsLarge) {
    for (const HttpAnswer& answer : {NotConnected(), Throttled(1), Accepted(99), Reply(429, "")}) {
        shipper_ = DispatcherDriver();
        shipper_.Configure({SizedConfig(100, 1)});
        shipper_.OweMany(1, 100);
        for (int i = 0; i < 6; ++i) {
            const SentRequest request = shipper_.TurnOfOne();
            EXPECT_EQ(request.ids.size(), 100u) << answer.body;
            shipper_.Answer(request, answer);
            shipper_.now += kHour;
        }
    }
}

TEST_F(DispatcherSizeTest, TheSizeInUseIsToldWithTheHealth) {
    shipper_.Configure({SizedConfig(100, 1)});
    shipper_.Health();
    shipper_.OweMany(1, 100);
    std::vector<size_t> told;
    for (int i = 0; i < 3; ++i) {
        shipper_.Answer(shipper_.TurnOfOne(), Refused(1, 0, 500));
        for (const HealthChange& change : shipper_.core.TakeHealthChanges(shipper_.now)) {
            told.push_back(change.now.request_size);
        }
        shipper_.now += kHour;
    }
    EXPECT_EQ(told, (std::vector<size_t>{0, 50, 25}));
}

TEST_F(DispatcherSizeTest, NewSettingsBeginAtFullSize) {
    DatasetConfig config = SizedConfig(100, 1);
    shipper_.Configure({config});
    shipper_.OweMany(1, 100);
    for (int i = 0; i < 4; ++i) {
        shipper_.Answer(shipper_.TurnOfOne(), Refused(1, 0, 500));
        shipper_.now += kHour;
    }
    const SentRequest small = shipper_.TurnOfOne();
    EXPECT_LT(small.ids.size(), 100u);
    shipper_.Answer(small, NotConnected());
    config.access_token = "another token";
    shipper_.Configure({config});
    EXPECT_EQ(shipper_.TurnOfOne().ids.size(), 100u);
}

}  // namespace
}  // namespace crm_capi
