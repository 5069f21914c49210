// validation.cpp - see validation.hpp.
#include "core/validation.hpp"

#include <charconv>
#include <system_error>

#include "core/utf8.hpp"

namespace crm_capi {
namespace {

struct BlankRange {
    char32_t first;
    char32_t last;
};

// Unicode's White_Space, and two characters that nobody sees either: the zero-width space, and the
// byte order mark with which spreadsheets begin their exports.
constexpr BlankRange kBlanks[] = {
    {U'\t', U'\r'},   {U' ', U' '},     {0x0085, 0x0085}, {0x00A0, 0x00A0},
    {0x1680, 0x1680}, {0x2000, 0x200B}, {0x2028, 0x2029}, {0x202F, 0x202F},
    {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF},
};

bool IsBlank(char32_t character) {
    for (const BlankRange& range : kBlanks) {
        if (character >= range.first && character <= range.last) {
            return true;
        }
    }
    return false;
}

// What a walk over a text finds out.
struct TextTraits {
    bool is_utf8 = true;
    bool has_control = false;
    int characters = 0;
    size_t first_seen = 0;     // where the first character that is no blank begins
    size_t last_seen_end = 0;  // where the last one ends; 0 = all blank
};

TextTraits Inspect(std::string_view text) {
    TextTraits traits;
    for (size_t at = 0; at < text.size();) {
        const CodePoint next = FirstCodePoint(text.substr(at));
        const bool is_blank = next.length > 0 && IsBlank(next.value);
        if (!is_blank && traits.last_seen_end == 0) {
            traits.first_seen = at;
        }
        traits.is_utf8 &= next.length > 0;
        traits.has_control |= next.length > 0 && next.value < 0x20;
        ++traits.characters;
        at += next.length > 0 ? next.length : 1;
        traits.last_seen_end = is_blank ? traits.last_seen_end : at;
    }
    return traits;
}

std::string_view Trim(std::string_view text) {
    const TextTraits traits = Inspect(text);
    return text.substr(traits.first_seen, traits.last_seen_end - traits.first_seen);
}

// Takes ".000" away from a number; any other fraction stays and makes it unreadable.
std::string_view WithoutZeroFraction(std::string_view number) {
    const size_t point = number.find('.');
    const bool has_digits = point != std::string_view::npos && point + 1 < number.size();
    const bool all_zeros =
        has_digits && number.find_first_not_of('0', point + 1) == std::string_view::npos;
    return all_zeros ? number.substr(0, point) : number;
}

}  // namespace

Reason JudgeLeadId(int64_t lead_id) {
    const bool fits = lead_id >= kSmallestLeadId && lead_id <= kLargestLeadId;
    return fits ? Reason::kNone : Reason::kLeadIdLength;
}

Reason ReadLeadId(std::string_view text, int64_t* lead_id) {
    *lead_id = 0;
    std::string_view number = Trim(text);
    if (number.substr(0, 2) == "l:") {
        number = Trim(number.substr(2));
    }
    number = WithoutZeroFraction(number);
    const char* end = number.data() + number.size();
    const std::from_chars_result read = std::from_chars(number.data(), end, *lead_id);
    // from_chars consumes every digit even if they exceed 64 bits, so ptr tells junk from size.
    if (read.ec == std::errc::invalid_argument || read.ptr != end) {
        *lead_id = 0;
        return Reason::kLeadIdNotANumber;
    }
    return read.ec == std::errc() ? JudgeLeadId(*lead_id) : Reason::kLeadIdLength;
}

Reason JudgeEventName(std::string_view name) {
    const TextTraits traits = Inspect(name);
    if (traits.last_seen_end == 0) {
        return Reason::kStageMissing;
    }
    if (!traits.is_utf8 || traits.has_control) {
        return Reason::kStageEncoding;
    }
    return traits.characters > kMaxEventNameCharacters ? Reason::kStageTooLong : Reason::kNone;
}

Reason JudgeEventTime(UnixMicros event_time, UnixMicros now,
                      std::optional<UnixMicros> lead_created_at) {
    const int64_t event_second = FloorToSeconds(event_time);
    // Seconds are far from the ends of 64 bits, so these differences cannot overflow.
    const int64_t age = FloorToSeconds(now) - event_second;
    if (age >= FloorToSeconds(kMaxEventAge)) {
        return Reason::kEventTimeTooOld;
    }
    if (-age > FloorToSeconds(kFutureTolerance)) {
        return Reason::kEventTimeInFuture;
    }
    const bool before_lead = lead_created_at && event_second < FloorToSeconds(*lead_created_at);
    return before_lead ? Reason::kEventTimeBeforeLead : Reason::kNone;
}

}  // namespace crm_capi
