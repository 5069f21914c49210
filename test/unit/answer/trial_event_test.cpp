// test_event_test.cpp - what capi_send_test_event() says of an answer.
#include "core/answer/trial_event.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace crm_capi {
namespace {

using Json = nlohmann::json;

constexpr const char* kTrialToken = "plaintoken";
constexpr const char* kTrialSecret = "plainsecret";

HttpAnswer TrialAnswer(int status, const std::string& body) {
    HttpAnswer answer;
    answer.result = TransportResult::kAnswered;
    answer.http_status = status;
    answer.body = body;
    return answer;
}

Json Tell(const HttpAnswer& answer) {
    return Json::parse(DescribeTrialEvent(answer, {kTrialToken, kTrialSecret}, "id", "TEST1"));
}

TEST(TestEventTest, ADeliveryHasNothingToExplain) {
    const Json told = Tell(TrialAnswer(
        200, R"({"events_received":1,"messages":["a plaintoken",7,"b"],"fbtrace_id":"Atrace"})"));
    EXPECT_EQ(told, Json::parse(R"({"verdict":"delivered","http_status":200,"events_received":1,
        "messages":["a ***","b"],"fbtrace_id":"Atrace","error":null,"reason_code":null,
        "reason":null,"hint":null,"detail":null,"event_id":"id","test_event_code":"TEST1"})"));
}

TEST(TestEventTest, AnErrorIsToldWithItsCodesAndWithoutSecrets) {
    const Json told =
        Tell(TrialAnswer(400, R"({"error":{"code":190,"error_subcode":463,"is_transient":false,
             "message":"plaintoken and plainsecret","fbtrace_id":"Atrace"}})"));
    EXPECT_EQ(told["verdict"], "held");
    EXPECT_EQ(told["reason_code"], "token_refused");
    EXPECT_TRUE(told["hint"].is_string());
    EXPECT_EQ(told["error"], Json::parse(R"({"code":190,"subcode":463,"is_transient":false,
                                             "message":"*** and ***"})"));
    EXPECT_EQ(told["fbtrace_id"], "Atrace");
    EXPECT_EQ(told.dump().find("plain"), std::string::npos);
}

TEST(TestEventTest, WhatMetaDidNotSayIsNull) {
    const Json told = Tell(TrialAnswer(400, R"({"error":{"code":100}})"));
    EXPECT_TRUE(told["error"]["subcode"].is_null());
    EXPECT_TRUE(told["error"]["is_transient"].is_null());
    EXPECT_TRUE(told["hint"].is_null());  // it would speak of the queue
    HttpAnswer none;
    none.error = "no route for plaintoken";
    const Json silent = Tell(none);
    EXPECT_EQ(silent["verdict"], "retry");
    EXPECT_TRUE(silent["http_status"].is_null());
    EXPECT_TRUE(silent["error"].is_null());
    EXPECT_EQ(silent["messages"], Json::array());
    EXPECT_EQ(silent["detail"], "no route for ***");
    EXPECT_TRUE(silent["hint"].is_string());
}

TEST(TestEventTest, BytesThatAreNoTextStayHarmless) {
    const Json told = Tell(TrialAnswer(
        200, "{\"events_received\":1,\"messages\":[\"\xff\"],\"fbtrace_id\":\"\xfe\"}"));
    EXPECT_EQ(told["verdict"], "delivered");
}

}  // namespace
}  // namespace crm_capi
