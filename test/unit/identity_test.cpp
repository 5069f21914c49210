// identity_test.cpp - which members of user_data are taken, and in what form.
#include "core/identity.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace crm_capi {
namespace {

constexpr std::string_view kHashedKeys[] = {"em", "ph", "fn", "ln",      "db",         "ge",
                                            "ct", "st", "zp", "country", "external_id"};
constexpr std::string_view kPlainKeys[] = {
    "client_ip_address",
    "client_user_agent",
    "fbc",
    "fbp",
    "subscription_id",
    "fb_login_id",
    "anon_id",
    "madid",
    "page_id",
    "page_scoped_user_id",
    "ctwa_clid",
    "whatsapp_business_account_id",
    "ig_account_id",
    "ig_sid",
};
// test@example.com and Mary, as Meta's documentation hashes them.
const std::string kHash = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b";
const std::string kOther = "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec";

std::string Upper(std::string text) {
    for (char& c : text) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return text;
}

std::string Member(std::string_view key, const std::string& value) {
    return "{\"" + std::string(key) + "\":" + value + "}";
}
std::string Quoted(const std::string& text) {
    return "\"" + text + "\"";
}

void ExpectTaken(const std::string& given, const std::string& expected) {
    const CheckedMembers checked = CheckUserData(given);
    EXPECT_EQ(checked.fault, MemberFault::kNone) << given << " " << checked.key;
    EXPECT_EQ(checked.json, expected) << given;
    EXPECT_EQ(checked.key, "");
}

void ExpectFault(const std::string& given, MemberFault fault, std::string_view key) {
    const CheckedMembers checked = CheckUserData(given);
    EXPECT_EQ(checked.fault, fault) << given;
    EXPECT_EQ(checked.key, key) << given;
    EXPECT_EQ(checked.json, "") << given;
}

TEST(Identity, EveryHashedKeyTakesAHashOrAListOfThem) {
    for (const std::string_view key : kHashedKeys) {
        const std::string hash = Member(key, Quoted(kHash));
        ExpectTaken(hash, hash);
        ExpectTaken(Member(key, Quoted(Upper(kHash))), hash);
        const std::string list = Member(key, "[" + Quoted(kHash) + "," + Quoted(kOther) + "]");
        ExpectTaken(list, list);
        ExpectTaken(Member(key, "[" + Quoted(Upper(kHash)) + ", " + Quoted(kOther) + "]"), list);
    }
}

TEST(Identity, EveryPlainKeyTakesATextAsItIs) {
    for (const std::string_view key : kPlainKeys) {
        for (const std::string text :
             {"fb.1.1554763741205.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk",
              "A", "2001:DB8::1", "Mozilla/5.0 (X11; \\\"x\\\")", "caf\xC3\xA9 \xF0\x9F\x98\x80"}) {
            const std::string member = Member(key, Quoted(text));
            ExpectTaken(member, member);
        }
    }
}

TEST(Identity, WholeNumbersStayExact) {
    for (const std::string_view key : kPlainKeys) {
        for (const std::string number : {"0", "-1", "12345678901234567", "9007199254740993",
                                         "9223372036854775807", "18446744073709551615"}) {
            ExpectTaken(Member(key, number), Member(key, number));
        }
        for (const std::string number : {"1.5", "1e3", "18446744073709551616"}) {
            ExpectFault(Member(key, number), MemberFault::kWrongType, key);
        }
    }
}

TEST(Identity, WhatIsNotASha256IsNotHashed) {
    const std::string cases[] = {
        "",
        "null",
        "mary@example.com",
        "+49 170 1234567",
        kHash.substr(1),
        kHash + "a",
        kHash.substr(1) + "g",
        kHash.substr(1) + " ",
        " " + kHash,
        kHash.substr(0, 32),           // MD5
        kHash.substr(2) + "\xC3\xA9",  // 64 bytes, not all of them digits
        kHash.substr(1) + "\\u0000",
    };
    for (const std::string_view key : kHashedKeys) {
        for (const std::string& text : cases) {
            ExpectFault(Member(key, Quoted(text)), MemberFault::kNotHashed, key);
            ExpectFault(Member(key, "[" + Quoted(kHash) + "," + Quoted(text) + "]"),
                        MemberFault::kNotHashed, key);
        }
    }
}

TEST(Identity, OtherTypesAreRefused) {
    for (const std::string_view key : kHashedKeys) {
        for (const std::string value :
             {"1", "true", "{}", "1.5", "[1]", "[null]", "[[]]", "[{}]"}) {
            ExpectFault(Member(key, value), MemberFault::kWrongType, key);
        }
    }
    for (const std::string_view key : kPlainKeys) {
        for (const std::string value : {"true", "{}", "[]", "[\"a\"]", "[null]"}) {
            ExpectFault(Member(key, value), MemberFault::kWrongType, key);
        }
    }
}

TEST(Identity, NullSaysNothing) {
    ExpectTaken("{}", "");
    ExpectTaken(" { } ", "");
    for (const std::string_view key : kHashedKeys) {
        ExpectTaken(Member(key, "null"), "");
    }
    ExpectTaken(R"({"em": null, "fbc": "a", "ph": null, "zp": null})", R"({"fbc":"a"})");
    ExpectTaken(R"({"lead_id": null, "shoe_size": null})", "");
}

TEST(Identity, UnknownAndFixedKeysAreNamed) {
    for (const std::string key : {"email", "EM", "Em", " em", "em ", "", "shoe_size", "event_name",
                                  "data", "f5first", "event_source", "\xC3\xA9m"}) {
        ExpectFault(Member(key, Quoted(kHash)), MemberFault::kUnknownKey, key);
    }
    for (const std::string value : {"123456789012345", "\"123456789012345\"", "{}"}) {
        ExpectFault(Member("lead_id", value), MemberFault::kFixedKey, "lead_id");
    }
    ExpectFault("{\"em\": " + Quoted(kHash) + ", \"shoe_size\": \"43\"}", MemberFault::kUnknownKey,
                "shoe_size");
}

// The fault is shown to the user, so it must not hold the value.
TEST(Identity, AFaultNeverHoldsTheValue) {
    const CheckedMembers checked = CheckUserData(R"({"em": "mary@example.com"})");
    EXPECT_EQ(checked.key, "em");
    EXPECT_EQ(checked.json, "");
}

TEST(Identity, OnlyAnObjectIsTaken) {
    for (const std::string text :
         {"", " ", "null", "true", "7", "\"em\"", "[]", "[{}]", "{", "{}}", "{\"em\"}", "em",
          "{\"fbc\":\"\xff\"}", "{\"fbc\":\"\xed\xa0\x80\"}", "{\"fbc\":\"\\ud800\"}"}) {
        ExpectFault(text, MemberFault::kNotAnObject, "");
    }
}

TEST(Identity, DeepJsonIsRefusedWithoutHarm) {
    constexpr size_t kDeep = 200000;
    const std::string open(kDeep, '[');
    const std::string close(kDeep, ']');
    ExpectFault(open + close, MemberFault::kNotAnObject, "");
    ExpectFault("{\"em\":" + open + close + "}", MemberFault::kWrongType, "em");
    ExpectFault("{\"fbc\":" + open + close + "}", MemberFault::kWrongType, "fbc");
    ExpectFault("{\"x\":" + open + close + "}", MemberFault::kUnknownKey, "x");
    ExpectFault("{\"em\":" + open, MemberFault::kNotAnObject, "");
    std::string objects;
    for (size_t i = 0; i < kDeep; ++i) {
        objects += "{\"em\":";
    }
    ExpectFault(objects + "1" + std::string(kDeep, '}'), MemberFault::kWrongType, "em");
}

TEST(Identity, TheResultHasNoBlanksAndEscapesWhatMustBe) {
    ExpectTaken("{ \"fbp\" : \"b\" ,\n \"fbc\" : \"a\\n\\\"\\\\\\u00e9\" }",
                "{\"fbc\":\"a\\n\\\"\\\\\xC3\xA9\",\"fbp\":\"b\"}");
}

}  // namespace
}  // namespace crm_capi
