// payload_test.cpp - the bytes that go to Meta.
#include "core/event/payload.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "core/event/digest.hpp"
#include "sample_event.hpp"

namespace crm_capi {
namespace {

using Json = nlohmann::json;

DatasetConstants SampleDataset() {
    DatasetConstants dataset;
    dataset.dataset_id = "1234567890123456";
    dataset.lead_event_source = "In-house CRM";
    return dataset;
}

std::string EventText(const DatasetConstants& dataset, const Event& event) {
    std::string out;
    AppendEvent(dataset, event, &out);
    return out;
}

// The event parsed back; fails the test if it is not JSON.
Json EventJson(const DatasetConstants& dataset, const Event& event) {
    const std::string text = EventText(dataset, event);
    Json json = Json::parse(text, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << text;
    return json;
}

TEST(Payload, EventHasExactlyTheDocumentedShape) {
    EXPECT_EQ(EventText(SampleDataset(), SampleEvent()),
              R"({"event_name":"qualified","event_time":1790000000,)"
              R"("action_source":"system_generated",)"
              R"("event_id":")" +
                  EventId("1234567890123456", SampleEvent()) +
                  R"(","user_data":{"lead_id":12345678901234567},)"
                  R"("custom_data":{"event_source":"crm","lead_event_source":"In-house CRM"}})");
}

TEST(Payload, BodyHasExactlyTheDocumentedShape) {
    const DatasetConstants dataset = SampleDataset();
    const std::string event = EventText(dataset, SampleEvent());
    RequestBody body(dataset);
    body.Add(SampleEvent());
    body.Add(SampleEvent());
    EXPECT_EQ(body.Finish("", ""), R"({"data":[)" + event + "," + event + "]}");
}

TEST(Payload, TopLevelMembersFollowTheEvents) {
    DatasetConstants dataset = SampleDataset();
    dataset.partner_agent = "crm\"capi";
    dataset.test_event_code = "TEST123";
    RequestBody body(dataset);
    EXPECT_EQ(body.Finish("EAAB", "f4fb"),
              R"({"data":[],"partner_agent":"crm\"capi","test_event_code":"TEST123",)"
              R"("access_token":"EAAB","appsecret_proof":"f4fb"})");
}

TEST(Payload, LeadIdsKeepEveryDigit) {
    const std::pair<int64_t, std::string_view> cases[] = {
        {100000000000000, "100000000000000"},
        {9007199254740992, "9007199254740992"},
        {9007199254740993, "9007199254740993"},  // 2^53 + 1
        {12345678901234567, "12345678901234567"},
        {99999999999999999, "99999999999999999"},
        {std::numeric_limits<int64_t>::max(), "9223372036854775807"},
    };
    for (const auto& [lead_id, digits] : cases) {
        Event event = SampleEvent();
        event.lead_id = lead_id;
        const std::string text = EventText(SampleDataset(), event);
        EXPECT_NE(text.find("{\"lead_id\":" + std::string(digits) + "}"), text.npos) << text;
        EXPECT_EQ(EventJson(SampleDataset(), event)["user_data"]["lead_id"], lead_id);
    }
}

TEST(Payload, WithoutLeadIdThereIsNoMember) {
    for (const int64_t lane : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
        Event event = SampleEvent();
        event.lead_id = lane;
        EXPECT_EQ(EventJson(SampleDataset(), event)["user_data"], Json::object());
        event.texts = EventTexts({"qualified", R"({"em":["a"]})"});
        EXPECT_EQ(EventJson(SampleDataset(), event)["user_data"], Json::parse(R"({"em":["a"]})"));
    }
}

TEST(Payload, TimesAreWholeSecondsRoundedDown) {
    const std::pair<UnixMicros, int64_t> cases[] = {
        {1790000000000000, 1790000000},
        {1790000000999999, 1790000000},
        {0, 0},
        {-1, -1},
        {-1000000, -1},
        {-1000001, -2},
        {std::numeric_limits<int64_t>::min(), -9223372036855},
    };
    for (const auto& [time, seconds] : cases) {
        Event event = SampleEvent();
        event.event_time = time;
        EXPECT_EQ(EventJson(SampleDataset(), event)["event_time"], seconds) << time;
    }
}

struct SpliceCase {
    std::string_view object;
    std::string_view user_data;  // with the lead id in front
};

class SpliceTest : public testing::TestWithParam<SpliceCase> {};

TEST_P(SpliceTest, MembersFollowTheFixedOnes) {
    Event event = SampleEvent();
    event.texts = EventTexts({"qualified", GetParam().object, GetParam().object});
    const Json json = EventJson(SampleDataset(), event);
    EXPECT_EQ(json["user_data"], Json::parse(GetParam().user_data)) << GetParam().object;
    Json custom = Json::parse(GetParam().user_data);
    custom.erase("lead_id");
    custom["event_source"] = "crm";
    custom["lead_event_source"] = "In-house CRM";
    EXPECT_EQ(json["custom_data"], custom) << GetParam().object;
}

INSTANTIATE_TEST_SUITE_P(
    Objects, SpliceTest,
    testing::Values(SpliceCase{"", R"({"lead_id":12345678901234567})"},
                    SpliceCase{"{}", R"({"lead_id":12345678901234567})"},
                    SpliceCase{" \t\r\n{ \n} ", R"({"lead_id":12345678901234567})"},
                    SpliceCase{R"({"em":["x"]})", R"({"lead_id":12345678901234567,"em":["x"]})"},
                    SpliceCase{"\n { \"a\" : {\"b\":{}} , \"c\":\"}\" } \n",
                               R"({"lead_id":12345678901234567,"a":{"b":{}},"c":"}"})"},
                    SpliceCase{R"({"value":0.1,"n":null})",
                               R"({"lead_id":12345678901234567,"value":0.1,"n":null})"},
                    // Not objects: a fault of ours that must not refuse the batch.
                    SpliceCase{"null", R"({"lead_id":12345678901234567})"},
                    SpliceCase{"[1]", R"({"lead_id":12345678901234567})"},
                    SpliceCase{"{", R"({"lead_id":12345678901234567})"},
                    SpliceCase{"}", R"({"lead_id":12345678901234567})"},
                    SpliceCase{"  ", R"({"lead_id":12345678901234567})"}));

TEST(Payload, SpliceKeepsTheBytesBetweenTheBraces) {
    Event event = SampleEvent();
    event.texts = EventTexts({"qualified", " {\"em\": [\"x\"] } "});
    const std::string text = EventText(SampleDataset(), event);
    EXPECT_NE(text.find(R"("user_data":{"lead_id":12345678901234567,"em": ["x"] })"), text.npos)
        << text;
}

TEST(Payload, SpliceRepairsWrongBytes) {
    Event event = SampleEvent();
    event.texts = EventTexts({"qualified", "", "{\"city\":\"K\xF6ln\"}"});
    EXPECT_EQ(EventJson(SampleDataset(), event)["custom_data"]["city"], "K\xEF\xBF\xBDln");
}

TEST(Payload, ProcessingOptionsGoIntoEachEvent) {
    DatasetConstants dataset = SampleDataset();
    dataset.data_processing_options_country = 1;
    EXPECT_FALSE(EventJson(dataset, SampleEvent()).contains("data_processing_options_country"))
        << "means nothing without the options";
    dataset.data_processing_options = R"(["LDU"])";
    dataset.data_processing_options_state = 0;
    const Json json = EventJson(dataset, SampleEvent());
    EXPECT_EQ(json["data_processing_options"], Json::array({"LDU"}));
    EXPECT_EQ(json["data_processing_options_country"], 1);
    EXPECT_EQ(json["data_processing_options_state"], 0);
    dataset.data_processing_options = "[]";
    dataset.data_processing_options_country.reset();
    dataset.data_processing_options_state.reset();
    const std::string text = EventText(dataset, SampleEvent());
    EXPECT_NE(text.find(R"(,"data_processing_options":[]})"), text.npos) << text;
}

struct StringCase {
    std::string_view text;
    std::string_view json;
};

class JsonStringTest : public testing::TestWithParam<StringCase> {};

TEST_P(JsonStringTest, IsEscaped) {
    std::string out = "before ";
    AppendJsonString(GetParam().text, &out);
    EXPECT_EQ(out, "before " + std::string(GetParam().json));
}

INSTANTIATE_TEST_SUITE_P(Escapes, JsonStringTest,
                         testing::Values(StringCase{"", R"("")"}, StringCase{"plain", R"("plain")"},
                                         StringCase{"a\"b\\c/d", R"("a\"b\\c/d")"},
                                         StringCase{"\"", R"("\"")"},
                                         StringCase{"\b\f\n\r\t", R"("\b\f\n\r\t")"},
                                         StringCase{"\x01\x1F\x7F", "\"\\u0001\\u001f\x7F\""},
                                         StringCase{std::string_view("a\0b", 3), R"("a\u0000b")"},
                                         StringCase{"\xC3\xA4\xE3\x81\x82\xF0\x9F\x9A\x80",
                                                    "\"\xC3\xA4\xE3\x81\x82\xF0\x9F\x9A\x80\""},
                                         StringCase{"</script>'", R"("</script>'")"}));

INSTANTIATE_TEST_SUITE_P(
    WrongBytes, JsonStringTest,
    testing::Values(StringCase{"caf\xE9", "\"caf\xEF\xBF\xBD\""},
                    StringCase{"\xE3\x81", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
                    StringCase{"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
                    StringCase{"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
                    StringCase{"\xF4\x90\x80\x80",
                               "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
                    StringCase{"\xFF\"", "\"\xEF\xBF\xBD\\\"\""},
                    StringCase{"\xE3\"", "\"\xEF\xBF\xBD\\\"\""},
                    StringCase{"ok \xC3\xA4 \x80 ok", "\"ok \xC3\xA4 \xEF\xBF\xBD ok\""}));

TEST(Payload, EveryByteMakesValidJson) {
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            const std::string text = {static_cast<char>(first), static_cast<char>(second)};
            std::string out;
            AppendJsonString(text, &out);
            ASSERT_TRUE(Json::accept(out)) << testing::PrintToString(text);
        }
    }
}

TEST(Payload, HostileStageStaysAString) {
    Event event = SampleEvent();
    event.texts = EventTexts({R"(x","event_time":1,"y":")"});
    const Json json = EventJson(SampleDataset(), event);
    EXPECT_EQ(json["event_name"], std::string(event.texts.event_name()));
    EXPECT_EQ(json["event_time"], 1790000000);
}

TEST(Payload, AThousandEventsAreOneDocument) {
    const DatasetConstants dataset = SampleDataset();
    RequestBody body(dataset);
    Event event = SampleEvent();
    for (int i = 0; i < 1000; ++i) {
        ++event.lead_id;
        body.Add(event);
    }
    const Json json = Json::parse(body.Finish("", ""));
    ASSERT_EQ(json["data"].size(), 1000u);
    EXPECT_EQ(json["data"][999]["user_data"]["lead_id"], SampleEvent().lead_id + 1000);
}

}  // namespace
}  // namespace crm_capi
