// ascii.hpp - what the characters of ASCII are, and their cases.
//
// The functions of <cctype> ask the locale of the process, which is the database's: what is a digit
// or a lower-case letter must not depend on it. Bytes beyond ASCII are none of all this.
#pragma once

#include <string>
#include <string_view>

namespace crm_capi {

// '0' to '9' alone: digits of other scripts are DigitValue's (unicode.hpp).
constexpr bool IsAsciiDigit(char c) {
    return c >= '0' && c <= '9';
}

// In either case. Bytes of longer UTF-8 characters are no letters here.
constexpr bool IsAsciiLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Without '_', unlike a regular expression's word character.
constexpr bool IsAsciiAlphanumeric(char c) {
    return IsAsciiDigit(c) || IsAsciiLetter(c);
}

// In either case.
constexpr bool IsHexDigit(char c) {
    return IsAsciiDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// What is printed and is neither letter nor digit: punctuation, and what Unicode calls symbols
// ($ + < = > ^ ` | ~).
constexpr bool IsAsciiPunctuation(char32_t c) {
    return c > ' ' && c < 0x7F && !IsAsciiAlphanumeric(static_cast<char>(c));
}

// Anything but A to Z stays, so UTF-8 stays UTF-8.
constexpr char LowerAscii(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Anything but a to z stays, so UTF-8 stays UTF-8.
constexpr char UpperAscii(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// A copy, byte for byte as long. Letters beyond ASCII keep their case: Fold (unicode.hpp) takes it
// from them too.
inline std::string LowerAscii(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        c = LowerAscii(c);
    }
    return lower;
}

// A copy, byte for byte as long.
inline std::string UpperAscii(std::string_view text) {
    std::string upper(text);
    for (char& c : upper) {
        c = UpperAscii(c);
    }
    return upper;
}

// The lower-case digit for a value below 16.
constexpr char HexDigit(unsigned value) {
    return "0123456789abcdef"[value];
}

}  // namespace crm_capi
