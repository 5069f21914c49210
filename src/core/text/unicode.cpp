// unicode.cpp - see unicode.hpp.
//
// ICU's C interface throws nothing and keeps no object of ours; its tables are mapped from a file
// that every process of the server shares.
#include "core/text/unicode.hpp"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <stdexcept>

#include "core/text/utf8.hpp"

namespace crm_capi {
namespace {

// Longer texts than any identity has; keeps lengths far from the ends of int32_t.
constexpr size_t kLongest = 1 << 20;

// Throws std::runtime_error if ICU failed.
void Require(UErrorCode status) {
    if (U_FAILURE(status)) {
        throw std::runtime_error("ICU could not fold a text");
    }
}

// Runs a function of ICU that writes to a buffer, a second time if the first one was too short.
template <class Convert>
std::u16string Converted(const std::u16string& text, Convert convert) {
    std::u16string result(text.size() + 16, u'\0');
    UErrorCode status = U_ZERO_ERROR;
    int32_t length = convert(result.data(), static_cast<int32_t>(result.size()), &status);
    if (status == U_BUFFER_OVERFLOW_ERROR) {
        result.resize(static_cast<size_t>(length) + 1);
        status = U_ZERO_ERROR;
        length = convert(result.data(), static_cast<int32_t>(result.size()), &status);
    }
    Require(status);
    result.resize(static_cast<size_t>(length));
    return result;
}

// Normalisation form C.
std::u16string Compose(const std::u16string& text) {
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2* const composer = unorm2_getNFCInstance(&status);
    Require(status);
    return Converted(text, [&](UChar* out, int32_t size, UErrorCode* error) {
        return unorm2_normalize(composer, text.data(), static_cast<int32_t>(text.size()), out, size,
                                error);
    });
}

// By the root locale, whatever the process has.
std::u16string LowerCase(const std::u16string& text) {
    return Converted(text, [&](UChar* out, int32_t size, UErrorCode* error) {
        return u_strToLower(out, size, text.data(), static_cast<int32_t>(text.size()), "", error);
    });
}

// False if the text is not UTF-8.
bool ToUtf16(std::string_view text, std::u16string* out) {
    for (size_t at = 0; at < text.size();) {
        const CodePoint next = FirstCodePoint(text.substr(at));
        if (next.length == 0) {
            return false;
        }
        if (next.value >= 0x10000) {
            out->push_back(static_cast<char16_t>(0xD7C0 + (next.value >> 10)));
            out->push_back(static_cast<char16_t>(0xDC00 | (next.value & 0x3FF)));
        } else {
            out->push_back(static_cast<char16_t>(next.value));
        }
        at += next.length;
    }
    return true;
}

// Three bytes a unit are enough: a pair of units makes four.
std::string ToUtf8(const std::u16string& text) {
    std::string result(text.size() * 3 + 1, '\0');
    int32_t length = 0;
    UErrorCode status = U_ZERO_ERROR;
    u_strToUTF8(result.data(), static_cast<int32_t>(result.size()), &length, text.data(),
                static_cast<int32_t>(text.size()), &status);
    Require(status);
    result.resize(static_cast<size_t>(length));
    return result;
}

// Drops whole characters, surrogate pairs included.
std::u16string Without(const std::u16string& text, CharacterTest drop) {
    std::u16string result;
    result.reserve(text.size());
    const auto size = static_cast<int32_t>(text.size());
    for (int32_t at = 0; at < size;) {
        const int32_t begin = at;
        UChar32 character;
        U16_NEXT(text.data(), at, size, character);
        if (!drop(static_cast<char32_t>(character))) {
            result.append(text, static_cast<size_t>(begin), static_cast<size_t>(at - begin));
        }
    }
    return result;
}

// Marks that turn the direction of writing, and isolate it.
bool IsDirectionMark(char32_t character) {
    return character == 0x061C || character == 0x200E || character == 0x200F ||
           (character >= 0x202A && character <= 0x202E) ||
           (character >= 0x2066 && character <= 0x2069);
}

}  // namespace

bool IsBlank(char32_t character) {
    if (character < 0x80) {
        return character == ' ' || (character >= '\t' && character <= '\r');
    }
    return u_isUWhiteSpace(static_cast<UChar32>(character)) || character == 0x200B ||
           character == 0xFEFF || IsDirectionMark(character);
}

bool IsControl(char32_t character) {
    return u_charType(static_cast<UChar32>(character)) == U_CONTROL_CHAR;
}

bool IsLetter(char32_t character) {
    return (U_GET_GC_MASK(static_cast<UChar32>(character)) & (U_GC_L_MASK | U_GC_M_MASK)) != 0;
}

bool IsLetterOrDigit(char32_t character) {
    return (U_GET_GC_MASK(static_cast<UChar32>(character)) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
}

int DigitValue(char32_t character) {
    return u_charDigitValue(static_cast<UChar32>(character));
}

std::string_view TrimBlanks(std::string_view text) {
    size_t first = text.size();
    size_t end = 0;
    for (size_t at = 0; at < text.size();) {
        const CodePoint next = FirstCodePoint(text.substr(at));
        const size_t length = next.length > 0 ? next.length : 1;
        if (next.length == 0 || !IsBlank(next.value)) {
            first = first < at ? first : at;
            end = at + length;
        }
        at += length;
    }
    return end == 0 ? std::string_view() : text.substr(first, end - first);
}

std::string Fold(std::string_view text, CharacterTest drop) {
    std::u16string wide;
    if (text.size() > kLongest || !ToUtf16(text, &wide)) {
        return {};
    }
    // Composed first, because a composed character can be one to drop, and once more at the end,
    // because what was dropped may have kept two characters apart.
    return ToUtf8(Compose(Without(LowerCase(Compose(wide)), drop)));
}

}  // namespace crm_capi
