// pacing_test.cpp - slowing down before Meta blocks us.
#include "core/answer/pacing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

TEST(PaceAskedFor, IsTheLongestOfAllUsageHeaders) {
    const std::string five = R"({"1":[{"estimated_time_to_regain_access":5}]})";
    const struct {
        Headers headers;
        int percentage;
        UnixMicros pause;
    } cases[] = {
        {{}, 0, 0},
        {{{"x-business-use-case-usage", five}}, 0, 5 * kMinute},
        {{{"x-app-usage", five}}, 0, 5 * kMinute},
        {{{"x-ad-account-usage", five}}, 0, 5 * kMinute},
        {{{"date", five}, {"x-fb-trace-id", five}}, 0, 0},
        {{{"x-app-usage", five},
          {"x-business-use-case-usage",
           R"({"1":[{"estimated_time_to_regain_access":3},{"estimated_time_to_regain_access":9}]})"}},
         0,
         9 * kMinute},
        {{{"x-app-usage", R"({"estimated_time_to_regain_access":-1})"}}, 0, 0},
        {{{"x-app-usage", R"({"estimated_time_to_regain_access":1e300})"}}, 0, 24 * kHour},
        {{{"x-app-usage", "<html>"}, {"x-ad-account-usage", ""}}, 0, 0},
        {{{"x-app-usage", R"({"call_count":75,"total_time":10})"}}, 75, 0},
        {{{"x-app-usage", R"({"call_count":10,"total_time":80})"}}, 80, 12 * kSecond},
        {{{"x-ad-account-usage", R"({"acc_id_util_pct":99.2})"}}, 100, kMinute},
        {{{"x-app-usage", R"({"call_count":250})"}}, 250, kMinute},
        {{{"x-app-usage", R"({"call_count":90})"}, {"x-business-use-case-usage", five}},
         90,
         5 * kMinute},
    };
    for (const auto& c : cases) {
        HttpAnswer http = Accepted(1);
        http.headers = c.headers;
        const Pace pace = PaceAskedFor(http);
        const std::string what = c.headers.empty() ? "none" : c.headers.back().second;
        EXPECT_EQ(pace.pause, c.pause) << what;
        EXPECT_EQ(pace.percentage, c.percentage) << what;
    }
}

using Told = std::vector<std::string>;

// Four requests of one event at once.
class PacingTest : public ::testing::Test {
protected:
    PacingTest() {
        config.batch_size = 1;
        config.max_in_flight = 4;
        shipper.Configure({config});
        shipper.Health();
        shipper.OweMany(1, 20);
    }

    static HttpAnswer With(HttpAnswer answer, int percentage) {
        answer.headers.emplace_back("x-app-usage",
                                    R"({"call_count":)" + std::to_string(percentage) + "}");
        return answer;
    }

    void AnswerAll(int percentage) {
        for (const SentRequest& request : shipper.Turn()) {
            shipper.Answer(request, With(Accepted(1), percentage));
        }
    }

    DatasetConfig config = Config(1, {1});
    DispatcherDriver shipper;
};

TEST_F(PacingTest, BelowTheBoundNothingChanges) {
    AnswerAll(74);
    EXPECT_EQ(shipper.Health(), Told());
    EXPECT_EQ(shipper.Turn().size(), 4u);
}

TEST_F(PacingTest, RequestsGoOneByOneWithPausesThatGrow) {
    AnswerAll(80);
    EXPECT_EQ(shipper.Health(), Told{"server 1: slowed usage_high +12000 !"});
    EXPECT_TRUE(shipper.Turn().empty());
    shipper.now += 12 * kSecond;
    const SentRequest one = shipper.TurnOfOne();
    shipper.now += kSecond;
    EXPECT_TRUE(shipper.Turn().empty()) << "one at a time";
    shipper.Answer(one, With(Accepted(1), 100));
    EXPECT_EQ(shipper.Health(), Told{"server 1: slowed usage_high +60000"});
    EXPECT_EQ(shipper.DueMs(), 60000);
}

TEST_F(PacingTest, FullSpeedReturnsOnceThereIsRoomAgain) {
    AnswerAll(90);
    shipper.Health();
    shipper.now += 36 * kSecond;
    AnswerAll(74);
    EXPECT_EQ(shipper.Health(), Told{"server 1: slowed usage_high"})
        << "a share that hovers does not flicker, so nothing is announced";
    EXPECT_EQ(shipper.DueMs(), 0);
    AnswerAll(69);
    EXPECT_EQ(shipper.Health(), Told{"server 1: ok !"});
    EXPECT_EQ(shipper.Turn().size(), 4u);
}

TEST_F(PacingTest, ARefusedBatchSlowsDownToo) {
    config.batch_size = 4;
    shipper.Configure({config});
    const SentRequest request = shipper.Turn().front();
    shipper.Answer(request, With(Refused(100, 2804003), 100));
    EXPECT_EQ(shipper.DueMs(), 60000) << "a bisection costs requests like everything else";
}

TEST_F(PacingTest, AnAnswerOfBeforeAFailureStillPaces) {
    const auto sent = shipper.Turn();
    ASSERT_EQ(sent.size(), 4u);
    shipper.Answer(sent[0], NotConnected());
    shipper.Answer(sent[1], With(Accepted(1), 100));
    EXPECT_EQ(shipper.Health(), Told{"server 1: retrying not_connected +60000 !"});
}

TEST_F(PacingTest, AChangedSettingEndsThePause) {
    AnswerAll(100);
    ++config.resumes;
    shipper.Configure({config});
    EXPECT_EQ(shipper.Turn().size(), 4u);
}

TEST_F(PacingTest, AClockPutBackEndsPausesAsMuchSooner) {
    AnswerAll(100);
    shipper.now += 10 * kSecond;
    EXPECT_TRUE(shipper.Turn().empty());
    shipper.now -= kHour;
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.DueMs(), 50000);
    shipper.now += 50 * kSecond;
    EXPECT_EQ(shipper.Turn().size(), 1u);
}

}  // namespace
}  // namespace crm_capi
