// normalize_birth.cpp - rules for dates of birth and their parts.
#include <charconv>

#include "core/identity/identity_rules.hpp"
#include "core/text/ascii.hpp"

namespace crm_capi {
namespace {

constexpr int kFirstYear = 1900;  // reference 2.3

struct Part {
    int number = 0;
    size_t digits = 0;
};

struct Date {
    int year = 0;
    int month = 0;
    int day = 0;
};

// What stands between the parts of a date as people and programs write it.
bool IsSeparator(char c) {
    return std::string_view(" ./-_:").find(c) != std::string_view::npos;
}

// Takes the digits at the front of text; none, or more than a date has, are no part.
Part TakePart(std::string_view* text) {
    Part part;
    while (part.digits < text->size() && IsAsciiDigit((*text)[part.digits])) {
        ++part.digits;
    }
    if (part.digits > 8) {
        part.digits = 0;
    }
    std::from_chars(text->data(), text->data() + part.digits, part.number);
    text->remove_prefix(part.digits);
    return part;
}

// Takes the separators at the front of text and returns the one that is no blank, if any.
char TakeSeparator(std::string_view* text) {
    char separator = ' ';
    while (!text->empty() && IsSeparator(text->front())) {
        separator = text->front() == ' ' ? separator : text->front();
        text->remove_prefix(1);
    }
    return separator;
}

// By the Gregorian calendar.
bool IsLeapYear(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

// Of a month from 1 to 12.
int DaysIn(int month, int year) {
    constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return kDays[month - 1] + (month == 2 && IsLeapYear(year) ? 1 : 0);
}

// Whether the calendar has the day, and somebody alive may have been born on it.
bool IsBirthDate(const Date& date, int current_year) {
    return date.year >= kFirstYear && date.year <= current_year && date.month >= 1 &&
           date.month <= 12 && date.day >= 1 && date.day <= DaysIn(date.month, date.year);
}

// Which of two numbers is the month. Dots are written where the day comes first; anything else is
// read as in Meta's example, month first, unless it cannot be one.
Date WithMonthAndDay(int year, int first, int second, char separator) {
    const bool day_first = first > 12 || (separator == '.' && second <= 12);
    return day_first ? Date{year, second, first} : Date{year, first, second};
}

// A date column of a database prints no separator but '-'; with a time of the day it is still one.
bool IsTimeOfDay(std::string_view rest) {
    return rest.size() >= 6 && (rest[0] == 'T' || rest[0] == ' ') && IsAsciiDigit(rest[1]) &&
           IsAsciiDigit(rest[2]) && rest[3] == ':' && IsAsciiDigit(rest[4]) &&
           IsAsciiDigit(rest[5]);
}

// A date of year 0 if the text is none.
Date ReadDate(std::string_view text) {
    const Part first = TakePart(&text);
    if (first.digits == 8 && (text.empty() || IsTimeOfDay(text))) {
        return {first.number / 10000, first.number / 100 % 100, first.number % 100};
    }
    const char separator = TakeSeparator(&text);
    const Part second = TakePart(&text);
    TakeSeparator(&text);
    const Part third = TakePart(&text);
    const bool year_first = first.digits == 4 && third.digits >= 1 && third.digits <= 2;
    const bool year_last = third.digits == 4 && first.digits >= 1 && first.digits <= 2;
    if (second.digits < 1 || second.digits > 2 || (!text.empty() && !IsTimeOfDay(text))) {
        return {};
    }
    if (year_first) {
        return WithMonthAndDay(first.number, second.number, third.number, '-');
    }
    return year_last ? WithMonthAndDay(third.number, first.number, second.number, separator)
                     : Date();
}

// The number with zeros in front, up to that width.
void AppendPadded(int number, size_t width, std::string* out) {
    const std::string digits = std::to_string(number);
    out->append(width - digits.size(), '0').append(digits);
}

// One or two digits that are a number from 1 to `largest`, as two digits.
std::string TwoDigits(std::string_view value, int largest) {
    const Part part = TakePart(&value);
    std::string result;
    if (value.empty() && part.digits <= 2 && part.number >= 1 && part.number <= largest) {
        AppendPadded(part.number, 2, &result);
    }
    return result;
}

}  // namespace

// YYYYMMDD. Empty if the text is no date in any of the usual ways to write one, or if nobody alive
// can have been born then.
std::string NormalizeBirthDate(std::string_view value, const NormalizeContext& context) {
    const Date date = ReadDate(value);
    std::string result;
    if (IsBirthDate(date, context.current_year)) {
        AppendPadded(date.year, 4, &result);
        AppendPadded(date.month, 2, &result);
        AppendPadded(date.day, 2, &result);
    }
    return result;
}

// 01 to 31, because the month is not known here.
std::string NormalizeBirthDay(std::string_view value, const NormalizeContext&) {
    return TwoDigits(value, 31);
}

// 01 to 12; from digits only, not from the month's name.
std::string NormalizeBirthMonth(std::string_view value, const NormalizeContext&) {
    return TwoDigits(value, 12);
}

// Any four digits: two would leave the century open.
std::string NormalizeBirthYear(std::string_view value, const NormalizeContext&) {
    const std::string_view given = value;
    const Part part = TakePart(&value);
    return value.empty() && part.digits == 4 ? std::string(given) : std::string();
}

}  // namespace crm_capi
