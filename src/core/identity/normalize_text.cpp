// normalize_text.cpp - rules for names, gender, e-mail addresses and ids of the advertiser.
#include <algorithm>

#include "core/identity/identity_rules.hpp"
#include "core/text/ascii.hpp"
#include "core/text/unicode.hpp"
#include "core/text/utf8.hpp"

namespace crm_capi {
namespace {

// RFC 5321: 64 octets before the @, 254 together.
constexpr size_t kLongestLocalPart = 64;
constexpr size_t kLongestEmail = 254;
constexpr size_t kLongestLabel = 63;

// For Fold, where no character is to be dropped.
bool Nothing(char32_t) {
    return false;
}

// The documentation wants no punctuation in names and recommends a-z; blanks go too, as they do in
// Meta's parameter builder ("Mary Jane" and "Mary-Jane" are one name).
bool IsNoPartOfName(char32_t character) {
    return IsBlank(character) || IsControl(character) || IsPunctuation(character);
}

// Of a folded text: what is beyond ASCII in it are letters and digits (IsForeignToEmail).
bool IsAlphanumeric(char c) {
    return IsAsciiAlphanumeric(c) || static_cast<unsigned char>(c) >= 0x80;
}

// What may stand between the dots of a local part (RFC 5322's atext, RFC 6531's beyond ASCII).
bool IsAtomCharacter(char c) {
    return IsAlphanumeric(c) ||
           std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

// What may stand between the dots of a domain.
bool IsLabelCharacter(char c) {
    return IsAlphanumeric(c) || c == '-';
}

// A label neither begins nor ends with a hyphen. It is not empty.
bool IsLabel(std::string_view label) {
    return label.size() <= kLongestLabel && IsAlphanumeric(label.front()) &&
           IsAlphanumeric(label.back());
}

// Parts between dots, none of them empty, all made of the characters allowed.
bool IsDotted(std::string_view text, bool (*allowed)(char)) {
    return !text.empty() && text.front() != '.' && text.back() != '.' &&
           text.find("..") == std::string_view::npos &&
           std::all_of(text.begin(), text.end(),
                       [allowed](char c) { return c == '.' || allowed(c); });
}

// At least two labels, and a top one that can be one: two characters, no number.
bool IsDomain(std::string_view domain) {
    const size_t last_dot = domain.rfind('.');
    if (last_dot == std::string_view::npos || !IsDotted(domain, IsLabelCharacter)) {
        return false;
    }
    for (size_t at = 0; at < domain.size();) {
        const size_t end = std::min(domain.find('.', at), domain.size());
        if (!IsLabel(domain.substr(at, end - at))) {
            return false;
        }
        at = end + 1;
    }
    const std::string_view top = domain.substr(last_dot + 1);
    return top.size() >= 2 && !IsAsciiDigit(top[0]);
}

// Beyond ASCII only letters and digits and what belongs to them: no blank, no clever quote.
bool IsForeignToEmail(char32_t character) {
    return character >= 0x80 && !IsLetterOrDigit(character) && !IsLetter(character);
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

// The whole address in lower case, if it has the form of one (no quoted local part, no address in
// brackets). Nothing is mended: a guess would be the hash of somebody else's address.
std::string NormalizeEmail(std::string_view value, const NormalizeContext&) {
    std::string email = Fold(value, Nothing);
    const size_t at = email.find('@');
    if (at == std::string::npos || email.size() > kLongestEmail || at > kLongestLocalPart ||
        Fold(email, IsForeignToEmail) != email) {
        return {};
    }
    const std::string_view whole = email;
    const bool valid =
        IsDotted(whole.substr(0, at), IsAtomCharacter) && IsDomain(whole.substr(at + 1));
    return valid ? email : std::string();
}

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
std::string NormalizeExternalId(std::string_view value, const NormalizeContext&) {
    return Fold(value, IsBlank);
}

}  // namespace crm_capi
