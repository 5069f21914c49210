// http_date.cpp - see http_date.hpp.
#include "core/answer/http_date.hpp"

#include "core/event/calendar.hpp"
#include "core/text/ascii.hpp"

namespace crm_capi {

namespace {

// Digits stand for any digit, everything else for itself or, where a name stands, for a letter.
constexpr std::string_view kForm = "aaa, 00 aaa 0000 00:00:00 GMT";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

// Whether each character is what kForm wants in its place.
bool HasForm(std::string_view text) {
    if (text.size() != kForm.size()) {
        return false;
    }
    for (size_t i = 0; i < kForm.size(); i++) {
        const char c = text[i];
        const bool fits = kForm[i] == '0'   ? IsAsciiDigit(c)
                          : kForm[i] == 'a' ? IsAsciiLetter(c)
                                            : c == kForm[i];
        if (!fits) {
            return false;
        }
    }
    return true;
}

// The digits there as a number; HasForm has made sure that they are digits.
int Number(std::string_view text, size_t at, size_t length) {
    int number = 0;
    for (const char c : text.substr(at, length)) {
        number = number * 10 + (c - '0');
    }
    return number;
}

}  // namespace

std::optional<UnixMicros> ReadHttpDate(std::string_view text) noexcept {
    if (!HasForm(text)) {
        return std::nullopt;
    }
    const size_t month = kMonths.find(text.substr(8, 3));
    const int day = Number(text, 5, 2);
    const int hour = Number(text, 17, 2);
    const int minute = Number(text, 20, 2);
    const int second = Number(text, 23, 2);
    const bool valid = month != std::string_view::npos && month % 3 == 0 && day >= 1 && day <= 31 &&
                       hour <= 23 && minute <= 59 && second <= 60;
    if (!valid) {
        return std::nullopt;
    }
    const int64_t days = DayNumber(Number(text, 12, 4), static_cast<int>(month / 3) + 1, day);
    return (days * 86400 + hour * 3600 + minute * 60 + second) * kMicrosPerSecond;
}

}  // namespace crm_capi
