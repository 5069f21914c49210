// http_date_test.cpp - the time that an answer states.
#include "core/answer/http_date.hpp"

#include <gtest/gtest.h>

#include <string>

namespace crm_capi {
namespace {

std::optional<int64_t> Seconds(std::string_view text) {
    const auto time = ReadHttpDate(text);
    return time ? std::optional(*time / kMicrosPerSecond) : std::nullopt;
}

TEST(HttpDateTest, ReadsTheFormThatHttpPrescribes) {
    EXPECT_EQ(Seconds("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
    EXPECT_EQ(Seconds("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    EXPECT_EQ(Seconds("Tue, 29 Feb 2000 23:59:59 GMT"), 951868799);
    EXPECT_EQ(Seconds("Wed, 01 Mar 2000 00:00:00 GMT"), 951868800);
    EXPECT_EQ(Seconds("Wed, 25 Nov 2026 09:55:12 GMT"), 1795600512);
    EXPECT_EQ(Seconds("Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800);  // a leap second
    EXPECT_EQ(Seconds("Wed, 31 Dec 1969 23:59:59 GMT"), -1);
}

TEST(HttpDateTest, ReadsNothingElse) {
    for (const char* const text :
         {"", "never", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
          "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ",
          "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
          "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
          "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
          "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
          "1un, 06 Nov 1994 08:49:37 GMT"}) {
        EXPECT_EQ(Seconds(text), std::nullopt) << text;
    }
    EXPECT_EQ(Seconds(std::string(29, '\0')), std::nullopt);
}

}  // namespace
}  // namespace crm_capi
