// utf8.hpp - UTF-8 read strictly, for texts that come from outside.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace crm_capi {

struct CodePoint {
    char32_t value = 0;
    size_t length = 0;  // in bytes; 0 = the text does not begin with a valid character
};

// The character that text begins with. Strict: overlong forms, surrogates and anything above
// U+10FFFF are refused, because JSON parsers refuse them and one bad event takes its batch along.
constexpr CodePoint FirstCodePoint(std::string_view text) {
    constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};  // by length
    if (text.empty()) {
        return {};
    }
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) {
        return {lead, 1};
    }
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) {
        return {};
    }
    char32_t value = lead & (0x7FU >> length);
    for (size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xC0) != 0x80) {
            return {};
        }
        value = value << 6 | (next & 0x3F);
    }
    const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (value < kSmallest[length] || value > 0x10FFFF || is_surrogate) {
        return {};
    }
    return {value, length};
}

// What stands for a byte that is not UTF-8: U+FFFD.
constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// Appends text with every byte that is not UTF-8 replaced.
inline void AppendValidUtf8(std::string_view text, std::string* out) {
    size_t copied = 0;
    for (size_t at = 0; at < text.size();) {
        const size_t length = FirstCodePoint(text.substr(at)).length;
        if (length == 0) {
            out->append(text.substr(copied, at - copied)).append(kReplacementCharacter);
            copied = at + 1;
        }
        at += length == 0 ? 1 : length;
    }
    out->append(text.substr(copied));
}

}  // namespace crm_capi
