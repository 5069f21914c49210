// dataset_config_test.cpp - the request that follows from a dataset's settings.
#include "core/dispatch/dataset_config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace crm_capi {
namespace {

// Reference 3.4.
constexpr char kToken[] = "accesstoken0";
constexpr char kSecret[] = "appsecret1";
constexpr char kProof[] = "f4fb3b41a416d7da68b7cb62f9a87aafd90911be3dc2896332a206dd96af0e32";

DatasetConfig SampleConfig() {
    DatasetConfig config;
    config.server = 1;
    config.numbers = {1};
    config.api_version = "v27.0";
    config.constants.dataset_id = "1234567890123456";
    config.constants.lead_event_source = "test";
    config.access_token = kToken;
    return config;
}

std::vector<Event> SampleEvents(int count) {
    std::vector<Event> events(static_cast<size_t>(count));
    for (Event& event : events) {
        event.lead_id = 123456789012345;
        event.event_time = 1790000000 * kMicrosPerSecond;
        event.texts = EventTexts({"qualified"});
    }
    return events;
}

bool Holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(DatasetConfig, TheUrlIsEndpointVersionAndDataset) {
    const struct {
        const char* endpoint;
        const char* expected;
    } cases[] = {
        {"https://graph.facebook.com", "https://graph.facebook.com/v27.0/1234567890123456/events"},
        {"https://graph.facebook.com/", "https://graph.facebook.com/v27.0/1234567890123456/events"},
        {"https://localhost:8443", "https://localhost:8443/v27.0/1234567890123456/events"},
        {"http://[::1]:8080/", "http://[::1]:8080/v27.0/1234567890123456/events"},
    };
    for (const auto& c : cases) {
        DatasetConfig config = SampleConfig();
        config.endpoint = c.endpoint;
        EXPECT_EQ(BuildRequest(config, SampleEvents(1)).url, c.expected);
    }
}

TEST(DatasetConfig, BeginsWithTheDefaultsOfTheContract) {
    const DatasetConfig config;
    EXPECT_EQ(config.endpoint, "https://graph.facebook.com");
    EXPECT_EQ(config.api_version, "v27.0");
    EXPECT_EQ(config.batch_size, 500);
    EXPECT_EQ(config.max_in_flight, 4);
    EXPECT_EQ(config.timeout_ms, 30000);
    EXPECT_EQ(config.token_place, TokenPlace::kHeader);
    EXPECT_EQ(config.mode, Mode::kLive);
    EXPECT_EQ(config.hold, Reason::kNone);
}

// The token is in exactly one place; the proof goes beside it, or into the body if that is the
// header, which has no place for it.
TEST(DatasetConfig, TheTokenIsWhereItIsWishedAndNowhereElse) {
    const struct {
        TokenPlace place;
        bool has_secret;
        const char* header;
        const char* in_body;
        const char* query;
    } cases[] = {
        {TokenPlace::kHeader, false, "Authorization: Bearer accesstoken0", "]}", ""},
        {TokenPlace::kHeader, true, "Authorization: Bearer accesstoken0",
         "],\"appsecret_proof\":\"PROOF\"}", ""},
        {TokenPlace::kBody, false, "", "],\"access_token\":\"accesstoken0\"}", ""},
        {TokenPlace::kBody, true, "",
         "],\"access_token\":\"accesstoken0\",\"appsecret_proof\":\"PROOF\"}", ""},
        {TokenPlace::kQuery, false, "", "]}", "?access_token=accesstoken0"},
        {TokenPlace::kQuery, true, "", "]}", "?access_token=accesstoken0&appsecret_proof=PROOF"},
    };
    const auto with_proof = [](std::string text) {
        const size_t at = text.find("PROOF");
        return at == std::string::npos ? text : text.replace(at, 5, kProof);
    };
    for (const auto& c : cases) {
        DatasetConfig config = SampleConfig();
        config.token_place = c.place;
        config.app_secret = c.has_secret ? kSecret : "";
        const HttpRequest request = BuildRequest(config, SampleEvents(1));
        std::vector<std::string> headers = {"Content-Type: application/json"};
        if (*c.header != '\0') {
            headers.emplace_back(c.header);
        }
        EXPECT_EQ(request.headers, headers);
        EXPECT_EQ(request.url,
                  "https://graph.facebook.com/v27.0/1234567890123456/events" + with_proof(c.query));
        const std::string end = with_proof(c.in_body);
        ASSERT_GE(request.body.size(), end.size());
        EXPECT_EQ(request.body.substr(request.body.size() - end.size()), end);
        const std::string all = request.url + request.body;
        EXPECT_EQ(Holds(all, kToken), c.place != TokenPlace::kHeader);
        EXPECT_EQ(Holds(all, kProof), c.has_secret);
        EXPECT_FALSE(Holds(all + headers.back(), kSecret)) << "the secret itself never leaves";
    }
}

TEST(DatasetConfig, TheTokenIsPercentEncodedInTheQueryAlone) {
    const struct {
        const char* token;
        const char* encoded;
    } cases[] = {
        {"EAAB-._~09azAZ", "EAAB-._~09azAZ"},
        {"1|a+b/c==", "1%7Ca%2Bb%2Fc%3D%3D"},
        {"a&appsecret_proof=x#y?z", "a%26appsecret_proof%3Dx%23y%3Fz"},
        {"%41 \"\\\r\n", "%2541%20%22%5C%0D%0A"},
        {"\xC3\xA9\xFF", "%C3%A9%FF"},
    };
    for (const auto& c : cases) {
        DatasetConfig config = SampleConfig();
        config.access_token = c.token;
        config.token_place = TokenPlace::kQuery;
        EXPECT_EQ(BuildRequest(config, SampleEvents(1)).url,
                  std::string("https://graph.facebook.com/v27.0/1234567890123456/events") +
                      "?access_token=" + c.encoded);
    }
    DatasetConfig config = SampleConfig();
    config.access_token = "1|a+b/c==";
    EXPECT_EQ(BuildRequest(config, SampleEvents(1)).headers.back(),
              "Authorization: Bearer 1|a+b/c==");
    config.token_place = TokenPlace::kBody;
    EXPECT_TRUE(
        Holds(BuildRequest(config, SampleEvents(1)).body, "\"access_token\":\"1|a+b/c==\""));
}

TEST(DatasetConfig, PlainHttpIsAllowedOnThisMachineOnly) {
    const struct {
        const char* endpoint;
        bool allowed;
    } cases[] = {
        {"http://localhost:8080", true},
        {"http://127.0.0.1:8080/", true},
        {"http://[::1]:8080", true},
        {"http://graph.facebook.com", false},
        {"http://10.0.0.1", false},
        {"http://127.0.0.1.evil.example", false},
        {"http://localhost@evil.example", false},
        {"http://localhost/../evil", false},
        {"https://graph.facebook.com", false},
        {"ftp://localhost", false},
        {"", false},
    };
    for (const auto& c : cases) {
        DatasetConfig config = SampleConfig();
        config.endpoint = c.endpoint;
        EXPECT_EQ(BuildRequest(config, SampleEvents(1)).allow_plain_http, c.allowed) << c.endpoint;
    }
}

TEST(DatasetConfig, TimeLimitAndCaFileGoWithTheRequest) {
    DatasetConfig config = SampleConfig();
    EXPECT_EQ(BuildRequest(config, SampleEvents(1)).timeout_ms, 30000);
    EXPECT_EQ(BuildRequest(config, SampleEvents(1)).ca_file, "");
    config.timeout_ms = 1500;
    config.ca_file = "/etc/ca.pem";
    EXPECT_EQ(BuildRequest(config, SampleEvents(1)).timeout_ms, 1500);
    EXPECT_EQ(BuildRequest(config, SampleEvents(1)).ca_file, "/etc/ca.pem");
}

TEST(DatasetConfig, AProbeGoesToTheSamePlaceWithoutTokenAndEvent) {
    for (const TokenPlace place : {TokenPlace::kHeader, TokenPlace::kBody, TokenPlace::kQuery}) {
        DatasetConfig config = SampleConfig();
        config.app_secret = "appsecret";
        config.token_place = place;
        config.ca_file = "/etc/ca.pem";
        const HttpRequest probe = BuildProbe(config);
        const HttpRequest request = BuildRequest(config, {});
        EXPECT_EQ(probe.method, HttpMethod::kGet);
        EXPECT_EQ(request.method, HttpMethod::kPost);
        EXPECT_EQ(probe.url, request.url.substr(0, request.url.find('?')));
        EXPECT_EQ(probe.ca_file, request.ca_file);
        EXPECT_TRUE(probe.headers.empty());
        EXPECT_EQ(probe.body, "");
    }
}

TEST(DatasetConfig, TheBodyHoldsTheEventsInOrderAndTheTopLevelMembers) {
    DatasetConfig config = SampleConfig();
    config.constants.test_event_code = "TEST1";
    config.constants.partner_agent = "agent";
    std::vector<Event> events = SampleEvents(3);
    events[0].texts = EventTexts({"first"});
    events[2].texts = EventTexts({"last"});
    const std::string body = BuildRequest(config, events).body;
    EXPECT_EQ(body.find("{\"data\":[{\"event_name\":\"first\""), 0u);
    EXPECT_LT(body.find("\"first\""), body.find("\"qualified\""));
    EXPECT_LT(body.find("\"qualified\""), body.find("\"last\""));
    const std::string end = "],\"partner_agent\":\"agent\",\"test_event_code\":\"TEST1\"}";
    EXPECT_EQ(body.substr(body.size() - end.size()), end);
}

}  // namespace
}  // namespace crm_capi
