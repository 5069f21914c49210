// dispatcher_expiry_test.cpp - events expire even where nothing is sent, and what was cancelled
// while it was in flight does not go again.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/dispatcher.hpp"
#include "core/validation.hpp"

namespace crm_capi {
namespace {

constexpr UnixMicros kNow = UnixMicros{1790000000} * kMicrosPerSecond;
constexpr UnixMicros kHour = UnixMicros{3600} * kMicrosPerSecond;

DatasetConfig Config() {
    DatasetConfig config;
    config.server = 16384;
    config.numbers = {1};
    config.name = "sales";
    config.access_token = "EAABtest";
    config.constants.dataset_id = "1234567890123456";
    config.constants.lead_event_source = "Odoo";
    config.batch_size = 3;
    return config;
}

// Plays the shipper's turns over a log of events with these times, ids from 1 on.
class Turns {
public:
    Turns(DatasetConfig config, std::vector<UnixMicros> event_times)
        : event_times_(std::move(event_times)) {
        core_.Configure({std::move(config)});
        for (size_t i = 0; i < event_times_.size(); ++i) {
            core_.Owe(1, static_cast<int64_t>(i) + 1);
        }
    }

    // One turn; the ids that expired in it.
    std::vector<int64_t> Take(UnixMicros now) {
        IdRange range{};
        while (core_.NextLoad(now, &range)) {
            for (int64_t id = range.first; id <= range.last; ++id) {
                Event event;
                event.id = id;
                event.lead_id = 123456789012345 + id;
                event.event_time = event_times_[static_cast<size_t>(id) - 1];
                event.event_name = "qualified";
                core_.Load(event);
            }
        }
        core_.Prepare(now, 16);
        std::vector<int64_t> expired;
        for (const EndedEvent& ended : core_.expired()) {
            EXPECT_STREQ(ended.status, "expired");
            EXPECT_EQ(ended.reason, Reason::kDeadlinePassed);
            expired.push_back(ended.event);
        }
        core_.expired().clear();
        return expired;
    }

    Dispatcher& core() { return core_; }

private:
    std::vector<UnixMicros> event_times_;
    Dispatcher core_;
};

using Ids = std::vector<int64_t>;

TEST(DispatcherExpiry, APausedDatasetsEventsExpire) {
    DatasetConfig config = Config();
    config.mode = Mode::kPaused;
    const UnixMicros old = kNow - kMaxEventAge + kHour;
    Turns turns(config, {old, old, kNow});
    EXPECT_EQ(turns.Take(kNow), Ids{});
    EXPECT_EQ(turns.core().NextDue(kNow), kNow + kHour - config.timeout_ms * 1000);
    EXPECT_EQ(turns.Take(kNow + kHour), (Ids{1, 2}));
    EXPECT_EQ(turns.core().Owed().ToMultirange(), "{[3,4)}");
}

TEST(DispatcherExpiry, AHeldDatasetsEventsExpireTurnByTurn) {
    DatasetConfig config = Config();
    config.hold = Reason::kTokenMissing;
    Turns turns(config, std::vector<UnixMicros>(7, kNow - kMaxEventAge));
    EXPECT_EQ(turns.Take(kNow), (Ids{1, 2, 3}));
    EXPECT_EQ(turns.core().NextDue(kNow), kNow) << "the next batch is looked at without delay";
    EXPECT_EQ(turns.Take(kNow), (Ids{4, 5, 6}));
    EXPECT_EQ(turns.Take(kNow), (Ids{7}));
    EXPECT_TRUE(turns.core().Owed().empty());
    EXPECT_EQ(turns.core().NextDue(kNow), 0);
}

TEST(DispatcherExpiry, ACopysEventsAreLeftAlone) {
    DatasetConfig config = Config();
    config.hold = Reason::kCloned;
    Turns turns(config, {kNow - kMaxEventAge});
    EXPECT_EQ(turns.Take(kNow), Ids{});
    EXPECT_EQ(turns.core().NextDue(kNow), 0);
    EXPECT_EQ(turns.core().Owed().ToMultirange(), "{[1,2)}");
}

TEST(DispatcherExpiry, WhatWasLoadedToExpireIsSentWhenTheDatasetGoesOn) {
    DatasetConfig config = Config();
    config.mode = Mode::kPaused;
    Turns turns(config, {kNow, kNow});
    EXPECT_EQ(turns.Take(kNow), Ids{});
    config.mode = Mode::kLive;
    turns.core().Configure({config});
    EXPECT_EQ(turns.Take(kNow), Ids{});
    ASSERT_EQ(turns.core().outgoing().size(), 1u);
    EXPECT_EQ(turns.core().outgoing()[0].events, "{[1,3)}");
}

TEST(DispatcherCancel, WhatIsCancelledInFlightDoesNotGoAgain) {
    Turns turns(Config(), {kNow, kNow});
    turns.Take(kNow);
    ASSERT_EQ(turns.core().outgoing().size(), 1u);
    turns.core().Sent(0, 77);
    turns.core().Drop(IdSet({{1, 1}}));
    HttpAnswer refused_connection;
    refused_connection.ticket = 77;
    turns.core().Answered(refused_connection, kNow, 0);
    EXPECT_EQ(turns.core().Owed().ToMultirange(), "{[2,3)}");
    turns.Take(kNow + kHour);
    ASSERT_EQ(turns.core().outgoing().size(), 1u);
    EXPECT_EQ(turns.core().outgoing()[0].events, "{[2,3)}");
}

TEST(DispatcherCancel, ABatchThatIsCancelledAsAWholeEnds) {
    Turns turns(Config(), {kNow});
    turns.Take(kNow);
    ASSERT_EQ(turns.core().outgoing().size(), 1u);
    turns.core().Sent(0, 77);
    turns.core().Drop(IdSet({{1, 1}}));
    HttpAnswer refused_connection;
    refused_connection.ticket = 77;
    turns.core().Answered(refused_connection, kNow, 0);
    EXPECT_FALSE(turns.core().HasOwed());
}

}  // namespace
}  // namespace crm_capi
