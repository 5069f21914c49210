// notice_test.cpp - what the shipper tells those who listen, and how often.
#include "core/dispatch/notice.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace crm_capi {
namespace {

using Json = nlohmann::json;

TEST(NoticeTest, HealthIsToldWithItsReason) {
    HealthChange change{};
    change.name = "the \"best\"";
    change.now.health = Health::kHeld;
    change.now.reason = Reason::kTokenRefused;
    change.now.detail = "not for everybody";
    const Json told =
        Json::parse(HealthNotice(change.name, HealthName(change.now.health), change.now.reason));
    EXPECT_EQ(told["kind"], "health");
    EXPECT_EQ(told["dataset"], "the \"best\"");
    EXPECT_EQ(told["health"], "held");
    EXPECT_EQ(told["reason_code"], "token_refused");
    EXPECT_TRUE(told["reason"].is_string());
    EXPECT_TRUE(told["hint"].is_string());
    EXPECT_EQ(told.size(), 6u);
    change.now = DatasetHealth();
    const Json well =
        Json::parse(HealthNotice(change.name, HealthName(change.now.health), change.now.reason));
    EXPECT_EQ(well["health"], "ok");
    EXPECT_TRUE(well["reason_code"].is_null());
    EXPECT_TRUE(well["hint"].is_null());
}

TEST(NoticeTest, AParkedEventIsToldByItsKind) {
    const Json told = Json::parse(ParkedNotice("", Reason::kDatasetMissing));
    EXPECT_TRUE(told["dataset"].is_null());
    EXPECT_EQ(told["kind"], "parked");
    EXPECT_EQ(told["reason_code"], "dataset_missing");
}

TEST(NoticeTest, AKindIsToldOnceADay) {
    ParkedKinds kinds;
    EXPECT_TRUE(kinds.MustTell("a", Reason::kRefused, kMicrosPerDay));
    EXPECT_FALSE(kinds.MustTell("a", Reason::kRefused, kMicrosPerDay));
    EXPECT_TRUE(kinds.MustTell("b", Reason::kRefused, kMicrosPerDay));
    EXPECT_TRUE(kinds.MustTell("a", Reason::kStageMissing, kMicrosPerDay));
    EXPECT_FALSE(kinds.MustTell("a", Reason::kRefused, 2 * kMicrosPerDay - 1));
    EXPECT_TRUE(kinds.MustTell("a", Reason::kRefused, 2 * kMicrosPerDay));
    EXPECT_FALSE(kinds.MustTell("a", Reason::kRefused, 2 * kMicrosPerDay + 1));
    EXPECT_TRUE(kinds.MustTell("a", Reason::kRefused, kMicrosPerDay));  // the clock was put back
}

}  // namespace
}  // namespace crm_capi
