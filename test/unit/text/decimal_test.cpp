// decimal_test.cpp - numbers as text.
#include "core/text/decimal.hpp"

#include <gtest/gtest.h>

namespace crm_capi {
namespace {

TEST(Decimal, IsAppendedForEachNumber) {
    std::string all = "of";
    for (const int64_t number :
         {int64_t{0}, int64_t{-7}, int64_t{123456789012345}, std::numeric_limits<int64_t>::min(),
          std::numeric_limits<int64_t>::max()}) {
        all += ' ';
        AppendDecimal(number, &all);
    }
    EXPECT_EQ(all, "of 0 -7 123456789012345 -9223372036854775808 9223372036854775807");
}

}  // namespace
}  // namespace crm_capi
