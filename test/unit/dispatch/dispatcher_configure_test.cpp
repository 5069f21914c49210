// dispatcher_configure_test.cpp - datasets come, go, change their settings and turn out to be one.
#include "core/dispatch/dispatcher.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

class DispatcherConfigureTest : public ::testing::Test {
protected:
    DispatcherDriver shipper;
};

TEST_F(DispatcherConfigureTest, EventsOfAnUnknownDatasetWaitUntilItIsNamed) {
    EXPECT_FALSE(shipper.core.NeedsConfiguration());
    shipper.Owe(5);
    EXPECT_TRUE(shipper.core.NeedsConfiguration());
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.Health(), std::vector<std::string>());

    shipper.Configure({Config(1, {1})});
    EXPECT_FALSE(shipper.core.NeedsConfiguration()) << "asked once";
    shipper.Owe(5);
    EXPECT_FALSE(shipper.core.NeedsConfiguration()) << "nothing new about it";
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.DueMs(), -1);
    EXPECT_EQ(shipper.Owed(), "{[1,3)}");
    EXPECT_TRUE(shipper.core.HasOwed());

    shipper.Configure({Config(1, {1}), Config(2, {5})});
    const SentRequest request = shipper.TurnOfOne();
    EXPECT_EQ(request.dataset, 5);
    EXPECT_EQ(request.ids, (Ids{1, 2}));
}

TEST_F(DispatcherConfigureTest, ADatasetThatIsGoneKeepsWhatItOwes) {
    shipper.Configure({Config(1, {1})});
    shipper.Owe(1);
    shipper.Configure({});
    shipper.Owe(1);
    EXPECT_FALSE(shipper.core.NeedsConfiguration());
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.Owed(), "{[1,3)}");
    shipper.Configure({Config(1, {1})});
    EXPECT_EQ(shipper.TurnOfOne().ids, (Ids{1, 2}));
}

// Without a server they have only their numbers, by which each is told why it waits.
TEST_F(DispatcherConfigureTest, DatasetsThatAreGoneAreNotTakenForOne) {
    shipper.Configure({Config(1, {1}), Config(2, {2})});
    EXPECT_FALSE(shipper.core.HasHeld());
    shipper.Health();
    DatasetConfig gone[] = {Config(1, {1}), Config(2, {2})};
    for (DatasetConfig& config : gone) {
        config.server = 0;
        config.hold = Reason::kDatasetMissing;
    }
    for (int i = 0; i < 2; ++i) {
        shipper.Configure({gone[0], gone[1]});
        EXPECT_EQ(shipper.Health(),
                  i > 0 ? std::vector<std::string>()
                        : (std::vector<std::string>{"server 1: held dataset_missing !",
                                                    "server 2: held dataset_missing !"}));
    }
    EXPECT_TRUE(shipper.core.HasHeld());
    shipper.Owe(1);
    shipper.Owe(2);
    EXPECT_TRUE(shipper.Turn().empty());
    shipper.Configure({gone[0], Config(7, {2})});
    const SentRequest request = shipper.TurnOfOne();
    EXPECT_EQ(request.dataset, 2);
    EXPECT_EQ(request.ids, Ids{2});
}

TEST_F(DispatcherConfigureTest, AServerCreatedAgainIsKnownByItsNumber) {
    shipper.Configure({Config(1, {1})});
    shipper.OweMany(1, 2);
    const SentRequest request = shipper.TurnOfOne();
    shipper.Owe(1);
    shipper.Configure({});
    shipper.Configure({Config(9, {1, 2})});  // what it owes comes under the old number or the new
    shipper.Owe(2);
    shipper.Accept(request);
    const SentRequest next = shipper.TurnOfOne();
    EXPECT_EQ(next.ids, (Ids{3, 4}));
    EXPECT_EQ(next.LastHeader(), "Authorization: Bearer token of 9");
}

// Two sessions that use a new dataset at the same moment both give it a number.
TEST_F(DispatcherConfigureTest, NumbersOfOneDatasetShareAQueueInTheOrderOfIds) {
    const int64_t lead = 123456789012345;
    for (const int number : {1, 2, 1, 2, 2, 1}) {
        shipper.Owe(number, lead);
    }
    DatasetConfig config = Config(7, {1, 2});
    config.batch_size = 2;
    shipper.Configure({config});
    EXPECT_FALSE(shipper.core.NeedsConfiguration());
    shipper.Owe(2, lead);
    for (const Ids& expected : std::vector<Ids>{{1, 2}, {3, 4}, {5, 6}, {7}}) {
        const SentRequest request = shipper.TurnOfOne();
        EXPECT_EQ(request.ids, expected);
        EXPECT_EQ(request.dataset, 1) << "the main number";
        shipper.Accept(request);
    }
    EXPECT_FALSE(shipper.core.HasOwed());
}

TEST_F(DispatcherConfigureTest, ANumberAddedLaterBringsWhatItOwes) {
    shipper.Configure({Config(1, {1})});
    shipper.OweMany(1, 2);
    const SentRequest request = shipper.TurnOfOne();  // the dataset is busy meanwhile
    shipper.OweMany(2, 2);
    shipper.Owe(1);
    shipper.Configure({Config(1, {1, 2})});
    EXPECT_FALSE(shipper.core.NeedsConfiguration());
    EXPECT_EQ(shipper.Owed(), "{[1,6)}");
    shipper.Accept(request);
    EXPECT_EQ(shipper.TurnOfOne().ids, (Ids{3, 4, 5}));
}

TEST_F(DispatcherConfigureTest, WhatIsInFlightEndsBeforeTheRestMovesOver) {
    DatasetConfig one = SizedConfig(1, 1);
    shipper.Configure({one, Config(2, {2})});
    shipper.OweMany(1, 2);
    const SentRequest request = shipper.TurnOfOne();

    const std::vector<DatasetConfig> merged = {Config(2, {1, 2})};  // server 1 is gone
    shipper.Configure(merged);
    EXPECT_TRUE(shipper.core.NeedsConfiguration()) << "asks again";
    EXPECT_TRUE(shipper.Turn().empty());
    shipper.Configure(merged);
    EXPECT_TRUE(shipper.core.NeedsConfiguration());

    shipper.Answer(request, NotConnected());
    shipper.Configure(merged);
    EXPECT_FALSE(shipper.core.NeedsConfiguration());
    const SentRequest moved = shipper.TurnOfOne();
    EXPECT_EQ(moved.ids, (Ids{1, 2}));
    EXPECT_EQ(moved.LastHeader(), "Authorization: Bearer token of 2");
}

// DROP SERVER a; CREATE SERVER a; ALTER SERVER a RENAME TO b; CREATE SERVER a: the oldest number
// leads to the third server, while the second, which took over its queue, goes on.
TEST_F(DispatcherConfigureTest, ADatasetThatGoesOnIsNeverMistakenForAnother) {
    shipper.Configure({Config(2, {1, 2})});
    shipper.Owe(1);
    shipper.Owe(2);
    const std::vector<DatasetConfig> parted = {Config(3, {1, 3}), Config(2, {2})};
    for (int i = 0; i < 2; ++i) {
        shipper.Configure(parted);
        EXPECT_FALSE(shipper.core.NeedsConfiguration());
    }
    shipper.Owe(3);
    shipper.Owe(2);
    std::map<std::string, Ids> by_token;
    for (const SentRequest& request : shipper.Turn()) {
        by_token[request.LastHeader()] = request.ids;
    }
    EXPECT_EQ(by_token["Authorization: Bearer token of 2"], (Ids{1, 2, 4}));
    EXPECT_EQ(by_token["Authorization: Bearer token of 3"], (Ids{3}));
}

const struct {
    const char* name;
    std::function<void(DatasetConfig*)> change;
} kChanges[] = {
    {"access_token", [](DatasetConfig* config) { config->access_token = "new"; }},
    {"app_secret", [](DatasetConfig* config) { config->app_secret = "new"; }},
    {"token_in", [](DatasetConfig* config) { config->token_place = TokenPlace::kBody; }},
    {"endpoint", [](DatasetConfig* config) { config->endpoint = "https://gateway.example"; }},
    {"api_version", [](DatasetConfig* config) { config->api_version = "v99.0"; }},
    {"ca_file", [](DatasetConfig* config) { config->ca_file = "/ca.pem"; }},
    {"batch_size", [](DatasetConfig* config) { config->batch_size = 7; }},
    {"max_in_flight", [](DatasetConfig* config) { config->max_in_flight = 2; }},
    {"timeout", [](DatasetConfig* config) { config->timeout_ms = 99; }},
    {"capi_resume", [](DatasetConfig* config) { ++config->resumes; }},
    {"dataset_id", [](DatasetConfig* config) { config->constants.dataset_id = "1"; }},
    {"lead_event_source", [](DatasetConfig* config) { config->constants.lead_event_source = "x"; }},
    {"test_event_code", [](DatasetConfig* config) { config->constants.test_event_code = "x"; }},
    {"partner_agent", [](DatasetConfig* config) { config->constants.partner_agent = "x"; }},
    {"data_processing_options",
     [](DatasetConfig* config) { config->constants.data_processing_options = "[]"; }},
    {"data_processing_options_country",
     [](DatasetConfig* config) { config->constants.data_processing_options_country = 0; }},
    {"data_processing_options_state",
     [](DatasetConfig* config) { config->constants.data_processing_options_state = 0; }},
};

TEST_F(DispatcherConfigureTest, AChangedSettingHasTheDatasetTriedAtOnce) {
    for (const auto& c : kChanges) {
        DispatcherDriver driver;
        driver.Configure({Config(1, {1})});
        driver.OweMany(1, 5);
        driver.Answer(driver.TurnOfOne(), TokenRefused());
        driver.Health();
        ASSERT_TRUE(driver.Turn().empty());

        DatasetConfig changed = Config(1, {1});
        c.change(&changed);
        driver.Configure({changed});
        EXPECT_EQ(driver.Health(), std::vector<std::string>{"server 1: ok !"}) << c.name;
        EXPECT_EQ(driver.TurnOfOne().ids.size(), 5u) << c.name << ": no probe";
    }
}

TEST_F(DispatcherConfigureTest, SettingsReadAgainAndANewNameChangeNothing) {
    shipper.Configure({Config(1, {1})});
    shipper.OweMany(1, 5);
    shipper.Answer(shipper.TurnOfOne(), TokenRefused());
    shipper.Health();
    DatasetConfig renamed = Config(1, {1});
    renamed.name = "renamed";
    shipper.Configure({renamed});
    EXPECT_EQ(shipper.Health(), std::vector<std::string>());
    EXPECT_TRUE(shipper.Turn().empty());
    EXPECT_EQ(shipper.DueMs(), 50);
}

// Requests made with the old token fail after the new one is set.
TEST_F(DispatcherConfigureTest, AnAnswerToOldSettingsSaysNothingAboutTheNew) {
    DatasetConfig config = SizedConfig(1, 3);
    shipper.Configure({config});
    shipper.OweMany(1, 4);
    const auto old = shipper.Turn();
    ASSERT_EQ(old.size(), 3u);
    shipper.Health();
    config.access_token = "new";
    shipper.Configure({config});
    const AnswerRecord ended = shipper.Answer(old[0], TokenRefused());
    EXPECT_STREQ(ended.outcome, "held");
    EXPECT_EQ(ended.next_attempt_at, shipper.now);
    EXPECT_EQ(shipper.Health(), std::vector<std::string>());
    const SentRequest again = shipper.TurnOfOne();
    EXPECT_EQ(again.ids, Ids{1});
    EXPECT_EQ(again.LastHeader(), "Authorization: Bearer new");
    shipper.Answer(again, TokenRefused());
    EXPECT_EQ(shipper.Health(), std::vector<std::string>{"server 1: held token_refused +50 !"});
    shipper.Accept(old[1]);
    EXPECT_TRUE(shipper.Turn().empty()) << "that the old token was good does not help";
}

TEST_F(DispatcherConfigureTest, HealthIsToldToANewNumberEvenIfItHasNotChanged) {
    shipper.Configure({Config(1, {1})});
    EXPECT_EQ(shipper.Health(), std::vector<std::string>{"server 1: ok"});
    shipper.Configure({Config(1, {1})});
    EXPECT_EQ(shipper.Health(), std::vector<std::string>());
    shipper.Configure({Config(1, {1, 2})});
    EXPECT_EQ(shipper.Health(), std::vector<std::string>{"server 1: ok"});
    shipper.Owe(3);
    shipper.Configure({Config(1, {1, 2}), Config(2, {3})});
    EXPECT_EQ(shipper.Health(), std::vector<std::string>{"server 2: ok"});
}

}  // namespace
}  // namespace crm_capi
