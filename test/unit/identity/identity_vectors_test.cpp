// identity_vectors_test.cpp - the normaliser against known pairs of input and result.
//
// A row that binds (vectors.hpp) has to be met. Any other row is met, or covered by exactly one of
// the explanations below, which say why this product does something else.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/identity/identity_field.hpp"
#include "vectors.hpp"

namespace crm_capi {
namespace {

constexpr char kFile[] = "test/unit/identity/normalisation-vectors.tsv";
constexpr int kYear = 2026;

std::string Kept(const std::string& text, int (*test)(int)) {
    std::string kept;
    std::copy_if(text.begin(), text.end(), std::back_inserter(kept), [test](char c) {
        return static_cast<unsigned char>(c) < 0x80 && test(static_cast<unsigned char>(c)) != 0;
    });
    return kept;
}

std::string AsciiLetters(const std::string& text) {
    std::string letters = Kept(text, std::isalpha);
    std::transform(letters.begin(), letters.end(), letters.begin(),
                   [](char c) { return static_cast<char>(std::tolower(c)); });
    return letters;
}

std::string Digits(const std::string& text) {
    return Kept(text, std::isdigit);
}

bool HasDigit(const std::string& text) {
    return !Digits(text).empty();
}

bool HasLetter(const std::string& text) {
    return !AsciiLetters(text).empty();
}

bool IsHashOfNothing(const std::string& text) {
    return text.find("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") !=
           std::string::npos;
}

bool IsProvinceOfCanada(const std::string& letters) {
    const std::vector<std::string> provinces = {"alberta",
                                                "britishcolumbia",
                                                "manitoba",
                                                "newbrunswick",
                                                "newfoundlandandlabrador",
                                                "yukon",
                                                "novascotia",
                                                "saskatchewan",
                                                "northwestterritories"};
    return std::find(provinces.begin(), provinces.end(), letters) != provinces.end();
}

struct Explanation {
    std::string why;
    // Whether it explains that the row's input led to this result.
    std::function<bool(const Vector& row, const std::string& result)> covers;
};

const std::vector<Explanation>& Explanations() {
    static const std::vector<Explanation> explanations = {
        {"no key of user_data",
         [](const Vector& row, const std::string&) {
             return row.field == "currency" || row.field == "delivery_category";
         }},
        {"the row lists the parts of a click id, which comes to us whole",
         [](const Vector& row, const std::string&) {
             return row.field == "fbc" && row.input.find("fbclid=") != std::string::npos;
         }},
        {"a hash of the empty text is a hashed placeholder (reference 2.3)",
         [](const Vector& row, const std::string& result) {
             return IsHashOfNothing(row.input) && result.empty();
         }},
        {"gender is m, f, male or female; words that only the parameter builder knows are dropped",
         [](const Vector& row, const std::string& result) {
             return row.field == "ge" && result.empty() && !IsHashOfNothing(row.input);
         }},
        {"an unknown country is dropped, not cut to its first two letters",
         [](const Vector& row, const std::string& result) {
             return row.field == "country" && result.empty() &&
                    row.expected == AsciiLetters(row.input).substr(0, 2);
         }},
        {"the ISO code of the United Kingdom is gb",
         [](const Vector& row, const std::string& result) {
             return row.field == "country" && row.expected == "uk" && result == "gb";
         }},
        {"digits are no part of a city, as in four of the six libraries",
         [](const Vector& row, const std::string& result) {
             return row.field == "ct" && HasDigit(row.input) && !IsHashOfNothing(row.input) &&
                    result == AsciiLetters(row.input);
         }},
        {"letters beyond ASCII stay in a city, as documented",
         [](const Vector& row, const std::string& result) {
             return row.field == "ct" && !HasDigit(row.input) && result != row.expected &&
                    AsciiLetters(result) == row.expected;
         }},
        {"only states of the USA become codes, as documented; provinces of Canada keep their names",
         [](const Vector& row, const std::string& result) {
             return row.field == "st" && IsProvinceOfCanada(result);
         }},
        {"what is no state of the USA keeps all its letters, as documented, and is not cut to two",
         [](const Vector& row, const std::string& result) {
             return row.field == "st" && !IsProvinceOfCanada(result) && result.size() > 2 &&
                    AsciiLetters(result).substr(0, 2) == row.expected;
         }},
        {"a state and something else in one text is not searched for the state",
         [](const Vector& row, const std::string& result) {
             return row.field == "st" && result == "newyorkny";
         }},
        {"a postal code has no blanks, as documented",
         [](const Vector& row, const std::string& result) {
             return row.field == "zp" && row.expected.find(' ') != std::string::npos &&
                    result.find(' ') == std::string::npos;
         }},
        {"a date of birth is not searched for in a sentence",
         [](const Vector& row, const std::string& result) {
             return row.field == "db" && HasLetter(row.input) && !IsHashOfNothing(row.input) &&
                    result.empty();
         }},
        {"a year of birth is 1900 to the current one, as documented",
         [](const Vector& row, const std::string& result) {
             return row.field == "db" && !HasLetter(row.input) && result.empty() &&
                    (row.expected < "1900" || row.expected > std::to_string(kYear + 1));
         }},
        {"an e-mail address is not repaired by taking characters out of it",
         [](const Vector& row, const std::string& result) {
             return row.field == "em" && result.empty() && !IsHashOfNothing(row.input) &&
                    row.expected.find('@') != std::string::npos;
         }},
        {"an extension is no part of a telephone number",
         [](const Vector& row, const std::string& result) {
             return row.field == "ph" && !result.empty() && row.expected == result + "123";
         }},
        {"digits with words among them are not one telephone number",
         [](const Vector& row, const std::string& result) {
             return row.field == "ph" && result.empty() && HasLetter(row.input) &&
                    row.expected.size() >= 7 && row.expected.size() <= 15;
         }},
        {"fewer than seven digits are no telephone number",
         [](const Vector& row, const std::string& result) {
             return row.field == "ph" && result.empty() && row.expected.size() < 7;
         }},
        {"more than fifteen digits are no telephone number (E.164)",
         [](const Vector& row, const std::string& result) {
             return row.field == "ph" && result.empty() && row.expected.size() > 15;
         }},
    };
    return explanations;
}

NormalizeContext ContextOfVectors() {
    NormalizeContext context;
    context.current_year = kYear;
    return context;
}

std::string Normalized(const Vector& row) {
    const IdentityField* const field = FindIdentityField(row.field);
    return field ? NormalizeField(*field, row.input, ContextOfVectors()).value_or("") : "";
}

bool IsMet(const Vector& row) {
    const IdentityField* const field = FindIdentityField(row.field);
    if (field == nullptr || Normalized(row) != row.expected) {
        return false;
    }
    const std::string hash = HashField(*field, row.input, ContextOfVectors()).value_or("");
    return row.sha256.empty() || hash == row.sha256;
}

std::string Named(const Vector& row) {
    return "line " + std::to_string(row.line) + ": " + row.field + " '" + row.input + "'";
}

TEST(IdentityVectors, WhatBindsIsMet) {
    int met = 0;
    for (const Vector& row : ReadVectors(kFile)) {
        if (row.binding) {
            EXPECT_TRUE(IsMet(row)) << Named(row) << " became '" << Normalized(row) << "'";
            ++met;
        }
    }
    EXPECT_EQ(met, 568);
}

TEST(IdentityVectors, EveryOtherRowIsMetOrExplainedOnce) {
    std::map<std::string, int> used;
    int met = 0;
    for (const Vector& row : ReadVectors(kFile)) {
        if (row.binding || IsMet(row)) {
            met += row.binding ? 0 : 1;
            continue;
        }
        int explained = 0;
        for (const Explanation& explanation : Explanations()) {
            if (explanation.covers(row, Normalized(row))) {
                ++explained;
                ++used[explanation.why];
            }
        }
        EXPECT_EQ(explained, 1) << Named(row) << " became '" << Normalized(row) << "'";
    }
    EXPECT_EQ(used.size(), Explanations().size()) << "an explanation explains nothing";
    EXPECT_GT(met, 400);
}

}  // namespace
}  // namespace crm_capi
