// normalize_place.cpp - rules for city, state, postal code and country.
#include <algorithm>

#include "core/identity/countries.hpp"
#include "core/identity/identity_rules.hpp"
#include "core/text/ascii.hpp"
#include "core/text/unicode.hpp"
#include "core/text/utf8.hpp"

namespace crm_capi {
namespace {

// "No punctuation, no special characters, no spaces", in any script. Digits go too, as in Meta's
// server libraries: they are a postal code or a district in the wrong column.
bool IsNoLetter(char32_t character) {
    return !IsLetter(character);
}

// Names of countries are looked up by a to z alone.
bool IsNoLatinLetter(char32_t character) {
    return !(character >= 'a' && character <= 'z');
}

// Without the fraction of zeros that a column of numbers gets when it passes through a spreadsheet.
std::string_view PostalCodeWithoutFraction(std::string_view value) {
    const std::string_view digits = value.substr(0, value.find('.'));
    const bool is_number = digits.size() >= 3 && digits.size() < value.size() &&
                           std::all_of(digits.begin(), digits.end(), IsAsciiDigit);
    const std::string_view fraction = is_number ? value.substr(digits.size()) : std::string_view();
    return fraction == ".0" || fraction == ".00" ? digits : value;
}

// Where the country is not known, names of states are read as those of the USA.
bool IsUs(std::string_view country) {
    return country.empty() || country == "us";
}

}  // namespace

// Letters of any script, in lower case, accents kept: "St. John's" is "stjohns".
std::string NormalizeCity(std::string_view value, const NormalizeContext&) {
    return Fold(value, IsNoLetter);
}

// The documentation wants the two-letter code for states of the USA. A lead that is known to live
// elsewhere can live in a Georgia of its own.
std::string NormalizeState(std::string_view value, const NormalizeContext& context) {
    const std::string state = Fold(value, IsNoLetter);
    const std::string_view code = IsUs(context.country) ? UsStateCode(state) : std::string_view();
    return code.empty() ? state : std::string(code);
}

// What follows a dash is the finer part of a code (ZIP+4), which Meta does not want. Of a number
// that a spreadsheet has rounded nothing can be known, of "10115.0" all.
std::string NormalizePostalCode(std::string_view value, const NormalizeContext&) {
    const std::string text = Fold(value.substr(0, value.find('-')), IsBlank);
    const std::string_view code =
        IsRoundedNumber(text) ? std::string_view() : PostalCodeWithoutFraction(text);
    const bool is_single = FirstCodePoint(code).length == code.size();
    return is_single ? std::string() : std::string(code);
}

// The two-letter code in lower case; empty for what countries.cpp does not know. Anything but a to
// z is dropped before it looks, so a name with an accent has to be listed without that letter.
std::string NormalizeCountry(std::string_view value, const NormalizeContext&) {
    return std::string(CountryCode(Fold(value, IsNoLatinLetter)));
}

}  // namespace crm_capi
