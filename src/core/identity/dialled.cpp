// dialled.cpp - see dialled.hpp.
//
// Meta's own libraries take all digits of a text for the number, wherever they stand. For a plain
// number, with whatever marks in it, this does the same. For two numbers in one field, for a number
// with an opening time behind it or for what a spreadsheet has made of one, all digits together
// would be a number too: somebody else's.
#include "core/identity/dialled.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "core/text/unicode.hpp"
#include "core/text/utf8.hpp"

namespace crm_capi {
namespace {

// A local number; with fewer digits there is none that matches anybody.
constexpr size_t kLocalNumber = 7;

// No area code has so many digits, with its country code or without: what comes before a separator
// is a number by itself. Nor has a number of which some digits are written as letters ("1 800 555
// CALL"), so what follows behind a blank is a note.
constexpr size_t kWholeNumber = 9;

// What stands between two numbers, or before a note; few digits before it are an area code.
constexpr size_t kLongestAreaCode = 5;

// Words and signs after which an extension follows, in lower case.
bool BeginsExtension(std::string_view text) {
    for (const std::string_view sign : {"ext", "x", "#", ";"}) {
        if (text.substr(0, sign.size()) == sign) {
            return true;
        }
    }
    return false;
}

// ASCII's digits in the text.
size_t CountDigits(std::string_view text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), IsAsciiDigit));
}

// Whether there is nothing but an extension in the rest of the text: a sign, and up to six digits.
bool IsExtension(std::string_view text) {
    const size_t digits = CountDigits(text);
    return BeginsExtension(text) && digits >= 1 && digits <= 6 && IsAsciiDigit(text.back());
}

// Whether the rest of the text begins as the exponent of a number does: "e+11".
bool IsExponent(std::string_view text) {
    if (text[0] != 'e') {
        return false;
    }
    text.remove_prefix(1);
    if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
        text.remove_prefix(1);
    }
    return !text.empty() && IsAsciiDigit(text[0]);
}

// Also the full-width one of Asian keyboards.
bool IsPlus(char32_t character) {
    return character == '+' || character == 0xFF0B;
}

// Roman numerals and fractions are letters here.
bool IsWordCharacter(char32_t character) {
    return IsLetterOrDigit(character) && DigitValue(character) < 0;
}

// For Fold, where no character is to be dropped.
// Digits of any script as ASCII's, everything in lower case.
std::string WithAsciiDigits(std::string_view value) {
    const std::string text = Fold(value, Nothing);
    std::string result;
    for (size_t at = 0; at < text.size();) {
        const CodePoint next = FirstCodePoint(std::string_view(text).substr(at));
        const int digit = DigitValue(next.value);
        result.append(digit >= 0 ? std::string(1, static_cast<char>('0' + digit))
                                 : text.substr(at, next.length));
        at += next.length;
    }
    return result;
}

// Whether both are written alike: digits where the other has digits, and the same marks.
bool HaveOneLayout(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return IsAsciiDigit(x) ? IsAsciiDigit(y) : x == y;
           });
}

// The first of two numbers that are written alike with a blank between them; else the whole text.
std::string_view FirstOfTwins(std::string_view text) {
    const size_t first = text.substr(0, (text.size() + 1) / 2).find_last_not_of(' ');
    const size_t second = text.find_first_not_of(' ', text.size() / 2);
    if (first == text.npos || second == text.npos || second <= first + 1) {
        return text;
    }
    const std::string_view one = text.substr(0, first + 1);
    return CountDigits(one) >= kLocalNumber && HaveOneLayout(one, text.substr(second)) ? one : text;
}

// Without the fraction of zeros that a column of numbers gets when it passes through a spreadsheet.
std::string_view NumberWithoutFraction(std::string_view text) {
    const size_t dot = text.rfind('.');
    const std::string_view whole = text.substr(0, dot);
    const bool is_fraction = dot != text.npos && text.size() - dot <= 3 && dot + 1 < text.size() &&
                             text.find_first_not_of('0', dot + 1) == text.npos;
    return is_fraction && CountDigits(whole) == whole.size() && whole.size() >= kLocalNumber ? whole
                                                                                             : text;
}

// One call of ReadDialled. Reads from left to right until the number ends, or turns out to be none.
class DialledReader {
public:
    explicit DialledReader(std::string_view text) : text_(text) {}

    Dialled Read() {
        while (!text_.empty() && !has_ended_) {
            const CodePoint next = FirstCodePoint(text_);
            if (IsAsciiDigit(text_[0])) {
                TakeDigit(text_[0]);
            } else if (result_.digits.empty()) {
                TakeBefore(next.value);
            } else {
                EndGroup();
                TakeBehind(next.value);
            }
            text_.remove_prefix(next.length);
        }
        return std::move(result_);
    }

private:
    // What stands before the first digit: a plus, or a word for what follows.
    void TakeBefore(char32_t character) {
        result_.international = result_.international || IsPlus(character);
        is_glued_ = IsWordCharacter(character);
        has_word_ = has_word_ || is_glued_;
    }

    void TakeDigit(char digit) {
        // "Desk 2 0171 1234567": the first digits belong to the word.
        if (group_ == 0 && digit == '0' && MayBelongToWord()) {
            Drop(DropCause::kText);
        }
        result_.digits.push_back(digit);
        ++group_;
        if (group_ >= kLocalNumber && group_before_ >= kLocalNumber) {
            Drop(DropCause::kSeveral);
        }
    }

    // A run of digits is over.
    void EndGroup() {
        if (group_ == 0) {
            return;
        }
        if (is_glued_ && MayBelongToWord()) {  // "desk2 171 1234567"
            Drop(DropCause::kText);
        }
        group_before_ = group_;
        group_ = 0;
        is_apart_ = false;
    }

    // Whether what was read so far is one or two digits behind a word.
    bool MayBelongToWord() const {
        return has_word_ && !result_.international && !result_.digits.empty() &&
               result_.digits.size() <= 2;
    }

    // A mark, a letter or a blank behind a digit.
    void TakeBehind(char32_t character) {
        constexpr std::u32string_view kBetweenNumbers = U",;:#\n\r";
        constexpr std::u32string_view kInNumbersToo = U"/\\|&";
        if (HasLocalNumber() && IsExtension(text_)) {
            has_ended_ = true;
        } else if (IsWordCharacter(character)) {
            TakeLetter();
        } else if (character == '^' || character == 0x00D7) {  // "5.25645×10^11"
            Drop(DropCause::kRounded);
        } else if (IsPlus(character) ||
                   kBetweenNumbers.find(character) != std::u32string_view::npos) {
            TakeSeparator();
        } else if (kInNumbersToo.find(character) != std::u32string_view::npos) {
            TakeSlash();
        } else if (character == '(') {
            TakeBracket();
        } else {
            is_apart_ = is_apart_ || IsBlank(character);
        }
    }

    // Only behind a whole number and a blank it begins a note.
    void TakeLetter() {
        if (IsExponent(text_)) {
            Drop(DropCause::kRounded);
        } else if (is_apart_ && Count() >= kWholeNumber) {
            has_ended_ = true;
        } else {
            Drop(DropCause::kText);
        }
    }

    // A mark that is no part of any country's way to write numbers, unless an area code is in
    // front.
    void TakeSeparator() {
        const size_t behind = CountDigits(text_);
        if (Count() >= kWholeNumber ||
            (Count() >= kLocalNumber && (behind == 0 || behind >= kLocalNumber))) {
            has_ended_ = true;
        } else if (Count() > kLongestAreaCode && behind > 0) {
            Drop(DropCause::kSeveral);
        }
    }

    // A mark that some countries write behind the area code.
    void TakeSlash() {
        if (Count() >= kWholeNumber) {
            has_ended_ = true;
        } else if (Count() >= kLocalNumber && CountDigits(text_) >= kLocalNumber) {
            Drop(DropCause::kSeveral);
        }
    }

    // "030 901820 (home)", "0171 1234567 (030 901820)"; digits of the number itself, if they are
    // few and a whole number does not stand before them.
    void TakeBracket() {
        const std::string_view inside = text_.substr(0, text_.find(')'));
        const bool is_note = CountDigits(inside) == 0 || CountDigits(inside) >= kLocalNumber ||
                             std::any_of(inside.begin(), inside.end(), IsAsciiLetter);
        if (Count() >= kLocalNumber && is_note) {
            has_ended_ = true;
        } else if (Count() >= kWholeNumber) {
            Drop(DropCause::kSeveral);
        }
    }

    // Digits so far, without the two zeros that stand for a plus.
    size_t Count() const {
        return result_.digits.size() - (result_.digits.compare(0, 2, "00") == 0 ? 2 : 0);
    }

    // Leading zeros do not count.
    bool HasLocalNumber() const {
        const size_t first = result_.digits.find_first_not_of('0');
        return first != std::string::npos && result_.digits.size() - first >= kLocalNumber;
    }

    void Drop(DropCause cause) {
        result_.cause = cause;
        has_ended_ = true;
    }

    std::string_view text_;  // what was not read yet
    Dialled result_;
    bool has_ended_ = false;
    bool has_word_ = false;  // letters stand before the first digit
    bool is_glued_ = false;  // ... without a blank
    bool is_apart_ = false;  // a blank stands behind the latest digit
    size_t group_ = 0;       // digits since the latest mark
    size_t group_before_ = 0;
};

}  // namespace

Dialled ReadDialled(std::string_view value) {
    const std::string text = WithAsciiDigits(value);
    return DialledReader(NumberWithoutFraction(FirstOfTwins(text))).Read();
}

}  // namespace crm_capi
