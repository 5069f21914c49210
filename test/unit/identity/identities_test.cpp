// identities_test.cpp - user_data as a whole: what is taken, dropped or refused, and what is
// enough.
#include "core/identity/identities.hpp"

#include <gtest/gtest.h>

#include <string>

#include <nlohmann/json.hpp>

#include "core/event/digest.hpp"

namespace crm_capi {
namespace {

using Json = nlohmann::json;

IdentityContext Context(std::string_view country = "") {
    IdentityContext context;
    context.default_country = country;
    context.current_year = 2026;
    return context;
}

Identities Read(const std::string& json, std::string_view country = "") {
    return NormalizeUserData(json, Context(country));
}

Json Taken(const std::string& json, std::string_view country = "") {
    const Identities identities = Read(json, country);
    EXPECT_EQ(identities.reason, Reason::kNone) << json;
    return identities.json.empty() ? Json::object() : Json::parse(identities.json);
}

void ExpectRefused(const std::string& json, Reason reason, const std::string& key) {
    const Identities identities = Read(json);
    EXPECT_EQ(identities.reason, reason) << json;
    EXPECT_EQ(identities.key, key) << json;
    EXPECT_EQ(identities.json, "") << json;
    EXPECT_FALSE(identities.sufficient) << json;
}

TEST(Identities, HashedAndPlainKeys) {
    const Json taken = Taken(
        R"({"em":"Test@Example.com","zp":10115,"fbc":"fb.1.1554763741205.AbC",
            "page_id":42,"fb_login_id":"43","client_user_agent":" Mozilla "})");
    EXPECT_EQ(taken, (Json{{"em", Sha256Hex("test@example.com")},
                           {"zp", Sha256Hex("10115")},
                           {"fbc", "fb.1.1554763741205.AbC"},
                           {"page_id", "42"},
                           {"fb_login_id", 43},
                           {"client_user_agent", "Mozilla"}}));
}

TEST(Identities, SameIdentitiesGiveSameBytes) {
    const std::string once =
        Read(R"({"em":["a@x.de","b@x.de"],"fn":"Ann","ph":"+493012345678"})").json;
    EXPECT_EQ(Read(R"({"ph":["+49 30 12345678"],"fn":["ann",null,"ANN"],
                       "em":["B@x.de","a@x.de","b@X.de"]})")
                  .json,
              once);
    EXPECT_EQ(once.find(' '), std::string::npos);
    EXPECT_TRUE(Json::parse(once)["em"].is_array());
    EXPECT_TRUE(Json::parse(once)["fn"].is_string());
    // What was normalised once stays.
    EXPECT_EQ(Read(once).json, once);
}

TEST(Identities, WhatIsNoValueIsDroppedInSilence) {
    const Identities identities = Read(
        R"({"em":"","ph":null,"fn":" n/a ","ln":["-","NULL"],"ct":[],"fbc":"undefined",
            "em":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"})");
    EXPECT_EQ(identities.reason, Reason::kNone);
    EXPECT_TRUE(identities.dropped.empty());
    EXPECT_EQ(identities.json, "");
    EXPECT_FALSE(identities.sufficient);
}

TEST(Identities, WhatCannotBeUsedIsDroppedAndNamed) {
    const Identities identities = Read(
        R"({"em":["broken","a@x.de","k@x.de <b@x.de>"],"ph":["12","5.25645E+11"],"zp":"10115"})");
    EXPECT_EQ(identities.reason, Reason::kNone);
    std::string dropped;
    for (const DroppedValue& value : identities.dropped) {
        dropped += std::string(value.key) + " " + std::string(DropCauseCode(value.cause)) + ", ";
    }
    EXPECT_EQ(dropped, "em form, em several, ph length, ph rounded, ");
    EXPECT_EQ(Json::parse(identities.json),
              (Json{{"em", Sha256Hex("a@x.de")}, {"zp", Sha256Hex("10115")}}));
}

TEST(Identities, EveryCauseHasItsWordAndASentence) {
    for (const DropCause cause : {DropCause::kForm, DropCause::kSeveral, DropCause::kRounded,
                                  DropCause::kText, DropCause::kLength}) {
        EXPECT_NE(DropCauseCode(cause), "");
        EXPECT_EQ(DropCauseText(cause).back(), '.') << DropCauseCode(cause);
    }
}

TEST(Identities, RefusesWhatIsNoObjectOfTexts) {
    for (const char* const text : {"", "null", "[]", "\"em\"", "{", "{\"em\":\"\xff\"}", "{}x"}) {
        ExpectRefused(text, Reason::kUserDataUnreadable, "");
    }
    ExpectRefused(R"({"em":{}})", Reason::kIdentityType, "em");
    ExpectRefused(R"({"em":[["a@x.de"]]})", Reason::kIdentityType, "em");
    ExpectRefused(R"({"em":true})", Reason::kIdentityType, "em");
    ExpectRefused(R"({"zp":10115.5})", Reason::kIdentityType, "zp");
    ExpectRefused(R"({"ph":18446744073709551616})", Reason::kIdentityType, "ph");
    ExpectRefused(R"({"fbc":["fb.1.1554763741205.AbC"]})", Reason::kIdentityType, "fbc");
}

TEST(Identities, RefusesUnknownKeysAndRepeatsOnlyHarmlessOnes) {
    ExpectRefused(R"({"email":"a@x.de"})", Reason::kIdentityUnknown, "email");
    ExpectRefused(R"({"mary@example.com":"em"})", Reason::kIdentityUnknown, "");
    ExpectRefused(R"({"4930901820":"ph"})", Reason::kIdentityUnknown, "");
    ExpectRefused(R"({"":1})", Reason::kIdentityUnknown, "");
    ExpectRefused("{\"" + std::string(41, 'x') + "\":1}", Reason::kIdentityUnknown, "");
}

TEST(Identities, RefusesMoreValuesThanAPersonHas) {
    Json many = Json::array();
    for (int i = 0; i < 32; ++i) {
        many.push_back("name" + std::to_string(i));
    }
    EXPECT_EQ(Taken(Json{{"external_id", many}}.dump())["external_id"].size(), 32u);
    many.push_back("one more");
    ExpectRefused(Json{{"external_id", many}}.dump(), Reason::kIdentityTooMany, "external_id");
}

TEST(Identities, TheLeadIdIsTakenOut) {
    const Identities identities = Read(R"({"lead_id":"l:12345678901234567","em":"a@x.de"})");
    EXPECT_EQ(identities.lead_id, 12345678901234567);
    EXPECT_EQ(Json::parse(identities.json), (Json{{"em", Sha256Hex("a@x.de")}}));
    EXPECT_EQ(Read(R"({"lead_id":9007199254740993})").lead_id, 9007199254740993);
    EXPECT_EQ(Read(R"({"lead_id":9007199254740993})").json, "");
    EXPECT_EQ(Read(R"({"lead_id":4711})").lead_id, 0);
    EXPECT_EQ(Read(R"({"lead_id":4711})").dropped.at(0).key, "lead_id");
}

TEST(Identities, TheLeadsOwnCountryCountsMoreThanTheDefault) {
    const std::string german = Sha256Hex("4930901820");
    EXPECT_EQ(Taken(R"({"ph":"030 901820"})", "DE")["ph"], german);
    EXPECT_EQ(Taken(R"({"ph":"030 901820"})", "de")["ph"], german);
    EXPECT_EQ(Taken(R"({"ph":"030 901820","country":"Germany"})", "US")["ph"], german);
    EXPECT_EQ(Taken(R"({"ph":"030 901820"})")["ph"], Sha256Hex("30901820"));
    EXPECT_EQ(Taken(R"({"st":"Georgia"})", "US")["st"], Sha256Hex("ga"));
    EXPECT_EQ(Taken(R"({"st":"Georgia","country":"ge"})", "US")["st"], Sha256Hex("georgia"));
    // A hashed country tells nothing.
    EXPECT_EQ(Taken("{\"ph\":\"030 901820\",\"country\":\"" + Sha256Hex("us") + "\"}", "DE")["ph"],
              german);
}

TEST(Identities, WhatIsEnough) {
    for (const char* const few :
         {R"({})",
          R"({"ct":"Rome","country":"it","st":"rm","zp":"00118","ge":"m","client_user_agent":"x"})",
          R"({"ct":"Rome"})", R"({"db":"19970216","client_user_agent":"x"})",
          R"({"db":"19970216"})", R"({"fn":"Ann","ge":"f"})", R"({"ln":"Lee","ge":"f"})",
          R"({"fn":"Ann"})", R"({"fn":"Ann","f5first":"Ann","fi":"A"})",
          R"({"doby":"1997","dobm":"2","dobd":"16"})"}) {
        EXPECT_FALSE(Read(few).sufficient) << few;
    }
    for (const char* const enough :
         {R"({"em":"a@x.de"})", R"({"ph":"+493012345678"})", R"({"external_id":"1"})",
          R"({"fbc":"fb.1.1554763741205.AbC"})", R"({"fn":"Ann","ln":"Lee"})",
          R"({"fn":"Ann","zp":"10115"})", R"({"db":"19970216","ge":"f"})",
          R"({"client_ip_address":"192.0.2.1"})"}) {
        EXPECT_TRUE(Read(enough).sufficient) << enough;
    }
}

}  // namespace
}  // namespace crm_capi
