// validation.cpp - see validation.hpp.
#include "core/event/validation.hpp"

#include <charconv>
#include <system_error>

#include "core/text/unicode.hpp"
#include "core/text/utf8.hpp"

namespace crm_capi {
namespace {

// What a walk over a text finds out.
struct TextTraits {
    bool is_utf8 = true;
    bool has_control = false;
    int characters = 0;
    bool is_blank = true;
};

// How many characters at the front of text are printable ASCII.
size_t PrintableAscii(std::string_view text) {
    size_t count = 0;
    while (count < text.size() && text[count] > 0x20 && text[count] < 0x7F) {
        ++count;
    }
    return count;
}

// One walk for all questions; a byte that is not UTF-8 counts as a character. Names of stages are
// mostly plain, and each event is judged twice: at such a run nobody looks character by character.
TextTraits Inspect(std::string_view text) {
    TextTraits traits;
    const size_t plain = PrintableAscii(text);
    traits.characters = static_cast<int>(plain);
    traits.is_blank = plain == 0;
    for (size_t at = plain; at < text.size();) {
        const CodePoint next = FirstCodePoint(text.substr(at));
        const bool is_utf8 = next.length > 0;
        traits.is_utf8 &= is_utf8;
        traits.is_blank &= is_utf8 && IsBlank(next.value);
        traits.has_control |= is_utf8 && next.value < 0x20;
        ++traits.characters;
        at += is_utf8 ? next.length : 1;
    }
    return traits;
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
    std::string_view number = TrimBlanks(text);
    if (number.substr(0, 2) == "l:") {
        number = TrimBlanks(number.substr(2));
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
    if (traits.is_blank) {
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
