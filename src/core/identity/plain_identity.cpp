// plain_identity.cpp - identities that are never hashed: sent as they are, or not at all.
#include <arpa/inet.h>

#include <algorithm>

#include "core/identity/identity_rules.hpp"
#include "core/text/ascii.hpp"
#include "core/text/unicode.hpp"
#include "core/text/utf8.hpp"
#include "core/event/validation.hpp"

namespace crm_capi {
namespace {

// Digits, at least one, and nothing else.
bool IsNumber(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), IsAsciiDigit);
}

// Takes what stands before the next dot.
std::string_view TakeBeforeDot(std::string_view* text) {
    const size_t dot = std::min(text->find('.'), text->size());
    const std::string_view part = text->substr(0, dot);
    text->remove_prefix(std::min(dot + 1, text->size()));
    return part;
}

// "fb", the index of the subdomain, the time of creation in milliseconds, and the id; newer
// libraries of Meta append a fifth part that names them (reference 2.5).
bool HasCookieForm(std::string_view text) {
    const bool is_fb = TakeBeforeDot(&text) == "fb";
    const std::string_view subdomain = TakeBeforeDot(&text);
    const std::string_view time = TakeBeforeDot(&text);
    const size_t dots = static_cast<size_t>(std::count(text.begin(), text.end(), '.'));
    return is_fb && IsNumber(subdomain) && subdomain.size() <= 2 && IsNumber(time) &&
           time.size() >= 10 && time.size() <= 13 && !text.empty() && text.front() != '.' &&
           dots <= 1;
}

// True also for what is not UTF-8.
bool HasBlankOrControl(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
        const CodePoint next = FirstCodePoint(text.substr(at));
        if (next.length == 0 || IsBlank(next.value) || IsControl(next.value)) {
            return true;
        }
        at += next.length;
    }
    return false;
}

// The value, or the empty text for one that is to be dropped.
std::string If(bool valid, std::string_view value) {
    return valid ? std::string(value) : std::string();
}

}  // namespace

// Any text goes: blanks around it and placeholders are gone already (identity_field.cpp).
std::string CheckText(std::string_view value, const NormalizeContext&) {
    return std::string(value);
}

// Eighteen digits always fit into the 64 bits in which the number goes on (identities.cpp).
std::string CheckNumber(std::string_view value, const NormalizeContext&) {
    return If(IsNumber(value) && value.size() <= 18, value);
}

// In plain digits, whatever ReadLeadId had to take away around them.
std::string CheckLeadId(std::string_view value, const NormalizeContext&) {
    int64_t lead_id = 0;
    return ReadLeadId(value, &lead_id) == Reason::kNone ? std::to_string(lead_id) : std::string();
}

// IPv4 or IPv6, without port or mask. A zero byte would hide from inet_pton what follows it.
std::string CheckAddress(std::string_view value, const NormalizeContext&) {
    unsigned char address[sizeof(in6_addr)];
    const std::string text(value);
    const bool valid =
        text.find('\0') == std::string::npos && (inet_pton(AF_INET, text.c_str(), address) == 1 ||
                                                 inet_pton(AF_INET6, text.c_str(), address) == 1);
    return If(valid, value);
}

// Case matters in a click id: it is never folded.
std::string CheckCookie(std::string_view value, const NormalizeContext&) {
    return If(HasCookieForm(value) && !HasBlankOrControl(value), value);
}

}  // namespace crm_capi
