// normalize_phone.cpp - the rule for telephone numbers; libphonenumber knows the countries.
//
// Meta wants digits only, the country code in front, no leading zero. A number that was written
// with its country code says so by '+' or by the country's prefix for calls abroad. Any other is
// completed with the country of the lead, if that is known; if not, its digits are all there is.
#include <phonenumbers/phonenumberutil.h>

#include "core/identity/dialled.hpp"
#include "core/identity/identity_rules.hpp"
#include "core/identity/phone_region.hpp"
#include "core/text/ascii.hpp"

namespace crm_capi {
namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

// Shorter ones are extensions or short codes, which differ from company to company; E.164 allows 15
// digits and no more.
constexpr size_t kFewestDigits = 7;
constexpr size_t kMostDigits = 15;

constexpr char kNoRegion[] = "ZZ";  // libphonenumber's word

// One for the process; the first call reads the tables (WarmPhoneRoom).
const PhoneNumberUtil& Library() {
    return *PhoneNumberUtil::GetInstance();
}

// Empty if there is nothing but zeros.
std::string WithoutLeadingZeros(const std::string& digits) {
    const size_t first = digits.find_first_not_of('0');
    return first == std::string::npos ? std::string() : digits.substr(first);
}

// The number in E.164 without '+'; empty if it is none by the given test of the library.
std::string Read(const std::string& number, const std::string& region,
                 bool (PhoneNumberUtil::*test)(const PhoneNumber&) const) {
    PhoneNumber parsed;
    if (Library().Parse(number, region, &parsed) != PhoneNumberUtil::NO_PARSING_ERROR ||
        !(Library().*test)(parsed)) {
        return {};
    }
    std::string formatted;
    Library().Format(parsed, PhoneNumberUtil::E164, &formatted);
    return formatted.substr(1);
}

// A number without '+', read in this order: as one that has the country's own code in front
// ("4915112345678" in Germany, where it could be a number within the country too), as one of the
// country, as one of any country that is in front of it; and if it is valid in none of these ways,
// as a new or mistyped one that has the right length.
std::string ReadNational(const std::string& digits, const std::string& region) {
    const std::string code = std::to_string(Library().GetCountryCodeForRegion(region));
    const bool has_own_code = digits.compare(0, code.size(), code) == 0;
    const std::string abroad = "+" + digits;
    std::string number;
    if (has_own_code) {
        number = Read(abroad, kNoRegion, &PhoneNumberUtil::IsValidNumber);
    }
    if (number.empty()) {
        number = Read(digits, region, &PhoneNumberUtil::IsValidNumber);
    }
    if (number.empty()) {
        number = Read(abroad, kNoRegion, &PhoneNumberUtil::IsValidNumber);
    }
    if (number.empty() && has_own_code) {
        number = Read(abroad, kNoRegion, &PhoneNumberUtil::IsPossibleNumber);
    }
    return number.empty() ? Read(digits, region, &PhoneNumberUtil::IsPossibleNumber) : number;
}

}  // namespace

bool IsPhoneRegion(std::string_view country) {
    return Library().GetCountryCodeForRegion(UpperAscii(country)) != 0;
}

void WarmPhoneRoom() {
    (void)Library();
}

// In E.164 without '+' if the number says its country or the lead's country is known and makes a
// number of it; else the digits as they were given, without zeros in front. Empty if the text is
// not plainly one number, or if that is too short or too long for one. Without WarmPhoneRoom the
// first call is slow.
std::string NormalizePhone(std::string_view value, const NormalizeContext& context) {
    const Dialled dialled = ReadDialled(value);
    const std::string plain = WithoutLeadingZeros(dialled.digits);
    if (dialled.cause != DropCause::kNone || plain.size() < kFewestDigits ||
        dialled.digits.size() > kMostDigits + 4) {
        return {};
    }
    std::string number;
    if (dialled.international) {
        number = Read("+" + dialled.digits, kNoRegion, &PhoneNumberUtil::IsPossibleNumber);
    } else if (!context.country.empty()) {
        number = ReadNational(dialled.digits, UpperAscii(context.country));
    }
    number = number.empty() ? plain : number;
    const bool fits = number.size() >= kFewestDigits && number.size() <= kMostDigits;
    return fits ? number : std::string();
}

DropCause PhoneDropCause(std::string_view value) {
    const DropCause cause = ReadDialled(value).cause;
    return cause == DropCause::kNone ? DropCause::kLength : cause;
}

}  // namespace crm_capi
