// ascii_test.cpp - what the characters of ASCII are, for every byte there is.
#include "core/text/ascii.hpp"

#include <gtest/gtest.h>

namespace crm_capi {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool IsIn(std::string_view set, char c) {
    return set.find(c) != std::string_view::npos;
}

TEST(Ascii, EveryByteIsWhatItsCharacterIsAndNoByteBeyondIsAny) {
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool is_letter = IsIn(kLower, c) || IsIn(kUpper, c);
        EXPECT_EQ(IsAsciiDigit(c), IsIn(kDigits, c)) << byte;
        EXPECT_EQ(IsAsciiLetter(c), is_letter) << byte;
        EXPECT_EQ(IsAsciiAlphanumeric(c), is_letter || IsIn(kDigits, c)) << byte;
        EXPECT_EQ(IsAsciiPunctuation(static_cast<char32_t>(byte)),
                  byte > ' ' && byte < 0x7F && !is_letter && !IsIn(kDigits, c))
            << byte;
        EXPECT_EQ(IsHexDigit(c), IsIn("0123456789abcdefABCDEF", c)) << byte;
    }
}

TEST(Ascii, CaseChangesLettersOfAsciiAlone) {
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const char lower = IsIn(kUpper, c) ? kLower[kUpper.find(c)] : c;
        const char upper = IsIn(kLower, c) ? kUpper[kLower.find(c)] : c;
        EXPECT_EQ(LowerAscii(c), lower) << byte;
        EXPECT_EQ(UpperAscii(c), upper) << byte;
    }
    EXPECT_EQ(LowerAscii("X-App-\xC3\x84"), "x-app-\xC3\x84");
    EXPECT_EQ(UpperAscii("de\xC3\xA4"), "DE\xC3\xA4");
}

TEST(Ascii, HexDigitsAreLowerCase) {
    std::string all;
    for (unsigned value = 0; value < 16; ++value) {
        all += HexDigit(value);
    }
    EXPECT_EQ(all, "0123456789abcdef");
}

}  // namespace
}  // namespace crm_capi
