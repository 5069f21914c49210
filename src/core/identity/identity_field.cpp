// identity_field.cpp - see identity_field.hpp.
#include "core/identity/identity_field.hpp"

#include <algorithm>
#include <iterator>

#include "core/event/digest.hpp"
#include "core/text/ascii.hpp"
#include "core/text/unicode.hpp"
#include "core/text/utf8.hpp"

namespace crm_capi {
namespace {

constexpr Treatment kHashed = Treatment::kHashed;
constexpr Treatment kPlain = Treatment::kPlain;

constexpr IdentityField kFields[] = {
    {"em", "", kHashed, false, NormalizeEmail, EmailDropCause},
    {"ph", "p:", kHashed, false, NormalizePhone, PhoneDropCause},
    {"fn", "", kHashed, false, NormalizeName},
    {"ln", "", kHashed, false, NormalizeName},
    {"db", "", kHashed, false, NormalizeBirthDate},
    {"ge", "", kHashed, false, NormalizeGender},
    {"ct", "", kHashed, false, NormalizeCity},
    {"st", "", kHashed, false, NormalizeState},
    {"zp", "z:", kHashed, false, NormalizePostalCode, NumberDropCause},
    {"country", "", kHashed, false, NormalizeCountry},
    {"external_id", "", kHashed, false, NormalizeExternalId, NumberDropCause},
    {"f5first", "", kHashed, false, NormalizeNameStart},
    {"f5last", "", kHashed, false, NormalizeNameStart},
    {"fi", "", kHashed, false, NormalizeInitial},
    {"dobd", "", kHashed, false, NormalizeBirthDay},
    {"dobm", "", kHashed, false, NormalizeBirthMonth},
    {"doby", "", kHashed, false, NormalizeBirthYear},
    {"lead_id", "l:", kPlain, true, CheckLeadId},
    {"client_ip_address", "", kPlain, false, CheckAddress},
    {"client_user_agent", "", kPlain, false, CheckText},
    {"fbc", "", kPlain, false, CheckCookie},
    {"fbp", "", kPlain, false, CheckCookie},
    {"subscription_id", "", kPlain, false, CheckText},
    {"fb_login_id", "", kPlain, true, CheckNumber},
    {"anon_id", "", kPlain, false, CheckText},
    {"madid", "", kPlain, false, CheckText},
    {"page_id", "", kPlain, false, CheckText},
    {"page_scoped_user_id", "", kPlain, false, CheckText},
    {"ctwa_clid", "", kPlain, false, CheckText},
    {"whatsapp_business_account_id", "", kPlain, false, CheckText},
    {"ig_account_id", "", kPlain, false, CheckText},
    {"instagram_business_account_id", "", kPlain, false, CheckText},
    {"ig_sid", "", kPlain, false, CheckText},
};

// What programs and people write where there is nothing, without the marks around it: "(null)",
// "#N/A", "[object Object]". "na" is not here: it is a name.
constexpr std::string_view kPlaceholders[] = {
    "null", "nil", "undefined", "none",          "nan",          "n/a",
    "n.a",  "n/d", "unknown",   "not available", "not provided", "object object",
};

// The same, hashed by someone before us (reference 2.3): the empty text, "null", "undefined".
constexpr std::string_view kPlaceholderHashes[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
    "eb045d78d273107348b0300c01d29b7552d622abbc6faf81b3ec55359aa9950c",
};

constexpr size_t kSha256Digits = 64;
constexpr size_t kMd5Digits = 32;

// In either case. True of the empty text too: callers look at the length.
bool IsHex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), IsHexDigit);
}

// Of base64 in the alphabet for URLs.
bool IsTagCharacter(char c) {
    return IsAsciiAlphanumeric(c) || c == '-' || c == '_';
}

// Meta's parameter builder appends such a tag to its hashes (reference 2.5).
bool IsTag(std::string_view text) {
    return (text.size() == 3 || text.size() == 9) && text[0] == '.' &&
           std::all_of(text.begin() + 1, text.end(), IsTagCharacter);
}

// The hash that the value is, in lower case; empty if it is none.
std::string ReadHash(std::string_view value) {
    const std::string digits = LowerAscii(value.substr(0, kSha256Digits));
    const bool is_hash = digits.size() == kSha256Digits || digits.size() == kMd5Digits;
    const std::string_view rest = value.substr(digits.size());
    if (!is_hash || !IsHex(digits) || !(rest.empty() || IsTag(rest))) {
        return {};
    }
    return digits + std::string(rest);
}

// From the first letter or digit of any script to the last one.
std::string_view WithoutMarksAround(std::string_view text) {
    size_t first = text.size();
    size_t end = 0;
    for (size_t at = 0; at < text.size();) {
        const CodePoint next = FirstCodePoint(text.substr(at));
        const size_t length = next.length > 0 ? next.length : 1;
        if (next.length > 0 && IsLetterOrDigit(next.value)) {
            first = std::min(first, at);
            end = at + length;
        }
        at += length;
    }
    return text.substr(first, end > first ? end - first : 0);
}

// "-", "?", "...": marks alone are put where there is nothing. With marks around it, a word that
// says so is still that word.
bool IsAbsent(std::string_view value) {
    const std::string_view word = WithoutMarksAround(value);
    return word.empty() || IsOneOf(kPlaceholders, LowerAscii(word));
}

// Of a hash with or without a tag.
bool IsPlaceholderHash(const std::string& hash) {
    return IsOneOf(kPlaceholderHashes, std::string_view(hash).substr(0, kSha256Digits));
}

// Whether every byte belongs to a character.
bool IsUtf8(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
        const size_t length = FirstCodePoint(text.substr(at)).length;
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

// The result that has a fault in place of a text.
NormalizedValue Without(ValueFault fault) {
    NormalizedValue result;
    result.fault = fault;
    return result;
}

// Takes off the prefix of CSV exports, however often it was put in front.
std::string_view WithoutPrefix(const IdentityField& field, std::string_view value) {
    const std::string_view prefix = field.csv_prefix;
    while (!prefix.empty() && LowerAscii(value.substr(0, prefix.size())) == prefix) {
        value = TrimBlanks(value.substr(prefix.size()));
    }
    return value;
}

}  // namespace

const IdentityField* FindIdentityField(std::string_view name) {
    const auto* const field =
        std::find_if(std::begin(kFields), std::end(kFields),
                     [name](const IdentityField& candidate) { return candidate.name == name; });
    return field == std::end(kFields) ? nullptr : field;
}

const IdentityField* IdentityFields(int* count) {
    *count = static_cast<int>(std::size(kFields));
    return kFields;
}

NormalizedValue NormalizeValue(const IdentityField& field, std::string_view value,
                               const NormalizeContext& context) {
    value = WithoutPrefix(field, TrimBlanks(value));
    if (!IsUtf8(value)) {
        return Without(ValueFault::kUnusable);
    }
    if (IsAbsent(value)) {
        return Without(ValueFault::kAbsent);
    }
    NormalizedValue result;
    if (field.treatment == Treatment::kHashed) {
        result.text = ReadHash(value);
        result.is_hash = !result.text.empty();
        if (IsPlaceholderHash(result.text)) {
            return Without(ValueFault::kAbsent);
        }
    }
    if (!result.is_hash) {
        result.text = field.rule(value, context);
    }
    if (result.text.empty()) {
        return Without(ValueFault::kUnusable);
    }
    // Once more: without its punctuation, a name can turn out to be none ("N.U.L.L."), and without
    // what nobody sees, a prefix can turn out to be one ("z :10115"), and a hash.
    const bool hides_hash =
        field.treatment == Treatment::kHashed && !result.is_hash && !ReadHash(result.text).empty();
    if (hides_hash || WithoutPrefix(field, result.text).size() < result.text.size()) {
        return NormalizeValue(field, std::string(result.text), context);
    }
    return IsAbsent(result.text) ? Without(ValueFault::kAbsent) : result;
}

std::optional<std::string> NormalizeField(const IdentityField& field, std::string_view value,
                                          const NormalizeContext& context) {
    NormalizedValue normalized = NormalizeValue(field, value, context);
    if (normalized.fault != ValueFault::kNone) {
        return std::nullopt;
    }
    return std::move(normalized.text);
}

DropCause CauseOfDrop(const IdentityField& field, std::string_view value) {
    const std::string_view bare = WithoutPrefix(field, TrimBlanks(value));
    return field.cause != nullptr && IsUtf8(bare) ? field.cause(bare) : DropCause::kForm;
}

std::optional<std::string> HashField(const IdentityField& field, std::string_view value,
                                     const NormalizeContext& context) {
    NormalizedValue normalized = NormalizeValue(field, value, context);
    if (normalized.fault != ValueFault::kNone) {
        return std::nullopt;
    }
    if (field.treatment == Treatment::kHashed && !normalized.is_hash) {
        return Sha256Hex(normalized.text);
    }
    return std::move(normalized.text);
}

}  // namespace crm_capi
