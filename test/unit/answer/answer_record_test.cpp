// ending_test.cpp - what is written down of an answer, field by field.
#include "core/answer/answer_record.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crm_capi {
namespace {

HttpAnswer Answered(int http_status, std::string body) {
    HttpAnswer http;
    http.result = TransportResult::kAnswered;
    http.http_status = http_status;
    http.body = std::move(body);
    return http;
}

HttpAnswer Lost(TransportResult result, std::string error, int http_status = 0) {
    HttpAnswer http;
    http.result = result;
    http.http_status = http_status;
    http.error = std::move(error);
    return http;
}

std::string Error(const std::string& members) {
    return "{\"error\":{" + members + ",\"fbtrace_id\":\"AbC_1\"}}";
}

struct Case {
    HttpAnswer http;
    VerdictKind kind;
    const char* outcome;
    Reason reason;
    int64_t events_received;
    int64_t code;
    int64_t subcode;
    const char* detail;
    const char* fbtrace_id;
};

void Expect(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
        const std::string what =
            std::to_string(c.http.http_status) + " " + c.http.body.substr(0, 90);
        Verdict verdict{};
        const AnswerRecord ended = RecordAnswer(c.http, 10, {}, &verdict);
        EXPECT_EQ(verdict.kind, c.kind) << what;
        EXPECT_EQ(verdict.reason, c.reason) << what;
        EXPECT_STREQ(ended.outcome, c.outcome) << what;
        EXPECT_EQ(ended.http_status, c.http.http_status) << what;
        EXPECT_EQ(ended.events_received, c.events_received) << what;
        EXPECT_EQ(ended.error_code, c.code) << what;
        EXPECT_EQ(ended.error_subcode, c.subcode) << what;
        EXPECT_EQ(ended.reason, c.reason) << what;
        EXPECT_EQ(ended.detail, c.detail) << what;
        EXPECT_EQ(ended.fbtrace_id, c.fbtrace_id) << what;
        EXPECT_EQ(ended.request, 0) << what;
        EXPECT_EQ(ended.next_attempt_at, 0) << what;
        EXPECT_TRUE(ended.events.empty()) << what;
    }
}

TEST(Ending, SuccessHasNoDetail) {
    const auto kDelivered = VerdictKind::kDelivered;
    Expect({
        {Answered(200, R"({"events_received":10,"messages":[],"fbtrace_id":"AbC_1"})"), kDelivered,
         "delivered", Reason::kNone, 10, 0, 0, "", "AbC_1"},
        {Answered(201, R"({"events_received":"10","messages":["a warning"]})"), kDelivered,
         "delivered", Reason::kNone, 10, 0, 0, "", ""},
        {Answered(200, R"({"events_received":10,"error":null})"), kDelivered, "delivered",
         Reason::kNone, 10, 0, 0, "", ""},
    });
}

TEST(Ending, SuccessThatDoesNotSayTenIsInDoubt) {
    const auto kInDoubt = VerdictKind::kInDoubt;
    Expect({
        {Answered(200, R"({"events_received":9,"fbtrace_id":"AbC_1"})"), kInDoubt, "in_doubt",
         Reason::kCountMismatch, 9, 0, 0, "10 sent, 9 received", "AbC_1"},
        {Answered(200, R"({"events_received":0})"), kInDoubt, "in_doubt", Reason::kCountMismatch, 0,
         0, 0, "10 sent, 0 received", ""},
        {Answered(200, R"({"events_received":-3})"), kInDoubt, "in_doubt", Reason::kCountMismatch,
         -3, 0, 0, "10 sent, -3 received", ""},
        {Answered(200, R"({"success":true})"), kInDoubt, "in_doubt", Reason::kAnswerUnreadable, -1,
         0, 0, "HTTP status 200", ""},
        {Answered(200, R"({"events_received":1)"), kInDoubt, "in_doubt", Reason::kAnswerUnreadable,
         -1, 0, 0, "HTTP status 200", ""},
        {Answered(204, ""), kInDoubt, "in_doubt", Reason::kAnswerUnreadable, -1, 0, 0,
         "HTTP status 204", ""},
        {Answered(504, "<html>"), kInDoubt, "in_doubt", Reason::kConnectionCut, -1, 0, 0,
         "HTTP status 504", ""},
    });
}

TEST(Ending, AnErrorIsNotedWithCodeSubcodeAndMessage) {
    Expect({
        {Answered(400,
                  Error(R"("message":"Invalid parameter","code":100,"error_subcode":2804003)")),
         VerdictKind::kSplit, "refused", Reason::kRefused, -1, 100, 2804003,
         "code 100, subcode 2804003: Invalid parameter", "AbC_1"},
        {Answered(400, Error(R"("message":"Invalid parameter","code":100,"error_subcode":2804003,)"
                             R"("error_user_title":"Too Old")")),
         VerdictKind::kSplit, "refused", Reason::kRefused, -1, 100, 2804003,
         "code 100, subcode 2804003: Invalid parameter (Too Old)", "AbC_1"},
        {Answered(500, Error(R"("code":190)")), VerdictKind::kHold, "held", Reason::kTokenRefused,
         -1, 190, 0, "code 190", "AbC_1"},
        {Answered(200, Error(R"("message":"busy","code":2)")), VerdictKind::kRetry, "retry",
         Reason::kServerError, -1, 2, 0, "code 2: busy", "AbC_1"},
        {Answered(400, Error(R"("message":"slow","code":80004,"error_subcode":2446079)")),
         VerdictKind::kSlowDown, "slow_down", Reason::kThrottled, -1, 80004, 2446079,
         "code 80004, subcode 2446079: slow", "AbC_1"},
        {Answered(503, R"({"error":"upstream unavailable"})"), VerdictKind::kRetry, "retry",
         Reason::kServerError, -1, 0, 0, "code 0: upstream unavailable", ""},
    });
}

TEST(Ending, AnAnswerThatCannotBeReadLeavesItsStatus) {
    const std::string deep(100000, '[');
    for (const std::string& body :
         {std::string(), std::string("<html>Bad gateway</html>"), deep, std::string("\xff\xfe{"),
          std::string("[1,2]"), std::string("null"), std::string(1, '\0')}) {
        Expect({
            {Answered(502, body), VerdictKind::kRetry, "retry", Reason::kServerError, -1, 0, 0,
             "HTTP status 502", ""},
            {Answered(429, body), VerdictKind::kSlowDown, "slow_down", Reason::kThrottled, -1, 0, 0,
             "HTTP status 429", ""},
            {Answered(404, body), VerdictKind::kRetry, "retry", Reason::kAnswerUnreadable, -1, 0, 0,
             "HTTP status 404", ""},
        });
    }
}

TEST(Ending, WithoutAnAnswerLibcurlTellsWhy) {
    Expect({
        {Lost(TransportResult::kNotSent, "Could not resolve host: graph.facebook.com"),
         VerdictKind::kRetry, "retry", Reason::kNotConnected, -1, 0, 0,
         "Could not resolve host: graph.facebook.com", ""},
        {Lost(TransportResult::kMaybeDelivered, "Operation timed out after 30000 milliseconds"),
         VerdictKind::kInDoubt, "in_doubt", Reason::kConnectionCut, -1, 0, 0,
         "Operation timed out after 30000 milliseconds", ""},
        {Lost(TransportResult::kMaybeDelivered, "cut", 200), VerdictKind::kInDoubt, "in_doubt",
         Reason::kConnectionCut, -1, 0, 0, "cut", ""},
        {Lost(TransportResult::kAnswerTooLarge, "answer too large", 200), VerdictKind::kInDoubt,
         "in_doubt", Reason::kAnswerUnreadable, -1, 0, 0, "answer too large", ""},
    });
}

// A body that was cut is not judged: half an answer can say anything.
TEST(Ending, WhatCameOfALostAnswerIsNotRead) {
    HttpAnswer http = Lost(TransportResult::kMaybeDelivered, "cut", 200);
    http.body = R"({"events_received":10,"fbtrace_id":"AbC_1"})";
    Expect(
        {{http, VerdictKind::kInDoubt, "in_doubt", Reason::kConnectionCut, -1, 0, 0, "cut", ""}});
}

TEST(Ending, TheTraceIdComesFromTheBodyElseFromTheHeader) {
    const struct {
        const char* body;
        const char* header;
        const char* expected;
    } cases[] = {
        {R"({"fbtrace_id":"body"})", "header", "body"},
        {R"({"error":{"code":1,"fbtrace_id":"inside"}})", "header", "inside"},
        {R"({"fbtrace_id":"not an id"})", "header", "header"},
        {R"({"fbtrace_id":7})", "header", "header"},
        {"<html>", "header", "header"},
        {"", "", ""},
    };
    for (const auto& c : cases) {
        HttpAnswer http = Answered(400, c.body);
        http.headers = {{"date", "today"}, {"x-fb-trace-id", c.header}};
        Verdict verdict{};
        EXPECT_EQ(RecordAnswer(http, 1, {}, &verdict).fbtrace_id, c.expected) << c.body;
    }
    HttpAnswer lost = Lost(TransportResult::kMaybeDelivered, "cut");
    lost.headers = {{"x-fb-trace-id", "header"}};
    Verdict verdict{};
    EXPECT_EQ(RecordAnswer(lost, 1, {}, &verdict).fbtrace_id, "header");
}

// Whoever stands where Meta should may echo what was sent, anywhere in the answer.
TEST(Ending, NothingSecretOrPersonalIsNoted) {
    const std::string kSecrets[] = {
        "EAABsbCS1iHgBAO0ZCZCqkZBzZBtoken1234567890",
        "mary@example.com",
        "mary%40example.com",
        "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b",
        "access_token=short",
    };
    for (const std::string& secret : kSecrets) {
        HttpAnswer answers[] = {
            Answered(400, R"({"error":{"code":100,"message":"bad: )" + secret + "\"}}"),
            Answered(400, R"({"error":{"code":100,"error_user_title":")" + secret + "\"}}"),
            Answered(400, R"({"error":{"code":100,"error_user_msg":")" + secret + "\"}}"),
            Answered(400, R"({"error":{"code":100,"error_data":{"x":")" + secret + "\"}}}"),
            Answered(502, R"({"error":")" + secret + "\"}"),
            Answered(400, R"({"error":{"code":100,"fbtrace_id":")" + secret + "\"}}"),
            Answered(200, R"({"events_received":1,"messages":[")" + secret + "\"]}"),
            Answered(502, secret),
            Lost(TransportResult::kNotSent, "could not reach " + secret),
            Answered(400, ""),
        };
        answers[9].headers.emplace_back("x-fb-trace-id", secret);
        const std::string core = secret.substr(secret.find('=') + 1);
        for (const HttpAnswer& http : answers) {
            Verdict verdict{};
            const AnswerRecord ended = RecordAnswer(http, 10, {}, &verdict);
            EXPECT_EQ(ended.detail.find(core), std::string::npos) << ended.detail;
            EXPECT_EQ(ended.fbtrace_id.find(core), std::string::npos) << ended.fbtrace_id;
        }
    }
}

// What does not look like a token is known to the letter, and blacked out wherever it stands.
TEST(Ending, TheSecretsOfTheDatasetAreNotNoted) {
    for (const std::string secret : {"plain words", "t", "***", "*", "1", "code", "error"}) {
        for (const bool is_token : {true, false}) {
            const Secrets secrets = is_token ? Secrets{secret, ""} : Secrets{"", secret};
            HttpAnswer http =
                Answered(400, R"({"error":{"code":190,"message":"<)" + secret + R"(>"}})");
            http.headers.emplace_back("x-fb-trace-id", "<" + secret + ">");
            Verdict verdict{};
            AnswerRecord ended = RecordAnswer(http, 10, secrets, &verdict);
            EXPECT_EQ(ended.error_code, 190) << secret;
            EXPECT_EQ(verdict.kind, VerdictKind::kHold) << secret;
            if (secret != "***") {
                EXPECT_EQ(ended.detail.find("<" + secret + ">"), std::string::npos) << secret;
            }
            EXPECT_EQ(ended.fbtrace_id, "<***>") << secret;

            http = Answered(200, R"({"events_received":10})");
            ended = RecordAnswer(http, 10, secrets, &verdict);
            EXPECT_EQ(verdict.kind, VerdictKind::kDelivered) << secret;
            EXPECT_EQ(ended.events_received, 10) << secret;
        }
    }
}

TEST(Ending, DetailAndTraceIdAreShortAndPlain) {
    std::string prose;
    for (int i = 0; i < 5000; ++i) {
        prose += "word\\n\\u001b";
    }
    HttpAnswer answers[] = {
        Answered(400, R"({"error":{"code":100,"message":")" + prose + "\"}}"),
        Lost(TransportResult::kNotSent, std::string(10000, ' ') + "\n\x1b\xff"),
        Lost(TransportResult::kNotSent, "\n\x1b[31mred\xff"),
    };
    for (HttpAnswer& http : answers) {
        http.headers.emplace_back("x-fb-trace-id", "a\nb " + std::string(5000, ' '));
        Verdict verdict{};
        const AnswerRecord ended = RecordAnswer(http, 10, {}, &verdict);
        EXPECT_LE(ended.detail.size(), 340u);
        EXPECT_LE(ended.fbtrace_id.size(), 64u);
        for (const char c : ended.detail + ended.fbtrace_id) {
            EXPECT_GE(static_cast<unsigned char>(c), 0x20);
        }
        EXPECT_EQ(ended.detail.find('\xff'), std::string::npos);
    }
}

}  // namespace
}  // namespace crm_capi
