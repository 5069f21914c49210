// calendar.hpp - dates of the Gregorian calendar as days, without a clock, a zone or a locale.
#pragma once

#include <cstdint>

namespace crm_capi {

// Days from 1970-01-01 on. The date must be one. A year begins in March here, so that the leap day
// is its last.
constexpr int64_t DayNumber(int year, int month, int day) {
    const int from_march = (month + 9) % 12;
    const int64_t years = year - (month <= 2 ? 1 : 0);
    const int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
    return years * 365 + years / 4 - years / 100 + years / 400 + day_of_year - 719468;
}

}  // namespace crm_capi
