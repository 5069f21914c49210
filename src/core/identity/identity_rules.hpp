// identity_rules.hpp - how a plain value of each kind is brought into the form that Meta wants
// (reference 2.3). For identity_field.cpp, which does what is common to all of them.
//
// Each rule takes valid UTF-8 that is neither blank nor hashed already, and returns the normalised
// value, or the empty text if there is no use for it.
#pragma once

#include <string>
#include <string_view>

#include "core/identity/drop_cause.hpp"

namespace crm_capi {

// What a rule may have to know besides the value. Countries are ISO codes of two letters, in lower
// case, or empty if not known.
struct NormalizeContext {
    std::string_view country;  // in which the lead is thought to be
    int current_year = 0;      // no one was born later
};

std::string NormalizeEmail(std::string_view value, const NormalizeContext& context);
std::string NormalizePhone(std::string_view value, const NormalizeContext& context);

// Why the rule has no use for this value. For the others it is DropCause::kForm.
DropCause EmailDropCause(std::string_view value);
DropCause PhoneDropCause(std::string_view value);
DropCause NumberDropCause(std::string_view value);  // of what may be a number, or a word

// Whether a folded text is a number as a spreadsheet writes one that was too long for its column:
// "5.25645e+11". Hundreds of different ones have this one text.
bool IsRoundedNumber(std::string_view folded);

std::string NormalizeName(std::string_view value, const NormalizeContext& context);
std::string NormalizeNameStart(std::string_view value, const NormalizeContext& context);
std::string NormalizeInitial(std::string_view value, const NormalizeContext& context);
std::string NormalizeGender(std::string_view value, const NormalizeContext& context);
std::string NormalizeExternalId(std::string_view value, const NormalizeContext& context);

std::string NormalizeCity(std::string_view value, const NormalizeContext& context);
std::string NormalizeState(std::string_view value, const NormalizeContext& context);
std::string NormalizePostalCode(std::string_view value, const NormalizeContext& context);
std::string NormalizeCountry(std::string_view value, const NormalizeContext& context);

std::string NormalizeBirthDate(std::string_view value, const NormalizeContext& context);
std::string NormalizeBirthDay(std::string_view value, const NormalizeContext& context);
std::string NormalizeBirthMonth(std::string_view value, const NormalizeContext& context);
std::string NormalizeBirthYear(std::string_view value, const NormalizeContext& context);

// Values that are sent as they are, if they are what they should be.
std::string CheckText(std::string_view value, const NormalizeContext& context);
std::string CheckNumber(std::string_view value, const NormalizeContext& context);
std::string CheckLeadId(std::string_view value, const NormalizeContext& context);
std::string CheckAddress(std::string_view value, const NormalizeContext& context);
std::string CheckCookie(std::string_view value, const NormalizeContext& context);

}  // namespace crm_capi
