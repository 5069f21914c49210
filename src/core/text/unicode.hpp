// unicode.hpp - what the normaliser needs to know about characters. ICU knows it.
//
// Nothing here depends on a locale: a hash must be the same on every machine.
#pragma once

#include <string>
#include <string_view>

namespace crm_capi {

// White space of any script, and what nobody sees either: the zero-width space, the byte order mark
// with which spreadsheets begin their exports, and the marks of writing direction that telephone
// numbers bring along when they are copied out of a chat.
bool IsBlank(char32_t character);

// U+0000 to U+001F and U+007F to U+009F (category Cc). Some of them, such as the tab, are blanks
// too.
bool IsControl(char32_t character);

// A letter, or a mark that belongs to one.
bool IsLetter(char32_t character);

// A letter or a number of any script, Roman numerals and fractions included. Not a mark, unlike
// IsLetter: a text of marks alone says nothing.
bool IsLetterOrDigit(char32_t character);

// The value of a decimal digit of any script, or -1.
int DigitValue(char32_t character);

// Without the blanks at both ends. Bytes that are not UTF-8 are no blanks.
std::string_view TrimBlanks(std::string_view text);

// Which characters Fold drops; asked after the text has been composed and put into lower case.
using CharacterTest = bool (*)(char32_t);

// Lower case in the composed form (NFC), without the characters that are to be dropped. The empty
// text if it is not UTF-8, or longer than any identity (a mebibyte). Folding twice changes nothing.
// Throws std::runtime_error if ICU fails.
std::string Fold(std::string_view text, CharacterTest drop);

// To drop none.
constexpr bool Nothing(char32_t) {
    return false;
}

}  // namespace crm_capi
