// normalize_text.cpp - rules for names, gender and ids of the advertiser.
#include <algorithm>

#include "core/identity/identity_rules.hpp"
#include "core/text/ascii.hpp"
#include "core/text/unicode.hpp"
#include "core/text/utf8.hpp"

namespace crm_capi {
namespace {

// For Fold, where no character is to be dropped.
// The documentation wants no punctuation in names and recommends a-z; blanks go too, as they do in
// Meta's parameter builder ("Mary Jane" and "Mary-Jane" are one name). What is beyond ASCII stays,
// dashes and quotes as well: there all of Meta's libraries agree, and whatever else has told Meta
// of the person has hashed the name with it (test/sdk/punctuation.js).
bool IsNoPartOfName(char32_t character) {
    return IsBlank(character) || IsControl(character) || IsAsciiPunctuation(character);
}

// At least one, and nothing else.
bool AreDigits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), IsAsciiDigit);
}

// So many characters, not bytes, from the front.
std::string FirstCharacters(const std::string& text, int count) {
    size_t end = 0;
    while (count-- > 0 && end < text.size()) {
        end += FirstCodePoint(std::string_view(text).substr(end)).length;
    }
    return text.substr(0, end);
}

}  // namespace

// Lower case; letters of any script, accents and digits stay.
std::string NormalizeName(std::string_view value, const NormalizeContext&) {
    return Fold(value, IsNoPartOfName);
}

// The first five characters of the normalised name, or all of a shorter one.
std::string NormalizeNameStart(std::string_view value, const NormalizeContext& context) {
    return FirstCharacters(NormalizeName(value, context), 5);
}

// The first character of the normalised name.
std::string NormalizeInitial(std::string_view value, const NormalizeContext& context) {
    return FirstCharacters(NormalizeName(value, context), 1);
}

// Words of other languages or manners of address are dropped: nobody has to guess.
std::string NormalizeGender(std::string_view value, const NormalizeContext&) {
    const std::string word = Fold(value, Nothing);
    if (word == "m" || word == "male") {
        return "m";
    }
    return word == "f" || word == "female" ? "f" : std::string();
}

// An id of the advertiser's own: nothing but case and blanks may differ from channel to channel.
// What a spreadsheet has rounded would be the id of many people at once.
std::string NormalizeExternalId(std::string_view value, const NormalizeContext&) {
    const std::string id = Fold(value, IsBlank);
    return IsRoundedNumber(id) ? std::string() : id;
}

bool IsRoundedNumber(std::string_view folded) {
    const size_t exponent = folded.find('e');
    if (exponent == std::string_view::npos || folded.substr(exponent + 1, 1) != "+") {
        return false;
    }
    const std::string_view digits = folded.substr(exponent + 2);
    const bool has_point = exponent >= 3 && (folded[1] == '.' || folded[1] == ',');
    return (exponent == 1 || has_point) && AreDigits(folded.substr(0, 1)) &&
           (exponent == 1 || AreDigits(folded.substr(2, exponent - 2))) && AreDigits(digits);
}

DropCause NumberDropCause(std::string_view value) {
    return IsRoundedNumber(Fold(value, IsBlank)) ? DropCause::kRounded : DropCause::kForm;
}

}  // namespace crm_capi
