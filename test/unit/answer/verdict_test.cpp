// verdict_test.cpp - every answer that the reference knows, and those it does not.
#include "core/answer/verdict.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

namespace crm_capi {

static std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
    return out << OutcomeName(verdict.kind) << "/" << Describe(verdict.reason).code;
}

static bool operator==(const Verdict& a, const Verdict& b) {
    return a.kind == b.kind && a.reason == b.reason;
}

namespace {

constexpr Verdict kDelivered = {VerdictKind::kDelivered, Reason::kNone};
constexpr Verdict kServerRetry = {VerdictKind::kRetry, Reason::kServerError};
constexpr Verdict kUnreadableRetry = {VerdictKind::kRetry, Reason::kAnswerUnreadable};
constexpr Verdict kSlowDown = {VerdictKind::kSlowDown, Reason::kThrottled};
constexpr Verdict kTokenHold = {VerdictKind::kHold, Reason::kTokenRefused};
constexpr Verdict kPermissionHold = {VerdictKind::kHold, Reason::kPermissionMissing};
constexpr Verdict kDatasetHold = {VerdictKind::kHold, Reason::kDatasetUnknown};
constexpr Verdict kVersionHold = {VerdictKind::kHold, Reason::kVersionDead};
constexpr Verdict kPathHold = {VerdictKind::kHold, Reason::kPathUnknown};
constexpr Verdict kTooLarge = {VerdictKind::kSplit, Reason::kRequestTooLarge};
constexpr Verdict kSplit = {VerdictKind::kSplit, Reason::kRefused};
constexpr Verdict kCut = {VerdictKind::kInDoubt, Reason::kConnectionCut};
constexpr Verdict kUnreadable = {VerdictKind::kInDoubt, Reason::kAnswerUnreadable};
constexpr Verdict kMismatch = {VerdictKind::kInDoubt, Reason::kCountMismatch};

// An answer as the shipper makes it: the body goes through ReadReply.
Answer AnswerWith(int http_status, std::string_view body, int event_count = 10) {
    return {TransportResult::kAnswered, http_status, ReadReply(body), event_count};
}

Answer ErrorAnswer(int http_status, int64_t code, int64_t subcode,
                   std::optional<bool> is_transient) {
    Answer answer = {TransportResult::kAnswered, http_status, Reply(), 10};
    answer.reply.readable = true;
    answer.reply.error = ReplyError{code, subcode, is_transient, "for people only"};
    return answer;
}

struct CodeCase {
    int64_t code;
    int64_t subcode;
    Verdict expected;
};

// Reference 3.5.
constexpr CodeCase kKnownCodes[] = {
    {4, 0, kSlowDown},           {4, 1504022, kSlowDown},
    {4, 1504039, kSlowDown},     {17, 0, kSlowDown},
    {17, 2446079, kSlowDown},    {17, 1885172, kSlowDown},
    {32, 0, kSlowDown},          {341, 0, kSlowDown},
    {368, 0, kSlowDown},         {613, 0, kSlowDown},
    {613, 1487742, kSlowDown},   {613, 5044001, kSlowDown},
    {613, 1996, kSlowDown},      {80000, 0, kSlowDown},
    {80004, 2446079, kSlowDown}, {80005, 0, kSlowDown},
    {80014, 0, kSlowDown},       {80099, 0, kSlowDown},
    {1, 0, kServerRetry},        {1, 99, kServerRetry},
    {2, 0, kServerRetry},        {5000, 0, kServerRetry},
    {21009, 0, kServerRetry},    {-1, 0, kServerRetry},
    {-3, 0, kServerRetry},       {std::numeric_limits<int64_t>::min(), 0, kServerRetry},
    {190, 0, kTokenHold},        {190, 452, kTokenHold},
    {190, 456, kTokenHold},      {190, 457, kTokenHold},
    {190, 458, kTokenHold},      {190, 459, kTokenHold},
    {190, 460, kTokenHold},      {190, 461, kTokenHold},
    {190, 462, kTokenHold},      {190, 463, kTokenHold},
    {190, 464, kTokenHold},      {190, 465, kTokenHold},
    {190, 466, kTokenHold},      {190, 467, kTokenHold},
    {190, 468, kTokenHold},      {190, 492, kTokenHold},
    {190, 2804003, kTokenHold},  {102, 0, kTokenHold},
    {104, 0, kTokenHold},        {3, 0, kPermissionHold},
    {10, 0, kPermissionHold},    {200, 0, kPermissionHold},
    {294, 0, kPermissionHold},   {299, 0, kPermissionHold},
    {100, 33, kDatasetHold},     {100, 34, kDatasetHold},
    {100, 38, kDatasetHold},     {803, 0, kDatasetHold},
    {2500, 0, kPathHold},        {2635, 0, kVersionHold},
    {100, 2804001, kSplit},      {100, 2804003, kSplit},
    {100, 2804004, kSplit},      {100, 2804009, kSplit},
    {100, 2804019, kSplit},      {100, 2804036, kSplit},
    {100, 2804050, kSplit},      {100, 2804087, kSplit},
    {100, 2804999, kSplit},
};

// Known only as "not in the table": permanent unless Meta says it is transient.
constexpr CodeCase kOtherCodes[] = {
    {5, 0, kSplit},
    {100, 0, kSplit},
    {100, 35, kSplit},
    {100, 1487390, kSplit},
    {100, 2803999, kSplit},
    {100, 2805000, kSplit},
    {105, 0, kSplit},
    {199, 0, kSplit},
    {300, 0, kSplit},
    {506, 0, kSplit},
    {99999, 0, kSplit},
    {79999, 0, kSplit},
    {80100, 0, kSplit},
    {2804003, 0, kSplit},
    {std::numeric_limits<int64_t>::max(), 0, kSplit},
};

TEST(Verdict, KnownCodesAreJudgedWhateverTheStatusAndTransience) {
    for (const CodeCase& c : kKnownCodes) {
        for (int status : {200, 400, 401, 403, 404, 429, 500, 503}) {
            for (std::optional<bool> transient :
                 {std::optional<bool>(), std::optional(false), std::optional(true)}) {
                EXPECT_EQ(Judge(ErrorAnswer(status, c.code, c.subcode, transient)), c.expected)
                    << c.code << "/" << c.subcode << " under HTTP " << status;
            }
        }
    }
}

TEST(Verdict, OtherCodesAreRefusedUnlessTransient) {
    for (const CodeCase& c : kOtherCodes) {
        for (int status : {200, 400, 500}) {
            const auto where = testing::Message()
                               << c.code << "/" << c.subcode << " under HTTP " << status;
            EXPECT_EQ(Judge(ErrorAnswer(status, c.code, c.subcode, {})), c.expected) << where;
            EXPECT_EQ(Judge(ErrorAnswer(status, c.code, c.subcode, false)), c.expected) << where;
            EXPECT_EQ(Judge(ErrorAnswer(status, c.code, c.subcode, true)), kServerRetry) << where;
        }
    }
}

struct BodyCase {
    const char* what;
    int http_status;
    std::string body;
    Verdict expected;
};

class BodyTest : public testing::TestWithParam<BodyCase> {};

TEST_P(BodyTest, IsJudged) {
    const BodyCase& c = GetParam();
    EXPECT_EQ(Judge(AnswerWith(c.http_status, c.body)), c.expected) << c.what;
}

INSTANTIATE_TEST_SUITE_P(
    Success, BodyTest,
    testing::Values(
        BodyCase{"as documented", 200, R"({"events_received":10,"messages":[],"fbtrace_id":"A1"})",
                 kDelivered},
        BodyCase{"another 2xx", 202, R"({"events_received":10})", kDelivered},
        BodyCase{"unknown members", 200, R"({"events_received":10,"new":{"x":[1]}})", kDelivered},
        BodyCase{"no error at all", 200, R"({"events_received":10,"error":null})", kDelivered},
        BodyCase{"too few", 200, R"({"events_received":9})", kMismatch},
        BodyCase{"too many", 200, R"({"events_received":11})", kMismatch},
        BodyCase{"none", 200, R"({"events_received":0})", kMismatch},
        BodyCase{"negative", 200, R"({"events_received":-10})", kMismatch},
        BodyCase{"low 32 bits fit", 200, R"({"events_received":4294967306})", kMismatch},
        BodyCase{"beyond 64 bits", 200, R"({"events_received":18446744073709551626})", kUnreadable},
        BodyCase{"no count", 200, R"({"messages":[]})", kUnreadable},
        BodyCase{"success flag only", 200, R"({"success":true})", kUnreadable},
        BodyCase{"empty", 200, "", kUnreadable}, BodyCase{"no content", 204, "", kUnreadable},
        BodyCase{"cut", 200, R"({"events_received":10)", kUnreadable},
        BodyCase{"HTML", 200, "<html><body>Please log in</body></html>", kUnreadable},
        BodyCase{"a list", 200, R"([{"events_received":10}])", kUnreadable}));

INSTANTIATE_TEST_SUITE_P(
    ErrorBody, BodyTest,
    testing::Values(
        BodyCase{"error under 200", 200, R"({"error":{"code":190}})", kTokenHold},
        BodyCase{"error beside a fitting count", 200,
                 R"({"events_received":10,"error":{"code":100,"error_subcode":2804003}})", kSplit},
        BodyCase{"error without code under 200", 200, R"({"events_received":10,"error":{}})",
                 kUnreadable},
        BodyCase{"error text under 200", 200, R"({"events_received":10,"error":"no"})",
                 kUnreadable},
        BodyCase{"code as text", 400, R"({"error":{"code":"190"}})", kTokenHold},
        BodyCase{"no code but transient", 400, R"({"error":{"is_transient":true}})", kServerRetry},
        BodyCase{"a proxy's error text", 403, R"({"error":"forbidden"})", kUnreadableRetry},
        BodyCase{"a gateway's error object", 502, R"({"error":{"message":"bad gateway"}})",
                 kServerRetry},
        BodyCase{"a gateway's own numbering", 413, R"({"error":{"message":"too large"}})",
                 kTooLarge}));

constexpr const char* kHtml = "<!DOCTYPE html><html><body>Sorry</body></html>";

INSTANTIATE_TEST_SUITE_P(
    StatusAlone, BodyTest,
    testing::Values(BodyCase{"redirect", 301, "", kUnreadableRetry},
                    BodyCase{"redirect", 302, kHtml, kUnreadableRetry},
                    BodyCase{"redirect", 399, "", kUnreadableRetry},
                    BodyCase{"bad request of a proxy", 400, kHtml, kUnreadableRetry},
                    BodyCase{"a proxy's login", 401, kHtml, kUnreadableRetry},
                    BodyCase{"a firewall", 403, kHtml, kUnreadableRetry},
                    BodyCase{"not found", 404, "", kUnreadableRetry},
                    BodyCase{"proxy login", 407, "", kUnreadableRetry},
                    BodyCase{"request time-out", 408, "", kServerRetry},
                    BodyCase{"too large", 413, kHtml, kTooLarge},
                    BodyCase{"too many requests", 429, "", kSlowDown},
                    BodyCase{"last of its class", 499, "", kUnreadableRetry},
                    BodyCase{"internal error", 500, kHtml, kServerRetry},
                    BodyCase{"count under 500", 500, R"({"events_received":10})", kServerRetry},
                    BodyCase{"bad gateway", 502, "", kServerRetry},
                    BodyCase{"unavailable", 503, "", kServerRetry},
                    BodyCase{"gateway time-out", 504, kHtml, kCut},
                    BodyCase{"last of its class", 599, "", kServerRetry},
                    BodyCase{"no status", 0, "", kUnreadable},
                    BodyCase{"informational", 100, "", kUnreadable},
                    BodyCase{"no HTTP", 999, "", kUnreadable},
                    BodyCase{"no HTTP", -1, "", kUnreadable}));

TEST(Verdict, ThrottlingSentAs400SlowsDown) {
    EXPECT_EQ(
        Judge(AnswerWith(400, R"({"error":{"message":"(#80004) There have been too many calls",
        "type":"OAuthException","code":80004,"error_subcode":2446079,"fbtrace_id":"A"}})")),
        kSlowDown);
}

TEST(Verdict, TokenErrorSentAs500Holds) {
    EXPECT_EQ(Judge(AnswerWith(500, R"({"error":{"code":190,"error_subcode":463}})")), kTokenHold);
}

TEST(Verdict, OAuthExceptionAboutABadEventSplits) {
    EXPECT_EQ(
        Judge(AnswerWith(400, R"({"error":{"message":"Invalid parameter","type":"OAuthException",
        "code":100,"error_subcode":2804003,"is_transient":false,
        "error_user_title":"Event Timestamp Too Old","error_user_msg":"...","fbtrace_id":"A",
        "error_data":"{\"blame_field_specs\":[[\"data\"]]}"}})")),
        kSplit);
}

// Texts come in the language of whoever owns the token, and "type" is the same for most errors.
TEST(Verdict, TextsAndTypesDecideNothing) {
    const struct {
        const char* code;
        Verdict expected;
    } codes[] = {
        {R"("code":100,"error_subcode":2804003)", kSplit},
        {R"("code":80004,"error_subcode":2446079)", kSlowDown},
        {R"("code":190,"error_subcode":463)", kTokenHold},
        {R"("code":100,"error_subcode":33)", kDatasetHold},
        {R"("code":2)", kServerRetry},
        {R"("code":987654)", kSplit},
        {R"("code":987654,"is_transient":true)", kServerRetry},
    };
    for (const auto& c : codes) {
        for (const char* type : {"OAuthException", "GraphMethodException", "", "rate limit"}) {
            for (const char* text :
                 {"Invalid OAuth access token", "There have been too many calls, please slow down",
                  "Errore temporaneo, riprova", "\xE3\x82\xA2\xE3\x82\xAF\xE3\x82\xBB\xE3\x82\xB9",
                  "\\u30a2\\u30af", "", "events_received 10"}) {
                const std::string body = std::string(R"({"error":{"message":")") + text +
                                         R"(","type":")" + type + R"(","error_user_title":")" +
                                         text + R"(","error_user_msg":")" + text + "\"," + c.code +
                                         "}}";
                for (const int status : {200, 400, 500}) {
                    EXPECT_EQ(Judge(AnswerWith(status, body)), c.expected) << status << " " << body;
                }
            }
        }
    }
}

TEST(Verdict, HugeNestedAndMisspeltBodiesAreJudgedByWhatCanBeRead) {
    const std::string padding(250000, 'x');
    const std::string deep(100000, '[');
    const BodyCase cases[] = {
        {"huge, with a code", 400, "{\"p\":\"" + padding + R"(","error":{"code":190}})",
         kTokenHold},
        {"huge, with a count", 200, "{\"p\":\"" + padding + R"(","events_received":10})",
         kDelivered},
        {"huge HTML", 502, "<html>" + padding, kServerRetry},
        {"huge, cut", 200, R"({"events_received":10,"p":")" + padding, kUnreadable},
        {"nested deep", 200, deep, kUnreadable},
        {"nested deep under 400", 400, deep, kUnreadableRetry},
        {"nested deep beside a code", 400, R"({"p":)" + deep + R"(,"error":{"code":190}})",
         kUnreadableRetry},
        {"wrong UTF-8 beside a code", 400,
         "{\"error\":{\"message\":\"\xff\xfe\xc0\x80\",\"code\":190}}", kTokenHold},
        {"wrong UTF-8 beside a count", 200, "{\"m\":\"\xff\",\"events_received\":10}", kDelivered},
        {"zero bytes", 200, std::string(10, '\0'), kUnreadable},
    };
    for (const BodyCase& c : cases) {
        EXPECT_EQ(Judge(AnswerWith(c.http_status, c.body)), c.expected) << c.what;
    }
}

TEST(Verdict, DatasetUnderWrongTokenHoldsEvenAs404) {
    EXPECT_EQ(Judge(AnswerWith(404, R"({"error":{"code":100,"error_subcode":34}})")), kDatasetHold);
}

TEST(Verdict, TransportDecidesBeforeAnyReply) {
    // A reply that says "delivered" must not be looked at if the transport did not finish.
    const std::pair<TransportResult, Verdict> cases[] = {
        {TransportResult::kNotSent, {VerdictKind::kRetry, Reason::kNotConnected}},
        {TransportResult::kNotProcessed, {VerdictKind::kRetry, Reason::kNotProcessed}},
        {TransportResult::kMaybeDelivered, kCut},
        {TransportResult::kAnswerTooLarge, kUnreadable},
        {static_cast<TransportResult>(99), kUnreadable},
    };
    for (const auto& [transport, expected] : cases) {
        Answer answer = AnswerWith(200, R"({"events_received":10})");
        answer.transport = transport;
        EXPECT_EQ(Judge(answer), expected) << static_cast<int>(transport);
    }
    EXPECT_EQ(Judge(Answer()), (Verdict{VerdictKind::kRetry, Reason::kNotConnected}));
}

TEST(Verdict, OnlyACompleteSuccessIsDelivered) {
    for (int status = -1; status <= 1000; ++status) {
        const Verdict verdict = Judge(AnswerWith(status, R"({"events_received":10})"));
        const bool is_success = status >= 200 && status <= 299;
        EXPECT_EQ(verdict.kind == VerdictKind::kDelivered, is_success) << status;
        EXPECT_NE(Judge(AnswerWith(status, "")).kind, VerdictKind::kDelivered) << status;
        EXPECT_NE(Judge(ErrorAnswer(status, 0, 0, {})).kind, VerdictKind::kDelivered) << status;
    }
}

TEST(Verdict, EverythingButDeliveryHasAReason) {
    for (int64_t code = -10; code <= 90000; ++code) {
        const Verdict verdict = Judge(ErrorAnswer(400, code, 0, {}));
        ASSERT_NE(verdict.kind, VerdictKind::kDelivered) << code;
        ASSERT_NE(verdict.reason, Reason::kNone) << code;
    }
}

TEST(Verdict, OutcomeWordsAreDistinct) {
    std::set<std::string> words;
    for (int kind = 0; kind <= static_cast<int>(VerdictKind::kInDoubt); ++kind) {
        words.insert(OutcomeName(static_cast<VerdictKind>(kind)));
    }
    EXPECT_EQ(words, (std::set<std::string>{"delivered", "held", "in_doubt", "refused", "retry",
                                            "slow_down"}));
    EXPECT_STREQ(OutcomeName(VerdictKind::kSplit), "refused");
    EXPECT_STREQ(OutcomeName(VerdictKind::kHold), "held");
}

}  // namespace
}  // namespace crm_capi
