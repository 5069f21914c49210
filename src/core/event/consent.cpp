// consent.cpp - see consent.hpp.
#include "core/event/consent.hpp"

#include <iterator>

#include "core/text/ascii.hpp"
#include "core/text/json.hpp"

namespace crm_capi {
namespace {

constexpr const char* kLimitedUse = "LDU";

// Null, and a text of blanks: the column of a CRM that holds nothing.
bool IsNothing(const Json& value) {
    return value.is_null() ||
           (value.is_string() &&
            value.get_ref<const std::string&>().find_first_not_of(" \t\r\n") == std::string::npos);
}

// False if the value is none of those that the member may have.
bool ReadChoice(const Json& value, std::optional<bool>* choice) {
    if (value.is_boolean()) {
        *choice = value.get<bool>();
    }
    return value.is_boolean();
}

// The list itself, the list as a text, or its one element as a text.
bool ReadOptions(const Json& value, std::optional<bool>* limited_use) {
    const Json list = value.is_string() ? ParseJson(value.get<std::string>()) : value;
    if (value == kLimitedUse || list == Json::array({kLimitedUse})) {
        *limited_use = true;
    } else if (list == Json::array()) {
        *limited_use = false;
    }
    return limited_use->has_value();
}

// A whole number of at most four digits, however it is written; -1 if it is none.
PlaceNumber ReadNumber(const Json& value) {
    constexpr double kLargest = 9999;
    if (value.is_number()) {
        const double number = value.get<double>();
        const bool is_whole =
            number >= 0 && number <= kLargest && number == static_cast<int>(number);
        return static_cast<PlaceNumber>(is_whole ? number : -1);
    }
    int number = value.is_string() && value.get_ref<const std::string&>().size() <= 4 ? 0 : -1;
    for (const char c : number == 0 ? value.get<std::string>() : std::string()) {
        number = number < 0 || !IsAsciiDigit(c) ? -1 : number * 10 + (c - '0');
    }
    return static_cast<PlaceNumber>(number);
}

// Meta's numbers: 1 is the United States, 0 lets Meta find out.
bool ReadCountry(const Json& value, std::optional<PlaceNumber>* country) {
    const PlaceNumber number = ReadNumber(value);
    *country = number;
    return number == 0 || number == 1;
}

// Meta's numbers: 0 lets Meta find out, 1000 is California, and the others follow.
bool ReadState(const Json& value, std::optional<PlaceNumber>* state) {
    const PlaceNumber number = ReadNumber(value);
    *state = number;
    return number == 0 || (number >= 1000 && number <= 1999);
}

// The member's value, by its place in kConsentMembers.
bool ReadMember(size_t member, const Json& value, Consent* consent) {
    switch (member) {
        case 0:
            return ReadChoice(value, &consent->opt_out);
        case 1:
            return ReadOptions(value, &consent->limited_use);
        case 2:
            return ReadCountry(value, &consent->country);
        default:
            return ReadState(value, &consent->state);
    }
}

// A member of our own words, which need no escapes.
void AppendOwnWords(std::string_view name, std::string_view value, std::string* out) {
    out->append(",\"").append(name).append("\":").append(value);
}

}  // namespace

ConsentReading ReadConsent(std::string_view json) {
    const Json object = ParseJson(json);
    ConsentReading reading;
    reading.is_object = object.is_object();
    for (size_t i = 0; reading.is_object && i < std::size(kConsentMembers); ++i) {
        const auto member = object.find(std::string(kConsentMembers[i].name));
        if (member != object.end() && !IsNothing(*member) &&
            !ReadMember(i, *member, &reading.consent)) {
            reading.consent = Consent();
            reading.fault = &kConsentMembers[i];
            return reading;
        }
    }
    if (!reading.consent.limited_use.value_or(false)) {
        reading.consent.country.reset();
        reading.consent.state.reset();
    }
    return reading;
}

std::string WriteConsent(const Consent& consent) {
    std::string members;
    if (consent.opt_out) {
        AppendOwnWords(kConsentMembers[0].name, *consent.opt_out ? "true" : "false", &members);
    }
    if (consent.limited_use) {
        AppendOwnWords(kConsentMembers[1].name, *consent.limited_use ? "[\"LDU\"]" : "[]",
                       &members);
    }
    if (consent.country) {
        AppendOwnWords(kConsentMembers[2].name, std::to_string(*consent.country), &members);
    }
    if (consent.state) {
        AppendOwnWords(kConsentMembers[3].name, std::to_string(*consent.state), &members);
    }
    return members.empty() ? std::string() : '{' + members.substr(1) + '}';
}

void AppendConsent(const Consent& consent, std::string* out) {
    Consent complete = consent;
    if (consent.limited_use.value_or(false)) {
        complete.country = consent.country.value_or(0);
        complete.state = consent.state.value_or(0);
    }
    const std::string object = WriteConsent(complete);
    if (!object.empty()) {
        out->append(1, ',').append(object, 1, object.size() - 2);
    }
}

}  // namespace crm_capi
