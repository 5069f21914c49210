// normalize_email.cpp - the rule for e-mail addresses.
#include <algorithm>

#include "core/identity/identity_rules.hpp"
#include "core/text/ascii.hpp"
#include "core/text/unicode.hpp"

namespace crm_capi {
namespace {

// RFC 5321: 64 octets before the @, 254 together.
constexpr size_t kLongestLocalPart = 64;
constexpr size_t kLongestEmail = 254;
constexpr size_t kLongestLabel = 63;

// For Fold, where no character is to be dropped.
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

// Of a folded text: the whole of it has the form of an address (no quoted local part, no address in
// brackets).
bool IsAddress(std::string_view text) {
    const size_t at = text.find('@');
    return at != std::string_view::npos && text.size() <= kLongestEmail &&
           at <= kLongestLocalPart && Fold(text, IsForeignToEmail) == text &&
           IsDotted(text.substr(0, at), IsAtomCharacter) && IsDomain(text.substr(at + 1));
}

// What stands between two mailboxes, or behind one.
constexpr std::string_view kSeparators = ",;|\r\n";

// Whether nothing else than further mailboxes may follow here.
bool IsEndOfMailbox(std::string_view rest) {
    rest = TrimBlanks(rest);
    return rest.empty() || kSeparators.find(rest.front()) != std::string_view::npos;
}

// "Jane <j@x.org>": what stands between the angles. A name that has another address in it ("k@x.org
// <j@x.org>") leaves open whose value it is: then nothing.
std::string_view InAngles(std::string_view text, size_t open) {
    const size_t close = text.find('>', open);
    const std::string_view name = text.substr(0, open);
    if (close == std::string_view::npos || !IsEndOfMailbox(text.substr(close + 1))) {
        return {};
    }
    const std::string_view inside = TrimBlanks(text.substr(open + 1, close - open - 1));
    const bool is_plain =
        name.find('@') == std::string_view::npos || name.find(inside) != std::string_view::npos;
    return is_plain ? inside : std::string_view();
}

// Of a folded text, what has to be an address: of a mailbox with a display name the address, of a
// list the first one, of an address with a note behind it the address.
std::string_view MailboxOf(std::string_view text) {
    constexpr std::string_view kScheme = "mailto:";
    if (text.substr(0, kScheme.size()) == kScheme) {
        text.remove_prefix(kScheme.size());
    }
    const size_t open = text.find('<');
    if (open != std::string_view::npos) {
        return InAngles(text, open);
    }
    const std::string_view first = text.substr(0, text.find_first_of(",; \t\r\n"));
    const size_t at = first.find('@');  // a local part may have what follows a domain
    return at == std::string_view::npos ? first : first.substr(0, first.find_first_of("|/", at));
}

}  // namespace

// The address in lower case. It is found where it is plain which one is meant, and never mended: a
// guess would be the hash of somebody else's address.
std::string NormalizeEmail(std::string_view value, const NormalizeContext&) {
    const std::string text = Fold(value, Nothing);
    const std::string_view mailbox = MailboxOf(text);
    return IsAddress(mailbox) ? std::string(mailbox) : std::string();
}

DropCause EmailDropCause(std::string_view value) {
    return std::count(value.begin(), value.end(), '@') > 1 ? DropCause::kSeveral : DropCause::kForm;
}

}  // namespace crm_capi
