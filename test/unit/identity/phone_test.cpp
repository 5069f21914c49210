// phone_test.cpp - telephone numbers, with and without the country of the dataset.
#include <gtest/gtest.h>

#include <string>

#include "core/identity/identity_field.hpp"
#include "core/identity/phone_region.hpp"

namespace crm_capi {
namespace {

std::string Phone(const std::string& value, std::string_view country = "") {
    NormalizeContext context;
    context.country = country;
    return NormalizeField(*FindIdentityField("ph"), value, context).value_or("");
}

TEST(Phone, WithoutCountryItsDigitsAreAllThereIs) {
    EXPECT_EQ(Phone("030 / 90 18-20"), "30901820");
    EXPECT_EQ(Phone("0049 30 901820"), "4930901820");
    EXPECT_EQ(Phone("p:+4930901820"), "4930901820");
    EXPECT_EQ(Phone("\xE2\x80\xAA+49 30 901820\xE2\x80\xAC"), "4930901820");  // copied from a chat
    EXPECT_EQ(Phone("\xEF\xBC\x8B\xEF\xBC\x94\xEF\xBC\x99 30 901820"), "4930901820");  // full width
}

TEST(Phone, WithPlusTheLibraryReadsIt) {
    EXPECT_EQ(Phone("+49 (0)30 901820"), "4930901820");
    EXPECT_EQ(Phone("+44 (0) 20 7946 0958"), "442079460958");
    EXPECT_EQ(Phone("+39 06 698 12345"), "390669812345");  // Italy keeps its zero
    EXPECT_EQ(Phone("+1 (555) 123-4567"), "15551234567");  // no valid number, but a possible one
}

TEST(Phone, ADefaultCountryCompletes) {
    EXPECT_EQ(Phone("030 901820", "de"), "4930901820");
    EXPECT_EQ(Phone("30 901820", "de"), "4930901820");
    EXPECT_EQ(Phone("(650) 253-0000", "us"), "16502530000");
    EXPECT_EQ(Phone("1 650 253 0000", "us"), "16502530000");
    EXPECT_EQ(Phone("011 49 30 901820", "us"), "4930901820");
    EXPECT_EQ(Phone("00 49 30 901820", "us"), "4930901820");
    EXPECT_EQ(Phone("06 698 12345", "it"), "390669812345");
    EXPECT_EQ(Phone("8 916 123-45-67", "ru"), "79161234567");
    EXPECT_EQ(Phone("555 123 4567", "us"), "15551234567");
}

TEST(Phone, ADefaultCountryLeavesCompleteNumbersAlone) {
    EXPECT_EQ(Phone("+44 20 7946 0958", "de"), "442079460958");
    EXPECT_EQ(Phone("4915112345678", "de"), "4915112345678");
    EXPECT_EQ(Phone("491511234567", "de"), Phone(Phone("491511234567", "de"), "de"));
    for (const char* const number : {"030 901820", "0151 12345678", "+49 30 901820"}) {
        const std::string once = Phone(number, "de");
        EXPECT_EQ(Phone(once, "de"), once) << number;
    }
}

TEST(Phone, ExtensionsAreCutOff) {
    for (const char* const extension : {" ext. 123", " x123", "#123", ";ext=123", " Ext 123"}) {
        EXPECT_EQ(Phone("+1 650 253 0000" + std::string(extension)), "16502530000") << extension;
        EXPECT_EQ(Phone("650 253 0000" + std::string(extension), "us"), "16502530000") << extension;
    }
}

// All digits together would be a number, too: somebody else's.
TEST(Phone, WhatStandsBehindTheNumberIsNoPartOfIt) {
    for (const char* const behind :
         {" / +49 171 1234567", " / 0171 1234567", "/30901821", ", 0171 1234567", "; 030 901821",
          " | 0171 1234567", "\n0171 1234567", " +49 171 1234567", " (0171 1234567)", " & 901821",
          ", ", " privat", " (privat)", " (Mo-Fr 9-17)", " nach 18:00 Uhr", " oder 0171 1234567",
          " home, 0171 1234567 mobile", " (office) 030 901822", ": Jane"}) {
        EXPECT_EQ(Phone("+49 30 901820" + std::string(behind)), "4930901820") << behind;
        EXPECT_EQ(Phone("030 901820" + std::string(behind), "de"), "4930901820") << behind;
    }
    EXPECT_EQ(Phone("2530000, 2530001"), "2530000");
    EXPECT_EQ(Phone("253-0000 253-0001"), "2530000");  // written alike
    EXPECT_EQ(Phone("030 901820  030 901821", "de"), "4930901820");
    EXPECT_EQ(Phone("4930901820.0"), "4930901820");  // a column of numbers
    EXPECT_EQ(Phone("Tel.: 030 901820", "de"), "4930901820");
    EXPECT_EQ(Phone("mobil 0171 1234567", "de"), "491711234567");
}

TEST(Phone, MarksWithinANumberAreNoSeparators) {
    EXPECT_EQ(Phone("030/901820"), "30901820");
    EXPECT_EQ(Phone("+49 33056 / 901820"), "4933056901820");
    EXPECT_EQ(Phone("030, 901820"), "30901820");
    EXPECT_EQ(Phone("(650),253-0000"), "6502530000");
    EXPECT_EQ(Phone("525.645.896.321"), "525645896321");
    EXPECT_EQ(Phone("'030901820"), "30901820");
    EXPECT_EQ(Phone("777 747 (3515)"), "7777473515");
    EXPECT_EQ(Phone("0049 (0) 30 901820", "de"), "4930901820");
}

TEST(Phone, WhatIsNotPlainlyOneNumberIsDroppedAndSaysWhy) {
    const struct {
        const char* value;
        DropCause cause;
    } cases[] = {
        {"5.25645E+11", DropCause::kRounded},
        {"5,25645E+11", DropCause::kRounded},
        {"4.930901820E9", DropCause::kRounded},
        {"4930901820 E+2", DropCause::kRounded},
        {"5.25645\u00D710^11", DropCause::kRounded},
        {"49 30 9018 2^10", DropCause::kRounded},
        {"123456, 654321", DropCause::kSeveral},
        {"2530000 / 2530001", DropCause::kSeveral},
        {"2530000 25300011", DropCause::kSeveral},
        {"+4930901820 (12)", DropCause::kSeveral},
        {"1-800-FLOWERS", DropCause::kText},
        {"1 800 555 CALL NOW", DropCause::kText},
        {"0x1234567890", DropCause::kText},
        {"%2B4930901820", DropCause::kText},
        {"650 x 253 0000", DropCause::kText},
        {"desk2 171 1234567", DropCause::kText},
        {"Mobil 2 0171 1234567", DropCause::kText},
        {"030901820privat", DropCause::kText},
        {"110", DropCause::kLength},
        {"123456789012345678901", DropCause::kLength},
    };
    for (const auto& [value, cause] : cases) {
        EXPECT_EQ(Phone(value), "") << value;
        EXPECT_EQ(Phone(value, "de"), "") << value;
        EXPECT_EQ(DropCauseCode(CauseOfDrop(*FindIdentityField("ph"), value)), DropCauseCode(cause))
            << value;
    }
}

TEST(Phone, WhatIsNoNumberIsDropped) {
    for (const char* const number : {"110", "call me", "0000000", "+", "p:", "1-800-FLOWERS",
                                     "123456789012345678901", "+12345678901234567"}) {
        EXPECT_EQ(Phone(number), "") << number;
        EXPECT_EQ(Phone(number, "de"), "") << number;
    }
}

TEST(Phone, RegionsAreCountriesWithNumbers) {
    EXPECT_TRUE(IsPhoneRegion("DE"));
    EXPECT_TRUE(IsPhoneRegion("us"));
    for (const char* const none : {"", "D", "XY", "uk", "ZZ", "001", "DEU", "D\xC3"}) {
        EXPECT_FALSE(IsPhoneRegion(none)) << none;
    }
}

}  // namespace
}  // namespace crm_capi
