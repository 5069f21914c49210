// reply.cpp - see reply.hpp.
//
// Everything here is a stranger's text until proven otherwise: a proxy, a captive portal or an
// attacker can stand where Meta should.
#include "core/answer/reply.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "core/text/ascii.hpp"
#include "core/text/json.hpp"
#include "core/text/utf8.hpp"

namespace crm_capi {
namespace {

// ---- JSON ----

// Whether no bracket outside a string nests deeper. Looked at before parsing, so that no parser,
// tree or destructor ever meets the depth. For broken JSON it is right up to the first fault, and
// the parser stops there.
bool DepthWithin(std::string_view json, int limit) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string) {
            i += c == '\\' ? 1 : 0;  // the escaped character ends no string
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > limit) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return true;
}

// Discarded if it is not JSON. A wrong byte in a message must not hide the error code beside it, so
// the text is repaired first.
Json Parse(std::string_view text) {
    if (!DepthWithin(text, kMaxReplyDepth)) {
        return Json(Json::value_t::discarded);
    }
    std::string valid;
    AppendValidUtf8(text, &valid);
    return ParseJson(valid);
}

// The member of that name, or nullptr; also for what is no object.
const Json* Member(const Json& object, const char* name) {
    const auto found = object.find(name);  // end() too if it is no object
    return found == object.end() ? nullptr : &*found;
}

// A whole number of 64 bits, bare or as text; nothing otherwise.
std::optional<int64_t> IntegerMember(const Json& object, const char* name) {
    const Json* value = Member(object, name);
    if (value == nullptr || (!value->is_number_integer() && !value->is_string())) {
        return std::nullopt;
    }
    // A number too is read from its digits: one path, and nothing can wrap.
    const std::string digits = value->is_string() ? value->get<std::string>() : value->dump();
    const char* end = digits.data() + digits.size();
    int64_t number = 0;
    const std::from_chars_result read = std::from_chars(digits.data(), end, number);
    return read.ec == std::errc() && read.ptr == end ? std::optional(number) : std::nullopt;
}

// The member of that name if it is a text, else the empty text.
std::string TextMember(const Json& object, const char* name) {
    const Json* value = Member(object, name);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

// ---- Text fit for tables and logs ----

// '|' stands between the halves of an app's token.
bool IsTokenCharacter(char c) {
    return IsAsciiAlphanumeric(c) || c == '_' || c == '-' || c == '|';
}

// Any byte of a non-ASCII character may be part of a name; '%' because @ may come as %40.
bool IsMailCharacter(char c) {
    return IsAsciiAlphanumeric(c) ||
           std::string_view("@._%+-'").find(c) != std::string_view::npos ||
           static_cast<unsigned char>(c) >= 0x80;
}

// An @ with something on both sides, also in percent-encoding.
bool LooksLikeMail(std::string_view run) {
    const size_t at = run.find('@', 1);
    const size_t encoded = run.find("%40", 1);
    return (at != std::string_view::npos && at + 1 < run.size()) ||
           (encoded != std::string_view::npos && encoded + 3 < run.size());
}

// MD5 has 32 hexadecimal digits, as have app secrets; SHA-256 has 64.
bool HoldsHash(std::string_view run) {
    size_t digits = 0;
    for (char c : run) {
        digits = IsHexDigit(c) ? digits + 1 : 0;
        if (digits == 32) {
            return true;
        }
    }
    return false;
}

// Meta's tokens begin with EAA. The rest catches what does not: app tokens (id|secret), click ids,
// other services' tokens. Words of 40 characters have no digits, so prose survives.
bool LooksLikeToken(std::string_view run) {
    constexpr size_t kShortestToken = 20;
    constexpr size_t kLongestWord = 39;
    const size_t prefix = run.find("EAA");
    const size_t bar = run.find('|');
    return (prefix != std::string_view::npos && run.size() - prefix >= kShortestToken) ||
           (bar != std::string_view::npos && run.size() - bar > kShortestToken) ||
           (run.size() > kLongestWord &&
            run.find_first_of("0123456789") != std::string_view::npos) ||
           HoldsHash(run);
}

// With the blanks and signs that people write into numbers.
bool IsPhoneCharacter(char c) {
    return IsAsciiDigit(c) || std::string_view("+ ()-./").find(c) != std::string_view::npos;
}

// An international number: lead ids and codes have no plus sign.
bool LooksLikePhone(std::string_view run) {
    constexpr std::ptrdiff_t kFewestDigits = 8;
    const size_t plus = run.find('+');
    return plus != std::string_view::npos &&
           std::count_if(run.begin() + static_cast<std::ptrdiff_t>(plus), run.end(),
                         IsAsciiDigit) >= kFewestDigits;
}

struct SecretRule {
    bool (*is_member)(char);              // what a candidate consists of
    bool (*is_secret)(std::string_view);  // whether the longest run of such characters is one
};

// Addresses first: they may hold what looks like a token, and their rest would still name somebody.
constexpr SecretRule kSecretRules[] = {
    {IsMailCharacter, LooksLikeMail},
    {IsTokenCharacter, LooksLikeToken},
    {IsPhoneCharacter, LooksLikePhone},
};

// The text with each run that the rule calls a secret replaced by kBlackedOut.
std::string BlackOutRuns(const SecretRule& rule, std::string_view text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        size_t end = at;
        while (end < text.size() && rule.is_member(text[end])) {
            ++end;
        }
        const std::string_view run = text.substr(at, end - at);
        if (rule.is_secret(run)) {
            // Blanks around it belong to the sentence.
            const size_t first = run.find_first_not_of(' ');
            const size_t last = run.find_last_not_of(' ');
            out.append(run.substr(0, first)).append(kBlackedOut).append(run.substr(last + 1));
        } else {
            out.append(run);
        }
        if (end < text.size()) {
            out.push_back(text[end++]);
        }
        at = end;
    }
    return out;
}

// Names whose values are secret whatever they look like: access_token, input_token, client_secret,
// appsecret_proof.
constexpr std::string_view kSecretNames[] = {"_token", "_secret", "_proof"};

// Where the value begins that an "=" or ":" at `at` assigns, quotes and blanks aside; npos = none.
size_t ValueBehind(std::string_view text, size_t at) {
    constexpr std::string_view kAround = " \"'\\";
    constexpr std::string_view kSigns[] = {"=", ":", "%3D"};
    at = std::min(text.find_first_not_of(kAround, at), text.size());
    for (std::string_view sign : kSigns) {
        if (text.substr(at, sign.size()) == sign) {
            return text.find_first_not_of(kAround, at + sign.size());
        }
    }
    return std::string_view::npos;
}

// Replaces what is assigned to any name that ends like this one.
std::string BlackOutValuesOf(std::string_view name, std::string_view text) {
    // Without the apostrophe, which may be part of an address that the next rule blacks out.
    constexpr std::string_view kBehind = " \"\\&<>,;(){}[]";
    std::string out;
    size_t copied = 0;
    for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at)) {
        at += name.size();
        const size_t begin = ValueBehind(text, at);
        if (begin == std::string_view::npos) {
            continue;
        }
        const size_t end = std::min(text.find_first_of(kBehind, begin), text.size());
        out.append(text.substr(copied, begin - copied)).append(end > begin ? kBlackedOut : "");
        copied = at = end;
    }
    return out.append(text.substr(copied));
}

// Line breaks forge log lines, and what turns the direction of writing hides text from the reader.
bool IsUnprintable(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

// Control characters become blanks, bytes that are not UTF-8 the replacement character.
std::string WithoutControls(std::string_view text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        const CodePoint next = FirstCodePoint(text.substr(at));
        if (next.length == 0) {
            out.append(kReplacementCharacter);
        } else if (IsUnprintable(next.value)) {
            out.push_back(' ');
        } else {
            out.append(text.substr(at, next.length));
        }
        at += std::max<size_t>(next.length, 1);
    }
    return out;
}

// ---- The reply ----

// A line or two on a terminal; Meta's own messages are shorter.
constexpr int kMaxMessageCharacters = 300;

// Kept only if it is what Meta makes: base64 of either alphabet. It goes into tables and tickets,
// so a stranger must not write prose, or echo our secrets, into it.
std::string TraceId(std::string text) {
    constexpr size_t kMaxTraceId = 64;
    const bool fits =
        text.size() <= kMaxTraceId && std::all_of(text.begin(), text.end(), [](char c) {
            return IsAsciiAlphanumeric(c) ||
                   std::string_view("_-/+=").find(c) != std::string_view::npos;
        });
    return fits && SafeText(text, kMaxTraceId) == text ? text : std::string();
}

// The title says what the message ("Invalid parameter") keeps quiet about. error_user_msg is left
// out, because it is the one that quotes what was sent; error_data likewise.
std::string MessageOf(const Json& error) {
    const std::string message =
        error.is_string() ? error.get<std::string>() : TextMember(error, "message");
    const std::string title = TextMember(error, "error_user_title");
    return SafeText(title.empty() ? message : message + " (" + title + ")", kMaxMessageCharacters);
}

// Meta sends an object. Anything else that is not plainly "no error" is a stranger's, with code 0.
std::optional<ReplyError> ReadError(const Json& reply) {
    const Json* error = Member(reply, "error");
    if (error == nullptr || error->is_null() || *error == false) {
        return std::nullopt;
    }
    ReplyError result;
    result.code = IntegerMember(*error, "code").value_or(0);
    result.subcode = IntegerMember(*error, "error_subcode").value_or(0);
    const Json* is_transient = Member(*error, "is_transient");
    if (is_transient != nullptr && is_transient->is_boolean()) {
        result.is_transient = is_transient->get<bool>();
    }
    result.message = MessageOf(*error);
    return result;
}

// More than these are a stranger's.
constexpr size_t kMaxMessages = 20;

// Meta's warnings beside a success; what is no text is passed over.
std::vector<std::string> ReadMessages(const Json& object) {
    std::vector<std::string> messages;
    const Json* list = Member(object, "messages");
    if (list != nullptr && list->is_array()) {
        for (const Json& message : *list) {
            if (message.is_string() && messages.size() < kMaxMessages) {
                messages.push_back(SafeText(message.get<std::string>(), kMaxMessageCharacters));
            }
        }
    }
    return messages;
}

// An object always makes a readable reply, whatever is in it.
Reply ReadObject(const Json& object) {
    Reply reply;
    reply.readable = true;
    reply.messages = ReadMessages(object);
    reply.events_received = IntegerMember(object, "events_received");
    reply.error = ReadError(object);
    reply.fbtrace_id = TraceId(TextMember(object, "fbtrace_id"));
    const Json* error = Member(object, "error");
    if (reply.fbtrace_id.empty() && error != nullptr) {
        reply.fbtrace_id = TraceId(TextMember(*error, "fbtrace_id"));
    }
    return reply;
}

// ---- Usage headers ----

// Longer waits are a mistake or a stranger's: Meta's windows are an hour to a day, and a wait that
// outlasts the events' seven days would lose them.
constexpr int kMaxMinutes = 24 * 60;
constexpr int kMaxPercentage = 1000;  // keeps the number printable; 100 is the limit already

struct Figure {
    const char* name;
    int Usage::* field;
    int highest;
};

constexpr Figure kFigures[] = {
    {"call_count", &Usage::highest_percentage, kMaxPercentage},
    {"total_cputime", &Usage::highest_percentage, kMaxPercentage},
    {"total_time", &Usage::highest_percentage, kMaxPercentage},
    {"acc_id_util_pct", &Usage::highest_percentage, kMaxPercentage},
    {"estimated_time_to_regain_access", &Usage::minutes_to_regain_access, kMaxMinutes},
};

// The figures stand at the top, or in a list under a business's id. Parse bounds the recursion.
void FoldUsage(const Json& value, Usage* usage) {
    for (const Figure& figure : kFigures) {
        const Json* number = Member(value, figure.name);
        if (number != nullptr && number->is_number()) {
            const double rounded = std::ceil(number->get<double>());
            int& field = usage->*figure.field;
            field =
                std::max(field, static_cast<int>(std::clamp<double>(rounded, 0, figure.highest)));
        }
    }
    if (value.is_structured()) {
        for (const Json& inner : value) {
            FoldUsage(inner, usage);
        }
    }
}

}  // namespace

Reply ReadReply(std::string_view body) noexcept {
    try {
        const Json reply = Parse(body);
        return reply.is_object() ? ReadObject(reply) : Reply();
    } catch (...) {
        return {};  // out of memory: as good as unread, and the verdict treats it so
    }
}

std::string SafeText(std::string_view text, int max_characters) {
    std::string safe = WithoutControls(text);
    for (std::string_view name : kSecretNames) {
        safe = BlackOutValuesOf(name, safe);
    }
    for (const SecretRule& rule : kSecretRules) {
        safe = BlackOutRuns(rule, safe);
    }
    // Cut last, or half a token could pass for a word.
    size_t end = 0;
    for (int i = 0; i < max_characters && end < safe.size(); ++i) {
        end += FirstCodePoint(std::string_view(safe).substr(end)).length;
    }
    safe.resize(end);
    return safe;
}

void ReadUsage(std::string_view header_value, Usage* usage) noexcept {
    try {
        FoldUsage(Parse(header_value), usage);
    } catch (...) {
        return;  // out of memory: the next answer brings the figures again
    }
}

}  // namespace crm_capi
