// dispatcher_test.cpp - what is sent, how much at once, for whom; and what settings do to it.
#include "core/dispatch/dispatcher.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dispatcher_driver.hpp"

namespace crm_capi {
namespace {

class DispatcherTest : public ::testing::Test {
protected:
    void ConfigureTwo(int batch_size) {
        std::vector<DatasetConfig> configs = {Config(7, {3}), Config(8, {4})};
        for (DatasetConfig& config : configs) {
            config.batch_size = batch_size;
        }
        shipper.Configure(configs);
    }

    // Of two events a request. Those behind the first so many are paused.
    void ConfigureDryRun(int running, int paused) {
        std::vector<DatasetConfig> configs;
        for (int number = 1; number <= running + paused; ++number) {
            DatasetConfig config = Config(static_cast<uint32_t>(number), {number});
            config.mode = number <= running ? Mode::kDryRun : Mode::kPaused;
            config.batch_size = 2;
            configs.push_back(config);
        }
        shipper.Configure(configs);
    }

    // What is loaded beside those that have a full request.
    bool LoadsBeside(IdRange* range) {
        return shipper.core.NextLoad(shipper.now, Dispatcher::Whose::kWithoutFullBatch, 100, range);
    }

    // What is loaded with so many calls, each of so many events at the most.
    std::vector<IdRange> Load(int calls, int64_t most) {
        std::vector<IdRange> ranges;
        IdRange range{};
        while (calls-- > 0 &&
               shipper.core.NextLoad(shipper.now, Dispatcher::Whose::kAny, most, &range)) {
            ranges.push_back(range);
            for (int64_t id = range.first; id <= range.last; ++id) {
                shipper.core.Load(shipper.log[id]);
            }
        }
        return ranges;
    }

    DispatcherDriver shipper;
};

TEST_F(DispatcherTest, AnOwedEventIsLoadedSentAndDelivered) {
    shipper.Configure({Config(7, {3})});
    const int64_t id = shipper.Owe(3, 123456789012345);
    EXPECT_TRUE(shipper.core.HasOwed());

    const SentRequest request = shipper.TurnOfOne();
    EXPECT_EQ(request.dataset, 3);
    EXPECT_EQ(request.ids, Ids{id});
    EXPECT_EQ(request.http.url, "https://graph.facebook.com/" + std::string(kNewestApiVersion) +
                                    "/1234567890123417/events");
    EXPECT_NE(request.http.body.find("\"lead_id\":123456789012345"), std::string::npos);
    EXPECT_NE(request.http.body.find("\"event_name\":\"stage 1\""), std::string::npos);
    EXPECT_EQ(shipper.Owed(), "{[1,2)}") << "in flight is owed";
    EXPECT_TRUE(shipper.core.HasOwed());
    EXPECT_TRUE(shipper.Turn().empty()) << "once is enough";

    const AnswerRecord ended = shipper.Answer(request, Accepted(1));
    EXPECT_EQ(ended.request, request.request);
    EXPECT_STREQ(ended.outcome, "delivered");
    EXPECT_EQ(ended.next_attempt_at, 0);
    EXPECT_TRUE(ended.events.empty());
    EXPECT_EQ(shipper.Owed(), "{}");
    EXPECT_FALSE(shipper.core.HasOwed());
    EXPECT_EQ(shipper.DueMs(), -1);
}

TEST_F(DispatcherTest, ALongQueueLoadsOneBatchBeforeTheOthersHaveHadTheirTurn) {
    ConfigureTwo(100);
    shipper.OweMany(3, 2000);
    shipper.OweMany(4, 2000);
    EXPECT_EQ(Load(4, 100),
              (std::vector<IdRange>{{1, 100}, {2001, 2100}, {101, 200}, {2101, 2200}}));
    IdRange range{};
    EXPECT_FALSE(shipper.core.NextLoad(shipper.now, Dispatcher::Whose::kAny, 0, &range))
        << "the turn's budget is used up";
}

TEST_F(DispatcherTest, DatasetsThatTakeTurnsInTheLogAreLoadedInItsOrder) {
    ConfigureTwo(3);
    for (const int dataset : {4, 4, 3, 4, 3, 3, 3, 4}) {
        shipper.Owe(dataset, 1);
    }
    EXPECT_EQ(Load(9, 100), (std::vector<IdRange>{{1, 2}, {3, 3}, {4, 4}, {5, 6}, {7, 7}, {8, 8}}))
        << "the seventh and the eighth in a round of their own";
}

TEST_F(DispatcherTest, DatasetsShareTheMemoryForWhatIsLoaded) {
    constexpr int64_t kBytes = 1024 * 1024;
    ConfigureTwo(4);
    shipper.OweMany(3, 40);
    shipper.OweMany(4, 40);
    for (auto& [id, event] : shipper.log) {
        event.texts = EventTexts({"", std::string(kBytes, ' ')});
    }
    int64_t loaded = 0;
    for (const IdRange& range : Load(400, 400)) {
        loaded += range.Count();
    }
    EXPECT_LE(loaded, static_cast<int64_t>(kMostBytesLoaded) / kBytes);
    EXPECT_GT(loaded, static_cast<int64_t>(kMostBytesLoaded) / kBytes / 2);
}

// Those that are paused do not count.
TEST_F(DispatcherTest, ManyDatasetsWithLongBacklogsLoadTogether) {
    constexpr int kDatasets = 16;
    constexpr int kPaused = 48;
    constexpr int kBatchesLoaded = 8;  // of each: twice as many as may be in flight
    ConfigureDryRun(kDatasets, kPaused);
    for (int i = 0; i < 100 * kDatasets; ++i) {
        shipper.Owe(1 + i % kDatasets);
    }
    for (int number = kDatasets + 1; number <= kDatasets + kPaused; ++number) {
        shipper.OweMany(number, 10);
    }
    shipper.LoadAll();
    IdRange range{};
    shipper.core.Prepare(shipper.now, kDatasets * (kBatchesLoaded - 1) + kDatasets / 2 - 1);
    EXPECT_FALSE(LoadsBeside(&range)) << "seven of sixteen have sent what they had";
    shipper.core.Prepare(shipper.now, 1);
    EXPECT_TRUE(LoadsBeside(&range)) << "eight have";
    constexpr int64_t kNext = 2 * kBatchesLoaded * kDatasets + 1;
    EXPECT_EQ(range, (IdRange{kNext, kNext}));
}

// It reads few events of those that lie between: alone, it would descend for each.
TEST_F(DispatcherTest, TheEndOfALongBacklogWaitsForOthersAndALateEventDoesNot) {
    constexpr int kDatasets = 16;
    constexpr int kBatchesLoaded = 8;
    ConfigureDryRun(kDatasets + 1, 0);
    for (int i = 0; i < (2 * kBatchesLoaded + 1) * kDatasets; ++i) {
        shipper.Owe(1 + i % kDatasets);
    }
    EXPECT_EQ(shipper.LoadAll(), 2 * kBatchesLoaded * kDatasets);
    IdRange range{};
    shipper.core.Prepare(shipper.now, kDatasets * (kBatchesLoaded - 1) + kDatasets / 2 - 1);
    EXPECT_FALSE(LoadsBeside(&range)) << "seven of sixteen have one event left";
    const int64_t late = shipper.Owe(kDatasets + 1);
    EXPECT_TRUE(LoadsBeside(&range));
    EXPECT_EQ(range.first, 2 * kBatchesLoaded * kDatasets + 1) << "the others go along";
    for (int64_t id = range.first; id < late && LoadsBeside(&range); id = range.last) {
    }
    EXPECT_EQ(range, (IdRange{late, late}));
}

TEST_F(DispatcherTest, WhoeverHasAFullBatchKeepsNobodyElseFromBeingLoaded) {
    shipper.Configure({Config(7, {3}), Config(8, {4})});
    shipper.OweMany(3, 2000);
    EXPECT_EQ(shipper.LoadAll(), 2000);
    shipper.OweMany(3, 2000);
    shipper.OweMany(4, 2);
    IdRange range{};
    ASSERT_TRUE(LoadsBeside(&range));
    EXPECT_EQ(range, (IdRange{4001, 4002}));
    EXPECT_FALSE(LoadsBeside(&range));
}

TEST_F(DispatcherTest, RequestsHoldBatchSizeEventsAndMaxInFlightOfThemFly) {
    const struct {
        int batch_size;
        int max_in_flight;
        int owed;
        int max_requests;
        std::vector<size_t> sizes;
    } cases[] = {
        {500, 4, 0, 16, {}},
        {500, 4, 1, 16, {1}},
        {500, 4, 500, 16, {500}},
        {500, 4, 501, 16, {500, 1}},
        {500, 4, 5000, 16, {500, 500, 500, 500}},
        {1000, 1, 5000, 16, {1000}},
        {1, 3, 5, 16, {1, 1, 1}},
        {2, 8, 5, 16, {2, 2, 1}},
        {2, 8, 100, 3, {2, 2, 2}},
        {2, 8, 100, 0, {}},
    };
    for (const auto& c : cases) {
        DispatcherDriver driver;
        DatasetConfig config = Config(1, {1});
        config.batch_size = c.batch_size;
        config.max_in_flight = c.max_in_flight;
        driver.Configure({config});
        driver.OweMany(1, c.owed);
        std::vector<size_t> sizes;
        for (const SentRequest& request : driver.Turn(c.max_requests)) {
            sizes.push_back(request.ids.size());
        }
        EXPECT_EQ(sizes, c.sizes) << c.owed << " owed, " << c.batch_size << " a request, "
                                  << c.max_in_flight << " at once";
    }
}

TEST_F(DispatcherTest, EachAnswerFreesOnePlace) {
    shipper.Configure({SizedConfig(2, 2)});
    shipper.OweMany(1, 9);
    const auto first = shipper.Turn();
    ASSERT_EQ(IdsOf(first), (std::vector<Ids>{{1, 2}, {3, 4}}));
    EXPECT_TRUE(shipper.Turn().empty());
    shipper.Accept(first[1]);
    EXPECT_EQ(IdsOf(shipper.Turn()), (std::vector<Ids>{{5, 6}}));
    shipper.Accept(first[0]);
    EXPECT_EQ(IdsOf(shipper.Turn()), (std::vector<Ids>{{7, 8}}));
    EXPECT_EQ(shipper.Owed(), "{[5,10)}");
}

TEST_F(DispatcherTest, LoadsNoMoreThanItCanUseSoon) {
    shipper.Configure({SizedConfig(10, 3)});
    shipper.OweMany(1, 1000);
    EXPECT_TRUE(shipper.core.WantsLoad(shipper.now));
    EXPECT_EQ(shipper.LoadAll(), 60);
    EXPECT_EQ(shipper.LoadAll(), 0);
    const auto sent = shipper.Turn();
    EXPECT_EQ(sent.size(), 3u);
    EXPECT_EQ(shipper.LoadAll(), 10) << "of 30 left, two requests could not be filled up";
    shipper.Accept(sent[0]);
    EXPECT_EQ(shipper.LoadAll(), 0) << "enough is left";
}

TEST_F(DispatcherTest, WhatTheNextAnswersMakeRoomForIsLoadedWhileRequestsFly) {
    shipper.Configure({SizedConfig(10, 8)});
    shipper.OweMany(1, 165);
    EXPECT_EQ(shipper.LoadAll(), 160);
    const auto sent = shipper.Turn();
    ASSERT_EQ(sent.size(), 8u);
    EXPECT_FALSE(shipper.core.WantsLoad(shipper.now)) << "80 are left";
    for (int answers = 0; answers < 5; ++answers) {
        shipper.Accept(sent[answers]);
        ASSERT_EQ(shipper.Turn().size(), 1u);
    }
    EXPECT_TRUE(shipper.core.WantsLoad(shipper.now)) << "30 are left, and two requests want 40";
    EXPECT_EQ(shipper.LoadAll(), 5);
    EXPECT_FALSE(shipper.core.WantsLoad(shipper.now)) << "nothing is owed that is not loaded";
}

TEST_F(DispatcherTest, LargeEventsAreLoadedByTheirSize) {
    constexpr size_t kBytes = 32 * 1024;
    shipper.Configure({SizedConfig(100, 64)});
    shipper.OweMany(1, 5000);
    for (auto& [id, event] : shipper.log) {
        event.texts = EventTexts({"", std::string(kBytes, ' ')});
    }
    const auto loaded = static_cast<size_t>(shipper.LoadAll());
    EXPECT_LE(loaded, kMostBytesLoaded / kBytes);
    EXPECT_GT(loaded, kMostBytesLoaded / kBytes / 2);
    EXPECT_GT(shipper.Turn().size(), 4u);
}

TEST_F(DispatcherTest, OneRequestIsLoadedHoweverLargeItsEvents) {
    shipper.Configure({SizedConfig(1000, 1)});
    shipper.OweMany(1, 2000);
    for (auto& [id, event] : shipper.log) {
        event.texts = EventTexts({"", std::string(64 * 1024, ' ')});
    }
    EXPECT_EQ(shipper.LoadAll(), 1000);
    EXPECT_EQ(shipper.TurnOfOne().ids.size(), 1000u);
}

TEST_F(DispatcherTest, TellsWhenAFullRequestCanGo) {
    shipper.Configure({SizedConfig(2, 1)});
    shipper.OweMany(1, 6);
    EXPECT_FALSE(shipper.core.HasFullBatch(shipper.now)) << "nothing is loaded";
    const SentRequest request = shipper.TurnOfOne();
    EXPECT_FALSE(shipper.core.HasFullBatch(shipper.now)) << "there is no place for it";
    shipper.Accept(request);
    EXPECT_TRUE(shipper.core.HasFullBatch(shipper.now));
}

TEST_F(DispatcherTest, WhatMayGoAtOnceNeedNotBeOwedFirst) {
    shipper.Configure({SizedConfig(10, 1), Config(2, {2})});
    ASSERT_TRUE(shipper.core.LoadsAtOnce(1, shipper.now));
    Event event;
    event.id = 1;
    event.event_time = shipper.now;
    event.texts = EventTexts({"qualified"});
    shipper.core.Load(std::move(event));
    EXPECT_EQ(shipper.Owed(), "{[1,2)}");
    EXPECT_EQ(shipper.TurnOfOne().ids, (Ids{1}));
}

TEST_F(DispatcherTest, NothingIsLoadedBeforeWhatWaits) {
    DatasetConfig paused = Config(2, {2});
    paused.mode = Mode::kPaused;
    shipper.Configure({SizedConfig(10, 1), paused});
    EXPECT_FALSE(shipper.core.LoadsAtOnce(2, shipper.now)) << "it is paused";
    shipper.core.Owe(1, 1);
    EXPECT_FALSE(shipper.core.LoadsAtOnce(1, shipper.now)) << "one was owed before";
}

TEST_F(DispatcherTest, NothingIsLoadedBeforeANumberThatMayBeTheSameDatasets) {
    shipper.Configure({SizedConfig(10, 1)});
    EXPECT_FALSE(shipper.core.LoadsAtOnce(3, shipper.now)) << "nobody knows what it is";
    EXPECT_TRUE(shipper.core.LoadsAtOnce(1, shipper.now));
    shipper.core.Owe(3, 1);
    EXPECT_FALSE(shipper.core.LoadsAtOnce(1, shipper.now));
    shipper.Configure({Config(1, {1, 3})});
    EXPECT_FALSE(shipper.core.LoadsAtOnce(1, shipper.now)) << "it was, and waits";
}

TEST_F(DispatcherTest, EventsThatAreGoneFromTheLogAreOwedNoMore) {
    shipper.Configure({Config(1, {1})});
    shipper.OweMany(1, 4);
    shipper.log.erase(2);
    shipper.log.erase(4);
    EXPECT_EQ(shipper.TurnOfOne().ids, (Ids{1, 3}));
    EXPECT_EQ(shipper.Owed(), "{[1,2),[3,4)}");
}

TEST_F(DispatcherTest, ALongQueueLeavesRequestsOfATurnToTheOthers) {
    DatasetConfig configs[] = {Config(1, {1}), Config(2, {2}), Config(3, {3})};
    for (DatasetConfig& config : configs) {
        config.batch_size = 1;
    }
    shipper.Configure({configs[0], configs[1], configs[2]});
    shipper.OweMany(1, 100);
    shipper.OweMany(2, 1);
    shipper.OweMany(3, 2);
    EXPECT_EQ(DatasetsOf(shipper.Turn(6)), (std::vector<int>{1, 2, 3, 1, 3, 1}));
}

// Twenty busy datasets and room for six requests: a turn goes on where the last one stopped, or
// the first six would take all of them for ever.
TEST_F(DispatcherTest, NobodyIsLeftOutWhenTurnsAreShort) {
    std::vector<DatasetConfig> configs;
    for (int i = 1; i <= 20; ++i) {
        configs.push_back(Config(static_cast<uint32_t>(i), {i}));
        configs.back().batch_size = 1;
        shipper.OweMany(i, 50);
    }
    shipper.Configure(configs);
    std::map<int, int> served;
    for (int turn = 0; turn < 10; ++turn) {
        for (const SentRequest& request : shipper.Turn(6)) {
            ++served[request.dataset];
            shipper.Accept(request);
        }
    }
    for (int i = 1; i <= 20; ++i) {
        EXPECT_EQ(served[i], 3) << "dataset " << i;
    }
}

TEST_F(DispatcherTest, EachRequestGoesWithTheSettingsOfItsDataset) {
    DatasetConfig one = Config(1, {1});
    DatasetConfig two = Config(2, {2});
    two.endpoint = "https://gateway.example:8443/";
    two.constants.test_event_code = "TEST1";
    shipper.Configure({one, two});
    shipper.Owe(2);
    shipper.Owe(1);
    const auto sent = shipper.Turn();
    ASSERT_EQ(sent.size(), 2u);
    const SentRequest& of_one = sent[sent[0].dataset == 1 ? 0 : 1];
    const SentRequest& of_two = sent[sent[0].dataset == 1 ? 1 : 0];
    EXPECT_EQ(of_one.ids, Ids{2});
    EXPECT_EQ(of_one.http.url.find("https://graph.facebook.com/"), 0u);
    EXPECT_EQ(of_one.LastHeader(), "Authorization: Bearer token of 1");
    EXPECT_EQ(of_one.http.body.find("TEST1"), std::string::npos);
    EXPECT_EQ(of_two.ids, Ids{1});
    EXPECT_EQ(of_two.http.url.find("https://gateway.example:8443/v"), 0u);
    EXPECT_EQ(of_two.LastHeader(), "Authorization: Bearer token of 2");
    EXPECT_NE(of_two.http.body.find("TEST1"), std::string::npos);
}

TEST_F(DispatcherTest, AnAnswerThatNobodyWaitsForIsIgnored) {
    shipper.Configure({Config(1, {1})});
    shipper.Owe(1);
    const SentRequest request = shipper.TurnOfOne();
    HttpAnswer stray = Accepted(1);
    stray.ticket = request.ticket + 1;
    shipper.core.Answered(stray, shipper.now, kShortest);
    EXPECT_TRUE(shipper.core.ended().empty());
    shipper.Accept(request);
    stray.ticket = request.ticket;
    shipper.core.Answered(stray, shipper.now, kShortest);
    EXPECT_TRUE(shipper.core.ended().empty()) << "the same answer twice";
}

TEST_F(DispatcherTest, KnowsItsOldestRequestInFlight) {
    DatasetConfig config = Config(1, {1});
    config.batch_size = 1;
    shipper.Configure({config});
    EXPECT_EQ(shipper.core.OldestRequestInFlight(), 0);
    shipper.last_request = 40;
    shipper.OweMany(1, 3);
    const auto sent = shipper.Turn();
    ASSERT_EQ(sent.size(), 3u);
    EXPECT_EQ(shipper.core.OldestRequestInFlight(), 41);
    shipper.Accept(sent[1]);
    EXPECT_EQ(shipper.core.OldestRequestInFlight(), 41);
    shipper.Accept(sent[0]);
    EXPECT_EQ(shipper.core.OldestRequestInFlight(), 43);
    shipper.Accept(sent[2]);
    EXPECT_EQ(shipper.core.OldestRequestInFlight(), 0);
}

TEST_F(DispatcherTest, ADatasetThatMayNotSendKeepsWhatItOwes) {
    const struct {
        const char* what;
        Mode mode;
        Reason hold;
        std::vector<std::string> health;
    } cases[] = {
        {"paused", Mode::kPaused, Reason::kNone, {"server 1: paused paused !"}},
        {"no token", Mode::kLive, Reason::kTokenMissing, {"server 1: held token_missing !"}},
        {"both", Mode::kPaused, Reason::kCloned, {"server 1: held cloned !"}},
        {"a dry run without options",
         Mode::kDryRun,
         Reason::kOptionMissing,
         {"server 1: held option_missing !"}},
    };
    for (const auto& c : cases) {
        DispatcherDriver driver;
        DatasetConfig config = Config(1, {1});
        config.mode = c.mode;
        config.hold = c.hold;
        driver.Configure({config, Config(2, {2})});
        driver.Owe(1);
        driver.Owe(2);
        EXPECT_EQ(DatasetsOf(driver.Turn()), std::vector<int>{2}) << c.what;
        EXPECT_EQ(driver.LoadAll(), 0) << c.what;
        // Time does not help; it only lets the event expire, unless it is another database's.
        const int64_t six_days = int64_t{6} * 24 * 3600 * 1000;
        EXPECT_EQ(driver.DueMs() > six_days, c.hold != Reason::kCloned) << c.what;
        EXPECT_EQ(driver.DueMs() == -1, c.hold == Reason::kCloned) << c.what;
        EXPECT_TRUE(driver.core.HasOwed()) << c.what;
        const auto health = driver.Health();
        EXPECT_EQ(std::vector<std::string>(health.begin(), health.begin() + 1), c.health);

        driver.Configure({Config(1, {1}), Config(2, {2})});
        EXPECT_EQ(DatasetsOf(driver.Turn()), std::vector<int>{1}) << c.what << ": put right";
        EXPECT_EQ(driver.Health(), std::vector<std::string>{"server 1: ok !"}) << c.what;
    }
}

TEST_F(DispatcherTest, ADryRunEndsAtOnceAndSendsNothing) {
    DatasetConfig config = Config(1, {1});
    config.mode = Mode::kDryRun;
    config.batch_size = 2;
    config.max_in_flight = 1;
    shipper.Configure({config});
    shipper.OweMany(1, 3);
    shipper.OweUntil(1, kSecond);
    const auto built = shipper.Turn();
    EXPECT_EQ(IdsOf(built), (std::vector<Ids>{{1, 2}, {3}}));
    for (const SentRequest& request : built) {
        EXPECT_EQ(request.ticket, 0u);
        EXPECT_FALSE(request.http.body.empty()) << "built like any other";
    }
    EXPECT_EQ(shipper.TakeExpired(), Ids{4});
    EXPECT_EQ(shipper.Owed(), "{}");
    EXPECT_EQ(shipper.core.OldestRequestInFlight(), 0);
}

// Neither dry runs nor expired events bring an answer, and what is loaded at once is limited.
TEST_F(DispatcherTest, WantsAnotherTurnAtOnceWhenNoAnswerWillWakeIt) {
    DatasetConfig config = SizedConfig(1, 1);
    for (const Mode mode : {Mode::kDryRun, Mode::kLive}) {
        DispatcherDriver driver;
        config.mode = mode;
        driver.Configure({config});
        for (int i = 0; i < 10; ++i) {
            mode == Mode::kDryRun ? driver.Owe(1) : driver.OweUntil(1, -kHour);
        }
        for (int turns = 0; driver.core.HasOwed(); ++turns) {
            ASSERT_LT(turns, 10);
            EXPECT_EQ(driver.DueMs(), 0);
            driver.Turn();
        }
        EXPECT_EQ(driver.DueMs(), -1);
    }
}

}  // namespace
}  // namespace crm_capi
