// validation_test.cpp - what may be sent and what is parked, at every edge.
#include "core/event/validation.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace crm_capi {

// Failures name the code instead of a number; GoogleTest finds this by the argument's namespace.
static void PrintTo(Reason reason, std::ostream* out) {
    *out << (reason == Reason::kNone ? "none" : Describe(reason).code);
}

namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(LeadId, HasFifteenToSeventeenDigits) {
    const std::pair<int64_t, Reason> cases[] = {
        {525645896321548, Reason::kNone},  // 15 digits, of Meta's manual
        {1234567890123456, Reason::kNone}, {12345678901234567, Reason::kNone},
        {9007199254740993, Reason::kNone},  // no double holds it
        {kSmallestLeadId, Reason::kNone},  {kSmallestLeadId - 1, Reason::kLeadIdLength},
        {kLargestLeadId, Reason::kNone},   {kLargestLeadId + 1, Reason::kLeadIdLength},
        {4711, Reason::kLeadIdLength},  // a CRM's own key
        {0, Reason::kLeadIdLength},        {-525645896321548, Reason::kLeadIdLength},
        {kMin, Reason::kLeadIdLength},     {kMax, Reason::kLeadIdLength},
    };
    for (const auto& [lead_id, expected] : cases) {
        EXPECT_EQ(JudgeLeadId(lead_id), expected) << lead_id;
    }
}

struct ReadCase {
    std::string_view text;
    Reason expected;
    int64_t lead_id;
};

class ReadLeadIdTest : public testing::TestWithParam<ReadCase> {};

TEST_P(ReadLeadIdTest, ReadsWhatCrmsHold) {
    const ReadCase& c = GetParam();
    int64_t lead_id = -1;
    EXPECT_EQ(ReadLeadId(c.text, &lead_id), c.expected) << '"' << c.text << '"';
    EXPECT_EQ(lead_id, c.lead_id) << '"' << c.text << '"';
}

INSTANTIATE_TEST_SUITE_P(
    Good, ReadLeadIdTest,
    testing::Values(ReadCase{"525645896321548", Reason::kNone, 525645896321548},
                    ReadCase{"12345678901234567", Reason::kNone, 12345678901234567},
                    ReadCase{"9007199254740993", Reason::kNone, 9007199254740993},
                    ReadCase{"l:525645896321548", Reason::kNone, 525645896321548},
                    ReadCase{" \t525645896321548\r\n", Reason::kNone, 525645896321548},
                    ReadCase{" l: 525645896321548 ", Reason::kNone, 525645896321548},
                    ReadCase{"\xC2\xA0"
                             "525645896321548\xE3\x80\x80",
                             Reason::kNone, 525645896321548},
                    ReadCase{"\xEF\xBB\xBFl:525645896321548", Reason::kNone, 525645896321548},
                    ReadCase{"525645896321548.00", Reason::kNone, 525645896321548},
                    ReadCase{"525645896321548.0", Reason::kNone, 525645896321548},
                    ReadCase{"00525645896321548", Reason::kNone, 525645896321548}));

INSTANTIATE_TEST_SUITE_P(
    WrongLength, ReadLeadIdTest,
    testing::Values(ReadCase{"4711", Reason::kLeadIdLength, 4711},
                    ReadCase{"0", Reason::kLeadIdLength, 0},
                    ReadCase{"-525645896321548", Reason::kLeadIdLength, -525645896321548},
                    ReadCase{"99999999999999", Reason::kLeadIdLength, 99999999999999},
                    ReadCase{"100000000000000000", Reason::kLeadIdLength, 100000000000000000},
                    ReadCase{"9223372036854775807", Reason::kLeadIdLength, kMax},
                    ReadCase{"9223372036854775808", Reason::kLeadIdLength, 0},
                    ReadCase{"-9223372036854775809", Reason::kLeadIdLength, 0},
                    ReadCase{"999999999999999999999999999999999.00", Reason::kLeadIdLength, 0}));

INSTANTIATE_TEST_SUITE_P(
    NoNumber, ReadLeadIdTest,
    testing::Values(
        ReadCase{"", Reason::kLeadIdNotANumber, 0}, ReadCase{"   ", Reason::kLeadIdNotANumber, 0},
        ReadCase{"l:", Reason::kLeadIdNotANumber, 0}, ReadCase{"l", Reason::kLeadIdNotANumber, 0},
        ReadCase{"l:l:525645896321548", Reason::kLeadIdNotANumber, 0},
        ReadCase{"x:525645896321548", Reason::kLeadIdNotANumber, 0},
        ReadCase{"525645896321548x", Reason::kLeadIdNotANumber, 0},
        ReadCase{"525 645 896 321 548", Reason::kLeadIdNotANumber, 0},
        ReadCase{"+525645896321548", Reason::kLeadIdNotANumber, 0},
        ReadCase{"--525645896321548", Reason::kLeadIdNotANumber, 0},
        ReadCase{"-", Reason::kLeadIdNotANumber, 0}, ReadCase{".00", Reason::kLeadIdNotANumber, 0},
        ReadCase{"525645896321548.", Reason::kLeadIdNotANumber, 0},
        ReadCase{"525645896321548.5", Reason::kLeadIdNotANumber, 0},
        ReadCase{"525645896321548.0.0", Reason::kLeadIdNotANumber, 0},
        ReadCase{"525645896321548,00", Reason::kLeadIdNotANumber, 0},
        ReadCase{"5.25645896321548e+14", Reason::kLeadIdNotANumber, 0},
        ReadCase{"0x1DE1234567890", Reason::kLeadIdNotANumber, 0},
        ReadCase{"\xFF", Reason::kLeadIdNotANumber, 0},
        ReadCase{"\xEF\xBC\x95\xEF\xBC\x92", Reason::kLeadIdNotANumber, 0},  // wide 52
        ReadCase{std::string_view("525645896321548\0", 16), Reason::kLeadIdNotANumber, 0},
        ReadCase{"99999999999999999999x", Reason::kLeadIdNotANumber, 0}));

TEST(EventName, IsJudged) {
    const std::string long_ascii(255, 'a');
    std::string long_kana;
    for (int i = 0; i < 255; ++i) {
        long_kana += "\xE3\x81\x82";
    }
    const std::pair<std::string, Reason> cases[] = {
        {"qualified", Reason::kNone},
        {" qualified ", Reason::kNone},
        {"Verkaufschance \xC3\xA4", Reason::kNone},
        {"\xF0\x9F\x9A\x80", Reason::kNone},
        {"0", Reason::kNone},
        {"", Reason::kStageMissing},
        {"   ", Reason::kStageMissing},
        {"\t\r\n", Reason::kStageMissing},
        {"\xC2\xA0", Reason::kStageMissing},                   // U+00A0
        {"\xE3\x80\x80 \xE2\x80\x83", Reason::kStageMissing},  // U+3000, U+2003
        {"\xE2\x80\x8B\xEF\xBB\xBF", Reason::kStageMissing},   // U+200B, U+FEFF
        {long_ascii, Reason::kNone},
        {long_ascii + "a", Reason::kStageTooLong},
        {long_kana, Reason::kNone},  // characters count, not bytes
        {long_kana + "a", Reason::kStageTooLong},
        {long_ascii + "\xFF", Reason::kStageEncoding},
        {"won\n", Reason::kStageEncoding},
        {"won\tlost", Reason::kStageEncoding},
        {std::string("won\0", 4), Reason::kStageEncoding},
        {"\x1F", Reason::kStageEncoding},
        {"\x7F", Reason::kNone},
        {"caf\xE9", Reason::kStageEncoding},           // Latin-1
        {"\xC0\xAF", Reason::kStageEncoding},          // overlong
        {"\xE0\x80\x80", Reason::kStageEncoding},      // overlong
        {"\xF0\x80\x80\x80", Reason::kStageEncoding},  // overlong
        {"\xED\xA0\x80", Reason::kStageEncoding},      // surrogate
        {"\xF4\x90\x80\x80", Reason::kStageEncoding},  // above U+10FFFF
        {"\xF5\x80\x80\x80", Reason::kStageEncoding},
        {"a\xE3\x81", Reason::kStageEncoding},  // cut
        {"a\x80", Reason::kStageEncoding},
        {" \xFF ", Reason::kStageEncoding},
    };
    for (const auto& [name, expected] : cases) {
        EXPECT_EQ(JudgeEventName(name), expected) << testing::PrintToString(name);
    }
}

constexpr UnixMicros kSecond = kMicrosPerSecond;
constexpr UnixMicros kNow = 1790000000 * kSecond + 500000;
constexpr UnixMicros kThisSecond = 1790000000 * kSecond;

TEST(EventTime, IsJudgedInWholeSeconds) {
    const struct {
        const char* what;
        UnixMicros event_time;
        Reason expected;
    } cases[] = {
        {"now", kNow, Reason::kNone},
        {"a week less a second", kThisSecond - kMaxEventAge + kSecond, Reason::kNone},
        {"a week", kThisSecond - kMaxEventAge, Reason::kEventTimeTooOld},
        {"a week but for less than a second", kThisSecond - kMaxEventAge + kSecond - 1,
         Reason::kEventTimeTooOld},
        {"1970", 0, Reason::kEventTimeTooOld},
        {"seconds taken for microseconds", 1790000000, Reason::kEventTimeTooOld},
        {"before all time", kMin, Reason::kEventTimeTooOld},
        {"a minute ahead", kThisSecond + 60 * kSecond, Reason::kNone},
        {"the last moment of that second", kThisSecond + 61 * kSecond - 1, Reason::kNone},
        {"a minute and a second ahead", kThisSecond + 61 * kSecond, Reason::kEventTimeInFuture},
        {"after all time", kMax, Reason::kEventTimeInFuture},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(JudgeEventTime(c.event_time, kNow, std::nullopt), c.expected) << c.what;
    }
}

TEST(EventTime, MustNotPrecedeTheLead) {
    const struct {
        const char* what;
        UnixMicros created_at;
        Reason expected;
    } cases[] = {
        {"earlier", kNow - kSecond, Reason::kNone},
        {"same moment", kNow, Reason::kNone},
        {"later in the same second", kNow + 400000, Reason::kNone},
        {"next second", kNow + 500000, Reason::kEventTimeBeforeLead},
        {"much later", kMax, Reason::kEventTimeBeforeLead},
        {"long ago", kMin, Reason::kNone},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(JudgeEventTime(kNow, kNow, c.created_at), c.expected) << c.what;
    }
}

TEST(EventTime, AgeIsToldBeforeTheLead) {
    EXPECT_EQ(JudgeEventTime(0, kNow, kNow), Reason::kEventTimeTooOld);
    EXPECT_EQ(JudgeEventTime(kMax, kNow, kMax), Reason::kEventTimeInFuture);
}

TEST(EventTime, ExtremesDoNotOverflow) {
    for (UnixMicros event_time : {kMin, kMin + 1, int64_t{-1}, int64_t{0}, kMax - 1, kMax}) {
        for (UnixMicros now : {kMin, int64_t{-1}, int64_t{0}, kMax}) {
            for (UnixMicros created_at : {kMin, int64_t{0}, kMax}) {
                JudgeEventTime(event_time, now, created_at);
                DeadlinePassed(event_time, now, 30 * kSecond);
            }
        }
    }
    EXPECT_EQ(JudgeEventTime(kMin, kMin, kMin), Reason::kNone);
    EXPECT_EQ(JudgeEventTime(kMax, kMax, kMax), Reason::kNone);
}

TEST(Seconds, RoundDownBeforeTheEpochToo) {
    const std::pair<UnixMicros, int64_t> cases[] = {
        {0, 0},
        {1, 0},
        {999999, 0},
        {1000000, 1},
        {-1, -1},
        {-999999, -1},
        {-1000000, -1},
        {-1000001, -2},
        {kMax, 9223372036854},
        {kMin, -9223372036855},
    };
    for (const auto& [time, seconds] : cases) {
        EXPECT_EQ(FloorToSeconds(time), seconds) << time;
    }
}

TEST(DeadlineTest, IsSevenDaysAfterTheEvent) {
    EXPECT_EQ(Deadline(0), int64_t{604800} * kSecond);
    EXPECT_EQ(Deadline(kMax), kMax) << "must not wrap round to the past";
    EXPECT_EQ(Deadline(kMax - kMaxEventAge), kMax);
    EXPECT_EQ(Deadline(kMin), kMin + kMaxEventAge);
}

TEST(DeadlineTest, PassesEarlyByTheMargin) {
    const UnixMicros margin = 30 * kSecond;
    EXPECT_FALSE(DeadlinePassed(0, kMaxEventAge - margin - 1, margin));
    EXPECT_TRUE(DeadlinePassed(0, kMaxEventAge - margin, margin));
    EXPECT_TRUE(DeadlinePassed(0, kMax, margin));
    EXPECT_FALSE(DeadlinePassed(kMax, 0, margin));
}

TEST(DeadlineTest, WhatPassesValidationIsNotExpiredAtOnce) {
    for (UnixMicros offset = -2 * kSecond; offset <= 2 * kSecond; offset += 100000) {
        const UnixMicros event_time = kNow - kMaxEventAge + offset;
        if (JudgeEventTime(event_time, kNow, std::nullopt) == Reason::kNone) {
            EXPECT_FALSE(DeadlinePassed(event_time, kNow, 0)) << offset;
        }
    }
}

}  // namespace
}  // namespace crm_capi
